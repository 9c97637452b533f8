"""Logistic model with intercepts for groups and for cells nested in them: Laplace, exactly.

The derivation stands in :mod:`fvlib.models.mixed`; the names here are its symbols. Inside, the
variances V1 (groups) and V2 (cells) are the parameters: their derivatives exist at zero too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fvlib.models.collapse import Floats, Integers, Rows, group_starts
from fvlib.models.logistic.quadrature import bernoulli
from fvlib.models.newton import Point

_MODE_STEPS = 200
_MODE_TOLERANCE = 1e-13
_MODE_HALVINGS = 30
# Longest move of a cell's intercept in one inner step; or one standard deviation, if that is more.
_MODE_CAP = 4.0


class Conditional(NamedTuple):
    """What is known of the intercepts at one point of the parameters.

    Attributes
    ----------
    intercepts : (cells,) array
        Conditional mode of each cell's intercept, group and cell together.
    slopes : (cells, parameters) array
        Their derivatives by the parameters.
    group_modes, group_sds : (groups,) arrays
    group_slopes : (groups, parameters) array
    cell_modes, cell_sds : (cells,) arrays
        Conditional modes and standard deviations, apart.
    """

    intercepts: Floats
    slopes: Floats
    group_modes: Floats
    group_sds: Floats
    group_slopes: Floats
    cell_modes: Floats
    cell_sds: Floats


class _Sums(NamedTuple):
    """Per cell, at the modes: sums of the rows' derivatives by the linear predictor.

    ``S`` first (residuals), ``W`` minus the second, and ``T``, ``R`` the derivatives of W;
    ``_b`` (cells, p) weighted by the columns of X. ``v``, ``t``, ``r`` are the rows' own.
    """

    S: Floats
    W: Floats
    T: Floats
    R: Floats
    Sb: Floats
    Wb: Floats
    Tb: Floats
    Rb: Floats
    v: Floats
    t: Floats
    r: Floats


class _Determinant(NamedTuple):
    """Parts of the log determinant of the modes' information; ``slope`` is its derivative by W."""

    d: Floats
    M: Floats
    E: Floats
    slope: Floats


class _At(NamedTuple):
    """One point of the parameters, the modes found: variances, log-likelihood given the modes."""

    V: Floats
    loglik: float
    f: _Sums
    det: _Determinant
    slopes: Floats


@dataclass(slots=True)
class Nested:
    """Laplace's approximation to the log-likelihood of (beta, log sigma1, log sigma2).

    Attributes
    ----------
    rows : Rows
        Cells in the order of their groups.
    group : (cells,) array of int
        Which group (counted among those present) each cell is in; increasing. ``starts`` is the
        first cell of each.
    active : (bool, bool)
        Which of the two variances is a parameter; the other is zero.
    u, v : arrays
        Standardised modes of groups and cells, kept to start the next search.
    """

    rows: Rows
    group: Integers
    starts: Integers
    active: tuple[bool, bool]
    u: Floats
    v: Floats

    @classmethod
    def of(cls, rows: Rows, group: Integers, active: tuple[bool, bool] = (True, True)) -> Nested:
        """Set up with modes at zero."""
        starts = group_starts(group)
        return cls(rows, group, starts, active, np.zeros(len(starts)), np.zeros(len(group)))

    def __call__(self, theta: Floats) -> Point:
        """Value, gradient, information at (beta, active log sigmas); scores by group as state."""
        p = self.rows.X.shape[1]
        at = self._at(theta)
        V, _, f, det, slopes = at
        scores = self._scores(f, det, V, slopes)
        hessian = self._hessian(f, det, V, slopes)

        # From (beta, V) to (beta, rho): dV / drho = 2 V.
        take = np.append(np.ones(p, dtype=bool), self.active)
        stretch = np.append(np.ones(p), 2.0 * V)
        gradient = scores.sum(axis=0)
        bend = np.append(np.zeros(p), 4.0 * V * gradient[p:])
        hessian = hessian * np.outer(stretch, stretch) + np.diag(bend)
        hessian = 0.5 * (hessian + hessian.T)
        return Point(
            self._value(at),
            (gradient * stretch)[take],
            -hessian[np.ix_(take, take)],
            (scores * stretch)[:, take],
        )

    def joint(self, theta: Floats) -> Point:
        """Joint log-likelihood of data and modes as a function of beta, the modes following.

        The value takes off half the log determinant of the modes' information; gradient and
        information are those of the joint log-likelihood by beta alone, and the state (p, active)
        is how that gradient changes with the active variances.
        """
        p = self.rows.X.shape[1]
        at = self._at(theta)
        f = at.f
        cross = f.Wb.T @ at.slopes
        information = self.rows.crossproduct(f.v) + cross[:, :p]
        by_variance = -cross[:, p:][:, list(self.active)]
        return Point(self._value(at), f.Sb.sum(axis=0), information, by_variance)

    def by_variance(self, theta: Floats) -> Floats:
        """Differentiate by (V1, V2), those that are held at zero too: shape (2,)."""
        V, _, f, det, slopes = self._at(theta)
        return np.asarray(self._scores(f, det, V, slopes).sum(axis=0)[self.rows.X.shape[1] :])

    def conditional(self, theta: Floats) -> Conditional:
        """Modes and their standard deviations at (beta, the active log sigmas)."""
        p = self.rows.X.shape[1]
        V, _, f, det, slopes = self._at(theta)
        s1, s2 = np.sqrt(V)
        lever = V[1] * det.M
        take = np.append(np.ones(p, dtype=bool), self.active)
        stretch = np.append(np.ones(p), 2.0 * V)
        return Conditional(
            intercepts=s1 * self.u[self.group] + s2 * self.v,
            slopes=(slopes * stretch)[:, take],
            group_modes=s1 * self.u,
            group_sds=s1 / np.sqrt(det.E),
            group_slopes=(self._group_slopes(f, V, slopes) * stretch)[:, take],
            cell_modes=s2 * self.v,
            cell_sds=np.sqrt(V[1] / det.d + V[0] * lever**2 / det.E[self.group]),
        )

    def _at(self, theta: Floats) -> _At:
        """Find the modes at a point, and what all else is made of there."""
        V = self._variances(theta)
        eta = self.rows.offset + self.rows.X @ theta[: self.rows.X.shape[1]]
        loglik = self._find_modes(eta, V)
        f = self._sums(eta, V)
        det = self._determinant(f, V)
        return _At(V, loglik, f, det, self._slopes(f, det, V))

    def _value(self, at: _At) -> float:
        """Laplace's approximation to the log-likelihood at the point that was evaluated last."""
        joint = at.loglik - 0.5 * (self.u @ self.u + self.v @ self.v)
        return float(joint - 0.5 * (np.log(at.det.d).sum() + np.log(at.det.E).sum()))

    def _variances(self, theta: Floats) -> Floats:
        V = np.zeros(2)
        V[list(self.active)] = np.exp(2.0 * theta[self.rows.X.shape[1] :])
        return V

    def _over_groups(self, values: Floats) -> Floats:
        """Sum over the cells of each group, along the first axis."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=0))

    def _find_modes(self, eta: Floats, V: Floats) -> float:
        """Joint Newton for u and v (the information is a block arrow); returns the likelihood."""
        rows, group = self.rows, self.group
        s1, s2 = np.sqrt(V)
        u, v = self.u * bool(s1), self.v * bool(s2)
        failures = rows.trials - rows.successes

        def at(u: Floats, v: Floats) -> tuple[Floats, Floats, Floats, Floats]:
            shifted = eta + rows.spread(s1 * u[group] + s2 * v)
            law = bernoulli(shifted)
            each = -rows.cell_sums(failures * shifted + rows.trials * law.minus_log_p)
            S = rows.cell_sums(rows.successes - rows.trials * law.p)
            W = rows.cell_sums(rows.trials * law.variance)
            joint = self._over_groups(each - 0.5 * v**2) - 0.5 * u**2
            return joint, S, W, each

        cap = max(_MODE_CAP, float(s1), float(s2))
        joint, S, W, each = at(u, v)
        for _ in range(_MODE_STEPS):
            F_u, F_v = s1 * self._over_groups(S) - u, s2 * S - v
            d = 1.0 + V[1] * W
            E = 1.0 + V[0] * self._over_groups(W / d)
            du = (F_u - self._over_groups(s1 * s2 * W * F_v / d)) / E
            dv = (F_v - s1 * s2 * W * du[group]) / d
            move = np.abs(s1 * du[group] + s2 * dv)
            shrink = cap / np.maximum(np.maximum.reduceat(move, self.starts), cap)
            for _ in range(_MODE_HALVINGS):
                new = at(u + shrink * du, v + shrink[group] * dv)
                worse = new[0] < joint - 1e-12 * (1.0 + np.abs(joint))
                if not worse.any():
                    break
                shrink = np.where(worse, 0.5 * shrink, shrink)
            u, v = u + shrink * du, v + shrink[group] * dv
            joint, S, W, each = new
            size = max(float(np.abs(shrink * du).max()), float(np.abs(shrink[group] * dv).max()))
            if size <= _MODE_TOLERANCE * (1.0 + max(np.abs(u).max(), np.abs(v).max())):
                break
        self.u, self.v = u, v
        return float(each.sum())

    def _sums(self, eta: Floats, V: Floats) -> _Sums:
        rows = self.rows
        law = bernoulli(
            eta + rows.spread(np.sqrt(V[0]) * self.u[self.group] + np.sqrt(V[1]) * self.v)
        )
        s = rows.successes - rows.trials * law.p
        v = rows.trials * law.variance
        t = v * (1.0 - 2.0 * law.p)
        r = v * (1.0 - 6.0 * law.variance)
        own = np.stack([s, v, t, r])
        S, W, T, R = rows.cell_sums(own)
        Sb, Wb, Tb, Rb = rows.column_sums(own).swapaxes(0, 1)
        return _Sums(S, W, T, R, Sb, Wb, Tb, Rb, v, t, r)

    def _determinant(self, f: _Sums, V: Floats) -> _Determinant:
        d = 1.0 + V[1] * f.W
        M = f.W / d
        E = 1.0 + V[0] * self._over_groups(M)
        return _Determinant(d, M, E, V[1] / d + (V[0] / E)[self.group] / d**2)

    def _slopes(self, f: _Sums, det: _Determinant, V: Floats) -> Floats:
        """Differentiate each cell's intercept a = V1 sum S + V2 S by (beta, V1, V2)."""
        group = self.group
        total = self._over_groups(f.S)[group]
        pull = V[0] * self._over_groups(f.Wb)[group] + V[1] * f.Wb
        right = np.concatenate([-pull, total[:, None], f.S[:, None]], axis=1)
        Q = self._over_groups(det.M[:, None] * right) / det.E[:, None]
        return np.asarray((right - V[0] * Q[group]) / det.d[:, None])

    def _group_slopes(self, f: _Sums, V: Floats, a: Floats) -> Floats:
        """Differentiate each group's intercept V1 sum S by (beta, V1, V2)."""
        p = f.Sb.shape[1]
        S_theta = -f.W[:, None] * a
        S_theta[:, :p] -= f.Wb
        out = V[0] * self._over_groups(S_theta)
        out[:, p] += self._over_groups(f.S)
        return np.asarray(out)

    def _scores(self, f: _Sums, det: _Determinant, V: Floats, a: Floats) -> Floats:
        """Gradient by (beta, V1, V2), a row a group."""
        p = f.Sb.shape[1]
        M, E = det.M, det.E
        sum_M, sum_M2 = self._over_groups(M), self._over_groups(M**2)
        W_theta = f.T[:, None] * a
        W_theta[:, :p] += f.Tb
        out = -0.5 * self._over_groups(det.slope[:, None] * W_theta)
        out[:, :p] += self._over_groups(f.Sb)
        out[:, p] += 0.5 * self._over_groups(f.S) ** 2 - 0.5 * sum_M / E
        out[:, p + 1] += 0.5 * self._over_groups(f.S**2)
        out[:, p + 1] -= 0.5 * (sum_M - V[0] / E * sum_M2)
        return np.asarray(out)

    def _hessian(self, f: _Sums, det: _Determinant, V: Floats, a: Floats) -> Floats:
        """Second derivatives by (beta, V1, V2)."""
        p, group = f.Sb.shape[1], self.group
        d, M, E, D_W = det
        v1 = (V[0] / E)[group]
        S_theta, W_theta = -f.W[:, None] * a, f.T[:, None] * a
        S_theta[:, :p] -= f.Wb
        W_theta[:, :p] += f.Tb
        sum_S, sum_S_theta = self._over_groups(f.S), self._over_groups(S_theta)
        sum_M, sum_M2 = self._over_groups(M), self._over_groups(M**2)

        # The joint log-likelihood at the modes.
        H = np.zeros((p + 2, p + 2))
        H[:p] = -f.Wb.T @ a
        H[p] = sum_S @ sum_S_theta
        H[p + 1] = f.S @ S_theta

        # The determinant, but for the second derivatives of the modes.
        D = (W_theta * (-((V[1] / d) ** 2) - 2.0 * v1 * V[1] / d**3)[:, None]).T @ W_theta
        q = self._over_groups(W_theta / d[:, None] ** 2)
        D -= (q * ((V[0] / E) ** 2)[:, None]).T @ q
        by_W_V1 = 1.0 / (d * E[group]) ** 2
        by_W_V2 = 1.0 / d**2 - 2.0 * v1 * f.W / d**3 + v1**2 * sum_M2[group] / d**2
        for place, by_W_V in ((p, by_W_V1), (p + 1, by_W_V2)):
            mixed = by_W_V @ W_theta
            D[place] += mixed
            D[:, place] += mixed
        D[p, p] -= (sum_M**2 / E**2).sum()
        D[p, p + 1] -= (sum_M2 / E**2).sum()
        D[p + 1, p] -= (sum_M2 / E**2).sum()
        D[p + 1, p + 1] += -sum_M2.sum() + 2.0 * v1 @ M**3 - ((V[0] / E * sum_M2) ** 2).sum()
        D += (a * (D_W * f.R)[:, None]).T @ a
        bent = (f.Rb * D_W[:, None]).T @ a
        D[:p] += bent
        D[:, :p] += bent.T
        H -= 0.5 * D

        # Second derivatives of the modes, by the adjoint y of what multiplies them.
        g = -0.5 * D_W * f.T
        Y = self._over_groups(g / d) / E
        y = (g - V[0] * f.W * Y[group]) / d
        z = V[0] * Y[group] + V[1] * y
        H -= (a * (z * f.T)[:, None]).T @ a
        bent = (f.Tb * z[:, None]).T @ a
        H[:p] -= bent
        H[:, :p] -= bent.T
        for place, mixed in ((p, Y @ sum_S_theta), (p + 1, y @ S_theta)):
            H[place] += mixed
            H[:, place] += mixed

        spread = self.rows.spread
        H[:p, :p] -= self.rows.crossproduct(f.v + 0.5 * spread(D_W) * f.r + spread(z) * f.t)
        return H
