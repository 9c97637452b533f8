"""Who is referred when in the synthetic trial: authorities, months, ages; its random streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from fvlib import protocol
from fvlib.synthetic.calendar import EPOCH, Bools, Floats, Ints, day_number, first_day, month_of

_STREAMS: Final = (
    *("referrals", "outcomes", "absence", "intercepts", "covariates", "histories", "excluded"),
    *("returns", "dirt", "habits"),
)

LA_SHARES: Final = (0.27, 0.24, 0.22, 0.12, 0.15)  # roll-out order
# Referrals by calendar month, January first: summer holidays quieten schools.
_SEASON: Final = (1.04, 1.00, 1.10, 0.96, 1.05, 1.06, 1.03, 0.80, 0.96, 1.06, 1.08, 0.90)
_LOCKDOWN: Final = {(2020, 4): 0.72, (2020, 5): 0.80, (2021, 1): 0.88, (2021, 2): 0.92}
# Referrals by age 0 to 17.
_AGE_WEIGHTS: Final = (
    *(9.5, 5.6, 5.3, 5.2, 5.2, 5.3, 5.2, 5.1, 5.0),
    *(5.0, 5.0, 5.2, 5.6, 6.0, 6.4, 6.4, 5.6, 3.4),
)


def stream(seed: int, part: str) -> np.random.Generator:
    """Open the random stream of one part of the simulation; no part's draws change another's."""
    return np.random.default_rng([seed, _STREAMS.index(part)])


@dataclass(frozen=True, slots=True)
class IndexReferrals:
    """The cohort's index referrals: (children,) arrays.

    Attributes
    ----------
    la : position in `protocol.LA_KEYS`
    day : referral date
    birth_month : month number
    period : 0..5
    treated : bool, on or after the LA's live date
    """

    la: Ints
    day: Ints
    birth_month: Ints
    period: Ints
    treated: Bools


def live_days(moved: Mapping[str, date] | None = None) -> Ints:
    """Operationally Live dates in roll-out order: the protocol's, or those moved."""
    dates = {la.key: la.operationally_live for la in protocol.LOCAL_AUTHORITIES} | dict(moved or {})
    return np.array([day_number(dates[la]) for la in protocol.LA_KEYS], dtype=np.int64)


def draw_referrals(rng: np.random.Generator, children: int, live: Ints) -> IndexReferrals:
    """Spread the cohort over LAs, months, days and ages."""
    la = np.repeat(np.arange(len(LA_SHARES)), apportion(children, LA_SHARES))
    first = month_of(np.array([day_number(protocol.TRIAL_START)], dtype=np.int64))[0]
    months = first + np.arange(protocol.PERIODS * protocol.PERIOD_MONTHS)
    weights = np.array([_month_weight(int(month)) for month in months])
    position = choose(rng, weights, children)
    starts, ends = first_day(months), first_day(months + 1)
    length = (ends - starts)[position]
    day = starts[position] + np.floor(rng.random(children) * length).astype(np.int64)
    age_years = choose(rng, np.array(_AGE_WEIGHTS), children)
    age_months = 12 * age_years + rng.integers(0, 12, children)
    period = position // protocol.PERIOD_MONTHS
    return IndexReferrals(la, day, months[position] - age_months, period, day >= live[la])


def apportion(total: int, shares: tuple[float, ...]) -> Ints:
    """Whole numbers in proportion to `shares` that sum to `total` (largest remainders)."""
    exact = total * np.array(shares) / sum(shares)
    counts = np.floor(exact).astype(np.int64)
    largest = np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]
    counts[largest] += 1
    return counts


def choose(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Positions drawn in proportion to `weights`, from one uniform each."""
    cumulative = np.cumsum(weights / weights.sum())
    drawn: Ints = np.searchsorted(cumulative[:-1], rng.random(size), side="right").astype(np.int64)
    return drawn


def _month_weight(month: int) -> float:
    year, calendar_month = EPOCH.year + month // 12, month % 12 + 1
    return _SEASON[calendar_month - 1] * _LOCKDOWN.get((year, calendar_month), 1.0)
