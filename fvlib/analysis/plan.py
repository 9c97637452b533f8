"""PLAN: every analysis of the report, one frozen row each.

A sensitivity analysis is the primary analysis with one thing changed. A new row here appears in
its table, its forest plot, the adherence appendix and the CSV with no other edit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

import pandas as pd

from fvlib import protocol
from fvlib.analysis.bootstrap import LinearWildBootstrap, WildBootstrap
from fvlib.analysis.derived import Rows, implied_savings, tipping_point, triangulate
from fvlib.analysis.design import Terms
from fvlib.analysis.effects import ByExposure, ByReadiness
from fvlib.analysis.fit import CombinedFits, Method
from fvlib.analysis.methods import (
    LinearMixed,
    LinearNested,
    LinearProbability,
    LinearRepeated,
    LinearRepeatedNested,
    LogisticFixed,
    LogisticMixed,
    LogisticNested,
)
from fvlib.analysis.permutation import Permutation, WithinPeriod
from fvlib.analysis.samples import (
    everyone,
    first_referral_only,
    under_sixteen_and_a_half,
    without_la,
)
from fvlib.analysis.shares_and_days import FractionalLogit, Hurdle, Tobit
from fvlib.trial import Trial
from fvlib.trial.cohort import ALL_REFERRALS, ELIGIBILITY
from fvlib.trial.exposure import (
    as_referred,
    care_entry,
    care_entry_joined,
    four_weeks,
    half_time,
    later_date,
    without_embedding,
)
from fvlib.trial.variants import entered_early

Role = Literal["primary", "secondary", "sensitivity", "exploratory", "ours"]
# Which rows of the outcome's frame (joined with the cohort) are analysed.
Sample = Callable[[pd.DataFrame], pd.DataFrame]
# Who counts as treated, by child: a frame with `treated` and `period`.
Exposure = Callable[[Trial], pd.DataFrame]


# Sets of imputations.
WITH_TREATMENT: Final = "with treatment"
WITHOUT_TREATMENT: Final = "without treatment"
COMPLETE_CASES: Final = "complete cases"


@dataclass(frozen=True, slots=True)
class Imputing:
    """How a set of imputations is drawn.

    Attributes
    ----------
    with_treatment
        Whether treatment is among the predictors.
    odds
        What the odds of a riskier level are multiplied by where a value of a child referred after
        go-live is missing: 1 is missing at random.
    copies
        How many; None for as many as the refresh asks for.
    """

    with_treatment: bool = True
    odds: float = 1.0
    copies: int | None = None


# Missing not at random: by name, what the odds are multiplied by. A few copies will do: they have
# the seeds of the main set's, and only a covariate's small part in the effect moves.
SHIFTED_ODDS: Final = {"tenth": 0.1, "half": 0.5, "double": 2.0, "tenfold": 10.0}
SHIFTED_COPIES: Final = 5
IMPUTATIONS: Final = {
    WITH_TREATMENT: Imputing(),
    WITHOUT_TREATMENT: Imputing(with_treatment=False),
    **{f"odds {name}": Imputing(odds=k, copies=SHIFTED_COPIES) for name, k in SHIFTED_ODDS.items()},
}
# Cohorts, by the rules that an index referral passes.
ELIGIBLE: Final = "eligible"
EVERY_REFERRAL: Final = "all referrals"
COHORTS: Final = {ELIGIBLE: ELIGIBILITY, EVERY_REFERRAL: ALL_REFERRALS}


@dataclass(frozen=True, slots=True)
class Analysis:
    """One row of the plan.

    Attributes
    ----------
    id
        Name in `estimates.csv`: P1, S1 to S6, X1 to X14, or ours in lower case.
    section
        The protocol's section that it comes from, or "not pre-specified".
    role
        primary, secondary, sensitivity, exploratory or ours.
    changes
        What differs from the primary analysis, in words.
    outcome
        An outcome of the protocol, or a variant of our own (`fvlib.trial.variants`).
    imputed
        Which set of imputations completes the covariates, of `IMPUTATIONS`; none of them analyses
        complete cases.
    cohort
        Which cohort the rows come from, of `COHORTS`.
    """

    id: str
    section: str
    role: Role
    changes: str
    outcome: str
    exposure: Exposure
    sample: Sample
    terms: Terms
    method: Method
    imputed: str = WITH_TREATMENT
    cohort: str = ELIGIBLE


def is_imputed(row: Analysis) -> bool:
    """Whether a row has covariates that a set of imputations completes."""
    return bool(row.terms.child) and row.imputed in IMPUTATIONS


@dataclass(frozen=True, slots=True)
class Derived:
    """A result made from other rows' estimates and the params, once those are there.

    Attributes
    ----------
    needs
        Ids of the analyses that it is made from.
    make
        From their estimate rows, by id, and the trial.
    """

    id: str
    section: str
    role: Role
    changes: str
    outcome: str
    needs: tuple[str, ...]
    make: Callable[[Mapping[str, Rows], Trial], CombinedFits]


NOT_PRE_SPECIFIED: Final = "not pre-specified"
LEAVE_OUT: Final = "leave-out-"  # how the ids of the primary analysis without one LA begin
# X1 to X3 follow the referral, and depend on what happens after it (analysis plan).
UNPROTECTED: Final = "(not protected by randomisation)"

PRIMARY: Final = Analysis(
    id="P1",
    section="Primary Analysis",
    role="primary",
    changes="the primary analysis",
    outcome=protocol.PRIMARY_OUTCOME,
    exposure=as_referred,
    sample=everyone,
    terms=Terms(),
    method=LogisticMixed(),
)

_ours = partial(replace, PRIMARY, section=NOT_PRE_SPECIFIED, role="ours")

_secondary = partial(
    replace, PRIMARY, section="Secondary Analysis", role="secondary", changes="the outcome"
)

SECONDARY: Final = (
    _secondary(id="S1", outcome="S1"),
    _secondary(id="S2", outcome="S2"),
    _secondary(id="S3", outcome="S3", method=LinearMixed()),
    _secondary(id="S4", outcome="S4"),
    _secondary(id="S5", outcome="S5"),
    _secondary(
        id="S6",
        outcome="S6",
        method=LinearRepeated(),
        terms=Terms(row=("term", "time_since_referral")),
    ),
)

_sensitivity = partial(replace, PRIMARY, section="Sensitivity Analysis", role="sensitivity")
_exploratory = partial(replace, PRIMARY, section="Exploratory Analysis", role="exploratory")
_of = {row.id: row for row in (PRIMARY, *SECONDARY)}

EXPOSURES: Final = (
    _sensitivity(
        id="X1",
        changes=f"half of the open-referral days after go-live {UNPROTECTED}",
        exposure=half_time,
    ),
    _sensitivity(
        id="X2",
        changes=f"28 open-referral days after go-live {UNPROTECTED}",
        exposure=four_weeks,
    ),
    *(
        _sensitivity(
            id=f"X3-{outcome}",
            outcome=outcome,
            changes=f"treatment and period by the date care began {UNPROTECTED}",
            exposure=care_entry,
        )
        for outcome in ("S4", "S5")
    ),
    _sensitivity(
        id="X6", changes="children of the embedding period left out", exposure=without_embedding
    ),
    _sensitivity(id="X10", changes="the later implementation date", exposure=later_date),
)

INFERENCE: Final = (
    *(
        replace(
            _of[outcome],
            id=f"X4-{outcome}",
            section="Sensitivity Analysis",
            role="sensitivity",
            changes="the order of roll-out re-randomised",
            method=Permutation(
                "linear" if outcome in protocol.LINEAR_OUTCOMES else "logistic",
                interval=outcome == protocol.PRIMARY_OUTCOME,
                refit=outcome == protocol.PRIMARY_OUTCOME,
            ),
            imputed=WITHOUT_TREATMENT,
        )
        for outcome in protocol.OUTCOMES
    ),
    _sensitivity(id="X5", changes="an effect for each period since go-live", method=ByExposure()),
    _sensitivity(
        id="X11",
        changes="wild cluster bootstrap",
        method=WildBootstrap(),
        imputed=WITHOUT_TREATMENT,
    ),
    *(
        replace(
            _of[outcome],
            id=f"X11-{outcome}",
            section="Secondary Analysis",
            role="sensitivity",
            changes="wild cluster bootstrap, by least squares",
            method=LinearWildBootstrap(),
            imputed=WITHOUT_TREATMENT,
        )
        for outcome in protocol.LINEAR_OUTCOMES
    ),
    _sensitivity(id="X7", outcome="S3", changes="any day, then days given any", method=Hurdle()),
    _sensitivity(
        id="X8", outcome="S3", changes="days censored at the window's end", method=Tobit()
    ),
    replace(
        _of["S6"],
        id="X9",
        section="Sensitivity Analysis",
        role="sensitivity",
        changes="fractional logit",
        method=FractionalLogit(),
    ),
    _exploratory(id="X13", changes="an effect for each readiness stratum", method=ByReadiness()),
)

# What must stand beside a secondary outcome's interval (analysis plan, "How a result is worded").
_beside_linear: Final[dict[str, Method]] = {"S3": LinearNested(), "S6": LinearRepeatedNested()}
LA_PERIOD: Final = tuple(
    replace(
        row,
        id=f"la-period-{row.outcome.lower()}",
        section=NOT_PRE_SPECIFIED,
        role="ours",
        changes="with an LA \u00d7 period intercept",
        method=_beside_linear.get(row.outcome, LogisticNested()),
    )
    for row in SECONDARY
)

OURS: Final = (
    _ours(id="la-period", changes="with an LA \u00d7 period intercept", method=LogisticNested()),
    *LA_PERIOD,
    _ours(
        id="complete-cases", changes="complete cases only, no imputation", imputed=COMPLETE_CASES
    ),
    _ours(id="no-covariates", changes="no covariates", terms=Terms((), ())),
    _ours(
        id="without-la-covariates",
        changes="no LA covariates, which treatment may move",
        terms=Terms(la=()),
    ),
    _ours(id="la-fixed-effects", changes="LA fixed effects", method=LogisticFixed()),
    _ours(id="linear-probability", changes="linear in the risk", method=LinearProbability()),
    _ours(id="under-16-5", changes="children under 16 and a half", sample=under_sixteen_and_a_half),
    _ours(
        id="first-referral-only",
        changes="children whose very first referral was eligible",
        sample=first_referral_only,
    ),
    _ours(
        id="all-referrals",
        changes="referrals with no further action too",
        cohort=EVERY_REFERRAL,
    ),
    _ours(
        id="s1-care-on-plan",
        outcome="S1-care-on-plan",
        changes="care that starts while a plan runs is a return too",
    ),
    _ours(
        id="s4-composite",
        outcome="S4-composite",
        changes="entered care and kinship care, over the whole cohort",
    ),
    _ours(
        id="s5-composite",
        outcome="S5-composite",
        changes="entered care and not reunified, over the whole cohort",
    ),
    _ours(
        id="set-aside-as-none",
        outcome="P1-at-least",
        changes="children with a row set aside that matters: not looked after",
    ),
    _ours(
        id="set-aside-as-all",
        outcome="P1-at-most",
        changes="children with a row set aside that matters: looked after",
    ),
    _ours(
        id="s4-care-entry-joined",
        outcome="S4",
        changes="by the date care began, the periods after the trial joined with its last",
        exposure=care_entry_joined,
    ),
    *(
        _ours(
            id=f"{outcome.lower()}-early-entry",
            outcome=outcome,
            changes="entered care within six months of the referral",
            sample=entered_early,
        )
        for outcome in ("S4", "S5")
    ),
    _ours(
        id="two-limit-tobit",
        outcome="S3",
        changes="zeros are limits too",
        method=Tobit(zeros_censored=True),
    ),
    _ours(
        id="within-period",
        changes="LA summaries compared within periods",
        terms=Terms((), ()),
        method=WithinPeriod(),
    ),
    *(
        _ours(
            id=f"missing-odds-{name}",
            changes="missing covariates after go-live drawn with the odds of a riskier level "
            f"times {multiple:g}",
            imputed=f"odds {name}",
        )
        for name, multiple in SHIFTED_ODDS.items()
    ),
    *(
        _ours(
            id=f"{LEAVE_OUT}{la.key}",
            changes=f"{la.name} left out",
            sample=partial(without_la, la.key),
        )
        for la in protocol.LOCAL_AUTHORITIES
    ),
)

PLAN: Final = (PRIMARY, *SECONDARY, *EXPOSURES, *INFERENCE, *OURS)

DERIVED: Final = (
    Derived(
        id="X12",
        section="Sensitivity Analysis",
        role="sensitivity",
        changes="set beside the difference-in-differences",
        outcome=protocol.PRIMARY_OUTCOME,
        needs=protocol.OUTCOMES,
        make=triangulate,
    ),
    Derived(
        id="X14",
        section="Exploratory Analysis",
        role="exploratory",
        changes="implied savings",
        outcome=protocol.PRIMARY_OUTCOME,
        needs=("la-period",),
        make=implied_savings,
    ),
    Derived(
        id="tipping-point",
        section=NOT_PRE_SPECIFIED,
        role="ours",
        changes="missing not at random: where the answer would tip",
        outcome=protocol.PRIMARY_OUTCOME,
        needs=("P1", *(f"missing-odds-{name}" for name in SHIFTED_ODDS)),
        make=partial(
            tipping_point,
            odds={"P1": 1.0} | {f"missing-odds-{name}": k for name, k in SHIFTED_ODDS.items()},
        ),
    ),
)
