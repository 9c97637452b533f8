"""What a check found, as one self-contained page for those who hold the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.check.second_reading import FileValidation
from fvlib.contract import RULES, Rule
from fvlib.contract.files import BANNER_SHARE, UNKNOWN_LA
from fvlib.refresh import Refresh

LAS: Final = protocol.LA_NAMES | {UNKNOWN_LA: "No LA named"}
OUTCOMES: Final = {
    "set aside": "None of these rows is in the analysis. Their senders correct them in their own "
    "systems and send the whole file again.",
    "resolved": "These rows stay, by a stated rule. Nothing need be done.",
    "decided": "How episodes make up periods of care, and plans spells; no row is changed.",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """What the page of a refresh that was loaded tells.

    `headline`: the outcome in a line. `over`: files of which too many rows were set aside, in
    words. `counts`: rows by outcome, file and rule (the index), one column an LA. `columns`: by
    file and rule, the columns in which the rows set aside are at fault. `arrivals`: as in
    `Extracts`. `validations`: pointblank's reports, one a file.
    """

    headline: str
    over: Sequence[str]
    counts: pd.DataFrame
    columns: Mapping[tuple[str, str], str]
    arrivals: pd.DataFrame
    validations: Sequence[FileValidation]


def refusal_page(refresh: Refresh, message: str) -> str:
    """Write the page of a refresh that was refused; the message names no value."""
    return _page(refresh, "Refused", f"<pre>{escape(message)}</pre>")


def findings_page(refresh: Refresh, found: Findings) -> str:
    """Write the page of a refresh that was loaded."""
    parts = []
    if found.over:
        parts.append(
            f'<p class="banner" role="alert">More than {BANNER_SHARE:.0%} of a file\'s rows were '
            f"set aside: {escape('; '.join(found.over))}</p>"
        )
    for outcome, told in OUTCOMES.items():
        parts.append(f"<h2>Rows {outcome}</h2><p>{told}</p>")
        mine = found.counts[found.counts.index.get_level_values("outcome") == outcome]
        counted = _counts(mine.droplevel("outcome"), found.columns) if len(mine) else "<p>None.</p>"
        parts.append(counted)
    parts.append(f"<h2>What arrived</h2>{_arrivals(found.arrivals)}")
    parts.append(
        "<h2>Column and row rules, file by file</h2><p>Made by pointblank over all authorities "
        "together. A row that breaks several rules counts under each of them here, and under the "
        "first of them above. Rules across files stand above only.</p>"
    )
    parts += [
        f"<details><summary>{escape(each.file)}: {int((each.failed['rows'] > 0).sum())} of "
        f"{len(each.failed)} checks found rows</summary>{each.html}</details>"
        for each in found.validations
    ]
    return _page(refresh, found.headline, "\n".join(parts))


def _counts(wide: pd.DataFrame, columns: Mapping[tuple[str, str], str]) -> str:
    """Tell one outcome's rows, rule by rule: what was found, where, how often, what to do."""
    las = [LAS[str(la)] for la in wide.columns]
    rows = []
    for (file, name), numbers in zip(wide.index, wide.to_numpy(), strict=True):
        rule = RULES[name]
        told: list[object] = [file, _Told(rule), *numbers.tolist(), int(numbers.sum())]
        if rule.remedy:
            told += [columns.get((file, name), ""), _sentence(rule.remedy)]
        rows.append(told)
    headings = ["File", "What was found", *las, "All", "Column", "What to correct"]
    return _table(headings[: len(rows[0])], rows)


@dataclass(frozen=True, slots=True)
class _Told:
    """A rule in a cell: what was found, under which name, and what holds."""

    rule: Rule

    @property
    def html(self) -> str:
        what, holds, why = (
            escape(_sentence(text)) for text in (self.rule.label, self.rule.checks, self.rule.why)
        )
        return f"{what} <code>{escape(self.rule.id)}</code><small>{holds} {why}</small>"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _arrivals(arrivals: pd.DataFrame) -> str:
    told = arrivals.assign(
        la=arrivals["la"].astype("str").map(LAS),
        arrived=arrivals["arrived"].map({True: "yes", False: "no rows"}),
        first_date=arrivals["first_date"].dt.strftime("%Y-%m-%d").fillna(""),
        last_date=arrivals["last_date"].dt.strftime("%Y-%m-%d").fillna(""),
    )
    rows = told.astype(object).to_numpy().tolist()
    headings = ["Authority", "File", "Arrived", "Rows read", "Rows kept", "First date", "Last date"]
    return _table([*headings, "Columns not asked for"], rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a table; whole numbers stand to the right, and nought is left blank."""
    head = "".join(
        f'<th scope="col"{_RIGHT if isinstance(value, int) else ""}>{escape(heading)}</th>'
        for heading, value in zip(headings, rows[0], strict=True)
    )
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
        "</div>"
    )


def _cell(value: object) -> str:
    if isinstance(value, _Told):
        return f"<td>{value.html}</td>"
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    return f"<td{_RIGHT}>{value:,}</td>" if value else f"<td{_RIGHT}></td>"


_RIGHT: Final = ' class="number"'


def _page(refresh: Refresh, headline: str, body: str) -> str:
    days = set(refresh.data_through.values())
    through = (
        f"{days.pop()} in all authorities"
        if len(days) == 1
        else ", ".join(f"{protocol.LA_NAMES[la]} {day}" for la, day in refresh.data_through.items())
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
  max-width: 84rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; margin-bottom: 0; } h2 { margin-top: 2.5rem; } p { max-width: 46rem; }
.lead { font-size: 1.25rem; margin: .25rem 0 1rem; }
.banner { background: #a11; color: #fff; padding: .75rem 1rem; font-weight: 600; }
.wide { overflow-x: auto; }
.wide table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
.wide th, .wide td { padding: .3rem .45rem; border-bottom: 1px solid #d5dae1; text-align: left;
  vertical-align: top; font-variant-numeric: tabular-nums; }
.wide th { background: #f1f3f6; vertical-align: bottom; }
.wide .number { text-align: right; white-space: nowrap; }
.wide td:last-child:not(.number) { min-width: 11rem; }
.wide small { display: block; min-width: 14rem; color: #4a5565; font-size: .8125rem; }
.wide code { color: #4a5565; font-size: .75rem; }
details { margin: .5rem 0; overflow-x: auto; } summary { cursor: pointer; padding: .3rem 0; }
details table * { font-family: system-ui, sans-serif !important; }
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
