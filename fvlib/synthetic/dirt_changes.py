"""How dirt changes a row of a synthetic extract, and which rows it may befall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fvlib import protocol
from fvlib.synthetic.calendar import Bools

Row = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Soil:
    """What a change of a row may draw on."""

    rng: np.random.Generator
    through: date
    fresh_child: Iterator[str]
    fresh_referral: Iterator[str]


Change = Callable[[Row, Soil], None]
Place = Callable[[pa.Table], Bools]


def write_cells(**cells: str | None) -> Change:
    """Write these cells."""

    def change(row: Row, soil: Soil) -> None:
        row.update(cells)

    return change


def one_of(column: str, *values: str) -> Change:
    """Write one of the values, drawn at random."""

    def change(row: Row, soil: Soil) -> None:
        row[column] = values[int(soil.rng.integers(len(values)))]

    return change


def spaces_or_case(column: str) -> Change:
    """Write in lower case, or with a space before or behind."""

    def change(row: Row, soil: Soil) -> None:
        text = row[column] or ""
        recased = text.lower() if text.lower() != text else f"{text} "
        row[column] = (recased, f" {text}", f"{text} ")[int(soil.rng.integers(3))]

    return change


def moved_date(column: str, low: int, high: int, of: str | None = None) -> Change:
    """Set a date to some days after (or before) the date in `of`, by default its own."""

    def change(row: Row, soil: Soil) -> None:
        days = int(soil.rng.integers(low, high + 1))
        day = date.fromisoformat(str(row[of or column])) + timedelta(days=days)
        row[column] = day.isoformat()

    return change


def after_through(column: str) -> Change:
    """Write a day after the extract's end."""

    def change(row: Row, soil: Soil) -> None:
        day = soil.through + timedelta(days=int(soil.rng.integers(1, 90)))
        row[column] = day.isoformat()

    return change


def born_after_through(row: Row, soil: Soil) -> None:
    """Move the birth behind the extract's end."""
    day = soil.through + timedelta(days=int(soil.rng.integers(40, 200)))
    row["birth_month"] = day.isoformat()[:7]


def new_child(column: str) -> Change:
    """Write an id that no child has."""

    def change(row: Row, soil: Soil) -> None:
        row[column] = next(soil.fresh_child)

    return change


def new_referral(row: Row, soil: Soil) -> None:
    """Write an id that no referral has."""
    row["referral_id"] = next(soil.fresh_referral)


def plan_inside(row: Row, soil: Soil) -> None:
    """Put a CIN plan inside the row's own plan."""
    start, end = (date.fromisoformat(str(row[name])) for name in ("start_date", "end_date"))
    room = (end - start).days
    row["plan_type"] = "CIN"
    row["start_date"] = (start + timedelta(days=int(soil.rng.integers(1, room // 2)))).isoformat()
    row["end_date"] = (end - timedelta(days=int(soil.rng.integers(0, room // 3)))).isoformat()


def earlier_school_year(row: Row, soil: Soil) -> None:
    """Use a school year of which nothing is sent."""
    row["academic_year"] = ("2015/16", "2016/17", "2017/18")[int(soil.rng.integers(3))]


def apply_in_turn(*changes: Change) -> Change:
    """Make several changes, one after the other."""

    def change(row: Row, soil: Soil) -> None:
        for one in changes:
            one(row, soil)

    return change


def _texts(table: pa.Table, column: str) -> NDArray[np.object_]:
    return np.asarray(table.column(column).to_numpy(), dtype=object)


def is_filled(column: str) -> Place:
    """Tell which rows have a value."""
    return lambda table: np.asarray(table.column(column).is_valid().to_numpy(), dtype=bool)


def is_empty(column: str) -> Place:
    """Tell which rows have none."""
    return lambda table: ~is_filled(column)(table)


def in_all_places(*places: Place) -> Place:
    """Tell which rows are in all places."""
    return lambda table: np.logical_and.reduce([place(table) for place in places])


def is_one_of(column: str, *values: str) -> Place:
    """Tell which rows have one of the values."""
    return lambda table: np.isin(_texts(table, column), values)


def lasts_for(start: str, end: str, days: int) -> Place:
    """Tell whether both dates are there, at least so many days apart."""

    def place(table: pa.Table) -> Bools:
        begin = table.column(start).cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy()
        finish = table.column(end).cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy()
        return np.asarray((finish > 0) & (finish - begin >= days))

    return place


def is_followed(child: str, end: str, start: str) -> Place:
    """Tell whether the child's next row starts on the day this one ends."""

    def place(table: pa.Table) -> Bools:
        children, ends, starts = (_texts(table, name) for name in (child, end, start))
        found = np.zeros(len(children), dtype=bool)
        found[:-1] = (children[1:] == children[:-1]) & (ends[:-1] == starts[1:])
        return found

    return place


def is_last_of(child: str) -> Place:
    """Tell which rows are their child's last."""

    def place(table: pa.Table) -> Bools:
        children = _texts(table, child)
        last = np.ones(len(children), dtype=bool)
        last[:-1] = children[1:] != children[:-1]
        return last

    return place


def ends_before_trial(table: pa.Table) -> Bools:
    """Tell which rows end before the trial period."""
    ends = table.column("DEC").fill_null("9999").to_numpy().astype(str)
    return np.asarray(ends < str(protocol.TRIAL_START))


def ends_well_before_last(table: pa.Table) -> Bools:
    """Tell whether a row ends at least ten days before the file's latest end."""
    ends = table.column("DEC").cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy()
    return np.asarray(ends <= ends.max(initial=0) - 10)


def not_short_break(table: pa.Table) -> Bools:
    """Tell which rows count as care."""
    return ~is_one_of("LS", "V3", "V4")(table)


def is_continued(table: pa.Table) -> Bools:
    """Tell whether the next row is no new start of care."""
    reasons = _texts(table, "RNE")
    found = np.zeros(len(reasons), dtype=bool)
    found[:-1] = reasons[1:] != "S"
    return found
