"""Single values of the statutory returns, brought to the contract's form.

A value that can't be brought there is never mended: it is written as it is where it is a code or
date of the right shape, and else as `unreadable`, since text in the wrong place may be an
identifier. Either way the loader sets the row aside, and the import counts it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from fvlib.data.contract import Column
from fvlib.errors import Refusal

UNREADABLE: Final = "unreadable"
IMPOSSIBLE: Final = "no day of the calendar"
MONTHS: Final = 12
SLIPS: Final = 0.01
MOST_REMEMBERED: Final = 50_000  # distinct dates kept at hand; a century has 36,525

_ISO: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?(?:Z|[+-]\d{2}:\d{2})?\Z",
    re.ASCII,
)
_DMY: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: 0?0:00(?::00)?)?\Z", re.ASCII)
# Shapes in which no identifier fits: a letter or two with a number, a single sign.
_CODE_SHAPE: Final = re.compile(r"(?:[A-Z]{1,2}\d{1,2}[A-Z]?|[A-Z]|\d)\Z", re.ASCII)
# Words, such as an ethnic group's code: never written unknown, named only when many rows have it.
_WORD_SHAPE: Final = re.compile(r"[A-Z]{2,5}\Z")
_WHOLE: Final = re.compile(r"(-?\d{1,3})(?:\.0+)?\Z", re.ASCII)
_ACADEMIC_YEAR: Final = re.compile(r"\d{4}/\d{2}\Z", re.ASCII)
_FLAGS: Final = {"0": "0", "1": "1", "false": "0", "true": "1"}


@dataclass(slots=True)
class Unfit:
    """Counts, by (file of the contract, column, value), what the contract can't hold."""

    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def count(self, file: str, column: str, shown: str) -> str:
        """Count a row; `shown` is a code of harmless shape, or `unreadable`."""
        self.rows[file, column, shown] += 1
        return shown


class CodeReader:
    """Reads the codes of one column of the contract; any of the returns' spellings of a code."""

    def __init__(self, file: str, column: Column, unfit: Unfit) -> None:
        if column.codes is None:
            raise ValueError(f"{file}.{column.name} has no code list")
        self._file, self._column, self._unfit = file, column.name, unfit
        self._order = {code: place for place, code in enumerate(column.codes.written)}
        self._codes = {
            spelling.casefold(): entry.code
            for entry in column.codes.codes
            for spelling in (entry.code, *entry.also)
        }
        self._seen = {"": ""}

    def __call__(self, raw: str) -> str:
        """Return the contract's code, or what stands for an unknown one."""
        known = self._seen.get(raw)
        return known if known is not None else self._unseen(raw)

    def several(self, raws: list[str]) -> str:
        """Return a list of codes, `;` between, in the list's order, each once."""
        read = {self(raw) for raw in raws} - {""}
        return ";".join(sorted(read, key=lambda code: (self._order.get(code, len(read)), code)))

    def _unseen(self, raw: str) -> str:
        text = raw.strip()
        code = self._codes.get(text.casefold()) if text else ""
        if code is not None:
            if len(self._seen) < MOST_REMEMBERED:
                self._seen[raw] = code
            return code
        if _CODE_SHAPE.match(text):
            return self._unfit.count(self._file, self._column, text)
        self._unfit.count(self._file, self._column, text if _WORD_SHAPE.match(text) else UNREADABLE)
        return UNREADABLE


class DateReader:
    """Reads the dates of one column of one return, ISO or DD/MM/YYYY, never both."""

    def __init__(self, file: str, column: str, source: str, unfit: Unfit) -> None:
        self._file, self._column, self._source, self._unfit = file, column, source, unfit
        self._seen = {"": ""}
        self._forms: set[str] = set()
        self._month_first = 0  # rows that can only be read month first

    def __call__(self, raw: str) -> str:
        """Return the date as YYYY-MM-DD; an impossible one keeps its figures."""
        known = self._seen.get(raw)
        if known is not None:
            return known
        text = raw.strip()
        written = self._written(text) if text else ""
        if text and not written:
            return self._unfit.count(self._file, self._column, UNREADABLE)
        if text and not is_date(written):
            self._unfit.count(self._file, self._column, IMPOSSIBLE)
        elif len(self._seen) < MOST_REMEMBERED:
            self._seen[raw] = written
        return written

    def refuse_unclear(self, return_name: str, rows: int) -> None:
        """Refuse a column that mixes both forms, or is written month first.

        Parameters
        ----------
        return_name
            The return, for the message.
        rows
            How many rows the column has: among many day-first dates, a few that can only be read
            month first are slips.
        """
        if len(self._forms - {"day over 12"}) > 1:
            raise Refusal(
                f"{return_name}: {self._source} mixes dates of the forms YYYY-MM-DD and "
                "DD/MM/YYYY, so that it can't be told what a date means. Expected: one form in a "
                "column. Export the return again."
            )
        slips = max(1, SLIPS * (rows - self._month_first)) if "day over 12" in self._forms else 0
        if self._month_first > slips:
            raise Refusal(
                f"{return_name}: {self._source} is written month first (MM/DD/YYYY), in "
                f"{self._month_first:,} rows at least. Expected: DD/MM/YYYY or YYYY-MM-DD. Export "
                "the return again."
            )

    def _written(self, text: str) -> str:
        if match := _ISO.match(text):
            self._forms.add("iso")
            return "-".join(match.groups())
        if match := _DMY.match(text):
            self._forms.add("dmy")
            day, month, year = match.groups()
            if int(day) > MONTHS:
                self._forms.add("day over 12")
            elif int(month) > MONTHS:
                self._month_first += 1
            return f"{year}-{month:>02}-{day:>02}"
        return ""


class MonthReader:
    """Reads birth dates, and gives away the month alone."""

    def __init__(self, source: str, unfit: Unfit) -> None:
        self.dates = DateReader("children", "birth_month", source, unfit)

    def __call__(self, raw: str) -> str:
        """Return YYYY-MM; `unreadable` for what is no day of a calendar."""
        written = self.dates(raw)
        if not written:
            return ""
        return written[:7] if is_date(written) else UNREADABLE


def read_flag(file: str, column: str, raw: str, unfit: Unfit) -> str:
    """Return 0 or 1 for the returns' 0, 1, false or true; empty for empty."""
    text = raw.strip().casefold()
    if not text or text in _FLAGS:
        return _FLAGS.get(text, "")
    return unfit.count(file, column, UNREADABLE)


def read_count(file: str, column: str, raw: str, unfit: Unfit) -> str:
    """Return a whole number of at most three digits; empty for empty."""
    text = raw.strip()
    if not text:
        return ""
    if match := _WHOLE.match(text):
        return str(int(match.group(1)))
    return unfit.count(file, column, UNREADABLE)


def read_academic_year(file: str, column: str, raw: str, unfit: Unfit) -> str:
    """Return a school year as 2019/20; empty for empty."""
    text = raw.strip()
    if not text or _ACADEMIC_YEAR.match(text):
        return text
    return unfit.count(file, column, UNREADABLE)


def is_date(text: str) -> bool:
    """Whether YYYY-MM-DD is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2020-01-01")
