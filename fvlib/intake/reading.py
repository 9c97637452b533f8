"""A file's rows as text, exactly as they came, with the row numbers that its sender sees.

Everything that could shift or swallow a value refuses the file: the wrong number of values in a
row, quotes out of place, a line break inside a value, another encoding.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fvlib.contract.spreadsheet import SAVE_AS_UTF8
from fvlib.intake.source import Header, Source

if TYPE_CHECKING:
    from fvlib.intake.values import Parsed

_LONGEST_ROW: Final = 1_000_000  # bytes; a row of the contract has some hundred
_HEADER_ROW: Final = 1
_EXACT: Final = 2.0**53  # whole numbers below it are exact as floating point


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file's rows as text. Columns of `table` are named by their position in the file.

    `row_numbers`: as a spreadsheet shows them, the header being row 1 (Parquet has no header row:
    its first row is 1). `blank_rows` rows without any value were left out. `unfinished`: the last
    row has no line end. `parsed`: the columns read so far, by name (`values.parse_column`).
    """

    header: Header
    table: pa.Table
    row_numbers: NDArray[np.int64]
    blank_rows: int = 0
    unfinished: bool = False
    parsed: dict[str, Parsed] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def source(self) -> Source:
        """Where the file is."""
        return self.header.source

    def column(self, name: str) -> pa.StringArray:
        """Return the values of a contract column; all empty where the file may lack it."""
        at = self.header.positions.get(name)
        if at is None:
            return pa.array([""]).take(pa.array(np.zeros(self.table.num_rows, np.int64)))
        return self.table.column(at).combine_chunks()

    def keep(self, mask: NDArray[np.bool_]) -> RawFile:
        """Return the file with only some of its rows."""
        return replace(
            self, table=self.table.filter(pa.array(mask)), row_numbers=self.row_numbers[mask]
        )


def read_rows(header: Header) -> tuple[RawFile | None, list[str]]:
    """Read a file's rows as text; None and one line a fault where that can't be done safely."""
    if header.source.parquet:
        return _read_parquet(header)
    return _read_csv(header)


def _read_csv(header: Header) -> tuple[RawFile | None, list[str]]:
    shown = header.source.shown
    data = header.source.path.read_bytes()
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    fault = _encoding_fault(data) or _quoting_fault(data)
    body = memoryview(data)[header.ends_at :]
    if fault is None and _longest_line(body) > _LONGEST_ROW:
        fault = (
            f"a row has more than {_LONGEST_ROW:,} bytes: rows that ran together, or a damaged file"
        )
    if fault is not None:
        return None, [f"{shown}: {fault}"]
    ragged = _RaggedRows()
    table, row_numbers = _parse(header, body, ragged)
    if table is None:
        return None, [f"{shown}: broken rows: the file can't be read as CSV; export it again"]
    if ragged.count:
        return None, [
            f"{shown}: {ragged.count:,} row{'s have' if ragged.count > 1 else ' has'} more or "
            f"fewer values than the header's {len(header.names)} columns (first: row "
            f"{ragged.first + _HEADER_ROW}): a comma inside a value that isn't quoted, a row cut "
            "short, or one without the commas of its empty last columns, which spreadsheets leave "
            "out; give every row all commas, or export the file again"
        ]
    unfinished = len(body) > 0 and bytes(body[-1:]) not in (b"\n", b"\r")
    return _without_blank_rows(RawFile(header, table, row_numbers, unfinished=unfinished)), []


def _encoding_fault(data: bytes) -> str | None:
    zero = data.find(b"\0")
    if zero >= 0:
        return (
            f"NUL characters (first: row {data.count(bytes([10]), 0, zero) + 1}): a damaged file "
            f"or UTF-16; {SAVE_AS_UTF8}"
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        return f"unreadable encoding: not UTF-8 (first: row {row}); {SAVE_AS_UTF8}"
    return None


def _quoting_fault(data: bytes) -> str | None:
    """Quotes that aren't closed, or stray ones, can swallow rows: hold them to the letter."""
    if b'"' not in data:
        return None
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
    rows = 0
    try:
        for _ in reader:
            rows += 1
    except csv.Error:
        return (
            f"broken rows: after row {rows} a quote is out of place or not closed, or a value has "
            f"more than {csv.field_size_limit():,} characters; correct it or export the file again"
        )
    if reader.line_num != rows:
        return (
            f"broken rows: {reader.line_num - rows:,} line breaks inside quoted values; "
            "take the breaks out, or the column if the contract doesn't ask for it"
        )
    return None


def _longest_line(body: memoryview) -> int:
    ends = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n"))
    return int(np.diff(ends, prepend=-1, append=len(body)).max(initial=0))


class _RaggedRows:
    """Counts rows with too many or too few values; a line of spaces is a blank one."""

    def __init__(self) -> None:
        self.count = 0
        self.first = 0
        self.blank: list[int] = []

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        if not row.text.strip():
            self.blank.append(row.number)
        else:
            self.first = self.first if self.count else row.number
            self.count += 1
        return "skip"


def _parse(
    header: Header, body: memoryview, ragged: _RaggedRows
) -> tuple[pa.Table | None, NDArray[np.int64]]:
    names = [str(at) for at in range(len(header.names))]
    nothing = np.zeros(0, np.int64)
    if len(body) == 0:
        return pa.table({name: pa.array([], pa.string()) for name in names}), nothing
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(body),
            # Rows are numbered only when one thread reads them.
            read_options=pa_csv.ReadOptions(
                use_threads=False, column_names=names, block_size=4 * _LONGEST_ROW
            ),
            parse_options=pa_csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=ragged),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException:  # its text quotes the row: not to be shown
        return None, nothing
    numbers = np.arange(1, table.num_rows + len(ragged.blank) + 1)
    return table, np.setdiff1d(numbers, ragged.blank) + _HEADER_ROW


def _without_blank_rows(raw: RawFile) -> RawFile:
    """Leave out rows without any value, such as spreadsheets write at the end (`,,,,`)."""
    if raw.table.num_rows == 0:
        return raw
    first = next(iter(raw.header.positions.values()))
    empty = _blank(raw.table.column(first))
    if not empty.any():
        return raw
    at = np.flatnonzero(empty)
    rows = raw.table.take(pa.array(at))
    for column in rows.columns:
        empty[at] &= _blank(column)
    return replace(raw.keep(~empty), blank_rows=int(empty.sum()))


def _blank(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.array(pc.equal(pc.utf8_trim_whitespace(column), ""))


def _read_parquet(header: Header) -> tuple[RawFile | None, list[str]]:
    shown = header.source.shown
    try:
        table = pq.read_table(header.source.path)
        table.validate(full=True)
    except (pa.ArrowException, OSError):
        return None, [f"{shown}: not a Parquet file, or a damaged one; send it again"]
    months = {
        header.positions[column.name]
        for column in header.source.spec.columns
        if column.kind == "month" and column.name in header.positions
    }
    columns: list[pa.Array] = []
    faults: list[str] = []
    for at, name in enumerate(header.names):
        text = _as_text(table.column(at).combine_chunks(), at in months)
        if text is None:
            faults.append(
                f"{shown}: column {name}: expected text, numbers, dates or true and false"
            )
        else:
            columns.append(text)
    if faults:
        return None, faults
    named = pa.table(columns, names=[str(at) for at in range(len(columns))])
    raw = RawFile(header, named, np.arange(1, named.num_rows + 1))
    return _without_blank_rows(raw), []


def _as_text(values: pa.Array, month: bool) -> pa.StringArray | None:
    """Write typed values as the CSV form of the contract has them; missing ones are empty."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    elif pa.types.is_timestamp(kind) and _at_midnight(values):
        values = values.cast(pa.date32())
    elif pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
        exact = pc.less(pc.abs(values), _EXACT)  # infinity and the like stay, and are set aside
        if _all(pc.and_(exact, pc.equal(values, pc.round(values)))):
            values = values.cast(pa.int64())
    if month and pa.types.is_date(values.type) and _all(pc.equal(pc.day(values), 1)):
        values = pc.strftime(values, format="%Y-%m")
    try:
        return pc.fill_null(values.cast(pa.string()), "")
    except pa.ArrowException:
        return None


def _at_midnight(values: pa.Array) -> bool:
    return _all(pc.equal(values, pc.floor_temporal(values, unit="day")))


def _all(mask: pa.BooleanArray) -> bool:
    return bool(pc.all(mask, min_count=0).as_py())
