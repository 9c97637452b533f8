"""What an import read, decided, wrote and could not hold, as counts: no value of a child."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from fvlib.statutory.links import Link

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# What becomes of children whom another kind of file doesn't have, or has under another id.
_UNLINKED: Final = {
    "CIN census": "count as never looked after",
    "attendance": "have no attendance",
    "free school meals": "have no school meals",
}


def printable_name(name: str) -> str:
    """Return a file's name as a terminal can show it."""
    return _CONTROL.sub("?", name)


@dataclass(frozen=True, slots=True)
class ReturnRead:
    """One return that was read, or a file that schools add; `pupils` counts the latter's rows."""

    file: str
    kind: str
    collected_on: str = ""
    dated_by: str = ""
    children: int = 0
    referrals: int = 0
    plans: int = 0
    episodes: int = 0
    pupils: int = 0
    notes: tuple[str, ...] = ()

    @property
    def dated(self) -> str:
        """The day of the collection, and how it is known; schools' files need none."""
        if not self.dated_by:
            return ""
        return f"{self.collected_on} ({self.dated_by})" if self.collected_on else "unknown"

    @property
    def held(self) -> str:
        """How much of what it holds."""
        numbers = {
            "children": self.children,
            "referrals": self.referrals,
            "plans": self.plans,
            "episodes": self.episodes,
            "rows": self.pupils,
        }
        return ", ".join(f"{what} {n:,}" for what, n in numbers.items() if n) or "none"


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows of a file of the contract, and what is said of them."""

    file: str
    what: str
    rows: int


@dataclass(frozen=True, slots=True)
class UnfitValues:
    """Values of a column that the contract can't hold.

    `value` is the code, where it is harmless to name it, or what else is wrong with the values.
    """

    file: str
    column: str
    value: str
    rows: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The account of one import.

    Attributes
    ----------
    la, folder
        Whose returns, and where the contract's files were written.
    returns
        The returns that were read, in the order of their names.
    unused
        (file, why) of the files that were not.
    written
        File of the contract -> rows.
    resolved
        Rows that merging the collections took away or changed, by rule.
    to_look_at
        Rows written as they are that need a look: the loader sets most of them aside.
    unfit
        Values that the contract can't hold: unknown codes, text in the place of a date.
    not_held
        (what the returns have and the contract has no place for, how many).
    header_only, empty_columns
        What has no rows or no values since the returns have none: (name, why).
    links
        How many children of the SSDA903 the other files have too.
    alarms
        What else must not be overlooked.
    notes
        What else to know.
    key_file, key_made, key_mark
        Where the key lies, whether it was made now, and what tells it from other keys.
    """

    la: str
    folder: Path
    returns: tuple[ReturnRead, ...]
    unused: tuple[tuple[str, str], ...]
    written: dict[str, int]
    resolved: tuple[Count, ...]
    to_look_at: tuple[Count, ...]
    unfit: tuple[UnfitValues, ...]
    not_held: tuple[tuple[str, int], ...]
    header_only: tuple[tuple[str, str], ...]
    empty_columns: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]
    alarms: tuple[str, ...]
    notes: tuple[str, ...]
    key_file: Path
    key_made: bool
    key_mark: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show the account in a terminal; a warning stands first and last."""
        warnings = [Text(f"WARNING: {warning}", style="bold red") for warning in self.warnings]
        yield Group(*warnings, *self._parts(), *warnings)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What would make the analysis wrong if it were overlooked."""
        few = (
            f"of {link.children:,} children in the {link.of} only {link.linked:,} are in the "
            f"{link.other} too. Their ids are written otherwise in one of the two, or a file or a "
            f"year is missing: children who are not linked {_UNLINKED[link.other]}. Compare "
            "the ids (LAchildID, CHILD and child_id) and import again."
            for link in self.links
            if link.few
        )
        return (*few, *(f"{printable_name(alarm)}." for alarm in self.alarms))

    def _parts(self) -> Iterator[Table | Text]:
        yield _table(
            "Returns read",
            ("file", "what it is", "collected", "rows"),
            (),
            [(printable_name(one.file), one.kind, one.dated, one.held) for one in self.returns],
        )
        yield _table(
            "Written",
            ("file",),
            ("rows",),
            [(f"{name}.csv", rows) for name, rows in self.written.items()],
        )
        for title, counts in (
            ("Returns merged", self.resolved),
            ("To look at (the check sets most of these rows aside)", self.to_look_at),
        ):
            if counts:
                lines = [(one.file, one.what, one.rows) for one in counts]
                yield _table(title, ("file", "what"), ("rows",), lines)
        if self.unfit:
            yield _table(
                "Values that the contract can't hold",
                ("file", "column", "value"),
                ("rows",),
                [(one.file, one.column, one.value, one.rows) for one in self.unfit],
            )
        yield from (Text(line) for line in self._sentences())

    def _sentences(self) -> Iterator[str]:
        yield f"Written to {printable_name(str(self.folder))}."
        for link in self.links:
            yield (
                f"Children of the {link.of} that are in the {link.other} too: {link.linked:,} of "
                f"{link.children:,}."
            )
        for name, why in (*self.header_only, *self.empty_columns):
            yield f"{name}: {why}."
        if self.not_held:
            held = ", ".join(f"{what} ({n:,})" for what, n in self.not_held)
            yield f"Not carried over, the contract has no place for it: {held}."
        for file, why in self.unused:
            yield f"{printable_name(file)}: not used ({why})."
        for one in self.returns:
            for note in one.notes:
                yield f"{printable_name(one.file)}: {note}."
        yield from (f"{note}." for note in self.notes)
        made = "was made now" if self.key_made else "was used"
        yield f"The key {printable_name(str(self.key_file))} (mark {self.key_mark}) {made}."
        if self.key_made:
            yield (
                "Keep it, and a copy in a safe place: only with it do the next returns get the "
                "same ids. Never send it with the data."
            )


def _table(
    title: str,
    words: tuple[str, ...],
    numbers: tuple[str, ...],
    rows: Sequence[tuple[str | int, ...]],
) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in words:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(Text(f"{value:,}" if isinstance(value, int) else value) for value in row))
    return table
