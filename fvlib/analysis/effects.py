"""Models in which the effect differs: by time since go-live (X5), by readiness (X13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import chi2

from fvlib import protocol
from fvlib.analysis import estimates
from fvlib.analysis.design import TREATMENT, Codes, Design, Floats, NotEstimable
from fvlib.analysis.fit import Alike, CombinedFits, Fit, Quantity
from fvlib.analysis.methods import PooledMethod, clustering, fit_logistic_design, record_fit
from fvlib.models.records import LogisticFit
from fvlib.models.wedge.power import exposure_weights, icc_probability
from fvlib.remarks import Code, remark

# Prefix of the columns that stand for the treatment after m periods.
_AFTER: Final = f"{TREATMENT}_m"


@dataclass(frozen=True, slots=True)
class ByExposure:
    """The protocol's model with an effect of its own for each period since go-live (X5).

    Treatment's own term is left out, as it and all its exposure indicators can't be told apart.
    The time-averaged effect is the mean of the exposure times' effects, the long-term effect that
    of the last one (Kenny and others 2022, doi 10.1002/sim.9511), with delta-method variances.
    """

    def apart(self, rows: pd.DataFrame) -> Sequence[Codes]:
        """Tell rows apart by the time since go-live too."""
        return (rows["exposure_time"].to_numpy(np.int64) + 1,)

    def fit(self, design: Design, start: LogisticFit | None = None) -> Fit:
        """Fit it: `m0`, `m1`, ..., `time_averaged`, `long_term`, on the log-odds scale."""
        since = design.frame["exposure_time"].to_numpy(np.int64)
        treated = design.frame["treated"].to_numpy() == 1
        times = np.unique(since[treated])
        if len(times) < 2:
            raise NotEstimable(Code.ONE_EXPOSURE_PERIOD)
        columns = {f"{_AFTER}{m}": (treated & (since == m)).astype(float) for m in times}
        wide = design.with_columns(columns, without=[TREATMENT])
        fit = fit_logistic_design(wide, start=start)
        at = [fit.names.index(name) for name in columns]
        effects, covariance = fit.coefficients[at], fit.covariance[np.ix_(at, at)]
        contrasts = {f"m{m}": row for m, row in zip(times, np.eye(len(times)), strict=True)}
        contrasts["time_averaged"] = np.full(len(times), 1.0 / len(times))
        contrasts["long_term"] = np.eye(len(times))[-1]
        quantities = tuple(
            contrast(name, row, effects, covariance, tested=not name.startswith("m"))
            for name, row in contrasts.items()
        )
        weights = _weights(design, since, treated, icc_probability(design.rate, fit.sigmas[0]))
        return replace(
            record_fit(fit, (*quantities, *clustering(fit, wide))),
            draws=(effects, covariance, weights),
        )

    def combine(self, fits: Sequence[Fit]) -> CombinedFits:
        """Pool by Rubin's rules, and test on the pooled curve that the effect is constant."""
        effects = np.array([fit.draws[0] for fit in fits])
        within = np.mean([fit.draws[1] for fit in fits], axis=0)
        statistic, df = constancy(effects, within)
        row = {
            "term": "constancy",
            "scale": "p_only",
            "estimate": statistic,
            "df": df,
            "p_value": float(chi2.sf(statistic, df)),
        }
        return CombinedFits(
            [*estimates.pool(fits), row],
            {"exposure_weights": fits[0].draws[2]},
            (Code.LONGEST_EXPOSURE,),
        )


def contrast(
    name: str, row: Floats, effects: Floats, covariance: Floats, *, tested: bool
) -> Quantity:
    """Give a linear combination of effects with its delta-method standard error."""
    error = float(np.sqrt(row @ covariance @ row))
    return Quantity(name, "log_odds", float(row @ effects), error, tested=tested)


def constancy(effects: Floats, within: Floats) -> tuple[float, float]:
    """Wald test that all effects are equal, over imputations.

    Parameters
    ----------
    effects
        Shape (imputations, times).
    within
        Mean of their covariances.

    Returns
    -------
    Chi-squared statistic of the pooled effects and covariance, and its degrees of freedom.
    """
    count, times = effects.shape
    total = within
    if count > 1:
        total = within + (1.0 + 1.0 / count) * np.cov(effects, rowvar=False)
    differences = np.eye(times)[1:] - np.eye(times)[:-1]
    apart = differences @ effects.mean(axis=0)
    return float(apart @ np.linalg.solve(differences @ total @ differences.T, apart)), times - 1.0


def _weights(design: Design, since: np.ndarray, treated: np.ndarray, icc: float) -> pd.DataFrame:
    """Tell what the one constant effect weighs each exposure time with."""
    cells = pd.DataFrame(
        {
            "la": design.la,
            "period": design.frame["period"].to_numpy(),
            "exposure": np.where(treated, since, -1),
            "n": 1.0 if design.trials is None else design.trials,
        }
    )
    sizes = cells.groupby(["la", "period", "exposure"], as_index=False, sort=False)["n"].sum()
    found = exposure_weights(
        sizes["la"].to_numpy(),
        sizes["period"].to_numpy(),
        sizes["exposure"].to_numpy(),
        sizes["n"].to_numpy(np.float64),
        icc,
    )
    return pd.DataFrame({"exposure_time": found.exposure, "weight": found.weights.round(4)})


@dataclass(frozen=True, slots=True)
class ByReadiness(Alike, PooledMethod):
    """The protocol's model with an effect of its own in each readiness stratum (X13).

    Terms `treatment_high`, `treatment_low` and `interaction`, their difference, on the log-odds
    scale. None has a p: readiness was not randomised, so there is no verdict.
    """

    def fit(self, design: Design, start: LogisticFit | None = None) -> Fit:
        """Fit it, with the high stratum's own indicator."""
        readiness = np.array([la.readiness == "high" for la in protocol.LOCAL_AUTHORITIES])
        high = readiness[design.la].astype(float)
        treated = design.X[:, design.names.index(TREATMENT)]
        columns = {"treatment_high": treated * high, "treatment_low": treated * (1.0 - high)}
        if lacking := [name for name, values in columns.items() if not values.any()]:
            stratum = lacking[0].removeprefix("treatment_")
            raise NotEstimable(remark(Code.STRATUM_NOT_LIVE, stratum))
        wide = design.with_columns({"high": high, **columns}, without=[TREATMENT])
        fit = fit_logistic_design(wide, start=start)
        at = [fit.names.index(name) for name in columns]
        effects, covariance = fit.coefficients[at], fit.covariance[np.ix_(at, at)]
        quantities = tuple(
            contrast(name, np.array(row), effects, covariance, tested=False)
            for name, row in (
                ("treatment_high", [1.0, 0.0]),
                ("treatment_low", [0.0, 1.0]),
                ("interaction", [1.0, -1.0]),
            )
        )
        return record_fit(fit, (*quantities, *clustering(fit, wide)))
