"""A rule of the data contract: its words and what finds its breaches, in one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fvlib.contract.files import (
    ATTENDANCE,
    CHILDREN,
    FILES,
    LA_FILES,
    WITHDRAWALS,
    Column,
    FileSpec,
    Kind,
)

Bools = NDArray[np.bool_]
Dates = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Values:
    """A column's distinct values, as the rules on single values look at them.

    `texts`: without surrounding spaces, "" where empty. `read`: what was made of them, missing
    where they can't be read. Shapes (values,).
    """

    column: Column
    texts: NDArray[np.object_]
    read: Any

    @property
    def empty(self) -> Bools:
        """Which have no text."""
        return np.asarray(self.texts == "")

    @property
    def unread(self) -> Bools:
        """Which can't be read as what the column holds."""
        return np.asarray(pd.isna(self.read))

    @property
    def series(self) -> pd.Series[str]:
        """The texts, for pandas' string methods."""
        return pd.Series(self.texts, dtype="str")


@dataclass(frozen=True, slots=True)
class Rows:
    """A file's rows, as the rules on whole rows look at them. Arrays have shape (rows,).

    `read`: the columns' typed values, missing where empty or at fault. `is_empty`: which rows have
    no text in a column. `started`: the day on which each row starts, NaT where it has none.
    `through`: the last day that the row's authority's extracts are complete for; `not_live`:
    whether that comes before the live date. `differing`: rows that share a key and aren't alike.
    `known`, `kept`: whether the row's child is in the children file, and was kept.
    """

    spec: FileSpec
    read: Mapping[str, Any]
    is_empty: Callable[[str], Bools]
    started: Dates
    through: Dates
    not_live: Bools
    differing: Bools
    known: Bools
    kept: Bools

    @property
    def start(self) -> str:
        """The column with the row's first day; an attendance row's is told by its school year."""
        return self.spec.starts or ATTENDANCE.key[1]

    @property
    def end(self) -> str:
        """The column with the row's last day."""
        return str(self.spec.ends)

    @property
    def child(self) -> str:
        """The column that names the child."""
        return str(self.spec.child)

    def dates(self, column: str) -> Dates:
        """Return a column of dates; NaT where missing."""
        return np.asarray(self.read[column], dtype="datetime64[s]")

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column of numbers; NaN where missing."""
        numbers = pd.Series(self.read[column]).astype("Float64")
        return np.asarray(numbers.to_numpy("float64", na_value=np.nan), np.float64)

    def has(self, column: str, *codes: str) -> Bools:
        """Tell which rows have one of the codes in a column."""
        return pd.Series(self.read[column]).isin(codes).to_numpy(bool)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id as the set-aside files print it, its outcome, the files it reads.

    `refused`: the whole refresh is. `set aside`: the row is, for the authority to correct.
    `resolved`: the row stays (or one of several equal rows does), by the stated rule; counted.
    `decided`: the row stays as it is; how it was read beside the child's other rows is counted.

    `label` says in a few words what was found, `checks` what holds or is done, `why` the reason,
    and `remedy` what the sender of a row set aside does about it (empty elsewhere).

    `of_values` finds the values that break it, in columns of `kinds` (none named: in all);
    `of_rows` the rows, by the column in which the fault shows. A rule without either is found
    where files are read, or where a child's rows are put together.
    """

    id: str
    outcome: Literal["refused", "set aside", "resolved", "decided"]
    files: tuple[str, ...]
    label: str
    checks: str
    why: str
    remedy: str = ""
    kinds: tuple[Kind, ...] = ()
    of_values: Callable[[Values], Bools] | None = None
    of_rows: Callable[[Rows], Mapping[str, Bools]] | None = None


def part_rule(part: str, whole: str) -> str:
    """Return the id of the rule that a part is not more than its whole."""
    return f"{part} over {whole}"


EVERY: Final = tuple(FILES)
JUDGED: Final = tuple(name for name in FILES if name != WITHDRAWALS.name)
OF_CHILDREN: Final = tuple(name for name in LA_FILES if name != CHILDREN.name)
WITH_SPAN: Final = tuple(spec.name for spec in FILES.values() if spec.ends)
WITH_KEY: Final = tuple(spec.name for spec in FILES.values() if spec.key)


def files_having(*kinds: Kind, **attributes: object) -> tuple[str, ...]:
    """Name the files, withdrawals apart, with a column of one of the kinds and the attributes."""
    return tuple(
        name
        for name in JUDGED
        if any(
            (column.kind in kinds or not kinds)
            and all(getattr(column, key) == value for key, value in attributes.items())
            for column in (*FILES[name].columns, *filter(None, (FILES[name].further,)))
        )
    )
