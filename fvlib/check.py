"""Load and validate, no more: what a refresh's sender has to know before anything is analysed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Final

import pandas as pd
from rich.table import Table

from fvlib import protocol
from fvlib.data.files import BANNER_SHARE, FILES, SET_ASIDE_FOLDER
from fvlib.data.load import Extracts, extracts_of, screen_refresh, share_set_aside
from fvlib.data.rules import RULES
from fvlib.data.screening import LAS
from fvlib.data.validation import FileValidation, validate
from fvlib.errors import Refusal
from fvlib.refresh import Refresh
from fvlib.trial.spells import count_decisions, periods_of_care, plan_spells

CLEAN: Final = 0
ROWS_SET_ASIDE: Final = 1
REFUSED: Final = 2

_DECIDED: Final = (
    "how episodes make up periods of care, and plans spells; no row is left out or changed."
)
_COUNT_COLUMNS: Final = ["outcome", "la", "file", "rule", "rows"]


@dataclass(frozen=True)
class CheckOutcome:
    """What a check found.

    `exit_code`: 0 clean (rows resolved or decided upon included), 1 rows set aside, 2 refused.
    `counts`: outcome (`set aside`, `resolved`, `decided`), la, file, rule, rows. `arrivals`: as in
    `Extracts`. `html`: one self-contained page without any child's value. `message`: why it was
    refused, else empty. `validations`: pointblank's own counts by file.
    """

    exit_code: int
    counts: pd.DataFrame
    arrivals: pd.DataFrame
    html: str
    message: str = ""
    validations: tuple[FileValidation, ...] = field(default=(), repr=False)


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
        page = _page(refresh, "Refused", f"<pre>{escape(str(refusal))}</pre>")
        return CheckOutcome(REFUSED, nothing, pd.DataFrame(), page, str(refusal))
    extracts = extracts_of(intake, screened)
    counts = _counts(extracts)
    validations = tuple(
        validate(parts, refresh)
        for name in FILES
        if (parts := [part for part in screened if part.spec.name == name])
    )
    exit_code = ROWS_SET_ASIDE if len(extracts.set_aside) else CLEAN
    html = _report(refresh, counts, extracts.arrivals, validations)
    return CheckOutcome(exit_code, counts, extracts.arrivals, html, "", validations)


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
        table.add_column(protocol.LA_NAMES.get(la, "No LA named"), justify="right")
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
        f"{protocol.LA_NAMES.get(la, la)}, {file}: {part:.1%}"
        for la, file, part in zip(las, files, over, strict=True)
    ]


def _headline(counts: pd.DataFrame) -> str:
    total = counts.groupby("outcome")["rows"].sum()
    aside, resolved = int(total.get("set aside", 0)), int(total.get("resolved", 0))
    if aside:
        return f"{aside:,} rows set aside, {resolved:,} resolved"
    return f"Clean: no row set aside, {resolved:,} resolved"


def _caption(outcome: CheckOutcome) -> str:
    read, kept = (int(outcome.arrivals[name].sum()) for name in ("rows_read", "rows_kept"))
    lines = [f"{read:,} rows read, {kept:,} kept."]
    if outcome.exit_code == ROWS_SET_ASIDE:
        lines.append(f"The rows are in {SET_ASIDE_FOLDER}/, to be corrected by their senders.")
    if (outcome.counts["outcome"] == "decided").any():
        lines.append(f"Decided: {_DECIDED}")
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
    las = [la for la in LAS if la in wide.columns or la in protocol.LA_KEYS]
    wide.columns = pd.Index(wide.columns.astype(str))
    return wide.reindex(columns=las, fill_value=0).astype("int64")


def _report(
    refresh: Refresh,
    counts: pd.DataFrame,
    arrivals: pd.DataFrame,
    validations: tuple[FileValidation, ...],
) -> str:
    over = over_limit(arrivals, counts)
    parts = []
    if over:
        listed = "; ".join(over)
        parts.append(
            f'<p class="banner" role="alert">More than {BANNER_SHARE:.0%} of a file\'s rows were '
            f"set aside: {escape(listed)}</p>"
        )
    parts.append(f"<h2>Rows set aside, resolved, and decided upon</h2><p>Decided: {_DECIDED}</p>")
    wide = _by_la(counts).rename(columns=protocol.LA_NAMES).reset_index()
    why = {rule.id: f"{rule.checks}; {rule.why}" for rule in RULES.values()}
    wide.insert(3, "what the rule asks, and why", wide["rule"].map(why))
    parts.append(_html_table(wide) if len(wide) else "<p>None.</p>")
    parts.append("<h2>What arrived</h2>")
    told = arrivals.assign(
        la=arrivals["la"].astype("str").replace(protocol.LA_NAMES),
        arrived=arrivals["arrived"].map({True: "yes", False: "no rows"}),
        first_date=arrivals["first_date"].dt.strftime("%Y-%m-%d").fillna(""),
        last_date=arrivals["last_date"].dt.strftime("%Y-%m-%d").fillna(""),
    )
    parts.append(_html_table(told.rename(columns=lambda name: name.replace("_", " "))))
    parts.append(
        "<h2>Column and row rules, file by file</h2><p>Made by pointblank over all authorities "
        "together. A row that breaks several rules counts under each of them here, and under the "
        "first of them above. Rules across files stand above only.</p>"
    )
    parts += [
        f"<details><summary>{escape(each.file)}: {int((each.failed['rows'] > 0).sum())} of "
        f"{len(each.failed)} checks found rows</summary>{each.html}</details>"
        for each in validations
    ]
    return _page(refresh, _headline(counts), "\n".join(parts))


def _html_table(frame: pd.DataFrame) -> str:
    shown = frame.copy()
    for name in shown.columns:
        if pd.api.types.is_integer_dtype(shown[name]):
            shown[name] = shown[name].map("{:,}".format).replace("0", "")
    return f'<div class="wide">{shown.to_html(index=False, border=0, na_rep="")}</div>'


def _page(refresh: Refresh, headline: str, body: str) -> str:
    through = ", ".join(
        f"{protocol.LA_NAMES[la]} {day}" for la, day in refresh.data_through.items()
    )
    return _PAGE.substitute(
        name=escape(refresh.refresh), headline=escape(headline), through=escape(through), body=body
    )


_PAGE: Final = Template("""\
<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Check of $name</title>
<style>
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2330; background: #fff;
  max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; margin-bottom: 0; } h2 { margin-top: 2.5rem; }
.lead { font-size: 1.25rem; margin: .25rem 0 1rem; }
.banner { background: #a11; color: #fff; padding: .75rem 1rem; font-weight: 600; }
.wide { overflow-x: auto; }
.wide table { border-collapse: collapse; font-size: .875rem; }
.wide th, .wide td { padding: .3rem .6rem; border-bottom: 1px solid #d5dae1; text-align: left;
  vertical-align: top; font-variant-numeric: tabular-nums; }
.wide th { background: #f1f3f6; }
details { margin: .5rem 0; overflow-x: auto; } summary { cursor: pointer; padding: .3rem 0; }
pre { white-space: pre-wrap; background: #f1f3f6; padding: 1rem; }
</style>
</head>
<body>
<h1>Check of $name</h1>
<p class="lead">$headline</p>
<p>Complete through: $through. Counts on this page are exact, for those who hold the data: they
have not passed the disclosure gate and are not for publication.</p>
$body
</body>
</html>
""")
