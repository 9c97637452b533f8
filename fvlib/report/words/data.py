"""What arrived, what was set aside, what differs from the protocol: their words."""

from __future__ import annotations

from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.contract.files import BANNER_SHARE, UNKNOWN_LA
from fvlib.report.bundle import ReleasedBundle, la_order, masked
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say

Callout = tuple[str, str, str]
HASH_DIGITS: Final = 12  # of the code's hash: what tells two states of it apart


def made_with(bundle: ReleasedBundle) -> str:
    """Name the code that made the results: its version, and the beginning of its hash."""
    version = bundle.manifest.get("versions", {}).get("fvlib", "unknown")
    code = bundle.manifest.get("hashes", {}).get("code", "unknown")
    return f"fvlib {version}, code {code[:HASH_DIGITS]}"


def notices(bundle: ReleasedBundle) -> tuple[Callout, ...]:
    """Return the callouts (kind, title, text) that stand at the head of a chapter."""
    out: list[Callout] = []
    if bundle.synthetic:
        out.append(_notice("warning", "synthetic"))
    if bundle.interim:
        out.append(_notice("important", "interim"))
    rule = bundle.manifest["disclosure"]
    if rule.get("reason"):  # params ask for one where the rule is weaker than the protocol's
        counts = {name: numbers.count(rule[name]) for name in ("threshold", "round_to")}
        out.append(_notice("important", "weaker_disclosure", **counts, reason=rule["reason"]))
    heavy = heavily_set_aside(bundle)
    if heavy:
        told = numbers.listing(
            f"{labels.LAS[la]} ({labels.file_label(file)})" for la, file in heavy
        )
        limit = numbers.percent(BANNER_SHARE, 0)
        out.append(_notice("important", "set_aside", limit=limit, files=told))
    return tuple(out)


def _notice(kind: str, name: str, **numbers: str) -> Callout:
    title, text = (say(f"notices.{name}", part, **numbers) for part in ("title", "text"))
    return kind, title, text


def heavily_set_aside(bundle: ReleasedBundle) -> list[tuple[str, str]]:
    """List the LA and file of which more than the limit was set aside."""
    arrived = bundle.table("arrivals")
    over = arrived[arrived["over_limit"].astype(bool)]
    return [
        (la, file)
        for la in la_order(over)
        for file in labels.in_order(over.loc[over["la"] == la, "file"], labels.FILES)
    ]


def set_aside(bundle: ReleasedBundle) -> str:
    """Say how many rows were set aside, and in which LAs."""
    aside = bundle.table("set_aside")
    aside = aside[(aside["rows"] > 0) | masked(aside, "rows")]
    if aside.empty:
        return say("data_quality.set_aside", "none")
    las = la_order(aside)
    origins = [labels.LAS[la] for la in las if la != UNKNOWN_LA]
    if UNKNOWN_LA in las:
        origins.append(say("data_quality.rows_of_no_la"))
    hidden = masked(aside, "rows")
    state = "all_masked" if hidden.all() else "some_masked" if hidden.any() else "all_shown"
    return say(
        "data_quality.set_aside",
        state,
        rows=numbers.count(aside["rows"].sum()),
        rules=numbers.plural(aside["rule"].nunique(), "rule"),
        origins=numbers.listing(origins),
    )


def arrivals(bundle: ReleasedBundle) -> str:
    """Say which files did not arrive."""
    table = bundle.table("arrivals")
    if table.empty:
        return say("data_quality.arrivals", "no_account")
    absent = table[~table["arrived"].astype(bool)]
    if absent.empty:
        return say("data_quality.arrivals", "all")
    told = []
    for la in la_order(absent):
        files = absent.loc[absent["la"] == la, "file"]
        told.append(
            f"{numbers.listing(labels.file_label(file).lower() for file in files)} "
            f"({labels.LAS[la]})"
        )
    return say("data_quality.arrivals", "absent", files=numbers.listing(told))


def missingness(bundle: ReleasedBundle) -> str:
    """Say which covariates are over the protocol's limit, and which an LA lacks altogether."""
    table = bundle.table("missingness")
    if table.empty:
        return say("data_quality.missingness_no_account")
    every = table[table["condition"] == "all"]
    overall = every[every["la"] == "all"]
    limit = numbers.percent(protocol.MISSING_LIMIT, 0)
    over = overall[overall["share"] > protocol.MISSING_LIMIT]["covariate"]
    names = numbers.listing(labels.label(labels.COVARIATES, name).lower() for name in over)
    state = "dropped" if names else "none_dropped"
    parts = [say("data_quality.missingness", state, limit=limit, covariates=names)]
    whole = every[(every["la"] != "all") & (every["share"] >= 1)]
    if len(whole):
        told = numbers.listing(
            say(
                "data_quality.missing_where",
                covariate=labels.label(labels.COVARIATES, covariate).lower(),
                la=labels.LAS[la],
            )
            for covariate, la in zip(whole["covariate"], whole["la"], strict=True)
        )
        parts.append(say("data_quality.missing_wholly", where=told))
    return " ".join(parts)


def withdrawn(bundle: ReleasedBundle) -> str:
    """Say how many children's data were withdrawn, and nothing else about them."""
    table = bundle.table("withdrawn")
    if table.empty:
        return say("data_quality.withdrawn", "no_account")
    if masked(table, "children").any():
        limit = numbers.count(bundle.manifest["disclosure"]["threshold"])
        return say("data_quality.withdrawn", "masked", limit=limit)
    children = table["children"].sum()
    state = "shown" if children else "none"
    return say("data_quality.withdrawn", state, n=numbers.count(children))


def changes(bundle: ReleasedBundle) -> str:
    """Say with which earlier refresh this one is compared, and how far the data reach by now."""
    previous = bundle.manifest.get("previous_refresh")
    if not previous:
        return say("data_quality.changes", "none_named")
    before = bundle.manifest.get("previous_data_through")
    if not before:
        return say("data_quality.changes", "not_at_hand", previous=previous)
    now = bundle.manifest["data_through"]
    told = say(
        "data_quality.changes",
        "same" if before == now else "further",
        previous=previous,
        before=labels.dates_by_la(before),
        now=labels.dates_by_la(now),
    )
    return told if has_changes(bundle) else f"{told} {say('data_quality.changes_none_shown')}"


def has_changes(bundle: ReleasedBundle) -> bool:
    """Whether there is an earlier refresh, and a difference from it that can be shown."""
    compared = bool(bundle.manifest.get("previous_data_through"))
    return compared and bool(bundle.table("changes")["direction"].isin(("more", "fewer")).any())


def trial_period(bundle: ReleasedBundle) -> str:
    """Say whether the trial period is the protocol's."""
    period = bundle.manifest["trial_period"]
    return say(
        "data_quality.trial_period",
        "changed" if period.get("reason") else "as_intended",
        period=numbers.span(period["start"], period["end"]),
        intended=numbers.span(protocol.TRIAL_START, protocol.TRIAL_END),
        reason=str(period.get("reason")),
    )


def changed_dates(bundle: ReleasedBundle) -> str:
    """Say which Operationally Live dates differ from those intended."""
    changed = bundle.manifest.get("changed_dates") or []
    las = numbers.listing(labels.LAS[entry["la"]] for entry in changed)
    return say("data_quality.changed_dates", "some" if changed else "none", las=las)


def cohort(bundle: ReleasedBundle) -> str:
    """Say how many children make up the cohort, and how many of them can't be analysed."""
    flow = bundle.table("flow")
    counts = flow.groupby("step")["n"].sum(min_count=1)
    hidden = set(flow.loc[masked(flow, "n"), "step"])
    if "cohort" in hidden or pd.isna(counts.get("cohort", float("nan"))):
        return say("data_quality.cohort", "masked")
    n, waiting = numbers.count(counts["cohort"]), counts.get("P1_not_observable", 0)
    if "P1_not_observable" in hidden or not waiting > 0:
        return say("data_quality.cohort", "whole", n=n)
    return say("data_quality.cohort", "waiting", n=n, waiting=numbers.count(waiting))
