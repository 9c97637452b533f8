"""Intervals, pooling, adjusting and combining: against mice, R's stats and metafor."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from fvlib.models.inference import cell_df, hochberg, interval, inverse_variance, pool_rubin

REFERENCE = json.loads(
    (Path(__file__).parent / "reference" / "inference.json").read_text(encoding="utf-8")
)
EXACT = 1e-10
# mice has no infinite degrees of freedom: 1e12 stands for it.
NEARLY_INFINITE = 1e-6


@pytest.mark.parametrize("df", [math.inf, 19.0])
def test_interval_and_p(df: float) -> None:
    told = REFERENCE["interval"]["normal" if math.isinf(df) else "t19"]
    np.testing.assert_allclose(interval(0.3, 0.2, df, alpha=0.05), told, rtol=EXACT)


def test_p_keeps_its_digits_far_out() -> None:
    assert interval(-12.0, 1.0, alpha=0.05).p_value == pytest.approx(
        REFERENCE["interval"]["tail"], rel=EXACT
    )


def test_interval_of_a_known_value_and_of_nothing() -> None:
    assert interval(2.0, 0.0, alpha=0.05) == (2.0, 2.0, 0.0)
    assert interval(0.0, 0.0, alpha=0.05) == (0.0, 0.0, 1.0)
    assert all(math.isnan(x) for x in interval(math.nan, 1.0, alpha=0.05))
    assert all(math.isnan(x) for x in interval(1.0, 1.0, math.nan, alpha=0.05))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"std_error": -1.0}, "std_error"),
        ({"df": 0}, "df"),
    ],
)
def test_interval_refuses_by_name(change: dict, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        interval(**({"estimate": 1.0, "std_error": 1.0, "alpha": 0.05} | change))


@pytest.mark.parametrize("spread", ["narrow", "wide"])
@pytest.mark.parametrize("df", [math.inf, 19.0])
def test_rubin_is_mice(spread: str, df: float) -> None:
    q, u = ("q", "u") if spread == "narrow" else ("wide", "v")
    told = REFERENCE[f"{spread}_{'inf' if math.isinf(df) else '19'}"]
    found = pool_rubin(REFERENCE[q], REFERENCE[u], df)
    tolerance = NEARLY_INFINITE if math.isinf(df) else EXACT
    assert found.estimate == pytest.approx(told["estimate"], rel=EXACT)
    assert found.std_error**2 == pytest.approx(told["variance"], rel=EXACT)
    assert found.df == pytest.approx(told["df"], rel=tolerance)
    assert found.fmi == pytest.approx(told["fmi"], rel=tolerance)
    expected = interval(found.estimate, found.std_error, found.df, alpha=0.05).p_value
    assert found.p_value == pytest.approx(expected, rel=EXACT)


def test_rubin_without_differences_between_imputations_is_the_single_analysis() -> None:
    found = pool_rubin([0.4] * 5, [0.09] * 5, 19)
    assert found.std_error == pytest.approx(0.3)
    assert found.df == pytest.approx(20 / 22 * 19)
    assert pool_rubin([0.4], [0.09]).df == math.inf


@pytest.mark.parametrize(
    ("q", "u", "df", "name"),
    [
        ([1.0, 2.0], [1.0], math.inf, "shapes"),
        ([], [], math.inf, "shapes"),
        ([1.0, math.nan], [1.0, 1.0], math.inf, "1 of 2 imputations"),
        ([1.0, 2.0], [1.0, -1.0], math.inf, "negative"),
        ([1.0, 2.0], [1.0, 1.0], 0.0, "df_complete"),
    ],
)
def test_rubin_refuses_in_words(q: list, u: list, df: float, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        pool_rubin(q, u, df)


def test_hochberg_is_r_s() -> None:
    np.testing.assert_allclose(hochberg(REFERENCE["p"]), REFERENCE["hochberg"], rtol=EXACT)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_hochberg_is_statsmodels(p: list[float]) -> None:
    expected = multipletests(p, method="simes-hochberg")[1]
    np.testing.assert_allclose(hochberg(p), expected, atol=1e-12)


def test_hochberg_passes_over_nan_and_keeps_the_order() -> None:
    p = np.array([0.04, np.nan, 0.01, 0.03])
    found = hochberg(p)
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2, 3]], hochberg([0.04, 0.01, 0.03]))
    # A family of three, not of four.
    assert found[2] == pytest.approx(0.03)


def test_hochberg_refuses_what_is_no_probability() -> None:
    with pytest.raises(ValueError, match="p_values"):
        hochberg([0.1, 1.2])


def test_inverse_variance_is_metafor() -> None:
    told, found = REFERENCE["combined"], inverse_variance(REFERENCE["b"], REFERENCE["s"])
    assert found.estimate == pytest.approx(told["estimate"], rel=EXACT)
    assert found.std_error == pytest.approx(told["se"], rel=EXACT)
    assert found.heterogeneity == pytest.approx(told["Q"], rel=EXACT)
    assert found.heterogeneity_p == pytest.approx(told["Qp"], rel=EXACT)


def test_correlated_estimates_by_hand() -> None:
    # Weights 4/5 and 1/5 for standard errors 1 and 2; variance 0.64 + 0.16 + 2 x 0.16 x 2 r.
    found = inverse_variance([1.0, 3.0], [1.0, 2.0], correlation=0.5)
    assert found.estimate == pytest.approx(1.4)
    assert found.std_error**2 == pytest.approx(0.64 + 0.16 + 2 * 0.8 * 0.2 * 0.5 * 2)
    assert found.heterogeneity == pytest.approx(4 / (1 + 4 - 2 * 0.5 * 2))
    # At correlation 1 the pooled standard error is the weighted mean of the standard errors.
    assert inverse_variance([1.0, 3.0], [1.0, 2.0], 1.0).std_error == pytest.approx(0.8 + 0.4)


@pytest.mark.parametrize(
    ("b", "s", "r", "name"),
    [
        ([1.0], [0.0], 0.0, "std_errors"),
        ([1.0, 2.0], [1.0], 0.0, "shapes"),
        ([1.0], [1.0], 2.0, "correlation"),
    ],
)
def test_inverse_variance_refuses(b: list, s: list, r: float, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        inverse_variance(b, s, r)


def test_degrees_of_freedom_of_the_cell_model_are_those_of_cell_means() -> None:
    # Residual degrees of freedom of cell means on clusters, periods and treatment, by rank.
    cluster, period = (index.ravel() for index in np.indices((5, 6)))
    treated = period > cluster
    X = np.column_stack(
        [cluster[:, None] == np.arange(5), period[:, None] == np.arange(6), treated]
    )
    rank = np.linalg.matrix_rank(X.astype(float))
    assert cell_df(30, 5, 6) == 30 - rank == 19
    assert cell_df(30, 5, 6, cluster_covariates=2) == 17
    with pytest.raises(ValueError, match="no degree of freedom"):
        cell_df(10, 5, 5)
