"""Tables of the implementation and process evaluation: what was delivered against the protocol."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import isnan
from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.contract import codes
from fvlib.ipe import schedule
from fvlib.ipe.indicators import INDICATORS, MET, NOT_MET, Indicator, indicator_of
from fvlib.ipe.interval import wilson
from fvlib.report.bundle import ReleasedBundle, masked
from fvlib.report.cells import ABSENT, MASKED_TEXT, write_cells
from fvlib.report.register import Register
from fvlib.report.tables.style import Rows, count_notes, mask_notes, set_table
from fvlib.report.words import labels as words
from fvlib.report.words import numbers
from fvlib.report.words.ipe_labels import LEVELS, QUESTIONS, SOURCES, TIMES, threshold, value
from fvlib.report.words.phrases import say

NOT_RECEIVED: Final = "not received"
NOT_DUE: Final = "not due"
REACHED: Final = "families reached"
SPREAD: Final = "Lowest to highest"
NAN: Final = float("nan")
# A word and a sign: never colour alone.
SIGNS: Final = {MET: "\u2713\u00a0met", NOT_MET: "\u2717\u00a0not\u00a0met"}


def indicators(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the protocol's indicators: formula, threshold, source, time points."""
    rows: Rows = [
        {
            "group": QUESTIONS[row.question],
            "indicator": row.label,
            "formula": numbers.sentence_case(row.formula),
            "threshold": threshold(row),
            "source": words.label(SOURCES, row.source),
            "times": ", ".join(TIMES[point] for point in row.time_points),
        }
        for row in sorted(INDICATORS, key=lambda row: row.question)
    ]
    labels = {
        "indicator": "", "formula": "What it is", "threshold": "Threshold", "source": "Source",
        "times": "When",
    }  # fmt: skip
    return set_table(rows, "ipe-indicators", labels=labels, group="group")


def delivered(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set training, posts and services by LA and time point, against their thresholds."""
    wanted = [row for row in INDICATORS if row.source == "admin"]
    return _grid(bundle, wanted, "ipe-delivered", codes.TIME_POINT.written)


def agreement(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the share who agree by item, LA and time point, with intervals."""
    wanted = [row for row in INDICATORS if row.source == "survey"]
    return _grid(bundle, wanted, "ipe-agreement", codes.SURVEY_TIME_POINT.written)


def perceived(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set agreement with the items that the return adds under research question 4."""
    names = bundle.table("ipe")["indicator"].astype(str)
    known = {row.id for row in INDICATORS}
    wanted = [indicator_of(name) for name in dict.fromkeys(names) if name not in known]
    return _grid(bundle, wanted, "ipe-perceived", codes.SURVEY_TIME_POINT.written)


def reach(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set families reached, conversion and agreed plans by LA and time point."""
    wanted = [row for row in INDICATORS if row.source == "fgc"]
    return _grid(bundle, wanted, "ipe-reach", codes.FGC_TIME_POINT.written)


def _grid(
    bundle: ReleasedBundle, wanted: list[Indicator], name: str, points: tuple[str, ...]
) -> gt.GT:
    """Set indicators by LA, one column a time point, with the changes from each to the next.

    An LA that sent nothing for the whole table is named under it.
    """
    table = bundle.table("ipe").reset_index(drop=True)
    table = table[table["indicator"].isin([row.id for row in wanted])]
    not_due = _not_due(bundle)
    las = [la for la in protocol.LA_KEYS if la in set(table["la"])]
    rows: Rows = []
    for row in wanted:
        part = table[table["indicator"] == row.id]
        for la in las:
            sent = {str(line["time_point"]): line for _, line in part[part["la"] == la].iterrows()}
            line = {"group": _heading(row), "la": words.LAS[la]}
            for point in points:
                if point in sent:
                    line[point] = _told(row, sent[point])
                elif point not in row.time_points:
                    line[point] = ABSENT
                else:
                    line[point] = NOT_DUE if (la, row.source, point) in not_due else NOT_RECEIVED
            line["change"] = _changes(row, sent, points)
            rows.append(line)
        if len(las) > 1:
            rows.append({"group": _heading(row), "la": SPREAD, **_spread(row, part, points)})
    labels = {"la": "", **{point: TIMES[point] for point in points}, "change": "Changes"}
    return set_table(
        rows, name, labels=labels, group="group", notes=_grid_notes(bundle, wanted, table, las)
    )


def _grid_notes(
    bundle: ReleasedBundle, wanted: list[Indicator], table: pd.DataFrame, las: list[str]
) -> list[str]:
    asked = {(row.source, point) for row in wanted for point in row.time_points}
    awaited = {(la, source, point) for la in protocol.LA_KEYS for source, point in asked}
    overdue = {la for la, _, _ in awaited - _not_due(bundle)}
    silent = [la for la in protocol.LA_KEYS if la not in las]
    told = {
        "tables.not_received": [words.LAS[la] for la in silent if la in overdue],
        "tables.not_due": [words.LAS[la] for la in silent if la not in overdue],
    }
    texts = [write_cells(table, column) for column in ("numerator", "denominator")]
    texts.append(pd.Series([MASKED_TEXT] * int(masked(table, "value").any()), dtype=object))
    return [
        *(say(phrase, las=numbers.listing(names)) for phrase, names in told.items() if names),
        say("tables.months"),
        say("tables.wilson", level=numbers.confidence_level(), dash=ABSENT),
        *([say("tables.judged")] if any(row.threshold for row in wanted) else []),
        *count_notes(bundle, *texts),
    ]


def _not_due(bundle: ReleasedBundle) -> set[tuple[str, str, str]]:
    """Return LA, source and time point of what can't be there yet."""
    table = bundle.table("ipe_schedule")
    table = table[table["state"] == schedule.NOT_DUE]
    return {
        (str(la), str(source), str(point))
        for la, source, point in table[["la", "source", "time_point"]].itertuples(index=False)
    }


def _spread(row: Indicator, part: pd.DataFrame, points: tuple[str, ...]) -> dict[str, str]:
    """Write the lowest and the highest of the LAs\u2019 values at each time point."""
    line = {}
    for point in points:
        known = part.loc[part["time_point"] == point, "value"].dropna().astype(float)
        line[point] = ABSENT
        if len(known) > 1:
            low, high = value(row, known.min()), value(row, known.max())
            line[point] = low if low == high else f"{low} to {high}"
    return line | {"change": ""}


def _heading(row: Indicator) -> str:
    return row.label if row.threshold is None else f"{row.label} (threshold: {threshold(row)})"


def _told(row: Indicator, line: pd.Series) -> str:
    """Write one value with what it is of, its interval, and whether it meets the threshold."""
    if bool(line.get("value_masked", False)):
        return MASKED_TEXT
    if pd.isna(line["value"]):
        return ABSENT
    text = value(row, float(line["value"]))
    if row.kind == "share":
        n, of = float(line["numerator"]), float(line["denominator"])
        text = f"{text} ({numbers.number(n, 0)}/{numbers.number(of, 0)})"
        if row.persons:
            low, high = (numbers.number(100 * bound, 0) for bound in wilson(n, of))
            text += f" [{low}{numbers.NO_BREAK}to{numbers.NO_BREAK}{high}]"
    sign = SIGNS.get(str(line["met"]), "")
    return f"{text} {sign}".strip()


def _changes(row: Indicator, sent: dict[str, pd.Series], points: tuple[str, ...]) -> str:
    """Write the change from each of an indicator's time points to the next."""
    collected = [point for point in points if point in row.time_points or point in sent]
    values = [float(sent[point]["value"]) if point in sent else NAN for point in collected]
    steps = [_signed(row, now - then) for then, now in pairwise(values)]
    return "; ".join(steps) if set(steps) - {ABSENT} else ABSENT


def _signed(row: Indicator, step: float) -> str:
    if isnan(step):
        return ABSENT
    shown = numbers.number(100 * step if row.kind == "share" else step, int(row.kind == "mean"))
    return f"+{shown}" if step > 0 and shown.strip("0.") else shown


def roles(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set agreement by role, item and LA at the latest survey that asked each item."""
    table = bundle.table("ipe_survey")
    table = table[table["split"] == "role"]
    latest = _latest(table, codes.SURVEY_TIME_POINT.written, by=("la", "item"))
    table = latest.reset_index(drop=True)
    texts = write_cells(table, "share", lambda share: numbers.percent(share, 0))
    levels = words.in_order(table["level"].astype(str), codes.ROLE.written)
    rows: Rows = []
    known = [row.id for row in INDICATORS]
    for item in words.in_order(table["item"].astype(str), known):
        for la in protocol.LA_KEYS:
            part = table[(table["item"] == item) & (table["la"] == la)]
            if len(part):
                line = dict.fromkeys(levels, ABSENT)
                line |= dict(zip(part["level"], texts[part.index], strict=True))
                when = TIMES[str(part["time_point"].iloc[0])]
                rows.append(
                    {"group": indicator_of(item).label, "la": words.LAS[la], "when": when, **line}
                )
    labels = {"la": "", "when": "Survey", **{level: numbers.plain(level) for level in levels}}
    return set_table(
        rows, "ipe-roles", labels=labels, group="group", numbers=levels,
        notes=[say("tables.months"), *mask_notes(bundle, texts)],
    )  # fmt: skip


def response(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set respondents against the staff eligible for the survey."""
    table = bundle.table("ipe_response").reset_index(drop=True)
    texts = {
        "respondents": write_cells(table, "respondents"),
        "eligible": write_cells(table, "eligible"),
        "share": write_cells(table, "share", lambda share: numbers.percent(share, 0)),
    }
    rows: Rows = [
        {
            "group": words.LAS[str(table["la"][place])],
            "time": TIMES[str(table["time_point"][place])],
            **{name: text[place] for name, text in texts.items()},
        }
        for place in table.index
    ]
    labels = {
        "time": "", "respondents": "Respondents", "eligible": "Staff trained by then",
        "share": "Share",
    }  # fmt: skip
    notes = [
        say("tables.response", dash=ABSENT),
        *count_notes(bundle, *texts.values()),
    ]
    return set_table(
        rows, "ipe-response", labels=labels, group="group", numbers=list(texts), notes=notes,
    )  # fmt: skip


def unanswered(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the share of respondents who left an item empty, over all LAs."""
    table = bundle.table("ipe_unanswered").reset_index(drop=True)
    texts = write_cells(table, "share", numbers.percent)
    points = words.in_order(table["time_point"].astype(str), codes.TIME_POINT.written)
    rows: Rows = []
    for item in dict.fromkeys(table["item"].astype(str)):
        part = table[table["item"] == item]
        line = dict.fromkeys(points, ABSENT)
        line |= dict(zip(part["time_point"], texts[part.index], strict=True))
        rows.append({"item": indicator_of(item).label, **line})
    labels = {"item": "", **{point: TIMES[point] for point in points}}
    return set_table(
        rows, "ipe-unanswered", labels=labels, numbers=points, notes=mask_notes(bundle, texts)
    )


def families(bundle: ReleasedBundle, register: Register, service: str, name: str) -> gt.GT:
    """Set families a service reached by characteristic and LA, at each LA's latest return."""
    table = bundle.table("ipe_fgc")
    table = table[table["service"] == service]
    table = _latest(table, codes.FGC_TIME_POINT.written).reset_index(drop=True)
    texts = write_cells(table, "reached")
    rows: Rows = []
    names = {code.value: code.label for code in codes.CHARACTERISTIC.codes}
    for characteristic in words.in_order(table["characteristic"].astype(str), names):
        part = table[table["characteristic"] == characteristic]
        for level in dict.fromkeys(part["level"].fillna("").astype(str)):
            of = part[part["level"].fillna("").astype(str) == level]
            line = dict.fromkeys(protocol.LA_KEYS, ABSENT)
            line |= dict(zip(of["la"], texts[of.index], strict=True))
            group = REACHED if characteristic == "all" else names[characteristic]
            label = LEVELS.get(level, level) or names["all"]
            rows.append(
                {
                    "group": numbers.sentence_case(group),
                    "level": numbers.sentence_case(label),
                    **line,
                }
            )
    labels = {"level": "", **{la: words.LAS[la] for la in protocol.LA_KEYS}}
    notes = [
        say("tables.latest", dash=ABSENT),
        *count_notes(bundle, texts),
    ]
    return set_table(
        rows, name, labels=labels, group="group",
        numbers=list(protocol.LA_KEYS), notes=notes,
    )  # fmt: skip


def training(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set attendance by event and by role and team, at each LA's latest return."""
    table = bundle.table("ipe_training")
    table = _latest(table, codes.TIME_POINT.written).reset_index(drop=True)
    share = write_cells(table, "share", lambda number: numbers.percent(number, 0))
    attended = write_cells(table, "attended")
    texts = share.where(share != ABSENT, attended)
    rows: Rows = []
    events = {code.value: code.label for code in codes.EVENT.codes}
    for event in words.in_order(table["event"].astype(str), events):
        part = table[table["event"] == event]
        for split in words.in_order(part["split"].astype(str), ("all", "role", "team")):
            of_split = part[part["split"] == split]
            for level in dict.fromkeys(of_split["level"].fillna("").astype(str)):
                of = of_split[of_split["level"].fillna("").astype(str) == level]
                line = dict.fromkeys(protocol.LA_KEYS, ABSENT)
                line |= dict(zip(of["la"], texts[of.index], strict=True))
                label = (
                    f"{numbers.sentence_case(split)}: {level}" if split != "all" else "All staff"
                )
                rows.append({"group": numbers.sentence_case(events[event]), "level": label, **line})
    labels = {"level": "", **{la: words.LAS[la] for la in protocol.LA_KEYS}}
    notes = [
        say("tables.training"),
        *mask_notes(bundle, texts),
    ]
    return set_table(
        rows, "ipe-training", labels=labels, group="group", numbers=list(protocol.LA_KEYS),
        notes=notes,
    )  # fmt: skip


def _latest(
    table: pd.DataFrame, points: tuple[str, ...], by: tuple[str, ...] = ("la",)
) -> pd.DataFrame:
    """Keep each LA's rows of its latest time point."""
    order = table["time_point"].map({point: at for at, point in enumerate(points)})
    last = order.groupby([table[name] for name in by]).transform("max")
    kept: pd.DataFrame = table[order == last]
    return kept


TABLES: Final[dict[str, Any]] = {
    "ipe_indicators": indicators,
    "ipe_delivered": delivered,
    "ipe_agreement": agreement,
    "ipe_perceived": perceived,
    "ipe_reach": reach,
    "ipe_roles": roles,
    "ipe_response": response,
    "ipe_unanswered": unanswered,
    "ipe_families": partial(families, service="fgc", name="ipe-families"),
    "ipe_families_new": partial(families, service="new_service", name="ipe-families-new"),
    "ipe_training": training,
}
