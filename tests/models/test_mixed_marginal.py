"""Marginal effects and score tests: against twins without derivatives, and other tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from fvlib.models.mixed import (
    LogisticFit,
    average_marginal_effect,
    fit_logistic,
    population_average_effect,
    score_test,
    switched_effect,
)
from tests.support.mixed_reference import logistic_arguments
from tests.support.mixed_twins import mode_of, nested_loglik

STEP = 1e-4


def wedge(nested: bool) -> tuple[dict, np.ndarray, np.ndarray]:
    arguments = logistic_arguments("wedge_nested" if nested else "wedge_7")
    treated, control = arguments["X"].copy(), arguments["X"].copy()
    treated[:, -1], control[:, -1] = 1.0, 0.0
    return arguments, treated, control


def slow_effect(arguments: dict, theta: np.ndarray, X1: np.ndarray, X0: np.ndarray) -> np.ndarray:
    """Risk treated, risk control and their difference, the modes searched cluster by cluster."""
    y, m, g = (np.asarray(arguments[k], dtype=float) for k in ("successes", "trials", "groups"))
    eta, sigma = arguments["X"] @ theta[:-1], float(np.exp(theta[-1]))
    b = np.zeros(len(y))
    for k in np.unique(g):
        here = g == k
        b[here] = mode_of(y[here], m[here], eta[here], sigma)
    weights = m / m.sum()
    risks = [float(weights @ expit(X @ theta[:-1] + b)) for X in (X1, X0)]
    return np.array([*risks, risks[0] - risks[1]])


def test_effect_and_delta_method_with_moving_modes() -> None:
    arguments, X1, X0 = wedge(nested=False)
    fit = fit_logistic(**arguments)
    found = average_marginal_effect(fit, X1, X0, arguments["groups"], weights=arguments["trials"])
    theta = np.append(fit.coefficients, np.log(fit.sigmas))
    at = slow_effect(arguments, theta, X1, X0)
    told = [found.risk_treated, found.risk_control, found.estimate]
    np.testing.assert_allclose(told, at, atol=1e-8)
    slopes = np.empty((len(theta), 3))
    for j in range(len(theta)):
        step = STEP * (np.arange(len(theta)) == j)
        up, down = (slow_effect(arguments, theta + s, X1, X0) for s in (step, -step))
        slopes[j] = (up - down) / (2 * STEP)
    errors = np.sqrt(np.einsum("ta,ts,sa->a", slopes, fit.parameters_covariance, slopes))
    told = [found.risk_treated_se, found.risk_control_se, found.std_error]
    np.testing.assert_allclose(told, errors, rtol=1e-7)


@pytest.mark.parametrize("nested", [False, True])
def test_a_switched_column_is_two_copies_of_the_sample(nested: bool) -> None:
    arguments, X1, X0 = wedge(nested=nested)
    fit = fit_logistic(**arguments)
    places = {k: arguments[k] for k in ("groups", "subgroups") if k in arguments}
    column = int(np.flatnonzero((X1 != X0).any(axis=0))[0])
    assert ((X1[:, column] == 1.0) & (X0[:, column] == 0.0)).all()
    two = average_marginal_effect(fit, X1, X0, **places, weights=arguments["trials"])
    switched = switched_effect(
        fit, arguments["X"], fit.columns[column], **places, weights=arguments["trials"]
    )
    np.testing.assert_allclose(switched, two, rtol=1e-10)
    with pytest.raises(ValueError, match="column: the fit has none"):
        switched_effect(fit, arguments["X"], "elsewhere", **places)


def test_holding_the_modes_would_give_another_error() -> None:
    # The modes' motion is not a detail: with 5 large clusters it takes most of the risk's error.
    arguments, X1, X0 = wedge(nested=False)
    fit = fit_logistic(**arguments)
    found = average_marginal_effect(fit, X1, X0, arguments["groups"], weights=arguments["trials"])
    weights = np.asarray(arguments["trials"]) / np.sum(arguments["trials"])
    b = fit.modes[np.asarray(arguments["groups"]) - 1]
    p = expit(X1 @ fit.coefficients + b)
    held = (weights * p * (1 - p)) @ X1
    assert np.sqrt(held @ fit.covariance @ held) > 1.5 * found.risk_treated_se


def test_nested_effect_needs_and_uses_the_subgroups() -> None:
    arguments, X1, X0 = wedge(nested=True)
    fit = fit_logistic(**arguments)
    with pytest.raises(ValueError, match="subgroups"):
        average_marginal_effect(fit, X1, X0, arguments["groups"])
    found = average_marginal_effect(
        fit, X1, X0, arguments["groups"], arguments["trials"], subgroups=arguments["subgroups"]
    )
    pairs = list(zip(arguments["groups"], arguments["subgroups"], strict=True))
    place = [fit.subgroup_labels.index((int(g), int(s))) for g, s in pairs]
    a = fit.modes[[fit.group_labels.index(g) for g, _ in pairs]] + fit.subgroup_modes[place]
    w = np.asarray(arguments["trials"]) / np.sum(arguments["trials"])
    risks = [w @ expit(X @ fit.coefficients + a) for X in (X1, X0)]
    assert found.risk_treated == pytest.approx(risks[0], rel=1e-12)
    assert found.estimate == pytest.approx(risks[0] - risks[1], rel=1e-10)


def test_nested_errors_approach_the_one_level_ones_when_cells_don_t_differ() -> None:
    rng = np.random.default_rng(3)
    arguments, X1, X0 = wedge(nested=True)
    base = fit_logistic(**(arguments | {"subgroups": None, "quadrature": 1}))
    eta = arguments["X"] @ base.coefficients + base.modes[np.asarray(arguments["groups"]) - 1]
    y = rng.binomial(60, expit(eta))
    nested = fit_logistic(**(arguments | {"successes": y}))
    flat = fit_logistic(**(arguments | {"successes": y, "subgroups": None, "quadrature": 1}))
    if not nested.singular:  # the draw decides; this one has no variance between cells
        pytest.skip("cells differ")
    kwargs = {"weights": arguments["trials"]}
    a = average_marginal_effect(
        nested, X1, X0, arguments["groups"], subgroups=arguments["subgroups"], **kwargs
    )
    b = average_marginal_effect(flat, X1, X0, arguments["groups"], **kwargs)
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_columns_that_the_fit_dropped_are_passed_and_ignored() -> None:
    arguments, X1, X0 = wedge(nested=False)
    extra = np.column_stack([arguments["X"], arguments["X"][:, 1] + arguments["X"][:, 2]])
    fit = fit_logistic(**(arguments | {"X": extra}))
    assert fit.dropped == ("x7",)
    whole = average_marginal_effect(
        fit,
        np.column_stack([X1, extra[:, -1]]),
        np.column_stack([X0, extra[:, -1]]),
        arguments["groups"],
    )
    plain = average_marginal_effect(fit_logistic(**arguments), X1, X0, arguments["groups"])
    np.testing.assert_allclose(whole, plain, rtol=1e-7)
    with pytest.raises(ValueError, match="names: 8 given for 7"):
        average_marginal_effect(fit, X1, X0, arguments["groups"])


def test_a_cluster_that_the_fit_didn_t_see_is_refused() -> None:
    arguments, X1, X0 = wedge(nested=False)
    fit = fit_logistic(**arguments)
    with pytest.raises(ValueError, match="6 of 30 rows are in a cluster"):
        average_marginal_effect(fit, X1, X0, np.asarray(arguments["groups"]) + 1)


def population_risk(fit: LogisticFit, X: np.ndarray, w: np.ndarray, theta: np.ndarray) -> float:
    """Mean risk in a new cluster, by a fine sum over the normal law."""
    z = np.linspace(-9, 9, 4001)
    density = np.exp(-0.5 * z**2)
    density /= density.sum()
    sigma = np.sqrt(np.sum(np.exp(2 * theta[len(fit.names) :])))
    eta = X @ theta[: len(fit.names)]
    return float(w @ (expit(eta[:, None] + sigma * z) @ density))


@pytest.mark.parametrize("nested", [False, True])
def test_population_average_effect(nested: bool) -> None:
    arguments, X1, X0 = wedge(nested)
    fit = fit_logistic(**arguments)
    w = np.asarray(arguments["trials"]) / np.sum(arguments["trials"])
    found = population_average_effect(fit, X1, X0, weights=w)
    theta = np.append(fit.coefficients, np.log(fit.sigmas))

    def effect(theta: np.ndarray) -> float:
        return population_risk(fit, X1, w, theta) - population_risk(fit, X0, w, theta)

    slopes = np.array(
        [(effect(theta + s) - effect(theta - s)) / (2 * STEP) for s in STEP * np.eye(len(theta))]
    )
    assert found.estimate == pytest.approx(effect(theta), abs=1e-9)
    error = np.sqrt(slopes @ fit.parameters_covariance @ slopes)
    assert found.std_error == pytest.approx(error, rel=1e-5)


def test_singular_fit_has_the_plain_model_s_effect() -> None:
    rng = np.random.default_rng(5)
    n = 800
    X = np.column_stack([np.ones(n), np.arange(n) % 2])
    y = (np.arange(n) // 10 % 4 == 0).astype(int)
    y[X[:, 1] == 1] |= rng.random(n // 2) < 0.2
    g = np.arange(n) % 5
    fit = fit_logistic(y, X, g)
    assert fit.singular
    X1, X0 = X.copy(), X.copy()
    X1[:, 1], X0[:, 1] = 1.0, 0.0
    found = average_marginal_effect(fit, X1, X0, g)
    p = [y[X[:, 1] == x].mean() for x in (1, 0)]
    assert found.estimate == pytest.approx(p[0] - p[1], abs=1e-10)
    expected = np.sqrt(sum(r * (1 - r) / (n / 2) for r in p))
    assert found.std_error == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(population_average_effect(fit, X1, X0), found, rtol=1e-9)


# --- score tests ------------------------------------------------------------------------------


def group_logliks(  # noqa: PLR0917
    fit: LogisticFit,
    offset: np.ndarray,
    y: np.ndarray,
    X: np.ndarray,
    g: np.ndarray,
    arguments: dict,
) -> np.ndarray:
    """Log-likelihood of each group by itself at the fit's parameters, by plain quadrature."""
    m = np.asarray(arguments.get("trials", np.ones(len(X))), dtype=float)
    s = np.asarray(arguments.get("subgroups", np.zeros(len(X))))
    sigmas = (fit.sigmas[0], fit.sigmas[1] if len(fit.sigmas) > 1 else 1e-9)
    eta = X @ fit.coefficients + offset
    y, g = np.asarray(y), np.asarray(g)
    out = []
    for label in fit.group_labels:
        here = g == label
        out.append(nested_loglik(y[here], m[here], eta[here], g[here], s[here], sigmas, nodes=61))
    return np.array(out)


@pytest.mark.parametrize("case", ["wedge_7", "wedge_nested", "bacteria_7", "contraception_7"])
def test_score_is_the_slope_of_the_profile_likelihood(case: str) -> None:
    arguments = logistic_arguments(case)
    X, y, g = (arguments.pop(k) for k in ("X", "successes", "groups"))
    null, z = X[:, :-1], X[:, -1]
    found = score_test(y, null, z[:, None], g, **arguments)

    def profile(delta: float) -> float:
        return fit_logistic(y, null, g, offset=delta * z, **arguments).log_likelihood

    h = 0.02 / np.sqrt(found.information[0])
    up, at, down = profile(h), profile(0.0), profile(-h)
    assert found.scores[0] == pytest.approx((up - down) / (2 * h), rel=1e-3, abs=1e-3)
    assert found.information[0] == pytest.approx(-(up - 2 * at + down) / h**2, rel=1e-3)
    assert found.statistics[0] == pytest.approx(found.scores[0] / np.sqrt(found.information[0]))
    np.testing.assert_allclose(found.group_scores.sum(axis=0), found.scores, atol=1e-8)
    # Each group's part is the slope of its own likelihood along the profile: efficient, not raw.
    fits = [fit_logistic(y, null, g, offset=sign * h * z, **arguments) for sign in (1, -1)]
    slopes = group_logliks(fits[0], h * z, y, null, g, arguments)
    slopes = (slopes - group_logliks(fits[1], -h * z, y, null, g, arguments)) / (2 * h)
    np.testing.assert_allclose(found.group_scores[:, 0], slopes, rtol=2e-2, atol=2e-2)
    assert found.fit.log_likelihood == pytest.approx(at, abs=1e-9)


def test_many_candidates_are_each_tested_alone() -> None:
    arguments = logistic_arguments("contraception_7")
    X, y, g = (arguments.pop(k) for k in ("X", "successes", "groups"))
    rng = np.random.default_rng(6)
    Z = rng.normal(size=(len(X), 70)).round(1)
    together = score_test(y, X, Z, g, **arguments)
    for j in (0, 33, 69):
        alone = score_test(y, X, Z[:, [j]], g, **arguments)
        assert together.statistics[j] == pytest.approx(alone.statistics[0], abs=1e-7)
    # Seventy columns of noise: statistics are standard normal.
    assert abs(together.statistics.mean()) < 4 / np.sqrt(70)
    assert together.statistics.std() == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("case", ["contraception_7", "wedge_nested"])
def test_combinations_of_candidates_are_tested_as_the_columns_that_they_make(case: str) -> None:
    arguments = logistic_arguments(case)
    X, y, g = (arguments.pop(k) for k in ("X", "successes", "groups"))
    rng = np.random.default_rng(9)
    Z = rng.normal(size=(len(X), 4)).round(1)
    C = rng.integers(-1, 3, (4, 40)).astype(float)
    C[:, 0], C[:, 1] = [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]
    made, combined = (
        score_test(y, X, Z @ C, g, **arguments),
        score_test(y, X, Z, g, combinations=C, **arguments),
    )
    for part in ("scores", "information", "held_information", "group_scores"):
        np.testing.assert_allclose(getattr(combined, part), getattr(made, part), atol=1e-6)


def test_combinations_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="combinations: expected a finite matrix of 2 rows"):
        score_test(
            np.arange(10) % 2,
            np.ones((10, 1)),
            np.eye(10)[:, :2],
            np.arange(10) % 3,
            combinations=np.ones((3, 4)),
        )


def test_candidate_in_the_model_s_span_has_no_statistic() -> None:
    arguments = logistic_arguments("wedge_7")
    X, y, g = (arguments.pop(k) for k in ("X", "successes", "groups"))
    found = score_test(y, X, np.column_stack([X[:, 1] - X[:, 2], X[:, 0]]), g, **arguments)
    assert np.isnan(found.statistics).all()


def test_score_of_a_singular_model_is_the_plain_model_s() -> None:
    rng = np.random.default_rng(7)
    n = 400
    z = np.arange(n) % 2
    y = (np.arange(n) // 2 % 4 == 0).astype(int) | (rng.random(n) < 0.1)
    found = score_test(y, np.ones((n, 1)), z[:, None], np.arange(n) // 8 % 5)
    assert found.fit.singular
    p = y.mean()
    expected = np.sum(z * (y - p)) / np.sqrt(p * (1 - p) * np.sum((z - z.mean()) ** 2))
    assert found.statistics[0] == pytest.approx(expected, abs=1e-7)


def test_candidates_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="candidates"):
        score_test(np.arange(10) % 2, np.ones((10, 1)), np.ones(10), np.arange(10) % 3)
