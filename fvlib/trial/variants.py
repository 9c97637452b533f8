"""Outcomes and samples of our own beyond the protocol, each labelled "not pre-specified".

Every outcome here has the form of those in `fvlib.trial.outcomes`, and the whole cohort as its
sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh
from fvlib.trial.calendar import months_later
from fvlib.trial.frames import days, stamps
from fvlib.trial.histories import Histories, any_starts
from fvlib.trial.outcomes import (
    KINSHIP_PLACEMENTS,
    NO_PLACEMENT,
    NOT_SENT,
    UNKNOWN_AFTER,
    became_looked_after,
    first_of,
    returned_after_plan,
    rows_of,
    unless,
    went_home,
    why_no_care,
    why_no_plans,
)

EARLY_ENTRY_MONTHS: Final = 6


def returned_or_entered_care(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S1, counting care that starts while a plan runs as a return too.

    1 as S1 has it, or if a period of care starts in the window on or after the start of a plan
    that began on or after the referral, whether or not the plan has ended by then.
    """
    end = histories.window_end("S1")
    plans, position = histories.of_cohort(histories.plans)
    start = days(plans["start"])
    after = start >= histories.referral[position]
    first_plan = np.full(len(end), np.datetime64("NaT"), dtype="datetime64[D]")
    # fmin, because a child without a plan stands at NaT until one is met.
    np.fmin.at(first_plan, position[after], start[after])
    entered = any_starts(histories, histories.periods_of_care, first_plan, end)
    return rows_of(
        histories.cohort.index,
        histories.referral,
        returned_after_plan(histories) | entered,
        end <= histories.data_through,
        why=first_of(
            why_no_plans(histories, "S1"),
            unless(histories.reported(histories.periods_of_care), NOT_SENT),
            unless(histories.followed(end), UNKNOWN_AFTER),
        ),
    )


def entered_kinship_care(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S4 as a composite over the whole cohort: entered care within 18 months, and as kinship care.

    It depends on nothing that happens after the referral, so randomisation protects it. An entrant
    without PLACE is missing.
    """
    end = histories.window_end("S4")
    entered = histories.entered_in_window()
    place = histories.first_care["first_place"]
    return rows_of(
        histories.cohort.index,
        histories.referral,
        entered & place.isin(KINSHIP_PLACEMENTS).to_numpy(),
        end <= histories.data_through,
        why=first_of(
            why_no_care(histories, "S4"),
            unless(~entered | place.notna().to_numpy(), NO_PLACEMENT),
            unless(entered | histories.followed(end), UNKNOWN_AFTER),
        ),
    )


def entered_care_and_stayed(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S5 as a composite over the whole cohort: entered care within 18 months, and not reunified.

    Not reunified within 18 months of the care start, as S5 has it; those who turn 18 are kept. So
    that being observable doesn't depend on what happened, a child is observable when both windows
    have closed for the latest possible entry: referral + 36 months on or before `data_through`.
    """
    entered = histories.entered_in_window()
    home, why = went_home(histories, refresh)
    last = months_later(
        histories.referral, protocol.WINDOW_MONTHS["P1"] + protocol.WINDOW_MONTHS["S5"]
    )
    return rows_of(
        histories.cohort.index,
        histories.referral,
        entered & ~home,
        last <= histories.data_through,
        why=first_of(
            why_no_care(histories, "P1"),
            np.where(entered, why, ""),
            unless(entered | histories.followed(histories.window_end("P1")), UNKNOWN_AFTER),
        ),
    )


def entered_at_least(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """P1, children for whom it is missing taken as not looked after: the least that it can be."""
    return _entered_with(histories, refresh, unknown=0.0)


def entered_at_most(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """P1, children for whom it is missing taken as looked after: the most that it can be."""
    return _entered_with(histories, refresh, unknown=1.0)


def _entered_with(histories: Histories, refresh: Refresh, unknown: float) -> pd.DataFrame:
    """P1 with a value for those whose rows can't tell; an LA that sent none stays out."""
    frame = became_looked_after(histories, refresh)
    reported = histories.reported(histories.periods_of_care)
    filled = (frame["state"] == "missing").to_numpy() & reported
    return frame.assign(
        value=frame["value"].mask(filled, unknown),
        state=frame["state"].mask(filled, "analysed"),
        reason=frame["reason"].mask(filled, ""),
    )


KINSHIP_COMPOSITE: Final = "S4-composite"
AT_LEAST, AT_MOST = "P1-at-least", "P1-at-most"
VARIANTS: Final[dict[str, Callable[[Histories, Refresh], pd.DataFrame]]] = {
    "S1-care-on-plan": returned_or_entered_care,
    KINSHIP_COMPOSITE: entered_kinship_care,
    "S5-composite": entered_care_and_stayed,
    AT_LEAST: entered_at_least,
    AT_MOST: entered_at_most,
}

# Whose events are among another outcome's, or the other way round: the difference counts children.
NESTED: Final = {
    "S1-care-on-plan": "S1",
    KINSHIP_COMPOSITE: "P1",
    "S5-composite": "P1",
    AT_LEAST: "P1",
    AT_MOST: "P1",
}


def measure(histories: Histories, refresh: Refresh) -> dict[str, pd.DataFrame]:
    """Measure all variants: name -> frame."""
    return {name: value(histories, refresh) for name, value in VARIANTS.items()}


def entered_early(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep rows of S4 or S5 (joined with the cohort) whose care began within six months.

    Six months of the referral, both days included.
    """
    last = stamps(months_later(days(frame["referral_date"]), EARLY_ENTRY_MONTHS))
    return frame[frame["care_start"].to_numpy() <= last]
