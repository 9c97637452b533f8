"""The edges: boundary, separation, collinearity, few clusters, and input that can't be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from fvlib.models.collapse import collapse
from fvlib.models.identify import settled_by_a_combination
from fvlib.models.logistic.laplace import Nested
from fvlib.models.mixed import (
    Separation,
    Unidentified,
    average_marginal_effect,
    fit_linear,
    fit_logistic,
    switched_effect,
)

# The plan's tolerance for a singular fit against the plain model.
GLM = 1e-8
NAMES = ("one", "treated", "older", "rare", "share")


def trial(seed: int = 1, n: int = 4000, sigma: float = 0.5) -> tuple[np.ndarray, ...]:
    """Outcome, columns NAMES, cluster: five clusters, a rare level and a continuous column."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            np.ones(n),
            rng.integers(0, 2, n),
            rng.integers(0, 2, n),
            rng.random(n) < 0.03,
            rng.normal(size=n).round(1),
        ]
    ).astype(float)
    g = rng.integers(0, 5, n)
    eta = X @ [-1.5, -0.3, 0.4, 0.2, 0.1] + rng.normal(0, sigma, 5)[g]
    return rng.binomial(1, 1 / (1 + np.exp(-eta))), X, g


def glm(y: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fit = sm.GLM(y, X, family=sm.families.Binomial()).fit(tol=1e-14, maxiter=100)
    return fit.params, fit.bse


def no_variance() -> tuple[np.ndarray, ...]:
    """Clusters more alike than chance would have it."""
    y, X, _ = trial(2, n=1000, sigma=0.0)
    y = y[np.lexsort((y, X[:, 1]))]
    X = X[np.argsort(X[:, 1], kind="stable")]
    return y, X[:, :2], np.arange(len(y)) % 5


# --- the boundary -----------------------------------------------------------------------------


@pytest.mark.parametrize("nested", [False, True])
def test_singular_is_reported_and_is_the_plain_model(nested: bool) -> None:
    y, X, g = no_variance()
    fit = fit_logistic(y, X, g, subgroups=np.arange(len(y)) % 35 // 5 if nested else None)
    params, errors = glm(y, X)
    assert fit.singular
    assert fit.converged
    assert set(fit.sigmas) == {0.0}
    assert sum("singular" in warning for warning in fit.warnings) == 1 + nested
    np.testing.assert_allclose(fit.coefficients, params, atol=GLM)
    np.testing.assert_allclose(fit.std_errors, errors, atol=GLM)
    assert not fit.modes.any()
    assert not fit.mode_sds.any()


def test_singular_restricted_fit_is_the_plain_model() -> None:
    y, X, g = no_variance()
    fit = fit_logistic(y, X, g, restricted=True)
    params, errors = glm(y, X)
    assert fit.singular
    assert fit.converged
    np.testing.assert_allclose(fit.coefficients, params, atol=GLM)
    np.testing.assert_allclose(fit.std_errors, errors, atol=GLM)


def test_one_of_two_levels_singular_is_the_model_with_the_other() -> None:
    rng = np.random.default_rng(5)
    y, X, g = trial(3)
    cells = rng.integers(0, 4, len(y))
    nested = fit_logistic(y, X, g, subgroups=cells)
    one = fit_logistic(y, X, g, quadrature=1)
    assert nested.singular
    assert nested.sigmas[1] == 0.0
    np.testing.assert_allclose(nested.coefficients, one.coefficients, atol=GLM)
    np.testing.assert_allclose(nested.std_errors, one.std_errors, rtol=1e-5)
    np.testing.assert_allclose(nested.modes, one.modes, atol=GLM)


@pytest.mark.parametrize("nested", [False, True])
def test_neighbour_of_a_singular_fit_is_climbed_at_the_boundary(nested: bool) -> None:
    y, X, g = trial(3) if nested else no_variance()
    cells = np.random.default_rng(5).integers(0, 4, len(y)) if nested else None
    neighbour = fit_logistic(y, X, g, subgroups=cells)
    assert neighbour.sigmas[-1] == 0.0
    changed = y.copy()
    changed[::500] = 1 - changed[::500]
    cold = fit_logistic(changed, X, g, subgroups=cells)
    warm = fit_logistic(changed, X, g, subgroups=cells, start=neighbour)
    assert warm.converged
    assert warm.sigmas[-1] == cold.sigmas[-1] == 0.0
    assert warm.iterations < cold.iterations
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, atol=GLM)
    np.testing.assert_allclose(warm.std_errors, cold.std_errors, rtol=1e-6)
    assert warm.log_likelihood == pytest.approx(cold.log_likelihood, abs=1e-8)


def test_neighbour_s_zero_is_left_where_the_likelihood_rises_from_it() -> None:
    y, X, g = trial(3)
    cells = np.random.default_rng(5).integers(0, 4, len(y))
    cold = fit_logistic(y, X, g, subgroups=cells)
    assert cold.sigmas[0] > 0.0
    warm = fit_logistic(y, X, g, subgroups=cells, start=(cold.coefficients, [0.0, 0.0]))
    np.testing.assert_allclose(warm.sigmas, cold.sigmas, atol=1e-6)


def test_likelihood_by_a_variance_of_zero() -> None:
    # By hand: the log of the integral of exp l(a) over a ~ N(0, V) has the slope (S^2 - W) / 2.
    y, X, g = trial(8)
    params, _ = glm(y, X)
    risk = 1 / (1 + np.exp(-X @ params))
    cells = g * 3 + np.arange(len(y)) % 3
    S, W = (np.bincount(cells, weights=x) for x in (y - risk, risk * (1 - risk)))
    by_group = np.arange(15) // 3
    S_1, W_1 = np.bincount(by_group, weights=S), np.bincount(by_group, weights=W)
    expected = [0.5 * np.sum(S_1**2 - W_1), 0.5 * np.sum(S**2 - W)]
    one = np.ones(len(y))
    rows = collapse(X, cells, successes=y.astype(float), trials=one, offset=0 * one)
    at = Nested.of(rows, by_group, (False, False))
    np.testing.assert_allclose(at.by_variance(params), expected, rtol=1e-9)


@pytest.mark.parametrize("sigma", [0.02, 0.05])
def test_small_variance_is_not_taken_for_none(sigma: float) -> None:
    # 50 clusters of 20,000: the likelihood has an interior maximum near the truth.
    rng = np.random.default_rng(7)
    g = np.arange(50)
    m = np.full(50, 200_000)
    y = rng.binomial(m, 1 / (1 + np.exp(1 - rng.normal(0, sigma, 50))))
    fit = fit_logistic(y, np.ones((50, 1)), g, m)
    assert not fit.singular
    assert fit.sigmas[0] == pytest.approx(sigma, rel=0.4)


def test_second_climb_finds_the_higher_of_two_maxima() -> None:
    # One event among 21 pairs. Laplace's likelihood has a maximum at zero variance and a higher
    # one far away (glmmTMB 1.1.5: 7.631237, log-likelihood -3.89575); the integral has only zero.
    g = np.repeat(np.arange(21), 2)
    y = (np.arange(42) == 22).astype(int)
    fit = fit_logistic(y, np.ones((42, 1)), g, quadrature=1)
    assert fit.sigmas[0] == pytest.approx(7.631237, rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-3.89575, abs=1e-5)
    plain = fit_logistic(y, np.ones((42, 1)), g, quadrature=15)
    assert plain.singular
    assert plain.log_likelihood == pytest.approx(np.log(1 / 42) + 41 * np.log(41 / 42), abs=1e-9)


def test_one_cluster_is_the_plain_model_and_says_why() -> None:
    y, X, _ = trial(4)
    fit = fit_logistic(y, X, np.zeros(len(y)))
    np.testing.assert_allclose(fit.coefficients, glm(y, X)[0], atol=GLM)
    assert fit.singular
    assert any("one group" in warning for warning in fit.warnings)


def test_cluster_without_events_has_a_finite_mode() -> None:
    y, X, g = trial(6)
    y[g == 3] = 0
    fit = fit_logistic(y, X, g)
    assert fit.converged
    assert np.isfinite(fit.modes).all()
    assert fit.modes[3] == fit.modes.min()
    assert any("1 of 5 groups" in warning for warning in fit.warnings)


def test_large_variance() -> None:
    # Clusters that are nearly all or nothing.
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(200), 8)
    eta = rng.normal(0, 6.0, 200)[g]
    y = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    fit = fit_logistic(y, np.ones((len(y), 1)), g, quadrature=25)
    assert fit.converged
    assert fit.sigmas[0] == pytest.approx(6.0, rel=0.25)


def test_variance_without_limit_is_not_called_converged() -> None:
    # Every cluster all events or none: the likelihood rises with sigma for ever.
    g = np.repeat(np.arange(20), 5)
    fit = fit_logistic(g % 2, np.ones((100, 1)), g, quadrature=25)
    assert not fit.converged
    assert any("without limit" in warning for warning in fit.warnings)


def test_clusters_of_very_different_sizes() -> None:
    rng = np.random.default_rng(9)
    g = np.repeat(np.arange(5), [10, 10, 10, 10, 50_000])
    X = np.column_stack([np.ones(len(g)), rng.integers(0, 2, len(g))])
    y = rng.binomial(1, 1 / (1 + np.exp(2 - 0.3 * X[:, 1] - rng.normal(0, 2.5, 5)[g])))
    fit = fit_logistic(y, X, g)
    assert fit.converged
    assert abs(fit.coefficients[1] - 0.3) < 4 * fit.std_errors[1]
    # The large cluster's mode is known, the small ones' are shrunk and are not.
    assert fit.mode_sds[4] < 0.1 < fit.mode_sds[:4].min()


# --- separation -------------------------------------------------------------------------------


def without(y: np.ndarray, X: np.ndarray, g: np.ndarray, rows: np.ndarray, column: int) -> tuple:
    fit = fit_logistic(y[~rows], np.delete(X[~rows], column, axis=1), g[~rows])
    return fit.coefficients, fit.std_errors, fit.log_likelihood


@pytest.mark.parametrize("event", [0, 1])
@pytest.mark.parametrize("level", [0, 1])
def test_separating_level_is_left_out_and_named(event: int, level: int) -> None:
    y, X, g = trial(10)
    if level == 0:
        X[:, 3] = 1.0 - X[:, 3]
    settled = X[:, 3] == level
    y[settled] = event
    fit = fit_logistic(y, X, g, names=NAMES, protected=("one", "treated"))
    assert fit.dropped == ("rare",)
    assert fit.rows == (~settled).sum()
    np.testing.assert_array_equal(fit.used, ~settled)
    coefficients, errors, value = without(y, X, g, settled, 3)
    np.testing.assert_allclose(fit.coefficients, coefficients, atol=GLM)
    np.testing.assert_allclose(fit.std_errors, errors, rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(value, abs=1e-8)
    assert fit.separated[0].names == ("rare",)
    assert fit.separated[0].rows == settled.sum()


def test_left_out_rows_have_the_limiting_likelihood() -> None:
    # A huge coefficient put in by hand gives what the separated rows' likelihood tends to: one.
    y, X, g = trial(11)
    y[X[:, 3] == 1] = 0
    fit = fit_logistic(y, X, g, names=NAMES)
    offset = np.where(X[:, 3] == 1, -40.0, 0.0)
    limit = fit_logistic(y, np.delete(X, 3, axis=1), g, offset=offset)
    assert fit.log_likelihood == pytest.approx(limit.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(fit.coefficients, limit.coefficients, atol=1e-7)


def test_reference_level_that_separates_is_found_among_combinations() -> None:
    # Ethnicity with three levels, none of whose indicators separates; the reference level does.
    rng = np.random.default_rng(120)
    y, X, g = trial(12)
    level = rng.integers(0, 3, len(y))
    y[level == 0] = 0
    X = np.column_stack([X[:, :2], level == 1, level == 2]).astype(float)
    fit = fit_logistic(
        y,
        X,
        g,
        names=("one", "treated", "b", "c"),
        preference=("b", "c"),
        protected=("one", "treated"),
    )
    assert fit.dropped == ("b",)
    assert fit.rows == (level != 0).sum()
    assert set(fit.separated[0].names) == {"b", "c"}
    inside = level != 0
    expected = fit_logistic(y[inside], X[inside][:, [0, 1, 3]], g[inside])
    np.testing.assert_allclose(fit.coefficients, expected.coefficients, atol=1e-7)


def test_level_next_to_zero_separates_only_beside_a_constant() -> None:
    # x is 1 or 2, events only at 1. Without a constant no direction settles the rows at 2 alone.
    rng = np.random.default_rng(121)
    x = rng.integers(1, 3, 600).astype(float)
    y = ((x == 1) & (rng.random(600) < 0.4)).astype(int)
    g = np.arange(600) % 6
    alone = fit_logistic(y, x[:, None], g)
    assert alone.dropped == ()
    assert alone.rows == 600
    beside = fit_logistic(y, np.column_stack([np.ones(600), x]), g)
    assert beside.dropped == ("x1",)
    assert beside.rows == (x == 1).sum()


def test_two_levels_that_separate_are_both_named() -> None:
    y, X, g = trial(13)
    other = np.random.default_rng(130).random(len(y)) < 0.02
    y[X[:, 3] == 1] = 0
    y[other] = 1
    X[:, 3][other] = 0.0
    X = np.column_stack([X, other])
    fit = fit_logistic(y, X, g, names=(*NAMES, "other"))
    assert fit.dropped == ("rare", "other")
    assert len(fit.separated) == 2
    assert all("never or always" in reason for reason in fit.dropped_reasons)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_treatment_that_separates_fails(level: float) -> None:
    y, X, g = trial(14)
    y[X[:, 1] == level] = 0
    with pytest.raises(Separation, match="treated"):
        fit_logistic(y, X, g, names=NAMES, protected=("one", "treated"))


def test_period_of_reference_that_separates_fails() -> None:
    rng = np.random.default_rng(150)
    y, X, g = trial(15)
    period = rng.integers(0, 4, len(y))
    y[period == 0] = 0
    X = np.column_stack([X[:, :2], period[:, None] == [1, 2, 3]]).astype(float)
    names = ("one", "treated", "p1", "p2", "p3")
    with pytest.raises(Separation, match="p1, p2, p3"):
        fit_logistic(y, X, g, names=names, protected=names)


def test_separation_by_a_continuous_column() -> None:
    rng = np.random.default_rng(16)
    x = rng.normal(size=60)
    X = np.column_stack([np.ones(60), x])
    with pytest.raises(Separation):
        fit_logistic((x > 0.2).astype(int), X, np.arange(60) % 4)


def test_separation_that_only_the_treated_have() -> None:
    # Neither column separates, their product does: a quarter of a level goes, the level stays.
    y, X, g = trial(17)
    both = (X[:, 1] == 1) & (X[:, 3] == 1)
    y[both] = 0
    X = np.column_stack([X, both])
    fit = fit_logistic(y, X, g, names=(*NAMES, "both"))
    assert fit.dropped == ("both",)
    assert "rare" in fit.names


@pytest.mark.parametrize("outcome", [0, 1])
def test_constant_outcome_fails_in_words(outcome: int) -> None:
    _, X, g = trial(18)
    with pytest.raises(Separation, match="always" if outcome else "never"):
        fit_logistic(np.full(len(g), outcome), X, g)


def test_no_separation_is_seen_where_there_is_none() -> None:
    y, X, g = trial(19)
    ones = np.ones(len(y))
    rows = collapse(X, g, successes=y.astype(float), trials=ones, offset=0 * ones)
    assert settled_by_a_combination(rows) is None
    assert fit_logistic(y, X, g).separated == ()


def test_extreme_but_finite_probabilities_are_not_separation() -> None:
    # One event among 30,000 at the level: the coefficient is large, and finite.
    rng = np.random.default_rng(20)
    n = 60_000
    X = np.column_stack([np.ones(n), np.arange(n) % 2])
    y = rng.binomial(1, np.where(X[:, 1] == 1, 0.0, 0.3))
    y[1] = 1
    fit = fit_logistic(y, X, rng.integers(0, 5, n))
    assert fit.dropped == ()
    assert fit.coefficients[1] == pytest.approx(np.log(1 / 29_999) - np.log(0.3 / 0.7), abs=0.1)


def test_marginal_effect_puts_separated_rows_back_with_no_change() -> None:
    y, X, g = trial(21)
    settled = X[:, 3] == 1
    y[settled] = 0
    fit = fit_logistic(y, X, g, names=NAMES)
    treated, control = X.copy(), X.copy()
    treated[:, 1], control[:, 1] = 1.0, 0.0
    whole = average_marginal_effect(fit, treated, control, g)
    np.testing.assert_allclose(switched_effect(fit, X, NAMES[1], g), whole, rtol=1e-10)
    kept = average_marginal_effect(fit, treated[~settled], control[~settled], g[~settled])
    share = 1.0 - settled.mean()
    assert whole.estimate == pytest.approx(share * kept.estimate, rel=1e-12)
    assert whole.std_error == pytest.approx(share * kept.std_error, rel=1e-12)
    assert whole.risk_treated == pytest.approx(share * kept.risk_treated, rel=1e-12)


# --- collinearity -----------------------------------------------------------------------------


def test_collinear_columns_go_in_the_order_of_preference() -> None:
    y, X, g = trial(22)
    X = np.column_stack([X, X[:, 2] + X[:, 4]])
    names = (*NAMES, "sum")
    assert fit_logistic(y, X, g, names=names).dropped == ("sum",)
    assert fit_logistic(y, X, g, names=names, preference=("older", "sum")).dropped == ("older",)
    assert fit_logistic(y, X, g, names=names, preference=("share", "older")).dropped == ("share",)


def test_treatment_is_kept_and_what_it_is_made_of_goes() -> None:
    y, X, g = trial(23)
    # "a" and "b" add up to treatment: one of them goes, though treatment comes last.
    half = np.random.default_rng(230).integers(0, 2, len(y))
    X = np.column_stack([np.ones(len(y)), X[:, 1] * half, X[:, 1] * (1 - half), X[:, 1]])
    fit = fit_logistic(y, X, g, names=("one", "a", "b", "treated"), protected=("treated",))
    assert fit.dropped == ("b",)
    assert fit.dropped_reasons == ("a combination of other columns",)


def test_collinear_protected_columns_are_refused_by_name() -> None:
    y, X, g = trial(24)
    X = np.column_stack([X, 2 * X[:, 1] - 1])
    with pytest.raises(Unidentified, match="again"):
        fit_logistic(y, X, g, names=(*NAMES, "again"), protected=("one", "treated", "again"))
    with pytest.raises(Unidentified, match="again"):
        fit_linear(y, X, g, names=(*NAMES, "again"), protected=("one", "treated", "again"))


def test_columns_without_content_are_named_with_the_reason() -> None:
    y, X, g = trial(25)
    X = np.column_stack([X, np.zeros(len(y)), np.full(len(y), 3.0)])
    fit = fit_logistic(y, X, g, names=(*NAMES, "empty level", "flat"))
    assert dict(zip(fit.dropped, fit.dropped_reasons, strict=True)) == {
        "empty level": "zero in every row",
        "flat": "constant",
    }


@pytest.mark.parametrize("seed", range(12))
def test_one_combination_is_dropped_whatever_the_rounding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, X, g = trial(seed)
    many = np.column_stack([X, rng.normal(size=(len(y), 6)) * 10.0 ** rng.integers(-3, 4, 6)])
    last = many @ rng.normal(size=many.shape[1])
    assert fit_logistic(y, np.column_stack([many, last]), g).dropped == ("x11",)


def test_near_collinearity_above_the_tolerance_is_kept() -> None:
    # R's lm keeps a column whose remainder is more than 1e-7 of it.
    rng = np.random.default_rng(260)
    y, X, g = trial(26)
    for size, dropped in ((1e-5, ()), (1e-9, ("near",))):
        near = X[:, 4] + size * rng.normal(size=len(y))
        fit = fit_linear(
            y + rng.normal(size=len(y)), np.column_stack([X, near]), g, names=(*NAMES, "near")
        )
        assert fit.dropped == dropped


# --- input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("fit", [fit_logistic, fit_linear])
def test_nan_and_infinity_are_refused_with_column_and_count(fit, bad: float) -> None:
    y, X, g = trial(27)
    X[[3, 5], 4] = bad
    with pytest.raises(ValueError, match=r"X: 2 of 4000 rows .*share"):
        fit(y, X, g, names=NAMES)


@pytest.mark.parametrize("argument", ["trials", "weights", "offset"])
def test_nan_in_other_arguments_is_refused(argument: str) -> None:
    y, X, g = trial(28)
    values: Any = np.ones(len(y))
    values[7] = np.nan
    with pytest.raises(ValueError, match=f"{argument}: 1 of 4000"):
        fit_logistic(y, X, g, **{argument: values})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"successes": np.full(4000, 2)}, "successes: 4000 of 4000 .* 0 to 1"),
        ({"successes": np.zeros(3)}, "successes: shape"),
        ({"trials": np.full(4000, -1)}, "trials: 4000 of 4000 rows are negative"),
        ({"weights": np.zeros(4000)}, "no row has any weight"),
        ({"weights": np.full(4000, -1.0)}, "weights: 4000 of 4000 rows are negative"),
        ({"groups": np.zeros(9)}, "groups: 9 labels for 4000 rows"),
        ({"groups": np.array([None] + ["a"] * 3999, dtype=object)}, "groups: 1 of 4000"),
        ({"quadrature": 4}, "quadrature: 4"),
        ({"quadrature": 0}, "quadrature: 0"),
        ({"quadrature": -3}, "quadrature: -3"),
        ({"quadrature": 7.5}, "quadrature: 7.5"),
        ({"X": np.zeros((4000, 0))}, "X: expected rows by columns"),
        ({"X": np.zeros(4000)}, "X: expected rows by columns"),
        ({"X": np.zeros((0, 2))}, "X: no rows"),
        ({"names": ("a", "b")}, "names: 2 given for 5"),
        ({"names": ("a",) * 5}, "names: a name occurs twice"),
        ({"protected": ("treatment",)}, "protected: no column named 'treatment'"),
        ({"preference": ("older",)}, "preference: no column named 'older'"),
        ({"subgroups": np.zeros(4000)}, "subgroups: each group has one"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(change: dict, message: str) -> None:
    y, X, g = trial(29)
    with pytest.raises(ValueError, match=message):
        fit_logistic(**({"successes": y, "X": X, "groups": g} | change))


def test_rows_of_weight_zero_take_no_part() -> None:
    y, X, g = trial(30)
    weights = np.where(np.arange(len(y)) % 3 == 0, 0.0, 1.0)
    weights[g == 2] = 0.0
    live = weights > 0
    fit = fit_logistic(y, X, g, weights=weights)
    expected = fit_logistic(y[live], X[live], g[live])
    np.testing.assert_allclose(fit.coefficients, expected.coefficients, atol=GLM)
    assert fit.rows == live.sum()
    # The cluster left without rows is still there, at the mean of its prior.
    assert fit.group_labels == (0, 1, 2, 3, 4)
    assert fit.modes[2] == 0.0
    assert fit.mode_sds[2] == fit.sigmas[0]


def test_a_frame_brings_its_names() -> None:
    y, X, g = trial(31)
    fit = fit_logistic(pd.Series(y), pd.DataFrame(X, columns=list(NAMES)), pd.Series(g))
    assert fit.names == NAMES
    np.testing.assert_allclose(fit.coefficients, fit_logistic(y, X, g).coefficients, atol=GLM)


def test_arguments_are_not_changed() -> None:
    y, X, g = trial(32)
    before = y.copy(), X.copy(), g.copy()
    X.flags.writeable = False
    fit_logistic(y, X, g)
    fit_linear(y, X, g)
    for a, b in zip((y, X, g), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_message_holds_a_label_or_a_value() -> None:
    y, X, g = trial(33)
    g = np.array([f"child-{x}" for x in g], dtype=object)
    y[g == "child-3"] = 0
    told = " ".join(fit_logistic(y, X, g).warnings)
    assert "child" not in told
