"""Results as sentences, under the plan's wording rule.

With five LAs the protocol's model is too eager when LAs drift apart over time. So the words
"reduced" and "increased" need two intervals that exclude no effect on the same side: that of the
protocol's model and that of the model with an LA x period intercept; everything else is
"unclear". Wherever the protocol's interval or p stands, the second interval and the p of the
design's own permutation test stand beside it (analysis plan, "How a result is worded").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import factorial, prod
from typing import Final, Literal

import pandas as pd

from fvlib import protocol
from fvlib.report import words
from fvlib.report.bundle import ABSENT, ESTIMATED, P_ONLY, Bundle, masked

Verdict = Literal["reduced", "increased", "unclear", "none"]

CONTRAST: Final = "referral after rather than before go-live"
CONDITION: Final = "if the effect does not change with time since go-live"
NO_EFFECT: Final = 0.0  # on the scale that an analysis is judged on: log-odds or a difference

NOT_PRE_SPECIFIED: Final = "The model with an LA \u00d7 period intercept was not pre-specified."
# All orders of roll-out within the readiness strata: 2! x 3! (Randomisation).
ORDERS: Final = prod(
    factorial(size) for size in Counter(la.readiness for la in protocol.LOCAL_AUTHORITIES).values()
)
PLAIN_VERDICTS: Final[dict[str, str]] = {
    "reduced": "Yes. Fewer children came into care after the change.",
    "increased": "Yes. More children came into care after the change.",
    "unfinished": "We cannot tell yet. Not all our tests are done.",
    "open": "We cannot tell. The numbers fit with fewer children in care, and with more.",
    "divided": "We cannot tell. Our tests do not agree.",
}
DECIMALS: Final = {"S3": 1, "S6": 2}  # of a difference in means


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and, where it is "unclear" or none, the reasons in words."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


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


def judge(bundle: Bundle, outcome: str) -> Judgement:
    """Apply the wording rule to an outcome's main analysis.

    Returns
    -------
    `none` without a result or at an interim look; `reduced` or `increased` only when the
    permutation test is there and both intervals lie on the same side of no effect; else
    `unclear`, with every reason.
    """
    main, nested = bundle.effect(outcome), bundle.effect(nested_of(outcome))
    if bundle.interim or main is None:
        return Judgement("none")
    reasons = []
    if side(main) == 0:
        reasons.append(
            "the interval of the protocol\u2019s model includes the possibility of no effect"
        )
    if nested is None:
        reasons.append("the LA \u00d7 period model has no result")
    elif side(nested) == 0:
        reasons.append(
            "the interval of the LA \u00d7 period model includes the possibility of no effect"
        )
    elif side(main) not in (0, side(nested)):
        reasons.append("the two models\u2019 intervals lie on opposite sides of no effect")
    if permutation_p(bundle, outcome) is None:
        reasons.append("the permutation test has no result")
    if reasons:
        return Judgement("unclear", tuple(reasons))
    return Judgement("reduced" if side(main) < 0 else "increased")


def permutation_p(bundle: Bundle, outcome: str) -> float | None:
    """Return the p of the design's own permutation test, if there is one."""
    rows = bundle.estimates
    rows = rows[(rows["analysis"] == permutation_of(outcome)) & (rows["scale"] == P_ONLY)]
    rows = rows[(rows["status"] == ESTIMATED) & rows["p_value"].notna()]
    return float(rows["p_value"].iloc[0]) if len(rows) else None


def result(bundle: Bundle, outcome: str) -> str:
    """Tell an outcome's main result with all that must stand beside it."""
    return f"{lead(bundle, outcome)} {beside(bundle, outcome)}"


def no_result(bundle: Bundle, analysis: str) -> str:
    """Say why there is no result, in its place."""
    return f"There is no result. {bundle.label(analysis)}: {_why(bundle, analysis)}."


def lead(bundle: Bundle, outcome: str) -> str:
    """Tell the protocol's model's estimate, with the verdict that the rule allows."""
    if bundle.effect(outcome) is None:
        return f"{words.sentence_case(_why(bundle, outcome))}."
    question = words.OUTCOMES[outcome].question
    told = estimates(bundle, outcome)
    if bundle.interim:
        return (
            "This is an interim look, and no conclusion is drawn. "
            f"For {CONTRAST}, the estimate for {question} is so far {told}, {CONDITION}."
        )
    judgement = judge(bundle, outcome)
    if judgement.verdict == "unclear":
        because = words.listing(judgement.reasons)
        return (
            f"It is unclear whether {CONTRAST} changed {question}, {CONDITION}: {told}. "
            f"It is called unclear because {because}."
        )
    return (
        f"{words.sentence_case(CONTRAST)} {judgement.verdict} {question}, {CONDITION}: {told}. "
        "The intervals of the protocol\u2019s model and of the LA \u00d7 period model both exclude "
        "the possibility of no effect."
    )


def estimates(bundle: Bundle, analysis: str) -> str:
    """Write the effect of an analysis with its intervals and p: the numbers alone."""
    outcome = _outcome(bundle, analysis)
    parts = []
    if (row := bundle.effect(analysis, "odds_ratio")) is not None:
        parts.append(f"odds ratio {words.ratio(row['estimate'])} {ratio_interval(row)}")
    if (row := bundle.effect(analysis, "risk_difference")) is not None:
        parts.append(f"a difference of {words.in_points(row['estimate'])} {points_interval(row)}")
    if (row := bundle.effect(analysis, "mean_difference")) is not None:
        parts.append(
            f"a difference in means of {mean(row['estimate'], outcome)} "
            f"{mean_interval(row, outcome)}"
        )
    main = bundle.effect(analysis)
    if main is not None and pd.notna(main.get("p_value")):
        parts.append(words.p_value(main["p_value"]))
    return ", ".join(parts)


def beside(bundle: Bundle, outcome: str) -> str:
    """Tell what must stand beside an outcome's interval: second model, permutation test."""
    nested = nested_of(outcome)
    if bundle.effect(outcome) is None and _why(bundle, nested) == _why(bundle, outcome):
        second = "The model with an LA \u00d7 period intercept has no result either."
    elif bundle.effect(nested) is not None:
        second = f"With an LA \u00d7 period intercept: {estimates(bundle, nested)}."
    else:
        second = f"With an LA \u00d7 period intercept: no result ({_why(bundle, nested)})."
    if bundle.interim:
        return second
    p = permutation_p(bundle, outcome)
    if p is None:
        third = f"Permutation test: no result ({_why(bundle, permutation_of(outcome))})."
    else:
        third = (
            f"Permutation test over the design\u2019s own {ORDERS} orders: {words.p_value(p)}; "
            f"the smallest that {ORDERS} orders can give is {words.number(1 / ORDERS, 3)}."
        )
    return f"{second} {third}"


def writer(scale: str, outcome: str) -> Callable[[float], str]:
    """Return what writes a number of a scale, without its unit but for percentages."""
    known: dict[str, Callable[[float], str]] = {
        "odds_ratio": words.ratio,
        "risk_difference": words.points,
        "mean_difference": lambda value: mean(value, outcome),
        "risk": words.percent,
        "pounds": words.pounds,
        "icc_probability": lambda value: words.number(value, 5),
    }
    return known.get(scale, words.log_ratio)


def ratio_interval(row: pd.Series) -> str:
    """Write an odds ratio's confidence interval."""
    return words.interval(words.ratio(row["ci_low"]), words.ratio(row["ci_high"]))


def points_interval(row: pd.Series) -> str:
    """Write a risk difference's confidence interval in percentage points."""
    return words.interval(words.points(row["ci_low"]), words.points(row["ci_high"]))


def mean(value: float, outcome: str) -> str:
    """Write a difference in means on the outcome's own scale."""
    return words.number(value, DECIMALS.get(outcome, 2), apart_from=0)


def mean_interval(row: pd.Series, outcome: str) -> str:
    """Write the confidence interval of a difference in means."""
    return words.interval(mean(row["ci_low"], outcome), mean(row["ci_high"], outcome))


def _outcome(bundle: Bundle, analysis: str) -> str:
    rows = bundle.estimates[bundle.estimates["analysis"] == analysis]
    return str(rows["outcome"].iloc[0]) if len(rows) else protocol.PRIMARY_OUTCOME


def _why(bundle: Bundle, analysis: str) -> str:
    status, reason = bundle.status(analysis)
    return (
        reason if status == ABSENT else f"{words.label(words.STATUSES, status)}, because {reason}"
    )


def headline(bundle: Bundle, outcome: str) -> str:
    """Return the one or two words that stand before a result."""
    if bundle.effect(outcome) is None:
        return "No result"
    if bundle.interim:
        return "Interim estimate"
    return words.sentence_case(judge(bundle, outcome).verdict)


def sample(bundle: Bundle, outcome: str) -> str:
    """Say how many children an outcome's analysis rests on, and how many had the outcome.

    Without a result: how many could be analysed so far.
    """
    row = bundle.effect(outcome)
    what = "child-terms" if outcome == "S6" else "children"
    if row is None:
        rows = bundle.estimates[bundle.estimates["analysis"] == outcome]
        if rows.empty or (pd.isna(rows["n"].iloc[0]) and not masked(rows, "n").iloc[0]):
            return f"How many {what} could be analysed is not known."
        if pd.isna(rows["n"].iloc[0]):
            return f"The number of {what} that could be analysed so far is too small to show."
        return f"So far {words.count(rows['n'].iloc[0])} {what} could be analysed."
    if pd.isna(row["n"]):
        return f"The number of {what} analysed is too small to show."
    told = f"The analysis rests on {words.count(row['n'])} {what}"
    if outcome in protocol.LINEAR_OUTCOMES:
        return f"{told}."
    if pd.isna(row["events"]):
        return f"{told}; the number with the outcome is too small to show."
    return f"{told}, {words.count(row['events'])} of them with the outcome."


def risks(bundle: Bundle, outcome: str) -> str:
    """Tell the adjusted risks under both conditions."""
    treated = bundle.estimate(outcome, "risk_treatment", "risk")
    control = bundle.estimate(outcome, "risk_control", "risk")
    if treated is None or control is None:
        return "Adjusted risks are not given, because there is no result."
    return (
        f"Had all these children been referred after go-live, the model expects "
        f"{words.percent(treated['estimate'])} {percent_interval(treated)} with the outcome; had "
        f"all been referred before, {words.percent(control['estimate'])} "
        f"{percent_interval(control)}."
    )


def clustering(bundle: Bundle, outcome: str) -> str:
    """Tell how far LAs differ, beside the protocol's assumption."""
    sd = bundle.estimate(outcome, "la_sd")
    probability = bundle.estimate(outcome, "icc", "icc_probability")
    latent = bundle.estimate(outcome, "icc", "icc_latent")
    if sd is None:
        return "The differences between LAs are not given, because there is no result."
    told = f"LAs differ with a standard deviation of {words.number(sd['estimate'], 2)} log-odds"
    if probability is None or latent is None:
        return f"{told}."
    if sd["estimate"] == 0:
        return (
            "The variance between LAs is estimated at zero, and with it the intracluster "
            f"correlation, for which the protocol assumed "
            f"{words.number(protocol.INTRACLUSTER_CORRELATION, 5)} on the probability scale."
        )
    return (
        f"{told}, an intracluster correlation of {words.number(probability['estimate'], 5)} on "
        f"the probability scale, where the protocol assumed "
        f"{words.number(protocol.INTRACLUSTER_CORRELATION, 5)}, and of "
        f"{words.number(latent['estimate'], 3)} on the latent scale."
    )


def control_window(bundle: Bundle, outcome: str) -> str:
    """Say how much of the control children's window lay after go-live."""
    table = bundle.table("control_window")
    rows = table[(table["outcome"] == outcome) & table["share"].notna()]
    if rows.empty:
        return (
            "Part of the window of children referred before go-live lay after it; the share is "
            "not known in this refresh."
        )
    return (
        f"Of the window of the children referred before go-live, "
        f"{words.percent(rows['share'].iloc[0], 0)} lay after it."
    )


def over_time(bundle: Bundle) -> str:
    """Tell the effect averaged over the time since go-live (X5), which X5 estimates apart."""
    ratio = bundle.ratio("X5", "time_averaged")
    points = bundle.estimate("X5", "time_averaged", "risk_difference")
    if ratio is None:
        return f"The effect averaged over the time since go-live: no result ({_why(bundle, 'X5')})."
    told = f"odds ratio {words.ratio(ratio['estimate'])} {ratio_interval(ratio)}"
    if points is not None:
        told += f", a difference of {words.in_points(points['estimate'])} {points_interval(points)}"
    return f"Averaged over the time since go-live, the effect is estimated as: {told}."


def diary(bundle: Bundle, analysis: str) -> str:
    """Tell how the fit went; what was left out or warned of stands in the diary table."""
    row = bundle.effect(analysis)
    if row is None:
        return no_result(bundle, analysis)
    parts = [
        "The model converged."
        if row["converged"]
        else "The model did not converge: its numbers should not be relied on."
    ]
    if row["singular"]:
        parts.append("A variance was estimated at zero in at least one fit.")
    return " ".join(parts)


def plain_result(bundle: Bundle, outcome: str) -> str:
    """Tell an outcome's main result in plain words; at an interim look, nothing of it."""
    row = bundle.effect(outcome, "risk_difference")
    if row is None or bundle.interim:
        return "It is too early to say. This report does not give a final result."
    nested = bundle.effect(nested_of(outcome), "risk_difference")
    p = permutation_p(bundle, outcome)
    parts = [
        PLAIN_VERDICTS[_plain_verdict(bundle, outcome)],
        f"Out of a thousand children, our main test found {words.per_thousand(row['estimate'])} in "
        f"care after the change. The true number could lie between {_thousands(row)}.",
        f"A second test is more careful. It puts the number between {_thousands(nested)}."
        if nested is not None
        else "A second, more careful test has not been done yet.",
        f"A third test shuffles the order in which the councils began. It gave {words.p_value(p)}. "
        f"With five councils it cannot go below {words.number(1 / ORDERS, 3)}."
        if p is not None
        else "A third test has not been done yet.",
        "All this holds if the effect stays the same as time goes by.",
    ]
    return " ".join(parts)


def _plain_verdict(bundle: Bundle, outcome: str) -> str:
    verdict = judge(bundle, outcome).verdict
    if verdict != "unclear":
        return verdict
    main, nested = bundle.effect(outcome), bundle.effect(nested_of(outcome))
    if main is None or nested is None or permutation_p(bundle, outcome) is None:
        return "unfinished"
    return "open" if side(main) == side(nested) == 0 else "divided"


def _thousands(row: pd.Series) -> str:
    return f"{words.per_thousand(row['ci_low'])} and {words.per_thousand(row['ci_high'])}"


def family(bundle: Bundle) -> str:
    """Tell how the six secondary p-values are adjusted; at an interim look, that there is none."""
    told = "Six outcomes are six chances of a false alarm."
    if bundle.interim:
        return f"{told} At an interim look no p-value is made, and so none is adjusted."
    return (
        f"{told} The p-values are adjusted together by Hochberg\u2019s method, raw and adjusted "
        "side by side. The family is always the same six: an outcome that cannot be estimated "
        "counts with the largest p there is."
    )


def wording_rule(bundle: Bundle) -> str:
    """Tell what stands beside the protocol's model, and when a verdict is given."""
    told = (
        "With five local authorities, the test that comes with the protocol\u2019s model rejects "
        "too often when local authorities drift apart over time. So the interval of a second "
        "model, with a further random intercept for each local authority and period, stands "
        "beside it wherever it is shown."
    )
    if bundle.interim:
        return f"{told} At an interim look no test of significance is shown and no verdict given."
    return (
        f"{told} So does the p-value of a permutation test over the {ORDERS} orders of roll-out "
        "that the design could have drawn. The words \u201creduced\u201d and \u201cincreased\u201d "
        "are used only when both intervals exclude the possibility of no effect. Otherwise a "
        "result is called \u201cunclear\u201d, which is not to say that there is no effect."
    )


def percent_interval(row: pd.Series) -> str:
    """Write an adjusted risk's confidence interval."""
    if pd.isna(row["ci_low"]):
        return ""
    return words.interval(words.percent(row["ci_low"]), words.percent(row["ci_high"]))
