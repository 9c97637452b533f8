"""What a method of the plan says of complete data sets, and how several become one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from fvlib.analysis.design import Codes, Design


class FitFailed(Exception):  # noqa: N818  (a status of the plan, not an error of the program)
    """The analysis fails by the plan's rules: the message is the reason, a `fvlib.remarks` code."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of one fit, on the scale on which it is pooled; `tested` ones have a p."""

    term: str
    scale: str
    estimate: float
    std_error: float = np.nan
    df: float = np.inf
    tested: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """What a method says of one complete data set: its numbers and its diary.

    `dropped` and `warnings` are remarks (`fvlib.remarks`).

    `la_intercepts` maps the LA (its place in the protocol's order) to conditional mode and
    standard deviation. `start` is whatever lets the next fit of the same shape begin near this, and
    `draws` what the method's own way of combining fits needs beside the quantities.
    """

    quantities: tuple[Quantity, ...]
    converged: bool
    singular: bool = False
    dropped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    la_intercepts: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    start: Any = None
    draws: Any = None


@dataclass(frozen=True, slots=True)
class CombinedFits:
    """What several fits say together: estimate rows, side tables, and remarks to warn with."""

    rows: list[dict[str, Any]]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class EachRow:
    """A method that takes each row by itself."""

    __slots__ = ()

    def apart(self, rows: pd.DataFrame) -> Sequence[Codes] | None:
        """Join no rows."""
        return None


class Alike:
    """A method of counts: rows that its terms don't tell apart stand as one."""

    __slots__ = ()

    def apart(self, rows: pd.DataFrame) -> Sequence[Codes] | None:
        """Tell rows apart by the model's terms alone."""
        return ()


class Method(Protocol):
    """A model of the plan. Frozen, so that it can stand in a row."""

    def apart(self, rows: pd.DataFrame) -> Sequence[Codes] | None:
        """Say whether rows that are alike may stand as one with a count.

        A code a row for what the method reads beside the model's terms; None for each row by
        itself.
        """
        ...

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit one complete data set; raise `FitFailed` when the plan's rules say so."""
        ...

    def combine(self, fits: Sequence[Fit]) -> CombinedFits:
        """Make one answer of the complete data sets' fits."""
        ...
