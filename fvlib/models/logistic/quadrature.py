"""Logistic model with one random intercept: the adaptive Gauss-Hermite log-likelihood, exactly.

The derivation stands in :mod:`fvlib.models.mixed`; the names here are its symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fvlib.models.collapse import Rows
from fvlib.models.newton import Point

Floats = NDArray[np.float64]

_MODE_STEPS = 200
_MODE_TOLERANCE = 1e-13
# Longest move of a mode in one inner step, on the scale of the linear predictor; or one standard
# deviation, if that is more.
_MODE_CAP = 4.0
# exp() of more than this overflows; a probability this extreme is 0 or 1 in double precision.
_ETA_LIMIT = 700.0


def hermite(nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the standard normal density; the weights sum to one."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    z[nodes // 2] = 0.0
    return z, w / w.sum()


class Bernoulli(NamedTuple):
    """P(Y = 1), its variance, and minus its logarithm, at a linear predictor."""

    p: Floats
    variance: Floats
    minus_log_p: Floats


def bernoulli(eta: Floats) -> Bernoulli:
    """Evaluate the logistic law; ``p`` and the variance keep their relative precision near 0."""
    odds = np.negative(np.clip(eta, -_ETA_LIMIT, _ETA_LIMIT))
    np.exp(odds, out=odds)
    p = odds + 1.0
    np.reciprocal(p, out=p)
    variance = p * p
    variance *= odds
    np.log1p(odds, out=odds)
    return Bernoulli(p, variance, odds)


def plain_logistic(rows: Rows, beta: Floats) -> Point:
    """Log-likelihood of the logistic model without random effects."""
    eta = rows.offset + rows.X @ beta
    at = bernoulli(eta)
    failures = rows.trials - rows.successes
    return Point(
        -float(failures @ eta + rows.trials @ at.minus_log_p),
        rows.X.T @ (rows.successes - rows.trials * at.p),
        rows.crossproduct(rows.trials * at.variance),
    )


class ByCell(NamedTuple):
    """The log-likelihood of every cell at one point of theta = (beta, log sigma).

    ``values`` (cells,), ``scores`` (cells, parameters), and a function that gives the information
    of all cells together, each with a weight.
    """

    values: Floats
    scores: Floats
    information: Callable[[Floats], Floats]


class _Sums(NamedTuple):
    """Per cell: the log-likelihood and its derivatives by the intercept and by beta.

    ``l``, ``l1``, ``l2`` (cells, q) at the nodes; ``m1`` to ``m4`` (cells,) at the mode, a number
    being the order of the derivative by the intercept; ``_beta`` (cells, [q,] p) is one more
    derivative, by beta. ``k2`` (q, rows), ``k3``, ``k4`` (rows,) are the rows' own derivatives.
    """

    l: Floats  # noqa: E741
    l1: Floats
    l2: Floats
    l_beta: Floats
    l1_beta: Floats
    m1: Floats
    m2: Floats
    m3: Floats
    m4: Floats
    m1_beta: Floats
    m2_beta: Floats
    m3_beta: Floats
    k2: Floats
    k3: Floats
    k4: Floats


class _Path(NamedTuple):
    """How mode, scale and nodes move with theta: first derivatives, and their ingredients."""

    sigma: float
    pi: Floats
    h_u: Floats
    h_uu: Floats
    h_uuu: Floats
    h_uuuu: Floats
    h_u_theta: Floats
    mode_uu_theta: Floats
    mode_uuu_theta: Floats
    u_theta: Floats
    g: Floats
    node_theta: Floats
    score: Floats


@dataclass(slots=True)
class OneLevel:
    """The approximated log-likelihood of (beta, log sigma), ``len(z)`` nodes a cell.

    ``modes`` (standardised, one a cell) are kept between evaluations only to start the next
    search for them.
    """

    rows: Rows
    z: Floats
    w: Floats
    modes: Floats

    @classmethod
    def of(cls, rows: Rows, nodes: int) -> OneLevel:
        """Set up with modes at zero."""
        z, w = hermite(nodes)
        return cls(rows, z, w, np.zeros(len(rows.cells)))

    def __call__(self, theta: Floats) -> Point:
        """Value, gradient and information at (beta, log sigma); the state is the scores by cell."""
        cells = self.by_cell(theta)
        return Point(
            float(cells.values.sum()),
            cells.scores.sum(axis=0),
            cells.information(np.ones(len(self.modes))),
            cells.scores,
        )

    def by_cell(self, theta: Floats) -> ByCell:
        """Evaluate each cell at (beta, log sigma)."""
        rows, z = self.rows, self.z
        sigma = float(np.exp(theta[-1]))
        eta = rows.offset + rows.X @ theta[:-1]
        m2 = self._find_modes(eta, sigma)
        c = 1.0 - sigma**2 * m2
        tau = 1.0 / np.sqrt(c)
        u = self.modes[:, None] + tau[:, None] * z
        b = sigma * u
        sums = self._sums(eta, b)

        h = sums.l - 0.5 * u**2 + 0.5 * z**2
        top = h.max(axis=1)
        terms = self.w * np.exp(h - top[:, None])
        total = terms.sum(axis=1)
        values = np.log(tau) + top + np.log(total)

        path = self._path(sums, sigma, u, c, terms / total[:, None])
        scores = path.g + np.einsum("kj,kjt->kt", path.pi, path.score)

        def information(weight: Floats) -> Floats:
            hessian = self._hessian(sums, path, b, c, weight)
            return -0.5 * (hessian + hessian.T)

        return ByCell(values, scores, information)

    def _find_modes(self, eta: Floats, sigma: float) -> Floats:
        """Newton in every cell at once for the mode; returns the second derivative sums there."""
        rows, u = self.rows, self.modes.copy()
        reach = max(_MODE_CAP / sigma, 1.0)
        # The integrand is log-concave: its slope's sign says on which side of u the mode lies.
        low, high = np.full(len(u), -np.inf), np.full(len(u), np.inf)
        for _ in range(_MODE_STEPS):
            at = bernoulli(eta + rows.spread(sigma * u))
            slope = sigma * rows.cell_sums(rows.successes - rows.trials * at.p) - u
            m2 = -rows.cell_sums(rows.trials * at.variance)
            low, high = np.where(slope > 0, u, low), np.where(slope < 0, u, high)
            new = u + np.clip(slope / (1.0 - sigma**2 * m2), -reach, reach)
            past = np.where(slope > 0, new >= high, new <= low) & np.isfinite(high - low)
            new[past] = 0.5 * (low[past] + high[past])
            step, u = new - u, new
            if np.all(np.abs(step) <= _MODE_TOLERANCE * (1.0 + np.abs(u))):
                break
        self.modes = u
        return m2

    def _sums(self, eta: Floats, b: Floats) -> _Sums:
        """One pass over the rows, block by block."""
        rows, q = self.rows, len(self.z)
        middle, cells, p = q // 2, len(rows.cells), rows.X.shape[1]
        scalars, columns = np.zeros((3 * q + 2, cells)), np.zeros((cells, 2 * q + 2, p))
        k2 = np.empty((q, len(rows.trials)))
        k34 = np.empty((2, len(rows.trials)))
        for block in rows.blocks:
            here, there = block.rows, block.cells
            s, n = rows.successes[here], rows.trials[here]
            at_node = block.spread(b[there].T)
            at_node += eta[here]
            law = bernoulli(at_node)
            k = np.empty((2 * q + 2, len(n)))
            np.multiply(law.p, -n, out=k[:q])
            k[:q] += s
            np.multiply(law.variance, -n, out=k[q : 2 * q])
            variance = law.variance[middle]
            np.multiply(k[q + middle], 1.0 - 2.0 * law.p[middle], out=k[-2])
            np.multiply(k[q + middle], 1.0 - 6.0 * variance, out=k[-1])
            loglik = -((n - s) * at_node + n * law.minus_log_p)
            scalars[:q, there] += block.cell_sums(loglik)
            scalars[q:, there] += block.cell_sums(k)
            columns[there] += block.column_sums(rows.X[here], k)
            k2[:, here] = k[q : 2 * q]
            k34[:, here] = k[-2:]
        l, l1, l2 = (x.T for x in np.split(scalars[: 3 * q], 3))  # noqa: E741
        return _Sums(
            l=l,
            l1=l1,
            l2=l2,
            l_beta=columns[:, :q],
            l1_beta=columns[:, q : 2 * q],
            m1=l1[:, middle],
            m2=l2[:, middle],
            m3=scalars[-2],
            m4=scalars[-1],
            m1_beta=columns[:, q + middle],
            m2_beta=columns[:, -2],
            m3_beta=columns[:, -1],
            k2=k2,
            k3=k34[0],
            k4=k34[1],
        )

    def _path(self, f: _Sums, sigma: float, u: Floats, c: Floats, pi: Floats) -> _Path:
        """Differentiate the mode (implicitly), the scale and the nodes once."""
        b, b0, tau = sigma * u, sigma * self.modes, 1.0 / np.sqrt(c)
        h_u = sigma * f.l1 - u
        h_uuu = sigma**3 * f.m3
        mode_u_theta = _stack(sigma * f.m1_beta, sigma * (f.m1 + b0 * f.m2))
        mode_uu_theta = _stack(sigma**2 * f.m2_beta, sigma**2 * (2 * f.m2 + b0 * f.m3))
        u_theta = mode_u_theta / c[:, None]
        g = 0.5 * (mode_uu_theta + h_uuu[:, None] * u_theta) / c[:, None]
        node_theta = u_theta[:, None] + (tau[:, None] * self.z)[..., None] * g[:, None]
        return _Path(
            sigma=sigma,
            pi=pi,
            h_u=h_u,
            h_uu=sigma**2 * f.l2 - 1.0,
            h_uuu=h_uuu,
            h_uuuu=sigma**4 * f.m4,
            h_u_theta=_stack(sigma * f.l1_beta, sigma * (f.l1 + b * f.l2)),
            mode_uu_theta=mode_uu_theta,
            mode_uuu_theta=_stack(sigma**3 * f.m3_beta, sigma**3 * (3 * f.m3 + b0 * f.m4)),
            u_theta=u_theta,
            g=g,
            node_theta=node_theta,
            score=_stack(f.l_beta, b * f.l1) + h_u[..., None] * node_theta,
        )

    def _hessian(self, f: _Sums, s: _Path, b: Floats, c: Floats, weight: Floats) -> Floats:
        """Second derivatives, the cells weighted.

        D and e gather what multiplies the second derivatives of the mode and of the scale.
        """
        rows, sigma = self.rows, s.sigma
        b0 = sigma * self.modes
        mean_score = np.einsum("kj,kjt->kt", s.pi, s.score)
        a_z = (s.pi * s.h_u * self.z).sum(axis=1) / np.sqrt(c)
        e = weight * 0.5 * (1.0 + a_z) / c
        D = (weight * (s.pi * s.h_u).sum(axis=1) + e * s.h_uuu) / c
        pi = weight[:, None] * s.pi
        row_weight = rows.spread(sigma * D) * f.k3 + rows.spread(sigma**2 * e) * f.k4
        for block in rows.blocks:
            at_node = block.spread(pi[block.cells].T)
            row_weight[block.rows] += np.einsum("ji,ji->i", at_node, f.k2[:, block.rows])
        hessian = np.empty((len(mean_score.T),) * 2)
        hessian[:-1, :-1] = rows.crossproduct(row_weight)
        hessian[:-1, -1] = hessian[-1, :-1] = (
            np.einsum("kj,kjt->t", pi * b, f.l1_beta)
            + (sigma * D) @ (f.m1_beta + b0[:, None] * f.m2_beta)
            + (sigma**2 * e) @ (2 * f.m2_beta + b0[:, None] * f.m3_beta)
        )
        hessian[-1, -1] = (
            (pi * b * (f.l1 + b * f.l2)).sum()
            + (sigma * D) @ (f.m1 + 3 * b0 * f.m2 + b0**2 * f.m3)
            + (sigma**2 * e) @ (4 * f.m2 + 5 * b0 * f.m3 + b0**2 * f.m4)
        )
        crossed = _outer(s.h_u_theta, pi[..., None] * s.node_theta) + _outer(
            D[:, None] * s.mode_uu_theta + e[:, None] * s.mode_uuu_theta, s.u_theta
        )
        return np.asarray(
            hessian
            + crossed
            + crossed.T
            + _outer((pi * s.h_uu)[..., None] * s.node_theta, s.node_theta)
            + _outer((D * s.h_uuu + e * s.h_uuuu)[:, None] * s.u_theta, s.u_theta)
            + _outer((weight * (2.0 + 3.0 * a_z))[:, None] * s.g, s.g)
            + _outer(pi[..., None] * s.score, s.score)
            - _outer(weight[:, None] * mean_score, mean_score)
        )


def _stack(by_beta: Floats, by_rho: Floats) -> Floats:
    """Put the derivative by log sigma behind those by beta."""
    return np.concatenate([by_beta, by_rho[..., None]], axis=-1)


def _outer(left: Floats, right: Floats) -> Floats:
    """Sum of outer products over every leading axis."""
    t = left.shape[-1]
    return np.asarray(left.reshape(-1, t).T @ right.reshape(-1, t))
