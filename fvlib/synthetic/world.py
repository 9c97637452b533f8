"""The synthetic trial as a whole: everything that ever happens, and what is seen of it at one date.

The same seed describes the same children at every date, so that two refreshes of one seed differ by
what happened between their dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from fvlib import protocol
from fvlib.synthetic import extract
from fvlib.synthetic.calendar import FAR, Bools, day_number, month_of, school_terms
from fvlib.synthetic.care import Episodes, lay_out_care
from fvlib.synthetic.care import seen_by as episodes_seen_by
from fvlib.synthetic.children import NOT_SET, Covariates, draw_covariates, predictors
from fvlib.synthetic.design import IndexReferrals, draw_referrals, live_days, stream
from fvlib.synthetic.extract import FileRows, Register
from fvlib.synthetic.outcomes import (
    DEFAULT_THROUGH,
    SECONDARY_EFFECTS,
    Absence,
    DrawnOutcomes,
    Planted,
    draw_absence,
    draw_intercepts,
    draw_outcomes,
)
from fvlib.synthetic.plans import Plans, lay_out_plans
from fvlib.synthetic.plans import seen_by as plans_seen_by
from fvlib.synthetic.referrals import (
    EXCLUDED_SHARES,
    Excluded,
    Referrals,
    draw_excluded,
    lay_out_excluded,
    lay_out_referrals,
)
from fvlib.synthetic.referrals import join as join_referrals
from fvlib.synthetic.referrals import seen_by as referrals_seen_by


@dataclass(frozen=True, slots=True)
class World:
    """Everything that ever happens. Children: the cohort first, then the excluded.

    `drawn` and `planned_absence` are the cohort's outcomes as drawn; `absence` has the rows that no
    outcome reads beside them.
    """

    index: IndexReferrals
    excluded: Excluded
    covariates: Covariates  # of the cohort, then the excluded
    planted: Planted
    drawn: DrawnOutcomes
    planned_absence: Absence
    absence: Absence
    referrals: Referrals
    plans: Plans
    episodes: Episodes


def draw_world(
    children: int, seed: int, effect: float, sigma: float, live: Mapping[str, date]
) -> World:
    """Draw the whole trial; each part has its own stream of random numbers."""
    index = draw_referrals(stream(seed, "referrals"), children, live_days(live))
    planted = draw_intercepts(stream(seed, "intercepts"), effect, sigma, SECONDARY_EFFECTS)
    covariates = draw_covariates(stream(seed, "covariates"), index.la, index.day, index.birth_month)
    added = predictors(covariates, index.day, index.birth_month)
    drawn = draw_outcomes(stream(seed, "outcomes"), index, planted, added)
    planned = draw_absence(
        stream(seed, "absence"),
        index,
        planted,
        school_terms(DEFAULT_THROUGH),
        protocol.SCHOOL_TERMS_FOLLOWED,
        predictor=added["S6"],
    )
    rng = stream(seed, "histories")
    plans, first_spell_end = lay_out_plans(rng, index.day, drawn, covariates.previous_cpp)
    episodes = lay_out_care(rng, index, covariates, drawn)
    referrals = lay_out_referrals(
        rng, index, covariates, drawn.S2.astype(np.int64), first_spell_end
    )
    absence = extract.with_other_terms(rng, index, planned, school_terms(DEFAULT_THROUGH))

    rng = stream(seed, "excluded")
    excluded = draw_excluded(rng, children)
    day = np.where(excluded.day < FAR, excluded.day, day_number(protocol.TRIAL_START))
    born = np.where(excluded.birth_month == NOT_SET, month_of(day), excluded.birth_month)
    outside = draw_covariates(rng, excluded.la, day, born)
    theirs = lay_out_excluded(rng, excluded, outside)
    theirs = Referrals(
        theirs.child + children,
        *(getattr(theirs, field) for field in Referrals.__slots__ if field != "child"),
    )
    every = Covariates(
        *(
            np.concatenate([getattr(covariates, field), getattr(outside, field)])
            for field in Covariates.__slots__
        )
    )
    return World(
        index,
        excluded,
        every,
        planted,
        drawn,
        planned,
        absence,
        join_referrals(referrals, theirs),
        plans,
        episodes,
    )


def register_of(world: World, through: date) -> Register:
    """Say whom the extracts hold on one date: those referred by then, and those never referred."""
    la = np.concatenate([world.index.la, world.excluded.la])
    day = np.concatenate([world.index.day, world.excluded.day])
    return Register(la, day, (day <= day_number(through)) | (day == FAR))


def seen_by(
    world: World, register: Register, through: date
) -> tuple[dict[str, FileRows], dict[str, object]]:
    """Cut the extracts at one date, and say the truth about them."""
    last_day = day_number(through)
    birth_month = np.concatenate([world.index.birth_month, world.excluded.birth_month])
    last_month = month_of(np.array([last_day], dtype=np.int64))[0]
    birth_month = np.where(birth_month > last_month, NOT_SET, birth_month)

    terms = school_terms(min(through, DEFAULT_THROUGH))
    files = {
        "children": extract.children_file(register, birth_month, world.covariates),
        "referrals": extract.referrals_file(register, referrals_seen_by(world.referrals, last_day)),
        "plans": extract.plans_file(register, plans_seen_by(world.plans, last_day)),
        "care_episodes": extract.care_episodes_file(
            register, episodes_seen_by(world.episodes, last_day)
        ),
        "attendance": extract.attendance_file(
            register, _absence_seen_by(world.absence, len(terms.first_month)), terms
        ),
    }
    cohort = register.present[: len(world.index.la)]
    return files, _truth(world, cohort, register.present[len(cohort) :])


def _truth(world: World, cohort: Bools, excluded: Bools) -> dict[str, object]:
    per_la = np.bincount(world.index.la[cohort], minlength=len(protocol.LA_KEYS))
    reasons = np.bincount(world.excluded.reason[excluded], minlength=len(EXCLUDED_SHARES))
    return {
        "effects": dict(world.planted.effects),
        "risk_differences": dict(world.drawn.risk_difference),
        "la_intercepts": {
            outcome: dict(zip(protocol.LA_KEYS, values[:, 0].tolist(), strict=True))
            for outcome, values in world.planted.intercepts.items()
        },
        "eligible": dict(zip(protocol.LA_KEYS, per_la.tolist(), strict=True)),
        "excluded": dict(zip(EXCLUDED_SHARES, reasons.tolist(), strict=True)),
    }


def _absence_seen_by(absence: Absence, ended: int) -> Absence:
    keep = absence.term < ended
    return Absence(*(getattr(absence, field)[keep] for field in Absence.__slots__))
