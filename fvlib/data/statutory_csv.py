"""CSV files beside an authority's returns: known by their first line, read a row at a time."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from fvlib.data.source import SAVE_AS_UTF8
from fvlib.errors import Refusal

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


def rows(stream: TextIO, name: str) -> Iterator[list[str]]:
    """Yield the header's names, then each row's values; lines empty but for spaces are left out.

    Raises
    ------
    Refusal
        A row has more or fewer values than the header, a line runs on, or there are NULs.
    """
    reader = csv.reader(_lines(stream, name), strict=True)
    columns: list[str] = []
    for row in reader:
        if len(row) <= 1 and not "".join(row).strip():
            continue
        if not columns:
            columns = row
            if len(columns) > _MOST_COLUMNS:
                raise Refusal(f"{name}: more than {_MOST_COLUMNS} columns; this is no return.")
            yield columns
        elif len(row) == len(columns):
            yield row
        else:
            raise Refusal(
                f"{name}: line {reader.line_num} has {len(row)} values, the header "
                f"{len(columns)}: a comma in a value that is not quoted, or a file cut short. "
                "Export it again."
            )


def _lines(stream: TextIO, name: str) -> Iterator[str]:
    while line := stream.readline(_LONGEST_LINE):
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
