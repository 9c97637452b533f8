"""Remarks (`fvlib.remarks`) in words: why no result, what a fit warns of, what it left out.

A remark's words are its template in `chapters/phrases.yml`, under `reasons`; its values get theirs
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fvlib import protocol
from fvlib.errors import Refusal
from fvlib.remarks import TERMS, VALUES, Code, Remark, read_remarks
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say

BETWEEN: Final = "; "
# What random intercepts are of, by the name that the engine gives the level.
LEVELS: Final = {
    "las": "LAs",
    "groups": "LAs",
    "la_periods": "periods in an LA",
    "subgroups": "periods in an LA",
    "units": "children",
}


def in_words(text: str, *, brief: bool = False) -> str:
    """Say the remarks of a cell, `;` between them; terms with the same reason stand as one.

    Parameters
    ----------
    text
        One remark, or several.
    brief
        Whether to leave out a list that would differ from row to row of a table.

    Raises
    ------
    Refusal
        The cell holds what this version has no words for.
    """
    try:
        found = list(read_remarks(text))
    except ValueError as error:
        raise Refusal(
            f"a reason or a remark among the results is not one that this version knows ({error}); "
            "make the results again with `fv run`"
        ) from error
    return BETWEEN.join(_said(one, brief=brief) for one in _together(found))


def _together(remarks: Iterable[Remark]) -> list[Remark]:
    """Join the remarks that differ in their terms alone, each where the first of them stands."""
    out: list[Remark] = []
    place: dict[Code, int] = {}
    for one in remarks:
        if VALUES.get(one.code) != (TERMS,):
            out.append(one)
        elif one.code in place:
            at = place[one.code]
            out[at] = Remark(one.code, {TERMS: (*out[at].values[TERMS], *one.values[TERMS])})
        else:
            place[one.code] = len(out)
            out.append(one)
    return out


def _said(one: Remark, *, brief: bool) -> str:
    if brief and one.code == Code.MERGED:
        return say(f"reasons.{one.code}_briefly")
    values = dict(one.values)
    covariate = values.get("covariate", ("",))[0]
    writers: dict[str, Callable[[tuple[str, ...]], str]] = {
        TERMS: lambda items: numbers.listing(map(labels.term, items)),
        "las": lambda items: numbers.listing(protocol.LA_NAMES[la] for la in items),
        "groups": lambda items: ", ".join(labels.level("ethnicity", item) for item in items),
        "levels": lambda items: ", ".join(labels.level(covariate, item) for item in items),
        "covariate": lambda items: numbers.listing(map(labels.term, items)),
        "level": lambda items: LEVELS.get(items[0], items[0]),
    }
    told = {name: writers.get(name, _plainly)(items) for name, items in values.items()}
    limit = numbers.percent(protocol.MISSING_LIMIT, 0)
    return say(f"reasons.{one.code}", limit=limit, **told)


def _plainly(items: tuple[str, ...]) -> str:
    return ", ".join(numbers.count(int(item)) if item.isdigit() else item for item in items)
