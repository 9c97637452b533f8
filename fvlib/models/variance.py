"""A scale for standard deviations on which a log-likelihood is close to a parabola, zero included.

With V the variance of intercepts and c the sampling variance of one intercept, the likelihood is
close to that of a sample with variance V + c, so t = log(V + c) suits it: near zero it goes with V,
far away with log V. Steps are taken in t; the outside speaks rho = log sigma.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fvlib.models.collapse import Integers, Rows, group_starts
from fvlib.models.logistic.quadrature import bernoulli
from fvlib.models.newton import Optimum, Point, maximise

Floats = NDArray[np.float64]

# Longest move in one step: of a standardised coefficient, of t.
BETA_CAP, T_CAP = 4.0, 2.0
# Range of the constants c.
_SMALLEST, _LARGEST = 1e-6, 10.0
# Standard deviations among which the climb's start is chosen.
_GRID = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class VarianceScale:
    """The map between rho and t, one constant c a level."""

    c: Floats

    def t(self, rho: Floats) -> Floats:
        """From log sigma."""
        return np.asarray(np.log(np.exp(2.0 * rho) + self.c))

    def rho(self, t: Floats) -> Floats:
        """To log sigma; minus infinity at or below variance zero."""
        with np.errstate(divide="ignore"):
            return np.asarray(0.5 * np.log(np.maximum(np.exp(t) - self.c, 0.0)))

    def point(self, rho: Floats, at: Point) -> Point:
        """Turn derivatives by rho into derivatives by t."""
        V, k = np.exp(2.0 * rho), len(rho)
        slope = (V + self.c) / (2.0 * V)
        bend = -(V + self.c) * self.c / (2.0 * V**2)
        stretch = np.append(np.ones(len(at.gradient) - k), slope)
        information = at.information * np.outer(stretch, stretch)
        last = np.arange(len(at.gradient) - k, len(at.gradient))
        information[last, last] -= at.gradient[last] * bend
        return Point(at.value, at.gradient * stretch, information)

    def ascend(
        self,
        function: Callable[[Floats], Point],
        beta: Floats,
        rho: Floats,
        limits: tuple[float, float],
    ) -> Optimum:
        """Climb ``function`` of (beta, rho) from a start; the Optimum speaks of (beta, t).

        A climb that takes a standard deviation outside ``limits`` (lowest, highest) ends there,
        not converged.
        """
        p, k = len(beta), len(rho)

        def evaluate(theta: Floats) -> Point:
            at = self.rho(theta[p:])
            return self.point(at, function(np.append(theta[:p], at)))

        return maximise(
            evaluate,
            np.append(beta, self.t(rho)),
            np.append(np.full(p, BETA_CAP), np.full(k, T_CAP)),
            lower=np.append(np.full(p, -np.inf), np.log(self.c)),
            stop=lambda theta: self.outside(theta[p:], limits),
        )

    def information(self, found: Optimum) -> Floats:
        """Turn the information by (beta, t) into that by (beta, rho).

        At a maximum, where the gradient is zero, the slope of t is all that it takes; so a small
        variance, whose likelihood is flat in rho, costs no digits.
        """
        k = len(self.c)
        V = np.exp(2.0 * self.rho(found.theta[-k:]))
        slope = np.append(np.ones(len(found.theta) - k), 2.0 * V / (V + self.c))
        return found.point.information * np.outer(slope, slope)

    def outside(self, t: Floats, limits: tuple[float, float]) -> bool:
        """Tell whether a standard deviation lies outside (lowest, highest)."""
        rho = self.rho(t)
        return bool((rho < np.log(limits[0])).any() or (rho > np.log(limits[1])).any())


@dataclass(frozen=True, slots=True)
class Quadratic:
    """The likelihood's parabola around intercepts of zero: residual sums S, weights W by cell."""

    S: Floats
    W: Floats
    group: Integers

    @classmethod
    def of(cls, rows: Rows, group: Integers, beta: Floats) -> Quadratic:
        """Take it at given coefficients."""
        law = bernoulli(rows.offset + rows.X @ beta)
        return cls(
            rows.cell_sums(rows.successes - rows.trials * law.p),
            rows.cell_sums(rows.trials * law.variance),
            group,
        )

    def scale(self, nested: bool) -> VarianceScale:
        """Typical sampling variance of an intercept at each level."""
        weights = [np.bincount(self.group, weights=self.W)] + [self.W] * nested
        typical = [1.0 / max(float(np.median(w)), 1.0 / _LARGEST) for w in weights]
        return VarianceScale(np.clip(np.array(typical), _SMALLEST, _LARGEST))

    def sigmas(self, nested: bool) -> Floats:
        """Find on a grid the standard deviations at which its marginal likelihood is largest."""
        starts = group_starts(self.group)

        def loss(sigmas: tuple[float, ...]) -> float:
            V1, V2 = sigmas[0] ** 2, (sigmas[1] ** 2 if nested else 0.0)
            d = 1.0 + V2 * self.W
            E = 1.0 + V1 * np.add.reduceat(self.W / d, starts)
            quadratic = V2 * np.sum(self.S**2 / d)
            quadratic += np.sum(V1 / E * np.add.reduceat(self.S / d, starts) ** 2)
            return float(np.log(d).sum() + np.log(E).sum() - quadratic)

        return np.array(min(product(_GRID, repeat=1 + nested), key=loss))
