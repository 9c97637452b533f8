"""The logistic likelihoods: value, derivatives, maximum, and what must not change them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from fvlib.models.clusters import number_clusters
from fvlib.models.collapse import collapse
from fvlib.models.logistic.laplace import Nested
from fvlib.models.logistic.quadrature import OneLevel
from fvlib.models.logistic.tree import Tree
from fvlib.models.mixed import LogisticFit, fit_logistic
from tests.support.mixed_reference import logistic_arguments
from tests.support.mixed_twins import adaptive_loglik, log_binomial, nested_loglik

# Central differences with step 1e-5 of a function of size 200 are good to about this.
DIFFERENCE = 1e-7
STEP = 1e-5
# Two climbs to the same maximum end within a decrement of 1e-5, squared, of each other; their
# information within a decrement.
ESTIMATE = 1e-7
ERROR = 1e-4


def problem(seed: int, n: int = 240, groups: int = 9) -> dict[str, np.ndarray]:
    """A small problem of known truth, with trials."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.integers(0, 2, n), rng.normal(size=n).round(1)])
    g, s = rng.integers(0, groups, n), rng.integers(0, 4, n)
    m = rng.integers(1, 6, n)
    eta = (
        X @ [-0.6, 0.5, 0.4] + rng.normal(0, 0.8, groups)[g] + rng.normal(0, 0.5, (groups, 4))[g, s]
    )
    return {"y": rng.binomial(m, 1 / (1 + np.exp(-eta))), "X": X, "g": g, "s": s, "m": m}


def rows_of(d: dict[str, np.ndarray], nested: bool) -> tuple:
    clusters = number_clusters(d["g"], d["s"] if nested else None, len(d["y"]))
    rows = collapse(
        d["X"],
        clusters.cell,
        successes=d["y"].astype(float),
        trials=d["m"].astype(float),
        offset=np.zeros(len(d["y"])),
    )
    return rows, clusters.group_of


def likelihoods() -> list:
    d = problem(3)
    flat, _ = rows_of(d, nested=False)
    deep, group = rows_of(d, nested=True)
    theta = np.array([-0.5, 0.4, 0.3, np.log(0.7), np.log(0.4)])
    one = [(f"{q} nodes", OneLevel.of(flat, q), theta[:4]) for q in (1, 3, 7, 25)]
    nested = [
        (str(active), Nested.of(deep, group, active), theta[: 3 + sum(active)])
        for active in ((True, True), (True, False), (False, True), (False, False))
    ]
    return [*one, *nested, ("tree", Tree.of(deep, group, 5, theta), theta)]


@pytest.mark.parametrize(("name", "function", "theta"), likelihoods(), ids=lambda x: str(x)[:14])
def test_gradient_and_information_are_derivatives(name: str, function, theta: np.ndarray) -> None:
    at = function(theta)
    for j in range(len(theta)):
        step = STEP * (np.arange(len(theta)) == j)
        up, down = function(theta + step), function(theta - step)
        slope = (up.value - down.value) / (2 * STEP)
        assert at.gradient[j] == pytest.approx(slope, abs=DIFFERENCE)
        bend = (down.gradient - up.gradient) / (2 * STEP)
        np.testing.assert_allclose(at.information[j], bend, atol=DIFFERENCE)
    np.testing.assert_allclose(at.state.sum(axis=0), at.gradient, atol=1e-10)


@pytest.mark.parametrize("q", [1, 3, 7, 15])
def test_value_is_that_of_quadrature_cluster_by_cluster(q: int) -> None:
    d = problem(5)
    rows, _ = rows_of(d, nested=False)
    theta = np.array([-0.4, 0.2, 0.5, np.log(1.3)])
    slow = adaptive_loglik(d["y"], d["m"], d["X"] @ theta[:3], d["g"], 1.3, q)
    assert OneLevel.of(rows, q)(theta).value == pytest.approx(slow, abs=1e-8)


def test_nested_with_one_intercept_is_the_one_level_model() -> None:
    d = problem(7)
    deep, group = rows_of(d, nested=True)
    flat, _ = rows_of(d, nested=False)
    theta = np.array([-0.4, 0.2, 0.5, np.log(0.8)])
    one, nested = OneLevel.of(flat, 1)(theta), Nested.of(deep, group, (True, False))(theta)
    assert nested.value == pytest.approx(one.value, abs=1e-10)
    np.testing.assert_allclose(nested.information, one.information, atol=1e-9)


def test_conditional_modes_move_as_their_slopes_say() -> None:
    d = problem(11)
    rows, group = rows_of(d, nested=True)
    theta = np.array([-0.5, 0.4, 0.3, np.log(0.7), np.log(0.4)])
    function = Nested.of(rows, group)
    at = function.conditional(theta)
    for j in range(len(theta)):
        step = STEP * (np.arange(len(theta)) == j)
        up, down = function.conditional(theta + step), function.conditional(theta - step)
        by_cell = (up.intercepts - down.intercepts) / (2 * STEP)
        by_group = (up.group_modes - down.group_modes) / (2 * STEP)
        np.testing.assert_allclose(at.slopes[:, j], by_cell, atol=DIFFERENCE)
        np.testing.assert_allclose(at.group_slopes[:, j], by_group, atol=DIFFERENCE)


def test_many_nodes_reach_the_integral_of_the_nested_model() -> None:
    # 40 rows a group in 4 cells: Laplace is visibly off, 15 nodes are not.
    d = problem(13, n=160, groups=4)
    keep: dict[str, Any] = {"trials": d["m"], "subgroups": d["s"]}
    fit = fit_logistic(d["y"], d["X"], d["g"], quadrature=15, **keep)

    def loss(theta: np.ndarray) -> float:
        sigmas = (np.exp(theta[3]), np.exp(theta[4]))
        return -nested_loglik(d["y"], d["m"], d["X"] @ theta[:3], d["g"], d["s"], sigmas)

    at = np.append(fit.coefficients, np.log(fit.sigmas))
    value = -loss(at) + log_binomial(d["y"], d["m"])
    assert fit.log_likelihood == pytest.approx(value, abs=1e-6)
    best = minimize(loss, at + 0.05, method="BFGS", options={"gtol": 1e-5})
    np.testing.assert_allclose(fit.coefficients, best.x[:3], atol=2e-4)
    np.testing.assert_allclose(np.log(fit.sigmas), best.x[3:], atol=2e-3)
    laplace = fit_logistic(d["y"], d["X"], d["g"], **keep)
    assert abs(laplace.log_likelihood - value) > 1e-3


def test_outer_nodes_lie_around_the_modes_of_the_estimate() -> None:
    # Large groups' variance, few nodes: nodes laid once, at Laplace's estimate, would be elsewhere.
    rng = np.random.default_rng(43)
    g, s = np.repeat(np.arange(30), 8), np.tile(np.arange(8) // 2, 30)
    eta = rng.normal(0, 2.0, 30)[g] + rng.normal(0, 1.5, (30, 4))[g, s]
    d = {"y": rng.binomial(1, 1 / (1 + np.exp(-eta))), "g": g, "s": s, "X": np.ones((240, 1))}
    d["m"] = np.ones(240)
    fit = fit_logistic(d["y"], d["X"], g, subgroups=s, quadrature=3)
    assert fit.converged
    rows, group = rows_of(d, nested=True)
    theta = np.append(fit.coefficients, np.log(fit.sigmas))
    at = Tree.of(rows, group, 3, theta)(theta)
    left = at.gradient @ np.linalg.solve(at.information, at.gradient)
    # The last laying moved the estimate by less than 1e-4 standard errors.
    assert np.sqrt(left) < 2e-4


def test_modes_are_found_from_anywhere() -> None:
    rng = np.random.default_rng(41)
    for _ in range(300):
        g = np.repeat(np.arange(5), rng.integers(1, 6, 5))
        n = np.float64(10.0) ** rng.integers(0, 6, len(g))
        rows = collapse(
            np.ones((len(g), 1)),
            g,
            successes=np.floor(n * rng.random(len(g)) * (rng.random(len(g)) < 0.7)),
            trials=n,
            offset=rng.normal(0, rng.choice([1, 10, 50]), len(g)),
        )
        sigma = 10 ** rng.uniform(-2, 2)
        function = OneLevel.of(rows, 1)
        function.modes = rng.normal(0, 3, 5)
        function(np.array([0.0, np.log(sigma)]))
        p = 1 / (1 + np.exp(-(rows.offset + rows.spread(sigma * function.modes))))
        slope = sigma * rows.cell_sums(rows.successes - rows.trials * p) - function.modes
        curvature = 1 + sigma**2 * rows.cell_sums(rows.trials * p * (1 - p))
        np.testing.assert_allclose(slope / curvature, 0.0, atol=1e-9)


def test_standard_errors_are_those_of_the_approximation_not_of_louis() -> None:
    # At 7 nodes on small clusters the two differ by several in a thousand; glmer's at 7 nodes are
    # in mixed.json. Here: the numerical information of the slow twin.
    arguments = logistic_arguments("cbpp_7") | {"quadrature": 3}
    fit = fit_logistic(**arguments)
    y, m = np.asarray(arguments["successes"]), np.asarray(arguments["trials"])
    g, X = np.asarray(arguments["groups"]), arguments["X"]

    def f(theta: np.ndarray) -> float:
        return adaptive_loglik(y, m, X @ theta[:-1], g, float(np.exp(theta[-1])), 3)

    theta = np.append(fit.coefficients, np.log(fit.sigmas))
    n, h = len(theta), 1e-3
    information = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            ei, ej = h * np.eye(n)[i], h * np.eye(n)[j]
            both = f(theta + ei + ej) - f(theta + ei - ej) - f(theta - ei + ej) + f(theta - ei - ej)
            information[i, j] = -both / (4 * h**2)
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(fit.std_errors, expected[:-1], rtol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.parameters_covariance)), expected, rtol=1e-4)


def test_truth_is_recovered_within_its_standard_errors() -> None:
    rng = np.random.default_rng(17)
    n, groups = 30_000, 300
    X = np.column_stack([np.ones(n), rng.integers(0, 2, n)])
    g = rng.integers(0, groups, n)
    eta = X @ [-2.0, 0.4] + rng.normal(0, 0.7, groups)[g]
    fit = fit_logistic(rng.binomial(1, 1 / (1 + np.exp(-eta))), X, g)
    assert abs(fit.coefficients[1] - 0.4) < 4 * fit.std_errors[1]
    assert abs(fit.sigmas[0] - 0.7) < 4 * 0.7 / np.sqrt(2 * groups)


def same(a: LogisticFit, b: LogisticFit) -> None:
    np.testing.assert_allclose(a.coefficients, b.coefficients, atol=ESTIMATE, rtol=ESTIMATE)
    np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=ERROR)
    np.testing.assert_allclose(a.sigmas, b.sigmas, atol=10 * ESTIMATE)
    assert a.log_likelihood == pytest.approx(b.log_likelihood, abs=1e-7)


@pytest.mark.parametrize("nested", [False, True])
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_rows_in_any_order(seed: int, nested: bool) -> None:
    d = problem(seed)
    order = np.random.default_rng(seed).permutation(len(d["y"]))

    def fit(d: dict[str, np.ndarray]) -> LogisticFit:
        return fit_logistic(d["y"], d["X"], d["g"], d["m"], d["s"] if nested else None)

    same(fit(d), fit({name: values[order] for name, values in d.items()}))


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_collapsed_rows_are_the_rows(seed: int) -> None:
    d = problem(seed)
    whole = fit_logistic(d["y"], d["X"], d["g"], d["m"])
    # One row a trial, and noise so small that no two rows are alike but no fit feels it.
    row = np.repeat(np.arange(len(d["y"])), d["m"])
    event = np.concatenate([np.arange(m) < y for y, m in zip(d["y"], d["m"], strict=True)])
    noise = np.random.default_rng(seed).normal(0, 1e-13, len(row))
    apart = fit_logistic(event, d["X"][row], d["g"][row], offset=noise)
    np.testing.assert_allclose(apart.coefficients, whole.coefficients, atol=ESTIMATE)
    np.testing.assert_allclose(apart.std_errors, whole.std_errors, rtol=ERROR)
    missing = log_binomial(d["y"], d["m"])
    assert apart.log_likelihood + missing == pytest.approx(whole.log_likelihood, abs=1e-6)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    shift=st.floats(-1e4, 1e4),
    log_scale=st.floats(-6, 6),
)
def test_units_of_a_column_don_t_matter(seed: int, shift: float, log_scale: float) -> None:
    d = problem(seed)
    scale = 10.0**log_scale
    X = d["X"].copy()
    X[:, 2] = (X[:, 2] + shift) * scale
    a, b = (fit_logistic(d["y"], X_, d["g"], d["m"]) for X_ in (d["X"], X))
    assert b.log_likelihood == pytest.approx(a.log_likelihood, abs=1e-6)
    assert b.coefficients[2] * scale == pytest.approx(a.coefficients[2], abs=1e-6)
    assert b.std_errors[2] * scale == pytest.approx(a.std_errors[2], rel=ERROR)
    assert b.coefficients[1] == pytest.approx(a.coefficients[1], abs=1e-6)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_names_of_groups_don_t_matter(seed: int) -> None:
    d = problem(seed)
    names = np.array([f"cluster {x}" for x in np.random.default_rng(seed).permutation(9)])
    a = fit_logistic(d["y"], d["X"], d["g"], d["m"], d["s"])
    b = fit_logistic(d["y"], d["X"], names[d["g"]], d["m"], np.array(list("wxyz"))[d["s"]])
    same(a, b)
    by_name = dict(zip(b.group_labels, b.modes, strict=True))
    expected = [by_name[names[label]] for label in a.group_labels]
    np.testing.assert_allclose(a.modes, expected, atol=1e-6)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_every_row_twice_at_half_weight(seed: int) -> None:
    d = problem(seed)
    twice = {name: np.concatenate([values, values]) for name, values in d.items()}
    a = fit_logistic(d["y"], d["X"], d["g"], d["m"])
    half = np.full(len(twice["y"]), 0.5)
    same(a, fit_logistic(twice["y"], twice["X"], twice["g"], twice["m"], weights=half))


def test_offset_takes_the_place_of_a_known_coefficient() -> None:
    d = problem(19)
    whole = fit_logistic(d["y"], d["X"], d["g"], d["m"])
    offset = d["X"][:, 2] * whole.coefficients[2]
    part = fit_logistic(d["y"], d["X"][:, :2], d["g"], d["m"], offset=offset)
    np.testing.assert_allclose(part.coefficients, whole.coefficients[:2], atol=ESTIMATE)
    assert part.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-8)


@pytest.mark.parametrize("nested", [False, True])
def test_start_from_a_neighbour_ends_at_the_same_place_in_fewer_steps(nested: bool) -> None:
    d = problem(23, n=2000)
    subgroups = d["s"] if nested else None
    cold = fit_logistic(d["y"], d["X"], d["g"], d["m"], subgroups)
    warm = fit_logistic(d["y"], d["X"], d["g"], d["m"], subgroups, start=cold)
    arrays = fit_logistic(
        d["y"], d["X"], d["g"], d["m"], subgroups, start=(cold.coefficients, cold.sigmas)
    )
    same(warm, cold)
    same(arrays, cold)
    assert warm.iterations < cold.iterations


@pytest.mark.parametrize("nested", [False, True])
def test_restricted_variances_are_larger_and_feel_units_only_as_they_must(nested: bool) -> None:
    d = problem(31)
    subgroups = d["s"] if nested else None
    arguments: dict[str, Any] = {"trials": d["m"], "subgroups": subgroups, "quadrature": 1}
    plain = fit_logistic(d["y"], d["X"], d["g"], **arguments)
    fit = fit_logistic(d["y"], d["X"], d["g"], **arguments, restricted=True)
    assert fit.converged
    assert fit.sigmas[0] > plain.sigmas[0]
    X = d["X"].copy()
    X[:, 2] = 5.0 + 100.0 * X[:, 2]
    scaled = fit_logistic(d["y"], X, d["g"], **arguments, restricted=True)
    np.testing.assert_allclose(scaled.sigmas, fit.sigmas, atol=1e-5)
    assert scaled.coefficients[2] * 100 == pytest.approx(fit.coefficients[2], abs=1e-6)
    assert scaled.std_errors[2] * 100 == pytest.approx(fit.std_errors[2], rel=ERROR)
    # The integral over beta is taken in the columns' own units: a hundredth of the length.
    assert scaled.log_likelihood == pytest.approx(fit.log_likelihood - np.log(100), abs=1e-6)
    warm = fit_logistic(d["y"], d["X"], d["g"], **arguments, restricted=True, start=fit)
    np.testing.assert_allclose(warm.coefficients, fit.coefficients, atol=1e-6)
    np.testing.assert_allclose(warm.sigmas, fit.sigmas, atol=1e-5)


def test_restricted_is_laplace_only() -> None:
    d = problem(37)
    with pytest.raises(ValueError, match="restricted"):
        fit_logistic(d["y"], d["X"], d["g"], d["m"], quadrature=7, restricted=True)
    assert fit_logistic(d["y"], d["X"], d["g"], d["m"], restricted=True).quadrature == 1


def test_start_from_a_singular_neighbour_is_a_start_from_nothing() -> None:
    d = problem(29)
    cold = fit_logistic(d["y"], d["X"], d["g"], d["m"])
    same(fit_logistic(d["y"], d["X"], d["g"], d["m"], start=(cold.coefficients, [0.0])), cold)


def test_start_that_doesn_t_fit_is_ignored() -> None:
    d = problem(29)
    other = fit_logistic(d["y"], d["X"][:, :2], d["g"], d["m"])
    cold = fit_logistic(d["y"], d["X"], d["g"], d["m"])
    same(fit_logistic(d["y"], d["X"], d["g"], d["m"], start=other), cold)
