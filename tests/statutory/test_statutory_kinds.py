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


def test_where_a_year_is_missing_what_was_open_is_unknown_after_and_the_year_is_named(
    desk: Desk,
) -> None:
    desk.put("2020.xml", census(child("P1", referral("2019-06-01")), "2020-03-31", "2020"))
    desk.put("2022.xml", census(child("P2", referral("2021-06-01")), "2022-03-31", "2022"))
    assert "no CIN census of the collections of 2021" in desk.run().warnings[0]
    unknown = {row["child_id"]: row["unknown_after"] for row in desk.rows("referrals")}
    assert unknown == {child_id("P1"): "2020-03-31", child_id("P2"): ""}


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


@pytest.mark.parametrize(
    ("in_care", "in_census"),
    [
        ("\u201912041", "12041"),
        ("12041'", "12041"),
        ("12041\u200b", "12041"),
        ("=12041", "12041"),
        ("12041,0", "12041"),
        ("+12041", "12041"),
        ("\uff11\uff12\uff10\uff14\uff11", "12041"),
        ("QF\u2013101", "QF-101"),
        ("QF\u2011101", "QF-101"),
    ],
)
def test_signs_that_look_alike_or_cannot_be_seen_tell_no_two_ids_apart(
    desk: Desk, in_care: str, in_census: str
) -> None:
    desk.put("cin.xml", census(child(in_census, referral("2021-12-01"))))
    desk.put("episodes.csv", EPISODES + episode(in_care))
    assert [(link.children, link.linked) for link in desk.run().links] == [(1, 1)]


@pytest.mark.parametrize("written", ["1.20E+8", "1.20E4", "1,20E+04", "########"])
def test_an_id_that_was_cut_is_refused_however_the_program_shows_it(
    desk: Desk, written: str
) -> None:
    desk.put("episodes.csv", EPISODES + episode(written))
    with pytest.raises(Refusal, match=r"episodes\.csv: CHILD .* 1 rows"):
        desk.run()


@pytest.mark.parametrize("word", ["unknown", "TBC", "-", "0"])
def test_a_word_in_place_of_an_id_makes_no_two_children_one(desk: Desk, word: str) -> None:
    desk.put("episodes.csv", EPISODES + episode(word) + episode(word, "01/03/2022"))
    desk.run()
    assert {row["CHILD"] for row in desk.rows("care_episodes")} == {""}


@pytest.mark.parametrize(("one", "other"), [("00029", "29"), ("QF-29", "QF29")])
def test_an_id_alike_but_for_zeros_or_signs_is_a_warning_though_all_others_are_linked(
    desk: Desk, one: str, other: str
) -> None:
    others = [f"{n:05}" for n in range(100, 120)]
    desk.put("cin.xml", census("".join(child(n, referral("2021-12-01")) for n in (*others, one))))
    desk.put("episodes.csv", EPISODES + "".join(map(episode, (*others, other))))
    assert "1 pairs, taken as different children" in desk.run().warnings[0]


@pytest.mark.parametrize("column", ["fsm_ever", "attendance"])
def test_school_files_of_other_ids_are_a_warning_without_an_ssda903_too(
    desk: Desk, column: str
) -> None:
    desk.put("cin.xml", census(child("QF-1", referral("2021-12-01"))))
    desk.put(
        "a.csv",
        "child_id,fsm_ever,pupil_premium\nQ:1,1,0\n"
        if column == "fsm_ever"
        else "child_id,academic_year,term,sessions_possible,sessions_unauthorised\n"
        "Q:1,2020/21,autumn,120,3\n",
    )
    assert "of 1 children in the CIN census only 0" in desk.run().warnings[0]


@pytest.mark.parametrize("years", [("2019-2020", "2019/20"), ("201920", "2019/20")])
def test_school_years_are_read_as_collection_years_are(desk: Desk, years: tuple[str, str]) -> None:
    desk.put("cin.xml", census(child("K1", referral("2021-12-01"))))
    desk.put(
        "a.csv",
        "child_id,academic_year,term,sessions_possible,sessions_unauthorised\n"
        f"K1,{years[0]},autumn,120,3\n",
    )
    desk.run()
    assert [row["academic_year"] for row in desk.rows("attendance")] == [years[1]]


@pytest.mark.parametrize("time", ["", "<DateTime>2022-05-01T10:00:00</DateTime>"])
def test_two_files_of_one_collection_in_no_order_are_a_warning(desk: Desk, time: str) -> None:
    desk.put("a.xml", census(child("P1", referral("2021-06-01")), extra=time))
    desk.put("b.xml", census(child("P1", referral("2021-06-11")), extra=time))
    assert "a.xml and b.xml are of one collection" in desk.run().warnings[0]
    desk.put("b.xml", census(child("P2", referral("2021-06-11")), extra=time))
    assert not desk.run().warnings  # parts of it


def test_a_draft_is_known_by_a_time_written_day_first(desk: Desk) -> None:
    for name, day, month in (("a", "01", "05"), ("b", "11", "07")):
        stamp = f"<DateTime>{day}/{month}/2022 10:00</DateTime>"
        desk.put(f"{name}.xml", census(child("P1", referral(f"2021-06-{day}")), extra=stamp))
    assert "a.xml: replaced by b.xml" in desk.run().notes[0]


def test_a_collection_of_which_many_rows_are_gone_is_a_warning(desk: Desk) -> None:
    for year, prefix in ((2021, "A"), (2022, "B")):
        cases = (child(f"{prefix}{n}", referral("2020-06-01")) for n in range(MOST_LOST + 1))
        desk.put(f"{year}.xml", census("".join(cases), f"{year}-03-31", str(year)))
    assert (
        "of 11 rows open at 2021-03-31 the collection of 2022-03-31 has 0"
        in (desk.run().warnings[0])
    )


def test_an_ssda903_without_the_censuses_years_is_a_warning(desk: Desk) -> None:
    desk.put("cin.xml", census(child("K1", referral("2020-06-01")), "2021-03-31", "2021"))
    desk.put("a.csv", EPISODES + episode("K1", "01/02/2022"))
    told_years = [line for line in desk.run().warnings if "of the collections of" in line]
    assert ["CIN census" in line for line in told_years] == [True, False]


def test_a_plan_of_a_module_that_the_next_census_lacks_is_not_open_for_ever(desk: Desk) -> None:
    plan = "<CINPlanDates><CINPlanStartDate>2021-07-01</CINPlanStartDate></CINPlanDates>"
    desk.put("2022.xml", census(child("P1", referral("2021-06-01", plan))))
    desk.put("2023.xml", census(child("P1", referral("2021-06-01")), "2023-03-31", "2023"))
    desk.run()
    assert [row["unknown_after"] for row in desk.rows("plans")] == ["2022-03-31"]


def test_an_episode_that_ended_at_once_stays_when_the_next_return_has_the_following_one(
    desk: Desk,
) -> None:
    first = "K1,31/03/2022,S,L1,N1,T4,PR1,31/03/2022,X1,\n"
    desk.put("1/a.csv", EPISODES + first + "K1,31/03/2022,P,C1,N1,U3,PR1,,,\n")
    desk.put("2/a.csv", EPISODES + "K1,31/03/2022,P,C1,N1,U3,PR1,20/06/2022,E4A,\n")
    desk.run()
    ends = {row["RNE"]: row["DEC"] for row in desk.rows("care_episodes")}
    assert ends == {"S": "2022-03-31", "P": "2022-06-20"}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ChildProtectionPlan", "ChildProtectionPlans"),
        ("CINPlanDate", "CINPlanDates"),
        ("CINcloseDate", "CINclosureDate"),
        ("CINrefferalDate", "CINreferralDate"),
    ],
)
def test_an_element_written_with_a_slip_is_refused_by_name(
    desk: Desk, wrong: str, right: str
) -> None:
    inside = (
        "<CINclosureDate>2021-12-01</CINclosureDate><CINPlanDates><CINPlanStartDate>2021-07-01"
        "</CINPlanStartDate></CINPlanDates><ChildProtectionPlans><CPPstartDate>2021-09-01"
        "</CPPstartDate></ChildProtectionPlans>"
    )
    faulty = child("K1", referral("2021-06-01", inside)).replace(f"{right}>", f"{wrong}>")
    desk.put("cin.xml", census(faulty))
    with pytest.raises(Refusal, match=rf"{wrong} \(right: {right}\)"):
        desk.run()


@pytest.mark.parametrize("element", ["CINclosureDate", "PersonBirthDate", "CINdetails"])
def test_an_element_in_another_place_is_a_warning(desk: Desk, element: str) -> None:
    case = child("K1", referral("2021-06-01", "<CINclosureDate>2021-12-01</CINclosureDate>"))
    case = case.replace(f"<{element}>", f"<Group><{element}>")
    desk.put("cin.xml", census(case.replace(f"</{element}>", f"</{element}></Group>")))
    assert any("or not in their place: 1" in warning for warning in desk.run().warnings)


def test_a_return_without_any_birth_date_is_a_warning(desk: Desk) -> None:
    desk.put("header.csv", HEADER + "K1,1,,WBRI\nK2,1,,WBRI\n")
    assert "none of its 2 children has a birth date" in desk.run().warnings[0]


def test_spreadsheets_numbers_of_days_are_read_and_their_origin_is_asked_for(desk: Desk) -> None:
    desk.put("a.csv", EPISODES + episode("K1", "44732"))
    assert "DECOM: dates written as a spreadsheet's numbers of days" in desk.run().warnings[0]


def test_words_that_are_no_dates_refuse_a_column_where_they_are_many(desk: Desk) -> None:
    ended = "".join(episode(f"K{n}", "01/02/2022", "20/06/2022", "E8") for n in range(9))
    going_on = "".join(episode(f"L{n}", "01/02/2022", "ongoing") for n in range(3))
    desk.put("a.csv", EPISODES + ended + going_on)
    with pytest.raises(Refusal, match=r"DEC has dates in a form .* 3 rows"):
        desk.run()


@pytest.mark.parametrize(
    "word", ["-", ".", "None", "unknown", "Not known", "99/99/9999", "01/01/1900", "31/12/9999"]
)
def test_what_stands_for_no_day_is_empty_and_told(desk: Desk, word: str) -> None:
    desk.put("a.csv", EPISODES + episode("K1", dec=word) + episode("K2", dec="01/03/2022"))
    report = desk.run()
    assert sorted(row["DEC"] for row in desk.rows("care_episodes")) == ["", "2022-03-01"]
    assert "read as empty: DEC (1)" in report.returns[0].notes[-1]


@pytest.mark.parametrize(
    ("column", "word"), [("sex", "Male"), ("ethnicity", "White British"), ("place", "Foster")]
)
def test_a_column_of_labels_in_place_of_codes_is_refused(
    desk: Desk, column: str, word: str
) -> None:
    values = {"sex": "1", "ethnicity": "WBRI", "place": "U1"} | {column: word}
    kids = [f"K{n}" for n in range(3)]
    desk.put("a.csv", EPISODES + "".join(map(episode, kids)).replace("U1", values["place"]))
    rows = (f"{kid},{values['sex']},17/05/2012,{values['ethnicity']}\n" for kid in kids)
    desk.put("header.csv", HEADER + "".join(rows))
    with pytest.raises(Refusal, match=r"no value can be read in (SEX|ETHNIC|PLACE) \(3 rows\)"):
        desk.run()


@pytest.mark.parametrize("years", ["20/21", "", "2020/22"])
def test_a_year_column_that_says_no_year_is_refused(desk: Desk, years: str) -> None:
    header = EPISODES.replace("\n", ",YEAR\n")
    rows = episode("K1").replace("\n", ",2021\n") + episode("K2").replace("\n", f",{years}\n")
    desk.put("a.csv", header + rows)
    with pytest.raises(Refusal, match=r"a\.csv: YEAR says no year in 1 rows"):
        desk.run()


def test_a_list_of_asylum_seekers_without_a_child_or_a_year_covers_no_year(desk: Desk) -> None:
    for year, name in ((2020, "A1"), (2021, "B1")):
        desk.put(f"{year}.csv", EPISODES + episode(name, f"01/02/{year}"))
        desk.put(f"header_{year}.csv", HEADER + f"{name},1,17/05/2008,OOTH\n")
    desk.put("uasc.csv", "CHILD,SEX,DOB,DUC\n")
    desk.run()
    assert {row["uasc"] for row in desk.rows("children")} == {""}


@pytest.mark.parametrize("column", ["LEA", "LA_CODE", "Local Authority"])
def test_another_authority_is_found_by_whatever_its_column_is_called(
    desk: Desk, column: str
) -> None:
    row = episode("K1").replace("\n", ",886\n")
    desk.put("a.csv", EPISODES.replace("\n", f",{column}\n") + row)
    with pytest.raises(Refusal, match=rf"the column {column.upper()} names another authority"):
        desk.run()


@pytest.mark.parametrize("named", ["Liverpool", "E08000012", "0341", "341.0"])
def test_the_census_of_another_authority_is_refused_however_it_is_named(
    desk: Desk, named: str
) -> None:
    case = census(child("K1", referral("2021-06-01")))
    desk.put("cin.xml", case.replace("<LEA>343<", f"<LEA>{named}<"))
    with pytest.raises(Refusal, match=r"names authority (another|341) as LEA"):
        desk.run()


def test_a_header_in_the_middle_is_refused(desk: Desk) -> None:
    desk.put("a.csv", EPISODES + episode("K1") + EPISODES + episode("K2"))
    with pytest.raises(Refusal, match="line 3 is the header again"):
        desk.run()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("episodes.csv", "Episodes of 2022\n" + EPISODES + episode("K1")),
        ("episodes.csv.gz", b"\x1f\x8b\x08\x00rest"),
        ("episodes.xlsx", b"PK\x03\x04rest"),
    ],
)
def test_a_file_that_is_not_used_is_a_warning(desk: Desk, name: str, content: str | bytes) -> None:
    desk.put("cin.xml", census(child("K1", referral("2021-06-01"))))
    desk.put(name, content)
    assert f"{name}: not used" in desk.run().warnings[0]


def test_a_word_in_place_of_the_day_that_a_seeker_ceases_makes_no_child_one(desk: Desk) -> None:
    desk.put("header.csv", "CHILD,SEX,DOB,ETHNIC,DUC\nK1,1,17/05/2012,WBRI,No\n")
    desk.run()
    assert [row["uasc"] for row in desk.rows("children")] == ["unreadable"]


def test_a_start_that_the_third_return_corrects_does_not_come_back_from_the_first(
    desk: Desk,
) -> None:
    for year, day in ((2020, "10/01/2020"), (2021, "10/01/2020"), (2022, "12/01/2020")):
        rows = episode("K1", day, "05/06/2021" if year == 2022 else "", "E4A")
        desk.put(
            f"{year}.csv", EPISODES.replace("\n", ",YEAR\n") + rows.replace("\n", f",{year}\n")
        )
    desk.run()
    periods = [(row["DECOM"], row["DEC"]) for row in desk.rows("care_episodes")]
    assert periods == [("2020-01-12", "2021-06-05")]
