"""Rows of a binomial regression, sorted by cluster and collapsed to counts.

Rows that share every column, the offset and the cluster have the same linear predictor, so their
likelihood is that of one binomial count. The model is fitted on the counts; only the binomial
coefficients (a constant) are taken from the rows as they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Bits of the sort key that hold the hash of a row; the bits above hold its cell.
_HASH_BITS = 40
# Rows gathered at a time for the exact comparison: they stay in the processor's cache.
_CHUNK = 1 << 12
# Rows of a block: its arrays at seven nodes stay in the processor's cache.
_BLOCK = 4096
# Up to this many products are stored and summed; beyond, a sparse matrix sums without storing.
_SMALL = 1 << 16
# Rows are told apart by one integer: beyond this many combinations its values are counted anew.
_LARGEST_KEY = 1 << 62
# A cell with at least this many rows has blocks of its own, which BLAS multiplies.
_LARGE = 256


@dataclass(frozen=True, slots=True)
class Block:
    """A run of rows: part of one large cell, or several small cells whole."""

    rows: slice
    cells: slice
    starts: Integers
    sizes: Integers

    def spread(self, values: Floats) -> Floats:
        """Repeat each cell's value over its rows, along the last axis."""
        return np.repeat(values, self.sizes, axis=-1)

    def cell_sums(self, values: Floats) -> Floats:
        """Sum over the rows of each cell, along the last axis."""
        if len(self.starts) == 1:
            return np.asarray(values.sum(axis=-1, keepdims=True))
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def column_sums(self, X: Floats, values: Floats) -> Floats:
        """Per cell, the columns of this block's X weighted by each row of ``values``.

        Returns an array (cells, len(values), columns).
        """
        m, n = values.shape
        if len(self.starts) == 1:
            return np.asarray(values @ X)[None]
        if m * X.size <= _SMALL:
            products = values.T[:, :, None] * X[:, None, :]
            return np.asarray(np.add.reduceat(products, self.starts, axis=0))
        begins = (np.arange(m)[:, None] * n + self.starts).ravel()
        picker = sp.csr_matrix(
            (values.ravel(), np.tile(np.arange(n), m), np.append(begins, m * n)),
            shape=(m * len(self.starts), n),
        )
        return np.asarray(picker @ X).reshape(m, len(self.starts), -1).swapaxes(0, 1)


@dataclass(frozen=True, slots=True)
class Rows:
    """Binomial rows in the order of their cells.

    Attributes
    ----------
    X : (rows, columns) array, C order
    successes, trials, offset : (rows,) arrays
        Weighted counts; ``offset`` is on the scale of the linear predictor.
    cells : (cells,) array of int
        The code of each cell that has rows, increasing.
    starts : (cells,) array of int
        First row of each cell.
    """

    X: Floats
    successes: Floats
    trials: Floats
    offset: Floats
    cells: Integers
    starts: Integers
    sizes: Integers = field(init=False)
    blocks: tuple[Block, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", np.diff(np.append(self.starts, len(self.trials))))
        object.__setattr__(self, "blocks", _blocks(self.starts, self.sizes))

    def cell_sums(self, values: Floats) -> Floats:
        """Sum over the rows of each cell, along the last axis."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def spread(self, values: Floats) -> Floats:
        """Repeat each cell's value over its rows, along the last axis."""
        return np.repeat(values, self.sizes, axis=-1)

    def column_sums(self, values: Floats) -> Floats:
        """Per cell, the columns of X weighted by each row of ``values``: (cells, m, columns)."""
        out = np.zeros((len(self.cells), len(values), self.X.shape[1]))
        for block in self.blocks:
            out[block.cells] += block.column_sums(self.X[block.rows], values[:, block.rows])
        return out

    def crossproduct(self, weights: Floats) -> Floats:
        """X' diag(weights) X; with weights of one sign a matrix times itself, half the work."""
        out = np.zeros((self.X.shape[1],) * 2)
        sign = -1.0 if weights.sum() < 0 else 1.0
        if (sign * weights >= 0).all():
            root = np.sqrt(sign * weights)
            for block in self.blocks:
                rooted = self.X[block.rows] * root[block.rows, None]
                out += rooted.T @ rooted
            return sign * out
        for block in self.blocks:
            X = self.X[block.rows]
            out += X.T @ (X * weights[block.rows, None])
        return out

    def subset(self, keep: NDArray[np.bool_]) -> Rows:
        """Keep some rows; a cell without any goes."""
        cells, starts = np.unique(np.repeat(self.cells, self.sizes)[keep], return_index=True)
        return Rows(
            np.ascontiguousarray(self.X[keep]),
            self.successes[keep],
            self.trials[keep],
            self.offset[keep],
            cells,
            starts,
        )

    def joined(self, group: Integers) -> Rows:
        """Join neighbouring cells of a group into one cell; ``group`` is increasing."""
        cells, first = np.unique(group, return_index=True)
        return Rows(self.X, self.successes, self.trials, self.offset, cells, self.starts[first])

    def with_columns(self, X: Floats) -> Rows:
        """Give the same rows other columns."""
        return Rows(X, self.successes, self.trials, self.offset, self.cells, self.starts)


def number_alike(columns: Iterable[Integers]) -> Integers:
    """Give each row a number by its codes (columns of integers >= 0), the first column foremost.

    Two rows have the same number if they agree in every column.
    """
    key, size = np.zeros(1, dtype=np.int64), 1
    for codes in columns:
        width = int(codes.max(initial=0)) + 1
        if size > _LARGEST_KEY // width:
            kinds, key = np.unique(key, return_inverse=True)
            size = len(kinds)
        key, size = key * width + codes, size * width
    return key


def group_starts(group: Integers) -> Integers:
    """First cell of each group; ``group`` is increasing."""
    return np.flatnonzero(np.diff(group, prepend=-1))


def _blocks(starts: Integers, sizes: Integers) -> tuple[Block, ...]:
    """Cut large cells into blocks, and gather runs of small ones."""
    blocks: list[Block] = []
    cell = 0
    while cell < len(sizes):
        begin, last = int(starts[cell]), cell + 1
        if sizes[cell] >= _LARGE:
            for a in range(begin, begin + int(sizes[cell]), _BLOCK):
                b = min(a + _BLOCK, begin + int(sizes[cell]))
                one = np.zeros(1, dtype=np.int64)
                blocks.append(Block(slice(a, b), slice(cell, last), one, one + (b - a)))
        else:
            rows = int(sizes[cell])
            while last < len(sizes) and sizes[last] < _LARGE and rows < _BLOCK:
                rows += int(sizes[last])
                last += 1
            local = starts[cell:last] - begin
            here = slice(begin, begin + rows)
            blocks.append(Block(here, slice(cell, last), local, sizes[cell:last]))
        cell = last
    return tuple(blocks)


def collapse(
    X: Floats,
    cells: Integers,
    *,
    successes: Floats,
    trials: Floats,
    offset: Floats,
    keep: NDArray[np.bool_] | None = None,
) -> Rows:
    """Sort rows by cell and join those that agree in every column and in the offset.

    A random projection of each row orders the rows of a cell; neighbours are then compared
    exactly, so two different rows are never joined, whatever the projection does. ``keep`` says
    which rows to take (all).
    """
    projection = np.random.default_rng(20_071).uniform(0.5, 1.5, X.shape[1] + 1)
    key = X @ projection[:-1]
    key += offset * projection[-1]
    key -= np.floor(key)
    key *= 1 << _HASH_BITS
    code = key.astype(np.int64)
    code += cells << _HASH_BITS
    if keep is None:
        order = np.argsort(code)
    else:
        chosen = np.flatnonzero(keep)
        order = chosen[np.argsort(np.take(code, chosen))]
    begins = _first_of_equals(X, (offset, cells), order)
    chosen = order[begins]
    present, starts = np.unique(cells[chosen], return_index=True)
    return Rows(
        X=np.ascontiguousarray(np.take(X, chosen, axis=0)),
        successes=np.add.reduceat(np.take(successes, order), begins),
        trials=np.add.reduceat(np.take(trials, order), begins),
        offset=offset[chosen],
        cells=present,
        starts=starts,
    )


def _first_of_equals(X: Floats, others: Sequence[NDArray[Any]], order: Integers) -> Integers:
    """Places in ``order`` where a row differs from the one before."""
    first = np.ones(len(order), dtype=bool)
    gathered = np.empty((min(_CHUNK, len(order)) + 1, X.shape[1]))
    for begin in range(1, len(order), _CHUNK):
        end = min(begin + _CHUNK, len(order))
        chunk = order[begin - 1 : end]
        rows = gathered[: len(chunk)]
        # The indices are valid; only with a mode other than "raise" is `out` filled directly.
        np.take(X, chunk, axis=0, out=rows, mode="clip")
        differs = (rows[1:] != rows[:-1]).any(axis=1)
        for other in others:
            values = np.take(other, chunk)
            differs |= values[1:] != values[:-1]
        first[begin:end] = differs
    return np.flatnonzero(first)
