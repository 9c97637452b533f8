"""Periods of care and plan spells: what they hold, and the decisions counted on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fvlib import protocol
from fvlib.contract.rules import DECISIONS
from fvlib.trial import build_trial
from fvlib.trial.spells import merge, periods_of_care
from fvlib.trial.spells import plan_spells as fast_plan_spells
from tests.support.trial_builder import extracts_of, random_extracts, refresh_of
from tests.support.trial_twin import care_periods, plan_spells, rows_of

NEVER = np.datetime64("NaT")


def episode(start: str, end: str | None, *codes: str | None) -> dict[str, Any]:
    return {"DECOM": start, "DEC": end} | dict(
        zip(("RNE", "LS", "PLACE", "REC"), codes, strict=True)
    )


def decisions(
    episodes: list[dict[str, Any]], plans: Sequence[dict[str, Any]] = ()
) -> dict[str, int]:
    extracts = extracts_of(children=[{}], care_episodes=episodes, plans=plans)
    counted = build_trial(extracts, refresh_of()).decisions
    assert set(counted["rule"]) == set(DECISIONS)
    assert len(counted) == len(DECISIONS) * len(protocol.LA_KEYS)
    assert counted.loc[counted["la"] != "newcastle", "rows"].sum() == 0
    of_la = counted[counted["rows"] > 0].set_index("rule")["rows"]
    return {str(rule): n for rule, n in of_la.items()}


CHAIN_START = episode("2020-01-01", "2020-02-01", "S", "C2", "U6", "X1")


@pytest.mark.parametrize(
    ("episodes", "expected"),
    [
        ([episode("2020-01-01", None, "S", "C2", "U6", None)], {}),
        ([CHAIN_START, episode("2020-02-01", None, "P", "C2", "U1", None)], {}),
        (
            [CHAIN_START, episode("2020-02-02", None, "P", "C2", "U1", None)],
            {"joined_next_day": 1},
        ),
        (
            [CHAIN_START, episode("2020-02-03", None, "P", "C2", "U1", None)],
            {"started_after_gap": 1},
        ),
        (
            [CHAIN_START, episode("2020-02-01", None, "S", "C2", "U1", None)],
            {"started_despite_x1": 1},
        ),
        (
            [
                episode("2020-01-01", "2020-02-01", "S", "C2", "U6", "E8"),
                episode("2020-02-01", None, "P", "C2", "U1", None),
            ],
            {"started_after_end": 1},
        ),
        ([episode("2020-01-01", None, "L", "C2", "U6", None)], {"started_after_nothing": 1}),
        (
            [
                episode("2020-01-01", "2020-01-03", "S", "V4", "U6", "X1"),
                episode("2020-01-03", None, "L", "C2", "U6", None),
            ],
            {"short_break_removed": 1, "started_after_short_break": 1},
        ),
        ([CHAIN_START], {"ended_without_successor": 1}),
        ([episode("2020-01-01", None, "S", "C2", "U6", "E4A")], {"open_despite_reason": 1}),
        (
            [
                episode("2020-01-01", "2020-03-01", "S", "C2", "U6", "X1"),
                episode("2020-02-01", None, "P", "C2", "U1", None),
            ],
            {"cut_at_next": 1},
        ),
        (
            [
                episode("2020-01-01", None, "S", "C2", "U6", "X1"),
                episode("2020-02-01", None, "P", "C2", "U1", None),
            ],
            {"open_despite_reason": 1, "open_cut_at_next": 1},
        ),
        (
            [episode("2020-02-01", None, "P", "C2", "U1", None), CHAIN_START],
            {"sorted_by_start": 1},
        ),
    ],
)
def test_each_decision_is_counted_under_its_own_rule(
    episodes: list[dict[str, Any]], expected: dict[str, int]
) -> None:
    assert decisions(episodes) == expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("2020-01-31", {"plan_overlap_merged": 1}),
        ("2020-02-01", {"plan_touch_merged": 1}),
        ("2020-02-02", {"plan_next_day_merged": 1}),
        ("2020-02-03", {}),
    ],
)
def test_each_merge_of_plans_is_counted(second: str, expected: dict[str, int]) -> None:
    plans: list[dict[str, Any]] = [
        {"plan_type": "CIN", "start_date": "2020-01-01", "end_date": "2020-02-01"},
        {"plan_type": "CPP", "start_date": second, "end_date": None},
    ]
    assert decisions([], plans) == expected


def test_a_period_has_its_first_placement_and_its_last_reason() -> None:
    extracts = extracts_of(
        children=[{}],
        care_episodes=[
            CHAIN_START,
            episode("2020-02-02", "2020-05-01", "P", "C2", "U1", "E4A"),
            episode("2020-06-01", None, "S", "V2", "K2", "E8"),
        ],
    )
    periods, _ = periods_of_care(extracts.care_episodes)
    told = [tuple(period.values()) for period in rows_of(periods, 0)]
    first, second = told
    assert first == (0, date(2020, 1, 1), date(2020, 5, 1), "U6", "E4A")
    assert second[:4] == (0, date(2020, 6, 1), None, "K2")
    assert pd.isna(second[4])


@settings(max_examples=5, derandomize=True)
@given(seed=st.integers(min_value=0, max_value=2**32 - 1))
def test_spells_are_those_of_the_slow_twin(seed: int) -> None:
    extracts = random_extracts(100, seed)
    periods, _ = periods_of_care(extracts.care_episodes)
    spells, rows, _ = fast_plan_spells(extracts.plans)
    for child in extracts.children.index:
        fast = [
            {"start": p["start"], "end": p["end"], "place": p["first_place"]}
            | {"reason": p["end_reason"]}
            for p in rows_of(periods, child)
        ]
        slow = care_periods(rows_of(extracts.care_episodes, child))
        assert [_plain(p) for p in fast] == [_plain(p) for p in slow]
        dates = [(s["start"], s["end"]) for s in rows_of(spells, child)]
        slow = plan_spells(rows_of(extracts.plans, child))
        assert [start for start, _ in dates] == [s["start"] for s in slow]
        assert [end for _, end in dates] == [
            s["end"] if s["end"].year < 2100 else None for s in slow
        ]
    of_spell = spells.loc[rows["spell"]].reset_index(drop=True)
    assert (of_spell["child"] == rows["child"]).all()
    assert (of_spell["start"] <= rows["start"]).all()
    assert (of_spell["end"].isna() | (of_spell["end"] >= rows["end"])).all()


def _plain(period: dict[str, Any]) -> dict[str, Any]:
    return {key: None if pd.isna(value) else value for key, value in period.items()}


INTERVALS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 12)), max_size=25
)


@given(intervals=INTERVALS, gap=st.integers(0, 2))
def test_merged_intervals_cover_the_same_days_once(
    intervals: list[tuple[int, int, int]], gap: int
) -> None:
    child = np.array([i[0] for i in intervals], dtype=np.int64)
    start = np.array([i[1] for i in intervals], dtype="datetime64[D]")
    end = start + np.array([i[2] for i in intervals], dtype="timedelta64[D]")
    merged = merge(child, start, end, gap)
    spans = list(zip(merged.child, merged.start.astype(int), merged.end.astype(int), strict=True))
    covered = [(c, day) for c, first, last in spans for day in range(first, last + 1)]
    wanted = {
        (c, day) for c, first, length in intervals for day in range(first, first + length + 1)
    }
    assert len(covered) == len(set(covered))
    assert wanted <= set(covered)
    if gap <= 1:
        assert wanted == set(covered)
    for (c, _, last), (other, first, _) in pairwise(spans):
        assert c < other or first > last + gap


def test_an_open_interval_swallows_what_comes_later() -> None:
    start = np.array(["2020-01-01", "2020-05-01"], dtype="datetime64[D]")
    merged = merge(np.array([4, 4]), start, np.array([NEVER, start[1] + 3]), gap=1)
    assert len(merged.child) == 1
    assert np.isnat(merged.end).all()
