"""Synthetic returns of the implementation and process evaluation, and the authorities' context.

Everything is an aggregate or an anonymous answer; time points are months from each live date, and
only those that have passed by the refresh's date are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from fvlib import protocol
from fvlib.contract import FILES, codes
from fvlib.refresh import add_months

Row = tuple[object, ...]

MONTHS_TO: Final = {"pre": -3, "6m": 6, "12m": 12, "24m": 24}
CONTEXT_COLUMN: Final = "early_help_per_1000"

# In roll-out order.
_STAFF: Final = (520, 430, 380, 190, 260)
_FGC_BEFORE: Final = (4, 5, 2, 1, 2)
_TEAMS: Final = ("assessment", "safeguarding", "children in care", "early help")
_TRAINED: Final = {"6m": 0.52, "12m": 0.74, "24m": 0.88}
_RQ4_ITEMS: Final = ("rq4_approach_to_risk", "rq4_family_engagement", "rq4_workload")
# Mean answer on the five-point scale at 6 months, and its change a year.
_SURVEY_MEANS: Final = {
    "leadership_support": (4.0, 0.10),
    "time_direct_work": (2.9, 0.05),
    "time_full_model": (2.7, 0.15),
    "change_managed": (3.5, 0.10),
    "job_satisfaction": (3.7, 0.05),
    "intend_to_stay": (3.8, -0.05),
    "prepared": (3.5, 0.25),
    "confident": (3.7, 0.20),
}
_LEVELS: Final[Mapping[str, Mapping[str, float]]] = {
    "child_age_band": {"0-3": 0.30, "4-12": 0.42, "13-17": 0.28},
    "ethnicity": {"white": 0.78, "mixed": 0.08, "Asian": 0.07, "black": 0.05, "other": 0.02},
    "status": {"early help": 0.18, "CIN": 0.37, "CPP": 0.33, "looked after": 0.12},
    "primary_need": {"N1": 0.52, "N2": 0.04, "N3": 0.10, "N4": 0.12, "N5": 0.18, "N6": 0.04},
}
_OTHER_PROGRAMME: Final = (
    ("warwickshire", date(2018, 4, 1), 0),
    ("newcastle", date(2018, 4, 1), 0),
    ("newcastle", date(2021, 1, 1), 1),
    ("coventry", date(2018, 4, 1), 0),
    ("solihull", date(2018, 4, 1), 1),
    ("solihull", date(2021, 7, 1), 0),
    ("sefton", date(2018, 4, 1), 0),
    ("sefton", date(2020, 3, 1), 1),
)


def trial_files(
    rng: np.random.Generator, live: Mapping[str, date], through: date, context_column: bool
) -> dict[str, pa.Table]:
    """All files for the whole trial but withdrawals.csv: name -> table of text cells."""
    passed = {
        la: [point for point, months in MONTHS_TO.items() if add_months(day, months) <= through]
        for la, day in live.items()
    }
    makers: dict[str, Callable[[np.random.Generator, Mapping[str, list[str]]], list[Row]]] = {
        "ipe_admin": _admin,
        "ipe_survey": _survey,
        "ipe_fgc": _fgc,
        "ipe_training": _training,
    }
    further = {"ipe_survey": _RQ4_ITEMS}
    tables = {
        name: _text_table((*FILES[name].column_names, *further.get(name, ())), make(rng, passed))
        for name, make in makers.items()
    }
    tables["la_context"] = _context(rng, through, context_column)
    return tables


def _text_table(columns: tuple[str, ...], rows: list[Row]) -> pa.Table:
    cells = {
        name: [None if row[position] is None else str(row[position]) for row in rows]
        for position, name in enumerate(columns)
    }
    return pa.table({name: pa.array(column, pa.string()) for name, column in cells.items()})


def _context(rng: np.random.Generator, through: date, context_column: bool) -> pa.Table:
    columns = FILES["la_context"].column_names
    rows: list[Row] = [row for row in _OTHER_PROGRAMME if row[1] <= through]
    if context_column:
        # Twice a year, and whenever the other programme starts or stops.
        columns = (*columns, CONTEXT_COLUMN)
        programme = dict.fromkeys(protocol.LA_KEYS, 0)
        stops = {(la, day): value for la, day, value in _OTHER_PROGRAMME}
        days = [date(year, month, 1) for year in range(2018, 2023) for month in (4, 10)]
        rows = []
        for la in protocol.LA_KEYS:
            level = rng.uniform(18.0, 34.0)
            for day in sorted({*days, *(day for key, day in stops if key == la)}):
                programme[la] = stops.get((la, day), programme[la])
                if day <= through:
                    figure = level + rng.normal(0.0, 2.0)
                    rows.append((la, day, programme[la], f"{figure:.1f}"))
    return _text_table(columns, rows)


def _admin(rng: np.random.Generator, passed: Mapping[str, list[str]]) -> list[Row]:
    rows: list[Row] = []
    for position, la in enumerate(protocol.LA_KEYS):
        staff = _STAFF[position]
        pace = rng.uniform(0.85, 1.1)
        vacancy, caseload = rng.uniform(0.12, 0.26), rng.uniform(15.5, 19.5)
        coordinators = _FGC_BEFORE[position]
        partners = dict.fromkeys(("police", "health", "education"), 0)
        new_staff = 0
        for point in passed[la]:
            trained = pace * _TRAINED.get(point, 0.0)
            eligible = int(rng.normal(staff, 0.03 * staff))
            coordinators += 0 if point == "pre" else int(rng.integers(0, 3))
            vacancy += rng.normal(-0.01, 0.02)
            caseload += rng.normal(-0.3, 0.5)
            rows.append((la, point, "fgc_coordinators", coordinators, None))
            rows.append((la, point, "vacancies", round(max(vacancy, 0.02) * staff), staff))
            rows.append((la, point, "caseload", f"{max(caseload, 8.0):.1f}", None))
            if point == "pre":
                continue
            new_staff += int(rng.integers(1, 6))
            aware = min(round(trained * eligible), eligible)
            deep = min(round(0.55 * trained * eligible), aware)
            rows.append((la, point, "staff_trained_awareness", aware, eligible))
            rows.append((la, point, "staff_trained_deep_dive", deep, eligible))
            rows.append((la, point, "new_restorative_staff", new_staff, None))
            for agency in partners:
                partners[agency] += int(rng.poisson(0.05 * staff))
                rows.append((la, point, f"partners_trained_{agency}", partners[agency], None))
    return rows


def _survey(rng: np.random.Generator, passed: Mapping[str, list[str]]) -> list[Row]:
    rows: list[Row] = []
    roles = codes.ROLE.written
    for position, la in enumerate(protocol.LA_KEYS):
        shift = rng.normal(0.0, 0.2)
        for point in passed[la]:
            if point not in codes.SURVEY_TIME_POINT.written:
                continue
            respondents = rng.binomial(_STAFF[position], rng.uniform(0.22, 0.34))
            years = (MONTHS_TO[point] - 6) / 12
            means = np.array([first + change * years for first, change in _SURVEY_MEANS.values()])
            further = np.full(len(_RQ4_ITEMS), 3.4)
            person = rng.normal(shift, 0.6, (respondents, 1))
            noise = rng.normal(0.0, 0.8, (respondents, len(means) + len(further)))
            answers = np.clip(np.rint(np.append(means, further) + person + noise), 1, 5)
            empty = rng.random(answers.shape) < 0.03
            empty[:, len(means) :] |= point != "12m"
            role = rng.choice(len(roles), respondents, p=(0.18, 0.70, 0.12))
            for number in range(respondents):
                cells = [
                    None if missing else int(answer)
                    for answer, missing in zip(answers[number], empty[number], strict=True)
                ]
                rows.append((la, point, roles[role[number]], *cells))
    return rows


def _fgc(rng: np.random.Generator, passed: Mapping[str, list[str]]) -> list[Row]:
    rows: list[Row] = []
    for position, la in enumerate(protocol.LA_KEYS):
        size = _STAFF[position] / 3
        conversion, agreement = rng.uniform(0.45, 0.70), rng.uniform(0.80, 0.95)
        for point in passed[la]:
            if point not in codes.FGC_TIME_POINT.written:
                continue
            growth = 1.0 if point == "12m" else 1.7
            referred = int(rng.poisson(growth * size))
            reached = int(rng.binomial(referred, 0.85))
            held = int(rng.binomial(referred, conversion))
            agreed = int(rng.binomial(held, agreement))
            served = int(rng.poisson(0.6 * growth * size))
            rows.append((la, point, "fgc", "all", None, reached, referred, held, agreed))
            rows.append((la, point, "new_service", "all", None, served, None, None, None))
            for characteristic, levels in _LEVELS.items():
                shares = list(levels.values())
                of_reached = rng.multinomial(reached, shares)
                of_referred = rng.multinomial(referred, shares)
                of_served = rng.multinomial(served, shares)
                # Every conference held belongs to a referral of the same level.
                of_held = rng.multivariate_hypergeometric(of_referred, held)
                of_agreed = rng.multivariate_hypergeometric(of_held, agreed)
                split = zip(levels, of_reached, of_referred, of_held, of_agreed, strict=True)
                rows.extend((la, point, "fgc", characteristic, *cells) for cells in split)
                rows.extend(
                    (la, point, "new_service", characteristic, level, count, None, None, None)
                    for level, count in zip(levels, of_served, strict=True)
                )
    return rows


def _training(rng: np.random.Generator, passed: Mapping[str, list[str]]) -> list[Row]:
    rows: list[Row] = []
    reach = {"awareness": 1.0, "deep_dive": 0.55, "theory_to_practice": 0.45, "seven_pillars": 0.3}
    for position, la in enumerate(protocol.LA_KEYS):
        for point in passed[la]:
            if point == "pre":
                continue
            for event in codes.EVENT.written:
                for role, part in (("manager", 0.15), ("practitioner", 0.75)):
                    for team in _TEAMS:
                        eligible = max(round(_STAFF[position] * part / len(_TEAMS)), 1)
                        share = min(_TRAINED[point] * reach[event], 1.0)
                        attended = int(rng.binomial(eligible, share))
                        rows.append((la, point, event, role, team, attended, eligible))
    return rows
