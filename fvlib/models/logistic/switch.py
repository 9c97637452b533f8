"""A sample under two conditions: predictors under each, and slopes back to coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two matrices of the same rows and columns, one a condition."""

    first: Floats
    second: Floats

    def predictors(self, beta: Floats) -> Floats:
        """Linear predictors under each condition, shape (2, rows)."""
        return np.stack([self.first @ beta, self.second @ beta])

    def sums(self, weights: Floats) -> Floats:
        """Sum weight times column over the rows: (2, rows) weights in, (2, columns) out.

        So with weights the derivatives by the predictors, the derivatives by the coefficients.
        """
        return np.stack([weights[0] @ self.first, weights[1] @ self.second])


@dataclass(frozen=True, slots=True)
class Switch:
    """One matrix whose ``column`` is set to one, then to zero: a :class:`Pair` without its copies.

    Attributes
    ----------
    X : (rows, columns) array
        What stands in the column itself plays no part.
    column : int
    """

    X: Floats
    column: int

    def predictors(self, beta: Floats) -> Floats:
        """Linear predictors with the column at one and at zero, shape (2, rows)."""
        rest = np.where(np.arange(len(beta)) == self.column, 0.0, beta)
        off = self.X @ rest
        return np.stack([off + beta[self.column], off])

    def sums(self, weights: Floats) -> Floats:
        """As those of :class:`Pair`."""
        out = weights @ self.X
        out[:, self.column] = weights[0].sum(), 0.0
        return np.asarray(out)
