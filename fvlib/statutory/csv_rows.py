"""CSV files beside an authority's returns: known by their first line, read a row at a time."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from fvlib.contract.spreadsheet import SAVE_AS_UTF8
from fvlib.errors import Refusal

SHORT: Final = "short rows"
AS_UTF8: Final = SAVE_AS_UTF8[0].upper() + SAVE_AS_UTF8[1:]
START_BYTES: Final = 64 * 1024
_MOST_COLUMNS: Final = 500
_BLANK_LINES: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*[\r\n]+)+")
_LONGEST_LINE: Final = 1_000_000  # characters; a row of a return has some hundred


def first_line(start: bytes) -> tuple[str, bool]:
    """Return the first line, and whether it is UTF-8."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        text, readable = start.decode("utf-16", "replace"), False
    else:
        line = (_BLANK_LINES.sub(b"", start).splitlines() or [b""])[0]
        try:
            text, readable = line.decode("utf-8-sig"), True
        except UnicodeDecodeError:
            text, readable = line.decode("latin-1"), False
    return (text.splitlines() or [""])[0].replace("\0", ""), readable


def rows(
    stream: TextIO, name: str, short: Counter[str], filled: Collection[str]
) -> Iterator[list[str]]:
    """Yield the header's names, then each row's values; lines empty but for spaces are left out.

    Parameters
    ----------
    stream, name
        The file, and its name in messages.
    short
        Is given how many rows lacked the commas of their empty last columns: read as empty.
    filled
        Columns that a row can't do without, in capital letters: none of them may be among those.

    Raises
    ------
    Refusal
        A row has more values than the header or lacks one that it must have, the file is cut
        short, a line runs on, or there are NULs.
    """
    ended: list[bool] = []
    reader = csv.reader(_lines(stream, name, ended), strict=True)
    columns: list[str] = []
    missing: list[str] = []
    for row in reader:
        if len(row) <= 1 and not "".join(row).strip():
            continue
        if not columns:
            columns = row
            if len(columns) > _MOST_COLUMNS:
                raise Refusal(f"{name}: more than {_MOST_COLUMNS} columns; this is no return.")
            yield columns
            continue
        if row[: len(columns)] == columns:
            raise Refusal(
                f"{name}: line {reader.line_num} is the header again: two files in one. Expected: "
                "one header, in the first line. Put each file by itself."
            )
        missing = columns[len(row) :]
        if len(row) > len(columns):
            raise Refusal(
                f"{name}: line {reader.line_num} has {len(row)} values, the header "
                f"{len(columns)}: a comma in a value that is not quoted, or empty columns beyond "
                "the header's last one. Take those out, or export it again."
            )
        if any(column.strip().upper() in filled for column in missing):
            raise Refusal(
                f"{name}: line {reader.line_num} has {len(row)} values, the header "
                f"{len(columns)}: a file cut short, or a row without the commas of its empty last "
                "columns, as spreadsheets write it, of which one must have a value. Give every "
                "row all commas, or export it again."
            )
        short[SHORT] += bool(missing)
        yield row + [""] * len(missing)
    if missing and short[SHORT] == 1 and not ended[-1]:
        raise Refusal(
            f"{name}: its last line has fewer values than the header, and no end: the file is cut "
            "short. Export it again."
        )


def short_rows_told(short: Counter[str]) -> list[str]:
    """Say how many rows lacked the commas of their empty last columns."""
    n = short[SHORT]
    return (
        [f"rows without the commas of their empty last columns, read as empty: {n:,}"] if n else []
    )


def _lines(stream: TextIO, name: str, ended: list[bool]) -> Iterator[str]:
    while line := stream.readline(_LONGEST_LINE):
        ended[:] = [line.endswith(("\n", "\r"))]
        if len(line) == _LONGEST_LINE:
            raise Refusal(
                f"{name}: a line of more than {_LONGEST_LINE:,} characters: rows run together, "
                "or a damaged file. Export it again."
            )
        if "\0" in line:
            raise Refusal(f"{name}: NUL characters: a damaged file or UTF-16. {AS_UTF8}.")
        yield line


@contextmanager
def told_as_refusal(name: str) -> Iterator[None]:
    """Turn what the libraries raise into a refusal: their words may quote the row."""
    try:
        yield
    except UnicodeDecodeError:
        raise Refusal(f"{name}: is not UTF-8 text. {AS_UTF8}.") from None
    except csv.Error:
        raise Refusal(
            f"{name}: can't be read as CSV: a quote is out of place or never closed, or a value is "
            f"longer than {csv.field_size_limit():,} characters. Export it again."
        ) from None
