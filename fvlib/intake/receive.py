"""A refresh's files, read whole or refused whole; withdrawn children taken out first.

All faults of a refresh come in one message. Headers are looked at before any row is read: where a
column's name says that it identifies, no row is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fvlib import protocol
from fvlib.contract import Column, FileSpec
from fvlib.contract.codes import LA
from fvlib.contract.files import CHILDREN, LA_CONTEXT, WITHDRAWALS
from fvlib.contract.spreadsheet import is_null_word
from fvlib.errors import Refusal
from fvlib.identifying import NAME
from fvlib.intake import identifiers, values
from fvlib.intake.reading import RawFile, read_rows
from fvlib.intake.source import Header, find_sources, read_header
from fvlib.refresh import Refresh

# So many different values of a date column of which none is a date are no slips of single rows.
_NO_SLIPS: Final = 5
_ROLES: Final[dict[str, identifiers.Role]] = {
    "identifier": "identifier",
    "text": "text",
    "label": "text",
}


@dataclass(frozen=True, slots=True)
class Intake:
    """The files of a refresh without the withdrawn children's rows.

    `withdrawn`: la, children. `not_found`: withdrawals by LA whose child is in no file.
    `unfinished_withdrawals`: the last row of withdrawals has no line end.
    """

    files: tuple[RawFile, ...]
    withdrawn: pd.DataFrame
    not_found: dict[str, int]
    unfinished_withdrawals: bool


def take_in(refresh: Refresh, root: Path) -> Intake:
    """Read all files of a refresh.

    Raises
    ------
    Refusal
        Naming every fault of every file: file, column and what to do, never a value.
    """
    sources, faults = find_sources(refresh, root)
    looks = [read_header(source, _further(source.spec, refresh)) for source in sources]
    identifying = [line for look in looks for line in look.identifiers]
    faults = identifying + faults + [line for look in looks for line in look.faults]
    if identifying:
        _refuse(refresh, faults, "no row was read")
    files, told = _read_all(look.header for look in looks if look.header is not None)
    faults += told
    # Withdrawn children's rows go before anything is read from them: where the withdrawals can't
    # be read, nothing is.
    listed = [raw for raw in files if raw.source.spec is WITHDRAWALS]
    sent = any(source.spec is WITHDRAWALS for source in sources)
    withdrawn: dict[str, set[str]] = {}
    if sent:
        told = [line for raw in listed for line in _withdrawals(raw, withdrawn)]
        told += [line for raw in listed for line in _column_faults(raw, refresh)]
        faults += told
        if told or not listed:
            _refuse(refresh, faults, "no further row was read")
    kept, found = _take_out([raw for raw in files if raw.source.spec is not WITHDRAWALS], withdrawn)
    for raw in kept:
        faults += _column_faults(raw, refresh)
    if faults:
        _refuse(refresh, faults)
    return Intake(
        tuple(kept),
        _counted({la: len(ids) for la, ids in withdrawn.items()}),
        {la: len(ids - found[la]) for la, ids in withdrawn.items() if ids - found[la]},
        bool(listed and listed[0].unfinished),
    )


def _further(spec: FileSpec, refresh: Refresh) -> tuple[str, ...]:
    return refresh.context_columns if spec is LA_CONTEXT else ()


def further_columns(header: Header) -> list[Column]:
    """Return the declarations of the further columns that the file has, by its own names."""
    spec = header.source.spec
    if spec.further is None:
        return []
    known = set(spec.column_names)
    names = [name for name in header.positions if name not in known]
    return [
        Column(
            name,
            spec.further.kind,
            spec.further.meaning,
            minimum=spec.further.minimum,
            maximum=spec.further.maximum,
        )
        for name in names
    ]


def columns_of(header: Header) -> list[Column]:
    """Return the declarations of all columns that are read: the contract's and further ones."""
    return [*header.source.spec.columns, *further_columns(header)]


def _refuse(refresh: Refresh, faults: Sequence[str], note: str = "") -> None:
    count = f"{len(faults)} thing{'s' if len(faults) > 1 else ''} to correct"
    head = f"{refresh.data.as_posix()}: refused, {count}{'; ' + note if note else ''}"
    raise Refusal("\n".join([head, *(f"  {fault}" for fault in faults)]))


def _read_all(headers: Iterable[Header]) -> tuple[list[RawFile], list[str]]:
    files: list[RawFile] = []
    faults: list[str] = []
    for header in headers:
        raw, told = read_rows(header)
        faults += told
        if raw is not None:
            files.append(raw)
    return files, faults


def _withdrawals(raw: RawFile, withdrawn: dict[str, set[str]]) -> list[str]:
    """Sort the withdrawals by LA into `withdrawn`; return what stands in the way."""
    las, ids = (_trimmed(raw.column(name)) for name in WITHDRAWALS.column_names)
    keys = pd.Series(las.to_pylist(), dtype="str").str.casefold().map(LA.spellings)
    child = pd.Series(ids.to_pylist(), dtype="str")
    faults = []
    for name, bad in (("la", keys.isna()), ("child_id", child == "")):
        if bad.any():
            first = ", ".join(str(number) for number in raw.row_numbers[bad.to_numpy(bool)][:5])
            faults.append(
                f"{raw.source.shown}: column {name}: unclear in "
                f"{count_rows_in_words(int(bad.sum()))} "
                f"(first rows: {first}); expected a child_id and one of "
                f"{', '.join(protocol.LA_KEYS)}"
            )
    if not faults:
        for la, group in child.groupby(keys):
            withdrawn[str(la)] = set(group)
    return faults


def count_rows_in_words(count: int) -> str:
    """Write how many rows: `1 row`, `2 rows`."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def _take_out(
    files: list[RawFile], withdrawn: dict[str, set[str]]
) -> tuple[list[RawFile], dict[str, set[str]]]:
    """Take the withdrawn children's rows out; say which of the children had any."""
    found: dict[str, set[str]] = {la: set() for la in withdrawn}
    kept = []
    for raw in files:
        la, child = raw.source.la, raw.source.spec.child
        if la is None or child is None or la not in withdrawn:
            kept.append(raw)
            continue
        ids = _trimmed(raw.column(child))
        named = pc.is_in(ids, pa.array(sorted(withdrawn[la])))
        found[la] |= set(pc.unique(ids.filter(named)).to_pylist())
        kept.append(raw.keep(~np.array(named, bool)))
    return kept, found


def _counted(numbers: dict[str, int]) -> pd.DataFrame:
    las = pd.Categorical(list(numbers), categories=list(protocol.LA_KEYS))
    frame = pd.DataFrame({"la": las, "children": np.array(list(numbers.values()), np.int64)})
    return frame.sort_values("la", ignore_index=True)


# Random letters and names can't be told apart safely: a column of the one is refused as the other.
_LETTERS_ALONE: Final = (
    " (ids made of letters alone are read as names: if these are none, put a digit into each)"
)


def _column_faults(raw: RawFile, refresh: Refresh) -> list[str]:
    """Look for identifiers by content, and mixed date forms, in every column of a file."""
    if raw.table.num_rows == 0:
        return []
    shown = raw.source.shown
    faults = []
    for column in columns_of(raw.header):
        if column.name not in raw.header.positions:
            continue
        text = raw.column(column.name)
        stray, rows = _stray(raw, column)
        what = stray or _identifier(text, column)
        if what is not None:
            where = f"holds in {count_rows_in_words(rows)}" if stray else "holds"
            faults.append(
                f"{shown}: column {column.name} {where} what looks like {what}, which must not be "
                f"sent; expected {column.meaning}"
                + (", written YYYY-MM" if column.kind == "month" else "")
                + (_LETTERS_ALONE if what == NAME and column.kind == "identifier" else "")
            )
        elif column.kind == "date":
            faults += [f"{shown}: column {column.name} {told}" for told in _date_form_faults(text)]
    row_years = _row_years(raw, refresh) if raw.header.extra else pd.Series(dtype="float64")
    for at, name in raw.header.extra.items():
        what = _unasked(raw.table.column(at).combine_chunks(), row_years, raw.source.spec)
        if what is not None:
            faults.append(
                f"{shown}: column {name or at + 1} holds what looks like {what}, which must not "
                "be sent: take the column out, the contract doesn't ask for it"
            )
    return faults


def _identifier(text: pa.StringArray, column: Column) -> str | None:
    distinct = _distinct(text)
    if column.kind == "month":
        dated = pc.any(identifiers.full_dates(distinct), min_count=0).as_py()
        return "a full date of birth" if dated else None
    return identifiers.identifier_in_values(distinct, _ROLES.get(column.kind, "contract"))


def _stray(raw: RawFile, column: Column) -> tuple[str | None, int]:
    """Judge the values that a column can't hold as those of a column that nobody needs.

    Returns
    -------
    tuple
        What they look like, if any identifier, and in how many rows.
    """
    if column.kind in _ROLES or column.kind == "month":
        return None, 0
    wrong = values.unfit_texts(raw, column)
    if column.kind == "date":  # a date that is none identifies nobody
        wrong = wrong.filter(pc.invert(identifiers.full_dates(wrong)))
    what = identifiers.identifier_in_values(wrong, "extra")
    if what is None and len(wrong) and bool(pc.any(identifiers.full_dates(wrong)).as_py()):
        what = _birth_among(wrong)
    if what is None:
        return None, 0
    rows = pc.sum(pc.is_in(_trimmed(raw.column(column.name)), wrong).cast(pa.int64())).as_py()
    return what, int(rows)


def _birth_among(wrong: pa.StringArray) -> str | None:
    """Judge full dates where none belongs: of children, so that most are births."""
    dated = wrong.filter(identifiers.full_dates(wrong))
    return "a full date of birth" if 2 * len(dated) >= len(wrong) else None


def _unasked(text: pa.StringArray, row_years: pd.Series, spec: FileSpec) -> str | None:
    """Judge a column that the contract doesn't know."""
    distinct = _distinct(text)
    what = identifiers.identifier_in_values(distinct, "extra")
    if what is not None or len(distinct) == 0:
        return what
    dated = np.array(identifiers.full_dates(distinct), bool)
    if 2 * dated.sum() < len(dated):
        return None
    if spec is CHILDREN and len(distinct) > 1:
        return "a full date of birth"  # nothing else of a child has a date of its own
    rows = pd.Series(_trimmed(text).to_pylist(), dtype="str")
    years = pd.to_numeric(rows.str.extract(r"((?:19|20)[0-9]{2})", expand=False))
    known = (years.notna() & row_years.notna()).to_numpy(bool)
    if not known.any():
        return None
    return identifiers.judge_births(
        years.to_numpy()[known].astype(np.int64), row_years.to_numpy()[known].astype(np.int64)
    )


def _row_years(raw: RawFile, refresh: Refresh) -> pd.Series:
    """Year in which each row starts; of the extract's end where rows have no start."""
    la, starts = raw.source.la, raw.source.spec.starts
    end = refresh.data_through[la] if la else max(refresh.data_through.values())
    if starts is None:
        return pd.Series(np.full(raw.table.num_rows, end.year))
    text = pd.Series(raw.column(starts).to_pylist(), dtype="str")
    return pd.to_numeric(text.str.extract(r"((?:19|20)[0-9]{2})", expand=False))


def _date_form_faults(text: pa.StringArray) -> list[str]:
    forms = values.date_forms(text)
    filled = [value for value in _distinct(text).to_pylist() if not is_null_word(value)]
    if not forms and len(filled) >= _NO_SLIPS:
        return [
            "has no date in a form that is read; expected YYYY-MM-DD or DD/MM/YYYY, the year with "
            "four digits"
        ]
    if len(forms) > 1:
        told = ", ".join(f"{form} ({count_rows_in_words(rows)})" for form, rows in forms.items())
        return [f"mixes date forms: {told}; write them all as YYYY-MM-DD"]
    if "MM/DD/YYYY" in forms:
        return ["is written month first (MM/DD/YYYY); expected YYYY-MM-DD or DD/MM/YYYY"]
    return []


def _trimmed(text: pa.StringArray) -> pa.StringArray:
    return pc.utf8_trim_whitespace(text)


def _distinct(text: pa.StringArray) -> pa.StringArray:
    """Return the distinct values without surrounding spaces, the empty one left out."""
    distinct = pc.unique(_trimmed(pc.unique(text)))
    return distinct.filter(pc.not_equal(distinct, ""))
