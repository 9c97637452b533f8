"""What spreadsheets and databases do to a value that is exported, undone; and what can't be undone.

One reading of a number that a spreadsheet touched serves ids, codes, flags and counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

# Written in place of an empty cell: SQL Server, Excel, pandas, R, Access, and people.
_NULL_WORDS: Final = frozenset(
    {
        *("null", "(null)", "<null>", "[null]", "#null!", "n/a", "n\\a", "#n/a", "na", "<na>"),
        *("nan", "nat", "nil", "none", "\\n", "#value!", "#ref!", "#name?", "#div/0!", "#num!"),
        *("-", "--", "---", ".", "?", "blank", "(blank)", "empty", "(empty)", "tbc", "n/k", "nk"),
        *("unknown", "not known", "not recorded", "not available"),
        # Days that stand for none: no calendar has them, or counting begins with them.
        *("99/99/9999", "00/00/0000", "0000-00-00", "9999-99-99", "00/01/1900", "1900-01-00"),
        *("01/01/1900", "1900-01-01", "01/01/1753", "1753-01-01", "01/01/0001", "0001-01-01"),
        *("30/12/1899", "1899-12-30", "31/12/9999", "9999-12-31", "31/12/2999", "2999-12-31"),
    }
)
_MIDNIGHT: Final = re.compile(r"[T ]00?:00(?::00)?(?:\.0+)?\Z", re.ASCII)
_LONGEST_NULL_WORD: Final = max(map(len, _NULL_WORDS)) + len(" 00:00:00.0000000")
_AS_FORMULA: Final = re.compile(r'=(?:T\()?"?([^"()]*)"?\)?\Z')
_WITH_COMMAS: Final = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.0*)?\Z", re.ASCII)
_DECIMAL: Final = re.compile(r"\+?(-?\d+)(?:\.0*|,00?)?\Z", re.ASCII)
# `1.20E+08`, as programs show a long number: the digits that told two ids apart are gone. Without
# a sign and a decimal point (`1201E5`) it may be an id.
_EXPONENT: Final = re.compile(
    r"\d(?:(?:[.,]\d+)?E[+-]\d{1,3}|[.,]\d+E\d{1,3})\Z", re.ASCII | re.IGNORECASE
)
# Signs that look like others: dashes, apostrophes, quotes.
_PLAIN_SIGNS: Final = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("`\u00b4\u2018\u2019\u201b\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201e", '"')
)


SAVE_AS_UTF8: Final = "save it as CSV UTF-8 (in Excel: Save as, `CSV UTF-8 (Comma delimited)`)"


def is_null_word(text: str, codes: Collection[str] = ()) -> bool:
    """Whether a text stands in place of an empty cell, and is none of the column's own codes.

    >>> is_null_word("NULL"), is_null_word("NONE", {"none"}), is_null_word("01/01/1900 00:00")
    (True, False, True)
    """
    if not 0 < len(text) <= _LONGEST_NULL_WORD:
        return False
    word = text.strip().casefold()
    return _MIDNIGHT.sub("", word) in _NULL_WORDS and word not in codes


def is_hidden(text: str) -> bool:
    """Whether a text is what a spreadsheet shows of a value that is wider than its column.

    >>> is_hidden("########"), is_hidden("#1")
    (True, False)
    """
    return text[:2] == "##" and not text.strip("# ")


def is_exponent(text: str) -> bool:
    """Whether a text is a number of which a spreadsheet kept the first digits alone.

    >>> is_exponent("1.20E+08"), is_exponent("1201E5")
    (True, False)
    """
    return _EXPONENT.match(undo_number(text)) is not None


def plain(text: str) -> str:
    """Give a text without what can't be seen and what marks it as text.

    Outer spaces and quotes, `="..."`, signs of no width; dashes and digits of other alphabets as
    those of the keyboard.

    >>> plain("\u201812\u201341\u200b"), plain('="0012"')
    ('12-41', '0012')
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    text = text.translate(_PLAIN_SIGNS).strip()
    if match := _AS_FORMULA.match(text):
        text = match[1]
    return text.strip("'\" ")


def undo_number(text: str) -> str:
    """Give a text without what a spreadsheet adds to numbers, and to texts that look like them.

    What `plain` takes away, commas between thousands, a plus sign, a final `.0`.

    >>> [undo_number(text) for text in ("12,041", "1.0", '="0012041"', "'0018377", "QF 18377 ")]
    ['12041', '1', '0012041', '0018377', 'QF 18377']
    """
    if text.isascii() and text.isalnum():
        return text
    text = plain(text)
    if _WITH_COMMAS.match(text):
        text = text.replace(",", "")
    match = _DECIMAL.match(text)
    return match[1] if match else text
