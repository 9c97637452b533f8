"""The flow of children: exclusion boxes, the cohort, and each outcome's sample, by LA.

Steps in order, with what they count:

1. `children`: all children of the extracts.
2. Exclusion boxes, each child in the first that holds it: `no_referral`, `outside_trial_period`,
   `unborn`, `not_aged_0_to_17`, `no_further_action`. With `cohort` they sum to `children`.
3. `cohort`; of it `earlier_ineligible` (an ineligible referral earlier in the trial period),
   `control`, `treatment`.
4. For each outcome its exclusions (S4: `S4_not_in_care`; S5: `S5_not_in_care`, `S5_turning_18`;
   S6: `S6_not_of_school_age`), then `<id>_not_observable`, `<id>_missing`, `<id>_analysed`. These
   sum to `cohort`, for S6 to three child-terms a cohort child.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh
from fvlib.trial.frames import by_la, long_counts
from fvlib.trial.histories import Histories
from fvlib.trial.outcomes import STATES

_STATE_STEPS = ("not_observable", "missing", "analysed")


def flow_of(
    boxes: pd.DataFrame,
    histories: Histories,
    measured: Mapping[str, pd.DataFrame],
    refresh: Refresh,
) -> pd.DataFrame:
    """Continue the eligibility boxes through conditions and outcomes.

    Parameters
    ----------
    boxes
        `fvlib.trial.cohort.select`'s counts.
    histories, measured, refresh
        What the outcomes were read from, and their frames.

    Returns
    -------
    pandas.DataFrame
        la, step, n, children (who stand behind n: fewer for S6, which counts child-terms): LA by
        LA, steps in the order of this module's docstring.
    """
    cohort = histories.cohort
    steps = {
        "earlier_ineligible": ~cohort["first_referral"],
        "control": cohort["treated"] == 0,
        "treatment": cohort["treated"] == 1,
    }
    counts = pd.DataFrame({step: by_la(cohort["la"], rows) for step, rows in steps.items()})
    behind: dict[str, pd.Series[int]] = {}  # children, where n counts something else
    in_care = histories.entered_in_trial_period(refresh)
    for outcome, frame in measured.items():
        states = _states(cohort, frame)
        if outcome == "S5":
            counts["S5_not_in_care"] = by_la(cohort["la"], ~in_care)
            counts["S5_turning_18"] = by_la(cohort["la"], in_care & histories.turns_adult())
        elif outcome == "S4":
            counts["S4_not_in_care"] = by_la(cohort["la"], ~histories.entered_in_window())
        elif outcome == "S6":
            terms = protocol.SCHOOL_TERMS_FOLLOWED
            counts["S6_not_of_school_age"] = terms * by_la(cohort["la"]) - states.sum(axis=1)
            rows = frame["child"].value_counts().reindex(cohort.index, fill_value=0)
            behind["S6_not_of_school_age"] = by_la(cohort["la"], rows < terms)
            children = _states(cohort, frame.drop_duplicates(["child", "state"]))
            behind |= {f"S6_{state}": children[state] for state in _STATE_STEPS}
        for state in _STATE_STEPS:
            counts[f"{outcome}_{state}"] = states[state]
    persons = long_counts(counts.assign(**behind), "step", "children")["children"]
    steps_of = long_counts(counts, "step", "n").assign(children=persons)
    both = pd.concat([boxes.assign(children=boxes["n"]), steps_of])
    rank = both["la"].cat.codes.to_numpy()
    return both.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)


def _states(cohort: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    la = cohort["la"].loc[frame["child"]].reset_index(drop=True)
    return pd.DataFrame({state: by_la(la, frame["state"] == state) for state in STATES})
