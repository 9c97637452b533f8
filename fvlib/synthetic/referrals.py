"""Synthetic referrals: the index ones, those before and after them, and children left out.

Each excluded child has one reason: only referrals without further action, only before or only after
the trial period, not yet born at the referral, an adult, or no referral at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from fvlib import protocol
from fvlib.synthetic.calendar import FAR, Bools, Ints, day_number, first_day, month_of
from fvlib.synthetic.children import NOT_SET, Covariates
from fvlib.synthetic.design import LA_SHARES, IndexReferrals, apportion

# Children for each cohort child.
EXCLUDED_SHARES: Final[Mapping[str, float]] = {
    "no_further_action": 0.055,
    "before_trial_period": 0.015,
    "after_trial_period": 0.015,
    "unborn": 0.006,
    "adult": 0.004,
    "no_referral": 0.004,
}


@dataclass(frozen=True, slots=True)
class Referrals:
    """One entry a referral; `closure` = `FAR` is open."""

    child: Ints
    day: Ints
    no_further_action: Bools
    closure: Ints
    need: Ints
    previous_cpp: Ints


@dataclass(frozen=True, slots=True)
class Excluded:
    """Children outside the cohort, with the one referral that decides (`FAR`: none).

    `birth_month` is `NOT_SET` where the extract has none.
    """

    la: Ints
    reason: Ints  # position in `EXCLUDED_SHARES`
    day: Ints
    birth_month: Ints


def draw_excluded(rng: np.random.Generator, cohort: int) -> Excluded:
    """Draw the children whom eligibility must leave out."""
    counts = [round(share * cohort) for share in EXCLUDED_SHARES.values()]
    start, end = day_number(protocol.TRIAL_START), day_number(protocol.TRIAL_END)
    spans = {
        "before_trial_period": (start - 500, start - 1),
        "after_trial_period": (end + 1, end + 400),
    }
    parts = []
    for position, (reason, count) in enumerate(zip(EXCLUDED_SHARES, counts, strict=True)):
        earliest, latest = spans.get(reason, (start, end))
        la = np.repeat(np.arange(len(LA_SHARES)), apportion(count, LA_SHARES))
        day = rng.integers(earliest, latest + 1, count)
        age_months = rng.integers(0, 12 * protocol.ADULT_AGE, count)
        if reason == "adult":
            age_months = 12 * protocol.ADULT_AGE + rng.integers(0, 6, count)
        birth_month = month_of(day) - age_months
        if reason == "unborn":
            # Not born at all, or in a later month than the referral's.
            birth_month = month_of(day) + rng.integers(1, 8, count)
            birth_month = np.where(rng.random(count) < 0.6, birth_month, NOT_SET)
        if reason == "no_referral":
            day = np.full(count, FAR)
        parts.append(Excluded(la, np.full(count, position), day, birth_month))
    return Excluded(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Excluded.__slots__)
    )


def lay_out_referrals(
    rng: np.random.Generator,
    index: IndexReferrals,
    covariates: Covariates,
    cpp_since: Ints,
    first_spell_end: Ints,
) -> Referrals:
    """All referrals of the cohort."""
    size = len(index.day)
    child = np.arange(size)
    need, previous = covariates.primary_need, covariates.previous_cpp
    start = day_number(protocol.TRIAL_START)
    born = first_day(index.birth_month)
    closure = index.day + 12 + _wait(rng, 140.0, size)
    with_plan = first_spell_end < FAR
    closure = np.where(
        with_plan, np.maximum(closure, first_spell_end + _wait(rng, 10.0, size)), closure
    )
    main = Referrals(child, index.day, np.zeros(size, dtype=bool), closure, need, previous)

    # Before: without further action, before the trial period, or before birth. None is eligible.
    day = index.day - 10 - _wait(rng, 130.0, size)
    chosen = (rng.random(size) < 0.06) & (day >= start) & (day >= born)
    nothing = _some(rng, main, chosen, day, np.ones(size, dtype=bool), mean_days=30.0)

    day = np.minimum(start, index.day - 60) - 1 - _wait(rng, 260.0, size)
    chosen = (rng.random(size) < 0.09) & (day < start) & (day >= born)
    before = _some(rng, main, chosen, day, rng.random(size) < 0.3, mean_days=60.0)

    day = born - 1 - rng.integers(0, 110, size)
    young = (index.day - born) < 200
    chosen = young & (rng.random(size) < 0.12) & (day >= start)
    unborn = _some(rng, main, chosen, day, np.zeros(size, dtype=bool), mean_days=40.0)

    again = _re_referred(rng, main, 0.24, cpp_since)
    third = _re_referred(rng, again, 0.25, cpp_since)
    return join(main, nothing, before, unborn, again, third)


def lay_out_excluded(
    rng: np.random.Generator, excluded: Excluded, covariates: Covariates
) -> Referrals:
    """Referrals of the children outside the cohort; child 0 is the first of them."""
    size = len(excluded.day)
    reason = excluded.reason
    nothing = reason == list(EXCLUDED_SHARES).index("no_further_action")
    chosen = excluded.day < FAR
    main = Referrals(
        np.arange(size),
        excluded.day,
        nothing,
        excluded.day + 10 + _wait(rng, 60.0, size),
        covariates.primary_need,
        covariates.previous_cpp,
    )
    end = day_number(protocol.TRIAL_END)
    day = main.closure + 1 + _wait(rng, 90.0, size)
    twice = nothing & (rng.random(size) < 0.2) & (day <= end)
    second = _some(rng, main, twice, day, np.ones(size, dtype=bool), mean_days=30.0)
    kept = Referrals(*(getattr(main, name)[chosen] for name in Referrals.__slots__))
    return join(kept, second)


def join(*parts: Referrals) -> Referrals:
    """All referrals in one."""
    return Referrals(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Referrals.__slots__)
    )


def seen_by(referrals: Referrals, last_day: int) -> Referrals:
    """Cut at `last_day`: later referrals are absent, later closures still open."""
    keep = referrals.day <= last_day
    columns = {name: getattr(referrals, name)[keep] for name in Referrals.__slots__}
    columns["closure"] = np.where(columns["closure"] > last_day, FAR, columns["closure"])
    return Referrals(**columns)


def _some(
    rng: np.random.Generator,
    main: Referrals,
    chosen: Bools,
    day: Ints,
    no_further_action: Bools,
    *,
    mean_days: float,
) -> Referrals:
    """Add a referral, on `day`, of the children chosen."""
    closure = day + 8 + _wait(rng, mean_days, len(day))
    return Referrals(
        main.child[chosen],
        day[chosen],
        no_further_action[chosen],
        closure[chosen],
        main.need[chosen],
        main.previous_cpp[chosen],
    )


def _re_referred(
    rng: np.random.Generator, earlier: Referrals, share: float, cpp_since: Ints
) -> Referrals:
    """Add a referral after the earlier one closed."""
    size = len(earlier.day)
    day = earlier.closure + 1 + _wait(rng, 220.0, size)
    chosen = rng.random(size) < share
    further = _some(rng, earlier, chosen, day, rng.random(size) < 0.25, mean_days=120.0)
    previous = further.previous_cpp + cpp_since[further.child]
    return Referrals(
        further.child,
        further.day,
        further.no_further_action,
        further.closure,
        further.need,
        previous,
    )


def _wait(rng: np.random.Generator, mean: float, size: int) -> Ints:
    days: Ints = np.floor(rng.exponential(mean, size)).astype(np.int64)
    return days
