"""Whether the answer survives, in sentences made from the results."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.report import sentences, words
from fvlib.report.bundle import EFFECT, P_ONLY, Bundle, masked

INTERVAL: Final = "interval_12"
COMPARED: Final = ("log_odds", "risk_difference")


def outside(bundle: Bundle) -> list[str] | None:
    """List the analyses of the primary outcome whose estimate leaves the primary's interval.

    Each is compared on the first scale that both have. None without a primary result.
    """
    main = protocol.PRIMARY_OUTCOME
    if bundle.effect(main) is None:
        return None
    return [name for name in compared(bundle) if _leaves(bundle, name)]


def compared(bundle: Bundle) -> list[str]:
    """List the analyses of the primary outcome that can be held against its interval."""
    rows = bundle.estimates
    rows = rows[(rows["outcome"] == protocol.PRIMARY_OUTCOME) & (rows["role"] != "primary")]
    names = words.in_order(rows["analysis"].astype(str), words.ANALYSES)
    return [name for name in names if _shared_scale(bundle, name) is not None]


def _shared_scale(bundle: Bundle, name: str) -> tuple[pd.Series, pd.Series] | None:
    for scale in COMPARED:
        mine = bundle.effect(name, scale)
        main = bundle.effect(protocol.PRIMARY_OUTCOME, scale)
        if mine is not None and main is not None:
            return mine, main
    return None


def _leaves(bundle: Bundle, name: str) -> bool:
    both = _shared_scale(bundle, name)
    if both is None:
        return False
    mine, main = both
    return not main["ci_low"] <= mine["estimate"] <= main["ci_high"]


def summary(bundle: Bundle) -> str:
    """Say which analyses' estimates leave the interval of the protocol's model."""
    gone = outside(bundle)
    if gone is None:
        return sentences.no_result(bundle, protocol.PRIMARY_OUTCOME)
    names = compared(bundle)
    if not names:
        return "No other analysis of the primary outcome has a result in this refresh."
    many = f"{words.count(len(names))} other analyses of the primary outcome have an estimate"
    if not gone:
        return (
            f"{many}; all of these estimates lie inside the interval of the protocol\u2019s model."
        )
    told = words.listing(words.in_sentence(bundle.label(name)) for name in gone)
    return (
        f"{many}; {words.count(len(gone))} of these estimates lie outside the interval of the "
        f"protocol\u2019s model: {told}."
    )


def smallest_p(bundle: Bundle) -> str:
    """Say which p each permutation scheme can reach at best, and the one it gave."""
    if bundle.interim:
        return "At an interim look no permutation test is shown."
    table = permutation_draws(bundle)
    limit = (
        f"With the design\u2019s own {sentences.ORDERS} orders the smallest p that the test can "
        f"give is {words.number(1 / sentences.ORDERS, 3)}, which is above "
        f"{words.number(protocol.ALPHA, 2)}: it can never call an effect significant at the "
        "protocol\u2019s level."
    )
    p = sentences.permutation_p(bundle, protocol.PRIMARY_OUTCOME)
    if table.empty or p is None:
        return f"{limit} There is no result in this refresh."
    told = f"{limit} It gave {words.p_value(p)}."
    again = bundle.estimate(
        sentences.permutation_of(protocol.PRIMARY_OUTCOME), "treatment_refitted", P_ONLY
    )
    if again is not None:
        told = f"{told} {_refitted(table, float(again['p_value']))}"
    rows = bundle.estimates
    mine = sentences.permutation_of(protocol.PRIMARY_OUTCOME)
    rows = rows[(rows["analysis"] == mine) & (rows["term"] == INTERVAL) & rows["ci_low"].notna()]
    if rows.empty or pd.isna(rows["ci_high"].iloc[0]):
        return told
    low, high = (words.ratio(math.exp(float(rows[name].iloc[0]))) for name in ("ci_low", "ci_high"))
    level = words.percent(1 - 1 / sentences.ORDERS)
    return (
        f"{told} Inverted, it gives a model-based {level} interval of odds ratios, {low} to {high}."
    )


def _refitted(draws: pd.DataFrame, p: float) -> str:
    """Say what fitting the model again under every order gave, and how it agrees with the score."""
    both = draws[draws["refitted"].notna()].astype({"refitted": float})
    agreement = float(both["statistic"].corr(both["refitted"]))
    return (
        f"The test ranks a score, which needs no fit under each order; with the model fitted again "
        f"under every order, on one complete data set, it gives {words.p_value(p)}, and the two "
        f"statistics have a correlation of {words.number(agreement, 3)} over the orders."
    )


def permutation_draws(bundle: Bundle) -> pd.DataFrame:
    """Return the primary outcome's draws with `is_observed` and each scheme's smallest p."""
    table = bundle.table("permutation")
    mine = sentences.permutation_of(protocol.PRIMARY_OUTCOME)
    table = table[table["analysis"].isin((mine, protocol.PRIMARY_OUTCOME))].copy()
    table["is_observed"] = table["observed"].astype(str).str.lower().isin(("true", "1", "1.0"))
    table["statistic"] = table["statistic"].astype(float)
    schemes = table.groupby("scheme")["statistic"]
    return table.assign(orders=schemes.transform("size"), smallest_p=schemes.transform(_smallest))


def _smallest(statistics: pd.Series) -> float:
    """Return the p of the most extreme order: as many orders as tie with it, of all."""
    size = statistics.abs().to_numpy()
    return float(np.isclose(size, size.max()).mean())


def triangulation(bundle: Bundle) -> str:
    """Tell what the sister evaluation's estimate adds, by the protocol's rule."""
    rows = bundle.estimates
    rows = rows[(rows["analysis"] == "X12") & rows["estimate"].notna()]
    if rows.empty:
        return sentences.no_result(bundle, "X12")
    decision = rows["warnings"].iloc[0]
    told = decision if isinstance(decision, str) and decision else "see the figure"
    row = bundle.ratio("X12", EFFECT)
    if row is None:
        return f"By the protocol\u2019s rule, {told}."
    ratio = f"odds ratio {words.ratio(row['estimate'])} {sentences.ratio_interval(row)}"
    return f"By the protocol\u2019s rule, {told}: {ratio}."


def readiness(bundle: Bundle) -> str:
    """Tell the effect in both readiness strata (X13), and give no verdict."""
    high, low, between = (
        bundle.ratio("X13", term) for term in ("treatment_high", "treatment_low", "interaction")
    )
    if high is None or low is None or between is None:
        return sentences.no_result(bundle, "X13")
    told = [
        f"{words.ratio(row['estimate'])} {sentences.ratio_interval(row)}" for row in (high, low)
    ]
    return (
        f"The odds ratio is {told[0]} in the LAs of high readiness and {told[1]} in those of low "
        f"readiness; the first over the second is {words.ratio(between['estimate'])} "
        f"{sentences.ratio_interval(between)}."
    )


def savings(bundle: Bundle) -> str:
    """Tell the implied savings; nothing is printed without a cost."""
    row = bundle.estimate("X14", "treatment", "pounds")
    if row is None:
        rows = bundle.estimates
        rows = rows[(rows["analysis"] == "X14") & (rows["scale"] == "pounds")]
        rows = rows[rows["estimate"].notna()]
        if rows.empty:
            return sentences.no_result(bundle, "X14")
        row = rows.iloc[0]
    value = float(row["estimate"])
    word = "less" if value >= 0 else "more"
    told = f"about {words.pounds(abs(value))} {word} spent on care"
    if pd.isna(row["ci_low"]):
        return f"The estimate would imply {told}."
    low, high = words.pounds(float(row["ci_low"])), words.pounds(float(row["ci_high"]))
    return (
        f"The estimate would imply {told} ({words.confidence_level()} interval of savings {low} to "
        f"{high}). The programme\u2019s own cost is not in it."
    )


def tipping(bundle: Bundle) -> str:
    """Tell how far the effect moves when covariates are missing not at random, and if it tips."""
    lowest, highest = (bundle.ratio("tipping-point", term) for term in ("lowest", "highest"))
    main = bundle.effect(protocol.PRIMARY_OUTCOME, "log_odds")
    curve = bundle.table("tipping_point")
    if lowest is None or highest is None or main is None or curve.empty:
        return sentences.no_result(bundle, "tipping-point")
    factors = [words.number(math.exp(delta), 1) for delta in _ends(curve["delta"])]
    ends = [factor.removesuffix(".0") for factor in factors]
    told = (
        f"With those odds multiplied by {ends[0]} to {ends[1]}, the odds ratio lies between "
        f"{words.ratio(lowest['estimate'])} and {words.ratio(highest['estimate'])}"
    )
    if bundle.interim:
        return f"{told}."
    includes = main["ci_low"] <= 0 <= main["ci_high"]
    at = bundle.estimate("tipping-point", "tipping", "delta")
    if at is not None:
        factor = words.number(math.exp(float(at["estimate"])), 1)
        verb = "excludes" if includes else "includes"
        return f"{told}, and its interval {verb} no effect from about {factor} times onwards."
    verb = "includes" if includes else "excludes"
    return f"{told}, and its interval {verb} no effect throughout: in this range nothing tips."


def _ends(column: pd.Series) -> tuple[float, float]:
    values = column.astype(float)
    return float(values.min()), float(values.max())


def observed(bundle: Bundle) -> str:
    """Say which outcomes are not yet observed for all, and of which condition more is seen."""
    table = bundle.table("calendar")
    if table.empty:
        return "This refresh holds no account of what is observable so far."
    waiting, hidden = [], []
    for outcome in words.in_order(table["outcome"].astype(str), words.OUTCOMES):
        rows = table[table["outcome"] == outcome]
        part = rows.set_index("condition")["share"].astype(float)
        told = ", ".join(
            f"{words.percent(share, 0)} {words.CONDITIONS[str(name)].lower()}"
            for name, share in part.items()
            if pd.notna(share)
        )
        if (part < 1).any():
            waiting.append(f"{outcome} ({told})")
        elif masked(rows, "share").any():
            hidden.append(outcome)
    parts = []
    if waiting:
        parts.append(f"Not yet observed for all: {words.listing(waiting)}.")
    elif not hidden:
        parts.append("Every outcome is observed for its whole sample so far.")
    if hidden:
        parts.append(
            f"Too few children to say, in one condition at least: {words.listing(hidden)}."
        )
    if waiting:
        parts.append(
            "An early refresh sees more of the children referred before go-live, whose windows "
            "closed first."
        )
    return " ".join(parts)


def chains(bundle: Bundle) -> str:
    """Say whether the chains of each imputed covariate agree."""
    table = bundle.table("imputation")
    if table.empty:
        return "Nothing was imputed in this refresh."
    bad = table.loc[~table["converged"].astype(bool), "variable"]
    if bad.empty:
        return "The chains of every imputed covariate agree."
    names = words.listing(words.label(words.COVARIATES, str(name)).lower() for name in bad)
    return (
        f"The chains do not agree for {names}: results that rest on them should be read with care."
    )
