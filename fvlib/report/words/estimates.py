"""The numbers of an analysis as ready strings by name, the same names in every state.

A name ending in `_ci` is the interval in brackets; `_abs` is the size without its sign. A number
that isn't there says so in words, so that one analysis never stops a report.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.report.bundle import EFFECT, ESTIMATED, ReleasedBundle, masked
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrase_keys import ALL, BINARY, COUNTS, EITHER, LINEAR
from fvlib.report.words.phrases import say

DECIMALS: Final = {"S3": 1, "S6": 2}  # of a difference in means
# What some analyses give beside or in place of one effect.
FURTHER: Final[dict[str, tuple[str, ...]]] = {
    "X5": tuple(
        f"{term}.{name}" for term in labels.EXPOSURE_TERMS for name in ("log_odds", "log_odds_ci")
    ),
    "X13": tuple(
        f"{term}.{name}"
        for term in ("treatment_high", "treatment_low", "interaction")
        for name in ("log_odds", "log_odds_ci")
    ),
    "X14": (
        "pounds", "pounds_ci", "children_kept_out_of_care.children",
        "children_kept_out_of_care.children_ci",
    ),
    "tipping-point": ("lowest.log_odds", "highest.log_odds", "tipping.delta"),
}  # fmt: skip
NESTED: Final = ("la_period_sd",)


def expected(analysis: str, outcome: str) -> tuple[str, ...]:
    """Name the numbers that an analysis of an outcome has a key for, whatever its state."""
    scale = LINEAR if outcome in protocol.LINEAR_OUTCOMES else BINARY
    counts = COUNTS[:1] if outcome in protocol.LINEAR_OUTCOMES else COUNTS
    names = (*scale, *EITHER[:-1], *counts, *FURTHER.get(analysis, ()))
    if analysis in protocol.SECONDARY_OUTCOMES:
        names += EITHER[-1:]
    return (*names, *NESTED) if analysis.startswith("la-period") else names


def numbers_of(bundle: ReleasedBundle, analysis: str, outcome: str | None = None) -> dict[str, str]:
    """Write every number of an analysis.

    Parameters
    ----------
    bundle, analysis
        The released results, and the analysis's machine name.
    outcome
        What it is of, for one that the bundle doesn't hold.

    Returns
    -------
    Texts by name: those of `expected` and of the rows that there are. A masked count has none.
    """
    rows = bundle.rows(analysis)
    of = str(rows["outcome"].iloc[0]) if len(rows) else outcome or protocol.PRIMARY_OUTCOME
    status = bundle.status(analysis)[0]
    told = labels.label(labels.STATUSES, status)
    absent = say("numbers.not_given") if status == ESTIMATED else say(
        "numbers.no_result", status=told
    )  # fmt: skip
    out = dict.fromkeys(expected(analysis, of), absent)
    for _, row in rows[rows["estimate"].notna()].iterrows():
        out |= _written(row, of)
    for _, row in rows[(rows["term"] == EFFECT) & rows["p_value"].notna()].iterrows():
        out["p"] = numbers.p_value(row["p_value"])
        if pd.notna(row["p_adjusted"]):
            out["p_adjusted"] = numbers.p_value(row["p_adjusted"])
    if bundle.interim:
        out |= dict.fromkeys([n for n in EITHER[1:] if n in out], say("numbers.p_not_shown"))
    for name in COUNTS:
        shown = rows[name].dropna()
        if len(shown):
            out[name] = numbers.count(shown.iloc[0])
        elif masked(rows, name).any():
            out.pop(name, None)
    return out


def for_templates(bundle: ReleasedBundle, analysis: str) -> dict[str, str]:
    """Give every number that a template may name; one that isn't there or is masked, in words."""
    known = numbers_of(bundle, analysis)
    rows = bundle.rows(analysis)
    hidden = [name for name in COUNTS if name not in known and masked(rows, name).any()]
    return (
        dict.fromkeys(ALL, say("numbers.not_given"))
        | dict.fromkeys(hidden, say("numbers.masked"))
        | {name: text for name, text in known.items() if name in ALL}
    )


def _written(row: pd.Series, outcome: str) -> dict[str, str]:
    """Write one row of `estimates.csv`: the estimate, its interval, its size."""
    term, scale = str(row["term"]), str(row["scale"])
    value = float(row["estimate"])
    name = f"{term}.{scale}"
    if term in (EFFECT, "icc"):
        name = scale
    elif term.startswith("risk_") or term.endswith("_sd"):
        name = term
    write = writer(scale, outcome)
    texts = {name: write(value)}
    if scale == "risk_difference":
        texts = {name: numbers.in_points(value), f"{name}_abs": numbers.in_points(abs(value))}
    if scale == "mean_difference" and term == EFFECT:
        texts[f"{name}_abs"] = write(abs(value))
    if pd.notna(row["ci_low"]) and pd.notna(row["ci_high"]):
        texts[f"{name}_ci"] = numbers.interval(write(row["ci_low"]), write(row["ci_high"]))
    if name == "risk_difference":  # the same without the unit, under a shorter name
        texts["points"] = numbers.points(value)
        if "risk_difference_ci" in texts:
            texts["points_ci"] = texts["risk_difference_ci"]
    return texts


def writer(scale: str, outcome: str) -> Callable[[float], str]:
    """Return what writes a number of a scale, without its unit but for percentages."""
    known: dict[str, Callable[[float], str]] = {
        "odds_ratio": numbers.ratio,
        "risk_difference": numbers.points,
        "mean_difference": lambda value: mean(value, outcome),
        "risk": numbers.percent,
        "pounds": numbers.pounds,
        "icc_probability": lambda value: numbers.number(value, 5),
    }
    return known.get(scale, numbers.log_ratio)


def mean(value: float, outcome: str) -> str:
    """Write a difference in means on the outcome's own scale."""
    return numbers.number(value, DECIMALS.get(outcome, 2), apart_from=0)
