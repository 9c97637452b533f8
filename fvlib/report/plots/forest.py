"""The forest plot: odds ratios on a log axis, beside them the effect in percentage points.

It is drawn in inches on a blank plot, so that labels, both panels and the figures line up row by
row. A new analysis is a new row, with no edit here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, Final

import pandas as pd

from fvlib import protocol
from fvlib.report.arrangement import arrange_analyses, comparable, label
from fvlib.report.bundle import ESTIMATED, ReleasedBundle
from fvlib.report.plots.canvas import Canvas
from fvlib.report.plots.style import (
    AFTER,
    ALERT,
    BAND,
    GRID,
    INK,
    MUTED,
    PAPER,
    TEXT,
    WIDTH,
    ratio_tick,
    ratio_ticks,
)
from fvlib.report.words import labels, numbers
from fvlib.report.words import results as sentences

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
        "odds_ratio", "Odds ratio", 1.95, 2.98, 4.11, 0.0, math.log, numbers.ratio,
        ratio_tick,
    ),
    Panel(
        "risk_difference", "Percentage points", 4.26, 5.28, WIDTH - 0.02, 0.0, lambda value: value,
        numbers.points, lambda value: numbers.number(100 * value, 1).removesuffix(".0"),
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


def forest(bundle: ReleasedBundle) -> Any:
    """Draw the primary outcome's analyses, the primary one's interval as a band through all."""
    canvas, bottom = laid_out(bundle)
    return canvas.plot(bottom)


def forest_beside(bundle: ReleasedBundle) -> Any:
    """Draw the primary analysis and what must stand beside it, and nothing else."""
    canvas, bottom = laid_out(bundle, most_groups=2)
    return canvas.plot(bottom)


def laid_out(bundle: ReleasedBundle, most_groups: int | None = None) -> tuple[Canvas, float]:
    """Lay out the forest plot, or its first groups; return it with its lower edge."""
    rows: list[tuple[str, bool]] = []
    for group in arrange_analyses(bundle)[:most_groups]:
        rows.append((group.heading, True))
        rows.extend((name, False) for name in group.analyses)
    bottom = -HEAD - ROW * len(rows)
    canvas = Canvas()
    for place, (name, heading) in enumerate(rows):
        y = -HEAD - ROW * (place + 0.5)
        told = name if heading else shorten(label(bundle, name), LONGEST, placeholder=ELLIPSIS)
        canvas.text(0.0 if heading else INDENT, y, told, bold=heading)
    effects = [
        (name, -HEAD - ROW * (place + 0.5)) for place, (name, top) in enumerate(rows) if not top
    ]
    for panel in PANELS:
        _draw_panel(canvas, bundle, panel, effects, bottom)
    canvas.line((0.0, -HEAD + 0.04), (WIDTH, -HEAD + 0.04), INK)
    return canvas, bottom - FOOT


def _draw_panel(
    canvas: Canvas,
    bundle: ReleasedBundle,
    panel: Panel,
    effects: list[tuple[str, float]],
    bottom: float,
) -> None:
    shown = {name: _on_axis(bundle, panel, name) for name, _ in effects}
    low, high = limits([values for values in shown.values() if values], panel, shown.get("P1"))

    def at(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return panel.left + share * (panel.right - panel.left)

    top = -HEAD + 0.04
    primary = shown.get(protocol.PRIMARY_OUTCOME)
    if primary:
        canvas.box((at(primary[1]), at(primary[2])), (bottom, top), BAND)
    for value in ticks(low, high, panel):
        x = at(panel.to_axis(value))
        canvas.line((x, bottom), (x, top), GRID)
        canvas.text(x, bottom - 0.1, panel.tick(value), ha="center", size=TEXT - 0.5)
    for mark in panel.marks:
        canvas.line((at(mark), bottom), (at(mark), top), ALERT, size=0.6, dashed=True)
    canvas.line((at(panel.none), bottom), (at(panel.none), top), INK, size=0.6)
    canvas.line((panel.left, bottom), (panel.right, bottom), MUTED)
    middle = (panel.left + panel.right) / 2
    small: dict[str, Any] = {"color": MUTED, "size": TEXT - 0.5}
    canvas.text(panel.left, -0.14, panel.heading, bold=True)
    canvas.text(panel.left, -0.28, f"{numbers.confidence_level()} confidence interval", **small)
    note = f"dashed: \u00b1{numbers.points(panel.marks[-1])}" if panel.marks else "log scale"
    canvas.text(middle, bottom - 0.26, note, ha="center", **small)
    canvas.text(panel.left, bottom - 0.44, f"{ARROWS[0]} fewer", **small)
    canvas.text(panel.right, bottom - 0.44, f"more {ARROWS[1]}", ha="right", **small)
    axis = Axis(panel, low, high, at)
    for name, y in effects:
        _draw_row(canvas, bundle, axis, name, y)


ARROWS: Final = ("\u2190", "\u2192")
Values = tuple[float, float, float]  # estimate, low, high


def _on_axis(bundle: ReleasedBundle, panel: Panel, name: str) -> Values | None:
    row = comparable(bundle, name, panel.scale)
    if row is None:
        return None
    estimate, low, high = (row[c] for c in ("estimate", "ci_low", "ci_high"))
    return (
        panel.to_axis(estimate),
        panel.to_axis(low if pd.notna(low) else estimate),
        panel.to_axis(high if pd.notna(high) else estimate),
    )


def _draw_row(canvas: Canvas, bundle: ReleasedBundle, axis: Axis, name: str, y: float) -> None:
    panel = axis.panel
    row, values = comparable(bundle, name, panel.scale), _on_axis(bundle, panel, name)
    small: dict[str, Any] = {"ha": "right", "size": TEXT - 0.5}
    if row is None or values is None:
        if panel is PANELS[0]:
            canvas.text(panel.numbers, y, _instead(bundle, name), color=MUTED, **small)
        return
    estimate, low, high = values
    canvas.line((axis.at(low), y), (axis.at(high), y), INK, size=0.7)
    for bound, outside, step in ((low, low < axis.low, -1), (high, high > axis.high, 1)):
        if outside:
            edge = axis.at(bound)
            canvas.arrow((edge - step * 0.1, y), (edge, y), INK)
    main = name == protocol.PRIMARY_OUTCOME
    if axis.low <= estimate <= axis.high:
        shape, fill = ("D", AFTER) if main else ("o", PAPER)
        canvas.point(axis.at(estimate), y, shape=shape, fill=fill)
    told = panel.write(row["estimate"])
    if pd.notna(row["ci_low"]):
        told += f" ({panel.write(row['ci_low'])} to {panel.write(row['ci_high'])})"
    canvas.text(panel.numbers, y, told, bold=main, **small)


def _instead(bundle: ReleasedBundle, name: str) -> str:
    """Write what stands in a row without an effect: a p, or that there is no result."""
    p = sentences.permutation_p(bundle, protocol.PRIMARY_OUTCOME)
    if name == sentences.permutation_of(protocol.PRIMARY_OUTCOME) and p is not None:
        return numbers.p_value(p)
    status = bundle.status(name)[0]
    # Estimated on another scale or in several terms: its own section shows it.
    return numbers.EN_DASH if status == ESTIMATED else labels.label(labels.STATUSES, status)


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
    step = next((s for s in steps if (high - low) / s <= 4), 1.0)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
