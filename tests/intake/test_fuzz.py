"""A good refresh broken in seeded ways: refused or counted, never a traceback, never in silence.

The twin that judges the outcome reads the broken file with the csv module, row by row, and asks:
is every row of the file accounted for, and does every row that was kept say what the file says?
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fvlib.contract import FILES, Column, FileSpec
from fvlib.errors import Refusal
from fvlib.intake import Extracts
from tests.intake.test_load import conserved
from tests.support.mutations import MUTATIONS
from tests.support.sent_files import LABELS, NAME, THROUGH, Sender, good_files

FAST, ALL = 9, 300


def test_some_mutations(tmp_path: Path) -> None:
    """A third of the kinds of mutation; all of them, ten times, in the slow set."""
    fuzz(tmp_path, FAST, seed=7)


@pytest.mark.slow
def test_all_mutations(tmp_path: Path) -> None:
    tally = fuzz(tmp_path, ALL, seed=20191001)
    print(f"\n{tally.to_string()}\n{tally.sum().to_string()}")
    assert tally.to_numpy().sum() == ALL
    assert tally["refused"].sum() > ALL / 5  # the mutations do bite,
    assert tally["set aside"].sum() > ALL / 5  # in both ways


def fuzz(folder: Path, n: int, seed: int) -> pd.DataFrame:
    """Break the good refresh `n` times; return outcomes by kind of mutation."""
    good = Sender(folder / "good", dict(good_files())).load()
    outcomes: list[tuple[str, str]] = []
    kinds = list(MUTATIONS)
    for at in range(n):
        rng = np.random.default_rng([seed, at])
        kind = kinds[at % len(kinds)]
        sender = Sender(folder / f"{at}", dict(good_files()))
        path = sorted(sender.files)[int(rng.integers(len(sender.files)))]
        MUTATIONS[kind](rng, sender, path)
        try:
            outcome = judge(sender, path, good)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, number {at}: {kind} in {path}") from error
        outcomes.append((kind, outcome))
    frame = pd.DataFrame(outcomes, columns=["mutation", "outcome"])
    return pd.crosstab(frame["mutation"], frame["outcome"])


def judge(sender: Sender, path: str, good: Extracts) -> str:
    try:
        extracts = sender.load()
    except Refusal as refusal:
        told = str(refusal)
        assert path.rsplit("/", maxsplit=1)[-1].removesuffix(".csv") in told, told
        assert told.startswith(f"data/{NAME}: refused")
        assert len(told) < 3000
        assert "Jane Smith" not in told
        assert "CV1 2AB" not in told
        return "refused"
    assert conserved(extracts)
    if path not in sender.files:  # an optional file was lost or renamed
        assert not FILES[path.removesuffix(".csv")].required
        return "optional file absent"
    spec = FILES[path.rsplit("/", maxsplit=1)[-1].removesuffix(".csv")]
    la = path.split("/", maxsplit=1)[0] if "/" in path else None
    rows = rows_of(sender, path)
    assert len(rows) == rows_read(extracts, spec, la)
    in_file = Counter(as_told(spec, row) for row in rows)
    kept = Counter(as_loaded(spec, extracts, la))
    assert kept <= in_file, kept - in_file  # nothing says what its row doesn't
    untouched(extracts, good, spec, la)
    written_are_the_files_rows(sender, spec, la, rows, extracts)
    if len(extracts.set_aside):
        return "set aside"
    if len(extracts.resolved):
        return "resolved"
    if kept == Counter(as_loaded(spec, good, la)):
        return "no change"
    # Values changed for other good ones, or rows were lost: nothing in the file can tell, but
    # every row that is left was kept, and `arrivals` counts them.
    assert sum(kept.values()) == len(rows)
    return "another good file"


def rows_of(sender: Sender, path: str) -> list[dict[str, str]]:
    content = sender.files[path]
    text = content if isinstance(content, str) else content.decode("utf-8")
    limit = csv.field_size_limit(10_000_000)
    try:
        return _rows_of(text)
    finally:
        csv.field_size_limit(limit)


def _rows_of(text: str) -> list[dict[str, str]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    header = [name.strip().casefold() for name in next(reader)]
    lines = [line for line in reader if line not in ([], [""]) or len(header) == 1]
    filled = [line for line in lines if not (len(line) == 1 and not line[0].strip())]
    return [
        dict(zip(header, map(tidy, line), strict=True)) for line in filled if any(map(tidy, line))
    ]


def tidy(value: str) -> str:
    return value.strip()


def rows_read(extracts: Extracts, spec: FileSpec, la: str | None) -> int:
    """Rows that the loader saw; the twin doesn't count blank ones."""
    of_file = extracts.arrivals[extracts.arrivals["file"] == spec.name]
    blank = extracts.resolved.query(f"file == '{spec.name}' and rule == 'blank row'")
    if la is not None:
        of_file, blank = of_file[of_file["la"] == la], blank[blank["la"] == la]
    return int(of_file["rows_read"].sum()) - int(blank["rows"].sum())


def as_told(spec: FileSpec, row: dict[str, str]) -> tuple[str, ...]:
    """A row of the file in plain words; what can't be read stays as it is."""
    return tuple(
        value_told(spec, column, row.get(column.name.casefold(), "")) for column in compared(spec)
    )


def compared(spec: FileSpec) -> list[Column]:
    passed_over = ("disability", "unknown_after")  # the loader makes something else of them
    return [column for column in spec.columns if column.checked and column.name not in passed_over]


def value_told(spec: FileSpec, column: Column, text: str) -> str:
    if column.kind == "label" and column.codes is not None:
        listed = {*column.codes.spellings, *(label.casefold() for label in LABELS[column.name])}
        known = not text or text.casefold() in listed
        return column.codes.spellings.get(text.casefold(), text) if known else "other"
    if column.codes is not None:
        return column.codes.spellings.get(text.casefold(), text)
    if column.kind == "date":
        for form in ("%Y-%m-%d", "%d/%m/%Y"):
            try:
                day = datetime.strptime(text, form).date()
            except ValueError:
                continue
            late = column.name == spec.ends and day > THROUGH
            return "" if late else day.isoformat()
        return text
    if column.kind in ("count", "number"):
        try:
            return str(float(text))
        except ValueError:
            return text
    return text


def as_loaded(spec: FileSpec, extracts: Extracts, la: str | None) -> list[tuple[str, ...]]:
    """The rows kept, in the same plain words."""
    frame: pd.DataFrame = getattr(extracts, spec.name)
    if la is not None:
        frame = frame[frame["la"] == la]
    if spec.child and "child" in frame:
        frame = frame.assign(
            **{spec.child: extracts.children["child_id"].loc[frame["child"]].array}
        )
    columns = []
    for column in compared(spec):
        values = frame[column.name]
        if column.kind == "date":
            text = values.dt.strftime("%Y-%m-%d")
        elif column.kind == "month":
            text = values.dt.strftime("%Y-%m")
        elif column.kind == "flag":
            text = values.astype("boolean").map({True: "1", False: "0"})
        elif column.kind == "academic year":
            text = values.map(lambda year: f"{year}/{(year + 1) % 100:02d}")
        elif column.kind in ("count", "number"):
            text = values.astype("Float64").map(str, na_action="ignore")
        else:
            text = values.astype("object")
        columns.append(["" if pd.isna(value) else str(value) for value in text])
    return list(zip(*columns, strict=True))


def untouched(extracts: Extracts, good: Extracts, spec: FileSpec, la: str | None) -> None:
    """Other files' rows are as before, but for those of children set aside."""
    for other in FILES.values():
        if other.name in (spec.name, "withdrawals"):
            continue
        was, now = (Counter(as_loaded(other, each, None)) for each in (good, extracts))
        assert now <= was
        lost = sum((was - now).values())
        aside = extracts.set_aside.query(
            f"file == '{other.name}' and rule in ['child set aside', 'orphan child_id']"
        )
        assert lost == aside["rows"].sum(), other.name
        assert set(aside["la"]) <= {la}


def written_are_the_files_rows(
    sender: Sender, spec: FileSpec, la: str | None, rows: list[dict[str, str]], extracts: Extracts
) -> None:
    """Rows set aside are written whole, as many as are counted, each in its place."""
    aside = extracts.set_aside[extracts.set_aside["file"] == spec.name]
    written = 0
    for to in sender.folder.glob(f"set-aside/*/{spec.name}.csv"):
        with to.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                written += 1
                key = spec.columns[0].name
                came = next(
                    value for name, value in row.items() if name.casefold() == key.casefold()
                )
                cell = came.removeprefix("'")[:200].strip()
                assert (
                    any(cell == r[key.casefold()][:200].strip() for r in rows) or not cell.isascii()
                )
    assert written == aside["rows"].sum()
