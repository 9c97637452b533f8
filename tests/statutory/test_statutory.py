"""The import of statutory returns: hand-made returns, each row of the result known beforehand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from fvlib.contract import FILES, LA_FILES
from fvlib.errors import Refusal
from fvlib.statutory.collections import GONE
from fvlib.statutory.values import IMPOSSIBLE, UNREADABLE
from tests.support.statutory_builders import (
    EPISODES_HEADER,
    KEY,
    TWO_YEARS,
    Desk,
    census,
    child,
    child_id,
    protection_plan,
    referral,
    resolved,
    to_look_at,
    told,
    unfit,
)

PASSED_OVER = ("referral_id", "unknown_after")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _of(rows: list[dict[str, str]], identifier: str, column: str = "child_id") -> list[tuple]:
    """A child's rows, without ids."""
    return [
        tuple(value for name, value in row.items() if name not in (column, *PASSED_OVER))
        for row in rows
        if row[column] == child_id(identifier)
    ]


# Written down from the returns by hand: child -> birth_month, sex, ethnicity, disability, fsm_ever,
# pupil_premium, uasc.
CHILDREN = {
    "K-1": ("2012-05", "M", "WBRI", "LD", "", "", "0"),
    "K-2": ("2021-05", "F", "MWBC", "", "", "", "0"),
    "K-3": ("2005-11", "F", "NOBT", "NONE", "", "", "0"),
    "K-4": ("2016-07", "M", "APKN", "MOB;VIS", "", "", "0"),
    "K-5": ("2007-03", "F", "BAFR", "", "", "", "1"),
    "K-6": ("2010-02", "I", "OOTH", "", "", "", "0"),
}
# referral_date, referral_nfa, closure_date, primary_need, n_previous_cpp
REFERRALS = {
    "K-1": [("2020-06-01", "0", "2021-09-30", "N1", "1"), ("2022-01-10", "1", "", "N5", "2")],
    "K-2": [("2021-03-02", "0", "", "N4", "")],
    "K-3": [("2020-05-05", "1", "2020-06-20", "N8", "")],
    "K-4": [("2021-07-01", "0", "", "N2", "0"), ("2021-08-01", "0", "", "N2", "0")],
    "K-5": [],
    # Open at the end of March 2021, and in no return of 2022: nothing is known after that day.
    "K-6": [("2020-10-10", "", "2021-03-31", "N0", "")],
}
PLANS = {
    "K-1": [("CIN", "2020-07-01", "2020-08-01"), ("CPP", "2020-08-01", "2021-08-31")],
    "K-4": [("CPP", "2021-08-01", "")],
}
EPISODES = {
    "K-1": [
        ("2021-02-01", "S", "C1", "N1", "U1", "PR1", "2021-06-05", "X1", ""),
        ("2021-06-05", "L", "C2", "N1", "U1", "PR1", "", "", ""),
    ],
    "K-5": [("2020-10-10", "S", "V2", "N8", "K2", "PR4", "2022-01-20", "E8", "")],
    "K-7": [("2022-03-01", "S", "L1", "N1", "U6", "PR1", "", "", "")],
}


def test_two_years_become_the_rows_written_down_by_hand(desk: Desk) -> None:
    desk.put_two_years()
    report = desk.run()
    children, referrals = desk.rows("children"), desk.rows("referrals")
    plans, episodes = desk.rows("plans"), desk.rows("care_episodes")
    assert {key: _of(children, key) for key in CHILDREN} == {k: [v] for k, v in CHILDREN.items()}
    assert {key: _of(referrals, key) for key in REFERRALS} == REFERRALS
    assert {key: _of(plans, key) for key in PLANS} == PLANS
    assert {key: _of(episodes, key, "CHILD") for key in EPISODES} == EPISODES
    assert report.written == {
        "children": 6,
        "referrals": 7,
        "plans": 3,
        "care_episodes": 4,
        "attendance": 0,
    }
    assert len({row["referral_id"] for row in referrals}) == 7


def test_what_merging_two_years_decided_is_counted_by_rule(desk: Desk) -> None:
    desk.put_two_years()
    report = desk.run()
    assert resolved(report) == {
        ("children", "child in several returns: rows made one"): 6,  # 12 rows, 6 children
        ("children", "child differs between collections: the latest value kept"): 2,  # K-1, K-2
        ("referrals", "in several collections, unchanged: one kept"): 1,  # K-2
        ("referrals", "in several collections: the latest kept"): 1,  # K-1
        (
            "referrals",
            GONE,
        ): 1,  # K-6's case is open at the end of March 2021, and not there in 2022
        ("plans", "in several collections: the latest kept"): 2,  # K-1
        ("care_episodes", "in several collections: the latest kept"): 2,  # K-1, K-5
    }
    assert to_look_at(report) == {
        ("referrals", "no referral_nfa"): 1,
        ("care_episodes", "child in no Header and no CIN census"): 1,
    }
    assert dict(report.not_held)["PersonDeathDate"] == 1
    assert dict(report.not_held)["HOME_POST"] == 6


def test_every_file_has_the_contracts_columns_and_an_absent_module_its_header(desk: Desk) -> None:
    desk.put("only.xml", census(child("K-1", referral("2021-05-01"))))
    report = desk.run()
    for name in LA_FILES:
        text = (desk.to / f"{name}.csv").read_text(encoding="utf-8")
        assert text.splitlines()[0] == ",".join(FILES[name].column_names)
    assert [name for name, _ in report.header_only] == [
        "plans.csv",
        "care_episodes.csv",
        "attendance.csv",
    ]
    text = " ".join(told(report).split())
    for said in (
        "plans.csv: header only, since no CIN census return has a plan",
        "care_episodes.csv: header only, since no SSDA903 return has an episode",
        "attendance.csv: header only, since the returns have no attendance",
        "fsm_ever and pupil_premium: empty",
        "uasc: empty, since no return lists asylum seekers",
        "only.xml: has no child protection plans",
    ):
        assert said in text


def test_an_ssda903_alone_gives_children_and_episodes(desk: Desk) -> None:
    for name in ("a.csv", "c.csv", "e.csv"):
        desk.put(name, (TWO_YEARS / name).read_bytes())
    report = desk.run()
    assert report.written["children"] == 2
    assert report.written["care_episodes"] == 2
    assert [name for name, _ in report.header_only] == [
        "referrals.csv",
        "plans.csv",
        "attendance.csv",
    ]


def test_no_identifier_and_no_key_stands_in_an_output_or_the_report(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.put_two_years()
    sent = "\n".join(path.read_text(encoding="utf-8") for path in TWO_YEARS.iterdir())
    births = re.findall(r"<(?:Expected)?PersonBirthDate>(.*?)<", sent)
    births += ["14/02/2021", *re.findall(r"(\d\d/\d\d/\d{4}),(?:WBRI|BAFR|03/03/2025)", sent)]
    identifiers = {
        *re.findall(r"K-\d", sent),
        *re.findall(r"[A-Z]\d{12}", sent),
        *re.findall(r"QX\d \dXX", sent),
        *re.findall(r"SC\d{6}", sent),
        *births,
        *("-".join(reversed(birth.split("/"))) for birth in births),
        KEY,
        KEY[:16],
    }
    assert len(identifiers) > 30, "the search found the returns' identifiers"
    report = desk.run()
    out = b"\n".join(desk.written().values()).decode("utf-8") + told(report) + repr(report)
    out += "\n".join(record.getMessage() for record in caplog.records)
    assert {value for value in identifiers if value in out} == set()


def test_names_and_folders_of_files_mean_nothing_where_the_content_tells(
    desk: Desk, tmp_path: Path
) -> None:
    desk.put_two_years()
    desk.run()
    before = desk.written()
    shutil.rmtree(desk.source)
    files = sorted(TWO_YEARS.iterdir(), reverse=True)
    for at, path in enumerate(files):
        # Where the list of asylum seekers lies does tell: both years have its child.
        folder = "" if path.name == "e.csv" else f"deep/{at % 3}/"
        desk.put(f"{folder}{2015 + at}.dat", path.read_bytes())
    desk.run()
    assert desk.written() == before


def test_a_second_run_gives_the_same_bytes(desk: Desk) -> None:
    desk.put_two_years()
    desk.run()
    before = desk.written()
    desk.run()
    assert desk.written() == before
    assert sorted(path.name for path in desk.to.parent.iterdir()) == [desk.to.name]


def test_a_child_has_one_id_in_every_return_and_refresh(desk: Desk) -> None:
    desk.put_two_years()
    desk.run()
    first = {row["child_id"] for row in desk.rows("children")}
    referrals = {row["referral_id"] for row in desk.rows("referrals")}
    # The next refresh has one more year, with K-1's id as a spreadsheet would spoil it.
    desk.put("next.csv", EPISODES_HEADER + "K-1 ,01/05/2022,P,C2,N1,U1,PR1,,,,,\n")
    desk.put("more.xml", census(child("K-9", referral("2022-09-01")), "2023-03-31", "2023"))
    desk.run()
    assert {row["child_id"] for row in desk.rows("children")} == first | {child_id("K-9")}
    assert {row["referral_id"] for row in desk.rows("referrals")} > referrals
    assert len(_of(desk.rows("care_episodes"), "K-1", "CHILD")) == 3


@pytest.mark.parametrize(
    ("written", "meant"),
    [("566910.0", "566910"), (" 566910", "566910"), ("00566910", "00566910"), ("10", "10")],
)
def test_an_id_that_went_through_a_spreadsheet_is_the_same_child(
    desk: Desk, written: str, meant: str
) -> None:
    desk.put("a.csv", f"CHILD,SEX,DOB,ETHNIC\n{written},1,01/02/2010,WBRI\n")
    desk.run()
    assert [row["child_id"] for row in desk.rows("children")] == [child_id(meant)]


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        ([("2021-06-01", "2")], "2"),  # on the day of the referral
        ([("2021-06-18", "2")], "2"),  # the first after it counts those before itself
        ([("2021-06-18", "0")], "0"),
        ([("2020-01-01", "0")], "1"),  # none after it: the latest before it, and that one itself
        ([("2020-01-01", "0"), ("2021-06-18", "1")], "1"),
        ([("2021-06-02", ""), ("2021-06-18", "3")], "2"),  # less the child's own one between
        ([("2020-01-01", "0"), ("2021-05-31", "1")], "2"),  # the latest of two before it
        ([("2021-05-31", "1"), ("2020-01-01", "0")], "2"),  # whatever their order
        ([("2020-01-01", "3"), ("2021-05-31", "")], ""),  # the latest doesn't say
        ([("2021-05-31", "1"), ("2021-05-31", "2")], ""),  # two of one day contradict each other
        ([("2021-05-31", "1.0")], "2"),
        ([], ""),
    ],
)
def test_previous_plans_are_those_that_began_before_the_referral(
    desk: Desk, plans: list[tuple[str, str]], expected: str
) -> None:
    # The groups stand under another referral, in another collection: they are the child's.
    inside = "".join(protection_plan(start, previous) for start, previous in plans)
    desk.put("old.xml", census(child("K-1", referral("2020-01-01", inside)), "2021-03-31"))
    desk.put("new.xml", census(child("K-1", referral("2021-06-01"))))
    desk.run()
    found = {row["referral_date"]: row["n_previous_cpp"] for row in desk.rows("referrals")}
    assert found["2021-06-01"] == expected


def test_the_reference_date_orders_collections_and_not_the_year(desk: Desk) -> None:
    closed = "<CINclosureDate>2021-12-01</CINclosureDate>"
    desk.put("a.xml", census(child("K-1", referral("2021-06-01", closed)), "2022-03-31", "2019"))
    desk.put("b.xml", census(child("K-1", referral("2021-06-01")), "2021-09-30", "2023"))
    report = desk.run()
    assert [row["closure_date"] for row in desk.rows("referrals")] == ["2021-12-01"]
    assert "its Year, 2019, is not that of its ReferenceDate" in " ".join(report.returns[0].notes)


def test_without_a_reference_date_the_year_holds_and_without_either_the_return_is_oldest(
    desk: Desk,
) -> None:
    def need(code: str) -> str:
        return referral("2021-06-01").replace("N1", code)

    desk.put("a.xml", census(child("K-1", need("N2")), "", "2022"))
    desk.put("b.xml", census(child("K-1", need("N3")), "2021-03-31", "2021"))
    desk.put("c.xml", census(child("K-1", need("N4")), "no date", "soon"))
    report = desk.run()
    assert [row["primary_need"] for row in desk.rows("referrals")] == ["N2"]
    assert [one.collected_on for one in report.returns] == ["2022-03-31", "2021-03-31", ""]


def test_of_two_returns_of_one_day_the_one_written_later_holds(desk: Desk) -> None:
    def written(at: str) -> str:
        return f"<DateTime>{at}</DateTime>"

    sent = census(child("K-1", referral("2021-06-01")), extra=written("2022-05-01T10:00:00"))
    amended = census(
        child("K-1", referral("2021-06-01", nfa="1")), extra=written("2022-05-01T10:00:01")
    )
    desk.put("a.xml", amended)
    desk.put("b.xml", sent)
    desk.run()
    assert [row["referral_nfa"] for row in desk.rows("referrals")] == ["1"]


def test_rows_of_one_day_that_differ_are_all_passed_on_and_equal_ones_kept_once(desk: Desk) -> None:
    both = child("K-1", referral("2021-06-01") + referral("2021-08-01"))
    other = child("K-1", referral("2021-06-01", nfa="1") + referral("2021-08-01"))
    desk.put("a.xml", census(both))
    desk.put("b.xml", census(other))
    report = desk.run()
    assert sorted(row["referral_nfa"] for row in desk.rows("referrals")) == ["0", "0", "1"]
    assert to_look_at(report)["referrals", "rows of one collection share a key and differ"] == 2
    assert resolved(report)["referrals", "in two returns of one day, unchanged: one kept"] == 1


def test_two_referrals_of_one_day_are_two_and_merge_each_with_its_own(desk: Desk) -> None:
    """The first stayed open, the second had no further action; a year on only the first is told."""

    def closed(day: str) -> str:
        return f"<CINclosureDate>{day}</CINclosureDate>"

    stayed, gone = referral("2020-06-01"), referral("2020-06-01", closed("2020-06-02"), nfa="1")
    desk.put("a.xml", census(child("K-1", gone + stayed + gone), "2021-03-31", "2021"))
    desk.put("b.xml", census(child("K-1", referral("2020-06-01", closed("2021-07-01")))))
    report = desk.run()
    rows = desk.rows("referrals")
    found = sorted((row["referral_nfa"], row["closure_date"]) for row in rows)
    # The copy of the second within its return stays, for the loader to count as an identical row.
    assert found == [("0", "2021-07-01"), ("1", "2020-06-02"), ("1", "2020-06-02")]
    assert len({row["referral_id"] for row in rows}) == 2
    assert report.to_look_at == ()
    assert any("ids of their own: 2" in note for note in report.returns[0].notes)


def test_rows_that_share_a_key_stand_in_one_order_whatever_the_files_names(desk: Desk) -> None:
    one, two = (census(child("K-1", referral("2021-06-01", nfa=flag))) for flag in "01")
    desk.put("a.xml", one)
    desk.put("b.xml", two)
    desk.run()
    before = desk.written()
    desk.put("a.xml", two)
    desk.put("b.xml", one)
    desk.run()
    assert desk.written() == before


def test_rows_without_a_date_to_know_them_by_are_not_taken_for_one_another(desk: Desk) -> None:
    def closed(day: str) -> str:
        return referral("", f"<CINclosureDate>{day}</CINclosureDate>")

    desk.put("a.xml", census(child("K-1", closed("2020-12-01")), "2021-03-31"))
    desk.put("b.xml", census(child("K-1", closed("2021-12-01"))))
    desk.run()
    found = sorted(row["closure_date"] for row in desk.rows("referrals"))
    assert found == ["2020-12-01", "2021-12-01"]


def test_a_row_that_a_return_has_twice_stays_twice_for_the_loader(desk: Desk) -> None:
    desk.put("a.xml", census(child("K-1", referral("2021-06-01") * 2)))
    desk.put("copy.xml", census(child("K-1", referral("2021-06-01") * 2)))
    desk.run()
    assert len(desk.rows("referrals")) == 2


def test_a_child_told_apart_in_one_return_is_passed_on_as_two_rows(desk: Desk) -> None:
    one = child("K-1", birth="<PersonBirthDate>2012-05-17</PersonBirthDate>")
    two = child("K-1", birth="<PersonBirthDate>2013-05-17</PersonBirthDate>")
    desk.put("a.xml", census(one + two))
    report = desk.run()
    assert [row["birth_month"] for row in desk.rows("children")] == ["2012-05", "2013-05"]
    assert to_look_at(report)["children", "rows of one collection share a key and differ"] == 2


def test_a_childs_characteristic_comes_from_the_latest_collection_that_gives_it(desk: Desk) -> None:
    disabled = "<Ethnicity>WBRI</Ethnicity><Disabilities><Disability>LD</Disability></Disabilities>"
    desk.put("a.xml", census(child("K-1", characteristics=disabled), "2021-03-31"))
    desk.put("b.xml", census(child("K-1", characteristics="<Ethnicity>MWAS</Ethnicity>")))
    desk.run()
    (row,) = desk.rows("children")
    assert (row["ethnicity"], row["disability"]) == ("MWAS", "LD")


def test_of_one_day_the_census_holds_over_the_ssda903(desk: Desk) -> None:
    desk.put("a.xml", census(child("K-1", sex="<GenderCurrent>2</GenderCurrent>")))
    desk.put("b.csv", EPISODES_HEADER + "K-1,01/02/2022,S,C1,N1,U1,PR1,,,,,\n")
    desk.put("c.csv", "CHILD,SEX,DOB,ETHNIC\nK-1,1,17/05/2012,WBRI\n")
    report = desk.run()
    assert [row["sex"] for row in desk.rows("children")] == ["F"]
    assert {one.collected_on for one in report.returns} == {"2022-03-31"}


def test_an_unborn_child_has_no_birth_month_until_it_is_born(desk: Desk) -> None:
    expected = "<ExpectedPersonBirthDate>2022-05-10</ExpectedPersonBirthDate>"
    desk.put("a.xml", census(child("K-1", birth=expected) + child("K-2", birth="")))
    report = desk.run()
    assert [row["birth_month"] for row in desk.rows("children")] == ["", ""]
    notes = " ".join(report.returns[0].notes)
    assert "expected, but not born at the collection: 1" in notes
    assert "reads as not born): 1" in notes


@pytest.mark.parametrize(
    ("sex", "expected"),
    [
        ("<GenderCurrent>1</GenderCurrent>", "M"),
        ("<GenderCurrent>2</GenderCurrent>", "F"),
        ("<GenderCurrent>0</GenderCurrent>", "U"),
        ("<GenderCurrent>9</GenderCurrent>", "I"),
        ("<Sex>F</Sex>", "F"),
        ("<Sex>U</Sex>", "U"),
        ("<Sex>1</Sex>", "M"),  # the old code under the new element
        ("", ""),
    ],
)
def test_sex_is_read_in_the_codes_of_every_year(desk: Desk, sex: str, expected: str) -> None:
    desk.put("a.xml", census(child("K-1", sex=sex)))
    desk.run()
    assert [row["sex"] for row in desk.rows("children")] == [expected]


@pytest.mark.parametrize(
    ("flag", "expected"),
    [("0", "0"), ("1", "1"), ("false", "0"), ("true", "1"), ("TRUE", "1"), ("", "")],
)
def test_referral_nfa_is_read_in_both_spellings(desk: Desk, flag: str, expected: str) -> None:
    desk.put("a.xml", census(child("K-1", referral("2021-06-01", nfa=flag))))
    desk.run()
    assert [row["referral_nfa"] for row in desk.rows("referrals")] == [expected]


def test_uasc_is_one_where_listed_and_none_where_no_list_covers_the_child(desk: Desk) -> None:
    # The SSDA903 of the year to March 2020; K-1's census is of its year, K-2's a year later.
    desk.put("e.csv", EPISODES_HEADER + "K-5,01/11/2019,S,V2,N8,K2,PR4,,,,,\n")
    desk.put("u.csv", "CHILD,SEX,DOB,DUC\nK-5,2,03/03/2007,03/03/2025\n")
    desk.put("a.xml", census(child("K-1"), "2020-03-31", "2020"))
    desk.put("b.xml", census(child("K-2"), "2021-03-31", "2021"))
    report = desk.run()
    found = {row["child_id"]: row["uasc"] for row in desk.rows("children")}
    assert found == {child_id("K-5"): "1", child_id("K-1"): "0", child_id("K-2"): ""}
    assert "list asylum seekers don't cover the child's years (children: 1)" in " ".join(
        told(report).split()
    )


def test_namespaces_byte_order_mark_and_stray_text_change_nothing(desk: Desk) -> None:
    plain = (TWO_YEARS / "census_2018.xml").read_text(encoding="utf-8")
    desk.put("a.xml", plain)
    desk.run()
    before = desk.written()
    odd = plain.replace("<Message>", '<Message xmlns="urn:example:cin">')
    odd = odd.replace("<UPNunknown>UN1</UPNunknown>", "<UPNunknown>UN1</UPNunknown>PersonBirth")
    odd = odd.replace("<Children>", "<Children>\nstray<!-- a comment --><?an instruction?>")
    desk.put("a.xml", b"\xef\xbb\xbf" + odd.replace("\n", "\r\n").encode("utf-8"))
    desk.run()
    assert desk.written() == before
    body = odd.partition("?>")[2]
    desk.put("a.xml", ('<?xml version="1.0" encoding="utf-16"?>' + body).encode("utf-16"))
    desk.run()
    assert desk.written() == before


def test_iso_dates_small_letters_and_line_ends_change_nothing_in_csv(desk: Desk) -> None:
    plain = (TWO_YEARS / "b.csv").read_text(encoding="utf-8")
    desk.put("b.csv", plain)
    desk.run()
    before = desk.written()
    header, *rows = plain.splitlines()
    iso = [re.sub(r"(\d\d)/(\d\d)/(\d{4})", r"\3-\2-\1", row) + ",Anywhere" for row in rows]
    text = "\r\n".join([header.lower() + ",town", *iso, "," * 13, ""])
    desk.put("b.csv", b"\xef\xbb\xbf" + text.encode("utf-8"))
    report = desk.run()
    assert desk.written() == before
    assert "passed over: 1" in report.returns[0].notes[0]


def test_the_xml_form_of_the_ssda903_gives_what_the_csv_gives(desk: Desk) -> None:
    xml = (
        "<SSDA903><CHILD><HEADER><CHILDID>K-5</CHILDID><UPN>UN3</UPN><SEX>2</SEX>"
        "<DOB>03/03/2007</DOB><ETHNIC>BAFR</ETHNIC><UASC>1</UASC><DUC>03/03/2025</DUC>"
        "<OC2><SDQ_SCORE>7</SDQ_SCORE></OC2></HEADER>"
        "<EPISODE><DECOM>10/10/2020</DECOM><RNE>S</RNE><LS>V2</LS><CIN>N8</CIN><PL>K2</PL>"
        "<HOME_POST>QX3 3XX</HOME_POST><PLACE_PROVIDER>PR4</PLACE_PROVIDER><DEC>20/01/2022</DEC>"
        "<REC>E8</REC><REASON_PLACE_CHANGE/></EPISODE></CHILD></SSDA903>"
    )
    desk.put("a.xml", xml)
    # Some systems call the identifier CHILD within the record CHILD.
    desk.put("b.xml", xml.replace("CHILDID", "CHILD").replace("K-5", "K-8"))
    report = desk.run()
    for identifier in ("K-5", "K-8"):
        assert _of(desk.rows("children"), identifier) == [CHILDREN["K-5"]]
        assert _of(desk.rows("care_episodes"), identifier, "CHILD") == EPISODES["K-5"]
    assert dict(report.not_held)["OC2"] == 2


IN_XML = (
    "<SSDA903><CHILD><HEADER><CHILDID>K-5</CHILDID><SEX>2</SEX><DOB>03/03/2007</DOB>"
    "<ETHNIC>BAFR</ETHNIC></HEADER>"
    "<EPISODE><DECOM>10/10/2020</DECOM><RNE>S</RNE><LS>V2</LS><PL>K2</PL></EPISODE>"
    "<EPISODE><DECOM>11/11/2020</DECOM><RNE>P</RNE><LS>V2</LS><PL>U1</PL></EPISODE>"
    "</CHILD></SSDA903>"
)


@pytest.mark.parametrize(
    ("where", "xml"),
    [
        ("in a group", IN_XML.replace("</HEADER>", "</HEADER><EPISODES>", 1)),
        ("beside an empty one", IN_XML.replace("</CHILD>", "<EPISODE/></CHILD>")),
        ("in the HEADER", IN_XML.replace("</HEADER>", "").replace("</CHILD>", "</HEADER></CHILD>")),
    ],
)
def test_no_episode_of_the_xml_form_is_lost_for_its_place(desk: Desk, where: str, xml: str) -> None:
    xml = xml.replace("</CHILD>", "</EPISODES></CHILD>") if where == "in a group" else xml
    desk.put("a.xml", xml)
    report = desk.run()
    rows = [(row["CHILD"], row["DECOM"], row["PLACE"]) for row in desk.rows("care_episodes")]
    assert rows == [
        (child_id("K-5"), "2020-10-10", "K2"),
        (child_id("K-5"), "2020-11-11", "U1"),
    ]
    assert len(desk.rows("children")) == 1
    assert report.not_held == ()  # a group around episodes is nothing left behind


def test_groups_of_the_xml_form_that_are_not_read_are_counted(desk: Desk) -> None:
    desk.put("a.xml", IN_XML.replace("</CHILD>", "<AD1><X>1</X></AD1><Zed><Y>2</Y></Zed></CHILD>"))
    assert dict(desk.run().not_held) == {"AD1": 1, "elements not of the return": 1}


@pytest.mark.parametrize(
    ("xml", "note"),
    [
        ("<SSDA903><LOOKED_AFTER><X>1</X></LOOKED_AFTER></SSDA903>", "has no CHILD element"),
        (census(""), "has no Child element"),
    ],
)
def test_an_xml_return_without_a_child_says_so(desk: Desk, xml: str, note: str) -> None:
    desk.put("a.xml", xml)
    assert any(note in told for told in desk.run().returns[0].notes)


def test_lines_of_spaces_are_no_rows(desk: Desk) -> None:
    row = "K-1,01/05/2019,S,C1,N1,U1,PR1,,,,,\n"
    desk.put("a.csv", "  \n" + EPISODES_HEADER + "   \n" + row + " , , , , , , , , , , , \n\t\n")
    report = desk.run()
    assert [row["DECOM"] for row in desk.rows("care_episodes")] == ["2019-05-01"]
    assert report.returns[0].notes == ("rows without any value, passed over: 1",)


def test_of_two_years_with_the_same_children_a_header_is_of_the_year_it_lies_beside(
    desk: Desk,
) -> None:
    header = "CHILD,SEX,DOB,ETHNIC\nK-1,1,{},{}\n"
    episode = "K-1,01/05/2020,S,C1,N1,{},PR1,{},,,\n"
    desk.put("z/e.csv", EPISODES_HEADER + episode.format("U6", ",") + "\n")
    desk.put("z/h.csv", header.format("02/03/2010", "REFU"))
    desk.put("a/e.csv", EPISODES_HEADER + episode.format("U1", "07/06/2021,E4A"))
    desk.put("a/h.csv", header.format("02/03/2011", "AIND"))
    report = desk.run()
    assert [(row["birth_month"], row["ethnicity"]) for row in desk.rows("children")] == [
        ("2011-03", "AIND")
    ]
    assert [(row["PLACE"], row["DEC"]) for row in desk.rows("care_episodes")] == [
        ("U1", "2021-06-07")
    ]
    assert report.to_look_at == ()


def test_a_stray_later_date_does_not_make_an_ssda903_return_later(desk: Desk) -> None:
    row = "K-{},01/{:02d}/2019,S,C1,N1,U1,PR1,,,,,\n"
    rows = "".join(row.format(n, n % 12 + 1) for n in range(300))
    desk.put("a.csv", EPISODES_HEADER + rows + "K-X,01/02/2091,S,C1,N1,U1,PR1,,,,,\n")
    assert desk.run().returns[0].collected_on == "2020-03-31"


def test_an_open_end_written_as_a_far_date_does_not_make_a_return_later(desk: Desk) -> None:
    desk.put("a.csv", EPISODES_HEADER + "K-1,01/05/2019,S,C1,N1,U1,PR1,31/12/9999,,,,\n" * 2)
    assert desk.run().returns[0].collected_on == "2020-03-31"


def test_a_year_column_dates_each_row_of_a_file_that_stacks_years(desk: Desk) -> None:
    header = EPISODES_HEADER.replace("\n", ",YEAR\n")
    open_row = "K-1,01/02/2020,S,C1,N1,U1,PR1,,,,,,2020\n"
    closed = "K-1,01/02/2020,S,C1,N1,U1,PR1,05/05/2020,E4A,,,,2021\n"
    desk.put("a.csv", header + closed + open_row)
    report = desk.run()
    assert [row["REC"] for row in desk.rows("care_episodes")] == ["E4A"]
    assert report.returns[0].dated_by == "its YEAR column"


def test_codes_that_the_contract_lacks_are_written_and_reported(desk: Desk) -> None:
    rows = ("Z19,,", "U1,2021-05-01,E99", "qx1 1xx,,", "Smith,,")
    desk.put(
        "a.csv",
        EPISODES_HEADER
        + "".join(
            f"K-{n},2021-04-01,S,C1,N1,{place},PR1,{dec},{rec},,,\n"
            for n, (place, dec, rec) in enumerate(row.split(",") for row in rows)
        ),
    )
    report = desk.run()
    found = sorted((row["PLACE"], row["REC"]) for row in desk.rows("care_episodes"))
    assert found == [("U1", "E99"), ("Z19", ""), (UNREADABLE, ""), (UNREADABLE, "")]
    assert unfit(report) == {
        ("care_episodes", "PLACE", "Z19"): 1,
        ("care_episodes", "REC", "E99"): 1,
        ("care_episodes", "PLACE", UNREADABLE): 2,
    }
    assert "Z19" in told(report)


def test_a_word_that_is_no_code_is_named_only_when_many_rows_have_it(desk: Desk) -> None:
    def ethnic(n: int, code: str) -> str:
        return child(f"K-{code}{n}", characteristics=f"<Ethnicity>{code}</Ethnicity>")

    many = "".join(ethnic(n, "WXYZ") for n in range(10))
    few = "".join(ethnic(n, "JOHN") for n in range(9))
    desk.put("a.xml", census(ethnic(0, "WBRI") + many + few))
    report = desk.run()
    assert {row["ethnicity"] for row in desk.rows("children")} == {UNREADABLE, "WBRI"}
    assert unfit(report) == {
        ("children", "ethnicity", "WXYZ"): 10,
        ("children", "ethnicity", UNREADABLE): 9,
    }


def test_impossible_dates_are_passed_on_and_never_show_a_birth(desk: Desk) -> None:
    desk.put(
        "a.csv",
        EPISODES_HEADER
        + "K-1,31/02/2021,S,C1,N1,U1,PR1,,,,,\nK-2,spring,S,C1,N1,U1,PR1,,,,,\n"
        + "K-3,13/01/2021,S,C1,N1,U1,PR1,,,,,\n",
    )
    desk.put("b.csv", "CHILD,SEX,DOB,ETHNIC\nK-1,1,31/02/2011,WBRI\nK-2,1,2011,WBRI\n")
    report = desk.run()
    assert sorted(row["DECOM"] for row in desk.rows("care_episodes")) == [
        "2021-01-13",
        "2021-02-31",
        UNREADABLE,
    ]
    assert {row["birth_month"] for row in desk.rows("children")} == {UNREADABLE}
    assert unfit(report) == {
        ("care_episodes", "DECOM", IMPOSSIBLE): 1,
        ("care_episodes", "DECOM", UNREADABLE): 1,
        ("children", "birth_month", IMPOSSIBLE): 1,
        ("children", "birth_month", UNREADABLE): 1,
    }


def test_rows_without_an_id_stay_apart_and_are_counted(desk: Desk) -> None:
    desk.put("a.xml", census(child("", referral("2021-06-01")) + child("", referral("2021-07-01"))))
    report = desk.run()
    assert [row["child_id"] for row in desk.rows("children")] == ["", ""]
    assert to_look_at(report)["children", "no child_id"] == 2


def test_files_that_are_no_returns_are_named_with_the_reason(desk: Desk) -> None:
    desk.put("a.xml", census(child("K-1")))
    desk.put("notes.txt", "Jo Bloggs, 1 High Street\n")
    desk.put("missing.csv", "CHILD,DOB,MISSING,MIS_START,MIS_END\n")
    desk.put("book.xlsx", b"PK\x03\x04rest")
    desk.put("school.xml", "<Message><Header><Collection>SC</Collection></Header></Message>")
    desk.put(".DS_Store", b"\0\0\0\1")
    report = desk.run()
    assert {name: why.split(";")[0] for name, why in report.unused} == {
        "book.xlsx": "a workbook or archive",
        "missing.csv": "the SSDA903's Missing file, of which nothing is needed",
        "notes.txt": "no return that is known: see its first line",
        "school.xml": "XML, but no CIN census and no SSDA903",
    }
    assert "Bloggs" not in told(report)


def test_the_return_of_another_authority_is_refused(desk: Desk) -> None:
    desk.put("a.xml", census(child("K-1")).replace("343", "937"))
    with pytest.raises(Refusal, match="names authority 937 as LEA, but sefton is 343"):
        desk.run()


def test_the_account_fits_a_terminal_and_shows_no_control_character(desk: Desk) -> None:
    desk.put_two_years()
    desk.put("bad\x1b[31mname.xml", census(child("K-9")))
    text = told(desk.run())
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "bad?[31mname.xml" in text
