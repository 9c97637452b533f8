"""PLAN: every analysis of the report, one frozen row each.

A sensitivity analysis is the primary analysis with one thing changed. A new row here appears in
its table, its forest plot, the adherence appendix and the CSV with no other edit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

import pandas as pd

from fvlib import protocol
from fvlib.analysis.design import Terms
from fvlib.analysis.methods import (
    LinearMixed,
    LinearRepeated,
    LogisticFixed,
    LogisticMixed,
    LogisticNested,
    Method,
)
from fvlib.analysis.samples import everyone, without_la
from fvlib.trial import Trial
from fvlib.trial.exposure import as_referred

Role = Literal["primary", "secondary", "sensitivity", "exploratory", "ours"]
# Which rows of the outcome's frame (joined with the cohort) are analysed.
Sample = Callable[[pd.DataFrame], pd.DataFrame]
# Who counts as treated, by child: a frame with `treated` and `period`.
Exposure = Callable[[Trial], pd.DataFrame]


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
    imputed: bool = True


NOT_PRE_SPECIFIED: Final = "not pre-specified"

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

PLAN: Final = (
    PRIMARY,
    *SECONDARY,
    _ours(id="la-period", changes="with an LA x period intercept", method=LogisticNested()),
    _ours(id="complete-cases", changes="complete cases only, no imputation", imputed=False),
    _ours(id="no-covariates", changes="no covariates", terms=Terms((), ())),
    _ours(id="la-fixed-effects", changes="LA fixed effects", method=LogisticFixed()),
    *(
        _ours(
            id=f"leave-out-{la.key}",
            changes=f"{la.name} left out",
            sample=partial(without_la, la.key),
        )
        for la in protocol.LOCAL_AUTHORITIES
    ),
)
