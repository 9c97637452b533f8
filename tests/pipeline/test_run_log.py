"""Errors are seen: where an analysis broke stands in the run's log, and no value of a child."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any, Final

import pytest
from filelock import FileLock

from fvlib.analysis.design import Design
from fvlib.analysis.fit import Fit
from fvlib.analysis.methods import LogisticMixed
from fvlib.analysis.plan import PLAN
from fvlib.cli import main
from fvlib.errors import DEBUG, Refusal, trace_of
from fvlib.pipeline import compute
from fvlib.pipeline import run as module

SECRET: Final = "child 48151623"
LOG: Final = Path("_report") / "small" / "run.log"
Fv = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Breaks(LogisticMixed):
    """A method with a fault, whose message quotes what it was given."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"could not convert {SECRET}") from error


BARE: Final = next(row for row in PLAN if row.id == "no-covariates")


@pytest.fixture
def fv(project: Path, monkeypatch: pytest.MonkeyPatch) -> Fv:
    """The command, on a plan of two rows, of which one breaks."""
    monkeypatch.chdir(project)
    monkeypatch.setattr(compute, "PLAN", (BARE, replace(BARE, id="broken", method=Breaks())))
    monkeypatch.setattr(compute, "DERIVED", ())
    # The side tables say nothing of errors, and take most of a run's time.
    monkeypatch.setattr(compute, "trial_tables", lambda *_: {})
    monkeypatch.setattr(compute, "find_shared_margins", lambda *_: ())
    monkeypatch.setenv(DEBUG, "")

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["fv", *arguments, "--jobs", "1"])
        with pytest.raises(SystemExit) as done:
            main()
        return int(done.value.code or 0)

    return call


def test_a_broken_analysis_is_told_with_its_place_and_no_value(
    fv: Fv, capfd: pytest.CaptureFixture[str]
) -> None:
    assert fv("run", "small") == 0
    told = capfd.readouterr().err
    assert f"broken broke (ValueError): {LOG} says where" in told.splitlines()
    text = LOG.read_text(encoding="utf-8")
    assert "broke, broken: ValueError\n" in text
    assert "fvlib/analysis/analyse.py, line " in text
    assert "tests/pipeline/test_run_log.py, line " in text
    assert "\nfrom KeyError\n" in text
    assert "no-covariates: no kept fit" in text
    assert SECRET not in text + told
    if os.name == "posix":
        assert LOG.stat().st_mode & 0o077 == 0


def test_the_log_is_renewed_and_a_broken_analysis_stays_told(
    fv: Fv, capfd: pytest.CaptureFixture[str]
) -> None:
    fv("run", "small")
    capfd.readouterr()
    LOG.write_text("of an earlier run", encoding="utf-8")
    LOG.chmod(0o644)
    assert fv("run", "small") == 0
    told = capfd.readouterr().err.splitlines()
    assert told[0].startswith("nothing refitted")
    assert f"broken broke (ValueError): {LOG} says where" in told
    text = LOG.read_text(encoding="utf-8")
    assert text.startswith("begun ")
    assert "nothing fitted\nbroke, broken: ValueError\n" in text
    assert text.endswith("done\n")
    if os.name == "posix":
        assert LOG.stat().st_mode & 0o077 == 0


def test_debug_raises_what_broke_also_when_the_results_are_fresh(
    fv: Fv, monkeypatch: pytest.MonkeyPatch
) -> None:
    fv("run", "small")
    monkeypatch.setattr(sys, "argv", ["fv", "--debug", "run", "small", "--jobs", "1"])
    with pytest.raises(ValueError, match=SECRET):
        main()
    assert "stopped by ValueError\n" in LOG.read_text(encoding="utf-8")
    assert SECRET not in LOG.read_text(encoding="utf-8")


def test_a_command_that_breaks_tells_where_and_no_value(
    fv: Fv, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(compute, "build_trial", breaks)
    assert fv("run", "small") == 1
    told = capfd.readouterr().err
    assert "KeyError\n" in told
    assert "in bundle_of" in told
    assert SECRET not in told
    assert "stopped by KeyError\n" in LOG.read_text(encoding="utf-8")


def test_a_refusal_keeps_its_message_in_a_trace() -> None:
    assert trace_of(Refusal("look: final is refused")) == "Refusal: look: final is refused"


def test_a_second_run_says_that_it_waits(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    (project / "results").mkdir()
    held = Event()

    def hold() -> None:
        with FileLock(project / "results" / ".small.lock"):
            held.set()
            sleep(0.5)

    Thread(target=hold).start()
    assert held.wait(30.0)
    (project / "data" / "small").rename(project / "elsewhere")
    with pytest.raises(Refusal, match="no results of 'small' either"):
        module.ensure_results("small", project)
    assert capfd.readouterr().err == "another run holds results/small: waiting for it\n"
