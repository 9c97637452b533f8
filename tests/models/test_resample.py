"""Orders, efficient scores and the wild bootstrap by obvious loops and dense matrices."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from fvlib.models.mixed import fit_linear
from fvlib.models.resample import (
    inverted,
    linear_score,
    orders,
    share_as_extreme,
    wild_score_bootstrap,
)


def test_twelve_orders_within_strata_and_120_without() -> None:
    within = orders(["high", "high", "low", "low", "low"])
    assert within.shape == (12, 5)
    assert (np.sort(within[:, :2], axis=1) == [0, 1]).all()
    assert len({tuple(order) for order in within}) == 12
    assert within[0].tolist() == [0, 1, 2, 3, 4]
    every = orders(clusters=5)
    assert len({tuple(order) for order in every}) == 120
    assert {tuple(order) for order in within} <= {tuple(order) for order in every}


@pytest.mark.parametrize("nested", [False, True])
def test_linear_score_is_that_of_the_dense_covariance(nested: bool) -> None:
    rng = np.random.default_rng(4)
    n = 90
    group = np.sort(rng.integers(0, 5, n))
    child = group * 100 + rng.integers(0, 8, n)
    X = np.column_stack([np.ones(n), rng.standard_normal(n)])
    Z = rng.standard_normal((n, 4))
    Z[:, 3] = X[:, 1]  # in the model's span
    y = X @ [1.0, 0.5] + rng.standard_normal(5)[group] + rng.standard_normal(n)
    sigmas = (0.8, 0.5, 1.1) if nested else (0.8, 1.1)
    labels, leaf = np.unique(child if nested else group, return_inverse=True)
    of = labels // 100 if nested else None
    V = sigmas[-1] ** 2 * np.eye(n) + 0.8**2 * (group[:, None] == group)
    if nested:
        V += 0.5**2 * (child[:, None] == child)
    W = np.linalg.inv(V)
    P = W - W @ X @ np.linalg.solve(X.T @ W @ X, X.T @ W)
    found = linear_score(y, X, Z, leaf, of, sigmas)
    assert found.scores[:3] == pytest.approx((Z.T @ P @ y)[:3], abs=1e-9)
    assert found.information[:3] == pytest.approx(np.diag(Z.T @ P @ Z)[:3], rel=1e-9)
    assert np.isnan(found.statistics[3])


def test_linear_statistic_is_near_the_wald_statistic() -> None:
    # At the fit's own variances the score and Wald statistics of a linear model agree up to the
    # change of the variances between the two models.
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(8), 40)
    z = (rng.random(320) < 0.5).astype(float)
    y = 0.3 * z + rng.standard_normal(8)[group] + rng.standard_normal(320)
    one = np.ones((320, 1))
    null = fit_linear(y, one, group)
    full = fit_linear(y, np.column_stack([one, z]), group)
    found = linear_score(y, one, z[:, None], group, None, null.sigmas)
    wald = full.coefficients[1] / full.std_errors[1]
    assert found.statistics[0] == pytest.approx(wald, rel=0.03)


def test_wild_bootstrap_is_an_obvious_loop_over_7776_draws() -> None:
    scores = np.array([3.1, -1.2, 2.2, 0.4, 1.9])
    p, observed, draws = wild_score_bootstrap(scores)
    weights = [s * np.sqrt(v) for v in (0.5, 1.0, 1.5) for s in (-1, 1)]
    mine = []
    for combination in product(weights, repeat=5):
        drawn = [w * s for w, s in zip(combination, scores, strict=True)]
        mine.append(sum(drawn) / np.sqrt(sum(d * d for d in drawn)))
    assert len(mine) == 7776
    assert np.sort(draws) == pytest.approx(np.sort(mine))
    assert observed == pytest.approx(scores.sum() / np.sqrt((scores**2).sum()))
    assert p == pytest.approx(np.mean(np.abs(mine) >= abs(observed) - 1e-9))


def test_scores_all_alike_have_the_wild_bootstrap_s_smallest_p() -> None:
    # Only equal weights reach the bound sqrt(5) of the statistic: 6 of 7,776 draws.
    p, observed, _ = wild_score_bootstrap(np.ones(5))
    assert observed == pytest.approx(np.sqrt(5))
    assert p == pytest.approx(6 / 7776)


def test_ties_count_as_extreme() -> None:
    assert share_as_extreme([1.0, -1.0 + 1e-12, 0.3, -2.0], 1.0) == pytest.approx(0.75)


def test_inverting_a_z_test_gives_its_interval() -> None:
    low, high = inverted(lambda d: 2 * norm.sf(abs(1.3 - d) / 0.4), 0.05, 1.0, 4.0)
    assert (low, high) == pytest.approx((1.3 - 1.959964 * 0.4, 1.3 + 1.959964 * 0.4), abs=1e-5)


def test_a_test_that_never_rejects_has_no_limits() -> None:
    assert inverted(lambda d: 1.0, 0.05, 0.0, 1.0) == (-np.inf, np.inf)
