"""The arguments of a fit, checked: what is wrong, in which argument, in how many rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def design(X: Any, names: Sequence[str] | None) -> tuple[Floats, tuple[str, ...]]:
    """Give X as a matrix and its column names (a frame's own, else x0, x1, ...).

    Raises
    ------
    ValueError
        When X is no matrix, is empty, holds NaN or infinity, or the names don't fit.
    """
    if names is None and hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
    array = np.asarray(X, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"X: expected rows by columns, got shape {array.shape}")
    if len(array) == 0:
        raise ValueError("X: no rows")
    names = tuple(f"x{j}" for j in range(array.shape[1])) if names is None else tuple(names)
    if len(names) != array.shape[1]:
        raise ValueError(f"names: {len(names)} given for {array.shape[1]} columns of X")
    if len(set(names)) != len(names):
        raise ValueError("names: a name occurs twice")
    # One sum finds out whether there is anything to look for.
    if not np.isfinite(array.sum()) and not (finite := np.isfinite(array)).all():
        where = ", ".join(names[j] for j in np.flatnonzero(~finite.all(axis=0)))
        count = int((~finite.all(axis=1)).sum())
        raise ValueError(f"X: {count} of {len(array)} rows hold NaN or infinity (in {where})")
    return array, names


def vector(name: str, values: ArrayLike | None, rows: int, default: float = 0.0) -> Floats:
    """Give one finite number a row, or the default for all.

    Raises
    ------
    ValueError
        When the length is wrong or a value is NaN or infinite.
    """
    if values is None:
        return np.full(rows, default)
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (rows,):
        raise ValueError(f"{name}: shape {array.shape}, expected ({rows},) as X has {rows} rows")
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of {rows} rows hold NaN or infinity")
    return array
