"""Results made from other analyses' estimates: X12, X14, and where missing values would tip one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis.design import TREATMENT, NotEstimable
from fvlib.analysis.estimates import both_scales
from fvlib.analysis.fit import CombinedFits
from fvlib.models.inference import interval, inverse_variance
from fvlib.refresh import Cost
from fvlib.remarks import Code, remark
from fvlib.trial import Trial

Rows = Sequence[Mapping[str, Any]]

# Correlations at which agreement is judged where none is given (analysis plan, X12).
AGREEMENT_AT: Final = (0.0, 0.8)
DRAWS: Final = 20_000
# Keeps the savings' draws apart from the imputations' ones under the same seed.
SAVINGS_STREAM: Final = 14


def estimate_of(rows: Rows, scale: str, term: str = TREATMENT) -> Mapping[str, Any]:
    """Find an analysis's row.

    Raises
    ------
    NotEstimable
        It has none: the analysis itself could not be estimated.
    """
    for row in rows:
        if row.get("term") == term and row.get("scale") == scale:
            return row
    raise NotEstimable(remark(Code.SOURCE_ABSENT, rows[0]["analysis"]))


def triangulate(results: Mapping[str, Rows], trial: Trial) -> CombinedFits:
    """Set the stepped wedge beside the difference-in-differences, and pool them by the rule (X12).

    Pooled only when both sets of assumptions hold and the estimates agree: |difference| within
    its 95 % reach, at the correlation given, or at 0 and at 0.8 when none is. Without a correlation
    the pooled standard error is the one at correlation 1; the side table has its range.
    """
    did = trial.refresh.did
    if did is None:
        raise NotEstimable(remark(Code.PARAMS_NEEDED, "did"))
    ours = estimate_of(results[did.outcome], did.scale)
    both = [float(ours["estimate"]), did.estimate], [float(ours["std_error"]), did.se]
    judged = AGREEMENT_AT if did.correlation is None else (did.correlation,)
    agree = all(_agree(*both, correlation) for correlation in judged)
    shown = (0.0, 0.5, 1.0) if did.correlation is None else (did.correlation,)
    sources = [
        _source("stepped_wedge", math.nan, both[0][0], both[1][0]),
        _source("did", math.nan, both[0][1], both[1][1]),
    ]
    if did.did_holds and did.stepped_wedge_holds and agree:
        decision, used = "pooled", shown[-1]
        pooled = [inverse_variance(*both, correlation) for correlation in shown]
        sources += [
            _source("pooled", r, p.estimate, p.std_error)
            for r, p in zip(shown, pooled, strict=True)
        ]
        chosen = sources[2 + shown.index(used)]
    elif did.did_holds and did.stepped_wedge_holds:
        return _beside(sources, "disagree", did.scale)
    elif did.stepped_wedge_holds:
        decision, chosen = "stepped_wedge", sources[0]
    elif did.did_holds:
        decision, chosen = "did", sources[1]
    else:
        return _beside(sources, "neither", did.scale)
    combined = _beside(sources, decision, did.scale)
    row = {key: chosen[key] for key in ("estimate", "std_error", "ci_low", "ci_high")}
    effect = {"term": TREATMENT, "scale": did.scale, "df": math.inf, **row}
    return CombinedFits([*both_scales(effect), *combined.rows], combined.tables)


def _agree(estimates: Sequence[float], errors: Sequence[float], correlation: float) -> bool:
    (a, b), (s, t) = estimates, errors
    spread = math.sqrt(max(s**2 + t**2 - 2.0 * correlation * s * t, 0.0))
    low, high, _ = interval(a - b, spread, alpha=protocol.ALPHA)
    return low <= 0.0 <= high


def _source(source: str, correlation: float, estimate: float, error: float) -> dict[str, Any]:
    low, high, _ = interval(estimate, error, alpha=protocol.ALPHA)
    return {
        "source": source,
        "correlation": correlation,
        "estimate": estimate,
        "std_error": error,
        "ci_low": low,
        "ci_high": high,
    }


def _beside(sources: list[dict[str, Any]], decision: str, scale: str) -> CombinedFits:
    """Both estimates as rows, everything in the side table, the decision with it."""
    kept = ("estimate", "std_error", "ci_low", "ci_high")
    rows = [
        {"term": source["source"], "scale": scale} | {key: source[key] for key in kept}
        for source in sources[:2]
    ]
    return CombinedFits(rows, {"triangulation": pd.DataFrame(sources).assign(decision=decision)})


def tipping_point(
    results: Mapping[str, Rows], trial: Trial, *, odds: Mapping[str, float]
) -> CombinedFits:
    """Set the effect beside itself with covariates ever less missing at random, till it tips.

    It tips where its interval comes to include no effect, or to exclude it: interpolated between
    neighbours on the log scale of the odds, the place nearest to missing at random. Terms `lowest`
    and `highest` are the ends of the estimate's range, `tipping` the log odds (delta) if it does.

    Parameters
    ----------
    odds
        What the odds of a riskier level are multiplied by in each analysis; 1 is missing at random.
    """
    found = [(math.log(odds[name]), estimate_of(results[name], "log_odds")) for name in odds]
    found.sort(key=lambda pair: pair[0])
    kept = ("estimate", "std_error", "ci_low", "ci_high")
    points = [{key: row[key] for key in kept} for _, row in found]
    curve = pd.DataFrame(points).assign(delta=[delta for delta, _ in found])[["delta", *kept]]
    ends = {
        "lowest": min(points, key=lambda point: point["estimate"]),
        "highest": max(points, key=lambda point: point["estimate"]),
    }
    rows = [{"term": term, "scale": "log_odds"} | point for term, point in ends.items()]
    crossings = [
        delta
        for end in ("ci_low", "ci_high")
        for delta in _crossings(curve["delta"].to_numpy(), curve[end].to_numpy())
    ]
    if crossings:
        rows.append({"term": "tipping", "scale": "delta", "estimate": min(crossings, key=abs)})
    ends_of_range = (f"{end(odds.values()):g}" for end in (min, max))
    note = remark(Code.TIPS if crossings else Code.NEVER_TIPS, *ends_of_range)
    return CombinedFits(rows, {"tipping_point": curve}, (note,))


def _crossings(x: np.ndarray, y: np.ndarray) -> list[float]:
    """List where a line through the points crosses zero."""
    at = np.flatnonzero(np.sign(y[:-1]) * np.sign(y[1:]) < 0)
    return [float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i])) for i in at]


def implied_savings(results: Mapping[str, Rows], trial: Trial) -> CombinedFits:
    """Children kept out of care, and the pounds that they imply, by simulation (X14).

    Effect among the treated of the LA x period model (t with its degrees of freedom) x treated
    children analysed x cost per looked-after child. The programme's own cost is not in it.
    """
    cost = trial.refresh.cost
    if cost is None:
        raise NotEstimable(remark(Code.PARAMS_NEEDED, "cost"))
    effect = estimate_of(results["la-period"], "risk_difference", "among_treated")
    outcome = trial.outcomes[protocol.PRIMARY_OUTCOME]
    analysed = outcome.loc[outcome["state"] == "analysed", "child"]
    # Rounded as the gate rounds: children / effect would give the exact count back.
    step = trial.refresh.disclosure.round_to
    treated = step * round(int(trial.cohort["treated"].loc[analysed].sum()) / step)
    seeds = np.random.SeedSequence(trial.refresh.seed, spawn_key=(SAVINGS_STREAM,))
    rng = np.random.default_rng(seeds)
    df = float(effect["df"])
    t = rng.standard_t(df, DRAWS) if math.isfinite(df) else rng.standard_normal(DRAWS)
    children = -treated * (float(effect["estimate"]) + float(effect["std_error"]) * t)
    pounds = children * _costs(cost, rng)
    expected = -treated * float(effect["estimate"])
    return CombinedFits(
        [
            _simulated(TREATMENT, "pounds", expected * _mean_cost(cost), pounds),
            _simulated("children_kept_out_of_care", "children", expected, children),
        ],
        warnings=(Code.OWN_COST,),
    )


def _costs(cost: Cost, rng: np.random.Generator) -> np.ndarray:
    if cost.low == cost.high:
        return np.full(DRAWS, cost.low)
    if cost.distribution == "uniform":
        return rng.uniform(cost.low, cost.high, DRAWS)
    return rng.triangular(cost.low, cost.per_looked_after_child, cost.high, DRAWS)


def _mean_cost(cost: Cost) -> float:
    if cost.distribution == "uniform":
        return (cost.low + cost.high) / 2.0
    return (cost.low + cost.per_looked_after_child + cost.high) / 3.0


def _simulated(term: str, scale: str, estimate: float, draws: np.ndarray) -> dict[str, Any]:
    low, high = np.quantile(draws, [protocol.ALPHA / 2.0, 1.0 - protocol.ALPHA / 2.0])
    return {
        "term": term,
        "scale": scale,
        "estimate": estimate,
        "std_error": float(draws.std(ddof=1)),
        "ci_low": float(low),
        "ci_high": float(high),
    }
