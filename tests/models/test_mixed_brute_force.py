"""P1's model on a small wedge against the integral itself: a dense grid and scipy's root finder."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize, root
from scipy.special import expit
from scipy.stats import norm

from fvlib.models.mixed import fit_logistic, score_test

# The grid's own error is far below this; so is that of 25 nodes on clusters of this size.
EXACT = 1e-6
# What 7 nodes, the default, may differ from the integral by.
SEVEN_NODES = 1e-5
GRID = np.linspace(-9.0, 9.0, 6001)
Floats = NDArray[np.float64]


def small_wedge(seed: int) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Five clusters, six periods, 20 to 60 children a cell: events, trials, X, cluster."""
    rng = np.random.default_rng(seed)
    cluster, period = (axis.ravel() for axis in np.indices((5, 6)))
    treated = (period > cluster).astype(float)
    X = np.column_stack([np.ones(30), treated, *((period == t) for t in range(1, 6))])
    trials = rng.integers(20, 60, 30).astype(float)
    risk = expit(-1.2 - 0.5 * treated + 0.1 * period + 0.7 * rng.standard_normal(5)[cluster])
    return rng.binomial(trials.astype(int), risk).astype(float), trials, X, cluster


def minus_log_likelihood(
    theta: Floats, events: Floats, trials: Floats, X: Floats, cluster: NDArray[np.int64]
) -> tuple[float, Floats]:
    """The marginal log-likelihood by the trapezium rule, and its gradient, signs turned."""
    beta, sigma = theta[:-1], np.exp(theta[-1])
    weight = norm.pdf(GRID) * (GRID[1] - GRID[0])
    eta = (X @ beta)[:, None] + sigma * GRID
    log_p = events[:, None] * eta - trials[:, None] * np.logaddexp(0.0, eta)
    residual = events[:, None] - trials[:, None] * expit(eta)
    value, gradient = 0.0, np.zeros(len(theta))
    for k in range(5):
        mine = cluster == k
        log_k = log_p[mine].sum(axis=0)
        top = log_k.max()
        mass = weight * np.exp(log_k - top)
        value += top + np.log(mass.sum())
        posterior = mass / mass.sum()
        gradient[:-1] += X[mine].T @ (residual[mine] @ posterior)
        gradient[-1] += posterior @ (residual[mine].sum(axis=0) * sigma * GRID)
    return -value, -gradient


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_estimates_are_those_of_the_integral_maximised_by_scipy(seed: int) -> None:
    data = small_wedge(seed)
    start = np.r_[-1.2, np.zeros(6), np.log(0.7)]
    near = minimize(minus_log_likelihood, start, args=data, jac=True, method="BFGS").x
    found = root(lambda theta: minus_log_likelihood(theta, *data)[1], near, tol=1e-12)
    assert found.success
    events, trials, X, cluster = data
    theirs = np.r_[found.x[:-1], np.exp(found.x[-1])]
    for nodes, tolerance in ((25, EXACT), (7, SEVEN_NODES)):
        fit = fit_logistic(events, X, cluster, trials=trials, quadrature=nodes)
        ours = np.r_[fit.coefficients, fit.sigmas[0]]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def test_held_information_is_the_bend_of_the_profile_at_a_fixed_standard_deviation() -> None:
    # Second differences of the grid's own likelihood, maximised over the coefficients alone.
    events, trials, X, cluster = small_wedge(4)
    z = X[:, 1]
    null = np.delete(X, 1, axis=1)
    found = score_test(events, null, z[:, None], cluster, trials=trials, quadrature=25)
    beta, rho = found.fit.coefficients, np.log(found.fit.sigmas[0])
    wide = np.column_stack([null, z])

    def profile(delta: float) -> float:
        def loss(free: Floats) -> tuple[float, Floats]:
            theta = np.r_[free, delta, rho]
            value, slope = minus_log_likelihood(theta, events, trials, wide, cluster)
            return value, slope[: len(free)]

        return -minimize(loss, beta, jac=True, method="BFGS", options={"gtol": 1e-9}).fun

    h = 0.05
    bend = -(profile(h) - 2 * profile(0.0) + profile(-h)) / h**2
    # The fourth derivative's share of a second difference over 0.05 is of this size.
    assert found.held_information[0] == pytest.approx(bend, rel=2e-3)
