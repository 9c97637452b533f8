"""Simulation studies of the imputation: coverage under MAR, harmlessness under MCAR, calibration.

Each takes a minute or more; each says beforehand how far its figure may stray by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from fvlib.models.imputation.impute import impute
from fvlib.models.inference import pool_rubin

pytestmark = pytest.mark.slow

# A Monte Carlo figure may miss by this many of its standard errors. Each study tests up to a dozen
# figures: a false alarm in one of 60 runs.
STANDARD_ERRORS = 3.3
WORKERS = 2
LEVEL = 0.95
# The truth: log-odds of the outcome.
NEED = (0.0, 0.7, -0.5, 1.2)
DISABLED = 0.6
TREATMENT = -0.3
TERMS = ("treatment", "need b", "need c", "need d", "disabled")


def column(codes: np.ndarray, levels: str) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.astype(int), categories=list(levels))


@dataclass(frozen=True)
class Sample:
    """One trial: five LAs, six periods, two covariates, an outcome; codes as arrays."""

    la: np.ndarray
    period: np.ndarray
    treated: np.ndarray
    need: np.ndarray
    disabled: np.ndarray
    y: np.ndarray


def sample(rng: np.random.Generator, rows: int) -> Sample:
    """Draw covariates that depend on each other and on the LA, and the outcome on both."""
    la, period = rng.integers(0, 5, rows), rng.integers(0, 6, rows)
    treated = (period > la).astype(int)
    disabled = (rng.random(rows) < special.expit(-1.6 + 0.25 * la)).astype(int)
    eta = np.stack(
        [np.zeros(rows), -0.6 + 0.9 * disabled, -0.8 + 0.2 * la, np.full(rows, -1.6)], axis=1
    )
    need = (rng.random((rows, 1)) > special.softmax(eta, axis=1).cumsum(axis=1)).sum(axis=1)
    risk = -1.6 + np.array(NEED)[need] + DISABLED * disabled + TREATMENT * treated
    y = (rng.random(rows) < special.expit(risk + 0.15 * la + 0.05 * period)).astype(int)
    return Sample(la, period, treated, need, disabled, y)


def logistic(one: Sample, need: np.ndarray, disabled: np.ndarray, rows: Any):
    """Maximum likelihood; estimates and variances of TERMS."""
    X = np.column_stack(
        [
            one.treated,
            *(need == k for k in (1, 2, 3)),
            disabled,
            np.ones(len(need)),
            *(one.la == k for k in range(1, 5)),
            *(one.period == k for k in range(1, 6)),
        ]
    ).astype(float)[rows]
    y = one.y[rows]
    beta = np.zeros(X.shape[1])
    for _ in range(20):
        p = special.expit(X @ beta)
        information = (X.T * (p * (1 - p))) @ X
        step = np.linalg.solve(information, X.T @ (y - p))
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return beta[: len(TERMS)], np.diag(np.linalg.inv(information))[: len(TERMS)]


def pooled(one: Sample, gaps: np.ndarray, seed: int, m: int):
    """Impute need and disabled where `gaps` (rows x 2) says so; estimates, SEs, df by term."""
    frame = pd.DataFrame(
        {
            "need": column(np.where(gaps[:, 0], -1, one.need), "abcd"),
            "disabled": column(np.where(gaps[:, 1], -1, one.disabled), "ny"),
        }
    )
    predictors = pd.DataFrame(
        {
            "la": column(one.la, "ABCDE"),
            "period": column(one.period, "012345"),
            "treated": column(one.treated, "01"),
            "y": column(one.y, "01"),
        }
    )
    result = impute(frame, predictors, imputations=m, seed=seed, iterations=6)
    fits = []
    for i in range(m):
        done = result.completed(i)
        need, disabled = (done[name].cat.codes.to_numpy() for name in ("need", "disabled"))
        fits.append(logistic(one, need, disabled, slice(None)))
    q, u = (np.stack(part) for part in zip(*fits, strict=True))
    return [pool_rubin(a, b) for a, b in zip(q.T, u.T, strict=True)]


TRUTH = np.array([TREATMENT, *NEED[1:], DISABLED])


def at_random(seed: int) -> dict[str, np.ndarray]:
    """One replicate: 2,000 children, gaps by outcome, LA and each other."""
    rng = np.random.default_rng([20_200_401, seed])
    one = sample(rng, 2000)
    no_need = rng.random(2000) < special.expit(-2.0 + 1.8 * one.y + 0.2 * one.la)
    # Missing at random: depends on the need only where the need is known.
    lean = np.where(no_need, 0.0, 0.8 * (one.need == 1))
    no_disabled = rng.random(2000) < special.expit(-1.4 - 1.5 * one.y + lean)
    gaps = np.column_stack([no_need, no_disabled])
    results = pooled(one, gaps, seed, m=10)
    complete, _ = logistic(one, one.need, one.disabled, ~gaps.any(axis=1))
    estimate = np.array([r.estimate for r in results])
    error = np.array([r.std_error for r in results])
    reach = np.array([stats.t(r.df).ppf(0.5 + LEVEL / 2) for r in results]) * error
    return {
        "estimate": estimate,
        "std_error": error,
        "covered": np.abs(estimate - TRUTH) <= reach,
        "complete_cases": complete,
    }


def collect(one: Callable[[int], Any], count: int) -> dict[str, np.ndarray]:
    with ProcessPoolExecutor(WORKERS) as pool:
        parts = list(pool.map(one, range(count), chunksize=10))
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def test_coverage_is_nominal_when_data_are_missing_at_random() -> None:
    count = 1000
    seen = collect(at_random, count)
    coverage = seen["covered"].mean(axis=0)
    print(dict(zip(TERMS, coverage.round(3), strict=True)))
    slack = STANDARD_ERRORS * math.sqrt(LEVEL * (1 - LEVEL) / count)
    assert (np.abs(coverage - LEVEL) < slack).all()
    spread = seen["estimate"].std(axis=0, ddof=1)
    bias = seen["estimate"].mean(axis=0) - TRUTH
    print("bias / SD", dict(zip(TERMS, (bias / spread).round(3), strict=True)))
    # Maximum likelihood itself is biased away from zero, about 0.05 SD at 2,000 rows.
    assert (np.abs(bias) < spread * (STANDARD_ERRORS / math.sqrt(count) + 0.1)).all()
    ratio = np.sqrt((seen["std_error"] ** 2).mean(axis=0)) / spread
    print("SE / SD", dict(zip(TERMS, ratio.round(3), strict=True)))
    # A standard deviation of 1,000 has a relative standard error of 1 / sqrt(2,000).
    assert (np.abs(ratio - 1) < STANDARD_ERRORS / math.sqrt(2 * count)).all()
    # The study can fail: complete cases alone are far off.
    lost = np.abs(seen["complete_cases"].mean(axis=0) - TRUTH) / spread
    print("complete cases, bias / SD", dict(zip(TERMS, lost.round(2), strict=True)))
    assert lost.max() > 0.5


def completely_at_random(seed: int) -> dict[str, np.ndarray]:
    """One replicate: a third of both covariates lost by the toss of a coin."""
    rng = np.random.default_rng([20_201_001, seed])
    one = sample(rng, 2000)
    results = pooled(one, rng.random((2000, 2)) < 1 / 3, seed, m=20)
    whole, variance = logistic(one, one.need, one.disabled, slice(None))
    return {
        "change": np.array([r.estimate for r in results]) - whole,
        "ratio": np.array([r.std_error for r in results]) / np.sqrt(variance),
        "whole_error": np.sqrt(variance),
        "error": np.array([r.std_error for r in results]),
    }


def test_a_covariate_missing_completely_at_random_changes_nothing_but_noise() -> None:
    count = 300
    seen = collect(completely_at_random, count)
    change, spread = seen["change"].mean(axis=0), seen["change"].std(axis=0, ddof=1)
    print(
        "change / its SE",
        dict(zip(TERMS, (change / spread * math.sqrt(count)).round(2), strict=True)),
    )
    print("change / SE of the estimate", (change / seen["whole_error"].mean(axis=0)).round(3))
    # Small-sample bias of a logit with a third fewer rows: below a twentieth of its error.
    slack = STANDARD_ERRORS * spread / math.sqrt(count) + 0.05 * seen["whole_error"].mean(axis=0)
    assert (np.abs(change) < slack).all()
    # The noise is the one that Rubin's rules add: variances of estimates add up.
    added = (seen["error"] ** 2 - seen["whole_error"] ** 2).mean(axis=0)
    print("noise added, seen / told", (spread**2 / added).round(2))
    assert (np.abs(spread**2 / added - 1) < STANDARD_ERRORS * math.sqrt(2 / count) + 0.05).all()
    # A third of need lost costs a third of its information, so its error grows by sqrt(1.5) less
    # what the others tell of it; treatment, never missing, is hardly touched.
    assert seen["ratio"][:, 0].mean() < 1.05
    assert 1.1 < seen["ratio"][:, 1].mean() < math.sqrt(1.5) * 1.05
    print("SE, imputed / whole", seen["ratio"].mean(axis=0).round(3))


def twenty_levels(seed: int) -> dict[str, np.ndarray]:
    """Imputed minus true counts of a covariate with 20 levels, rare ones among them."""
    rng = np.random.default_rng([20_210_401, seed])
    rows, m = 6000, 4
    one = sample(rng, rows)
    base = np.log(np.array([0.6, 0.01, 0.005, *[0.385 / 17] * 17]))
    eta = base + 0.3 * one.la[:, None] * np.linspace(-1, 1, 20)
    eth = (rng.random((rows, 1)) > special.softmax(eta, axis=1).cumsum(axis=1)).sum(axis=1)
    gap = rng.random(rows) < special.expit(-2.5 + 0.8 * one.y + 0.2 * one.la)
    frame = pd.DataFrame({"ethnicity": column(np.where(gap, -1, eth), "abcdefghijklmnopqrst")})
    predictors = pd.DataFrame(
        {
            "la": column(one.la, "ABCDE"),
            "period": column(one.period, "012345"),
            "need": column(one.need, "abcd"),
            "disabled": column(one.disabled, "ny"),
            "y": column(one.y, "01"),
        }
    )
    result = impute(frame, predictors, imputations=m, seed=seed)
    drawn = np.stack([np.bincount(copy, minlength=20) for copy in result.codes["ethnicity"]])
    truth = np.bincount(eth[gap], minlength=20)
    return {
        "truth": truth,
        "miss": drawn.mean(axis=0) - truth,
        "told": (1 + 1 / m) * drawn.var(axis=0, ddof=1),
    }


def test_rare_levels_are_imputed_as_often_as_they_were_lost() -> None:
    """Levels observed some 25 times in 6,000 rows, in a model of 300 parameters."""
    count = 300
    seen = collect(twenty_levels, count)
    error = seen["miss"].std(axis=0, ddof=1) / math.sqrt(count)
    z = seen["miss"].mean(axis=0) / error
    print("true and imputed mean counts", seen["truth"].mean(axis=0).round(1)[:4])
    print("z", z.round(1))
    # 3 % of the count: what is left of the skewness beyond second order.
    assert (
        np.abs(seen["miss"].mean(axis=0))
        < STANDARD_ERRORS * error + 0.03 * seen["truth"].mean(axis=0)
    ).all()
    # The imputations' spread is that of the truth around them, over all levels.
    ratio = seen["miss"].var(axis=0, ddof=1).sum() / seen["told"].mean(axis=0).sum()
    print("spread, seen / told", round(ratio, 3))
    assert abs(ratio - 1) < STANDARD_ERRORS * math.sqrt(2 / count)
