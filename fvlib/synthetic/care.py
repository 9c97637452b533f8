"""Care episodes laid out so that P1, S4 and S5 come out as drawn.

A period of care is a chain of episodes: RNE S first, REC X1 and the next episode on the same day
within, an end reason last. Short breaks (legal status V3, V4) stand beside them and count for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fvlib import protocol
from fvlib.contract import codes
from fvlib.synthetic.calendar import FAR, Bools, Floats, Ints, first_day, months_after
from fvlib.synthetic.children import NOT_SET, Covariates
from fvlib.synthetic.design import IndexReferrals, choose
from fvlib.synthetic.outcomes import DrawnOutcomes

_LONGEST_CHAIN: Final = 10
# Shares: of disabled children without a period of care, those with an agreed series of short
# breaks, and those with any; of all old enough, those in care at some time before the referral.
_AGREED: Final = 0.05
_ON_BREAKS: Final = 0.23
_CARED_FOR_BEFORE: Final = 0.05
_DAYS_AN_EPISODE: Final = 110.0

_KINSHIP: Final = {"U1": 25, "U2": 5, "U3": 70}
_OTHER_PLACES: Final = {"U6": 58, "U4": 6, "U5": 4, "K2": 9, "P1": 9, "R3": 4, "H5": 3, "R2": 2}
_INFANT_PLACES: Final = {"U6": 62, "U5": 14, "P1": 12, "R3": 12}
_UASC_PLACES: Final = {"U6": 55, "H5": 25, "K3": 8, "K2": 12}
_LATER_PLACES: Final = {
    **{"U6": 40, "U4": 16, "U1": 9, "U3": 9, "U5": 3, "K2": 9, "P1": 6, "H5": 3, "K3": 2},
    **{"S1": 1, "T4": 2},
}
_FIRST_STATUS: Final = {"V2": 55, "C1": 30, "L1": 8, "L2": 4, "J1": 3}
_LATER_STATUS: Final = {"C2": 45, "C1": 25, "V2": 22, "E1": 8}
_LATER_RNE: Final = {"P": 55, "L": 22, "B": 12, "T": 7, "U": 4}
# Without reunification within 18 months. E4A stands apart: only after them.
_END_REASONS: Final = {
    **{"E4B": 16, "E45": 11, "E46": 3, "E47": 12, "E48": 3, "E13": 9, "E41": 10, "E12": 12},
    **{"E11": 2, "E3": 6, "E8": 13, "E2": 1, "E16": 1, "E9": 1},
}
_ADULT_REASONS: Final = {"E17": 30, "E5": 25, "E6": 20, "E7": 10, "E8": 15}
_PROVIDERS: Final = {"PR1": 58, "PR2": 4, "PR4": 34, "PR5": 4}
_PLACE_CHANGES: Final = {
    **{"CARPL": 52, "CREQB": 12, "CREQO": 6, "CHILD": 4, "LAREQ": 8, "PLACE": 8, "STAND": 2},
    **{"CLOSE": 3, "ALLEG": 2, "OTHER": 3},
}


@dataclass(frozen=True, slots=True)
class Episodes:
    """One entry an episode; codes are positions in their lists, or `NOT_SET`."""

    child: Ints
    start: Ints
    new: Ints
    status: Ints
    place: Ints
    end: Ints
    reason: Ints
    need: Ints
    provider: Ints
    change: Ints


@dataclass(frozen=True, slots=True)
class _Periods:
    """One entry a period of care; `after_break`: it follows a short break without RNE S."""

    child: Ints
    start: Ints
    end: Ints
    first_place: Ints
    reason: Ints
    after_break: Bools


def lay_out_care(
    rng: np.random.Generator,
    referrals: IndexReferrals,
    covariates: Covariates,
    drawn: DrawnOutcomes,
) -> Episodes:
    """Episodes of the cohort, whenever they end."""
    earlier = _earlier_periods(rng, referrals, covariates, drawn)
    first = _first_periods(rng, referrals, covariates, drawn, earlier.child)
    again = _later_periods(rng, drawn, first)
    chains = [_chains(rng, periods, covariates) for periods in (earlier, first, again)]
    quiet = np.ones(len(referrals.la), dtype=bool)
    for periods in (earlier, first, again):
        quiet[periods.child] = False
    kind = rng.random(len(quiet))
    disabled = quiet & (covariates.disability > 0)
    breaks = [
        _breaks_before(rng, first),
        _agreements(rng, referrals, np.flatnonzero(disabled & (kind < _AGREED))),
        _single_breaks(
            rng, referrals, np.flatnonzero(disabled & (kind >= _AGREED) & (kind < _ON_BREAKS))
        ),
    ]
    return _join(*chains, *breaks)


def _first_periods(
    rng: np.random.Generator,
    referrals: IndexReferrals,
    covariates: Covariates,
    drawn: DrawnOutcomes,
    in_care_before: Ints,
) -> _Periods:
    """Lay out the first period since the referral: S4 in its first place, S5 in its end."""
    child = np.flatnonzero(drawn.care_start < FAR)
    size = len(child)
    start = drawn.care_start[child]
    window = months_after(start, protocol.WINDOW_MONTHS["S5"])
    birthday = first_day(referrals.birth_month[child] + 12 * protocol.ADULT_AGE)

    home = drawn.S5[child]
    soon = start + 1 + np.floor(rng.beta(1.0, 1.6, size) * (window - start)).astype(np.int64)
    late = start + 3 + np.floor(rng.exponential(620.0, size)).astype(np.int64)
    end = np.where(home, soon, late)
    reason = np.where(
        home | ((end > window) & (rng.random(size) < 0.25)),
        codes.EPISODE_END.written.index("E4A"),
        _choose_code(rng, codes.EPISODE_END, _END_REASONS, size),
    )
    adult = (end >= birthday) & (birthday > start)
    adult_reason = _choose_code(rng, codes.EPISODE_END, _ADULT_REASONS, size)
    end, reason = np.where(adult, birthday, end), np.where(adult, adult_reason, reason)

    infant = (start - first_day(referrals.birth_month[child])) < 366
    place = np.where(
        drawn.S4[child],
        _choose_code(rng, codes.PLACEMENT, _KINSHIP, size),
        np.where(
            covariates.uasc[child] == 1,
            _choose_code(rng, codes.PLACEMENT, _UASC_PLACES, size),
            np.where(
                infant,
                _choose_code(rng, codes.PLACEMENT, _INFANT_PLACES, size),
                _choose_code(rng, codes.PLACEMENT, _OTHER_PLACES, size),
            ),
        ),
    )
    after_break = (covariates.disability[child] > 0) & (rng.random(size) < 0.25)
    after_break &= ~infant & ~np.isin(child, in_care_before)
    return _Periods(child, start, end, place, reason, after_break)


def _earlier_periods(
    rng: np.random.Generator,
    referrals: IndexReferrals,
    covariates: Covariates,
    drawn: DrawnOutcomes,
) -> _Periods:
    """Periods that began before the referral; some run on past it, and are no new start."""
    age = (referrals.day - first_day(referrals.birth_month)) // 365
    eligible = (age >= 2) & (covariates.uasc == 0) & (rng.random(len(age)) < _CARED_FOR_BEFORE)
    child = np.flatnonzero(eligible)
    size = len(child)
    start = referrals.day[child] - 40 - np.floor(rng.exponential(400.0, size)).astype(np.int64)
    start = np.maximum(start, first_day(referrals.birth_month[child]))
    end = start + 5 + np.floor(rng.exponential(500.0, size)).astype(np.int64)
    end = np.minimum(end, drawn.care_start[child] - 3)
    birthday = first_day(referrals.birth_month[child] + 12 * protocol.ADULT_AGE)
    end = np.minimum(end, birthday)
    keep = end > start
    place = _choose_code(rng, codes.PLACEMENT, _LATER_PLACES, size)
    reason = _choose_code(rng, codes.EPISODE_END, _END_REASONS | {"E4A": 40}, size)
    none = np.zeros(int(keep.sum()), dtype=bool)
    return _Periods(child[keep], start[keep], end[keep], place[keep], reason[keep], none)


def _later_periods(rng: np.random.Generator, drawn: DrawnOutcomes, first: _Periods) -> _Periods:
    """Back into care after the first period, where that makes no return (S1) that was not drawn."""
    free = drawn.S1[first.child] | ((drawn.S3[first.child] == 0) & ~drawn.S2[first.child])
    start = first.end + 15 + np.floor(rng.exponential(150.0, len(first.end))).astype(np.int64)
    adult = np.isin(first.reason, _positions(codes.EPISODE_END, ("E17", "E5", "E6", "E7", "E2")))
    keep = free & ~adult & (rng.random(len(start)) < 0.2)
    child, start = first.child[keep], start[keep]
    size = len(child)
    end = start + 10 + np.floor(rng.exponential(300.0, size)).astype(np.int64)
    place = _choose_code(rng, codes.PLACEMENT, _LATER_PLACES, size)
    reason = _choose_code(rng, codes.EPISODE_END, _END_REASONS | {"E4A": 30}, size)
    return _Periods(child, start, end, place, reason, np.zeros(size, dtype=bool))


def _chains(rng: np.random.Generator, periods: _Periods, covariates: Covariates) -> Episodes:
    """Cut each period into episodes of different placements and legal statuses."""
    length = periods.end - periods.start
    most = np.minimum(length // 10, _LONGEST_CHAIN - 1)
    count = 1 + np.minimum(rng.poisson(length / _DAYS_AN_EPISODE), most)
    period = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(period)) - np.repeat(np.cumsum(count) - count, count)
    last = rank == count[period] - 1
    # Spread evenly with a jitter, so that no two episodes of a chain start on one day.
    where = (rank + rng.uniform(0.1, 0.8, len(rank))) / count[period]
    start = periods.start[period] + np.where(rank > 0, where * length[period], 0).astype(np.int64)
    end = np.where(last, periods.end[period], np.append(start[1:], 0))
    size = len(period)
    child = periods.child[period]

    opening = rank == 0
    started = codes.RNE.written.index("S")
    status_changed = codes.RNE.written.index("L")
    new = np.where(opening, started, _choose_code(rng, codes.RNE, _LATER_RNE, size))
    new = np.where(opening & periods.after_break[period], status_changed, new)
    status = np.where(
        opening,
        _choose_code(rng, codes.LEGAL_STATUS, _FIRST_STATUS, size),
        _choose_code(rng, codes.LEGAL_STATUS, _LATER_STATUS, size),
    )
    place = np.where(
        opening,
        periods.first_place[period],
        _choose_code(rng, codes.PLACEMENT, _LATER_PLACES, size),
    )
    goes_on = codes.EPISODE_END.written.index("X1")
    reason = np.where(last, periods.reason[period], goes_on)
    with_parents = place == codes.PLACEMENT.written.index("P1")
    provider = np.where(
        with_parents,
        codes.PLACE_PROVIDER.written.index("PR0"),
        _choose_code(rng, codes.PLACE_PROVIDER, _PROVIDERS, size),
    )
    moves = np.isin(np.append(new[1:], started), _positions(codes.RNE, ("P", "B", "T", "U")))
    change = np.where(
        ~last & moves, _choose_code(rng, codes.PLACE_CHANGE, _PLACE_CHANGES, size), NOT_SET
    )
    need = covariates.primary_need[child]
    return Episodes(child, start, new, status, place, end, reason, need, provider, change)


def _breaks_before(rng: np.random.Generator, first: _Periods) -> Episodes:
    """Short-break agreements that turned into care the same day: care starts there, without S."""
    child, end = first.child[first.after_break], first.start[first.after_break]
    start = end - 20 - np.minimum(rng.exponential(120.0, len(child)), 300.0).astype(np.int64)
    return _short_breaks(rng, child, start, end, status="V4", reason="X1")


def _agreements(rng: np.random.Generator, referrals: IndexReferrals, child: Ints) -> Episodes:
    """Lay out agreements to short breaks, whose single breaks are not recorded."""
    begin = np.floor(rng.exponential(250.0, len(child))).astype(np.int64)
    start = referrals.day[child] - 30 + begin
    end = start + 30 + np.floor(rng.exponential(500.0, len(child))).astype(np.int64)
    return _short_breaks(rng, child, start, end, status="V4", reason="E8")


def _single_breaks(rng: np.random.Generator, referrals: IndexReferrals, member: Ints) -> Episodes:
    """Lay out breaks of some days every few weeks."""
    count = 1 + np.minimum(rng.poisson(18.0, len(member)), 50)
    child = np.repeat(member, count)
    rank = np.arange(len(child)) - np.repeat(np.cumsum(count) - count, count)
    begin = np.floor(rng.exponential(150.0, len(member))).astype(np.int64)
    start = np.repeat(referrals.day[member] - 30 + begin, count)
    start += 28 * rank + rng.integers(0, 20, len(child))
    end = start + rng.integers(1, 5, len(child))
    return _short_breaks(rng, child, start, end, status="V3", reason="E8")


def _short_breaks(
    rng: np.random.Generator, child: Ints, start: Ints, end: Ints, *, status: str, reason: str
) -> Episodes:
    size = len(child)

    def every(code_list: codes.CodeList, code: str) -> Ints:
        return np.full(size, code_list.written.index(code))

    return Episodes(
        child,
        start,
        every(codes.RNE, "S"),
        every(codes.LEGAL_STATUS, status),
        _choose_code(rng, codes.PLACEMENT, {"K2": 60, "U6": 40}, size),
        end,
        every(codes.EPISODE_END, reason),
        every(codes.PRIMARY_NEED, "N2"),
        every(codes.PLACE_PROVIDER, "PR1"),
        np.full(size, NOT_SET),
    )


def seen_by(episodes: Episodes, last_day: int) -> Episodes:
    """Cut at `last_day`: later episodes are absent, later ends still open."""
    keep = episodes.start <= last_day
    columns = {name: getattr(episodes, name)[keep] for name in Episodes.__slots__}
    still_open = columns["end"] > last_day
    columns["end"] = np.where(still_open, FAR, columns["end"])
    columns["reason"] = np.where(still_open, NOT_SET, columns["reason"])
    columns["change"] = np.where(still_open, NOT_SET, columns["change"])
    return Episodes(**columns)


def _join(*parts: Episodes) -> Episodes:
    return Episodes(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Episodes.__slots__)
    )


def _positions(code_list: codes.CodeList, written: tuple[str, ...]) -> Ints:
    return np.array([code_list.written.index(code) for code in written], dtype=np.int64)


def _choose_code(
    rng: np.random.Generator, code_list: codes.CodeList, weights: dict[str, int], size: int
) -> Ints:
    every: Floats = np.array([float(weights.get(code, 0)) for code in code_list.written])
    return choose(rng, every, size)
