"""Whether an authority's files speak of the same children: leading zeros, and how many are linked.

A child of the SSDA903 is a child in need, so that the CIN census of the same year has it
(Department for Education, CIN census guide: children looked after are in scope).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from fvlib.statutory.returns import UNDATED, Return
from fvlib.statutory.schools import SchoolFile

LEAST_LINKED: Final = 0.9
# Most children looked after are of no school age, or at a school elsewhere: only few is a fault.
LEAST_AT_SCHOOL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Link:
    """How many children of the SSDA903 another kind of file has too."""

    other: str
    children: int
    linked: int

    @property
    def few(self) -> bool:
        """Whether so few are linked that ids must be written otherwise in one of the two."""
        least = LEAST_LINKED if self.other == "CIN census" else LEAST_AT_SCHOOL
        return self.linked < least * self.children


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
    if not looked_after:
        return ()
    links = []
    if census:
        years = {one.collected for one in census} - {UNDATED}
        common = [one for one in in_care if one.collected in years] or in_care
        children = set[str]().union(*map(_children, common))
        links.append(_link("CIN census", children, census))
    for kind in ("attendance", "free school meals"):
        of_kind = [one for one in files if isinstance(one, SchoolFile) and one.kind == kind]
        if of_kind:
            links.append(_link(kind, looked_after, of_kind))
    return tuple(links)


def _link(other: str, children: set[str], files: Sequence[Return | SchoolFile]) -> Link:
    found = children & set[str]().union(*map(_children, files))
    return Link(other, len(children), len(found))
