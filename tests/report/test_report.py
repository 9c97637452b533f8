from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fvlib.errors import Refusal
from fvlib.report import Report, open_report
from fvlib.report.register import read_register
from fvlib.report.words import labels
from tests.support import report_bundles
from tests.support.report_bundles import Contents

Open = Callable[..., Report]
REGISTER = Path(__file__).resolve().parents[2] / "chapters" / "register.yml"


def test_a_bare_number_is_a_name(project: Path) -> None:
    report_bundles.write(project / "results" / "2024")
    assert open_report(2024).bundle.manifest["refresh"] == "2024"


@pytest.mark.parametrize("name", ["../data", "Upper", "", True, None, "quarto"])
def test_what_is_no_name_is_refused(project: Path, name: object) -> None:
    with pytest.raises(Refusal):
        open_report(name)


def test_outside_a_project_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refusal, match=r"_quarto\.yml"):
        open_report("made-up")


def test_results_without_data_are_read_and_said_to_be_unverified(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_bundles.write(project / "results" / "made-up")
    monkeypatch.setattr(
        "fvlib.report.report.ensure_results", lambda name, root: (root / "results" / name, False)
    )
    with pytest.warns(UserWarning, match="not verified against data"):
        open_report("made-up")


def test_a_bundle_with_a_column_missing_is_refused(project: Path) -> None:
    folder = report_bundles.write(project / "results" / "made-up")
    text = (folder / "estimates.csv").read_text(encoding="utf-8").replace("term,", "word,", 1)
    (folder / "estimates.csv").write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match=r"estimates\.csv: missing column term"):
        open_report("made-up")


def test_a_side_table_with_a_column_missing_is_refused(opened: Open) -> None:
    arrivals = report_bundles.tables(Contents())["arrivals"].drop(columns="over_limit")
    report = opened(Contents(tables={"arrivals": arrivals}))
    told = r"results/\S+/tables/arrivals\.csv: missing column over_limit; run `fv run"
    with pytest.raises(Refusal, match=told):
        _ = report.notice
    assert report.table("flow").html  # the other tables are as they were


def test_filters_take_a_value_or_a_list(opened: Open) -> None:
    report = opened()
    assert set(report.estimates(role="primary")["analysis"]) == {"P1"}
    some = report.estimates(analysis=["P1", "X4-P1"], scale="odds_ratio")
    assert list(some["analysis"]) == ["P1"]
    with pytest.raises(Refusal, match="no column 'rolle'"):
        report.estimates(rolle="primary")


def test_an_unknown_table_or_figure_names_those_there_are(opened: Open) -> None:
    with pytest.raises(Refusal, match=r"no table 'primry'; there are .*primary"):
        opened().table("primry")
    with pytest.raises(Refusal, match=r"no figure 'x'; there are .*forest"):
        opened(Contents(), "second").plot("x")


def test_the_stamp_says_which_data_look_and_version(opened: Open) -> None:
    assert opened().stamp == (
        "Refresh made-up \u00b7 data through 30 September 2025 \u00b7 final analysis \u00b7 "
        "fvlib 0.1.0, code c0dec0dec0de \u00b7 synthetic data"
    )


def test_a_date_for_each_la_is_told_la_by_la(opened: Open) -> None:
    through = dict.fromkeys(("warwickshire", "newcastle", "coventry", "solihull"), "2025-09-30")
    report = opened(Contents(manifest={"data_through": through | {"sefton": "2025-06-30"}}))
    assert report.q["refresh.data_through"].endswith("and 30 June 2025 (Sefton)")


def test_the_packages_that_draw_are_loaded_when_something_is_drawn() -> None:
    code = (
        "import sys, fvlib.report.report\n"
        "print([m for m in ('plotnine', 'great_tables', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_register_holds_the_plans_readings_in_order() -> None:
    register = read_register(REGISTER)
    numbered = [f"R{n}" for n in range(1, len(register.readings) + 1)]
    assert [entry.id for entry in register.readings] == numbered
    assert len(numbered) >= 16  # the analysis plan's own come first
    assert [entry.id for entry in register.deviations] == [
        f"D{n}" for n in range(1, len(register.deviations) + 1)
    ]
    assert all(entry.when for entry in register.deviations)


def test_the_register_applies_to_what_there_is() -> None:
    register = read_register(REGISTER)
    for entry in (*register.readings, *register.deviations):
        for name in entry.applies_to:
            stem, _, outcome = name.rpartition("-")
            known = name in labels.OUTCOMES or name in labels.ANALYSES
            assert known or (stem in labels.ANALYSES and outcome in labels.OUTCOMES), name


def test_marks_follow_the_register(tmp_path: Path) -> None:
    path = tmp_path / "register.yml"
    entry = {"id": "R1", "title": "One", "text": "t", "where": "w", "applies_to": ["P1"]}
    content = {
        "readings": [entry | {"contested": True}, entry | {"id": "R2", "applies_to": ["S1"]}],
        "deviations": [entry | {"id": "D1", "title": "A change"}],
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    register = read_register(path)
    assert register.marks("P1") == "\u2020\u2021"
    assert register.marks("S1") == ""
    assert register.notes(["P1", "S1"]) == [
        "\u2020 Deviation D1, a change: see the registers.",
        "\u2021 Reading R1, one: see the registers.",
    ]


@pytest.mark.parametrize(
    ("change", "told"), [({"titel": "x"}, "unknown key titel"), ({"where": None}, "no where")]
)
def test_a_register_with_a_typo_is_refused(
    tmp_path: Path, change: dict[str, str | None], told: str
) -> None:
    entry = {"id": "R1", "title": "One", "text": "t", "where": "w"} | change
    entry = {key: value for key, value in entry.items() if value is not None}
    path = tmp_path / "register.yml"
    path.write_text(yaml.safe_dump({"readings": [entry]}), encoding="utf-8")
    with pytest.raises(Refusal, match=f"R1: {told}"):
        read_register(path)
