"""The cohort's ages, sexes and main needs as shares, beside what is published for England."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from fvlib.report.bundle import ReleasedBundle
from fvlib.report.words import numbers
from fvlib.report.words.phrases import say
from fvlib.report.words.public_figures import ABUSE_OR_NEGLECT, AGED_1_TO_4, MALE, Published

COHORT: Final = "cohort"  # the step of the flow that profiles are of
MISSING: Final = "missing"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Levels of a characteristic whose share is published, and the phrase that names them."""

    characteristic: str
    levels: tuple[str, ...]
    phrase: str
    published: Published


COMPARISONS: Final = (
    Comparison("primary_need", ("1",), "need", ABUSE_OR_NEGLECT),
    Comparison("sex", ("male",), "male", MALE),
    Comparison("age", ("1", "2", "3", "4"), "aged", AGED_1_TO_4),
)


def with_shares(bundle: ReleasedBundle) -> pd.DataFrame:
    """Return the profiles with each level's share of its LA's cohort.

    The whole is the flow's count: where a level is masked, the levels shown don't add up to it.

    Returns
    -------
    pandas.DataFrame
        la, characteristic, level, n, share (NaN where either count is masked).
    """
    table = bundle.table("profiles").reset_index(drop=True)
    flow = bundle.table("flow")
    whole = flow[flow["step"] == COHORT].set_index("la")["n"].astype(float)
    of_la = table["la"].astype(str).map(whole).astype(float)
    share = table["n"].astype(float) / of_la.where(of_la > 0)
    return table.assign(share=share.clip(upper=1.0))  # both are rounded


def plausibility(bundle: ReleasedBundle) -> str:
    """Hold the cohort's shares against those published for England."""
    table = with_shares(bundle)
    ranges = [(each, _range(table, each)) for each in COMPARISONS]
    shown = [(each, spread) for each, spread in ranges if spread]
    if not shown:
        return say("data_quality.plausibility", "masked")
    here = numbers.listing(
        say("data_quality.plausibility_part", each.phrase, share=spread) for each, spread in shown
    )
    there = numbers.listing(
        say(
            "data_quality.plausibility_part",
            each.phrase,
            share=numbers.percent(each.published.share, each.published.decimals),
        )
        for each, _ in shown
    )
    days = {each.published.day for each, _ in shown}
    sources = dict.fromkeys(each.published.source for each, _ in shown)
    on = numbers.listing(numbers.day(day) for day in sorted(days))
    told = {"here": here, "there": there, "on": on, "sources": "; ".join(sources)}
    return say("data_quality.plausibility", "shown", **told)


def _range(table: pd.DataFrame, comparison: Comparison) -> str:
    """Write the smallest and the largest share of those recorded, over the LAs that show it."""
    mine = table[table["characteristic"] == comparison.characteristic]
    level = mine["level"].astype(str)
    wanted = mine[level.isin(comparison.levels)].groupby("la", observed=True)["share"]
    part = wanted.sum().where(wanted.count() == len(comparison.levels)).dropna()
    gaps = mine[level == MISSING].set_index("la")["share"].reindex(part.index).fillna(0.0)
    shares = part[gaps < 1] / (1 - gaps[gaps < 1])
    if shares.empty:
        return ""
    low, high = (numbers.percent(float(share)) for share in (shares.min(), shares.max()))
    return low if low == high else f"{low} to {high}"
