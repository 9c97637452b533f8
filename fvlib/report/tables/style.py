"""The house style of tables: cells in, a great-tables object out.

A table has a fixed id, the page's font, and no heading: the caption belongs to the chapter. Marks
are daggers on labels, never on figures. A masked number prints as such, never as 0 or as a gap.

A column of figures holds numbers, which are written last, so that a chapter's own `fmt_number`
works on it. A masked or absent one is missing, and its mark a substitute that outlasts any format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from math import isnan
from typing import Any, Final

import great_tables as gt
import pandas as pd

from fvlib.report.bundle import ReleasedBundle, la_order
from fvlib.report.cells import ABSENT, MASKED_TEXT, WITH_INTERVAL, Written, write_cells
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say

YES_NO: Final = {True: "yes", False: "no"}

# Columns that hold the ends of a column's interval: `effect_low`, `effect_high`.
ENDS: Final = ("_low", "_high")
NAN: Final = float("nan")
NONE: Final = (NAN, NAN)

Rows = list[dict[str, str]]


def set_table(
    rows: Rows,
    name: str,
    *,
    labels: dict[str, str],
    group: str | None = None,
    numbers: Sequence[str] = (),
    intervals: Sequence[str] = (),
    spanners: dict[str, Sequence[str]] | None = None,
    notes: Sequence[str] = (),
    widths: dict[str, str] | None = None,
    narrow: bool = False,
) -> gt.GT:
    """Set rows of cells in the house style.

    Parameters
    ----------
    rows
        One a row, keyed by column: text, of which figures may know their number (`Written`).
    name
        The table's fixed id.
    labels
        Column names and their headings, in order; the first is the stub.
    group
        Column that groups the rows.
    numbers
        Columns of figures: set to the right. Where each cell knows its number, or holds none, the
        frame of the table holds numbers.
    intervals
        Those whose numbers have intervals: their ends stand in `<column>_low` and `<column>_high`.
    spanners
        Headings over several columns.
    notes
        Lines under the table.
    widths
        Column widths.
    narrow
        Whether the table is as wide as its text, and not as the page.
    """
    stub = next(iter(labels))
    if not rows:  # nothing to group, and nothing for a note to explain
        rows, group, notes = [{stub: say("tables.nothing")}], None, ()
    cells = {c: [row.get(c, "") for row in rows] for c in (*([group] if group else []), *labels)}
    figures = {column: column in intervals for column in numbers if _is_numeric(cells[column])}
    table = gt.GT(
        _as_numbers(cells, figures), rowname_col=stub, groupname_col=group, id=f"tbl-{name}"
    )
    for column, with_ends in figures.items():
        table = _write_last(table, column, cells[column], with_ends=with_ends)
    headings: dict[str, Any] = {name: text for name, text in labels.items() if name != stub}
    table = table.cols_label(headings)
    table = table.tab_stubhead(label=labels[stub]) if labels[stub] else table
    words_columns = [column for column in labels if column not in numbers and column != stub]
    table = table.cols_align("right", columns=list(numbers)) if numbers else table
    table = table.cols_align("left", columns=words_columns) if words_columns else table
    for heading, columns in (spanners or {}).items():
        table = table.tab_spanner(label=heading, columns=list(columns))
    for note in notes:
        table = table.tab_source_note(source_note=note)
    if widths:
        table = table.cols_width(cases=widths)
    return dress(table, narrow=narrow)


def _as_numbers(cells: dict[str, list[str]], figures: dict[str, bool]) -> pd.DataFrame:
    """Put numbers in the place of figures' texts, and the ends of intervals in columns behind."""
    columns: dict[str, Sequence[object]] = {}
    for name, texts in cells.items():
        columns[name] = texts
        if name in figures:
            columns[name] = [c.value if isinstance(c, Written) else NAN for c in texts]
        if figures.get(name):
            for place, end in enumerate(ENDS):
                columns[name + end] = [(_interval(c) or NONE)[place] for c in texts]
    return pd.DataFrame(columns)


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether each cell knows its number, or holds none: a mark, a dash, a word."""
    return all(isinstance(c, Written) or not any(map(str.isdigit, c)) for c in cells)


def _write_last(table: gt.GT, column: str, cells: Sequence[str], *, with_ends: bool) -> gt.GT:
    """Write a column's numbers as its cells have them, and what stands for those not there."""
    columns = [column, *(column + end for end in ENDS if with_ends)]
    writers: dict[Callable[[float], str], list[int]] = {}
    texts: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        if isinstance(cell, Written):
            writers.setdefault(cell.write, []).append(place)
        else:
            texts.setdefault(cell, []).append(place)
    for write, rows in writers.items():
        table = table.fmt(partial(_written, write=write), columns=columns, rows=rows)
    for text, rows in texts.items():
        table = table.sub_missing(columns=column, rows=rows, missing_text=text)
    if with_ends:
        both = [place for place, cell in enumerate(cells) if _interval(cell)]
        table = table.cols_merge(columns, rows=both, pattern=WITH_INTERVAL)
    return table


def _written(number: float, write: Callable[[float], str]) -> str:
    return "" if isnan(number) else escape(write(number))


def _interval(cell: str) -> tuple[float, ...]:
    return cell.interval if isinstance(cell, Written) else ()


def dress(table: gt.GT, *, narrow: bool = False) -> gt.GT:
    """Give a table the report's look."""
    return table.tab_options(
        table_width="auto" if narrow else "100%",
        table_font_size="0.9em",
        table_background_color="transparent",
        table_border_top_color="#1f2a37",
        table_border_bottom_color="#1f2a37",
        heading_border_bottom_style="none",
        column_labels_border_top_style="none",
        column_labels_border_bottom_color="#1f2a37",
        column_labels_border_bottom_width="1px",
        row_group_font_weight="600",
        row_group_border_top_color="#c9ced6",
        row_group_border_bottom_style="none",
        stub_border_style="none",
        table_body_hlines_color="#e6e9ee",
        table_body_border_bottom_color="#1f2a37",
        table_body_border_top_color="#1f2a37",
        source_notes_font_size="0.9em",
        data_row_padding="4px",
    )


def count_notes(bundle: ReleasedBundle, *texts: pd.Series) -> list[str]:
    """Say how counts were rounded and, where one was masked, what the mark means."""
    rule = bundle.manifest["disclosure"]
    step = int(rule["round_to"])
    rounded = [] if step == 1 else [say("tables.rounded", step=str(step))]
    return rounded + mask_notes(bundle, *texts)


def mask_notes(bundle: ReleasedBundle, *texts: pd.Series) -> list[str]:
    """Say, where a number was masked, what the mark means."""
    if not any((text == MASKED_TEXT).any() for text in texts):
        return []
    return [say("tables.masked", threshold=str(bundle.manifest["disclosure"]["threshold"]))]


def by_la(
    frame: pd.DataFrame, rows: str, column: str, write: Callable[[float], str] = numbers.count
) -> tuple[Rows, dict[str, str], list[str], pd.Series]:
    """Spread a long table over LA columns: rows of text, headings, figure columns, all texts."""
    texts = write_cells(frame, column, write)
    las = la_order(frame)
    out: Rows = []
    for name in dict.fromkeys(frame[rows].astype(str)):
        part = frame[frame[rows].astype(str) == name]
        line = dict.fromkeys(las, ABSENT)
        line.update(zip(part["la"].astype(str), texts[part.index], strict=True))
        out.append({rows: name, **line})
    headings = {rows: "", **{la: labels.LAS[la] for la in las}}
    return out, headings, las, texts
