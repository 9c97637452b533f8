"""The climb itself, on functions whose maxima are known and which plain Newton would miss."""

from __future__ import annotations

import numpy as np
import pytest

from fvlib.models.logistic.laplace import Nested
from fvlib.models.logistic.restricted import Restricted
from fvlib.models.newton import Point, maximise
from fvlib.models.variance import VarianceScale

WIDE = np.array([100.0])


def hyperbola(x: np.ndarray) -> Point:
    """-sqrt(1 + x^2): from x the plain Newton step lands at -x^3."""
    root = np.sqrt(1 + x @ x)
    return Point(-root, -x / root, np.array([[1 / root**3]]))


def two_humps(x: np.ndarray) -> Point:
    """-(x^2 - 1)^2: convex between the humps, with a minimum at zero."""
    v = x[0]
    return Point(-((v**2 - 1) ** 2), np.array([-4 * v * (v**2 - 1)]), np.array([[12 * v**2 - 4]]))


def log_and_line(x: np.ndarray) -> Point:
    """log x - x, which is not defined below zero; its maximum is at one."""
    v = x[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Point(float(np.log(v) - v), np.array([1 / v - 1]), np.array([[1 / v**2]]))


def slope(x: np.ndarray) -> Point:
    """x - x^2 / 2000: the maximum is at a thousand."""
    return Point(float(x[0] - x[0] ** 2 / 2000), 1 - x / 1000, np.array([[0.001]]))


@pytest.mark.parametrize(
    ("function", "start", "end"),
    [
        (hyperbola, 5.0, 0.0),
        (two_humps, 0.1, 1.0),
        (two_humps, -0.3, -1.0),
        (log_and_line, 9.0, 1.0),
    ],
)
def test_maximum_is_reached_and_never_downhill(function, start: float, end: float) -> None:
    values = []

    def recorded(x: np.ndarray) -> Point:
        at = function(x)
        values.append(at.value)
        return at

    found = maximise(recorded, np.array([start]), WIDE)
    assert found.converged
    assert found.theta[0] == pytest.approx(end, abs=1e-8)
    assert found.value >= max(v for v in values if np.isfinite(v)) - 1e-9


def test_steps_are_capped() -> None:
    seen = []

    def recorded(x: np.ndarray) -> Point:
        seen.append(x[0])
        return slope(x)

    maximise(recorded, np.zeros(1), np.array([20.0]))
    assert np.abs(np.diff(seen)).max() <= 20.0 + 1e-9


def test_climb_that_runs_out_of_steps_says_so() -> None:
    found = maximise(slope, np.zeros(1), np.array([1.0]))
    assert not found.converged
    assert found.reason == "too many iterations"


def test_climb_towards_a_boundary_approaches_and_stops_there() -> None:
    # Two elements: the first wants below zero, the second's best place depends on the first.
    def function(x: np.ndarray) -> Point:
        a, b = x
        value = -a - (b - 3 * a - 1) ** 2
        gradient = np.array([-1 + 6 * (b - 3 * a - 1), -2 * (b - 3 * a - 1)])
        return Point(value, gradient, np.array([[18.0, -6.0], [-6.0, 2.0]]))

    found = maximise(
        function,
        np.array([2.0, 0.0]),
        np.full(2, 100.0),
        lower=np.array([0.0, -np.inf]),
        stop=lambda x: x[0] < 1e-6,
    )
    assert not found.converged
    assert found.reason == "boundary"
    assert 0 < found.theta[0] < 1e-6
    assert found.theta[1] == pytest.approx(1.0, abs=1e-4)


def test_a_function_without_finite_values_is_given_up() -> None:
    found = maximise(
        lambda x: Point(np.nan, np.array([np.nan]), np.array([[1.0]])), np.zeros(1), WIDE
    )
    assert not found.converged
    assert found.reason


def nested_rows():
    from tests.models.test_mixed_logistic import problem, rows_of

    return rows_of(problem(3), nested=True)


def test_nested_modes_are_found_from_anywhere() -> None:
    rows, group = nested_rows()
    rng = np.random.default_rng(4)
    for _ in range(200):
        sigmas = 10 ** rng.uniform(-2, 2, 2)
        theta = np.concatenate([rng.normal(0, 4, 3), np.log(sigmas)])
        function = Nested.of(rows, group)
        function.u, function.v = rng.normal(0, 3, len(function.u)), rng.normal(0, 3, len(group))
        a = function.conditional(theta).intercepts
        eta = rows.offset + rows.X @ theta[:3] + rows.spread(a)
        S = rows.cell_sums(rows.successes - rows.trials / (1 + np.exp(-eta)))
        fixed = sigmas[0] ** 2 * np.bincount(group, S)[group] + sigmas[1] ** 2 * S
        # Residuals times a large variance magnify rounding: relative to what is summed.
        scale = 1 + np.abs(a) + sigmas.max() ** 2 * 1e-3
        assert np.max(np.abs(fixed - a) / scale) < 1e-6


@pytest.mark.parametrize("nearness", [0.5, 5.0])
def test_restricted_differences_near_the_boundary(nearness: float) -> None:
    rows, group = nested_rows()
    scale = VarianceScale(np.array([0.05, 0.2]))
    t = np.log(scale.c) + np.array([nearness * 3e-3, 0.3])
    function = Restricted(Nested.of(rows, group), scale, np.zeros(3), t, np.zeros((3, 2)))
    at = function(t)
    for j in range(2):
        step = 2e-4 * (np.arange(2) == j)
        expected = (function.value(t + step) - function.value(t - step)) / 4e-4
        assert at.gradient[j] == pytest.approx(expected, abs=2e-4)
