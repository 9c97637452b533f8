"""Load and validate, no more: what a refresh's sender has to know before anything is analysed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from rich.table import Table

from fvlib import protocol
from fvlib.check.page import LAS, OUTCOMES, Findings, findings_page, refusal_page
from fvlib.contract import FILES, RULES
from fvlib.contract.files import BANNER_SHARE, SET_ASIDE_FOLDER
from fvlib.errors import Refusal
from fvlib.intake import Extracts
from fvlib.intake.load import extracts_of, screen_refresh, share_set_aside
from fvlib.intake.receive import count_rows_in_words
from fvlib.intake.screening import Screened
from fvlib.refresh import Refresh
from fvlib.trial.spells import count_decisions, periods_of_care, plan_spells

CLEAN: Final = 0
ROWS_SET_ASIDE: Final = 1
REFUSED: Final = 2

_COUNT_COLUMNS: Final = ["outcome", "la", "file", "rule", "rows"]


@dataclass(frozen=True)
class CheckOutcome:
    """What a check found.

    `exit_code`: 0 clean (rows resolved or decided upon included), 1 rows set aside, 2 refused.
    `counts`: outcome (`set aside`, `resolved`, `decided`), la, file, rule, rows. `arrivals`: as in
    `Extracts`. `html`: one self-contained page without any child's value. `message`: why it was
    refused, else empty.
    """

    exit_code: int
    counts: pd.DataFrame
    arrivals: pd.DataFrame
    html: str
    message: str = ""


def check_refresh(refresh: Refresh, root: Path) -> CheckOutcome:
    """Load and validate a refresh; write the rows set aside. A refusal is an outcome, not raised.

    Parameters
    ----------
    refresh
        The refresh's params.
    root
        The project's root.
    """
    try:
        intake, screened = screen_refresh(refresh, root)
    except Refusal as refusal:
        nothing = pd.DataFrame(columns=_COUNT_COLUMNS)
        page = refusal_page(refresh, str(refusal))
        return CheckOutcome(REFUSED, nothing, pd.DataFrame(), page, str(refusal))
    extracts = extracts_of(intake, screened)
    counts = _counts(extracts)
    exit_code = ROWS_SET_ASIDE if len(extracts.set_aside) else CLEAN
    found = Findings(
        _headline(counts),
        over_limit(extracts.arrivals, counts),
        _by_la(counts),
        columns_at_fault(screened),
        _with_outcomes(extracts.arrivals, counts),
    )
    return CheckOutcome(exit_code, counts, extracts.arrivals, findings_page(refresh, found))


def _with_outcomes(arrivals: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Add to each LA's file how many of its rows were set aside and resolved."""
    wide = counts.pivot_table(
        index=["la", "file"], columns="outcome", values="rows", aggfunc="sum", observed=True
    )
    wide = wide.reindex(columns=["set aside", "resolved"])
    told = arrivals.join(wide, on=["la", "file"])
    return told.fillna({"set aside": 0, "resolved": 0}).astype(dict.fromkeys(wide, "int64"))


def _counts(extracts: Extracts) -> pd.DataFrame:
    """Count rows set aside, resolved, and read by a rule beside the child's other rows."""
    _, of_episodes = periods_of_care(extracts.care_episodes)
    _, _, of_plans = plan_spells(extracts.plans)
    decided = count_decisions((extracts.care_episodes, of_episodes), (extracts.plans, of_plans))
    decided = decided[decided["rows"] > 0].assign(
        file=lambda frame: frame["rule"].map(lambda rule: RULES[str(rule)].files[0])
    )
    parts = {"set aside": extracts.set_aside, "resolved": extracts.resolved, "decided": decided}
    every = pd.concat([part.assign(outcome=outcome) for outcome, part in parts.items()])
    return every[_COUNT_COLUMNS].reset_index(drop=True)


def columns_at_fault(screened: Iterable[Screened]) -> dict[tuple[str, str], str]:
    """Name by file and rule the columns in which rows set aside are at fault."""
    named: dict[tuple[str, str], dict[str, None]] = {}
    for part in screened:
        aside = part.rule > 0
        pairs = zip(part.rule_names[aside], part.column_names[aside], strict=True)
        for rule, column in sorted(set(pairs)):
            named.setdefault((part.spec.name, rule), {})[column] = None
    return {key: ", ".join(columns) for key, columns in named.items()}


def summary_table(outcome: CheckOutcome) -> Table:
    """Show a check's outcome in a terminal: files and rules down, LAs across."""
    if outcome.exit_code == REFUSED:
        table = Table(
            title="Refused: nothing was loaded", title_style="bold red", show_header=False
        )
        for line in outcome.message.splitlines():
            table.add_row(line.strip())
        return table
    table = Table(
        title=_headline(outcome.counts), caption=_caption(outcome), caption_justify="left"
    )
    table.add_column("Outcome")
    table.add_column("File")
    table.add_column("Rule")
    wide = _by_la(outcome.counts)
    for la in map(str, wide.columns):
        table.add_column(LAS[la], justify="right")
    for row in wide.reset_index().itertuples(index=False):
        words, numbers = row[: wide.index.nlevels], row[wide.index.nlevels :]
        table.add_row(*words, *(f"{n:,}" if n else "" for n in numbers))
    return table


def over_limit(arrivals: pd.DataFrame, counts: pd.DataFrame) -> list[str]:
    """Name the LAs' files of which more than 5 % of the rows were set aside, with the share."""
    share = share_set_aside(arrivals, counts[counts["outcome"] == "set aside"])
    over = share[share > BANNER_SHARE]
    las, files = (arrivals.loc[over.index, name].astype("str") for name in ("la", "file"))
    return [
        f"{LAS[la]}, {file}: {part:.1%}" for la, file, part in zip(las, files, over, strict=True)
    ]


def _headline(counts: pd.DataFrame) -> str:
    total = counts.groupby("outcome")["rows"].sum()
    aside, resolved = int(total.get("set aside", 0)), int(total.get("resolved", 0))
    if aside:
        return f"{count_rows_in_words(aside)} set aside, {resolved:,} resolved"
    return f"Clean: no row set aside, {resolved:,} resolved"


def _caption(outcome: CheckOutcome) -> str:
    read, kept = (int(outcome.arrivals[name].sum()) for name in ("rows_read", "rows_kept"))
    lines = [f"{read:,} rows read, {kept:,} kept."]
    if outcome.exit_code == ROWS_SET_ASIDE:
        lines.append(
            f"The rows are in {SET_ASIDE_FOLDER}/, each with what its sender has to correct."
        )
    if (outcome.counts["outcome"] == "decided").any():
        lines.append(f"Decided: {OUTCOMES['decided']}")
    over = over_limit(outcome.arrivals, outcome.counts)
    if over:
        lines.append(f"More than {BANNER_SHARE:.0%} set aside: {'; '.join(over)}.")
    return "\n".join(lines)


def _by_la(counts: pd.DataFrame) -> pd.DataFrame:
    """Spread counts over the LAs; set aside first, files and rules in the contract's order."""
    wide = counts.pivot_table(
        index=["outcome", "file", "rule"], columns="la", values="rows", aggfunc="sum",
        observed=True, fill_value=0,
    )  # fmt: skip
    order = {name: at for at, name in enumerate((*FILES, *RULES))}
    order |= {"set aside": 0, "resolved": 1, "decided": 2}
    wide = wide.sort_index(key=lambda level: level.map(order))
    las = [la for la in LAS if la in wide.columns or la in protocol.LA_NAMES]
    wide.columns = pd.Index(wide.columns.astype(str))
    return wide.reindex(columns=las, fill_value=0).astype("int64")
