"""Tables of what differs and where it comes from: registers, live dates, provenance."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import great_tables as gt

from fvlib import protocol
from fvlib.remarks import BETWEEN
from fvlib.report.bundle import ReleasedBundle
from fvlib.report.cells import ABSENT
from fvlib.report.register import Entry, Register
from fvlib.report.tables.style import Rows, set_table
from fvlib.report.words import data as accounts
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say
from fvlib.report.words.reasons import in_words

LA_COVARIATES: Final = frozenset(
    name for name, text in labels.COVARIATES.items() if text.startswith("LA:")
)
HASH_DIGITS: Final = 16
CONSULTED: Final[dict[bool | None, str]] = {True: "yes", False: "no", None: "not recorded"}
REGISTER_WIDTHS: Final = {"id": "7%", "what": "57%", "where": "21%", "applies": "15%"}
DEVIATION_WIDTHS: Final = {
    "id": "7%", "what": "46%", "where": "18%", "applies": "13%", "when": "16%",
}  # fmt: skip


def live_dates(bundle: ReleasedBundle, register: Register) -> gt.GT:
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
                "intended": numbers.short_day(manifest["intended_dates"][la.key]),
                "live": numbers.short_day(manifest["live_dates"][la.key]),
                "reason": numbers.sentence_case(str(entry["reason"])) if entry else ABSENT,
                "dfe": (numbers.short_day(agreed) if agreed else "not recorded")
                if entry
                else ABSENT,
                "developer": CONSULTED[consulted] if entry else ABSENT,
            }
        )
    labels = {
        "la": "", "readiness": "Readiness", "intended": "Intended", "live": "Operationally Live",
        "reason": "Reason for the change", "dfe": "DfE agreed", "developer": "Developer consulted",
    }  # fmt: skip
    return set_table(
        rows, "live-dates", labels=labels, notes=[say("tables.live_dates")],
    )  # fmt: skip


def readings(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the register of readings."""
    rows = [_entry(entry) for entry in register.readings]
    labels = {"id": "", "what": "Reading", "where": "Protocol section", "applies": "Applies to"}
    return set_table(
        rows, "readings", labels=labels, notes=[say("registers.reading")], widths=REGISTER_WIDTHS
    )


def deviations(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the register of deviations, those that this refresh brought with it included."""
    rows = [_entry(entry) | {"when": entry.when or ABSENT} for entry in register.deviations]
    rows += _of_this_refresh(bundle)
    labels = {"id": "", "what": "Deviation", "where": "Protocol section", "applies": "Applies to",
              "when": "Decided"}  # fmt: skip
    return set_table(
        rows,
        "deviations",
        labels=labels,
        notes=[say("registers.deviation")],
        widths=DEVIATION_WIDTHS,
    )


def _entry(entry: Entry) -> dict[str, str]:
    what = f"{entry.title}. {entry.text}"
    return {
        "id": entry.id,
        "what": f"{what} {say('registers.contested')}" if entry.contested else what,
        "where": entry.where,
        "applies": ", ".join(entry.applies_to) or say("registers.whole_report"),
    }


def _of_this_refresh(bundle: ReleasedBundle) -> Rows:
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
        for one in text.split(BETWEEN) if isinstance(text, str) else ():
            if one.partition(":")[2] in LA_COVARIATES:
                dropped.setdefault(one, []).append(str(name))
    for one, names in dropped.items():
        rows.append(
            {
                "what": say("registers.la_covariate_dropped", covariate=in_words(one)),
                "where": "Covariates",
                "applies": ", ".join(names),
            }
        )
    return [
        row | {"id": f"T{place}", "when": "In this refresh"}
        for place, row in enumerate(rows, start=1)
    ]


def provenance(bundle: ReleasedBundle, register: Register) -> gt.GT:
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
        "Disclosure": say(
            "registers.disclosure",
            threshold=str(rule["threshold"]),
            step=str(rule["round_to"]),
        ),
        **{f"Version of {name}": str(v) for name, v in sorted(manifest["versions"].items())},
        **{
            f"Hash of {name}": _digest(v) if v else "none"
            for name, v in sorted(manifest["hashes"].items())
        },
    }
    through = manifest["data_through"]
    for la in protocol.LA_KEYS:
        lines[f"Data through, {labels.LAS[la]}"] = numbers.day(through[la])
    rows = [{"what": name, "value": value} for name, value in lines.items()]
    return set_table(rows, "provenance", labels={"what": "", "value": "Value"})


def abbreviations(bundle: ReleasedBundle, register: Register) -> gt.GT:
    """Set the abbreviations used."""
    rows = [{"short": short, "long": long} for short, long in labels.ABBREVIATIONS.items()]
    return set_table(rows, "abbreviations", labels={"short": "", "long": "Meaning"}, narrow=True)


def _digest(value: object) -> str:
    """Shorten a hash to what tells two apart; many files' hashes are hashed once more."""
    if isinstance(value, str):
        return value[:HASH_DIGITS]
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:HASH_DIGITS]


TABLES: Final[dict[str, Any]] = {
    "live_dates": live_dates,
    "readings": readings,
    "deviations": deviations,
    "provenance": provenance,
    "abbreviations": abbreviations,
}
