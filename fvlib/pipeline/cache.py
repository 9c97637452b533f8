"""What one row of the plan gave, kept in the data folder, so that one change refits one row.

`data/<refresh>/.cache/` is its owner's alone and gone with `fv purge`. It holds aggregates before
the gate, never a child's row. A result is found again only when the data, the params, the code that
could change it and the plan's row itself are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fvlib.analysis.analyse import Result
from fvlib.analysis.plan import Analysis
from fvlib.pipeline.freshness import CACHE, Fingerprint, write_cache_file

RESULTS: Final = "results"


class ResultCache:
    """The kept results of one refresh."""

    def __init__(self, data: Path, now: Fingerprint) -> None:
        self.folder = data / CACHE / RESULTS
        self.now = now

    def get(self, analysis: Analysis) -> Result | None:
        """Find a row's result; None when it was never computed for this input and code."""
        try:
            content = json.loads(self._path(analysis).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return Result(
            analysis=content["analysis"],
            rows=tuple(content["rows"]),
            intercepts=tuple(tuple(entry) for entry in content["intercepts"]),
            tables={name: pd.DataFrame(table) for name, table in content["tables"].items()},
            seconds=content["seconds"],
        )

    def put(self, analysis: Analysis, result: Result) -> None:
        """Keep a row's result."""
        content = {
            "analysis": result.analysis,
            "rows": result.rows,
            "intercepts": result.intercepts,
            "tables": {name: table.to_dict("list") for name, table in result.tables.items()},
            "seconds": result.seconds,
        }
        write_cache_file(self._path(analysis), json.dumps(content))

    def sweep(self, plan: tuple[Analysis, ...]) -> None:
        """Delete what no row of the plan will ask for again."""
        wanted = {self._path(row) for row in plan}
        for path in self.folder.glob("*"):
            if path not in wanted:
                path.unlink(missing_ok=True)

    def _path(self, analysis: Analysis) -> Path:
        told = json.dumps(
            [self.now.params, self.now.engine, dict(self.now.data), describe_row(analysis)],
            sort_keys=True,
        )
        return self.folder / f"{hashlib.sha256(told.encode()).hexdigest()}.json"


def describe_row(value: Any) -> Any:
    """Describe a plan's row in words that are the same in every process.

    Functions are named by where they stand; what they do is in the code's hash.
    """
    if is_dataclass(value) and not isinstance(value, type):
        entries = {entry.name: describe_row(getattr(value, entry.name)) for entry in fields(value)}
        return {type(value).__qualname__: entries}
    if isinstance(value, partial):
        return [
            "partial",
            describe_row(value.func),
            describe_row(value.args),
            describe_row(value.keywords),
        ]
    if isinstance(value, Mapping):
        return {str(key): describe_row(entry) for key, entry in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [describe_row(entry) for entry in value]
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return value
