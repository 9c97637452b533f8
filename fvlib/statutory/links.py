"""Whether an authority's files speak of the same children and years: zeros, links, missing years.

A child of the SSDA903 is a child in need, so that the CIN census of the same year has it
(Department for Education, CIN census guide: children looked after are in scope).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import Final

import pandas as pd

from fvlib.statutory.returns import UNDATED, Return
from fvlib.statutory.schools import SchoolFile

COLLECTED_IN: Final = 3  # the month to whose end a year's collection runs
LEAST_LINKED: Final = 0.9
# Most children looked after are of no school age, or at a school elsewhere: only few is a fault.
LEAST_AT_SCHOOL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Link:
    """How many children of the SSDA903, or of all returns, another kind of file has too."""

    other: str
    children: int
    linked: int
    of: str = "SSDA903"

    @property
    def few(self) -> bool:
        """Whether so few are linked that ids must be written otherwise in one of the two."""
        least = LEAST_LINKED if self.other == "CIN census" else LEAST_AT_SCHOOL
        return self.linked < least * self.children


def alike_ids(files: Sequence[Return | SchoolFile], bare: Mapping[str, str]) -> list[str]:
    """Warn of ids that differ by leading zeros or signs alone, each from files without the other.

    Parameters
    ----------
    files
        All files, zeros restored.
    bare
        The id of each identifier that has zeros or signs -> the id of its letters and figures.
    """
    whole = [_children(one) for one in files]
    forms: dict[str, set[str]] = {}
    for child in set[str]().union(*whole):
        forms.setdefault(bare.get(child, child), set()).add(child)
    pairs = [pair for same in forms.values() for pair in combinations(sorted(same), 2)]
    alike = sum(not any(set(pair) <= children for children in whole) for pair in pairs)
    if not alike:
        return []
    return [
        f"ids that differ by leading zeros, dashes or other signs alone, in different files: "
        f"{alike:,} pairs, taken as different children. If they are the same ones, write their ids "
        "alike in every file and import again"
    ]


def missing_years(returns: Sequence[Return]) -> list[str]:
    """Say which years of a kind of return aren't there, of those that the others span.

    What an SSDA903 of before the first CIN census adds is history: it asks for no census.
    """
    kinds = {
        "CIN census": {read.collected for read in returns if not read.in_care} - {UNDATED},
        "SSDA903": {
            int(day)
            for read in returns
            if read.in_care and len(read.episodes)
            for day in read.episodes.get("collected", pd.Series([read.collected])).unique()
        }
        - {UNDATED},
    }
    ends = {
        kind: {day.year + (day.month > COLLECTED_IN) for day in map(date.fromordinal, days)}
        for kind, days in kinds.items()
        if days
    }
    every = sorted(set().union(*ends.values()))
    if not every:
        return []
    first = min(ends.get("CIN census", every))
    told = []
    for kind, years in sorted(ends.items()):
        begins = first if "CIN census" in ends and kind == "SSDA903" else min(years)
        lacking = sorted(set(range(begins, every[-1] + 1)) - years)
        if lacking:
            told.append(
                f"no {kind} of the collections of {', '.join(map(str, lacking))} is among the "
                "returns, and other years or kinds are. What it would say is unknown, which is "
                "not the same as nothing. Put it beside the others, or let data_through and the "
                "analysis end before"
            )
    return told


def restore_zeros(files: Sequence[Return | SchoolFile], zeros: Mapping[str, str]) -> dict[str, int]:
    """Give ids their leading zeros back where a file has lost all of them and others have them.

    Parameters
    ----------
    files
        All files; children's ids in their frames are changed.
    zeros
        The id of each identifier that begins with a zero -> the id that it has without them.

    Returns
    -------
    File -> how many children got their zeros back. Nothing is changed where two children would
    become one.
    """
    whole = {id(one): _children(one) for one in files}
    with_zeros = [one for one in files if whole[id(one)] & zeros.keys()]
    known = set[str]().union(*(whole[id(one)] for one in with_zeros))
    full = {zeros[child]: child for child in known & zeros.keys()}
    ambiguous = len(full) < len(known & zeros.keys()) or known & full.keys()
    told: dict[str, int] = {}
    for one in files:
        lost = whole[id(one)] & full.keys()
        if lost and not ambiguous and not whole[id(one)] & zeros.keys():
            _replace(one, full)
            told[one.file] = len(lost)
    return told


def _frames(one: Return | SchoolFile) -> dict[str, str]:
    """Name a file's frames, and the column of each that holds the child's id."""
    if isinstance(one, SchoolFile):
        return {"rows": "child_id"}
    others = dict.fromkeys(("children", "referrals", "plans"), "child_id")
    return {**others, "episodes": "CHILD"}


def _children(one: Return | SchoolFile) -> set[str]:
    ids = [getattr(one, name)[column] for name, column in _frames(one).items()]
    return set(pd.concat(ids).unique()) - {""}


def _replace(one: Return | SchoolFile, full: Mapping[str, str]) -> None:
    for name, column in _frames(one).items():
        frame = getattr(one, name)
        setattr(one, name, frame.assign(**{column: frame[column].replace(full)}))


def count_links(files: Sequence[Return | SchoolFile]) -> tuple[Link, ...]:
    """Count the SSDA903's children that the CIN census, attendance and school meals have too.

    Of the CIN census and the SSDA903 only the years that both have are compared, where any is.
    """
    in_care = [one for one in files if isinstance(one, Return) and one.in_care]
    census = [one for one in files if isinstance(one, Return) and not one.in_care]
    looked_after = set[str]().union(*map(_children, in_care))
    links = []
    if looked_after and census:
        years = {one.collected for one in census} - {UNDATED}
        common = [one for one in in_care if one.collected in years] or in_care
        children = set[str]().union(*map(_children, common))
        links.append(_link("CIN census", children, census))
    for kind in ("attendance", "free school meals"):
        of_kind = [one for one in files if isinstance(one, SchoolFile) and one.kind == kind]
        if of_kind and looked_after:
            links.append(_link(kind, looked_after, of_kind))
        elif of_kind:
            every = set[str]().union(*map(_children, census))
            links.append(replace(_link(kind, every, of_kind), of="CIN census"))
    return tuple(links)


def _link(other: str, children: set[str], files: Sequence[Return | SchoolFile]) -> Link:
    found = children & set[str]().union(*map(_children, files))
    return Link(other, len(children), len(found))
