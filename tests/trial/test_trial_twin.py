"""Random, contradictory extracts: the fast trial and its slow twin agree, and nobody is lost."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fvlib import protocol
from fvlib.refresh import Refresh
from fvlib.trial import build_trial, exposure
from fvlib.trial.cohort import ALL_REFERRALS
from tests.support.trial_builder import extracts_of, random_extracts, refresh_of
from tests.support.trial_twin import life, told_by

CHILDREN = 60
BOXES = (
    "no_referral",
    "outside_trial_period",
    "unborn",
    "not_aged_0_to_17",
    "no_further_action",
    "cohort",
)
REFRESHES = (
    refresh_of(),
    refresh_of(data_through="2022-01-15", reunification_codes=["E4A", "E4B"]),
    refresh_of(
        data_through=dict(
            zip(
                protocol.LA_KEYS,
                ("2021-09-30", "2023-03-31", "2024-08-31", "2024-01-01", "2025-09-30"),
                strict=True,
            )
        ),
        implementation={"newcastle": {"operationally_live": "2020-11-15", "reason": "delayed"}},
        trial_period={"start": "2019-10-31", "end": "2022-08-30", "reason": "delayed"},
    ),
)
SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
EXAMPLES = settings(max_examples=4, derandomize=True)


@pytest.mark.parametrize("refresh", REFRESHES, ids=("final", "interim", "moved dates"))
@EXAMPLES
@given(seed=SEEDS)
def test_the_trial_and_its_slow_twin_agree(refresh: Refresh, seed: int) -> None:
    extracts = random_extracts(CHILDREN, seed)
    trial = build_trial(extracts, refresh)
    days, entry = exposure.open_referral_days(trial), exposure.care_entry(trial)
    boxes = dict.fromkeys(BOXES, 0)
    for child in range(CHILDREN):
        expected = life(child, extracts, refresh)
        boxes[expected.get("box", "cohort")] += 1
        if "box" in expected:
            assert child not in trial.cohort.index
            continue
        told = told_by(trial, child)
        told |= {"open_days": days["total"][child], "live_days": days["live"][child]}
        if child in entry.index:
            told["care_entry"] = tuple(entry.loc[child])
        expected["S6"] = [value for value in expected["S6"] if value != "out"]
        assert told == expected
    counted = trial.flow.groupby("step")["n"].sum()
    assert {step: counted[step] for step in BOXES} == boxes


@pytest.mark.parametrize("rules", [None, ALL_REFERRALS], ids=("as planned", "all referrals"))
@EXAMPLES
@given(seed=SEEDS)
def test_every_child_stands_in_exactly_one_box(rules: Any, seed: int) -> None:
    extracts = random_extracts(CHILDREN * 5, seed)
    options = {} if rules is None else {"rules": rules}
    trial = build_trial(extracts, REFRESHES[2], **options)
    conserved(trial, extracts.children)


def conserved(trial: Any, children: pd.DataFrame) -> None:
    flow = trial.flow.pivot_table(index="la", columns="step", values="n")
    boxes = [step for step in BOXES if step in flow.columns]
    assert (flow[boxes].sum(axis=1) == flow["children"]).all()
    assert (flow["children"] == children["la"].value_counts().reindex(flow.index)).all()
    assert (flow["cohort"] == trial.cohort["la"].value_counts().reindex(flow.index)).all()
    assert (flow["control"] + flow["treatment"] == flow["cohort"]).all()
    for outcome in protocol.OUTCOMES:
        steps = [step for step in flow.columns if step.startswith(f"{outcome}_")]
        whole = flow["cohort"] * (3 if outcome == "S6" else 1)
        assert (flow[steps].sum(axis=1) == whole).all(), outcome
        states = trial.outcomes[outcome]["state"].value_counts()
        for state, n in states.items():
            assert flow[f"{outcome}_{state}"].sum() == n


def test_with_all_referrals_nobody_is_stopped_by_no_further_action() -> None:
    extracts = random_extracts(CHILDREN * 5, seed=1)
    planned = build_trial(extracts, REFRESHES[0])
    everyone = build_trial(extracts, REFRESHES[0], rules=ALL_REFERRALS)
    counts = {
        step: n
        for step, n in planned.flow.groupby("step")["n"].sum().items()
        if step in ("cohort", "no_further_action")
    }
    assert "no_further_action" not in set(everyone.flow["step"])
    assert counts["no_further_action"] > 0
    assert len(everyone.cohort) == sum(counts.values())
    shared = planned.cohort.index
    earlier = everyone.cohort.loc[shared, "referral_date"] <= planned.cohort["referral_date"]
    assert earlier.all()
    assert everyone.cohort["first_referral"].sum() > planned.cohort["first_referral"].sum()


def test_an_la_without_any_attendance_is_missing_and_its_terms_are_not_closed() -> None:
    """Nothing tells closed schools from attendance that was not sent."""
    extracts = extracts_of(
        children=[{"birth_month": "2010-05-01"}, {"la": "sefton"}],
        referrals=[{"referral_date": "2021-02-10"}],
        attendance=[{"child": 1, "academic_year": 2020, "term": "summer"}],
    )
    rows = build_trial(extracts, refresh_of(data_through="2021-12-30")).outcomes["S6"]
    assert rows["term"].tolist() == ["summer", "autumn", "spring"]
    assert rows["term_year"].tolist() == [2020, 2021, 2021]
    assert rows["state"].tolist() == ["missing", "not_observable", "not_observable"]


def test_order_of_rows_changes_nothing() -> None:
    extracts = random_extracts(CHILDREN * 3, seed=7)
    trial = build_trial(extracts, REFRESHES[0])
    for name in ("referrals", "plans", "care_episodes", "attendance"):
        frame = getattr(extracts, name).sample(frac=1, random_state=3).reset_index(drop=True)
        setattr(extracts, name, frame)
    again = build_trial(extracts, REFRESHES[0])
    pd.testing.assert_frame_equal(trial.cohort, again.cohort)
    for outcome, frame in trial.outcomes.items():
        pd.testing.assert_frame_equal(frame, again.outcomes[outcome])


def test_an_empty_refresh_and_an_empty_la_still_make_a_trial() -> None:
    nothing = build_trial(extracts_of(), REFRESHES[0])
    assert nothing.cohort.empty
    assert nothing.flow["n"].sum() == 0
    assert all(frame.empty for frame in nothing.outcomes.values())
    one = build_trial(
        extracts_of(children=[{}], referrals=[{"referral_date": "2020-05-01"}]), REFRESHES[0]
    )
    by_la = one.flow[one.flow["step"] == "cohort"].set_index("la")["n"]
    assert by_la.to_dict() == {la: int(la == "newcastle") for la in protocol.LA_KEYS}
