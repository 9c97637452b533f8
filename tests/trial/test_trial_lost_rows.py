"""A row that was set aside, or a child who left, makes an outcome missing and never a 0."""

from __future__ import annotations

from typing import Any

import pytest

from fvlib.tables.outcomes import crude_counts, missing_by_reason
from fvlib.trial import build_trial
from tests.support.trial_builder import extracts_of, refresh_of

REFERRED = "2020-06-10"  # P1's window closes on 10 December 2021, S1's on 10 June 2023
FAR = "2199-12-31"


def states(**rows: Any) -> dict[str, str]:
    """The state of each outcome of one child referred on 10 June 2020; "" is not in the sample."""
    referrals = [{"child": 0, "referral_date": REFERRED}]
    extracts = extracts_of(children=[{}], referrals=referrals, **rows)
    trial = build_trial(extracts, refresh_of())
    return {
        name: str(frame["state"].iloc[0]) if len(frame) else ""
        for name, frame in trial.outcomes.items()
    }


def missing(told: dict[str, str]) -> set[str]:
    return {name for name, state in told.items() if state == "missing"}


@pytest.mark.parametrize(
    ("first", "last", "matters"),
    [
        (None, None, True),  # its dates can't be read: it could be anything
        ("2021-12-10", FAR, True),  # could start on the window's last day
        ("2021-12-11", FAR, False),
        ("2019-01-01", "2020-06-10", True),  # could end on the first
        ("2019-01-01", "2020-06-09", True),  # the next could join it, and be no new start
        ("2019-01-01", "2020-06-08", False),
        ("2019-01-01", FAR, True),
    ],
)
def test_an_episode_set_aside_that_could_matter_makes_care_missing(
    first: str | None, last: str | None, matters: bool
) -> None:
    told = states(lost=[{"first": first, "last": last}])
    assert told["P1"] == ("missing" if matters else "analysed")
    assert not missing(told) & {"S1", "S2", "S3"}


def test_an_episode_set_aside_makes_an_entrant_missing_too() -> None:
    care = [{"child": 0, "DECOM": "2020-09-01", "PLACE": "U1"}]
    told = states(care_episodes=care, lost=[{}])
    assert {"P1", "S4", "S5"} <= missing(told)


@pytest.mark.parametrize(
    ("kind", "first", "outcomes"),
    [
        ("CPP", "2020-07-01", {"S1", "S2", "S3"}),
        ("CIN", "2020-07-01", {"S1", "S3"}),  # no CPP starts by it
        (None, None, {"S1", "S2", "S3"}),
        ("CPP", "2020-06-09", {"S1", "S3"}),  # began before the referral
        ("CPP", "2021-09-01", {"S1", "S3"}),  # after S2's window
        ("CPP", "2022-01-01", {"S1"}),  # after S3's too
        ("CPP", "2023-06-11", set()),
    ],
)
def test_a_plan_set_aside_makes_missing_what_it_could_change(
    kind: str | None, first: str | None, outcomes: set[str]
) -> None:
    lost = {"file": "plans", "kind": kind, "first": first, "last": FAR if first else None}
    assert missing(states(lost=[lost])) == outcomes


def test_what_is_after_the_last_known_day_is_missing_and_what_was_seen_before_stands() -> None:
    assert missing(states(unknown=[{"after": "2021-12-10"}])) == {
        "S1"
    }  # the others' windows closed
    assert missing(states(unknown=[{"after": "2021-12-09"}])) == {"P1", "S1", "S3"}
    assert missing(states(unknown=[{"after": "2021-03-31"}])) == {"P1", "S1", "S2", "S3"}
    entered = [{"child": 0, "DECOM": "2020-09-01", "DEC": "2021-03-31", "PLACE": "U1"}]
    told = states(unknown=[{"after": "2021-03-31"}], care_episodes=entered)
    assert told["P1"] == told["S4"] == "analysed"
    assert told["S5"] == "missing"  # the period ended with the year, for all that is known
    plan = [{"child": 0, "plan_type": "CPP", "start_date": "2020-07-01", "end_date": "2020-08-01"}]
    assert states(unknown=[{"after": "2021-03-31"}], plans=plan)["S2"] == "analysed"


def test_the_bounds_take_the_missing_as_not_looked_after_and_as_looked_after() -> None:
    referrals = [{"child": n, "referral_date": REFERRED} for n in range(2)]
    trial = build_trial(
        extracts_of(children=[{}, {}], referrals=referrals, lost=[{"child": 1}]), refresh_of()
    )
    assert trial.outcomes["P1"]["state"].tolist() == ["analysed", "missing"]
    assert trial.variants["P1-at-least"]["value"].tolist() == [0, 0]
    assert trial.variants["P1-at-most"]["value"].tolist() == [0, 1]


def test_why_outcomes_are_missing_is_counted_by_rule_and_adds_up() -> None:
    # Two were referred before Newcastle's go-live and are gone from a later return; three after it
    # have an episode set aside, one of them under two rules and gone besides; one has no placement.
    before, after = "2019-11-10", "2022-06-10"
    lost = [
        {"child": 2, "rule": "unknown code"},
        {"child": 3, "rule": "end before start"},
        {"child": 4, "rule": "unknown code"},
        {"child": 4, "rule": "end before start"},
    ]
    trial = build_trial(
        extracts_of(
            children=[{}] * 7,
            referrals=[{"child": n, "referral_date": before if n < 2 else after} for n in range(7)],
            care_episodes=[{"child": 5, "DECOM": "2022-07-01", "PLACE": None}],
            lost=lost,
            unknown=[{"child": n, "after": "2020-03-31"} for n in (0, 1, 4)],
        ),
        refresh_of(),
    )
    table = missing_by_reason(trial)
    told = {
        (row.outcome, row.reason): [row.n]
        for row in table[table["condition"] == "control"].itertuples()
    }
    for row in table[table["condition"] == "treatment"].itertuples():
        told[row.outcome, row.reason].append(row.n)
    assert {key: n for key, n in told.items() if key[0] in ("P1", "S2", "S4", "S6")} == {
        ("P1", "end before start"): [0, 2],
        ("P1", "unknown code"): [0, 1],
        ("P1", "unknown after"): [2, 0],
        ("S2", "unknown after"): [2, 1],
        ("S4", "no placement"): [0, 1],
    }
    crude = crude_counts(trial)
    crude = crude[crude["la"] == "all"].set_index(["outcome", "condition"])
    summed = table.groupby(["outcome", "condition"], observed=False)["n"].sum()
    assert (crude["missing"] == summed.reindex(crude.index, fill_value=0)).all()


@pytest.mark.parametrize(
    ("first", "reasons"),
    [
        ("2020-09-01", ["unknown code", "no row for the term", "no sessions"]),
        ("2021-01-01", ["no row for the term", "unknown code", "no sessions"]),
        ("2020-04-01", ["no row for the term", "no row for the term", "no sessions"]),
        (None, ["unknown code", "unknown code", "unknown code"]),  # could be any of them
    ],
)
def test_a_term_without_its_row_says_why(first: str | None, reasons: list[str]) -> None:
    """Of the three terms after the referral none has a number; a schoolmate's says them open."""
    pupil = {"birth_month": "2010-05-01"}
    terms = [(2020, "autumn"), (2020, "spring"), (2020, "summer")]
    open_terms = [{"child": 1, "academic_year": year, "term": term} for year, term in terms]
    extracts = extracts_of(
        children=[pupil, pupil],
        referrals=[{"child": 0, "referral_date": REFERRED}],
        attendance=[
            *open_terms,
            {"child": 0, "academic_year": 2020, "term": "summer", "sessions_possible": 0},
        ],
        lost=[{"file": "attendance", "first": first, "last": first}],
    )
    frame = build_trial(extracts, refresh_of()).outcomes["S6"]
    assert frame["state"].tolist() == ["missing"] * 3
    assert frame["reason"].tolist() == reasons
