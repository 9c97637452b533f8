"""The linear fit: sums, profile, degrees of freedom, record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fvlib.models import arguments
from fvlib.models.clusters import Clusters, Integers, number_clusters
from fvlib.models.identify import Standard, Unidentified, keep_order, standardise
from fvlib.models.linear.kenward_roger import kenward_roger
from fvlib.models.linear.reml import Moments, Profile, evaluate_closed_forms, moments, profile
from fvlib.models.newton import Point
from fvlib.models.records import LinearFit
from fvlib.models.variance import VarianceScale
from fvlib.remarks import Code

Floats = NDArray[np.float64]

# Standard deviation of an intercept, relative to the residual's, that counts as none.
SINGULAR = 1e-4
# Above this one there is no residual variance to speak of.
DIVERGED = 1e4
# Relative standard deviations among which the climb's start is chosen.
_GRID = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
# Of three levels only every third: their combinations are many.
_COARSE = _GRID[::3]
# Share of y's length below which the columns fit it exactly.
_EXACT = 1e-10


@dataclass(frozen=True, slots=True)
class _Problem:
    """Standardised columns' and scaled residuals' sums, and the way back: y = Z ols + unit r."""

    names: tuple[str, ...]
    clusters: Clusters
    of_outer: Integers | None
    standard: Standard
    moments: Moments
    ols: Floats
    unit: float
    reml: bool


@dataclass(frozen=True, slots=True)
class _Maximum:
    """Ratios of the intercepts' standard deviations to the residual's, and the climb's diary."""

    ratios: Floats
    iterations: int
    converged: bool
    reason: str
    gradient_norm: float


def fit(
    y: ArrayLike,
    X: Any,
    groups: Any,
    subgroups: Any,
    names: Sequence[str] | None,
    *,
    reml: bool,
    units: Any = None,
    start: LinearFit | None = None,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> LinearFit:
    """Fit y = X beta + b[group] + b[subgroup in group] + b[unit in subgroup] + residual.

    Arguments and errors are those of :func:`fvlib.models.mixed.fit_linear`.
    """
    X, names = arguments.design(X, names)
    n = len(X)
    outcome = arguments.vector("y", y, n)
    clusters = number_clusters(groups, subgroups, n)
    leaves, of_outer = _levels(clusters, units, n)
    standard = standardise(X, keep_order(names, preference, protected))
    lost = [c for j, c in enumerate(names) if c in protected and j not in standard.kept]
    if lost:
        raise Unidentified(
            f"{', '.join(lost)}: a combination of the other protected columns", Code.ALIASED, lost
        )
    Z, p = standard.X, len(standard.kept)
    if n <= p:
        raise Unidentified(
            f"X: {n} rows for {p} columns leave nothing to estimate variances from",
            Code.FEW_ROWS,
            n,
            p,
        )

    # Residuals of least squares stand for y: sums of squares then lose no digits to its mean.
    ols = np.asarray(np.linalg.solve(standard.gram, Z.T @ outcome), dtype=np.float64)
    residual = outcome - Z @ ols
    unit = float(np.sqrt(residual @ residual / (n - p)))
    if unit <= _EXACT * float(np.sqrt(outcome @ outcome / n)):
        raise Unidentified(
            "y: the columns of X fit it exactly, so there is no variance to estimate",
            Code.EXACT_FIT,
        )
    m = moments(
        Z,
        residual / unit,
        leaves.cell,
        leaves.group_of if leaves.nested else None,
        of_outer,
        gram=standard.gram,
    )
    begin = None if start is None else np.array(start.sigmas[:-1]) / start.sigmas[-1]
    best = _climb(m, len(clusters.groups) > 1, reml, begin)
    return _record(_Problem(names, clusters, of_outer, standard, m, ols, unit, reml), best)


def _levels(clusters: Clusters, units: Any, rows: int) -> tuple[Clusters, Integers | None]:
    """Return the innermost clusters and, with three levels, each subgroup's group.

    Raises
    ------
    Unidentified
        Where two levels' deviations are one and the same.
    """
    if clusters.nested and len(clusters.cells) == len(clusters.groups):
        raise Unidentified(
            "subgroups: each group has one, so its deviation is the group's",
            Code.SPREAD_ALIASED,
            "subgroups",
        )
    leaves, name = clusters, "subgroups" if clusters.nested else "groups"
    if units is not None:
        if not clusters.nested:
            raise ValueError("units: they are nested in subgroups, and there are none")
        leaves, name = number_clusters(clusters.cell, units, rows), "units"
        if len(leaves.cells) == len(clusters.cells):
            raise Unidentified(
                "units: each subgroup has one, so its deviation is the subgroup's",
                Code.SPREAD_ALIASED,
                "units",
            )
    if len(leaves.group_of) == rows:
        raise Unidentified(
            f"{name}: each has one row, so its deviation is the residual",
            Code.SPREAD_ALIASED,
            name,
        )
    return leaves, None if units is None else clusters.group_of


def _climb(m: Moments, several_groups: bool, reml: bool, begin: Floats | None) -> _Maximum:
    """Newton in the ratios, from a neighbour's or the best of a grid; one near zero becomes zero.

    A neighbour's is no start where one of its ratios is zero.
    """
    sizes = [float(np.median(m.leaf_size))]
    if m.nested:
        sizes.insert(0, m.rows / len(m.counts))
    if m.outer:
        sizes.insert(0, m.rows / m.outer)
    c = 1.0 / np.array(sizes)
    active = np.array([several_groups, *[True] * (len(sizes) - 1)])

    def at(ratios: Sequence[float] | Floats) -> tuple[Floats, Profile]:
        full = np.zeros(len(active))
        full[active] = ratios
        return full, profile(m, full**2, reml)

    def evaluate(rho: Floats) -> Point:
        ratios, found = at(np.exp(rho))
        gamma = ratios[active] ** 2
        slope = 2.0 * gamma * found.gradient[active]
        bend = 4.0 * np.outer(gamma, gamma) * found.hessian[np.ix_(active, active)]
        return Point(-0.5 * found.deviance, -0.5 * slope, 0.5 * bend + np.diag(slope))

    iterations = 0
    if begin is not None and len(begin) == len(active) and (begin[active] >= SINGULAR).all():
        ratios = begin[active]
    else:
        grid = product(_COARSE if m.outer else _GRID, repeat=int(active.sum()))
        ratios = np.array(min(grid, key=lambda r: at(r)[1].deviance))
    while active.any():
        scale = VarianceScale(c[active])
        found = scale.ascend(evaluate, np.zeros(0), np.log(ratios), (SINGULAR, DIVERGED))
        iterations += found.iterations
        ratios = np.exp(scale.rho(found.theta))
        small = ratios < SINGULAR
        if not small.any():
            reason = found.reason
            if ratios.max() > DIVERGED:
                reason = "the residual's standard deviation is nothing beside the intercepts'"
            size = float(np.linalg.norm(found.point.gradient))
            return _Maximum(at(ratios)[0], iterations, found.converged, reason, size)
        ratios = ratios[~small]
        active[np.flatnonzero(active)[small]] = False
    return _Maximum(np.zeros(len(active)), iterations, True, "", 0.0)


def _satterthwaite(at: Profile, ratios: Floats, back: Floats) -> Floats:
    """Degrees of freedom 2 v^2 / (g' C g) of each coefficient's variance v (lmerTest's form).

    g is the gradient of v by the variance parameters (gamma, log sigma^2) and C twice the inverse
    of the deviance's second derivatives by them; a ratio at zero is not a parameter.
    """
    p, k = len(at.beta), len(ratios)
    free = [*np.flatnonzero(ratios > 0), k]
    covariance = 2.0 * np.linalg.inv(at.full_hessian[np.ix_(free, free)])
    half = back @ at.inverse
    v = np.einsum("ta,ta->t", half, back)
    by_gamma = -np.einsum("ta,iab,tb->it", half, at.white.B1[:, :p, :p], half)
    gradient = np.concatenate([by_gamma, v[None]])[free]
    spread = np.einsum("it,ij,jt->t", gradient, covariance, gradient)
    return np.where(spread > 0, 2.0 * v**2 / spread, np.nan)


def _modes(m: Moments, gamma: Floats, beta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Conditional modes and SDs of the groups, then of the subgroups, relative to the residual."""
    return _two_levels(m, gamma, np.append(-beta, 1.0))


def _modes_of_three(
    m: Moments, gamma: Floats, beta: Floats, of_outer: Integers
) -> tuple[Floats, Floats, Floats, Floats]:
    """Likewise where units stand between the subgroups and the rows.

    The groups' come from the levels below, whitened; the subgroups' follow at the groups' modes,
    with what is uncertain of these passed on.
    """
    below = evaluate_closed_forms(replace(m, outer=0), gamma[1:]).B
    c = len(below) - m.outer
    H = np.linalg.inv(np.eye(m.outer) + gamma[0] * below[c:, c:])
    modes = gamma[0] * H @ below[c:, :c] @ np.append(-beta, 1.0)
    variance = gamma[0] * H
    inner, sds, _, _ = _two_levels(m, gamma[1:], np.concatenate([-beta, [1.0], -modes]))
    rows = np.bincount(m.leaf_group, weights=m.leaf_size / (1.0 + m.leaf_size * gamma[-1]))
    passed = (sds**2 * rows) ** 2 * np.diag(variance)[of_outer]
    return modes, np.sqrt(np.diag(variance)), inner, np.sqrt(sds**2 + passed)


def _two_levels(m: Moments, gamma: Floats, w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Modes and SDs of groups and leaves, M w being the residual."""
    left = m.leaf_sums @ w
    pull = gamma[-1] / (1.0 + m.leaf_size * gamma[-1])
    if not m.nested:
        return pull * left, np.sqrt(pull), np.zeros(0), np.zeros(0)
    h = 1.0 - m.leaf_size * pull
    variance = gamma[0] / (1.0 + gamma[0] * np.bincount(m.leaf_group, weights=h * m.leaf_size))
    modes = variance * np.bincount(m.leaf_group, weights=h * left)
    inner = pull * (left - m.leaf_size * modes[m.leaf_group])
    inner_variance = pull + (pull * m.leaf_size) ** 2 * variance[m.leaf_group]
    return modes, np.sqrt(variance), inner, np.sqrt(inner_variance)


def _record(problem: _Problem, best: _Maximum) -> LinearFit:
    """Turn standardised columns and units into those given."""
    names, clusters, standard = problem.names, problem.clusters, problem.standard
    m, unit, reml = problem.moments, problem.unit, problem.reml
    back, gamma = standard.back, best.ratios**2
    at = profile(m, gamma, reml)
    df_total = m.rows - (len(at.beta) if reml else 0)
    sigma = float(np.sqrt(at.rss / df_total))
    covariance = (unit * sigma) ** 2 * back @ at.inverse @ back.T
    # The restricted likelihood depends on the columns' units through log|X'X|, y's through its own.
    jacobian = df_total * np.log(unit)
    if reml:
        jacobian -= float(np.linalg.slogdet(back)[1])
    found_modes = (
        _modes(m, gamma, at.beta)
        if problem.of_outer is None
        else _modes_of_three(m, gamma, at.beta, problem.of_outer)
    )
    modes, mode_sds, inner, inner_sds = found_modes
    dropped = [j for j in range(len(names)) if j not in standard.kept]
    scale = np.sqrt(np.diag(at.inverse))
    adjusted = None
    if reml:
        found = kenward_roger(at.white, gamma, sigma**2, m.rows, back)
        adjusted = found._replace(
            covariance=unit**2 * found.covariance, std_errors=unit * found.std_errors
        )
    return LinearFit(
        names=tuple(names[j] for j in standard.kept),
        coefficients=back @ (problem.ols + unit * at.beta),
        std_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        df=_satterthwaite(at, best.ratios, back),
        sigmas=(*(float(x) for x in best.ratios * sigma * unit), sigma * unit),
        log_likelihood=-0.5 * at.deviance - jacobian,
        modes=modes * unit,
        mode_sds=mode_sds * sigma * unit,
        subgroup_modes=inner * unit,
        subgroup_mode_sds=inner_sds * sigma * unit,
        group_labels=clusters.groups,
        subgroup_labels=clusters.cells,
        converged=best.converged,
        singular=bool((best.ratios == 0).any()),
        dropped=tuple(names[j] for j in dropped),
        dropped_reasons=tuple(standard.reasons[j] for j in dropped),
        warnings=_warnings(clusters, best),
        iterations=best.iterations,
        gradient_norm=best.gradient_norm,
        condition_number=float(np.linalg.cond(at.inverse / np.outer(scale, scale))),
        columns=names,
        rows=m.rows,
        used=np.ones(m.rows, dtype=bool),
        reml=reml,
        kenward_roger=adjusted,
    )


def _warnings(clusters: Clusters, best: _Maximum) -> tuple[str, ...]:
    warnings = []
    if not best.converged:
        warnings.append(f"not converged: {best.reason}")
    for level, ratio in zip(("groups", "subgroups", "units"), best.ratios, strict=False):
        if ratio == 0:
            warnings.append(f"singular: the standard deviation of the {level} is zero")
    if len(clusters.groups) == 1:
        warnings.append("one group: its standard deviation can't be told")
    return tuple(warnings)
