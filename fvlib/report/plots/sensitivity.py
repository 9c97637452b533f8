# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of whether the answer survives: permutation, time since go-live, triangulation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from plotnine import (
    aes,
    facet_wrap,
    geom_histogram,
    geom_hline,
    geom_point,
    geom_segment,
    geom_text,
    geom_vline,
    ggplot,
    labs,
    scale_x_continuous,
    scale_y_continuous,
)

from fvlib import protocol
from fvlib.report.bundle import EFFECT, ReleasedBundle
from fvlib.report.plots.canvas import Canvas, words_only
from fvlib.report.plots.intervals import Axis, with_room, written
from fvlib.report.plots.style import (
    AFTER,
    ALERT,
    BAND,
    FONT,
    INK,
    MUTED,
    PAPER,
    TEXT,
    WIDTH,
    house_theme,
    ratio_tick,
    ratio_ticks,
)
from fvlib.report.words import numbers as words_numbers
from fvlib.report.words import results as sentences
from fvlib.report.words.phrases import say
from fvlib.report.words.sensitivity import permutation_draws

ROW: Final = 0.24  # inches
SPACING: Final = 0.06  # between panels, of the figure: room for marks and the next heading
HALF_BINS: Final = 12  # of the histograms, on either side of none
EXPOSURE_TERMS: Final = ("m0", "m1", "m2", "m3", "m4")


def permutation(bundle: ReleasedBundle) -> Any:
    """Draw the null distribution of the permutation statistic under each scheme of orders."""
    table = permutation_draws(bundle)
    if bundle.interim or table.empty:
        return words_only(say("figures.no_permutation"))
    table["what"] = [
        say(
            "figures.permutation",
            scheme=scheme_label(str(scheme)),
            orders=str(orders),
            smallest_p=words_numbers.number(least, 3),
        )
        for scheme, orders, least in zip(
            table["scheme"], table["orders"], table["smallest_p"], strict=True
        )
    ]
    table["what"] = pd.Categorical(table["what"], list(dict.fromkeys(table["what"])))
    seen = table[table["is_observed"]].assign(label="observed")
    reach = 1.1 * float(table["statistic"].abs().max() or 1.0)
    bins = [reach * place / HALF_BINS for place in range(-HALF_BINS, HALF_BINS + 1)]
    plot = (
        ggplot(table, aes("statistic"))
        + geom_histogram(breaks=bins, fill="#9fb3c8", color=PAPER, size=0.3)
        + geom_vline(aes(xintercept="statistic"), seen, color=ALERT, size=0.9)
        + facet_wrap("what", ncol=1, scales="free_y")
        + scale_x_continuous(labels=_marks)
        + scale_y_continuous(expand=(0, 0, 0.25, 0), breaks=_whole)
        + labs(x="Studentised score of treatment under each order", y="Orders")
        + house_theme(1.8 * table["scheme"].nunique() + 0.4, panel_spacing_y=SPACING)
    )
    return plot + geom_text(
        aes(x="statistic", label="label"), seen, y=float("inf"), color=ALERT, size=TEXT - 0.5,
        family=FONT, va="top", ha="left", nudge_x=0.01 * reach,
    )  # fmt: skip


def _marks(values: Sequence[float] | Sequence[str]) -> list[str]:
    """Write an axis's marks as numbers stand in the text."""
    return [words_numbers.number(float(value), 0) for value in values]


def _whole(limits: tuple[float, float]) -> list[float]:
    """Mark an axis of counts at a few whole numbers."""
    step = max(1, round(limits[1] / 4))
    return [float(mark) for mark in range(0, math.floor(limits[1]) + 1, step)]


def scheme_label(scheme: str) -> str:
    """Name a scheme of orders."""
    known = {
        str(sentences.ORDERS): "Within strata (the design\u2019s own)",
        str(math.factorial(len(protocol.LA_KEYS))): "Ignoring strata (not pre-specified)",
    }
    return known.get(scheme) or words_numbers.plain(scheme)


def exposure_curve(bundle: ReleasedBundle) -> Any:
    """Draw the effect by whole periods since go-live, with the average over them."""
    rows = {term: bundle.ratio("X5", term) for term in EXPOSURE_TERMS}
    known = {place: row for place, row in enumerate(rows.values()) if row is not None}
    if not known:
        return words_only(say("figures.no_exposure"))
    table = pd.DataFrame(
        {
            "time": list(known),
            **{
                name: [math.log(float(row[name])) for row in known.values()]
                for name in ("estimate", "ci_low", "ci_high")
            },
        }
    )
    low = min(0.0, float(table["ci_low"].min()))
    high = max(0.0, float(table["ci_high"].max()))
    marks = ratio_ticks(low, high)
    average = bundle.ratio("X5", "time_averaged")
    plot = ggplot(table, aes("time", "estimate")) + geom_hline(yintercept=0, color=INK, size=0.5)
    if average is not None:
        level = math.log(float(average["estimate"]))
        plot = plot + geom_hline(yintercept=level, color=AFTER, size=0.7, linetype="dashed")
        told = pd.DataFrame({"time": [-0.48], "estimate": [level]})
        plot = plot + geom_text(
            aes("time", "estimate"), told, label="average", ha="left", va="bottom",
            size=TEXT - 0.5, color=AFTER, family=FONT, nudge_y=0.01 * (high - low),
        )  # fmt: skip
    return (
        plot
        + geom_segment(aes(xend="time", y="ci_low", yend="ci_high"), color=INK, size=0.7)
        + geom_point(fill=AFTER, color=INK, size=2.4, stroke=0.4)
        + scale_x_continuous(
            breaks=list(range(len(EXPOSURE_TERMS))), limits=(-0.5, len(EXPOSURE_TERMS) - 0.5)
        )
        + scale_y_continuous(
            breaks=[math.log(mark) for mark in marks], labels=[ratio_tick(m) for m in marks]
        )
        + labs(x="Whole periods of six months since go-live", y="Odds ratio (log scale)")
        + house_theme(2.8)
    )


def tipping_point(bundle: ReleasedBundle) -> Any:
    """Draw the effect by what the odds of riskier missing values are multiplied by."""
    names = ["delta", "estimate", "ci_low", "ci_high"]
    table = bundle.table("tipping_point")[names].astype(float).sort_values("delta")
    low = min(0.0, float(table["ci_low"].min()))
    high = max(0.0, float(table["ci_high"].max()))
    marks = ratio_ticks(low, high)
    main = table[table["delta"] == 0.0]
    return (
        ggplot(table, aes("delta", "estimate"))
        + geom_hline(yintercept=0, color=INK, size=0.5)
        + geom_segment(aes(xend="delta", y="ci_low", yend="ci_high"), color=INK, size=0.7)
        + geom_point(fill=PAPER, color=INK, size=2.2, stroke=0.4)
        + geom_point(data=main, shape="D", fill=AFTER, color=INK, size=2.4, stroke=0.4)
        + scale_x_continuous(
            breaks=table["delta"].tolist(),
            labels=[ratio_tick(math.exp(delta)) for delta in table["delta"]],
        )
        + scale_y_continuous(
            breaks=[math.log(mark) for mark in marks], labels=[ratio_tick(m) for m in marks]
        )
        + labs(
            x=say("figures.tipping"),
            y="Odds ratio (log scale)",
        )
        + house_theme(2.5)
    )


def triangulation(bundle: ReleasedBundle) -> Any:
    """Draw the trial's estimate, the sister evaluation's and, where pooled, the pooled ones."""
    lines = triangulated(bundle)
    if len(lines) < 2:
        return words_only(say("figures.no_sister"))
    low = min(0.0, *(line[2] for line in lines))
    high = max(0.0, *(line[3] for line in lines))
    axis = Axis(*with_room(low, high), 2.3, 4.7)
    canvas = Canvas()
    top = -0.1
    bottom = top - ROW * len(lines)
    canvas.box((axis.at(lines[0][2]), axis.at(lines[0][3])), (bottom, top), BAND)
    marks = ratio_ticks(axis.low, axis.high, most=5)
    axis.draw(canvas, (bottom, top), ((math.log(mark), ratio_tick(mark)) for mark in marks))
    for place, (label, *values) in enumerate(lines):
        y = top - ROW * (place + 0.5)
        canvas.text(0.0, y, label)
        axis.interval(canvas, y, (values[0], values[1], values[2]), main=place == 0)
        row = dict(zip(("estimate", "ci_low", "ci_high"), map(math.exp, values), strict=True))
        told = written(row, words_numbers.ratio)
        canvas.text(WIDTH - 0.02, y, told, ha="right", size=TEXT - 0.5)
    canvas.text(axis.left, bottom - 0.28, "Odds ratio (log scale)", color=MUTED)
    return canvas.plot(bottom - 0.4)


def triangulated(bundle: ReleasedBundle) -> list[tuple[str, float, float, float]]:
    """Return label, log odds ratio and interval of what X12 sets side by side, P1 first.

    What is pooled stands once for each correlation that the two estimates may have.
    """
    out = []
    for _, row in bundle.table("triangulation").iterrows():
        label = TRIANGULATION.get(str(row["source"])) or words_numbers.plain(str(row["source"]))
        if pd.notna(row["correlation"]):
            label += f", correlation {ratio_tick(float(row['correlation']))}"
        out.append((label, float(row["estimate"]), float(row["ci_low"]), float(row["ci_high"])))
    return out


TRIANGULATION: Final = {
    "stepped_wedge": "Trial: protocol\u2019s model",
    "did": "Difference-in-differences",
    "pooled": "Pooled",
}


def savings(bundle: ReleasedBundle) -> Any:
    """Draw the children kept out of care and the pounds that follow, each on its own axis."""
    rows = []
    for heading, term, scale, unit, write in (
        (
            "Children kept out of care",
            "children_kept_out_of_care",
            "children",
            1.0,
            words_numbers.count,
        ),
        (
            "Spent less on care, \u00a3 million",
            EFFECT,
            "pounds",
            words_numbers.MILLION,
            words_numbers.pounds,
        ),
    ):
        row = bundle.estimate("X14", term, scale)
        if row is None:
            return words_only(say("figures.no_cost"))
        values = {name: float(row[name]) for name in ("estimate", "ci_low", "ci_high")}
        low, high = write(values["ci_low"]), write(values["ci_high"])
        told = f"{write(values['estimate'])} ({low} to {high})"
        rows.append(
            {name: value / unit for name, value in values.items()} | {"what": heading, "told": told}
        )
    table = pd.DataFrame(rows).assign(at=0.0)
    table["what"] = pd.Categorical(table["what"], list(table["what"]))
    return (
        ggplot(table, aes("estimate", "at"))
        + geom_vline(xintercept=0, color=INK, size=0.5)
        + geom_segment(aes(x="ci_low", xend="ci_high", yend="at"), color=INK, size=0.7)
        + geom_point(fill=AFTER, color=INK, size=2.4, stroke=0.4)
        + geom_text(aes(label="told"), nudge_y=0.5, size=TEXT - 0.5, family=FONT, color=INK)
        + facet_wrap("what", ncol=1, scales="free_x")
        + scale_y_continuous(breaks=[], limits=(-0.6, 1.0))
        + labs(x="", y="")
        + house_theme(2.5, panel_spacing_y=SPACING)
    )
