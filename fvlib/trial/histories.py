"""The cohort beside its children's spells, and the questions that outcomes ask of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.intake.load import LOST_COLUMNS
from fvlib.refresh import Refresh
from fvlib.trial.calendar import DAY, MONTHS_A_YEAR, months_later
from fvlib.trial.frames import Bools, Days, Ints, Texts, day, days

# Ours: from this many cohort children on, none with any row means that the rows were not sent. At
# an entry rate of 1 %, five hundred children without a single entry have a chance below 1 %.
UNREPORTED_FROM: Final = 500


def _nothing_lost() -> pd.DataFrame:
    return pd.DataFrame(columns=list(LOST_COLUMNS))


@dataclass(frozen=True)
class Histories:
    """The cohort and its children's spells, what the outcomes are read from.

    Attributes
    ----------
    cohort
        `fvlib.trial.cohort.select`'s frame.
    periods_of_care, plans, plan_spells
        `fvlib.trial.spells`' frames; they may hold children outside the cohort.
    lost, unknown
        The extracts' rows set aside that could change an outcome; since when a child is unknown.
    """

    cohort: pd.DataFrame
    periods_of_care: pd.DataFrame
    plans: pd.DataFrame
    plan_spells: pd.DataFrame
    lost: pd.DataFrame = field(default_factory=_nothing_lost)
    unknown: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["child", "after"]))

    @property
    def referral(self) -> Days:
        """Referral date of each cohort child."""
        return days(self.cohort["referral_date"])

    @property
    def data_through(self) -> Days:
        """Last day that the data of each cohort child's LA cover."""
        return days(self.cohort["data_through"])

    def window_end(self, outcome: str) -> Days:
        """Last day of the outcome's window after the referral."""
        return months_later(self.referral, protocol.WINDOW_MONTHS[outcome])

    def of_cohort(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
        """Rows of cohort children only, and each one's position in the cohort."""
        position = self.cohort.index.get_indexer(pd.Index(rows["child"]))
        inside = position >= 0
        return rows[inside], position[inside].astype(np.int64)

    def reported(self, rows: pd.DataFrame) -> Bools:
        """Tell, for each cohort child, whether its LA has sent any rows of this kind.

        A file with its header alone is read as it stands, and would tell of thousands of children
        that nothing ever happened to them. So an LA with `UNREPORTED_FROM` cohort children or more,
        none of whom has a row, past or present, is read as not having sent them.

        Parameters
        ----------
        rows
            Periods of care, plans or spells: a frame with the column `child`.
        """
        la = self.cohort["la"].cat.codes.to_numpy()
        las = len(self.cohort["la"].cat.categories)
        _, position = self.of_cohort(rows)
        some = np.bincount(la[position], minlength=las) > 0
        few = np.bincount(la, minlength=las) < UNREPORTED_FROM
        told: Bools = (some | few)[la]
        return told

    def lost_under(self, file: str, end: Days, kind: str | None = None) -> Texts:
        """Name the rule under which a row that could start or end a spell by a day was set aside.

        Parameters
        ----------
        file
            `plans` or `care_episodes`.
        end
            Last day of each cohort child's window, which begins with the referral.
        kind
            Only plans of this type, or of none that can be read, that could start in the window.

        Returns
        -------
        Texts
            One a cohort child, empty without such a row; of several rules the first by name.
        """
        rows, position = self.of_cohort(self.lost[self.lost["file"] == file])
        first, last = days(rows["first"]), days(rows["last"])
        begins = self.referral[position]
        # One that ended the day before could join the next, so that no new one starts.
        touches = ~(first > end[position]) & ~(last < begins - DAY)
        if kind is not None:
            touches &= ~(first < begins) & (rows["kind"].isna() | (rows["kind"] == kind)).to_numpy()
        return first_by_name(rows["rule"][touches], position[touches], len(self.cohort))

    def followed(self, end: Days) -> Bools:
        """Tell which children are known of up to a day."""
        after = self.unknown.set_index("child")["after"].reindex(self.cohort.index)
        told: Bools = ~(days(after.astype("datetime64[s]")) < end)
        return told

    @cached_property
    def first_care(self) -> pd.DataFrame:
        """First period of care that starts on or after the referral, one row a cohort child.

        Returns
        -------
        pandas.DataFrame
            Index of the cohort: start, end, first_place, end_reason; all missing without one.
        """
        periods, position = self.of_cohort(self.periods_of_care)
        after = days(periods["start"]) >= self.referral[position]
        first = periods[after].drop_duplicates("child").set_index("child")
        return first.reindex(self.cohort.index)[["start", "end", "first_place", "end_reason"]]

    def entered_in_window(self) -> Bools:
        """Tell whether a child's first period of care starts within P1's window."""
        inside: Bools = days(self.first_care["start"]) <= self.window_end("P1")
        return inside

    def entered_in_trial_period(self, refresh: Refresh) -> Bools:
        """Tell whether a child's first period of care starts inside the trial period."""
        inside: Bools = days(self.first_care["start"]) <= day(refresh.trial_dates[1])
        return inside

    def turns_adult(self) -> Bools:
        """Tell whether the 18th birthday falls on or before the first care start + 18 months.

        The birthday is the first of the birth month.
        """
        birth_month = days(self.cohort["birth_month"])
        birthday = months_later(birth_month, protocol.ADULT_AGE * MONTHS_A_YEAR)
        start = days(self.first_care["start"])
        turns: Bools = birthday <= months_later(start, protocol.WINDOW_MONTHS["S5"])
        return turns


def first_by_name(names: pd.Series[str], position: Ints, length: int) -> Texts:
    """Return the first of the names at each position, empty where there is none."""
    texts = names.to_numpy(np.str_)
    first = np.zeros(length, dtype=texts.dtype if len(texts) else "U1")
    last_to_first = np.argsort(texts, kind="stable")[::-1]
    first[position[last_to_first]] = texts[last_to_first]
    return first


def any_starts(histories: Histories, spells: pd.DataFrame, first: Days, last: Days) -> Bools:
    """Tell, for each cohort child, whether any of its spells starts in [first, last]; NaT = no."""
    rows, position = histories.of_cohort(spells)
    start = days(rows["start"])
    inside = (start >= first[position]) & (start <= last[position])
    found = np.zeros(len(histories.cohort), dtype=bool)
    found[position[inside]] = True
    return found


def first_ended_spell(histories: Histories, end: Days) -> tuple[Days, Days]:
    """First plan spell with a plan begun on or after the referral that ended by `end`.

    A later one adds nothing to S1: its own start is already a return after the first.

    Returns
    -------
    ended, next_start
        For each cohort child: that spell's end and the start of the child's next one; NaT without.
    """
    plans, position = histories.of_cohort(histories.plans)
    begun_after = days(plans["start"]) >= histories.referral[position]
    qualifies = np.zeros(len(histories.plan_spells), dtype=bool)
    qualifies[plans["spell"].to_numpy()[begun_after]] = True

    spells = histories.plan_spells
    following = spells["start"].shift(-1).where(spells["child"] == spells["child"].shift(-1))
    rows, position = histories.of_cohort(spells.assign(following=following)[qualifies])
    closed = days(rows["end"]) <= end[position]
    rows, position = rows[closed], position[closed]
    position, chosen = np.unique(position, return_index=True)
    ended = np.full(len(end), np.datetime64("NaT"), dtype="datetime64[D]")
    next_start = ended.copy()
    ended[position] = days(rows["end"])[chosen]
    next_start[position] = days(rows["following"])[chosen]
    return ended, next_start
