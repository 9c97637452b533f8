"""What spreadsheets and databases do to a value that is exported, undone; and what can't be undone.

One reading of a number that a spreadsheet touched serves ids, codes, flags and counts.
"""

from __future__ import annotations

import re
from typing import Final

# Written in place of an empty cell: SQL Server, Excel, pandas, R, Access. `NONE` is no such word:
# it is a code of the census.
_NULL_WORDS: Final = frozenset(
    {
        *("null", "(null)", "<null>", "#null!", "n/a", "#n/a", "na", "<na>", "nan", "nat"),
        *("nil", "\\n", "#value!", "#ref!", "#name?", "#div/0!"),
    }
)
_LONGEST_NULL_WORD: Final = max(map(len, _NULL_WORDS))
_AS_FORMULA: Final = re.compile(r'="([^"]*)"\Z')
_WITH_COMMAS: Final = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.0*)?\Z", re.ASCII)
_DECIMAL: Final = re.compile(r"(-?\d+)\.0*\Z", re.ASCII)
# `1.20E+08`, as Excel shows a long number: the digits that told two ids apart are gone.
_EXPONENT: Final = re.compile(r"\d(?:\.\d+)?E[+-]\d{2,3}\Z", re.ASCII | re.IGNORECASE)


SAVE_AS_UTF8: Final = "save it as CSV UTF-8 (in Excel: Save as, `CSV UTF-8 (Comma delimited)`)"


def is_null_word(text: str) -> bool:
    """Whether a text stands in place of an empty cell.

    >>> is_null_word("NULL"), is_null_word("NONE")
    (True, False)
    """
    return 1 < len(text) <= _LONGEST_NULL_WORD and text.strip().casefold() in _NULL_WORDS


def is_exponent(text: str) -> bool:
    """Whether a text is a number of which a spreadsheet kept the first digits alone.

    >>> is_exponent("1.20E+08"), is_exponent("1201E5")
    (True, False)
    """
    return _EXPONENT.match(undo_number(text)) is not None


def undo_number(text: str) -> str:
    """Give a text without what a spreadsheet adds to numbers, and to texts that look like them.

    Outer spaces, a leading apostrophe, `="..."`, commas between thousands, a final `.0`.

    >>> [undo_number(text) for text in ("12,041", "1.0", '="0012041"', "'0018377", "QF 18377 ")]
    ['12041', '1', '0012041', '0018377', 'QF 18377']
    """
    text = text.strip()
    if not text or text.isalnum():
        return text
    if match := _AS_FORMULA.match(text):
        text = match[1].strip()
    text = text.removeprefix("'").strip()
    if _WITH_COMMAS.match(text):
        text = text.replace(",", "")
    match = _DECIMAL.match(text)
    return match[1] if match else text
