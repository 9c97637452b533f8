"""The whole way at full size, in this process: seconds a stage, peak memory, P1 against a GLM."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import statsmodels.api as sm

from fvlib.analysis import plan
from fvlib.analysis.analyse import complete_data_sets, design_of, prepare, sample_rows
from fvlib.analysis.methods import LogisticMixed
from fvlib.check import check_refresh
from fvlib.intake import load_extracts
from fvlib.pipeline.run import run as run_plan
from fvlib.refresh import load_refresh
from fvlib.synthetic.simulate import simulate
from fvlib.trial import Trial, build_trial
from fvlib.trial.covariates import missing_too_often

CHILDREN = 78_000
REPEATS = 5


def run() -> list[dict[str, object]]:
    """Return the figures of this section."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "params").mkdir()
        simulated = _seconds(lambda: simulate("bench", root, children=CHILDREN))
        rows.append(_row("simulate", simulated, "s", f"{CHILDREN:,} children, realistic dirt"))
        refresh = load_refresh("bench", root)
        checked = _seconds(lambda: check_refresh(refresh, root))
        rows.append(_row("check", checked, "s", "loads the files too"))
        stages: dict[str, float] = {}
        run_plan("bench", root, stage=stages.__setitem__)
        rows.extend(_row(stage, seconds, "s") for stage, seconds in stages.items())
        trial = build_trial(load_extracts(refresh, root), refresh)
        rows.extend(_primary(trial))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    rows.append(_row("peak memory", peak, "GB", "of this process, all stages"))
    return rows


def _primary(trial: Trial) -> list[dict[str, object]]:
    prepared = prepare(
        plan.PRIMARY, sample_rows(plan.PRIMARY, trial), missing_too_often(trial.cohort)
    )
    complete = next(iter(complete_data_sets(prepared, None)))
    design = design_of(complete, prepared.terms)
    ours = statistics.median(_seconds(lambda: LogisticMixed().fit(design)) for _ in range(REPEATS))
    dummies = (design.la[:, None] == np.unique(design.la)[1:]).astype(float)
    X = np.column_stack([design.X, dummies])
    keep = np.linalg.svd(X, compute_uv=False).min() > 0
    theirs = statistics.median(
        _seconds(lambda: sm.GLM(design.y, X, family=sm.families.Binomial()).fit())
        for _ in range(REPEATS if keep else 1)
    )
    note = f"{design.X.shape[0]:,} rows x {design.X.shape[1]} columns, marginal effects included"
    return [
        _row("P1 fit", ours, "s", note),
        _row("statsmodels GLM, LA dummies, same rows", theirs, "s"),
        _row("GLM / P1", theirs / ours, "ratio", "above 1: ours is faster"),
    ]


def _seconds(call: object) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _row(name: str, value: float, unit: str, note: str = "") -> dict[str, object]:
    return {"section": "pipeline", "name": name, "value": value, "unit": unit, "note": note}
