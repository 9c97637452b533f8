"""Logistic model with nested intercepts: quadrature at both levels.

The cells' intercepts are integrated by adaptive quadrature at each of the groups' nodes, exactly
as in :mod:`fvlib.models.logistic.quadrature`. The groups' nodes lie around the joint modes and stay
where they are while the likelihood is climbed; they are laid again until nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fvlib.models.collapse import Integers, Rows, group_starts
from fvlib.models.logistic.laplace import Nested
from fvlib.models.logistic.quadrature import OneLevel, hermite
from fvlib.models.newton import Point

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Tree:
    """The approximated log-likelihood of (beta, log sigma1, log sigma2) at fixed outer nodes.

    Attributes
    ----------
    rows : Rows
        Cells in the order of their groups; the last column of X is the groups' node, written anew
        for each node. With coefficient 1, its derivative is the one by log sigma1.
    group : (cells,) array of int
    nodes : (groups, q) array
        Standardised; ``log_weights`` likewise holds what multiplies the integrand there.
    inner : tuple of OneLevel
        One for each outer node: each keeps its modes.
    """

    rows: Rows
    group: Integers
    nodes: Floats
    log_weights: Floats
    inner: tuple[OneLevel, ...]

    @classmethod
    def of(cls, rows: Rows, group: Integers, q: int, theta: Floats) -> Tree:
        """Lay the outer nodes around the joint modes at theta."""
        laplace = Nested.of(rows, group)
        at = laplace.conditional(theta)
        sigma = np.exp(theta[-2])
        z, w = hermite(q)
        scale = at.group_sds / sigma
        nodes = (at.group_modes / sigma)[:, None] + scale[:, None] * z
        log_weights = np.log(scale)[:, None] + np.log(w) + 0.5 * z**2 - 0.5 * nodes**2
        wider = rows.with_columns(np.concatenate([rows.X, np.zeros((len(rows.X), 1))], axis=1))
        inner = tuple(OneLevel.of(wider, q) for _ in range(q))
        return cls(wider, group, nodes, log_weights, inner)

    def __call__(self, theta: Floats) -> Point:
        """Value, gradient and information at theta; the state is the scores by group."""
        beta, sigma1 = theta[:-2], np.exp(theta[-2])
        inner_theta = np.concatenate([beta, [1.0], theta[-1:]])
        starts = group_starts(self.group)
        groups, q, t = len(starts), len(self.inner), len(theta)
        logs, scores = np.empty((groups, q)), np.empty((groups, q, t))
        found = []
        for j, likelihood in enumerate(self.inner):
            self._write(sigma1, j)
            at = likelihood.by_cell(inner_theta)
            logs[:, j] = np.add.reduceat(at.values, starts) + self.log_weights[:, j]
            scores[:, j] = np.add.reduceat(at.scores, starts, axis=0)
            found.append(at)
        top = logs.max(axis=1)
        terms = np.exp(logs - top[:, None])
        total = terms.sum(axis=1)
        pi = terms / total[:, None]
        mean = np.einsum("gj,gjt->gt", pi, scores)
        information = mean.T @ mean - np.einsum("gj,gjs,gjt->st", pi, scores, scores)
        for j, at in enumerate(found):
            self._write(sigma1, j)
            information += at.information(pi[self.group, j])
        information[-2, -2] -= mean[:, -2].sum()
        return Point(float(np.sum(top + np.log(total))), mean.sum(axis=0), information, mean)

    def _write(self, sigma1: float, j: int) -> None:
        self.rows.X[:, -1] = self.rows.spread((sigma1 * self.nodes[:, j])[self.group])
