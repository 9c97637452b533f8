"""Tables of the secondary outcomes, and of every analysis side by side with what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from string import ascii_lowercase
from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.report.bundle import ESTIMATED, P_ONLY, ReleasedBundle
from fvlib.report.cells import ABSENT, Written, two_decimals, write_cells
from fvlib.report.register import Register
from fvlib.report.tables import data
from fvlib.report.tables.results import lettered, with_interval, write_p
from fvlib.report.tables.style import YES_NO, Rows, count_notes, set_table
from fvlib.report.words import labels as words
from fvlib.report.words import numbers
from fvlib.report.words import results as sentences
from fvlib.report.words.phrases import say
from fvlib.report.words.reasons import in_words

EFFECT_SCALES: Final = ("odds_ratio", "mean_difference", "risk_difference", "pounds")
# Set off from the outcome it belongs to.
BESIDE: Final = "\u2003LA \u00d7 period model"
# What stands for an analysis of several effects: X5's average, X13's ratio of its two.
SUMMARIES: Final = {"time_averaged": "average", "interaction": "high over low"}
REMARKS: Final = ("dropped", "warnings")
SPECIFICATION_WIDTHS: Final = {
    "analysis": "16%", "outcome": "5%", "changes": "24%", "n": "9%", "events": "8%",
    "estimate": "18%", "converged": "12%", "notes": "8%",
}  # fmt: skip
COUNTS_AS_ONE: Final = 1.0  # the p of an outcome that can't be estimated (analysis plan)


def secondary(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the six secondary outcomes: effect, and raw beside Hochberg-adjusted p."""
    rows: Rows = []
    lacking = []
    for outcome in protocol.SECONDARY_OUTCOMES:
        label = f"{outcome} {words.OUTCOMES[outcome].label}{register.marks(outcome)}"
        main = bundle.effect(outcome)
        if main is None:
            lacking.append(outcome)
        rows.append({"outcome": label} | _effect_row(bundle, outcome, outcome))
        if main is not None:
            rows[-1] |= {
                "adjusted": write_p(main["p_adjusted"]),
                "permutation": write_p(sentences.permutation_p(bundle, outcome)),
            }
        beside = _effect_row(bundle, sentences.nested_of(outcome), outcome)
        rows.append({"outcome": BESIDE} | beside)
    labels = {
        "outcome": "", "n": "Analysed", "effect": "Odds ratio or difference in means",
        "points": "Percentage points",
    }  # fmt: skip
    spanners: dict[str, Sequence[str]] = {}
    notes = [
        say("tables.secondary", level=numbers.confidence_level()),
        say("results.not_pre_specified"),
    ]
    if not bundle.interim:
        labels |= {"p": "raw", "adjusted": "Hochberg", "permutation": "permutation"}
        spanners = {"p": ["p", "adjusted", "permutation"]}
        notes.append(
            say(
                "tables.hochberg",
                "some_absent" if lacking else "none_absent",
                size=str(len(protocol.SECONDARY_OUTCOMES)),
                p=numbers.number(COUNTS_AS_ONE),
                absent=numbers.listing(lacking),
            )
        )
    notes += [sentences.no_result(bundle, outcome) for outcome in lacking]
    notes += [
        *count_notes(bundle, pd.Series([row["n"] for row in rows])),
        *register.notes(list(protocol.SECONDARY_OUTCOMES)),
    ]
    return set_table(
        rows, "secondary", labels=labels, numbers=[n for n in labels if n != "outcome"],
        intervals=("effect", "points"), notes=notes, spanners=spanners,
    )  # fmt: skip


def _effect_row(bundle: ReleasedBundle, name: str, outcome: str) -> dict[str, str]:
    """Write one model's counts and effect on a secondary outcome."""
    found = bundle.effect(name)
    row = dict.fromkeys(("n", "effect", "points", "p", "adjusted", "permutation"), ABSENT)
    if found is None:
        rows = bundle.estimates[bundle.estimates["analysis"] == name]
        shown = {"n": write_cells(rows.iloc[[0]], "n").iloc[0]} if len(rows) else {}
        return row | shown | {"effect": words.label(words.STATUSES, bundle.status(name)[0])}
    scale = _scale(bundle, name)
    points = bundle.effect(name, "risk_difference")
    return row | {
        "n": write_cells(found.to_frame().T, "n").iloc[0],
        "effect": with_interval(bundle.effect(name, scale), scale, outcome),
        "points": with_interval(points, "risk_difference"),
        "p": write_p(found["p_value"]),
    }


def _scale(bundle: ReleasedBundle, analysis: str) -> str:
    """Return the scale on which an analysis's effect is shown, the first that it has."""
    known = (s for s in EFFECT_SCALES if bundle.effect(analysis, s) is not None)
    return next(known, "log_odds")


def specification(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set every analysis but the main ones: what it changes, its counts, effect and diary."""
    plan = {row["id"]: row for row in bundle.manifest.get("plan", [])}
    estimates = bundle.estimates
    estimates = estimates[~estimates["role"].isin(("primary", "secondary"))]
    letters: dict[str, str] = {}
    rows: Rows = []
    order = words.in_order(estimates["role"].astype(str), words.ROLES)
    for role in order:
        of_role = estimates[estimates["role"] == role]
        for name in words.in_order(of_role["analysis"].astype(str), words.ANALYSES):
            mine = of_role[of_role["analysis"] == name]
            changes = str(plan.get(name, {}).get("changes", ""))
            row = _specified(bundle, name, mine, letters)
            rows.append(
                {
                    "group": words.label(words.ROLES, role),
                    "analysis": _analysis_label(bundle, name) + register.marks(name),
                    "outcome": str(mine["outcome"].iloc[0]).partition("-")[0],
                    "changes": numbers.sentence_case(changes) or ABSENT,
                    **row,
                }
            )
    labels = {
        "analysis": "", "outcome": "On", "changes": "What changes", "n": "n", "events": "Events",
        "estimate": "Estimate", "converged": "Converged", "notes": "Notes",
    }  # fmt: skip
    notes = [
        say("tables.specification", level=numbers.confidence_level()),
        *lettered(letters),
        *count_notes(bundle, pd.Series([row[c] for row in rows for c in ("n", "events")])),
        *register.notes([str(name) for name in estimates["analysis"].unique()]),
    ]
    return set_table(
        rows, "specification", labels=labels, group="group", numbers=["n", "events", "estimate"],
        notes=notes, widths=SPECIFICATION_WIDTHS,
    )  # fmt: skip


def _analysis_label(bundle: ReleasedBundle, name: str) -> str:
    """Name an analysis without the outcome, which has a column of its own."""
    stem, _, outcome = name.rpartition("-")
    known = outcome.upper() in words.OUTCOMES and stem in words.ANALYSES
    return words.ANALYSES[stem] if known else bundle.label(name)


def _specified(
    bundle: ReleasedBundle, name: str, mine: pd.DataFrame, letters: dict[str, str]
) -> dict[str, str]:
    """Write one analysis's counts and estimate; remarks stand once, under a letter."""
    first = mine.iloc[[0]]
    status, reason = bundle.status(name)
    row = {"n": write_cells(first, "n").iloc[0], "events": write_cells(first, "events").iloc[0]}
    texts = [
        in_words(text, brief=True) for column in REMARKS
        if isinstance(text := first[column].iloc[0], str) and text
    ]  # fmt: skip
    if status != ESTIMATED:
        texts = [in_words(reason)]
    marks = [letters.setdefault(text, _letter(len(letters))) for text in texts]
    row["converged"] = YES_NO[bool(first["converged"].iloc[0])]
    row["notes"] = ", ".join(marks) or ABSENT
    row["estimate"] = _estimate(bundle, name, mine)
    if status != ESTIMATED:
        row |= {"converged": ABSENT, "estimate": words.label(words.STATUSES, status)}
    return row


def _estimate(bundle: ReleasedBundle, name: str, mine: pd.DataFrame) -> str:
    if bundle.effect(name) is not None:
        scale = _scale(bundle, name)
        told = with_interval(bundle.effect(name, scale), scale, str(mine["outcome"].iloc[0]))
        # The interval may stand on a line of its own: there are many columns.
        told = told.replace(f"{numbers.NO_BREAK}million", "m").replace(f"{numbers.NO_BREAK}(", " (")
        if scale == "pounds":  # longer than a line
            told = told.replace(numbers.NO_BREAK, " ")
        return f"{told} pp" if scale == "risk_difference" else told
    for term, what in SUMMARIES.items():
        summary = bundle.ratio(name, term)
        if summary is not None:
            told = with_interval(summary, "odds_ratio").replace(f"{numbers.NO_BREAK}(", " (")
            return f"{what} {told}"
    ends = [bundle.ratio(name, term) for term in ("lowest", "highest")]
    if ends[0] is not None and ends[1] is not None:
        return " to ".join(numbers.ratio(float(end["estimate"])) for end in ends if end is not None)
    p = mine.loc[mine["scale"] == P_ONLY, "p_value"].dropna()
    return numbers.p_value(float(p.iloc[0])) if len(p) else ABSENT


def _letter(place: int) -> str:
    rounds, letter = divmod(place, len(ascii_lowercase))
    return ascii_lowercase[letter] * (rounds + 1)


def exposure_effects(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the effect by time since go-live (X5), its summaries, and what each rests on."""
    rows: Rows = []
    mine = bundle.estimates[bundle.estimates["analysis"] == "X5"]
    table = bundle.table("exposure_weights")
    weights = {
        f"m{int(m)}": float(w) for m, w in zip(table["exposure_time"], table["weight"], strict=True)
    }
    for term in words.EXPOSURE_TERMS:
        if bundle.estimate("X5", term) is None:
            continue
        rows.append(
            {
                "term": words.label(words.EXPOSURE_TERMS, term),
                "ratio": with_interval(bundle.ratio("X5", term), "odds_ratio"),
                "points": with_interval(
                    bundle.estimate("X5", term, "risk_difference"), "risk_difference"
                ),
                "weight": Written(weights[term], two_decimals) if term in weights else ABSENT,
            }
        )
    labels = {
        "term": "", "ratio": "Odds ratio", "points": "Percentage points",
        "weight": "Weight in the one effect",
    }  # fmt: skip
    notes = [] if rows else [sentences.no_result(bundle, "X5")]
    constancy = mine[(mine["term"] == "constancy") & mine["p_value"].notna()]
    if len(constancy):
        p = numbers.p_value(float(constancy["p_value"].iloc[0]))
        notes.append(say("tables.constancy", p=p))
    if all(row["points"] == ABSENT for row in rows):
        del labels["points"]
    return set_table(
        rows, "exposure-effects", labels=labels, numbers=[n for n in labels if n != "term"],
        intervals=("ratio", "points"), notes=notes, narrow=True,
    )  # fmt: skip


TABLES: Final[dict[str, Any]] = {
    "secondary": secondary,
    "specification": specification,
    "exposure_effects": exposure_effects,
    **{
        f"crude_{outcome}": partial(data.crude, outcome=outcome)
        for outcome in protocol.SECONDARY_OUTCOMES
    },
}
