"""Plans and referrals laid out so that S1, S2 and S3 come out as drawn.

The boundaries are the analysis plan's: a spell's end day is not counted and its start day is; plans
that touch or follow on the next day are one spell; a return is a new spell after at least one clear
day, or care from the day the spell ended on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fvlib.synthetic.calendar import FAR, Bools, Ints
from fvlib.synthetic.outcomes import DrawnOutcomes

CIN: Final = 0
CPP: Final = 1


@dataclass(frozen=True, slots=True)
class Plans:
    """One entry a plan; `end` = `FAR` is open."""

    child: Ints
    plan_type: Ints  # `CIN` or `CPP`
    start: Ints
    end: Ints


@dataclass(frozen=True, slots=True)
class _Spells:
    """One spell on plans a child, or none; `free_from`: a CPP may start from that day on."""

    exists: Bools
    start: Ints
    end: Ints


def lay_out_plans(
    rng: np.random.Generator, day: Ints, drawn: DrawnOutcomes, previous_cpp: Ints
) -> tuple[Plans, Ints]:
    """Plans of the cohort, and the end of each child's first spell (`FAR` where there is none)."""
    first, second = _spells(rng, day, drawn)
    parts = [
        _first_spell_plans(rng, day, drawn, first),
        _later_spell_plans(rng, drawn.window_12, second),
        _later_spell_plans(rng, drawn.window_12, _third_spells(rng, drawn, first, second)),
        _previous_plans(rng, day, previous_cpp, first),
    ]
    plans = Plans(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Plans.__slots__)
    )
    return plans, np.where(first.exists, first.end, FAR)


def _wait(rng: np.random.Generator, mean: float, size: int) -> Ints:
    """Whole days, exponentially spread."""
    days: Ints = np.floor(rng.exponential(mean, size)).astype(np.int64)
    return days


def _spells(rng: np.random.Generator, day: Ints, drawn: DrawnOutcomes) -> tuple[_Spells, _Spells]:
    """Lay out the first spell, and the second where one makes the return.

    With n days in the window, the first spell starts at the latest n days before its end. Where
    there is care and no return, it ends after care started. Where there is a return, either care
    follows the spell, or the days are split in two spells, or the second comes after 18 months.
    """
    size = len(day)
    n, P1, S1, S2 = drawn.S3, drawn.P1, drawn.S1, drawn.S2
    w12, w18, w36, care = drawn.window_12, drawn.window_18, drawn.window_36, drawn.care_start
    some = n > 0

    latest = w18 + 1 - n
    latest = np.where(S2, np.minimum(latest, w12), latest)
    earliest = np.where(P1 & ~S1, np.maximum(day, care - n + 1), day)
    by_care = P1 & S1 & some & (care - n >= day) & (rng.random(size) < 0.6)
    latest = np.where(by_care, np.minimum(latest, care - n), latest)
    slack = w18 - day + 1 - n
    split = S1 & ~by_care & (n >= 40) & (slack >= 60) & (rng.random(size) < 0.5)
    latest = np.where(split, np.minimum(latest, day + slack // 4), latest)
    start = earliest + np.minimum(_wait(rng, 35.0, size), latest - earliest)

    part = np.where(split, np.floor(n * rng.uniform(0.25, 0.75, size)).astype(np.int64), n)
    end = start + part
    # A spell that reaches the window's end may run on.
    end = np.where(end == w18 + 1, end + np.minimum(_wait(rng, 120.0, size), 200), end)
    gap = 2 + np.floor(rng.random(size) * np.maximum(slack - (start - day) - 2, 0)).astype(np.int64)
    second_start = np.where(
        split,
        end + gap,
        np.minimum(np.maximum(end + 2, w18 + 1) + _wait(rng, 80.0, size), w36),
    )
    length = 20 + _wait(rng, 120.0, size)
    second_end = second_start + np.where(split, n - part, length)
    has_second = S1 & some & ~by_care

    # No day on a plan in the window: both spells of a return come after it.
    later = ~some & ~S2 & S1
    later_start = w18 + 1 + np.minimum(_wait(rng, 40.0, size), 120)
    later_end = later_start + np.minimum(20 + _wait(rng, 60.0, size), 170)
    # A CPP that began and ended on one day: counted as started, and no day of it.
    momentary = ~some & S2
    moment = np.where(P1, care + 1, day)
    moment += np.minimum(_wait(rng, 30.0, size), np.maximum(w12 - moment, 0))
    start = np.where(later, later_start, np.where(momentary, moment, start))
    end = np.where(later, later_end, np.where(momentary, moment, end))
    second_start = np.where(
        later | (momentary & S1),
        np.maximum(end + 2, w18 + 1) + np.minimum(_wait(rng, 60.0, size), 120),
        second_start,
    )
    second_end = np.where(later | momentary, second_start + length, second_end)
    has_second |= later | (momentary & S1)

    # Some were on a plan before the referral: nothing that began after it has ended.
    running = some & ~S1 & ~S2 & (start == day) & (rng.random(size) < 0.5)
    start = np.where(running, day - 1 - _wait(rng, 90.0, size), start)
    return (
        _Spells(some | later | momentary, start, end),
        _Spells(has_second, second_start, second_end),
    )


def _third_spells(
    rng: np.random.Generator, drawn: DrawnOutcomes, first: _Spells, second: _Spells
) -> _Spells:
    """Spells after the longest window: they touch no outcome."""
    size = len(drawn.S3)
    before = np.where(second.exists, second.end, np.where(first.exists, first.end, 0))
    start = np.maximum(drawn.window_36 + 1, before + 2) + _wait(rng, 300.0, size)
    exists = (first.exists & (rng.random(size) < 0.35)) | (rng.random(size) < 0.06)
    return _Spells(exists, start, start + 20 + _wait(rng, 150.0, size))


def _first_spell_plans(
    rng: np.random.Generator, day: Ints, drawn: DrawnOutcomes, spell: _Spells
) -> Plans:
    """Cut the first spell into plans that follow on, one of them a CPP in time where S2 is 1.

    Kinds: CPP; CPP then CIN; CIN then CPP; CIN, CPP, CIN; and without S2: CIN; CIN then CIN, or a
    CPP once 12 months have passed.
    """
    size = len(day)
    length = spell.end - spell.start
    cut = spell.start + 1 + np.floor(rng.uniform(0.1, 0.5, size) * length).astype(np.int64)
    last_cut = cut + np.floor(rng.uniform(0.3, 0.8, size) * (spell.end - cut)).astype(np.int64)
    kind = rng.random(size)
    long = length >= 42

    escalates = drawn.S2 & long & (kind < 0.45)
    cut = np.where(escalates, np.minimum(cut, drawn.window_12), cut)
    escalates &= (cut > spell.start) & (cut < spell.end)
    three = escalates & (kind < 0.22) & (last_cut > cut) & (last_cut < spell.end)
    steps_down = drawn.S2 & long & ~escalates & (kind < 0.8)
    renewed = ~drawn.S2 & long & (kind < 0.55)
    two = escalates | steps_down | renewed

    first_type = np.where(drawn.S2 & ~escalates, CPP, CIN)
    late_cpp = renewed & (cut > drawn.window_12) & (kind < 0.2)
    second_type = np.where(escalates | late_cpp, CPP, CIN)
    first_end = np.where(two, cut, spell.end)
    second_end = np.where(three, last_cut, spell.end)
    return _join(
        (spell.exists, first_type, spell.start, first_end),
        (spell.exists & two, second_type, cut, second_end),
        (spell.exists & three, np.full(size, CIN), last_cut, spell.end),
    )


def _later_spell_plans(rng: np.random.Generator, window_12: Ints, spell: _Spells) -> Plans:
    """Plans of a spell that must not start a CPP within the 12 months."""
    size = len(window_12)
    kind = rng.random(size)
    length = spell.end - spell.start
    cut = spell.start + 1 + np.floor(rng.uniform(0.2, 0.8, size) * length).astype(np.int64)
    two = (length >= 42) & (kind < 0.5)
    first_type = np.where((spell.start > window_12) & (kind > 0.4) & (kind < 0.7), CPP, CIN)
    second_type = np.where((cut > window_12) & (kind < 0.2), CPP, CIN)
    return _join(
        (spell.exists, first_type, spell.start, np.where(two, cut, spell.end)),
        (spell.exists & two, second_type, cut, spell.end),
    )


def _previous_plans(
    rng: np.random.Generator, day: Ints, previous_cpp: Ints, first: _Spells
) -> Plans:
    """Lay out the CPPs that `n_previous_cpp` counts, over before referral and running plan."""
    child = np.repeat(np.arange(len(day)), previous_cpp)
    rank = np.arange(len(child)) - np.repeat(np.cumsum(previous_cpp) - previous_cpp, previous_cpp)
    last = np.where(first.exists, np.minimum(day, first.start), day)[child]
    end = last - 20 - 300 * rank - rng.integers(0, 60, len(child))
    start = end - rng.integers(60, 200, len(child))
    return Plans(child, np.full(len(child), CPP), start, end)


def _join(*parts: tuple[Bools, Ints, Ints, Ints]) -> Plans:
    child = np.concatenate([np.flatnonzero(exists) for exists, *_ in parts])
    columns = [
        np.concatenate([part[column][part[0]] for part in parts]).astype(np.int64)
        for column in (1, 2, 3)
    ]
    return Plans(child, *columns)


def seen_by(plans: Plans, last_day: int) -> Plans:
    """Cut at `last_day`: later plans are absent, later ends still open."""
    keep = plans.start <= last_day
    end = np.where(plans.end > last_day, FAR, plans.end)[keep]
    return Plans(plans.child[keep], plans.plan_type[keep], plans.start[keep], end)
