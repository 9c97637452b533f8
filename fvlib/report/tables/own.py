"""A chapter's own frame, or its own great-tables object, as a table of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib.contract import FILES
from fvlib.errors import Refusal
from fvlib.report.bundle import MASKED, ReleasedBundle
from fvlib.report.cells import ABSENT, Write, two_decimals, write_cells
from fvlib.report.tables.style import YES_NO, Rows, dress, mask_notes, set_table
from fvlib.report.words import numbers

ID: Final = "own"
# What names a child in the extracts, and in frames made from them.
CHILD_KEYS: Final = {spec.child.casefold() for spec in FILES.values() if spec.child} | {"child"}
MOST_ROWS: Final = 500  # of a table that anyone reads; a frame with a row a child has thousands


def set_frame(bundle: ReleasedBundle, frame: pd.DataFrame) -> gt.GT:
    """Set a frame in the house style: its columns in order, the first as the rows' labels.

    A `<column>_masked` twin isn't shown: where it is true, its column is marked as masked.
    """
    frame = _flat(frame)
    refuse_children(frame.columns, len(frame))
    names = [str(name) for name in frame.columns]
    twins = [name for name in names if name.removesuffix(MASKED) in set(names) - {name}]
    cells = {name: _written(frame, name) for name in names if name not in twins}
    figures = [name for name in list(cells)[1:] if _is_number(frame[name])]
    rows: Rows = [
        {name: column.iloc[place] for name, column in cells.items()} for place in range(len(frame))
    ]
    notes = mask_notes(bundle, *cells.values())
    return set_table(rows, ID, labels={n: n for n in cells}, numbers=figures, notes=notes)


def set_own(table: gt.GT) -> gt.GT:
    """Give a great-tables object of a chapter's own the house style."""
    frame: Any = table._tbl_data  # great-tables has no public name for it
    refuse_children(list(frame.columns), len(frame))
    return dress(table.with_id(f"tbl-{ID}"))


def refuse_children(columns: Iterable[object], rows: int) -> None:
    """Refuse to show what looks like a row for each child.

    Raises
    ------
    Refusal
        A column names a child, or there are more rows than a table has.
    """
    named = sorted(str(c) for c in columns if str(c).casefold() in CHILD_KEYS)
    if named:
        raise Refusal(
            f"report.show: the column {named[0]!r} names a child. A report shows released "
            "aggregates alone: take them from report.data(...) or report.estimates(...)"
        )
    if rows > MOST_ROWS:
        raise Refusal(
            f"report.show: {rows:,} rows, more than the {MOST_ROWS} that a table of the report may "
            "have; group them, or show a part"
        )


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Make columns of an index that says something, and one name of each column's names."""
    index = frame.index
    counts_rows = index.names == [None] and pd.api.types.is_integer_dtype(index)
    names: list[object] = list(frame.columns)
    flat = frame.set_axis(
        [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names],
        axis=1,
    )
    return flat if counts_rows else flat.reset_index().rename(columns=str)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _written(frame: pd.DataFrame, name: str) -> pd.Series:
    column = frame[name]
    if _is_number(column):
        finite = column.astype(float).where(column.abs() != float("inf"))
        return write_cells(frame.assign(**{name: finite}), name, _writer(finite))
    texts: Callable[[Any], str] = str
    if pd.api.types.is_bool_dtype(column):
        texts = YES_NO.__getitem__
    elif pd.api.types.is_datetime64_any_dtype(column):
        texts = numbers.short_day
    return column.astype(object).map(texts, na_action="ignore").fillna(ABSENT)


def _writer(column: pd.Series) -> Write:
    """Choose what writes a column: counts whole, shares to a tenth of a per cent."""
    known = column.dropna()
    if (known % 1 == 0).all():
        return numbers.count
    return two_decimals if (known.abs() >= 1).any() else _three_decimals


def _three_decimals(value: float) -> str:
    return numbers.number(value, 3)
