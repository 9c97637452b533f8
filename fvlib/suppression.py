"""Counts of several tables that are sums of the same cells: none masked may follow from the rest.

What a reader of all the tables knows is a set of linear equations. A masked count, a small count
that no table shows, or two masked counts that are small together are given away when they are a
linear combination of what is shown. Then the smallest count of that combination is masked too, in
every table that shows it, until nothing is given away (complementary suppression; Hundepool and
others 2012, Statistical Disclosure Control, doi:10.1002/9781118348239, chapter 4). Bounds that
follow from counts being whole and positive are not looked at; rounding widens them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ALL: Final = "all"  # the level of a total's row
TOLERANCE: Final = 1e-7  # of a combination of zeros and ones; true residuals are near 1 / cells

Masks = dict[str, dict[str, NDArray[np.bool_]]]  # table -> count -> one a row


@dataclass(frozen=True, slots=True)
class Summed:
    """Which cells each of a table's counts adds up.

    Attributes
    ----------
    table, count
        The table and its column.
    by
        `{column of the cells: column of the table}`: a row adds up the cells of its own level,
        or of every level where it has `all`.
    levels
        `{column of the cells: levels}` that every row adds up.
    where
        `{column of the table: value}` of the rows that are such sums; the others aren't.
    times
        How many of what the cells count stand behind one of the table's.
    """

    table: str
    count: str
    by: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True, slots=True)
class Unshown:
    """Counts that no table shows, and that must not follow from those shown when they are small.

    Attributes
    ----------
    by
        Columns of the cells: one count for each combination of their levels.
    levels
        `{column of the cells: levels}` that each count adds up.
    """

    by: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class System:
    """Cells that several tables add up.

    Attributes
    ----------
    cells
        One row a cell that can have persons in it: its levels as text, and `n`.
    counts
        The counts that are sums of them.
    unshown
        Sums of them that stand nowhere.
    """

    cells: pd.DataFrame
    counts: tuple[Summed, ...]
    unshown: tuple[Unshown, ...] = ()


class Equations:
    """One system over its tables: the counts as rows of zeros and ones over the cells.

    Parameters
    ----------
    system
        The cells and how the counts add them up.
    frames
        The exact tables.
    persons
        Table -> count -> how many persons stand behind each row's count.
    threshold
        Of the refresh.
    """

    def __init__(
        self,
        system: System,
        frames: Mapping[str, pd.DataFrame],
        persons: Mapping[str, Mapping[str, NDArray[np.float64]]],
        threshold: int,
    ) -> None:
        self.threshold = threshold
        self.places: list[tuple[str, str, NDArray[np.intp]]] = []
        blocks: list[NDArray[np.float64]] = []
        for summed in system.counts:
            if summed.table in frames:
                places, rows = _rows(summed, frames[summed.table], system.cells)
                self.places.append((summed.table, summed.count, places))
                blocks.append(rows)
        width = len(system.cells)
        stacked = np.concatenate([np.zeros((0, width)), *blocks])
        # The same sum in two places is one count: it is shown in both or in none.
        self.rows, number = np.unique(stacked, axis=0, return_inverse=True)
        self.number = np.split(number.ravel(), np.cumsum([len(block) for block in blocks]))[:-1]
        self.size = self.rows @ system.cells["n"].to_numpy(np.float64)
        self.persons = self.size.copy()
        for (table, count, places), at in zip(self.places, self.number, strict=True):
            np.minimum.at(self.persons, at, persons[table][count][places])
        self.unseen = np.concatenate(
            [np.zeros((0, width)), *(_unshown(u, system.cells, threshold) for u in system.unshown)]
        )
        self.unseen_persons = self.unseen @ system.cells["n"].to_numpy(np.float64)
        self.own = np.zeros(len(self.rows), dtype=bool)  # masked for the sake of others alone

    def _masked(self, masks: Masks) -> NDArray[np.bool_]:
        """Say which sums are masked: in one of their places is enough."""
        out = np.zeros(len(self.rows), dtype=bool)
        for (table, count, places), at in zip(self.places, self.number, strict=True):
            np.logical_or.at(out, at, masks[table][count][places])
        return out

    def mask_further(self, masks: Masks) -> bool:
        """Mask what gives a count away, in place; say whether any mask grew.

        To be given away are the counts masked elsewhere, and small ones that no table shows.
        """
        masked = self._masked(masks)
        secret = masked & ~self.own & (self.size > 0)
        secrets = np.concatenate([self.rows[secret], self.unseen])
        persons = np.concatenate([self.persons[secret], self.unseen_persons])
        while chosen := self._chosen(self._given_away(secrets, persons, masked), masked):
            masked[list(chosen)] = True
            self.own[list(chosen)] = True
        grew = False
        for (table, count, places), at in zip(self.places, self.number, strict=True):
            mask = masks[table][count]
            grew |= bool((masked[at] & ~mask[places]).any())
            mask[places] |= masked[at]
        return grew

    def _unknown(self, masked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Cells that a count of zero doesn't show to be empty."""
        empty = ~masked & (self.size == 0)
        unknown: NDArray[np.bool_] = ~(self.rows[empty] > 0).any(axis=0)
        return unknown

    def _given_away(
        self,
        secrets: NDArray[np.float64],
        persons: NDArray[np.float64],
        masked: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Return the secrets, and sums of two that are small together, that follow."""
        if not len(secrets):
            return secrets
        unknown = self._unknown(masked)
        _, strength, basis = np.linalg.svd(self.rows[~masked][:, unknown], full_matrices=False)
        basis = basis[strength > TOLERANCE * max(1.0, strength.max(initial=0.0))]
        left = secrets[:, unknown] - secrets[:, unknown] @ basis.T @ basis
        follows = (np.abs(left) < TOLERANCE).all(axis=1)
        gone = [secrets[follows]]
        kept = np.flatnonzero(~follows)
        for place, one in enumerate(kept):
            others = kept[place + 1 :]
            small = persons[one] + persons[others] < self.threshold
            apart = secrets[others] @ secrets[one] == 0
            cancel = (np.abs(left[others] + left[one]) < TOLERANCE).all(axis=1)
            gone.append(secrets[others[small & apart & cancel]] + secrets[one])
        return np.concatenate(gone)

    def _chosen(self, given: NDArray[np.float64], masked: NDArray[np.bool_]) -> set[int]:
        """Choose for each secret given away the smallest count of a combination that gives it."""
        unknown = self._unknown(masked)
        shown = np.flatnonzero(~masked)
        chosen: set[int] = set()
        if not len(given):
            return chosen
        combined = np.linalg.lstsq(self.rows[shown][:, unknown].T, given[:, unknown].T)[0]
        for weights in combined.T:
            used = shown[np.abs(weights) > TOLERANCE]
            used = used[self.size[used] > 0]
            if not chosen & set(used.tolist()):
                chosen.add(int(used[np.argmin(self.size[used])]))
        return chosen


def texts(column: Any) -> NDArray[np.object_]:
    """Write levels as text, an absent one too."""
    return np.array([str(level) for level in column], dtype=object)


def _rows(
    summed: Summed, frame: pd.DataFrame, cells: pd.DataFrame
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the positions of the rows that are such sums, and what each adds up."""
    keep = frame[summed.count].notna().to_numpy(copy=True)
    for column, value in summed.where.items():
        keep &= texts(frame[column]) == value
    places = np.flatnonzero(keep)
    adds = np.ones((len(places), len(cells)), dtype=bool)
    for of_cells, column in summed.by.items():
        wanted = texts(frame[column])[places, None]
        adds &= (wanted == cells[of_cells].to_numpy()[None]) | (wanted == ALL)
    for of_cells, levels in summed.levels.items():
        adds &= cells[of_cells].isin(levels).to_numpy()
    # A count that isn't this sum after all (an analysis of fewer children) tells another story.
    count = frame[summed.count].to_numpy(np.float64, na_value=np.nan)[places]
    agrees = np.abs(adds @ cells["n"].to_numpy(np.float64) - summed.times * count) < 0.5
    return places[agrees], adds[agrees].astype(np.float64)


def _unshown(unshown: Unshown, cells: pd.DataFrame, threshold: int) -> NDArray[np.float64]:
    """Return the small sums that no table shows."""
    return np.array([row for row in _sums(unshown, cells) if 0 < row @ cells["n"] < threshold]
                    or np.zeros((0, len(cells))))  # fmt: skip


def _sums(unshown: Unshown, cells: pd.DataFrame) -> Iterator[Any]:
    inside = np.ones(len(cells), dtype=bool)
    for column, levels in unshown.levels.items():
        inside &= cells[column].isin(levels).to_numpy()
    for places in cells.groupby(list(unshown.by), sort=False).indices.values():
        row = np.zeros(len(cells))
        row[places] = inside[places]
        yield row
