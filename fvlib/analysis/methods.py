"""The models of the plan, each a frozen row entry: complete design in, fit out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from fvlib.analysis.design import TREATMENT, Design, NotEstimable

@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of one fit, on the scale on which it is pooled."""

    term: str
    scale: str
    estimate: float
    std_error: float
    df: float = np.inf


@dataclass(frozen=True, slots=True)
class Fit:
    """What a method says of one complete data set: its numbers and its diary."""

    quantities: tuple[Quantity, ...]
    converged: bool
    singular: bool = False
    dropped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    la_intercepts: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    start: Any = None  # whatever lets the next fit of the same shape begin near this one


class Method(Protocol):
    """A model of the plan: complete design in, fit out. Frozen, so that it can stand in a row."""

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Fit; raise `NotEstimable` when the data can't tell."""
        ...


