"""Tobit against survival::survreg, fractional logit against statsmodels' clustered covariance."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fvlib.models.regression import cluster_robust, fractional_logit, tobit

# survreg prints nine digits; both climb to the same maximum.
PRINTED = 2e-6

# Data by formula, so that R makes the same: x = round(sin(i), 3), y = 2 + 1.5 x +
# round(1.7 cos(3 i), 3), i = 1..60.
index = np.arange(1, 61)
x = np.round(np.sin(index), 3)
y = 2 + 1.5 * x + np.round(1.7 * np.cos(3 * index), 3)
X = np.column_stack([np.ones(60), x])


def test_tobit_censored_from_above_is_survreg_s() -> None:
    # survreg(Surv(pmin(y, 3), y <= 3) ~ x, dist = "gaussian"), survival, rel.tolerance = 1e-14.
    fit = tobit(np.minimum(y, 3), X, above=y > 3)
    assert fit.converged
    assert [*fit.coefficients, np.log(fit.sigma), fit.log_likelihood] == pytest.approx(
        [1.942296213, 1.407727676, 0.152604419, -81.274986476], abs=PRINTED
    )
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(
        [0.160982320, 0.229136073, 0.111356814], abs=PRINTED
    )


def test_tobit_with_two_limits_is_survreg_s() -> None:
    # survreg(Surv(lower, upper, type = "interval2") ~ x, dist = "gaussian").
    low, high = np.minimum(y, 3) <= 1, np.minimum(y, 3) >= 3
    fit = tobit(np.clip(y, 1, 3), X, above=high, below=low)
    assert [*fit.coefficients, np.log(fit.sigma)] == pytest.approx(
        [1.94344791, 1.40275409, 0.22199185], abs=PRINTED
    )
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(
        [0.179383325, 0.288429775, 0.157046690], abs=PRINTED
    )


def test_tobit_censored_from_below_is_tobin_s() -> None:
    # Tobin (1958, doi 10.2307/1907382), as survival::tobin has it: durable goods, age, liquidity.
    durable = [0, 0.7, 0, 0, 0, 0, 0, 3.7, 0, 3, 10.4, 0, 0, 0, 1.5, 0, 0, 3.5, 6.1, 0]
    age = [57.7, 50.9, 48.5, 41.7, 47.7, 59.8, 44.3, 45.1, 51.7, 50, 46.8, 58, 58.9, 40, 34.1, 39.9]
    quant = [236, 283, 207, 220, 238, 216, 284, 221, 275, 269, 207, 249, 246, 277, 231, 219]
    age, quant = [*age, 33.4, 48.1, 46.6, 53.1], [*quant, 240, 266, 214, 251]
    values = np.array(durable)
    columns = np.column_stack([np.ones(20), age, quant])
    fit = tobit(values, columns, below=values <= 0)
    # survreg(Surv(durable, durable > 0, type = "left") ~ age + quant, tobin, dist = "gaussian").
    assert [*fit.coefficients, np.log(fit.sigma), fit.log_likelihood] == pytest.approx(
        [15.144866332, -0.129059284, -0.045541663, 1.717850922, -28.9401332], abs=PRINTED
    )
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(
        [16.07945320, 0.21858360, 0.05825412, 0.31032272], rel=PRINTED
    )


def test_tobit_without_censoring_is_least_squares() -> None:
    fit = tobit(y, X)
    beta, rss, *_ = np.linalg.lstsq(X, y, rcond=None)
    assert fit.coefficients == pytest.approx(beta, abs=1e-8)
    assert fit.sigma == pytest.approx(np.sqrt(rss[0] / 60), abs=1e-8)


def test_collinear_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="told apart"):
        tobit(y, np.column_stack([X, X[:, 1]]), above=y > 3)


def test_fractional_logit_has_statsmodels_coefficients_and_clustered_errors() -> None:
    share = (y - y.min()) / np.ptp(y)
    cluster = index % 7
    fit, scores = fractional_logit(share, X)
    theirs = sm.GLM(share, X, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}, tol=1e-12
    )
    assert fit.coefficients == pytest.approx(theirs.params, abs=1e-8)
    robust = cluster_robust(fit.covariance, scores, cluster)
    # statsmodels leaves out G / (G - 1) without its correction.
    assert robust == pytest.approx(7 / 6 * theirs.cov_params(), rel=1e-6)


def test_clustered_errors_of_the_fractional_logit_are_sandwich_s() -> None:
    # sandwich 3.0.2: vcovCL(glm(share ~ x, family = quasibinomial), cluster, type = "HC0").
    share = (y - y.min()) / np.ptp(y)
    fit, scores = fractional_logit(share, X)
    assert fit.coefficients == pytest.approx([-0.01953153662, 1.06773044599], abs=1e-8)
    robust = cluster_robust(fit.covariance, scores, index % 7)
    assert np.sqrt(np.diag(robust)) == pytest.approx([0.03137058029, 0.04814215298], rel=1e-7)
    assert robust[0, 1] == pytest.approx(-0.001101112007, rel=1e-7)


def test_a_share_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        fractional_logit(y, X)
