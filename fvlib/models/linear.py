"""The linear fit: sums, profile, degrees of freedom, record."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fvlib.models import arguments
from fvlib.models.clusters import nest
from fvlib.models.identify import keep_order, standardise
from fvlib.models.newton import Point, maximise
from fvlib.models.records import LinearFit
from fvlib.models.reml import Profile, moments, profile

Floats = NDArray[np.float64]

# Standard deviation of an intercept, relative to the residual's, that counts as none.
SINGULAR = 1e-4
_GRID = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def fit(
    y: ArrayLike,
    X: Any,
    groups: Any,
    subgroups: Any = None,
    names: Sequence[str] | None = None,
    reml: bool = True,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> LinearFit:
    """Fit y = X beta + b[group] + b[subgroup in group] + residual."""
    X, names = arguments.design(X, names)
    n = len(X)
    y = arguments.vector("y", y, n)
    clusters = nest(groups, subgroups, n)
    order = keep_order(names, preference, protected)
    standard = standardise(X, order)
    kept, Z, back = standard.kept, standard.X, standard.back
    p = len(kept)
    ols = np.linalg.lstsq(Z.T @ Z, Z.T @ y, rcond=None)[0]
    residual = y - Z @ ols
    unit = float(np.sqrt(residual @ residual / max(n - p, 1))) or 1.0
    M = np.concatenate([Z, (residual / unit)[:, None]], axis=1)
    m = moments(M, clusters.cell, clusters.group_of if clusters.nested else None)
    levels = 2 if m.nested else 1
    ratios, iterations, converged, decrement = _climb(m, levels, reml)
    at = profile(m, ratios**2, reml)
    df_total = n - (p if reml else 0)
    sigma2 = at.rss / df_total
    covariance = unit**2 * sigma2 * back @ at.inverse @ back.T
    df = _satterthwaite(m, ratios, at, reml, back)
    sigma = float(np.sqrt(sigma2)) * unit
    w = np.append(-at.beta, 1.0)
    leaf_residual = m.leaf_sums @ w
    gamma = ratios**2
    h = 1.0 / (1.0 + m.leaf_size * gamma[-1])
    if m.nested:
        r = np.bincount(m.leaf_group, weights=h * leaf_residual)
        v = 1.0 / (1.0 + gamma[0] * np.bincount(m.leaf_group, weights=h * m.leaf_size))
        modes = gamma[0] * v * r
        sds = np.sqrt(gamma[0] * v)
        pull = gamma[-1] * h
        inner_modes = pull * (leaf_residual - m.leaf_size * modes[m.leaf_group])
        inner_sds = np.sqrt(pull + (pull * m.leaf_size) ** 2 * (gamma[0] * v)[m.leaf_group])
    else:
        modes, sds = gamma[-1] * h * leaf_residual, np.sqrt(gamma[-1] * h)
        inner_modes, inner_sds = np.zeros(0), np.zeros(0)
    singular = bool((ratios == 0).any())
    warnings = []
    if singular:
        warnings.append("singular: a standard deviation is zero")
    if not converged:
        warnings.append("not converged")
    dropped = tuple(name for j, name in enumerate(names) if j not in kept)
    scale = np.sqrt(np.diag(at.inverse))
    return LinearFit(
        names=tuple(names[j] for j in kept),
        coefficients=back @ (ols + unit * at.beta),
        std_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        df=df,
        sigmas=(*(float(x) * sigma for x in ratios), sigma),
        log_likelihood=-0.5 * at.deviance
        - df_total * np.log(unit)
        - (float(np.log(np.abs(np.diag(back))).sum()) * -1.0 if reml else 0.0),
        modes=modes * unit,
        mode_sds=sds * sigma,
        subgroup_modes=inner_modes * unit,
        subgroup_mode_sds=inner_sds * sigma,
        group_labels=clusters.groups,
        subgroup_labels=clusters.cells,
        converged=converged,
        singular=singular,
        dropped=dropped,
        dropped_reasons=("collinear",) * len(dropped),
        warnings=tuple(warnings),
        iterations=iterations,
        gradient_norm=decrement,
        condition_number=float(np.linalg.cond(at.inverse / np.outer(scale, scale))),
        columns=names,
        rows=n,
        used=np.ones(n, dtype=bool),
        reml=reml,
    )


def _climb(m: Any, levels: int, reml: bool) -> tuple[Floats, int, bool, float]:
    """Ratios of standard deviations at the maximum; a ratio under the limit becomes zero."""
    grid = [np.array(x) for x in product(_GRID, repeat=levels)]
    best = min(grid, key=lambda x: profile(m, x**2, reml).deviance)
    free = np.ones(levels, dtype=bool)

    def evaluate(theta: Floats) -> Point:
        ratios = np.zeros(levels)
        ratios[free] = theta
        at = profile(m, ratios**2, reml)
        gradient = 2.0 * ratios * at.gradient
        hessian = 4.0 * np.outer(ratios, ratios) * at.hessian + np.diag(2.0 * at.gradient)
        return Point(-0.5 * at.deviance, -0.5 * gradient[free], 0.5 * hessian[np.ix_(free, free)])

    begin = np.maximum(best, 0.01)
    iterations = 0
    while True:
        optimum = maximise(evaluate, begin[free], np.full(int(free.sum()), 3.0))
        iterations += optimum.iterations
        ratios = np.zeros(levels)
        ratios[free] = np.abs(optimum.theta)
        small = free & (ratios < SINGULAR)
        if not small.any():
            return ratios, iterations, optimum.converged, optimum.decrement
        free &= ~small
        begin = ratios
        if not free.any():
            return np.zeros(levels), iterations, True, 0.0


def _satterthwaite(m: Any, ratios: Floats, at: Profile, reml: bool, back: Floats) -> Floats:
    """Degrees of freedom of each coefficient, of the columns as given."""
    from fvlib.models.reml import whiten

    p = len(at.beta)
    k = len(ratios)
    free = [i for i in range(k) if ratios[i] > 0]
    index = [*free, k]
    H = at.log_sigma2_hessian[np.ix_(index, index)]
    cov = 2.0 * np.linalg.inv(H)
    white = whiten(m, ratios**2)
    v = np.einsum("ja,ab,jb->j", back, at.inverse, back)
    gradient = np.zeros((p, len(index)))
    for place, i in enumerate(free):
        half = back @ at.inverse
        gradient[:, place] = -np.einsum("ja,ab,jb->j", half, white.B1[i, :p, :p], half)
    gradient[:, -1] = v
    return np.asarray(2.0 * v**2 / np.einsum("ja,ab,jb->j", gradient, cov, gradient))
