"""What arrived, what was set aside, what differs from the protocol: as sentences and notices."""

from __future__ import annotations

import pandas as pd

from fvlib import protocol
from fvlib.data.files import BANNER_SHARE, UNKNOWN_LA
from fvlib.report import words
from fvlib.report.bundle import Bundle, la_order, masked

Callout = tuple[str, str, str]


def notices(bundle: Bundle) -> tuple[Callout, ...]:
    """Return the callouts (kind, title, text) that stand at the head of a chapter."""
    out: list[Callout] = []
    if bundle.synthetic:
        out.append(
            (
                "warning",
                "Synthetic data",
                "This refresh was simulated to exercise the report. Nothing in it says anything "
                "about any child, family or local authority.",
            )
        )
    if bundle.interim:
        out.append(
            (
                "important",
                "Interim look",
                "This is an interim report: not every child\u2019s outcome window has closed, or "
                "the analysis has not been declared final. It shows estimates with their "
                "intervals, gives no test of significance, and draws no conclusion. Nothing here "
                "should be quoted as a finding.",
            )
        )
    heavy = heavily_set_aside(bundle)
    if heavy:
        told = words.listing(f"{words.LAS[la]} ({words.file_label(file)})" for la, file in heavy)
        out.append(
            (
                "important",
                "Many rows set aside",
                f"More than {words.percent(BANNER_SHARE, 0)} of the rows of these files were "
                f"set aside: {told}. Results that rest on them may change when the files are "
                "corrected.",
            )
        )
    return tuple(out)


def heavily_set_aside(bundle: Bundle) -> list[tuple[str, str]]:
    """List the LA and file of which more than the limit was set aside."""
    arrived = bundle.table("arrivals")
    over = arrived[arrived["over_limit"].astype(bool)]
    return [
        (la, file)
        for la in la_order(over)
        for file in words.in_order(over.loc[over["la"] == la, "file"], words.FILES)
    ]


def set_aside(bundle: Bundle) -> str:
    """Say how many rows were set aside, and in which LAs."""
    aside = bundle.table("set_aside")
    aside = aside[(aside["rows"] > 0) | masked(aside, "rows")]
    if aside.empty:
        return "No row was set aside in any local authority\u2019s files."
    las = la_order(aside)
    origins = [words.LAS[la] for la in las if la != UNKNOWN_LA]
    if UNKNOWN_LA in las:
        origins.append("rows that name no local authority")
    rules = words.plural(aside["rule"].nunique(), "rule")
    hidden = masked(aside, "rows")
    come = f"They come from {words.listing(origins)}."
    if hidden.all():
        return f"Rows were set aside under {rules}, under each too few to show. {come}"
    more = ", not counting those too few to show" if hidden.any() else ""
    known = words.count(aside["rows"].sum())
    return f"In all, {known} rows were set aside under {rules}{more}. {come}"


def arrivals(bundle: Bundle) -> str:
    """Say which files did not arrive."""
    table = bundle.table("arrivals")
    if table.empty:
        return "This refresh holds no account of the files that arrived."
    absent = table[~table["arrived"].astype(bool)]
    if absent.empty:
        return "Every local authority sent every file."
    told = []
    for la in la_order(absent):
        files = absent.loc[absent["la"] == la, "file"]
        told.append(
            f"{words.listing(words.file_label(file).lower() for file in files)} ({words.LAS[la]})"
        )
    return f"Not received: {words.listing(told)}."


def missingness(bundle: Bundle) -> str:
    """Say which covariates are over the protocol's limit, and which an LA lacks altogether."""
    table = bundle.table("missingness")
    if table.empty:
        return "This refresh holds no account of missing covariates."
    every = table[table["condition"] == "all"]
    overall = every[every["la"] == "all"]
    limit = words.percent(protocol.MISSING_LIMIT, 0)
    over = overall[overall["share"] > protocol.MISSING_LIMIT]["covariate"]
    parts = [
        f"Missing in more than {limit} of the cohort, and so dropped: "
        f"{words.listing(words.label(words.COVARIATES, name).lower() for name in over)}."
        if len(over)
        else f"No covariate is missing in more than {limit} of the cohort."
    ]
    whole = every[(every["la"] != "all") & (every["share"] >= 1)]
    if len(whole):
        told = words.listing(
            f"{words.label(words.COVARIATES, covariate).lower()} in {words.LAS[la]}"
            for covariate, la in zip(whole["covariate"], whole["la"], strict=True)
        )
        parts.append(f"Not recorded at all: {told}.")
    return " ".join(parts)


def withdrawn(bundle: Bundle) -> str:
    """Say how many children's data were withdrawn, and nothing else about them."""
    table = bundle.table("withdrawn")
    if table.empty:
        return "This refresh holds no account of data that were withdrawn."
    if masked(table, "children").any():
        limit = words.count(bundle.manifest["disclosure"]["threshold"])
        told = f"The data of fewer than {limit} children"
    elif table["children"].sum() == 0:
        return "No child\u2019s data were withdrawn."
    else:
        told = f"The data of {words.count(table['children'].sum())} children"
    return f"{told} were withdrawn, and taken out before anything else was read from them."


def changes(bundle: Bundle) -> str:
    """Say with which earlier refresh this one is compared, and how far the data reach by now."""
    previous = bundle.manifest.get("previous_refresh")
    if not previous:
        return "This refresh names no earlier one: there is nothing to compare it with."
    before = bundle.manifest.get("previous_data_through")
    if not before:
        return (
            f"The previous refresh is {previous}. Its released results were not at hand when "
            "these were made, so that what changed since then cannot be told here."
        )
    now = bundle.manifest["data_through"]
    reach = (
        f"The data still reach to {words.dates_by_la(now)}."
        if before == now
        else f"Its data reached to {words.dates_by_la(before)}; they now reach to "
        f"{words.dates_by_la(now)}."
    )
    same = "" if has_changes(bundle) else " No count that can be shown has changed."
    return f"The previous refresh is {previous}. {reach}{same}"


def has_changes(bundle: Bundle) -> bool:
    """Whether there is an earlier refresh, and a difference from it that can be shown."""
    compared = bool(bundle.manifest.get("previous_data_through"))
    return compared and bool(bundle.table("changes")["direction"].isin(("more", "fewer")).any())


def trial_period(bundle: Bundle) -> str:
    """Say whether the trial period is the protocol's."""
    period = bundle.manifest["trial_period"]
    told = words.span(period["start"], period["end"])
    if not period.get("reason"):
        return f"Referrals from {told} count, as the protocol has it."
    intended = words.span(protocol.TRIAL_START, protocol.TRIAL_END)
    return (
        f"Referrals from {told} count, and not those from {intended} as the protocol has it: "
        f"{period['reason']}."
    )


def changed_dates(bundle: Bundle) -> str:
    """Say which Operationally Live dates differ from those intended."""
    changed = bundle.manifest.get("changed_dates") or []
    if not changed:
        return "Every local authority went live on the date that the protocol intended."
    las = words.listing(words.LAS[entry["la"]] for entry in changed)
    return (
        f"The Operationally Live date of {las} differs from the one intended; the table gives "
        "the reasons."
    )


def cohort(bundle: Bundle) -> str:
    """Say how many children make up the cohort, and how many of them can't be analysed."""
    flow = bundle.table("flow")
    counts = flow.groupby("step")["n"].sum(min_count=1)
    hidden = set(flow.loc[masked(flow, "n"), "step"])
    if "cohort" in hidden or pd.isna(counts.get("cohort", float("nan"))):
        return "The number of children in the cohort is too small to show."
    told = f"The cohort is made up of {words.count(counts['cohort'])} children"
    waiting = counts.get("P1_not_observable", 0)
    if "P1_not_observable" in hidden or not waiting > 0:
        return f"{told}."
    return (
        f"{told}. The window of the primary outcome is still open for "
        f"{words.count(waiting)} of them, who are not yet analysed."
    )
