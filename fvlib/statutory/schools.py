"""What schools add to the returns: attendance and free school meals, under the authority's own ids.

The statutory returns have neither. An authority puts a CSV with the contract's column names beside
them, `child_id` being its own LAchildID; the import hashes it under the same key, so that the
child is the same in every file. Rows of children who are in no return are left behind: a school
census holds every pupil, and most were never referred.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from fvlib.contract.files import ATTENDANCE, CHILDREN
from fvlib.errors import Refusal
from fvlib.statutory.collections import refuse_unread_values
from fvlib.statutory.csv_rows import AS_UTF8, START_BYTES, first_line, rows, told_as_refusal
from fvlib.statutory.pseudonym import Pseudonyms
from fvlib.statutory.returns import RowBuffer
from fvlib.statutory.values import (
    UNREADABLE,
    CodeReader,
    IdReader,
    Unfit,
    clear_null_words,
    read_academic_year,
    read_count,
    read_flag,
)

SchoolKind = Literal["attendance", "free school meals"]

MEALS: Final = ("fsm_ever", "pupil_premium")
AGAIN: Final = "the same row twice: one kept"
DIFFERS: Final = "rows of one child and term differ"
_CHILD: Final = "child_id"
_FLAGS: Final = ("", "0", UNREADABLE, "1")
_ATTENDED: Final = ATTENDANCE.column_names


@dataclass(slots=True)
class SchoolFile:
    """One file, read. `rows`: as text, the contract's columns of its kind, ids hashed."""

    file: str
    kind: SchoolKind
    rows: pd.DataFrame
    unfit: Unfit = field(default_factory=Unfit)
    not_held: Counter[str] = field(default_factory=Counter)
    null_words: Counter[str] = field(default_factory=Counter)


def school_kind(path: Path, name: str) -> SchoolKind | None:
    """Tell by its header whether a CSV file is one of the schools', and which.

    Raises
    ------
    Refusal
        It is, but in another encoding or with another separator, or lacks a column.
    """
    with path.open("rb") as stream:
        line, readable = first_line(stream.read(START_BYTES))
    for separator in (",", ";", "\t", "|"):
        columns = _names(next(csv.reader([line], delimiter=separator), []))
        asked = {"attendance": set(_ATTENDED[1:]), "free school meals": set(MEALS)}
        kind = next((kind for kind, names in asked.items() if names & set(columns)), None)
        if kind is None:
            continue
        needed = _ATTENDED if kind == "attendance" else (_CHILD,)
        missing = [column for column in needed if column not in columns]
        if not readable:
            raise Refusal(f"{name}: is not UTF-8 text. {AS_UTF8}.")
        if separator != ",":
            raise Refusal(f"{name}: its values are not separated by commas. Save it as CSV.")
        if missing or len(set(columns)) < len(columns):
            raise Refusal(
                f"{name}: looks like {kind}, but lacks a column or has one twice (not there: "
                f"{', '.join(missing) or 'none'}). Expected: {', '.join(needed)}; "
                f"{_CHILD} being the authority's own id of the child, as in the returns."
            )
        return "attendance" if kind == "attendance" else "free school meals"
    return None


def read_school(path: Path, name: str, kind: SchoolKind, ids: Pseudonyms) -> SchoolFile:
    """Read one file: only the columns that the contract has.

    Raises
    ------
    Refusal
        A row is broken, or the text is not UTF-8.
    """
    columns = _ATTENDED if kind == "attendance" else (_CHILD, *MEALS)
    read = SchoolFile(name, kind, pd.DataFrame())
    buffer = RowBuffer(columns)
    child_id = IdReader(_CHILD, ids)
    term = CodeReader(ATTENDANCE.name, ATTENDANCE.column("term"), read.unfit)
    with path.open(encoding="utf-8-sig", newline="") as stream, told_as_refusal(name):
        filled = {_CHILD.upper(), "ACADEMIC_YEAR", "TERM"}
        lines = rows(stream, name, Counter(), filled)
        header = _names(next(lines, []))
        for line in lines:
            row = clear_null_words(dict(zip(header, line, strict=True)), read.null_words)
            if not any(value.strip() for value in line):
                continue
            # A name that is not the contract's may be anything, so it isn't told.
            read.not_held["columns not of the return"] += sum(
                bool(value) for column, value in row.items() if column not in columns
            )
            child = child_id(row[_CHILD])
            if kind == "attendance":
                buffer.append((child, *_attended(row, term, read.unfit)))
            else:
                flags = (read_flag("children", at, row.get(at, ""), read.unfit) for at in MEALS)
                buffer.append((child, *flags))
    child_id.refuse_cut(name)
    read.rows = buffer.frame().astype("str")
    read.not_held = +read.not_held
    of = (ATTENDANCE if kind == "attendance" else CHILDREN).column
    refuse_unread_values(name, ((at, of(at), read.rows[at]) for at in columns[1:]))
    return read


def _attended(row: dict[str, str], term: CodeReader, unfit: Unfit) -> tuple[str, ...]:
    return (
        read_academic_year(ATTENDANCE.name, "academic_year", row["academic_year"], unfit),
        term(row["term"]),
        *(
            read_count(ATTENDANCE.name, column, row[column], unfit)
            for column in ("sessions_possible", "sessions_unauthorised")
        ),
    )


@dataclass(frozen=True, slots=True)
class FromSchools:
    """The contract's rows: `attendance`, and for the children file `meals` by child.

    `resolved`, `passed_on`: as in `statutory_merge.Merged`. `strangers`: rows of children who are
    in no return, left behind, by kind.
    """

    attendance: pd.DataFrame
    meals: pd.DataFrame
    resolved: Counter[tuple[str, str]]
    passed_on: Counter[tuple[str, str]]
    strangers: Counter[str]


def merge_school(files: Sequence[SchoolFile], children: pd.Series[str]) -> FromSchools:
    """Put the schools' files together, for the children whom the returns know.

    Parameters
    ----------
    files
        Any number, none among them.
    children
        The children's ids in the returns.
    """
    resolved, passed_on = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    strangers: Counter[str] = Counter()
    kept = {}
    for kind, columns in (("attendance", _ATTENDED), ("free school meals", (_CHILD, *MEALS))):
        parts = [file.rows for file in files if file.kind == kind]
        every = pd.concat([pd.DataFrame(columns=list(columns), dtype="str"), *parts])
        known = every[_CHILD].isin(children) & (every[_CHILD] != "")
        strangers[f"rows of {kind} of children in no return"] += int((~known).sum())
        kept[kind] = every[known].reset_index(drop=True)
    attended = kept["attendance"]
    again = attended.duplicated()
    resolved[ATTENDANCE.name, AGAIN] += int(again.sum())
    attended = attended[~again].sort_values(list(_ATTENDED), ignore_index=True)
    shared = attended.duplicated(list(ATTENDANCE.key), keep=False)
    passed_on[ATTENDANCE.name, DIFFERS] += int(shared.sum())
    # On any census day: a 1 outweighs all else, and what is empty nothing.
    eligible = (
        kept["free school meals"].set_index(_CHILD).apply(lambda said: said.map(_FLAGS.index))
    )
    meals = eligible.groupby(level=0).max().apply(lambda rank: rank.map(_FLAGS.__getitem__))
    return FromSchools(attended, meals, +resolved, +passed_on, +strangers)


def _names(header: list[str]) -> list[str]:
    return [name.strip().casefold() for name in header]
