# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""The forest plot: odds ratios on a log axis, beside them the effect in percentage points.

It is drawn in inches on a blank plot, so that labels, both panels and the figures line up row by
row. A new analysis is a new row, with no edit here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any, Final

import pandas as pd
from plotnine import (
    aes,
    arrow,
    geom_point,
    geom_rect,
    geom_segment,
    geom_text,
    ggplot,
    scale_color_identity,
    scale_fill_identity,
    scale_linetype_identity,
    scale_shape_identity,
)

from fvlib import protocol
from fvlib.report import sentences, words
from fvlib.report.arrangement import arranged
from fvlib.report.bundle import Bundle
from fvlib.report.plot_style import (
    AFTER,
    AFTER_TINT,
    ALERT,
    BASELINE,
    FONT,
    GRID,
    INK,
    MUTED,
    PAPER,
    TEXT,
    WIDTH,
    blank_canvas,
    ratio_tick,
    ratio_ticks,
)

LONGEST: Final = 34  # characters of a label that the column holds
ELLIPSIS: Final = "\u2026"
ROW: Final = 0.19  # inches a row
HEAD: Final = 0.42  # above the first row
FOOT: Final = 0.62  # below the last one
INDENT: Final = 0.1
# An interval that reaches further than this many primary intervals is cut, with an arrowhead.
FURTHEST: Final = 2.5


@dataclass(frozen=True, slots=True)
class Panel:
    """One scale's panel: where it stands, and how its numbers are set and written."""

    scale: str
    heading: str
    left: float
    right: float
    numbers: float  # right edge of the figures
    none: float  # the line of no effect, on the panel's own axis
    to_axis: Callable[[float], float]
    write: Callable[[float], str]
    tick: Callable[[float], str]
    marks: tuple[float, ...] = ()


PANELS: Final = (
    Panel(
        "odds_ratio", "Odds ratio", 1.95, 2.98, 4.11, 0.0, math.log, words.ratio,
        ratio_tick,
    ),
    Panel(
        "risk_difference", "Percentage points", 4.26, 5.28, WIDTH - 0.02, 0.0, lambda value: value,
        words.points, lambda value: words.number(100 * value, 1).removesuffix(".0"),
        marks=(-protocol.MDES, protocol.MDES),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Axis:
    """A panel's axis: its limits, and the inches at which a value stands."""

    panel: Panel
    low: float
    high: float
    at: Callable[[float], float]


@dataclass
class Ink:
    """What is to be drawn, by kind."""

    bands: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)

    def line(self, x: float, y: float, to: tuple[float, float], color: str, **more: Any) -> None:
        """Add a line from (x, y) to `to`."""
        style = {"size": 0.5, "linetype": "solid"} | more
        self.lines.append({"x": x, "y": y, "xend": to[0], "yend": to[1], "color": color, **style})

    def text(self, x: float, y: float, label: str, **more: Any) -> None:
        """Add a line of text whose middle is at y."""
        style = {"ha": "left", "weight": "normal", "color": INK, "size": TEXT} | more
        self.texts.append({"x": x, "y": y - BASELINE, "label": label, **style})


def forest(bundle: Bundle) -> ggplot:
    """Draw the primary outcome's analyses, the primary one's interval as a band through all."""
    rows: list[tuple[str, bool]] = []
    for group in arranged(bundle):
        rows.append((group.heading, True))
        rows.extend((name, False) for name in group.analyses)
    bottom = -HEAD - ROW * len(rows)
    ink = Ink()
    for place, (name, heading) in enumerate(rows):
        y = -HEAD - ROW * (place + 0.5)
        label = name if heading else shorten(bundle.label(name), LONGEST, placeholder=ELLIPSIS)
        ink.text(0.0 if heading else INDENT, y, label, weight="bold" if heading else "normal")
    effects = [
        (name, -HEAD - ROW * (place + 0.5)) for place, (name, top) in enumerate(rows) if not top
    ]
    for panel in PANELS:
        _draw_panel(ink, bundle, panel, effects, bottom)
    ink.line(0.0, -HEAD + 0.04, (WIDTH, -HEAD + 0.04), INK)
    return _plot(ink, bottom - FOOT)


def _draw_panel(
    ink: Ink, bundle: Bundle, panel: Panel, effects: list[tuple[str, float]], bottom: float
) -> None:
    shown = {name: _on_axis(bundle, panel, name) for name, _ in effects}
    low, high = limits([values for values in shown.values() if values], panel, shown.get("P1"))

    def at(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return panel.left + share * (panel.right - panel.left)

    top = -HEAD + 0.04
    primary = shown.get(protocol.PRIMARY_OUTCOME)
    if primary:
        band = {"xmin": at(primary[1]), "xmax": at(primary[2]), "ymin": bottom, "ymax": top}
        ink.bands.append(band)
    for value in ticks(low, high, panel):
        x = at(panel.to_axis(value))
        ink.line(x, bottom, (x, top), GRID)
        ink.text(x, bottom - 0.1, panel.tick(value), ha="center", size=TEXT - 0.5)
    for mark in panel.marks:
        ink.line(at(mark), bottom, (at(mark), top), ALERT, linetype="dashed", size=0.6)
    ink.line(at(panel.none), bottom, (at(panel.none), top), INK, size=0.6)
    ink.line(panel.left, bottom, (panel.right, bottom), MUTED)
    middle = (panel.left + panel.right) / 2
    ink.text(panel.left, -0.14, panel.heading, weight="bold")
    ink.text(
        panel.left,
        -0.28,
        f"{words.confidence_level()} confidence interval",
        color=MUTED,
        size=TEXT - 0.5,
    )
    note = f"dashed: \u00b1{words.points(panel.marks[-1])}" if panel.marks else "log scale"
    ink.text(middle, bottom - 0.26, note, ha="center", color=MUTED, size=TEXT - 0.5)
    small: dict[str, Any] = {"color": MUTED, "size": TEXT - 0.5}
    ink.text(panel.left, bottom - 0.44, f"{ARROWS[0]} fewer", **small)
    ink.text(panel.right, bottom - 0.44, f"more {ARROWS[1]}", ha="right", **small)
    axis = Axis(panel, low, high, at)
    for name, y in effects:
        _draw_row(ink, bundle, axis, name, y)


ARROWS: Final = ("\u2190", "\u2192")
Values = tuple[float, float, float]  # estimate, low, high


def _on_axis(bundle: Bundle, panel: Panel, name: str) -> Values | None:
    row = bundle.effect(name, panel.scale)
    if row is None:
        return None
    estimate, low, high = (row[c] for c in ("estimate", "ci_low", "ci_high"))
    return (
        panel.to_axis(estimate),
        panel.to_axis(low if pd.notna(low) else estimate),
        panel.to_axis(high if pd.notna(high) else estimate),
    )


def _draw_row(ink: Ink, bundle: Bundle, axis: Axis, name: str, y: float) -> None:
    panel = axis.panel
    row, values = bundle.effect(name, panel.scale), _on_axis(bundle, panel, name)
    small: dict[str, Any] = {"ha": "right", "size": TEXT - 0.5}
    if row is None or values is None:
        if panel is PANELS[0]:
            ink.text(panel.numbers, y, _instead(bundle, name), color=MUTED, **small)
        return
    estimate, low, high = values
    ink.line(axis.at(low), y, (axis.at(high), y), INK, size=0.7)
    for bound, outside, step in ((low, low < axis.low, -1), (high, high > axis.high, 1)):
        if outside:
            edge = axis.at(bound)
            ink.heads.append({"x": edge - step * 0.1, "xend": edge, "y": y, "yend": y})
    main = name == protocol.PRIMARY_OUTCOME
    if axis.low <= estimate <= axis.high:
        ink.points.append(
            {
                "x": axis.at(estimate),
                "y": y,
                "shape": "D" if main else "o",
                "fill": AFTER if main else PAPER,
            }
        )
    told = panel.write(row["estimate"])
    if pd.notna(row["ci_low"]):
        told += f" ({panel.write(row['ci_low'])} to {panel.write(row['ci_high'])})"
    ink.text(panel.numbers, y, told, weight="bold" if main else "normal", **small)


def _instead(bundle: Bundle, name: str) -> str:
    """Write what stands in a row without an effect: a p, or that there is no result."""
    p = sentences.permutation_p(bundle, protocol.PRIMARY_OUTCOME)
    if name == sentences.permutation_of(protocol.PRIMARY_OUTCOME) and p is not None:
        return words.p_value(p)
    status = bundle.status(name)[0]
    return words.label(words.STATUSES, status)


def limits(shown: list[Values], panel: Panel, primary: Values | None) -> tuple[float, float]:
    """Return a panel's axis limits: all of it, unless an interval runs far beyond the others."""
    low = min([panel.none, *panel.marks, *(values[1] for values in shown)])
    high = max([panel.none, *panel.marks, *(values[2] for values in shown)])
    if primary:
        reach = FURTHEST * (primary[2] - primary[1])
        inner = [panel.none, *panel.marks, primary[1], primary[2]]
        low = max(low, min([primary[0] - reach, *inner]))
        high = min(high, max([primary[0] + reach, *inner]))
    room = 0.06 * ((high - low) or 1.0)
    return low - room, high + room


def ticks(low: float, high: float, panel: Panel) -> list[float]:
    """Return the values that a panel's axis is marked at."""
    if panel.to_axis is math.log:
        return ratio_ticks(low, high, most=5)
    steps = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    step = next((s for s in steps if (high - low) / s <= 5), 1.0)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _plot(ink: Ink, bottom: float) -> ggplot:
    plot = blank_canvas(bottom)
    if ink.bands:
        plot = plot + geom_rect(
            aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax"), pd.DataFrame(ink.bands),
            fill=AFTER_TINT, alpha=0.55,
        )  # fmt: skip
    plot = (
        plot
        + scale_color_identity()
        + scale_fill_identity()
        + scale_shape_identity()
        + scale_linetype_identity()
    )
    for (size, kind), part in pd.DataFrame(ink.lines).groupby(["size", "linetype"], sort=False):
        plot = plot + geom_segment(
            aes(x="x", xend="xend", y="y", yend="yend", color="color"), part, size=size,
            linetype=kind,
        )  # fmt: skip
    if ink.heads:
        plot = plot + geom_segment(
            aes(x="x", xend="xend", y="y", yend="yend"), pd.DataFrame(ink.heads), color=INK,
            size=0.7, arrow=arrow(length=0.05, type="closed"),
        )  # fmt: skip
    if ink.points:
        plot = plot + geom_point(
            aes(x="x", y="y", shape="shape", fill="fill"), pd.DataFrame(ink.points), color=INK,
            size=1.9, stroke=0.4,
        )  # fmt: skip
    texts = pd.DataFrame(ink.texts)
    for (ha, weight, size), part in texts.groupby(["ha", "weight", "size"], sort=False):
        plot = plot + geom_text(
            aes(x="x", y="y", label="label", color="color"), part, ha=ha, va="baseline", size=size,
            family=FONT, fontweight=weight,
        )  # fmt: skip
    return plot
