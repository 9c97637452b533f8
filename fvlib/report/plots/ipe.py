# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of the implementation and process evaluation."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pandas as pd
from plotnine import (
    aes,
    element_text,
    expand_limits,
    facet_grid,
    facet_wrap,
    geom_hline,
    geom_line,
    geom_point,
    geom_rect,
    geom_text,
    geom_vline,
    ggplot,
    guide_legend,
    guides,
    labs,
    scale_fill_manual,
    scale_shape_manual,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from fvlib import protocol
from fvlib.contract import codes
from fvlib.ipe.indicators import INDICATORS, MONTHS_FROM_LIVE, indicator_of
from fvlib.ipe.schedule import ARRIVED, IN_PART, LATE, MISSING, NOT_DUE, SCHEDULE
from fvlib.refresh import add_months
from fvlib.report.bundle import ReleasedBundle, la_order
from fvlib.report.cells import MASKED_TEXT
from fvlib.report.plots.canvas import Canvas, words_only
from fvlib.report.plots.style import (
    AFTER,
    AFTER_TINT,
    ALERT,
    BEFORE,
    FONT,
    INK,
    MUTED,
    PALE,
    PAPER,
    TEXT,
    WIDTH,
    house_theme,
    month_label,
    months_since,
)
from fvlib.report.plots.trial import calendar, rates
from fvlib.report.words import labels as words
from fvlib.report.words import numbers
from fvlib.report.words.ipe_labels import COLLECTIONS, SOURCES
from fvlib.report.words.phrases import say

ROW: Final = 0.23  # inches
LEFT: Final = 1.05
# A sign and a word for each state, and the colour beside them.
STATES: Final = {
    ARRIVED: ("\u2713 arrived", AFTER_TINT),
    IN_PART: ("\u25d0 in part", PALE),
    LATE: ("\u2026 late", PALE),
    MISSING: ("\u2717 missing", PAPER),
    NOT_DUE: ("\u2013 not due", PAPER),
}
# Scores from the least to the most agreement, joined ones included: label, colour, side.
SCORES: Final = {
    "1": ("Strongly disagree (1)", "#a84600"),
    "2": ("Disagree (2)", "#f0a878"),
    "1-2": ("Disagree (1 or 2)", "#d98550"),
    "1-3": ("Disagree or neither (1 to 3)", "#e6c9b6"),
    "3": ("Neither (3)", "#d5dae1"),
    "4": ("Agree (4)", "#8cc0e0"),
    "4-5": ("Agree (4 or 5)", "#4a97c9"),
    "5": ("Strongly agree (5)", AFTER),
}
UNSPLIT: Final = "Not shown apart [c]"
LEFT_OF_ZERO: Final = ("1", "2", "1-2", "1-3")
BAR: Final = 0.38
MONTHS_SHOWN: Final = (min(MONTHS_FROM_LIVE.values()) - 1, max(MONTHS_FROM_LIVE.values()) + 1)
TRAINED: Final = "staff_trained_awareness"
COORDINATORS: Final = "fgc_coordinators"
MEASURES: Final = ("Looked after, %", "Staff trained, %", "FGC coordinators")


def schedule(bundle: ReleasedBundle) -> Any:
    """Draw what the IPE's schedule asks for against what arrived: LA by return and time point."""
    table = bundle.table("ipe_schedule")
    columns = [(source, point, _short(point)) for source, points in SCHEDULE for point in points]
    return _states(table, "time_point", columns, SOURCES)


def trial_schedule(bundle: ReleasedBundle) -> Any:
    """Draw what the trial's own schedule asks for against what arrived: LA by collection."""
    table = bundle.table("trial_schedule")
    columns = [
        (source, due, str(at))
        for source in COLLECTIONS
        for at, due in enumerate(sorted(set(table.loc[table["source"] == source, "due"])), start=1)
    ]
    return _states(table, "due", columns, COLLECTIONS)


def _states(
    table: pd.DataFrame,
    rounds: str,
    columns: list[tuple[str, str, str]],
    heads: dict[str, str],
) -> Any:
    """Draw a grid of states: LAs by source and round, each with the month in which it was due.

    A column is a source, a value of the column `rounds`, and its heading.
    """
    width = (WIDTH - LEFT) / len(columns)
    canvas = Canvas()
    for at, (source, _, head) in enumerate(columns):
        middle = LEFT + width * (at + 0.5)
        canvas.text(middle, -0.32, head, ha="center", size=TEXT - 1.2, color=MUTED)
        if at == 0 or columns[at - 1][0] != source:
            canvas.text(LEFT + width * at + 0.02, -0.12, heads[source], bold=True, size=TEXT - 1)
    y = -0.45
    keys = ("la", "source", rounds)
    states = {tuple(str(line[key]) for key in keys): line for _, line in table.iterrows()}
    for la in protocol.LA_KEYS:
        canvas.text(0.0, y - ROW, words.LAS[la])
        for at, (source, point, _) in enumerate(columns):
            line = states.get((la, source, point))
            if line is not None:
                x = LEFT + width * at
                _state(canvas, (x, x + width), y, str(line["state"]), str(line["due"]))
        y -= 2 * ROW
    return canvas.plot(y - 0.02)


def _state(canvas: Canvas, x: tuple[float, float], y: float, state: str, due: str) -> None:
    """Draw one cell: a sign, a word, the month in which it was due."""
    told, fill = STATES[state]
    edge = ALERT if state in (LATE, MISSING) else BEFORE
    canvas.box((x[0] + 0.015, x[1] - 0.015), (y - 2 * ROW + 0.02, y - 0.02), fill, edge)
    sign, _, word = told.partition(" ")
    middle = sum(x) / 2
    canvas.text(middle, y - 0.12, sign, ha="center", size=TEXT - 0.5)
    canvas.text(middle, y - 0.25, word, ha="center", size=TEXT - 2)
    when = f"{date.fromisoformat(due):%m/%y}"
    canvas.text(middle, y - 0.37, when, ha="center", size=TEXT - 2, color=MUTED)


def _short(point: str) -> str:
    return "before" if point == "pre" else point.replace("m", "\u00a0m")


def distributions(bundle: ReleasedBundle) -> pd.DataFrame:
    """Return one row a segment: item, LA, time point, score, from and to in per cent.

    Zero lies in the middle of the score of 3. Masked scores are drawn together, as what the shown
    ones leave of the total: on the left where no disagreement is shown, else on the right.
    """
    table = bundle.table("ipe_scores")
    known = [row.id for row in INDICATORS if row.source == "survey"]
    table = table[table["item"].isin(known)]
    rows: list[dict[str, Any]] = []
    keys = ["item", "la", "time_point"]
    for (item, la, point), part in table.groupby(keys, sort=False):
        cells = part[part["split"] != "all"].set_index("category")["n"]
        totals = part.loc[part["split"] == "all", "n"].dropna()
        if totals.empty or cells.dropna().empty:
            continue
        shown = {name: float(n) for name, n in cells.dropna().items()}
        gap = max(0.0, float(totals.iloc[0]) - sum(shown.values())) if cells.isna().any() else 0.0
        whole = sum(shown.values()) + gap
        left = sum(shown.get(name, 0.0) for name in LEFT_OF_ZERO) + shown.get("3", 0.0) / 2
        names = [name for name in SCORES if name in shown]
        disagreement = any(name in shown for name in LEFT_OF_ZERO)
        names = [*names, UNSPLIT] if disagreement else [UNSPLIT, *names]
        at = -left if disagreement else -left - gap
        for name in names:
            n = gap if name == UNSPLIT else shown[name]
            if n > 0:
                rows.append(
                    {
                        "item": item, "la": la, "time_point": point, "score": name,
                        "xmin": 100 * at / whole, "xmax": 100 * (at + n) / whole,
                    }
                )  # fmt: skip
            at += n
    return pd.DataFrame(rows, columns=[*keys, "score", "xmin", "xmax"])


def survey(bundle: ReleasedBundle) -> Any:
    """Draw each item's scores at each LA's latest survey, as bars on both sides of zero."""
    table = distributions(bundle)
    points = {point: at for at, point in enumerate(codes.TIME_POINT.written)}
    order = table["time_point"].map(points)
    table = table[order == order.groupby(table["la"]).transform("max")].copy()
    if table.empty:
        return words_only(say("figures.no_survey"))
    las = la_order(table)
    latest = table.drop_duplicates("la").set_index("la")["time_point"]
    items = [row.id for row in INDICATORS if row.id in set(table["item"])]
    table["y"] = table["la"].map({la: len(las) - at for at, la in enumerate(las)})
    table["label"] = pd.Categorical(
        [_wrapped(indicator_of(item).label) for item in table["item"]],
        [_wrapped(indicator_of(item).label) for item in items],
    )
    labels = {name: label for name, (label, _) in SCORES.items()} | {UNSPLIT: UNSPLIT}
    present = [name for name in labels if name in set(table["score"])]
    colours = [SCORES[name][1] if name in SCORES else PAPER for name in present]
    table["score"] = pd.Categorical(table["score"].map(labels), [labels[name] for name in present])
    table["ymin"], table["ymax"] = table["y"] - BAR, table["y"] + BAR
    return (
        ggplot(table)
        + geom_rect(
            aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="score"), color=INK,
            size=0.2,
        )
        + geom_vline(xintercept=0, color=INK, size=0.4)
        + facet_grid("label ~ .")
        + scale_fill_manual(values=colours)
        + guides(fill=guide_legend(ncol=3))
        + scale_y_continuous(
            breaks=range(len(las), 0, -1),
            labels=[f"{words.LAS[la]}, {_short(str(latest[la]))}" for la in las],
        )
        + scale_x_continuous(
            limits=(-100, 100), breaks=[-100, -50, 0, 50, 100],
            labels=["100", "50", "0", "50", "100"], expand=(0, 0),
        )
        + labs(x=say("figures.survey"), y="")
        + house_theme(0.17 * len(las) * len(items) + 0.1 * len(items) + 1.3)
        + theme(
            strip_text_y=element_text(rotation=0, ha="left", weight="bold", size=7),
            axis_text_y=element_text(size=6.5),
        )
    )  # fmt: skip


def _wrapped(label: str, width: int = 18) -> str:
    lines = [""]
    for word in label.split(" "):
        room = len(lines[-1]) + len(word) < width
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if room else [*lines, word]
    return "\n".join(lines)


def indicators(bundle: ReleasedBundle) -> Any:
    """Draw each judged share by time since go-live, one panel an indicator, against its line."""
    table = bundle.table("ipe")
    wanted = [row for row in INDICATORS if row.threshold is not None and row.kind == "share"]
    table = table[table["indicator"].isin([row.id for row in wanted]) & table["value"].notna()]
    table = table.copy()
    if table.empty:
        return words_only(say("figures.no_indicator"))
    las = la_order(table)
    table["percent"] = 100 * table["value"].astype(float)
    table["months"] = table["time_point"].map(MONTHS_FROM_LIVE)
    present = [row for row in wanted if row.id in set(table["indicator"])]
    names = [_wrapped(row.label, 24) for row in present]
    name_of = dict(zip([row.id for row in present], names, strict=True))
    table["panel"] = pd.Categorical(table["indicator"].map(name_of), names)
    table["name"] = pd.Categorical(table["la"].map(words.LAS), [words.LAS[la] for la in las])
    lines = pd.DataFrame(
        {
            "panel": pd.Categorical(names, names),
            "line": [100 * row.threshold.value for row in present if row.threshold
                     and row.threshold.value is not None],
        }
    )  # fmt: skip
    return (
        ggplot(table, aes("months", "percent"))
        + geom_hline(aes(yintercept="line"), lines, color=ALERT, linetype="dashed", size=0.5)
        + geom_line(aes(group="name"), color=MUTED, size=0.4)
        + geom_point(aes(shape="name", fill="name"), color=INK, size=1.8, stroke=0.35)
        + facet_wrap("panel", ncol=4)
        + scale_shape_manual(values=["o", "s", "^", "D", "v"][: len(las)])
        + scale_fill_manual(values=[INK, AFTER, ALERT, PAPER, BEFORE][: len(las)])
        + scale_x_continuous(
            breaks=list(MONTHS_FROM_LIVE.values()),
            limits=MONTHS_SHOWN,
            labels=[numbers.number(months) for months in MONTHS_FROM_LIVE.values()],
        )
        + scale_y_continuous(limits=(0, 100))
        + labs(x="Months from each local authority\u2019s own live date", y="Per cent")
        + house_theme(1.35 * (-(-len(present) // 4)) + 0.8)
        + theme(strip_text=element_text(size=7, weight="bold", ha="left"))
    )


def bridge_points(bundle: ReleasedBundle) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return points on the trial's calendar (la, measure, x, y), and those masked."""
    start, _, _ = calendar(bundle)
    shown, hidden = rates(bundle)
    parts = [
        pd.DataFrame(
            {"la": shown["la"], "measure": MEASURES[0], "x": shown["middle"], "y": shown["rate"]}
        )
    ]
    gone = [pd.DataFrame({"la": hidden["la"], "measure": MEASURES[0], "x": hidden["middle"]})]
    table = bundle.table("ipe")
    for name, measure, factor in ((TRAINED, MEASURES[1], 100), (COORDINATORS, MEASURES[2], 1)):
        part = table[table["indicator"] == name]
        x = [
            months_since(start, add_months(_live(bundle, la), MONTHS_FROM_LIVE[point]))
            for la, point in zip(part["la"], part["time_point"], strict=True)
        ]
        rows = pd.DataFrame(
            {
                "la": part["la"],
                "measure": measure,
                "x": x,
                "y": factor * part["value"].astype(float),
            }
        )
        parts.append(rows[rows["y"].notna()])
        gone.append(rows.loc[rows["y"].isna(), ["la", "measure", "x"]])
    return pd.concat(parts, ignore_index=True), pd.concat(gone, ignore_index=True)


def _live(bundle: ReleasedBundle, la: str) -> date:
    return date.fromisoformat(str(bundle.manifest["live_dates"][la]))


def bridge(bundle: ReleasedBundle) -> Any:
    """Draw training and FGC coordinators on the trial's calendar, over the crude primary outcome.

    Descriptive: nothing here says that one follows from the other.
    """
    start, end, _ = calendar(bundle)
    points, gone = bridge_points(bundle)
    if points.empty:
        return words_only(say("figures.no_calendar"))
    last = max(months_since(start, end + date.resolution), float(points["x"].max()))
    names = [words.LAS[la] for la in protocol.LA_KEYS]
    measures = [name for name in MEASURES if name in set(points["measure"])]
    for frame in (points, gone):
        frame["name"] = pd.Categorical(frame["la"].map(words.LAS), names)
        frame["measure"] = pd.Categorical(frame["measure"], measures)
    gone = gone[gone["measure"].notna()].assign(y=0.0)
    lives = pd.DataFrame(
        {
            "name": pd.Categorical(names, names),
            "live": [months_since(start, _live(bundle, la)) for la in protocol.LA_KEYS],
        }
    )
    breaks = list(range(12, int(last) + 1, 24))
    plot = (
        ggplot(points, aes("x", "y"))
        + geom_vline(aes(xintercept="live"), lives, color=ALERT, size=0.6)
        + geom_line(color=MUTED, size=0.5)
        + geom_point(aes(shape="measure", fill="measure"), color=INK, size=1.7, stroke=0.35)
        + facet_grid("measure ~ name", scales="free_y")
        + scale_shape_manual(values=["o", "s", "^"][: len(measures)], guide=None)
        + scale_fill_manual(values=[PAPER, AFTER, INK][: len(measures)], guide=None)
        + scale_x_continuous(
            breaks=breaks, labels=[month_label(start, b) for b in breaks], limits=(-4, last + 1)
        )
        + expand_limits(y=(0, 1))
        + labs(x="", y="")
        + house_theme(1.25 * len(measures) + 0.5, axis_text_x=element_text(size=6))
        + theme(strip_text_y=element_text(size=7, weight="bold"))
    )
    if len(gone):
        plot = plot + geom_text(
            data=gone, label=MASKED_TEXT, size=TEXT - 2, color=MUTED, family=FONT
        )
    return plot
