"""What a check found, as one self-contained page for those who hold the data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.contract import RULES, Rule
from fvlib.contract.files import BANNER_SHARE, UNKNOWN_LA
from fvlib.refresh import Refresh

LAS: Final = protocol.LA_NAMES | {UNKNOWN_LA: "No LA named"}
OUTCOMES: Final = {
    "set aside": "None of these rows is in the analysis, and an outcome that one of them could "
    "have changed is missing. Their senders correct them in their own systems and send the whole "
    "file again.",
    "resolved": "These rows stay, by a stated rule. Nothing need be done.",
    "decided": "How episodes make up periods of care, and plans spells; no row is changed.",
}


_FOUND: Final = "What was found"
_IDS: Final = re.compile(' (?:id|headers)="[^"]*"')
_ARRIVED: Final = (
    "Rows read are those kept, those set aside, and the identical and blank rows among those "
    "resolved."
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the page of a refresh that was loaded tells.

    `headline`: the outcome in a line. `over`: files of which too many rows were set aside, in
    words. `counts`: rows by outcome, file and rule (the index), one column an LA. `columns`: by
    file and rule, the columns in which the rows set aside are at fault. `arrivals`: as in
    `Extracts`, and how many rows were set aside and resolved of each LA's file.
    """

    headline: str
    over: Sequence[str]
    counts: pd.DataFrame
    columns: Mapping[tuple[str, str], str]
    arrivals: pd.DataFrame


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
        parts.append(_counts(mine.droplevel("outcome"), outcome, found.columns))
    parts.append(f"<h2>What arrived</h2><p>{_ARRIVED}</p>{_arrivals(found.arrivals)}")
    return _page(refresh, found.headline, "\n".join(parts))


def _counts(wide: pd.DataFrame, outcome: str, columns: Mapping[tuple[str, str], str]) -> str:
    """Tell one outcome's rows, rule by rule: what was found, where, how often, what to do."""
    if wide.empty:
        return "<p>None.</p>"
    told = wide.assign(all=wide.sum(axis=1)).rename(columns=LAS | {"all": "All"}).map(_number)
    figures = list(told.columns)
    rules = [RULES[rule] for rule in told.index.get_level_values("rule")]
    told.insert(0, _FOUND, [_what_was_found(rule) for rule in rules])
    if outcome == "set aside":
        told["Column"] = [columns.get(key, "") for key in told.index]
        told["What to correct"] = [_sentence(rule.remedy) for rule in rules]
    name = outcome.replace(" ", "-")
    return _table(told.droplevel("rule").reset_index(), name, "file", figures)


def _what_was_found(rule: Rule) -> str:
    what, holds, why = (escape(_sentence(text)) for text in (rule.label, rule.checks, rule.why))
    return f"{what} <code>{escape(rule.id)}</code><small>{holds} {why}</small>"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _number(number: int) -> str:
    return f"{number:,}" if number else ""  # nought is left blank


def _arrivals(arrivals: pd.DataFrame) -> str:
    figures = ["Rows read", "Kept", "Set aside", "Resolved"]
    counted = arrivals[["rows_read", "rows_kept", "set aside", "resolved"]].set_axis(
        figures, axis=1
    )
    dates = arrivals[["first_date", "last_date"]].set_axis(["First date", "Last date"], axis=1)
    told = pd.DataFrame(
        {
            "la": arrivals["la"].astype("str").map(LAS),
            "File": arrivals["file"],
            "Arrived": arrivals["arrived"].map({True: "yes", False: "no rows"}),
            **counted.map(_number),
            **dates.apply(lambda days: days.dt.strftime("%Y-%m-%d").fillna("")),
            "Columns not asked for": arrivals["ignored_columns"],
        }
    )
    return _table(told, "arrived", "la", figures)


def _table(told: pd.DataFrame, name: str, group: str, figures: Sequence[str]) -> str:
    """Set a table in groups of rows; figures stand to the right, what was found is HTML."""
    table = (
        gt.GT(told, groupname_col=group, id=name)
        .fmt(str, columns=[name for name in told if name == _FOUND])
        .cols_align("left")
        .cols_align("right", columns=list(figures))
        .tab_options(
            table_font_names="system-ui",
            table_font_size=".875rem",
            table_margin_left="0",
            column_labels_background_color="#f1f3f6",
            column_labels_font_weight="600",
            row_group_font_weight="600",
            row_group_padding="8px",
            data_row_padding="5px",
        )
    )
    # Each table names its headings and groups alike; their scope says what they head.
    styles, tag, body = table.as_raw_html().partition("<table")
    return f'<div class="wide">{styles}{tag}{_IDS.sub("", body)}</div>'


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
.wide td { vertical-align: top !important; }
.wide td.gt_left:last-child { min-width: 11rem; }
.wide td.gt_right { white-space: nowrap; }
.wide small { display: block; min-width: 14rem; color: #4a5565; font-size: .8125rem; }
.wide code { color: #4a5565; font-size: .75rem; }
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
