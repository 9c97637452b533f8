"""Returns and a refresh as they should never come: what each row becomes, and what stays behind."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fvlib.check import check_refresh
from tests.support.sent_files import Sender, small_refresh
from tests.support.statutory_builders import LA, Desk, child_id, to_look_at, told, unfit

# Words that stand in the returns and may stand nowhere else.
BEHIND = ("Zanzibar", "A331400001234", "CV1 2AB", "B90 3XX", "jo@example.org", "HYPERLINK", "SUM(")

EPISODES = [
    {"CHILD": "K1", "DECOM": "01/05/2020", "RNE": "S", "LS": "C2", "CIN": "N1", "PLACE": "U1",
     "PLACE_PROVIDER": "PR1", "DEC": "03/06/2020", "REC": "X1", "REASON_PLACE_CHANGE": "CARPL",
     "HOME_POST": "CV1 2AB", "PL_POST": "B90 3XX"},
    {"CHILD": "K1", "DECOM": "03/06/2020", "RNE": "Q", "LS": "ZZ9", "PLACE": "U9"},
    {"CHILD": "K2", "DECOM": "31/02/2021", "RNE": "S", "LS": "Zanzibar",
     "PLACE": '=HYPERLINK("x")', "REC": "E99"},
    {"CHILD": "@SUM(A1)", "DECOM": "05/05/2021", "RNE": "S", "LS": "C1", "PLACE": "U4"},
]  # fmt: skip
HEADER = (
    "ETHNIC,DOB,SEX,CHILD,UPN\nWBRI,17/05/2012,1,K1,A331400001234\nZZZZ,01/13/2011,3,K2,\n"
    "wbri,5/5/2010,M,@SUM(A1),\n"
)
CENSUS = """<?xml version="1.0" encoding="UTF-8"?>
<c:Message xmlns:c="urn:example:cin" xmlns:x="urn:x"><c:Header><c:CollectionDetails>
<c:Collection>CIN</c:Collection><c:Year>2022</c:Year><c:ReferenceDate>2022-03-31</c:ReferenceDate>
</c:CollectionDetails></c:Header><c:Children>
<c:Child><c:ChildIdentifiers><c:LAchildID><![CDATA[K1]]></c:LAchildID><c:UPN>A331400001234</c:UPN>
  <c:PersonBirthDate>2012-05-17</c:PersonBirthDate></c:ChildIdentifiers>
  <c:CINdetails><c:CINreferralDate>2021-06-01</c:CINreferralDate>
    <c:ReferralNFA>false</c:ReferralNFA><!-- jo@example.org --></c:CINdetails>
  <c:CINdetails><c:CINreferralDate>2021-06-01</c:CINreferralDate>
    <c:ReferralNFA>true</c:ReferralNFA></c:CINdetails></c:Child>
<c:Child><c:ChildIdentifiers><c:LAchildID>K3</c:LAchildID></c:ChildIdentifiers></c:Child>
<c:Child><c:ChildCharacteristics><c:Ethnicity>WBRI</c:Ethnicity></c:ChildCharacteristics>
  <c:CINdetails><c:CINreferralDate>2021-07-01</c:CINreferralDate></c:CINdetails></c:Child>
<c:Child><c:ChildIdentifiers><c:LAchildID>K4</c:LAchildID>
  <c:PersonBirthDate>Zanzibar</c:PersonBirthDate><c:Sex>X</c:Sex></c:ChildIdentifiers>
  <c:CINdetails><c:CINreferralDate>2021-06-15</c:CINreferralDate>
    <c:PrimaryNeedCode>N12</c:PrimaryNeedCode><c:ChildProtectionPlans>
    <c:CPPstartDate>2021-06-15</c:CPPstartDate>
    <c:NumberOfPreviousCPP>Zanzibar</c:NumberOfPreviousCPP></c:ChildProtectionPlans>
  </c:CINdetails></c:Child></c:Children></c:Message>"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    columns = list(EPISODES[0])[::-1]  # reversed, all quoted, with a byte-order mark
    quoted = ['"{}"'.format(row.get(c, "").replace('"', '""')) for row in EPISODES for c in columns]
    lines = [",".join(columns)]
    lines += [",".join(quoted[k : k + len(columns)]) for k in range(0, len(quoted), len(columns))]
    desk.put("episodes.txt", "\ufeff" + "\r\n".join(lines) + "\r\n")
    desk.put("header.csv", HEADER)
    desk.put("census.xml", CENSUS)
    return desk


def test_every_row_is_passed_on_as_far_as_it_can_be_read(desk: Desk) -> None:
    report = desk.run()
    k1, k2, k3, k4, odd = (child_id(name) for name in ("K1", "K2", "K3", "K4", "@SUM(A1)"))
    assert {tuple(row.values())[:4] for row in desk.rows("children")} == {
        ("", "", "", "WBRI"),  # a child without an id stays a row, for the check to set aside
        (k1, "2012-05", "M", "WBRI"),
        (k2, "unreadable", "3", "unreadable"),
        (k3, "", "", ""),
        (k4, "unreadable", "X", ""),
        (odd, "2010-05", "M", "WBRI"),
    }
    assert {(r["CHILD"], r["DECOM"], r["RNE"], r["LS"], r["PLACE"], r["DEC"], r["REC"])
            for r in desk.rows("care_episodes")} == {
        (k1, "2020-05-01", "S", "C2", "U1", "2020-06-03", "X1"),
        (k1, "2020-06-03", "Q", "ZZ9", "U9", "", ""),
        (k2, "2021-02-31", "S", "unreadable", "unreadable", "", "E99"),
        (odd, "2021-05-05", "S", "C1", "U4", "", ""),
    }  # fmt: skip
    assert sorted(
        (r["child_id"], r["referral_date"], r["referral_nfa"], r["n_previous_cpp"])
        for r in desk.rows("referrals")
    ) == sorted([
        ("", "2021-07-01", "", ""),
        (k1, "2021-06-01", "0", ""), (k1, "2021-06-01", "1", ""),
        (k4, "2021-06-15", "", "unreadable"),
    ])  # fmt: skip
    assert unfit(report) == {
        ("care_episodes", "DECOM", "no day of the calendar"): 1,
        ("care_episodes", "RNE", "Q"): 1,
        ("care_episodes", "LS", "ZZ9"): 1,
        ("care_episodes", "LS", "unreadable"): 1,
        ("care_episodes", "PLACE", "U9"): 1,
        ("care_episodes", "PLACE", "unreadable"): 1,
        ("care_episodes", "REC", "E99"): 1,
        ("children", "birth_month", "no day of the calendar"): 1,
        ("children", "birth_month", "unreadable"): 1,
        ("children", "ethnicity", "unreadable"): 1,
        ("children", "sex", "3"): 1,
        ("children", "sex", "X"): 1,
        ("referrals", "n_previous_cpp", "unreadable"): 1,
        ("referrals", "primary_need", "N12"): 1,
    }
    assert to_look_at(report) == {
        ("children", "no child_id"): 1,
        ("children", "no birth month, which reads as not born at the referral"): 2,
        ("referrals", "no child_id"): 1,
        ("referrals", "no referral_nfa"): 2,
    }
    everything = told(report) + "".join(text.decode() for text in desk.written().values())
    assert not [word for word in BEHIND if word.casefold() in everything.casefold()]


def test_the_check_sets_aside_by_name_what_the_import_passed_on(desk: Desk, sender: Sender) -> None:
    desk.run()
    for path in [path for path in sender.files if path.startswith(f"{LA}/")]:
        del sender.files[path]
    sender.write()
    desk.to.rename(sender.folder / LA)
    outcome = check_refresh(small_refresh(), sender.root)
    assert outcome.exit_code == 1
    counts = outcome.counts[(outcome.counts["la"] == LA) & (outcome.counts["outcome"] != "decided")]
    assert {(r.outcome, r.file, r.rule): r.rows for r in counts.itertuples()} == {
        ("set aside", "children", "missing value"): 1,
        (
            "set aside",
            "children",
            "not a month",
        ): 2,  # K2, K4: the first column at fault
        ("set aside", "referrals", "missing value"): 2,
        ("set aside", "plans", "child set aside"): 1,  # K4's
        ("set aside", "care_episodes", "unknown code"): 1,
        ("set aside", "care_episodes", "not a date"): 1,
    }
    page = outcome.html.casefold()
    assert not [word for word in BEHIND if word.casefold() in page]


def test_formulas_in_rows_set_aside_are_sent_back_as_text(sender: Sender) -> None:
    sender.set_cell("coventry/plans.csv", 1, "plan_type", "=cmd|' /C calc'!A0")
    sender.set_cell("coventry/referrals.csv", 2, "referral_nfa", "@SUM(A1)")
    sender.set_cell("coventry/children.csv", 3, "ethnicity", "+WBRI")
    sender.set_cell("coventry/children.csv", 4, "child_id", "-co4")  # an id as good as another
    sender.write()
    outcome = check_refresh(small_refresh(), sender.root)
    assert outcome.exit_code == 1
    cells = {}
    for file in ("plans", "referrals", "children"):
        path = sender.folder / "set-aside" / "coventry" / f"{file}.csv"
        rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        cells[file] = {(row["rule"], row[row["column"]]) for row in rows}
    assert cells["plans"] == {("unknown code", "'=cmd|' /C calc'!A0")}
    assert ("not 0 or 1", "'@SUM(A1)") in cells["referrals"]
    assert ("orphan child_id", "co4") in cells["referrals"]
    assert cells["children"] == {("unknown code", "'+WBRI")}
