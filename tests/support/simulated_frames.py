"""A synthetic trial in memory: the simulator's draws as a frame an outcome, without any files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.synthetic.calendar import (
    Bools,
    Floats,
    Ints,
    day_number,
    first_day,
    months_after,
    school_terms,
)
from fvlib.synthetic.design import IndexReferrals, draw_referrals, live_days, stream
from fvlib.synthetic.outcomes import (
    DEFAULT_EFFECT,
    DEFAULT_SIGMA,
    DEFAULT_THROUGH,
    SECONDARY_EFFECTS,
    DrawnOutcomes,
    draw_absence,
    draw_intercepts,
    draw_outcomes,
    years_since,
)


@dataclass(frozen=True, slots=True)
class SimulatedTrial:
    """A frame an outcome, and the truth behind it.

    Attributes
    ----------
    outcomes : outcome id -> frame, one row a sample member, with the columns `la` (position in
        `protocol.LA_KEYS`), `period` (0..5), `treated` (0/1) and `value`; S6, one row a child-term,
        also `child`, `term` (position in autumn, spring, summer) and `time_since_referral` (years)
    effects : outcome id -> planted effect on the model's own scale
    risk_difference : binary outcome id -> mean over all cohort children of risk with less risk
        without the programme, at the LA intercepts drawn
    """

    outcomes: Mapping[str, pd.DataFrame]
    effects: Mapping[str, float]
    risk_difference: Mapping[str, float]


def simulate_trial_frames(
    children: int,
    seed: int,
    effect: float = DEFAULT_EFFECT,
    sigma: float = DEFAULT_SIGMA,
    *,
    secondary_effects: Mapping[str, float] = SECONDARY_EFFECTS,
    sigma_period: float = 0.0,
) -> SimulatedTrial:
    """Draw a trial without covariates, every window closed, in memory.

    Parameters
    ----------
    children : cohort children
    effect : P1, log odds
    sigma : SD of the LA intercepts on the logit scale, times `LA_SPREAD` of the outcome
    secondary_effects : S1 to S6, each on its own scale
    sigma_period : SD of an LA x period intercept beside it, same units; 0 = the protocol's model
    """
    referrals = draw_referrals(stream(seed, "referrals"), children, live_days())
    planted = draw_intercepts(
        stream(seed, "intercepts"), effect, sigma, secondary_effects, sigma_period
    )
    drawn = draw_outcomes(stream(seed, "outcomes"), referrals, planted, {})
    terms = school_terms(DEFAULT_THROUGH)
    followed = protocol.SCHOOL_TERMS_FOLLOWED
    absence = draw_absence(stream(seed, "absence"), referrals, planted, terms, followed)

    base = {
        "la": referrals.la,
        "period": referrals.period,
        "treated": referrals.treated.astype(np.int64),
    }

    def frame(rows: Bools | Ints | slice, value: Floats, **more: Ints | Floats) -> pd.DataFrame:
        columns = {name: column[rows] for name, column in base.items()}
        return pd.DataFrame({**columns, "value": value, **more}, copy=False)

    everyone = slice(None)
    entrants = drawn.P1
    reunifiable = in_reunification_sample(referrals, drawn)
    with_sessions = absence.possible > 0
    child, term = absence.child[with_sessions], absence.term[with_sessions]
    outcomes = {
        "P1": frame(everyone, drawn.P1.astype(np.float64)),
        "S1": frame(everyone, drawn.S1.astype(np.float64)),
        "S2": frame(everyone, drawn.S2.astype(np.float64)),
        "S3": frame(everyone, drawn.S3.astype(np.float64)),
        "S4": frame(entrants, drawn.S4[entrants].astype(np.float64)),
        "S5": frame(reunifiable, drawn.S5[reunifiable].astype(np.float64)),
        "S6": frame(
            child,
            100.0 * absence.unauthorised[with_sessions] / absence.possible[with_sessions],
            child=child,
            term=terms.name[term],
            time_since_referral=years_since(referrals.day[child], terms, term),
        ),
    }
    return SimulatedTrial(outcomes, planted.effects, drawn.risk_difference)


def in_reunification_sample(referrals: IndexReferrals, drawn: DrawnOutcomes) -> Bools:
    """S5's sample: care starts in the trial period, and no 18th birthday within 18 months of it."""
    starts = drawn.care_start <= day_number(protocol.TRIAL_END)
    start = np.where(starts, drawn.care_start, referrals.day)
    birthday = first_day(referrals.birth_month + 12 * protocol.ADULT_AGE)
    sample: Bools = starts & (birthday > months_after(start, protocol.WINDOW_MONTHS["S5"]))
    return sample
