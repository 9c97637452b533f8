"""The logistic fit: rows to counts, start, climb, edges, record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from fvlib.models import arguments
from fvlib.models.clusters import Clusters, number_clusters
from fvlib.models.collapse import Integers, Rows, collapse
from fvlib.models.identify import (
    Direction,
    Separation,
    Unidentified,
    constant_column,
    keep_order,
    moved_by,
    settled_by_a_column,
    settled_by_a_combination,
    standardise,
)
from fvlib.models.logistic.climb import Estimate, Identified, maximise_likelihood
from fvlib.models.logistic.laplace import Nested
from fvlib.models.logistic.quadrature import bernoulli
from fvlib.models.records import LogisticFit
from fvlib.remarks import Code

Floats = NDArray[np.float64]

# A fitted probability this close to 0 or 1 calls for the full search for separation.
_SUSPICIOUS = 1e-5
# Nodes for one intercept; a nested model is fitted with one node, Laplace's approximation.
QUADRATURE = 7
# Why a column that separates the outcome was left out.
SETTLED = "the outcome never or always happens at one of its levels"


@dataclass(frozen=True, slots=True)
class BinomialData:
    """A logistic problem made ready: checked, sorted, collapsed. One preparation, many fits.

    Attributes
    ----------
    names : tuple of str
    X : (rows as passed, columns) array
    live : (rows as passed,) array of bool
        Rows that have weight.
    rows : Rows
        Collapsed rows, sorted by cell.
    clusters : Clusters
    log_coefficient : float
        The binomial coefficients' part of the log-likelihood.
    """

    names: tuple[str, ...]
    X: Floats
    live: NDArray[np.bool_]
    rows: Rows
    clusters: Clusters
    log_coefficient: float


def prepare(
    successes: ArrayLike,
    X: Any,
    groups: Any,
    *,
    trials: ArrayLike | None = None,
    subgroups: Any = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> BinomialData:
    """Check the arguments, sort by cluster, collapse equal rows to counts.

    Arguments and errors are those of :func:`fvlib.models.mixed.fit_logistic`.
    """
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
    clusters = number_clusters(groups, subgroups, n)
    if clusters.nested and len(clusters.cells) == len(clusters.groups):
        raise Unidentified(
            "subgroups: each group has one, so its deviation is the group's",
            Code.SPREAD_ALIASED,
            "subgroups",
        )
    live = m * w > 0
    if not live.any():
        raise ValueError("weights, trials: no row has any weight")
    log_coefficient = 0.0
    if trials is not None:
        log_coefficient = float(w @ (gammaln(m + 1) - gammaln(y + 1) - gammaln(m - y + 1)))
    rows = collapse(
        X,
        clusters.cell,
        successes=w * y,
        trials=w * m,
        offset=o,
        keep=None if live.all() else live,
    )
    return BinomialData(names, X, live, rows, clusters, log_coefficient)


def choose_nodes(quadrature: int | None, laplace: bool) -> int:
    """Give the quadrature's nodes: as asked, else one for Laplace's approximation, else seven.

    Raises
    ------
    ValueError
        When the number is not odd and positive.
    """
    if quadrature is None:
        return 1 if laplace else QUADRATURE
    if isinstance(quadrature, bool) or quadrature < 1 or quadrature % 2 != 1:
        raise ValueError(f"quadrature: {quadrature!r} is not an odd number of nodes")
    return int(quadrature)


@dataclass(frozen=True, slots=True)
class Solution:
    """An identified problem, its maximum, and what was left out on the way to it."""

    problem: Identified
    estimate: Estimate
    directions: tuple[Direction, ...]
    used: NDArray[np.bool_]


def fit_without_separated(
    data: BinomialData,
    *,
    quadrature: int,
    restricted: bool = False,
    start: Any = None,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> Solution:
    """Climb; what separates the outcome is left out and named, and the rest climbed again."""
    names, rows = data.names, data.rows
    order = keep_order(names, preference, protected)
    _refuse_constant(rows)
    directions: list[Direction] = []
    used = data.live
    while True:
        slopes = settled_by_a_column(rows, order)
        if slopes is None:
            problem = _identify(data, rows, order, protected)
            problem = replace(problem, nodes=quadrature, restricted=restricted)
            estimate = maximise_likelihood(problem, _begin(start, problem, names))
            slopes = _search(problem, estimate, len(names))
            if slopes is None:
                return Solution(problem, estimate, tuple(directions), used)
        constant = constant_column(rows.X, order)
        touched = tuple(names[j] for j in np.flatnonzero(slopes) if j != constant)
        if shared := [name for name in touched if name in protected]:
            raise Separation(
                f"{', '.join(shared)}: the outcome never or always happens at one of the levels, "
                "so there is no finite estimate",
                Code.SEPARATED,
                shared,
            )
        moved = moved_by(data.X, slopes)
        directions.append(Direction(slopes, touched, int((moved & used).sum())))
        used = used & ~moved
        rows = rows.subset(~moved_by(rows.X, slopes))
        _refuse_constant(rows, left_out=True)


def _refuse_constant(rows: Rows, *, left_out: bool = False) -> None:
    """Refuse an outcome that doesn't vary."""
    events, total = float(rows.successes.sum()), float(rows.trials.sum())
    if total == 0.0:
        raise Separation("X: no row is left once the separated ones are left out", Code.NO_ROWS)
    if events in (0.0, total):
        word = "never" if events == 0.0 else "always"
        when = "once the separated rows are left out, " if left_out else ""
        raise Separation(
            f"successes: {when}the outcome {word} happens: nothing can be fitted",
            Code(f"outcome_{word}_left" if left_out else f"outcome_{word}"),
        )


def _identify(
    data: BinomialData,
    rows: Rows,
    order: Sequence[int],
    protected: Sequence[str],
) -> Identified:
    """Standardise the columns and drop the collinear ones; a protected one must not be lost."""
    standard = standardise(rows.X, order)
    lost = [
        name for j, name in enumerate(data.names) if name in protected and j not in standard.kept
    ]
    if lost and rows is not data.rows:
        raise Separation(
            f"{', '.join(lost)}: not identified once the rows in which the outcome never or "
            "always happens are left out",
            Code.SEPARATED_ALIASED,
            lost,
        )
    if lost:
        raise Unidentified(
            f"{', '.join(lost)}: a combination of the other protected columns", Code.ALIASED, lost
        )
    group = np.unique(data.clusters.group_of[rows.cells], return_inverse=True)[1].astype(np.int64)
    return Identified(rows.with_columns(standard.X), group, standard, data.clusters.nested)


def _begin(start: Any, problem: Identified, names: Sequence[str]) -> tuple[Floats, Floats] | None:
    """Take a neighbour's solution, if it fits: a record, or (coefficients, sigmas)."""
    if start is None:
        return None
    wanted = [names[j] for j in problem.standard.kept]
    if isinstance(start, LogisticFit):
        by_name = dict(zip(start.names, start.coefficients, strict=True))
        if any(name not in by_name for name in wanted):
            return None
        beta, sigmas = np.array([by_name[name] for name in wanted]), np.array(start.sigmas)
    else:
        if len(start) != 2:
            raise ValueError("start: expected a fit, or coefficients and standard deviations")
        beta, sigmas = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in start)
    if beta.shape != (len(wanted),) or sigmas.shape != (1 + problem.nested,):
        return None
    if not (np.isfinite(beta).all() and np.isfinite(sigmas).all()) or (sigmas < 0.0).any():
        return None
    return np.linalg.solve(problem.standard.back, beta), sigmas


def _search(problem: Identified, estimate: Estimate, columns: int) -> Floats | None:
    """Search all combinations for a separating one, if the fit gives cause to."""
    rows, standard = problem.rows, problem.standard
    eta = rows.offset + rows.X @ estimate.beta
    extreme = float(bernoulli(-np.abs(eta)).p.min())
    if estimate.converged and extreme >= _SUSPICIOUS:
        return None
    found = settled_by_a_combination(rows)
    if found is None:
        return None
    slopes = np.zeros(columns)
    slopes[standard.kept] = standard.back @ found
    return slopes


def name_parameters(data: BinomialData, solution: Solution) -> LogisticFit:
    """Turn standardised parameters and present cells into named columns and all labels."""
    problem, estimate, used = solution.problem, solution.estimate, solution.used
    names, kept, p = data.names, problem.standard.kept, len(problem.standard.kept)
    theta = np.append(estimate.beta, estimate.rho)
    active = (estimate.active[0], len(estimate.active) > 1 and estimate.active[1])
    at = Nested.of(problem.rows, problem.group, active).conditional(theta)
    full = np.eye(len(theta))
    full[:p, :p] = problem.standard.back
    covariance, condition = _invert(estimate.information)
    covariance = full @ covariance @ full.T
    covariance = 0.5 * (covariance + covariance.T)
    # The restricted likelihood depends on the columns' units through log det S.
    jacobian = float(np.linalg.slogdet(problem.standard.back)[1]) if problem.restricted else 0.0
    sigmas = np.zeros(len(estimate.active))
    sigmas[list(estimate.active)] = np.exp(estimate.rho)

    cells = problem.rows.cells
    groups = np.unique(data.clusters.group_of[cells])
    modes, mode_sds, group_slopes = _place(
        len(data.clusters.groups),
        groups,
        (at.group_modes, 0.0),
        (at.group_sds, sigmas[0]),
        (at.group_slopes, 0.0),
    )
    # A cell without rows has its group's intercept, and moves with it.
    of = data.clusters.group_of
    intercepts, slopes, inner, inner_sds = _place(
        len(of),
        cells,
        (at.intercepts, modes[of]),
        (at.slopes, group_slopes[of]),
        (at.cell_modes, 0.0),
        (at.cell_sds, sigmas[-1]),
    )
    nested = data.clusters.nested
    variances = np.diag(covariance)[:p]
    separated = {name for direction in solution.directions for name in direction.names}
    dropped = [j for j in range(len(names)) if j not in kept]
    extreme = _extreme(problem)
    return LogisticFit(
        names=tuple(names[j] for j in kept),
        coefficients=(full @ theta)[:p],
        std_errors=np.sqrt(variances),
        covariance=covariance[:p, :p],
        df=np.full(p, np.inf),
        sigmas=tuple(float(x) for x in sigmas),
        log_likelihood=estimate.value + data.log_coefficient + jacobian,
        modes=modes,
        mode_sds=mode_sds,
        subgroup_modes=inner if nested else np.zeros(0),
        subgroup_mode_sds=inner_sds if nested else np.zeros(0),
        group_labels=data.clusters.groups,
        subgroup_labels=data.clusters.cells,
        converged=estimate.converged,
        singular=not all(estimate.active),
        dropped=tuple(names[j] for j in dropped),
        dropped_reasons=tuple(
            SETTLED if names[j] in separated else problem.standard.reasons[j] for j in dropped
        ),
        warnings=_warnings(data, estimate, condition, extreme),
        extreme_groups=extreme,
        iterations=estimate.iterations,
        gradient_norm=estimate.gradient_norm,
        condition_number=condition,
        columns=names,
        rows=int(used.sum()),
        used=used,
        quadrature=problem.nodes,
        restricted=problem.restricted,
        parameters_covariance=covariance,
        intercepts=intercepts,
        intercept_slopes=slopes @ np.linalg.inv(full),
        separated=solution.directions,
    )


def _place(
    count: int, present: Integers, *columns: tuple[Floats, Floats | float]
) -> tuple[Floats, ...]:
    """Spread what belongs to the present labels over all labels; the rest gets its default."""
    out = []
    for values, default in columns:
        column = np.empty((count, *values.shape[1:]))
        column[...] = default
        column[present] = values
        out.append(column)
    return tuple(out)


def _invert(information: Floats) -> tuple[Floats, float]:
    """Inverse and condition number at a unit diagonal; NaN and infinity when not positive."""
    diagonal = np.diag(information)
    if not (np.isfinite(information).all() and (diagonal > 0).all()):
        return np.full_like(information, np.nan), np.inf
    scale = np.sqrt(np.outer(diagonal, diagonal))
    values, vectors = np.linalg.eigh(information / scale)
    if values[0] <= 0:
        return np.full_like(information, np.nan), np.inf
    return (vectors / values) @ vectors.T / scale, float(values[-1] / values[0])


def _extreme(problem: Identified) -> tuple[int, int]:
    """Count the groups in which the outcome never or always happens, and all of them."""
    groups = problem.group[-1] + 1
    s = np.bincount(problem.group, weights=problem.rows.cell_sums(problem.rows.successes))
    n = np.bincount(problem.group, weights=problem.rows.cell_sums(problem.rows.trials))
    return int(((s == 0) | (s == n)).sum()), int(groups)


def _warnings(
    data: BinomialData, estimate: Estimate, condition: float, extreme: tuple[int, int]
) -> tuple[str, ...]:
    warnings = []
    if not estimate.converged:
        warnings.append(f"not converged: {estimate.reason}")
    if np.isinf(condition):
        warnings.append("the information is not positive definite: no standard errors")
    levels = ("groups", "subgroups")[: len(estimate.active)]
    for level, is_active in zip(levels, estimate.active, strict=True):
        if not is_active:
            warnings.append(f"singular: the standard deviation of the {level} is zero")
    if len(data.clusters.groups) == 1:
        warnings.append("one group: its standard deviation can't be told")
    some, groups = extreme
    if some:
        warnings.append(f"the outcome never or always happens in {some} of {groups} groups")
    return tuple(warnings)
