"""Multiple imputation of a full-size trial: seconds, memory, and one fit against statsmodels."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm

from fvlib.analysis import imputations
from fvlib.intake import load_extracts
from fvlib.models.imputation import multinomial, patterns
from fvlib.models.imputation.impute import impute
from fvlib.refresh import load_refresh
from fvlib.synthetic.simulate import simulate
from fvlib.trial import Trial, build_trial
from fvlib.trial.covariates import CHILD_COVARIATES

CHILDREN = 78_000
COPIES = 20
GAPS = 0.1
SECONDS = 20.0  # what imputing may take on two cores
JOBS = 2
REPEATS = 5
COMPARED = "sex"  # three levels: what statsmodels fits in seconds, not minutes


def run() -> list[dict[str, object]]:
    """Return the figures of this section."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "params").mkdir()
        simulate("bench", root, children=CHILDREN)
        refresh = load_refresh("bench", root)
        trial = build_trial(load_extracts(refresh, root), refresh)
    return [*_whole(trial), *_one_fit(trial)]


def _whole(trial: Trial) -> list[dict[str, object]]:
    frame = trial.cohort[list(CHILD_COVARIATES)].reset_index(drop=True)
    rows = []
    for label, given, with_treatment in (
        ("as simulated", frame, True),
        ("as simulated, without treatment", frame, False),
        (f"{GAPS:.0%} of every covariate lost", _with_gaps(frame), True),
    ):
        predictors = imputations.predictors(trial, with_treatment=with_treatment)
        seconds, cpu = _timed(partial(_impute, given, predictors))
        incomplete = int(given.isna().any().sum())
        note = f"{len(frame):,} children, {incomplete} incomplete of {frame.shape[1]}, m = {COPIES}"
        rows.append(_row(f"impute, {label}", seconds, "s", f"{note}, {JOBS} threads"))
        rows.append(_row("  processor time", cpu, "s", "of all threads"))
        rows.append(_row(f"  over the {SECONDS:.0f} s allowed", seconds / SECONDS, "ratio"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return [*rows, _row("peak memory", peak, "GB", "of this process, simulating included")]


def _impute(frame: pd.DataFrame, predictors: pd.DataFrame) -> None:
    fixed = imputations.FIXED_LEVELS
    impute(frame, predictors, imputations=COPIES, seed=1, fixed_levels=fixed, jobs=JOBS)


def _with_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """Lose cells of every covariate at random, fixed levels excepted."""
    rng = np.random.default_rng(1)
    lost = pd.DataFrame(rng.random(frame.shape) < GAPS, frame.index, frame.columns)
    for name, levels in imputations.FIXED_LEVELS.items():
        lost[name] &= ~frame[name].isin(levels)
    return frame.mask(lost)


def _one_fit(trial: Trial) -> list[dict[str, object]]:
    """One variable alone: mode from scratch and information, ours against Newton's."""
    frame = trial.cohort[[COMPARED]].reset_index(drop=True)
    predictors = imputations.predictors(trial, with_treatment=True)
    made = patterns.prepare(frame, predictors, {}, {})
    response = made.targets[0].response

    def ours() -> None:
        metric = multinomial.null_information(response, made.X)
        mode = multinomial.find_mode(response, made.X, np.zeros(response.shape), metric)
        multinomial.information(response, made.X, mode.theta)

    known = frame[COMPARED].notna().to_numpy()
    X = predictors[known].apply(lambda column: column.cat.codes).to_numpy()
    dummies = [X[:, [j]] == np.unique(X[:, j])[1:] for j in range(X.shape[1])]
    design = np.column_stack([np.ones(len(X)), *dummies]).astype(float)
    y = frame[COMPARED][known].cat.codes.to_numpy()
    mine = statistics.median(_timed(ours)[0] for _ in range(REPEATS))
    theirs = _timed(lambda: sm.MNLogit(y, design).fit(disp=False, maxiter=8))[0]
    blocks = made.X.shape[0] * made.X.shape[1]
    return [
        _row("one multinomial fit", mine, "s", f"{blocks:,} collapsed rows x {made.X.shape[2]}"),
        _row("statsmodels MNLogit, same rows", theirs, "s", f"{len(y):,} rows, 8 Newton steps"),
        _row("MNLogit / ours", theirs / mine, "ratio", "above 1: ours is faster"),
    ]


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    begun, spent = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begun, time.process_time() - spent


def _row(name: str, value: float, unit: str, note: str = "") -> dict[str, object]:
    return {"section": "imputation", "name": name, "value": value, "unit": unit, "note": note}
