"""What the data can tell apart: collinear columns and separated rows, named before any fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from fvlib.models.collapse import Rows
from fvlib.remarks import Code, remark

Floats = NDArray[np.float64]

# A column is collinear when what is left of it, beside the columns kept before it, is under this
# share of its length: the tolerance of R's lm.
COLLINEAR = 1e-7
# Above this squared share the Gram matrix decides; below, its rounding could.
_GRAM_SURE = 1e-8
# A column whose spread is under this share of its mean is constant.
_CONSTANT = 1e-10
_QR_CHUNK = 1 << 16
_SIDE_BY_SIDE = 64
# Share of the largest eigenvalue below which a direction leaves the rows with both outcomes alone.
_NULL = 1e-10
# A row counts as separated when the direction moves its predictor by more than this.
_SEPARATED = 1e-6


# Why a column is not kept.
ZERO = "zero in every row"
CONSTANT = "constant"
COMBINATION = "a combination of other columns"


class NotFitted(ValueError):  # noqa: N818  (an answer, not an error)
    """What was asked can't be fitted.

    Attributes
    ----------
    code
        Which refusal: a `fvlib.remarks.Code`; the message says it in words.
    values
        What the code carries, such as the columns that it is about.
    """

    def __init__(self, message: str, code: Code, *values: object) -> None:
        super().__init__(message)
        self.code, self.values = code, values

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.code, *self.values)

    @property
    def remark(self) -> str:
        """The refusal as a code with its values."""
        return remark(self.code, *self.values)


class Separation(NotFitted):
    """A protected column separates the outcome: its coefficient has no finite estimate."""


class Unidentified(NotFitted):
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
        The columns that take part, the constant one aside.
    rows : int
        Rows (as passed) that were left out for it.
    """

    slopes: Floats
    names: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Standard:
    """Columns shifted and scaled, so that steps and tolerances don't depend on units.

    Attributes
    ----------
    X : (rows, kept columns) array
    kept : list of int
        The columns that are there, in their order; the others are combinations of them.
    constant : int or None
        The place among the kept ones of the constant column, which is one everywhere.
    back : (kept, kept) array
        Turns coefficients of the standardised columns into those of the columns as given.
    gram : (kept, kept) array
        X'X.
    reasons : (columns,) tuple of str
        Why a column is not kept; empty for those that are.
    """

    X: Floats
    kept: list[int]
    constant: int | None
    back: Floats
    gram: Floats
    reasons: tuple[str, ...]


def column_range(X: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest value of each column; many rows side by side, which is faster."""
    rows, p = X.shape
    wide = X[: rows - rows % _SIDE_BY_SIDE].reshape(-1, _SIDE_BY_SIDE * p)
    rest = X[rows - rows % _SIDE_BY_SIDE :]
    low = wide.min(axis=0, initial=np.inf).reshape(-1, p)
    high = wide.max(axis=0, initial=-np.inf).reshape(-1, p)
    return np.concatenate([low, rest]).min(axis=0), np.concatenate([high, rest]).max(axis=0)


def constant_column(X: Floats, order: Sequence[int]) -> int | None:
    """Give the first column, in the order in which they are kept, that is constant and not zero."""
    few = X[:_SIDE_BY_SIDE]
    flat = (few == few[0]).all(axis=0) & (few[0] != 0.0)
    return next((int(j) for j in order if flat[j] and (X[:, j] == X[0, j]).all()), None)


def standardise(X: Floats, order: Sequence[int]) -> Standard:
    """Centre (when there is a constant column to take the shift), scale, drop what is collinear."""
    p, constant = X.shape[1], constant_column(X, order)
    mean = np.ones(len(X)) @ X / len(X) if constant is not None else np.zeros(p)
    if constant is not None:
        mean[constant] = 0.0
    Z = X - mean
    variance = np.einsum("ij,ij->j", Z, Z) / len(Z)
    scale, raw = np.sqrt(variance), np.sqrt(variance + mean**2)
    flat = scale <= _CONSTANT * raw
    scale[flat] = 1.0
    if constant is not None:
        scale[constant] = X[0, constant]
    Z /= scale
    Z[:, flat] = 0.0
    gram = Z.T @ Z
    kept = independent(Z, gram, order)
    back = np.diag(1.0 / scale)
    if constant is not None:
        back[constant] -= mean / scale / X[0, constant]
    if len(kept) < p:
        Z = np.ascontiguousarray(Z[:, kept])
    return Standard(
        X=Z,
        kept=kept,
        constant=None if constant is None else kept.index(constant),
        back=back[np.ix_(kept, kept)],
        gram=gram[np.ix_(kept, kept)],
        reasons=tuple(
            "" if j in kept else ZERO if raw[j] == 0.0 else CONSTANT if flat[j] else COMBINATION
            for j in range(p)
        ),
    )


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


def independent(X: Floats, gram: Floats, order: Sequence[int]) -> list[int]:
    """Columns that are not a combination of those kept before them, in column order."""
    length = np.sqrt(np.diag(gram))
    full = [j for j in order if length[j] > 0]
    scaled = gram[np.ix_(full, full)] / np.outer(length[full], length[full])
    try:
        if np.diag(np.linalg.cholesky(scaled)).min(initial=1.0) ** 2 > _GRAM_SURE:
            return sorted(full)
    except np.linalg.LinAlgError:
        pass
    triangle = np.zeros((0, len(full)))
    for begin in range(0, len(X), _QR_CHUNK):
        chunk = X[begin : begin + _QR_CHUNK, full] / length[full]
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, chunk]), mode="r"))
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


def moved_by(X: Floats, slopes: Floats) -> NDArray[np.bool_]:
    """Tell which rows a separating direction moves, and so settles."""
    return settles(X @ slopes)


def settles(move: Floats) -> NDArray[np.bool_]:
    """Tell which rows a separating direction settles, from how far it moves their predictors."""
    return np.asarray(np.abs(move) > _SEPARATED)


def settled_by_a_column(rows: Rows, order: Sequence[int]) -> Floats | None:
    """Look for a column beyond whose lowest or highest value the outcome never or always happens.

    For an indicator these are its two levels. Returns the direction that settles these rows.
    """
    X, s = rows.X, rows.successes
    f = rows.trials - s
    low, high = column_range(X)
    constant = constant_column(X, order)
    sums = np.stack([s, f]) @ X
    for outcome, total in enumerate((s.sum(), f.sum())):
        # The sum of (x - edge) over the events is zero when no event lies off the edge.
        for edge in (low, high):
            doubtful = np.abs(sums[outcome] - edge * total) <= 1e-9 * (high - low) * total
            for j in np.flatnonzero(doubtful & (low < high)):
                if edge[j] != 0.0 and constant is None:
                    continue
                off = X[:, j] != edge[j]
                if (s if outcome == 0 else f)[off].any():
                    continue
                slopes = np.zeros(X.shape[1])
                slopes[j] = 1.0 / (high[j] - low[j])
                if edge[j] != 0.0 and constant is not None:
                    slopes[constant] = -slopes[j] * edge[j] / X[0, constant]
                # Off the edge the direction must fall where no event is, rise where all are.
                upward = (edge is low) == (outcome == 1)
                return slopes if upward else -slopes
    return None


def settled_by_a_combination(rows: Rows) -> Floats | None:
    """Look for a direction along which the likelihood never falls: a linear programme (Konis).

    The columns must be linearly independent and of similar length. Rows with both outcomes must
    not move along the direction, so it lies in the null space of their columns: where there are
    many such rows that space is empty, and nothing is left to search.
    """
    X, s, f = rows.X, rows.successes, rows.trials - rows.successes
    mixed, pure = (s > 0) & (f > 0), (s == 0) | (f == 0)
    values, vectors = np.linalg.eigh(X[mixed].T @ X[mixed])
    free = vectors[:, values <= _NULL * max(1.0, float(values.max(initial=0.0)))]
    if free.shape[1] == 0:
        return None
    signed = np.where(s[pure] > 0, 1.0, -1.0)[:, None] * (X[pure] @ free)
    solution = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        bounds=[(-1.0, 1.0)] * free.shape[1],
        method="highs",
    )
    if solution.status != 0 or -solution.fun <= _SEPARATED:
        return None
    slopes = free @ solution.x
    moved = float(np.abs(X @ slopes).max())
    if moved <= _SEPARATED:
        return None
    slopes /= moved
    slopes[np.abs(slopes) * np.abs(X).max(axis=0) < _SEPARATED] = 0.0
    return np.asarray(slopes)
