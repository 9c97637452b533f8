"""Chained equations: against closed forms, EM, mice, and what may never happen."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from fvlib.analysis.estimates import few_imputations
from fvlib.errors import Refusal
from fvlib.models.imputation import multinomial, patterns
from fvlib.models.imputation.diagnostics import (
    Imputation,
    imputations_needed,
    mixing,
    monte_carlo_error,
)
from fvlib.models.imputation.impute import impute, impute_shifted
from fvlib.models.inference import pool_rubin

REFERENCE = Path(__file__).parent / "reference"
# Means over simulations may miss by this many of their standard errors: 1 in 16,000.
STANDARD_ERRORS = 4.0
# Rows are held in single precision: a mode is found to about this many log-odds.
SINGLE_PRECISION = 2e-3
# Ours against mice: the two priors may differ by this share of a standard error.
PRIORS = 0.05


def column(codes: object, levels: object) -> pd.Categorical:
    """Codes into levels, -1 missing."""
    return pd.Categorical.from_codes(np.asarray(codes, dtype=int), categories=list(levels))


def draws_of(result: Imputation, name: str, level: str) -> np.ndarray:
    """Share of the imputed cells at a level, one an imputation."""
    code = list(result.frame[name].cat.categories).index(level)
    return (result.codes[name] == code).mean(axis=1)


def none(rows: int) -> pd.DataFrame:
    return pd.DataFrame(index=range(rows))


def small(rows: int = 900, seed: int = 5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four covariates, three of them with gaps, and three predictors."""
    rng = np.random.default_rng(seed)
    la, period = rng.integers(0, 5, rows), rng.integers(0, 6, rows)
    age = rng.choice(3, rows, p=[0.3, 0.5, 0.2])
    need = rng.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])
    disabled = (rng.random(rows) < special.expit(-1.5 + 0.7 * need + 0.2 * la)).astype(int)
    fsm = np.where(age == 0, 2, rng.random(rows) < 0.35)
    outcome = (rng.random(rows) < special.expit(-2 + disabled)).astype(int)
    frame = pd.DataFrame(
        {
            "age_band": column(age, ["0-3", "4-12", "13-17"]),
            "need": column(np.where(rng.random(rows) < 0.1, -1, need), "abcd"),
            "disabled": column(np.where(rng.random(rows) < 0.2, -1, disabled), ["no", "yes"]),
            "fsm": column(
                np.where((rng.random(rows) < 0.2) & (age > 0), -1, fsm),
                ["no", "yes", "below school age"],
            ),
        }
    )
    predictors = pd.DataFrame(
        {
            "la": column(la, "ABCDE"),
            "period": column(period, range(6)),
            "P1": column(outcome, ["0", "1"]),
        }
    )
    return frame, predictors


FIXED = {"fsm": ["below school age"]}


# Proper draws, in closed form


@pytest.mark.parametrize("levels", [2, 4])
def test_between_imputation_variance_of_a_share_is_that_of_a_proper_draw(levels: int) -> None:
    """Rubin and Schenker 1986, doi 10.1080/01621459.1986.10478280.

    n1 observed, n0 missing, nothing else known: the completed share varies between imputations
    with (n0/n)^2 Var(p*) + n0 p q / n^2, where Var(p*) = p q / n1 to first order.
    """
    seen = np.array([120, 280] if levels == 2 else [200, 100, 60, 40])
    observed, missing, m = int(seen.sum()), 200, 4000
    codes = np.concatenate([np.repeat(np.arange(levels), seen), np.full(missing, -1)])
    frame = pd.DataFrame({"x": column(codes, [f"level {k}" for k in range(levels)])})
    result = impute(frame, none(len(frame)), imputations=m, seed=11)
    p, n = seen / observed, observed + missing
    for level, share in enumerate(p):
        drawn = draws_of(result, "x", f"level {level}") * missing / n
        proper = (missing / n) ** 2 * share * (1 - share) / observed
        proper += missing * share * (1 - share) / n**2
        # Variance of a variance; and the logit's normal is not quite a beta (1 / n1).
        tolerance = STANDARD_ERRORS * math.sqrt(2 / m) + 2 / observed
        assert drawn.var(ddof=1) == pytest.approx(proper, rel=tolerance)
        error = drawn.std(ddof=1) / math.sqrt(m)
        assert drawn.mean() == pytest.approx(share * missing / n, abs=STANDARD_ERRORS * error)


@pytest.mark.parametrize("events", [3, 5, 10])
def test_a_rare_level_is_not_drawn_too_often(events: int) -> None:
    """With a flat prior on the log-odds the posterior is Beta(events, rest): mean events / n1.

    A normal around the mode would be above it by about half its variance, 1 / (2 events).
    """
    rows, missing, m = 200, 400, 4000
    codes = np.repeat([0, 1, -1], [rows - events, events, missing])
    frame = pd.DataFrame({"x": column(codes, ["no", "yes"])})
    drawn = draws_of(impute(frame, none(len(frame)), imputations=m, seed=3), "x", "yes")
    error = STANDARD_ERRORS * drawn.std(ddof=1) / math.sqrt(m)
    # The centre is right to second order in 1 / events; the uncorrected bias is ten times that.
    assert drawn.mean() == pytest.approx(events / rows, abs=error + 0.3 / events**2 * events / rows)


def test_draws_within_a_predictors_levels_have_each_levels_own_closed_form() -> None:
    seen = np.array([[300, 100], [40, 160], [90, 90]])  # by predictor, by level
    missing, m = 100, 2000
    group = np.repeat([0, 1, 2], seen.sum(axis=1) + missing)
    codes = np.concatenate([np.repeat([0, 1, -1], [*row, missing]) for row in seen])
    frame = pd.DataFrame({"x": column(codes, ["no", "yes"])})
    predictors = pd.DataFrame({"g": column(group, "abc")})
    result = impute(frame, predictors, imputations=m, seed=8)
    places = group[result.missing_rows["x"]]
    for level, (no, yes) in enumerate(seen):
        drawn = (result.codes["x"][:, places == level] == 1).mean(axis=1)
        p = yes / (no + yes)
        proper = p * (1 - p) / (no + yes) + p * (1 - p) / missing
        tolerance = STANDARD_ERRORS * math.sqrt(2 / m) + 2 / (no + yes)
        assert drawn.var(ddof=1) == pytest.approx(proper, rel=tolerance)
        # The prior (2.5 on a log-odds ratio) pulls the three together by less than this.
        assert drawn.mean() == pytest.approx(p, abs=0.004)


# The model: prior, mode, information


def symmetric_twin(
    counts: np.ndarray, factors: list[np.ndarray], levels: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Maximise the same posterior in the obvious coding: an effect for every level of everything.

    Returns the shares of each row, and the log-odds of level 1 against 0 per row.
    """
    scale = multinomial.LOG_ODDS_RATIO_SD / 2
    K, width = counts.shape[1], sum(levels)
    starts = np.concatenate([[0], np.cumsum(levels)[:-1]])
    onehot = np.zeros((len(counts), width))
    for codes, start in zip(factors, starts, strict=True):
        onehot[np.arange(len(counts)), start + codes] = 1.0

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        b = flat.reshape(K, width + 1)
        eta = b[:, 0] + onehot @ b[:, 1:].T
        log_share = special.log_softmax(eta, axis=1)
        residual = counts - counts.sum(axis=1, keepdims=True) * np.exp(log_share)
        slope = np.column_stack([residual.sum(axis=0), residual.T @ onehot])
        slope[:, 1:] -= b[:, 1:] / scale**2
        value = (counts * log_share).sum() - 0.5 * (b[:, 1:] ** 2).sum() / scale**2
        return -value, -slope.ravel()

    start = np.zeros(K * (width + 1))
    fit = optimize.minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    b = fit.x.reshape(K, width + 1)
    return special.softmax(b[:, 0] + onehot @ b[:, 1:].T, axis=1), b


@pytest.mark.parametrize("reference", [0, 1, 2])
def test_the_mode_is_the_symmetric_priors_whichever_level_is_the_reference(reference: int) -> None:
    rng = np.random.default_rng(reference)
    rows = 400
    g, h = rng.integers(0, 4, rows), rng.integers(0, 2, rows)
    # The most frequent level becomes the reference; level 2 never meets g = 3 (separation).
    p = np.full((rows, 3), 0.3) + 0.3 * (np.arange(3) == reference)
    p[g == 3, 2] = 0.0
    y = np.array([rng.choice(3, p=row / row.sum()) for row in p])
    gap = rng.random(rows) < 0.1
    frame = pd.DataFrame({"y": column(np.where(gap, -1, y), "abc")})
    predictors = pd.DataFrame({"g": column(g, "wxyz"), "h": column(h, "mn")})
    made = patterns.prepare(frame, predictors, {}, {})
    target = made.targets[0]
    assert target.levels[0] == np.bincount(y[~gap]).argmax()
    metric = multinomial.null_information(target.response, made.X)
    start = np.zeros(target.response.shape)
    mode = multinomial.find_mode(target.response, made.X, start, metric)
    mode = multinomial.find_mode(target.response, made.X, mode.theta, metric)
    weights = multinomial.level_weights(target.response, made.X, mode.theta)
    ours = (weights / weights.sum(axis=-1, keepdims=True)).reshape(-1, 3)[target.missing]
    twin, _ = symmetric_twin(np.eye(3)[y[~gap]], [g[~gap], h[~gap]], [4, 2])
    by_pattern = {(a, b): row for a, b, row in zip(g[~gap], h[~gap], twin, strict=True)}
    theirs = np.array([by_pattern[a, b] for a, b in zip(g[gap], h[gap], strict=True)])
    np.testing.assert_allclose(ours, theirs[:, target.levels], atol=SINGLE_PRECISION)


def test_information_is_minus_the_scores_derivative_and_the_null_one_is_it_at_equal_shares() -> (
    None
):
    frame, predictors = small(400)
    made = patterns.prepare(frame, predictors, FIXED, {})
    target = next(t for t in made.targets if t.name == "need")
    response = target.response
    rng = np.random.default_rng(1)
    theta = rng.normal(0, 0.5, response.shape)
    metric = multinomial.information(response, made.X, theta)
    step = 1e-2  # single precision: wide central differences

    def derivative(direction: np.ndarray) -> np.ndarray:
        up, _ = multinomial.score_and_curvature(response, made.X, theta + step * direction)
        down, _ = multinomial.score_and_curvature(response, made.X, theta - step * direction)
        return (up - down) / (2 * step)

    direction = rng.normal(size=response.shape)
    slope = derivative(direction)
    solved = metric.colour(metric.whiten(slope.ravel())).reshape(response.shape)
    np.testing.assert_allclose(solved, -direction, atol=0.01)
    _, curvature = multinomial.score_and_curvature(response, made.X, theta)
    np.testing.assert_allclose(metric.diagonal, curvature, rtol=1e-4)

    shares = response.counts.sum(axis=(0, 1)) / response.weights.sum()
    equal = np.zeros(response.shape)
    equal[:, 0] = np.log(shares / (1 - shares.sum()))
    exact = multinomial.information(response, made.X, equal)
    null = multinomial.null_information(response, made.X)
    np.testing.assert_allclose(null.root, exact.root, atol=1e-4 * np.abs(exact.root).max())


def test_drawn_parameters_have_the_inverse_information_as_covariance() -> None:
    frame, predictors = small(600)
    made = patterns.prepare(frame[["disabled"]], predictors, {}, {})
    response = made.targets[0].response
    start = np.zeros(response.shape)
    null = multinomial.null_information(response, made.X)
    mode = multinomial.find_mode(response, made.X, start, null).theta
    metric = multinomial.information(response, made.X, mode)
    law = multinomial.Approximation(mode, np.zeros(response.shape), metric)
    rng = np.random.default_rng(4)
    drawn = np.stack(
        [multinomial.draw(response, made.X, mode, law, rng)[0].ravel() for _ in range(4000)]
    )
    size = response.parameters
    root = metric.root.reshape(-1, size)[:size]
    white = (drawn - mode.ravel()) @ np.linalg.inv(root)  # of unit covariance if the law is right
    covariance = np.cov(white.T)
    # Each element has a standard error of 1 / sqrt(4000), sqrt(2) of it on the diagonal.
    np.testing.assert_allclose(covariance, np.eye(size), atol=5 * math.sqrt(2 / 4000))


def intercept_alone(rows: int, events: int) -> tuple[multinomial.Response, np.ndarray]:
    """Model of a share: yes in some of the rows, one further row missing."""
    codes = np.append((np.arange(rows) < events).astype(int), -1)
    frame = pd.DataFrame({"x": column(codes, ["no", "yes"])})
    made = patterns.prepare(frame, none(len(frame)), {}, {})
    return made.targets[0].response, made.X


def test_the_centre_has_a_mean_score_of_zero() -> None:
    """With one parameter the two points at one standard deviation stand for the normal."""
    rows, events = 2000, 2
    response, X = intercept_alone(rows, events)
    mode = np.array([[special.logit(events / rows)]])
    metric = multinomial.information(response, X, mode)
    shift = multinomial.skew(response, X, mode, metric, np.random.default_rng(1)).item()
    deviation = 1 / math.sqrt(metric.diagonal.item())
    points = mode.item() + shift + np.array([-deviation, deviation])
    assert special.expit(points).mean() * rows == pytest.approx(events, rel=0.01)
    # To first order half the variance of the log-odds, downwards.
    assert shift == pytest.approx(-1 / (2 * events), rel=0.2)


def test_a_draw_finds_its_mode_from_afar_and_takes_its_spread_from_the_present_rows() -> None:
    """The information handed over is that of other rows: three times as many yes."""
    rows, events = 400, 40
    response, X = intercept_alone(rows, events)
    elsewhere = np.array([[special.logit(3 * events / rows)]])
    metric = multinomial.information(response, X, elsewhere)
    law = multinomial.Approximation(elsewhere, np.zeros((1, 1)), metric)
    rng = np.random.default_rng(2)
    far = np.array([[3.0]])
    drawn, modes = zip(
        *(multinomial.draw(response, X, far, law, rng) for _ in range(2000)), strict=True
    )
    expected = special.logit(events / rows)
    assert modes[0].steps > 1
    # Newton's last step is quadratic: half a standard deviation of 0.17 leaves a few hundredths.
    assert modes[0].theta.item() == pytest.approx(expected, abs=0.03)
    p = events / rows
    told = 1 / math.sqrt(rows * p * (1 - p))
    assert np.std(drawn, ddof=1) == pytest.approx(
        told, rel=STANDARD_ERRORS / math.sqrt(4000) + 0.05
    )


# Against others


def log_linear_em(table: np.ndarray, patterns_: list[tuple[tuple[int, ...], np.ndarray]]):
    """EM for the log-linear model with all two-way terms: E by proportion, M by raking."""
    p = np.full(table.shape, 1.0 / table.size)
    for _ in range(400):
        filled = np.zeros(table.shape)
        for missing, counts in patterns_:
            share = p / p.sum(axis=missing, keepdims=True)
            filled += share * counts
        for _ in range(20):
            for a in range(p.ndim):
                for b in range(a + 1, p.ndim):
                    rest = tuple(i for i in range(p.ndim) if i not in (a, b))
                    wanted = filled.sum(axis=rest, keepdims=True)
                    have = p.sum(axis=rest, keepdims=True)
                    p = p * np.where(have > 0, wanted / np.where(have > 0, have, 1), 0)
    return p / p.sum(), filled


def test_chains_settle_in_the_log_linear_model_of_all_two_way_terms() -> None:
    """Two incomplete and two complete variables, missing at random, against maximum likelihood."""
    rng = np.random.default_rng(21)
    rows = 12_000
    g, y = rng.integers(0, 3, rows), rng.integers(0, 2, rows)
    a = (rng.random(rows) < special.expit(-1 + 0.8 * (g == 1) + 0.9 * y)).astype(int)
    eta = np.stack([np.zeros(rows), -0.5 + 1.2 * a + 0.5 * (g == 2), -1 + 1.0 * y - 0.8 * a], 1)
    b = np.array([rng.choice(3, p=q) for q in special.softmax(eta, axis=1)])
    no_a = rng.random(rows) < special.expit(-2 + 1.5 * y)
    no_b = rng.random(rows) < special.expit(-1.5 + 1.0 * (g == 1) - 1.0 * y)
    counts: list[Any] = []
    for missing, keep in (
        ((), ~no_a & ~no_b),
        ((0,), no_a & ~no_b),
        ((1,), ~no_a & no_b),
        ((0, 1), no_a & no_b),
    ):
        table = np.zeros((2, 3, 3, 2))
        np.add.at(table, (a[keep], b[keep], g[keep], y[keep]), 1)
        counts.append((missing, table.sum(axis=missing, keepdims=True)))
    _, filled = log_linear_em(np.zeros((2, 3, 3, 2)), counts)

    frame = pd.DataFrame(
        {"a": column(np.where(no_a, -1, a), "01"), "b": column(np.where(no_b, -1, b), "xyz")}
    )
    predictors = pd.DataFrame({"g": column(g, "pqr"), "y": column(y, "01")})
    m = 30
    result = impute(frame, predictors, imputations=m, seed=2, iterations=8)
    drawn = np.zeros((m, 2, 3, 2))  # a by b by y: a two-way link of the incomplete ones, and y
    for i in range(m):
        done = result.completed(i)
        np.add.at(drawn[i], (done["a"].cat.codes, done["b"].cat.codes, y), 1)
    error = drawn.std(axis=0, ddof=1) / math.sqrt(m)
    expected = filled.sum(axis=2)
    # 2 cells: the prior's pull and the approximation at 12,000 rows.
    assert (np.abs(drawn.mean(axis=0) - expected) < STANDARD_ERRORS * error + 2).all()
    # Copying the observed shares would miss by far more than that.
    naive = np.bincount(b[~no_b], minlength=3) / (~no_b).sum() * rows
    assert (np.abs(naive - expected.sum(axis=(0, 2))) > 30).any()


def logistic(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maximum likelihood by Newton: coefficients and their variances."""
    beta = np.zeros(X.shape[1])
    for _ in range(25):
        p = special.expit(X @ beta)
        information = (X.T * (w * p * (1 - p))) @ X
        step = np.linalg.solve(information, X.T @ (w * (y - p)))
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    return beta, np.diag(np.linalg.inv(information))


def test_pooled_regression_agrees_with_mice() -> None:
    """reference/imputation.R: 2,400 rows, two covariates missing at random, 200 imputations."""
    counts = pd.read_csv(REFERENCE / "imputation.csv", dtype={"need": str, "disabled": str})
    told = json.loads((REFERENCE / "imputation.json").read_text(encoding="utf-8"))
    rows = counts.loc[counts.index.repeat(counts["count"])].reset_index(drop=True)
    frame = rows[["need", "disabled"]].astype("category")
    predictors = rows[["area", "y"]].astype("category")
    m = told["m"]
    result = impute(frame, predictors, imputations=m, seed=1)
    fits = []
    for i in range(m):
        done = result.completed(i)
        X = np.column_stack(
            [
                np.ones(len(rows)),
                done["need"] == "2",
                done["need"] == "3",
                done["disabled"] == "1",
                *(rows["area"] == k for k in (2, 3, 4)),
            ]
        ).astype(float)
        fits.append(logistic(X, rows["y"].to_numpy(float), np.ones(len(rows))))
    q, u = (np.stack(part) for part in zip(*fits, strict=True))
    between = np.array(told["between"])
    error = np.sqrt((q.var(axis=0, ddof=1) + between) / m)
    difference = np.abs(q.mean(axis=0) - told["estimate"])
    ours = np.array([pool_rubin(a, b).std_error for a, b in zip(q.T, u.T, strict=True)])
    theirs = np.sqrt(np.array(told["within"]) + (1 + 1 / m) * between)
    assert (difference < STANDARD_ERRORS * error + PRIORS * theirs).all()
    # Both between variances have a relative standard error of sqrt(2 / (m - 1)).
    fmi = (1 + 1 / m) * between / theirs**2
    assert (np.abs(ours / theirs - 1) < 3 * fmi / 2 * math.sqrt(4 / (m - 1))).all()
    for name in ("need", "disabled"):
        for level, share in told["imputed_share"][name].items():
            drawn = draws_of(result, name, level)
            error = STANDARD_ERRORS * math.sqrt(2 * drawn.var(ddof=1) / m)
            assert drawn.mean() == pytest.approx(share, abs=error + PRIORS * drawn.std(ddof=1))


# What may never happen


def test_a_fixed_level_is_never_drawn_and_teaches_its_variable_nothing() -> None:
    frame, predictors = small()
    result = impute(frame, predictors, imputations=20, seed=1, iterations=3, fixed_levels=FIXED)
    assert "below school age" in set(frame["fsm"])
    assert set(np.unique(result.codes["fsm"])) == {0, 1}
    assert not (result.completed(0).loc[frame["age_band"] != "0-3", "fsm"] == FIXED["fsm"][0]).any()
    school = frame["age_band"] != "0-3"
    alone = impute(frame[school], predictors[school], imputations=20, seed=1, iterations=3)
    here, there = draws_of(result, "fsm", "yes"), draws_of(alone, "fsm", "yes")
    error = math.sqrt((here.var(ddof=1) + there.var(ddof=1)) / 20)
    assert here.mean() == pytest.approx(there.mean(), abs=STANDARD_ERRORS * error)


def test_allowed_levels_bind_the_draws_and_the_likelihood() -> None:
    """Rows of kind 1 can't be c: they tell a against b, and nothing of c.

    Maximum likelihood of a : b : c is then in closed form: a and b share what is not c in the
    ratio of all their counts.
    """
    free, bound, missing, m = [300, 200, 500], [90, 10], 400, 300
    codes = np.concatenate(
        [np.repeat([0, 1, 2], free), np.repeat([0, 1], bound), np.full(2 * missing, -1)]
    )
    kind = np.repeat([0, 1, 0, 1], [sum(free), sum(bound), missing, missing])
    frame = pd.DataFrame({"x": column(codes, "abc")})
    allowed = {"x": pd.DataFrame({"c": kind == 0})}
    result = impute(frame, none(len(frame)), imputations=m, seed=6, allowed=allowed)
    places = kind[result.missing_rows["x"]]
    assert not (result.codes["x"][:, places == 1] == 2).any()
    a = (free[0] + bound[0]) / (sum(free[:2]) + sum(bound))
    expected = {0: [a * 0.5, (1 - a) * 0.5, 0.5], 1: [a, 1 - a, 0.0]}
    for which, shares in expected.items():
        drawn = result.codes["x"][:, places == which]
        for level, share in enumerate(shares):
            each = (drawn == level).mean(axis=1)
            error = STANDARD_ERRORS * each.std(ddof=1) / math.sqrt(m)
            assert each.mean() == pytest.approx(share, abs=error + 1e-3)


def test_odds_multiply_those_of_the_drawn_levels_and_leave_the_model_alone() -> None:
    # In closed form: at random the shares are the observed ones, 2 : 3 : 5; with b's odds times 4,
    # 2 : 12 : 5. Half of the missing rows have no odds given.
    known, missing, m = [400, 600, 1000], 400, 300
    codes = np.concatenate([np.repeat([0, 1, 2], known), np.full(2 * missing, -1)])
    frame = pd.DataFrame({"x": column(codes, "abc")})
    factor = np.ones(len(frame))
    factor[-missing:] = 4.0
    odds = {"x": pd.DataFrame({"b": factor})}
    at_random, result = impute_shifted(frame, none(len(frame)), [{}, odds], imputations=m, seed=8)
    plain = impute(frame, none(len(frame)), imputations=m, seed=8)
    assert np.array_equal(at_random.codes["x"], plain.codes["x"])
    for rows, shares in (
        (slice(0, missing), [0.2, 0.3, 0.5]),
        (slice(missing, None), [2 / 19, 12 / 19, 5 / 19]),
    ):
        for level, share in enumerate(shares):
            each = (result.codes["x"][:, rows] == level).mean(axis=1)
            error = STANDARD_ERRORS * each.std(ddof=1) / math.sqrt(m)
            assert each.mean() == pytest.approx(share, abs=error + 1e-3)


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_jobs() -> None:
    frame, predictors = small()
    sequence = np.random.SeedSequence(7)
    one = impute(frame, predictors, imputations=4, seed=7, iterations=3, fixed_levels=FIXED)
    two = impute(
        frame, predictors, imputations=4, seed=sequence, iterations=3, fixed_levels=FIXED, jobs=3
    )
    again = impute(
        frame, predictors, imputations=2, seed=sequence, iterations=3, fixed_levels=FIXED
    )
    other = impute(frame, predictors, imputations=4, seed=8, iterations=3, fixed_levels=FIXED)
    for name, values in one.codes.items():
        assert values.tobytes() == two.codes[name].tobytes()
        assert values[:2].tobytes() == again.codes[name].tobytes()  # m changes no chain
        assert values.tobytes() != other.codes[name].tobytes()
    pd.testing.assert_frame_equal(one.trace, two.trace)
    pd.testing.assert_frame_equal(one.diary, two.diary)


def test_completed_copies_keep_what_was_observed_and_the_frames_form() -> None:
    frame, predictors = small()
    frame["need"] = frame["need"].cat.as_ordered()
    frame.index = predictors.index = pd.Index(range(1000, 1000 + len(frame)), name="child")
    result = impute(frame, predictors, imputations=3, seed=1, iterations=2, fixed_levels=FIXED)
    for i in range(3):
        done = result.completed(i)
        assert not done.isna().any().any()
        assert done.index.equals(frame.index)
        assert (done.dtypes == frame.dtypes).all()
        pd.testing.assert_frame_equal(done.where(frame.notna()), frame)
    with pytest.raises(Refusal, match="there are 3, counted from 0"):
        result.completed(3)


@given(
    sizes=st.lists(st.integers(2, 5), min_size=1, max_size=40),
    rows=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_collapsing_loses_no_row_and_joins_no_two_different_ones(
    sizes: list[int], rows: int, seed: int
) -> None:
    """40 columns of 5 levels overflow 64 bits: the key is then made dense on the way."""
    rng = np.random.default_rng(seed)
    # Few distinct rows, so that there is something to join.
    codes = rng.integers(0, sizes, (max(1, rows // 3), len(sizes)))[
        rng.integers(0, max(1, rows // 3), rows)
    ]
    holes = rng.random(rows) < 0.3
    codes[holes, 0] = -1
    columns = [
        patterns._Column(f"v{j}", codes[:, j], tuple("abcde"[:size]), np.zeros(size, bool), None)
        for j, size in enumerate(sizes)
    ]
    chosen, counts = patterns._collapse(columns)
    assert counts.sum() == rows
    assert sorted(chosen[counts.size - holes.sum() :]) == list(np.flatnonzero(holes))
    distinct, expected = np.unique(codes[~holes], axis=0, return_counts=True)
    collapsed = codes[chosen[: counts.size - holes.sum()]]
    order = np.lexsort(collapsed.T[::-1])
    np.testing.assert_array_equal(collapsed[order], distinct)
    np.testing.assert_array_equal(counts[: len(distinct)][order], expected)


def test_rows_that_differ_in_one_column_of_forty_stay_apart() -> None:
    """Forty columns of four levels are 80 bits: what overflows 64 would be forgotten."""
    codes = np.zeros((4, 40), dtype=np.int64)
    codes[:, 0] = range(4)
    columns = [
        patterns._Column(f"v{j}", codes[:, j], tuple("abcd"), np.zeros(4, bool), None)
        for j in range(40)
    ]
    assert list(patterns._collapse(columns)[1]) == [1, 1, 1, 1]


def test_an_la_without_any_value_borrows_the_spread_of_the_others() -> None:
    """Log-odds of the fifth LA: mean of the four, variance of the four times 1 + 1/4."""
    shares, each, m = np.array([0.15, 0.3, 0.4, 0.6]), 4000, 1500
    yes = (shares * each).astype(int)
    codes = np.concatenate([np.repeat([0, 1], [each - k, k]) for k in yes])
    missing = 3000
    frame = pd.DataFrame({"x": column(np.append(codes, np.full(missing, -1)), ["no", "yes"])})
    la = pd.DataFrame({"la": column(np.repeat(range(5), [each] * 4 + [missing]), "ABCDE")})
    result = impute(frame, la, imputations=m, seed=9)
    drawn = special.logit(np.clip(draws_of(result, "x", "yes"), 1e-4, 1 - 1e-4))
    expected = special.logit(shares)
    spread = expected.std(ddof=1) * math.sqrt(1 + 1 / 4)
    assert drawn.mean() == pytest.approx(
        expected.mean(), abs=STANDARD_ERRORS * spread / math.sqrt(m) + 0.01
    )
    assert drawn.std(ddof=1) == pytest.approx(spread, rel=STANDARD_ERRORS / math.sqrt(2 * m) + 0.02)
    assert "never observed where la is E" in result.diary["notes"].iloc[0]
    assert "never_observed:la|E" in result.diary["remarks"].iloc[0]


def test_separation_stays_finite_and_near_the_truth() -> None:
    """Nobody with need a is a yes, nearly everybody with need b is: 400 rows say so."""
    counts = {("a", "no"): 400, ("b", "yes"): 60, ("b", "no"): 1, ("a", None): 200, ("b", None): 60}
    rows = pd.DataFrame([key for key, n in counts.items() for _ in range(n)], columns=["need", "x"])
    frame = pd.DataFrame({"x": pd.Categorical(rows["x"])})
    predictors = pd.DataFrame({"need": pd.Categorical(rows["need"])})
    m = 400
    result = impute(frame, predictors, imputations=m, seed=1)
    need = rows["need"].to_numpy()[result.missing_rows["x"]]
    wrong = (result.codes["x"][:, need == "a"] == 1).mean()
    right = (result.codes["x"][:, need == "b"] == 1).mean()
    # Between the posterior means under half an event and two events added.
    assert 0.0 < wrong < 2 / 401
    assert 59 / 62 < right < 1.0
    record = result.diary.iloc[0]
    assert record["empty_cells"] == 1
    assert record["converged"]


def test_one_observed_level_is_given_to_all_and_said() -> None:
    frame, predictors = small(200)
    frame["uasc"] = column(np.where(np.arange(200) % 5 == 0, -1, 0), ["no", "yes"])
    result = impute(frame, predictors, imputations=2, seed=1, iterations=2, fixed_levels=FIXED)
    assert (result.codes["uasc"] == 0).all()
    record = result.diary.set_index("variable").loc["uasc"]
    assert record["levels"] == 1
    assert "never observed, so never drawn: yes" in record["notes"]
    assert "never_drawn:uasc|yes" in record["remarks"]
    assert result.completed(1)["uasc"].eq("no").all()


def test_nothing_missing_and_nothing_at_all() -> None:
    frame, predictors = small(50)
    whole = frame[["age_band"]]
    result = impute(whole, predictors, imputations=3, seed=1)
    assert not result.codes
    pd.testing.assert_frame_equal(result.completed(2), whole)
    assert result.shares().empty
    empty = impute(frame.iloc[:0], predictors.iloc[:0], imputations=3, seed=1)
    pd.testing.assert_frame_equal(empty.completed(0), frame.iloc[:0])
    assert impute(pd.DataFrame(), pd.DataFrame(), imputations=1, seed=1).completed(0).empty


def test_a_single_incomplete_variable_is_drawn_in_one_iteration() -> None:
    frame, predictors = small(300)
    result = impute(frame[["need"]], predictors, imputations=3, seed=1, iterations=10)
    assert result.trace["iteration"].max() == 1


def refused(**change: Any) -> str:
    frame, predictors = small(60)
    settings_: dict[str, Any] = {"imputations": 2, "seed": 1, "iterations": 2}
    arguments: dict[str, Any] = {"frame": frame, "predictors": predictors, **settings_, **change}
    with pytest.raises(Refusal) as told:
        impute(**arguments)
    return str(told.value)


def test_what_can_not_be_imputed_is_refused_by_name() -> None:
    frame, predictors = small(60)
    gone = frame.assign(need=column(np.full(60, -1), "abcd"))
    assert "need: missing in all 60 rows" in refused(frame=gone)
    below = np.where(np.arange(60) < 50, 2, -1)
    only = frame.assign(fsm=column(below, frame["fsm"].cat.categories))
    assert "fsm: 10 rows are missing" in refused(frame=only, fixed_levels=FIXED)
    holes = predictors.assign(la=column([-1, *range(5)] * 10, "ABCDE"))
    assert "la is missing in 10 rows" in refused(predictors=holes)
    numbers = predictors.assign(la=np.arange(60.0))
    assert "predictors: la is float64; a categorical" in refused(predictors=numbers)
    assert "60 and 59 rows" in refused(predictors=predictors.iloc[1:])
    twice = predictors.rename(columns={"la": "need"})
    assert "need: more than one column" in refused(predictors=twice)
    assert "fsm has no level below; its levels are" in refused(fixed_levels={"fsm": ["below"]})
    assert "height is no column" in refused(fixed_levels={"height": []})
    assert "imputations: 0 given" in refused(imputations=0)
    assert "jobs: 0 given" in refused(jobs=0)
    never = {"disabled": pd.DataFrame({"no": [False] * 60, "yes": [False] * 60})}
    assert "rows hold a level that `allowed` denies" in refused(allowed=never)
    unknown = frame["disabled"].isna()
    stuck = {"disabled": pd.DataFrame({"no": ~unknown, "yes": ~unknown})}
    assert f"{unknown.sum()} of {unknown.sum()} missing rows are allowed no" in refused(
        allowed=stuck
    )
    words = {"disabled": pd.DataFrame({"no": ["true"] * 60})}
    assert "allowed: disabled must be booleans" in refused(allowed=words)
    settings_: dict[str, Any] = {"imputations": 2, "seed": 1, "iterations": 2}
    zero = {"disabled": pd.DataFrame({"no": [0.0] * 60})}
    with pytest.raises(Refusal, match="odds: disabled must be positive numbers"):
        impute_shifted(frame, predictors, [zero], **settings_)
    with pytest.raises(Refusal, match="odds: height is no column"):
        impute_shifted(frame, predictors, [{"height": pd.DataFrame()}], **settings_)


# Diagnostics


def test_trace_and_shares_tell_what_was_drawn() -> None:
    frame, predictors = small()
    result = impute(frame, predictors, imputations=3, seed=1, iterations=4, fixed_levels=FIXED)
    last = result.trace.query("iteration == 4 and variable == 'need' and level == 'b'")
    np.testing.assert_allclose(last["share"], draws_of(result, "need", "b"))
    table = result.shares().set_index(["variable", "level"])
    copies = pd.concat([result.completed(i)["need"][frame["need"].isna()] for i in range(3)])
    assert table.loc[("need", "b"), "imputed"] == pytest.approx((copies == "b").mean())
    known = frame["need"].dropna()
    assert table.loc[("need", "b"), "observed"] == pytest.approx((known == "b").mean())
    by = result.shares(predictors["la"]).set_index(["group", "variable", "level"])
    here = predictors["la"] == "C"
    inside = pd.concat([result.completed(i)["need"][frame["need"].isna() & here] for i in range(3)])
    assert by.loc[("C", "need", "b"), "imputed"] == pytest.approx((inside == "b").mean())
    known = frame["need"][here].dropna()
    assert by.loc[("C", "need", "b"), "observed"] == pytest.approx((known == "b").mean())
    assert by.loc[("C", "need", "b"), "missing_n"] == (frame["need"].isna() & here).sum()
    with pytest.raises(Refusal, match="by: a categorical"):
        result.shares(pd.Series(range(len(frame))))


def test_settled_chains_are_seldom_called_unsettled() -> None:
    rng = np.random.default_rng(1)
    judged = [mixing(rng.normal(size=(20, 10, 3))) for _ in range(600)]
    alpha = 0.05
    limit = alpha + STANDARD_ERRORS * math.sqrt(alpha * (1 - alpha) / 600)
    for name in ("between_p", "drift_p"):
        alarms = np.mean([getattr(one, name) < alpha for one in judged])
        assert alpha / 5 < alarms < limit


def test_chains_apart_and_chains_adrift_are_told_from_each_other() -> None:
    rng = np.random.default_rng(2)
    still = rng.normal(size=(20, 12, 2))
    apart = still + 3 * rng.normal(size=(20, 1, 1))
    adrift = still + np.arange(12)[None, :, None]
    assert mixing(apart).between_p < 1e-6 < mixing(apart).drift_p
    assert mixing(adrift).drift_p < 1e-6 < mixing(adrift).between_p
    # Gelman and Rubin's formula, by hand: chain means 1 and 3, variances 1 and 1, length 3.
    share = np.zeros((2, 6, 1))
    share[:, 3:, 0] = [[0, 1, 2], [2, 3, 4]]
    by_hand = math.sqrt(((3 - 1) / 3 * 1 + 2) / 1)
    assert mixing(share).r_hat == pytest.approx(by_hand)
    assert math.isnan(mixing(share[:1]).r_hat)


def test_slow_mixing_is_in_the_diary() -> None:
    """a and b nearly copies of each other, both mostly missing: few iterations can't settle."""
    rng = np.random.default_rng(3)
    rows = 4000
    a = rng.integers(0, 2, rows)
    b = np.where(rng.random(rows) < 0.02, 1 - a, a)
    both = rng.random(rows) < 0.9
    frame = pd.DataFrame(
        {"a": column(np.where(both, -1, a), "01"), "b": column(np.where(both, -1, b), "01")}
    )
    result = impute(frame, none(rows), imputations=8, seed=1, iterations=8)
    assert "chains differ by more than chance" in result.diary["notes"].iloc[0]
    assert "chains_differ" in result.diary["remarks"].iloc[0]


# Monte Carlo error


def test_monte_carlo_error_of_an_estimate_is_the_root_of_between_over_m() -> None:
    q, u = np.array([1.0, 1.4, 0.7, 1.1, 1.3]), np.array([0.2, 0.22, 0.19, 0.21, 0.2])
    assert monte_carlo_error(q, u).estimate == pytest.approx(math.sqrt(q.var(ddof=1) / 5))
    assert all(math.isnan(x) for x in monte_carlo_error(q[:2], u[:2]))
    with pytest.raises(ValueError, match="don't pair up"):
        monte_carlo_error(q, u[:3])


def test_jackknife_errors_are_what_repetition_shows() -> None:
    rng = np.random.default_rng(4)
    m, repeats = 20, 3000
    q, u = rng.normal(1.5, 0.5, (repeats, m)), rng.normal(1.0, 0.05, (repeats, m))
    pooled = [pool_rubin(a, b) for a, b in zip(q, u, strict=True)]
    told = [monte_carlo_error(a, b) for a, b in zip(q[:400], u[:400], strict=True)]
    for name in ("estimate", "std_error", "fmi", "p_value"):
        seen = np.std([getattr(one, name) for one in pooled])
        mean = math.sqrt(np.mean([getattr(one, name) ** 2 for one in told]))
        # A jackknife variance is a little too large for numbers that are not means.
        assert mean == pytest.approx(seen, rel=0.12), name


@given(st.floats(0.01, 2.0), st.integers(0, 1000))
@settings(max_examples=50)
def test_enough_imputations_keep_the_error_below_a_tenth_of_the_standard_error(
    ratio: float, seed: int
) -> None:
    """The rule's promise, with m taken from the rule itself."""
    rng = np.random.default_rng(seed)
    q = rng.normal(0, math.sqrt(ratio), 400)
    pooled = pool_rubin(q, np.ones(400))
    needed = imputations_needed(pooled.fmi)
    between = q.var(ddof=1)
    assert math.sqrt(between / needed) <= 0.1 * pooled.std_error * 1.01
    assert few_imputations(needed, pooled.fmi) == ""
    fmi = f"{pooled.fmi:.2f}"
    assert few_imputations(needed - 1, pooled.fmi) == f"few_imputations:{needed - 1}|{fmi}|{needed}"


def test_the_rule_at_its_edges() -> None:
    assert [imputations_needed(x) for x in (0.0, 0.2, 0.201, 0.29, 1.0)] == [2, 20, 21, 29, 100]
    with pytest.raises(ValueError, match="not between 0 and 1"):
        imputations_needed(1.2)


def test_zero_weights_are_never_sampled_and_others_in_proportion() -> None:
    rng = np.random.default_rng(5)
    weights = np.tile(np.array([0, 1, 0, 3, 0], dtype=np.float32), (200_000, 1))
    counts = np.bincount(multinomial.sample(weights, rng), minlength=5)
    assert counts[[0, 2, 4]].sum() == 0
    assert stats.binomtest(int(counts[3]), 200_000, 0.75).pvalue > 1e-4
