"""Counts of several tables that are sums of the same cells: none masked may follow from the rest.

What a reader of all the tables knows is a set of linear equations. A masked count, a small count
that no table shows, or two masked counts that are small together are given away when they are a
linear combination of what is shown. Then the smallest count of that combination is masked too, in
every table that shows it, until nothing is given away (complementary suppression; Hundepool and
others 2012, Statistical Disclosure Control, doi:10.1002/9781118348239, chapter 4). Bounds that
follow from counts being whole and positive are not looked at; rounding widens them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ALL: Final = "all"  # the level of a total's row
NOWHERE: Final = ""  # the level of a cell that has no place among the linked ones
TOLERANCE: Final = 1e-7  # of a combination of zeros and ones; true residuals are near 1 / cells

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Masks = dict[str, dict[str, Bools]]  # table -> count -> one a row


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
    spared
        Masked only where no count that isn't spared will do.
    """

    table: str
    count: str
    by: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    spared: bool = False


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
    linked
        Columns that say which persons of other systems these are: cells of the same levels add up
        to the same persons in each system (or to the same multiple of them in every cell). Cells
        with an empty level are of other persons.
    """

    cells: pd.DataFrame
    counts: tuple[Summed, ...]
    unshown: tuple[Unshown, ...] = ()
    linked: tuple[str, ...] = ()

    @property
    def links(self) -> list[tuple[str, ...]]:
        """The linked levels of each cell."""
        if not self.linked:
            return [()] * len(self.cells)
        return [
            () if NOWHERE in levels else levels
            for levels in self.cells[list(self.linked)].itertuples(index=False, name=None)
        ]


def mask_together(
    systems: Sequence[System],
    frames: Mapping[str, pd.DataFrame],
    persons: Mapping[str, Mapping[str, Floats]],
    masks: Masks,
    threshold: int,
) -> None:
    """Mask what gives a masked count away, in place.

    Parameters
    ----------
    systems
        How the tables' counts add up. Counts that stand in two systems have to be sums of linked
        cells in both.
    frames
        The exact tables by name.
    persons
        Table -> count -> how many persons stand behind each row's count.
    masks
        What each table by itself masks: these are the secrets.
    threshold
        Of the refresh.
    """
    links = sorted({link for system in systems for link in system.links if link})
    tables = _Tables(frames, persons, masks, threshold)
    bound = [_Equations(system, tables, links) for system in systems]
    hidden = -1
    while True:
        while any(equations.spread() for equations in bound):
            pass  # a count that stands in two systems carries its mask over
        for equations in bound:
            equations.read()
        shared = _span(np.concatenate([np.zeros((0, len(links))), *(e.known for e in bound)]))
        leaking = [equations for equations in bound if equations.mask_further(shared, bound)]
        if not leaking:
            break
        before, hidden = hidden, sum(int(m.sum()) for of in masks.values() for m in of.values())
        if hidden == before:  # digits have run out: nothing of these systems is shown
            for equations in leaking:
                equations.mask_all()
    for equations in bound:
        equations.show_what_follows(shared)


def _span(rows: Floats) -> Floats:
    """Return an orthonormal basis of what the rows span."""
    _, strength, basis = np.linalg.svd(rows, full_matrices=False)
    out: Floats = basis[strength > TOLERANCE * max(1.0, strength.max(initial=0.0))]
    return out


def _beyond(rows: Floats, basis: Floats) -> Floats:
    """Return what is left of the rows beside the space of an orthonormal basis."""
    return rows - rows @ basis.T @ basis


def _weights(known: Floats, wanted: Floats) -> Floats:
    """Return, a row for each of the wanted, the combination of what is known that gives it."""
    return np.asarray(np.linalg.lstsq(known.T, wanted.T)[0].T, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables that are released together, and their masks."""

    frames: Mapping[str, pd.DataFrame]
    persons: Mapping[str, Mapping[str, Floats]]
    masks: Masks
    threshold: int


class _Equations:
    """One system over its tables: the counts as rows of zeros and ones over the cells."""

    def __init__(self, system: System, tables: _Tables, links: Sequence[tuple[str, ...]]) -> None:
        self.tables = tables
        n = system.cells["n"].to_numpy(np.float64)
        self.places: list[tuple[str, str, NDArray[np.intp]]] = []
        blocks = [np.zeros((0, len(n)))]
        spared: list[bool] = []
        for summed in system.counts:
            if summed.table in tables.frames:
                places, rows = _rows(summed, tables.frames[summed.table], system.cells)
                spared += [summed.spared] * len(rows)
                self.places.append((summed.table, summed.count, places))
                blocks.append(rows)
        # The same sum in two places is one count: it is shown in both or in none.
        self.rows, number = np.unique(np.concatenate(blocks), axis=0, return_inverse=True)
        self.number = np.split(number.ravel(), np.cumsum([len(block) for block in blocks[1:]]))[:-1]
        self.spared = np.zeros(len(self.rows), dtype=bool)
        np.logical_or.at(self.spared, number.ravel(), spared)
        self.size = self.rows @ n
        persons = self.size.copy()
        for (table, count, places), at in zip(self.places, self.number, strict=True):
            np.minimum.at(persons, at, tables.persons[table][count][places])
        self.first = self._masked()
        secret = self.first & (self.size > 0)
        unseen = np.concatenate(
            [
                np.zeros((0, len(n))),
                *(_unshown(u, system.cells, tables.threshold) for u in system.unshown),
            ]
        )
        self.secrets = np.concatenate([self.rows[secret], unseen])
        self.persons = np.concatenate([persons[secret], unseen @ n])
        self.links = np.zeros((len(links), len(n)))
        number_of = {link: place for place, link in enumerate(links)}
        for cell, link in enumerate(system.links):
            if link:
                self.links[number_of[link], cell] = 1.0
        self.linked = self.links.any(axis=1)
        self.masked: Bools | None = None

    def _masked(self) -> Bools:
        """Say which sums are masked: in one of their places is enough."""
        out = np.zeros(len(self.rows), dtype=bool)
        for (table, count, places), at in zip(self.places, self.number, strict=True):
            np.logical_or.at(out, at, self.tables.masks[table][count][places])
        return out

    def _mask(self, masked: Bools) -> bool:
        """Mask sums in all their places; say whether that changes any.

        Masks only grow here: a place may be of two sums, where what one adds beyond the other is
        empty.
        """
        changed = False
        for (table, count, places), at in zip(self.places, self.number, strict=True):
            mask = self.tables.masks[table][count]
            changed |= bool((masked[at] & ~mask[places]).any())
            mask[places] |= masked[at]
        return changed

    def spread(self) -> bool:
        """Mask a sum everywhere that is masked somewhere; say whether that changes any."""
        return self._mask(self._masked())

    def read(self) -> None:
        """Read the masks: what is shown of the cells, and what that tells of the linked ones."""
        masked = self._masked()
        if self.masked is not None and (masked == self.masked).all():
            return
        self.masked = masked
        # A count of zero shows all of its cells to be empty.
        empty = ~masked & (self.size == 0)
        self.unknown = ~(self.rows[empty] > 0).any(axis=0)
        self.shown = np.flatnonzero(~masked)
        self.basis = _span(self.rows[self.shown][:, self.unknown])
        left = _beyond(self.links[self.linked][:, self.unknown], self.basis)
        told, strength, _ = np.linalg.svd(left, full_matrices=True)
        rank = int((strength > TOLERANCE).sum())
        self.known = np.zeros((len(left) - rank, len(self.links)))
        self.known[:, self.linked] = told[:, rank:].T

    def mask_further(self, shared: Floats, bound: Iterable[_Equations]) -> bool:
        """Mask the smallest count of each combination that gives a secret away.

        Parameters
        ----------
        shared
            What all systems tell of the linked cells together.
        bound
            All systems.
        """
        told = shared @ self.links[:, self.unknown]
        given = self._given_away(told)
        if not len(given):
            return False
        known = np.concatenate([self.rows[self.shown][:, self.unknown], told])
        done: set[int] = set()
        for weights in _weights(known, given[:, self.unknown]):
            own = self._used(weights[: len(self.shown)])
            if not len(own):
                _mask_elsewhere(weights[len(self.shown) :] @ shared, bound)
            elif not done & set(own.tolist()):
                done.add(self.mask_smallest(own))
        return True

    def _used(self, weights: Floats) -> NDArray[np.intp]:
        used: NDArray[np.intp] = self.shown[np.abs(weights) > TOLERANCE]
        return used[np.flatnonzero(self.size[used] > 0)]

    def mask_smallest(self, used: NDArray[np.intp]) -> int:
        """Mask the smallest of these counts, one to spare last; say which it was."""
        smallest = int(used[np.lexsort((self.size[used], self.spared[used]))[0]])
        self._mask(np.arange(len(self.rows)) == smallest)
        return smallest

    def mask_all(self) -> None:
        """Mask every count of the system that isn't zero."""
        self._mask(self.size > 0)

    def telling(self, links: Floats) -> NDArray[np.intp]:
        """Return the shown counts that give a combination of linked cells."""
        wanted = links @ self.links[:, self.unknown]
        return self._used(_weights(self.rows[self.shown][:, self.unknown], wanted[None])[0])

    def smallest(self, used: NDArray[np.intp]) -> tuple[bool, float]:
        """Return the smallest of these counts, after whether it is one to spare."""
        return min(zip(self.spared[used].tolist(), self.size[used].tolist(), strict=True))

    def _left(self, sums: Floats, told: Floats) -> Floats:
        """Return what is left of sums beside what is shown and what the linked cells tell."""
        return _beyond(sums[:, self.unknown], _span(np.concatenate([self.basis, told])))

    def _given_away(self, told: Floats) -> Floats:
        """Return the secrets, and sums of two that are small together, that follow."""
        secrets = self.secrets
        if not len(secrets):
            return secrets
        left = self._left(secrets, told)
        follows = (np.abs(left) < TOLERANCE).all(axis=1)
        gone = [secrets[follows]]
        kept = np.flatnonzero(~follows)
        for place, one in enumerate(kept):
            others = kept[place + 1 :]
            small = self.persons[one] + self.persons[others] < self.tables.threshold
            apart = secrets[others] @ secrets[one] == 0
            cancel = (np.abs(left[others] + left[one]) < TOLERANCE).all(axis=1)
            gone.append(secrets[others[small & apart & cancel]] + secrets[one])
        return np.concatenate(gone)

    def show_what_follows(self, shared: Floats) -> None:
        """Show again what was masked on the way and follows from the rest all the same."""
        left = self._left(self.rows, shared @ self.links[:, self.unknown])
        follows = (np.abs(left) < TOLERANCE).all(axis=1)
        again = follows & ~self.first
        for (table, count, places), at in zip(self.places, self.number, strict=True):
            self.tables.masks[table][count][places[again[at]]] = False


def _mask_elsewhere(links: Floats, bound: Iterable[_Equations]) -> None:
    """Mask the smallest count of those that tell a combination of linked cells."""
    telling = [(equations, equations.known) for equations in bound if len(equations.known)]
    weights = _weights(np.concatenate([known for _, known in telling]), links[None])[0]
    ends = np.cumsum([len(known) for _, known in telling])
    candidates = []
    for (equations, known), part in zip(telling, np.split(weights, ends[:-1]), strict=True):
        if (np.abs(part) > TOLERANCE).any():
            used = equations.telling(part @ known)
            if len(used):
                candidates.append((equations, used))
    if candidates:
        equations, used = min(candidates, key=lambda pair: pair[0].smallest(pair[1]))
        equations.mask_smallest(used)


def texts(column: Any) -> NDArray[np.object_]:
    """Write levels as text, an absent one too."""
    return np.array([str(level) for level in column], dtype=object)


def _rows(
    summed: Summed, frame: pd.DataFrame, cells: pd.DataFrame
) -> tuple[NDArray[np.intp], Floats]:
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


def _unshown(unshown: Unshown, cells: pd.DataFrame, threshold: int) -> Floats:
    """Return the small sums that no table shows."""
    small = [row for row in _sums(unshown, cells) if 0 < row @ cells["n"] < threshold]
    return np.array(small or np.zeros((0, len(cells))))


def _sums(unshown: Unshown, cells: pd.DataFrame) -> Iterator[Any]:
    inside = np.ones(len(cells), dtype=bool)
    for column, levels in unshown.levels.items():
        inside &= cells[column].isin(levels).to_numpy()
    for places in cells.groupby(list(unshown.by), sort=False).indices.values():
        row = np.zeros(len(cells))
        row[places] = inside[places]
        yield row
