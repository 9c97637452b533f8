"""The rules of the data contract on single values: a row with a value that breaks one is set aside.

The first that a value breaks counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from fvlib.contract import codes
from fvlib.contract.files import (
    IPE_ADMIN,
    LONGEST_IDENTIFIER,
    LONGEST_TEXT,
    SESSIONS_IN_A_YEAR,
    Kind,
)
from fvlib.contract.rule import Bools, Rows, Rule, Values, files_having

_UNPRINTABLE: Final = r"[\x00-\x1f\x7f-\x9f]"
_WHOLE: Final = r"^[+-]?[0-9]+(\.0+)?$"


def _cant_be_read(values: Values) -> Bools:
    return values.unread


def _longer_than(limit: int) -> Callable[[Values], Bools]:
    return lambda values: (values.series.str.len() > limit).to_numpy(bool)


def _too_long_or_unprintable(values: Values) -> Bools:
    unprintable = values.series.str.contains(_UNPRINTABLE).to_numpy(bool)
    return np.asarray(unprintable | _longer_than(LONGEST_IDENTIFIER)(values))


def _excludes_itself(values: Values) -> Bools:
    """Tell which lists of codes have the code that stands alone beside another."""
    alone = values.column.codes.alone if values.column.codes is not None else None
    lists = [str(text).split(";") for text in values.read]
    return np.array([alone in codes and len(codes) > 1 for codes in lists], bool)


def _people_in_parts(rows: Rows) -> Mapping[str, Bools]:
    """Find fractions of people among figures that may also be means."""
    if rows.spec is not IPE_ADMIN:
        return {}
    people = rows.has("indicator", *codes.PEOPLE_INDICATORS)
    figures = {name: rows.numbers(name) for name in ("numerator", "denominator")}
    return {
        name: people & (numbers != np.floor(numbers)) & ~np.isnan(numbers)
        for name, numbers in figures.items()
    }


def _on_kinds(
    name: str, kinds: tuple[Kind, ...], *words: str, breaks: Callable[[Values], Bools]
) -> Rule:
    """Make a rule on all columns of some kinds; `words` as in `Rule`, from its label on."""
    files = files_having(*kinds, checked=True)
    label, checks, why, remedy = words
    return Rule(name, "set aside", files, label, checks, why, remedy, kinds, breaks)


NOT_A_WHOLE_NUMBER: Final = Rule(
    "not a whole number",
    "set aside",
    (*files_having("count"), IPE_ADMIN.name),
    "fraction where a count belongs",
    "counts, scores and people are whole numbers",
    "a fraction is a percentage or a mean where a count belongs",
    "give the count itself",
    kinds=("count",),
    of_values=lambda values: ~values.series.str.match(_WHOLE).to_numpy(bool),
    of_rows=_people_in_parts,
)

VALUE_RULES: Final = (
    Rule(
        "missing value",
        "set aside",
        files_having(may_be_empty=False),
        "a value that the row needs is empty",
        "keys, starts, whether a case stayed open, and the codes that a row needs are filled in",
        "without it the row can't be placed",
        "fill in the column that is named",
        of_values=lambda values: values.empty & (not values.column.may_be_empty),
    ),
    _on_kinds(
        "not an identifier",
        ("identifier",),
        "identifier too long, or unprintable",
        f"an identifier has at most {LONGEST_IDENTIFIER} characters, all of them printable",
        "longer ones are values that ran together",
        "see where the value was joined with another when the file was made",
        breaks=_too_long_or_unprintable,
    ),
    _on_kinds(
        "text too long",
        ("text", "label"),
        "text too long",
        f"a text has at most {LONGEST_TEXT} characters",
        "longer ones are values that ran together",
        "shorten the text",
        breaks=_longer_than(LONGEST_TEXT),
    ),
    _on_kinds(
        "unknown code",
        ("code", "code list"),
        "code that is not in its list",
        "a code stands in its list; stray spaces and letter case don't matter",
        "a code that isn't in the list can't be read as another",
        "put one of the codes of the data dictionary, or leave the value empty where it may be",
        breaks=_cant_be_read,
    ),
    _on_kinds(
        "none beside another code",
        ("code list",),
        "both a disability and none",
        "the code NONE stands alone",
        "no disability and a disability exclude each other",
        "take out NONE, or the other codes",
        breaks=_excludes_itself,
    ),
    _on_kinds(
        "not 0 or 1",
        ("flag",),
        "yes or no not written as 1 or 0",
        "a yes-or-no column holds 0 or 1",
        "other spellings of yes differ between systems",
        "write 1 for yes, 0 for no",
        breaks=_cant_be_read,
    ),
    _on_kinds(
        "not a date",
        ("date",),
        "date that can't be read",
        "a date is in the calendar, written YYYY-MM-DD or DD/MM/YYYY",
        "31 February has no nearest day",
        "correct the date, in the form of the column's other dates",
        breaks=_cant_be_read,
    ),
    _on_kinds(
        "not a month",
        ("month",),
        "month of birth that can't be read",
        "a month of birth is written YYYY-MM",
        "ages are taken from it",
        "write the year and the month, such as 2015-09; empty where the child was not born yet",
        breaks=_cant_be_read,
    ),
    _on_kinds(
        "not an academic year",
        ("academic year",),
        "school year that can't be read",
        "a school year is written 2019/20, its second part the year after",
        "a single year could be either",
        "write both years, such as 2019/20",
        breaks=_cant_be_read,
    ),
    _on_kinds(
        "not a number",
        ("count", "number"),
        "number that can't be read",
        "a number is written in digits, without a percent sign or thousands separator",
        "anything else is a note, not a number",
        "write the number in digits, or leave it empty where it may be",
        breaks=_cant_be_read,
    ),
    NOT_A_WHOLE_NUMBER,
    _on_kinds(
        "out of range",
        ("count", "number"),
        "number too small or too large",
        "a number is not negative, a survey item 1 to 5, sessions at most "
        f"{SESSIONS_IN_A_YEAR} a term",
        "outside that it can't be what the column says",
        "correct the number",
        breaks=lambda values: (
            (values.read < values.column.minimum) | (values.read > values.column.maximum)
        ),
    ),
)
