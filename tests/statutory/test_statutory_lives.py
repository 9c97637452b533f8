"""Lives drawn at random, told to the Department year by year, come back from the returns whole.

Each year's returns say what was known on its 31 March: a case, plan or episode comes again until it
has ended, open before that. What the import makes of six years must be the lives themselves, as
known on the last day.
"""

from __future__ import annotations

import csv
import io
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.statutory_builders import Desk, census, child_id

YEARS = range(2020, 2026)
LAST = date(YEARS[-1], 3, 31)
CHILDREN = 60
ETHNICITIES = ("WBRI", "MWBC", "APKN", "BAFR", "REFU", "NOBT")
FLAGS = {"0": ("0", "false"), "1": ("1", "true")}
EPISODE = "CHILD DECOM RNE LS CIN PLACE DEC REC HOME_POST"

Life = dict[str, Any]


def lives(draw: random.Random) -> list[Life]:
    def day_in(first: date, last: date) -> date:
        return first + timedelta(draw.randint(0, (last - first).days))

    def ended(start: date, longest: int, never: float) -> date | None:
        return None if draw.random() < never else start + timedelta(draw.randint(0, longest))

    told = []
    for number in range(CHILDREN):
        referrals, plans, episodes = {}, {}, {}
        for _ in range(draw.randint(1, 3)):
            day = day_in(date(2019, 4, 2), date(2023, 1, 1))
            need = f"N{draw.randint(0, 9)}"
            referrals[day] = (draw.choice("01"), ended(day, 500, 0.2), need)
            for kind in draw.choices(("CIN", "CPP"), k=draw.randint(0, 2)):
                start = day + timedelta(draw.randint(0, 200))
                plans[kind, start] = (ended(start, 300, 0.15), day)
        start = day_in(date(2019, 4, 2), date(2022, 10, 1))
        for _ in range(draw.randint(0, 4)):
            end = ended(start, 300, 0.1)
            codes = draw.choice("SPLT"), draw.choice(("C2", "V2", "V3")), draw.choice(("U1", "K2"))
            episodes[start] = (*codes, end, draw.choice(("X1", "E4A", "E8")))
            if end is None or end == start:
                break
            start = end + timedelta(draw.choice((0, 1, 2, 40)))
        told.append(
            {
                "id": draw.choice((f"{1000 + number}", f"00{number}", f"L-{number}/x")),
                "born": day_in(date(2002, 1, 1), date(2019, 1, 1)),
                "male": draw.random() < 0.5,
                "ethnicity": draw.choice(ETHNICITIES),
                "uasc": draw.random() < 0.1,
                "referrals": referrals,
                "plans": plans,
                "episodes": episodes,
            }
        )
    return told


def known(end: date | None, by: date) -> str:
    return end.isoformat() if end is not None and end <= by else ""


def in_year(start: date, end: date | None, year: int) -> bool:
    return start <= date(year, 3, 31) and (end is None or end >= date(year - 1, 4, 1))


def previous(life: Life) -> dict[date, int]:
    """How many protection plans came before each of the child's."""
    return {day: n for n, day in enumerate(sorted(d for kind, d in life["plans"] if kind == "CPP"))}


def census_of(told: list[Life], year: int, draw: random.Random) -> str:
    by, children = date(year, 3, 31), ""
    for life in told:
        details = ""
        for day, (nfa, closed, need) in life["referrals"].items():
            of_case = {key: end for key, (end, case) in life["plans"].items() if case == day}
            ends = [closed, *of_case.values()]
            if not in_year(day, None if None in ends else max(ends), year):
                continue
            parts = [
                f"<CINreferralDate>{day}</CINreferralDate>",
                f"<CINclosureDate>{known(closed, by)}</CINclosureDate>",
                f"<ReferralNFA>{draw.choice(FLAGS[nfa])}</ReferralNFA>",
                f"<PrimaryNeedCode>{need}</PrimaryNeedCode>",
            ]
            for (kind, start), end in of_case.items():
                if start > by:
                    continue
                if kind == "CIN":
                    parts.append(
                        f"<CINPlanDates><CINPlanStartDate>{start}</CINPlanStartDate>"
                        f"<CINPlanEndDate>{known(end, by)}</CINPlanEndDate></CINPlanDates>"
                    )
                else:
                    parts.append(
                        f"<ChildProtectionPlans><CPPstartDate>{start}</CPPstartDate>"
                        f"<CPPendDate>{known(end, by)}</CPPendDate>"
                        f"<NumberOfPreviousCPP>{previous(life)[start]}</NumberOfPreviousCPP>"
                        "</ChildProtectionPlans>"
                    )
            draw.shuffle(parts)
            details += f"<CINdetails>{''.join(parts)}</CINdetails>"
        if details:
            sex = f"<GenderCurrent>{1 if life['male'] else 2}</GenderCurrent>"
            if year >= 2025:
                sex = f"<Sex>{'M' if life['male'] else 'F'}</Sex>"
            children += (
                f"<Child><ChildIdentifiers><UPN>A123456789012</UPN>{sex}"
                f"<PersonBirthDate>{life['born']}</PersonBirthDate>"
                f"<LAchildID>{life['id']}</LAchildID></ChildIdentifiers><ChildCharacteristics>"
                f"<Ethnicity>{life['ethnicity']}</Ethnicity></ChildCharacteristics>{details}</Child>"
            )
    return census(children, f"{year}-03-31", str(year))


def in_care(told: list[Life], year: int) -> tuple[list[dict[str, str]], ...]:
    by = date(year, 3, 31)
    episodes, header, uasc = [], [], []
    for life in told:
        rows = [
            (start, *facts)
            for start, facts in life["episodes"].items()
            if in_year(start, facts[3], year)
        ]
        for start, rne, ls, place, end, reason in rows:
            ceased = date.fromisoformat(known(end, by)) if known(end, by) else None
            values: tuple[str, ...] = (life["id"], f"{start:%d/%m/%Y}", rne, ls, "N1", place)
            values += (f"{ceased:%d/%m/%Y}" if ceased else "", reason if ceased else "", "CV1 2AB")
            episodes.append(dict(zip(EPISODE.split(), values, strict=True)))
        who = {"CHILD": life["id"], "SEX": "1" if life["male"] else "2"}
        who["DOB"] = f"{life['born']:%d/%m/%Y}"
        if rows:
            header.append(who | {"ETHNIC": life["ethnicity"], "UPN": "A123456789012"})
        if rows and life["uasc"]:
            uasc.append(who | {"DUC": "01/01/2030"})
    return episodes, header, uasc


def as_csv(rows: list[dict[str, str]], draw: random.Random) -> str:
    text = io.StringIO()
    columns = draw.sample(list(rows[0]), len(rows[0]))
    style: Any = {"lineterminator": draw.choice(("\n", "\r\n")), "quoting": draw.choice((0, 1))}
    writer = csv.DictWriter(text, columns, **style)
    writer.writerow({name: draw.choice((name, name.lower())) for name in columns})
    writer.writerows(rows)
    return draw.choice(("", "\ufeff")) + text.getvalue()


@pytest.mark.parametrize("seed", range(6))
def test_six_years_of_returns_give_the_lives_back(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    told = list({life["id"]: life for life in lives(draw)}.values())
    desk = Desk(tmp_path)
    for year in YEARS:
        files = [census_of(told, year, draw)]
        files += [as_csv(rows, draw) for rows in in_care(told, year) if rows]
        for content in files:
            desk.put(f"{draw.random()}", content)
    report = desk.run()
    assert not report.unused
    assert not report.unfit

    children = {row["child_id"]: row for row in desk.rows("children")}
    assert set(children) == {child_id(life["id"]) for life in told}
    for life in told:
        who = child_id(life["id"])
        child = children[who]
        assert child["birth_month"] == f"{life['born']:%Y-%m}"
        assert (child["sex"], child["ethnicity"]) == ("FM"[life["male"]], life["ethnicity"])
        assert (child["uasc"] == "1") == (life["uasc"] and bool(life["episodes"]))
        earlier = previous(life)
        assert of(desk, "referrals", who) == sorted(
            (str(day), nfa, known(closed, LAST), need, begun_before(earlier, day))
            for day, (nfa, closed, need) in life["referrals"].items()
        )
        assert of(desk, "plans", who) == sorted(
            (kind, str(start), known(end, LAST))
            for (kind, start), (end, _) in life["plans"].items()
        )
        assert of(desk, "care_episodes", who) == sorted(
            (str(start), *codes, known(end, LAST), reason if known(end, LAST) else "")
            for start, (*codes, end, reason) in life["episodes"].items()
        )


def begun_before(earlier: dict[date, int], day: date) -> str:
    """How many plans began before a referral: by the first after it, else by the last before."""
    after = [start for start in earlier if start >= day]
    if after:
        return str(earlier[min(after)])
    return str(earlier[max(earlier)] + 1) if earlier else ""


COLUMNS = {
    "referrals": "referral_date referral_nfa closure_date primary_need n_previous_cpp",
    "plans": "plan_type start_date end_date",
    "care_episodes": "DECOM RNE LS PLACE DEC REC",
}


def of(desk: Desk, name: str, child: str) -> list[tuple[str, ...]]:
    """A child's rows of one written file, sorted."""
    key = "CHILD" if name == "care_episodes" else "child_id"
    rows = [row for row in desk.rows(name) if row[key] == child]
    return sorted(tuple(row[column] for column in COLUMNS[name].split()) for row in rows)
