"""Logistic model with one random intercept: the adaptive Gauss-Hermite log-likelihood, exactly.

The derivation stands in :mod:`fvlib.models.mixed`; the names here are its symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fvlib.models.collapse import Rows
from fvlib.models.newton import Point

Floats = NDArray[np.float64]

_MODE_STEPS = 100
_MODE_TOLERANCE = 1e-13
# Longest move of a mode in one inner step, on the scale of the linear predictor.
_MODE_CAP = 4.0


def hermite(nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the standard normal density; the weights sum to one."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    z[nodes // 2] = 0.0
    return z, w / w.sum()


def bernoulli(eta: Floats) -> tuple[Floats, Floats]:
    """Probability, and log(1 + exp(eta)), without overflow."""
    small = np.exp(-np.abs(eta))
    inverse = 1.0 / (1.0 + small)
    probability = np.where(eta >= 0, inverse, small * inverse)
    return probability, np.maximum(eta, 0.0) + np.log1p(small)


def binomial_glm(rows: Rows, beta: Floats) -> Point:
    """Log-likelihood of the logistic model without random effects."""
    eta = rows.offset + rows.X @ beta
    p, softplus = bernoulli(eta)
    value = float(rows.successes @ eta - rows.trials @ softplus)
    weight = rows.trials * p * (1.0 - p)
    return Point(
        value,
        rows.X.T @ (rows.successes - rows.trials * p),
        rows.X.T @ (rows.X * weight[:, None]),
    )


@dataclass(slots=True)
class OneLevel:
    """The approximated log-likelihood of (beta, log sigma) with ``len(z)`` nodes a cluster.

    ``modes`` (standardised, one a cell) are kept between evaluations: each search for the modes
    starts from the last ones found. ``mode_slopes`` and ``curvatures`` belong to the last point.
    """

    rows: Rows
    z: Floats
    w: Floats
    modes: Floats
    mode_slopes: Floats
    curvatures: Floats

    @classmethod
    def of(cls, rows: Rows, nodes: int) -> OneLevel:
        """Set up with modes at zero."""
        z, w = hermite(nodes)
        cells, p = len(rows.cells), rows.X.shape[1]
        return cls(rows, z, w, np.zeros(cells), np.zeros((cells, p + 1)), np.ones(cells))

    def find_modes(self, eta: Floats, sigma: float) -> None:
        """Scalar Newton for every cluster at once: the mode of its integrand."""
        rows, u = self.rows, self.modes.copy()
        last = np.full(len(u), np.inf)
        for _ in range(_MODE_STEPS):
            p, _ = bernoulli(eta + rows.spread(sigma * u))
            slope = sigma * rows.cell_sums(rows.successes - rows.trials * p) - u
            c = 1.0 + sigma**2 * rows.cell_sums(rows.trials * p * (1.0 - p))
            step = slope / c
            # The integrand is log-concave, so a slope that grows in size means an overshoot.
            step = np.where(np.abs(slope) > last, 0.5 * step, step)
            last = np.abs(slope)
            step = np.clip(step, -_MODE_CAP / sigma, _MODE_CAP / sigma)
            u += step
            if np.all(np.abs(step) <= _MODE_TOLERANCE * (1.0 + np.abs(u))):
                break
        self.modes = u

    def __call__(self, theta: Floats) -> Point:
        """Value, gradient and information at (beta, log sigma)."""
        rows, z = self.rows, self.z
        X, s, n = rows.X, rows.successes, rows.trials
        beta, sigma = theta[:-1], float(np.exp(theta[-1]))
        eta = rows.offset + X @ beta
        self.find_modes(eta, sigma)
        u_hat, q, cells = self.modes, len(z), len(rows.cells)
        middle = q // 2

        # At the mode: derivatives of the log-likelihood by the intercept, orders 2 to 4.
        p0, _ = bernoulli(eta + rows.spread(sigma * u_hat))
        v0 = n * p0 * (1.0 - p0)
        k3, k4 = -v0 * (1.0 - 2.0 * p0), -v0 * (1.0 - 6.0 * p0 * (1.0 - p0))
        m2, m3, m4 = -rows.cell_sums(v0), rows.cell_sums(k3), rows.cell_sums(k4)
        c = 1.0 - sigma**2 * m2
        tau = 1.0 / np.sqrt(c)
        u = u_hat[:, None] + tau[:, None] * z
        b = sigma * u

        # At the nodes.
        at = eta[:, None] + rows.spread(b)
        p, softplus = bernoulli(at)
        k1 = s[:, None] - n[:, None] * p
        k2 = -n[:, None] * p * (1.0 - p)
        loglik = rows.cell_sums(s[:, None] * at - n[:, None] * softplus)
        l1, l2 = rows.cell_sums(k1), rows.cell_sums(k2)
        sums = self._column_sums(np.concatenate([k1, k2, k3[:, None], k4[:, None]], axis=1))
        l_beta, l1_beta = sums[:, :q], sums[:, q : 2 * q]
        m1_beta, m2_beta, m3_beta = sums[:, q + middle], sums[:, -2], sums[:, -1]

        h = loglik - 0.5 * u**2 + 0.5 * z**2
        top = h.max(axis=1)
        terms = self.w * np.exp(h - top[:, None])
        total = terms.sum(axis=1)
        pi = terms / total[:, None]
        value = float(np.sum(np.log(tau) + top + np.log(total)))

        # Partial derivatives of the integrand's logarithm h, by u and by theta = (beta, rho).
        b0 = sigma * u_hat
        m1 = l1[:, middle]
        h_u = sigma * l1 - u
        h_uu = sigma**2 * l2 - 1.0
        h_uuu, h_uuuu = sigma**3 * m3, sigma**4 * m4
        h_theta = _stack(l_beta, b * l1)
        h_u_theta = _stack(sigma * l1_beta, sigma * (l1 + b * l2))
        mode_u_theta = _stack(sigma * m1_beta, sigma * (m1 + b0 * m2))
        mode_uu_theta = _stack(sigma**2 * m2_beta, sigma**2 * (2 * m2 + b0 * m3))
        mode_uuu_theta = _stack(sigma**3 * m3_beta, sigma**3 * (3 * m3 + b0 * m4))

        # How the mode, the scale and the nodes move with theta.
        u_theta = mode_u_theta / c[:, None]
        c_theta = -(mode_uu_theta + h_uuu[:, None] * u_theta)
        g = -0.5 * c_theta / c[:, None]
        node_theta = u_theta[:, None] + (z[:, None] * tau[:, None, None]) * g[:, None]
        score = h_theta + h_u[..., None] * node_theta
        mean_score = np.einsum("kj,kjt->kt", pi, score)
        gradient = (g + mean_score).sum(axis=0)

        # Second derivatives. D and e gather what multiplies those of the mode and the scale.
        a, a_z = (pi * h_u).sum(axis=1), (pi * h_u * z).sum(axis=1)
        e = 0.5 * (1.0 + tau * a_z) / c
        d = (a + e * h_uuu) / c
        row_weight = (
            np.einsum("ij,ij->i", rows.spread(pi), k2)
            + rows.spread(sigma * d) * k3
            + rows.spread(sigma**2 * e) * k4
        )
        hessian = np.zeros((len(theta), len(theta)))
        hessian[:-1, :-1] = X.T @ (X * row_weight[:, None])
        hessian[:-1, -1] = hessian[-1, :-1] = (
            np.einsum("kj,kjt->t", pi * b, l1_beta)
            + np.einsum("k,kt->t", sigma * d, m1_beta + b0[:, None] * m2_beta)
            + np.einsum("k,kt->t", sigma**2 * e, 2 * m2_beta + b0[:, None] * m3_beta)
        )
        hessian[-1, -1] = (
            (pi * (b * l1 + b**2 * l2)).sum()
            + (sigma * d * (m1 + 3 * b0 * m2 + b0**2 * m3)).sum()
            + (sigma**2 * e * (4 * m2 + 5 * b0 * m3 + b0**2 * m4)).sum()
        )
        weighted = pi[..., None] * node_theta
        crossed = _outer(h_u_theta, weighted) + _outer(
            d[:, None] * mode_uu_theta + e[:, None] * mode_uuu_theta, u_theta
        )
        hessian += (
            crossed
            + crossed.T
            + _outer((pi * h_uu)[..., None] * node_theta, node_theta)
            + _outer((d * h_uuu + e * h_uuuu)[:, None] * u_theta, u_theta)
            + _outer((2.0 * (1.0 + tau * a_z) + tau * a_z)[:, None] * g, g)
            + _outer(pi[..., None] * score, score)
            - _outer(mean_score, mean_score)
        )
        self.mode_slopes, self.curvatures = u_theta, c
        return Point(value, gradient, -0.5 * (hessian + hessian.T))

    def _column_sums(self, values: Floats) -> Floats:
        """Per cell, the columns of X weighted by each column of ``values``: (cells, m, p)."""
        X, starts = self.rows.X, self.rows.starts
        ends = np.append(starts[1:], len(X))
        out = np.empty((len(starts), values.shape[1], X.shape[1]))
        for cell, (begin, end) in enumerate(zip(starts, ends, strict=True)):
            np.matmul(values[begin:end].T, X[begin:end], out=out[cell])
        return out


def _stack(by_beta: Floats, by_rho: Floats) -> Floats:
    """Put the derivative by log sigma behind those by beta."""
    return np.concatenate([by_beta, by_rho[..., None]], axis=-1)


def _outer(left: Floats, right: Floats) -> Floats:
    """Sum of outer products over every leading axis."""
    t = left.shape[-1]
    return np.asarray(left.reshape(-1, t).T @ right.reshape(-1, t))
