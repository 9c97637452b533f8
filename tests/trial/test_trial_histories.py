"""Life histories, written by hand: cohort, period, exposure and every outcome of one child each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fvlib import protocol
from fvlib.refresh import Refresh
from fvlib.trial import build_trial, exposure
from tests.support.trial_builder import THROUGH, extracts_of, refresh_of
from tests.support.trial_twin import life, told_by

HISTORIES = Path(__file__).parent / "histories"
CARDS = [
    pytest.param(card, id=f"{path.stem}: {card['name']}")
    for path in sorted(HISTORIES.glob("*.yml"))
    for card in yaml.safe_load(path.read_text(encoding="utf-8"))
]
OTHER_CHILD = 1  # a schoolmate without a referral


def extracts_from(card: dict[str, Any]) -> Any:
    la = card.get("la", "newcastle")
    born = card.get("born", "2019-02")
    rows: dict[str, list[dict[str, Any]]] = {"referral": [], "plan": [], "care": [], "school": []}
    for line in card["events"].splitlines():
        kind, *words = line.split()
        told = [None if word == "-" else word for word in words]
        if kind == "referral":
            keys = ("referral_date", "closure_date")
            nfa = {"referral_nfa": "nfa" in told, "referral_id": str(len(rows["referral"]))}
            rows["referral"].append(dict(zip(keys, told[:2], strict=True)) | nfa)
        elif kind in ("CIN", "CPP"):
            start, end = told
            rows["plan"].append({"plan_type": kind, "start_date": start, "end_date": end})
        elif kind == "care":
            columns = ("DECOM", "DEC", "RNE", "LS", "PLACE", "REC")
            rows["care"].append(dict(zip(columns, told, strict=True)))
        elif kind == "school":
            year, term, missed, _, possible = words
            rows["school"].append(
                {
                    "academic_year": int(year[:4]),
                    "term": term,
                    "sessions_possible": int(possible),
                    "sessions_unauthorised": int(missed),
                }
            )
        else:
            raise ValueError(f"{card['name']}: unknown event {kind}")
    closed = card.get("closed", [])
    schoolmate = [
        {"child": OTHER_CHILD, "academic_year": year, "term": term}
        for year in range(2018, 2026)
        for term in protocol.TERM_STARTS
        if f"{year}/{(year + 1) % 100:02d} {term}" not in closed
    ]
    born_on = None if born == "-" else f"{born}-01"
    return extracts_of(
        children=[{"la": la, "birth_month": born_on}, {"la": la, "birth_month": "2010-01-01"}],
        referrals=rows["referral"],
        plans=rows["plan"],
        care_episodes=rows["care"],
        attendance=rows["school"] + schoolmate,
    )


def refresh_from(card: dict[str, Any]) -> Refresh:
    return refresh_of(data_through=card.get("through", THROUGH), **card.get("settings", {}))


def box_of(trial: Any) -> str:
    """The one exclusion box that holds the child (the schoolmate stands in `no_referral`)."""
    counts = trial.flow.groupby("step")["n"].sum()
    counts["no_referral"] -= 1
    exclusions = ["no_referral", "outside_trial_period", "unborn", "not_aged_0_to_17"]
    return next(step for step in (*exclusions, "no_further_action", "cohort") if counts[step])


@pytest.mark.parametrize("card", CARDS)
def test_a_life_history_gives_its_expected_values(card: dict[str, Any]) -> None:
    trial = build_trial(extracts_from(card), refresh_from(card))
    expected = dict(card["expect"])
    if "box" in expected:
        assert box_of(trial) == expected["box"]
        assert trial.cohort.empty
        return
    assert box_of(trial) == "cohort"
    told = told_by(trial, 0)
    told["earlier"] = not told.pop("first_referral")
    told |= exposures(trial)
    flow = trial.flow.groupby("step")["n"].sum()
    assert flow["earlier_ineligible"] == told["earlier"]
    missing = {"index", "period", "treated", *protocol.OUTCOMES} - set(expected)
    assert not missing, f"the card doesn't say what {missing} should be"
    assert {key: told[key] for key in expected} == expected


def exposures(trial: Any) -> dict[str, Any]:
    days = exposure.open_referral_days(trial).loc[0]
    entry = exposure.care_entry(trial)
    return {
        "open_days": days["total"],
        "live_days": days["live"],
        "half_time": exposure.half_time(trial).loc[0, "treated"],
        "four_weeks": exposure.four_weeks(trial).loc[0, "treated"],
        "care_entry": entry.loc[0].tolist() if len(entry) else None,
    }


@pytest.mark.parametrize("card", CARDS)
def test_the_slow_twin_reads_a_life_history_alike(card: dict[str, Any]) -> None:
    """The twin is what random extracts are compared with, so it must pass the cards too."""
    told = life(0, extracts_from(card), refresh_from(card))
    expected = dict(card["expect"])
    if "box" in expected:
        assert told == expected
        return
    told["S6"] = [value for value in told["S6"] if value != "out"]
    told["earlier"] = not told["first_referral"]
    if "care_entry" in told:
        told["care_entry"] = list(told["care_entry"])
    known = [key for key in expected if key not in ("half_time", "four_weeks")]
    assert {key: told[key] for key in known} == {key: expected[key] for key in known}


def test_there_are_at_least_forty_cards() -> None:
    assert len(CARDS) >= 40
