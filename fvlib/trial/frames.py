"""Between frames and arrays: days, codes, counts by LA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fvlib import protocol

Days = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

LA_DTYPE: Final = pd.CategoricalDtype(list(protocol.LA_KEYS))
CONDITIONS: Final = ("control", "treatment")  # treated = 0, 1


def days(dates: pd.Series[Any]) -> Days:
    """Take a frame's dates as an array of days, `datetime64[D]`."""
    return dates.to_numpy().astype("datetime64[D]")


def day(value: date) -> np.datetime64:
    """Take one date as a day."""
    return np.datetime64(value, "D")


def stamps(values: Days) -> Days:
    """Give an array of days the type that frames hold, `datetime64[s]`."""
    return values.astype("datetime64[s]")


def coded(codes: npt.ArrayLike, levels: Sequence[str]) -> pd.Categorical[Any]:
    """Make a categorical of codes 0, 1, ... into `levels`; -1 is missing."""
    whole = np.asarray(codes).astype(np.int16)
    return pd.Categorical.from_codes(whole, pd.Index(list(levels), dtype=object))


def per_la(la: pd.Series[Any], value: Callable[[str], object]) -> npt.NDArray[Any]:
    """Look up one value per LA for each row of a categorical `la`.

    Parameters
    ----------
    la
        Categorical of `protocol.LA_KEYS`, no missing values.
    value
        From an LA's key to its value; called once an LA.
    """
    table = np.array([value(str(key)) for key in la.cat.categories])
    return table[la.cat.codes.to_numpy()]


def by_la(la: pd.Series[Any], rows: npt.ArrayLike | None = None) -> pd.Series[int]:
    """Count rows by LA, zeros included; index `protocol.LA_KEYS`.

    Parameters
    ----------
    la
        Categorical of `protocol.LA_KEYS`.
    rows
        Which rows to count; all by default.
    """
    codes = la.cat.codes.to_numpy()
    chosen = codes if rows is None else codes[np.asarray(rows, dtype=bool)]
    counts = np.bincount(chosen, minlength=len(la.cat.categories))
    return pd.Series(counts, index=la.cat.categories)


def long_counts(counts: pd.DataFrame, name: str, value: str) -> pd.DataFrame:
    """Turn counts by LA (index LA, one column a step) into long form, LA by LA.

    Returns
    -------
    pandas.DataFrame
        la, `name` (the column's name), `value` (its count); every LA has every step.
    """
    wide = counts.reindex(list(protocol.LA_KEYS), fill_value=0)
    return pd.DataFrame(
        {
            "la": pd.Categorical(np.repeat(wide.index, wide.shape[1]), dtype=LA_DTYPE),
            name: np.tile(wide.columns.to_numpy(dtype=object), len(wide)),
            value: wide.to_numpy().astype(np.int64).ravel(),
        }
    )
