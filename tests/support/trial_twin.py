"""The analysis plan once more, child by child and day by day: the slow twin for comparison.

Nothing here is shared with `fvlib.trial`: plain dates, plain loops, the plan's own order of words.
"""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh, add_months

DAY = timedelta(days=1)
ALWAYS = date(2100, 1, 1)
OUT, OPEN, MISSING = "out", "open", "missing"


def as_date(value: Any) -> date | None:
    return None if pd.isna(value) else pd.Timestamp(value).date()


def rows_of(frame: pd.DataFrame, child: int) -> list[dict[str, Any]]:
    rows: list[Any] = frame[frame["child"] == child].to_dict("records")
    return [
        {
            str(key): as_date(value)
            if isinstance(value, pd.Timestamp) or value is pd.NaT
            else value
            for key, value in row.items()
        }
        for row in rows
    ]


def age_on(born: date, day: date) -> int:
    return day.year - born.year - (day < date(day.year, born.month, 1))


def box_or_index(referrals: list[dict[str, Any]], born: date | None, refresh: Refresh) -> Any:
    """The name of the box a child stands in, or its index referral."""
    first, last = refresh.trial_dates
    if not referrals:
        return "no_referral"
    inside = [r for r in referrals if first <= r["referral_date"] <= last]
    if not inside:
        return "outside_trial_period"
    alive = [r for r in inside if born is not None and born <= r["referral_date"]]
    if born is None or not alive:
        return "unborn"
    young = [r for r in alive if age_on(born, r["referral_date"]) <= 17]
    if not young:
        return "not_aged_0_to_17"
    stayed = [r for r in young if not r["referral_nfa"]]
    if not stayed:
        return "no_further_action"
    return min(stayed, key=lambda r: (r["referral_date"], r["referral_id"]))


def care_periods(episodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Walk through a child's episodes in order, keeping the running period in hand."""
    episodes = sorted(episodes, key=lambda e: e["DECOM"])
    counted = [e for e in episodes if e["LS"] not in ("V3", "V4")]
    periods: list[dict[str, Any]] = []
    for i, episode in enumerate(counted):
        following = counted[i + 1] if i + 1 < len(counted) else None
        end, reason = episode["DEC"], episode["REC"]
        if end is None:
            reason = "X1" if following else None
            end = following["DECOM"] if following else None
        elif following and end > following["DECOM"]:
            end = following["DECOM"]
        before = episodes[episodes.index(episode) - 1] if episodes.index(episode) else None
        joins = (
            i > 0
            and counted[i - 1]["REC"] == "X1"
            and episode["RNE"] != "S"
            and before is counted[i - 1]
            and episode["DECOM"] in (periods[-1]["end"], periods[-1]["end"] + DAY)
        )
        if joins:
            periods[-1] |= {"end": end, "reason": reason}
        else:
            periods.append(
                {
                    "start": episode["DECOM"],
                    "end": end,
                    "place": episode["PLACE"],
                    "reason": reason,
                }
            )
    return periods


def plan_spells(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    spells: list[dict[str, Any]] = []
    for plan in sorted(plans, key=lambda p: p["start_date"]):
        end = plan["end_date"] or ALWAYS
        if spells and plan["start_date"] <= spells[-1]["end"] + DAY:
            spells[-1]["end"] = max(spells[-1]["end"], end)
            spells[-1]["plans"].append(plan)
        else:
            spells.append({"start": plan["start_date"], "end": end, "plans": [plan]})
    return spells


def s1(referral: date, plans: list, periods: list) -> int:
    last = add_months(referral, 36)
    spells = plan_spells(plans)
    for spell in spells:
        if not any(p["start_date"] >= referral for p in spell["plans"]) or spell["end"] > last:
            continue
        if any(spell["end"] < other["start"] <= last for other in spells):
            return 1
        if any(spell["end"] <= period["start"] <= last for period in periods):
            return 1
    return 0


def s3(referral: date, plans: list) -> int:
    count, day = 0, referral
    while day <= add_months(referral, 18):
        count += any(p["start_date"] <= day < (p["end_date"] or ALWAYS) for p in plans)
        day += DAY
    return count


def term_list() -> list[tuple[date, date, int, str]]:
    terms = []
    for year in range(2017, 2030):
        starts = [date(year, 9, 1), date(year + 1, 1, 1), date(year + 1, 4, 1)]
        ends = [start - DAY for start in (*starts[1:], date(year + 1, 9, 1))]
        terms += [
            (start, end, year, name)
            for start, end, name in zip(starts, ends, ("autumn", "spring", "summer"), strict=True)
        ]
    return terms


def s6(
    child: int,
    person: dict[str, Any],
    referral: date,
    attendance: list[dict[str, Any]],
    through: date,
) -> list[Any]:
    """Rate, `open` or `missing` of each of the three terms; `out` when not of school age."""
    born = person["born"]
    of_la = [row for row in attendance if row["la"] == person["la"]]
    decided: list[Any] = []
    for start, end, year, name in term_list():
        rows = [r for r in of_la if (r["academic_year"], r["term"]) == (year, name)]
        closed = all(pd.isna(r["sessions_possible"]) or not r["sessions_possible"] for r in rows)
        if start <= referral or (of_la and closed and end <= through) or len(decided) == 3:
            continue
        own = [r for r in rows if r["child"] == child]
        if not 5 <= age_on(born, start) <= 15:
            decided.append(OUT)
        elif end > through:
            decided.append(OPEN)
        elif (
            not own
            or pd.isna(own[0]["sessions_possible"])
            or own[0]["sessions_possible"] == 0
            or pd.isna(own[0]["sessions_unauthorised"])
        ):
            decided.append(MISSING)
        else:
            decided.append(100 * own[0]["sessions_unauthorised"] / own[0]["sessions_possible"])
    return decided


def life(child: int, extracts: SimpleNamespace, refresh: Refresh) -> dict[str, Any]:
    """Everything that the plan says of one child."""
    person = extracts.children.loc[child]
    born, la = as_date(person["birth_month"]), str(person["la"])
    referrals = rows_of(extracts.referrals, child)
    index = box_or_index(referrals, born, refresh)
    if isinstance(index, str):
        return {"box": index}
    referral, through = index["referral_date"], refresh.data_through[la]
    first, last = refresh.trial_dates
    live = refresh.live_date(la)
    plans = rows_of(extracts.plans, child)
    periods = care_periods(rows_of(extracts.care_episodes, child))
    care = next((p for p in periods if p["start"] >= referral), None)

    def seen(months: int, value: Any) -> Any:
        return value if add_months(referral, months) <= through else OPEN

    entered = care is not None and care["start"] <= add_months(referral, 18)
    cpps = [p["start_date"] for p in plans if p["plan_type"] == "CPP"]
    told = {
        "index": referral,
        "period": sum(add_months(first, 6 * k) <= referral for k in range(1, 40)),
        "treated": int(referral >= live),
        "exposure_time": sum(add_months(live, 6 * k) <= referral for k in range(40)) - 1,
        "first_referral": not any(first <= r["referral_date"] < referral for r in referrals),
        "P1": seen(18, int(entered)),
        "S1": seen(36, s1(referral, plans, periods)),
        "S2": seen(12, int(any(referral <= d <= add_months(referral, 12) for d in cpps))),
        "S3": seen(18, s3(referral, plans)),
        "S4": OUT,
        "S5": OUT,
        "S6": s6(
            child,
            {"born": born, "la": la},
            referral,
            extracts.attendance.to_dict("records"),
            through,
        ),
    }
    if entered:
        kin = MISSING if pd.isna(care["place"]) else int(care["place"] in ("U1", "U2", "U3"))
        told["S4"] = seen(18, kin)
    if care is not None and care["start"] <= last:
        end = add_months(care["start"], 18)
        if born is not None and add_months(born, 18 * 12) > end:
            left = care["end"] is not None and care["end"] <= end
            value: Any = int(left and care["reason"] in refresh.reunification_codes)
            if left and pd.isna(care["reason"]):
                value = MISSING
            told["S5"] = value if end <= through else OPEN
    told |= open_days(referrals, live, refresh)
    if care is not None:
        told["care_entry"] = (
            int(care["start"] >= live),
            sum(add_months(first, 6 * k) <= care["start"] for k in range(1, 40)),
        )
    return told


def open_days(referrals: list, live: date, refresh: Refresh) -> dict[str, int]:
    first, last = refresh.trial_dates
    counted = set()
    for referral in referrals:
        day = max(referral["referral_date"], first)
        while not referral["referral_nfa"] and day < min(
            referral["closure_date"] or ALWAYS, last + DAY
        ):
            counted.add(day)
            day += DAY
    return {"open_days": len(counted), "live_days": sum(day >= live for day in counted)}


def told_by(trial: Any, child: int) -> dict[str, Any]:
    """What a built trial says of one child, in the same words."""
    if child not in trial.cohort.index:
        return {}
    row = trial.cohort.loc[child]
    told: dict[str, Any] = {
        "index": row["referral_date"].date(),
        "period": int(row["period"]),
        "treated": int(row["treated"]),
        "exposure_time": int(row["exposure_time"]),
        "first_referral": bool(row["first_referral"]),
    }
    for outcome in protocol.OUTCOMES:
        frame = trial.outcomes[outcome]
        values = [_value(found) for _, found in frame[frame["child"] == child].iterrows()]
        if outcome == "S6":
            told[outcome] = values
        else:
            told[outcome] = values[0] if values else OUT
    return told


def _value(row: pd.Series) -> Any:
    if row["state"] == "analysed":
        return float(row["value"])
    assert pd.isna(row["value"]), "a value stands only where it is analysed"
    return {"not_observable": OPEN, "missing": MISSING}[row["state"]]
