"""The kinds of dirt that a synthetic extract has, each a row: where it may stand and what it does.

None of them changes an outcome or who is in the cohort. What the loader sets aside is an extra row;
what it puts right, or what the reconstruction of spells decides, leaves the meaning as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fvlib import protocol
from fvlib.data.synthetic_calendar import Bools

Row = dict[str, str | None]
Outcome = Literal["set aside", "resolved", "decided"]


@dataclass(frozen=True, slots=True)
class Soil:
    """What a change of a row may draw on."""

    rng: np.random.Generator
    through: date
    fresh_child: Iterator[str]
    fresh_referral: Iterator[str]


Change = Callable[[Row, Soil], None]
Place = Callable[[pa.Table], Bools]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of dirt.

    `how`: the row changed in its place, a changed copy beside it, a pair of copies that share a new
    key and differ, or the row moved behind the next one. `rule`: the loader's; for `decided`, that of the spells' reconstruction.
    `share`: rows with it, of the file's rows. `where`: rows that it may befall.
    """

    file: str
    name: str
    outcome: Outcome
    rule: str
    share: float
    how: Literal["replace", "add", "add pair", "move"]
    change: Change
    where: Place | None = None


def _set(**cells: str | None) -> Change:
    def change(row: Row, soil: Soil) -> None:
        row.update(cells)

    return change


def _one_of(column: str, *values: str) -> Change:
    def change(row: Row, soil: Soil) -> None:
        row[column] = values[int(soil.rng.integers(len(values)))]

    return change


def _spaces_or_case(column: str) -> Change:
    """Lower case, or a space before or behind."""

    def change(row: Row, soil: Soil) -> None:
        text = row[column] or ""
        recased = text.lower() if text.lower() != text else f"{text} "
        row[column] = (recased, f" {text}", f"{text} ")[int(soil.rng.integers(3))]

    return change


def _shift(column: str, low: int, high: int, of: str | None = None) -> Change:
    """Set a date to some days after (or before) the date in `of`, by default its own."""

    def change(row: Row, soil: Soil) -> None:
        days = int(soil.rng.integers(low, high + 1))
        day = date.fromisoformat(str(row[of or column])) + timedelta(days=days)
        row[column] = day.isoformat()

    return change


def _after_through(column: str) -> Change:
    def change(row: Row, soil: Soil) -> None:
        day = soil.through + timedelta(days=int(soil.rng.integers(1, 90)))
        row[column] = day.isoformat()

    return change


def _month_after_through(row: Row, soil: Soil) -> None:
    day = soil.through + timedelta(days=int(soil.rng.integers(40, 200)))
    row["birth_month"] = day.isoformat()[:7]


def _new_child(column: str) -> Change:
    def change(row: Row, soil: Soil) -> None:
        row[column] = next(soil.fresh_child)

    return change


def _new_referral(row: Row, soil: Soil) -> None:
    row["referral_id"] = next(soil.fresh_referral)


def _nested_plan(row: Row, soil: Soil) -> None:
    """Put a CIN plan inside the row's own plan."""
    start, end = (date.fromisoformat(str(row[name])) for name in ("start_date", "end_date"))
    room = (end - start).days
    row["plan_type"] = "CIN"
    row["start_date"] = (start + timedelta(days=int(soil.rng.integers(1, room // 2)))).isoformat()
    row["end_date"] = (end - timedelta(days=int(soil.rng.integers(0, room // 3)))).isoformat()


def _earlier_school_year(row: Row, soil: Soil) -> None:
    """Use a school year of which nothing is sent."""
    row["academic_year"] = ("2015/16", "2016/17", "2017/18")[int(soil.rng.integers(3))]


def _then(*changes: Change) -> Change:
    def change(row: Row, soil: Soil) -> None:
        for one in changes:
            one(row, soil)

    return change


def _texts(table: pa.Table, column: str) -> NDArray[np.object_]:
    return np.asarray(table.column(column).to_numpy(), dtype=object)


def _filled(column: str) -> Place:
    return lambda table: np.asarray(table.column(column).is_valid().to_numpy(), dtype=bool)


def _empty(column: str) -> Place:
    return lambda table: ~_filled(column)(table)


def _all(*places: Place) -> Place:
    return lambda table: np.logical_and.reduce([place(table) for place in places])


def _equal(column: str, *values: str) -> Place:
    return lambda table: np.isin(_texts(table, column), values)


def _lasts(start: str, end: str, days: int) -> Place:
    """Tell whether both dates are there, at least so many days apart."""

    def place(table: pa.Table) -> Bools:
        begin = table.column(start).cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy()
        finish = table.column(end).cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy()
        return np.asarray((finish > 0) & (finish - begin >= days))

    return place


def _followed(child: str, end: str, start: str) -> Place:
    """Tell whether the child's next row starts on the day this one ends."""

    def place(table: pa.Table) -> Bools:
        children, ends, starts = (_texts(table, name) for name in (child, end, start))
        found = np.zeros(len(children), dtype=bool)
        found[:-1] = (children[1:] == children[:-1]) & (ends[:-1] == starts[1:])
        return found

    return place


def _last_of(child: str) -> Place:
    def place(table: pa.Table) -> Bools:
        children = _texts(table, child)
        last = np.ones(len(children), dtype=bool)
        last[:-1] = children[1:] != children[:-1]
        return last

    return place


def _ends_before_trial(table: pa.Table) -> Bools:
    ends = table.column("DEC").fill_null("9999").to_numpy().astype(str)
    return np.asarray(ends < str(protocol.TRIAL_START))


def _ends_well_before_last(table: pa.Table) -> Bools:
    """Tell whether a row ends at least ten days before the file's latest end."""
    ends = table.column("DEC").cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy()
    return np.asarray(ends <= ends.max(initial=0) - 10)


def _not_short_break(table: pa.Table) -> Bools:
    return ~_equal("LS", "V3", "V4")(table)


def _next_continues(table: pa.Table) -> Bools:
    """Tell whether the next row is no new start of care."""
    reasons = _texts(table, "RNE")
    found = np.zeros(len(reasons), dtype=bool)
    found[:-1] = reasons[1:] != "S"
    return found


_IN_CHAIN: Final = _all(
    _equal("REC", "X1"),
    _not_short_break,
    _followed("CHILD", "DEC", "DECOM"),
    _next_continues,
    _lasts("DECOM", "DEC", 25),
)
# Ends that are no return home, so that X1 in their place tells no other outcome.
_OTHER_END: Final = _all(
    _equal("REC", "E8", "E13", "E3", "E41"), _not_short_break, _last_of("CHILD")
)
_RARE: Final = 0.0008
_SOME: Final = 0.0015
_OFTEN: Final = 0.006

KINDS: Final = (
    # children: whoever is set aside is an extra child, with a referral that goes with it
    Kind(
        "children",
        "ethnicity in no list",
        "set aside",
        "unknown code",
        _SOME,
        "add",
        _then(_new_child("child_id"), _one_of("ethnicity", "WENG", "H4", "WEUR", "OARA")),
    ),
    Kind(
        "children",
        "no disability beside a disability",
        "set aside",
        "none beside another code",
        _RARE,
        "add",
        _then(_new_child("child_id"), _set(disability="NONE;LD")),
    ),
    Kind(
        "children",
        "thirteenth month",
        "set aside",
        "not a month",
        _RARE,
        "add",
        _then(_new_child("child_id"), _one_of("birth_month", "2012-13", "2015-00", "2009")),
    ),
    Kind(
        "children",
        "birth after the extract",
        "set aside",
        "birth month after data_through",
        _RARE,
        "add",
        _then(_new_child("child_id"), _month_after_through),
    ),
    Kind(
        "children",
        "flag spelled out",
        "set aside",
        "not 0 or 1",
        _RARE,
        "add",
        _then(_new_child("child_id"), _one_of("fsm_ever", "Y", "Yes", "N")),
    ),
    Kind(
        "children",
        "two rows that differ",
        "set aside",
        "duplicate key",
        _SOME,
        "add pair",
        _one_of("disability", "MOB", "LD;AUT"),
    ),
    Kind("children", "row sent twice", "resolved", "identical row", _SOME, "add", _set()),
    Kind(
        "children",
        "stray spaces and case in ethnicity",
        "resolved",
        "spaces or case",
        _OFTEN,
        "replace",
        _spaces_or_case("ethnicity"),
        _filled("ethnicity"),
    ),
    # referrals
    Kind(
        "referrals",
        "closed before it was opened",
        "set aside",
        "end before start",
        _SOME,
        "add",
        _then(_new_referral, _shift("closure_date", -40, -1, of="referral_date")),
    ),
    Kind(
        "referrals",
        "outcome of the assessment not said",
        "set aside",
        "missing value",
        _SOME,
        "add",
        _then(_new_referral, _set(referral_nfa=None)),
    ),
    Kind(
        "referrals",
        "need in no list",
        "set aside",
        "unknown code",
        _RARE,
        "add",
        _then(_new_referral, _one_of("primary_need", "N10", "N99", "1A")),
    ),
    Kind(
        "referrals",
        "day that isn't in the calendar",
        "set aside",
        "not a date",
        _RARE,
        "add",
        _then(_new_referral, _one_of("referral_date", "2021-02-30", "2020-06-31", "2022-04-31")),
    ),
    Kind(
        "referrals",
        "spreadsheet's zero",
        "set aside",
        "start before 1990",
        _RARE,
        "add",
        _then(_new_referral, _set(referral_date="1900-01-01")),
    ),
    Kind(
        "referrals",
        "referral after the extract",
        "set aside",
        "start after data_through",
        _RARE,
        "add",
        _then(_new_referral, _after_through("referral_date"), _set(closure_date=None)),
    ),
    Kind(
        "referrals",
        "child unknown",
        "set aside",
        "orphan child_id",
        _SOME,
        "add",
        _then(_new_referral, _new_child("child_id")),
    ),
    Kind(
        "referrals",
        "two rows that differ",
        "set aside",
        "duplicate key",
        _SOME,
        "add pair",
        _shift("referral_date", -30, -1),
    ),
    Kind("referrals", "row sent twice", "resolved", "identical row", _SOME, "add", _set()),
    Kind(
        "referrals",
        "stray spaces and case in the need",
        "resolved",
        "spaces or case",
        _OFTEN,
        "replace",
        _spaces_or_case("primary_need"),
        _filled("primary_need"),
    ),
    Kind(
        "referrals",
        "count written as decimal",
        "resolved",
        "written as decimal",
        _SOME,
        "replace",
        lambda row, soil: row.update(n_previous_cpp=f"{row['n_previous_cpp']}.0"),
        _filled("n_previous_cpp"),
    ),
    Kind(
        "referrals",
        "closure expected after the extract",
        "resolved",
        "end after data_through",
        _SOME,
        "replace",
        _after_through("closure_date"),
        _empty("closure_date"),
    ),
    # plans
    Kind(
        "plans",
        "ended before it began",
        "set aside",
        "end before start",
        _SOME,
        "add",
        _then(_shift("start_date", -9, -1), _shift("end_date", -60, -1, of="start_date")),
    ),
    Kind(
        "plans",
        "kind of plan in no list",
        "set aside",
        "unknown code",
        _SOME,
        "add",
        _then(_shift("start_date", -9, -1), _set(end_date=None), _one_of("plan_type", "LAC", "EH")),
    ),
    Kind(
        "plans",
        "plan after the extract",
        "set aside",
        "start after data_through",
        _RARE,
        "add",
        _then(_after_through("start_date"), _set(end_date=None)),
    ),
    Kind(
        "plans",
        "child unknown",
        "set aside",
        "orphan child_id",
        _SOME,
        "add",
        _new_child("child_id"),
    ),
    Kind(
        "plans",
        "two rows that differ",
        "set aside",
        "duplicate key",
        _SOME,
        "add pair",
        _shift("end_date", 20, 60, of="start_date"),
    ),
    Kind("plans", "row sent twice", "resolved", "identical row", _SOME, "add", _set()),
    Kind(
        "plans",
        "stray spaces and case in the kind of plan",
        "resolved",
        "spaces or case",
        _OFTEN,
        "replace",
        _spaces_or_case("plan_type"),
    ),
    Kind(
        "plans",
        "end planned after the extract",
        "resolved",
        "end after data_through",
        _SOME,
        "replace",
        _after_through("end_date"),
        _empty("end_date"),
    ),
    Kind(
        "plans",
        "plan inside another",
        "decided",
        "plan_overlap_merged",
        _OFTEN,
        "add",
        _nested_plan,
        _lasts("start_date", "end_date", 30),
    ),
    # care episodes
    Kind(
        "care_episodes",
        "ceased before it began",
        "set aside",
        "end before start",
        _SOME,
        "add",
        _then(_shift("DECOM", -9, -1), _shift("DEC", -30, -1, of="DECOM")),
    ),
    Kind(
        "care_episodes",
        "placement in a later year's list only",
        "set aside",
        "unknown code",
        _SOME,
        "add",
        _then(_shift("DECOM", -9, -1), _set(DEC=None), _one_of("PLACE", "Z11", "Z12", "Z14")),
    ),
    Kind(
        "care_episodes",
        "legal status in no list",
        "set aside",
        "unknown code",
        _RARE,
        "add",
        _then(_shift("DECOM", -9, -1), _set(DEC=None), _one_of("LS", "V1", "S20")),
    ),
    Kind(
        "care_episodes",
        "child unknown",
        "set aside",
        "orphan child_id",
        _SOME,
        "add",
        _new_child("CHILD"),
    ),
    Kind(
        "care_episodes",
        "two rows that differ",
        "set aside",
        "duplicate key",
        _SOME,
        "add pair",
        _then(_one_of("PLACE", "U6", "U4", "K2"), _shift("DEC", 30, 90, of="DECOM")),
    ),
    Kind("care_episodes", "row sent twice", "resolved", "identical row", _SOME, "add", _set()),
    Kind(
        "care_episodes",
        "stray spaces and case in the legal status",
        "resolved",
        "spaces or case",
        _OFTEN,
        "replace",
        _spaces_or_case("LS"),
    ),
    Kind(
        "care_episodes",
        "end planned after the extract",
        "resolved",
        "end after data_through",
        _SOME,
        "replace",
        _after_through("DEC"),
        _all(_empty("DEC"), _last_of("CHILD")),
    ),
    Kind(
        "care_episodes",
        "a day between two episodes",
        "decided",
        "joined_next_day",
        _OFTEN,
        "replace",
        _shift("DEC", -1, -1),
        _IN_CHAIN,
    ),
    Kind(
        "care_episodes",
        "gap of days between two episodes, before the trial",
        "decided",
        "started_after_gap",
        _SOME,
        "replace",
        _shift("DEC", -20, -3),
        _all(_IN_CHAIN, _ends_before_trial),
    ),
    Kind(
        "care_episodes",
        "ceased after the next began",
        "decided",
        "cut_at_next",
        _SOME,
        "replace",
        _shift("DEC", 1, 9),
        _all(_IN_CHAIN, _ends_well_before_last),
    ),
    Kind(
        "care_episodes",
        "end not entered although the next began",
        "decided",
        "open_cut_at_next",
        _SOME,
        "replace",
        _set(DEC=None),
        _IN_CHAIN,
    ),
    Kind(
        "care_episodes",
        "goes on, but nothing follows",
        "decided",
        "ended_without_successor",
        _SOME,
        "replace",
        _set(REC="X1"),
        _OTHER_END,
    ),
    Kind(
        "care_episodes",
        "reason to cease, and still open",
        "decided",
        "open_despite_reason",
        _SOME,
        "replace",
        _set(REC="E4A"),
        _all(_empty("DEC"), _not_short_break, _last_of("CHILD")),
    ),
    Kind(
        "care_episodes",
        "later episode first",
        "decided",
        "sorted_by_start",
        _SOME,
        "move",
        _set(),
        _IN_CHAIN,
    ),
    # attendance
    Kind(
        "attendance",
        "more sessions missed than there were",
        "set aside",
        "sessions_unauthorised over sessions_possible",
        _SOME,
        "add",
        _then(_earlier_school_year, _set(sessions_possible="96", sessions_unauthorised="131")),
    ),
    Kind(
        "attendance",
        "half a session",
        "set aside",
        "not a whole number",
        _RARE,
        "add",
        _then(_earlier_school_year, _set(sessions_unauthorised="12.5")),
    ),
    Kind(
        "attendance",
        "school year that isn't one",
        "set aside",
        "not an academic year",
        _RARE,
        "add",
        _one_of("academic_year", "2019", "2019/21", "1920"),
    ),
    Kind(
        "attendance",
        "term after the extract",
        "set aside",
        "start after data_through",
        _RARE,
        "add",
        lambda row, soil: row.update(
            academic_year=f"{soil.through.year + 1}/{(soil.through.year + 2) % 100:02d}"
        ),
    ),
    Kind(
        "attendance",
        "child unknown",
        "set aside",
        "orphan child_id",
        _SOME,
        "add",
        _new_child("child_id"),
    ),
    Kind(
        "attendance",
        "two rows that differ",
        "set aside",
        "duplicate key",
        _SOME,
        "add pair",
        _one_of("sessions_possible", "365", "366"),
    ),
    Kind("attendance", "row sent twice", "resolved", "identical row", _SOME, "add", _set()),
    Kind(
        "attendance",
        "count written as decimal",
        "resolved",
        "written as decimal",
        _SOME,
        "replace",
        lambda row, soil: row.update(sessions_possible=f"{row['sessions_possible']}.0"),
    ),
    Kind(
        "attendance",
        "term in capitals",
        "resolved",
        "spaces or case",
        _OFTEN,
        "replace",
        lambda row, soil: row.update(term=str(row["term"]).title()),
    ),
)

# What gives a copy of a row a key of its own.
NEW_KEYS: Final[Mapping[str, Change]] = {
    "children": _new_child("child_id"),
    "referrals": _new_referral,
    "plans": _then(_shift("start_date", -9, -1), _set(end_date=None)),
    "care_episodes": _then(_shift("DECOM", -9, -1), _set(DEC=None, REC=None)),
    "attendance": _earlier_school_year,
}
