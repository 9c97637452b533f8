"""The process behind the synthetic trial: who is referred when, and all seven outcomes.

Each outcome follows the analysis plan's own model for it, so that its planted effect is the
coefficient that the analysis estimates:

    P1, S1, S2, S4, S5   logit P(Y = 1) = b0 + a_LA + period + effect * treated + predictor
    S3                   E[days]        = b0 + a_LA + period + effect * treated + predictor
    S6                   E[rate]        = the same + term + slope * years + child

with a_LA ~ N(0, sigma^2 * spread^2), and an LA x period intercept beside it on request. Outcomes of
one child are correlated through shared latent normals, which leaves each model exact. S3 is linear
in its mean because the probability of any plan is: days given any plan keep one distribution, with
a heap at the whole window. S6's rates are whole sessions, rounded at random so that the mean stays.

`simulate.py` lays these draws out as plans, care episodes and attendance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from scipy.special import expit, logit, ndtr

from fvlib import protocol
from fvlib.synthetic.calendar import (
    FAR,
    Bools,
    Floats,
    Ints,
    SchoolTerms,
    first_day,
    months_after,
)
from fvlib.synthetic.design import LA_SHARES, IndexReferrals

DEFAULT_EFFECT: Final = -0.30  # P1, log odds
# At a 4 % base rate an ICC of about 0.0155 on the probability scale; the protocol has 0.01566.
DEFAULT_SIGMA: Final = 0.60
DEFAULT_THROUGH: Final = date(2025, 9, 30)  # the day on which the last S1 window closes

# Each on its model's own scale: log odds; S3 days; S6 percentage points.
SECONDARY_EFFECTS: Final[Mapping[str, float]] = {
    "S1": -0.20,
    "S2": -0.15,
    "S3": -10.0,
    "S4": 0.35,
    "S5": 0.30,
    "S6": -0.50,
}
# Over the cohort, in the first period, without the programme: risks; S3 days; S6 per cent.
BASELINE: Final = {
    "P1": protocol.BASELINE_RATE,
    "S1": 0.14,
    "S2": 0.12,
    "S3": 125.0,
    "S4": 0.22,
    "S5": 0.28,
    "S6": 8.5,
}
# Multiplies sigma: S3 days, S6 percentage points. S4 and S5 have some 700 care entrants in 20,000
# children: a wider spread keeps the estimated one from zero, where standard errors are too small.
LA_SPREAD: Final = {"P1": 1.0, "S1": 1.0, "S2": 1.0, "S3": 20.0, "S4": 1.5, "S5": 1.5, "S6": 1.0}
# The secular trend, period by period.
TREND: Final = {
    "P1": (0.0, -0.06, 0.02, 0.06, 0.10, 0.12),
    "S1": (0.0, 0.02, 0.05, 0.04, 0.07, 0.10),
    "S2": (0.0, -0.05, 0.03, 0.05, 0.02, -0.02),
    "S3": (0.0, 2.0, 5.0, 4.0, 3.0, 1.0),
    "S4": (0.0, 0.05, 0.08, 0.12, 0.15, 0.20),
    "S5": (0.0, -0.04, -0.08, -0.05, -0.10, -0.12),
    "S6": (0.0, 0.2, 0.4, 0.6, 0.7, 0.8),
}
BINARY: Final = tuple(o for o in protocol.OUTCOMES if o not in protocol.LINEAR_OUTCOMES)

# S3: a plan's days given any. `_FULL_WINDOW` of the children are on a plan all the time.
_FULL_WINDOW: Final = 0.09
_DAYS_SHAPE: Final = (1.15, 2.1)
_DAYS_SCALE: Final = 540
# S6.
_TERM_EFFECT: Final = (0.0, 0.6, 0.3)  # autumn, spring, summer
_SLOPE: Final = 0.4  # a year since the referral
_CHILD_SHAPE, _CHILD_SCALE = 0.7, 4.5
_TERM_SHAPE, _TERM_SCALE = 2.0, 0.7
_SESSIONS: Final = (140, 112, 120)
_SESSIONS_SPREAD: Final = 12
_NEVER_AT_SCHOOL: Final = 0.03  # no row at all: home-educated, or in an independent school
_TERM_WITHOUT_ROW: Final = 0.02
_TERM_WITHOUT_SESSIONS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Planted:
    """What was planted: effects, and the LA intercepts drawn, (LAs, periods) per outcome."""

    effects: Mapping[str, float]
    intercepts: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class DrawnOutcomes:
    """One value a cohort child: (children,) arrays; S4 and S5 mean something with care only.

    `care_start` is the first start of care on or after the referral, `FAR` where there is none;
    `window_12`, `window_18` and `window_36` are the windows' last days.
    """

    P1: Bools
    S1: Bools
    S2: Bools
    S3: Ints
    S4: Bools
    S5: Bools
    care_start: Ints
    window_12: Ints
    window_18: Ints
    window_36: Ints
    risk_difference: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Absence:
    """Attendance of the cohort: one entry a child-term with a row in the register."""

    child: Ints
    term: Ints
    order: Ints  # 0 = first open term after the referral
    possible: Ints
    unauthorised: Ints


def draw_intercepts(
    rng: np.random.Generator,
    effect: float,
    sigma: float,
    secondary_effects: Mapping[str, float],
    sigma_period: float = 0.0,
) -> Planted:
    """Draw LA (and LA x period) intercepts for each outcome."""
    effects = {protocol.PRIMARY_OUTCOME: float(effect)}
    effects |= {outcome: float(secondary_effects[outcome]) for outcome in SECONDARY_EFFECTS}
    intercepts = {}
    for outcome in protocol.OUTCOMES:
        la = rng.standard_normal((len(LA_SHARES), 1))
        cell = rng.standard_normal((len(LA_SHARES), protocol.PERIODS))
        intercepts[outcome] = LA_SPREAD[outcome] * (sigma * la + sigma_period * cell)
    return Planted(effects, intercepts)


def draw_outcomes(
    rng: np.random.Generator,
    referrals: IndexReferrals,
    planted: Planted,
    predictors: Mapping[str, Floats],
) -> DrawnOutcomes:
    """Draw P1 and S1 to S5 for every cohort child.

    Parameters
    ----------
    predictors : outcome id -> (children,) what covariates add, on the model's scale; absent = none
    """
    children = len(referrals.la)
    risks, risk_difference = {}, {}
    for outcome in BINARY:
        without, treated = _linear_predictor(outcome, referrals, planted, predictors)
        risks[outcome] = expit(np.where(referrals.treated, treated, without))
        risk_difference[outcome] = float(np.mean(expit(treated) - expit(without)))
    without, treated = _linear_predictor("S3", referrals, planted, predictors)
    window_12, window_18, window_36 = (months_after(referrals.day, n) for n in (12, 18, 36))
    window_days = window_18 - referrals.day + 1
    any_plan = np.where(referrals.treated, treated, without) / _mean_days_given_any(window_days)

    need = rng.standard_normal(children)
    u_plan = ndtr(need)
    u_care = ndtr(_mix(rng, need, 0.35))
    u_return = ndtr(_mix(rng, need, 0.85))
    P1 = u_care < risks["P1"]
    S1 = u_return < risks["S1"]
    S2 = u_plan < risks["S2"]
    on_plan = u_plan < any_plan
    S3 = np.where(on_plan, _days_given_any(rng, window_days), 0)
    S4 = rng.random(children) < risks["S4"]
    S5 = rng.random(children) < risks["S5"]
    # With a child protection plan care starts within its 12 months, so that any other outcome can
    # be laid out beside it; after 18 months only where that makes no return (S1) that wasn't drawn.
    care_start = _care_start(
        rng,
        referrals.day,
        entered=P1,
        latest=np.where(S2, window_12 - 1, window_18),
        window_18=window_18,
        free=S1 | ((S3 == 0) & ~S2),
    )
    return DrawnOutcomes(
        P1, S1, S2, S3, S4, S5, care_start, window_12, window_18, window_36, risk_difference
    )


def draw_absence(
    rng: np.random.Generator,
    referrals: IndexReferrals,
    planted: Planted,
    terms: SchoolTerms,
    followed: int,
    *,
    predictor: Floats | None = None,
) -> Absence:
    """Draw the sessions of the first `followed` open terms after the referral."""
    children = len(referrals.la)
    predictors = {} if predictor is None else {"S6": predictor}
    without, treated = _linear_predictor("S6", referrals, planted, predictors)
    level = np.where(referrals.treated, treated, without)
    level += rng.gamma(_CHILD_SHAPE, _CHILD_SCALE, children) - _CHILD_SHAPE * _CHILD_SCALE
    registered = rng.random(children) >= _NEVER_AT_SCHOOL

    positions = terms.following(referrals.la, referrals.day, followed)
    known = positions < len(terms.first_month)
    term = np.where(known, positions, 0)
    in_school = (
        known
        & registered[:, None]
        & of_school_age(referrals.birth_month[:, None], terms.first_month[term])
    )
    in_school &= rng.random(term.shape) >= _TERM_WITHOUT_ROW
    child, order = np.nonzero(in_school)
    term = term[child, order]

    rate = level[child] + np.array(_TERM_EFFECT)[terms.name[term]]
    rate += _SLOPE * years_since(referrals.day[child], terms, term)
    rate += rng.gamma(_TERM_SHAPE, _TERM_SCALE, len(child)) - _TERM_SHAPE * _TERM_SCALE
    usual = np.array(_SESSIONS)[terms.name[term]] - rng.integers(0, _SESSIONS_SPREAD, len(child))
    possible = np.rint(usual * terms.open_share[referrals.la[child], term]).astype(np.int64)
    possible[rng.random(len(child)) < _TERM_WITHOUT_SESSIONS] = 0
    # Rounded at random, so that the mean rate is the drawn one.
    sessions = np.clip(rate, 0.0, 100.0) / 100.0 * possible
    unauthorised = np.floor(sessions + rng.random(len(child))).astype(np.int64)
    return Absence(child, term, order, possible, np.minimum(unauthorised, possible))


def of_school_age(birth_month: Ints, month: Ints) -> Bools:
    """Whether a child is of school age on the first of the month."""
    youngest, oldest = protocol.SCHOOL_AGES
    age = (month - birth_month) // 12
    return (age >= youngest) & (age <= oldest)


def years_since(day: Ints, terms: SchoolTerms, term: Ints) -> Floats:
    """Years from the referral to the term's first day."""
    since: Floats = (first_day(terms.first_month)[term] - day) / 365.25
    return since


def _linear_predictor(
    outcome: str,
    referrals: IndexReferrals,
    planted: Planted,
    predictors: Mapping[str, Floats],
) -> tuple[Floats, Floats]:
    """Without and with the programme, for each child."""
    added = planted.intercepts[outcome][referrals.la, referrals.period]
    if outcome in predictors:
        added = added + predictors[outcome]
    if outcome in protocol.LINEAR_OUTCOMES:
        level = BASELINE[outcome] - (added.mean() if len(added) else 0.0)
    else:
        level = _baseline_logit(BASELINE[outcome], added)
    without: Floats = level + added + np.array(TREND[outcome])[referrals.period]
    return without, without + planted.effects[outcome]


def _baseline_logit(risk: float, added: Floats) -> float:
    """Find the intercept at which the mean risk is `risk`, by Newton's method."""
    values, counts = np.unique(added, return_counts=True)
    intercept = float(logit(risk))
    for _ in range(50):
        risks = expit(intercept + values)
        slope = np.average(risks * (1 - risks), weights=counts)
        step = (np.average(risks, weights=counts) - risk) / slope
        intercept -= float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-10:
            break
    return intercept


def _mix(rng: np.random.Generator, latent: Floats, correlation: float) -> Floats:
    own = rng.standard_normal(len(latent))
    return correlation * latent + math.sqrt(1 - correlation**2) * own


def _mean_days_given_any(window_days: Ints) -> Floats:
    """Mean of `_days_given_any`: floor of a smooth variable loses half a day, to first order."""
    a, b = _DAYS_SHAPE
    partial = 1 + _DAYS_SCALE * a / (a + b) - 0.5
    mean: Floats = _FULL_WINDOW * window_days.astype(np.float64) + (1 - _FULL_WINDOW) * partial
    return mean


def _days_given_any(rng: np.random.Generator, window_days: Ints) -> Ints:
    """Whole days on plans, at least 1: a heap at the window, else a skewed spread below it."""
    partial = 1 + np.floor(_DAYS_SCALE * rng.beta(*_DAYS_SHAPE, len(window_days)))
    heaped = rng.random(len(window_days)) < _FULL_WINDOW
    days: Ints = np.where(heaped, window_days, partial).astype(np.int64)
    return days


def _care_start(
    rng: np.random.Generator,
    day: Ints,
    *,
    entered: Bools,
    latest: Ints,
    window_18: Ints,
    free: Bools,
) -> Ints:
    """When care starts: early more often than late, after the window for a few who are `free`."""
    early = rng.beta(0.8, 2.0, len(day)) * (latest - day + 1)
    start = day + np.floor(early).astype(np.int64)
    later = ~entered & free & (rng.random(len(day)) < 0.02)
    after = window_18 + 1 + np.floor(rng.exponential(200.0, len(day))).astype(np.int64)
    return np.where(entered, start, np.where(later, after, FAR))
