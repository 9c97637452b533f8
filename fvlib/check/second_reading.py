"""The contract's column and row rules as pointblank steps, read from the text of the files.

These steps are a second reading: they share no code with `intake/values.py` and
`intake/screening.py`, so that each can be held against the other. Rules across files (orphans,
children set aside) are ours alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import great_tables._locale
import numpy as np
import pandas as pd
import pointblank as pb
import polars as pl

from fvlib import protocol
from fvlib.contract import RULES, Column, FileSpec, codes
from fvlib.contract.codes import CodeList
from fvlib.contract.files import (
    ATTENDANCE,
    CHILDREN,
    EARLIEST_START,
    IPE_ADMIN,
    IPE_FGC,
    LONGEST_IDENTIFIER,
    LONGEST_TEXT,
)
from fvlib.contract.rules import IDENTICAL_ROW, part_rule
from fvlib.intake.screening import Screened
from fvlib.refresh import Refresh

# great-tables reads its list of locales from disk anew for every number it writes, and pointblank
# writes each number as a table of its own: without this, more than half of a check's time.
great_tables._locale.read_csv = functools.cache(great_tables._locale.read_csv)

_TEXT: Final = " (text)"  # the column as it came, beside the one that was read
_THROUGH: Final = "data_through"
_NUMBER: Final = r"^[+-]?[0-9]+(\.[0-9]+)?$"


@dataclass(frozen=True)
class FileValidation:
    """One file's report: its steps, the rows that failed each, and the report as HTML."""

    file: str
    failed: pd.DataFrame  # rule, columns, rows: rows that break it in one of them, in all LAs
    html: str


@dataclass(frozen=True)
class _Step:
    rule: str
    column: str
    passes: pl.Expr  # true for a good row, or one whose value is missing


def read_again(parts: list[Screened], refresh: Refresh) -> FileValidation:
    """Run pointblank over all LAs' rows of one file, identical copies left out.

    Parameters
    ----------
    parts
        The judged file of each LA, or the one file of the whole trial.
    refresh
        For each LA's `data_through`.
    """
    spec = parts[0].spec
    columns = {name: parsed.column for part in parts for name, parsed in part.columns.items()}
    frame = _read(_texts(parts, columns, refresh), columns.values())
    steps = _by_rule(_steps(spec, columns.values()))
    plan = pb.Validate(frame, tbl_name=spec.name, label=f"One row: {spec.row}")
    for rule, of_rule in steps.items():
        passes = pl.all_horizontal(step.passes for step in of_rule)
        brief = f"**{rule}**: {RULES[rule].checks} ({_named(of_rule)})"
        plan = plan.col_vals_expr(expr=passes, brief=brief)
    # Extracts of failing rows would put children's values into the report.
    plan = plan.interrogate(collect_extracts=False, collect_tbl_checked=False)
    failed = plan.n_failed()
    counts = pd.DataFrame(
        {
            "rule": list(steps),
            "columns": [_named(of_rule) for of_rule in steps.values()],
            # None: pointblank has no count of a file without rows.
            "rows": [int(failed[at] or 0) for at in range(1, len(steps) + 1)],
        }
    )
    return FileValidation(spec.name, counts, _html(plan, spec))


def _by_rule(steps: Iterable[_Step]) -> dict[str, list[_Step]]:
    """Group the steps, one check a rule: a survey's eleven items are one line, not eleven."""
    grouped: dict[str, list[_Step]] = {}
    for step in steps:
        grouped.setdefault(step.rule, []).append(step)
    return grouped


def _named(steps: list[_Step]) -> str:
    return ", ".join(dict.fromkeys(step.column for step in steps))


def _html(plan: Any, spec: FileSpec) -> str:
    table = plan.get_tabular_report(title=spec.name, incl_footer_timings=False)
    html = str(table.as_raw_html(inline_css=False))
    html = re.sub(r"@import url\([^)]*\);", "", html)  # its web fonts
    return html.replace("pb_tbl", f"pb_tbl_{spec.name}")  # several on one page


def _texts(parts: list[Screened], columns: dict[str, Column], refresh: Refresh) -> pl.DataFrame:
    """Return every column as text without surrounding spaces, missing where empty."""
    frames = []
    ends = [refresh.data_through[la] for la in protocol.LA_KEYS]
    through = np.array([*ends, max(ends)], dtype="datetime64[D]")
    for part in parts:
        rows = ~part.resolved[IDENTICAL_ROW]
        text = {
            name: parsed.texts[parsed.text[rows]]
            for name, parsed in part.columns.items()
            if name in columns
        }
        frame = pl.DataFrame(
            {name: pl.Series(name, values, dtype=pl.String) for name, values in text.items()}
        )
        frames.append(frame.with_columns(pl.Series(_THROUGH, through[part.la[rows]])))
    stacked = pl.concat(frames, how="diagonal")
    return stacked.with_columns(
        pl.when(pl.col(name) == "").then(None).otherwise(pl.col(name)).alias(name)
        for name in columns
    )


def _read(frame: pl.DataFrame, columns: Iterable[Column]) -> pl.DataFrame:
    """Put beside each text what it says: a date, a number, a code in the list's letter case."""
    readings = []
    for column in columns:
        text = pl.col(column.name)
        if column.kind == "date":
            value = pl.coalesce(
                text.str.to_date("%Y-%m-%d", strict=False),
                text.str.to_date("%d/%m/%Y", strict=False),
            )
        elif column.kind == "month":
            value = (text + "-01").str.to_date("%Y-%m-%d", strict=False)
        elif column.kind in ("count", "number"):
            value = pl.when(text.str.contains(_NUMBER)).then(text.cast(pl.Float64, strict=False))
        elif column.kind in ("code", "code list") and column.codes is not None:
            value = text.str.to_uppercase()
        else:
            value = text
        readings += [text.alias(column.name + _TEXT), value.alias(column.name)]
    return frame.select(*readings, _THROUGH)


def _steps(spec: FileSpec, columns: Iterable[Column]) -> Iterator[_Step]:
    for column in columns:
        if column.checked:
            yield from _value_steps(column)
    yield from _row_steps(spec)
    if spec is IPE_ADMIN:
        yield from _indicator_steps()


def _value_steps(column: Column) -> Iterator[_Step]:
    name = column.name
    text, value = pl.col(name + _TEXT), pl.col(name)
    if not column.may_be_empty:
        yield _Step("missing value", name, text.is_not_null())
    readable = text.is_null() | value.is_not_null()
    if column.kind in ("date", "month"):
        yield _Step(f"not a {column.kind}", name, readable)
    elif column.kind == "flag":
        yield _Step("not 0 or 1", name, _or_missing(text.is_in(["0", "1"])))
    elif column.kind == "academic year":
        yield _Step("not an academic year", name, _or_missing(_is_academic_year(text)))
    elif column.kind in ("count", "number"):
        yield _Step("not a number", name, readable)
        if column.kind == "count":
            yield _Step("not a whole number", name, _or_missing(value == value.floor()))
        yield _Step(
            "out of range", name, _or_missing(value.is_between(column.minimum, column.maximum))
        )
    elif column.codes is not None and column.kind != "label":
        yield from _code_steps(column, column.codes)
    else:
        rule, limit = (
            ("not an identifier", LONGEST_IDENTIFIER)
            if column.kind == "identifier"
            else ("text too long", LONGEST_TEXT)
        )
        printable = ~text.str.contains(r"[\x00-\x1f\x7f-\x{9f}]")
        short = text.str.len_chars() <= limit
        yield _Step(rule, name, _or_missing(short & (printable | (rule == "text too long"))))


def _code_steps(column: Column, listed: CodeList) -> Iterator[_Step]:
    value = pl.col(column.name)
    known = [spelling.upper() for spelling in listed.spellings]
    if not listed.several:
        yield _Step("unknown code", column.name, _or_missing(value.is_in(known)))
        return
    parts = value.str.split(";").list.eval(pl.element().str.strip_chars())
    parts = parts.list.eval(pl.element().filter(pl.element() != ""))
    all_known = parts.list.eval(pl.element().is_in(known)).list.all() & (parts.list.len() > 0)
    alone = (parts.list.n_unique() == 1) | ~parts.list.contains(listed.alone)
    yield _Step("unknown code", column.name, _or_missing(all_known))
    yield _Step("none beside another code", column.name, _or_missing(alone | ~all_known))


def _row_steps(spec: FileSpec) -> Iterator[_Step]:
    through = pl.col(_THROUGH)
    if spec is CHILDREN:
        yield _Step(
            "birth month after data_through",
            "birth_month",
            _or_missing(pl.col("birth_month") <= through),
        )
    start = _term_start() if spec is ATTENDANCE else pl.col(spec.starts) if spec.starts else None
    if start is not None and spec.scope == "la":
        name = spec.starts or "academic_year"
        if spec.ends:
            yield _Step("end before start", spec.ends, _or_missing(pl.col(spec.ends) >= start))
        yield _Step("start before 1990", name, _or_missing(start >= EARLIEST_START))
        yield _Step("start after data_through", name, _or_missing(start <= through))
    for part, whole in spec.parts:
        passes = _or_missing(pl.col(part) <= pl.col(whole))
        yield _Step(part_rule(part, whole), part, passes)
    if spec is IPE_FGC:
        told = pl.col("level").is_not_null() | (pl.col("characteristic") == "ALL")
        yield _Step("level missing", "level", _or_missing(told))
    if spec.key:
        whole_key = pl.all_horizontal(
            pl.col(name).is_not_null() for name in spec.key if not spec.column(name).may_be_empty
        )
        alone = ~pl.struct(spec.key).is_duplicated()
        yield _Step("duplicate key", spec.key[-1], alone | ~whole_key)


def _indicator_steps() -> Iterator[_Step]:
    indicator, count, out_of = (pl.col(name) for name in ("indicator", "numerator", "denominator"))

    def of(names: Iterable[str]) -> pl.Expr:
        return indicator.is_in([name.upper() for name in sorted(names)]).fill_null(value=False)

    for name, value in (("numerator", count), ("denominator", out_of)):
        whole = _or_missing(value == value.floor())
        yield _Step("not a whole number", name, whole | ~of(codes.PEOPLE_INDICATORS))
    sent = pl.col("denominator" + _TEXT).is_not_null()
    yield _Step("denominator missing", "denominator", sent | ~of(codes.SHARE_INDICATORS))
    yield _Step("denominator zero", "denominator", _or_missing(out_of != 0))
    part = _or_missing(count <= out_of) | of(codes.MEAN_INDICATORS)
    yield _Step(part_rule("numerator", "denominator"), "numerator", part)


def _or_missing(passes: pl.Expr) -> pl.Expr:
    return passes.fill_null(value=True)


def _is_academic_year(text: pl.Expr) -> pl.Expr:
    first = text.str.extract(r"^([0-9]{4})/[0-9]{2}$").cast(pl.Int64, strict=False)
    second = text.str.extract(r"^[0-9]{4}/([0-9]{2})$").cast(pl.Int64, strict=False)
    return ((first + 1) % 100 == second).fill_null(value=False)


def _term_start() -> pl.Expr:
    year = pl.when(_is_academic_year(pl.col("academic_year"))).then(
        pl.col("academic_year").str.slice(0, 4).cast(pl.Int32, strict=False)
    )
    start = pl.lit(None, dtype=pl.Date)
    for term, (month, day) in protocol.TERM_STARTS.items():
        following = int(month < protocol.TERM_STARTS["autumn"][0])
        start = (
            pl.when(pl.col("term") == term.upper())
            .then(pl.date(year + following, month, day))
            .otherwise(start)
        )
    return start
