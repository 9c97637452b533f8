"""Single values of the statutory returns, brought to the contract's form.

A value that can't be brought there is never mended: it is written as it is where it is a code or
date of the right shape, and else as `unreadable`, since text in the wrong place may be an
identifier. Either way the loader sets the row aside, and the import counts it.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final

from fvlib.contract import Column
from fvlib.contract.spreadsheet import is_exponent, is_hidden, is_null_word, plain, undo_number
from fvlib.errors import Refusal
from fvlib.statutory.pseudonym import Pseudonyms

UNREADABLE: Final = "unreadable"
IMPOSSIBLE: Final = "no day of the calendar"
MONTHS: Final = 12
SLIPS: Final = 0.01
MOST_REMEMBERED: Final = 50_000  # distinct dates kept at hand; a century has 36,525

_ISO: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?(?:Z|[+-]\d{2}:\d{2})?\Z",
    re.ASCII,
)
_DMY: Final = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (?:0?0:00(?::00)?(?:\.0+)?|12:00(?::00)? ?AM))?\Z",
    re.ASCII | re.IGNORECASE,
)
# 20-Jun-2022, 20/Jun/2022, 20 June 2022: nothing else can be meant.
_NAMED: Final = re.compile(
    r"(\d{1,2})[-/ ]([a-z]{3,9})[-/ ,]+(\d{4})(?: 0?0:00(?::00)?(?:\.0+)?)?\Z",
    re.ASCII | re.IGNORECASE,
)
_MONTH_NAMES: Final = MappingProxyType(
    {
        spelling: number
        for number, name in enumerate(calendar.month_name)
        if name
        for spelling in (name.casefold(), name[:3].casefold(), name[:4].casefold())
    }
)
# Excel's number of a day, counted from 30 December 1899; those of the years 1970 to 2099.
_SERIAL: Final = re.compile(r"\d{5}(?:\.0*)?\Z", re.ASCII)
_SERIAL_ORIGIN: Final = date(1899, 12, 30).toordinal()
_SERIAL_DAYS: Final = range(25_569, 73_051)
# Forms that are not read: with two digits a year has two readings, without slashes or dashes in
# the contract's order a day and a month can be told apart by custom alone.
_FOREIGN: Final = MappingProxyType(
    {
        "years of two digits": r"\d{1,2}([/. -])(?:\d{1,2}|[a-z]{3,9})\1\d{2}",
        "DD.MM.YYYY": r"\d{1,2}\.\d{1,2}\.\d{4}",
        "DD-MM-YYYY": r"\d{1,2}-\d{1,2}-\d{4}",
        "YYYY/MM/DD": r"\d{4}[/.]\d{1,2}[/.]\d{1,2}",
        "YYYYMMDD": r"\d{8}",
        "dates with a time of day": r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}[T ]\d{1,2}:.*",
        "months before days": r"[a-z]{3,9}[- ]\d{1,2}[-, ]+\d{2,4}",
        "#### in place of dates, a column too narrow when it was saved": r"#+",
    }
)
_OTHER_FORM: Final = "another form"
_NUMBERED: Final = "Excel's number of a day"
_FOLDED: Final = re.ASCII | re.IGNORECASE
_LATE_DAY: Final = "a day after the 12th"
# Shapes in which no identifier fits: a letter or two with a number, a single sign.
_CODE_SHAPE: Final = re.compile(r"(?:[A-Z]{1,2}\d{1,2}[A-Z]?|[A-Z]|\d)\Z", re.ASCII)
# Words, such as an ethnic group's code: never written unknown, named only when many rows have it.
_WORD_SHAPE: Final = re.compile(r"[A-Z]{2,5}\Z")
_WHOLE: Final = re.compile(r"-?\d{1,3}\Z", re.ASCII)
_TWO_YEARS: Final = re.compile(r"((?:19|20)\d{2})(?: ?[/-]? ?(\d{2}|\d{4}))?\Z", re.ASCII)
_FLAGS: Final = {"0": "0", "1": "1", "false": "0", "true": "1"}


@dataclass(slots=True)
class Unfit:
    """Counts, by (file of the contract, column, value), what the contract can't hold."""

    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def count(self, file: str, column: str, shown: str) -> str:
        """Count a row; `shown` is a code of harmless shape, or `unreadable`."""
        self.rows[file, column, shown] += 1
        return shown


class IdReader:
    """Reads the ids of one column of one return, and gives pseudonyms alone."""

    def __init__(self, source: str, ids: Pseudonyms) -> None:
        self._source, self._ids = source, ids
        self._exponents = self._hidden = 0

    def __call__(self, raw: str) -> str:
        """Return the child's pseudonym; empty for an empty id."""
        self._exponents += ("e" in raw or "E" in raw) and is_exponent(raw)
        self._hidden += is_hidden(raw)
        return self._ids.child(raw)

    def refuse_cut(self, return_name: str) -> None:
        """Refuse a column of ids of which a spreadsheet kept the first digits alone, or none.

        Raises
        ------
        Refusal
            Naming the column and how many rows.
        """
        if self._hidden:
            raise Refusal(
                f"{return_name}: {self._source} shows #### in place of the id in "
                f"{self._hidden:,} rows: the column was too narrow when it was saved. Expected: "
                "the ids as the system has them. Export the return again."
            )
        if self._exponents:
            raise Refusal(
                f"{return_name}: {self._source} is written with an exponent (such as 1.20E+08) in "
                f"{self._exponents:,} rows: a spreadsheet has cut the ids, so that two children "
                "can have one. Expected: the ids as the system has them. Export the return again "
                "and don't save it in a spreadsheet, or give the column the format Text first."
            )


def clear_null_words(row: dict[str, str], counted: Counter[str]) -> dict[str, str]:
    """Read NULL, N/A and their like as empty, and count them by column."""
    for column, value in row.items():
        if value and is_null_word(value):
            row[column] = ""
            counted[column] += 1
    return row


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
        text = undo_number(raw)
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
    """Reads the dates of one column of one return, all in one form.

    ISO or DD/MM/YYYY; where the whole column has it, days with the month's name, or Excel's number
    of a day. Any other form is refused by column, since nothing of the column can be read.
    """

    def __init__(self, file: str, column: str, source: str, unfit: Unfit) -> None:
        self._file, self._column, self._source, self._unfit = file, column, source, unfit
        self._seen = {"": ""}
        self._forms: set[str] = set()
        self._foreign: Counter[str] = Counter()  # rows that can't be read, by form
        self._month_first = 0  # rows that can only be read month first

    def __call__(self, raw: str) -> str:
        """Return the date as YYYY-MM-DD; an impossible one keeps its figures."""
        known = self._seen.get(raw)
        if known is not None:
            return known
        text = plain(raw)
        written = self._written(text) if text else ""
        if text and not written:
            self._foreign[_foreign_form(text)] += 1
            return self._unfit.count(self._file, self._column, UNREADABLE)
        if text and not is_date(written):
            self._unfit.count(self._file, self._column, IMPOSSIBLE)
        elif len(self._seen) < MOST_REMEMBERED:
            self._seen[raw] = written
        return written

    def refuse_unclear(self, return_name: str, rows: int) -> None:
        """Refuse a column that mixes forms, is written month first, or can't be read at all.

        Parameters
        ----------
        return_name
            The return, for the message.
        rows
            How many rows the column has: among many day-first dates, a few that can only be read
            month first are slips.
        """
        forms = sorted(self._forms - {_LATE_DAY})
        if len(forms) > 1:
            raise Refusal(
                f"{return_name}: {self._source} mixes dates of the forms {' and '.join(forms)}, so "
                "that it can't be told what a date means. Expected: one form in a column. Export "
                "the return again."
            )
        self._refuse_foreign(return_name, rows)
        slips = max(1, SLIPS * (rows - self._month_first)) if _LATE_DAY in self._forms else 0
        if self._month_first > slips:
            raise Refusal(
                f"{return_name}: {self._source} is written month first (MM/DD/YYYY), in "
                f"{self._month_first:,} rows at least. Expected: DD/MM/YYYY or YYYY-MM-DD. Export "
                "the return again."
            )

    @property
    def source(self) -> str:
        """The column or element as the return names it."""
        return self._source

    @property
    def by_number(self) -> bool:
        """Whether the dates are Excel's numbers of days."""
        return _NUMBERED in self._forms

    def _refuse_foreign(self, return_name: str, rows: int) -> None:
        several = sum(self._foreign.values()) > max(1, SLIPS * rows)
        if self._foreign and (several or not self._forms):
            raise Refusal(
                f"{return_name}: {self._source} has dates in a form that is not read "
                f"({', '.join(sorted(self._foreign))}), in {sum(self._foreign.values()):,} rows. "
                "Expected: YYYY-MM-DD or DD/MM/YYYY, the year with four digits. Give the column "
                "that format and export the return again."
            )

    def _written(self, text: str) -> str:
        if match := _ISO.match(text):
            self._forms.add("YYYY-MM-DD")
            return "-".join(match.groups())
        if match := _DMY.match(text):
            self._forms.add("DD/MM/YYYY")
            day, month, year = match.groups()
            if int(day) > MONTHS:
                self._forms.add(_LATE_DAY)
            elif int(month) > MONTHS:
                self._month_first += 1
            return f"{year}-{month:>02}-{day:>02}"
        if (match := _NAMED.match(text)) and match[2].casefold() in _MONTH_NAMES:
            self._forms.add("DD-Mon-YYYY")
            return f"{match[3]}-{_MONTH_NAMES[match[2].casefold()]:02}-{match[1]:>02}"
        if _SERIAL.match(text) and int(float(text)) in _SERIAL_DAYS:
            self._forms.add(_NUMBERED)
            return date.fromordinal(_SERIAL_ORIGIN + int(float(text))).isoformat()
        return ""


def _foreign_form(text: str) -> str:
    """Name the form of a date that is not read; what is no date is of another form."""
    matching = (form for form, shape in _FOREIGN.items() if re.fullmatch(shape, text, _FOLDED))
    return next(matching, _OTHER_FORM)


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
    text = undo_number(raw).casefold()
    if not text or text in _FLAGS:
        return _FLAGS.get(text, "")
    return unfit.count(file, column, UNREADABLE)


def read_count(file: str, column: str, raw: str, unfit: Unfit) -> str:
    """Return a whole number of at most three digits; empty for empty."""
    text = undo_number(raw)
    if not text:
        return ""
    if _WHOLE.match(text):
        return str(int(text))
    return unfit.count(file, column, UNREADABLE)


def read_academic_year(file: str, column: str, raw: str, unfit: Unfit) -> str:
    """Return a school year as 2019/20; empty for empty."""
    text = plain(raw)
    if not text:
        return ""
    first, last = _two_years(text)
    if first and last:
        return f"{first}/{last % 100:02}"
    return unfit.count(file, column, UNREADABLE)


def read_collection_year(raw: str) -> str:
    """Return the year in which a collection ended, of `2020` or `2019/20`; empty for any other.

    >>> [read_collection_year(year) for year in ("2019/20", "2020.0", "201920", "2019/21")]
    ['2020', '2020', '2020', '']
    """
    first, last = _two_years(undo_number(raw))
    return str(last or first or "")


def _two_years(text: str) -> tuple[int, int]:
    """Return both years of 2019/20, 2019-2020 or 201920; 0 for one that isn't there."""
    match = _TWO_YEARS.match(text)
    if match is None:
        return 0, 0
    first, second = int(match[1]), match[2]
    if second is None:
        return first, 0
    last = first + 1
    return (first, last) if second in (str(last), f"{last % 100:02}") else (0, 0)


def is_date(text: str) -> bool:
    """Whether YYYY-MM-DD is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2020-01-01")
