"""All figures by name: estimates and side tables as plotnine objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fvlib import protocol
from fvlib.report.bundle import ReleasedBundle
from fvlib.report.plots import (
    cohort,
    data,
    flow,
    forest,
    imputation,
    ipe,
    outcomes,
    results,
    sensitivity,
    trial,
)
from fvlib.report.plots.canvas import words_only
from fvlib.report.words.phrases import say


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: what draws it, and the side table without which there is nothing to draw."""

    draw: Callable[[ReleasedBundle], Any]
    table: str | None = None


PLOTS: Final = {
    "wedge": Figure(trial.wedge, "periods"),
    "flow": Figure(flow.flow, "flow"),
    "crude_rate": Figure(trial.crude_rate, "periods"),
    "forest": Figure(forest.forest),
    "la_intercepts": Figure(results.la_intercepts, "la_intercepts"),
    "arrivals": Figure(data.arrivals, "arrivals"),
    "set_aside": Figure(data.set_aside, "set_aside"),
    "missingness": Figure(data.missingness, "missingness"),
    "ipe_schedule": Figure(ipe.schedule, "ipe_schedule"),
    "trial_schedule": Figure(ipe.trial_schedule, "trial_schedule"),
    "ipe_indicators": Figure(ipe.indicators, "ipe"),
    "ipe_survey": Figure(ipe.survey, "ipe_scores"),
    "ipe_bridge": Figure(ipe.bridge, "periods"),
    "volume": Figure(cohort.volume, "volume"),
    "stayed_open": Figure(cohort.stayed_open, "stayed_open"),
    "ages": Figure(cohort.ages, "profiles"),
    "balance": Figure(cohort.balance, "balance"),
    "missing_over_time": Figure(imputation.missing_over_time, "missingness_periods"),
    "imputed_shares": Figure(imputation.imputed_shares, "imputed_shares"),
    "imputation_trace": Figure(imputation.trace, "imputation_trace"),
    "secondary_forest": Figure(outcomes.forest),
    "s3_distribution": Figure(outcomes.s3_distribution, "s3_distribution"),
    "s6_terms": Figure(outcomes.s6_terms, "s6_terms"),
    "observed": Figure(outcomes.observed, "calendar"),
    **{
        f"crude_rate_{outcome}": Figure(
            partial(trial.crude_rate, outcome=outcome), "outcome_periods"
        )
        for outcome in protocol.SECONDARY_OUTCOMES
    },
    "forest_beside": Figure(forest.forest_beside),
    "permutation": Figure(sensitivity.permutation, "permutation"),
    "exposure_curve": Figure(sensitivity.exposure_curve),
    "triangulation": Figure(sensitivity.triangulation, "triangulation"),
    "savings": Figure(sensitivity.savings),
    "tipping_point": Figure(sensitivity.tipping_point, "tipping_point"),
}


def draw(bundle: ReleasedBundle, name: str) -> Any:
    """Draw a figure; one without data says so in words, and the report goes on."""
    figure = PLOTS[name]
    if figure.table is not None and bundle.table(figure.table).empty:
        return words_only(say("figures.nothing"))
    return figure.draw(bundle)
