"""Damped Newton steps for a log-likelihood whose gradient and information are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Floats = NDArray[np.float64]

# A Newton decrement of d leaves the estimate within d standard errors of the maximum, and the
# step that is then still taken within about d squared.
DECREMENT = 1e-6
MAX_ITERATIONS = 60
# A gain smaller than this, relative to the log-likelihood, is rounding.
_ROUNDING = 1e-13
_HALVINGS = 25
# Eigenvalues below this share of the largest are lifted where the function is not concave.
_EIGEN_FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class Point:
    """The function at one point: ``information`` is minus its matrix of second derivatives."""

    value: float
    gradient: Floats
    information: Floats


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the steps ended, and how."""

    theta: Floats
    point: Point
    iterations: int
    decrement: float
    converged: bool
    reason: str


def ascent(point: Point) -> tuple[Floats, float]:
    """Newton's step and its decrement; where the function is not concave, a step that ascends."""
    try:
        step = cho_solve(cho_factor(point.information), point.gradient)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(point.information)
        floor = _EIGEN_FLOOR * max(float(np.abs(values).max()), 1e-300)
        lifted = np.maximum(np.abs(values), floor)
        step = vectors @ ((vectors.T @ point.gradient) / lifted)
    return step, float(np.sqrt(max(float(step @ point.gradient), 0.0)))


def maximise(
    evaluate: Callable[[Floats], Point],
    start: Floats,
    cap: Floats,
    stop: Callable[[Floats], bool] = lambda theta: False,
) -> Optimum:
    """Climb from ``start`` to a maximum.

    Parameters
    ----------
    evaluate
        Value, gradient and information at a point.
    start : (n,) array
    cap : (n,) array
        Largest move of each element in one step; a longer step is shortened as a whole.
    stop
        Ends the climb early when true at the current point (a boundary was reached).
    """
    theta = np.asarray(start, dtype=np.float64)
    point = evaluate(theta)
    for iteration in range(1, MAX_ITERATIONS + 1):
        step, decrement = ascent(point)
        if decrement <= DECREMENT:
            return Optimum(theta + step, point, iteration, decrement, True, "")
        if stop(theta):
            return Optimum(theta, point, iteration, decrement, False, "boundary")
        step *= min(1.0, float(np.min(cap / np.maximum(np.abs(step), 1e-300))))
        slack = _ROUNDING * (1.0 + abs(point.value))
        for _ in range(_HALVINGS):
            candidate = evaluate(theta + step)
            if candidate.value >= point.value - slack:
                break
            step *= 0.5
        else:
            return Optimum(theta, point, iteration, decrement, False, "no step improves the fit")
        theta, point = theta + step, candidate
    _, decrement = ascent(point)
    return Optimum(theta, point, MAX_ITERATIONS, decrement, False, "too many iterations")
