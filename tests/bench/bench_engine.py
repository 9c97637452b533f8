"""The mixed-model engine against statsmodels and lme4, on the same arrays in the same run.

The logistic problem has the trial's shape: 78,000 rows, 31 columns, 5 clusters; the linear one
78,000 children in 5 clusters with three terms each. lme4 runs where `Rscript` and r-cran-lme4 are
installed, and is named as skipped where not.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import statsmodels.api as sm

from fvlib.models.mixed import fit_linear, fit_logistic, score_test
from fvlib.models.wedge.power import Truth, Wedge, operating_characteristics

REPEATS = 7
ROWS, CHILDREN = 78_000, 78_000
# lme4 takes minutes on the whole with nAGQ = 1: it gets every tenth row, and so do we.
LAPLACE_SHARE = 10
LARGE = 7_800_000
# What 7.8 million rows need, ours and the arrays that make them.
LARGE_MEMORY = 14 * 1024**3
REPLICATES = 100
# The largest MixedLM that ends in seconds: children of one cluster, one intercept each.
MIXEDLM_CHILDREN = 2_000

Rows = list[dict[str, object]]


def run() -> Rows:
    """Return the figures of this section."""
    return [*_logistic(), *_linear(), *_lme4(), *_power(), *_large()]


def trial_shape(n: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Outcome, 31 columns, cluster and period of a stepped wedge with 5 clusters."""
    rng = np.random.default_rng(seed)
    cluster, month = rng.integers(0, 5, n), rng.integers(0, 36, n)
    period = month // 6
    levels = [[52, 46, 2], [72, 6, 10, 7, 5], [40, 35, 25], [88, 12], [50, 30, 20], [98, 2]]
    levels += ([80, 15, 5], [50, 20, 12, 10, 5, 3], [90, 5, 5])
    parts = [np.ones((n, 1)), (period > cluster)[:, None], period[:, None] == np.arange(1, 6)]
    for shares in levels:
        code = rng.choice(len(shares), n, p=np.array(shares) / sum(shares))
        parts.append(code[:, None] == np.arange(1, len(shares)))
    by_cell = rng.uniform(0.2, 0.8, (2, 5, 6))[:, cluster, period].T
    X = np.concatenate([*parts, by_cell, ((cluster == 2) & (month > 20))[:, None]], axis=1)
    beta = np.append([-3.2, -0.12], rng.normal(0, 0.15, X.shape[1] - 2))
    eta = X @ beta + rng.normal(0, 0.18, 5)[cluster]
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return y, X.astype(float), cluster, period


def child_terms(children: int, seed: int = 2) -> tuple[np.ndarray, ...]:
    """Outcome, 35 columns, cluster and child; three rows a child."""
    rng = np.random.default_rng(seed)
    child = np.repeat(np.arange(children), 3)
    cluster = rng.integers(0, 5, children)[child]
    n = len(child)
    X = np.column_stack([np.ones(n), rng.random((n, 31)) < 0.2, rng.normal(size=(n, 3))])
    y = X @ rng.normal(size=35) + rng.normal(0, 0.5, 5)[cluster] + rng.normal(0, 4, n)
    return y + rng.normal(0, 3, children)[child], X, cluster, child


def _logistic() -> Rows:
    y, X, cluster, period = trial_shape(ROWS)
    cold = _median(lambda: fit_logistic(y, X, cluster))
    first = fit_logistic(y, X, cluster)
    # A neighbour: another draw of one covariate in 1 row of 50, as the next imputation has it.
    again, rng = X.copy(), np.random.default_rng(3)
    changed = rng.random(ROWS) < 0.02
    again[changed, 13] = rng.integers(0, 2, changed.sum())
    warm = _median(lambda: fit_logistic(y, again, cluster, start=first))
    nested = _median(lambda: fit_logistic(y, X, cluster, subgroups=period), 3)
    deep = _median(lambda: fit_logistic(y, X, cluster, subgroups=period, quadrature=7), 1)
    glm = _median(lambda: sm.GLM(y, X, family=sm.families.Binomial()).fit(), 3)
    orders = rng.permuted(np.tile(np.arange(5), (120, 1)), axis=1)
    candidates = (period[:, None] > orders[:, cluster].T).astype(float)
    scores = _median(lambda: score_test(y, np.delete(X, 1, axis=1), candidates, cluster), 1)
    what = f"{ROWS:,} rows x {X.shape[1]} columns, 5 clusters, collapsing included"
    return [
        _row("logistic, 7 nodes", cold, "s", what),
        _row("logistic, from a neighbour's solution", warm, "s"),
        _row("cold / from a neighbour", cold / warm, "ratio"),
        _row("statsmodels GLM / logistic", glm / cold, "ratio", f"GLM {glm:.3g} s"),
        _row("logistic, nested, Laplace", nested, "s", "5 clusters x 6 periods"),
        _row("logistic, nested, 7 x 7 nodes", deep, "s"),
        _row("120 score tests", scores, "s", "null fit included"),
    ]


def _linear() -> Rows:
    y, X, cluster, child = child_terms(CHILDREN)
    ours = _median(lambda: fit_linear(y, X, cluster, child), 3)
    small = child_terms(MIXEDLM_CHILDREN)
    theirs = _median(lambda: sm.MixedLM(small[0], small[1], small[3]).fit(), 1)
    same = _median(lambda: fit_linear(small[0], small[1], small[3]))
    note = f"{3 * MIXEDLM_CHILDREN:,} rows, one intercept a child; MixedLM {theirs:.3g} s"
    return [
        _row("linear, nested", ours, "s", f"{3 * CHILDREN:,} rows x 35 columns, 78,000 in 5"),
        _row("statsmodels MixedLM / linear", theirs / same, "ratio", note),
    ]


LME4 = """
suppressMessages(library(lme4))
d <- as.data.frame(matrix(readBin("logistic.bin", "double", %(rows)d * 33), ncol = 33))
names(d) <- c("y", "cluster", paste0("x", 1:31))
f <- as.formula(paste("y ~ 0 +", paste0("x", 1:31, collapse = "+"), "+ (1 | cluster)"))
part <- d[seq(1, nrow(d), %(share)d), ]
t0 <- system.time(glmer(f, d, family = binomial, nAGQ = 0))[["elapsed"]]
t1 <- system.time(suppressWarnings(glmer(f, part, family = binomial)))[["elapsed"]]
d <- as.data.frame(matrix(readBin("linear.bin", "double", %(terms)d * 38), ncol = 38))
names(d) <- c("y", "cluster", "child", paste0("x", 1:35))
f <- as.formula(paste("y ~ 0 +", paste0("x", 1:35, collapse = "+"), "+ (1 | cluster / child)"))
t2 <- system.time(suppressWarnings(lmer(f, d)))[["elapsed"]]
cat(t0, t1, t2, sep = ",")
"""


def _lme4() -> Rows:
    """Time glmer and lmer on the same arrays, where R has them."""
    script = shutil.which("Rscript")
    found = script and subprocess.run(
        [script, "-e", "library(lme4)"], capture_output=True, check=False
    )
    if not found or found.returncode:
        return [_row("lme4", "skipped", "", "no Rscript with lme4 (Debian: r-cran-lme4)")]
    y, X, cluster, _ = trial_shape(ROWS)
    linear = child_terms(CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        np.column_stack([y, cluster, X]).T.tofile(here / "logistic.bin")
        np.column_stack([linear[0], linear[2], linear[3], linear[1]]).T.tofile(here / "linear.bin")
        code = LME4 % {"rows": ROWS, "share": LAPLACE_SHARE, "terms": 3 * CHILDREN}
        (here / "bench.R").write_text(code, encoding="utf-8")
        told = subprocess.run(
            [str(script), "bench.R"], cwd=here, capture_output=True, text=True, check=True
        ).stdout
    fast, laplace, lmer = (float(x) for x in told.split(","))
    part = slice(None, None, LAPLACE_SHARE)
    ours = (
        _median(lambda: fit_logistic(y, X, cluster)),
        _median(lambda: fit_logistic(y[part], X[part], cluster[part], quadrature=1)),
        _median(lambda: fit_linear(linear[0], linear[1], linear[2], linear[3]), 3),
    )
    few = f"{ROWS // LAPLACE_SHARE:,} rows; glmer {laplace:.3g} s"
    return [
        _row("glmer nAGQ = 0 / logistic, 7 nodes", fast / ours[0], "ratio", f"glmer {fast:.3g} s"),
        _row("glmer nAGQ = 1 / logistic, 1 node", laplace / ours[1], "ratio", few),
        _row("lmer / linear, nested", lmer / ours[2], "ratio", f"lmer {lmer:.3g} s"),
    ]


def _power() -> Rows:
    truths = [Truth(0.04, 0.0, 0.01566, share) for share in (1.0, 0.9)]
    seconds = _median(
        lambda: operating_characteristics(
            Wedge.complete(5, 5, 2600), truths, replicates=REPLICATES, seed=1, alpha=0.05, workers=2
        ),
        1,
    )
    each = 1000 * seconds / REPLICATES / len(truths)
    return [_row("1,000 replicates of one truth", each, "s", "both models, 2 workers")]


def _large() -> Rows:
    """Fit a hundred times the rows in a process of its own, to see its memory."""
    if psutil.virtual_memory().available < LARGE_MEMORY:
        return [_row("7.8 million rows", "skipped", "", "too little memory free")]
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_engine"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    small, large, peak = json.loads(told)
    growth = large / small / (LARGE / ROWS)
    return [
        _row("logistic, 7.8 million rows", large, "s"),
        _row("its time / rows, against 78,000", growth, "ratio", "at most 1: no faster than rows"),
        _row("its memory", peak, "GB", "peak, the data of 2.0 GB included"),
    ]


def _large_figures() -> tuple[float, float, float]:
    y, X, cluster, _ = trial_shape(ROWS)
    small = _median(lambda: fit_logistic(y, X, cluster))
    # A hundred different trials, made into one array bit by bit.
    X, y = np.empty((LARGE, X.shape[1])), np.empty(LARGE)
    cluster = np.empty(LARGE, dtype=np.int64)
    for part, begin in enumerate(range(0, LARGE, ROWS)):
        here = slice(begin, begin + ROWS)
        y[here], X[here], cluster[here], _ = trial_shape(ROWS, seed=part)
    # Like the small one, once before it counts: the first call meets memory never touched before.
    large = _median(lambda: fit_logistic(y, X, cluster), 2)
    return small, large, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def _median(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median seconds, after one call that isn't counted unless it is the only one."""
    if repeats > 1:
        call()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def _row(name: str, value: float | str, unit: str, note: str = "") -> dict[str, object]:
    return {"section": "engine", "name": name, "value": value, "unit": unit, "note": note}


if __name__ == "__main__":
    print(json.dumps(_large_figures()))
