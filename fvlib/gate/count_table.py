"""What a table of counts says of itself, so that the gate can judge it: counts, wholes, margins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from fvlib.gate.linked_counts import ALL, System

ESTIMATES: Final = "estimates"  # the main table's name beside the side tables


@dataclass(frozen=True, slots=True)
class Margin:
    """Rows that add up to a total that stands in the same table.

    Attributes
    ----------
    by
        Columns that rows with the same total share.
    split
        Column that says what the total is split by: one total may be split in several ways, and
        each has its own rows.
    total
        The value of `split` in the total's row.
    """

    by: tuple[str, ...]
    split: str
    total: str = ALL


@dataclass(frozen=True, slots=True)
class Running:
    """Counts of much the same persons row after row: two rows' difference counts persons too.

    Attributes
    ----------
    by
        Columns that the rows of one series share; they follow each other in the table's order.
    counts
        The columns that run on.
    where
        A column, not released, of the rows that run on; None for all.
    unreleased
        Those of `by` that are not released.
    """

    by: tuple[str, ...]
    counts: tuple[str, ...]
    where: str | None = None
    unreleased: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CountTable:
    """One side table, with what the gate must know about its columns.

    Attributes
    ----------
    frame
        The exact, unrounded table.
    counts
        Columns that count persons.
    parts
        `{part: whole}`: `part` counts some of `whole`'s persons (events of n), so that the rest
        of the whole is a count too and the part goes when the rest is small.
    persons
        `{count: column}`: how many persons stand behind a count of their records (child-terms):
        the threshold looks at them. Not released; where it is empty the count is of persons.
    rests
        `{part: column}`: likewise for the rest of the part's whole.
    shares
        `{share: (part, whole)}`: computed again from the released counts.
    means
        `{mean: counts}`: a number made of these counts' persons, rounded, and masked with any of
        them. A column may stand here and in `shares`: rows without a `part` keep the mean.
    or_count
        Shares that are the released part itself in rows without a whole.
    margins
        Rows that add up to a total: no masked cell is left that the others would give back.
    running
        Counts of much the same persons: one that differs by a small count from one shown before
        it is masked.
    exempt
        A column, not released, of rows whose counts are no persons' (posts, services): they pass
        as they are.
    hidden
        `{count: column}`: the column, not released, says which counts another table masks.
    follows
        `{column: number}`: a column that goes with a number's mask, such as a judgement on it.
    """

    frame: pd.DataFrame
    counts: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    persons: Mapping[str, str] = field(default_factory=dict)
    rests: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    means: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    or_count: tuple[str, ...] = ()
    margins: tuple[Margin, ...] = ()
    running: Running | None = None
    exempt: str | None = None
    hidden: Mapping[str, str] = field(default_factory=dict)
    follows: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExactBundle:
    """All of one run's aggregates, exact, on their way to the gate.

    `systems`: what the counts of several tables add up alike.
    """

    estimates: CountTable
    tables: Mapping[str, CountTable]
    manifest: Mapping[str, Any]
    systems: Sequence[System] = ()
