"""Tables of estimates: the primary result, all analyses side by side, the fits' diaries."""

from __future__ import annotations

from functools import partial
from string import ascii_lowercase
from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.report.arrangement import COMPARED, apart, arrange_analyses, comparable, label
from fvlib.report.bundle import ESTIMATED, ReleasedBundle
from fvlib.report.cells import ABSENT, Written, two_decimals, write_cells
from fvlib.report.register import Register
from fvlib.report.tables.style import Rows, count_notes, set_table
from fvlib.report.words import labels as words
from fvlib.report.words import numbers
from fvlib.report.words import results as sentences
from fvlib.report.words.estimates import writer
from fvlib.report.words.phrases import say
from fvlib.report.words.reasons import in_words

REMARKS: Final = ("dropped", "warnings")
EFFECT_GROUP: Final = "Effect of referral after v before go-live"
RISK_GROUP: Final = "Adjusted risk of becoming looked after"
SPREAD_GROUP: Final = "Differences between LAs"
# Term and scale of each row of the primary table: its group and its label.
QUANTITIES: Final = {
    ("treatment", "odds_ratio"): (EFFECT_GROUP, "Odds ratio"),
    ("treatment", "log_odds"): (EFFECT_GROUP, "Log odds ratio"),
    ("treatment", "risk_difference"): (EFFECT_GROUP, "Average marginal effect, percentage points"),
    ("risk_control", "risk"): (RISK_GROUP, "Referred before go-live"),
    ("risk_treatment", "risk"): (RISK_GROUP, "Referred after go-live"),
    ("la_sd", "log_odds"): (SPREAD_GROUP, "Standard deviation of LAs, log-odds"),
    ("la_period_sd", "log_odds"): (
        SPREAD_GROUP,
        "Standard deviation of periods in an LA, log-odds",
    ),
    ("icc", "icc_probability"): (SPREAD_GROUP, "ICC, probability scale"),
    ("icc", "icc_latent"): (SPREAD_GROUP, "ICC, latent scale"),
}


def with_interval(row: pd.Series | None, scale: str, outcome: str = "P1") -> str:
    """Write an estimate and its interval for a table cell, the unit being in the heading."""
    if row is None or pd.isna(row["estimate"]):
        return ABSENT
    ends = () if pd.isna(row["ci_low"]) else (row["ci_low"], row["ci_high"])
    return Written(row["estimate"], writer(scale, outcome), ends)


def write_p(value: float | None) -> str:
    """Write a p-value for a table cell, the p being in the heading."""
    return ABSENT if value is None or pd.isna(value) else Written(value, _bare)


def _bare(p: float) -> str:
    return numbers.p_value(p).removeprefix("p = ").removeprefix("p ")


def primary(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the primary outcome's result, with what must stand beside it."""
    outcome = protocol.PRIMARY_OUTCOME
    models = {
        outcome: "Protocol\u2019s model",
        sentences.nested_of(outcome): "LA \u00d7 period model",
    }
    rows: Rows = []
    for (term, scale), (group, name) in QUANTITIES.items():
        row = {"group": group, "quantity": name}
        for model in models:
            found = bundle.estimate(model, term, scale)
            row[model] = with_interval(found, scale)
        rows.append(row)
    if not bundle.interim:
        rows[3:3] = _tests(bundle, outcome, list(models))
    rows.extend(_sample(bundle, list(models)))
    notes = [
        say(
            "tables.primary",
            level=numbers.confidence_level(),
            icc=numbers.number(protocol.INTRACLUSTER_CORRELATION, 5),
        ),
        say("results.not_pre_specified"),
        *_absent(bundle, list(models)),
        *count_notes(bundle, pd.Series([row.get(m, "") for row in rows for m in models])),
        *register.notes(list(models)),
    ]
    headings = {model: text + register.marks(model) for model, text in models.items()}
    return set_table(
        rows, "primary", labels={"quantity": "", **headings}, group="group",
        numbers=list(models), intervals=list(models), notes=notes,
    )  # fmt: skip


def _tests(bundle: ReleasedBundle, outcome: str, models: list[str]) -> Rows:
    p: dict[str, str] = {}
    for model in models:
        row = bundle.effect(model)
        p[model] = write_p(None if row is None else row["p_value"])
    shuffled = sentences.permutation_p(bundle, outcome)
    return [
        {"group": EFFECT_GROUP, "quantity": "p-value", **p},
        {
            "group": EFFECT_GROUP,
            "quantity": f"p-value, permutation test over {sentences.ORDERS} orders",
            **dict.fromkeys(models, ABSENT),
            models[0]: write_p(shuffled),
        },
    ]


def _sample(bundle: ReleasedBundle, models: list[str]) -> Rows:
    rows: Rows = []
    for name, heading in (("n", "Children"), ("events", "Became looked after")):
        row = {"group": "Sample", "quantity": heading}
        for model in models:
            found = bundle.effect(model)
            row[model] = ABSENT if found is None else write_cells(found.to_frame().T, name).iloc[0]
        rows.append(row)
    return rows


def _absent(bundle: ReleasedBundle, models: list[str]) -> list[str]:
    """Say for each model without a result why there is none."""
    return [sentences.no_result(bundle, m) for m in models if bundle.effect(m) is None]


def analyses(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set every analysis of the primary outcome with its effect, group by group."""
    rows: Rows = []
    names: list[str] = []
    for group in arrange_analyses(bundle):
        for name in group.analyses:
            names.append(name)
            rows.append({"group": group.heading} | _analysis_row(bundle, register, name))
    labels = {
        "analysis": "", "n": "Children", "events": "Looked after", "odds_ratio": "Odds ratio",
        "risk_difference": "Percentage points",
    }  # fmt: skip
    if not bundle.interim:
        labels["p"] = "p"
    notes = [
        say("tables.analyses", level=numbers.confidence_level()),
        say("results.not_pre_specified"),
        *_elsewhere(bundle),
        *count_notes(bundle, pd.Series([row[c] for row in rows for c in ("n", "events")])),
        *register.notes(names),
    ]
    return set_table(
        rows, "analyses", labels=labels, group="group",
        numbers=[name for name in labels if name != "analysis"], intervals=COMPARED, notes=notes,
    )  # fmt: skip


def _elsewhere(bundle: ReleasedBundle) -> list[str]:
    """Say which analyses have results that can't stand in this table's columns."""
    names = [words.in_sentence(bundle.label(name)) for name in apart(bundle)]
    if not names:
        return []
    return [say("tables.elsewhere", names=numbers.listing(names))]


def _analysis_row(bundle: ReleasedBundle, register: Register, name: str) -> dict[str, str]:
    row = dict.fromkeys(("n", "events", "odds_ratio", "risk_difference", "p"), ABSENT)
    row["analysis"] = label(bundle, name) + register.marks(name)
    main = next((r for s in COMPARED if (r := comparable(bundle, name, s)) is not None), None)
    if main is None:
        p = sentences.permutation_p(bundle, protocol.PRIMARY_OUTCOME)
        if name == sentences.permutation_of(protocol.PRIMARY_OUTCOME) and p is not None:
            return row | {"p": write_p(p)}
        return row | {"odds_ratio": words.label(words.STATUSES, bundle.status(name)[0])}
    for column in ("n", "events"):
        row[column] = write_cells(main.to_frame().T, column).iloc[0]
    for scale in COMPARED:
        row[scale] = with_interval(comparable(bundle, name, scale), scale)
    return row | {"p": write_p(main["p_value"])}


def diary(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set how each of the primary outcome's analyses was fitted."""
    rows = bundle.estimates
    return _fits(bundle, register, "diary", rows[rows["outcome"] == protocol.PRIMARY_OUTCOME])


def adherence(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set how every analysis of the refresh was fitted."""
    return _fits(bundle, register, "adherence", bundle.estimates)


def _fits(bundle: ReleasedBundle, register: Register, table: str, estimates: pd.DataFrame) -> gt.GT:
    """Set how fits went; remarks that they share stand once, under a letter."""
    letters: dict[str, str] = {}
    rows: Rows = []
    for name, part in estimates.groupby("analysis", sort=False):
        first = part.iloc[0]
        status, reason = bundle.status(str(name))
        fit = "converged" if first["converged"] else "did not converge"
        if first["singular"]:
            fit += "; a variance at zero"
        texts = [in_words(first[c]) for c in REMARKS if isinstance(first[c], str) and first[c]]
        if status != ESTIMATED:
            texts, fit = [in_words(reason)], ABSENT
        marks = [letters.setdefault(text, _letter(len(letters))) for text in texts]
        rows.append(
            {
                "group": words.label(words.ROLES, str(first["role"])),
                "analysis": bundle.label(str(name)) + register.marks(str(name)),
                "status": words.label(words.STATUSES, status),
                "fit": fit,
                "remark": ", ".join(marks) or ABSENT,
            }
        )
    labels = {"analysis": "", "status": "Status", "fit": "Fit", "remark": "Remarks"}
    notes = lettered(letters)
    names = [str(name) for name in estimates["analysis"].unique()]
    return set_table(
        rows, table, labels=labels, group="group", notes=[*notes, *register.notes(names)]
    )


def lettered(letters: dict[str, str]) -> list[str]:
    """Write remarks under the letters that stand for them."""
    return [
        say("tables.lettered", letter=letter, remark=numbers.sentence_case(text))
        for text, letter in letters.items()
    ]


def _letter(place: int) -> str:
    """Return a, b, ..., z, aa, bb, ... for 0, 1, ..."""
    rounds, letter = divmod(place, len(ascii_lowercase))
    return ascii_lowercase[letter] * (rounds + 1)


def exposure_weights(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the weights that the constant effect gives to each time since go-live."""
    table = bundle.table("exposure_weights")
    rows = [
        {"time": str(int(time)), "weight": Written(weight, two_decimals)}
        for time, weight in zip(table["exposure_time"], table["weight"], strict=True)
    ]
    labels = {"time": "Whole periods since go-live", "weight": "Weight"}
    return set_table(rows, "exposure-weights", labels=labels, numbers=["weight"], narrow=True)


def la_intercepts(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set each LA's deviation from the average LA."""
    table = bundle.table("la_intercepts")
    table = table[table["analysis"] == protocol.PRIMARY_OUTCOME]
    rows: Rows = [
        {
            "la": words.LAS[str(row["la"])],
            "estimate": Written(row["estimate"], numbers.log_ratio),
            "std_error": ABSENT
            if pd.isna(row["std_error"])
            else Written(row["std_error"], partial(numbers.number, decimals=3)),
        }
        for _, row in table.iterrows()
    ]
    labels = {"la": "", "estimate": "Intercept, log-odds", "std_error": "Standard error"}
    return set_table(
        rows, "la-intercepts", labels=labels, numbers=["estimate", "std_error"], narrow=True
    )


TABLES: Final[dict[str, Any]] = {
    "primary": primary,
    "analyses": analyses,
    "diary": diary,
    "adherence": adherence,
    "exposure_weights": exposure_weights,
    "la_intercepts": la_intercepts,
}
