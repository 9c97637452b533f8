"""The data contract once more, row by row, in plain Python: which rows of an authority are kept.

Nothing here is shared with the loader but the declaration of each file's columns and codes.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from fvlib.contract import FILES

FAULT = "fault"
TERMS = {"autumn": (9, 0), "spring": (1, 1), "summer": (4, 1)}
LA_FILES = ("children", "referrals", "plans", "care_episodes", "attendance")


def read_date(text: str) -> Any:
    iso, slashed = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text), text.split("/")
    try:
        if iso:
            return date(*map(int, iso.groups()))
        day, month, year = slashed
        return date(int(year), int(month), int(day))
    except ValueError:
        return FAULT


def read_month(text: str) -> Any:
    return read_date(f"{text}-01") if re.fullmatch(r"\d{4}-\d\d", text) else FAULT


def read_year(text: str) -> Any:
    found = re.fullmatch(r"(\d{4})/(\d\d)", text)
    good = found and (int(found[1]) + 1) % 100 == int(found[2])
    return int(found[1]) if found and good else FAULT


def read_number(most: float) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        whole = re.fullmatch(r"(\d+)(\.0+)?", text)
        return int(whole[1]) if whole and int(whole[1]) <= most else FAULT

    return read


def read_code(column: Any) -> Callable[[str], Any]:
    known = {s.upper(): v for s, v in column.codes.spellings.items()}

    def read(text: str) -> Any:
        return known.get(re.sub(r"^(\d+)\.0+$", r"\1", text).upper(), FAULT)

    def read_list(text: str) -> Any:
        codes = {known.get(part.strip().upper(), FAULT) for part in text.split(";") if part.strip()}
        lone = "NONE" in codes and len(codes) > 1
        return FAULT if not codes or FAULT in codes or lone else frozenset(codes)

    return read_list if column.kind == "code list" else read


def reader(column: Any) -> Callable[[str], Any]:
    if not column.checked:
        return str.casefold
    if column.kind in ("code", "code list"):
        return read_code(column)
    plain: dict[str, Callable[[str], Any]] = {
        "identifier": str,
        "date": read_date,
        "month": read_month,
        "academic year": read_year,
        "flag": lambda text: {"0": 0, "1": 1, "0.0": 0, "1.0": 1}.get(text, FAULT),
    }
    return plain.get(column.kind) or read_number(column.maximum)


def rows_of(path: Path, spec: Any) -> Iterable[tuple[int, dict[str, Any]]]:
    """Each row's number and values; None where empty, (FAULT, text) where it can't be read."""
    readers = {column.name: reader(column) for column in spec.columns}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header, *lines = csv.reader(stream)
    for number, line in enumerate(lines, start=2):
        cells = dict(zip(header, (cell.strip() for cell in line), strict=False))
        if any(cells.values()):
            values = {name: (cells.get(name, ""), read) for name, read in readers.items()}
            yield number, {name: read_cell(text, read) for name, (text, read) in values.items()}


def read_cell(text: str, read: Callable[[str], Any]) -> Any:
    nothing = not text or text.upper() in ("NULL", "N/A", "NA", "NAN", "#N/A")
    value = None if nothing else read(text)
    return (FAULT, text) if value == FAULT else value


def starts(name: str, row: dict[str, Any]) -> date | None:
    spec = FILES[name]
    if name == "attendance":
        month, years_on = TERMS[row["term"]]
        return date(row["academic_year"] + years_on, month, 1)
    return row[spec.starts] if spec.starts else None


def is_good(name: str, row: dict[str, Any], through: date) -> bool:
    """Whether a row by itself is possible."""
    spec = FILES[name]
    if any(isinstance(value, tuple) for value in row.values()):
        return False
    if any(row[column.name] is None for column in spec.columns if not column.may_be_empty):
        return False
    if name == "children" and row["birth_month"] and row["birth_month"] > through:
        return False
    start = starts(name, row)
    if start and not date(1990, 1, 1) <= start <= through:
        return False
    if spec.ends and row[spec.ends] and row[spec.ends] < start:
        return False
    return not any(
        row[part] is not None and row[whole] is not None and row[part] > row[whole]
        for part, whole in spec.parts
    )


def kept_rows(folder: Path, through: date, withdrawn: set[str]) -> dict[str, list[int]]:
    """The numbers of the rows of one authority's files that are kept."""
    kept: dict[str, list[int]] = {}
    children: set[str] = set()
    for name in LA_FILES:
        spec = FILES[name]
        distinct: dict[Any, tuple[int, dict[str, Any]]] = {}
        for number, row in rows_of(folder / f"{name}.csv", spec):
            if row[spec.child] not in withdrawn:
                keyed = all(row[column] is not None for column in spec.key)
                distinct.setdefault(tuple(row.values()) if keyed else number, (number, row))
        keys = Counter(tuple(row[c] for c in spec.key) for _, row in distinct.values())
        at_once = Counter(
            (row["CHILD"], row["DECOM"])
            for _, row in distinct.values()
            if name == "care_episodes" and row["DEC"] == row["DECOM"]
        )
        good = []
        for number, row in distinct.values():
            key = tuple(row[column] for column in spec.key)
            # Two of one day are no duplicates where one ends on it and the other goes on.
            alone = keys[key] == 1 or (keys[key] == 2 and at_once[key] == 1)
            known = name == "children" or row[spec.child] in children
            if is_good(name, row, through) and alone and known:
                good.append((number, row))
        if name == "children":
            children = {row["child_id"] for _, row in good}
        kept[name] = sorted(number for number, _ in good)
    return kept
