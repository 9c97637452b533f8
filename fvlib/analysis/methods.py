"""The models of the plan, each a frozen row entry: complete design in, fit out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.special import logit

from fvlib.analysis import estimates
from fvlib.analysis.design import TREATMENT, Design, Floats, NotEstimable
from fvlib.analysis.fit import Alike, CombinedFits, EachRow, Fit, FitFailed, Quantity
from fvlib.models.identify import COMBINATION, CONSTANT, ZERO
from fvlib.models.inference import cell_df
from fvlib.models.logistic.fit import SETTLED
from fvlib.models.mixed import (
    LinearFit,
    LogisticFit,
    MixedFit,
    Separation,
    Unidentified,
    fit_linear,
    fit_logistic,
    switched_effect,
)
from fvlib.models.wedge.power import icc_probability
from fvlib.remarks import Code, remark
from fvlib.trial.covariates import LA_COVARIATES

# Why a fit left a column out, as `fvlib.models` says it, and the code of it.
DROPPED: Final = {
    ZERO: Code.ZERO,
    CONSTANT: Code.CONSTANT,
    COMBINATION: Code.COMBINATION,
    SETTLED: Code.SETTLED,
}


class PooledMethod(EachRow):
    """Combine by Rubin's rules, as most methods do."""

    __slots__ = ()

    def combine(self, fits: Sequence[Fit]) -> CombinedFits:
        """Pool the quantities of the fits."""
        return CombinedFits(estimates.pool(fits))


@dataclass(frozen=True, slots=True)
class LogisticMixed(Alike, PooledMethod):
    """The protocol's model: logistic, LA random intercept, by adaptive Gauss-Hermite."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it; see `fvlib.models.mixed.fit_logistic`."""
        fit = fit_logistic_design(design, start=start)
        return record_fit(fit, (*_effect(fit, design), *clustering(fit, design)))


@dataclass(frozen=True, slots=True)
class LogisticNested(Alike, PooledMethod):
    """The protocol's model with a further random intercept for each LA and period.

    Without it the standard error is too small when LAs drift apart over time. Its interval is
    from t with cells - LAs - (periods - 1) - 1 - LA covariates degrees of freedom (analysis plan,
    "How a result is worded").
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it by Laplace's approximation."""
        fit = fit_logistic_design(design, start=start, subgroups=design.cell)
        df = df_of_cells(design, fit.names)
        effect = _effect(fit, design, df=df, subgroups=design.cell)
        treated = design.X[:, design.names.index(TREATMENT)]
        among = _effect(fit, design, df=df, subgroups=design.cell, among=treated)[1]
        effect = (*effect, replace(among, term="among_treated"))
        spread = Quantity("la_period_sd", "log_odds", float(fit.sigmas[1]))
        return record_fit(fit, (*effect, *clustering(fit, design), spread))


@dataclass(frozen=True, slots=True)
class LogisticFixed(Alike, PooledMethod):
    """Logistic with LA indicators in place of the random intercept."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it: the LA indicators are columns, and every row is in one group."""
        las = np.unique(design.la)[1:]
        X = np.column_stack([design.X, *((design.la == la).astype(float) for la in las)])
        names = (*design.names, *(f"la[{la}]" for la in las))
        one_group = replace(design, X=X, names=names, la=np.zeros_like(design.la))
        fit = fit_logistic_design(one_group, start=start)
        # With one group its intercept's variance can't be told: no news, and nothing to warn of.
        return replace(
            record_fit(fit, _effect(fit, one_group)), singular=False, warnings=(), la_intercepts={}
        )


@dataclass(frozen=True, slots=True)
class LinearMixed(PooledMethod):
    """Linear, LA random intercept, by REML with Satterthwaite's degrees of freedom."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it; see `fvlib.models.mixed.fit_linear`."""
        fit = fitted_linear(design, start=start)
        return record_fit(fit, (difference(fit), *_spreads(fit, ("la_sd", "residual_sd"))))


@dataclass(frozen=True, slots=True)
class LinearRepeated(PooledMethod):
    """Linear, child random intercepts within LA random intercepts, for rows that repeat a child."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it; see `fvlib.models.mixed.fit_linear`."""
        fit = fitted_linear(design, subgroups=design.child, start=start)
        spreads = _spreads(fit, ("la_sd", "child_sd", "residual_sd"))
        return record_fit(fit, (difference(fit), *spreads), within="children")


@dataclass(frozen=True, slots=True)
class LinearNested(PooledMethod):
    """The linear mixed model with a further random intercept for each LA and period.

    Its interval is from t with the degrees of freedom of :class:`LogisticNested`: what is compared
    are cells, and Satterthwaite's number would rest on a handful of variances near zero.
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it by REML; see `fvlib.models.mixed.fit_linear`."""
        fit = fitted_linear(design, subgroups=design.cell, start=start)
        spreads = _spreads(fit, ("la_sd", "la_period_sd", "residual_sd"))
        return record_fit(fit, (between_cells(fit, design), *spreads))


@dataclass(frozen=True, slots=True)
class LinearRepeatedNested(PooledMethod):
    """Child random intercepts within LA x period ones within LA ones, for rows that repeat a child.

    A child has one referral, so one period: children are nested in cells. Degrees of freedom as
    for :class:`LinearNested`.
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it by REML; see `fvlib.models.mixed.fit_linear`."""
        fit = fitted_linear(design, subgroups=design.cell, units=design.child, start=start)
        spreads = _spreads(fit, ("la_sd", "la_period_sd", "child_sd", "residual_sd"))
        return record_fit(fit, (between_cells(fit, design), *spreads))


@dataclass(frozen=True, slots=True)
class LinearProbability(PooledMethod):
    """The linear mixed model of a binary outcome: its coefficient is a difference in risk."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it; see `fvlib.models.mixed.fit_linear`."""
        fit = fitted_linear(design, start=start)
        return record_fit(fit, (replace(difference(fit), scale="risk_difference"),))


def fitted_linear(
    design: Design, subgroups: Any = None, units: Any = None, *, start: Any = None
) -> LinearFit:
    """Fit the linear mixed model; what it can't tell is a failure by the plan's rules."""
    try:
        return fit_linear(
            design.y,
            design.X,
            design.la,
            subgroups=subgroups,
            names=design.names,
            units=units,
            start=start,
            preference=design.drop_first,
            protected=design.protected,
        )
    except Unidentified as reason:
        raise FitFailed(reason.remark) from reason


def difference(fit: LinearFit) -> Quantity:
    """Give the treatment's coefficient: a difference in means."""
    at = fit.names.index(TREATMENT)
    return Quantity(
        TREATMENT,
        "mean_difference",
        float(fit.coefficients[at]),
        float(fit.std_errors[at]),
        float(fit.df[at]),
        tested=True,
    )


def between_cells(fit: LinearFit, design: Design) -> Quantity:
    """Give the difference in means with the LA x period model's degrees of freedom."""
    return replace(difference(fit), df=df_of_cells(design, fit.names))


def _spreads(fit: LinearFit, names: tuple[str, ...]) -> tuple[Quantity, ...]:
    """Give the standard deviations on the outcome's scale, and the LAs' share of the variance."""
    shares = np.square(fit.sigmas) / np.square(fit.sigmas).sum()
    return (
        *(
            Quantity(name, "mean_difference", float(sigma))
            for name, sigma in zip(names, fit.sigmas, strict=True)
        ),
        Quantity("icc", "icc_linear", float(shares[0])),
    )


def df_of_cells(design: Design, kept: Sequence[str]) -> float:
    """Degrees of freedom of what is compared between LA x period cells.

    Parameters
    ----------
    design
        The rows.
    kept
        Columns of the fit: LA covariates that were dropped cost nothing.

    Raises
    ------
    NotEstimable
        None are left.
    """
    cells, las = len(np.unique(design.cell)), len(np.unique(design.la))
    periods = sum(name.startswith("period[") for name in kept)
    covariates = sum(name in LA_COVARIATES for name in kept)
    try:
        return float(cell_df(cells, las, periods + 1, covariates))
    except ValueError as none:
        raise NotEstimable(Code.FEW_CELLS) from none


def fit_logistic_design(design: Design, *, start: Any, subgroups: Any = None) -> LogisticFit:
    """Fit the logistic mixed model; separation of what is protected is a failure."""
    try:
        return fit_logistic(
            design.y,
            design.X,
            design.la,
            trials=design.trials,
            names=design.names,
            subgroups=subgroups,
            start=start,
            preference=design.drop_first,
            protected=design.protected,
        )
    except (Separation, Unidentified) as reason:
        raise FitFailed(reason.remark) from reason


def record_fit(fit: MixedFit, quantities: tuple[Quantity, ...], within: str = "la_periods") -> Fit:
    """Put a fit's numbers together with its diary; `within` is what its subgroups are."""
    return Fit(
        quantities=quantities,
        converged=fit.converged,
        singular=fit.singular,
        dropped=name_dropped(fit),
        warnings=_warnings(fit, within),
        la_intercepts={
            int(la): (float(mode), float(sd))
            for la, mode, sd in zip(fit.group_labels, fit.modes, fit.mode_sds, strict=True)
        },
        start=fit,
    )


def _effect(
    fit: LogisticFit,
    design: Design,
    *,
    df: float = np.inf,
    subgroups: Any = None,
    among: Floats | float = 1.0,
) -> tuple[Quantity, ...]:
    """Give the log-odds, adjusted risks and their difference; separated rows have a change of 0.

    The means are over all rows, or `among` those that have a one there.
    """
    weights = among * (np.ones(len(design.y)) if design.trials is None else design.trials)
    margin = switched_effect(fit, design.X, TREATMENT, design.la, weights, subgroups=subgroups)
    return (
        coefficient(fit, TREATMENT, df),
        Quantity(TREATMENT, "risk_difference", margin.estimate, margin.std_error, df),
        _risk("risk_treatment", margin.risk_treated, margin.risk_treated_se, df),
        _risk("risk_control", margin.risk_control, margin.risk_control_se, df),
    )


def name_dropped(fit: MixedFit) -> tuple[str, ...]:
    """Name what a fit left out, each with its reason as a code."""
    return tuple(
        remark(DROPPED[reason], name)
        for name, reason in zip(fit.dropped, fit.dropped_reasons, strict=True)
    )


def _warnings(fit: MixedFit, within: str) -> tuple[str, ...]:
    """Say as codes what the fit warns of; what it left out stands elsewhere."""
    levels = ("las", within, "children")[: len(fit.sigmas) - isinstance(fit, LinearFit)]
    told = [] if fit.converged else [str(Code.NOT_CONVERGED)]
    if isinstance(fit, LogisticFit) and np.isinf(fit.condition_number):
        told.append(Code.NO_STANDARD_ERRORS)
    told += [
        remark(Code.ZERO_SPREAD, level)
        for level, sigma in zip(levels, fit.sigmas, strict=False)
        if sigma == 0.0
    ]
    if len(fit.group_labels) == 1:
        told.append(Code.ONE_LA)
    if isinstance(fit, LogisticFit) and fit.extreme_groups[0]:
        told.append(remark(Code.EXTREME_LAS, *fit.extreme_groups))
    return tuple(told)


def coefficient(
    fit: LogisticFit, name: str, df: float = np.inf, *, tested: bool = True
) -> Quantity:
    """Give a log-odds of the fit under its column's name."""
    at = fit.names.index(name)
    estimate, error = float(fit.coefficients[at]), float(fit.std_errors[at])
    return Quantity(name, "log_odds", estimate, error, df, tested)


def clustering(fit: LogisticFit, design: Design) -> tuple[Quantity, ...]:
    """Give the LA standard deviation and both intracluster correlations."""
    sigma = float(fit.sigmas[0])
    return (
        Quantity("la_sd", "log_odds", sigma),
        Quantity("icc", "icc_probability", icc_probability(design.rate, sigma)),
        Quantity("icc", "icc_latent", icc_latent(sigma)),
    )


def _risk(term: str, risk: float, std_error: float, df: float) -> Quantity:
    """Put a risk on the logit scale, where it is pooled."""
    return Quantity(term, "risk_logit", float(logit(risk)), std_error / (risk * (1 - risk)), df)


def icc_latent(sigma: float) -> float:
    """Intracluster correlation of the latent logistic variable: s2 / (s2 + pi2 / 3)."""
    return sigma**2 / (sigma**2 + np.pi**2 / 3)
