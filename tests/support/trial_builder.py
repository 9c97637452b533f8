"""Extracts made directly as the loader gives them, from rows written by hand or drawn at random."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh

LA = pd.CategoricalDtype(list(protocol.LA_KEYS))
THROUGH = "2025-09-30"

CHILD = {
    "la": "newcastle",
    "child_id": "",
    "birth_month": "2019-02-01",
    "sex": "female",
    "ethnicity": "WBRI",
    "disabled": False,
    "fsm_ever": False,
    "pupil_premium": False,
    "uasc": False,
}
REFERRAL = {
    "child": 0,
    "referral_id": "",
    "referral_date": None,
    "referral_nfa": False,
    "closure_date": None,
    "primary_need": "1",
    "n_previous_cpp": 0,
}
PLAN = {"child": 0, "plan_type": "CIN", "start_date": None, "end_date": None}
EPISODE = {
    "child": 0,
    "DECOM": None,
    "RNE": "S",
    "LS": "C2",
    "PLACE": "U6",
    "DEC": None,
    "REC": None,
}
SESSIONS = {
    "child": 0,
    "academic_year": 2019,
    "term": "autumn",
    "sessions_possible": 100,
    "sessions_unauthorised": 0,
}
LOST = {
    "child": 0,
    "file": "care_episodes",
    "rule": "unknown code",
    "kind": None,
    "first": None,
    "last": None,
}
UNKNOWN = {"child": 0, "after": None}
CONTEXT = {"la": "newcastle", "from_date": "2015-01-01", "other_programme": False}

Rows = Iterable[dict[str, Any]]


def refresh_of(**settings: Any) -> Refresh:
    """A refresh with everything observed, unless told otherwise."""
    given = {"refresh": "cards", "data": "data/cards", "data_through": THROUGH} | settings
    return Refresh.model_validate(given)


def extracts_of(
    *,
    children: Rows = (),
    referrals: Rows = (),
    plans: Rows = (),
    care_episodes: Rows = (),
    attendance: Rows = (),
    la_context: Rows = (CONTEXT,),
    lost: Rows = (),
    unknown: Rows = (),
) -> Any:
    """Frames at the loader's seam; a row gives only what differs from the defaults above."""
    child = _frame(CHILD, children, dates=["birth_month"])
    child["la"] = child["la"].astype(LA)
    for flag in ("disabled", "fsm_ever", "pupil_premium", "uasc"):
        child[flag] = child[flag].astype("boolean")
    child = child.astype({"sex": "category", "ethnicity": "category"}).rename_axis("child")

    referral = _frame(REFERRAL, referrals, dates=["referral_date", "closure_date"])
    referral["referral_nfa"] = referral["referral_nfa"].astype(bool)
    referral["n_previous_cpp"] = referral["n_previous_cpp"].astype("Int64")
    plan = _frame(PLAN, plans, dates=["start_date", "end_date"])
    episode = _frame(EPISODE, care_episodes, dates=["DECOM", "DEC"])
    for code in ("RNE", "LS", "PLACE", "REC"):
        episode[code] = episode[code].astype("category")
    sessions = _frame(SESSIONS, attendance, dates=[])
    for number in ("sessions_possible", "sessions_unauthorised"):
        sessions[number] = sessions[number].astype("Int64")
    context = _frame(CONTEXT, la_context, dates=["from_date"])
    context["la"] = context["la"].astype(LA)
    of_child = [referral, plan, episode, sessions]
    for frame in of_child:
        frame["child"] = frame["child"].astype(np.int64)
        frame["la"] = pd.Categorical(child["la"].astype(object).reindex(frame["child"]), dtype=LA)
    return SimpleNamespace(
        children=child,
        referrals=referral.astype({"primary_need": "category"}),
        plans=plan.astype({"plan_type": "category"}),
        care_episodes=episode,
        attendance=sessions.astype({"term": "category", "academic_year": np.int64}),
        la_context=context,
        lost=_frame(LOST, lost, dates=["first", "last"]).astype({"child": np.int64}),
        unknown=_frame(UNKNOWN, unknown, dates=["after"]).astype({"child": np.int64}),
    )


def _frame(default: dict[str, Any], rows: Rows, dates: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame([default | row for row in rows], columns=list(default))
    for column in dates:
        frame[column] = pd.to_datetime(frame[column].astype(object)).astype("datetime64[s]")
    return frame


def random_extracts(children: int, seed: int) -> Any:
    """A crowded, contradictory extract: every rule is met often, on and beside its boundary."""
    draw = np.random.default_rng(seed)

    def near(anchors: list[str], spread: int) -> str:
        anchor = np.datetime64(draw.choice(anchors))
        return str(anchor + int(draw.integers(-spread, spread + 1)))

    def maybe(value: str, empty: float) -> str | None:
        return None if draw.random() < empty else value

    def after(start: str, longest: int) -> str:
        return str(np.datetime64(start) + int(draw.integers(0, longest)))

    def pick(*levels: Any) -> Any:
        return levels[int(draw.integers(len(levels)))]

    edges = ["2019-10-01", "2020-04-01", "2020-10-01", "2021-10-01", "2022-09-30"]
    people, referrals, plans, episodes, sessions = [], [], [], [], []
    for child in range(children):
        born = pick("2001-12", "2002-03", "2003-10", "2005-02", "2010-05", "2015-09", "2019-01")
        born = pick(born, born, "2020-02", "2021-06")
        people.append(
            {
                "la": pick(*protocol.LA_KEYS[:3]),
                "child_id": str(child),
                "birth_month": maybe(f"{born}-01", 0.03),
                "sex": pick("male", "female", "other", None),
                "ethnicity": pick("WBRI", "WBRI", "REFU", "NOBT", "AIND", None),
                **{
                    flag: pick(True, False, None)
                    for flag in ("disabled", "fsm_ever", "pupil_premium", "uasc")
                },
            }
        )
        for _ in range(int(draw.integers(0, 4))):
            date = near(edges, pick(2, 200))
            referrals.append(
                {
                    "child": child,
                    "referral_id": str(len(referrals)),
                    "referral_date": date,
                    "referral_nfa": bool(draw.random() < 0.3),
                    "closure_date": maybe(after(date, pick(3, 60, 500)), 0.2),
                    "primary_need": pick(*"0123456789"),
                    "n_previous_cpp": pick(0, 1, 2, 5, None),
                }
            )
        for _ in range(int(draw.integers(0, 5))):
            start = near([r["referral_date"] for r in referrals[-2:]] or edges, pick(3, 30, 400))
            end = maybe(after(start, pick(3, 40, 600)), 0.15)
            plans.append(
                {
                    "child": child,
                    "plan_type": pick("CIN", "CPP"),
                    "start_date": start,
                    "end_date": end,
                }
            )
        start = near(edges, pick(5, 300))
        used: set[str] = set()
        for _ in range(int(draw.integers(0, 5))):
            if start not in used:
                used.add(start)
                dec = after(start, pick(2, 40, 300))
                episodes.append(
                    {
                        "child": child,
                        "DECOM": start,
                        "RNE": pick("S", "P", "L", "T"),
                        "LS": pick("C2", "C2", "V2", "V3", "V4"),
                        "PLACE": pick("U1", "U3", "U6", "K2", None),
                        "DEC": maybe(dec, 0.15),
                        "REC": pick("X1", "X1", "X1", "E4A", "E4B", "E8", None),
                    }
                )
                start = str(np.datetime64(dec) + pick(0, 0, 1, 2, -3, 40))
        for year in range(2019, 2024):
            for term in protocol.TERM_STARTS:
                if draw.random() < 0.6 and (year, term) not in ((2019, "summer"), (2020, "spring")):
                    possible = pick(0, 10, 100, 120, None)
                    sessions.append(
                        {
                            "child": child,
                            "academic_year": year,
                            "term": term,
                            "sessions_possible": possible,
                            "sessions_unauthorised": pick(None, 0, 3) if possible else 0,
                        }
                    )
    draw.shuffle(episodes)
    return extracts_of(
        children=people,
        referrals=referrals,
        plans=plans,
        care_episodes=episodes,
        attendance=sessions,
        la_context=[{"la": la} for la in protocol.LA_KEYS],
    )
