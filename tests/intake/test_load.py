"""Every rule of the contract on a small refresh, one broken row or file at a time."""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from fvlib.contract import FILES, RULES
from fvlib.contract.files import data_files
from fvlib.errors import Refusal
from fvlib.intake import Extracts, load_extracts
from fvlib.intake.reading import read_rows
from fvlib.intake.screening import Screened, count_verdicts, judge_rows, roster_of
from fvlib.intake.source import Source, read_header
from fvlib.protocol import LA_KEYS
from tests.support.sent_files import THROUGH, Sender, small_refresh

LA = "coventry"
CHILDREN, REFERRALS, PLANS, EPISODES, ATTENDANCE = (
    f"{LA}/{name}.csv" for name in ("children", "referrals", "plans", "care_episodes", "attendance")
)


def counts(frame: pd.DataFrame) -> dict[tuple[Any, ...], Any]:
    return {(row.la, row.file, row.rule): row.rows for row in frame.itertuples()}


def conserved(extracts: Extracts) -> bool:
    """rows_read = rows_kept + set aside + identical and blank rows, for every LA and file."""
    gone = pd.concat(
        [
            extracts.set_aside,
            extracts.resolved[extracts.resolved["rule"].isin(["identical row", "blank row"])],
        ]
    )
    lost = gone.groupby(["la", "file"], observed=True)["rows"].sum()
    arrivals = extracts.arrivals.set_index(["la", "file"])
    difference = arrivals["rows_read"] - arrivals["rows_kept"]
    return bool(difference.sub(lost, fill_value=0).eq(0).all())


# --- The good refresh -----------------------------------------------------------------------------


def test_a_good_refresh_is_clean_and_typed(sender: Sender) -> None:
    extracts = sender.load()
    assert extracts.set_aside.empty
    assert extracts.resolved.empty
    assert not (sender.folder / "set-aside").exists()
    child = extracts.children.loc[8]  # Newcastle's first
    assert (child["la"], child["child_id"], child["sex"]) == ("newcastle", "ne1", "female")
    assert child["birth_month"] == pd.Timestamp("2007-01-01")
    assert extracts.children["disabled"].iloc[:3].tolist()[:2] == [False, True]
    assert extracts.children["disabled"].iloc[2] is pd.NA
    assert extracts.children["pupil_premium"].isna().all()
    episode = extracts.care_episodes.iloc[3]
    assert extracts.children.loc[episode["child"], "child_id"] == "ne3"
    assert episode["DECOM"] == pd.Timestamp("2021-03-01")
    assert pd.isna(extracts.care_episodes.iloc[2]["DEC"])
    assert extracts.referrals["referral_nfa"].dtype == bool
    assert extracts.referrals["primary_need"].iloc[:2].tolist() == ["1", "2"]
    assert extracts.attendance["academic_year"].unique().tolist() == [2021]
    assert extracts.ipe_survey["rq4_risk"].tolist() == [2] * 10  # equal respondents all stay
    assert conserved(extracts)


def test_columns_are_those_at_the_seam(sender: Sender) -> None:
    extracts = sender.load()
    expected = {
        "children": "la child_id birth_month sex ethnicity disabled fsm_ever pupil_premium uasc",
        "referrals": "child la referral_id referral_date referral_nfa closure_date primary_need "
        "n_previous_cpp",
        "plans": "child la plan_type start_date end_date",
        "care_episodes": "child la DECOM RNE LS PLACE DEC REC",
        "attendance": "child la academic_year term sessions_possible sessions_unauthorised",
        "set_aside": "la file rule rows",
        "resolved": "la file rule rows",
        "arrivals": "la file arrived rows_read rows_kept first_date last_date ignored_columns",
        "withdrawn": "la children",
    }
    for name, columns in expected.items():
        assert list(getattr(extracts, name).columns) == columns.split(), name
    for name in ("children", "referrals", "plans", "care_episodes", "attendance"):
        assert list(getattr(extracts, name)["la"].cat.categories) == list(LA_KEYS), name
    for column in ("referral_date", "closure_date"):
        assert extracts.referrals[column].dtype == np.dtype("datetime64[s]")


def test_the_same_rows_as_parquet(sender: Sender) -> None:
    """Typed Parquet (dates, numbers, missing values) gives the same frames as the CSV."""
    csv_frames = sender.load()
    for path in list(sender.files):
        table = pa_csv.read_csv(sender.folder / path)
        for at, name in enumerate(table.column_names):
            if name == "birth_month":
                months = pa.array([f"{m}-01" for m in table[name].to_pylist()])
                table = table.set_column(at, name, months.cast(pa.date32()))
        (sender.folder / path).unlink()
        pq.write_table(table, (sender.folder / path).with_suffix(".parquet"))
    frames = load_extracts(small_refresh(), sender.root)
    for name in ("children", "referrals", "plans", "care_episodes", "attendance", "ipe_fgc"):
        pd.testing.assert_frame_equal(getattr(frames, name), getattr(csv_frames, name))
    assert frames.set_aside.empty


def test_bom_crlf_quotes_column_order_and_case_change_nothing(sender: Sender) -> None:
    plain = sender.load()
    sender.edit(CHILDREN, lambda text: "\ufeff" + text.replace("\n", "\r\n"))
    quoted = [
        ",".join(f'"{cell}"' for cell in reversed(line.split(",")))
        for line in sender.text(REFERRALS).splitlines()
    ]
    sender.files[REFERRALS] = "\n".join(quoted) + "\n"
    sender.swap(PLANS, "child_id,plan_type", "Child_ID, PLAN_TYPE ")
    extracts = sender.load()
    for name in ("children", "referrals", "plans"):
        pd.testing.assert_frame_equal(getattr(extracts, name), getattr(plain, name))
    assert extracts.resolved.empty


def test_old_mac_line_ends(sender: Sender) -> None:
    plain = sender.load()
    sender.edit(PLANS, lambda text: text.replace("\n", "\r"))
    pd.testing.assert_frame_equal(sender.load().plans, plain.plans)


def test_a_header_alone_is_an_empty_file(sender: Sender) -> None:
    for path in list(sender.files):
        if path.startswith(f"{LA}/"):
            sender.edit(path, lambda text: text.split("\n")[0] + "\n")
    for name in ("la_context", "ipe_admin", "ipe_survey", "ipe_fgc"):
        sender.edit(f"{name}.csv", lambda text: text.split("\n")[0])
    extracts = sender.load()
    assert extracts.set_aside.empty
    assert LA not in set(extracts.children["la"])
    assert len(extracts.ipe_admin) == 0
    arrived = extracts.arrivals.set_index(["la", "file"])["arrived"]
    assert not arrived[LA, "children"]
    assert arrived["sefton", "children"]
    assert not arrived["sefton", "ipe_admin"]


def test_optional_files_and_columns_may_lack(sender: Sender) -> None:
    del sender.files["ipe_training.csv"]
    sender.edit(
        EPISODES,
        lambda text: re.sub(
            r"(?m)^((?:[^,]*,){6})[^,]*,((?:[^,]*,){1}[^,]*),[^,]*$", r"\1\2", text
        ),
    )
    assert "PLACE_PROVIDER" not in sender.text(EPISODES)
    extracts = sender.load()
    assert list(extracts.ipe_training.columns) == list(FILES["ipe_training"].column_names)
    assert len(extracts.ipe_training) == 0
    assert len(extracts.care_episodes) == 15
    assert extracts.set_aside.empty


def test_further_columns(sender: Sender) -> None:
    """Params name further numeric columns of la_context; others are ignored and named."""
    sender.edit(
        "la_context.csv",
        lambda text: text.replace("\n", ",12.5,x\n").replace(
            "other_programme,12.5,x", "other_programme,early_help,remark"
        ),
    )
    sender.edit(PLANS, lambda text: text.replace("\n", ",a\n").replace("date,a", "date,wave"))
    extracts = sender.load(context_columns=("early_help",))
    assert extracts.la_context["early_help"].unique().tolist() == [12.5]
    assert "remark" not in extracts.la_context
    ignored = extracts.arrivals.set_index(["la", "file"])["ignored_columns"]
    assert ignored[LA, "plans"] == "wave"
    assert ignored[LA, "la_context"] == "remark"
    assert ignored[LA, "children"] == ""
    with pytest.raises(Refusal, match=r"la_context\.csv: missing column: absent"):
        sender.load(context_columns=("absent",))


# --- Rows set aside -------------------------------------------------------------------------------

Edit = Callable[[Sender], None]


def cell(path: str, row: int, column: str, value: str) -> Edit:
    return lambda sender: sender.set_cell(path, row, column, value)


def added(path: str, row: str) -> Edit:
    return lambda sender: sender.add(path, row)


# One row of the first file breaks the rule. (rule, file, the column named, edit)
SET_ASIDE: list[tuple[str, str, str, Edit]] = [
    ("missing value", REFERRALS, "referral_nfa", cell(REFERRALS, 3, "referral_nfa", "")),
    ("missing value", REFERRALS, "referral_id", cell(REFERRALS, 3, "referral_id", " ")),
    ("missing value", EPISODES, "RNE", cell(EPISODES, 1, "RNE", "")),
    ("missing value", PLANS, "start_date", cell(PLANS, 1, "start_date", "")),
    ("not an identifier", REFERRALS, "referral_id", cell(REFERRALS, 3, "referral_id", "r" * 129)),
    ("text too long", "ipe_training.csv", "team", cell("ipe_training.csv", 3, "team", "t" * 201)),
    ("unknown code", EPISODES, "PLACE", cell(EPISODES, 1, "PLACE", "U9")),
    ("unknown code", EPISODES, "REC", cell(EPISODES, 1, "REC", "X2")),
    ("unknown code", REFERRALS, "primary_need", cell(REFERRALS, 1, "primary_need", "N10")),
    ("unknown code", PLANS, "plan_type", cell(PLANS, 1, "plan_type", "CP")),
    ("unknown code", "ipe_admin.csv", "indicator", cell("ipe_admin.csv", 9, "indicator", "x")),
    (
        "unknown code",
        "ipe_survey.csv",
        "time_point",
        cell("ipe_survey.csv", 5, "time_point", "pre"),
    ),
    ("not 0 or 1", REFERRALS, "referral_nfa", cell(REFERRALS, 3, "referral_nfa", "true")),
    ("not a date", PLANS, "end_date", cell(PLANS, 1, "end_date", "2021-02-29")),
    ("not a date", EPISODES, "DECOM", cell(EPISODES, 1, "DECOM", "31/04/2021")),
    ("not a date", PLANS, "start_date", cell(PLANS, 1, "start_date", "20200201")),
    (
        "not an academic year",
        ATTENDANCE,
        "academic_year",
        cell(ATTENDANCE, 1, "academic_year", "2021/23"),
    ),
    ("not a number", REFERRALS, "n_previous_cpp", cell(REFERRALS, 1, "n_previous_cpp", "two")),
    ("not a number", "ipe_admin.csv", "numerator", cell("ipe_admin.csv", 9, "numerator", "70%")),
    (
        "not a whole number",
        ATTENDANCE,
        "sessions_possible",
        cell(ATTENDANCE, 1, "sessions_possible", "120.5"),
    ),
    (
        "not a whole number",
        "ipe_admin.csv",
        "numerator",
        cell("ipe_admin.csv", 9, "numerator", "70.5"),
    ),
    (
        "out of range",
        ATTENDANCE,
        "sessions_possible",
        cell(ATTENDANCE, 1, "sessions_possible", "381"),
    ),
    ("out of range", "ipe_survey.csv", "confident", cell("ipe_survey.csv", 5, "confident", "6")),
    ("out of range", "ipe_survey.csv", "rq4_risk", cell("ipe_survey.csv", 5, "rq4_risk", "0")),
    ("out of range", "ipe_admin.csv", "numerator", cell("ipe_admin.csv", 12, "numerator", "-16")),
    ("end before start", PLANS, "end_date", cell(PLANS, 1, "end_date", "2020-01-31")),
    (
        "end before start",
        REFERRALS,
        "closure_date",
        cell(REFERRALS, 1, "closure_date", "2020-01-10"),
    ),
    ("end before start", EPISODES, "DEC", cell(EPISODES, 1, "DEC", "28/02/2021")),
    ("start before 1990", PLANS, "start_date", cell(PLANS, 1, "start_date", "1989-12-31")),
    (
        "start before 1990",
        ATTENDANCE,
        "academic_year",
        cell(ATTENDANCE, 1, "academic_year", "1989/90"),
    ),
    ("start after data_through", PLANS, "start_date", cell(PLANS, 2, "start_date", "2024-04-01")),
    (
        "start after data_through",
        ATTENDANCE,
        "academic_year",
        cell(ATTENDANCE, 1, "academic_year", "2024/25"),
    ),
    (
        "sessions_unauthorised over sessions_possible",
        ATTENDANCE,
        "sessions_unauthorised",
        cell(ATTENDANCE, 1, "sessions_unauthorised", "122"),
    ),
    ("held over referred", "ipe_fgc.csv", "held", cell("ipe_fgc.csv", 5, "held", "61")),
    ("agreed over held", "ipe_fgc.csv", "agreed", cell("ipe_fgc.csv", 5, "agreed", "41")),
    (
        "attended over eligible",
        "ipe_training.csv",
        "attended",
        cell("ipe_training.csv", 3, "attended", "26"),
    ),
    (
        "numerator over denominator",
        "ipe_admin.csv",
        "numerator",
        cell("ipe_admin.csv", 9, "numerator", "101"),
    ),
    (
        "denominator missing",
        "ipe_admin.csv",
        "denominator",
        cell("ipe_admin.csv", 9, "denominator", ""),
    ),
    (
        "denominator zero",
        "ipe_admin.csv",
        "denominator",
        cell("ipe_admin.csv", 11, "denominator", "0"),
    ),
    ("level missing", "ipe_fgc.csv", "level", cell("ipe_fgc.csv", 6, "level", "")),
    ("orphan child_id", REFERRALS, "child_id", added(REFERRALS, "co99,r99,2020-01-01,0,,N1,0")),
    ("orphan child_id", EPISODES, "CHILD", cell(EPISODES, 3, "CHILD", "CO4")),
    ("missing value", CHILDREN, "child_id", added(CHILDREN, ",2010-01,M,WBRI,NONE,0,,0")),
]


def judged(sender: Sender, path: str) -> Screened:
    """One file alone, with its LA's children: many times faster than a whole refresh."""
    sender.write()
    la, file = path.split("/") if "/" in path else (None, path)
    spec = FILES[file.removesuffix(".csv")]
    roster = None
    if spec.scope == "la" and spec.name != "children":
        roster = roster_of(judged(sender, f"{la}/children.csv"))
    header = read_header(Source(spec, la, sender.folder / path, path)).header
    assert header is not None
    raw, faults = read_rows(header)
    assert raw is not None, faults
    return judge_rows(raw, small_refresh(), roster)


@pytest.mark.parametrize(("rule", "path", "column", "edit"), SET_ASIDE)
def test_a_row_is_set_aside_under_its_rule(
    sender: Sender, rule: str, path: str, column: str, edit: Edit
) -> None:
    edit(sender)
    file = judged(sender, path)
    assert [file.rule_names[at] for at in np.flatnonzero(~file.kept)] == [rule]
    assert [file.column_names[at] for at in np.flatnonzero(~file.kept)] == [column]
    assert count_verdicts(file) == [("set aside", LA, file.spec.name, rule, 1)]


def test_set_aside_rows_of_several_files_are_counted_and_written(sender: Sender) -> None:
    sender.set_cell(PLANS, 1, "end_date", "2020-01-31")
    sender.set_cell("ipe_admin.csv", 9, "numerator", "101")
    extracts = sender.load()
    assert counts(extracts.set_aside) == {
        (LA, "plans", "end before start"): 1,
        (LA, "ipe_admin", "numerator over denominator"): 1,
    }
    assert conserved(extracts)
    for file in ("plans", "ipe_admin"):
        path = sender.folder / "set-aside" / LA / f"{file}.csv"
        assert len(list(csv.DictReader(path.open(encoding="utf-8-sig")))) == 1


# A child's own row takes the child's other rows with it.
CASCADES: list[tuple[str, Edit, dict[str, int]]] = [
    (
        "unknown code",
        cell(CHILDREN, 1, "ethnicity", "WBRX"),
        {"referrals": 2, "plans": 2, "attendance": 3},
    ),
    (
        "unknown code",
        cell(CHILDREN, 2, "disability", "AUT;XX"),
        {"referrals": 1, "plans": 1, "attendance": 3},
    ),
    (
        "none beside another code",
        cell(CHILDREN, 2, "disability", "AUT;NONE"),
        {"referrals": 1, "plans": 1, "attendance": 3},
    ),
    (
        "not a month",
        cell(CHILDREN, 3, "birth_month", "2010-13"),
        {"referrals": 1, "care_episodes": 2, "attendance": 3},
    ),
    (
        "birth month after data_through",
        cell(CHILDREN, 3, "birth_month", "2024-04"),
        {"referrals": 1, "care_episodes": 2, "attendance": 3},
    ),
    ("not 0 or 1", cell(CHILDREN, 8, "uasc", "2"), {"referrals": 1, "attendance": 3}),
]


@pytest.mark.parametrize(("rule", "edit", "others"), CASCADES)
def test_a_child_set_aside_takes_its_rows_along(
    sender: Sender, rule: str, edit: Edit, others: dict[str, int]
) -> None:
    edit(sender)
    extracts = sender.load()
    expected = {(LA, "children", rule): 1} | {
        (LA, file, "child set aside"): rows for file, rows in others.items()
    }
    assert counts(extracts.set_aside) == expected
    assert len(extracts.children) == 39
    assert conserved(extracts)


def test_days_on_a_boundary_are_kept(sender: Sender) -> None:
    """1990-01-01, data_through itself, an end on the start, a month that begins on data_through."""
    sender.set_cell(PLANS, 1, "start_date", "1990-01-01")
    sender.set_cell(PLANS, 1, "end_date", "1990-01-01")
    sender.set_cell(PLANS, 2, "start_date", "2024-03-01")
    sender.set_cell(CHILDREN, 3, "birth_month", "2024-03")
    extracts = sender.load(data_through=date(2024, 3, 1))
    assert extracts.set_aside.empty
    assert extracts.resolved.empty
    assert len(extracts.plans) == 20


def test_a_part_may_be_the_whole_and_a_mean_more_than_one(sender: Sender) -> None:
    sender.set_cell("ipe_fgc.csv", 5, "held", "60")  # all that were referred
    sender.set_cell("ipe_fgc.csv", 5, "agreed", "60")
    sender.set_cell("ipe_admin.csv", 9, "numerator", "100")
    sender.set_cell("ipe_admin.csv", 12, "denominator", "2")  # a caseload is no share
    sender.set_cell(ATTENDANCE, 1, "sessions_unauthorised", "121")
    assert sender.load().set_aside.empty


def test_a_slip_in_a_day_first_column_is_one_rows_fault(sender: Sender) -> None:
    """14/04/2021 says that the column is day first; a 13th month in it is no other form."""
    sender.set_cell(EPISODES, 3, "DECOM", "02/13/2022")
    extracts = sender.load()
    assert counts(extracts.set_aside) == {(LA, "care_episodes", "not a date"): 1}


def test_copies_of_a_row_set_aside_are_still_copies(sender: Sender) -> None:
    for _ in range(3):
        sender.add(PLANS, "co2,XXX,2022-03-04,2024-09-05")
    extracts = sender.load()
    assert counts(extracts.set_aside) == {(LA, "plans", "unknown code"): 1}
    assert counts(extracts.resolved) == {(LA, "plans", "identical row"): 2}
    assert conserved(extracts)


def test_rows_that_share_a_key_and_differ_all_go(sender: Sender) -> None:
    sender.add(CHILDREN, "co8,2015-01,M,WBRI,NONE,0,,0")
    sender.add(REFERRALS, "co2,r3,2020-01-01,0,,N1,0")  # r3 is another child's
    sender.add(PLANS, "co1,CIN,2020-02-01,2020-08-05")
    sender.add(EPISODES, "co3,14/04/2021,P,C1,N1,U6,PR1,30/09/2021,E4A,")
    sender.add(ATTENDANCE, "co2,2021/22,spring,122,3")
    sender.add("ipe_admin.csv", f"{LA},12m,caseload,17,")
    extracts = sender.load()
    assert counts(extracts.set_aside) == {
        (LA, "children", "duplicate key"): 2,
        (LA, "referrals", "duplicate key"): 2,
        (LA, "referrals", "child set aside"): 1,
        (LA, "plans", "duplicate key"): 2,
        (LA, "care_episodes", "duplicate key"): 2,
        (LA, "attendance", "duplicate key"): 2,
        (LA, "attendance", "child set aside"): 3,
        (LA, "ipe_admin", "duplicate key"): 2,
    }
    assert extracts.resolved.empty
    assert conserved(extracts)


def test_identical_rows_are_kept_once(sender: Sender) -> None:
    for path, row in (
        (CHILDREN, " co8,2014-08,m,wbri,BEH,0,,0 "),  # alike once spaces and case are put right
        (REFERRALS, "co1,r9,2023-05-05,1,,1,0"),  # 1 is N1
        (PLANS, "co2,CIN,2021-03-04,2021-09-05"),
        (EPISODES, "co4,2/2/2022,S,V2,n5,K2,PR4,,,"),
        ("la_context.csv", f"{LA},2018-04-01,0"),
    ):
        for _ in range(2):
            sender.add(path, row)
    before = len(sender.load(data_through=THROUGH).referrals)
    extracts = sender.load()
    assert counts(extracts.resolved) == {
        (LA, file, "identical row"): 2
        for file in ("children", "referrals", "plans", "care_episodes", "la_context")
    }
    assert extracts.set_aside.empty
    assert (len(extracts.children), len(extracts.referrals)) == (40, before)
    assert len(extracts.plans) == 20
    assert conserved(extracts)


def test_identical_and_conflicting_copies_of_one_key(sender: Sender) -> None:
    sender.add(PLANS, "co2,CIN,2021-03-04,2021-09-05")
    sender.add(PLANS, "co2,CIN,2021-03-04,2021-09-06")
    extracts = sender.load()
    assert counts(extracts.resolved) == {(LA, "plans", "identical row"): 1}
    assert counts(extracts.set_aside) == {(LA, "plans", "duplicate key"): 2}
    assert conserved(extracts)


def test_rows_without_a_key_are_not_copies_of_each_other(sender: Sender) -> None:
    for _ in range(2):
        sender.add(PLANS, ",CIN,2021-03-04,2021-09-05")
    extracts = sender.load()
    assert counts(extracts.set_aside) == {(LA, "plans", "missing value"): 2}
    assert extracts.resolved.empty


def test_the_first_rule_counts(sender: Sender) -> None:
    """An unknown code in a row that also ends before it starts, of a child set aside."""
    sender.set_cell(PLANS, 1, "plan_type", "X")
    sender.set_cell(PLANS, 1, "end_date", "2019-01-01")
    sender.set_cell(CHILDREN, 1, "sex", "X")
    extracts = sender.load()
    assert counts(extracts.set_aside)[LA, "plans", "unknown code"] == 1
    assert counts(extracts.set_aside)[LA, "plans", "child set aside"] == 1


def test_a_return_from_before_the_live_date(sender: Sender) -> None:
    """Sefton goes live on 1 April 2022: at the end of March it can't have a 6-month return."""
    for path in ("attendance", "care_episodes", "referrals"):
        sender.edit(f"sefton/{path}.csv", lambda text: text.split("\n")[0])
    through = dict.fromkeys(LA_KEYS, THROUGH) | {"sefton": date(2022, 3, 31)}
    extracts = sender.load(data_through=through)
    rule = "time point before live date"
    assert counts(extracts.set_aside) == {
        ("sefton", "ipe_admin", rule): 3,  # its count at `pre` stays
        ("sefton", "ipe_survey", rule): 2,
        ("sefton", "ipe_fgc", rule): 2,
        ("sefton", "ipe_training", rule): 1,
    }
    assert sender.load(data_through=through | {"sefton": date(2022, 4, 1)}).set_aside.empty


def test_data_through_is_each_las_own(sender: Sender) -> None:
    through = dict.fromkeys(LA_KEYS, THROUGH) | {LA: date(2023, 5, 4)}
    extracts = sender.load(data_through=through)
    assert counts(extracts.set_aside) == {(LA, "referrals", "start after data_through"): 1}


def test_a_row_that_names_no_la(sender: Sender) -> None:
    sender.set_cell("ipe_survey.csv", 1, "la", "Leeds")
    extracts = sender.load()
    assert counts(extracts.set_aside) == {("unknown", "ipe_survey", "unknown code"): 1}
    assert (sender.folder / "set-aside" / "unknown" / "ipe_survey.csv").is_file()
    assert conserved(extracts)


def test_every_rule_has_an_example_here() -> None:
    tried = {rule for rule, *_ in SET_ASIDE} | {rule for rule, *_ in CASCADES}
    tried |= {"child set aside", "duplicate key", "time point before live date"}
    assert tried == {rule.id for rule in RULES.values() if rule.outcome == "set aside"}


# --- Rows resolved --------------------------------------------------------------------------------


def test_stray_spaces_and_case(sender: Sender) -> None:
    sender.set_cell(CHILDREN, 1, "ethnicity", " wbri ")
    sender.set_cell(CHILDREN, 1, "disability", "none")
    sender.set_cell(CHILDREN, 2, "disability", "ld; aut")
    sender.set_cell(CHILDREN, 5, "child_id", "\u00a0co5 ")
    sender.set_cell(PLANS, 1, "start_date", " 2020-02-01")
    sender.set_cell("ipe_fgc.csv", 1, "la", "Warwickshire")
    extracts = sender.load()
    assert counts(extracts.resolved) == {
        (LA, "children", "spaces or case"): 3,
        (LA, "plans", "spaces or case"): 1,
        ("warwickshire", "ipe_fgc", "spaces or case"): 1,
    }
    assert extracts.set_aside.empty
    coventry = extracts.children[extracts.children["la"] == LA]
    assert coventry["ethnicity"].iloc[0] == "WBRI"
    assert coventry["child_id"].iloc[4] == "co5"
    assert coventry["disabled"].iloc[:2].tolist() == [False, True]


def test_codes_of_the_returns_are_accepted_as_they_are(sender: Sender) -> None:
    for row, (sex, need) in enumerate(
        (("1", "0"), ("2", "9"), ("0", "N0"), ("9", "4"), ("U", "N4"), ("I", "7"), ("M", "N7")), 1
    ):
        sender.set_cell(CHILDREN, row, "sex", sex)
        sender.set_cell(REFERRALS, row, "primary_need", need)
    extracts = sender.load()
    coventry = extracts.children["la"] == LA
    assert extracts.children.loc[coventry, "sex"].tolist()[:7] == [
        "male", "female", "other", "other", "other", "other", "male",
    ]  # fmt: skip
    needs = extracts.referrals.loc[extracts.referrals["la"] == LA, "primary_need"]
    assert needs.tolist()[:7] == ["0", "9", "0", "4", "4", "7", "7"]
    assert extracts.resolved.empty


def test_an_end_after_data_through_is_still_open(sender: Sender) -> None:
    sender.set_cell(PLANS, 1, "end_date", "2024-04-01")
    sender.set_cell(PLANS, 3, "end_date", "2024-03-31")
    sender.set_cell(EPISODES, 2, "DEC", "01/04/2024")
    sender.set_cell(REFERRALS, 1, "closure_date", "2030-01-01")
    extracts = sender.load()
    assert counts(extracts.resolved) == {
        (LA, file, "end after data_through"): 1 for file in ("referrals", "plans", "care_episodes")
    }
    plans = extracts.plans[extracts.plans["la"] == LA]
    assert plans["end_date"].isna().tolist() == [True, True, False, False]
    assert extracts.set_aside.empty


def test_whole_numbers_written_as_decimals(sender: Sender) -> None:
    sender.set_cell(REFERRALS, 1, "n_previous_cpp", "2.0")
    extracts = sender.load()
    assert counts(extracts.resolved) == {(LA, "referrals", "written as decimal"): 1}
    assert extracts.referrals.loc[extracts.referrals["la"] == LA, "n_previous_cpp"].iloc[0] == 2


def test_blank_rows_are_passed_over_and_numbers_stay_the_spreadsheets(sender: Sender) -> None:
    lines = sender.text(PLANS).split("\n")
    lines[1:1] = ["", " , ,,", "   "]
    lines[-2] = lines[-2].replace("CPP", "XYZ")
    sender.files[PLANS] = "\n".join([*lines, ",,,", ""])
    extracts = sender.load()
    # An empty line, one of commas and spaces, the last one of commas; a line of spaces is no row.
    assert counts(extracts.resolved) == {(LA, "plans", "blank row"): 4}
    assert conserved(extracts)
    (row,) = csv.DictReader(
        (sender.folder / "set-aside" / LA / "plans.csv").open(encoding="utf-8-sig")
    )
    assert int(row["source_row"]) == lines.index("co5,XYZ,2020-06-01,2021-06-01") + 1


def test_a_file_cut_in_its_last_row(sender: Sender) -> None:
    """Cut inside the last value, nothing but the missing line end can tell."""
    sender.edit(PLANS, lambda text: text[:-2])
    extracts = sender.load()
    assert counts(extracts.resolved) == {(LA, "plans", "unfinished last row"): 1}
    assert counts(extracts.set_aside) == {(LA, "plans", "not a date"): 1}


# --- Withdrawals ----------------------------------------------------------------------------------


def test_withdrawn_children_leave_no_trace_but_a_number(sender: Sender) -> None:
    sender.set_cell(CHILDREN, 3, "sex", "X")  # would be set aside
    sender.set_cell(EPISODES, 1, "PLACE", "U9")
    sender.add(REFERRALS, "co3,r3,2020-01-01,0,,N1,0")  # would be a duplicate key
    sender.files["withdrawals.csv"] = f"la,child_id\n{LA}, co3 \n{LA},co3\nSefton,se1\n"
    extracts = sender.load()
    assert extracts.set_aside.empty
    assert extracts.resolved.empty
    assert dict(zip(extracts.withdrawn["la"], extracts.withdrawn["children"], strict=True)) == {
        LA: 1, "sefton": 1,
    }  # fmt: skip
    assert "co3" not in set(extracts.children["child_id"])
    assert len(extracts.care_episodes) == 13
    read = extracts.arrivals.set_index(["la", "file"])["rows_read"]
    assert read[LA, "children"] == 7
    assert read[LA, "attendance"] == 21
    assert conserved(extracts)


def test_nothing_is_read_from_a_withdrawn_row(sender: Sender) -> None:
    """Neither its date form nor its values count, not even against the file."""
    sender.set_cell(EPISODES, 3, "DECOM", "2022-02-02")  # another date form than the others
    sender.set_cell(CHILDREN, 4, "birth_month", "2010-04-17")  # a full date of birth
    with pytest.raises(Refusal):
        sender.load()
    sender.files["withdrawals.csv"] = f"la,child_id\n{LA},co4\n"
    assert sender.load().set_aside.empty


def test_a_withdrawal_of_an_unknown_child_is_counted(sender: Sender) -> None:
    sender.files["withdrawals.csv"] = f"la,child_id\n{LA},co77\n{LA},co1\n"
    extracts = sender.load()
    assert counts(extracts.resolved) == {(LA, "withdrawals", "withdrawal not found"): 1}
    assert extracts.withdrawn["children"].tolist() == [2]


@pytest.mark.parametrize("row", ["Leeds,co1", f"{LA},", ",co1"])
def test_an_unclear_withdrawal_stops_the_run(sender: Sender, row: str) -> None:
    sender.files["withdrawals.csv"] = f"la,child_id\n{row}\n"
    with pytest.raises(Refusal, match=r"withdrawals\.csv: column (la|child_id)") as told:
        sender.load()
    assert "co1" not in str(told.value)


def test_withdrawals_are_looked_through_for_identifiers(sender: Sender) -> None:
    sender.files["withdrawals.csv"] = f"la,child_id,who\n{LA},co1,Jane Smith\n"
    with pytest.raises(
        Refusal, match=r"withdrawals\.csv: column who holds what looks like"
    ) as told:
        sender.load()
    assert "Jane" not in str(told.value)


def test_unreadable_withdrawals_stop_the_run_before_rows_are_judged(sender: Sender) -> None:
    sender.set_cell(CHILDREN, 4, "birth_month", "2010-04-17")
    sender.files["withdrawals.csv"] = f"la,child_id\n{LA},co1,x\n"
    with pytest.raises(Refusal, match="no further row was read") as told:
        sender.load()
    assert "children" not in str(told.value)


# --- The whole refresh refused --------------------------------------------------------------------


def gone(path: str) -> Edit:
    def edit(sender: Sender) -> None:
        del sender.files[path]

    return edit


def became(path: str, content: bytes | Callable[[str], bytes]) -> Edit:
    def edit(sender: Sender) -> None:
        sender.files[path] = content if isinstance(content, bytes) else content(sender.text(path))

    return edit


def changed(path: str, change: Callable[[str], str]) -> Edit:
    return lambda sender: sender.edit(path, change)


def lines(change: Callable[[list[str]], None]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        rows = text.split("\n")
        change(rows)
        return "\n".join(rows)

    return edit


PLANS_HEADER = b"child_id,plan_type,start_date,end_date\n"
REFUSED: list[tuple[str, Edit, str]] = [
    ("missing file", gone(PLANS), r"coventry/plans\.csv: missing file"),
    ("missing file", gone("ipe_fgc.csv"), r"small/ipe_fgc\.csv: missing file"),
    ("file of 0 bytes", became(PLANS, b""), r"plans\.csv: a file of 0 bytes"),
    ("missing column", changed(PLANS, lambda t: t.replace("end_date", "end")),
     r"plans\.csv: missing column: end_date"),
    ("missing column", became(PLANS, b"\xef\xbb\xbf"), r"plans\.csv: the first row is not"),
    ("missing column", changed(PLANS, lambda t: "\n" + t), r"plans\.csv: the first row is not"),
    ("repeated column", changed(PLANS, lambda t: t.replace("end_date", "END_DATE,end_date", 1)),
     r"plans\.csv: repeated column: end_date"),
    ("repeated column",
     changed(PLANS, lines(lambda r: r.__setitem__(0, r[0] + ",wave,Wave"))),
     r"plans\.csv: repeated column: wave"),
    ("another separator", changed(PLANS, lambda t: t.replace(",", ";")),
     r"plans\.csv: another separator.*a semicolon; expected a comma"),
    ("another separator", changed(PLANS, lambda t: t.replace(",", "\t")),
     r"plans\.csv: another separator.*a tab"),
    ("unreadable encoding",
     became(PLANS, lambda t: t.replace("co5", "c\u00e95").encode("cp1252")),
     r"plans\.csv: unreadable encoding: not UTF-8 \(first: row 5\); save it as CSV UTF-8"),
    ("unreadable encoding", became(PLANS, lambda t: t.encode("utf-16")),
     r"plans\.csv: unreadable encoding \(UTF-16"),
    ("unreadable encoding", became(PLANS, lambda t: t.encode("utf-16-le")),
     r"plans\.csv: unreadable encoding \(UTF-16"),
    ("unreadable encoding", changed(PLANS, lambda t: t.replace("co5", "co\0")),
     r"plans\.csv: NUL characters \(first: row 5\)"),
    ("broken rows", changed(PLANS, lambda t: t.replace("2020-08-01", "2020-08-01,x")),
     r"plans\.csv: 1 row has more or fewer values than the header's 4 columns \(first: row 2\)"),
    ("broken rows", changed(PLANS, lambda t: t[: t.rindex(",")]),
     r"plans\.csv: 1 row has more or fewer .* \(first: row 5\)"),
    ("broken rows", changed(PLANS, lambda t: t.replace("2020-08-01", '"2020-08-01')),
     r"plans\.csv: broken rows: after row 1 a quote"),
    ("broken rows", changed(PLANS, lambda t: t.replace("2020-08-01", '"2020"-08-01')),
     r"plans\.csv: broken rows: after row 1 a quote"),
    ("broken rows", changed(PLANS, lambda t: t.replace("2020-08-01", '"2020-08-01\n"')),
     r"plans\.csv: broken rows: 1 line breaks inside quoted values"),
    ("broken rows", changed(PLANS, lambda t: t.replace("co5", "5" * 1_000_001)),
     r"plans\.csv: a row has more than 1,000,000 bytes"),
    ("mixed date forms", cell(EPISODES, 2, "DECOM", "2021-04-14"),
     r"care_episodes\.csv: column DECOM mixes date forms: YYYY-MM-DD \(1 row\), DD/MM/YYYY"),
    ("mixed date forms", cell(PLANS, 1, "end_date", "01/08/2020"),
     r"plans\.csv: column end_date mixes date forms"),
    ("mixed date forms",
     became(PLANS, PLANS_HEADER + b"co1,CIN,02/01/2020,\nco2,CIN,06/21/2020,\n"),
     r"plans\.csv: column start_date mixes date forms: DD/MM/YYYY \(1 row\), MM/DD/YYYY \(1 row"),
    ("mixed date forms",
     became(PLANS, PLANS_HEADER + b"co1,CIN,06/21/2020,\n"),
     r"plans\.csv: column start_date is written month first"),
    ("identifier by name", changed(PLANS, lines(lambda r: r.__setitem__(0, r[0] + ",postcode"))),
     r"no row was read\n.*plans\.csv: column postcode looks like a postcode"),
    ("identifier by content", cell(CHILDREN, 1, "birth_month", "2007-01-15"),
     r"children\.csv: column birth_month holds what looks like a full date of birth"),
    ("withdrawal unclear", became("withdrawals.csv", b"la,child_id\nLeeds,x1\n"),
     r"withdrawals\.csv: column la: unclear in 1 row"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "edit", "message"), REFUSED)
def test_a_refresh_is_refused(sender: Sender, rule: str, edit: Edit, message: str) -> None:
    edit(sender)
    with pytest.raises(Refusal, match=message) as told:
        sender.load()
    text = str(told.value)
    assert text.startswith("data/small: refused, 1 thing to correct"), text
    assert str(sender.root) not in text
    assert not (sender.folder / "set-aside").exists()


def test_every_refusal_has_an_example_here() -> None:
    refusals = {rule.id for rule in RULES.values() if rule.outcome == "refused"}
    assert {rule for rule, *_ in REFUSED} == refusals


def test_all_faults_come_in_one_message(sender: Sender) -> None:
    for path in list(sender.files):
        if path.startswith("sefton/"):
            del sender.files[path]
    gone(PLANS)(sender)
    became(REFERRALS, b"")(sender)
    became(EPISODES, lambda t: t.replace("co3", "c\u00e9").encode("cp1252"))(sender)
    cell("solihull/plans.csv", 1, "end_date", "01/08/2020")(sender)
    changed("ipe_admin.csv", lambda t: t.replace("indicator", "indicators", 1))(sender)
    with pytest.raises(Refusal, match="6 things to correct") as told:
        sender.load()
    text = str(told.value)
    for part in (
        "data/small/sefton: no such folder; expected in it children.csv, referrals.csv, plans.csv",
        "coventry/plans.csv: missing file",
        "coventry/referrals.csv: a file of 0 bytes",
        "coventry/care_episodes.csv: unreadable encoding",
        "solihull/plans.csv: column end_date mixes",
        "ipe_admin.csv: missing column: indicator",
    ):
        assert part in text


def test_identifiers_are_refused_before_any_row_is_read(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.edit(EPISODES, lines(lambda r: r.__setitem__(0, r[0] + ",HOME_POST")))
    sender.swap("sefton/children.csv", "child_id", "child_id;NHS Number")
    gone(PLANS)(sender)

    def no_row(*_: object) -> None:
        raise AssertionError("a row was read")

    monkeypatch.setattr("fvlib.intake.receive.read_rows", no_row)
    with pytest.raises(Refusal, match="no row was read") as told:
        sender.load()
    text = str(told.value)
    assert "care_episodes.csv: column HOME_POST looks like a postcode" in text
    assert "plans.csv: missing file" in text


def test_a_first_row_of_values_is_never_echoed(sender: Sender) -> None:
    """A file without its header: its first row are a child's values."""
    sender.files["sefton/plans.csv"] = "se1,Jane Street,0,0,12 Acacia Avenue address\n"
    with pytest.raises(Refusal) as told:
        sender.load()
    assert "sefton/plans.csv" in str(told.value)
    for value in ("se1", "Jane", "Street", "Acacia", "12"):
        assert value not in str(told.value)


def test_csv_and_parquet_side_by_side(sender: Sender) -> None:
    sender.write()
    (sender.folder / LA / "plans.parquet").write_bytes(b"PAR1")
    with pytest.raises(Refusal, match=r"plans\.csv: plans\.parquet is there too; keep one"):
        sender.load()


def test_a_damaged_parquet_file(sender: Sender) -> None:
    gone(PLANS)(sender)
    sender.write()
    (sender.folder / LA / "plans.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(Refusal, match=r"plans\.parquet: not a Parquet file"):
        sender.load()


def test_parquet_numbers_that_are_none(sender: Sender) -> None:
    """Infinity and numbers past exactness are set aside, never turned into others."""
    gone(ATTENDANCE)(sender)
    sender.write()
    rows = {
        "child_id": ["co1"] * 4,
        "academic_year": ["2021/22"] * 3 + ["2020/21"],
        "term": ["autumn", "spring", "summer", "autumn"],
        "sessions_possible": [float("inf"), 1e300, 100.0, float("nan")],
        "sessions_unauthorised": [1.0, 2.0, 3.0, None],
    }
    pq.write_table(pa.table(rows), sender.folder / LA / "attendance.parquet")
    extracts = load_extracts(small_refresh(), sender.root)
    assert counts(extracts.set_aside) == {(LA, "attendance", "not a number"): 2}
    kept = extracts.attendance[extracts.attendance["la"] == LA]
    assert kept["sessions_possible"].fillna(-1).tolist() == [100, -1]
    assert kept["sessions_unauthorised"].fillna(-1).tolist() == [3, -1]


def test_a_parquet_number_too_large_for_an_integer(sender: Sender) -> None:
    gone(ATTENDANCE)(sender)
    sender.write()
    rows = {"child_id": ["co1"], "academic_year": ["2021/22"], "term": ["autumn"],
            "sessions_possible": [1e300], "sessions_unauthorised": [1.0]}  # fmt: skip
    pq.write_table(pa.table(rows), sender.folder / LA / "attendance.parquet")
    extracts = load_extracts(small_refresh(), sender.root)
    assert counts(extracts.set_aside) == {(LA, "attendance", "not a number"): 1}


def test_a_column_of_lists_in_parquet(sender: Sender) -> None:
    gone(PLANS)(sender)
    sender.write()
    table = pa.table(
        {
            "child_id": [["co1"]],
            "plan_type": ["CIN"],
            "start_date": ["2020-01-01"],
            "end_date": [""],
        }
    )
    pq.write_table(table, sender.folder / LA / "plans.parquet")
    with pytest.raises(Refusal, match=r"plans\.parquet: column child_id: expected text"):
        load_extracts(small_refresh(), sender.root)


def test_a_folder_that_cannot_be_written(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.set_cell(PLANS, 1, "plan_type", "X")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fvlib.intake.set_aside._write", full)
    with pytest.raises(Refusal, match=r"small/set-aside: can't be written \(No space left"):
        sender.load()
    assert not list(sender.folder.glob(".set-aside*"))


def test_what_a_killed_run_left_is_cleared(sender: Sender) -> None:
    sender.set_cell(PLANS, 1, "plan_type", "X")
    sender.write()
    left = sender.folder / ".set-aside-abc"
    left.mkdir()
    os.utime(left, (0, 0))
    sender.load()
    assert not left.exists()


def test_a_file_in_other_letters(sender: Sender) -> None:
    sender.files[f"{LA}/Plans.CSV"] = sender.files.pop(PLANS)
    with pytest.raises(Refusal, match=r"plans\.csv: missing file; rename Plans\.CSV"):
        sender.load()


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"data/small: no such folder.*fv simulate small"):
        load_extracts(small_refresh(), tmp_path)
    assert data_files(small_refresh(), tmp_path) == []


# --- What is written for the authority ------------------------------------------------------------


def test_set_aside_rows_are_as_they_came_and_only_the_owners(sender: Sender) -> None:
    sender.edit(
        PLANS, lambda text: text.replace("\n", ",n\n").replace("end_date,n", "end_date,wave")
    )
    sender.swap(PLANS, "co1,CIN,2020-02-01", " co1,cin,2020-13-01")
    sender.load()
    folder = sender.folder / "set-aside"
    path = folder / LA / "plans.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(path.open(encoding="utf-8-sig"))
    assert row == {
        "rule": "not a date", "column": "start_date", "source_row": "2", "to_correct":
        "date that can't be read: correct the date, in the form of the column's other dates",
        "child_id": " co1",
        "plan_type": "cin", "start_date": "2020-13-01", "end_date": "2020-08-01", "wave": "n",
    }  # fmt: skip
    told = (folder / LA / "README.txt").read_text(encoding="utf-8")
    assert "apostrophe" in told
    assert re.findall(r"(?m)^  (\w.*)\n    what holds", told) == ["not a date"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0


def test_cells_that_a_spreadsheet_would_run_are_disarmed(sender: Sender) -> None:
    for value in ("=1+1", "+1", "-1", "@x", "\tx"):
        sender.add(REFERRALS, f"co1,{value.strip()}r,{value},0,,N1,0")
    sender.load()
    with (sender.folder / "set-aside" / LA / "referrals.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["referral_date"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx"]
    assert [row["referral_id"] for row in rows] == ["'=1+1r", "'+1r", "'-1r", "'@xr", "xr"]


def test_corrected_rows_leave_no_old_file_behind(sender: Sender) -> None:
    sender.set_cell(PLANS, 1, "plan_type", "X")
    sender.set_cell("sefton/plans.csv", 1, "plan_type", "X")
    sender.load()
    sender.set_cell(PLANS, 1, "plan_type", "CIN")
    sender.load()
    left = sorted(path.parent.name for path in sender.folder.glob("set-aside/*/*.csv"))
    assert left == ["sefton"]
    sender.set_cell("sefton/plans.csv", 1, "plan_type", "CIN")
    sender.load()
    assert not (sender.folder / "set-aside").exists()
    assert not list(sender.folder.glob(".set-aside*"))


def test_a_second_run_gives_the_same(sender: Sender) -> None:
    sender.set_cell(PLANS, 1, "plan_type", "X")
    first = sender.load()
    written = (sender.folder / "set-aside" / LA / "plans.csv").read_bytes()
    second = sender.load()
    assert (sender.folder / "set-aside" / LA / "plans.csv").read_bytes() == written
    for name in Extracts.__dataclass_fields__:
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))


def test_data_files_are_the_files_read(sender: Sender) -> None:
    sender.set_cell(PLANS, 1, "plan_type", "X")
    sender.files["withdrawals.csv"] = f"la,child_id\n{LA},co7\n"
    sender.load()
    paths = data_files(small_refresh(), sender.root)
    assert {path.relative_to(sender.folder).as_posix() for path in paths} == set(sender.files)
    assert len(paths) == len(set(paths))
