"""Tables of what arrived and who was followed: files, rows, flow, counts, missingness."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.contract import RULES
from fvlib.report.bundle import ReleasedBundle, every_la, la_order, masked
from fvlib.report.cells import ABSENT, Written, write_cells
from fvlib.report.register import Register
from fvlib.report.tables.style import Rows, by_la, count_notes, mask_notes, set_table
from fvlib.report.words import labels as words
from fvlib.report.words import numbers
from fvlib.report.words.estimates import mean
from fvlib.report.words.phrases import say


def flow(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the flow of children by LA and step."""
    table = bundle.table("flow")
    rows, headings, las, texts = by_la(table, "step", "n")
    for row in rows:
        row["step"] = words.label(words.STEPS, row["step"])
    return set_table(rows, "flow", labels=headings, numbers=las, notes=count_notes(bundle, texts))


def crude(
    bundle: ReleasedBundle, register: Register, outcome: str = protocol.PRIMARY_OUTCOME
) -> gt.GT:
    """Set an outcome's crude counts by LA and condition."""
    table = bundle.table("crude")
    table = table[table["outcome"] == outcome].reset_index(drop=True)
    linear = outcome in protocol.LINEAR_OUTCOMES
    counts = ("n", "not_observable", "missing") if linear else (
        "n", "events", "not_observable", "missing"
    )  # fmt: skip
    texts = {name: write_cells(table, name) for name in counts}
    texts["mean"] = write_cells(table, "mean", partial(mean, outcome=outcome) if linear
                         else numbers.percent)  # fmt: skip
    rows: Rows = []
    for la in la_order(table):
        for place in table.index[table["la"] == la]:
            rows.append(
                {
                    "la": words.LAS[la],
                    "condition": words.label(words.CONDITIONS, str(table["condition"][place])),
                    **{name: text[place] for name, text in texts.items()},
                }
            )
    labels = {"condition": "Referred", "n": "Analysed"}
    if not linear:
        labels["events"] = words.OUTCOMES[outcome].short
    labels |= {
        "mean": "Mean" if linear else "Share", "not_observable": "Window open",
        "missing": "Missing",
    }  # fmt: skip
    notes = [
        say("tables.crude"),
        *count_notes(bundle, *texts.values()),
    ]
    name = "crude" if outcome == protocol.PRIMARY_OUTCOME else f"crude-{outcome}"
    return set_table(
        rows, name, labels=labels, group="la", numbers=list(labels)[1:], notes=notes,
    )  # fmt: skip


def periods(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set children and events by LA, period and condition."""
    table = bundle.table("periods")
    n, events = write_cells(table, "n"), write_cells(table, "events")
    rows: Rows = [
        {
            "la": words.LAS[str(table["la"][place])],
            "period": str(int(table["period"][place])),
            "condition": words.label(words.CONDITIONS, str(table["condition"][place])),
            "n": n[place],
            "events": events[place],
        }
        for place in table.index
    ]
    labels = {
        "period": "Period",
        "condition": "Referred",
        "n": "Children",
        "events": "Looked after",
    }
    return set_table(
        rows, "periods", labels=labels, group="la", numbers=["n", "events"],
        notes=count_notes(bundle, n, events),
    )  # fmt: skip


def set_aside(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set rows set aside by file, rule and LA."""
    return _rules(bundle, "set_aside")


def resolved(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set rows resolved by a stated rule, by file, rule and LA."""
    return _rules(bundle, "resolved")


def _rules(bundle: ReleasedBundle, name: str) -> gt.GT:
    table = bundle.table(name).astype({"file": "str", "rule": "str"})
    table = table.sort_values(["file", "rule"], key=_as_the_contract_has_them, kind="stable")
    table = table.assign(key=table["file"] + "\t" + table["rule"]).reset_index(drop=True)
    rows, headings, _, texts = by_la(table, "key", "rows")
    las = every_la(table)
    for row in rows:
        file, rule = row.pop("key").split("\t")
        row |= {"file": words.file_label(file), "rule": words.rule_label(rule)}
        for la in las:  # no row of an LA under a rule is a true zero
            row[la] = Written(0, numbers.count) if row.get(la, ABSENT) == ABSENT else row[la]
    headings = {"rule": "", **{la: words.LAS[la] for la in las}}
    return set_table(
        rows, name.replace("_", "-"), labels=headings, group="file", numbers=las,
        notes=count_notes(bundle, texts),
    )  # fmt: skip


def _as_the_contract_has_them(names: pd.Series) -> pd.Series:
    """Sort files, or rules, in the contract's order; unknown ones come last."""
    known = words.FILES if names.name == "file" else RULES
    return names.map({name: at for at, name in enumerate(known)}).fillna(len(known))


def arrivals(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set rows kept, of rows read, by file and LA."""
    table = bundle.table("arrivals")
    read, kept = write_cells(table, "rows_read"), write_cells(table, "rows_kept")
    texts = (kept + " of " + read).where(table["arrived"].astype(bool), "not sent")
    rows: Rows = []
    for file in words.in_order(table["file"].astype(str), words.FILES):
        part = table.index[table["file"] == file]
        line = dict(zip(table["la"][part], texts[part], strict=True))
        rows.append({"file": words.file_label(file), **line})
    las = every_la(table)
    headings = {"file": "", **{la: words.LAS[la] for la in las}}
    notes = count_notes(bundle, read, kept)
    return set_table(rows, "arrivals", labels=headings, numbers=las, notes=notes)


def missingness(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the share missing by covariate and condition, with the reasons that were given."""
    table = bundle.table("missingness")
    table = table[table["la"] == "all"].reset_index(drop=True)
    texts = write_cells(table, "share", numbers.percent)
    reasons = bundle.manifest.get("missing_because") or {}
    rows: Rows = []
    for covariate in words.in_order(table["covariate"].astype(str), words.COVARIATES):
        part = table.index[table["covariate"] == covariate]
        line = dict(zip(table["condition"][part], texts[part], strict=True))
        reason = numbers.sentence_case(str(reasons.get(covariate, ABSENT)))
        name = words.label(words.COVARIATES, covariate)
        rows.append({"covariate": name, **line, "reason": reason})
    labels = {"covariate": "", **words.CONDITIONS, "reason": "Reason given"}
    limit = numbers.percent(protocol.MISSING_LIMIT, 0)
    notes = [
        say("tables.missingness", limit=limit),
        *mask_notes(bundle, texts),
    ]
    return set_table(
        rows, "missingness", labels=labels, numbers=list(words.CONDITIONS), notes=notes,
    )  # fmt: skip


def missing_outcomes(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set why outcomes are missing, by outcome and condition."""
    table = bundle.table("missing_outcomes").reset_index(drop=True)
    texts = write_cells(table, "n")
    rows: Rows = []
    for outcome in words.in_order(table["outcome"].astype(str), words.OUTCOMES):
        of_outcome = table[table["outcome"] == outcome]
        known = (*RULES, *words.MISSING_REASONS)
        for reason in words.in_order(of_outcome["reason"].astype(str), known):
            part = of_outcome.index[of_outcome["reason"] == reason]
            line = dict(zip(table["condition"][part], texts[part], strict=True))
            group = f"{outcome} {words.OUTCOMES[outcome].label}"
            rows.append({"outcome": group, "reason": _reason(reason), **line})
    return set_table(
        rows, "missing-outcomes", labels={"reason": "", **words.CONDITIONS}, group="outcome",
        numbers=list(words.CONDITIONS),
        notes=[say("tables.missing_outcomes"), *count_notes(bundle, texts)],
    )  # fmt: skip


def _reason(reason: str) -> str:
    if reason in RULES:
        return say("tables.row_set_aside", rule=words.in_sentence(words.rule_label(reason)))
    return words.label(words.MISSING_REASONS, reason)


def rules(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set what the rules ask that rows of this refresh met, why, and what a sender can do."""
    rows: Rows = []
    tables = (("set_aside", "Set aside"), ("resolved", "Resolved"), ("decisions", "Decided"))
    for name, heading in tables:
        table = bundle.table(name)
        met = set(table.loc[(table["rows"] > 0) | masked(table, "rows"), "rule"])
        rows += [
            {
                "group": heading,
                "rule": words.rule_label(rule.id),
                "checks": _sentences(rule.checks, rule.why),
                "remedy": _sentences(rule.remedy) or ABSENT,
            }
            for rule in RULES.values()
            if rule.id in met and rule.outcome == heading.lower()
        ]
    labels = {"rule": "", "checks": "What holds, and why", "remedy": "What a sender can do"}
    return set_table(
        rows, "rules", labels=labels, group="group",
        widths={"rule": "24%", "checks": "46%", "remedy": "30%"},
    )  # fmt: skip


def _sentences(*parts: str) -> str:
    return " ".join(
        f"{numbers.sentence_case(numbers.apostrophes(part))}." for part in parts if part
    )


def decisions(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set what the reconstruction of periods of care and plan spells decided, by LA."""
    table = bundle.table("decisions").reset_index(drop=True)
    met = set(table.loc[(table["rows"] != 0) | masked(table, "rows"), "rule"])
    table = table[table["rule"].isin(met)].reset_index(drop=True)
    rows, headings, las, texts = by_la(table, "rule", "rows")
    for row in rows:
        row["rule"] = words.rule_label(row["rule"])
    return set_table(
        rows, "decisions", labels=headings, numbers=las, notes=count_notes(bundle, texts)
    )


def changes(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set what changed since the previous refresh, by LA: where any change can be shown."""
    table = bundle.table("changes").reset_index(drop=True)
    texts = write_cells(table, "n").where(
        masked(table, "n") | table["direction"].isna(), _signed(table)
    )
    table = table.assign(text=texts, rule=table["rule"].astype(object).fillna(""))
    las = every_la(table)
    rows: Rows = []
    for subject, heading in words.CHANGES.items():
        part = table[table["subject"] == subject]
        part = part[part["direction"].isin(("more", "fewer"))]
        order = words.FILES if subject != "flow" else words.STEPS
        for item in words.in_order(part["item"], order):
            for rule in words.in_order(part.loc[part["item"] == item, "rule"], RULES):
                which = (table["subject"] == subject) & (table["item"] == item)
                line = table[which & (table["rule"] == rule)].set_index("la")["text"]
                rows.append({"group": heading, "what": _changed(subject, item, rule)} | {
                    la: line.get(la, numbers.count(0) if rule else ABSENT)
                    for la in las
                })  # fmt: skip
    step = int(bundle.manifest["disclosure"]["round_to"])
    notes = [say("tables.changes")] if rows else []
    if rows and step > 1:
        notes.append(say("tables.changes_rounded", step=str(step)))
    notes += mask_notes(bundle, texts)
    headings = {"what": "", **{la: words.LAS[la] for la in las}}
    return set_table(rows, "changes", labels=headings, group="group", numbers=las, notes=notes)


def _signed(table: pd.DataFrame) -> pd.Series:
    signs = table["direction"].map({"more": "+", "fewer": numbers.MINUS}).fillna("")
    return signs + table["n"].fillna(0).map(numbers.count)


def _changed(subject: str, item: str, rule: str) -> str:
    if subject == "flow":
        return words.label(words.STEPS, item)
    file = words.file_label(item)
    return f"{file}: {words.in_sentence(words.rule_label(rule))}" if rule else file


def control_window(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the share of the control children's window that lay after go-live, by outcome."""
    table = bundle.table("control_window")
    texts = write_cells(table, "share", lambda share: numbers.percent(share, 0))
    rows: Rows = [
        {"outcome": f"{name} {words.OUTCOMES[name].label}", "share": texts[place]}
        for place, name in zip(table.index, table["outcome"].astype(str), strict=True)
    ]
    labels = {"outcome": "", "share": "Share of the window after go-live"}
    return set_table(rows, "control-window", labels=labels, numbers=["share"], narrow=True)


TABLES: Final[dict[str, Any]] = {
    "flow": flow,
    "crude": crude,
    "periods": periods,
    "set_aside": set_aside,
    "resolved": resolved,
    "arrivals": arrivals,
    "missingness": missingness,
    "missing_outcomes": missing_outcomes,
    "rules": rules,
    "decisions": decisions,
    "changes": changes,
    "control_window": control_window,
}
