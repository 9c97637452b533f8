"""The models of the plan, each a frozen row entry: complete design in, fit out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from fvlib.analysis.design import TREATMENT, Design
from fvlib.models.mixed import (
    LinearFit,
    LogisticFit,
    MixedFit,
    Separation,
    Unidentified,
    average_marginal_effect,
    fit_linear,
    fit_logistic,
)
from fvlib.trial.covariates import LA_COVARIATES


class FitFailed(Exception):  # noqa: N818  (a status of the plan, not an error of the program)
    """The analysis fails by the plan's rules: the reason in words is the message."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of one fit, on the scale on which it is pooled."""

    term: str
    scale: str
    estimate: float
    std_error: float = np.nan
    df: float = np.inf


@dataclass(frozen=True, slots=True)
class Fit:
    """What a method says of one complete data set: its numbers and its diary.

    `la_intercepts` maps the LA (its place in the protocol's order) to conditional mode and
    standard deviation. `start` is whatever lets the next fit of the same shape begin near this.
    """

    quantities: tuple[Quantity, ...]
    converged: bool
    singular: bool = False
    dropped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    la_intercepts: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    start: Any = None


class Method(Protocol):
    """A model of the plan. Frozen, so that it can stand in a row."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit one complete data set; raise `FitFailed` when the plan's rules say so."""
        ...


@dataclass(frozen=True, slots=True)
class LogisticMixed:
    """The protocol's model: logistic, LA random intercept, by adaptive Gauss-Hermite."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it; see `fvlib.models.mixed.fit_logistic`."""
        fit = _fitted(design, start=start)
        return _told(fit, (*_effect(fit, design), *_clustering(fit, design)))


@dataclass(frozen=True, slots=True)
class LogisticNested:
    """The protocol's model with a further random intercept for each LA and period.

    Without it the standard error is too small when LAs drift apart over time. Its interval is
    from t with cells - LAs - (periods - 1) - 1 - LA covariates degrees of freedom (analysis plan,
    "How a result is worded").
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it by Laplace's approximation."""
        fit = _fitted(design, start=start, subgroups=design.cell)
        df = cell_df(design, fit.names)
        if df < 1:
            raise FitFailed("too few LAs and periods for an LA x period intercept")
        effect = _effect(fit, design, df=df, subgroups=design.cell)
        spread = Quantity("la_period_sd", "log_odds", float(fit.sigmas[1]))
        return _told(fit, (*effect, *_clustering(fit, design), spread))


@dataclass(frozen=True, slots=True)
class LogisticFixed:
    """Logistic with LA indicators in place of the random intercept."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it: the LA indicators are columns, and every row is in one group."""
        las = np.unique(design.la)[1:]
        X = np.column_stack([design.X, *((design.la == la).astype(float) for la in las)])
        names = (*design.names, *(f"la[{la}]" for la in las))
        one_group = replace(design, X=X, names=names, la=np.zeros_like(design.la))
        fit = _fitted(one_group, start=start)
        # With one group its intercept's variance can't be told: no news, and nothing to warn of.
        return replace(
            _told(fit, _effect(fit, one_group)), singular=False, warnings=(), la_intercepts={}
        )


@dataclass(frozen=True, slots=True)
class LinearMixed:
    """Linear, LA random intercept, by REML with Satterthwaite's degrees of freedom."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it; see `fvlib.models.mixed.fit_linear`."""
        fit = _fitted_linear(design)
        return _told(fit, (_difference(fit), *_spreads(fit, ("la_sd", "residual_sd"))))


@dataclass(frozen=True, slots=True)
class LinearRepeated:
    """Linear, child random intercepts within LA random intercepts, for rows that repeat a child."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it; see `fvlib.models.mixed.fit_linear`."""
        fit = _fitted_linear(design, subgroups=design.child)
        return _told(fit, (_difference(fit), *_spreads(fit, ("la_sd", "child_sd", "residual_sd"))))


def _fitted_linear(design: Design, subgroups: Any = None) -> LinearFit:
    try:
        return fit_linear(
            design.y,
            design.X,
            design.la,
            subgroups=subgroups,
            names=design.names,
            preference=design.drop_first,
            protected=design.protected,
        )
    except Unidentified as told:
        raise FitFailed(str(told)) from told


def _difference(fit: LinearFit) -> Quantity:
    at = fit.names.index(TREATMENT)
    return Quantity(
        TREATMENT,
        "mean_difference",
        float(fit.coefficients[at]),
        float(fit.std_errors[at]),
        float(fit.df[at]),
    )


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


def cell_df(design: Design, kept: Sequence[str]) -> float:
    """Degrees of freedom of what is compared between LA x period cells.

    Parameters
    ----------
    design
        The rows.
    kept
        Columns of the fit: LA covariates that were dropped cost nothing.
    """
    cells, las = len(np.unique(design.cell)), len(np.unique(design.la))
    periods = sum(name.startswith("period[") for name in kept)
    covariates = sum(name in LA_COVARIATES for name in kept)
    return float(cells - las - periods - 1 - covariates)


def _fitted(design: Design, *, start: Any, subgroups: Any = None) -> LogisticFit:
    try:
        return fit_logistic(
            design.y,
            design.X,
            design.la,
            names=design.names,
            subgroups=subgroups,
            start=start,
            preference=design.drop_first,
            protected=design.protected,
        )
    except (Separation, Unidentified) as told:
        raise FitFailed(str(told)) from told


def _told(fit: MixedFit, quantities: tuple[Quantity, ...]) -> Fit:
    """Put a fit's numbers together with its diary."""
    return Fit(
        quantities=quantities,
        converged=fit.converged,
        singular=fit.singular,
        dropped=tuple(
            f"{name} ({reason})"
            for name, reason in zip(fit.dropped, fit.dropped_reasons, strict=True)
        ),
        warnings=fit.warnings,
        la_intercepts={
            int(la): (float(mode), float(sd))
            for la, mode, sd in zip(fit.group_labels, fit.modes, fit.mode_sds, strict=True)
        },
        start=fit,
    )


def _effect(
    fit: LogisticFit, design: Design, *, df: float = np.inf, subgroups: Any = None
) -> tuple[Quantity, ...]:
    """Give the log-odds, adjusted risks and their difference; separated rows have a change of 0."""
    at = fit.names.index(TREATMENT)
    column = design.names.index(TREATMENT)
    treated, control = design.X.copy(), design.X.copy()
    treated[:, column], control[:, column] = 1.0, 0.0
    margin = average_marginal_effect(fit, treated, control, design.la, subgroups=subgroups)
    return (
        Quantity(TREATMENT, "log_odds", float(fit.coefficients[at]), float(fit.std_errors[at]), df),
        Quantity(TREATMENT, "risk_difference", margin.estimate, margin.std_error, df),
        _risk("risk_treatment", margin.risk_treated, margin.risk_treated_se, df),
        _risk("risk_control", margin.risk_control, margin.risk_control_se, df),
    )


def _clustering(fit: LogisticFit, design: Design) -> tuple[Quantity, ...]:
    sigma = float(fit.sigmas[0])
    return (
        Quantity("la_sd", "log_odds", sigma),
        Quantity("icc", "icc_probability", icc_probability(float(design.y.mean()), sigma)),
        Quantity("icc", "icc_latent", icc_latent(sigma)),
    )


def _risk(term: str, risk: float, std_error: float, df: float) -> Quantity:
    """Put a risk on the logit scale, where it is pooled."""
    return Quantity(term, "risk_logit", float(logit(risk)), std_error / (risk * (1 - risk)), df)


def icc_latent(sigma: float) -> float:
    """Intracluster correlation of the latent logistic variable: s2 / (s2 + pi2 / 3)."""
    return sigma**2 / (sigma**2 + np.pi**2 / 3)


def icc_probability(rate: float, sigma: float, nodes: int = 61) -> float:
    """Intracluster correlation on the probability scale at an overall rate.

    Var(p) / (rate (1 - rate)) where logit p = m + sigma z and m gives the rate: what
    Hussey-Hughes means by rho, and the one to set beside the protocol's 0.01566.

    Parameters
    ----------
    rate
        Overall probability of the outcome, between 0 and 1.
    sigma
        Standard deviation of the LA intercepts, log-odds.
    """
    if not 0 < rate < 1 or sigma <= 0:
        return 0.0
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w / w.sum()
    reach = 10 * (1 + sigma)
    m = brentq(lambda m: w @ expit(m + sigma * z) - rate, logit(rate) - reach, logit(rate) + reach)
    p = expit(m + sigma * z)
    return float(w @ (p - rate) ** 2 / (rate * (1 - rate)))
