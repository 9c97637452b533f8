"""Only what is touched runs again, and each analysis says why it does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fvlib.analysis import analyse as analysis
from fvlib.analysis import samples
from fvlib.analysis.analyse import Result
from fvlib.analysis.plan import PLAN, Analysis
from fvlib.pipeline import compute, reach
from fvlib.pipeline.cache import ResultCache
from fvlib.pipeline.freshness import fingerprint
from fvlib.pipeline.run import run, why_stale
from fvlib.pipeline.run_log import RunLog
from fvlib.refresh import load_refresh
from tests.conftest import CHILDREN

NAMES = ("X6", "X11", "no-covariates")
ROWS = tuple(row for row in PLAN if row.id in NAMES)
KEPT = ["nothing to fit: the bundle is made again from kept fits"]


@pytest.fixture(scope="module")
def run_once(small_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose plan is three rows, run once: one imputed, one bare, one that waits."""
    root = tmp_path_factory.mktemp("fresh") / "project"
    shutil.copytree(small_project, root, ignore=shutil.ignore_patterns("results", ".cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compute, "PLAN", ROWS)
        patch.setattr(compute, "DERIVED", ())
        run("small", root)
    yield root


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plan's three rows, and which of them are fitted from here on."""
    names: list[str] = []
    real = analysis.analyse

    def watched(row: Analysis, *rest: Any) -> Result:
        names.append(row.id)
        return real(row, *rest)

    monkeypatch.setattr(analysis, "analyse", watched)
    monkeypatch.setattr(compute, "PLAN", ROWS)
    monkeypatch.setattr(compute, "DERIVED", ())
    return names


@pytest.fixture
def root(run_once: Path, tmp_path: Path, fitted: list[str]) -> Path:
    copy = tmp_path / "project"
    shutil.copytree(run_once, copy)
    return copy


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, whose code is read in place of the package's own."""
    copy = tmp_path / "code" / "fvlib"
    shutil.copytree(reach.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(reach, "PACKAGE", copy)
    return copy


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_second_run_fits_nothing(root: Path, fitted: list[str]) -> None:
    assert why_stale("small", root) == []
    log = RunLog()
    run("small", root, log=log)
    assert (fitted, log.fitted) == ([], {})


def test_words_and_rooms_beside_the_results_make_nothing_stale(root: Path, package: Path) -> None:
    for module in ("report/report.py", "render/files.py", "synthetic/simulate.py",
                   "intake/load.py", "models/newton.py", "gate/masking.py"):  # fmt: skip
        edit(package / module, "\nfrom __future__", "\n# A comment.\nfrom __future__")
    edit(package / "analysis/samples.py", '"""Leave one LA out."""', '"""Leave out one LA."""')
    edit(package / "models/newton.py", "def maximise(", "def maximise(  # the way up\n    ")
    for module in ("report/report.py", "render/files.py", "check/check.py", "synthetic/dirt.py",
                   "statutory/merge.py", "cli.py", "pipeline/export.py"):  # fmt: skip
        path = package / module
        path.write_text(path.read_text(encoding="utf-8") + "\nNEW = 1\n", encoding="utf-8")
    assert why_stale("small", root) == []


@pytest.mark.parametrize(
    ("module", "change", "told"),
    [
        (
            "models/newton.py", ("MAX_ITERATIONS = ", "MAX_ITERATIONS = 1 + "),
            ["code: models", *(f"{name}: code: models (newton)" for name in NAMES)],
        ),
        (
            "trial/exposure.py", ("inside = (referral >= began)", "inside = (referral > began)"),
            ["code: trial", "X6: code: trial (exposure)"],
        ),
        (
            "models/imputation/impute.py", ("ITERATIONS: Final = ", "ITERATIONS: Final = 1 + "),
            ["code: models", *(f"{n}: code: models (imputation.impute)" for n in NAMES[:2])],
        ),
        ("gate/release.py", ("DIGITS: Final = 10", "DIGITS: Final = 9"), ["code: gate", *KEPT]),
        ("tables/cohort.py", ("def profiles(", "def profiles_("), ["code: tables", *KEPT]),
        ("analysis/plan.py", ('"no covariates"', '"none"'), ["code: analysis", *KEPT]),
    ],
)  # fmt: skip
def test_code_that_a_row_reaches_fits_it_again(
    root: Path, package: Path, module: str, change: tuple[str, str], told: list[str]
) -> None:
    edit(package / module, *change)
    assert why_stale("small", root) == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "sefton: {fgc_started: 2022-02-01", "sefton: {fgc_started: 2022-03-01",
            ["X6: params: implementation.sefton.fgc_started"],
        ),
        ("seed: 20200401", "seed: 20200402", [f"{name}: params: seed" for name in NAMES[:2]]),
        ("look: final", "look: interim", KEPT),
        ("look: final", "look: final  # at last", KEPT),
    ],
)  # fmt: skip
def test_a_key_of_params_fits_the_rows_that_read_it(
    root: Path, old: str, new: str, told: list[str]
) -> None:
    edit(root / "params" / "small.yml", old, new)
    assert why_stale("small", root) == ["params", *told]


def test_a_data_file_fits_the_rows_that_read_it(root: Path) -> None:
    survey = root / "data" / "small" / "ipe_survey.csv"
    survey.write_bytes(survey.read_bytes() + b"\n")
    assert why_stale("small", root) == ["data: ipe_survey.csv", *KEPT]
    plans = root / "data" / "small" / "sefton" / "plans.csv"
    plans.write_bytes(plans.read_bytes() + b"\n")
    rows = [f"{name}: data: sefton/plans.csv" for name in NAMES]
    assert why_stale("small", root)[2:] == rows


@pytest.mark.slow
def test_a_new_sample_and_its_row_fit_that_row_alone(
    root: Path, package: Path, monkeypatch: pytest.MonkeyPatch, fitted: list[str]
) -> None:
    """Nor is an imputation drawn for a row that has no covariate."""

    def even_months(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["age_months"] % 2 == 0]

    path = package / "analysis" / "samples.py"
    text = "\ndef even_months(frame):\n    return frame[frame['age_months'] % 2 == 0]\n"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    even_months.__module__, even_months.__qualname__ = samples.__name__, "even_months"
    bare = next(row for row in ROWS if row.id == "no-covariates")
    new = replace(bare, id="even-months", sample=even_months)
    monkeypatch.setattr(compute, "PLAN", (*ROWS, new))
    monkeypatch.delattr(compute, "draw_together")
    plan = package / "analysis" / "plan.py"
    edit(plan, "samples import (", "samples import (\n    even_months,")
    edit(plan, "OURS: Final = (", "OURS: Final = (\n    even_months,")
    assert why_stale("small", root) == ["code: analysis", "even-months: new row of the plan"]
    log = RunLog()
    run("small", root, log=log)
    assert fitted == list(log.fitted) == ["even-months"]
    edit(path, "% 2 == 0", "% 3 == 0")
    assert why_stale("small", root)[1:] == ["even-months: code: analysis (samples)"]


@pytest.mark.slow
def test_kept_fits_give_the_bytes_that_were_released(root: Path, fitted: list[str]) -> None:
    results = root / "results" / "small"
    released = {path: path.read_bytes() for path in results.rglob("*.*")}
    shutil.rmtree(results)
    run("small", root)
    assert fitted == []
    assert {path: path.read_bytes() for path in results.rglob("*.*")} == released


def test_no_row_of_a_child_is_kept_imputed_or_not(root: Path) -> None:
    def longest(value: Any) -> int:
        parts = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(parts, list):
            return 0
        return max(len(parts), *(longest(part) for part in parts), 0)

    kept = list((root / "data" / "small" / ".cache" / "results").glob("*.json"))
    assert {path.stem for path in kept} == {*NAMES, "imputed"}
    for path in kept:
        assert longest(json.loads(path.read_text(encoding="utf-8"))["result"]) < CHILDREN / 3


def test_what_a_kept_fit_follows_from_is_alike_in_every_process(root: Path) -> None:
    refresh = load_refresh("small", root)
    cache = ResultCache(refresh, root, fingerprint(refresh, root))
    assert all(cache.get(row) is not None for row in ROWS)
    cache.sweep(ROWS[:1])
    again = ResultCache(refresh, root, fingerprint(refresh, root))
    assert [bool(again.why(row)) for row in ROWS] == [False, True, True]
