"""All figures by name: estimates and side tables as plotnine objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fvlib.report import flow_plot, quality_plots, result_plots, trial_plots

# Each takes the released bundle.
PLOTS: Final[dict[str, Callable[..., Any]]] = {
    "wedge": trial_plots.wedge,
    "crude_rate": trial_plots.crude_rate,
    "forest": result_plots.forest,
    "la_intercepts": result_plots.la_intercepts,
    "arrivals": quality_plots.arrivals,
    "set_aside": quality_plots.set_aside,
    "missingness": quality_plots.missingness,
    "flow": flow_plot.flow,
}
