# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of data quality: what arrived, what was set aside, what is missing."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    annotate,
    element_blank,
    element_text,
    facet_grid,
    geom_segment,
    geom_text,
    geom_tile,
    ggplot,
    labs,
    scale_color_identity,
    scale_fill_gradient,
    scale_x_continuous,
    theme,
)

from fvlib import protocol
from fvlib.report import words
from fvlib.report.bundle import Bundle
from fvlib.report.plot_style import (
    AFTER,
    AFTER_TINT,
    ALERT,
    FONT,
    INK,
    MUTED,
    PAPER,
    TEXT,
    house_theme,
)
from fvlib.report.table_style import ABSENT, MASKED_TEXT, cell

ROW: Final = 0.2
PALE: Final = "#f4f6f9"
DARK_FROM: Final = 0.6  # share of the darkest shade from which text turns white


def arrivals(bundle: Bundle) -> ggplot:
    """Draw each file's first to last date by LA, over the trial period."""
    table = bundle.table("arrivals").copy()
    files = words.in_order(table["file"].astype(str), words.FILES)
    table["file"] = pd.Categorical(
        table["file"].map(words.file_label), [words.file_label(f) for f in files]
    )
    known = [la for la in protocol.LA_KEYS if la in set(table["la"])]
    table["la"] = pd.Categorical(
        table["la"].map(words.LAS), [words.LAS[la] for la in reversed(known)]
    )
    for column in ("first_date", "last_date"):
        table[column] = [_year(value) for value in table[column]]
    period = bundle.manifest["trial_period"]
    start, end = _year(period["start"]), _year(period["end"])
    dated = table[table["first_date"].notna()]
    rest = table[table["first_date"].isna()].copy()
    rest["label"] = np.where(rest["arrived"], "received; holds no dates", "not received")
    rest["shade"] = np.where(rest["arrived"], MUTED, ALERT)
    low = min([start, *dated["first_date"]]) if len(dated) else start
    high = max([end, *dated["last_date"]]) if len(dated) else end
    years = range(int(np.ceil(low)), int(np.floor(high)) + 1)
    step = max(1, len(years) // 7)
    return (
        ggplot(table, aes(y="la"))
        + annotate("rect", xmin=start, xmax=end, ymin=-np.inf, ymax=np.inf, fill=AFTER_TINT)
        + geom_segment(
            aes(x="first_date", xend="last_date", yend="la"), dated, color=INK, size=1.6
        )
        + geom_text(
            aes(x=(start + end) / 2, label="label", color="shade"), rest, size=TEXT - 0.5,
            family=FONT,
        )
        + facet_grid("file ~ .")
        + scale_color_identity()
        + scale_x_continuous(
            breaks=list(years)[::step], labels=[str(y) for y in list(years)[::step]],
            limits=(low - 0.1, high + 0.1), expand=(0, 0),
        )
        + labs(x="Year (1 January)", y="")
        + house_theme(0.16 * len(table) + 0.7)
        + theme(
            panel_grid_major_y=element_blank(),
            strip_text_y=element_text(rotation=0, ha="left", weight="bold"),
        )
    )  # fmt: skip


def _year(value: Any) -> float:
    if not isinstance(value, str):
        return float("nan")
    day = date.fromisoformat(value[:10])
    return day.year + (day.timetuple().tm_yday - 1) / 365.25


def set_aside(bundle: Bundle) -> ggplot:
    """Draw rows set aside by rule and LA; darker cells hold more."""
    table = bundle.table("set_aside").copy()
    table["file"] = table["file"].map(words.file_label)
    table["line"] = table["rule"].map(words.rule_label)
    keys = table[["file", "line"]].drop_duplicates()
    grid = keys.merge(pd.DataFrame({"la": list(protocol.LA_KEYS)}), how="cross")
    table["text"] = cell(table, "rows")
    grid = grid.merge(table[["file", "line", "la", "rows", "text"]], how="left")
    # No row of an LA under a rule is a true zero: shown as a dash, to keep the eye on the rest.
    grid["text"] = grid["text"].fillna(ABSENT)
    shown = grid["rows"].astype(float)
    top = np.log1p(shown.max()) if shown.notna().any() else 1.0
    grid["share"] = np.where(
        grid["text"] == MASKED_TEXT, 0.08, np.log1p(shown.fillna(0)) / (top or 1.0)
    )
    order = words.in_order(grid["file"], words.FILES.values())
    grid["file"] = pd.Categorical(grid["file"], order)
    return _grid(grid, "line", facet="file") + labs(x="", y="")


def missingness(bundle: Bundle) -> ggplot:
    """Draw the share missing by covariate and LA; cells over the protocol's limit outlined."""
    table = bundle.table("missingness")
    table = table[table["condition"] == "all"].reset_index(drop=True)
    order = words.in_order(table["covariate"].astype(str), words.COVARIATES)
    grid = table[["la"]].copy()
    grid["line"] = pd.Categorical(
        table["covariate"].map(lambda name: words.label(words.COVARIATES, name)),
        [words.label(words.COVARIATES, name) for name in reversed(order)],
    )
    grid["text"] = cell(table, "share", lambda share: words.number(100 * share, 1))
    grid["share"] = table["share"].astype(float).fillna(0.0)
    grid["over"] = table["share"].astype(float) > protocol.MISSING_LIMIT
    return _grid(grid, "line", outlined="over") + labs(x="", y="")


def _grid(grid: pd.DataFrame, line: str, *, facet: str = "", outlined: str = "") -> ggplot:
    """Draw a grid of shaded cells with their text, one column an LA."""
    las = [la for la in (*protocol.LA_KEYS, "all") if la in set(grid["la"])]
    grid = grid.assign(
        la=pd.Categorical(grid["la"].map(words.LAS), [words.LAS[la] for la in las]),
        ink=np.where(grid["share"] > DARK_FROM, PAPER, INK),
    )
    if not isinstance(grid[line].dtype, pd.CategoricalDtype):
        grid[line] = pd.Categorical(grid[line], sorted(set(grid[line]), reverse=True))
    lines = len(grid[[line, *([facet] if facet else [])]].drop_duplicates())
    plot = (
        ggplot(grid, aes("0", line))
        + geom_tile(aes(fill="share"), color=PAPER, size=1.2)
        + scale_fill_gradient(low=PALE, high=AFTER, limits=(0, 1), guide=None)
        + scale_color_identity()
        + scale_x_continuous(breaks=[], expand=(0, 0))
        + facet_grid(f"{facet or '.'} ~ la", scales="free_y", space="free_y")
    )
    if outlined and grid[outlined].any():
        plot = plot + geom_tile(data=grid[grid[outlined]], fill="none", color=ALERT, size=1.0)
    plot = plot + geom_text(aes(label="text", color="ink"), size=TEXT, family=FONT)
    groups = grid[facet].nunique() if facet else 1
    return (
        plot
        + house_theme(ROW * lines + 0.06 * groups + 0.45)
        + theme(
            panel_grid_major=element_blank(),
            panel_spacing_x=0.005,
            strip_text_x=element_text(ha="center", size=7, weight="normal"),
            strip_text_y=element_text(rotation=0, ha="left", weight="bold"),
        )
    )
