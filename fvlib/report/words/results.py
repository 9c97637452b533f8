"""An outcome's result in sentences: the verdict under the plan's wording rule picks the words.

With five LAs the protocol's model is too eager when LAs drift apart over time. So the words
"reduced" and "increased" need two intervals that exclude no effect on the same side: that of the
protocol's model and that of the model with an LA x period intercept; everything else is
"unclear". Wherever the protocol's interval or p stands, the second interval and the p of the
design's own permutation test stand beside it (analysis plan, "How a result is worded"). The words
are in `chapters/phrases.yml`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from math import factorial, prod
from typing import Final, Literal

import pandas as pd

from fvlib import protocol
from fvlib.report.bundle import ABSENT, ESTIMATED, P_ONLY, ReleasedBundle, masked
from fvlib.report.words import labels, reasons
from fvlib.report.words import numbers as words_numbers
from fvlib.report.words.estimates import for_templates
from fvlib.report.words.phrases import say

Verdict = Literal["reduced", "increased", "unclear", "none"]

NO_EFFECT: Final = 0.0  # on the scale that an analysis is judged on: log-odds or a difference
# All orders of roll-out within the readiness strata: 2! x 3! (Randomisation).
ORDERS: Final = prod(
    factorial(size) for size in Counter(la.readiness for la in protocol.LOCAL_AUTHORITIES).values()
)
SMALLEST_P: Final = words_numbers.number(1 / ORDERS, 3)


class Condition(StrEnum):
    """A condition of the wording rule that doesn't hold: why a result is "unclear"."""

    PROTOCOL_INCLUDES_NONE = "protocol_includes_none"
    GUARD_ABSENT = "guard_absent"
    GUARD_INCLUDES_NONE = "guard_includes_none"
    OPPOSITE_SIDES = "opposite_sides"
    PERMUTATION_ABSENT = "permutation_absent"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and, where it is "unclear", the conditions that don't hold."""

    verdict: Verdict
    failed: tuple[Condition, ...] = ()


def nested_of(outcome: str) -> str:
    """Name the analysis with an LA x period intercept for an outcome."""
    stem = "la-period"
    return stem if outcome == protocol.PRIMARY_OUTCOME else f"{stem}-{outcome.lower()}"


def permutation_of(outcome: str) -> str:
    """Name the permutation test for an outcome."""
    return f"X4-{outcome}"


def side(row: pd.Series) -> int:
    """Say on which side of no effect an interval lies: -1, 1, or 0 when it holds no effect."""
    if row["ci_high"] < NO_EFFECT:
        return -1
    if row["ci_low"] > NO_EFFECT:
        return 1
    return 0


def judge(bundle: ReleasedBundle, outcome: str) -> Judgement:
    """Apply the wording rule to an outcome's main analysis.

    Returns
    -------
    `none` without a result or at an interim look; `reduced` or `increased` only when the
    permutation test is there and both intervals lie on the same side of no effect; else
    `unclear`, with every condition that failed.
    """
    main, nested = bundle.effect(outcome), bundle.effect(nested_of(outcome))
    if bundle.interim or main is None:
        return Judgement("none")
    failed = []
    if side(main) == 0:
        failed.append(Condition.PROTOCOL_INCLUDES_NONE)
    if nested is None:
        failed.append(Condition.GUARD_ABSENT)
    elif side(nested) == 0:
        failed.append(Condition.GUARD_INCLUDES_NONE)
    elif side(main) not in (0, side(nested)):
        failed.append(Condition.OPPOSITE_SIDES)
    if permutation_p(bundle, outcome) is None:
        failed.append(Condition.PERMUTATION_ABSENT)
    if failed:
        return Judgement("unclear", tuple(failed))
    return Judgement("reduced" if side(main) < 0 else "increased")


def permutation_p(bundle: ReleasedBundle, outcome: str) -> float | None:
    """Return the p of the design's own permutation test, if there is one."""
    rows = bundle.rows(permutation_of(outcome))
    rows = rows[(rows["scale"] == P_ONLY) & (rows["status"] == ESTIMATED) & rows["p_value"].notna()]
    return float(rows["p_value"].iloc[0]) if len(rows) else None


def state_of(bundle: ReleasedBundle, outcome: str) -> str:
    """Name the state that an outcome's words depend on: a verdict, `interim`, or why none."""
    if bundle.effect(outcome) is None:
        status = bundle.status(outcome)[0]
        return ABSENT if status == ESTIMATED else status
    return "interim" if bundle.interim else judge(bundle, outcome).verdict


def result(bundle: ReleasedBundle, outcome: str) -> str:
    """Tell an outcome's main result with all that must stand beside it."""
    return f"{lead(bundle, outcome)} {beside(bundle, outcome)}"


def no_result(bundle: ReleasedBundle, analysis: str) -> str:
    """Say why there is no result, in its place."""
    return say("results.no_result", analysis=bundle.label(analysis), why=why(bundle, analysis))


def why(bundle: ReleasedBundle, analysis: str) -> str:
    """Say in part of a sentence why an analysis has no result."""
    status, reason = bundle.status(analysis)
    state = ABSENT if status == ESTIMATED else status  # it has rows, and not the one that is asked
    return say("results.why", state, reason=reasons.in_words(reason))


def lead(bundle: ReleasedBundle, outcome: str) -> str:
    """Tell the protocol's model's estimate, with the verdict that the rule allows."""
    failed = (say("results.condition", each) for each in judge(bundle, outcome).failed)
    texts = {
        **for_templates(bundle, outcome),
        "question": _question(outcome),
        "estimates": estimates(bundle, outcome),
        "conditions": words_numbers.listing(failed),
        "reason": reasons.in_words(bundle.status(outcome)[1]),
    }
    return say("results.lead", state_of(bundle, outcome), **texts)


def _question(outcome: str) -> str:
    """Say what may be reduced or increased: part of a sentence."""
    months = protocol.WINDOW_MONTHS.get(outcome)
    window = "" if months is None else f"{months}{words_numbers.NO_BREAK}months"
    return say("results.question", outcome, window=window)


def estimates(bundle: ReleasedBundle, analysis: str) -> str:
    """Write the effect of an analysis with its intervals and p: the numbers alone."""
    main = bundle.effect(analysis)
    if main is None:
        return ""
    kind = "linear" if main["outcome"] in protocol.LINEAR_OUTCOMES else "binary"
    state = kind if pd.notna(main["p_value"]) else f"{kind}_without_p"
    return say("results.estimates", state, **for_templates(bundle, analysis))


def beside(bundle: ReleasedBundle, outcome: str) -> str:
    """Tell what must stand beside an outcome's interval: second model, permutation test."""
    nested, shuffled = nested_of(outcome), permutation_of(outcome)
    if bundle.effect(nested) is not None:
        numbers = for_templates(bundle, nested) | {"estimates": estimates(bundle, nested)}
        second = say("results.guard", "estimated", **numbers)
    elif bundle.effect(outcome) is None and why(bundle, nested) == why(bundle, outcome):
        second = say("results.guard", "neither")
    else:
        second = say("results.guard", "no_result", why=why(bundle, nested))
    if bundle.interim:
        return second
    p = permutation_p(bundle, outcome)
    if p is None:
        third = say("results.permutation", "no_result", why=why(bundle, shuffled))
    else:
        told = {"orders": str(ORDERS), "p": words_numbers.p_value(p), "smallest_p": SMALLEST_P}
        third = say("results.permutation", "estimated", **told)
    return f"{second} {third}"


def ratio_interval(row: pd.Series) -> str:
    """Write an odds ratio's confidence interval."""
    return words_numbers.interval(
        words_numbers.ratio(row["ci_low"]), words_numbers.ratio(row["ci_high"])
    )


def points_interval(row: pd.Series) -> str:
    """Write a risk difference's confidence interval in percentage points."""
    return words_numbers.interval(
        words_numbers.points(row["ci_low"]), words_numbers.points(row["ci_high"])
    )


def headline(bundle: ReleasedBundle, outcome: str) -> str:
    """Return the one or two words that stand before a result."""
    if bundle.effect(outcome) is None:
        return say("results.verdict", "no_result")
    return say("results.verdict", state_of(bundle, outcome))


def sample(bundle: ReleasedBundle, outcome: str) -> str:
    """Say how many children an outcome's analysis rests on, and how many had the outcome.

    Without a result: how many could be analysed so far.
    """
    row = bundle.effect(outcome)
    if row is None:
        rows = bundle.rows(outcome)
        first = rows.iloc[0] if len(rows) else pd.Series({"n": float("nan"), "events": None})
        hidden = bool(masked(rows, "n").iloc[:1].any())
        state = "so_far" if pd.notna(first["n"]) else "so_far_masked" if hidden else "not_known"
    else:
        first = row
        state = "linear" if outcome in protocol.LINEAR_OUTCOMES else "binary"
        if pd.isna(row["n"]):
            state = "masked"
        elif state == "binary" and pd.isna(row["events"]):
            state = "binary_events_masked"
    numbers = {
        name: words_numbers.count(first[name]) for name in ("n", "events") if pd.notna(first[name])
    }
    return say("results.sample", state, who=labels.SAMPLED[outcome], **numbers)


def risks(bundle: ReleasedBundle, outcome: str) -> str:
    """Tell the adjusted risks under both conditions."""
    both = (bundle.estimate(outcome, f"risk_{one}", "risk") for one in ("treatment", "control"))
    state = "no_result" if any(row is None for row in both) else "estimated"
    return say("results.risks", state, **for_templates(bundle, outcome))


def clustering(bundle: ReleasedBundle, outcome: str) -> str:
    """Tell how far LAs differ, beside the protocol's assumption."""
    sd = bundle.estimate(outcome, "la_sd")
    probability = bundle.estimate(outcome, "icc", "icc_probability")
    latent = bundle.estimate(outcome, "icc", "icc_latent")
    if sd is None:
        return say("results.clustering", "no_result")
    told = {
        "sd": words_numbers.number(sd["estimate"], 2),
        "protocol_icc": words_numbers.number(protocol.INTRACLUSTER_CORRELATION, 5),
    }
    if probability is None or latent is None:
        return say("results.clustering", "spread_alone", **told)
    told["icc"] = words_numbers.number(probability["estimate"], 5)
    told["icc_latent"] = words_numbers.number(latent["estimate"], 3)
    return say("results.clustering", "estimated" if sd["estimate"] else "zero", **told)


def control_window(bundle: ReleasedBundle, outcome: str) -> str:
    """Say how much of the control children's window lay after go-live."""
    table = bundle.table("control_window")
    rows = table[(table["outcome"] == outcome) & table["share"].notna()]
    if rows.empty:
        return say("results.control_window", "not_known")
    share = words_numbers.percent(rows["share"].iloc[0], 0)
    return say("results.control_window", "known", share=share)


def over_time(bundle: ReleasedBundle) -> str:
    """Tell the effect averaged over the time since go-live (X5), which X5 estimates apart."""
    ratio = bundle.ratio("X5", "time_averaged")
    if ratio is None:
        return say("results.over_time", "no_result", why=why(bundle, "X5"))
    told = {
        "odds_ratio": words_numbers.ratio(ratio["estimate"]),
        "odds_ratio_ci": ratio_interval(ratio),
    }
    points = bundle.estimate("X5", "time_averaged", "risk_difference")
    if points is None:
        return say("results.over_time", "ratio", **told)
    told["risk_difference"] = words_numbers.in_points(points["estimate"])
    told["points"] = words_numbers.points(points["estimate"])
    told["points_ci"] = points_interval(points)
    return say("results.over_time", "ratio_and_points", **told)


def diary(bundle: ReleasedBundle, analysis: str) -> str:
    """Tell how the fit went; what was left out or warned of stands in the diary table."""
    row = bundle.effect(analysis)
    if row is None:
        return no_result(bundle, analysis)
    told = say("results.fit", "converged" if row["converged"] else "not_converged")
    return f"{told} {say('results.variance_at_zero')}" if row["singular"] else told


def plain_result(bundle: ReleasedBundle, outcome: str) -> str:
    """Tell an outcome's main result in plain words; at an interim look, nothing of it."""
    row = bundle.effect(outcome, "risk_difference")
    if row is None or bundle.interim:
        return say("plain.too_early")
    nested = bundle.effect(nested_of(outcome), "risk_difference")
    p = permutation_p(bundle, outcome)
    parts = [
        say("plain.answer", _plain_verdict(bundle, outcome)),
        say("plain.main", estimate=words_numbers.per_thousand(row["estimate"]), **_thousands(row)),
        say("plain.second", "no_result")
        if nested is None
        else say("plain.second", "estimated", **_thousands(nested)),
        say("plain.third", "no_result")
        if p is None
        else say("plain.third", "estimated", p=words_numbers.p_value(p), smallest_p=SMALLEST_P),
        say("plain.condition"),
    ]
    return " ".join(parts)


def _plain_verdict(bundle: ReleasedBundle, outcome: str) -> str:
    verdict = judge(bundle, outcome).verdict
    if verdict != "unclear":
        return verdict
    main, nested = bundle.effect(outcome), bundle.effect(nested_of(outcome))
    if main is None or nested is None or permutation_p(bundle, outcome) is None:
        return "unfinished"
    return "open" if side(main) == side(nested) == 0 else "divided"


def _thousands(row: pd.Series) -> dict[str, str]:
    return {
        "low": words_numbers.per_thousand(row["ci_low"]),
        "high": words_numbers.per_thousand(row["ci_high"]),
    }


def family(bundle: ReleasedBundle) -> str:
    """Tell how the six secondary p-values are adjusted; at an interim look, that there is none."""
    return say("results.family", "interim" if bundle.interim else "final")


def wording_rule(bundle: ReleasedBundle) -> str:
    """Tell what stands beside the protocol's model, and when a verdict is given."""
    return say("results.wording_rule", "interim" if bundle.interim else "final", orders=str(ORDERS))
