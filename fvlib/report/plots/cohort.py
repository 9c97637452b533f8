# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of who was referred: volume, the share that stayed open, ages, balance."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
from plotnine import (
    aes,
    element_text,
    facet_wrap,
    geom_col,
    geom_line,
    geom_point,
    geom_rect,
    geom_segment,
    ggplot,
    labs,
    scale_x_continuous,
    scale_y_continuous,
)

from fvlib import protocol
from fvlib.report.bundle import ReleasedBundle, la_order
from fvlib.report.plots.canvas import Canvas, words_only
from fvlib.report.plots.style import (
    AFTER,
    AFTER_TINT,
    ALERT,
    GRID,
    INK,
    MUTED,
    PAPER,
    TEXT,
    WIDTH,
    house_theme,
    month_label,
    months_since,
)
from fvlib.report.plots.trial import calendar
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say
from fvlib.report.words.profiles import with_shares

ROW: Final = 0.2  # inches
# Usual yardstick of balance: standardised differences beyond a tenth are looked at.
NOTABLE: Final = 0.1


def volume(bundle: ReleasedBundle) -> Any:
    """Draw referrals a month by LA, so that a broken month is seen."""
    table = _by_la(bundle.table("volume"))
    start, _, _ = calendar(bundle)
    table["x"] = [months_since(start, pd.Timestamp(day).date()) + 0.5 for day in table["month"]]
    table["y"] = table["referrals"].astype(float)
    return _over_time(bundle, table, "Referrals a month", points=False)


def stayed_open(bundle: ReleasedBundle) -> Any:
    """Draw the share of referrals that stayed open after assessment, by LA and period."""
    table = _by_la(bundle.table("stayed_open"))
    table["x"] = (table["period"] + 0.5) * protocol.PERIOD_MONTHS
    table["y"] = 100 * table["share"].astype(float)
    return _over_time(bundle, table, "Stayed open, %", points=True)


def _by_la(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy whose `name` is the LA's, in the order of roll-out."""
    names = [labels.LAS[la] for la in la_order(table)]
    return table.assign(name=pd.Categorical(table["la"].map(labels.LAS), names, ordered=True))


def _over_time(bundle: ReleasedBundle, table: pd.DataFrame, heading: str, *, points: bool) -> Any:
    start, _, periods = calendar(bundle)
    table = table[table["y"].notna()]
    if table.empty:
        return words_only(say("figures.counts_masked"))
    end = periods * protocol.PERIOD_MONTHS
    top = max(1.0, 1.08 * float(table["y"].max()))
    live = table.drop_duplicates("la")[["la", "name"]].copy()
    live["live"] = [
        months_since(start, pd.Timestamp(bundle.manifest["live_dates"][la]).date())
        for la in live["la"]
    ]
    live = live.assign(end=float(end), top=top)
    breaks = [period * protocol.PERIOD_MONTHS for period in range(1, periods + 1, 2)]
    plot = (
        ggplot(table, aes("x", "y"))
        + geom_rect(
            aes(xmin="live", xmax="end", ymin=0, ymax="top"), live, fill=AFTER_TINT,
            inherit_aes=False,
        )
        + geom_segment(
            aes(x="live", xend="live", y=0, yend="top"), live, color=ALERT, size=0.7,
            inherit_aes=False,
        )
        + geom_line(aes(group="name"), color=INK, size=0.5)
        + facet_wrap("name", ncol=5)
        + scale_x_continuous(
            breaks=breaks, labels=[month_label(start, b) for b in breaks], limits=(0, end),
            expand=(0.02, 0),
        )
        + scale_y_continuous(limits=(0, top), expand=(0, 0))
        + labs(x="Date of referral", y=heading)
        + house_theme(2.3, axis_text_x=element_text(size=6.5, color=INK))
    )  # fmt: skip
    return plot + geom_point(fill=PAPER, color=INK, size=1.6, stroke=0.4) if points else plot


def ages(bundle: ReleasedBundle) -> Any:
    """Draw the cohort's ages by LA, as percentages of its children."""
    table = _by_la(with_shares(bundle))
    table = table[(table["characteristic"] == "age") & (table["level"] != "missing")].copy()
    table["age"] = table["level"].astype(float)
    table["share"] *= 100
    table = table[table["share"].notna()]
    if table.empty:
        return words_only(say("figures.counts_masked"))
    return (
        ggplot(table, aes("age", "share"))
        + geom_col(width=0.85, fill=AFTER)
        + facet_wrap("name", ncol=5)
        + scale_x_continuous(breaks=[0, 5, 10, 15])
        + scale_y_continuous(expand=(0, 0, 0.08, 0))
        + labs(x="Age at referral", y="Children, %")
        + house_theme(2.1)
    )


def balance(bundle: ReleasedBundle) -> Any:
    """Draw each covariate's least balanced level: adjusted difference, the crude one beside it."""
    worst = least_balanced(bundle.table("balance"))
    if worst.empty:
        return words_only(say("figures.no_difference"))
    canvas = Canvas()
    left, right = 3.1, WIDTH - 0.15
    values = worst[["adjusted_difference", "crude_difference"]].abs().astype(float)
    reach = max(1.5 * NOTABLE, 1.08 * float(values.max().max()))

    def at(value: float) -> float:
        return left + (value + reach) / (2 * reach) * (right - left)

    head, bottom = -0.1, -0.1 - ROW * len(worst)
    for mark in (-NOTABLE, NOTABLE):
        canvas.line((at(mark), bottom), (at(mark), head), ALERT, size=0.5, dashed=True)
    canvas.line((at(0.0), bottom), (at(0.0), head), INK, size=0.6)
    for place, (_, row) in enumerate(worst.iterrows()):
        y = head - ROW * (place + 0.5)
        label = labels.label(labels.COVARIATES, str(row["covariate"]))
        level = str(row["level"]) if isinstance(row["level"], str) else ""
        canvas.text(0.0, y, f"{label}: {labels.level(row['covariate'], level)}" if level else label)
        canvas.line((left, y), (right, y), GRID)
        if pd.notna(row["crude_difference"]):
            canvas.point(at(float(row["crude_difference"])), y, shape="o", fill=PAPER)
        if pd.notna(row["adjusted_difference"]):
            canvas.point(at(float(row["adjusted_difference"])), y, shape="D", fill=AFTER)
    ends = max(NOTABLE, round(0.8 * reach, 1))  # one crude difference can dwarf the yardstick
    for value in (-ends, 0.0, ends):
        canvas.text(at(value), bottom - 0.1, numbers.number(value, 1), ha="center", size=TEXT - 0.5)
    below = bottom - 0.32
    canvas.point(0.06, below, shape="D", fill=AFTER)
    canvas.text(0.16, below, say("figures.adjusted"))
    canvas.point(2.26, below, shape="o", fill=PAPER)
    canvas.text(2.36, below, say("figures.crude"), color=MUTED)
    canvas.line((4.72, below), (4.95, below), ALERT, size=0.5, dashed=True)
    canvas.text(
        right, below, say("figures.deviations", size=numbers.number(NOTABLE, 1)), ha="right"
    )
    return canvas.plot(below - 0.14)


def least_balanced(table: pd.DataFrame) -> pd.DataFrame:
    """Keep for each covariate the level whose adjusted difference is furthest from zero."""
    known = table[["adjusted_difference", "crude_difference"]].notna().any(axis=1)
    table = table[known].reset_index(drop=True)
    size = table["adjusted_difference"].astype(float).abs().fillna(-1.0)
    kept = size.groupby(table["covariate"], sort=False).idxmax()
    rows = table.loc[kept.to_numpy()]
    order = labels.in_order(rows["covariate"].astype(str), labels.COVARIATES)
    return rows.set_index("covariate", drop=False).loc[order].reset_index(drop=True)
