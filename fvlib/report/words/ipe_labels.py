"""The implementation and process evaluation's display words: time points, sources, thresholds."""

from __future__ import annotations

from typing import Final

from fvlib.contract import codes
from fvlib.ipe.indicators import MONTHS_FROM_LIVE, Indicator
from fvlib.report.words import labels, numbers

TIMES: Final = {
    point: "Before" if months < 0 else f"{months}{numbers.NO_BREAK}months"
    for point, months in MONTHS_FROM_LIVE.items()
}
SOURCES: Final = {
    "admin": "Admin data",
    "survey": "Staff survey",
    "fgc": "FGC records",
    "training": "Training records",
}
# The trial's own collections.
COLLECTIONS: Final = {
    "sample": "Children and referrals",
    "outcomes": "Outcomes",
    "authority": "Figures of the authority",
}
QUESTIONS: Final = {
    "1a": "Fidelity and adaptation: does delivery adhere to the model?",
    "1b": "Fidelity and adaptation: are assumptions and facilitating factors in place?",
    "3a": "Reach: how many families, and which?",
    "3b": "Acceptability: staff experience",
    "4a": "Mechanism: perceived changes",
}
# Levels of families reached that a reader may not know; others print as they were sent.
LEVELS: Final = {
    "CIN": "child in need plan",
    "CPP": "child protection plan",
    **labels.LEVELS["age_band"],
    **{entry.code: entry.label for entry in codes.PRIMARY_NEED.codes},
}


def value(row: Indicator, number: float) -> str:
    """Write an indicator's value: a percentage, a count, or a mean."""
    if row.kind == "share":
        return numbers.percent(number, 0)
    return numbers.number(number, 1 if row.kind == "mean" else 0)


def threshold(row: Indicator) -> str:
    """Write an indicator's suggested threshold."""
    if row.threshold is None:
        return "none"
    if row.threshold.value is None:
        return "more than before go-live"
    sign = "\u2265" if row.threshold.direction == "at least" else "\u2264"
    line = row.threshold.value
    told = (
        numbers.percent(line, 0)
        if row.kind == "share"
        else numbers.number(line, 0 if line.is_integer() else 1)
    )
    return f"{sign}{numbers.NO_BREAK}{told}"
