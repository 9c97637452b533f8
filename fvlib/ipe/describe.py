"""The IPE's returns -> exact tables, each with what the gate must know of its columns.

Persons' counts fall under the disclosure rule, also where time points or the groups of a split
would give them back by subtraction. The tables share counts, and so their masks: what one hides
the others hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from fvlib.gate import CountTable, Running
from fvlib.gate.masking import masks_of
from fvlib.intake import Extracts
from fvlib.ipe.grouping import TOTAL, in_order
from fvlib.ipe.indicators import BEFORE, INDICATORS, Indicator, further_item
from fvlib.ipe.returns import family_table, training_table
from fvlib.ipe.schedule import schedule
from fvlib.ipe.survey import response_table, score_table, survey_table, unanswered_table
from fvlib.ipe.ties import hide_ties
from fvlib.ipe.trial_schedule import trial_schedule
from fvlib.refresh import Refresh

# Indicators of `ipe.csv` from the FGC return: id, service, numerator, denominator.
FGC_INDICATORS: Final = (
    ("families_reached_fgc", "fgc", "reached", None),
    ("families_reached_new_service", "new_service", "reached", None),
    ("conversion_rate", "fgc", "held", "referred"),
    ("agreed_plans", "fgc", "agreed", "held"),
)


def ipe_tables(extracts: Extracts, refresh: Refresh) -> dict[str, CountTable]:
    """Make the IPE's tables from whatever returns there are.

    Returns
    -------
    ipe
        la, time_point, indicator, numerator, denominator, value, threshold, met.
    ipe_survey
        la, time_point, item, split (`all`, `role`), level, answered, agree, share.
    ipe_scores
        la, time_point, item, category (scores, small ones joined with their neighbour), n.
    ipe_response
        la, time_point, respondents, eligible (staff trained by then), share.
    ipe_unanswered
        time_point, item, respondents, unanswered, share; all LAs that returned it together.
    ipe_fgc
        la, time_point, service, characteristic, level, reached, referred, held, agreed.
    ipe_training
        la, time_point, event, split (`all`, `role`, `team`), level, attended, eligible, share.
    ipe_schedule
        la, source, time_point, due, items_expected, items_arrived, state.
    trial_schedule
        la, source, due, files_expected, files_arrived, state: the trial's own collections.
    """
    survey = survey_table(extracts.ipe_survey)
    families = family_table(extracts.ipe_fgc)
    ipe, training = hide_ties(
        indicator_table(extracts.ipe_admin, survey, families, refresh),
        training_table(extracts.ipe_training),
        refresh.disclosure,
    )
    return {
        "ipe": ipe,
        "ipe_survey": survey,
        "ipe_scores": score_table(extracts.ipe_survey, refresh),
        "ipe_response": response_table(extracts.ipe_survey, ipe, refresh),
        "ipe_unanswered": unanswered_table(extracts.ipe_survey),
        "ipe_fgc": families,
        "ipe_training": training,
        "ipe_schedule": CountTable(schedule(extracts, refresh)),
        "trial_schedule": CountTable(trial_schedule(extracts, refresh)),
    }


def indicator_table(
    admin: pd.DataFrame, survey: CountTable, families: CountTable, refresh: Refresh
) -> CountTable:
    """Set every indicator by LA and time point against its threshold, judged on exact numbers."""
    sent = [
        *_admin_rows(admin),
        *_survey_rows(survey, refresh),
        *_family_rows(families, refresh),
    ]
    columns = [
        "la", "time_point", "indicator", "numerator", "denominator", "value", "threshold", "met",
        "posts", "runs", "hide_numerator", "hide_denominator",
    ]  # fmt: skip
    frame = pd.DataFrame(sent, columns=["row", *columns])
    for column in ("numerator", "denominator", "threshold"):
        frame[column] = frame[column].astype("Float64")
    ratio = frame["numerator"] / frame["denominator"].where(frame["denominator"] > 0)
    frame["value"] = ratio.where(frame["denominator"].notna(), frame["numerator"])
    before = {
        (la, name): value
        for la, point, name, value in frame[["la", "time_point", "indicator", "value"]].itertuples(
            index=False
        )
        if point == BEFORE
    }
    judged = [
        _judged(row, la, point, value, before)
        for row, la, point, value in zip(
            frame["row"], frame["la"], frame["time_point"], frame["value"], strict=True
        )
    ]
    frame["threshold"] = pd.array([line for line, _ in judged], dtype="Float64")
    frame["met"] = pd.Series([met for _, met in judged], index=frame.index, dtype="object")
    for column in ("posts", "runs", "hide_numerator", "hide_denominator"):
        frame[column] = frame[column].astype(bool)
    order = {row.id: at for at, row in enumerate(INDICATORS)}
    frame["place"] = frame["indicator"].map(lambda name: order.get(name, len(order)))
    frame = in_order(frame, "place", "indicator")[columns]
    return CountTable(
        frame,
        counts=("numerator", "denominator"),
        parts={"numerator": "denominator"},
        shares={"value": ("numerator", "denominator")},
        or_count=("value",),
        running=Running(by=("la", "indicator"), counts=("numerator",), where="runs"),
        exempt="posts",
        hidden={"numerator": "hide_numerator", "denominator": "hide_denominator"},
        follows={"met": "value"},
    )


def _judged(
    row: Indicator, la: str, point: str, value: Any, before: dict[tuple[str, str], Any]
) -> tuple[float | None, str]:
    """Return the line that a value is held against, and whether it holds."""
    if row.threshold is None or (row.threshold.value is None and point == BEFORE):
        return None, ""
    earlier = before.get((la, row.id))
    line = earlier if row.threshold.value is None else row.threshold.value
    number = float("nan") if pd.isna(value) else float(value)
    known = None if line is None or pd.isna(line) else float(line)
    return known, row.threshold.judge(number, known)


def _admin_rows(admin: pd.DataFrame) -> Iterator[dict[str, Any]]:
    rows = {row.id: row for row in INDICATORS if row.source == "admin"}
    for la, point, name, numerator, denominator in admin[
        ["la", "time_point", "indicator", "numerator", "denominator"]
    ].itertuples(index=False):
        row = rows.get(str(name))
        if row is None:
            continue
        yield _row(row, str(la), str(point)) | {
            "numerator": numerator,
            "denominator": denominator if row.kind == "share" else None,
        }


def _survey_rows(survey: CountTable, refresh: Refresh) -> Iterator[dict[str, Any]]:
    frame = survey.frame
    masks = masks_of(survey, refresh.disclosure)
    frame = frame.assign(hide_agree=masks["agree"], hide_answered=masks["answered"])
    rows = {row.id: row for row in INDICATORS if row.source == "survey"}
    for line in frame[frame["split"] == TOTAL].itertuples(index=False):
        row = rows.get(str(line.item)) or further_item(str(line.item))
        yield _row(row, str(line.la), str(line.time_point)) | {
            "numerator": line.agree,
            "denominator": line.answered,
            "hide_numerator": line.hide_agree,
            "hide_denominator": line.hide_answered,
        }


def _family_rows(families: CountTable, refresh: Refresh) -> Iterator[dict[str, Any]]:
    masks = masks_of(families, refresh.disclosure)
    frame = families.frame
    totals = frame[frame["characteristic"] == TOTAL]
    rows = {row.id: row for row in INDICATORS if row.source == "fgc"}
    for name, service, part, whole in FGC_INDICATORS:
        for place in totals.index[totals["service"] == service]:
            la, point = str(totals["la"][place]), str(totals["time_point"][place])
            if pd.isna(totals[part][place]) or (whole and pd.isna(totals[whole][place])):
                continue  # the return doesn't say
            yield _row(rows[name], la, point) | {
                "numerator": totals[part][place],
                "denominator": totals[whole][place] if whole else None,
                "hide_numerator": masks[part][place],
                "hide_denominator": bool(masks[whole][place]) if whole else False,
            }


def _row(row: Indicator, la: str, point: str) -> dict[str, Any]:
    return {
        "row": row,
        "la": la,
        "time_point": point,
        "indicator": row.id,
        "posts": not row.persons,
        # Those trained and reached once stay so; each survey asks anew.
        "runs": row.source != "survey",
        "hide_numerator": False,
        "hide_denominator": False,
    }
