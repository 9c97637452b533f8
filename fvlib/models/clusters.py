"""Clusters and clusters nested in them, from labels as given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which group each row is in, and which cell: the subgroup in its group, else the group.

    Attributes
    ----------
    groups : tuple
        Sorted labels.
    cells : tuple of (group, subgroup)
        Sorted pairs that occur; empty without subgroups.
    cell : (rows,) array of int
        The place of each row's cell.
    group_of : (cells,) array of int
        The place of each cell's group.
    """

    groups: tuple[Any, ...]
    cells: tuple[tuple[Any, Any], ...]
    cell: Integers
    group_of: Integers

    @property
    def nested(self) -> bool:
        """Whether there are subgroups."""
        return bool(self.cells)


def _code(name: str, labels: Any, rows: int) -> tuple[Integers, list[Any]]:
    codes, values = pd.factorize(np.asarray(labels), sort=True)
    if codes.shape != (rows,):
        raise ValueError(f"{name}: {len(codes)} labels for {rows} rows of X")
    if missing := int((codes < 0).sum()):
        raise ValueError(f"{name}: {missing} of {rows} rows have no label")
    return codes.astype(np.int64), np.asarray(values).tolist()


def number_clusters(groups: Any, subgroups: Any, rows: int) -> Clusters:
    """Read the labels; a subgroup's label counts within its group only.

    Raises
    ------
    ValueError
        When a label is missing or there is not one for each row.
    """
    group, values = _code("groups", groups, rows)
    if subgroups is None:
        return Clusters(tuple(values), (), group, np.arange(len(values)))
    inner, inner_values = _code("subgroups", subgroups, rows)
    cell, pairs = pd.factorize(group * len(inner_values) + inner, sort=True)
    outer = pairs // len(inner_values)
    of_group = pd.Index(values).take(outer)
    of_subgroup = pd.Index(inner_values).take(pairs % len(inner_values))
    labels = tuple(zip(of_group.tolist(), of_subgroup.tolist(), strict=True))
    return Clusters(tuple(values), labels, cell.astype(np.int64), outer)
