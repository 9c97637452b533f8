# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of the six secondary outcomes: effects, days on plans, absence by term, what is seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    element_blank,
    element_text,
    facet_wrap,
    geom_col,
    geom_line,
    geom_point,
    ggplot,
    labs,
    scale_fill_manual,
    scale_shape_manual,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from fvlib import protocol
from fvlib.report.bundle import ReleasedBundle, la_order, masked
from fvlib.report.cells import MASKED_TEXT
from fvlib.report.plots.canvas import Canvas, words_only
from fvlib.report.plots.intervals import Axis, on_axis, with_room, written
from fvlib.report.plots.style import (
    AFTER,
    BEFORE,
    INK,
    MUTED,
    PAPER,
    TEXT,
    WIDTH,
    house_theme,
    ratio_tick,
    ratio_ticks,
)
from fvlib.report.words import labels, numbers
from fvlib.report.words import results as sentences
from fvlib.report.words.estimates import writer
from fvlib.report.words.phrases import say
from fvlib.tables.outcomes import NONE, WHOLE

ROW: Final = 0.2  # inches
LEFT: Final = 2.95
RIGHT: Final = 4.75
UNITS: Final = {"S3": "days", "S6": "per cent of sessions"}
BINARY: Final = tuple(o for o in protocol.SECONDARY_OUTCOMES if o not in protocol.LINEAR_OUTCOMES)
# An interval of odds ratios that reaches further from one than this is cut, with an arrowhead.
FURTHEST: Final = math.log(12)


def forest(bundle: ReleasedBundle) -> Any:
    """Draw the six effects: odds ratios on one log axis, differences each on its own scale."""
    canvas = Canvas()
    y = _panel(
        canvas, bundle, BINARY, -0.14, "Odds ratio", "odds_ratio", math.log,
        lambda low, high: ratio_ticks(low, high, most=5), ratio_tick,
    )  # fmt: skip
    for outcome in protocol.LINEAR_OUTCOMES:
        heading = f"Difference in means, {UNITS[outcome]}"
        y = _panel(
            canvas, bundle, (outcome,), y - 0.12, heading, "mean_difference",
            lambda value: value, _round_ticks,
            lambda value: f"{value:g}".replace("-", numbers.MINUS),
        )  # fmt: skip
    return canvas.plot(y)


def _panel(  # noqa: PLR0917  (what a panel is)
    canvas: Canvas,
    bundle: ReleasedBundle,
    outcomes: tuple[str, ...],
    top: float,
    heading: str,
    scale: str,
    to_axis: Callable[[float], float],
    ticks: Callable[[float, float], list[float]],
    tick: Callable[[float], str],
) -> float:
    """Draw one scale's panel from `top` down, and return its lower edge."""
    lines = [
        (name, outcome, main)
        for outcome in outcomes
        for name, main in ((outcome, True), (sentences.nested_of(outcome), False))
    ]
    rows = {name: bundle.effect(name, scale) for name, _, _ in lines}
    shown = {name: on_axis(row, to_axis) for name, row in rows.items()}
    known = [values for values in shown.values() if values]
    low = min([0.0, *(values[1] for values in known)])
    high = max([0.0, *(values[2] for values in known)])
    if to_axis is math.log:
        low, high = max(low, -FURTHEST), min(high, FURTHEST)
    axis = Axis(*with_room(low, high), LEFT, RIGHT)
    canvas.text(LEFT, top, heading, bold=True)
    head = top - 0.12
    bottom = head - ROW * len(lines)
    marks = ticks(axis.low, axis.high) if known else []
    axis.draw(canvas, (bottom, head), ((to_axis(value), tick(value)) for value in marks))
    canvas.line((LEFT, bottom), (RIGHT, bottom), MUTED)
    small: dict[str, Any] = {"ha": "right", "size": TEXT - 0.5}
    for place, (name, outcome, main) in enumerate(lines):
        y = head - ROW * (place + 0.5)
        if main:
            canvas.text(0.0, y, f"{outcome} {labels.OUTCOMES[outcome].short}")
        else:
            canvas.text(0.12, y, "LA \u00d7 period model", color=MUTED, size=TEXT - 0.5)
        values, row = shown[name], rows[name]
        if values is None or row is None:
            told = labels.label(labels.STATUSES, bundle.status(name)[0])
            canvas.text(WIDTH - 0.02, y, told, color=MUTED, **small)
            continue
        color, size = (INK, 0.8) if main else (MUTED, 0.5)
        axis.interval(canvas, y, values, main=main, color=color, size=size)
        told = written(row, writer(scale, outcome))
        canvas.text(WIDTH - 0.02, y, told, color=color, **small)
    return bottom - 0.26


def _round_ticks(low: float, high: float) -> list[float]:
    """Return about five round values between two limits."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
    return [round(step * k, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def s3_distribution(bundle: ReleasedBundle) -> Any:
    """Draw the distribution of days on plans under each condition, heaps at both ends apart."""
    table = bundle.table("s3_distribution").copy()
    table["total"] = table.groupby("condition")["n"].transform("sum")
    table["share"] = 100 * table["n"].astype(float) / table["total"].where(table["total"] > 0)
    if not table["n"].gt(0).any():
        return words_only(say("figures.no_window"))
    width = float((table["last_day"] - table["first_day"]).max()) + 1
    shown = table["n"].gt(0) & table["last_day"].notna()
    last = float(table.loc[shown, "last_day"].max())
    table["x"] = (table["first_day"] + table["last_day"]) / 2
    table.loc[table["share_of_window"] == NONE, "x"] = -width
    table.loc[table["share_of_window"] == WHOLE, "x"] = last + width
    heap = table["share_of_window"].isin((NONE, WHOLE))
    table["kind"] = pd.Categorical(np.where(heap, "heap", "class"), ["class", "heap"])
    table["referred"] = pd.Categorical(
        table["condition"].map(labels.CONDITIONS),
        [labels.CONDITIONS[name] for name in ("control", "treatment")],
    )
    inside = [float(day) for day in range(0, int(last - width), 180)]
    return (
        ggplot(table[table["share"].notna() & (table["x"] <= last + 2 * width)], aes("x", "share"))
        + geom_col(aes(fill="kind"), width=0.9 * width)
        + facet_wrap("referred", ncol=1)
        + scale_fill_manual(values={"class": "#9fb3c8", "heap": AFTER}, guide=None)
        + scale_x_continuous(
            breaks=[-width, *inside[1:], last + width],
            labels=["none", *(str(int(day)) for day in inside[1:]), "every\nday"],
        )
        + scale_y_continuous(expand=(0, 0, 0.08, 0))
        + labs(x="Days on plans in the window", y="Children, %")
        + house_theme(3.6)
        + theme(panel_grid_major_x=element_blank())
    )


def s6_terms(bundle: ReleasedBundle) -> Any:
    """Draw the mean absence rate by term after the referral, by LA and condition."""
    table = bundle.table("s6_terms")
    table = table[table["la"] != "all"].copy()
    table = table[table["mean"].notna()]
    if table.empty:
        return words_only(say("figures.no_term"))
    names = [labels.LAS[la] for la in la_order(table)]
    table["name"] = pd.Categorical(table["la"].map(labels.LAS), names, ordered=True)
    table["referred"] = pd.Categorical(
        table["condition"].map(labels.CONDITIONS),
        [labels.CONDITIONS[name] for name in ("control", "treatment")],
    )
    terms = range(1, protocol.SCHOOL_TERMS_FOLLOWED + 1)
    return (
        ggplot(table, aes("term", "mean"))
        + geom_line(aes(group="referred"), color=MUTED, size=0.5)
        + geom_point(aes(shape="referred", fill="referred"), color=INK, size=2, stroke=0.4)
        + facet_wrap("name", ncol=5)
        + scale_shape_manual(values=["o", "s"])
        + scale_fill_manual(values=[PAPER, AFTER])
        + scale_x_continuous(
            breaks=list(terms), labels=["1st", "2nd", "3rd"][: len(terms)], limits=(0.7, 3.3)
        )
        + scale_y_continuous(limits=(0, 1.1 * float(table["mean"].max())), expand=(0, 0))
        + labs(x="Term after the referral", y="Unauthorised absence, %")
        + house_theme(2.5, axis_text_x=element_text(size=7, color=INK))
    )


def observed(bundle: ReleasedBundle) -> Any:
    """Draw what share of each outcome's sample is observed so far, by condition."""
    table = bundle.table("calendar").reset_index(drop=True)
    canvas = Canvas()
    left, right = 2.6, 5.2
    canvas.text(left, -0.1, "Observed so far, %", bold=True)
    canvas.text(WIDTH - 0.02, -0.1, "All observed from", ha="right", bold=True)
    y = -0.24
    hidden = masked(table, "share")
    for outcome in labels.in_order(table["outcome"].astype(str), labels.OUTCOMES):
        canvas.text(0.0, y - 0.16, f"{outcome} {labels.OUTCOMES[outcome].short}")
        part = table[table["outcome"] == outcome]
        day = str(part["all_observed_from"].iloc[0])
        canvas.text(WIDTH - 0.02, y - 0.16, numbers.short_day(day), ha="right")
        for step, (condition, fill) in enumerate((("control", BEFORE), ("treatment", AFTER))):
            middle = y - 0.09 - 0.14 * step
            rows = part.index[part["condition"] == condition]
            share = table.loc[rows[0], "share"] if len(rows) else float("nan")
            if pd.notna(share):
                end = left + float(share) * (right - left)
                canvas.box((left, end), (middle - 0.05, middle + 0.05), fill, edge=MUTED)
                told = numbers.number(100 * float(share), 0)
            else:
                told = MASKED_TEXT if len(rows) and hidden[rows[0]] else numbers.EN_DASH
            canvas.text(right + 0.06, middle, told, size=TEXT - 1)
        y -= 0.36
    for x, condition, fill in ((left, "control", BEFORE), (left + 1.5, "treatment", AFTER)):
        canvas.box((x, x + 0.12), (y - 0.15, y - 0.05), fill, edge=MUTED)
        canvas.text(x + 0.18, y - 0.1, f"Referred {labels.CONDITIONS[condition].lower()}")
    return canvas.plot(y - 0.22)
