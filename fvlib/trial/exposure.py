"""Alternative definitions of treatment and period: X1, X2, X3, X6, X10.

Each function takes a trial and returns a frame with index `child` and columns `treated` (0, 1) and
`period`; a child who is not in it is left out of the analysis. Source: protocol, Definition of
treatment and control group (under Sensitivity Analysis), Introduction of an embedding period,
Definition of the implementation date.

X1 to X3 follow the referral and depend on what happens after it: not protected by randomisation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from fvlib import protocol
from fvlib.remarks import Code, remark
from fvlib.trial.calendar import DAY, months_later, whole_periods
from fvlib.trial.frames import Days, day, days
from fvlib.trial.spells import merge
from fvlib.trial.terms import term_dates, term_number

if TYPE_CHECKING:
    from fvlib.trial.trial import Trial


class DatesNeeded(Exception):  # noqa: N818  (not an error: the analysis is not yet estimable)
    """Dates that the params file doesn't give; the message is a `fvlib.remarks` code."""


def as_referred(trial: Trial) -> pd.DataFrame:
    """P1, intention to treat: the condition of the LA on the day of the index referral."""
    return trial.cohort[["treated", "period"]]


def open_referral_days(trial: Trial) -> pd.DataFrame:
    """Count each cohort child's open-referral days inside the trial period.

    Days from a referral to the day before its closure (open: to the end of the trial period), over
    all of the child's referrals but those with no further action, each day once.

    Returns
    -------
    pandas.DataFrame
        Index of the cohort: `total`, and `live`, those on or after the LA's live date.
    """
    cohort = trial.cohort
    first, last = (day(date) for date in trial.refresh.trial_dates)
    kept = trial.referrals[~trial.referrals["referral_nfa"].to_numpy(dtype=bool)]
    position = cohort.index.get_indexer(pd.Index(kept["child"]))
    begin = np.maximum(days(kept["referral_date"]), first)
    finish = np.fmin(days(kept["closure_date"]), last + DAY)  # fmin: an open one runs to the end
    some = (position >= 0) & (begin < finish)
    spells = merge(position[some], begin[some], finish[some], gap=0)
    live_from = np.maximum(spells.start, days(cohort["live_date"])[spells.child])

    def summed(start: Days) -> npt.NDArray[np.int64]:
        length = np.maximum((spells.end - start).astype(np.int64), 0)
        return np.bincount(spells.child, length, minlength=len(cohort)).astype(np.int64)

    return pd.DataFrame(
        {"total": summed(spells.start), "live": summed(live_from)}, index=cohort.index
    )


def half_time(trial: Trial) -> pd.DataFrame:
    """X1: treated if at least half of the open-referral days fell on or after the live date.

    A child with no open day keeps the primary analysis's condition.
    """
    spent = open_referral_days(trial)
    return _treated(trial, spent, spent["live"] >= protocol.HALF_TIME_SHARE * spent["total"])


def four_weeks(trial: Trial) -> pd.DataFrame:
    """X2: treated if at least 28 open-referral days fell on or after the live date.

    A child with no open day keeps the primary analysis's condition.
    """
    spent = open_referral_days(trial)
    return _treated(trial, spent, spent["live"] >= protocol.FOUR_WEEKS_DAYS)


def _treated(trial: Trial, spent: pd.DataFrame, rule: pd.Series[bool]) -> pd.DataFrame:
    primary = trial.cohort[["treated", "period"]]
    return primary.assign(
        treated=rule.astype(np.int64).where(spent["total"] > 0, primary["treated"])
    )


def care_entry(trial: Trial) -> pd.DataFrame:
    """X3: condition and period by the date on which care began, for S4 and S5.

    The first period of care that starts on or after the referral; only children who have one are
    in the frame. Care that began after the trial period has periods beyond the last, up to 8.
    """
    start = trial.histories.first_care["start"].dropna()
    began = days(start)
    live = days(trial.cohort["live_date"].loc[start.index])
    return pd.DataFrame(
        {
            "treated": (began >= live).astype(np.int64),
            "period": whole_periods(began, trial.refresh.trial_dates[0]),
        },
        index=start.index,
    )


def care_entry_joined(trial: Trial) -> pd.DataFrame:
    """X3 with the periods after the trial joined with its last.

    Few children enter care so late, all of them after go-live, so that such a period can't stand by
    itself when it has no event; of treatment its own indicator tells nothing.
    """
    entered = care_entry(trial)
    return entered.assign(period=entered["period"].clip(upper=protocol.PERIODS - 1))


def without_embedding(trial: Trial) -> pd.DataFrame:
    """X6: the primary's condition, less children referred in their LA's embedding period.

    From the start or expansion of the Family Group Conference service to the end of
    theory-to-practice training, both days included.

    Raises
    ------
    DatesNeeded
        Params give no `fgc_started` or no `theory_to_practice_done` for some LA.
    """
    began, done = _dates(trial, "fgc_started", "theory_to_practice_done")
    referral = days(trial.cohort["referral_date"])
    inside = (referral >= began) & (referral <= done)
    return trial.cohort.loc[~inside, ["treated", "period"]]


def later_date(trial: Trial) -> pd.DataFrame:
    """X10: treated from the day on which awareness and deep-dive training were both done.

    Awareness training is done at the Operationally Live date, so the later of that and
    `deep_dive_done` counts.

    Raises
    ------
    DatesNeeded
        Params give no `deep_dive_done` for some LA.
    """
    (done,) = _dates(trial, "deep_dive_done")
    both = np.maximum(done, days(trial.cohort["live_date"]))
    treated = (days(trial.cohort["referral_date"]) >= both).astype(np.int64)
    return trial.cohort[["period"]].assign(treated=treated)[["treated", "period"]]


def _dates(trial: Trial, *names: str) -> tuple[Days, ...]:
    """Look up each named date of params for every cohort child, by LA."""
    known = {
        la: [getattr(trial.refresh.implementation.get(la), name, None) for name in names]
        for la in protocol.LA_KEYS
    }
    lacking = [la for la, dates in known.items() if None in dates]
    if lacking:
        absent = [n for i, n in enumerate(names) if any(known[la][i] is None for la in lacking)]
        if len(lacking) == len(known):
            raise DatesNeeded(remark(Code.DATES_NEEDED, absent))
        raise DatesNeeded(remark(Code.DATES_NEEDED_FOR, absent, lacking))
    by_la = np.array(list(known.values()), dtype="datetime64[D]")
    of_child = by_la[trial.cohort["la"].cat.codes.to_numpy()]
    return tuple(of_child.T)


def control_windows(trial: Trial) -> pd.DataFrame:
    """Set side by side, by outcome, how much of the control group's window lay after go-live.

    Returns
    -------
    pandas.DataFrame
        outcome, n (control children analysed; S6: child-terms), children (who stand behind n),
        share (`control_window_share`).
    """
    rows = []
    for outcome in protocol.OUTCOMES:
        child = _control(trial, outcome)["child"]
        rows.append((outcome, len(child), child.nunique(), control_window_share(trial, outcome)))
    return pd.DataFrame.from_records(rows, columns=["outcome", "n", "children", "share"])


def control_window_share(trial: Trial, outcome: str) -> float:
    """Share of the control children's window that lay on or after their LA's go-live.

    Mean over the control children analysed for the outcome of: days of the window on or after the
    live date / days of the window. By design about 44 % for 18 months from the referral, 69 % for
    36, 32 % for 12. NaN when no control child is analysed.

    Parameters
    ----------
    trial
        The trial.
    outcome
        P1 and S1 to S5: the window that starts at `index_date`. S6: the days of each child-term.
    """
    control = _control(trial, outcome)
    if control.empty:
        return float("nan")
    if outcome in protocol.WINDOW_MONTHS:
        start = days(control["index_date"])
        end = months_later(start, protocol.WINDOW_MONTHS[outcome])
    else:
        years = control.rename(columns={"term_year": "academic_year"})
        start, end = term_dates(term_number(years))
    live = days(trial.cohort["live_date"].loc[control["child"]])
    exposed = np.maximum((end - np.maximum(start, live)).astype(np.int64) + 1, 0)
    return float((exposed / ((end - start).astype(np.int64) + 1)).mean())


def _control(trial: Trial, outcome: str) -> pd.DataFrame:
    """Return an outcome's analysed rows of control children."""
    frame = trial.outcomes[outcome]
    treated = trial.cohort["treated"].loc[frame["child"]].to_numpy()
    rows: pd.DataFrame = frame[(frame["state"] == "analysed").to_numpy() & (treated == 0)]
    return rows
