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

from fvlib import protocol
from fvlib.report.arrangement import arrange_analyses, comparable, label
from fvlib.report.bundle import ESTIMATED, ReleasedBundle
from fvlib.report.plots.canvas import Canvas
from fvlib.report.plots.intervals import Axis, Values, on_axis, with_room, written
from fvlib.report.plots.style import (
    BAND,
    INK,
    MUTED,
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
    to_axis: Callable[[float], float]
    write: Callable[[float], str]
    tick: Callable[[float], str]
    marks: tuple[float, ...] = ()


PANELS: Final = (
    Panel(
        "odds_ratio", "Odds ratio", 1.95, 2.98, 4.11, math.log, numbers.ratio,
        ratio_tick,
    ),
    Panel(
        "risk_difference", "Percentage points", 4.26, 5.28, WIDTH - 0.02, lambda value: value,
        numbers.points, lambda value: numbers.number(100 * value, 1).removesuffix(".0"),
        marks=(-protocol.MDES, protocol.MDES),
    ),
)  # fmt: skip


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
    rows = {name: comparable(bundle, name, panel.scale) for name, _ in effects}
    shown = {name: on_axis(row, panel.to_axis) for name, row in rows.items()}
    low, high = limits([values for values in shown.values() if values], panel, shown.get("P1"))
    axis = Axis(low, high, panel.left, panel.right)
    top = -HEAD + 0.04
    primary = shown.get(protocol.PRIMARY_OUTCOME)
    if primary:
        canvas.box((axis.at(primary[1]), axis.at(primary[2])), (bottom, top), BAND)
    marks = ticks(axis.low, axis.high, panel)
    axis.draw(
        canvas, (bottom, top), ((panel.to_axis(v), panel.tick(v)) for v in marks), panel.marks
    )
    canvas.line((panel.left, bottom), (panel.right, bottom), MUTED)
    middle = (panel.left + panel.right) / 2
    small: dict[str, Any] = {"color": MUTED, "size": TEXT - 0.5}
    canvas.text(panel.left, -0.14, panel.heading, bold=True)
    canvas.text(panel.left, -0.28, f"{numbers.confidence_level()} confidence interval", **small)
    note = f"dashed: \u00b1{numbers.points(panel.marks[-1])}" if panel.marks else "log scale"
    canvas.text(middle, bottom - 0.26, note, ha="center", **small)
    canvas.text(panel.left, bottom - 0.44, f"{ARROWS[0]} fewer", **small)
    canvas.text(panel.right, bottom - 0.44, f"more {ARROWS[1]}", ha="right", **small)
    for name, y in effects:
        told: dict[str, Any] = {"ha": "right", "size": TEXT - 0.5}
        row, values, main = rows[name], shown[name], name == protocol.PRIMARY_OUTCOME
        if row is not None and values is not None:
            axis.interval(canvas, y, values, main=main)
            canvas.text(panel.numbers, y, written(row, panel.write), bold=main, **told)
        elif panel is PANELS[0]:
            canvas.text(panel.numbers, y, _instead(bundle, name), color=MUTED, **told)


ARROWS: Final = ("\u2190", "\u2192")


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
    low = min([0.0, *panel.marks, *(values[1] for values in shown)])
    high = max([0.0, *panel.marks, *(values[2] for values in shown)])
    if primary:
        reach = FURTHEST * (primary[2] - primary[1])
        inner = [0.0, *panel.marks, primary[1], primary[2]]
        low = max(low, min([primary[0] - reach, *inner]))
        high = min(high, max([primary[0] + reach, *inner]))
    return with_room(low, high)


def ticks(low: float, high: float, panel: Panel) -> list[float]:
    """Return the values that a panel's axis is marked at."""
    if panel.to_axis is math.log:
        return ratio_ticks(low, high, most=5)
    steps = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    step = next((s for s in steps if (high - low) / s <= 4), 1.0)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
