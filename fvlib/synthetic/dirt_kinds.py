"""The kinds of dirt that a synthetic extract has, each a row: where it may stand and what it does.

None of them changes an outcome or who is in the cohort. What the loader sets aside is an extra row;
what it puts right, or what the reconstruction of spells decides, leaves the meaning as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from fvlib.synthetic.dirt_changes import (
    Change,
    Place,
    after_through,
    apply_in_turn,
    born_after_through,
    earlier_school_year,
    ends_before_trial,
    ends_well_before_last,
    in_all_places,
    is_continued,
    is_empty,
    is_filled,
    is_followed,
    is_last_of,
    is_one_of,
    lasts_for,
    moved_date,
    new_child,
    new_referral,
    not_short_break,
    one_of,
    plan_inside,
    spaces_or_case,
    write_cells,
)

Outcome = Literal["set aside", "resolved", "decided"]
How = Literal["replace", "add", "add pair", "move"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of dirt.

    `how`: the row changed in its place, a changed copy beside it, a pair of copies that share a new
    key and differ, or the row moved behind the next one. `rule`: the loader's; for `decided`, that
    of the spells' reconstruction. `share`: rows with it, of the file's rows. `where`: rows that it
    may befall.
    """

    file: str
    name: str
    outcome: Outcome
    rule: str
    share: float
    how: How
    change: Change
    where: Place | None = None


_IN_CHAIN: Final = in_all_places(
    is_one_of("REC", "X1"),
    not_short_break,
    is_followed("CHILD", "DEC", "DECOM"),
    is_continued,
    lasts_for("DECOM", "DEC", 25),
)
# Ends that are no return home, so that X1 in their place tells no other outcome.
_OTHER_END: Final = in_all_places(
    is_one_of("REC", "E8", "E13", "E3", "E41"), not_short_break, is_last_of("CHILD")
)
_RARE: Final = 0.0008
_SOME: Final = 0.0015
_OFTEN: Final = 0.006


def _faulty(
    file: str, name: str, rule: str, share: float, change: Change, *, where: Place | None = None
) -> Kind:
    """Make a row at fault, beside the one it was made from; it is set aside."""
    return Kind(file, name, "set aside", rule, share, "add", change, where)


def _pair(file: str, change: Change) -> Kind:
    return Kind(
        file, "two rows that differ", "set aside", "duplicate key", _SOME, "add pair", change
    )


def _twice(file: str) -> Kind:
    return Kind(file, "row sent twice", "resolved", "identical row", _SOME, "add", write_cells())


def _put_right(
    file: str, name: str, rule: str, share: float, change: Change, *, where: Place | None = None
) -> Kind:
    """Change a row in its place to what is read as before."""
    return Kind(file, name, "resolved", rule, share, "replace", change, where)


def _decided(name: str, rule: str, share: float, how: How, change: Change, *, where: Place) -> Kind:
    """Change spells in a way that their reconstruction decides as before."""
    file = "plans" if rule.startswith("plan") else "care_episodes"
    return Kind(file, name, "decided", rule, share, how, change, where)


KINDS: Final = (
    # children: whoever is set aside is an extra child, with a referral that goes with it
    _faulty(
        "children",
        "ethnicity in no list",
        "unknown code",
        _SOME,
        apply_in_turn(new_child("child_id"), one_of("ethnicity", "WENG", "H4", "WEUR", "OARA")),
    ),
    _faulty(
        "children",
        "no disability beside a disability",
        "none beside another code",
        _RARE,
        apply_in_turn(new_child("child_id"), write_cells(disability="NONE;LD")),
    ),
    _faulty(
        "children",
        "thirteenth month",
        "not a month",
        _RARE,
        apply_in_turn(new_child("child_id"), one_of("birth_month", "2012-13", "2015-00", "2009")),
    ),
    _faulty(
        "children",
        "birth after the extract",
        "birth month after data_through",
        _RARE,
        apply_in_turn(new_child("child_id"), born_after_through),
    ),
    _faulty(
        "children",
        "flag spelled out",
        "not 0 or 1",
        _RARE,
        apply_in_turn(new_child("child_id"), one_of("fsm_ever", "Y", "Yes", "N")),
    ),
    _pair("children", one_of("disability", "MOB", "LD;AUT")),
    _twice("children"),
    _put_right(
        "children",
        "stray spaces and case in ethnicity",
        "spaces or case",
        _OFTEN,
        spaces_or_case("ethnicity"),
        where=is_filled("ethnicity"),
    ),
    # referrals
    _faulty(
        "referrals",
        "closed before it was opened",
        "end before start",
        _SOME,
        apply_in_turn(new_referral, moved_date("closure_date", -40, -1, of="referral_date")),
    ),
    _faulty(
        "referrals",
        "outcome of the assessment not said",
        "missing value",
        _SOME,
        apply_in_turn(new_referral, write_cells(referral_nfa=None)),
    ),
    _faulty(
        "referrals",
        "need in no list",
        "unknown code",
        _RARE,
        apply_in_turn(new_referral, one_of("primary_need", "N10", "N99", "1A")),
    ),
    _faulty(
        "referrals",
        "day that isn't in the calendar",
        "not a date",
        _RARE,
        apply_in_turn(
            new_referral, one_of("referral_date", "2021-02-30", "2020-06-31", "2022-04-31")
        ),
    ),
    _faulty(
        "referrals",
        "spreadsheet's zero",
        "start before 1990",
        _RARE,
        apply_in_turn(new_referral, write_cells(referral_date="1900-01-01")),
    ),
    _faulty(
        "referrals",
        "referral after the extract",
        "start after data_through",
        _RARE,
        apply_in_turn(new_referral, after_through("referral_date"), write_cells(closure_date=None)),
    ),
    _faulty(
        "referrals",
        "child unknown",
        "orphan child_id",
        _SOME,
        apply_in_turn(new_referral, new_child("child_id")),
    ),
    _pair("referrals", moved_date("referral_date", -30, -1)),
    _twice("referrals"),
    _put_right(
        "referrals",
        "stray spaces and case in the need",
        "spaces or case",
        _OFTEN,
        spaces_or_case("primary_need"),
        where=is_filled("primary_need"),
    ),
    _put_right(
        "referrals",
        "count written as decimal",
        "written as decimal",
        _SOME,
        lambda row, soil: row.update(n_previous_cpp=f"{row['n_previous_cpp']}.0"),
        where=is_filled("n_previous_cpp"),
    ),
    _put_right(
        "referrals",
        "closure expected after the extract",
        "end after data_through",
        _SOME,
        after_through("closure_date"),
        where=is_empty("closure_date"),
    ),
    # plans
    _faulty(
        "plans",
        "ended before it began",
        "end before start",
        _SOME,
        apply_in_turn(
            moved_date("start_date", -9, -1), moved_date("end_date", -60, -1, of="start_date")
        ),
    ),
    _faulty(
        "plans",
        "kind of plan in no list",
        "unknown code",
        _SOME,
        apply_in_turn(
            moved_date("start_date", -9, -1),
            write_cells(end_date=None),
            one_of("plan_type", "LAC", "EH"),
        ),
    ),
    _faulty(
        "plans",
        "plan after the extract",
        "start after data_through",
        _RARE,
        apply_in_turn(after_through("start_date"), write_cells(end_date=None)),
    ),
    _faulty("plans", "child unknown", "orphan child_id", _SOME, new_child("child_id")),
    _pair("plans", moved_date("end_date", 20, 60, of="start_date")),
    _twice("plans"),
    _put_right(
        "plans",
        "stray spaces and case in the kind of plan",
        "spaces or case",
        _OFTEN,
        spaces_or_case("plan_type"),
    ),
    _put_right(
        "plans",
        "end planned after the extract",
        "end after data_through",
        _SOME,
        after_through("end_date"),
        where=is_empty("end_date"),
    ),
    _decided(
        "plan inside another",
        "plan_overlap_merged",
        _OFTEN,
        "add",
        plan_inside,
        where=lasts_for("start_date", "end_date", 30),
    ),
    # care_episodes
    _faulty(
        "care_episodes",
        "ceased before it began",
        "end before start",
        _SOME,
        apply_in_turn(moved_date("DECOM", -9, -1), moved_date("DEC", -30, -1, of="DECOM")),
    ),
    _faulty(
        "care_episodes",
        "placement in no year's list",
        "unknown code",
        _SOME,
        apply_in_turn(
            moved_date("DECOM", -9, -1), write_cells(DEC=None), one_of("PLACE", "Z19", "Z21", "Z4")
        ),
    ),
    _faulty(
        "care_episodes",
        "legal status in no list",
        "unknown code",
        _RARE,
        apply_in_turn(
            moved_date("DECOM", -9, -1), write_cells(DEC=None), one_of("LS", "V1", "S20")
        ),
    ),
    _faulty("care_episodes", "child unknown", "orphan child_id", _SOME, new_child("CHILD")),
    _pair(
        "care_episodes",
        apply_in_turn(one_of("PLACE", "U6", "U4", "K2"), moved_date("DEC", 30, 90, of="DECOM")),
    ),
    _twice("care_episodes"),
    _put_right(
        "care_episodes",
        "stray spaces and case in the legal status",
        "spaces or case",
        _OFTEN,
        spaces_or_case("LS"),
    ),
    _put_right(
        "care_episodes",
        "end planned after the extract",
        "end after data_through",
        _SOME,
        after_through("DEC"),
        where=in_all_places(is_empty("DEC"), is_last_of("CHILD")),
    ),
    _decided(
        "a day between two episodes",
        "joined_next_day",
        _OFTEN,
        "replace",
        moved_date("DEC", -1, -1),
        where=_IN_CHAIN,
    ),
    _decided(
        "gap of days between two episodes, before the trial",
        "started_after_gap",
        _SOME,
        "replace",
        moved_date("DEC", -20, -3),
        where=in_all_places(_IN_CHAIN, ends_before_trial),
    ),
    _decided(
        "ceased after the next began",
        "cut_at_next",
        _SOME,
        "replace",
        moved_date("DEC", 1, 9),
        where=in_all_places(_IN_CHAIN, ends_well_before_last),
    ),
    _decided(
        "end not entered although the next began",
        "open_cut_at_next",
        _SOME,
        "replace",
        write_cells(DEC=None),
        where=_IN_CHAIN,
    ),
    _decided(
        "goes on, but nothing follows",
        "ended_without_successor",
        _SOME,
        "replace",
        write_cells(REC="X1"),
        where=_OTHER_END,
    ),
    _decided(
        "reason to cease, and still open",
        "open_despite_reason",
        _SOME,
        "replace",
        write_cells(REC="E4A"),
        where=in_all_places(is_empty("DEC"), not_short_break, is_last_of("CHILD")),
    ),
    _decided(
        "later episode first", "sorted_by_start", _SOME, "move", write_cells(), where=_IN_CHAIN
    ),
    # attendance
    _faulty(
        "attendance",
        "more sessions missed than there were",
        "sessions_unauthorised over sessions_possible",
        _SOME,
        apply_in_turn(
            earlier_school_year, write_cells(sessions_possible="96", sessions_unauthorised="131")
        ),
    ),
    _faulty(
        "attendance",
        "half a session",
        "not a whole number",
        _RARE,
        apply_in_turn(earlier_school_year, write_cells(sessions_unauthorised="12.5")),
    ),
    _faulty(
        "attendance",
        "school year that isn't one",
        "not an academic year",
        _RARE,
        one_of("academic_year", "2019", "2019/21", "1920"),
    ),
    _faulty(
        "attendance",
        "term after the extract",
        "start after data_through",
        _RARE,
        lambda row, soil: row.update(
            academic_year=f"{soil.through.year + 1}/{(soil.through.year + 2) % 100:02d}"
        ),
    ),
    _faulty("attendance", "child unknown", "orphan child_id", _SOME, new_child("child_id")),
    _pair("attendance", one_of("sessions_possible", "365", "366")),
    _twice("attendance"),
    _put_right(
        "attendance",
        "count written as decimal",
        "written as decimal",
        _SOME,
        lambda row, soil: row.update(sessions_possible=f"{row['sessions_possible']}.0"),
    ),
    _put_right(
        "attendance",
        "term in capitals",
        "spaces or case",
        _OFTEN,
        lambda row, soil: row.update(term=str(row["term"]).title()),
    ),
)

# What gives a copy of a row a key of its own.
NEW_KEYS: Final[Mapping[str, Change]] = {
    "children": new_child("child_id"),
    "referrals": new_referral,
    "plans": apply_in_turn(moved_date("start_date", -9, -1), write_cells(end_date=None)),
    "care_episodes": apply_in_turn(moved_date("DECOM", -9, -1), write_cells(DEC=None, REC=None)),
    "attendance": earlier_school_year,
}
