"""Restricted likelihood of the logistic model, by Laplace's approximation over beta as well.

Maximum likelihood takes the fixed effects for known when it estimates the intercepts' variances,
which makes them, and standard errors, too small where clusters or cells are few beside the fixed
effects. The restricted likelihood integrates over beta with a flat prior: with h(beta; V) the joint
log-likelihood of data and modes (see :mod:`fvlib.models.mixed`), beta^ its maximum and S minus its
second derivatives by beta, modes following,

    f_R(V) = h(beta^; V) - 1/2 [sum log d + sum log E] - 1/2 log det S + p/2 log 2 pi.

For a normal outcome this is REML. It is glmmTMB's ``REML = TRUE``. f_R has one or two arguments,
so its derivatives are differences; beta^ and its covariance S^-1 + J C J', with J = d beta^ / d rho
and C the inverse information of rho, are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fvlib.models.logistic.laplace import Nested
from fvlib.models.newton import MAX_ITERATIONS, Optimum, Point, maximise
from fvlib.models.variance import T_CAP, VarianceScale

Floats = NDArray[np.float64]

# Step of the differences in t = log(sigma^2 + c).
_STEP = 3e-3
# Decrement to which beta is climbed at each variance: the differences must not see its error.
_INNER = 1e-8
# Decrement of the outer climb: what differences can tell.
_OUTER = 1e-4


@dataclass(slots=True)
class Restricted:
    """f_R as a function of t.

    ``beta`` and ``slope`` (p, k) belong to ``anchor``, the last t at the middle of differences: the
    inner climbs start from the line through it.
    """

    nested: Nested
    scale: VarianceScale
    beta: Floats
    anchor: Floats
    slope: Floats

    def value(self, t: Floats, *, keep: bool = False) -> float:
        """f_R at t; ``keep`` makes t the anchor."""
        beta, at = self.climb(t)
        if keep:
            V = np.exp(2.0 * self.scale.rho(t))
            self.beta, self.anchor = beta, t
            self.slope = np.linalg.solve(at.information, at.state) * (V + self.scale.c)
        sign, logdet = np.linalg.slogdet(at.information)
        constant = 0.5 * len(self.beta) * np.log(2.0 * np.pi)
        return float(at.value + constant - 0.5 * logdet) if sign > 0 else -np.inf

    def climb(self, t: Floats) -> tuple[Floats, Point]:
        """Newton for beta^ at t, and the joint log-likelihood there."""
        beta, rho = self.beta + self.slope @ (t - self.anchor), self.scale.rho(t)
        for _ in range(MAX_ITERATIONS):
            at = self.nested.joint(np.append(beta, rho))
            step = np.linalg.solve(at.information, at.gradient)
            if step @ at.gradient <= _INNER**2:
                break
            beta = beta + step
        return beta, at

    def __call__(self, t: Floats) -> Point:
        """Value, gradient and information by central differences.

        Their centre keeps off the boundary, where the variance would be negative.
        """
        k, here = len(t), self.value(t, keep=True)
        centre = np.maximum(t, np.log(self.scale.c) + 1.5 * _STEP)
        eye = _STEP * np.eye(k)
        middle = here if (centre == t).all() else self.value(centre)
        up = np.array([self.value(centre + e) for e in eye])
        down = np.array([self.value(centre - e) for e in eye])
        bend = np.diag((up + down - 2.0 * middle) / _STEP**2)
        for i in range(k):
            for j in range(i):
                both = self.value(centre + eye[i] + eye[j]) + self.value(centre - eye[i] - eye[j])
                rest = up[i] + down[i] + up[j] + down[j] - 2.0 * middle
                bend[i, j] = bend[j, i] = (both - rest) / (2.0 * _STEP**2)
        gradient = (up - down) / (2.0 * _STEP) + bend @ (t - centre)
        return Point(here, gradient, -bend)


def maximise_restricted(
    nested: Nested,
    scale: VarianceScale,
    beta: Floats,
    rho: Floats,
    limits: tuple[float, float],
) -> Optimum:
    """Climb to the maximum of f_R; the Optimum speaks of (beta, t), as the unrestricted one does.

    Its information is that of a law with rho's own, and beta's given rho.
    """
    t, p, k = scale.t(rho), len(beta), len(rho)
    function = Restricted(nested, scale, beta, t, np.zeros((p, k)))
    found = maximise(
        function,
        t,
        np.full(k, T_CAP),
        lower=np.log(scale.c),
        stop=lambda t: scale.outside(t, limits),
        tolerance=_OUTER,
    )
    function.value(found.theta, keep=True)
    J, (_, at) = function.slope, function.climb(found.theta)
    corner = J.T @ at.information @ J + found.point.information
    information = np.block([[at.information, -at.information @ J], [-J.T @ at.information, corner]])
    gradient = np.append(np.zeros(p), found.point.gradient)
    return Optimum(
        theta=np.append(function.beta, found.theta),
        point=Point(found.point.value, gradient, information),
        step=np.append(np.zeros(p), found.step),
        iterations=found.iterations,
        decrement=found.decrement,
        converged=found.converged,
        reason=found.reason,
    )
