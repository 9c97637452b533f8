"""What is kept of one statutory return: the contract's columns, and counts of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fvlib.statutory.values import Unfit

Kind = Literal["CIN census", "SSDA903 XML", "SSDA903 Episodes", "SSDA903 Header", "SSDA903 UASC"]
# Rows are put away in frames of this size: a tuple of strings takes ten times a frame's memory.
ROWS_A_FRAME: Final = 50_000
UNDATED: Final = 0

# Columns beside which `collected`, the day of the collection as an ordinal, always stands.
CHILD_COLUMNS: Final = ("child_id", "birth_month", "sex", "ethnicity", "disability", "uasc")
REFERRAL_COLUMNS: Final = (
    "child_id",
    "referral_id",
    "referral_date",
    "referral_nfa",
    "closure_date",
    "primary_need",
)
PLAN_COLUMNS: Final = ("child_id", "plan_type", "start_date", "end_date", "n_previous_cpp")
EPISODE_COLUMNS: Final = (
    "CHILD",
    "DECOM",
    "RNE",
    "LS",
    "CIN",
    "PLACE",
    "PLACE_PROVIDER",
    "DEC",
    "REC",
    "REASON_PLACE_CHANGE",
)


class RowBuffer:
    """Collects rows of text in little memory: codes and dates as categories, ids as text."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._rows: list[tuple[str, ...]] = []
        self._ids: dict[str, list[pd.Series[str]]] = {name: [] for name in columns if _is_id(name)}
        self._codes: dict[str, list[NDArray[np.int32]]] = {
            name: [] for name in columns if not _is_id(name)
        }
        self._numbers: dict[str, dict[str, int]] = {name: {"": 0} for name in self._codes}

    def append(self, row: tuple[str, ...]) -> None:
        """Add a row, its values in the order of the columns."""
        self._rows.append(row)
        if len(self._rows) == ROWS_A_FRAME:
            self._put_away()

    def frame(self) -> pd.DataFrame:
        """Return all rows. Categories are in alphabetical order and have the empty text."""
        self._put_away()
        columns: dict[str, pd.Series[str] | pd.Categorical] = {}
        for name in self._columns:
            if name in self._ids:
                columns[name] = pd.concat(self._ids[name], ignore_index=True)
            else:
                columns[name] = _categorical(self._codes[name], list(self._numbers[name]))
        return pd.DataFrame(columns)

    def _put_away(self) -> None:
        values = zip(*self._rows, strict=True) if self._rows else [()] * len(self._columns)
        for name, texts in zip(self._columns, values, strict=True):
            if name in self._ids:
                self._ids[name].append(pd.Series(texts, dtype="str"))
            else:
                numbers = self._numbers[name]
                codes = (numbers.setdefault(text, len(numbers)) for text in texts)
                self._codes[name].append(np.fromiter(codes, np.int32, len(texts)))
        self._rows = []


def _is_id(column: str) -> bool:
    return column in ("child_id", "referral_id", "CHILD")


def _categorical(codes: list[NDArray[np.int32]], texts: list[str]) -> pd.Categorical:
    order = np.argsort(np.array(texts, dtype=object))
    rank = np.empty(len(texts), np.int32)
    rank[order] = np.arange(len(texts), dtype=np.int32)
    return pd.Categorical.from_codes(
        rank[np.concatenate(codes)], categories=pd.Index([texts[at] for at in order], dtype="str")
    )


def days_of(column: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    """Return a column of written dates as dates, missing where a text is none."""
    days = pd.to_datetime(column.cat.categories, format="%Y-%m-%d", errors="coerce")
    return pd.Series(
        days.astype("datetime64[s]").take(column.cat.codes.to_numpy()), index=column.index
    )


@dataclass(slots=True)
class Return:
    """One return, read.

    Attributes
    ----------
    file
        The file's name below the folder of returns.
    kind
        What it is.
    collected
        The day of the collection as an ordinal; `UNDATED` where nothing in it tells.
    dated_by
        Where the day comes from, in words.
    exported
        When the return was written, in seconds, where it says so: of two of one day the one
        written later holds.
    children, referrals, plans, episodes
        Rows with the columns above, as `RowBuffer.frame` gives them. Episodes of a file that says
        each row's year have a column `collected` of their own.
    in_care
        Whether the return describes children looked after.
    lists_uasc
        Whether the return says who is an unaccompanied asylum seeker.
    not_held
        Counts of what the contract has no place for.
    null_words
        Values read as empty, since NULL or the like stands there, by column.
    notes
        What else a reader must know.
    alarms
        What must not be overlooked.
    due
        Children who were expected, but not born at the collection.
    """

    file: str
    kind: Kind
    collected: int = UNDATED
    dated_by: str = "nothing"
    exported: int = 0
    children: pd.DataFrame = field(default_factory=lambda: RowBuffer(CHILD_COLUMNS).frame())
    referrals: pd.DataFrame = field(default_factory=lambda: RowBuffer(REFERRAL_COLUMNS).frame())
    plans: pd.DataFrame = field(default_factory=lambda: RowBuffer(PLAN_COLUMNS).frame())
    episodes: pd.DataFrame = field(default_factory=lambda: RowBuffer(EPISODE_COLUMNS).frame())
    lists_uasc: bool = False
    unfit: Unfit = field(default_factory=Unfit)
    not_held: Counter[str] = field(default_factory=Counter)
    null_words: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    due: int = 0

    @property
    def in_care(self) -> bool:
        """Whether the return is one about children looked after."""
        return self.kind != "CIN census"

    @property
    def collected_on(self) -> str:
        """The day of the collection as YYYY-MM-DD; empty where unknown."""
        return date.fromordinal(self.collected).isoformat() if self.collected else ""
