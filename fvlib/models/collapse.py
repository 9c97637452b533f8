"""Rows of a binomial regression, sorted by cluster and collapsed to counts.

Rows that share every column, the offset and the cluster have the same linear predictor, so their
likelihood is that of one binomial count. The model is fitted on the counts; only the binomial
coefficients (a constant) are taken from the rows as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Bits of the sort key that hold the hash of a row; the rest hold its cell.
_HASH_BITS = 40
# Rows compared at a time: bounds the memory of the exact comparison.
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Labels:
    """Clusters as given: their sorted labels, and each row's place among them."""

    values: NDArray[Any]
    codes: Integers

    @property
    def count(self) -> int:
        """Number of different labels."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Rows:
    """Binomial rows in the order of their cells.

    Attributes
    ----------
    X : (rows, columns) array, C order
    successes, trials, offset : (rows,) arrays
        Weighted counts; ``offset`` is on the scale of the linear predictor.
    cells : (cells,) array of int
        The label (its code) of each cell that has rows, increasing.
    starts : (cells,) array of int
        First row of each cell.
    """

    X: Floats
    successes: Floats
    trials: Floats
    offset: Floats
    cells: Integers
    starts: Integers

    @property
    def sizes(self) -> Integers:
        """Rows in each cell."""
        return np.diff(np.append(self.starts, len(self.trials)))

    def cell_sums(self, values: Floats) -> Floats:
        """Sum over the rows of each cell, along the first axis."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=0), dtype=np.float64)

    def subset(self, keep: NDArray[np.bool_]) -> Rows:
        """Keep some rows; a cell without any goes."""
        row_cell = np.repeat(self.cells, self.sizes)[keep]
        present, starts = np.unique(row_cell, return_index=True)
        return Rows(
            self.X[keep],
            self.successes[keep],
            self.trials[keep],
            self.offset[keep],
            present,
            starts,
        )

    def spread(self, values: Floats) -> Floats:
        """Repeat each cell's value over its rows, along the first axis."""
        return np.repeat(values, self.sizes, axis=0)


def label(groups: Any, name: str = "groups") -> Labels:
    """Give each row the place of its label among the sorted labels.

    Raises
    ------
    ValueError
        When a label is missing.
    """
    codes, values = pd.factorize(np.asarray(groups), sort=True)
    missing = int((codes < 0).sum())
    if missing:
        raise ValueError(f"{name}: {missing} of {len(codes)} rows have no label")
    return Labels(np.asarray(values), codes.astype(np.int64))


def collapse(X: Floats, successes: Floats, trials: Floats, offset: Floats, cells: Integers) -> Rows:
    """Sort rows by cell and join those that agree in every column and in the offset.

    A random projection of each row orders the rows of a cell; neighbours are then compared
    exactly, so two different rows are never joined, whatever the projection does.
    """
    projection = np.random.default_rng(20_071).uniform(0.5, 1.5, X.shape[1] + 1)
    key = X @ projection[:-1] + offset * projection[-1]
    key -= np.floor(key)
    code = (key * (1 << _HASH_BITS)).astype(np.int64) + (cells << _HASH_BITS)
    order = np.argsort(code)
    first = np.empty(len(order), dtype=bool)
    first[:1] = True
    for begin in range(1, len(order), _CHUNK):
        end = min(begin + _CHUNK, len(order))
        chunk = order[begin - 1 : end]
        rows = X[chunk]
        first[begin:end] = (
            (rows[1:] != rows[:-1]).any(axis=1)
            | (offset[chunk[1:]] != offset[chunk[:-1]])
            | (cells[chunk[1:]] != cells[chunk[:-1]])
        )
    begins = np.flatnonzero(first)
    chosen = order[begins]
    present, starts = np.unique(cells[chosen], return_index=True)
    return Rows(
        X=np.ascontiguousarray(X[chosen]),
        successes=np.add.reduceat(successes[order], begins),
        trials=np.add.reduceat(trials[order], begins),
        offset=offset[chosen],
        cells=present,
        starts=starts,
    )
