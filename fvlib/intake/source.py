"""Where a refresh's files are, and their headers: all that is looked at before any row is read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from fvlib import protocol
from fvlib.contract import FILES, LA_FILES, TRIAL_FILES, FileSpec
from fvlib.contract.spreadsheet import SAVE_AS_UTF8
from fvlib.errors import Refusal
from fvlib.intake import identifiers
from fvlib.refresh import Refresh

BOM: Final = b"\xef\xbb\xbf"
_WIDE_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")  # UTF-16, and UTF-32 little-endian
MOST_COLUMNS: Final = 500
_LONGEST_HEADER: Final = 1 << 16
_OTHER_SEPARATORS: Final = {";": "a semicolon", "\t": "a tab", "|": "a bar"}


@dataclass(frozen=True, slots=True)
class Source:
    """One file that is there. `la` is None for a file of the whole trial."""

    spec: FileSpec
    la: str | None
    path: Path
    shown: str  # how messages call it: the path below the project's root

    @property
    def parquet(self) -> bool:
        """Whether the file is Parquet and not CSV."""
        return self.path.suffix == ".parquet"


@dataclass(frozen=True, slots=True)
class Header:
    """A file's columns: their names as they stand, and where the contract's columns are."""

    source: Source
    names: tuple[str, ...]
    positions: dict[str, int]  # contract's column -> position in the file
    ends_at: int = 0  # bytes up to and including the header's line end

    @property
    def extra(self) -> dict[int, str]:
        """Columns that the contract doesn't know, by position."""
        known = set(self.positions.values())
        return {at: name for at, name in enumerate(self.names) if at not in known}


def find_sources(refresh: Refresh, root: Path) -> tuple[list[Source], list[str]]:
    """Find the refresh's files.

    Returns
    -------
    sources
        The files that are there, LA by LA in the order of roll-out, then those of the whole trial.
    faults
        One line for each file that isn't, or that is there twice.

    Raises
    ------
    Refusal
        The refresh's folder is absent.
    """
    folder, shown = root / refresh.data, refresh.data.as_posix()
    if not folder.is_dir():
        raise Refusal(
            f"{shown}: no such folder. It should hold one folder for each authority "
            f"({', '.join(protocol.LA_KEYS)}) and the files of the whole trial; "
            f"`fv template DIR` writes blank ones, `fv simulate {refresh.refresh}` a synthetic set"
        )
    sources: list[Source] = []
    faults: list[str] = []
    places: list[tuple[FileSpec, str | None, Path, str]] = []
    for la in protocol.LA_KEYS:
        if (folder / la).is_dir():
            for name in LA_FILES:
                places.append((FILES[name], la, folder / la, f"{shown}/{la}"))
        else:
            files = ", ".join(f"{name}.csv" for name in LA_FILES)
            faults.append(f"{shown}/{la}: no such folder; expected in it {files}")
    places += [(FILES[name], None, folder, shown) for name in TRIAL_FILES]
    for spec, unit, place, called in places:
        found = _find(spec, unit, place, called)
        if isinstance(found, Source):
            sources.append(found)
        elif found is not None:
            faults.append(found)
    return sources, faults


def _find(spec: FileSpec, la: str | None, folder: Path, shown: str) -> Source | str | None:
    """Return the file, the fault, or None for an optional file that isn't there."""
    names = [f"{spec.name}.csv", f"{spec.name}.parquet"]
    there = [name for name in names if (folder / name).is_file()]
    if len(there) == 2:
        return f"{shown}/{names[0]}: {names[1]} is there too; keep one of the two"
    if there:
        return Source(spec, la, folder / there[0], f"{shown}/{there[0]}")
    if spec.required:
        return f"{shown}/{names[0]}: missing file{_misspelt(folder, names)}"
    return None


def _misspelt(folder: Path, names: list[str]) -> str:
    alike = sorted(
        path.name for path in folder.iterdir() if path.name.casefold() in names and path.is_file()
    )
    return f"; rename {alike[0]}" if alike else "; a header row alone is enough for an empty one"


@dataclass(frozen=True, slots=True)
class HeaderReport:
    """A header (None where it can't be used), its faults, and the columns that identify."""

    header: Header | None
    faults: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()


def read_header(source: Source, further: Iterable[str] = ()) -> HeaderReport:
    """Read a file's header and nothing below it.

    Parameters
    ----------
    source
        The file.
    further
        Names of further columns that the params file asks of it.
    """
    if source.path.stat().st_size == 0:
        zero = f"{source.shown}: a file of 0 bytes; an empty extract has its header row"
        return HeaderReport(None, (zero,))
    if source.parquet:
        return _judge(*_parquet_names(source), source, further)
    return _judge(*_csv_names(source), source, further)


def _judge(
    names: tuple[str, ...], ends_at: int, faults: list[str], source: Source, further: Iterable[str]
) -> HeaderReport:
    if len(names) > MOST_COLUMNS:  # before any of them is looked at
        told = f"{source.shown}: {len(names):,} columns, more than any extract has"
        return HeaderReport(None, (f"{told}. Send the contract's columns alone",))
    header = Header(source, names, _positions(source.spec, names, further), ends_at)
    wanted = _wanted(source.spec, further)
    # A first row of values must not be echoed as if it were a header.
    is_header = 2 * len(header.positions) >= len(wanted)
    identifying = _named_identifiers(header, is_header)
    if not faults:
        missing = [name for name in wanted if name not in header.positions]
        if not header.positions:
            columns = ", ".join(wanted)
            faults = [f"{source.shown}: the first row is not the header; expected {columns}"]
        elif missing:
            faults = [f"{source.shown}: missing column: {', '.join(missing)}"]
        faults += _repeated(header, is_header)
    usable = not (faults or identifying)
    return HeaderReport(header if usable else None, tuple(faults), tuple(identifying))


def _wanted(spec: FileSpec, further: Iterable[str]) -> list[str]:
    return [column.name for column in spec.columns if not column.may_be_absent] + list(further)


def _positions(spec: FileSpec, names: tuple[str, ...], further: Iterable[str]) -> dict[str, int]:
    """Match names to the contract's, whatever their letter case; the first of two counts."""
    known = {name.casefold(): name for name in (*spec.column_names, *further)}
    positions: dict[str, int] = {}
    for at, name in enumerate(names):
        folded = name.casefold()
        if spec.further_prefix and folded.startswith(spec.further_prefix):
            known.setdefault(folded, folded)
        if folded in known:
            positions.setdefault(known[folded], at)
    return positions


def _named_identifiers(header: Header, is_header: bool) -> list[str]:
    """Columns whose name identifies, or says that they do; echoed only where it is a header's."""
    found = []
    for at, name in header.extra.items():
        itself = identifiers.named_after(name)
        what = itself or identifiers.identifier_in_name(name)
        if what is not None:
            called = f"column {name}" if is_header and not itself else f"column {at + 1}"
            found.append(
                f"{header.source.shown}: {called} looks like {what}, which must not be sent: "
                "take the column out (statutory returns: `fv import` does)"
            )
    return found


def _repeated(header: Header, is_header: bool) -> list[str]:
    folded = [name.casefold() for name in header.names]
    twice = {name for name in folded if name and folded.count(name) > 1}
    known = sorted(name for name in header.positions if name.casefold() in twice)
    others = sorted(twice - {name.casefold() for name in known})
    if others:
        sayable = is_header and not any(map(identifiers.named_after, header.extra.values()))
        known += others if sayable else [f"{len(others)} that the contract doesn't know"]
    return [f"{header.source.shown}: repeated column: {', '.join(known)}"] if known else []


_Names = tuple[tuple[str, ...], int, list[str]]  # names, where the header ends, faults


def _parquet_names(source: Source) -> _Names:
    try:
        schema = pq.read_schema(source.path)
    except (pa.ArrowException, OSError):
        return (), 0, [f"{source.shown}: not a Parquet file, or a damaged one; send it again"]
    return tuple(str(name).strip() for name in schema.names), 0, []


def _csv_names(source: Source) -> _Names:
    with source.path.open("rb") as file:
        head = file.read(_LONGEST_HEADER)
    start = len(BOM) if head.startswith(BOM) else 0
    line = next(iter(head[start:].splitlines(keepends=True)), b"")
    if head.startswith(_WIDE_BOMS) or b"\0" in line:
        told = f"{source.shown}: unreadable encoding (UTF-16, or a damaged file); {SAVE_AS_UTF8}"
        return (), 0, [told]
    faults = []
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        faults.append(f"{source.shown}: unreadable encoding in the header; {SAVE_AS_UTF8}")
        text = line.decode("latin-1")  # good enough to look for identifiers' names
    separator = max(_OTHER_SEPARATORS, key=text.count)
    if text.count(separator) > text.count(","):
        faults.append(
            f"{source.shown}: another separator: values are separated by "
            f"{_OTHER_SEPARATORS[separator]}; expected a comma"
        )
        return _split(text, separator), 0, faults
    return _split(text, ","), start + len(line), faults


def _split(line: str, separator: str) -> tuple[str, ...]:
    row = next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])
    return tuple(name.strip() for name in row)
