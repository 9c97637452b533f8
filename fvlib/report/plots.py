"""All figures by name: estimates and side tables as plotnine objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fvlib import protocol
from fvlib.report import (
    cohort_plots,
    flow_plot,
    forest_plot,
    imputation_plots,
    ipe_plots,
    quality_plots,
    result_plots,
    secondary_plots,
    sensitivity_plots,
    trial_plots,
)
from fvlib.report.bundle import Bundle
from fvlib.report.canvas import words_only
from fvlib.report.phrases import say


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
    "ipe_schedule": Figure(ipe_plots.schedule, "ipe_schedule"),
    "trial_schedule": Figure(ipe_plots.trial_schedule, "trial_schedule"),
    "ipe_indicators": Figure(ipe_plots.indicators, "ipe"),
    "ipe_survey": Figure(ipe_plots.survey, "ipe_scores"),
    "ipe_bridge": Figure(ipe_plots.bridge, "periods"),
    "volume": Figure(cohort_plots.volume, "volume"),
    "stayed_open": Figure(cohort_plots.stayed_open, "stayed_open"),
    "ages": Figure(cohort_plots.ages, "profiles"),
    "balance": Figure(cohort_plots.balance, "balance"),
    "missing_over_time": Figure(imputation_plots.missing_over_time, "missingness_periods"),
    "imputed_shares": Figure(imputation_plots.imputed_shares, "imputed_shares"),
    "imputation_trace": Figure(imputation_plots.trace, "imputation_trace"),
    "secondary_forest": Figure(secondary_plots.forest),
    "s3_distribution": Figure(secondary_plots.s3_distribution, "s3_distribution"),
    "s6_terms": Figure(secondary_plots.s6_terms, "s6_terms"),
    "observed": Figure(secondary_plots.observed, "calendar"),
    **{
        f"crude_rate_{outcome}": Figure(
            partial(trial_plots.crude_rate, outcome=outcome), "outcome_periods"
        )
        for outcome in protocol.SECONDARY_OUTCOMES
    },
    "forest_beside": Figure(forest_plot.forest_beside),
    "permutation": Figure(sensitivity_plots.permutation, "permutation"),
    "exposure_curve": Figure(sensitivity_plots.exposure_curve),
    "triangulation": Figure(sensitivity_plots.triangulation, "triangulation"),
    "savings": Figure(sensitivity_plots.savings),
    "tipping_point": Figure(sensitivity_plots.tipping_point, "tipping_point"),
}


def draw(bundle: Bundle, name: str) -> Any:
    """Draw a figure; one without data says so in words, and the report goes on."""
    figure = PLOTS[name]
    if figure.table is not None and bundle.table(figure.table).empty:
        return words_only(say("figures.nothing"))
    return figure.draw(bundle)
