"""Descriptions of the outcomes against histories written by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from fvlib.tables.missingness import missing_patterns
from fvlib.tables.outcomes import (
    last_window,
    observed_so_far,
    outcome_periods,
    s3_distribution,
    s6_terms,
)
from fvlib.trial import build_trial
from tests.support.trial_builder import extracts_of, refresh_of

# The odds ratio of a two-by-two table is the logistic model's own; the engine stops within this.
ODDS_RATIO_TOLERANCE = 1e-4


def filled(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["n"] > 0].reset_index(drop=True)


def test_days_on_plans_fall_into_their_classes_and_heaps() -> None:
    day = "2019-11-01"  # the window's last day is 1 May 2021, its 548th
    plans = [
        {"child": 1, "start_date": "2019-10-01"},
        {"child": 2, "start_date": day, "end_date": "2019-12-01"},  # 30 days
        {"child": 3, "start_date": day, "end_date": "2019-12-02"},  # 31 days
        {"child": 4, "start_date": day, "end_date": "2021-05-01"},  # 547: not the last day
    ]
    extracts = extracts_of(
        children=[{"child_id": str(k)} for k in range(5)],
        referrals=[{"child": k, "referral_date": day} for k in range(5)],
        plans=plans,
    )
    table = filled(s3_distribution(build_trial(extracts, refresh_of())))
    assert table["condition"].tolist() == ["control"] * 5
    assert table["share_of_window"].tolist() == ["none", "part", "part", "part", "whole"]
    assert table["first_day"].tolist()[:4] == [0, 1, 31, 541]
    assert table["last_day"].tolist()[:4] == [0, 30, 60, 570]
    assert table["n"].tolist() == [1] * 5


def test_a_term_keeps_its_place_when_an_earlier_one_is_not_in_the_sample() -> None:
    terms = [("summer", 2020), ("autumn", 2021), ("spring", 2021)]
    rows = [
        {"child": child, "term": term, "academic_year": year, "sessions_unauthorised": rate}
        for child in (0, 1)
        for (term, year), rate in zip(terms, (10, 20, 30), strict=True)
    ]
    extracts = extracts_of(
        # the second turns five in the summer, so that the first term is not in the sample
        children=[{"birth_month": "2010-05-01"}, {"birth_month": "2016-08-01"}],
        referrals=[{"child": k, "referral_date": "2021-03-15"} for k in (0, 1)],
        attendance=rows,
    )
    table = filled(s6_terms(build_trial(extracts, refresh_of()), extracts.attendance))
    whole = table[table["la"] == "all"]
    assert whole["term"].tolist() == [1, 2, 3]
    assert whole["n"].tolist() == [1, 2, 2]
    assert whole["mean"].tolist() == [10, 20, 30]
    assert set(table["condition"]) == {"treatment"}


def test_an_early_refresh_sees_more_of_those_referred_first() -> None:
    extracts = extracts_of(
        children=[{}, {}, {}],
        referrals=[
            {"child": 0, "referral_date": "2019-11-01"},  # three years later: 1 November 2022
            {"child": 1, "referral_date": "2019-12-15"},
            {"child": 2, "referral_date": "2022-01-01"},
        ],
    )
    trial = build_trial(extracts, refresh_of(data_through="2022-11-30", look="interim"))
    table = observed_so_far(trial).set_index(["outcome", "condition"])
    assert table.loc[("S1", "control"), ["n", "observed", "share"]].tolist() == [2, 1, 0.5]
    assert table.loc[("S1", "treatment"), ["n", "observed", "share"]].tolist() == [1, 0, 0.0]
    assert table["share"].isna()[("S4", "treatment")]  # nobody entered care


def test_the_last_window_of_the_trial() -> None:
    refresh = refresh_of()
    assert last_window(refresh, "P1") == date(2024, 3, 30)
    assert last_window(refresh, "S1") == date(2025, 9, 30)
    # spring, summer and autumn of 2023; the autumn term lasts to the eve of the spring one
    assert last_window(refresh, "S6") == date(2023, 12, 31)


def test_each_outcome_has_its_mean_by_period() -> None:
    extracts = extracts_of(
        children=[{}, {}],
        referrals=[{"child": k, "referral_date": "2019-11-01"} for k in (0, 1)],
        plans=[
            {
                "child": 0,
                "plan_type": "CPP",
                "start_date": "2019-11-11",
                "end_date": "2019-11-21",
            }
        ],
    )
    table = outcome_periods(build_trial(extracts, refresh_of()))
    table = filled(table).set_index("outcome")
    assert table.loc["S2", ["n", "events", "mean"]].tolist() == [2, 1, 0.5]
    assert table.loc["S3", "mean"] == 5  # ten days and none
    assert table["events"].isna()["S3"]
    assert table.loc["S2", "period"] == 0


def test_a_pattern_of_missingness_is_the_odds_ratio_that_was_laid() -> None:
    # not recorded: 60 of 200 girls, 30 of 200 boys
    people = [
        {"sex": sex, "disabled": None if k < missing else k % 4 == 0}
        for sex, missing in (("female", 60), ("male", 30))
        for k in range(200)
    ]
    extracts = extracts_of(
        children=people,
        referrals=[{"child": k, "referral_date": "2019-11-01"} for k in range(400)],
    )
    table = missing_patterns(build_trial(extracts, refresh_of()))
    assert table["covariate"].unique().tolist() == ["disabled"]
    assert (table["n"] == 400).all()
    assert (table["missing"] == 90).all()
    ratio = table.set_index("term").loc["sex[female]", "odds_ratio"]
    assert ratio == pytest.approx((60 / 140) / (30 / 170), rel=ODDS_RATIO_TOLERANCE)


def test_a_covariate_with_hardly_anything_missing_is_told_and_not_fitted() -> None:
    people = [{"disabled": None if k < 3 else False} for k in range(100)]
    extracts = extracts_of(
        children=people,
        referrals=[{"child": k, "referral_date": "2019-11-01"} for k in range(100)],
    )
    table = missing_patterns(build_trial(extracts, refresh_of()))
    assert table["notes"].tolist() == ["few_values"]
    assert table["term"].isna().all()
