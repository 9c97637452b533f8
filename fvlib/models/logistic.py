"""The logistic fit: rows to counts, start, climb, edges, record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from fvlib.models import arguments
from fvlib.models.collapse import Labels, Rows, collapse, label
from fvlib.models.identify import (
    Direction,
    Separation,
    Unidentified,
    constant_column,
    independent,
    keep_order,
    settled_by_a_column,
    settled_by_a_combination,
    standardise,
)
from fvlib.models.newton import Optimum, Point, maximise
from fvlib.models.quadrature import OneLevel, bernoulli, binomial_glm
from fvlib.models.records import LogisticFit

Floats = NDArray[np.float64]

# Below this standard deviation, on the log-odds scale, an intercept counts as none: the model
# without it is fitted, and `singular` says so.
SINGULAR = 1e-4
# Above this one the data put no upper limit on it.
DIVERGED = 1e3
# A fitted probability this close to 0 or 1 calls for the full search for separation.
_SUSPICIOUS = 1e-5
# Longest move in one step: of a standardised coefficient, of a log standard deviation.
_BETA_CAP, _RHO_CAP = 4.0, 1.5
# Where the search starts when the derivative at zero points below zero.
_SECOND_START = 0.7
# A row is moved by a direction when its predictor changes by more than this.
_MOVED = 1e-6


@dataclass(frozen=True, slots=True)
class BinomialData:
    """A logistic problem made ready: checked, sorted, collapsed. One preparation, many fits.

    Attributes
    ----------
    names : tuple of str
    rows : Rows
        Collapsed rows, sorted by cell.
    labels : Labels
        Of the groups.
    X : (rows as passed, columns) array
    live : (rows as passed,) array of bool
        Rows that have weight.
    log_coefficient : float
        The binomial coefficients' part of the log-likelihood.
    """

    names: tuple[str, ...]
    rows: Rows
    labels: Labels
    X: Floats
    live: NDArray[np.bool_]
    log_coefficient: float


def prepare(
    successes: ArrayLike,
    X: Any,
    groups: Any,
    trials: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> BinomialData:
    """Check the arguments, sort by cluster, collapse equal rows to counts."""
    X, names = arguments.design(X, names)
    n = len(X)
    y = arguments.vector("successes", successes, n)
    m = arguments.vector("trials", trials, n, 1.0)
    w = arguments.vector("weights", weights, n, 1.0)
    o = arguments.vector("offset", offset, n)
    for name, values in (("trials", m), ("weights", w)):
        if negative := int((values < 0).sum()):
            raise ValueError(f"{name}: {negative} of {n} rows are negative")
    if outside := int(((y < 0) | (y > m)).sum()):
        limit = "1 (no trials given)" if trials is None else "the row's trials"
        raise ValueError(f"successes: {outside} of {n} rows lie outside 0 to {limit}")
    labels = label(groups)
    if len(labels.codes) != n:
        raise ValueError(f"groups: {len(labels.codes)} labels for {n} rows of X")
    live = m * w > 0
    if not live.any():
        raise ValueError("weights, trials: no row has any weight")
    log_coefficient = 0.0
    if trials is not None:
        log_coefficient = float(w @ (gammaln(m + 1) - gammaln(y + 1) - gammaln(m - y + 1)))
    if live.all():
        rows = collapse(X, w * y, w * m, o, labels.codes)
    else:
        rows = collapse(X[live], (w * y)[live], (w * m)[live], o[live], labels.codes[live])
    return BinomialData(names, rows, labels, X, live, log_coefficient)


@dataclass(frozen=True, slots=True)
class _Climb:
    """One fit on identified columns, in their standardised form."""

    kept: list[int]
    back: Floats
    theta: Floats
    point: Point
    value: float
    optimum: Optimum
    modes: Floats
    curvatures: Floats
    mode_slopes: Floats
    probability_reach: float
    converged: bool
    singular: bool
    reason: str


def fit(
    data: BinomialData,
    nodes: int,
    start: Any = None,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> LogisticFit:
    """Fit prepared data; leave out what separates, name it, and fit the rest."""
    names, rows = data.names, data.rows
    order = keep_order(names, preference, protected)
    events, total = float(rows.successes.sum()), float(rows.trials.sum())
    if events in (0.0, total):
        word = "never" if events == 0.0 else "always"
        raise Separation(f"successes: the outcome {word} happens, so no coefficient can be fitted")
    directions: list[Direction] = []
    used = data.live.copy()
    while True:
        constant = constant_column(rows.X, order)
        slopes = settled_by_a_column(rows, names, constant)
        climb = None
        if slopes is None:
            climb = _climb(rows, names, order, constant, protected, nodes, start, bool(directions))
            if climb.probability_reach < _SUSPICIOUS or not climb.converged:
                slopes = _search(rows, climb)
        if slopes is None and climb is not None:
            return _record(data, climb, directions, used, nodes)
        assert slopes is not None
        touched = tuple(names[j] for j in np.flatnonzero(slopes))
        if shared := [name for name in touched if name in protected]:
            raise Separation(
                f"{', '.join(shared)}: the outcome never or always happens at one of its levels, "
                "so its coefficient has no finite estimate"
            )
        moved = np.abs(data.X @ slopes) > _MOVED
        directions.append(Direction(slopes, touched, int((moved & used).sum())))
        used &= ~moved
        stay = ~(np.abs(rows.X @ slopes) > _MOVED)
        if not stay.any():
            raise Separation("X: no row is left once the separated ones are left out")
        rows = rows.subset(stay)


def _search(rows: Rows, climb: _Climb) -> Floats | None:
    """Full search for a separating direction among the kept columns."""
    slopes = np.zeros(rows.X.shape[1])
    found = settled_by_a_combination(replace(rows, X=rows.X[:, climb.kept]))
    if found is None:
        return None
    slopes[climb.kept] = found
    return slopes


def _climb(
    rows: Rows,
    names: Sequence[str],
    order: Sequence[int],
    constant: int | None,
    protected: Sequence[str],
    nodes: int,
    start: Any,
    after_separation: bool,
) -> _Climb:
    """Standardise, drop collinear columns, start, and climb to the maximum."""
    standard = standardise(rows.X, constant)
    kept = independent(standard.X, order)
    if lost := [name for j, name in enumerate(names) if name in protected and j not in kept]:
        if after_separation:
            raise Separation(
                f"{', '.join(lost)}: not identified once the rows in which the outcome never or "
                "always happens are left out"
            )
        raise Unidentified(f"{', '.join(lost)}: a combination of the other protected columns")
    back = standard.back[np.ix_(kept, kept)]
    small = replace(rows, X=np.ascontiguousarray(standard.X[:, kept]))
    p = len(kept)
    likelihood = OneLevel.of(small, nodes)
    begin = None
    if start is not None:
        begin = _start_from(start, [names[j] for j in kept], back, likelihood)
    glm: Optimum | None = None
    upward = True
    if begin is None:
        glm = _plain(small, np.zeros(p))
        sigma, upward = _starting_sigma(small, glm.theta)
        begin = np.append(glm.theta, np.log(sigma))
    cap = np.append(np.full(p, _BETA_CAP), _RHO_CAP)
    optimum = maximise(
        likelihood,
        begin,
        cap,
        lambda theta: bool(theta[-1] < np.log(SINGULAR) or theta[-1] > np.log(DIVERGED)),
    )
    sigma = float(np.exp(optimum.theta[-1]))
    at_zero = sigma < SINGULAR
    if at_zero or not upward or not optimum.converged:
        glm = glm if glm is not None else _plain(small, optimum.theta[:-1])
        if at_zero or glm.point.value >= optimum.point.value:
            return _without_intercept(small, kept, back, glm)
    eta = small.offset + small.X @ optimum.theta[:-1] + small.spread(sigma * likelihood.modes)
    reason = optimum.reason
    if sigma > DIVERGED:
        reason = "the standard deviation of the intercepts grows without limit"
    return _Climb(
        kept,
        back,
        optimum.theta,
        optimum.point,
        optimum.point.value + 0.5 * optimum.decrement**2 * optimum.converged,
        optimum,
        likelihood.modes,
        likelihood.curvatures,
        likelihood.mode_slopes,
        _reach(eta),
        optimum.converged,
        False,
        reason,
    )


def _reach(eta: Floats) -> float:
    return float(bernoulli(-np.abs(eta))[0].min())


def _plain(rows: Rows, start: Floats) -> Optimum:
    """Fit the logistic model without intercepts for clusters."""
    return maximise(lambda beta: binomial_glm(rows, beta), start, np.full(len(start), _BETA_CAP))


def _without_intercept(rows: Rows, kept: list[int], back: Floats, glm: Optimum) -> _Climb:
    cells = len(rows.cells)
    return _Climb(
        kept,
        back,
        glm.theta,
        glm.point,
        glm.point.value,
        glm,
        np.zeros(cells),
        np.ones(cells),
        np.zeros((cells, len(kept))),
        _reach(rows.offset + rows.X @ glm.theta),
        glm.converged,
        True,
        glm.reason,
    )


def _starting_sigma(rows: Rows, beta: Floats) -> tuple[float, bool]:
    """Maximise a quadratic approximation around no intercepts; tell if the variance rises from 0.

    At sigma = 0 the log-likelihood's derivative by the variance is half the sum over clusters of
    (residual sum)^2 minus its binomial variance.
    """
    p, _ = bernoulli(rows.offset + rows.X @ beta)
    s = rows.cell_sums(rows.successes - rows.trials * p)
    v = rows.cell_sums(rows.trials * p * (1.0 - p))

    def loss(rho: float) -> float:
        variance = np.exp(2.0 * rho)
        return float(np.sum(np.log1p(variance * v) - s**2 * variance / (1.0 + variance * v)))

    best = minimize_scalar(loss, bounds=(np.log(0.02), np.log(5.0)), method="bounded")
    upward = bool(np.sum(s**2 - v) > 0)
    return (float(np.exp(best.x)) if upward else _SECOND_START), upward


def _start_from(
    start: Any, names: Sequence[str], back: Floats, likelihood: OneLevel
) -> Floats | None:
    """Take a neighbour's solution: a record, coefficients, or (coefficients, sigmas)."""
    if isinstance(start, LogisticFit):
        by_name = dict(zip(start.names, start.coefficients, strict=True))
        if start.singular or not all(name in by_name for name in names):
            return None
        beta = np.array([by_name[name] for name in names])
        sigma = start.sigmas[0]
    else:
        beta, sigma = np.asarray(start[0], dtype=np.float64), float(np.atleast_1d(start[1])[0])
        if beta.shape != (len(names),):
            return None
    if not (np.isfinite(beta).all() and sigma > SINGULAR):
        return None
    return np.append(np.linalg.solve(back, beta), np.log(sigma))


def _record(
    data: BinomialData,
    climb: _Climb,
    directions: Sequence[Direction],
    used: NDArray[np.bool_],
    nodes: int,
) -> LogisticFit:
    names, p = data.names, len(climb.kept)
    full = np.eye(len(climb.theta))
    full[:p, :p] = climb.back
    theta = full @ climb.theta
    inverse = np.linalg.pinv(climb.point.information, hermitian=True)
    covariance = full @ inverse @ full.T
    covariance = 0.5 * (covariance + covariance.T)
    warnings = []
    variances = np.diag(covariance)
    if not climb.converged:
        warnings.append(f"not converged: {climb.reason}")
    sigma = 0.0 if climb.singular else float(np.exp(theta[-1]))
    if climb.singular:
        warnings.append("singular: the groups' standard deviation is zero")
    # From standardised modes to intercepts b = sigma u, and to all labels, with data or without.
    cells = data.rows.cells if len(data.rows.cells) == len(climb.modes) else data.rows.cells
    modes, sds = np.zeros(data.labels.count), np.full(data.labels.count, sigma)
    slopes = np.zeros((data.labels.count, len(theta)))
    modes[cells] = sigma * climb.modes
    sds[cells] = sigma / np.sqrt(climb.curvatures)
    by_theta = sigma * climb.mode_slopes
    if not climb.singular:
        by_theta[:, -1] += sigma * climb.modes
    slopes[cells] = by_theta @ np.linalg.inv(full)
    separated = {name for direction in directions for name in direction.names}
    dropped = [j for j in range(len(names)) if j not in climb.kept]
    scaled = np.sqrt(np.abs(np.diag(climb.point.information)))
    return LogisticFit(
        names=tuple(names[j] for j in climb.kept),
        coefficients=theta[:p],
        std_errors=np.sqrt(np.where(variances[:p] >= 0, variances[:p], np.nan)),
        covariance=covariance[:p, :p],
        df=np.full(p, np.inf),
        sigmas=(sigma,),
        log_likelihood=climb.value + data.log_coefficient,
        modes=modes,
        mode_sds=sds,
        subgroup_modes=np.zeros(0),
        subgroup_mode_sds=np.zeros(0),
        group_labels=tuple(data.labels.values.tolist()),
        subgroup_labels=(),
        converged=climb.converged,
        singular=climb.singular,
        dropped=tuple(names[j] for j in dropped),
        dropped_reasons=tuple(
            "the outcome never or always happens at one of its levels"
            if names[j] in separated
            else "collinear"
            for j in dropped
        ),
        warnings=tuple(warnings),
        iterations=climb.optimum.iterations,
        gradient_norm=float(np.linalg.norm(climb.point.gradient)),
        condition_number=float(np.linalg.cond(climb.point.information / np.outer(scaled, scaled))),
        columns=names,
        rows=int(used.sum()),
        used=used,
        quadrature=nodes,
        parameters_covariance=covariance,
        intercept_slopes=slopes,
        separated=tuple(directions),
    )
