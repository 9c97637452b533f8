"""The trial's constants and nothing else, each with the protocol section it comes from.

Source: *Trial evaluation protocol: Strengthening Families, Protecting Children - Family Valued
model*, version 2.0 (April 2023). A reading, where the protocol is unclear, is named as one and
stands in the register (`chapters/register.yml`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Readiness = Literal["high", "low"]


@dataclass(frozen=True, slots=True)
class LocalAuthority:
    """One cluster of the trial: key (folder and machine name), name, stratum, live date."""

    key: str
    name: str
    readiness: Readiness
    operationally_live: date


# Design, Randomisation, Timeline. In order of roll-out; high readiness first.
LOCAL_AUTHORITIES: Final = (
    LocalAuthority("warwickshire", "Warwickshire", "high", date(2020, 4, 1)),
    LocalAuthority("newcastle", "Newcastle", "high", date(2020, 10, 1)),
    LocalAuthority("coventry", "Coventry", "low", date(2021, 4, 1)),
    LocalAuthority("solihull", "Solihull", "low", date(2021, 10, 1)),
    LocalAuthority("sefton", "Sefton", "low", date(2022, 4, 1)),
)
LA_KEYS: Final = tuple(la.key for la in LOCAL_AUTHORITIES)
LA_NAMES: Final = {la.key: la.name for la in LOCAL_AUTHORITIES}

# Randomisation: 6 months before the first live date to 6 months after the last, both ends in.
TRIAL_START: Final = date(2019, 10, 1)
TRIAL_END: Final = date(2022, 9, 30)
PERIOD_MONTHS: Final = 6
PERIODS: Final = 6  # t = 0..5; t = 0 is the baseline

# Primary Analysis.
ALPHA: Final = 0.05
# Sample size / MDES calculations; Appendix B.
MDES: Final = 0.007
BASELINE_RATE: Final = 0.04
INTRACLUSTER_CORRELATION: Final = 0.01566
CHILDREN: Final = 78_000
CHILDREN_PER_CELL: Final = 2_600
POWER: Final = 0.8

# Participants.
ADULT_AGE: Final = 18

# Covariates. A band is (name, first age, last age); the last band is the reference.
AGE_BANDS: Final = (("0-3", 0, 3), ("4-12", 4, 12), ("13-17", 13, 17))
REFERENCE_AGE_BAND: Final = "13-17"

# Handling missing data.
MISSING_LIMIT: Final = 0.30
# Analysis plan: ethnicity levels with fewer events or non-events are merged.
MINIMUM_EVENTS_PER_LEVEL: Final = 10

# RCT Design Table: window after the index date, in calendar months, both ends included.
WINDOW_MONTHS: Final = {"P1": 18, "S1": 36, "S2": 12, "S3": 18, "S4": 18, "S5": 18}
SCHOOL_TERMS_FOLLOWED: Final = 3  # S6
# Reading: nominal first days of term (month, day); a term lasts to the day before the next one's.
TERM_STARTS: Final = {"autumn": (9, 1), "spring": (1, 1), "summer": (4, 1)}
# Reading: school age on the term's first day; Reception to Year 2 are ages 5 to 7 then.
SCHOOL_AGES: Final = (5, 15)
# Covariates: free school meals are universal in Reception, Year 1 and Year 2, ages 4 to 6 on
# 31 August before the school year; pupil premium eligibility stands in for them.
PUPIL_PREMIUM_AGES: Final = (4, 6)

# Definition of treatment and control group.
HALF_TIME_SHARE: Final = 0.5  # X1
FOUR_WEEKS_DAYS: Final = 28  # X2

# Confidentiality (Ethics): "mask cells with smaller than 10 observations".
DISCLOSURE_THRESHOLD: Final = 10
# Storage limitation: individual-level data deleted this many months after publication.
RETENTION_MONTHS: Final = 24

PRIMARY_OUTCOME: Final = "P1"
SECONDARY_OUTCOMES: Final = ("S1", "S2", "S3", "S4", "S5", "S6")
OUTCOMES: Final = (PRIMARY_OUTCOME, *SECONDARY_OUTCOMES)
# Secondary Analysis: the outcomes with a linear model; all others are binary.
LINEAR_OUTCOMES: Final = ("S3", "S6")
