"""Dirt in clean synthetic extracts: missing values, faulty rows, other habits of writing.

The kinds are rows of `dirt_kinds.KINDS`; what was planted is told by LA, file and rule, so that a
loader's counts can be held against it. Counts stay under 5 % of any file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fvlib import protocol
from fvlib.contract import FILES, LA_FILES, codes
from fvlib.synthetic.calendar import Bools, Floats, Ints, day_number
from fvlib.synthetic.children import NOT_SET, Covariates
from fvlib.synthetic.dirt_changes import Row, Soil
from fvlib.synthetic.dirt_kinds import KINDS, Kind
from fvlib.synthetic.extract import FileRows, fresh_referral_ids

# Share missing by LA in roll-out order, before and from the trial's middle on.
_MISSING: Final[Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "ethnicity": ((0.03, 0.05, 0.17, 0.04, 0.08), (0.02, 0.04, 0.06, 0.10, 0.03)),
    "disability": ((0.12, 0.05, 0.08, 0.22, 0.10), (0.06, 0.04, 0.10, 0.20, 0.04)),
    "fsm_ever": ((0.06, 0.12, 0.05, 0.08, 0.04), (0.05, 0.08, 0.05, 0.10, 0.04)),
    "pupil_premium": ((0.06, 0.12, 0.05, 0.08, 0.04), (0.05, 0.08, 0.05, 0.10, 0.04)),
    "previous_cpp": ((0.02, 0.01, 0.05, 0.02, 0.15), (0.02, 0.01, 0.03, 0.02, 0.09)),
    "sex": ((0.002,) * 5, (0.002,) * 5),
    "primary_need": ((0.004,) * 5, (0.004,) * 5),
}
_MIDDLE: Final = date(2021, 4, 1)

_WITHDRAWN: Final = 0.0006
_MOST_SET_ASIDE: Final = 0.04  # of an LA's file; the report warns of more than BANNER_SHARE
# Returns of the implementation and process evaluation that never came.
_NOT_SENT: Final = (
    ("sefton", "24m", ("ipe_admin", "ipe_survey", "ipe_fgc", "ipe_training")),
    ("coventry", "6m", ("ipe_survey",)),
)


@dataclass(frozen=True, slots=True)
class _Spoilt:
    """A cell of a return that gets a wrong value: the first row that has the cells of `where`."""

    la: str
    file: str
    column: str
    kind: str
    rule: str
    value: str
    where: Mapping[str, str]


_SPOILT: Final = (
    _Spoilt(
        *("warwickshire", "ipe_survey", "prepared", "six on a scale of five", "out of range"),
        value="6",
        where={"role": "practitioner"},
    ),
    _Spoilt(
        *("newcastle", "ipe_admin", "numerator", "percentage for a count", "not a number"),
        value="18%",
        where={"indicator": "vacancies", "time_point": "12m"},
    ),
    _Spoilt(
        *("solihull", "ipe_admin", "numerator", "more trained than staff"),
        rule="numerator over denominator",
        value="412",
        where={"indicator": "staff_trained_awareness", "time_point": "6m"},
    ),
    _Spoilt(
        *("coventry", "ipe_fgc", "held", "more held than referred", "held over referred"),
        value="900",
        where={"characteristic": "status", "service": "fgc", "level": "CPP"},
    ),
)


@dataclass(frozen=True, slots=True)
class Planted:
    """Rows of one kind of dirt in one file of an LA; `rule` is the loader's, where it has one."""

    la: str
    file: str
    kind: str
    outcome: str
    rule: str | None
    rows: int


@dataclass(frozen=True, slots=True)
class Habits:
    """How an LA writes its files."""

    byte_order_mark: bool = False
    day_first: bool = False
    line_end: str = "\n"
    sex_as_digit: bool = False
    left_out: tuple[str, ...] = ()  # columns of the contract that may be absent
    further_column: tuple[str, str, tuple[str, ...]] | None = None  # file, name, values


TIDY: Final = Habits()
HABITS: Final[Mapping[str, Habits]] = {
    "warwickshire": TIDY,
    "newcastle": Habits(day_first=True),
    "coventry": Habits(byte_order_mark=True),
    "solihull": Habits(line_end="\r\n", left_out=("PLACE_PROVIDER", "REASON_PLACE_CHANGE")),
    "sefton": Habits(
        sex_as_digit=True,
        further_column=("children", "source_system", ("LCS", "Mosaic", "EHM")),
    ),
}


def with_missing(
    rng: np.random.Generator, covariates: Covariates, la: Ints, day: Ints
) -> Covariates:
    """Leave cells empty, more in some LAs than others and more before some day than after."""
    late = day >= day_number(_MIDDLE)
    columns = {}
    for column, (before, after) in _MISSING.items():
        share: Floats = np.where(late, np.array(after)[la], np.array(before)[la])
        missing = rng.random(len(la)) < share
        columns[column] = np.where(missing, NOT_SET, getattr(covariates, column))
    return replace(covariates, **columns)


def plant_dirt(
    rng: np.random.Generator,
    files: Mapping[str, FileRows],
    through: date,
    fresh_children: Iterator[str],
) -> tuple[dict[str, FileRows], pa.Table, list[Planted]]:
    """Plant every kind of dirt in the LAs' files.

    Returns
    -------
    files, withdrawals, planted
    """
    ground = Soil(rng, through, fresh_children, fresh_referral_ids())
    plots = {name: _Plot(name, files[name]) for name in LA_FILES}
    withdrawals: list[tuple[str, str]] = []
    for position, la in enumerate(protocol.LA_KEYS):
        for file in LA_FILES:
            for kind in KINDS:
                if kind.file == file:
                    plots[file].plant(kind, position, ground)
            if file == "children":
                _refer_faulty_children(plots, position, ground)
        withdrawals += [(la, child) for child in _withdraw(plots, position, ground)]
    columns = FILES["withdrawals"].column_names
    cells = list(zip(*withdrawals, strict=True)) or [(), ()]
    table = pa.table({name: pa.array(cells[at], pa.string()) for at, name in enumerate(columns)})
    planted = [entry for plot in plots.values() for entry in plot.planted]
    for la in dict(withdrawals):
        count = sum(1 for key, _ in withdrawals if key == la) - 1
        planted += [
            Planted(la, "withdrawals", "child withdrawn", "withdrawn", None, count),
            Planted(
                *(la, "withdrawals", "child in no file", "resolved", "withdrawal not found", 1)
            ),
        ]
    return {name: plot.rows() for name, plot in plots.items()}, table, planted


def soil_returns(tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Planted]]:
    """Take out returns that never came, and spoil a cell here and there."""
    soiled, planted = dict(tables), []
    for la, point, names in _NOT_SENT:
        for name in names:
            table = soiled[name]
            of_la = pc.equal(table.column("la"), la)
            gone = pc.and_(of_la, pc.equal(table.column("time_point"), point))
            soiled[name] = table.filter(pc.invert(gone))
            rows = int(pc.sum(gone).as_py() or 0)
            if rows:
                planted.append(Planted(la, name, f"{point} not sent", "not sent", None, rows))
    for spoilt in _SPOILT:
        table, found = _overwrite(soiled[spoilt.file], spoilt)
        soiled[spoilt.file] = table
        if found:
            planted.append(
                Planted(spoilt.la, spoilt.file, spoilt.kind, "set aside", spoilt.rule, 1)
            )
    return soiled, planted


def in_habit(table: pa.Table, file: str, habits: Habits, rng: np.random.Generator) -> pa.Table:
    """Write an LA's file in its own way: forms of dates and codes, columns more or fewer."""
    for column in FILES[file].columns:
        if column.name not in table.column_names:
            continue
        at = table.column_names.index(column.name)
        cells = table.column(at)
        if column.name in habits.left_out:
            table = table.remove_column(at)
        elif column.kind == "date" and habits.day_first:
            cells = pc.replace_substring_regex(cells, r"^(\d{4})-(\d\d)-(\d\d)$", r"\3/\2/\1")
            table = table.set_column(at, column.name, cells)
        elif column.name == "sex" and habits.sex_as_digit:
            digits = {code.code: code.also[0] for code in codes.SEX.codes}
            written = [digits.get(cell, cell) for cell in cells.to_pylist()]
            table = table.set_column(at, column.name, pa.array(written, pa.string()))
    if habits.further_column is not None and habits.further_column[0] == file:
        _, name, values = habits.further_column
        chosen = pa.array(values).take(pa.array(rng.integers(0, len(values), table.num_rows)))
        table = table.append_column(name, chosen)
    return table


class _Plot:
    """One file of all LAs while dirt is planted: no row is touched twice."""

    def __init__(self, file: str, rows: FileRows) -> None:
        self.file = file
        self.planted: list[Planted] = []
        self._la, self._table = rows.la, rows.table
        self._unused = np.ones(len(rows.la), dtype=bool)
        self._replaced = np.zeros(len(rows.la), dtype=bool)
        self._added: list[tuple[int, float, Row]] = []
        self._faulty: list[tuple[int, str]] = []
        self._key = FILES[file].key
        self._taken = set(self._keys(self._table))
        self._room = [int(_MOST_SET_ASIDE * self.size(la)) for la in range(len(protocol.LA_KEYS))]
        self._allowed = {
            kind.rule.id: kind.where(self._table)
            for kind in KINDS
            if kind.file == file and kind.where is not None
        }

    def size(self, la: int) -> int:
        """Rows of an LA's file."""
        return int(np.count_nonzero(self._la == la))

    def plant(self, kind: Kind, la: int, ground: Soil) -> None:
        """Plant one kind of dirt in an LA's file, as often as its size asks for and allows."""
        count = _count(ground.rng, kind.share * self.size(la))
        if kind.rule.outcome == "set aside":
            count = min(count, self._room[la] // (1 if kind.new_key is None else 2))
        rows = self._pick(la, count, self._allowed.get(kind.rule.id), ground.rng)
        done = 0
        for at, row in zip(
            rows.tolist(), self._table.take(pa.array(rows)).to_pylist(), strict=True
        ):
            done += self._plant_one(kind, la, at, row, ground)
        self.note(la, kind.rule.label, kind.rule.outcome, kind.rule.id, done)

    def add(self, la: int, cells: Row, rng: np.random.Generator) -> bool:
        """Add a copy of some row of the LA, with these cells changed; tell if there was one."""
        chosen = self._pick(la, 1, None, rng)
        for at in chosen.tolist():
            row = self._table.slice(at, 1).to_pylist()[0] | cells
            self._added.append((la, at + 0.5, row))
        return len(chosen) > 0

    def faulty_children(self, la: int) -> list[str]:
        """Child ids of the LA's extra children that will be set aside."""
        return [child for at, child in self._faulty if at == la]

    def note(self, la: int, kind: str, outcome: str, rule: str | None, rows: int) -> None:
        """Count what was planted."""
        if outcome == "set aside":
            self._room[la] -= rows
        if rows:
            key = protocol.LA_KEYS[la]
            self.planted.append(Planted(key, self.file, kind, outcome, rule, rows))

    def rows(self) -> FileRows:
        """Return the file with its dirt, each row near the one it was made from."""
        schema = pa.schema([(name, pa.string()) for name in self._table.column_names])
        added = pa.Table.from_pylist([row for _, _, row in self._added], schema=schema)
        kept = np.flatnonzero(~self._replaced)
        la = np.append(self._la[kept], [la for la, _, _ in self._added]).astype(np.int64)
        place = np.append(kept.astype(np.float64), [at for _, at, _ in self._added])
        table = pa.concat_tables([self._table.take(pa.array(kept)), added])
        order = np.lexsort((place, la))
        return FileRows(la[order], table.take(pa.array(order)))

    def _plant_one(self, kind: Kind, la: int, at: int, row: Row, ground: Soil) -> int:
        """Return how many rows have the fault."""
        if kind.how in ("replace", "move"):
            kind.change(row, ground)
            self._replaced[at] = True
            self._added.append((la, at + (1.25 if kind.how == "move" else 0.0), row))
            return 1
        if kind.new_key is None:
            before = dict(row)
            kind.change(row, ground)
            if row != before and not self._take_key(row):
                return 0
            made = [row]
        else:
            kind.new_key(row, ground)
            other = dict(row)
            for _ in range(10):
                kind.change(other, ground)
                if other != row:
                    break
            if other == row or not self._take_key(row):
                return 0
            made = [row, other]
        self._added += [(la, at + 0.5, entry) for entry in made]
        if self.file == "children" and kind.rule.outcome == "set aside":
            self._faulty.append((la, str(row["child_id"])))
        return len(made)

    def _take_key(self, row: Row) -> bool:
        """Tell whether no other row has this row's key, and keep it."""
        key = tuple(row[name] for name in self._key)
        free = key not in self._taken
        self._taken.add(key)
        return free

    def _keys(self, table: pa.Table) -> Iterable[tuple[str | None, ...]]:
        return zip(*(table.column(name).to_pylist() for name in self._key), strict=True)

    def _pick(self, la: int, count: int, allowed: Bools | None, rng: np.random.Generator) -> Ints:
        free = self._unused & (self._la == la)
        if allowed is not None:
            free &= allowed
        candidates = np.flatnonzero(free)
        chosen = np.sort(rng.choice(candidates, min(count, len(candidates)), replace=False))
        self._unused[chosen] = False
        return chosen.astype(np.int64)


def _refer_faulty_children(plots: Mapping[str, _Plot], la: int, ground: Soil) -> None:
    """Give each child that will be set aside a referral, which goes with it."""
    referrals, done = plots["referrals"], 0
    for child in plots["children"].faulty_children(la):
        cells: Row = {"child_id": child, "referral_id": next(ground.fresh_referral)}
        done += referrals.add(la, cells, ground.rng)
    referrals.note(la, "referral of a faulty child", "set aside", "child set aside", done)


def _withdraw(plots: Mapping[str, _Plot], la: int, ground: Soil) -> list[str]:
    """Add children who have withdrawn.

    Returns
    -------
    The children of withdrawals.csv: those added, and one whom no file has.
    """
    withdrawn = []
    for _ in range(_count(ground.rng, _WITHDRAWN * plots["children"].size(la))):
        child = next(ground.fresh_child)
        if plots["children"].add(la, {"child_id": child}, ground.rng):
            cells: Row = {"child_id": child, "referral_id": next(ground.fresh_referral)}
            plots["referrals"].add(la, cells, ground.rng)
            withdrawn.append(child)
    return [*withdrawn, next(ground.fresh_child)] if withdrawn else []


def _count(rng: np.random.Generator, expected: float) -> int:
    """Round at random, so that small files have little dirt and large ones their share."""
    return int(expected + rng.random())


def _overwrite(table: pa.Table, spoilt: _Spoilt) -> tuple[pa.Table, bool]:
    """Spoil the first row that fits; tell whether there is one."""
    fits = pc.equal(table.column("la"), spoilt.la)
    for name, value in spoilt.where.items():
        fits = pc.and_(fits, pc.equal(table.column(name), value))
    rows = np.flatnonzero(fits.fill_null(False).to_numpy())
    if len(rows) == 0:
        return table, False
    cells = table.column(spoilt.column).to_pylist()
    cells[int(rows[0])] = spoilt.value
    at = table.column_names.index(spoilt.column)
    return table.set_column(at, spoilt.column, pa.array(cells, pa.string())), True
