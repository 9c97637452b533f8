"""The staff survey: answers and agreement, scores, respondents, items left empty."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from fvlib.gate import CountTable, Margin
from fvlib.gate.masking import masks_of
from fvlib.ipe.grouping import KEY, TOTAL, Rows, frame_of, groups, levels, splits
from fvlib.ipe.indicators import AGREE, FURTHER_PREFIX, INDICATORS
from fvlib.refresh import Refresh

SCORES: Final = (1, 2, 3, 4, 5)


def survey_table(survey: pd.DataFrame) -> CountTable:
    """Count answers and agreement by LA, time point and item, in all and by role.

    An item that nobody answered at a time point has no row: it wasn't asked.
    """
    rows: Rows = []
    for (la, point), part in groups(survey, KEY):
        roles = levels(part["role"])
        for item in items_of(survey):
            answers = part[item].astype("Float64")
            if not answers.notna().any():
                continue
            for split, level, of in splits({"role": roles}):
                given = answers[of]
                rows.append(
                    {
                        "la": la, "time_point": point, "item": item, "split": split,
                        "level": level, "answered": int(given.notna().sum()),
                        "agree": int((given >= AGREE).sum()),
                    }
                )  # fmt: skip
    columns = ["la", "time_point", "item", "split", "level", "answered", "agree"]
    frame = frame_of(rows, columns).assign(share=np.nan)
    return CountTable(
        frame,
        counts=("answered", "agree"),
        parts={"agree": "answered"},
        shares={"share": ("agree", "answered")},
        margins=(Margin(by=("la", "time_point", "item"), split="split"),),
    )


def score_table(survey: pd.DataFrame, refresh: Refresh) -> CountTable:
    """Count the scores of each item; a small end is joined with its neighbour inwards."""
    rows: Rows = []
    for (la, point), part in groups(survey, KEY):
        for item in items_of(survey):
            answers = part[item].dropna()
            if len(answers):
                counts = [int((answers == score).sum()) for score in SCORES]
                key = {"la": la, "time_point": point, "item": item}
                rows.append(key | {"split": TOTAL, "category": TOTAL, "n": len(answers)})
                for category, n in join_small_scores(counts, refresh.disclosure.threshold):
                    rows.append(key | {"split": "score", "category": category, "n": n})
    frame = frame_of(rows, ["la", "time_point", "item", "split", "category", "n"])
    by = ("la", "time_point", "item")
    return CountTable(frame, counts=("n",), margins=(Margin(by=by, split="split"),))


def join_small_scores(counts: list[int], threshold: int) -> list[tuple[str, int]]:
    """Join scores inwards where a count is small: names such as `1-2` or `1-3`, and counts.

    What is small even so is left to the gate.
    """
    small = [0 < n < threshold for n in counts]
    low, middle, high = counts[0] + counts[1], counts[2], counts[3] + counts[4]
    if 0 < low < threshold or small[2]:
        below = [("1-3", low + middle)]
    else:
        ends = [("1-2", low)] if small[0] or small[1] else [("1", counts[0]), ("2", counts[1])]
        below = [*ends, ("3", middle)]
    above = [("4-5", high)] if small[3] or small[4] else [("4", counts[3]), ("5", counts[4])]
    return [*below, *above]


def response_table(survey: pd.DataFrame, ipe: CountTable, refresh: Refresh) -> CountTable:
    """Set respondents against those eligible: staff trained by then, where the return says."""
    masks = masks_of(ipe, refresh.disclosure)["numerator"]
    trained = {
        (la, point): (n, bool(masks[place]))
        for place, la, point, n in ipe.frame.loc[
            ipe.frame["indicator"] == "staff_trained_awareness", ["la", "time_point", "numerator"]
        ].itertuples()
    }
    rows: Rows = []
    for (la, point), part in groups(survey, KEY):
        eligible, hide = trained.get((la, point), (None, False))
        if eligible is not None and len(part) > eligible:
            eligible, hide = None, False  # more answered than were trained: not the same staff
        rows.append(
            {"la": la, "time_point": point, "respondents": len(part), "eligible": eligible,
             "hide": hide}
        )  # fmt: skip
    frame = frame_of(rows, ["la", "time_point", "respondents", "eligible", "hide"])
    frame["eligible"] = frame["eligible"].astype("Float64")
    frame["share"] = np.nan
    frame["hide"] = frame["hide"].astype(bool)
    return CountTable(
        frame[["la", "time_point", "respondents", "eligible", "share", "hide"]],
        counts=("respondents", "eligible"),
        parts={"respondents": "eligible"},
        shares={"share": ("respondents", "eligible")},
        hidden={"eligible": "hide"},
    )


def unanswered_table(survey: pd.DataFrame) -> CountTable:
    """Count items left empty, by time point, over the LAs in whose returns the item was asked."""
    rows: Rows = []
    for item in items_of(survey):
        asked = (
            survey[item].notna().groupby([survey[c].astype("str") for c in KEY]).transform("any")
        )
        for (point,), part in groups(survey[asked], ("time_point",)):
            rows.append(
                {
                    "time_point": point, "item": item, "respondents": len(part),
                    "unanswered": int(part[item].isna().sum()),
                }
            )  # fmt: skip
    frame = frame_of(rows, ["time_point", "item", "respondents", "unanswered"]).assign(share=np.nan)
    return CountTable(
        frame,
        counts=("respondents", "unanswered"),
        parts={"unanswered": "respondents"},
        shares={"share": ("unanswered", "respondents")},
    )


def items_of(survey: pd.DataFrame) -> list[str]:
    """List a survey's items, those of the protocol's table first."""
    known = [row.id for row in INDICATORS if row.source == "survey" and row.id in survey]
    return known + [str(name) for name in survey if str(name).startswith(FURTHER_PREFIX)]
