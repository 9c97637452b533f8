"""Other models of the two linear outcomes: hurdle (X7), tobit (X8), fractional logit (X9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.special import expit, ndtr
from scipy.stats import norm

from fvlib.analysis.design import TREATMENT, Design, Floats, NotEstimable
from fvlib.analysis.fit import Fit, FitFailed, Quantity
from fvlib.analysis.methods import (
    PooledMethod,
    coefficient,
    difference,
    fit_logistic_design,
    fitted_linear,
    record_fit,
)
from fvlib.models.identify import independent, keep_order
from fvlib.models.logistic.switch import Switch
from fvlib.models.mixed import Unidentified
from fvlib.models.regression import Regression, cluster_robust, fractional_logit, tobit
from fvlib.remarks import Code, remark

PER_CENT: Final = 100.0
HEAVILY_CENSORED: Final = 0.10


@dataclass(frozen=True, slots=True)
class Hurdle(PooledMethod):
    """Any day on plans (logistic mixed), then days given any (linear mixed) (X7).

    Terms `any_days` (log-odds), `days_given_any` and `treatment` (both days): the mean over the
    sample of P(any) x days given any, treated less not. Its variance takes the two parts as
    independent, which their likelihoods are, and holds the LA modes.
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit both parts."""
        some = design.y > 0
        if some.all() or not some.any():
            raise NotEstimable(Code.ALL_OR_NONE)
        first = fit_logistic_design(replace(design, y=some.astype(float)), start=start)
        second = fitted_linear(_rows(design, some))
        effect, error = _hurdle_effect(design, first, second)
        any_days = replace(coefficient(first, TREATMENT), term="any_days", tested=False)
        days = replace(difference(second), term="days_given_any", tested=False)
        whole = Quantity(TREATMENT, "mean_difference", effect, error, tested=True)
        fit = record_fit(first, (whole, any_days, days))
        return replace(
            fit,
            converged=first.converged and second.converged,
            singular=first.singular or second.singular,
            warnings=(*fit.warnings, *record_fit(second, ()).warnings),
        )


def _rows(design: Design, kept: np.ndarray) -> Design:
    return replace(
        design,
        y=design.y[kept],
        X=design.X[kept],
        la=design.la[kept],
        cell=design.cell[kept],
        child=design.child[kept],
        frame=design.frame[kept],
    )


def _hurdle_effect(design: Design, first: Any, second: Any) -> tuple[float, float]:
    """Average over the sample, with the delta-method standard error."""
    treatment = design.names.index(TREATMENT)
    a = [design.names.index(name) for name in first.names]
    b = [design.names.index(name) for name in second.names]
    cell = np.searchsorted(np.asarray(first.group_labels), design.la)
    modes = dict(zip(second.group_labels, second.modes, strict=True))
    shift = np.array([modes.get(la, 0.0) for la in first.group_labels])[cell]
    sample, sign = Switch(design.X, treatment), np.array([[1.0], [-1.0]])
    logits, means = np.zeros((2, len(design.names)))
    logits[a], means[b] = first.coefficients, second.coefficients
    p = expit(sample.predictors(logits) + first.intercepts[cell])
    days = sample.predictors(means) + shift
    effect = float((sign * p * days).mean(axis=1).sum())
    slope = sign * days * p * (1.0 - p) / len(design.X)
    by_cell = np.bincount(cell, weights=slope.sum(axis=0), minlength=len(first.intercepts))
    by_first = by_cell @ first.intercept_slopes
    by_first[: len(a)] += sample.sums(slope).sum(axis=0)[a]
    by_second = sample.sums(sign * p / len(design.X)).sum(axis=0)[b]
    variance = by_first @ first.parameters_covariance @ by_first
    variance += by_second @ second.covariance @ by_second
    return effect, float(np.sqrt(variance))


def with_las(design: Design) -> tuple[Floats, int, tuple[str, ...]]:
    """Give columns with LA indicators, of full rank, treatment's place, and what was left out."""
    las = np.unique(design.la)[1:]
    wide = design.with_columns({f"la[{la}]": (design.la == la).astype(float) for la in las})
    first = [name for name in wide.names if name in wide.protected or name.startswith("la[")]
    order = keep_order(wide.names, wide.drop_first, first)
    kept = {wide.names[j] for j in independent(wide.X, wide.X.T @ wide.X, order)}
    if TREATMENT not in kept:
        raise NotEstimable(Code.TREATMENT_ALIASED_FIXED)
    dropped = tuple(name for name in wide.names if name not in kept)
    full = wide.with_columns({}, without=dropped)
    left_out = tuple(remark(Code.COLLINEAR, name) for name in dropped)
    return full.X, full.names.index(TREATMENT), left_out


@dataclass(frozen=True, slots=True)
class Tobit(PooledMethod):
    """Days censored from above at the child's own count, if on a plan on the last day (X8).

    LA indicators, as no maintained library has a tobit with random intercepts. `treatment` is the
    effect on days as they would be uncut; with `zeros_censored` (ours) zeros are limits too, and it
    is the mean over the sample of the change in expected days of zero or more.
    """

    zeros_censored: bool = False

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it by maximum likelihood."""
        above = design.frame["censored"].to_numpy(bool)
        below = (design.y <= 0) & ~above if self.zeros_censored else None
        X, at, dropped = with_las(design)
        try:
            found = tobit(design.y, X, above=above, below=below, start=_neighbour(start, X))
        except Unidentified as reason:
            raise FitFailed(reason.remark) from reason
        effect, slope = found.coefficients[at], np.eye(len(found.covariance))[at]
        if self.zeros_censored:
            effect, slope = _expected_days(X, at, found.coefficients, found.sigma)
        error = float(np.sqrt(slope @ found.covariance @ slope))
        # No number: a share of all children would give their count back.
        heavily = above.mean() > HEAVILY_CENSORED
        return Fit(
            (Quantity(TREATMENT, "mean_difference", float(effect), error, tested=True),),
            converged=found.converged,
            dropped=dropped,
            warnings=(Code.HEAVILY_CENSORED if heavily else Code.LIGHTLY_CENSORED,),
            start=found,
        )


def _neighbour(start: Regression | None, X: Floats) -> Regression | None:
    """Take the last copy's solution as a start, if it has the same number of columns."""
    return start if start is not None and len(start.coefficients) == X.shape[1] else None


def _expected_days(X: Floats, at: int, beta: Floats, sigma: float) -> tuple[float, Floats]:
    """Mean change of E max(0, y*), and its derivative by (beta, log sigma)."""
    sample, sign = Switch(X, at), np.array([[1.0], [-1.0]])
    mean = sample.predictors(beta)
    inside, density = ndtr(mean / sigma), norm.pdf(mean / sigma)
    effect = float((sign * (mean * inside + sigma * density)).mean(axis=1).sum())
    by_beta = sample.sums(sign * inside).sum(axis=0) / len(X)
    return effect, np.append(by_beta, sigma * float((sign * density).mean(axis=1).sum()))


@dataclass(frozen=True, slots=True)
class FractionalLogit(PooledMethod):
    """The absence rate as a share, by quasi-likelihood (X9), with LA indicators.

    Terms `treatment` (SE by child) and `treatment_by_la` (SE by LA, t with LAs - 1 degrees of
    freedom), each as the average marginal effect in percentage points of sessions.
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit it once, with both standard errors."""
        X, at, dropped = with_las(design)
        try:
            found, scores = fractional_logit(design.y / PER_CENT, X, start=_neighbour(start, X))
        except Unidentified as reason:
            raise FitFailed(reason.remark) from reason
        sample, sign = Switch(X, at), np.array([[PER_CENT], [-PER_CENT]])
        p = expit(sample.predictors(found.coefficients))
        effect = float((sign * p).mean(axis=1).sum())
        slope = sample.sums(sign * p * (1.0 - p)).sum(axis=0) / len(X)
        # Only the effect's variance is wanted: scores are taken along it before they are summed.
        along, one = scores @ (found.covariance @ slope), np.ones((1, 1))
        quantities = []
        for term, cluster, df in (
            (TREATMENT, design.child, np.inf),
            (f"{TREATMENT}_by_la", design.la, len(np.unique(design.la)) - 1.0),
        ):
            error = float(np.sqrt(cluster_robust(one, along[:, None], cluster)[0, 0]))
            quantities.append(Quantity(term, "mean_difference", effect, error, df, tested=True))
        return Fit(tuple(quantities), converged=found.converged, dropped=dropped, start=found)
