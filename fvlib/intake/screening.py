"""Row by row: which rows are kept, which are set aside under which rule, what was put right.

A row is counted under the first rule that it breaks: values in the order of the columns, then the
row's own, in the contract's order. Rows are never changed, but for the resolutions that the
contract states, and those are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fvlib import protocol
from fvlib.contract import RULES, FileSpec
from fvlib.contract.files import ATTENDANCE, CARE_EPISODES, CHILDREN, UNKNOWN_LA
from fvlib.contract.resolutions import END_AFTER_THROUGH, IDENTICAL_ROW
from fvlib.contract.rule import Bools, Dates, Rows
from fvlib.contract.rules import ROW_RULES
from fvlib.intake.reading import RawFile
from fvlib.intake.receive import columns_of
from fvlib.intake.values import Parsed, only_listed, parse_column
from fvlib.refresh import Refresh

LAS: Final = (*protocol.LA_KEYS, UNKNOWN_LA)
_RULE_IDS: Final = ("", *RULES)


@dataclass(frozen=True, slots=True)
class Roster:
    """The children of one LA: every child_id that its children file has, and which are kept.

    `ids` without repetition; `position`: the kept child's row among those kept, else -1.
    """

    ids: pd.Index[Any]
    position: NDArray[np.int64]

    def find(self, parsed: Parsed) -> tuple[Bools, NDArray[np.int64]]:
        """Say of each row whether its child is known, and the kept child's position (or -1)."""
        at = self.ids.get_indexer(pd.Index(parsed.texts))
        position = np.append(self.position, -1)[at]  # -1, not found, takes the appended -1
        return (at >= 0)[parsed.text], position[parsed.text]


@dataclass(frozen=True, slots=True)
class Screened:
    """A file's rows, judged. Arrays have shape (rows,).

    `rule` and `column` are positions in `rule_ids()` and in the file's columns: the rule that a
    row is set aside under, 0 for none. `la` is a position in `LAS`. `kept` rows go on; a row that
    is neither kept nor set aside is an identical copy of a kept or set-aside one. `starts`: the day
    on which each row starts, NaT where it has none.
    """

    raw: RawFile
    columns: dict[str, Parsed]
    la: NDArray[np.int64]
    rule: NDArray[np.int64]
    column: NDArray[np.int64]
    kept: Bools
    resolved: dict[str, Bools]
    starts: Dates

    @property
    def spec(self) -> FileSpec:
        """The file's declaration."""
        return self.raw.source.spec

    @property
    def rule_names(self) -> NDArray[np.object_]:
        """The rule that each row is set aside under, "" for none."""
        return np.array(_RULE_IDS, dtype=object)[self.rule]

    @property
    def column_names(self) -> NDArray[np.object_]:
        """The column in which that rule found fault."""
        return np.array(list(self.columns), dtype=object)[self.column]

    def typed(self, name: str) -> Any:
        """Return a column's typed values, kept rows only."""
        return self.columns[name].typed[self.kept]


class _Verdicts:
    """Collects rows set aside; the first rule that a row breaks stays."""

    def __init__(self, columns: dict[str, Parsed], rows: int) -> None:
        self._columns = {name: at for at, name in enumerate(columns)}
        self.rule = np.zeros(rows, np.int64)
        self.column = np.zeros(rows, np.int64)

    def set_aside(self, breaks: Any, rule: str, column: str) -> None:
        fresh = np.asarray(breaks, bool) & (self.rule == 0)
        self.rule[fresh] = _RULE_IDS.index(rule)
        self.column[fresh] = self._columns[column]


def judge_rows(raw: RawFile, refresh: Refresh, roster: Roster | None = None) -> Screened:
    """Judge every row of a file.

    Parameters
    ----------
    raw
        The file's rows as text, the withdrawn children's taken out.
    refresh
        For each LA's `data_through` and live date.
    roster
        The children of the file's LA; none for the children file and the whole trial's files.
    """
    spec = raw.source.spec
    columns = {column.name: parse_column(raw, column) for column in columns_of(raw.header)}
    for name, parsed in columns.items():
        if parsed.column.kind == "label":
            columns[name] = only_listed(parsed, getattr(refresh.labels, name))
    la = _la_positions(raw, columns)
    copies, differing = _duplicates(spec, columns)
    known, kept_child = _children_of(spec, columns, roster)
    rows = Rows(
        spec,
        {name: parsed.typed for name, parsed in columns.items()},
        lambda name: columns[name].empty,
        _starts(spec, columns),
        _through(refresh)[la],
        _not_live(refresh)[la],
        differing,
        known,
        kept_child,
    )
    verdicts = _Verdicts(columns, raw.table.num_rows)
    for name, parsed in columns.items():
        for rule in parsed.faults:
            verdicts.set_aside(parsed.breaks(rule), rule, name)
    for row_rule in ROW_RULES:
        if spec.name in row_rule.files and row_rule.of_rows is not None:
            for name, breaks in row_rule.of_rows(rows).items():
                verdicts.set_aside(breaks, row_rule.id, name)
    verdicts.rule[copies] = 0
    kept = (verdicts.rule == 0) & ~copies
    resolved = {IDENTICAL_ROW: copies} | _resolutions(columns, kept)
    resolved |= _open_ends(columns, rows, kept)
    if raw.unfinished and len(la):
        resolved["unfinished last row"] = np.arange(len(la)) == len(la) - 1
    return Screened(
        raw,
        columns,
        la,
        verdicts.rule,
        verdicts.column,
        kept,
        resolved,
        rows.started,
    )


def roster_of(children: Screened) -> Roster:
    """List the children of one LA from its judged children file."""
    ids = children.columns[CHILDREN.key[0]]
    distinct, texts = pd.factorize(ids.texts)  # two texts are one id if only spaces differed
    kept = distinct[ids.text[children.kept]]  # each at most once: the file's key
    position = np.full(len(texts), -1)
    position[kept] = np.arange(len(kept))
    named = texts != ""
    return Roster(pd.Index(texts[named]), position[named])


def _la_positions(raw: RawFile, columns: dict[str, Parsed]) -> NDArray[np.int64]:
    if raw.source.la is not None:
        return np.full(raw.table.num_rows, LAS.index(raw.source.la))
    las = np.asarray(columns["la"].typed.codes, np.int64)
    return np.where(las < 0, LAS.index(UNKNOWN_LA), las)


def _through(refresh: Refresh) -> Dates:
    days = [refresh.data_through[la] for la in protocol.LA_KEYS]
    return np.array([*days, max(days)], dtype="datetime64[s]")


def _not_live(refresh: Refresh) -> Bools:
    early = [refresh.data_through[la] < refresh.live_date(la) for la in protocol.LA_KEYS]
    return np.array([*early, False])


def _duplicates(spec: FileSpec, columns: dict[str, Parsed]) -> tuple[Bools, Bools]:
    """Return the copies of an identical earlier row, and rows that share a key but differ."""
    rows = len(next(iter(columns.values())).text)
    copies, sharing = np.zeros(rows, bool), np.zeros(rows, bool)
    if not spec.key or rows == 0:
        return copies, sharing
    whole = np.ones(rows, bool)
    for name in spec.key:
        whole &= ~columns[name].breaks("missing value")
    at = np.flatnonzero(whole)
    keys = pd.DataFrame({name: parsed.key[at] for name, parsed in columns.items()})
    copied = keys.duplicated().to_numpy(bool)
    copies[at] = copied
    distinct = keys.loc[~copied, list(spec.key)]
    sharing[at[~copied]] = distinct.duplicated(keep=False).to_numpy(bool)
    if spec is CARE_EPISODES:
        sharing &= ~_in_sequence(columns, sharing)
    return copies, sharing


def _in_sequence(columns: dict[str, Parsed], sharing: Bools) -> Bools:
    """Tell the episodes of one child and day of which one ends on that day and one goes on."""
    start, end = (columns[name].typed for name in ("DECOM", "DEC"))
    keys = pd.DataFrame({name: columns[name].key for name in CARE_EPISODES.key})[sharing]
    ends_at_once = pd.Series(np.asarray(end == start, bool))[sharing]
    groups = ends_at_once.groupby([keys[name] for name in keys])
    pair = (groups.transform("size") == 2) & (groups.transform("sum") == 1)
    found = np.zeros(len(sharing), bool)
    found[np.flatnonzero(sharing)] = pair.to_numpy(bool)
    return found


def _children_of(
    spec: FileSpec, columns: dict[str, Parsed], roster: Roster | None
) -> tuple[Bools, Bools]:
    """Tell of each row whether its child is in the children file, and whether it was kept."""
    if roster is None or spec.child is None:
        every = np.ones(len(next(iter(columns.values())).text), bool)
        return every, every
    known, position = roster.find(columns[spec.child])
    return known, position >= 0


def _starts(spec: FileSpec, columns: dict[str, Parsed]) -> Dates:
    if spec is ATTENDANCE:
        return _term_starts(columns)
    if spec.starts is None:
        return np.full(len(next(iter(columns.values())).text), "NaT", "datetime64[s]")
    return np.asarray(columns[spec.starts].typed, "datetime64[s]")


def _resolutions(columns: dict[str, Parsed], kept: Bools) -> dict[str, Bools]:
    """Return the kept rows in which a value was put right, by rule."""
    put_right: dict[str, Bools] = {}
    for parsed in columns.values():
        for rule in sorted(set(parsed.resolution) - {""}):
            rows = np.asarray(parsed.resolution == rule)[parsed.text] & kept
            put_right[rule] = put_right.get(rule, np.zeros(len(kept), bool)) | rows
    return put_right


def _open_ends(columns: dict[str, Parsed], rows: Rows, kept: Bools) -> dict[str, Bools]:
    """Take ends after `data_through` as still open: at that day they were."""
    if rows.spec.name not in END_AFTER_THROUGH.files or END_AFTER_THROUGH.of_rows is None:
        return {}
    ((name, late),) = END_AFTER_THROUGH.of_rows(rows).items()
    still_open = columns[name].typed.copy()
    still_open[late] = pd.NaT
    columns[name] = replace(columns[name], typed=still_open)
    return {END_AFTER_THROUGH.id: late & kept}


def _term_starts(columns: dict[str, Parsed]) -> Dates:
    """Return the nominal first day of each row's school term."""
    year = columns["academic_year"].typed.to_numpy("float64", na_value=np.nan)
    months = np.full(len(year), np.nan)
    days = np.ones(len(year))
    for term, (month, day) in protocol.TERM_STARTS.items():
        of_term = np.asarray(columns["term"].typed == term)
        second_year = month < protocol.TERM_STARTS["autumn"][0]
        months[of_term] = ((year - 1970) * 12 + month - 1 + 12 * second_year)[of_term]
        days[of_term] = day
    known = ~np.isnan(months)
    start = np.where(known, months, 0).astype("datetime64[M]").astype("datetime64[D]")
    begins = start + (days - 1).astype("timedelta64[D]")
    return np.where(known, begins, np.datetime64("NaT")).astype("datetime64[s]")


def count_verdicts(screened: Screened) -> list[tuple[str, str, str, str, int]]:
    """Count a file's rows by outcome (`set aside`, `resolved`), LA, file and rule."""
    file, rows = screened.spec.name, []
    masks = [("resolved", rule, mask) for rule, mask in screened.resolved.items()]
    for at in np.unique(screened.rule[screened.rule > 0]):
        masks.append(("set aside", _RULE_IDS[at], screened.rule == at))
    for outcome, rule, mask in masks:
        numbers = np.bincount(screened.la[mask], minlength=len(LAS))
        rows += [(outcome, LAS[la], file, rule, int(n)) for la, n in enumerate(numbers) if n]
    if screened.raw.blank_rows:
        la = screened.raw.source.la or UNKNOWN_LA
        rows.append(("resolved", la, file, "blank row", screened.raw.blank_rows))
    return rows
