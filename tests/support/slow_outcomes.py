"""The seven outcomes by the analysis plan's words, one child at a time: slow and obvious.

Reads the contract's CSV files with ISO dates and no row at fault. It shares no code with the
simulator's layout or with `fvlib.trial`; only calendar months come from `fvlib.refresh`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

from fvlib.refresh import add_months

TRIAL = (date(2019, 10, 1), date(2022, 9, 30))
DAY = timedelta(days=1)
FOREVER = date(9999, 12, 31)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as source:
        return list(csv.DictReader(source))


def by_child(rows: list[dict[str, str]], column: str = "child_id") -> dict[str, list]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row[column]].append(row)
    return grouped


def day(text: str) -> date:
    return date.fromisoformat(text) if text else FOREVER


class Authority:
    """One LA's files, and what the plan derives from them."""

    def __init__(self, folder: Path, through: date) -> None:
        self.through = through
        self.children = {row["child_id"]: row for row in read(folder / "children.csv")}
        self.referrals = by_child(read(folder / "referrals.csv"))
        self.plans = by_child(read(folder / "plans.csv"))
        self.episodes = by_child(read(folder / "care_episodes.csv"), "CHILD")
        attendance = read(folder / "attendance.csv")
        self.attendance = {
            (row["child_id"], int(row["academic_year"][:4]), row["term"]): row for row in attendance
        }
        self.open_terms = {
            key[1:] for key, row in self.attendance.items() if int(row["sessions_possible"] or 0)
        }

    def birth(self, child: str) -> date | None:
        month = self.children[child]["birth_month"]
        return date.fromisoformat(month + "-01") if month else None

    def index_referral(self, child: str) -> date | None:
        """First referral in the trial period that is eligible by itself."""
        born = self.birth(child)
        for row in sorted(self.referrals[child], key=lambda row: row["referral_date"]):
            referred = day(row["referral_date"])
            if not TRIAL[0] <= referred <= TRIAL[1] or row["referral_nfa"] == "1":
                continue
            if born is not None and born <= referred < add_months(born, 18 * 12):
                return referred
        return None

    def periods(self, child: str) -> list[dict]:
        """Periods of care: start, end, first place, reason of the end."""
        periods: list[dict] = []
        previous = None  # the episode just before, short breaks included
        for row in sorted(self.episodes[child], key=lambda row: row["DECOM"]):
            short_break = row["LS"] in ("V3", "V4")
            if not short_break:
                goes_on = (
                    previous is not None
                    and previous["LS"] not in ("V3", "V4")
                    and previous["REC"] == "X1"
                    and day(row["DECOM"]) - day(previous["DEC"]) <= DAY
                    and row["RNE"] != "S"
                )
                if not goes_on:
                    periods.append({"start": day(row["DECOM"]), "place": row["PLACE"]})
                periods[-1] |= {"end": day(row["DEC"]), "reason": row["REC"]}
            previous = row
        return periods

    def spells(self, child: str) -> list[dict]:
        """Plans merged where they overlap, touch or follow on the next day."""
        spells: list[dict] = []
        for row in sorted(self.plans[child], key=lambda row: row["start_date"]):
            start, end = day(row["start_date"]), day(row["end_date"])
            if not spells or (spells[-1]["end"] != FOREVER and start > spells[-1]["end"] + DAY):
                spells.append({"start": start, "end": end, "begun": []})
            spells[-1]["end"] = max(spells[-1]["end"], end)
            spells[-1]["begun"].append(start)
        return spells

    def outcomes(self, child: str) -> dict[str, object]:
        """Every outcome whose window has closed; S4 and S5 where the child is in the sample."""
        referred, born = self.index_referral(child), self.birth(child)
        assert referred is not None and born is not None
        w12, w18, w36 = (add_months(referred, months) for months in (12, 18, 36))
        found: dict[str, object] = {}
        periods = [p for p in self.periods(child) if p["start"] >= referred]

        if w18 <= self.through:
            found["P1"] = any(p["start"] <= w18 for p in periods)
            found["S3"] = self.days_on_plans(child, referred, w18)
        if w12 <= self.through:
            found["S2"] = any(
                row["plan_type"] == "CPP" and referred <= day(row["start_date"]) <= w12
                for row in self.plans[child]
            )
        if w36 <= self.through:
            found["S1"] = self.returned(child, referred, w36)
        if found.get("P1"):
            found["S4"] = periods[0]["place"] in ("U1", "U2", "U3")
        if periods and periods[0]["start"] <= TRIAL[1]:
            closes = add_months(periods[0]["start"], 18)
            adult = add_months(born, 18 * 12) <= closes
            if closes <= self.through and not adult:
                home = periods[0]["reason"] == "E4A" and periods[0]["end"] <= closes
                found["S5"] = home
        found["S6"] = self.absence(child, referred)
        return found

    def days_on_plans(self, child: str, first: date, last: date) -> int:
        days = set()
        for row in self.plans[child]:
            current = max(day(row["start_date"]), first)
            while current < day(row["end_date"]) and current <= last:
                days.add(current)
                current += DAY
        return len(days)

    def returned(self, child: str, referred: date, last: date) -> bool:
        starts = [spell["start"] for spell in self.spells(child)]
        care = [period["start"] for period in self.periods(child)]
        for spell in self.spells(child):
            ended = spell["end"]
            if not any(begun >= referred for begun in spell["begun"]) or ended > last:
                continue
            if any(ended < start <= last for start in starts):
                return True
            if any(ended <= start <= last for start in care):
                return True
        return False

    def absence(self, child: str, referred: date) -> list[tuple[int, str, float]]:
        """Academic year, term and rate of each analysed child-term."""
        born, rates, seen = self.birth(child), [], 0
        assert born is not None
        for year in range(referred.year - 1, referred.year + 6):
            for term, start in (
                ("autumn", date(year, 9, 1)),
                ("spring", date(year + 1, 1, 1)),
                ("summer", date(year + 1, 4, 1)),
            ):
                if start <= referred or (year, term) not in self.open_terms or seen == 3:
                    continue
                seen += 1
                if not add_months(born, 5 * 12) <= start < add_months(born, 16 * 12):
                    continue
                row = self.attendance.get((child, year, term))
                if row is not None and int(row["sessions_possible"]) > 0:
                    rate = 100 * int(row["sessions_unauthorised"]) / int(row["sessions_possible"])
                    rates.append((year, term, rate))
        return rates
