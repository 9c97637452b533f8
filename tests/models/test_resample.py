"""Orders, efficient scores and the wild bootstrap by obvious loops and dense matrices."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from fvlib.models.mixed import fit_linear
from fvlib.models.wedge.resample import (
    invert_test,
    linear_score,
    list_orders,
    share_as_extreme,
    wild_linear,
    wild_score_bootstrap,
)


def test_twelve_orders_within_strata_and_120_without() -> None:
    within = list_orders(["high", "high", "low", "low", "low"])
    assert within.shape == (12, 5)
    assert (np.sort(within[:, :2], axis=1) == [0, 1]).all()
    assert len({tuple(order) for order in within}) == 12
    assert within[0].tolist() == [0, 1, 2, 3, 4]
    every = list_orders(clusters=5)
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


def small_regression() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Five clusters of 12 rows with cluster indicators, a covariate, and treatment in column 1."""
    rng = np.random.default_rng(9)
    cluster = np.repeat(np.arange(5), 12)
    period = np.tile(np.arange(6), 10)
    treated = (period > cluster).astype(float)
    indicators = (cluster[:, None] == np.arange(1, 5)).astype(float)
    X = np.column_stack([np.ones(60), treated, period, rng.standard_normal(60), indicators])
    y = X @ [1.0, 0.6, 0.1, 0.3, *rng.standard_normal(4)] + rng.standard_normal(60)
    return y, X, cluster


def t_of(y: np.ndarray, X: np.ndarray, cluster: np.ndarray) -> float:
    """Clustered t statistic of column 1, by the textbook's sandwich."""
    bread = np.linalg.inv(X.T @ X)
    beta = bread @ X.T @ y
    scores = np.array([X[cluster == k].T @ (y - X @ beta)[cluster == k] for k in range(5)])
    covariance = bread @ scores.T @ scores @ bread
    return float(beta[1] / np.sqrt(covariance[1, 1]))


def refitted(effect: float) -> list[float]:
    """The statistic of every one of 7,776 draws, the observed one first, each by a refit."""
    y, X, cluster = small_regression()
    rest = np.delete(X, 1, axis=1)
    left = y - effect * X[:, 1]
    fitted = rest @ np.linalg.lstsq(rest, left, rcond=None)[0]
    weights = [s * np.sqrt(v) for v in (0.5, 1.0, 1.5) for s in (-1, 1)]
    drawn = [t_of(left, X, cluster)]
    for combination in product(weights, repeat=5):
        again = fitted + (left - fitted) * np.array(combination)[cluster]
        drawn.append(t_of(again, X, cluster))
    return drawn


def test_linear_wild_bootstrap_is_a_refit_for_each_of_7776_draws() -> None:
    for effect in (0.0, 0.4):
        theirs = refitted(effect)
        p, observed, draws = wild_linear(*small_regression()[:2], 1, np.repeat(range(5), 12)).test(
            effect
        )
        assert observed == pytest.approx(theirs[0], rel=1e-8)
        assert np.sort(draws) == pytest.approx(np.sort(theirs[1:]), rel=1e-6, abs=1e-8)
        assert p == pytest.approx(np.mean(np.abs(theirs[1:]) >= abs(theirs[0]) - 1e-9))


def test_linear_wild_bootstrap_estimates_by_least_squares_with_clustered_errors() -> None:
    y, X, cluster = small_regression()
    theirs = sm.OLS(y, X).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    mine = wild_linear(y, X, 1, cluster)
    assert mine.estimate == pytest.approx(theirs.params[1], rel=1e-9)
    assert mine.std_error == pytest.approx(theirs.bse[1], rel=1e-9)


def test_the_linear_bootstrap_s_interval_ends_where_its_test_begins_to_reject() -> None:
    y, X, cluster = small_regression()
    made = wild_linear(y, X, 1, cluster)
    alpha = 0.2  # five clusters: at 5 % the interval of so small a trial may have no end
    low, high = invert_test(lambda d: made.test(d)[0], alpha, made.estimate, 10 * made.std_error)
    assert low < made.estimate < high
    step = 1e-3 * made.std_error
    for end, outwards in ((low, -step), (high, step)):
        for moved, rejected in ((end - outwards, False), (end + outwards, True)):
            theirs = refitted(moved)  # by refits, not by the code that made the interval
            p = np.mean(np.abs(theirs[1:]) >= abs(theirs[0]) * (1 - 1e-9))
            assert (p <= alpha) == rejected


def test_ties_count_as_extreme() -> None:
    assert share_as_extreme([1.0, -1.0 + 1e-12, 0.3, -2.0], 1.0) == pytest.approx(0.75)


def test_inverting_a_z_test_gives_its_interval() -> None:
    low, high = invert_test(lambda d: 2 * norm.sf(abs(1.3 - d) / 0.4), 0.05, 1.0, 4.0)
    assert (low, high) == pytest.approx((1.3 - 1.959964 * 0.4, 1.3 + 1.959964 * 0.4), abs=1e-5)


def test_a_test_that_never_rejects_has_no_limits() -> None:
    assert invert_test(lambda d: 1.0, 0.05, 0.0, 1.0) == (-np.inf, np.inf)
