"""Linear mixed model with nested random intercepts: profiled likelihood from sufficient statistics.

The derivation stands in :mod:`fvlib.models.mixed`; the names here are its symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fvlib.models.collapse import Integers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """All that the likelihood needs of ``M = [X y]``; leaves are the innermost clusters.

    With three levels M = [X y Z], Z being the outermost clusters' ``outer`` indicators.

    Attributes
    ----------
    total : (c, c) array
        M'M.
    size : (kinds,) array
        The different leaf sizes n.
    squares : (kinds, c, c) array
        Sum of s s' over the leaves of each size, s being a leaf's column sums of M.
    counts : (groups, kinds) array
        Leaves of each size in each group (one group of nothing when there is one level).
    sums : (groups, kinds, c) array
        Sum of s over these.
    rows, leaves : int
    nested : bool
        Whether the groups have an intercept of their own.
    leaf_sums : (leaves, c) array
    leaf_size, leaf_group : (leaves,) arrays
    outer : int
        Outermost clusters above the groups; none with fewer than three levels.
    """

    total: Floats
    size: Floats
    squares: Floats
    counts: Floats
    sums: Floats
    rows: int
    nested: bool
    leaf_sums: Floats
    leaf_size: Floats
    leaf_group: Integers
    outer: int = 0


def moments(
    X: Floats | tuple[Floats, ...],
    y: Floats,
    leaf: Integers,
    leaf_group: Integers | None,
    outer: Integers | None = None,
    *,
    gram: Floats | None = None,
) -> Moments:
    """Gather the sums: one pass over the rows.

    Parameters
    ----------
    X : (rows, columns) array
        Or several, taken side by side.
    y : (rows,) array
    leaf : (rows,) array
        Innermost cluster of each row.
    leaf_group : (leaves,) array
        The group of each leaf, with two levels or more.
    outer : (groups,) array
        With three levels, the outermost cluster of each group.
    gram : (columns, columns) array
        X'X where it is known already.
    """
    parts = X if isinstance(X, tuple) else (X,)
    n, leaves = len(y), int(leaf.max()) + 1
    indicator = sp.csr_matrix(
        (np.ones(n), (leaf, np.arange(n))), shape=(leaves, n), dtype=np.float64
    )
    sizes = np.bincount(leaf, minlength=leaves).astype(np.float64)
    kinds, kind = np.unique(sizes, return_inverse=True)
    nested = leaf_group is not None
    of = leaf_group if leaf_group is not None else np.zeros(leaves, dtype=np.int64)
    groups = int(of.max()) + 1
    sums = np.column_stack(
        [*(indicator @ part for part in parts), np.bincount(leaf, weights=y, minlength=leaves)]
    )
    total = np.empty((sums.shape[1],) * 2)
    total[:-1, :-1] = np.block([[a.T @ b for b in parts] for a in parts]) if gram is None else gram
    total[-1, :-1] = total[:-1, -1] = np.concatenate([part.T @ y for part in parts])
    total[-1, -1] = y @ y
    above = 0 if outer is None else int(outer.max()) + 1
    if outer is not None:
        standing = np.eye(above)[outer[of]] * sizes[:, None]
        beside = (np.eye(above)[outer[of]].T @ sums).T
        total = np.block([[total, beside], [beside.T, np.diag(standing.sum(axis=0))]])
        sums = np.concatenate([sums, standing], axis=1)
    c = sums.shape[1]
    squares = np.zeros((len(kinds), c, c))
    for k in range(len(kinds)):
        s = sums[kind == k]
        squares[k] = s.T @ s
    cell = of * len(kinds) + kind
    to_cell = sp.csr_matrix(
        (np.ones(leaves), (cell, np.arange(leaves))), shape=(groups * len(kinds), leaves)
    )
    return Moments(
        total=total,
        size=kinds,
        squares=squares,
        counts=np.bincount(cell, minlength=groups * len(kinds))
        .reshape(groups, len(kinds))
        .astype(np.float64),
        sums=np.asarray(to_cell @ sums).reshape(groups, len(kinds), c),
        rows=n,
        nested=nested,
        leaf_sums=sums,
        leaf_size=sizes,
        leaf_group=of,
        outer=above,
    )


@dataclass(frozen=True, slots=True)
class Whitened:
    """M'V^-1 M and log|V| at variance ratios gamma, with their first and second derivatives.

    Order of gamma: (outer, group, leaf) with three levels, (group, leaf) when nested, else (leaf,).
    """

    B: Floats
    logdet: float
    B1: Floats
    B2: Floats
    logdet1: Floats
    logdet2: Floats


def evaluate_closed_forms(m: Moments, gamma: Floats) -> Whitened:
    """Evaluate the closed forms."""
    if m.outer:
        return _add_level(_leaves_and_groups(m, gamma[1:]), float(gamma[0]), m.outer)
    return _leaves_and_groups(m, gamma)


def _add_level(at: Whitened, gamma: float, count: int) -> Whitened:
    """Add an outermost level, whose indicators' ``count`` columns stand last in M.

    With V_2 of the levels below, W = Z'V_2^-1 Z, R = Z'V_2^-1 [X y] and H = (I + gamma W)^-1,
    Woodbury's K = gamma H takes R'KR from B and adds log|I + gamma W|; the derivatives are by
    gamma (place 0) and, through W and R, by the ratios below.
    """
    c, k = len(at.B) - count, len(at.B1)
    W, R = at.B[c:, c:], at.B[c:, :c]
    W1, R1 = at.B1[:, c:, c:], at.B1[:, c:, :c]
    W2, R2 = at.B2[:, :, c:, c:], at.B2[:, :, c:, :c]
    H = np.linalg.inv(np.eye(count) + gamma * W)
    H = 0.5 * (H + H.T)
    K, H2 = gamma * H, H @ H

    def both(half: Floats) -> Floats:
        return half + half.T

    B1, B2 = np.empty((k + 1, c, c)), np.empty((k + 1, k + 1, c, c))
    d1, d2 = np.empty(k + 1), np.empty((k + 1, k + 1))
    B1[0], B2[0, 0] = -R.T @ H2 @ R, 2.0 * R.T @ W @ H2 @ H @ R
    d1[0], d2[0, 0] = np.trace(H @ W), -np.trace(H @ W @ H @ W)
    for i in range(k):
        KW = K @ W1[i]
        B1[i + 1] = at.B1[i, :c, :c] - both(R1[i].T @ K @ R) + R.T @ KW @ K @ R
        d1[i + 1] = at.logdet1[i] + np.trace(KW)
        mixed = -both(R1[i].T @ H2 @ R) + both(R.T @ KW @ H2 @ R)
        B2[0, i + 1] = B2[i + 1, 0] = mixed
        d2[0, i + 1] = d2[i + 1, 0] = np.trace(H @ W1[i] @ H)
        for j in range(k):
            WK = W1[j] @ K
            B2[i + 1, j + 1] = (
                at.B2[i, j, :c, :c]
                - both(R2[i, j].T @ K @ R)
                - both(R1[i].T @ K @ R1[j])
                + both(R1[i].T @ K @ WK @ R)
                + both(R1[j].T @ KW @ K @ R)
                - both(R.T @ KW @ K @ WK @ R)
                + R.T @ K @ W2[i, j] @ K @ R
            )
            d2[i + 1, j + 1] = at.logdet2[i, j] + np.trace(K @ W2[i, j]) - np.trace(KW @ K @ W1[j])
    logdet = at.logdet + float(np.linalg.slogdet(np.eye(count) + gamma * W)[1])
    return Whitened(at.B[:c, :c] - R.T @ K @ R, logdet, B1, B2, d1, d2)


def _leaves_and_groups(m: Moments, gamma: Floats) -> Whitened:
    """Evaluate the closed forms of one level or two."""
    leaf = gamma[-1]
    n = m.size
    h = 1.0 / (1.0 + n * leaf)
    per_kind = m.counts.sum(axis=0)

    def squares(weights: Floats) -> Floats:
        return np.asarray(np.tensordot(weights, m.squares, axes=1))

    B = m.total - squares(leaf * h)
    B_l, B_ll = -squares(h**2), squares(2.0 * n * h**3)
    logdet = float(per_kind @ np.log1p(n * leaf))
    d_l, d_ll = float(per_kind @ (n * h)), -float(per_kind @ (n * h) ** 2)
    if not m.nested:
        return Whitened(B, logdet, B_l[None], B_ll[None, None], np.array([d_l]), np.array([[d_ll]]))
    outer = gamma[0]
    h1, h2 = -n * h**2, 2.0 * n**2 * h**3
    r, r1, r2 = (np.einsum("k,gkc->gc", x, m.sums) for x in (h, h1, h2))
    w, w1, w2 = (m.counts @ (n * x) for x in (h, h1, h2))
    v = 1.0 / (1.0 + outer * w)

    def cross(weights: Floats, left: Floats, right: Floats) -> Floats:
        half = (weights[:, None] * left).T @ right
        return np.asarray(half if left is right else half + half.T)

    B = B - cross(outer * v, r, r)
    B_g, B_gg = -cross(v**2, r, r), cross(2.0 * w * v**3, r, r)
    B_l = B_l + cross((outer * v) ** 2 * w1, r, r) - cross(outer * v, r1, r)
    B_gl = cross(2.0 * outer * v**3 * w1, r, r) - cross(v**2, r1, r)
    B_ll = (
        B_ll
        - cross(2.0 * outer**3 * v**3 * w1**2 - (outer * v) ** 2 * w2, r, r)
        + cross(2.0 * (outer * v) ** 2 * w1, r1, r)
        - cross(outer * v, r2, r)
        - cross(2.0 * outer * v, r1, r1)
    )
    logdet += float(np.log1p(outer * w).sum())
    d_g, d_gg = float((w * v).sum()), -float((w * v) @ (w * v))
    d_l += float((outer * w1 * v).sum())
    d_gl = float((w1 * v**2).sum())
    d_ll += float((outer * w2 * v - (outer * w1 * v) ** 2).sum())
    return Whitened(
        B,
        logdet,
        np.stack([B_g, B_l]),
        np.stack([np.stack([B_gg, B_gl]), np.stack([B_gl, B_ll])]),
        np.array([d_g, d_l]),
        np.array([[d_gg, d_gl], [d_gl, d_ll]]),
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """Minus twice the profiled (restricted) log-likelihood over the variance ratios."""

    deviance: float
    gradient: Floats
    hessian: Floats
    beta: Floats
    inverse: Floats
    rss: float
    full_hessian: Floats
    white: Whitened


def profile(m: Moments, gamma: Floats, reml: bool) -> Profile:
    """Deviance, its derivatives by gamma, and the fixed effects at gamma.

    ``full_hessian`` is the second derivative of the unprofiled deviance by
    (gamma, log sigma^2), at the profiled sigma^2.
    """
    at = evaluate_closed_forms(m, gamma)
    p = len(at.B) - 1
    df = m.rows - (p if reml else 0)
    A = at.B[:p, :p]
    L = np.linalg.cholesky(A) if p else np.zeros((0, 0))
    inverse = np.linalg.inv(A) if p else np.zeros((0, 0))
    inverse = 0.5 * (inverse + inverse.T)
    beta = inverse @ at.B[:p, p]
    w = np.append(-beta, 1.0)
    rss = float(w @ at.B @ w)
    k = len(gamma)
    Bw = at.B1 @ w
    rss1 = Bw @ w
    rss2 = np.einsum("ijab,a,b->ij", at.B2, w, w)
    rss2 = rss2 - 2.0 * np.einsum("ia,ab,jb->ij", Bw[:, :p], inverse, Bw[:, :p])
    logdet, d1, d2 = at.logdet, at.logdet1.copy(), at.logdet2.copy()
    if reml and p:
        logdet += 2.0 * float(np.log(np.diag(L)).sum())
        AiA = [inverse @ at.B1[i, :p, :p] for i in range(k)]
        d1 += np.array([np.trace(x) for x in AiA])
        d2 += np.array(
            [
                [
                    np.sum(inverse * at.B2[i, j, :p, :p]) - np.sum(AiA[i] * AiA[j].T)
                    for j in range(k)
                ]
                for i in range(k)
            ]
        )
    deviance = df * (1.0 + np.log(2.0 * np.pi * rss / df)) + logdet
    gradient = df * rss1 / rss + d1
    hessian = df * (rss2 / rss - np.outer(rss1, rss1) / rss**2) + d2
    full = np.zeros((k + 1, k + 1))
    sigma2 = rss / df
    full[:k, :k] = rss2 / sigma2 + d2
    full[:k, k] = full[k, :k] = -rss1 / sigma2
    full[k, k] = df
    return Profile(float(deviance), gradient, hessian, beta, inverse, rss, full, at)
