"""Cells of a table: text that knows its number; masked numbers as such, absent ones as a dash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

import pandas as pd

from fvlib.report.bundle import masked
from fvlib.report.words import numbers

ABSENT: Final = numbers.EN_DASH
# The Government Statistical Service's symbol for a confidential figure.
MASKED_TEXT: Final = "[c]"

Write = Callable[[float], str]


class Written(str):
    """A cell's text that knows the number it writes, so that a table can be formatted late.

    Attributes
    ----------
    value
        The number.
    write
        What made the text of it.
    interval
        The ends of its interval, written alike and in brackets behind it; empty without one.

    Examples
    --------
    >>> Written(78_015, numbers.count)
    '78,015'
    >>> Written(0.041, numbers.percent).value
    0.041
    """

    value: float
    write: Write
    interval: tuple[float, ...]

    def __new__(cls, value: float, write: Write, interval: tuple[float, ...] = ()) -> Self:
        """Write the number, and its interval behind it."""
        texts = [write(float(number)) for number in (value, *interval)]
        cell = super().__new__(cls, (WITH_INTERVAL if interval else "{0}").format(*texts))
        cell.value, cell.write, cell.interval = float(value), write, interval
        return cell


# Nothing in it breaks over two lines.
WITH_INTERVAL: Final = "{0} ({1} to {2})".replace(" ", numbers.NO_BREAK)


def two_decimals(value: float) -> str:
    """Write a number to two decimals."""
    return numbers.number(value, 2)


def write_cells(frame: pd.DataFrame, column: str, write: Write = numbers.count) -> pd.Series:
    """Write a column of numbers: masked ones as such, absent ones as a dash."""
    hidden = masked(frame, column)
    return pd.Series(
        [
            MASKED_TEXT if mask else ABSENT if pd.isna(value) else Written(value, write)
            for value, mask in zip(frame[column], hidden, strict=True)
        ],
        index=frame.index,
        dtype=object,
    )
