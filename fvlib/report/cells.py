"""A column of released numbers as text: masked ones as such, absent ones as a dash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pandas as pd

from fvlib.report.bundle import masked
from fvlib.report.words import numbers

ABSENT: Final = numbers.EN_DASH
# The Government Statistical Service's symbol for a confidential figure.
MASKED_TEXT: Final = "[c]"


def write_cells(
    frame: pd.DataFrame, column: str, write: Callable[[float], str] = numbers.count
) -> pd.Series:
    """Write a column of numbers: masked ones as such, absent ones as a dash."""
    hidden = masked(frame, column)
    return pd.Series(
        [
            MASKED_TEXT if mask else ABSENT if pd.isna(value) else write(float(value))
            for value, mask in zip(frame[column], hidden, strict=True)
        ],
        index=frame.index,
        dtype=object,
    )
