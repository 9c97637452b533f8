# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of what a fit says beside its effect: the LA intercepts."""

from __future__ import annotations

from math import log
from statistics import NormalDist

import pandas as pd
from plotnine import (
    aes,
    element_blank,
    geom_point,
    geom_segment,
    geom_vline,
    ggplot,
    labs,
    scale_x_continuous,
    theme,
)

from fvlib import protocol
from fvlib.report.bundle import ReleasedBundle
from fvlib.report.plots.canvas import words_only
from fvlib.report.plots.style import AFTER, INK, house_theme, ratio_tick, ratio_ticks
from fvlib.report.words import labels
from fvlib.report.words.phrases import say


def la_intercepts(bundle: ReleasedBundle) -> ggplot:
    """Draw each LA's deviation from the average LA, as an odds ratio."""
    table = bundle.table("la_intercepts")
    table = table[table["analysis"] == protocol.PRIMARY_OUTCOME].copy()
    if table.empty:
        return words_only(say("figures.no_intercepts"))
    if not table["std_error"].any():
        return words_only(say("figures.variance_zero"))
    known = [la for la in protocol.LA_KEYS if la in set(table["la"])]
    table["name"] = pd.Categorical(
        table["la"].map(labels.LAS), [labels.LAS[la] for la in reversed(known)]
    )
    half = NormalDist().inv_cdf(1 - protocol.ALPHA / 2) * table["std_error"].astype(float)
    table["low"], table["high"] = table["estimate"] - half, table["estimate"] + half
    values = [0.0, *table["estimate"], *table["low"].dropna(), *table["high"].dropna()]
    room = 0.08 * ((max(values) - min(values)) or 1.0)
    low, high = min(values) - room, max(values) + room
    breaks = ratio_ticks(low, high, most=9)
    return (
        ggplot(table, aes("estimate", "name"))
        + geom_vline(xintercept=0, color=INK, size=0.5)
        + geom_segment(aes(x="low", xend="high", yend="name"), color=INK, size=0.5)
        + geom_point(fill=AFTER, color=INK, size=2.2, stroke=0.4, shape="o")
        + scale_x_continuous(
            breaks=[log(b) for b in breaks], labels=[ratio_tick(b) for b in breaks],
            limits=(low, high), expand=(0, 0),
        )
        + labs(x="Odds relative to the average local authority (log scale)", y="")
        + house_theme(0.24 * len(known) + 0.6)
        + theme(panel_grid_major_y=element_blank())
    )  # fmt: skip
