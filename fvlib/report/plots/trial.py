# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of the trial itself: the stepped wedge and the crude rates."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pandas as pd
from plotnine import (
    aes,
    element_blank,
    element_text,
    facet_wrap,
    geom_line,
    geom_point,
    geom_rect,
    geom_segment,
    geom_text,
    ggplot,
    labs,
    scale_color_identity,
    scale_fill_manual,
    scale_shape_manual,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from fvlib import protocol
from fvlib.report.bundle import ReleasedBundle, la_order, masked
from fvlib.report.cells import MASKED_TEXT, write_cells
from fvlib.report.plots.canvas import words_only
from fvlib.report.plots.style import (
    AFTER,
    AFTER_TINT,
    ALERT,
    BEFORE,
    FONT,
    INK,
    MUTED,
    PAPER,
    TEXT,
    house_theme,
    month_label,
    months_since,
)
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say

BOX_HEIGHT: Final = 0.62
NARROW: Final = 2.5  # months: the count of a cell is set smaller
CONDITIONS: Final = ("control", "treatment")


def calendar(bundle: ReleasedBundle) -> tuple[date, date, int]:
    """Return the trial's first and last day and how many periods it has."""
    period = bundle.manifest["trial_period"]
    start, end = date.fromisoformat(period["start"]), date.fromisoformat(period["end"])
    months = months_since(start, end + date.resolution)
    return start, end, max(1, round(months / protocol.PERIOD_MONTHS))


def segments(bundle: ReleasedBundle, outcome: str = protocol.PRIMARY_OUTCOME) -> pd.DataFrame:
    """Return one row a cell of LA, period and condition: x from, x to (months), counts."""
    start, end, _ = calendar(bundle)
    if outcome == protocol.PRIMARY_OUTCOME:
        table = bundle.table("periods").copy()
    else:
        table = bundle.table("outcome_periods")
        table = table[table["outcome"] == outcome].reset_index(drop=True)
    live = {
        la: months_since(start, date.fromisoformat(text))
        for la, text in bundle.manifest["live_dates"].items()
    }
    last = months_since(start, end + date.resolution)
    first = table["period"].astype(float) * protocol.PERIOD_MONTHS
    then = (first + protocol.PERIOD_MONTHS).clip(upper=last)
    table["live"] = table["la"].map(live).astype(float)
    treated = table["condition"] == "treatment"
    table["xmin"] = first.where(~treated, pd.concat([first, table["live"]], axis=1).max(axis=1))
    table["xmax"] = then.where(treated, pd.concat([then, table["live"]], axis=1).min(axis=1))
    table["middle"] = (table["xmin"] + table["xmax"]) / 2
    table["n_masked"], table["events_masked"] = masked(table, "n"), masked(table, "events")
    return table


def wedge(bundle: ReleasedBundle) -> ggplot:
    """Draw the stepped wedge: LA by period, live dates, children per cell."""
    start, _, periods = calendar(bundle)
    cells = segments(bundle)
    las = la_order(cells)
    cells["y"] = cells["la"].map({la: len(las) - place for place, la in enumerate(las)})
    cells["ymin"], cells["ymax"] = cells["y"] - BOX_HEIGHT / 2, cells["y"] + BOX_HEIGHT / 2
    cells["label"] = write_cells(cells, "n")
    cells["ink"] = cells["condition"].map({"control": INK, "treatment": PAPER})
    cells["referred"] = pd.Categorical(
        cells["condition"].map(labels.CONDITIONS), [labels.CONDITIONS[c] for c in CONDITIONS]
    )
    lines = cells.drop_duplicates("la")[["la", "y", "live"]].copy()
    lines["label"] = [numbers.short_day(bundle.manifest["live_dates"][la]) for la in lines["la"]]
    breaks = [period * protocol.PERIOD_MONTHS for period in range(periods + 1)]
    plot = (
        ggplot(cells)
        + geom_rect(
            aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="referred"),
            color=PAPER, size=0.6,
        )
        + geom_segment(
            aes(x="live", xend="live", y="y - 0.36", yend="y + 0.36"), lines, color=ALERT, size=1.2
        )
        + geom_text(
            aes(x="live", y="y + 0.5", label="label"), lines, color=ALERT, size=TEXT - 0.5,
            family=FONT,
        )
        + scale_fill_manual(values=[BEFORE, AFTER])
        + scale_color_identity()
        + scale_x_continuous(
            breaks=breaks, labels=[month_label(start, b) for b in breaks], expand=(0.01, 0)
        )
        + scale_y_continuous(
            breaks=range(len(las), 0, -1), labels=[labels.LAS[la] for la in las],
            limits=(0.6, len(las) + 0.65), expand=(0, 0),
        )
        + labs(x="", y="")
        + house_theme(0.55 * len(las) + 1.1)
        + theme(panel_grid_major=element_blank())
    )  # fmt: skip
    for narrow, part in cells.groupby(cells["xmax"] - cells["xmin"] < NARROW):
        size = TEXT - 2 if narrow else TEXT
        plot = plot + geom_text(
            aes(x="middle", y="y", label="label", color="ink"), part, family=FONT, size=size
        )
    return plot


def rates(
    bundle: ReleasedBundle, outcome: str = protocol.PRIMARY_OUTCOME
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cells with a crude rate (in per cent) or mean, and those where it is masked.

    `run` numbers the unbroken stretches of each LA, so that no line is drawn across a mask.
    """
    cells = segments(bundle, outcome)
    cells = cells[(cells["n"] > 0) | cells["events_masked"] | cells["n_masked"]]
    cells = cells.sort_values(["la", "middle"])
    names = [labels.LAS[la] for la in la_order(cells)]
    cells["name"] = pd.Categorical(cells["la"].map(labels.LAS), names, ordered=True)
    cells["referred"] = pd.Categorical(
        cells["condition"].map(labels.CONDITIONS), [labels.CONDITIONS[c] for c in CONDITIONS]
    )
    if outcome in protocol.LINEAR_OUTCOMES:
        cells["rate"] = cells["mean"].astype(float)
    else:
        cells["rate"] = 100 * cells["events"].astype(float) / cells["n"].astype(float)
    missing = cells["rate"].isna()
    cells["run"] = cells["la"] + missing.groupby(cells["la"]).cumsum().astype(str)
    return cells[~missing], cells[missing]


def crude_rate(bundle: ReleasedBundle, outcome: str = protocol.PRIMARY_OUTCOME) -> Any:
    """Draw an outcome's crude rate or mean by LA and period, treated stretch shaded."""
    start, _, periods = calendar(bundle)
    shown, hidden = rates(bundle, outcome)
    if shown.empty and hidden.empty:
        return words_only(say("figures.no_window"))
    shade = pd.concat([shown, hidden]).drop_duplicates("la")[["name", "live"]].copy()
    shade["end"] = periods * protocol.PERIOD_MONTHS
    top = max(1.0, float(shown["rate"].max()) * 1.15) if len(shown) else 1.0
    shade["top"], hidden = top, hidden.assign(floor=top * 0.05)
    breaks = [period * protocol.PERIOD_MONTHS for period in range(1, periods + 1, 2)]
    plot = (
        ggplot(shown, aes("middle", "rate"))
        + geom_rect(
            aes(xmin="live", xmax="end", ymin=0, ymax="top"), shade, fill=AFTER_TINT,
            inherit_aes=False,
        )
        + geom_segment(
            aes(x="live", xend="live", y=0, yend="top"), shade, color=ALERT, size=0.7,
            inherit_aes=False,
        )
        + geom_line(aes(group="run"), color=MUTED, size=0.5)
        + geom_point(aes(shape="referred", fill="referred"), color=INK, size=2, stroke=0.4)
        + facet_wrap("name", ncol=5)
        + scale_shape_manual(values=["o", "s"])
        + scale_fill_manual(values=[PAPER, AFTER])
        + scale_x_continuous(
            breaks=breaks, labels=[month_label(start, b) for b in breaks],
            limits=(0, periods * protocol.PERIOD_MONTHS), expand=(0.02, 0),
        )
        + scale_y_continuous(limits=(0, top), expand=(0, 0))
        + labs(x="Date of referral", y=labels.OUTCOMES[outcome].measure)
        + house_theme(2.6, axis_text_x=element_text(size=6.5, color=INK))
    )  # fmt: skip
    if len(hidden):
        plot = plot + geom_text(
            aes(x="middle", y="floor"), hidden, label=MASKED_TEXT, size=TEXT - 2, color=MUTED,
            family=FONT, inherit_aes=False,
        )  # fmt: skip
    return plot
