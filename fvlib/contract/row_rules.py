"""The rules of the data contract on whole rows, which set a row aside.

The first that a row breaks counts, and values come before: a row's own dates and numbers, then its
key, then its child.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from fvlib.contract import codes
from fvlib.contract.files import (
    ATTENDANCE,
    CHILDREN,
    EARLIEST_START,
    FILES,
    IPE_ADMIN,
    IPE_FGC,
    IPE_SURVEY,
    IPE_TRAINING,
)
from fvlib.contract.rule import OF_CHILDREN, WITH_KEY, WITH_SPAN, Rule, part_rule
from fvlib.contract.value_rules import NOT_A_WHOLE_NUMBER

# Where a part is more than the whole: what was found, what holds, what the sender does.
_PARTS: Final = {
    ("sessions_unauthorised", "sessions_possible"): (
        "more sessions missed than were possible",
        "a child misses no more sessions than there were",
        "correct the sessions missed, or those that were possible",
    ),
    ("held", "referred"): (
        "more conferences held than families referred",
        "no more conferences are held than families are referred",
        "correct one of the two counts",
    ),
    ("agreed", "held"): (
        "more plans agreed than conferences held",
        "no more conferences agree a plan than are held",
        "correct one of the two counts",
    ),
    ("attended", "eligible"): (
        "more attended than could have",
        "no more people attend than could have",
        "correct one of the two counts",
    ),
}


def _part_rule(file: str, part: str, whole: str) -> Rule:
    label, checks, remedy = _PARTS[part, whole]
    return Rule(
        part_rule(part, whole),
        "set aside",
        (file,),
        label,
        checks,
        "a part can't be more than the whole",
        remedy,
        of_rows=lambda rows: {part: rows.numbers(part) > rows.numbers(whole)},
    )


ROW_RULES: Final = (
    Rule(
        "end before start",
        "set aside",
        WITH_SPAN,
        "ends before it starts",
        "a row doesn't end before it starts",
        "nothing says which of the two dates is wrong",
        "correct whichever of the two dates is wrong",
        of_rows=lambda rows: {rows.end: rows.dates(rows.end) < rows.started},
    ),
    Rule(
        "start before 1990",
        "set aside",
        (*WITH_SPAN, ATTENDANCE.name),
        "starts before 1990",
        "a row doesn't start before 1 January 1990",
        "no child of the trial was born then; 1900 is a spreadsheet's zero",
        "correct the date",
        of_rows=lambda rows: {rows.start: rows.started < np.datetime64(EARLIEST_START, "s")},
    ),
    Rule(
        "start after data_through",
        "set aside",
        (*WITH_SPAN, ATTENDANCE.name),
        "starts after the extract's last day",
        "a row, or its school term, doesn't start after the last day that the authority's "
        "extracts are complete for",
        "the extract isn't complete for that time, so one of the two dates is wrong",
        "correct the date, or say until when the extracts are complete",
        of_rows=lambda rows: {rows.start: rows.started > rows.through},
    ),
    Rule(
        "birth month after data_through",
        "set aside",
        (CHILDREN.name,),
        "born after the extract's last day",
        "a month of birth isn't after the last day that the authority's extracts are complete for",
        "an expected birth is left empty",
        "correct the month, or leave it empty where the child is not born yet",
        of_rows=lambda rows: {"birth_month": rows.dates("birth_month") > rows.through},
    ),
    *(_part_rule(spec.name, part, whole) for spec in FILES.values() for part, whole in spec.parts),
    Rule(
        "time point before live date",
        "set aside",
        (IPE_ADMIN.name, IPE_SURVEY.name, IPE_FGC.name, IPE_TRAINING.name),
        "return from a time that is yet to come",
        "an authority that isn't live by the last day of its extracts sends no return from after "
        "the live date",
        "6 months after a day that hasn't come can't have been seen",
        "correct the time point",
        of_rows=lambda rows: {
            "time_point": rows.not_live
            & ~rows.is_empty("time_point")
            & ~rows.has("time_point", "pre")
        },
    ),
    Rule(
        "level missing",
        "set aside",
        (IPE_FGC.name,),
        "group of families not named",
        "a row that splits families says which group it counts",
        "without it the row can't be placed",
        "name the group",
        of_rows=lambda rows: {"level": rows.is_empty("level") & ~rows.has("characteristic", "all")},
    ),
    NOT_A_WHOLE_NUMBER,
    Rule(
        "denominator missing",
        "set aside",
        (IPE_ADMIN.name,),
        "count without its total",
        "trained staff and vacancies come with how many there are in all",
        "without it a share can't be told, and a percentage isn't a count",
        "add how many there are in all",
        of_rows=lambda rows: {
            "denominator": rows.is_empty("denominator")
            & rows.has("indicator", *codes.SHARE_INDICATORS)
        },
    ),
    Rule(
        "denominator zero",
        "set aside",
        (IPE_ADMIN.name,),
        "total of nought",
        "a total is more than nought",
        "there is no share of nothing",
        "add how many there are in all, or leave the row out",
        of_rows=lambda rows: {"denominator": rows.numbers("denominator") == 0},
    ),
    Rule(
        part_rule("numerator", "denominator"),
        "set aside",
        (IPE_ADMIN.name,),
        "count larger than its total",
        "a count is not more than its total; the caseload is a mean and may be",
        "a part can't be more than the whole",
        "correct the count, or how many there are in all",
        of_rows=lambda rows: {
            "numerator": (rows.numbers("numerator") > rows.numbers("denominator"))
            & ~rows.has("indicator", *codes.MEAN_INDICATORS)
        },
    ),
    Rule(
        "duplicate key",
        "set aside",
        WITH_KEY,
        "same key, different rows",
        "rows that share a key are identical",
        "nothing says which of them is right: all are set aside",
        "send the right one alone, or give each its own key",
        of_rows=lambda rows: {rows.spec.key[-1]: rows.differing},
    ),
    Rule(
        "orphan child_id",
        "set aside",
        OF_CHILDREN,
        "child who is not in the children file",
        "every child stands in the authority's children file",
        "a row without a child has no age, sex or place in the trial",
        "add the child to the children file, or correct the id",
        of_rows=lambda rows: {rows.child: ~rows.known},
    ),
    Rule(
        "child set aside",
        "set aside",
        OF_CHILDREN,
        "child whose own row was set aside",
        "the child's row in the children file is not set aside",
        "a child comes into the trial whole or not at all",
        "correct the child's row in the children file: this row comes back with it",
        of_rows=lambda rows: {rows.child: ~rows.kept},
    ),
)
