"""All figures by name: estimates and side tables as plotnine objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fvlib.report import flow_plot, forest_plot, quality_plots, result_plots, trial_plots
from fvlib.report.bundle import Bundle
from fvlib.report.canvas import words_only

NOTHING: Final = "Nothing to show in this refresh"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: what draws it, and the side table without which there is nothing to draw."""

    draw: Callable[[Bundle], Any]
    table: str | None = None


PLOTS: Final = {
    "wedge": Figure(trial_plots.wedge, "periods"),
    "flow": Figure(flow_plot.flow, "flow"),
    "crude_rate": Figure(trial_plots.crude_rate, "periods"),
    "forest": Figure(forest_plot.forest),
    "la_intercepts": Figure(result_plots.la_intercepts, "la_intercepts"),
    "arrivals": Figure(quality_plots.arrivals, "arrivals"),
    "set_aside": Figure(quality_plots.set_aside, "set_aside"),
    "missingness": Figure(quality_plots.missingness, "missingness"),
}


def draw(bundle: Bundle, name: str) -> Any:
    """Draw a figure; one without data says so in words, and the report goes on."""
    figure = PLOTS[name]
    if figure.table is not None and bundle.table(figure.table).empty:
        return words_only(NOTHING)
    return figure.draw(bundle)
