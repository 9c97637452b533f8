"""Covariates at the index referral, and how often they are missing, on hand-written children."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from fvlib import protocol
from fvlib.errors import Refusal
from fvlib.tables.missingness import missingness, missingness_by_period
from fvlib.trial import build_trial
from fvlib.trial.covariates import missing_too_often
from tests.support.trial_builder import extracts_of, random_extracts, refresh_of


def cohort_of(*children: dict[str, Any], **more: Any) -> pd.DataFrame:
    """One child a dict: children's columns, and any of the referral's."""
    own = ("referral_date", "primary_need", "n_previous_cpp")
    people = [{k: v for k, v in child.items() if k not in own} for child in children]
    referrals = [
        {"child": i, "referral_id": str(i), "referral_date": "2020-05-01"}
        | {k: child[k] for k in own if k in child}
        for i, child in enumerate(children)
    ]
    settings = more.pop("settings", {})
    extracts = extracts_of(children=people, referrals=referrals, **more)
    return build_trial(extracts, refresh_of(**settings)).cohort


@pytest.mark.parametrize(
    ("born", "referred", "expected"),
    [
        # Born on 1 September 2015: aged 3 on 31 August 2019, so below school age in 2019/20.
        ("2015-09-01", "2020-05-01", "below school age"),
        ("2015-09-01", "2020-08-31", "below school age"),
        ("2015-09-01", "2020-09-01", "no"),  # Reception from here on: pupil premium
        ("2015-08-01", "2020-05-01", "no"),  # aged 4 on 31 August 2019: Reception
        ("2012-09-01", "2020-05-01", "no"),  # aged 6: Year 2
        ("2012-08-01", "2020-05-01", "yes"),  # aged 7: Year 3, FSM ever
        ("2003-01-01", "2020-05-01", "yes"),
        ("2020-03-01", "2020-05-01", "below school age"),
    ],
)
def test_free_school_meals_by_school_year(born: str, referred: str, expected: str) -> None:
    child = {"birth_month": born, "referral_date": referred, "fsm_ever": True}
    assert cohort_of(child | {"pupil_premium": False})["fsm"].tolist() == [expected]


def test_free_school_meals_are_missing_only_where_they_count() -> None:
    nothing = {"fsm_ever": None, "pupil_premium": None}
    told = cohort_of(
        nothing | {"birth_month": "2018-01-01"},
        nothing | {"birth_month": "2014-01-01", "fsm_ever": True},
        nothing | {"birth_month": "2008-01-01", "pupil_premium": True},
    )["fsm"]
    assert told.iloc[0] == "below school age"
    assert told.isna().tolist() == [False, True, True]


def test_levels_and_missing_values() -> None:
    told = cohort_of(
        {
            "sex": "male",
            "ethnicity": "BCRB",
            "disabled": True,
            "uasc": False,
            "n_previous_cpp": 0,
            "primary_need": "9",
            "birth_month": "2016-05-01",
        },
        {
            "sex": "other",
            "ethnicity": "REFU",
            "disabled": False,
            "uasc": True,
            "n_previous_cpp": 1,
            "primary_need": "0",
            "birth_month": "2016-06-01",
        },
        {
            "sex": None,
            "ethnicity": "NOBT",
            "disabled": None,
            "uasc": None,
            "n_previous_cpp": 7,
            "birth_month": "2007-05-01",
        },
        {"ethnicity": None, "n_previous_cpp": None, "birth_month": "2007-06-01"},
    )
    assert told["sex"].astype(object).fillna("-").tolist() == ["male", "other", "-", "female"]
    assert told["ethnicity"].astype(object).fillna("-").tolist() == ["BCRB", "-", "-", "-"]
    assert told["disabled"].astype(object).fillna("-").tolist() == ["yes", "no", "-", "no"]
    assert told["uasc"].astype(object).fillna("-").tolist() == ["no", "yes", "-", "no"]
    assert told["previous_cpp"].astype(object).fillna("-").tolist() == ["0", "1", "2+", "-"]
    assert told["primary_need"].tolist() == ["9", "0", "1", "1"]
    assert told["age_band"].tolist() == ["4-12", "0-3", "13-17", "4-12"]
    assert told["age"].tolist() == [4, 3, 13, 12]


def test_academic_year_of_the_referral() -> None:
    told = cohort_of(
        {"referral_date": "2020-08-31"},
        {"referral_date": "2020-09-01"},
        {"referral_date": "2022-09-30"},
    )["academic_year"]
    assert told.tolist() == ["2019/20", "2020/21", "2022/23"]
    assert list(told.cat.categories) == ["2019/20", "2020/21", "2021/22", "2022/23"]


def test_shares_are_those_of_the_latest_earlier_month_with_any() -> None:
    pupil = {"birth_month": "2010-01-01"}
    told = cohort_of(
        pupil | {"referral_date": "2019-10-05", "fsm_ever": True, "ethnicity": "WBRI"},
        pupil | {"referral_date": "2019-10-20", "fsm_ever": False, "ethnicity": "NOBT"},
        pupil | {"referral_date": "2019-11-01", "fsm_ever": None, "ethnicity": "AIND"},
        # November has no recorded FSM: October counts for December too.
        pupil | {"referral_date": "2019-12-31", "fsm_ever": True, "ethnicity": "WBRI"},
        # A child below school age has no part in the FSM share.
        {"birth_month": "2019-01-01", "referral_date": "2019-12-30", "ethnicity": "WIRI"},
        pupil | {"referral_date": "2020-06-01", "fsm_ever": False, "ethnicity": "WBRI"},
        # Another LA starts with its own month, though Newcastle has earlier ones.
        pupil
        | {"la": "sefton", "referral_date": "2020-06-09", "fsm_ever": True, "ethnicity": "OOTH"},
    )
    assert told["la_fsm_share"].tolist() == [0.5, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0]
    assert told["la_white_british_share"].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0, 0.5, 0.0]


def test_shares_fall_back_on_the_first_month_that_has_any() -> None:
    pupil = {"birth_month": "2010-01-01", "fsm_ever": None, "ethnicity": None}
    told = cohort_of(
        pupil | {"referral_date": "2020-02-05"},
        pupil | {"referral_date": "2022-09-02", "fsm_ever": True, "ethnicity": "AIND"},
    )
    assert told["la_fsm_share"].tolist() == [1.0, 1.0]
    assert told["la_white_british_share"].tolist() == [0.0, 0.0]


def test_shares_without_any_recorded_value_are_missing() -> None:
    told = cohort_of({"birth_month": "2010-01-01", "fsm_ever": None, "ethnicity": "NOBT"})
    assert told[["la_fsm_share", "la_white_british_share"]].isna().all(axis=None)


def test_a_context_row_holds_from_its_own_day_on() -> None:
    context = [
        {"from_date": "2020-06-01", "other_programme": True},
        {"from_date": "2019-01-01", "other_programme": False},
        {"la": "sefton", "from_date": "2018-01-01", "other_programme": True},
    ]
    told = cohort_of(
        {"referral_date": "2020-05-31"},
        {"referral_date": "2020-06-01"},
        {"la": "coventry", "referral_date": "2020-06-01"},
        la_context=context,
    )
    assert told["other_programme"].fillna(-1).tolist() == [0, 1, -1]


def test_further_context_columns_come_from_params() -> None:
    extracts = extracts_of(children=[{}], referrals=[{"referral_date": "2020-05-01"}])
    extracts.la_context["turnover"] = 7.5
    trial = build_trial(extracts, refresh_of(context_columns=["turnover"]))
    assert trial.cohort["turnover"].tolist() == [7.5]
    for column, complaint in (
        ("caseload", "no column of la_context"),
        ("age", "another covariate"),
    ):
        extracts.la_context["age"] = 1.0
        with pytest.raises(Refusal, match=complaint):
            build_trial(extracts, refresh_of(context_columns=[column]))


def test_missingness_counts_and_their_margins() -> None:
    trial = build_trial(random_extracts(400, seed=5), refresh_of())
    cohort = trial.cohort
    table = missingness(trial).set_index(["covariate", "la", "condition"])
    for name in ("sex", "ethnicity", "disabled", "uasc", "previous_cpp"):
        for la in (*protocol.LA_KEYS, "all"):
            for code, condition in ((0, "control"), (1, "treatment"), (None, "all")):
                rows = cohort if la == "all" else cohort[cohort["la"] == la]
                rows = rows if code is None else rows[rows["treated"] == code]
                told = table.loc[(name, la, condition)]
                assert (told["n"], told["missing"]) == (len(rows), rows[name].isna().sum())
                if len(rows):
                    assert told["share"] == rows[name].isna().mean()
    assert len(table) == len(set(table.index))

    by_period = missingness_by_period(trial)
    sums = by_period.groupby("covariate")[["n", "missing"]].sum()
    margin = table.loc[(slice(None), "all", "all"), :].droplevel([1, 2])
    pd.testing.assert_frame_equal(sums, margin[["n", "missing"]].sort_index(), check_names=False)
    cell = by_period.query("covariate == 'sex' and la == 'newcastle' and period == 2")
    rows = cohort[(cohort["la"] == "newcastle") & (cohort["period"] == 2)]
    assert cell["missing"].sum() == rows["sex"].isna().sum()


def test_free_school_meals_are_counted_among_those_of_school_age() -> None:
    trial = build_trial(random_extracts(400, seed=5), refresh_of())
    table = missingness(trial).set_index(["covariate", "la", "condition"])
    told = table.loc[("fsm", "all", "all")]
    school_age = trial.cohort["fsm"] != "below school age"
    assert 0 < school_age.sum() < len(trial.cohort)
    assert told["n"] == school_age.sum()
    assert told["missing"] == trial.cohort["fsm"].isna().sum()


@pytest.mark.parametrize(("missing", "dropped"), [(3, ()), (4, ("sex",))])
def test_a_covariate_is_dropped_above_the_limit_only(missing: int, dropped: tuple) -> None:
    people = [{"sex": None if i < missing else "male"} for i in range(10)]
    extracts = extracts_of(
        children=people,
        referrals=[
            {"child": i, "referral_id": str(i), "referral_date": "2020-05-01"} for i in range(10)
        ],
    )
    trial = build_trial(extracts, refresh_of())
    assert protocol.MISSING_LIMIT == 0.30
    assert [name for name in missing_too_often(trial.cohort) if name == "sex"] == list(dropped)


def test_free_school_meals_are_dropped_by_their_share_among_those_of_school_age() -> None:
    # Of 20 children ten are infants, who have no meals at school; of the others four of ten are
    # not recorded: a fifth of all, but two fifths of those of school age.
    born = ["2019-06-01"] * 10 + ["2008-06-01"] * 10
    people = [
        {"birth_month": day, "fsm_ever": None if n in range(10, 14) else False}
        for n, day in enumerate(born)
    ]
    referred = [
        {"child": n, "referral_id": str(n), "referral_date": "2020-05-01"} for n in range(20)
    ]
    trial = build_trial(extracts_of(children=people, referrals=referred), refresh_of())
    assert trial.cohort["fsm"].isna().mean() == 0.2
    assert "fsm" in missing_too_often(trial.cohort)
