"""Returns by LA and time point: their groups, their splits, their order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from fvlib import protocol
from fvlib.ipe.indicators import ALL_TIMES

TOTAL: Final = "all"
NOT_STATED: Final = "not stated"
KEY: Final = ("la", "time_point")

Rows = list[dict[str, Any]]


def levels(values: pd.Series) -> pd.Series:
    """Return texts; what is not stated says so."""
    texts = values.astype("object").where(values.notna(), NOT_STATED)
    return texts.astype(str)


def splits(levels: dict[str, pd.Series]) -> Iterator[tuple[str, str, Any]]:
    """Yield the total and each level of each split that has more than one, with its rows."""
    yield TOTAL, "", slice(None)
    for split, values in levels.items():
        names = sorted(set(values), key=lambda name: (name == NOT_STATED, name))
        for level in names if len(names) > 1 else ():
            yield split, level, values == level


def groups(
    frame: pd.DataFrame, by: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Yield the groups that have rows, in the order of roll-out and of time."""
    keyed = frame.assign(**{name: frame[name].astype("str") for name in by})
    groups: dict[Any, pd.DataFrame] = dict(list(keyed.groupby(list(by), sort=False)))
    places = {key: at for at, key in enumerate((*protocol.LA_KEYS, *ALL_TIMES))}
    last = len(places)
    yield from sorted(groups.items(), key=lambda item: [places.get(str(k), last) for k in item[0]])


def in_order(frame: pd.DataFrame, *then: str) -> pd.DataFrame:
    """Sort by roll-out, time point and further columns; rows keep their order within."""
    las = {la: at for at, la in enumerate(protocol.LA_KEYS)}
    times = {point: at for at, point in enumerate(ALL_TIMES)}
    keys = {"at_la": frame["la"].map(las), "at_time": frame["time_point"].map(times)}
    frame = frame.assign(**{name: key.astype("Float64") for name, key in keys.items()})
    return frame.sort_values([*keys, *then], kind="stable").reset_index(drop=True)


def frame_of(rows: Rows, columns: list[str]) -> pd.DataFrame:
    """Make a frame that has its columns even when it is empty."""
    return pd.DataFrame(rows, columns=columns)
