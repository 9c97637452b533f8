# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""A plot in inches: boxes, lines, points and text laid out row by row, as a table is.

For figures whose labels, marks and figures must line up, which axes and facets can't promise.
x runs from 0 to the page's width, y from 0 downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd
from plotnine import (
    aes,
    arrow,
    element_blank,
    geom_point,
    geom_rect,
    geom_segment,
    geom_text,
    ggplot,
    labs,
    scale_color_identity,
    scale_fill_identity,
    scale_shape_identity,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from fvlib.report.plots.style import FONT, INK, MUTED, PAPER, TEXT, WIDTH, house_theme

BASELINE: Final = 0.035  # inches from the middle of a line of text down to its baseline
ARROWHEAD: Final = 0.05


@dataclass
class Canvas:
    """What is to be drawn, by kind; later kinds lie over earlier ones."""

    boxes: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    arrows: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)

    def box(
        self, x: tuple[float, float], y: tuple[float, float], fill: str, edge: str = ""
    ) -> None:
        """Add a box from left to right and from its lower to its upper edge."""
        self.boxes.append(
            {
                "xmin": x[0], "xmax": x[1], "ymin": y[0], "ymax": y[1], "fill": fill,
                "color": edge or fill,
            }
        )  # fmt: skip

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        color: str,
        *,
        size: float = 0.5,
        dashed: bool = False,
    ) -> None:
        """Add a line."""
        self.lines.append(_ends(start, end, color) | {"size": size, "dashed": dashed})

    def arrow(self, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
        """Add a line with an arrowhead at its end."""
        self.arrows.append(_ends(start, end, color))

    def point(self, x: float, y: float, *, shape: str = "o", fill: str = PAPER) -> None:
        """Add a point."""
        self.points.append({"x": x, "y": y, "shape": shape, "fill": fill})

    def text(
        self,
        x: float,
        y: float,
        label: str,
        *,
        ha: str = "left",
        bold: bool = False,
        color: str = INK,
        size: float = TEXT,
    ) -> None:
        """Add a line of text whose middle is at y."""
        self.texts.append(
            {
                "x": x, "y": y - BASELINE, "label": label, "ha": ha, "color": color,
                "weight": "bold" if bold else "normal", "size": size,
            }
        )  # fmt: skip

    def plot(self, bottom: float) -> ggplot:
        """Draw it all on a page of the given depth (y of its lower edge)."""
        plot = _blank(bottom)
        if self.boxes:
            plot = plot + geom_rect(
                aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="fill", color="color"),
                pd.DataFrame(self.boxes), size=0.4,
            )  # fmt: skip
        ends = aes(x="x", xend="xend", y="y", yend="yend", color="color")
        for (size, dashed), part in _split(self.lines, ["size", "dashed"]):
            kind = "dashed" if dashed else "solid"
            plot = plot + geom_segment(ends, part, size=size, linetype=kind)
        if self.arrows:
            head = arrow(length=ARROWHEAD, type="closed")
            plot = plot + geom_segment(ends, pd.DataFrame(self.arrows), size=0.5, arrow=head)
        if self.points:
            plot = plot + geom_point(
                aes(x="x", y="y", shape="shape", fill="fill"), pd.DataFrame(self.points),
                color=INK, size=1.9, stroke=0.4,
            )  # fmt: skip
        for (ha, weight, size), part in _split(self.texts, ["ha", "weight", "size"]):
            plot = plot + geom_text(
                aes(x="x", y="y", label="label", color="color"), part, ha=ha, va="baseline",
                size=size, family=FONT, fontweight=weight,
            )  # fmt: skip
        return plot


def words_only(text: str) -> ggplot:
    """Return a small figure that holds a line of text in place of a picture."""
    canvas = Canvas()
    canvas.text(WIDTH / 2, -0.2, text, ha="center", color=MUTED)
    return canvas.plot(-0.4)


def _ends(start: tuple[float, float], end: tuple[float, float], color: str) -> dict[str, Any]:
    return {"x": start[0], "y": start[1], "xend": end[0], "yend": end[1], "color": color}


def _split(rows: list[dict[str, Any]], by: list[str]) -> list[tuple[Any, pd.DataFrame]]:
    """Split rows by what a layer can have only one of."""
    return list(pd.DataFrame(rows).groupby(by, sort=False)) if rows else []


def _blank(bottom: float) -> ggplot:
    return (
        ggplot()
        + scale_x_continuous(limits=(0, WIDTH), expand=(0, 0), breaks=[])
        + scale_y_continuous(limits=(bottom - 0.02, 0.02), expand=(0, 0), breaks=[])
        + scale_color_identity()
        + scale_fill_identity()
        + scale_shape_identity()
        + labs(x="", y="")
        + house_theme(0.04 - bottom)
        + theme(
            panel_grid=element_blank(),
            axis_title=element_blank(),
            axis_text=element_blank(),
            plot_margin=0,
        )
    )
