"""Counts in two places that count nearly the same persons: what one hides the other hides.

Attendance at an event and the admin return's staff trained are such counts, and so are staff
trained to awareness or more and those of them trained to deep dive: a small difference counts
persons too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from fvlib.gate import CountTable
from fvlib.gate.masking import masks_of
from fvlib.ipe.grouping import TOTAL
from fvlib.refresh import Disclosure

# Training event: the indicator of those trained in it.
TRAINED: Final = {"awareness": "staff_trained_awareness", "deep_dive": "staff_trained_deep_dive"}
# Column of the training table: the indicator table's.
SAME: Final = {"attended": "numerator", "eligible": "denominator"}


@dataclass(frozen=True, slots=True)
class _Cell:
    """A count's table (`ipe` or `training`), row position and column."""

    table: str
    place: int
    column: str


@dataclass(frozen=True, slots=True)
class _Tie:
    """Two counts that are equal, or so near that the second is hidden whatever the first is."""

    first: _Cell
    second: _Cell
    equal: bool


def hide_ties(
    ipe: CountTable, training: CountTable, rule: Disclosure
) -> tuple[CountTable, CountTable]:
    """Hide what the indicators and the training table would give away of each other.

    Parameters
    ----------
    ipe
        The table of indicators, with its columns of hidden counts.
    training
        The table of attendance, with its.
    rule
        The refresh's threshold.
    """
    tables = {"ipe": ipe, "training": training}
    ties = [*_ties(tables, rule)]
    hidden = {tie.second for tie in ties if not tie.equal}
    known = -1
    while known != (known := len(hidden)):  # masks only grow
        tables = {name: _hiding(table, name, hidden) for name, table in tables.items()}
        masks = {name: masks_of(table, rule) for name, table in tables.items()}
        for tie in ties:
            first, second = (
                bool(masks[cell.table][cell.column].to_numpy()[cell.place])
                for cell in (tie.first, tie.second)
            )
            hidden |= {tie.second} if first else {tie.first} if second and tie.equal else set()
    return tables["ipe"], tables["training"]


def _ties(tables: dict[str, CountTable], rule: Disclosure) -> Iterator[_Tie]:
    """Yield the pairs of counts that differ by less than the threshold."""
    numbers = {
        (name, column): table.frame[column].to_numpy(float, na_value=np.nan)
        for name, table in tables.items()
        for column in table.counts
    }
    for first, second in _pairs(tables["ipe"].frame, tables["training"].frame):
        gap = abs(
            numbers[first.table, first.column][first.place]
            - numbers[second.table, second.column][second.place]
        )
        if gap < rule.threshold:  # never where one is absent
            yield _Tie(first, second, gap == 0)


def _pairs(ipe: pd.DataFrame, training: pd.DataFrame) -> Iterator[tuple[_Cell, _Cell]]:
    """Yield the pairs of counts of the same LA and time point."""
    place_of = {
        (str(la), str(point), str(name)): place
        for place, (la, point, name) in enumerate(
            ipe[["la", "time_point", "indicator"]].itertuples(index=False)
        )
    }
    for (la, point, name), place in place_of.items():
        first = place_of.get((la, point, TRAINED["awareness"]))
        if name == TRAINED["deep_dive"] and first is not None:
            yield _Cell("ipe", first, "numerator"), _Cell("ipe", place, "numerator")
    columns = training[["la", "time_point", "event", "split"]].astype(str)
    for place, (la, point, event, split) in enumerate(columns.itertuples(index=False)):
        first = place_of.get((la, point, TRAINED.get(event, "")))
        if split == TOTAL and first is not None:
            for column, of_ipe in SAME.items():
                yield _Cell("ipe", first, of_ipe), _Cell("training", place, column)


def _hiding(table: CountTable, name: str, hidden: set[_Cell]) -> CountTable:
    frame = table.frame.copy()
    for cell in hidden:
        if cell.table == name:
            frame.loc[frame.index[cell.place], table.hidden[cell.column]] = True
    return replace(table, frame=frame)
