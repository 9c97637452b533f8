"""Published figures for England that the trial's data are held against, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Published:
    """A published share: so many of so many, on what day or in the year to it, by whom."""

    part: int
    whole: int
    day: date
    source: str

    @property
    def share(self) -> float:
        """The part of the whole."""
        return self.part / self.whole


# Children in need at the day whose main need, as assessed, is abuse or neglect.
ABUSE_OR_NEGLECT: Final = Published(
    230_830,
    404_310,
    date(2022, 3, 31),
    "Department for Education, Children in need, reporting year 2022",
)
