# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of what is missing and how it was imputed: over time, shares, chains."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
from plotnine import (
    aes,
    element_text,
    expand_limits,
    facet_grid,
    facet_wrap,
    geom_line,
    geom_point,
    ggplot,
    labs,
    scale_fill_manual,
    scale_shape_manual,
    scale_x_continuous,
    scale_y_continuous,
)

from fvlib import protocol
from fvlib.report.bundle import ReleasedBundle, la_order
from fvlib.report.plots.canvas import Canvas, words_only
from fvlib.report.plots.style import AFTER, GRID, INK, MUTED, PAPER, TEXT, WIDTH, house_theme
from fvlib.report.words import labels as words
from fvlib.report.words.phrases import say

ROW: Final = 0.17  # inches


def missing_over_time(bundle: ReleasedBundle) -> Any:
    """Draw the share missing by covariate, LA, period and condition; complete ones left out."""
    table = bundle.table("missingness_periods").copy()
    table["percent"] = 100 * table["share"].astype(float)
    most = table.groupby("covariate")["percent"].transform("max")
    table = table[(most > 0) & table["percent"].notna()]
    if table.empty:
        return words_only(say("figures.nothing_missing"))
    covariates = words.in_order(table["covariate"].astype(str), words.COVARIATES)
    labels = [words.label(words.COVARIATES, name).replace(" ", "\n", 1) for name in covariates]
    table["what"] = pd.Categorical(
        table["covariate"].map(dict(zip(covariates, labels, strict=True))), labels
    )
    names = [words.LAS[la] for la in la_order(table)]
    table["name"] = pd.Categorical(table["la"].map(words.LAS), names)
    table["referred"] = pd.Categorical(
        table["condition"].map(words.CONDITIONS),
        [words.CONDITIONS[name] for name in ("control", "treatment")],
    )
    table["line"] = table["covariate"].astype(str) + table["la"].astype(str)
    return (
        ggplot(table, aes("period", "percent"))
        + geom_line(aes(group="line"), color=MUTED, size=0.5)
        + geom_point(aes(shape="referred", fill="referred"), color=INK, size=1.6, stroke=0.4)
        + expand_limits(y=0)
        + facet_grid("what ~ name", scales="free_y")
        + scale_shape_manual(values=["o", "s"])
        + scale_fill_manual(values=[PAPER, AFTER])
        + scale_x_continuous(breaks=list(range(protocol.PERIODS)))
        + scale_y_continuous(expand=(0, 0, 0.1, 0))
        + labs(x="Period of referral", y="Not recorded, %")
        + house_theme(
            0.9 * len(covariates) + 0.9,
            strip_text_y=element_text(rotation=0, ha="left", size=7),
            panel_spacing_y=0.03,  # or a scale's nought meets the next one's top
        )
    )


def imputed_shares(bundle: ReleasedBundle) -> Any:
    """Draw observed beside imputed shares, level by level."""
    table = bundle.table("imputed_shares")
    table = table[table["observed"].notna() & table["imputed"].notna()].reset_index(drop=True)
    if table.empty:
        return words_only(say("figures.no_imputed_share"))
    canvas = Canvas()
    left, right = 3.1, WIDTH - 0.15
    y = -0.06
    rows: list[tuple[str, float, float, float]] = []
    for variable in words.in_order(table["variable"].astype(str), words.COVARIATES):
        canvas.text(0.0, y - ROW / 2, words.label(words.COVARIATES, variable), bold=True)
        y -= ROW
        for _, row in table[table["variable"] == variable].iterrows():
            label = words.level(variable, str(row["level"]))
            rows.append((label, y - ROW / 2, float(row["observed"]), float(row["imputed"])))
            y -= ROW
    for tenth in range(0, 101, 20):
        x = left + tenth / 100 * (right - left)
        canvas.line((x, y), (x, -0.06), GRID)
        canvas.text(x, y - 0.1, str(tenth), ha="center", size=TEXT - 0.5)
    for label, middle, observed, imputed in rows:
        canvas.text(0.1, middle, label)
        ends = [left + share * (right - left) for share in (observed, imputed)]
        canvas.line((ends[0], middle), (ends[1], middle), MUTED)
        canvas.point(ends[0], middle, shape="o", fill=PAPER)
        canvas.point(ends[1], middle, shape="D", fill=AFTER)
    below = y - 0.34
    canvas.point(left + 0.06, below, shape="o", fill=PAPER)
    canvas.text(left + 0.16, below, "observed, %")
    canvas.point(left + 1.26, below, shape="D", fill=AFTER)
    canvas.text(left + 1.36, below, "imputed, %")
    return canvas.plot(below - 0.14)


def trace(bundle: ReleasedBundle) -> Any:
    """Draw the chains: share of the level imputed most, by iteration."""
    table = bundle.table("imputation_trace").copy()
    table = table[table["share"].notna()]
    if table.empty:
        return words_only(say("figures.no_chain"))
    table["percent"] = 100 * table["share"].astype(float)
    variables = words.in_order(table["variable"].astype(str), words.COVARIATES)
    levels = table.drop_duplicates("variable").set_index("variable")["level"]
    labels = {
        name: f"{words.label(words.COVARIATES, name)}:\n{words.level(name, str(levels[name]))}"
        for name in variables
    }
    table["what"] = pd.Categorical(table["variable"].map(labels), list(labels.values()))
    across = 4
    rows = -(-len(variables) // across)
    last = int(table["iteration"].max())
    return (
        ggplot(table, aes("iteration", "percent", group="chain"))
        + geom_line(color=AFTER, size=0.3, alpha=0.5)
        + facet_wrap("what", ncol=across, scales="free_y")
        + scale_x_continuous(breaks=[1, (1 + last) // 2, last])
        + labs(x="Iteration", y="Imputed, %")
        + house_theme(1.6 * rows + 0.4)
    )
