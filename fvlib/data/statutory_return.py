"""What is kept of one statutory return: the contract's columns, and counts of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

import pandas as pd

from fvlib.data.statutory_values import Unfit

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
    """Collects rows of text in little memory."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)
        self._rows: list[tuple[str, ...]] = []
        self._frames: list[pd.DataFrame] = []

    def append(self, row: tuple[str, ...]) -> None:
        """Add a row, its values in the order of the columns."""
        self._rows.append(row)
        if len(self._rows) == ROWS_A_FRAME:
            self._put_away()

    def frame(self) -> pd.DataFrame:
        """Return all rows as text; an empty frame has its columns too."""
        self._put_away()
        return pd.concat(self._frames, ignore_index=True)

    def _put_away(self) -> None:
        self._frames.append(pd.DataFrame(self._rows, columns=self._columns, dtype="str"))
        self._rows = []


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
        Rows of text with the columns above. Episodes of a file that says each row's year have a
        column `collected` of their own.
    in_care
        Whether the return describes children looked after.
    lists_uasc
        Whether the return says who is an unaccompanied asylum seeker.
    not_held
        Counts of what the contract has no place for.
    notes
        What else a reader must know.
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
    notes: list[str] = field(default_factory=list)

    @property
    def in_care(self) -> bool:
        """Whether the return is one about children looked after."""
        return self.kind != "CIN census"

    @property
    def collected_on(self) -> str:
        """The day of the collection as YYYY-MM-DD; empty where unknown."""
        return date.fromordinal(self.collected).isoformat() if self.collected else ""
