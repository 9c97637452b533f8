# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""The house style of figures: one theme, one palette, sizes that fit the page.

Colours are from Okabe and Ito's palette, safe for the colour-blind, and nothing is told by colour
alone. DejaVu ships with matplotlib, so that a figure is the same on every machine.
"""

from __future__ import annotations

from datetime import date
from math import log
from typing import Any, Final

from plotnine import (
    element_blank,
    element_line,
    element_rect,
    element_text,
    ggplot,
    theme,
    theme_get,
    theme_minimal,
)

from fvlib.refresh import add_months
from fvlib.report.words import numbers

WIDTH: Final = 6.5  # inches: the text width of an A4 page
HEIGHT: Final = 3.2  # inches: of a chapter's own figure that says nothing else
FONT: Final = "DejaVu Sans"
SIZE: Final = 8.5

INK: Final = "#1f2a37"
MUTED: Final = "#5b6675"
GRID: Final = "#e3e7ec"
PALE: Final = "#f4f6f9"
PAPER: Final = "#ffffff"
BEFORE: Final = "#dfe5ec"
AFTER: Final = "#0072b2"
BAND: Final = "#e6f1f8"
AFTER_TINT: Final = "#d3e6f3"
ALERT: Final = "#d55e00"
# Where an axis of ratios may be marked.
RATIOS: Final = (0.1, 0.2, 0.33, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10)
# Points: geom_text sizes are in millimetres of the theme's own scale.
TEXT: Final = 7.5


def house_theme(height: float, width: float = WIDTH, **changes: Any) -> theme:
    """Return the theme of every figure.

    Parameters
    ----------
    height, width
        Size in inches.
    **changes
        Further theme elements.
    """
    return theme_minimal(base_size=SIZE, base_family=FONT) + theme(
        figure_size=(width, height),
        text=element_text(color=INK),
        plot_background=element_rect(fill=PAPER, color=PAPER),
        panel_grid_minor=element_blank(),
        panel_grid_major=element_line(color=GRID, size=0.5),
        axis_title=element_text(size=SIZE, color=MUTED),
        axis_text=element_text(size=SIZE - 0.5, color=INK),
        axis_ticks=element_blank(),
        plot_title=element_text(size=SIZE + 1, weight="bold", ha="left"),
        strip_text=element_text(size=SIZE, weight="bold", ha="left"),
        legend_position="bottom",
        legend_title=element_blank(),
        legend_text=element_text(size=SIZE),
        legend_key_size=10,
        **changes,
    )


def dress_plot(plot: Any) -> Any:
    """Give a chapter's own ggplot the house theme, unless it brings a theme of its own."""
    plain = isinstance(plot, ggplot) and plot.theme == theme_get()
    return plot + house_theme(HEIGHT) if plain else plot


def dress_figure(figure: Any) -> Any:
    """Give a chapter's own matplotlib figure the house's colours, sizes and frame."""
    from matplotlib import pyplot  # noqa: PLC0415  (only a figure that is matplotlib's needs it)
    from matplotlib.text import Text  # noqa: PLC0415

    figure.set_facecolor(PAPER)
    for text in figure.findobj(Text):
        text.set(family=FONT, color=INK if text.get_color() == "black" else text.get_color())
        text.set_fontsize(min(text.get_fontsize(), SIZE))
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GRID)
        axes.tick_params(color=GRID, labelsize=SIZE - 0.5, labelcolor=INK)
    pyplot.close(figure)  # a notebook would show an open one a second time
    return figure


def months_since(start: date, day: date) -> float:
    """Return calendar months from `start` to a day, the day's share of its month included."""
    whole = 12 * (day.year - start.year) + day.month - start.month
    length = (add_months(day.replace(day=1), 1) - day.replace(day=1)).days
    return whole + (day.day - 1) / length - (start.day - 1) / length


def month_label(start: date, months: float) -> str:
    """Write the month that lies so many months after the start: Oct 2019 on two lines."""
    return f"{add_months(start, round(months)):%b\n%Y}"


def ratio_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return the ratios at which a log axis from `low` to `high` (logs) is marked.

    One comes first; of the others, those that leave room for about `most` labels.
    """
    room = (high - low) / most
    kept: list[float] = []
    for value in sorted(RATIOS, key=lambda ratio: abs(log(ratio))):
        inside = low <= log(value) <= high
        if inside and all(abs(log(value) - log(other)) >= room for other in kept):
            kept.append(value)
    return sorted(kept)


def ratio_tick(value: float) -> str:
    """Write a ratio on an axis: 0.5, 1, 1.25."""
    return numbers.number(value, 2).rstrip("0").rstrip(".")
