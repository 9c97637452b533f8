"""Attendance and free school meals beside the returns: the same ids, and nothing of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from fvlib.errors import Refusal
from fvlib.intake import load_extracts
from fvlib.refresh import Refresh
from tests.support.statutory_builders import (
    Desk,
    census,
    child,
    child_id,
    referral,
    resolved,
    to_look_at,
    told,
    unfit,
)

ATTENDANCE = "child_id,academic_year,term,sessions_possible,sessions_unauthorised\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    known = [child(name, referral("2021-05-04")) for name in ("A1", "A2", "A3")]
    desk.put("census.xml", census("".join(known)))
    return desk


def test_a_child_has_the_same_id_in_attendance_as_in_the_returns(desk: Desk) -> None:
    desk.put(
        "schools/spring.csv",
        # As a spreadsheet leaves them: spaces, capitals, a final .0, another order of columns.
        "Term,CHILD_ID,academic_year,sessions_unauthorised,sessions_possible,Surname\n"
        "Spring, A1 ,2021/22,3.0,120,Zanzibar\n"
        "spring,A2,2021/22,0,118,Zanzibar\n"
        "spring,A9,2021/22,11,117,Zanzibar\n",  # in no return: a pupil who was never referred
    )
    report = desk.run()
    assert desk.rows("attendance") == [
        {
            "child_id": child_id(name), "academic_year": "2021/22", "term": "spring",
            "sessions_possible": possible, "sessions_unauthorised": missed,
        }
        for name, possible, missed in sorted(
            [("A1", "120", "3"), ("A2", "118", "0")], key=lambda row: child_id(row[0])
        )
    ]  # fmt: skip
    ids = {row["child_id"] for row in desk.rows("children")}
    assert {row["child_id"] for row in desk.rows("attendance")} < ids
    text = " ".join(told(report).split())
    assert "rows of attendance of children in no return (1)" in text
    assert "columns not of the return (3)" in text
    everything = text + "".join(content.decode() for content in desk.written().values())
    assert "Zanzibar" not in everything
    assert child_id("A9") not in everything


def test_free_school_meals_on_any_census_day(desk: Desk) -> None:
    desk.put("2021.csv", "child_id,fsm_ever\nA1,0\nA2,1\nA3,maybe\n")
    desk.put("2022.csv", "child_id,fsm_ever,pupil_premium\nA1,1,0\nA2,0,\nA2,,\n")
    report = desk.run()
    flags = {row["child_id"]: (row["fsm_ever"], row["pupil_premium"])
             for row in desk.rows("children")}  # fmt: skip
    assert flags == {
        child_id("A1"): ("1", "0"),
        child_id("A2"): ("1", ""),
        child_id("A3"): ("unreadable", ""),
    }
    assert unfit(report) == {("children", "fsm_ever", "unreadable"): 1}
    assert "fsm_ever and pupil_premium" not in told(report)


def test_rows_sent_twice_and_rows_that_differ(desk: Desk) -> None:
    desk.put("a.csv", ATTENDANCE + "A1,2021/22,autumn,130,2\nA2,2021/22,autumn,130,2\n")
    desk.put("b.csv", ATTENDANCE + "A1,2021/22,autumn,130,2\nA2,2021/22,autumn,131,2\n")
    report = desk.run()
    assert len(desk.rows("attendance")) == 3
    assert resolved(report)["attendance", "the same row twice: one kept"] == 1
    assert to_look_at(report)["attendance", "rows of one child and term differ"] == 2


def test_text_in_the_wrong_place_is_not_passed_on(desk: Desk) -> None:
    desk.put("a.csv", ATTENDANCE + "A1,Zanzibar,Zanzibar,Zanzibar,AB123456C\n")
    report = desk.run()
    row = desk.rows("attendance")[0]
    assert set(list(row.values())[1:]) == {"unreadable"}
    assert set(unfit(report)) == {
        ("attendance", column, "unreadable") for column in list(row)[1:]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("child_id,academic_year,term,sessions_possible\nA1,2021/22,spring,1\n",
         "not there: sessions_unauthorised"),
        ("UPN,academic_year,term,sessions_possible,sessions_unauthorised\n", "not there: child_id"),
        ("child_id,fsm_ever,fsm_ever\n", "has one twice"),
        ("child_id;fsm_ever\nA1;1\n", "not separated by commas"),
        ("child_id,fsm_ever\nA1,1,Zanzibar\n", "line 2 has 3 values, the header 2"),
        ("child_id,fsm_ever,note\nA1,1,Z\xfcri\n".encode("latin-1"), "is not UTF-8"),
        (ATTENDANCE.encode("utf-16"), "is not UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(
    desk: Desk, content: str | bytes, message: str
) -> None:
    desk.put("schools.csv", content)
    with pytest.raises(Refusal, match=message) as refused:
        desk.run()
    assert "Zanzibar" not in str(refused.value)
    assert "schools.csv" in str(refused.value)
    assert not desk.to.exists()


def test_schools_files_alone_are_no_return(desk: Desk) -> None:
    (desk.source / "census.xml").unlink()
    desk.put("a.csv", "child_id,fsm_ever\nA1,1\n")
    desk.key_file.unlink()
    with pytest.raises(Refusal, match="holds no return"):
        desk.run()
    assert not desk.key_file.exists()


def test_what_is_written_loads(desk: Desk, sender) -> None:
    desk.put("a.csv", ATTENDANCE + "A1,2021/22,autumn,130,2\nA1,2021/22,spring,120,4\n")
    desk.put("b.csv", "child_id,fsm_ever\nA1,1\n")
    desk.run()
    for path in [path for path in sender.files if path.startswith("sefton/")]:
        del sender.files[path]
    sender.write()
    refresh = Refresh.model_validate(
        {"refresh": "small", "data": "data/small", "data_through": "2024-03-31"}
    )
    desk.to.rename(sender.folder / "sefton")
    extracts = load_extracts(refresh, sender.root)
    assert not len(extracts.set_aside)
    attended = extracts.attendance[extracts.attendance["la"] == "sefton"]
    assert attended["sessions_unauthorised"].tolist() == [2, 4]
    fsm = extracts.children.loc[attended["child"].unique(), "fsm_ever"]
    assert fsm.tolist() == [True]


def test_attendance_of_nobody_in_the_returns_is_not_told_as_absent(desk: Desk) -> None:
    desk.put("school.csv", ATTENDANCE + "Q9,2020/21,spring,120,4\n")
    told_why = dict(desk.run().header_only)["attendance.csv"]
    assert "no row of attendance is of a child in the returns" in told_why
