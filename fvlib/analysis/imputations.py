"""Multiple imputation of a trial's covariates: drawn once a refresh, shared by all analyses.

Protocol, Handling missing data. Among the predictors are the design (LA, period, treatment) and
every outcome, each as its value or why there is none, so that imputed rows keep their associations
(Moons and others 2006, doi 10.1016/j.jclinepi.2006.01.009). A second set leaves treatment and its
trace out, for the permutation test, whose null hypothesis must not be undone by the imputations.
Others take values to be missing not at random, for the tipping point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis.plan import IMPUTATIONS, WITH_TREATMENT, Imputing
from fvlib.models.imputation.diagnostics import Imputation
from fvlib.models.imputation.impute import impute_shifted
from fvlib.trial import Trial
from fvlib.trial.covariates import BELOW_SCHOOL_AGE, CHILD_COVARIATES, missing_too_often

MAIN: Final = IMPUTATIONS[WITH_TREATMENT]
FIXED_LEVELS: Final = {"fsm": (BELOW_SCHOOL_AGE,)}
# Upper edges of the classes in which the two linear outcomes are predictors; none is its own.
DAYS_CLASSES: Final = (0.0, 180.0, 360.0)
ABSENCE_CLASSES: Final = (0.0, 2.0, 10.0)
_CLASSES: Final = {"S3": DAYS_CLASSES, "S6": ABSENCE_CLASSES}


@dataclass(frozen=True, slots=True)
class Imputations:
    """Completed covariates of the cohort.

    Attributes
    ----------
    drawn
        One chained-equations run over the cohort's child covariates, in the cohort's order.
    position
        Place of each cohort child in it, by child.
    """

    drawn: Imputation
    position: pd.Series

    @property
    def count(self) -> int:
        """How many completed copies there are."""
        return self.drawn.imputations

    def completed(self, number: int, child: np.ndarray) -> pd.DataFrame:
        """Return the covariates of these children in copy `number`, counted from 0."""
        return self.drawn.completed(number).iloc[self.position.loc[child].to_numpy()]


def draw(trial: Trial, how: Imputing = MAIN, *, jobs: int = 1) -> Imputations:
    """Draw one of the refresh's sets of imputations.

    Parameters
    ----------
    trial
        The trial; its refresh gives the number of imputations and the seed.
    how
        Which set: the main one, the permutation test's, or one shifted away from missing at random.
    jobs
        Threads; the same values come out for any number of them.
    """
    return draw_together(trial, [how], jobs=jobs)[0]


def draw_together(trial: Trial, hows: Sequence[Imputing], *, jobs: int = 1) -> list[Imputations]:
    """Draw sets that differ in their odds alone: the same values as one by one, in less time."""
    first, cohort = hows[0], trial.cohort
    if any(replace(how, odds=first.odds) != first for how in hows):
        raise ValueError("hows: sets drawn together differ in their odds alone")
    dropped = missing_too_often(trial.cohort)
    names = [name for name in CHILD_COVARIATES if name not in dropped]
    frame = cohort[names].reset_index(drop=True).apply(_used_levels)
    seeds = np.random.SeedSequence(trial.refresh.seed, spawn_key=(int(first.with_treatment),))
    copies = trial.refresh.imputations
    drawn = impute_shifted(
        frame,
        predictors(trial, with_treatment=first.with_treatment),
        [shifted_odds(trial, names, how.odds) if how.odds != 1.0 else {} for how in hows],
        imputations=min(first.copies or copies, copies),
        seed=seeds,
        fixed_levels=_fixed_levels(frame),
        jobs=jobs,
    )
    position = pd.Series(np.arange(len(cohort)), index=cohort.index)
    return [Imputations(one, position) for one in drawn]


def shifted_odds(trial: Trial, names: Sequence[str], odds: float) -> dict[str, pd.DataFrame]:
    """Give what the odds of each level are multiplied by: only for children after go-live."""
    treated = trial.cohort["treated"].to_numpy() == 1
    factor = np.where(treated, odds, 1.0)
    rows = pd.RangeIndex(len(factor))
    return {
        name: pd.DataFrame(dict.fromkeys(find_riskier_levels(trial, name), factor), index=rows)
        for name in names
    }


def find_riskier_levels(trial: Trial, name: str) -> list[str]:
    """List a covariate's levels with more children looked after than their LAs and periods make.

    Expected are as many as the children recorded at the level would have at the risk of their own
    LA and period, so that a level common in a risky LA or year is not riskier for that.
    """
    outcome = trial.outcomes[protocol.PRIMARY_OUTCOME]
    seen = outcome[outcome["state"] == "analysed"]
    rows = trial.cohort.loc[seen["child"], ["la", "period", name]].assign(
        value=seen["value"].to_numpy()
    )
    rows["expected"] = rows.groupby(["la", "period"], observed=True)["value"].transform("mean")
    level = rows.groupby(name, observed=True)[["value", "expected"]].sum()
    fixed = FIXED_LEVELS.get(name, ())
    return [str(k) for k in level.index[level["value"] > level["expected"]] if k not in fixed]


def predictors(trial: Trial, *, with_treatment: bool) -> pd.DataFrame:
    """Return design and outcomes as complete categoricals, one row a cohort child."""
    cohort = trial.cohort
    columns = {"la": cohort["la"], "period": cohort["period"]}
    if with_treatment:
        columns["treated"] = cohort["treated"]
    for outcome in protocol.OUTCOMES:
        columns[outcome] = _told(trial.outcomes[outcome], outcome, cohort.index)
    frame = pd.DataFrame({name: column.astype(str) for name, column in columns.items()})
    return frame.astype("category").reset_index(drop=True)


def _told(outcome: pd.DataFrame, name: str, children: pd.Index) -> pd.Series:
    """Say what is known of an outcome, by child: its value or class, or why there is none."""
    analysed = outcome[outcome["state"] == "analysed"]
    values = analysed.groupby("child")["value"].mean()
    if name in _CLASSES:
        edges = [-np.inf, *_CLASSES[name], np.inf]
        values = pd.cut(values, edges, labels=False)
    elsewhere = outcome.drop_duplicates("child").set_index("child")["state"].astype(str)
    known = values.astype(int).astype(str)
    return known.reindex(children).fillna(elsewhere.reindex(children)).fillna("not in sample")


def _fixed_levels(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Levels that structure settles, of those that occur: no child may be below school age."""
    return {
        name: [level for level in FIXED_LEVELS[name] if level in frame[name].cat.categories]
        for name in FIXED_LEVELS
        if name in frame
    }


def _used_levels(column: pd.Series) -> pd.Series:
    return column.cat.remove_unused_categories()
