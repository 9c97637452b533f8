"""`build_trial`: the extracts of one refresh become the trial that analyses read."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fvlib.intake import Extracts
from fvlib.refresh import Refresh
from fvlib.trial import cohort as eligibility
from fvlib.trial import covariates, outcomes, spells, variants
from fvlib.trial.flow import flow_of
from fvlib.trial.histories import Histories


@dataclass(frozen=True, slots=True)
class Trial:
    """Analysable rows of one refresh; they never leave memory.

    Attributes
    ----------
    refresh
        The refresh it was built from: dates, settings.
    cohort
        One row a cohort child, index `child`: la, birth_month, referral_date, live_date,
        data_through, period, treated, exposure_time, first_referral, age, age_months, and the
        covariates (`fvlib.trial.covariates`).
    outcomes
        Outcome id -> frame, one row a sample member (`fvlib.trial.outcomes`).
    variants
        Outcomes of our own, not pre-specified: name -> frame (`fvlib.trial.variants`).
    flow
        la, step, n, in order (`fvlib.trial.flow`).
    periods_of_care
        child, start, end (NaT = open), first_place, end_reason.
    plans
        child, plan_type, start, end, spell (index in `plan_spells`).
    plan_spells
        child, start, end (NaT = open).
    referrals
        The extracts' referrals.
    decisions
        la, rule, rows: what the reconstruction of spells decided (the contract's `DECISIONS`).
    lost, unknown
        As in the extracts: rows set aside that could change an outcome, children unknown after.
    """

    refresh: Refresh
    cohort: pd.DataFrame
    outcomes: dict[str, pd.DataFrame]
    variants: dict[str, pd.DataFrame]
    flow: pd.DataFrame
    periods_of_care: pd.DataFrame
    plans: pd.DataFrame
    plan_spells: pd.DataFrame
    referrals: pd.DataFrame
    decisions: pd.DataFrame
    lost: pd.DataFrame
    unknown: pd.DataFrame

    @property
    def histories(self) -> Histories:
        """The cohort beside its spells, for what else is measured on them."""
        return Histories(
            self.cohort,
            self.periods_of_care,
            self.plans,
            self.plan_spells,
            self.lost,
            self.unknown,
        )


def build_trial(
    extracts: Extracts,
    refresh: Refresh,
    rules: tuple[eligibility.Rule, ...] = eligibility.ELIGIBILITY,
) -> Trial:
    """Build the cohort, its outcomes and covariates, and count every child.

    Parameters
    ----------
    extracts
        The loaded frames (`fvlib.intake.load.Extracts`).
    refresh
        Dates and settings.
    rules
        The eligibility rules in order; `cohort.ALL_REFERRALS` gives the cohort that counts
        referrals with no further action too (ours, not pre-specified).
    """
    periods, care_decisions = spells.periods_of_care(extracts.care_episodes)
    plan_spells, plans, plan_decisions = spells.plan_spells(extracts.plans)
    cohort, boxes = eligibility.select(extracts.children, extracts.referrals, refresh, rules)
    cohort = covariates.add_covariates(cohort, extracts.children, extracts.la_context, refresh)
    histories = Histories(cohort, periods, plans, plan_spells, extracts.lost, extracts.unknown)
    measured = outcomes.measure(histories, extracts.attendance, refresh)
    return Trial(
        refresh=refresh,
        cohort=cohort,
        outcomes=measured,
        variants=variants.measure(histories, refresh),
        flow=flow_of(boxes, histories, measured, refresh),
        periods_of_care=periods,
        plans=plans,
        plan_spells=plan_spells,
        referrals=extracts.referrals,
        lost=extracts.lost,
        unknown=extracts.unknown,
        decisions=spells.count_decisions(
            (extracts.care_episodes, care_decisions), (extracts.plans, plan_decisions)
        ),
    )
