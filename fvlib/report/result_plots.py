"""Figures of results: the forest plot and the LA intercepts."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    annotate,
    element_blank,
    geom_point,
    geom_segment,
    geom_text,
    geom_vline,
    ggplot,
    labs,
    scale_fill_identity,
    scale_shape_identity,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from fvlib import protocol
from fvlib.report import words
from fvlib.report.bundle import EFFECT, Bundle
from fvlib.report.plot_style import AFTER, AFTER_TINT, ALERT, INK, MUTED, PAPER, TEXT, house_theme

Plot = Any
ROW: Final = 0.19  # inches a row
FAMILY: Final = "DejaVu Sans"
RATIO_BREAKS: Final = (
    0.1,
    0.2,
    0.25,
    0.33,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1,
    1.1,
    1.25,
    1.5,
    2,
    3,
    4,
    5,
    10,
)


def forest_rows(bundle: Bundle, outcome: str = protocol.PRIMARY_OUTCOME) -> pd.DataFrame:
    """Return the forest plot's lines from top to bottom: headings, analyses, their effects.

    Returns
    -------
    Columns y, label, kind (`heading`, `primary`, `other`, `none`), note, and for each of
    `odds_ratio` and `risk_difference` its estimate and bounds.
    """
    effects = bundle.estimates
    effects = effects[(effects["outcome"] == outcome) & (effects["term"] == EFFECT)]
    effects = effects[effects["scale"] != "p_only"]
    rows: list[dict[str, Any]] = []
    for role in words.in_order(effects["role"].astype(str), words.ROLES):
        rows.append({"label": words.label(words.ROLES, role), "kind": "heading"})
        part = effects[effects["role"] == role]
        for name in words.in_order(part["analysis"].astype(str), words.ANALYSES):
            rows.append(_forest_row(bundle, name))
    frame = pd.DataFrame(rows)
    frame["y"] = range(len(frame), 0, -1)
    return frame


def _forest_row(bundle: Bundle, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"label": words.analysis_label(name), "kind": "other", "note": ""}
    if name == protocol.PRIMARY_OUTCOME:
        row["kind"] = "primary"
    for scale, factor in (("odds_ratio", 1), ("risk_difference", 100)):
        found = bundle.effect(name, scale)
        for column in ("estimate", "ci_low", "ci_high"):
            row[f"{scale}_{column}"] = np.nan if found is None else factor * found[column]
    if np.isnan(row["odds_ratio_estimate"]) and np.isnan(row["risk_difference_estimate"]):
        row |= {"kind": "none", "note": words.label(words.STATUSES, bundle.status(name)[0])}
    return row


def forest(bundle: Bundle) -> Plot:
    """Draw the primary outcome's analyses: odds ratios, and beside them percentage points."""
    rows = forest_rows(bundle)
    height = ROW * len(rows) + 0.75
    mdes = 100 * protocol.MDES
    left = _panel(
        rows, "odds_ratio", np.log, words.ratio, 1.0, labelled=True, height=height,
    ) + labs(x="Odds ratio (log scale)", y="")  # fmt: skip
    right = _panel(
        rows, "risk_difference", lambda value: value, lambda v: words.number(v, 1, apart_from=0),
        0.0, labelled=False, height=height, marks=(-mdes, mdes),
    ) + labs(x="Percentage points", y="")  # fmt: skip
    return left | right


def _panel(
    rows: pd.DataFrame,
    scale: str,
    transform: Callable[[Any], Any],
    write: Callable[[float], str],
    line: float,
    *,
    labelled: bool,
    height: float,
    marks: tuple[float, ...] = (),
) -> ggplot:
    data = pd.DataFrame({"y": rows["y"], "kind": rows["kind"], "note": rows["note"]})
    for column in ("estimate", "ci_low", "ci_high"):
        data[column] = transform(rows[f"{scale}_{column}"].astype(float))
    shown = data[data["estimate"].notna()]
    none = data[data["kind"] == "none"].assign(x=transform(line))
    primary = shown[shown["kind"] == "primary"]
    low, high = _limits(shown, transform(line), marks)
    plot = ggplot(shown)
    if len(primary):
        plot = plot + annotate(
            "rect", xmin=primary["ci_low"].iloc[0], xmax=primary["ci_high"].iloc[0],
            ymin=0.4, ymax=len(rows) + 0.6, fill=AFTER_TINT, alpha=0.6,
        )  # fmt: skip
    plot = plot + geom_vline(xintercept=transform(line), color=INK, size=0.5)
    for mark in marks:
        plot = plot + geom_vline(xintercept=mark, color=ALERT, size=0.5, linetype="dashed")
    shapes = {"primary": "D", "other": "o"}
    shown = shown.assign(
        shape=shown["kind"].map(shapes), fill=np.where(shown["kind"] == "primary", AFTER, PAPER)
    )
    plot = (
        plot
        + geom_segment(aes(x="ci_low", xend="ci_high", y="y", yend="y"), shown, color=INK, size=0.5)
        + geom_point(
            aes("estimate", "y", shape="shape", fill="fill"), shown, color=INK, size=1.9, stroke=0.4
        )
        + scale_shape_identity()
        + scale_fill_identity()
    )
    if labelled and len(none):
        plot = plot + geom_text(
            aes(x="x", y="y", label="note"), none, size=TEXT - 0.5, color=MUTED, family=FAMILY,
        )  # fmt: skip
    breaks = _breaks(low, high, scale)
    return (
        plot
        + scale_x_continuous(
            breaks=[transform(b) for b in breaks], labels=[write(b) for b in breaks],
            limits=(low, high), expand=(0, 0),
        )
        + scale_y_continuous(
            breaks=list(rows["y"]), labels=list(rows["label"]) if labelled else [""] * len(rows),
            limits=(0.4, len(rows) + 0.6), expand=(0, 0),
        )
        + house_theme(height)
        + theme(panel_grid_major_y=element_blank())
    )  # fmt: skip


def _limits(shown: pd.DataFrame, line: float, marks: tuple[float, ...]) -> tuple[float, float]:
    values = [line, *marks, *shown["ci_low"].dropna(), *shown["ci_high"].dropna()]
    values += list(shown["estimate"].dropna())
    low, high = min(values), max(values)
    room = 0.08 * ((high - low) or 1.0)
    return low - room, high + room


def _breaks(low: float, high: float, scale: str) -> list[float]:
    if scale == "odds_ratio":
        inside = [b for b in RATIO_BREAKS if low <= np.log(b) <= high]
        return inside
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if (high - low) / s <= 6)
    return [round(float(b), 10) for b in np.arange(np.ceil(low / step), high / step + 1e-9) * step]


def la_intercepts(bundle: Bundle) -> Plot:
    """Draw each LA's deviation from the average LA, as an odds ratio."""
    table = bundle.table("la_intercepts", ("analysis", "la", "estimate", "std_error"))
    table = table[table["analysis"] == protocol.PRIMARY_OUTCOME].copy()
    known = [la for la in protocol.LA_KEYS if la in set(table["la"])]
    table["name"] = pd.Categorical(
        table["la"].map(words.LAS), [words.LAS[la] for la in reversed(known)]
    )
    half = NormalDist().inv_cdf(1 - protocol.ALPHA / 2) * table["std_error"].astype(float)
    table["low"], table["high"] = table["estimate"] - half, table["estimate"] + half
    values = [0.0, *table["estimate"], *table["low"].dropna(), *table["high"].dropna()]
    room = 0.08 * ((max(values) - min(values)) or 1.0)
    low, high = min(values) - room, max(values) + room
    breaks = _breaks(low, high, "odds_ratio")
    return (
        ggplot(table, aes("estimate", "name"))
        + geom_vline(xintercept=0, color=INK, size=0.5)
        + geom_segment(aes(x="low", xend="high", yend="name"), color=INK, size=0.5)
        + geom_point(fill=AFTER, color=INK, size=2.2, stroke=0.4, shape="o")
        + scale_x_continuous(
            breaks=[np.log(b) for b in breaks], labels=[words.ratio(b) for b in breaks],
            limits=(low, high), expand=(0, 0),
        )
        + labs(x="Odds relative to the average local authority (log scale)", y="")
        + house_theme(0.24 * len(known) + 0.6)
        + theme(panel_grid_major_y=element_blank())
    )  # fmt: skip
