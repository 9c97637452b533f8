"""Cohorts at the edge of what can be imputed: each gives complete, sensible copies.

The cohorts are small and odd on purpose; what is imputed of ordinary ones is held against
simulations in `tests/models`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fvlib import protocol
from fvlib.analysis.imputations import Imputations, draw
from fvlib.analysis.plan import IMPUTATIONS, Imputing
from fvlib.tables import imputation as imputation_tables
from fvlib.tables.missingness import missing_patterns
from fvlib.trial import Trial, build_trial
from fvlib.trial.covariates import CHILD_COVARIATES
from tests.support.trial_builder import extracts_of, refresh_of

COPIES = 3
OLDER, INFANT = "2012-05-01", "2019-11-01"  # at referrals in 2020 to 2022: at school, not yet
EVERY_SET = list(IMPUTATIONS.values())


def trial_of(n: int, las: tuple[str, ...] = protocol.LA_KEYS, **columns: Any) -> Trial:
    """A cohort of n children, spread over LAs and periods; a column gives a value a child."""
    random = np.random.default_rng(5)
    defaults = {"sex": random.choice(["male", "female"], n), "birth_month": [OLDER] * n}
    defaults |= {"fsm_ever": random.random(n) < 0.4, "disabled": random.random(n) < 0.2}
    given = defaults | columns
    children = [
        {"la": las[at % len(las)], "child_id": f"c{at}"}
        | {name: values[at] for name, values in given.items()}
        for at in range(n)
    ]
    days = pd.date_range("2020-01-10", "2022-06-10", periods=max(n, 1)).strftime("%Y-%m-%d")
    referrals = [
        {"child": at, "referral_id": f"r{at}", "referral_date": days[at]} for at in range(n)
    ]
    extracts = extracts_of(children=children, referrals=referrals)
    return build_trial(extracts, refresh_of(imputations=COPIES))


def some_missing(n: int, value: Any, every: int = 8) -> list[Any]:
    return [None if at % every == 0 else value for at in range(n)]


def whole(imputations: Imputations) -> pd.DataFrame:
    """All copies under one another, once seen to have no gap."""
    copies = [imputations.drawn.completed(number) for number in range(imputations.count)]
    frame = pd.concat(copies, ignore_index=True)
    assert not frame.isna().any().any()
    assert imputation_tables.account_of_imputation(imputations)["missing"].ge(0).all()
    imputation_tables.observed_and_imputed_shares(imputations)
    imputation_tables.trace_of_chains(imputations)
    return frame


@pytest.mark.parametrize("how", EVERY_SET, ids=list(IMPUTATIONS))
def test_no_child_is_below_school_age(how: Imputing) -> None:
    n = 400
    trial = trial_of(n, fsm_ever=[None if at % 8 == 0 else at % 3 == 0 for at in range(n)])
    assert trial.cohort["fsm"].isna().sum() == n // 8
    assert set(whole(draw(trial, how))["fsm"]) == {"no", "yes"}


@pytest.mark.parametrize("how", EVERY_SET, ids=list(IMPUTATIONS))
def test_every_child_is_below_school_age(how: Imputing) -> None:
    n = 400
    sex = [None if at % 8 == 0 else ("male", "female")[at % 2] for at in range(n)]
    trial = trial_of(n, birth_month=[INFANT] * n, fsm_ever=[None] * n, sex=sex)
    frame = whole(draw(trial, how))
    assert set(frame["fsm"]) == {"below school age"}
    assert set(frame["sex"]) == {"male", "female"}


def test_no_value_is_missing() -> None:
    trial = trial_of(200)
    imputations = draw(trial)
    for number in range(COPIES):
        copy = imputations.drawn.completed(number).astype("str")
        expected = trial.cohort[list(CHILD_COVARIATES)].reset_index(drop=True).astype("str")
        pd.testing.assert_frame_equal(copy, expected)
    assert missing_patterns(trial).empty


def test_a_covariate_that_no_one_recorded_is_left_out() -> None:
    trial = trial_of(200, disabled=[None] * 200, ethnicity=some_missing(200, "WBRI"))
    frame = whole(draw(trial))
    assert "disabled" not in frame
    assert set(frame["ethnicity"]) == {"WBRI"}  # and one with one level gets that level


def test_the_few_of_school_age_lack_the_record() -> None:
    """Free school meals are missing for all whom they concern, and for few of the cohort."""
    months = [OLDER if at % 20 == 0 else INFANT for at in range(200)]
    trial = trial_of(200, birth_month=months, fsm_ever=[None] * 200)
    assert trial.cohort["fsm"].isna().sum() == 10
    assert "fsm" not in whole(draw(trial))


def test_an_la_has_no_children() -> None:
    n = 240
    trial = trial_of(n, protocol.LA_KEYS[:4], ethnicity=some_missing(n, "WBRI"))
    assert set(trial.cohort["la"]) == set(protocol.LA_KEYS[:4])
    assert len(whole(draw(trial))) == COPIES * n


def test_an_la_recorded_nothing() -> None:
    """Its children are imputed from the others'."""
    n = 400
    disabled = [None if at % 5 == 4 else at % 3 == 0 for at in range(n)]
    trial = trial_of(n, disabled=disabled)
    at_fault = trial.cohort.loc[trial.cohort["la"] == protocol.LA_KEYS[4], "disabled"]
    assert at_fault.isna().all()
    assert set(whole(draw(trial))["disabled"]) == {"no", "yes"}


@pytest.mark.parametrize("disabled", [True, None])
def test_there_is_one_child(disabled: bool | None) -> None:
    trial = trial_of(1, disabled=[disabled])
    frame = whole(draw(trial))
    assert len(frame) == COPIES
    assert ("disabled" in frame) == (disabled is not None)
    missing_patterns(trial)


def test_there_is_no_child() -> None:
    assert whole(draw(trial_of(0))).empty
