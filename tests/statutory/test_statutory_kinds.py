"""Kinds of returns that real offices produce: the right value, a refusal or a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fvlib.cli import app
from fvlib.errors import Refusal
from fvlib.statutory.collections import CORRECTED, GONE, MOST_LOST
from fvlib.statutory.merge import WORSE
from tests.support.statutory_builders import (
    Desk,
    census,
    child,
    child_id,
    referral,
    resolved,
    told,
    unfit,
)

EPISODES = "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE\n"
HEADER = "CHILD,SEX,DOB,ETHNIC\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def episode(identifier: str, day: str = "01/02/2022", dec: str = "", rec: str = "") -> str:
    return f'"{identifier}",{day},S,C1,N1,U1,PR1,{dec},{rec},\n'


@pytest.mark.parametrize(
    ("in_care", "in_census"),
    [
        ("12,041", "12041"),
        ("12041.0", "12041"),
        ("'0018377", "0018377"),
        (' ="0018377" '.replace('"', '""'), "0018377"),
        ("qf18377", "QF18377"),
        ("ZK205", "ZK 205"),
        ("12041", "0012041"),  # the zeros lost in one return, and there in the other
        ("0012041", "12041"),
    ],
)
def test_an_id_written_otherwise_is_the_same_child(
    desk: Desk, in_care: str, in_census: str
) -> None:
    desk.put("cin.xml", census(child(in_census, referral("2021-12-01"))))
    desk.put("episodes.csv", EPISODES + episode(in_care))
    desk.put("header.csv", HEADER + f'"{in_care}",1,17/05/2012,WBRI\n')
    report = desk.run()
    ids = {row["CHILD"] for row in desk.rows("care_episodes")}
    assert ids == {row["child_id"] for row in desk.rows("children")}
    assert len(desk.rows("children")) == 1
    assert [(link.children, link.linked) for link in report.links] == [(1, 1)]
    assert not report.warnings


def test_zeros_stay_lost_where_two_children_would_become_one(desk: Desk) -> None:
    both = child("0012", referral("2021-12-01")) + child("00012", referral("2021-12-01"))
    desk.put("cin.xml", census(both))
    desk.put("episodes.csv", EPISODES + episode("12"))
    assert desk.run().warnings
    assert len({row["child_id"] for row in desk.rows("children")}) == 2


@pytest.mark.parametrize("written", ["1.20E+08", "1.2e+08", "4E-05"])
def test_an_id_of_which_a_spreadsheet_kept_the_first_digits_is_refused(
    desk: Desk, written: str
) -> None:
    desk.put("episodes.csv", EPISODES + episode(written))
    with pytest.raises(Refusal, match=r"episodes\.csv: CHILD is written with an exponent"):
        desk.run()


def test_an_id_with_an_e_in_it_is_none(desk: Desk) -> None:
    desk.put("episodes.csv", EPISODES + episode("1201E5"))
    desk.run()
    assert desk.rows("care_episodes")[0]["CHILD"] == child_id("1201E5")


def test_few_links_are_told_first_and_last_and_end_with_status_1(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cases = "".join(child(f"A{n}", referral("2021-12-01")) for n in range(10))
    desk.put("cin.xml", census(cases))
    desk.put("episodes.csv", EPISODES + "".join(episode(f"A{n}") for n in (*range(8), 90, 91)))
    report = desk.run()
    lines = [line for line in told(report, width=400).splitlines() if line.strip()]
    assert lines[0].startswith(
        "WARNING: of 10 children in the SSDA903 only 8 are in the CIN census"
    )
    assert lines[-1].startswith("WARNING: of 10 children")
    root = desk.to.parents[2]
    (root / "_quarto.yml").write_text("project: {type: book}\n", encoding="utf-8")
    monkeypatch.chdir(root)
    key = tmp_path_factory.mktemp("safe") / "la.key"
    call = ["import", "--from", str(desk.source), "--la", "sefton", "--key", str(key)]
    assert CliRunner().invoke(app, [*call, "2024-04"]).exit_code == 1
    desk.put("episodes.csv", EPISODES + "".join(episode(f"A{n}") for n in range(10)))
    assert CliRunner().invoke(app, [*call, "2024-04"]).exit_code == 0


def test_rows_gone_from_the_next_year_are_ended_and_told(desk: Desk) -> None:
    plan = "<CINPlanDates><CINPlanStartDate>{}</CINPlanStartDate>{}</CINPlanDates>"
    stays = child("P501", referral("2021-06-01", plan.format("2021-07-01", "")))
    gone = child("P502", referral("2021-06-01", plan.format("2021-07-01", "")))
    ended = "<CINPlanEndDate>2022-05-03</CINPlanEndDate>"
    later = child("P501", referral("2021-06-01", plan.format("2021-07-08", ended)))
    desk.put("2022.xml", census(stays + gone, "2022-03-31", "2022"))
    desk.put("2023.xml", census(later, "2023-03-31", "2023"))
    report = desk.run()
    plans = {
        (row["child_id"], row["start_date"]): (row["end_date"], row["unknown_after"])
        for row in desk.rows("plans")
    }
    assert plans == {
        (child_id("P501"), "2021-07-08"): ("2022-05-03", ""),
        (child_id("P502"), "2021-07-01"): ("2022-03-31", "2022-03-31"),
    }
    decided = resolved(report)
    assert decided["plans", CORRECTED] == decided["plans", GONE] == 1
    assert decided["referrals", GONE] == 1


def test_nothing_is_said_to_be_gone_where_the_next_year_is_missing(desk: Desk) -> None:
    desk.put("2020.xml", census(child("P1", referral("2019-06-01")), "2020-03-31", "2020"))
    desk.put("2022.xml", census(child("P2", referral("2021-06-01")), "2022-03-31", "2022"))
    desk.run()
    assert all(row["unknown_after"] == "" for row in desk.rows("referrals"))


def drafted(children: str, time: str) -> str:
    stamp = f"<DateTime>2022-{time}T10:00:00</DateTime>"
    return census(children, extra=stamp)


def test_a_later_file_of_a_collection_replaces_the_earlier_whole(desk: Desk) -> None:
    draft = child("P511", referral("2021-06-01")) + child("P512", referral("2021-06-01"))
    desk.put("a.xml", drafted(draft, "05-01"))
    desk.put("b.xml", drafted(child("P511", referral("2021-06-11")), "07-01"))
    report = desk.run()
    assert [row["referral_date"] for row in desk.rows("referrals")] == ["2021-06-11"]
    assert "a.xml: replaced by b.xml" in report.notes[0]
    assert not report.warnings


def test_a_draft_of_which_many_children_are_lost_is_a_warning(desk: Desk) -> None:
    many = "".join(child(f"P{n}", referral("2021-06-01")) for n in range(MOST_LOST + 2))
    desk.put("a.xml", drafted(many, "05-01"))
    desk.put("b.xml", drafted(child("P0", referral("2021-06-01")), "07-01"))
    assert "no draft of it?" in desk.run().warnings[0]


def test_a_good_row_is_not_replaced_by_one_that_will_be_set_aside(desk: Desk) -> None:
    desk.put("2021.csv", EPISODES + episode("K1", "01/02/2021"))
    worse = episode("K1", "01/02/2021").replace("U1", "U9") + episode("K2", "01/02/2022")
    desk.put("2022.csv", EPISODES + worse)
    report = desk.run()
    places = {row["CHILD"]: row["PLACE"] for row in desk.rows("care_episodes")}
    assert places == {child_id("K1"): "U1", child_id("K2"): "U1"}
    assert resolved(report)["care_episodes", WORSE] == 1


@pytest.mark.parametrize("place", ["Z1", "Z11", "Z12", "Z13", "Z14"])
def test_placements_of_every_year_are_read(desk: Desk, place: str) -> None:
    desk.put("a.csv", EPISODES + episode("K1").replace("U1", place))
    assert not unfit(desk.run())


@pytest.mark.parametrize("padding", [0, 2000])
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("CINClosureDate", "CINclosureDate"),
        ("CPPStartDate", "CPPstartDate"),
        ("LAChildID", "LAchildID"),
        ("PersonBirthdate", "PersonBirthDate"),
        ("CINDetails", "CINdetails"),
        ("CHILD", "Child"),
    ],
)
def test_an_element_in_other_letters_is_refused_wherever_it_stands(
    desk: Desk, padding: int, wrong: str, right: str
) -> None:
    plan = "<ChildProtectionPlans><CPPstartDate>2021-07-01</CPPstartDate></ChildProtectionPlans>"
    closed = "<CINclosureDate>2021-12-01</CINclosureDate>"
    before = "".join(child(f"K{n}", referral("2021-06-01")) for n in range(padding))
    faulty = child("K-x", referral("2021-06-01", closed + plan))
    faulty = faulty.replace(f"<{right}>", f"<{wrong}>").replace(f"</{right}>", f"</{wrong}>")
    desk.put("cin.xml", census(before + faulty))
    with pytest.raises(Refusal, match=rf"cin\.xml: .*{wrong} \(right: {right}\)"):
        desk.run()


@pytest.mark.parametrize(
    ("dates", "read"),
    [
        (("20-Jun-2022", "5 July 2022"), ["2022-06-20", "2022-07-05"]),
        (("44732", "44747"), ["2022-06-20", "2022-07-05"]),
        (("20/06/2022 12:00:00 AM", "05/07/2022 12:00:00 AM"), ["2022-06-20", "2022-07-05"]),
        (("20/06/2022 0:00", "05/07/2022 00:00"), ["2022-06-20", "2022-07-05"]),
    ],
)
def test_a_whole_column_in_another_clear_form_is_read(
    desk: Desk, dates: tuple[str, str], read: list[str]
) -> None:
    rows = (episode(f"K{n}", "01/02/2022", day, "E8") for n, day in enumerate(dates))
    desk.put("a.csv", EPISODES + "".join(rows))
    desk.run()
    assert sorted(row["DEC"] for row in desk.rows("care_episodes")) == read


@pytest.mark.parametrize(
    ("dates", "form"),
    [
        (("20/06/22", "05/07/22"), "years of two digits"),
        (("20-Jun-22", "05-Jul-22"), "years of two digits"),
        (("20.06.2022", "05.07.2022"), "DD.MM.YYYY"),
        (("20-06-2022", "05-07-2022"), "DD-MM-YYYY"),
        (("20220620", "20220705"), "YYYYMMDD"),
        (("20/06/2022 14:30", "05/07/2022 09:15"), "dates with a time of day"),
        (("soon", "later"), "another form"),
        (("20-Jun-2022", "2022-07-05"), "mixes dates of the forms DD-Mon-YYYY and YYYY-MM-DD"),
        (("20/06/2022", "44747"), "mixes dates of the forms DD/MM/YYYY and Excel's"),
    ],
)
def test_a_column_in_any_other_form_is_refused_by_name(
    desk: Desk, dates: tuple[str, str], form: str
) -> None:
    rows = (episode(f"K{n}", "01/02/2022", day, "E8") for n, day in enumerate(dates))
    desk.put("a.csv", EPISODES + "".join(rows))
    with pytest.raises(Refusal, match=rf"a\.csv: DEC .*{form}"):
        desk.run()


def test_birth_dates_that_cannot_be_read_are_refused_too(desk: Desk) -> None:
    desk.put("header.csv", HEADER + "K1,1,17.05.2012,WBRI\n")
    with pytest.raises(Refusal, match=r"header\.csv: DOB .*DD\.MM\.YYYY"):
        desk.run()


@pytest.mark.parametrize("word", ["NULL", "null", "N/A", "#N/A", "NaN", "<NA>", "(null)"])
def test_a_word_for_an_empty_value_is_read_as_empty_and_told(desk: Desk, word: str) -> None:
    desk.put("a.csv", EPISODES + episode("K1", dec=word, rec=word))
    report = desk.run()
    row = desk.rows("care_episodes")[0]
    assert (row["DEC"], row["REC"]) == ("", "")
    assert (
        "in place of an empty value, read as empty: DEC (1), REC (1)" in report.returns[0].notes[-1]
    )


def test_codes_and_flags_as_decimals(desk: Desk) -> None:
    desk.put("header.csv", HEADER + "K1,1.0,17/05/2012,WBRI\nK2,2.0,17/05/2013,WBRI\n")
    desk.put("fsm.csv", "child_id,fsm_ever,pupil_premium\nK1,1.0,0.0\nK2,0.0,1.0\n")
    report = desk.run()
    of = {row["child_id"]: row for row in desk.rows("children")}
    assert [of[child_id(name)]["sex"] for name in ("K1", "K2")] == ["M", "F"]
    assert [of[child_id(name)]["fsm_ever"] for name in ("K1", "K2")] == ["1", "0"]
    assert not unfit(report)


def test_a_list_of_asylum_seekers_says_nothing_of_other_years(desk: Desk) -> None:
    for year, name in ((2020, "A"), (2022, "B")):
        desk.put(f"{year}/episodes.csv", EPISODES + episode(f"{name}1", f"01/02/{year}"))
        desk.put(f"{year}/header.csv", HEADER + f"{name}1,1,17/05/2008,OOTH\n")
    desk.put("2022/uasc.csv", "CHILD,SEX,DOB,DUC\nB1,1,17/05/2008,17/05/2026\n")
    desk.run()
    seekers = {row["child_id"]: row["uasc"] for row in desk.rows("children")}
    assert seekers == {child_id("A1"): "", child_id("B1"): "1"}


@pytest.mark.parametrize("named", ["343", "E08000014", "Sefton", "Sefton MBC", ""])
def test_the_authoritys_own_rows_are_read(desk: Desk, named: str) -> None:
    desk.put("a.csv", EPISODES.replace("\n", ",LA\n") + episode("K1").replace("\n", f",{named}\n"))
    assert len(desk.run().returns) == 1


@pytest.mark.parametrize("named", ["886", "E10000016", "Kent"])
def test_another_authoritys_rows_are_refused(desk: Desk, named: str) -> None:
    desk.put("a.csv", EPISODES.replace("\n", ",LA\n") + episode("K1").replace("\n", f",{named}\n"))
    with pytest.raises(Refusal, match=r"a\.csv: the column LA names another authority .* 1 rows"):
        desk.run()


def test_an_episode_that_ends_on_its_first_day_and_the_next_one_are_both_kept(desk: Desk) -> None:
    first = "K1,12/05/2022,S,L1,N1,T4,PR1,12/05/2022,X1,\n"
    desk.put("a.csv", EPISODES + "K1,12/05/2022,B,C1,N1,U3,PR1,20/06/2022,E4A,\n" + first)
    report = desk.run()
    assert len(desk.rows("care_episodes")) == 2
    assert not report.to_look_at or "differ" not in str(report.to_look_at)


def test_rows_without_the_commas_of_their_empty_last_columns(desk: Desk) -> None:
    desk.put("a.csv", EPISODES + "K1,01/02/2022,S,C1,N1,U1\nK2,01/02/2022,S,C1,N1,U1,PR1,,,\n")
    assert "without the commas of their empty last columns" in desk.run().returns[0].notes[0]
    assert len(desk.rows("care_episodes")) == 2


def test_a_row_that_lacks_a_value_it_must_have_is_refused_by_that_cause(desk: Desk) -> None:
    desk.put("a.csv", EPISODES + "K1,01/02/2022\nK2,01/02/2022,S,C1,N1,U1,PR1,,,\n")
    with pytest.raises(Refusal, match="without the commas of its empty last"):
        desk.run()


@pytest.mark.parametrize("later", ["NOBT", "REFU", "zzzz"])
def test_a_later_ethnicity_that_says_nothing_replaces_no_valid_one(desk: Desk, later: str) -> None:
    for year, group in ((2021, "BCRB"), (2022, later)):
        case = child(
            "K1", referral("2020-06-01"), characteristics=f"<Ethnicity>{group}</Ethnicity>"
        )
        desk.put(f"{year}.xml", census(case, f"{year}-03-31", str(year)))
    desk.run()
    assert [row["ethnicity"] for row in desk.rows("children")] == ["BCRB"]


def test_a_year_of_two_numbers_is_the_one_it_ends_in(desk: Desk) -> None:
    header = EPISODES.replace("\n", ",YEAR\n")
    desk.put("a.csv", header + episode("K1", "01/02/2020").replace("\n", ",2019/20\n"))
    assert desk.run().returns[0].collected_on == "2020-03-31"


def test_text_around_the_xml_is_passed_over_or_named(desk: Desk) -> None:
    xml = '<?xml version="1.0"?>' + census(child("K1", referral("2021-06-01")))
    desk.put("cin.xml", "\n" + xml)
    assert len(desk.run().returns) == 1
    desk.put("cin.xml", xml + "\n(1 rows affected)\n")
    with pytest.raises(Refusal, match="text after the end of its XML"):
        desk.run()


def test_a_plan_of_which_neither_date_was_found_is_counted(desk: Desk) -> None:
    group = "<LatestCategoryOfAbuse>NEG</LatestCategoryOfAbuse>"
    plan = f"<ChildProtectionPlans>{group}</ChildProtectionPlans>"
    desk.put("cin.xml", census(child("K1", referral("2021-06-01", plan))))
    assert "CPP plans with neither a start nor an end, left out: 1" in desk.run().returns[0].notes
