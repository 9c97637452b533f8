"""Synthetic children: covariates with plausible associations, and what they add to each outcome.

Codes are positions in the contract's code lists. The additions are written on each outcome's model
scale, by the analysis's own categories, so that the analysis's model is the right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from fvlib import protocol
from fvlib.contract import codes
from fvlib.synthetic.calendar import Bools, Floats, Ints, month_of
from fvlib.synthetic.design import choose

NOT_SET: Final = -1  # an empty cell

_WHITE_BRITISH: Final = (0.80, 0.72, 0.58, 0.73, 0.92)  # roll-out order
_OTHER_ETHNICITIES: Final = {
    **{"WIRI": 6, "WIRT": 2, "WOTH": 50, "WROM": 4, "MWBC": 25, "MWBA": 12, "MWAS": 18},
    **{"MOTH": 30, "AIND": 15, "APKN": 35, "ABAN": 12, "AOTH": 20, "BCRB": 10, "BAFR": 30},
    **{"BOTH": 10, "CHNE": 3, "OOTH": 30, "REFU": 4, "NOBT": 20},
}
_UASC_ETHNICITIES: Final = {"OOTH": 45, "AOTH": 25, "BAFR": 25, "WOTH": 5}
_SEXES: Final = {"M": 0.52, "F": 0.47, "U": 0.008, "I": 0.002}
# By code N0 to N9.
_NEED_WEIGHTS: Final = (4.0, 50.0, 5.0, 8.0, 10.0, 14.0, 3.5, 1.0, 2.0, 2.5)
_ABSENT_PARENTING: Final = 8
_CHILD_DISABILITY: Final = 2
DISABILITIES: Final = (
    *codes.DISABILITY.written,
    *("LD;AUT", "BEH;AUT", "LD;COMM", "MOB;PC", "MOB;HAND;INC", "BEH;LD", "HEAR;COMM"),
)
_DISABILITY_WEIGHTS: Final = (
    *(0, 5, 2, 2, 2, 8, 18, 3, 2, 14, 2, 16, 6),
    *(10, 8, 6, 4, 2, 6, 2),
)
_FSM: Final = (0.33, 0.46, 0.41, 0.31, 0.40)
_UASC: Final = (0.020, 0.012, 0.026, 0.016, 0.008)  # of those aged 15 to 17

# What a level adds, in the outcome's units, beside the level that adds nothing.
_BY_AGE_BAND: Final = {
    "P1": (0.35, -0.25, 0.0),
    "S1": (0.10, 0.05, 0.0),
    "S2": (0.40, 0.10, 0.0),
    "S3": (8.0, 4.0, 0.0),
    "S4": (0.40, 0.30, 0.0),
    "S5": (-0.20, 0.10, 0.0),
    "S6": (-0.6, -0.4, 0.6),
}
_BY_NEED: Final = {
    "P1": (0.0, 0.2, -0.3, 0.1, 0.0, 0.1, 0.4, -0.3, 0.8, 0.0),
    "S1": (0.0, 0.2, 0.2, 0.0, 0.0, 0.1, 0.0, 0.0, 0.1, 0.0),
    "S2": (-0.3, 0.5, -0.8, 0.0, 0.0, 0.1, -0.4, 0.0, 0.0, -0.6),
    "S3": (-8.0, 6.0, 24.0, 3.0, 0.0, 2.0, -6.0, 0.0, 0.0, -10.0),
    "S4": (0.0, 0.1, -0.3, 0.1, 0.0, 0.0, -0.4, 0.0, 0.2, 0.0),
    "S5": (0.0, -0.2, 0.1, 0.2, 0.2, 0.1, 0.0, 0.0, -0.4, 0.0),
}
_BY_PREVIOUS_CPP: Final = {
    "P1": (0.0, 0.45, 0.75),
    "S1": (0.0, 0.35, 0.55),
    "S2": (0.0, 0.40, 0.60),
    "S3": (0.0, 9.0, 16.0),
    "S5": (0.0, -0.15, -0.30),
    "S6": (0.0, 0.3, 0.5),
}
_BY_FSM: Final = {  # no, yes, below school age
    "P1": (0.0, 0.25, 0.10),
    "S1": (0.0, 0.15, 0.10),
    "S2": (0.0, 0.15, 0.10),
    "S3": (0.0, 5.0, 3.0),
    "S6": (0.0, 0.9, 0.4),
}
_IF_DISABLED: Final = {"P1": 0.15, "S1": 0.10, "S3": 10.0, "S4": -0.3, "S5": -0.2, "S6": -0.2}
# Nearly all enter care, none of them with kin or home again: the outcome separates there.
_IF_UASC: Final = {"P1": 7.0, "S1": -3.0, "S2": -5.0, "S3": -45.0, "S4": -30.0, "S5": -30.0}
_BY_ETHNICITY: Final = {
    "P1": {"MWBC": 0.25, "WROM": 0.30, "WIRT": 0.30, "AIND": -0.50, "APKN": -0.40, "CHNE": -0.6},
    "S2": {"MWBC": 0.10, "AIND": -0.20, "WROM": 0.20},
    "S4": {"MWBC": 0.20, "BCRB": 0.30, "AIND": -0.30},
    "S6": {"WROM": 1.5, "WIRT": 1.5, "CHNE": -0.6, "AIND": -0.5},
}


@dataclass(frozen=True, slots=True)
class Covariates:
    """Covariates of some children as recorded: (children,) positions in code lists, or counts.

    `disability` is a position in `DISABILITIES`; flags are 0, 1 or `NOT_SET`.
    """

    sex: Ints
    ethnicity: Ints
    disability: Ints
    fsm_ever: Ints
    pupil_premium: Ints
    uasc: Ints
    previous_cpp: Ints
    primary_need: Ints


def draw_covariates(
    rng: np.random.Generator, la: Ints, referral_day: Ints, birth_month: Ints
) -> Covariates:
    """Draw the covariates of children with these LAs, referral days and months of birth."""
    children = len(la)
    age = (month_of(referral_day) - birth_month) // 12
    uasc = (age >= 15) & (age < protocol.ADULT_AGE)
    uasc &= rng.random(children) < np.array(_UASC)[la]

    sex = _choose_code(rng, codes.SEX.written, _SEXES, children)
    male = codes.SEX.written.index("M")
    sex = np.where(uasc & (rng.random(children) < 0.8), male, sex)

    white_british = codes.ETHNICITY.written.index("WBRI")
    other = _choose_code(rng, codes.ETHNICITY.written, _OTHER_ETHNICITIES, children)
    ethnicity = np.where(rng.random(children) < np.array(_WHITE_BRITISH)[la], white_british, other)
    arriving = _choose_code(rng, codes.ETHNICITY.written, _UASC_ETHNICITIES, children)
    ethnicity = np.where(uasc, arriving, ethnicity)

    need = choose(rng, np.array(_NEED_WEIGHTS), children)
    need = np.where(uasc, _ABSENT_PARENTING, need)
    disabled = rng.random(children) < np.where(need == _CHILD_DISABILITY, 0.85, 0.08)
    disability = choose(rng, np.array(_DISABILITY_WEIGHTS, dtype=np.float64), children)
    disability = np.where(disabled & ~uasc, disability, 0)

    eligible = (rng.random(children) < np.array(_FSM)[la]).astype(np.int64)
    school_age = age_before_school_year(referral_day, birth_month)
    first, last = protocol.PUPIL_PREMIUM_AGES
    in_school = school_age >= first
    fsm_ever = np.where(in_school & ~uasc, eligible, np.where(in_school, 0, NOT_SET))
    pupil_premium = np.where(in_school & (school_age <= last), eligible, NOT_SET)

    previous = choose(rng, np.array([80.0, 13.0, 5.0, 2.0]), children)
    previous = np.where(uasc, 0, np.minimum(previous, np.maximum(age, 0) // 2))
    return Covariates(
        sex,
        ethnicity,
        disability,
        fsm_ever,
        pupil_premium,
        uasc.astype(np.int64),
        previous,
        need,
    )


def predictors(
    covariates: Covariates, referral_day: Ints, birth_month: Ints
) -> Mapping[str, Floats]:
    """Sum what the covariates add to each outcome; centred for the linear ones."""
    age = (month_of(referral_day) - birth_month) // 12
    band = np.select([age <= last for _, _, last in protocol.AGE_BANDS], [0, 1, 2])
    previous = np.minimum(covariates.previous_cpp, 2)
    school_age = age_before_school_year(referral_day, birth_month)
    first, last = protocol.PUPIL_PREMIUM_AGES
    recorded = np.where(school_age <= last, covariates.pupil_premium, covariates.fsm_ever)
    fsm = np.where(school_age < first, 2, recorded)
    disabled = covariates.disability > 0
    uasc: Bools = covariates.uasc == 1

    added = {}
    for outcome in protocol.OUTCOMES:
        total = np.zeros(len(age))
        for table, level in (
            (_BY_AGE_BAND, band),
            (_BY_NEED, covariates.primary_need),
            (_BY_PREVIOUS_CPP, previous),
            (_BY_FSM, fsm),
        ):
            if outcome in table:
                total += np.array(table[outcome])[level]
        total += _IF_DISABLED.get(outcome, 0.0) * disabled + _IF_UASC.get(outcome, 0.0) * uasc
        by_ethnicity = _BY_ETHNICITY.get(outcome, {})
        total += np.array([by_ethnicity.get(code, 0.0) for code in codes.ETHNICITY.written])[
            covariates.ethnicity
        ]
        if outcome in protocol.LINEAR_OUTCOMES and len(total):
            total -= total.mean()
        added[outcome] = total
    return added


def age_before_school_year(referral_day: Ints, birth_month: Ints) -> Ints:
    """Age on 31 August before the school year of the referral, counted from the birth month."""
    month = month_of(referral_day)
    first_month = protocol.TERM_STARTS["autumn"][0]
    september = month - (month - (first_month - 1)) % 12
    age: Ints = (september - 1 - birth_month) // 12
    return age


def _choose_code(
    rng: np.random.Generator,
    written: tuple[str, ...],
    weights: Mapping[str, float],
    size: int,
) -> Ints:
    return choose(rng, np.array([float(weights.get(code, 0)) for code in written]), size)
