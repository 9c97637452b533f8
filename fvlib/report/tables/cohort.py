"""Tables of who was followed and what is missing: profiles, balance, patterns, imputation."""

from __future__ import annotations

from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib.report.bundle import ReleasedBundle, la_order, masked
from fvlib.report.cells import ABSENT, MASKED_TEXT, Written, two_decimals, write_cells
from fvlib.report.register import Register
from fvlib.report.tables.style import YES_NO, Rows, count_notes, mask_notes, set_table
from fvlib.report.words import labels as words
from fvlib.report.words import numbers
from fvlib.report.words.phrases import say
from fvlib.report.words.profiles import with_shares
from fvlib.report.words.reasons import in_words

SHOWN_PROFILES: Final = ("sex", "primary_need")
LA_LEVELS: Final = {"other_programme": "Yes"}  # the others are shares, and averaged


def profiles(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the cohort's sex and main need, as percentages of each LA's children."""
    table = with_shares(bundle)
    share = table["share"]
    hidden = masked(table, "n")
    las = la_order(table)
    rows: Rows = []
    for name in SHOWN_PROFILES:
        mine = table[table["characteristic"] == name]
        for level in dict.fromkeys(mine["level"].astype(str)):
            part = mine[mine["level"].astype(str) == level]
            line = dict.fromkeys(las, ABSENT)
            for place, la in zip(part.index, part["la"].astype(str), strict=True):
                if pd.notna(share[place]):
                    line[la] = Written(share[place], numbers.percent)
                elif hidden[place] or table["n"][place] > 0:  # the count, or the cohort's
                    line[la] = MASKED_TEXT
            label = "Not recorded" if level == "missing" else words.level(name, level)
            rows.append({"group": words.COVARIATES[name], "level": label, **line})
    texts = pd.Series([row[la] for row in rows for la in las], dtype=object)
    labels = {"level": "", **{la: words.LAS[la] for la in las}}
    return set_table(
        rows, "profiles", labels=labels, group="group", numbers=las,
        notes=mask_notes(bundle, texts),
    )  # fmt: skip


def balance(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set each covariate level's share by condition and the adjusted standardised difference."""
    table = bundle.table("balance").reset_index(drop=True)
    of_children = table["level"].map(lambda level: isinstance(level, str))
    means = {
        name: write_cells(table, f"mean_{name}", numbers.percent).where(
            of_children,
            # An LA's figure is released in whole per cent.
            write_cells(table, f"mean_{name}", lambda share: numbers.percent(share, 0)),
        )
        for name in ("control", "treatment")
    }
    difference = {
        name: write_cells(table, f"{name}_difference", two_decimals)
        for name in ("adjusted", "crude")
    }
    rows: Rows = [
        {
            "group": words.label(words.COVARIATES, str(name)),
            "level": words.level(str(name), level)
            if isinstance(level, str)
            else LA_LEVELS.get(str(name), "Average of LAs"),
            "control": means["control"][place],
            "treatment": means["treatment"][place],
            "adjusted": difference["adjusted"][place],
            "crude": difference["crude"][place],
        }
        for place, (name, level) in enumerate(zip(table["covariate"], table["level"], strict=True))
    ]
    labels = {
        "level": "", "control": words.CONDITIONS["control"],
        "treatment": words.CONDITIONS["treatment"], "adjusted": "Adjusted", "crude": "Crude",
    }  # fmt: skip
    notes = [
        say("tables.balance"),
        *mask_notes(bundle, *means.values()),
    ]
    return set_table(
        rows, "balance", labels=labels, group="group", numbers=list(labels)[1:], notes=notes,
        spanners={"Share of children": ["control", "treatment"],
                  "Standardised difference": ["adjusted", "crude"]},
    )  # fmt: skip


def missing_patterns(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the odds ratios of being missing on the other covariates and on treatment."""
    table = bundle.table("missing_patterns").reset_index(drop=True)
    covariates = words.in_order(table["covariate"].astype(str), words.COVARIATES)
    fitted = [n for n in covariates if table.loc[table["covariate"] == n, "term"].notna().any()]
    texts: dict[tuple[str, str], str] = {}
    for _, row in table[table["term"].notna()].iterrows():
        step = words.SHARE_STEP if str(row["term"]).endswith("_share") else 1
        told = (numbers.ratio(float(row[c]) ** step) for c in ("odds_ratio", "ci_low", "ci_high"))
        ratio, low, high = told
        text = f"{ratio} ({low} to {high})".replace(" ", numbers.NO_BREAK)
        texts[str(row["term"]), str(row["covariate"])] = text
    rows: Rows = []
    for term in dict.fromkeys(table["term"].dropna().astype(str)):
        group, label = words.term_label(term)
        line = {name: texts.get((term, name), ABSENT) for name in fitted}
        rows.append({"group": group, "term": label, **line})
    order = ["Design", *words.COVARIATES.values()]
    rows.sort(key=lambda row: order.index(row["group"]) if row["group"] in order else len(order))
    labels = {"term": "", **{name: words.label(words.COVARIATES, name) for name in fitted}}
    notes = [
        say("tables.missing_patterns", level=numbers.confidence_level()),
    ]
    for name in covariates:
        first = table[table["covariate"] == name].iloc[0]
        if isinstance(first["notes"], str) and first["notes"]:
            label = words.label(words.COVARIATES, name)
            notes.append(_of_covariate(label, first["notes"]))
    return set_table(
        rows, "missing-patterns", labels=labels, group="group", numbers=fitted, notes=notes
    )


def imputation(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set how the imputation of each covariate went."""
    table = bundle.table("imputation").reset_index(drop=True)
    counts = {name: write_cells(table, name) for name in ("observed", "missing")}
    fmi = write_cells(table, "fmi", numbers.percent)
    r_hat = write_cells(table, "r_hat", two_decimals)
    rows: Rows = []
    notes = []
    for place, name in enumerate(table["variable"].astype(str)):
        label = words.label(words.COVARIATES, name)
        rows.append(
            {
                "variable": label,
                "observed": counts["observed"][place],
                "missing": counts["missing"][place],
                "fmi": fmi[place],
                "r_hat": r_hat[place],
                "converged": YES_NO[bool(table["converged"][place])],
            }
        )
        if isinstance(table["notes"][place], str) and table["notes"][place]:
            notes.append(_of_covariate(label, table["notes"][place]))
    labels = {
        "variable": "", "observed": "Recorded", "missing": "Imputed",
        "fmi": "Missing information", "r_hat": "R\u0302", "converged": "Chains agree",
    }  # fmt: skip
    notes = [
        say("tables.imputation", imputations=numbers.count(bundle.manifest["imputations"])),
        *notes,
        *count_notes(bundle, *counts.values()),
    ]
    return set_table(
        rows, "imputation", labels=labels, numbers=["observed", "missing", "fmi", "r_hat"],
        notes=notes,
    )  # fmt: skip


def _of_covariate(label: str, remarks: str) -> str:
    return say("tables.of_covariate", covariate=label, remark=in_words(remarks))


TABLES: Final[dict[str, Any]] = {
    "profiles": profiles,
    "balance": balance,
    "missing_patterns": missing_patterns,
    "imputation": imputation,
}
