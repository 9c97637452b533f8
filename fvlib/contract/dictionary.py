"""The data dictionary, told from the contract: as rows, as Markdown, as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.contract.codes import Code, CodeList
from fvlib.contract.files import EARLIEST_START, FILES, Column, FileSpec
from fvlib.contract.rules import RULES

_KINDS: Final = {
    "identifier": "identifier without a meaning outside the authority, with a digit in it",
    "label": "label of the list, or of params' labels",
    "text": "text",
    "code": "code",
    "code list": "codes, `;` between them",
    "flag": "0 or 1",
    "date": "date, YYYY-MM-DD or DD/MM/YYYY (one form a column)",
    "month": "month, YYYY-MM",
    "academic year": "school year, such as 2019/20",
    "count": "whole number",
    "number": "number",
}


def dictionary() -> pd.DataFrame:
    """Return the dictionary, one row a column.

    Returns
    -------
    pandas.DataFrame
        file, column, type, codes (as `code = label`), may_be_empty, may_be_absent, key, meaning.
    """
    rows = [
        {
            "file": spec.name,
            "column": column.name,
            "type": kind_in_words(column),
            "codes": "; ".join(_spelt(column.codes)) if column.codes else "",
            "may_be_empty": "yes" if column.may_be_empty else "no",
            "may_be_absent": "yes" if column.may_be_absent else "no",
            "key": "yes" if column.name in spec.key else "no",
            "meaning": column.meaning,
        }
        for spec in FILES.values()
        for column in _columns(spec)
    ]
    return pd.DataFrame(rows)


def kind_in_words(column: Column) -> str:
    """Say what a column's values look like: `whole number, 1 to 5`."""
    words = _KINDS[column.kind]
    bounded = column.kind == "count" and column.maximum < Column("", "count", "").maximum
    return f"{words}, {column.minimum} to {column.maximum}" if bounded else words


def _columns(spec: FileSpec) -> list[Column]:
    return [*spec.columns, *([spec.further] if spec.further else [])]


def _spelt(listed: CodeList) -> list[str]:
    return [
        f"{entry.code} = {entry.label}"
        + (f" (also {', '.join(entry.also)})" if entry.also else "")
        + _years(entry)
        for entry in listed.codes
    ]


def _years(entry: Code) -> str:
    first = f" (from the collection of {entry.first})" if entry.first else ""
    return first + (f" (to the collection of {entry.last})" if entry.last else "")


def dictionary_markdown() -> str:
    """Return the dictionary as a page: files, columns, code lists, and what becomes of bad rows."""
    return "\n".join([*_opening(), *_files(), *_code_lists(), *_rules()]) + "\n"


def _opening() -> Iterator[str]:
    las = ", ".join(f"`{la.key}`" for la in protocol.LOCAL_AUTHORITIES)
    yield from (
        "# Data dictionary",
        "",
        "One folder is one data refresh. In it, one folder for each local authority "
        f"({las}) and the files of the whole trial.",
        "",
        "- CSV with commas, UTF-8, one header row; or Parquet with the same columns.",
        "- An empty value means missing. A file without rows has its header row alone.",
        "- Dates are `YYYY-MM-DD` or `DD/MM/YYYY`, never both in one column, and not before "
        f"{EARLIEST_START}.",
        "- Identifiers have no meaning outside the authority. Names, addresses, postcodes, full "
        "dates of birth, NHS numbers, UPNs, ULNs and the like must not be sent, in no column: the "
        "whole refresh is refused.",
        "- Further columns are looked through for identifiers and then ignored.",
        "",
    )


def _files() -> Iterator[str]:
    for spec in FILES.values():
        place = "in each authority's folder" if spec.scope == "la" else "for the whole trial"
        yield f"## {spec.name}.csv"
        yield ""
        yield f"One row: {spec.row}. {place.capitalize()}{'' if spec.required else '; optional'}."
        if spec.key:
            yield f"No two rows share: {', '.join(f'`{name}`' for name in spec.key)}."
        yield ""
        yield "| column | type | may be empty | meaning |"
        yield "|---|---|---|---|"
        for column in _columns(spec):
            listed = f": {column.codes.name}" if column.codes else ""
            empty = "yes" if column.may_be_empty else "no"
            absent = "; the column may lack" if column.may_be_absent else ""
            kind = kind_in_words(column)
            yield f"| `{column.name}` | {kind}{listed} | {empty}{absent} | {column.meaning} |"
        yield ""


def _code_lists() -> Iterator[str]:
    yield "## Code lists"
    yield ""
    yield "Stray spaces and letter case don't matter."
    yield ""
    lists = {
        column.codes.name: column.codes
        for spec in FILES.values()
        for column in spec.columns
        if column.codes
    }
    for name, listed in lists.items():
        yield f"**{name}**: {'; '.join(_spelt(listed))}."
        yield ""


def _rules() -> Iterator[str]:
    told = {
        "refused": "The whole refresh is refused if one of these doesn't hold",
        "set aside": "A row is set aside, for its sender to correct, if one of these doesn't hold",
        "resolved": "Put right by rule, and counted",
        "decided": "Read by rule beside the child's other rows, and counted",
    }
    for outcome, heading in told.items():
        yield f"## {heading}"
        yield ""
        to_do = outcome == "set aside"
        yield "| rule | what holds | why |" + (" what to do |" if to_do else "")
        yield "|---|---|---|" + ("---|" if to_do else "")
        for rule in RULES.values():
            if rule.outcome == outcome:
                row = f"| {rule.id} | {rule.checks} | {rule.why} |"
                yield row + (f" {rule.remedy} |" if to_do else "")
        yield ""
