"""What the forest plots share: an axis laid out in inches, and the estimates drawn on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from fvlib.report.plots.canvas import Canvas
from fvlib.report.plots.style import AFTER, ALERT, GRID, INK, PAPER, TEXT

ROOM: Final = 0.06  # of the axis, on either side of what it holds
Row = Mapping[str, Any] | pd.Series
Values = tuple[float, float, float]  # estimate, low, high


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from `low` to `high`, in its own units; `left` and `right` are inches."""

    low: float
    high: float
    left: float
    right: float

    def at(self, value: float) -> float:
        """Give the inches at which a value stands; one beyond the axis stands at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.left + share * (self.right - self.left)

    def draw(
        self,
        canvas: Canvas,
        edges: tuple[float, float],
        ticks: Iterable[tuple[float, str]],
        dashed: Iterable[float] = (),
    ) -> None:
        """Draw ticks (place, label), dashed lines and that of no effect, lower to upper edge."""
        bottom, top = edges
        for place, label in ticks:
            x = self.at(place)
            canvas.line((x, bottom), (x, top), GRID)
            canvas.text(x, bottom - 0.1, label, ha="center", size=TEXT - 0.5)
        for place in dashed:
            canvas.line(
                (self.at(place), bottom), (self.at(place), top), ALERT, size=0.6, dashed=True
            )
        canvas.line((self.at(0.0), bottom), (self.at(0.0), top), INK, size=0.6)

    def interval(
        self,
        canvas: Canvas,
        y: float,
        values: Values,
        *,
        main: bool,
        color: str = INK,
        size: float = 0.7,
    ) -> None:
        """Draw an estimate and its interval, with an arrowhead where the axis cuts it."""
        estimate, low, high = values
        canvas.line((self.at(low), y), (self.at(high), y), color, size=size)
        for bound, outside, step in ((low, low < self.low, -1), (high, high > self.high, 1)):
            if outside:
                canvas.arrow((self.at(bound) - step * 0.1, y), (self.at(bound), y), color)
        if self.low <= estimate <= self.high:
            shape, fill = ("D", AFTER) if main else ("o", PAPER)
            canvas.point(self.at(estimate), y, shape=shape, fill=fill)


def with_room(low: float, high: float) -> tuple[float, float]:
    """Widen an axis's limits, so that nothing stands on its edge."""
    room = ROOM * ((high - low) or 1.0)
    return low - room, high + room


def on_axis(row: Row | None, to_axis: Callable[[float], float]) -> Values | None:
    """Give a row's estimate and interval on an axis; without an interval, the estimate alone."""
    if row is None:
        return None
    estimate, low, high = (float(row[name]) for name in ("estimate", "ci_low", "ci_high"))
    return (
        to_axis(estimate),
        to_axis(low if pd.notna(low) else estimate),
        to_axis(high if pd.notna(high) else estimate),
    )


def written(row: Row, write: Callable[[float], str]) -> str:
    """Write an estimate with its interval: 0.86 (0.77 to 0.96)."""
    estimate, low, high = (float(row[name]) for name in ("estimate", "ci_low", "ci_high"))
    return write(estimate) + (f" ({write(low)} to {write(high)})" if pd.notna(low) else "")
