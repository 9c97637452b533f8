"""Which of an outcome's rows an analysis takes: functions from rows to rows."""

from __future__ import annotations

from typing import Final

import pandas as pd

# A child under 16.5 at the referral is a child for the whole of P1's window, 18 months.
UNDER_MONTHS: Final = 198


def everyone(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the outcome's whole sample."""
    return frame


def without_la(la: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave one LA out."""
    return frame[frame["la"] != la]


def under_sixteen_and_a_half(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep children who do not turn 18 in P1's window: under 16.5 years at the referral."""
    return frame[frame["age_months"] < UNDER_MONTHS]


def first_referral_only(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep children whose very first referral of the trial period was the eligible one."""
    return frame[frame["first_referral"]]
