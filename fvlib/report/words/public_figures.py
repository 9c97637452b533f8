"""Published figures for England that the trial's data are held against, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Published:
    """A published share of all children in need: with how many decimals, on what day, by whom."""

    share: float
    decimals: int
    day: date
    source: str


_DAY: Final = date(2022, 3, 31)
_DFE: Final = "Department for Education, Children in need, reporting year 2022"

# Main need as assessed: 230,830 of 404,310.
ABUSE_OR_NEGLECT: Final = Published(230_830 / 404_310, 1, _DAY, _DFE)
MALE: Final = Published(0.54, 0, _DAY, _DFE)
AGED_1_TO_4: Final = Published(
    0.15,
    0,
    _DAY,
    "ages: Children\u2019s Commissioner, Latest statistics on children in need in England, from "
    "the same census",
)
