"""What the data can tell apart: collinear columns and separated rows, named before any fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from fvlib.models.collapse import Rows

Floats = NDArray[np.float64]

# A column is collinear when what is left of it, beside the columns kept before it, is under this
# share of its length: the tolerance of R's lm.
COLLINEAR = 1e-7
# Above this squared share the Gram matrix decides; below, its rounding could.
_GRAM_SURE = 1e-8
# A column whose spread is under this share of its mean is constant.
_CONSTANT = 1e-10
_QR_CHUNK = 1 << 16
# A row counts as separated when the direction moves its predictor by more than this.
_SEPARATED = 1e-6


class Separation(ValueError):
    """A protected column separates the outcome: its coefficient has no finite estimate."""


class Unidentified(ValueError):
    """A protected column can't be told apart from the other protected ones."""


@dataclass(frozen=True, slots=True)
class Direction:
    """Rows that a covariate level settles: along ``slopes`` their likelihood only grows.

    Attributes
    ----------
    slopes : (columns,) array
        Over all columns of X as passed. A row with ``x @ slopes`` above zero has, in the limit, the
        event for certain; one below zero has it never; one at zero is not touched.
    names : tuple of str
        The columns that take part.
    rows : int
        Rows (as passed) that were left out for it.
    """

    slopes: Floats
    names: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Standard:
    """Columns shifted and scaled, so that steps and tolerances don't depend on units.

    ``back`` turns coefficients of the standardised columns into those of the columns as given.
    """

    X: Floats
    back: Floats


def constant_column(X: Floats, order: Sequence[int]) -> int | None:
    """Give the first column, in the order in which they are kept, that is constant and not zero."""
    low, high = X.min(axis=0), X.max(axis=0)
    for j in order:
        if low[j] == high[j] != 0.0:
            return int(j)
    return None


def standardise(X: Floats, constant: int | None) -> Standard:
    """Centre (when there is a constant column to take the shift) and scale each column."""
    p = X.shape[1]
    mean = X.mean(axis=0) if constant is not None else np.zeros(p)
    scale = np.sqrt(np.einsum("ij,ij->j", X, X) / len(X) - mean**2 + 0.0 * mean)
    raw = np.sqrt(np.einsum("ij,ij->j", X, X) / len(X))
    flat = ~(scale > _CONSTANT * raw)
    scale = np.where(flat, np.where(raw > 0, raw, 1.0), scale)
    if constant is not None:
        mean[constant], scale[constant] = 0.0, X[0, constant]
    Z = (X - mean) / scale
    back = np.diag(1.0 / scale)
    if constant is not None:
        back[constant] -= mean / scale / X[0, constant]
    return Standard(Z, back)


def keep_order(
    names: Sequence[str], preference: Sequence[str], protected: Sequence[str]
) -> list[int]:
    """Order in which columns claim their place: protected first, the preferred to drop last."""
    for argument, wanted in (("preference", preference), ("protected", protected)):
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ValueError(f"{argument}: no column named {', '.join(map(repr, unknown))}")
    last = {name: place for place, name in enumerate(reversed(list(preference)))}

    def rank(j: int) -> tuple[int, int]:
        if names[j] in protected:
            return (0, j)
        return (2, last[names[j]]) if names[j] in last else (1, j)

    return sorted(range(len(names)), key=rank)


def independent(X: Floats, order: Sequence[int]) -> list[int]:
    """Columns that are not a combination of those kept before them, in column order."""
    length = np.sqrt(np.einsum("ij,ij->j", X, X))
    full = [j for j in order if length[j] > 0]
    scaled = X[:, full] / length[full] if len(full) < X.shape[1] else X / length
    if len(full) == X.shape[1]:
        scaled = scaled[:, order]
    try:
        pivots = np.diag(np.linalg.cholesky(scaled.T @ scaled)) ** 2
        if pivots.min(initial=1.0) > _GRAM_SURE:
            return sorted(full)
    except np.linalg.LinAlgError:
        pass
    triangle = np.zeros((0, len(full)))
    for begin in range(0, len(scaled), _QR_CHUNK):
        block = np.concatenate([triangle, scaled[begin : begin + _QR_CHUNK]])
        triangle = np.linalg.qr(block, mode="r")
    basis: list[Floats] = []
    kept: list[int] = []
    for place, j in enumerate(full):
        left = triangle[:, place].copy()
        for _ in range(2):
            for vector in basis:
                left -= (vector @ left) * vector
        rest = float(np.linalg.norm(left))
        if rest > COLLINEAR:
            basis.append(left / rest)
            kept.append(j)
    return sorted(kept)


def settled_by_a_column(rows: Rows, names: Sequence[str], constant: int | None) -> Floats | None:
    """Look for a column at one of whose two levels the outcome never or always happens."""
    X, s, f = rows.X, rows.successes, rows.trials - rows.successes
    low, high = X.min(axis=0), X.max(axis=0)
    for j in range(X.shape[1]):
        if low[j] == high[j]:
            continue
        column = X[:, j]
        for level, sign in ((high[j], 1.0), (low[j], -1.0)):
            other = low[j] if sign > 0 else high[j]
            at = column == level
            if not np.all(at | (column == other)) or (other != 0.0 and constant is None):
                continue
            events, misses = float(s[at].sum()), float(f[at].sum())
            if events > 0 and misses > 0:
                continue
            slopes = np.zeros(X.shape[1])
            slopes[j] = 1.0 / (level - other)
            if other != 0.0 and constant is not None:
                slopes[constant] = -slopes[j] * other / X[0, constant]
            return slopes if misses == 0 else -slopes
    return None


def settled_by_a_combination(rows: Rows) -> Floats | None:
    """Look for a direction along which the likelihood never falls (Konis 2007), by linear programme.

    Rows with both outcomes must not move along it, so it lies in the null space of their columns:
    where there are many such rows that space is empty, and nothing is left to search.
    """
    X = rows.X
    s, f = rows.successes, rows.trials - rows.successes
    mixed = (s > 0) & (f > 0)
    scale = np.sqrt(np.einsum("ij,ij->j", X, X))
    scaled = X / np.where(scale > 0, scale, 1.0)
    _, values, vectors = np.linalg.svd(scaled[mixed].T @ scaled[mixed])
    free = vectors[values <= 1e-10 * max(1.0, float(values.max(initial=0.0)))].T
    if free.shape[1] == 0:
        return None
    pure = ~mixed
    signed = np.where(s[pure] > 0, 1.0, -1.0)[:, None] * (X[pure] / np.where(scale > 0, scale, 1))
    signed = np.unique(signed @ free, axis=0)
    solution = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        bounds=[(-1.0, 1.0)] * free.shape[1],
        method="highs",
    )
    if solution.status != 0 or -solution.fun <= _SEPARATED:
        return None
    slopes = (free @ solution.x) / np.where(scale > 0, scale, 1.0)
    moved = np.abs(X @ slopes).max()
    if moved <= 0:
        return None
    slopes /= moved
    slopes[np.abs(slopes) * np.abs(X).max(axis=0) < _SEPARATED] = 0.0
    return np.asarray(slopes)
