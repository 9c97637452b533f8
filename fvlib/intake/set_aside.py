"""Rows set aside, written per LA and file for the authority to correct and send again.

`data/<refresh>/set-aside/<la>/<file>.csv` holds the rule, the column at fault, the row's number in
the source file, what to correct, and the row as it came. The whole folder is replaced on each run,
so a row that was corrected doesn't linger. These are children's rows: only the owner may read them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from fvlib.contract import RULES, Rule
from fvlib.contract.files import SET_ASIDE_FOLDER
from fvlib.errors import Refusal
from fvlib.intake.screening import LAS, Screened
from fvlib.intake.source import BOM
from fvlib.owner_only import close_folder

# A spreadsheet runs a cell that begins so as a formula.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = "^[=+@\t\r\n-]"
_CONTROL: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_LONGEST_CELL: Final = 32_000  # a spreadsheet's cell holds 32,767 characters
_README: Final = "README.txt"
_ABANDONED_SECONDS: Final = 3600
_EXPLANATION: Final = """\
Rows that were set aside: none of them is in the analysis. Each was left as it came.

One file here for each file of the contract that has such rows. The first four columns are ours:
  rule        the rule that the row breaks (the first, where it breaks several)
  column      the column in which the fault shows
  source_row  the row's number in the file that was sent, the header being row 1
              (in a Parquet file the first row is 1)
  to_correct  what was found, and what to do about it
The others are the row's own. Take the row as it is, correct it in your system, send the whole file
again; the next run leaves out of this folder whatever is right by then.

A cell that begins with = + - @ or a tab has an apostrophe before it, so that no spreadsheet runs
it as a formula. The apostrophe is not part of the value. Cells of more than 32,000 characters are
cut. The files are UTF-8 with a byte-order mark, which spreadsheets need to show letters rightly.

These are children's data: send them by the agreed way only, and delete them when done.

Rules that these rows break:
"""


def write_set_aside(files: Iterable[Screened], folder: Path) -> None:
    """Write the rows set aside, in place of what an earlier run wrote.

    Parameters
    ----------
    files
        The judged files.
    folder
        The refresh's data folder.

    Raises
    ------
    Refusal
        The folder can't be written, or one of the old files is open in another program.
    """
    tables = [
        (LAS[la], screened.spec.name, _table(screened, la))
        for screened in files
        for la in np.unique(screened.la[screened.rule > 0])
    ]
    target = folder / SET_ASIDE_FOLDER
    if not tables and not target.exists():
        return
    try:
        _replace(target, tables)
    except OSError as error:
        raise Refusal(
            f"{folder.name}/{SET_ASIDE_FOLDER}: can't be written ({error.strerror}); close its "
            "files in other programs, and check that the folder may be written"
        ) from error


def _replace(target: Path, tables: list[tuple[str, str, pa.Table]]) -> None:
    """Write beside the old folder, then put the new one in its place: old or new, never half."""
    for left in target.parent.glob(f".{SET_ASIDE_FOLDER}-*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{SET_ASIDE_FOLDER}-", dir=target.parent))  # mode 0700
    try:
        for la, file, table in tables:
            (fresh / "new" / la).mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(fresh / "new" / la / f"{file}.csv", table)
        for la, met in _rules_by_la(tables).items():  # each folder goes out by itself
            _create(fresh / "new" / la / _README, _explained(met).encode("utf-8"))
        if target.exists():
            target.rename(fresh / "old")
        if tables:
            close_folder(fresh / "new")
            (fresh / "new").rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _rules_by_la(tables: list[tuple[str, str, pa.Table]]) -> dict[str, set[str]]:
    met: dict[str, set[str]] = {}
    for la, _, table in tables:
        met.setdefault(la, set()).update(pc.unique(table["rule"]).to_pylist())
    return met


def _explained(met: set[str]) -> str:
    rules = [rule for rule in RULES.values() if rule.id in met]
    return _EXPLANATION + "".join(
        f"  {rule.id}\n    what holds: {rule.checks}\n    why: {rule.why}\n"
        f"    what to do: {rule.remedy}\n"
        for rule in rules
    )


def _to_correct(rule: Rule) -> str:
    return f"{rule.label}: {rule.remedy}"


def _write(path: Path, table: pa.Table) -> None:
    buffer = pa.BufferOutputStream()
    pa_csv.write_csv(table, buffer)
    _create(path, BOM + buffer.getvalue().to_pybytes())


def _create(path: Path, content: bytes) -> None:
    """Create a file that only its owner may read (as far as the file system knows owners)."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)


def _table(screened: Screened, la: int) -> pa.Table:
    rows = np.flatnonzero((screened.rule > 0) & (screened.la == la))
    raw = screened.raw
    rules = screened.rule_names[rows]
    ours = {
        "rule": pa.array(rules, pa.string()),
        "column": pa.array(screened.column_names[rows], pa.string()),
        "source_row": pa.array(raw.row_numbers[rows]).cast(pa.string()),
        "to_correct": pa.array([_to_correct(RULES[rule]) for rule in rules], pa.string()),
    }
    came = raw.table.take(pa.array(rows))
    names = [_safe(pa.array([name]))[0].as_py() for name in raw.header.names]
    columns = [*ours.values(), *(_safe(column.combine_chunks()) for column in came.columns)]
    return pa.table(columns, names=[*ours, *names])


def _safe(cells: pa.StringArray) -> pa.StringArray:
    cells = pc.replace_substring_regex(cells, _CONTROL, "\N{REPLACEMENT CHARACTER}")
    cells = pc.utf8_slice_codeunits(cells, 0, _LONGEST_CELL)
    formula = pc.match_substring_regex(cells, _FORMULA)
    return pc.if_else(formula, pc.binary_join_element_wise("'", cells, ""), cells)
