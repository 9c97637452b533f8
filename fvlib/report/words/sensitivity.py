"""Whether the answer survives: which words of `chapters/phrases.yml` the results call for."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.report.bundle import EFFECT, P_ONLY, ReleasedBundle, masked
from fvlib.report.words import labels, numbers, results
from fvlib.report.words.phrases import say

INTERVAL: Final = "interval_12"
COMPARED: Final = ("log_odds", "risk_difference")


def outside(bundle: ReleasedBundle) -> list[str] | None:
    """List the analyses of the primary outcome whose estimate leaves the primary's interval.

    Each is compared on the first scale that both have. None without a primary result.
    """
    main = protocol.PRIMARY_OUTCOME
    if bundle.effect(main) is None:
        return None
    return [name for name in compared(bundle) if _leaves(bundle, name)]


def compared(bundle: ReleasedBundle) -> list[str]:
    """List the analyses of the primary outcome that can be held against its interval."""
    rows = bundle.estimates
    rows = rows[(rows["outcome"] == protocol.PRIMARY_OUTCOME) & (rows["role"] != "primary")]
    names = labels.in_order(rows["analysis"].astype(str), labels.ANALYSES)
    return [name for name in names if _shared_scale(bundle, name) is not None]


def _shared_scale(bundle: ReleasedBundle, name: str) -> tuple[pd.Series, pd.Series] | None:
    for scale in COMPARED:
        mine = bundle.effect(name, scale)
        main = bundle.effect(protocol.PRIMARY_OUTCOME, scale)
        if mine is not None and main is not None:
            return mine, main
    return None


def _leaves(bundle: ReleasedBundle, name: str) -> bool:
    both = _shared_scale(bundle, name)
    if both is None:
        return False
    mine, main = both
    return not main["ci_low"] <= mine["estimate"] <= main["ci_high"]


def summary(bundle: ReleasedBundle) -> str:
    """Say which analyses' estimates leave the interval of the protocol's model."""
    gone = outside(bundle)
    if gone is None:
        return results.no_result(bundle, protocol.PRIMARY_OUTCOME)
    names = compared(bundle)
    state = "nothing_compared" if not names else "some_outside" if gone else "all_inside"
    return say(
        "sensitivity.outside",
        state,
        compared=numbers.count(len(names)),
        outside=numbers.count(len(gone)),
        names=numbers.listing(labels.in_sentence(bundle.label(name)) for name in gone),
    )


def smallest_p(bundle: ReleasedBundle) -> str:
    """Say which p each permutation scheme can reach at best, and the one it gave."""
    if bundle.interim:
        return say("sensitivity.permutation_interim")
    table = permutation_draws(bundle)
    parts = [
        say(
            "sensitivity.permutation_limit",
            orders=str(results.ORDERS),
            smallest_p=results.SMALLEST_P,
            alpha=numbers.number(protocol.ALPHA, 2),
        )
    ]
    p = results.permutation_p(bundle, protocol.PRIMARY_OUTCOME)
    if table.empty or p is None:
        return " ".join([*parts, say("sensitivity.permutation", "no_result")])
    parts.append(say("sensitivity.permutation", "estimated", p=numbers.p_value(p)))
    mine = results.permutation_of(protocol.PRIMARY_OUTCOME)
    again = bundle.estimate(mine, "treatment_refitted", P_ONLY)
    if again is not None:
        parts.append(_refitted(table, float(again["p_value"])))
    rows = bundle.estimates
    rows = rows[(rows["analysis"] == mine) & (rows["term"] == INTERVAL) & rows["ci_low"].notna()]
    if len(rows) and pd.notna(rows["ci_high"].iloc[0]):
        low, high = (numbers.ratio(math.exp(float(rows[c].iloc[0]))) for c in ("ci_low", "ci_high"))
        level = numbers.percent(1 - 1 / results.ORDERS)
        parts.append(say("sensitivity.permutation_interval", level=level, low=low, high=high))
    return " ".join(parts)


def _refitted(draws: pd.DataFrame, p: float) -> str:
    """Say what fitting the model again under every order gave, and how it agrees with the score."""
    both = draws[draws["refitted"].notna()].astype({"refitted": float})
    agreement = numbers.number(float(both["statistic"].corr(both["refitted"])), 3)
    return say("sensitivity.permutation_refitted", p=numbers.p_value(p), correlation=agreement)


def permutation_draws(bundle: ReleasedBundle) -> pd.DataFrame:
    """Return the primary outcome's draws with `is_observed` and each scheme's smallest p."""
    table = bundle.table("permutation")
    mine = results.permutation_of(protocol.PRIMARY_OUTCOME)
    table = table[table["analysis"].isin((mine, protocol.PRIMARY_OUTCOME))].copy()
    table["is_observed"] = table["observed"].astype(str).str.lower().isin(("true", "1", "1.0"))
    table["statistic"] = table["statistic"].astype(float)
    schemes = table.groupby("scheme")["statistic"]
    return table.assign(orders=schemes.transform("size"), smallest_p=schemes.transform(_smallest))


def _smallest(statistics: pd.Series) -> float:
    """Return the p of the most extreme order: as many orders as tie with it, of all."""
    size = statistics.abs().to_numpy()
    return float(np.isclose(size, size.max()).mean())


def triangulation(bundle: ReleasedBundle) -> str:
    """Tell what the sister evaluation's estimate adds, by the protocol's rule."""
    rows = bundle.estimates
    if not ((rows["analysis"] == "X12") & rows["estimate"].notna()).any():
        return results.no_result(bundle, "X12")
    decided = bundle.table("triangulation")["decision"].dropna()
    decision = str(decided.iloc[0]) if len(decided) else "not_recorded"
    told = {"rule": say("sensitivity.triangulation_rule", decision)}
    row = bundle.ratio("X12", EFFECT)
    if row is None:
        return say("sensitivity.triangulation", "rule_alone", **told)
    told |= {
        "odds_ratio": numbers.ratio(row["estimate"]),
        "odds_ratio_ci": results.ratio_interval(row),
    }
    return say("sensitivity.triangulation", "ratio", **told)


def readiness(bundle: ReleasedBundle) -> str:
    """Tell the effect in both readiness strata (X13), and give no verdict."""
    told: dict[str, str] = {}
    terms = {"high": "treatment_high", "low": "treatment_low", "ratio": "interaction"}
    for name, term in terms.items():
        row = bundle.ratio("X13", term)
        if row is None:
            return results.no_result(bundle, "X13")
        told |= {name: numbers.ratio(row["estimate"]), f"{name}_ci": results.ratio_interval(row)}
    return say("sensitivity.readiness", **told)


def savings(bundle: ReleasedBundle) -> str:
    """Tell the implied savings; nothing is printed without a cost."""
    rows = bundle.estimates
    rows = rows[(rows["analysis"] == "X14") & (rows["scale"] == "pounds")]
    rows = rows[rows["estimate"].notna()]
    row = bundle.estimate("X14", "treatment", "pounds")
    if row is None and rows.empty:
        return results.no_result(bundle, "X14")
    row = rows.iloc[0] if row is None else row
    value = float(row["estimate"])
    state, told = "less" if value >= 0 else "more", {"savings": numbers.pounds(abs(value))}
    if pd.isna(row["ci_low"]):
        return say("sensitivity.savings", f"{state}_without_interval", **told)
    told |= {
        "low": numbers.pounds(float(row["ci_low"])),
        "high": numbers.pounds(float(row["ci_high"])),
    }
    return say("sensitivity.savings", state, level=numbers.confidence_level(), **told)


def tipping(bundle: ReleasedBundle) -> str:
    """Tell how far the effect moves when covariates are missing not at random, and if it tips."""
    lowest, highest = (bundle.ratio("tipping-point", term) for term in ("lowest", "highest"))
    main = bundle.effect(protocol.PRIMARY_OUTCOME, "log_odds")
    curve = bundle.table("tipping_point")
    if lowest is None or highest is None or main is None or curve.empty:
        return results.no_result(bundle, "tipping-point")
    first, last = (
        numbers.number(math.exp(delta), 1).removesuffix(".0") for delta in _ends(curve["delta"])
    )
    told = {
        "from_odds": first,
        "to_odds": last,
        "low": numbers.ratio(lowest["estimate"]),
        "high": numbers.ratio(highest["estimate"]),
    }
    if bundle.interim:
        return say("sensitivity.tipping", "interim", **told)
    includes = main["ci_low"] <= 0 <= main["ci_high"]
    at = bundle.estimate("tipping-point", "tipping", "delta")
    if at is None:
        state = "includes_throughout" if includes else "excludes_throughout"
    else:
        state = "comes_to_exclude" if includes else "comes_to_include"
        told["factor"] = numbers.number(math.exp(float(at["estimate"])), 1)
    return say("sensitivity.tipping", state, **told)


def _ends(column: pd.Series) -> tuple[float, float]:
    values = column.astype(float)
    return float(values.min()), float(values.max())


def observed(bundle: ReleasedBundle) -> str:
    """Say which outcomes are not yet observed for all, and of which condition more is seen."""
    table = bundle.table("calendar")
    if table.empty:
        return say("secondary.observed_no_account")
    waiting, hidden = [], []
    for outcome in labels.in_order(table["outcome"].astype(str), labels.OUTCOMES):
        rows = table[table["outcome"] == outcome]
        part = rows.set_index("condition")["share"].astype(float)
        told = ", ".join(
            f"{numbers.percent(share, 0)} {labels.CONDITIONS[str(name)].lower()}"
            for name, share in part.items()
            if pd.notna(share)
        )
        if (part < 1).any():
            waiting.append(f"{outcome} ({told})")
        elif masked(rows, "share").any():
            hidden.append(outcome)
    parts = []
    if waiting:
        parts.append(say("secondary.observed_waiting", outcomes=numbers.listing(waiting)))
    elif not hidden:
        parts.append(say("secondary.observed_whole"))
    if hidden:
        parts.append(say("secondary.observed_masked", outcomes=numbers.listing(hidden)))
    if waiting:
        parts.append(say("secondary.observed_early"))
    return " ".join(parts)


def chains(bundle: ReleasedBundle) -> str:
    """Say whether the chains of each imputed covariate agree."""
    table = bundle.table("imputation")
    if table.empty:
        return say("data_quality.chains", "none")
    bad = table.loc[~table["converged"].astype(bool), "variable"]
    if bad.empty:
        return say("data_quality.chains", "agree")
    names = numbers.listing(labels.label(labels.COVARIATES, str(name)).lower() for name in bad)
    return say("data_quality.chains", "disagree", covariates=names)
