"""The kinds of dirt that a synthetic extract has, each a row: where it may stand and what it does.

None of them changes an outcome or who is in the cohort. What the loader sets aside is an extra row;
what it puts right, or what the reconstruction of spells decides, leaves the meaning as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fvlib.contract import RULES, Rule
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

How = Literal["replace", "add", "move"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of dirt.

    `rule`: the contract's, by which such a row is set aside, put right or decided upon. `share`:
    rows with it, of the file's rows. `how`: the row changed in its place, a changed copy beside it,
    or the row moved behind the next one. `where`: rows that it may befall. `new_key` gives a copy a
    key of its own: then a pair of copies is added that share it and differ.
    """

    file: str
    rule: Rule
    share: float
    how: How
    change: Change
    where: Place | None = None
    new_key: Change | None = None


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


def _kind(
    file: str,
    rule: str,
    share: float,
    change: Change,
    *,
    how: How | None = None,
    where: Place | None = None,
    new_key: Change | None = None,
) -> Kind:
    """Make a faulty row beside the one it was made from; change others in their place."""
    named = RULES[rule]
    return Kind(
        file, named, share, how or ("add" if named.remedy else "replace"), change, where, new_key
    )


# One kind a rule. Whatever is set aside is an extra row; a child, with a referral that goes along.
KINDS: Final = (
    _kind(
        "children",
        "unknown code",
        _SOME,
        apply_in_turn(new_child("child_id"), one_of("ethnicity", "WENG", "H4", "WEUR", "OARA")),
    ),
    _kind(
        "children",
        "none beside another code",
        _RARE,
        apply_in_turn(new_child("child_id"), write_cells(disability="NONE;LD")),
    ),
    _kind(
        "children",
        "not a month",
        _RARE,
        apply_in_turn(new_child("child_id"), one_of("birth_month", "2012-13", "2015-00", "2009")),
    ),
    _kind(
        "children",
        "birth month after data_through",
        _RARE,
        apply_in_turn(new_child("child_id"), born_after_through),
    ),
    _kind(
        "children",
        "not 0 or 1",
        _RARE,
        apply_in_turn(new_child("child_id"), one_of("fsm_ever", "Y", "Yes", "N")),
    ),
    _kind(
        "referrals",
        "missing value",
        _SOME,
        apply_in_turn(new_referral, write_cells(referral_nfa=None)),
    ),
    _kind(
        "referrals",
        "not a date",
        _RARE,
        apply_in_turn(
            new_referral, one_of("referral_date", "2021-02-30", "2020-06-31", "2022-04-31")
        ),
    ),
    _kind(
        "referrals",
        "start before 1990",
        _RARE,
        apply_in_turn(new_referral, write_cells(referral_date="1909-09-09")),
    ),
    _kind(
        "referrals",
        "orphan child_id",
        _SOME,
        apply_in_turn(new_referral, new_child("child_id")),
    ),
    _kind("referrals", "identical row", _SOME, write_cells(), how="add"),
    _kind(
        "referrals",
        "written as decimal",
        _SOME,
        lambda row, soil: row.update(n_previous_cpp=f"{row['n_previous_cpp']}.0"),
        where=is_filled("n_previous_cpp"),
    ),
    _kind(
        "plans",
        "end before start",
        _SOME,
        apply_in_turn(
            moved_date("start_date", -9, -1), moved_date("end_date", -60, -1, of="start_date")
        ),
    ),
    _kind(
        "plans",
        "start after data_through",
        _RARE,
        apply_in_turn(after_through("start_date"), write_cells(end_date=None)),
    ),
    _kind(
        "plans",
        "duplicate key",
        _SOME,
        moved_date("end_date", 20, 60, of="start_date"),
        new_key=apply_in_turn(moved_date("start_date", -9, -1), write_cells(end_date=None)),
    ),
    _kind("plans", "spaces or case", _OFTEN, spaces_or_case("plan_type")),
    _kind(
        "plans",
        "plan_overlap_merged",
        _OFTEN,
        plan_inside,
        how="add",
        where=lasts_for("start_date", "end_date", 30),
    ),
    _kind(
        "care_episodes",
        "end after data_through",
        _SOME,
        after_through("DEC"),
        where=in_all_places(is_empty("DEC"), is_last_of("CHILD")),
    ),
    _kind(
        "care_episodes",
        "joined_next_day",
        _OFTEN,
        moved_date("DEC", -1, -1),
        where=_IN_CHAIN,
    ),
    _kind(  # before the trial, so that no outcome changes
        "care_episodes",
        "started_after_gap",
        _SOME,
        moved_date("DEC", -20, -3),
        where=in_all_places(_IN_CHAIN, ends_before_trial),
    ),
    _kind(
        "care_episodes",
        "cut_at_next",
        _SOME,
        moved_date("DEC", 1, 9),
        where=in_all_places(_IN_CHAIN, ends_well_before_last),
    ),
    _kind(
        "care_episodes",
        "open_cut_at_next",
        _SOME,
        write_cells(DEC=None),
        where=_IN_CHAIN,
    ),
    _kind(
        "care_episodes",
        "ended_without_successor",
        _SOME,
        write_cells(REC="X1"),
        where=_OTHER_END,
    ),
    _kind(
        "care_episodes",
        "open_despite_reason",
        _SOME,
        write_cells(REC="E4A"),
        where=in_all_places(is_empty("DEC"), not_short_break, is_last_of("CHILD")),
    ),
    _kind("care_episodes", "sorted_by_start", _SOME, write_cells(), how="move", where=_IN_CHAIN),
    _kind(
        "attendance",
        "sessions_unauthorised over sessions_possible",
        _SOME,
        apply_in_turn(
            earlier_school_year, write_cells(sessions_possible="96", sessions_unauthorised="131")
        ),
    ),
    _kind(
        "attendance",
        "not a whole number",
        _RARE,
        apply_in_turn(earlier_school_year, write_cells(sessions_unauthorised="12.5")),
    ),
    _kind(
        "attendance",
        "not an academic year",
        _RARE,
        one_of("academic_year", "2019", "2019/21", "1920"),
    ),
)
