"""The IPE's tables, figures and sentences on a full return, a sparse one, and none."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from lxml import html

from fvlib.gate.masking import mask_table
from fvlib.intake import load_extracts
from fvlib.ipe import ipe_tables
from fvlib.ipe.indicators import MONTHS_FROM_LIVE
from fvlib.refresh import load_refresh
from fvlib.report import Report
from fvlib.report.cells import MASKED_TEXT
from fvlib.report.plots import ipe as ipe_plots
from fvlib.report.tables.ipe import TABLES
from fvlib.report.words.ipe import empty_places
from fvlib.report.words.phrases import say
from tests.support.report_bundles import Contents
from tests.support.tagged_phrases import given, tag

Open = Callable[..., Report]
FIGURES = ("ipe_schedule", "trial_schedule", "ipe_indicators", "ipe_survey", "ipe_bridge")


def ipe_frame(*rows: tuple[object, ...]) -> pd.DataFrame:
    columns = ["la", "time_point", "indicator", "numerator", "denominator", "value", "threshold",
               "met"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    for name in ("numerator", "denominator", "value"):
        frame[f"{name}_masked"] = frame["value"].isna()
    return frame


TRAINED = "staff_trained_awareness"
FULL = ipe_frame(
    ("warwickshire", "6m", TRAINED, 100, 200, 0.50, 0.7, "not met"),
    ("warwickshire", "12m", TRAINED, 150, 200, 0.75, 0.7, "met"),
    ("sefton", "6m", TRAINED, None, None, None, 0.7, None),
    ("sefton", "pre", "fgc_coordinators", 2, None, 2, None, ""),
    ("sefton", "6m", "fgc_coordinators", 3, None, 3, 2, "met"),
    ("sefton", "6m", "vacancies", 3, 60, 0.05, 0.2, "met"),
    ("sefton", "6m", "caseload", 17.4, None, 17.4, 17, "not met"),
)
SPARSE = FULL[:1]
SCHEDULE = pd.DataFrame(
    [
        ("warwickshire", "admin", "6m", "2020-10-01", 9, 9, "arrived"),
        ("sefton", "admin", "6m", "2022-10-01", 9, 4, "in part"),
        ("sefton", "survey", "6m", "2022-10-01", 1, 0, "missing"),
        ("sefton", "survey", "24m", "2026-04-01", 1, 0, "not yet due"),
        ("sefton", "admin", "24m", "2026-04-01", 9, 0, "not yet due"),
    ],
    columns=["la", "source", "time_point", "due", "items_expected", "items_arrived", "state"],
)


def scores(*rows: tuple[object, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["category", "n"])
    frame["split"] = ["all" if name == "all" else "score" for name in frame["category"]]
    return frame.assign(la="sefton", time_point="6m", item="prepared", n_masked=frame["n"].isna())


def cells(report: Report, name: str) -> list[list[str]]:
    tree = html.fromstring(report.table(name).html)
    rows = [[cell.text_content().strip() for cell in row] for row in tree.iter("tr")]
    return [[text.replace("\u00a0", " ") for text in row] for row in rows]


@pytest.mark.parametrize("table", [FULL, SPARSE, FULL[:0]], ids=["full", "sparse", "none"])
@pytest.mark.parametrize("name", [*TABLES, *FIGURES])
def test_everything_prints_whatever_arrived(opened: Open, name: str, table: pd.DataFrame) -> None:
    given = {"ipe": table}
    if len(table) > 1:
        given["ipe_schedule"] = SCHEDULE
    report = opened(Contents(tables=given))
    if name in FIGURES:
        assert "<svg" in report.plot(name).svg
    else:
        text = html.fromstring(report.table(name).html).text_content()
        assert not re.search(r"\bnan\b|<NA>", text)


def test_a_value_prints_with_what_it_is_of_its_interval_and_its_verdict(opened: Open) -> None:
    given = {"ipe": FULL, "ipe_schedule": SCHEDULE}
    rows = cells(opened(Contents(tables=given)), "ipe_delivered")
    warwickshire = next(row for row in rows if row[0] == "Warwickshire")
    # Wilson by hand, z = 1.96: 100 of 200 is 43.1 to 56.9; 150 of 200 is 68.6 to 80.5.
    assert warwickshire[1] == "\u2013"  # not collected before go-live
    assert warwickshire[2] == "50 % (100/200) [43 to 57] \u2717 not met"
    assert warwickshire[3] == "75 % (150/200) [69 to 80] \u2713 met"
    assert warwickshire[4] == "not received"
    assert warwickshire[5] == "+25; \u2013"
    sefton = [row for row in rows if row[0] == "Sefton"]
    assert sefton[0][2] == MASKED_TEXT
    assert [
        "Sefton",
        "2",
        "3 \u2713 met",
        "not received",
        "not due",
        "+1; \u2013; \u2013",
    ] in sefton
    assert "5 % (3/60) \u2713 met" in [row[2] for row in sefton]  # posts have no interval
    assert "17.4 \u2717 not met" in [row[2] for row in sefton]
    assert any(row[0].startswith(tag("tables.masked")) for row in rows)


def test_sentences_count_what_arrived_and_what_was_met(opened: Open) -> None:
    q = opened(Contents(tables={"ipe": FULL, "ipe_schedule": SCHEDULE})).q
    assert q["ipe.trial_arrived"] == f"{tag('implementation.collections', 'none_due')}]"
    counts = "1 arrived, 1 in part and 1 missing"
    assert q["ipe.arrived"] == (
        f"{tag('implementation.returns', 'some')} {given('due', '3')} {given('told', counts)}]"
    )
    # Warwickshire's latest is met; Sefton's is masked and not counted.
    trained = given("indicator", "staff trained, awareness or more")
    assert f"{given('met', 'one')} {given('las', 'one')} {trained}" in q["ipe.fidelity"]
    none = given("met", f"{tag('implementation.judged_no_la')}]")
    caseload = given("indicator", "average caseload")
    assert f"{none} {given('las', 'one')} {caseload}" in q["ipe.facilitating"]
    assert q["ipe.acceptability"].startswith(tag("implementation.judged", "none"))


def test_the_spread_between_las_is_told_where_most_of_them_can_be_compared(opened: Open) -> None:
    table = ipe_frame(
        ("warwickshire", "6m", TRAINED, 100, 200, 0.50, 0.7, "not met"),
        ("newcastle", "6m", TRAINED, 120, 200, 0.60, 0.7, "not met"),
        ("sefton", "6m", TRAINED, 90, 200, 0.45, 0.7, "not met"),
        ("warwickshire", "12m", TRAINED, 150, 200, 0.75, 0.7, "met"),
        ("newcastle", "12m", TRAINED, 160, 200, 0.80, 0.7, "met"),
    )
    report = opened(Contents(tables={"ipe": table}))
    told = report.q["ipe.fidelity_spread"].replace("\u00a0", " ")
    assert told.startswith(tag("implementation.spread", "one"))
    for name, value in {
        "indicator": "staff trained, awareness or more", "low": "45 %", "low_la": "Sefton",
        "high": "60 %", "high_la": "Newcastle",
        "when": f"{tag('implementation.when', 'after')} {given('time', '6 months')}]",
    }.items():  # fmt: skip
        assert given(name, value) in told
    rows = cells(report, "ipe_delivered")
    spread = next(row for row in rows if row[0] == "Lowest to highest")
    none = f"{tag('implementation.spread', 'none')}]"
    assert report.q["ipe.acceptability_spread"] == none
    assert spread[2:4] == ["45 % to 60 %", "75 % to 80 %"]
    absent = f"{tag('tables.not_received')} {given('las', 'Coventry and Solihull')}]"
    assert any(absent in row[0] for row in rows)


def test_what_is_not_due_is_not_told_as_not_received(opened: Open) -> None:
    due = pd.DataFrame(
        [
            ("sefton", "admin", point, "2026-04-01", 9, 0, "not yet due")
            for point in MONTHS_FROM_LIVE
        ],
        columns=SCHEDULE.columns,
    )
    report = opened(Contents(tables={"ipe": FULL[:2], "ipe_schedule": due}))
    notes = [row[0] for row in cells(report, "ipe_delivered") if len(row) == 1]
    absent = given("las", "Newcastle, Coventry and Solihull")
    assert f"{tag('tables.not_received')} {absent}]" in notes
    assert f"{tag('tables.not_due')} {given('las', 'Sefton')}]" in notes


KEPT: dict[str, Callable[[str, pd.DataFrame], pd.Series]] = {
    "Warwickshire's admin return of 6 months": lambda name, rows: (
        (rows["la"] == "warwickshire") & (rows["time_point"] == "6m") & (name == "ipe_admin")
    ),
    "the survey": lambda name, rows: rows["la"].notna() & (name == "ipe_survey"),
    "nothing": lambda name, rows: rows["la"].isna(),
}


@pytest.mark.parametrize("kept", KEPT)
def test_a_refresh_prints_with_the_little_that_arrived(
    opened: Open, small_project: Path, tmp_path: Path, kept: str
) -> None:
    project = tmp_path / "cut"
    left_out = shutil.ignore_patterns("results", "_report", ".cache")
    shutil.copytree(small_project, project, ignore=left_out)
    for name in ("ipe_admin", "ipe_survey", "ipe_fgc", "ipe_training"):
        path = project / "data" / "small" / f"{name}.csv"
        rows = pd.read_csv(path, dtype=str)
        rows[KEPT[kept](name, rows)].to_csv(path, index=False)
    refresh = load_refresh("small", project)
    found = ipe_tables(load_extracts(refresh, project), refresh)
    report = opened(
        Contents(tables={n: mask_table(t, refresh.disclosure) for n, t in found.items()})
    )
    for name in FIGURES:
        assert "<svg" in report.plot(name).svg
    texts = {name: html.fromstring(report.table(name).html).text_content() for name in TABLES}
    empty = {name for name, text in texts.items() if say("tables.nothing") in text}
    always, delivered = {"ipe_indicators"}, {"ipe_delivered"}
    surveyed = {"ipe_agreement", "ipe_perceived", "ipe_roles", "ipe_response", "ipe_unanswered"}
    shown = {"the survey": surveyed, "nothing": set[str]()}.get(kept, delivered)
    assert empty == set(TABLES) - shown - always
    if kept not in ("the survey", "nothing"):
        absent = given("las", "Newcastle, Coventry, Solihull and Sefton")
        assert f"{tag('tables.not_received')} {absent}]" in texts["ipe_delivered"]


def test_bars_lie_astride_the_middle_and_masked_scores_lie_together(opened: Open) -> None:
    whole = scores(("all", 100), ("1-2", 20), ("3", 30), ("4", 40), ("5", 10))
    bars = ipe_plots.distributions(opened(Contents(tables={"ipe_scores": whole})).bundle)
    ends = bars.set_index("score")[["xmin", "xmax"]]
    assert ends.loc["3"].tolist() == [-15, 15]
    assert ends.loc["1-2"].tolist() == [-35, -15]
    assert ends.loc["5"].tolist() == [55, 65]
    holes = scores(("all", 100), ("1-3", None), ("4", None), ("5", 60))
    report = opened(Contents(tables={"ipe_scores": holes}), "masked")
    ends = ipe_plots.distributions(report.bundle).set_index("score")[["xmin", "xmax"]]
    assert ends.loc[ipe_plots.UNSPLIT].tolist() == [-40, 0]
    assert ends.loc["5"].tolist() == [0, 60]


def test_the_bridge_sets_time_points_on_the_trials_calendar(opened: Open) -> None:
    shown, gone = ipe_plots.bridge_points(opened(Contents(tables={"ipe": FULL})).bundle)
    trained = shown[shown["measure"] == ipe_plots.MEASURES[1]].sort_values("x")
    # Warwickshire went live 6 months after the trial began: 6 m and 12 m are months 12 and 18.
    assert trained["x"].tolist() == pytest.approx([12, 18])
    assert trained["y"].tolist() == pytest.approx([50, 75])
    # Sefton: live at month 30, so that 6 m is month 36; its share is masked.
    masked = gone[gone["measure"] == ipe_plots.MEASURES[1]]
    assert masked[["la", "x"]].to_numpy().tolist() == [["sefton", pytest.approx(36)]]


def test_empty_places_are_listed_until_something_is_written() -> None:
    place = "::: {{.callout-note}}\n## {title}\n\n*To be written.* What helped.\n:::\n\n"
    source = "".join(place.format(title=title) for title in ("training", "families"))
    assert empty_places(source) == ["training", "families"]
    filled = source.replace("*To be written.*", "Staff said that", 1)
    assert empty_places(filled) == ["families"]
