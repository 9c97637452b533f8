"""A refresh through the files and the command line: fresh, stale, interrupted, refused."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock
from joblib import parallel_config
from typer.testing import CliRunner

from fvlib.analysis import analyse as analysis
from fvlib.analysis.analyse import Result
from fvlib.analysis.design import Terms
from fvlib.analysis.estimates import COLUMNS
from fvlib.analysis.plan import DERIVED, PLAN, Analysis
from fvlib.cli import app, main
from fvlib.errors import Refusal
from fvlib.gate import release
from fvlib.pipeline import compute, ensure_results
from fvlib.pipeline.cache import ResultCache, describe_row
from fvlib.pipeline.freshness import fingerprint
from fvlib.pipeline.run import run
from fvlib.refresh import load_refresh
from fvlib.synthetic.simulate import simulate
from tests.conftest import CHILDREN, NOT_RUN


def bundle_bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def released(small_project: Path) -> Path:
    return run("small", small_project)


@pytest.fixture(scope="module")
def one_row(small_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with one row of the plan run, on which tests start from a copy."""
    root = tmp_path_factory.mktemp("one-row") / "project"
    shutil.copytree(small_project, root, ignore=NOT_RUN)
    run("small", root, only=["no-covariates"])
    return root


@pytest.fixture
def ran(one_row: Path, tmp_path: Path) -> Path:
    """A copy of the project with one row run, that a test may change."""
    return Path(shutil.copytree(one_row, tmp_path / "ran"))


@pytest.fixture
def nothing_computed(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail whoever computes a bundle once the module's own is there."""

    def no(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(compute, "bundle_of", no)


def fv(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, in the project's folder."""
    return subprocess.run(
        [sys.executable, "-c", "from fvlib.cli import main; main()", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_estimates_have_the_agreed_columns_and_every_row_of_the_plan(released: Path) -> None:
    table = pd.read_csv(released / "estimates.csv")
    plain = [name for name in table.columns if not name.endswith("_masked")]
    assert tuple(plain) == COLUMNS
    assert {"n_masked", "events_masked"} <= set(table.columns)
    assert set(table["analysis"]) == {row.id for row in PLAN} | {row.id for row in DERIVED}
    broken = table[table["reason"].fillna("").str.startswith("unexpected")]
    assert broken.empty, broken[["analysis", "reason"]]


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes_whatever_the_workers(
    released: Path, project: Path
) -> None:
    again = run("small", project, jobs=2)
    assert bundle_bytes(again) == bundle_bytes(released)


@pytest.mark.usefixtures("nothing_computed")
def test_a_fresh_bundle_is_not_computed_again(released: Path, small_project: Path) -> None:
    assert run("small", small_project) == released
    assert ensure_results("small", small_project) == (released, True)


@pytest.mark.parametrize("what", ["data", "params"])
def test_a_changed_input_is_computed_again(
    ran: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    class Computed(Exception):  # noqa: N818
        pass

    def computed(*_: object, **__: object) -> None:
        raise Computed

    run("small", ran, only=["no-covariates"])
    if what == "data":
        path = ran / "data" / "small" / "sefton" / "attendance.csv"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]))
    else:
        path = ran / "params" / "small.yml"
        text = path.read_text(encoding="utf-8").replace("seed: 20200401", "seed: 20200402")
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(compute, "bundle_of", computed)
    with pytest.raises(Computed):
        run("small", ran, only=["no-covariates"])


@pytest.mark.slow
def test_touching_a_file_changes_nothing(ran: Path) -> None:
    first = bundle_bytes(run("small", ran, only=["no-covariates"]))
    path = ran / "data" / "small" / "sefton" / "plans.csv"
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert bundle_bytes(run("small", ran, only=["no-covariates"])) == first


def test_an_interrupted_run_leaves_the_old_results(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundle_bytes(run("small", ran, only=["no-covariates"]))

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compute, "_fits", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("small", ran, only=["P1"])
    assert bundle_bytes(ran / "results" / "small") == before


def test_a_reader_waits_for_a_run_and_leaves_what_it_stages(ran: Path) -> None:
    run("small", ran, only=["no-covariates"])
    (ran / "params" / "small.yml").unlink()  # results alone: there is nothing to run
    results = ran / "results"
    staged = results / f"small{release.STAGED}"
    read: list[tuple[Path, bool]] = []
    with FileLock(results / ".small.lock"):
        staged.mkdir()
        reader = Thread(target=lambda: read.append(ensure_results("small", ran)))
        reader.start()
        reader.join(timeout=1.0)
        assert reader.is_alive()
        assert staged.is_dir()
        staged.rmdir()
    reader.join()
    assert read == [(results / "small", False)]


def test_only_names_rows_of_the_plan(ran: Path) -> None:
    with pytest.raises(Refusal, match="Did you mean leave-out-sefton"):
        run("small", ran, only=["leave-out-seftn"])
    table = pd.read_csv(run("small", ran, only=["no-covariates"]) / "estimates.csv")
    assert set(table["analysis"]) == {"no-covariates"}
    # A fresh row stays where another is asked for, and in the plan's order.
    table = pd.read_csv(run("small", ran, only=["S3"]) / "estimates.csv")
    assert list(dict.fromkeys(table["analysis"])) == ["S3", "no-covariates"]


@pytest.mark.slow
def test_an_id_that_covers_several_outcomes_names_them_all(project: Path) -> None:
    """As in `fv run NAME --only P1,X4`: X4 has a row for each outcome."""
    asked = fv("run", "small", "--only", "X3,X11", root=project)
    assert asked.returncode == 0, asked.stderr
    table = pd.read_csv(project / "results" / "small" / "estimates.csv")
    assert set(table["analysis"]) == {"X3-S4", "X3-S5", "X11"}


@pytest.mark.usefixtures("nothing_computed")
def test_an_id_that_covers_several_is_fresh_in_a_whole_bundle(
    released: Path, small_project: Path
) -> None:
    assert run("small", small_project, only=["P1", "X4", "X3", "tipping-point"]) == released
    with pytest.raises(AssertionError, match="computed again"):  # where it is refused by name
        run("small", small_project, only=["leave"])


@pytest.mark.slow
def test_no_row_of_a_child_is_put_in_a_file_for_the_workers(project: Path, tmp_path: Path) -> None:
    """joblib puts arrays in its temporary folder, where it has one and they are large enough."""
    no_folder = tmp_path / "no-folder"
    no_folder.write_text("", encoding="utf-8")
    with parallel_config(backend="loky", max_nbytes=1, temp_folder=str(no_folder)):
        run("small", project, only=["no-covariates", "linear-probability"], jobs=2)


def test_batches_keep_the_plan_s_order_and_end_in_single_rows() -> None:
    cut = compute.batches(PLAN, 2)
    assert [row for batch in cut for row in batch] == list(PLAN)
    assert all(len({row.cohort for row in batch}) == 1 for batch in cut)
    assert len(cut[0]) == len(PLAN) // 6
    assert len(cut) < len(PLAN) / 2
    assert [len(batch) for batch in cut[-6:]] == [1] * 6
    # One process passes nothing on, and shows each row as it comes.
    assert [len(batch) for batch in compute.batches(PLAN, 1)] == [1] * len(PLAN)


@pytest.mark.parametrize(
    ("blocked", "command"),
    [
        ("results", ("run", "small", "--only", "no-covariates")),
        ("_report", ("check", "small")),
        ("_report", ("run", "small", "--only", "no-covariates")),
    ],
)
def test_an_output_that_cannot_be_written_is_told_in_one_message(
    project: Path, blocked: str, command: tuple[str, ...]
) -> None:
    (project / blocked).write_text("no folder", encoding="utf-8")
    done = fv(*command, root=project)
    assert done.returncode == 2
    assert blocked in done.stderr
    assert "Traceback" not in done.stderr
    stages = {"load", "derive", "impute", "describe"}  # a line each, where it isn't a terminal
    told = [line for line in done.stderr.splitlines() if line not in stages]
    assert len([line for line in told if not line.startswith("analyses: ")]) == 1


@pytest.mark.parametrize(
    ("options", "word"),
    [(("--jobs", "0"), "1 or more"), (("--jobs", "-5"), "1 or more"), (("--only", ","), "--only")],
)
def test_options_that_ask_for_nothing_are_refused(
    project: Path, options: tuple[str, ...], word: str
) -> None:
    done = fv("run", "small", *options, root=project)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "results").exists()


def test_no_more_workers_start_than_there_are_cores(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def noted(*_: object, jobs: int, **__: object) -> Path:
        asked.append(jobs)
        return small_project

    monkeypatch.setattr("fvlib.pipeline.run.run", noted)
    monkeypatch.chdir(small_project)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    for jobs in ("999", "3", "-1"):
        assert CliRunner().invoke(app, ["run", "small", "--jobs", jobs]).exit_code == 0
    assert asked == [4, 3, -1]


def test_ctrl_c_stops_a_run_with_a_word_and_leaves_what_was_there(ran: Path) -> None:
    kept = bundle_bytes(run("small", ran, only=["no-covariates"]))
    asked = "from fvlib.pipeline import compute; from fvlib.cli import main\n"
    asked += "def stop(*_, **__): raise KeyboardInterrupt\n"
    asked += "compute.bundle_of = stop; main()"
    done = subprocess.run(
        [sys.executable, "-c", asked, "run", "small", "--only", "S3"],
        cwd=ran, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr == "Stopped. What was there before stands as it was.\n"
    assert bundle_bytes(ran / "results" / "small") == kept


@pytest.mark.slow
def test_one_changed_row_of_the_plan_refits_that_row_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []
    real = analysis.analyse

    def watched(row: Analysis, *rest: Any) -> Result:
        fitted.append(row.id)
        return real(row, *rest)

    monkeypatch.setattr(analysis, "analyse", watched)
    two = tuple(row for row in PLAN if row.id in ("S3", "no-covariates"))
    monkeypatch.setattr(compute, "PLAN", two)
    monkeypatch.setattr(compute, "DERIVED", ())
    first = bundle_bytes(run("small", project))
    assert fitted == ["S3", "no-covariates"]
    changed = (two[0], replace(two[1], terms=Terms(("sex",), ())))
    monkeypatch.setattr(compute, "PLAN", changed)
    assert compute.with_kept(changed[:1], cache_of(project)) == changed[:1]
    shutil.rmtree(project / "results")
    assert bundle_bytes(run("small", project)) != first
    assert fitted == ["S3", "no-covariates", "no-covariates"]


def cache_of(project: Path) -> ResultCache:
    refresh = load_refresh("small", project)
    return ResultCache(refresh, project, fingerprint(refresh, project))


def test_a_row_is_described_alike_in_every_process() -> None:
    assert describe_row(PLAN[0]) == describe_row(pickle.loads(pickle.dumps(PLAN[0])))
    told = [json.dumps(describe_row(row)) for row in PLAN]
    assert len(set(told)) == len(told)
    assert not any(" at 0x" in text for text in told)


def test_results_alone_are_read_without_data(ran: Path) -> None:
    results = run("small", ran, only=["no-covariates"])
    (ran / "data" / "small").rename(ran / "elsewhere")
    assert ensure_results("small", ran) == (results, False)
    (ran / "params" / "small.yml").unlink()
    assert ensure_results("small", ran) == (results, False)


def test_neither_data_nor_results_is_refused(project: Path) -> None:
    (project / "data" / "small").rename(project / "elsewhere")
    with pytest.raises(Refusal, match="fv simulate small"):
        ensure_results("small", project)


@pytest.mark.slow
def test_an_interim_look_has_no_p_value(project: Path) -> None:
    path = project / "params" / "small.yml"
    text = path.read_text(encoding="utf-8").replace("look: final", "look: interim")
    path.write_text(text, encoding="utf-8")
    table = pd.read_csv(run("small", project, only=["P1", "S1"]) / "estimates.csv")
    assert (table["status"] == "estimated").any()
    assert table[["p_value", "p_adjusted"]].isna().all(axis=None)


def test_the_manifest_holds_no_clock_time_and_the_hashes(released: Path) -> None:
    manifest = json.loads((released / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["synthetic"] is True
    assert "sefton/plans.csv" in manifest["hashes"]["data"]
    assert {row["id"] for row in manifest["plan"]} == {row.id for row in PLAN} | {
        row.id for row in DERIVED
    }


def test_no_child_id_is_released(released: Path, small_project: Path) -> None:
    children = pd.read_csv(small_project / "data" / "small" / "sefton" / "children.csv", dtype=str)
    ids = {str(value).strip() for value in children["child_id"].dropna()}
    for name, content in bundle_bytes(released).items():
        cells = set(content.decode("utf-8").replace("\n", ",").split(","))
        assert not ids & cells, name


def test_secondary_p_values_have_hochberg_s_adjustment(released: Path) -> None:
    table = pd.read_csv(released / "estimates.csv")
    rows = table[(table["role"] == "secondary") & (table["term"] == "treatment")]
    tested = rows[rows["scale"].isin(["log_odds", "mean_difference"])].set_index("outcome")
    # By hand: step up from the largest, a missing p counting as one.
    p = tested["p_value"].reindex([f"S{i}" for i in range(1, 7)]).fillna(1.0)
    order = p.sort_values(ascending=False)
    running_minimum, expected = 1.0, {}
    for place, (outcome, value) in enumerate(order.items()):
        running_minimum = min(running_minimum, (place + 1) * value)
        expected[outcome] = running_minimum
    for outcome, value in tested["p_adjusted"].dropna().items():
        assert value == pytest.approx(expected[outcome])


class TestCommandLine:
    def test_help_lists_the_commands(self) -> None:
        told = CliRunner().invoke(app, ["--help"])
        assert told.exit_code == 0
        for command in ("simulate", "check", "run", "render", "export", "import", "template"):
            assert command in told.output

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["run", "nobody"], "no such file"),
            (["run", "Big Name"], "expected small letters"),
            (["check", "quarto"], "reserved"),
            (["purge", "small"], "--yes"),
            (["export", "small", "--analysis", "P1", "--to", "rows"], "inside the repository"),
            (["export", "small", "--analysis", "P9", "--to", "/"], "no analysis called P9"),
            (["export", "small", "--analysis", "X12", "--to", "/"], "no rows of its own"),
        ],
    )
    def test_bad_input_is_one_message_and_status_2(
        self, small_project: Path, arguments: list[str], words: str
    ) -> None:
        told = fv(*arguments, root=small_project)
        assert told.returncode == 2
        assert words in told.stderr
        assert "Traceback" not in told.stderr
        assert told.stdout == ""

    def test_outside_a_project(self, tmp_path: Path) -> None:
        told = fv("run", "small", root=tmp_path)
        assert told.returncode == 2
        assert "_quarto.yml" in told.stderr

    def test_debug_shows_the_traceback(
        self, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(small_project)
        monkeypatch.setattr(sys, "argv", ["fv", "--debug", "run", "nobody"])
        monkeypatch.setenv("FVLIB_DEBUG", "")
        with pytest.raises(Refusal):
            main()

    @pytest.mark.slow
    def test_run_prints_the_folder(self, ran: Path) -> None:
        told = fv("run", "small", "--only", "no-covariates", root=ran)
        assert told.returncode == 0
        assert told.stdout.strip() == str(Path("results") / "small")
        assert (ran / "_report" / "small" / "timings.csv").is_file()

    def test_why_names_what_is_stale_and_runs_nothing(self, project: Path, ran: Path) -> None:
        told = fv("run", "small", "--why", "--only", "S3,X8", root=project).stdout.splitlines()
        assert told == ["no results yet", "S3: no kept fit", "X8: no kept fit"]
        assert not (project / "results" / "small").exists()
        run("small", ran, only=["no-covariates"])
        told = fv("run", "small", "--why", root=ran).stdout.splitlines()
        assert told[:2] == ["some analyses of the plan are not in it", "P1: no kept fit"]
        assert len(told) == len(PLAN)  # all but the one that is fresh, after the first line
        path = ran / "data" / "small" / "sefton" / "plans.csv"
        path.write_bytes(path.read_bytes() + b"\n")
        told = fv("run", "small", "--why", root=ran).stdout.splitlines()
        assert told[0] == "data: sefton/plans.csv"
        assert "no-covariates: data: sefton/plans.csv" in told

    def test_a_scheduler_that_does_not_answer_is_refused(self, project: Path) -> None:
        told = fv("run", "small", "--scheduler", "tcp://127.0.0.1:9", root=project)
        assert told.returncode == 2
        assert "no Dask scheduler answers" in told.stderr.replace("\n", " ")

    def test_export_writes_the_rows_of_an_analysis_outside(
        self, small_project: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "rows").mkdir()
        (tmp_path / "rows" / "P1-2.csv").touch(mode=0o644)  # of an earlier export, open to others
        told = fv(
            "export", "small", "--analysis", "P1", "--imputation", "2", "--to",
            str(tmp_path / "rows"), root=small_project,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        assert "has not passed the disclosure gate" in told.stderr.replace("\n", " ")
        rows = pd.read_csv(tmp_path / "rows" / "P1-2.csv")
        # Children whose care episodes were set aside have no value: 1 in 100 at most.
        assert 0.99 * CHILDREN <= len(rows) <= CHILDREN
        assert rows.notna().all(axis=None)
        assert set(rows["value"]) == {0.0, 1.0}
        if os.name == "posix":
            for name in ("P1-2.csv", "P1.json"):
                assert (tmp_path / "rows" / name).stat().st_mode & 0o077 == 0

    def test_simulate_never_overwrites_real_data(self, project: Path) -> None:
        (project / "data" / "real").mkdir()
        (project / "data" / "real" / "la_context.csv").write_text("la\n", encoding="utf-8")
        with pytest.raises(Refusal, match="never overwritten"):
            simulate("real", project, children=50)

    def test_check_tells_rows_set_aside_by_its_status(self, project: Path) -> None:
        assert fv("check", "small", root=project).returncode == 1
        assert (project / "_report" / "small" / "check.html").is_file()
        simulate("clean", project, children=300, dirt="none")
        assert fv("check", "clean", root=project).returncode == 0
        path = project / "data" / "clean" / "sefton" / "children.csv"
        text = path.read_text(encoding="utf-8").replace("birth_month", "postcode", 1)
        path.write_text(text, encoding="utf-8")
        told = fv("check", "clean", root=project)
        assert told.returncode == 2
        assert "postcode" in told.stderr
