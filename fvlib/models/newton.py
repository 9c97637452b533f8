"""Damped Newton steps for a log-likelihood whose gradient and information are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

Floats = NDArray[np.float64]

# A Newton decrement of d leaves the estimate within d standard errors of the maximum, and within
# about d squared once the last step is taken; the information is within about d of its share.
DECREMENT = 1e-5
MAX_ITERATIONS = 60
# A loss smaller than this, relative to the log-likelihood, is rounding.
_ROUNDING = 1e-13
_HALVINGS = 25
# Eigenvalues below this share of the largest are lifted where the function is not concave.
_EIGEN_FLOOR = 1e-6
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Point:
    """A function at one point.

    Attributes
    ----------
    value : float
    gradient : (n,) array
    information : (n, n) array
        Minus the second derivatives.
    state
        Whatever the function wants to hand on with its value.
    """

    value: float
    gradient: Floats
    information: Floats
    state: Any = None


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the climb ended, and how.

    Attributes
    ----------
    theta : (n,) array
        The last point, plus the last Newton step when converged.
    point : Point
        The function at the last point at which it was evaluated.
    step : (n,) array
        From there to ``theta``.
    iterations : int
    decrement : float
        Square root of gradient' information^-1 gradient at ``point``.
    converged : bool
    reason : str
        Why not converged, in words; else empty.
    """

    theta: Floats
    point: Point
    step: Floats
    iterations: int
    decrement: float
    converged: bool
    reason: str

    @property
    def value(self) -> float:
        """The function at ``theta``: the last value and what the last step adds."""
        return self.point.value + (0.5 * self.decrement**2 if self.converged else 0.0)


def ascent(point: Point) -> tuple[Floats, float, bool]:
    """Newton's step, its decrement, and whether the function is concave here.

    Where it is not, the step still ascends: eigenvalues of the information are taken by size.
    """
    if not (np.isfinite(point.information).all() and np.isfinite(point.gradient).all()):
        return np.zeros(len(point.gradient)), np.nan, False
    try:
        step = cho_solve(cho_factor(point.information), point.gradient)
        concave = True
    except LinAlgError:
        values, vectors = np.linalg.eigh(point.information)
        size = np.abs(values)
        lifted = np.maximum(size, _EIGEN_FLOOR * max(float(size.max()), _TINY))
        step = vectors @ ((vectors.T @ point.gradient) / lifted)
        concave = False
    return step, float(np.sqrt(max(float(step @ point.gradient), 0.0))), concave


def _held(step: Floats, point: Point, least: Floats) -> Floats:
    """Hold elements of a step at ``least`` where it goes below, and choose the others again."""
    out, held = step, step < least
    while not held.all() and (out < least).any():
        free = ~held
        left = point.gradient[free] - point.information[np.ix_(free, held)] @ least[held]
        out = least.copy()
        out[free] = ascent(Point(0.0, left, point.information[np.ix_(free, free)]))[0]
        held |= out < least
    out = np.maximum(out, least)
    if point.gradient @ out > 0.0:
        return out
    over = step < least
    return step * float(np.min(least[over] / step[over], initial=1.0))


def maximise(
    evaluate: Callable[[Floats], Point],
    start: Floats,
    cap: Floats,
    *,
    lower: Floats | None = None,
    stop: Callable[[Floats], bool] = lambda theta: False,
    tolerance: float = DECREMENT,
) -> Optimum:
    """Climb from ``start`` to a maximum.

    Parameters
    ----------
    evaluate
        Value, gradient and information at a point.
    start : (n,) array
    cap : (n,) array
        Largest move of each element in one step; a longer step is shortened as a whole.
    lower : (n,) array, optional
        A step that would cross this goes 24/25 of the way there in that element, and the rest of
        the step is the best one given that.
    stop
        Ends the climb when true at the current point (a boundary was reached).
    tolerance
        Decrement at which the climb has converged.
    """
    theta = np.array(start, dtype=np.float64)
    nowhere = np.zeros(len(theta))
    point = evaluate(theta)
    decrement = np.inf
    for iteration in range(1, MAX_ITERATIONS + 1):
        step, decrement, concave = ascent(point)
        if not np.isfinite(decrement):
            return Optimum(
                theta, point, nowhere, iteration, decrement, False, "no finite step exists"
            )
        if decrement <= tolerance and concave:
            return Optimum(theta + step, point, step, iteration, decrement, True, "")
        if stop(theta):
            return Optimum(theta, point, nowhere, iteration, decrement, False, "boundary")
        if lower is not None:
            step = _held(step, point, 0.96 * (lower - theta))
        step = step * min(1.0, float(np.min(cap / np.maximum(np.abs(step), _TINY))))
        slack = _ROUNDING * (1.0 + abs(point.value))
        for _ in range(_HALVINGS):
            candidate = evaluate(theta + step)
            if candidate.value >= point.value - slack:
                break
            step = step * 0.5
        else:
            return Optimum(
                theta, point, nowhere, iteration, decrement, False, "no step improves the fit"
            )
        theta, point = theta + step, candidate
    return Optimum(theta, point, nowhere, MAX_ITERATIONS, decrement, False, "too many iterations")
