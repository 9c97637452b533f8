"""The SSDA903 return on children looked after: Episodes, Header and UASC, as CSV or as XML.

Source: Department for Education, "Children looked after by local authorities in England (SSDA903
collection)" guides. The year runs to 31 March; no file of the return says which year it is.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib.contract.files import CARE_EPISODES, CHILDREN, EARLIEST_START
from fvlib.errors import Refusal
from fvlib.statutory.cin_census import is_authority
from fvlib.statutory.collections import refuse_unread, warn_of_readings
from fvlib.statutory.csv_rows import (
    AS_UTF8,
    START_BYTES,
    first_line,
    rows,
    short_rows_told,
    told_as_refusal,
)
from fvlib.statutory.pseudonym import Pseudonyms
from fvlib.statutory.returns import CHILD_COLUMNS, EPISODE_COLUMNS, Kind, Return, RowBuffer, days_of
from fvlib.statutory.values import (
    UNREADABLE,
    CodeReader,
    DateReader,
    IdReader,
    MonthReader,
    clear_null_words,
    read_collection_year,
    read_flag,
)
from fvlib.statutory.xml_records import Opening, Spelling, leaves_and_groups, local_name, records

YEAR_END: Final = (3, 31)
# A year's return holds the dates of a year and before. A stray later date doesn't make it later:
# a year counts when at least this share of the return's dates lie in it.
LEAST_SHARE_OF_DATES: Final = 0.01
LATEST_YEAR: Final = 2099  # some systems write an open end as 31/12/9999
_YEAR: Final = "YEAR"  # a column of files that stack several years
_OTHER_NAMES: Final = MappingProxyType({"CHILDID": "CHILD", "PL": "PLACE"})  # the XML form's
HEADER_COLUMNS: Final = ("CHILD", "SEX", "DOB", "ETHNIC", "UASC", "DUC")
_OPTIONAL: Final = frozenset({"PLACE_PROVIDER", "REASON_PLACE_CHANGE"})
# Columns without which a row says nothing: none of them may be missing at a row's end.
_FILLED: Final = frozenset({"CHILD", "DECOM", "RNE", "LS"})
_NEEDED: Final[dict[Kind, tuple[str, ...]]] = {
    "SSDA903 Episodes": tuple(name for name in EPISODE_COLUMNS if name not in _OPTIONAL),
    "SSDA903 Header": ("CHILD", "SEX", "DOB", "ETHNIC"),
    "SSDA903 UASC": ("CHILD", "SEX", "DOB", "DUC"),
}
# Further modules of the return, each by a column that no other has.
_UNUSED_MODULES: Final = MappingProxyType(
    {
        "MIS_START": "Missing",
        "MISSING": "Missing",
        "SW_ID": "Social worker",
        "SW_DECOM": "Social worker",
        "REVIEW": "Reviews",
        "REVIEW_CODE": "Reviews",
        "SDQ_SCORE": "OC2",
        "HEALTH_CHECK": "OC2",
        "IN_TOUCH": "OC3",
        "ACTIV": "OC3",
        "ACCOM": "OC3",
        "DATE_INT": "AD1",
        "DATE_PLACED": "Placed for adoption",
        "DATE_PLACED_CEASED": "Placed for adoption",
        "PREV_PERM": "Previous permanence",
    }
)
NOT_NEEDED: Final = "of which nothing is needed"
XML_ELEMENTS: Final = ("CHILD", "HEADER", "EPISODE")  # of the XML form, the groups that are read
_HELD: Final = frozenset({*EPISODE_COLUMNS, "SEX", "DOB", "ETHNIC", "UASC"})
# What systems call the column that names the authority.
_AUTHORITY: Final = frozenset(
    {"LA", "LEA", "LA_CODE", "LA CODE", "LACODE", "LA_NAME", "LA NAME", "LANAME", "LA_NUMBER"}
    | {"LOCAL_AUTHORITY", "LOCAL AUTHORITY", "LOCALAUTHORITY", "AUTHORITY", "NEW_LA_CODE"}
)
# The column that a column of the contract is read from.
_SOURCES: Final = MappingProxyType(
    {"sex": "SEX", "ethnicity": "ETHNIC", "uasc": "UASC"}
    | {column: column for column in ("RNE", "LS", "CIN", "PLACE", "REC")}
)
# The return's columns and groups that the contract has no place for.
_NOT_HELD: Final = frozenset(
    {
        *("HOME_POST", "PL_POST", "URN", "UPN", "MOTHER", "MC_DOB", "DUC", "LA", _YEAR),
        *("AREVIEW", "AMISSING", "PERMANENCE", "OC2", "OC3", "FOSTER_CARE", "AD1"),
    }
)


@dataclass(frozen=True, slots=True)
class CsvOpening:
    """What a CSV file's header shows: its kind, or why it is not used."""

    kind: Kind | None = None
    unused: str = ""


def is_ssda903(opening: Opening) -> bool:
    """Whether an XML file's beginning is that of an SSDA903 return."""
    return "SSDA903" in opening.root.upper() or (
        "CHILD" in opening.names and not opening.names.isdisjoint({"HEADER", "EPISODE"})
    )


def open_csv(path: Path, name: str) -> CsvOpening:
    """Tell by its header what a CSV file is.

    Raises
    ------
    Refusal
        When it is a file of the return, but in another encoding, with another separator, or with
        a column missing or twice.
    """
    with path.open("rb") as stream:
        start = stream.read(START_BYTES)
    line, readable = first_line(start)
    for separator in (",", ";", "\t", "|"):
        columns = _columns(next(csv.reader([line], delimiter=separator), []))
        kind, module = _kind(set(columns)), _module(set(columns))
        if kind is None and module is None:
            continue
        if kind is None:
            return CsvOpening(unused=f"the SSDA903's {module} file, {NOT_NEEDED}")
        if not readable:
            raise Refusal(f"{name}: is not UTF-8 text. {AS_UTF8}.")
        if separator != ",":
            raise Refusal(
                f"{name}: its values are not separated by commas. Expected: commas. Save it as CSV."
            )
        _refuse_columns(name, kind, columns)
        return CsvOpening(kind)
    return CsvOpening(unused="no return that is known: see its first line")


def read_csv(path: Path, name: str, kind: Kind, ids: Pseudonyms) -> Return:
    """Read one CSV file of the return: only the columns that the contract has.

    Raises
    ------
    Refusal
        When a row is broken, the text is not UTF-8, or a column mixes date forms.
    """
    read = Return(name, kind)
    reader = _Reader(read, ids)
    empty_rows = 0
    with path.open(encoding="utf-8-sig", newline="") as stream, told_as_refusal(name):
        short = Counter[str]()
        lines = rows(stream, name, short, {_OTHER_NAMES.get(one, one) for one in _FILLED})
        columns = _columns(next(lines, []))
        for row in lines:
            if not any(value.strip() for value in row):
                empty_rows += 1
            elif kind == "SSDA903 Episodes":
                reader.episode(dict(zip(columns, row, strict=True)))
            else:
                reader.child(dict(zip(columns, row, strict=True)))
    reader.finish()
    read.notes += short_rows_told(short)
    if empty_rows:
        read.notes.append(f"rows without any value, passed over: {empty_rows:,}")
    read.lists_uasc = kind == "SSDA903 UASC" or "UASC" in columns
    if kind == "SSDA903 Episodes":
        _date_episodes(read)
    return read


def read_xml(path: Path, name: str, ids: Pseudonyms) -> Return:
    """Read the return's XML form: CHILD > HEADER, EPISODE*.

    Raises
    ------
    Refusal
        When the file is not well formed, beyond the bounds, or mixes date forms in an element.
    """
    read = Return(name, "SSDA903 XML")
    reader = _Reader(read, ids)
    spelling = Spelling((*XML_ELEMENTS, *_HELD), {"EPISODES", *_NOT_HELD})
    for element in records(path, name, "CHILD"):
        episodes: list[dict[str, str]] = []
        texts, groups = leaves_and_groups(element)
        spelling.look((local_name(element), *groups))
        for group in groups.get("HEADER", ()):
            values, modules = leaves_and_groups(group)
            texts |= values
            reader.modules(modules)
        reader.modules(groups)
        header = {_known(name): text for name, text in texts.items()}
        for group in element.iter("{*}EPISODE"):  # wherever in the child it stands
            if len(group):
                episodes.append(
                    {_known(name): text for name, text in leaves_and_groups(group)[0].items()}
                )
        if header.keys() & {"SEX", "DOB", "ETHNIC"}:
            read.lists_uasc |= "UASC" in header
            reader.child(header)
        for episode in episodes:
            reader.episode({**episode, "CHILD": header.get("CHILD") or episode.get("CHILD", "")})
    spelling.refuse(name)
    reader.finish()
    if not len(read.children) and not len(read.episodes):
        read.notes.append("has no CHILD element with anything in it")
    _date_episodes(read)
    return read


class _Reader:
    """Turns the return's rows into rows of the contract."""

    def __init__(self, read: Return, ids: Pseudonyms) -> None:
        self._read, self._la = read, ids.la
        self._others = Counter[str]()  # rows of another authority, by column
        self._dated, self._strange = False, 0  # rows with a year; elements that aren't the return's
        unfit = read.unfit
        self._child_id = IdReader("CHILD", ids)
        self._children = RowBuffer(CHILD_COLUMNS)
        self._episodes = RowBuffer(EPISODE_COLUMNS)
        self._years = RowBuffer([_YEAR])
        self._sex = CodeReader("children", CHILDREN.column("sex"), unfit)
        self._ethnicity = CodeReader("children", CHILDREN.column("ethnicity"), unfit)
        self._birth = MonthReader("DOB", unfit)
        self._dates = {
            column: DateReader(CARE_EPISODES.name, column, column, unfit)
            for column in ("DECOM", "DEC")
        }
        self._codes = {
            column.name: CodeReader(CARE_EPISODES.name, column, unfit)
            for column in CARE_EPISODES.columns
            if column.codes is not None
        }

    def child(self, row: dict[str, str]) -> None:
        """Add a child of the Header or UASC file."""
        clear_null_words(row, self._read.null_words)
        self._count_not_held(row)
        child = self._child_id(row.get("CHILD", ""))
        self._children.append(
            (
                child,
                self._birth(row.get("DOB", "")),
                self._sex(row.get("SEX", "")),
                self._ethnicity(row.get("ETHNIC", "")),
                "",
                self._uasc(row),
            )
        )

    def episode(self, row: dict[str, str]) -> None:
        """Add an episode."""
        clear_null_words(row, self._read.null_words)
        self._count_not_held(row)
        child = self._child_id(row.get("CHILD", ""))
        values = {name: read(row.get(name, "")) for name, read in self._codes.items()}
        values |= {name: read(row.get(name, "")) for name, read in self._dates.items()}
        values["CHILD"] = child
        self._episodes.append(tuple(values[name] for name in EPISODE_COLUMNS))
        self._dated |= bool(row.get(_YEAR))
        self._years.append((read_collection_year(row.get(_YEAR, "")),))

    def modules(self, groups: dict[str, list[Any]]) -> None:
        """Count a child's groups of which nothing is kept."""
        for name in groups.keys() - set(XML_ELEMENTS):
            known = name if name in _NOT_HELD else "elements not of the return"
            unread = sum(next(group.iter("{*}EPISODE"), None) is None for group in groups[name])
            self._read.not_held[known] += unread
            self._strange += unread and name not in _NOT_HELD

    def finish(self) -> None:
        """Hand over the rows."""
        self._read.children = self._children.frame()
        self._read.episodes = self._episodes.frame()
        self.refuse_other_authority()
        self._child_id.refuse_cut(self._read.file)
        self._birth.dates.refuse_unclear(self._read.file, len(self._read.children))
        for reader in self._dates.values():
            reader.refuse_unclear(self._read.file, len(self._read.episodes))
        refuse_unread(self._read, _SOURCES)
        warn_of_readings(self._read, [self._birth.dates, *self._dates.values()])
        if self._strange and self._read.kind == "SSDA903 XML":
            self._read.alarms.append(
                f"elements that the return doesn't have: {self._strange:,}. What they hold is not "
                "read. Compare the names with the Department's schema and export it again"
            )
        years = self._years.frame()[_YEAR]
        if self._dated and not bool((years != "").all()):
            raise Refusal(
                f"{self._read.file}: {_YEAR} says no year in {int((years == '').sum()):,} rows, "
                "empty or in a form that is not read. Expected: 2020 or 2019/20 in every row, or "
                "no such column. Correct it and import again."
            )
        if self._dated:
            ends = {year: _year_end(int(year)) for year in years.unique()}
            self._read.episodes["collected"] = years.map(ends).astype(np.int64)

    def refuse_other_authority(self) -> None:
        """Refuse rows that say they are another authority's.

        Raises
        ------
        Refusal
            Naming the column and how many rows; the authority's name is no child's value, but it
            may be anything, so it isn't told.
        """
        for column, others in sorted((+self._others).items()):
            raise Refusal(
                f"{self._read.file}: the column {column} names another authority than {self._la} "
                f"in {others:,} rows. Expected: rows of {self._la} alone. Take the others out "
                "and import again."
            )

    def _count_not_held(self, row: dict[str, str]) -> None:
        for column in _AUTHORITY & row.keys():
            self._others[column] += not is_authority(self._la, row[column])
        # A name that is not the return's may be anything, so it isn't told.
        for column, value in row.items():
            if value and column not in _HELD:
                known = column if column in _NOT_HELD else _UNUSED_MODULES.get(column)
                self._read.not_held[known or "columns not of the return"] += 1
                self._strange += known is None

    def _uasc(self, row: dict[str, str]) -> str:
        if self._read.kind == "SSDA903 UASC":
            return "1"
        flag = read_flag("children", "uasc", row.get("UASC", ""), self._read.unfit)
        due = row.get("DUC", "").strip()
        if flag or not due:
            return flag
        # The day on which it ceases is written only of those who are; a word there says nothing.
        has_day = any(map(str.isdigit, due))
        return "1" if has_day else self._read.unfit.count("children", "uasc", UNREADABLE)


def _known(name: str) -> str:
    name = name.strip().upper()
    return _OTHER_NAMES.get(name, name)


def _columns(names: list[str]) -> list[str]:
    return [_known(name) for name in names]


def _kind(columns: set[str]) -> Kind | None:
    if {"DECOM", "RNE"} <= columns:
        return "SSDA903 Episodes"
    if "ETHNIC" in columns and len(columns & {"CHILD", "SEX", "DOB"}) >= 2:
        return "SSDA903 Header"
    if "DUC" in columns and len(columns & {"CHILD", "SEX", "DOB"}) >= 2:
        return "SSDA903 UASC"
    return None


def _module(columns: set[str]) -> str | None:
    if "CHILD" not in columns:
        return None
    return next((name for column, name in _UNUSED_MODULES.items() if column in columns), None)


def _refuse_columns(name: str, kind: Kind, columns: list[str]) -> None:
    missing = [column for column in _NEEDED[kind] if column not in columns]
    repeated = sorted({column for column in columns if column and columns.count(column) > 1})
    known = [column for column in repeated if column in _NEEDED[kind] or column in _NOT_HELD]
    if missing:
        raise Refusal(
            f"{name}: looks like an {kind} file, but has no column {', '.join(missing)}. "
            f"Expected: {', '.join(_NEEDED[kind])}."
        )
    if repeated:
        raise Refusal(
            f"{name}: has a column more than once ({', '.join(known) or 'one not of the return'}), "
            "so that it can't be told which one holds. Expected: each column once."
        )


def _year_end(year: int) -> int:
    return date(year, *YEAR_END).toordinal()


def _date_episodes(read: Return) -> None:
    """Find the year's end that the return belongs to: the last year with a share of its dates."""
    if "collected" in read.episodes:
        read.collected = int(read.episodes["collected"].max())
        read.dated_by = "its YEAR column"
        return
    days = pd.concat([days_of(read.episodes[column]) for column in ("DECOM", "DEC")]).dropna()
    days = days[days.dt.year.between(EARLIEST_START.year, LATEST_YEAR)]
    if days.empty:
        read.notes.append("no date in it tells its year; taken as older than every dated return")
        return
    after = (days.dt.month > YEAR_END[0]).astype(int)
    years = (days.dt.year + after).value_counts().sort_index()
    frequent = years[years >= LEAST_SHARE_OF_DATES * len(days)]
    read.collected = _year_end(int(frequent.index[-1]))
    read.dated_by = "its episodes"


def date_headers(returns: list[Return]) -> None:
    """Date Header files by the Episodes file that has the most children in common with each.

    Where several have as many, the one in the Header's own folder counts.

    Parameters
    ----------
    returns
        All returns; those of Header files are changed.
    """
    dated = [
        (set(other.episodes["CHILD"]), other.collected, _folder(other))
        for other in returns
        if other.kind == "SSDA903 Episodes" and other.collected and len(other.episodes)
    ]
    for header in returns:
        if header.kind == "SSDA903 UASC":
            _date_list(header, dated)
        if header.kind != "SSDA903 Header":
            continue
        children = set(header.children["child_id"])
        shares = [(_overlap(children, others), day, folder) for others, day, folder in dated]
        best = max((share for share, *_ in shares), default=0.0)
        days = {day for share, day, _ in shares if share == best}
        beside = {day for share, day, at in shares if share == best and at == _folder(header)}
        if best > 0 and len(days) == 1:
            header.collected, header.dated_by = days.pop(), "the Episodes file with its children"
        elif best > 0 and len(beside) == 1:
            header.collected, header.dated_by = beside.pop(), "the Episodes file in its folder"
        else:
            header.notes.append(
                "no Episodes file tells its year; taken as older than every dated return"
            )


def _date_list(listed: Return, dated: list[tuple[set[str], int, str]]) -> None:
    """Date a list of asylum seekers: by its folder, or by the one year that has its children.

    A list of which nothing tells the year covers every year, if it has a child.
    """
    children = set(listed.children["child_id"])
    beside = {day for _, day, folder in dated if folder == _folder(listed)}
    with_all = {day for others, day, _ in dated if children and children <= others}
    for days, why in ((beside, "the Episodes file in its folder"), (with_all, "its children")):
        if len(days) == 1:
            listed.collected, listed.dated_by = days.pop(), why
            return


def _folder(read: Return) -> str:
    return read.file.rpartition("/")[0]


def _overlap(one: set[str], other: set[str]) -> float:
    """Return the Jaccard index: the shared part of all children of either."""
    return len(one & other) / len(one | other) if one or other else 0.0
