"""Tables of what arrived and who was followed: files, rows, flow, counts, missingness, dates."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.report import accounts, words
from fvlib.report.bundle import Bundle, la_order
from fvlib.report.register import Entry, Register
from fvlib.report.table_style import ABSENT, Rows, by_la, cell, count_notes, house


def flow(bundle: Bundle, register: Register) -> gt.GT:
    """Set the flow of children by LA and step."""
    table = bundle.table("flow")
    rows, headings, las, texts = by_la(table, "step", "n")
    for row in rows:
        row["step"] = words.label(words.STEPS, row["step"])
    return house(rows, "flow", labels=headings, numbers=las, notes=count_notes(bundle, texts))


def crude(bundle: Bundle, register: Register) -> gt.GT:
    """Set the primary outcome's crude counts by LA and condition."""
    table = bundle.table("crude")
    table = table[table["outcome"] == protocol.PRIMARY_OUTCOME].reset_index(drop=True)
    texts = {name: cell(table, name) for name in ("n", "events", "not_observable", "missing")}
    texts["mean"] = cell(table, "mean", words.percent)
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
    labels = {
        "condition": "Referred", "n": "Analysed", "events": "Looked after", "mean": "Share",
        "not_observable": "Window open", "missing": "Missing",
    }  # fmt: skip
    notes = [
        "Not comparable: before and after go-live are different calendar times, and the five LAs "
        "weigh differently in each.",
        *count_notes(bundle, *texts.values()),
    ]
    return house(
        rows, "crude", labels=labels, group="la",
        numbers=["n", "events", "mean", "not_observable", "missing"], notes=notes,
    )  # fmt: skip


def periods(bundle: Bundle, register: Register) -> gt.GT:
    """Set children and events by LA, period and condition."""
    table = bundle.table("periods")
    n, events = cell(table, "n"), cell(table, "events")
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
    return house(
        rows, "periods", labels=labels, group="la", numbers=["n", "events"],
        notes=count_notes(bundle, n, events),
    )  # fmt: skip


def set_aside(bundle: Bundle, register: Register) -> gt.GT:
    """Set rows set aside by file, rule and LA."""
    return _rules(bundle, "set_aside")


def resolved(bundle: Bundle, register: Register) -> gt.GT:
    """Set rows resolved by a stated rule, by file, rule and LA."""
    return _rules(bundle, "resolved")


def _rules(bundle: Bundle, name: str) -> gt.GT:
    table = bundle.table(name).copy()
    table["key"] = table["file"].astype(str) + "\t" + table["rule"].astype(str)
    table = table.sort_values("key", kind="stable", key=_file_then_rule).reset_index(drop=True)
    rows, headings, _, texts = by_la(table, "key", "rows")
    las = list(protocol.LA_KEYS)
    for row in rows:
        file, rule = row.pop("key").split("\t")
        row |= {"file": words.file_label(file), "rule": words.rule_label(rule)}
        for la in las:  # no row of an LA under a rule is a true zero
            row[la] = words.count(0) if row.get(la, ABSENT) == ABSENT else row[la]
    headings = {"rule": "", **{la: words.LAS[la] for la in las}}
    return house(
        rows, name.replace("_", "-"), labels=headings, group="file", numbers=las,
        notes=count_notes(bundle, texts),
    )  # fmt: skip


def _file_then_rule(keys: pd.Series) -> pd.Series:
    order = {name: place for place, name in enumerate(words.FILES)}
    return keys.map(
        lambda key: f"{order.get(key.split(chr(9))[0].removesuffix('.csv'), len(order)):02d}{key}"
    )


def arrivals(bundle: Bundle, register: Register) -> gt.GT:
    """Set what arrived: rows read and kept by file and LA."""
    table = bundle.table("arrivals")
    read, kept = cell(table, "rows_read"), cell(table, "rows_kept")
    rows: Rows = []
    for file in words.in_order(table["file"].astype(str), words.FILES):
        for place in table.index[table["file"] == file]:
            arrived = bool(table["arrived"][place])
            dates = [table[c][place] for c in ("first_date", "last_date")]
            rows.append(
                {
                    "file": words.file_label(file),
                    "la": words.LAS[str(table["la"][place])],
                    "read": read[place] if arrived else "not received",
                    "kept": kept[place] if arrived else ABSENT,
                    "first": words.short_day(dates[0]) if isinstance(dates[0], str) else ABSENT,
                    "last": words.short_day(dates[1]) if isinstance(dates[1], str) else ABSENT,
                }
            )
    labels = {"la": "", "read": "Rows read", "kept": "Rows kept", "first": "First date",
              "last": "Last date"}  # fmt: skip
    return house(
        rows, "arrivals", labels=labels, group="file", numbers=["read", "kept", "first", "last"],
        notes=count_notes(bundle, read, kept),
    )  # fmt: skip


def missingness(bundle: Bundle, register: Register) -> gt.GT:
    """Set the share missing by covariate and LA."""
    table = bundle.table("missingness")
    table = table[table["condition"] == "all"].reset_index(drop=True)
    rows, headings, las, texts = by_la(table, "covariate", "share", words.percent)
    rows = [row | {"covariate": words.label(words.COVARIATES, row["covariate"])} for row in rows]
    limit = words.percent(protocol.MISSING_LIMIT, 0)
    reasons = bundle.manifest.get("missing_because") or {}
    notes = [
        f"A covariate missing in more than {limit} of the cohort is dropped (protocol, Handling "
        "missing data); the others are multiply imputed.",
        *(
            f"{words.label(words.COVARIATES, name)}: {reason}."
            for name, reason in sorted(reasons.items())
        ),
        *count_notes(bundle, texts)[1:],
    ]
    return house(rows, "missingness", labels=headings, numbers=las, notes=notes)


def live_dates(bundle: Bundle, register: Register) -> gt.GT:
    """Set intended and actual Operationally Live dates, with the reason for each change."""
    manifest = bundle.manifest
    changed = {entry["la"]: entry for entry in manifest.get("changed_dates") or []}
    rows: Rows = []
    for la in protocol.LOCAL_AUTHORITIES:
        entry = changed.get(la.key, {})
        agreed, consulted = entry.get("dfe_agreed"), entry.get("developer_consulted")
        rows.append(
            {
                "la": la.name,
                "readiness": la.readiness,
                "intended": words.short_day(manifest["intended_dates"][la.key]),
                "live": words.short_day(manifest["live_dates"][la.key]),
                "reason": words.sentence_case(str(entry["reason"])) if entry else ABSENT,
                "dfe": (words.short_day(agreed) if agreed else "not recorded") if entry else ABSENT,
                "developer": CONSULTED[consulted] if entry else ABSENT,
            }
        )
    labels = {
        "la": "", "readiness": "Readiness", "intended": "Intended", "live": "Operationally Live",
        "reason": "Reason for the change", "dfe": "DfE agreed", "developer": "Developer consulted",
    }  # fmt: skip
    return house(
        rows, "live-dates", labels=labels, notes=["DfE: Department for Education."],
    )  # fmt: skip


def control_window(bundle: Bundle, register: Register) -> gt.GT:
    """Set the share of the control children's window that lay after go-live, by outcome."""
    table = bundle.table("control_window")
    texts = cell(table, "share", lambda share: words.percent(share, 0))
    rows: Rows = [
        {"outcome": f"{name} {words.OUTCOMES[name].label}", "share": texts[place]}
        for place, name in zip(table.index, table["outcome"].astype(str), strict=True)
    ]
    labels = {"outcome": "", "share": "Share of the window after go-live"}
    return house(rows, "control-window", labels=labels, numbers=["share"], narrow=True)


def readings(bundle: Bundle, register: Register) -> gt.GT:
    """Set the register of readings."""
    rows = [_entry(entry) for entry in register.readings]
    labels = {"id": "", "what": "Reading", "where": "Protocol section", "applies": "Applies to"}
    return house(rows, "readings", labels=labels, notes=REGISTER_NOTES[:1])


def deviations(bundle: Bundle, register: Register) -> gt.GT:
    """Set the register of deviations, those that this refresh brought with it included."""
    rows = [_entry(entry) | {"when": entry.when or ABSENT} for entry in register.deviations]
    rows += _of_this_refresh(bundle)
    labels = {"id": "", "what": "Deviation", "where": "Protocol section", "applies": "Applies to",
              "when": "Decided"}  # fmt: skip
    return house(rows, "deviations", labels=labels, notes=REGISTER_NOTES[1:])


def _entry(entry: Entry) -> dict[str, str]:
    what = f"{entry.title}. {entry.text}"
    return {
        "id": entry.id,
        "what": f"{what} Contested." if entry.contested else what,
        "where": entry.where,
        "applies": ", ".join(entry.applies_to) or "the report as a whole",
    }


def _of_this_refresh(bundle: Bundle) -> Rows:
    """List what the data of this refresh made necessary: changed dates, dropped LA covariates."""
    rows: Rows = []
    if bundle.manifest.get("changed_dates"):
        rows.append(
            {
                "what": accounts.changed_dates(bundle),
                "where": "Randomisation",
                "applies": "all analyses",
            }
        )
    if bundle.manifest["trial_period"].get("reason"):
        rows.append(
            {
                "what": accounts.trial_period(bundle),
                "where": "Randomisation",
                "applies": "all analyses",
            }
        )
    dropped: dict[str, list[str]] = {}
    for name, part in bundle.estimates.groupby("analysis", sort=False):
        text = part["dropped"].iloc[0]
        if isinstance(text, str):
            for term in text.split("; "):
                if term.split(" ")[0] in protocol_la_covariates():
                    dropped.setdefault(term, []).append(str(name))
    for term, names in dropped.items():
        rows.append(
            {
                "what": f"LA covariate dropped from the model: {words.readable(term)}.",
                "where": "Covariates",
                "applies": ", ".join(names),
            }
        )
    return [
        row | {"id": f"T{place}", "when": "In this refresh"}
        for place, row in enumerate(rows, start=1)
    ]


def protocol_la_covariates() -> frozenset[str]:
    """Return the machine names of the LA covariates."""
    return frozenset(name for name, text in words.COVARIATES.items() if text.startswith("LA: "))


def provenance(bundle: Bundle, register: Register) -> gt.GT:
    """Set what this report was made from: refresh, dates, settings, versions, hashes."""
    manifest = bundle.manifest
    rule = manifest["disclosure"]
    lines = {
        "Refresh": str(manifest["refresh"]),
        "Data": "synthetic" if bundle.synthetic else "from the local authorities",
        "Look": "interim" if bundle.interim else "final",
        "Registration": str(manifest.get("registration") or "not recorded"),
        "Seed": str(manifest["seed"]),
        "Imputations": str(manifest["imputations"]),
        "Disclosure": f"counts under {rule['threshold']} masked, others rounded to the nearest "
        f"{rule['round_to']}",
        **{f"Version of {name}": str(v) for name, v in sorted(manifest["versions"].items())},
        **{f"Hash of {name}": _digest(v) for name, v in sorted(manifest["hashes"].items())},
    }
    through = manifest["data_through"]
    for la in protocol.LA_KEYS:
        lines[f"Data through, {words.LAS[la]}"] = words.day(through[la])
    rows = [{"what": name, "value": value} for name, value in lines.items()]
    return house(rows, "provenance", labels={"what": "", "value": ""})


def abbreviations(bundle: Bundle, register: Register) -> gt.GT:
    """Set the abbreviations used."""
    rows = [{"short": short, "long": long} for short, long in words.ABBREVIATIONS.items()]
    return house(rows, "abbreviations", labels={"short": "", "long": "Meaning"}, narrow=True)


def _digest(value: object) -> str:
    """Shorten a hash to what tells two apart; many files' hashes are hashed once more."""
    if isinstance(value, str):
        return value[:HASH_DIGITS]
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:HASH_DIGITS]


HASH_DIGITS: Final = 16
CONSULTED: Final[dict[bool | None, str]] = {True: "yes", False: "no", None: "not recorded"}
REGISTER_NOTES: Final = (
    "R: a reading of the protocol, where it leaves something open or says it twice.",
    "D: a deviation of the analysis plan from the protocol. T: one that this refresh brought "
    "with it.",
)

TABLES: Final[dict[str, Any]] = {
    "flow": flow,
    "crude": crude,
    "periods": periods,
    "set_aside": set_aside,
    "resolved": resolved,
    "arrivals": arrivals,
    "missingness": missingness,
    "live_dates": live_dates,
    "control_window": control_window,
    "readings": readings,
    "deviations": deviations,
    "provenance": provenance,
    "abbreviations": abbreviations,
}
