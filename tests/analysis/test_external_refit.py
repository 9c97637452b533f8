"""Analyses refitted elsewhere: in lme4 from what `fv export` wrote, and by statsmodels' MixedLM."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from fvlib.analysis.analyse import analyse, sample_rows
from fvlib.analysis.plan import PLAN
from fvlib.pipeline.export import export_rows
from fvlib.pipeline.run import run
from tests.support.toy_trial import toy_trial

SCRIPT = Path(__file__).parent / "reference" / "refit.R"
# Both maximise the same function; bobyqa stops a little beside its maximum. The estimate in
# standard errors, the standard error relative to itself.
SAME_ESTIMATE = 1e-4
SAME_ERROR = 1e-4
# lmerTest's Hessian is numerical.
SAME_DF = 5e-3
MODELS = {
    "S1": "logistic",
    "S3": "linear",
    "S6": "repeated",
    "la-period-s6": "repeated-nested",
}


def has_lme4() -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", "stopifnot(requireNamespace('lme4'), requireNamespace('lmerTest'))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def once_imputed(small_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with a single imputation, which is what an export holds."""
    root = tmp_path_factory.mktemp("refit") / "project"
    left_out = shutil.ignore_patterns("results", "_report", ".cache", "set-aside")
    shutil.copytree(small_project, root, ignore=left_out)
    params = root / "params" / "small.yml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("imputations: 3", "imputations: 1"), encoding="utf-8")
    run("small", root, only=list(MODELS))
    return root


@pytest.mark.slow
@pytest.mark.skipif(not has_lme4(), reason="needs Rscript with lme4 and lmerTest")
@pytest.mark.parametrize("analysis", MODELS)
def test_an_export_refitted_in_lme4_agrees(
    once_imputed: Path, tmp_path: Path, analysis: str
) -> None:
    rows = export_rows("small", once_imputed, analysis, 1, tmp_path)
    told = subprocess.run(
        ["Rscript", str(SCRIPT), str(rows), MODELS[analysis]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    theirs: dict[str, Any] = json.loads(told.stdout)
    table = pd.read_csv(once_imputed / "results" / "small" / "estimates.csv")
    mine = table[(table["analysis"] == analysis) & (table["term"] == "treatment")]
    ours = mine[mine["scale"].isin(["log_odds", "mean_difference"])].iloc[0]
    assert ours["status"] == "estimated"
    unit = theirs["std_error"]
    assert ours["estimate"] == pytest.approx(theirs["estimate"], abs=SAME_ESTIMATE * unit)
    assert ours["std_error"] == pytest.approx(theirs["std_error"], rel=SAME_ERROR)
    if theirs["df"] is not None and not analysis.startswith("la-period"):
        assert ours["df"] == pytest.approx(theirs["df"], rel=SAME_DF)


def days_and_absence() -> Any:
    """A small trial with days on plans (S3) and three terms of absence a child (S6)."""
    trial = toy_trial(300, seed=5)
    rng = np.random.default_rng(6)
    frame = trial.outcomes["P1"]
    of = trial.cohort.loc[frame["child"]]
    la, treated = of["la"].cat.codes.to_numpy(), of["treated"].to_numpy()
    days = 90 - 12 * treated + rng.normal(0, 15, 5)[la] + rng.normal(0, 60, len(frame))
    terms = frame.loc[frame.index.repeat(3)].reset_index(drop=True)
    term = np.tile(np.arange(3), len(frame))
    rate = np.repeat(4 - treated + rng.normal(0, 1.5, 5)[la] + rng.normal(0, 2, len(frame)), 3)
    rate = rate + 0.3 * term + rng.normal(0, 1, len(terms))
    since = 0.33 * term + np.repeat(rng.random(len(frame)), 3)
    trial.outcomes["S3"] = frame.assign(value=days)
    trial.outcomes["S6"] = terms.assign(
        value=rate,
        term=pd.Categorical.from_codes(term, ["autumn", "spring", "summer"]),
        time_since_referral=since,
    )
    return trial


@pytest.mark.parametrize("outcome", ["S3", "S6"])
def test_linear_outcomes_agree_with_statsmodels(outcome: str) -> None:
    trial = days_and_absence()
    row = next(row for row in PLAN if row.id == outcome)
    ours = {entry["term"]: entry for entry in analyse(row, trial).rows}
    assert ours["treatment"]["status"] == "estimated"
    rows = sample_rows(row, trial)
    # In the toy every period lies in one academic year, which therefore goes.
    terms = row.terms.without(["academic_year"])
    codes = [c for c in (*terms.row, *terms.child) if c != "time_since_referral"]
    numbers = ["treated", *terms.la, *(c for c in terms.row if c not in codes)]
    fixed = " + ".join([*numbers, "C(period)", *(f"C({name})" for name in codes)])
    rows[codes] = rows[codes].astype(str)
    within = {"child": "0 + C(child)"} if outcome == "S6" else None
    model = MixedLM.from_formula(
        f"value ~ {fixed}", rows, groups="la", re_formula="1", vc_formula=within
    )
    theirs = model.fit(reml=True, method=["bfgs", "lbfgs"], gtol=1e-8)
    effect = ours["treatment"]
    # Two climbs of the same restricted likelihood, on the scale of the standard error.
    unit = theirs.bse["treated"]
    assert effect["estimate"] == pytest.approx(theirs.params["treated"], abs=1e-4 * unit)
    assert effect["std_error"] == pytest.approx(unit, rel=1e-4)
    assert ours["residual_sd"]["estimate"] == pytest.approx(np.sqrt(theirs.scale), rel=1e-4)
    la_variance = float(theirs.cov_re.iloc[0, 0])
    assert ours["la_sd"]["estimate"] == pytest.approx(np.sqrt(la_variance), rel=1e-3)
    if within:
        assert ours["child_sd"]["estimate"] == pytest.approx(np.sqrt(theirs.vcomp[0]), rel=1e-3)
