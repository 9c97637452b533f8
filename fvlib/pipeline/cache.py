"""What one row of the plan gave, kept in the data folder, so that one change refits one row.

`data/<refresh>/.cache/` is its owner's alone and gone with `fv purge`. It holds aggregates before
the gate, never a child's row, imputed or not. Beside each result stands what it follows from: data
files, the keys of params that its code reads, the code that it reaches (`reach`), its row of the
plan. It is found again only when these are the same; else `why` says what isn't.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import pandas as pd

from fvlib.analysis.analyse import Result, analyse_each
from fvlib.analysis.imputations import draw_together
from fvlib.analysis.plan import COHORTS, IMPUTATIONS, WITH_TREATMENT, Analysis, is_imputed
from fvlib.errors import debugging
from fvlib.intake import load_extracts
from fvlib.pipeline.freshness import (
    CACHE,
    Fingerprint,
    changed_parts,
    read_cache_file,
    read_manifest,
    write_cache_file,
)
from fvlib.pipeline.reach import Code, Definition, hash_modules
from fvlib.refresh import Refresh
from fvlib.tables.imputation import describe_imputations
from fvlib.trial import build_trial

RESULTS: Final = "results"
IMPUTED: Final = "imputed"  # no row of the plan: what the imputations are judged by
BESIDE_THE_TRIAL: Final = "ipe_"  # how files begin that no analysis reads
_SHOWN: Final = 3
# Of params: where things stand (their hashes are there), and what is printed and moves nothing.
_PLACES: Final = frozenset({"refresh", "data", "data_outside"})
_PRINTED: Final = "reason"
_DATES: Final = "implementation"


class ResultCache:
    """The kept results of one refresh."""

    def __init__(self, refresh: Refresh, root: Path, now: Fingerprint) -> None:
        self.folder = root / refresh.data / CACHE / RESULTS
        self._results = root / "results" / refresh.refresh
        self._refresh = refresh
        self._data = {
            name: known
            for name, known in now.data.items()
            if not Path(name).name.startswith(BESIDE_THE_TRIAL)
        }
        self._read: dict[str, dict[str, Any]] = {}
        self._followed: dict[str, dict[str, Any]] = {}

    def get(self, analysis: Analysis) -> Result | None:
        """Find a row's result; None when it was never computed for this input and code."""
        content = None if self.why(analysis) else self._kept(analysis.id)["result"]
        return content and Result(
            analysis=content["analysis"],
            rows=tuple(content["rows"]),
            intercepts=tuple(tuple(entry) for entry in content["intercepts"]),
            tables=_frames(content["tables"]),
            seconds=content["seconds"],
            trace=content["trace"],
        )

    def put(self, analysis: Analysis, result: Result) -> None:
        """Keep a row's result."""
        content = {
            "analysis": result.analysis,
            "rows": result.rows,
            "intercepts": result.intercepts,
            "tables": {name: table.to_dict("list") for name, table in result.tables.items()},
            "seconds": result.seconds,
            "trace": result.trace,
        }
        self._keep(analysis.id, self._follows(analysis), content)

    def get_imputed(self) -> dict[str, pd.DataFrame] | None:
        """Find the tables of `describe_imputations`; None when the imputations must be drawn."""
        if self._changes(IMPUTED, self._imputed_follow):
            return None
        return _frames(self._kept(IMPUTED)["result"])

    def put_imputed(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Keep what the imputations are judged by; the imputations themselves are never kept."""
        content = {name: table.to_dict("list") for name, table in tables.items()}
        self._keep(IMPUTED, self._imputed_follow, content)

    def why(self, analysis: Analysis) -> list[str]:
        """Say why a row must be fitted: what changed since it was; empty when it is fresh."""
        told = self._changes(analysis.id, self._follows(analysis))
        broke = debugging() and not told and self._kept(analysis.id)["result"]["trace"]
        return ["it broke"] if broke else told

    def sweep(self, plan: Sequence[Analysis]) -> None:
        """Delete what no row of the plan will ask for again."""
        wanted = {self._path(name) for name in (*(row.id for row in plan), IMPUTED)}
        for path in self.folder.glob("*"):
            if path not in wanted:
                path.unlink(missing_ok=True)

    def _changes(self, name: str, now: Mapping[str, Any]) -> list[str]:
        kept = self._kept(name)
        if not kept:
            return ["new row of the plan" if self._is_new(name) else "no kept fit"]
        then = kept["follows"]
        told = ["its row of the plan"] if then["row"] != now["row"] else []
        for what in ("data", "params"):
            if parts := changed_parts(then[what], now[what]):
                told.append(f"{what}: {_few(parts)}")
        rooms: dict[str, list[str]] = {}
        for module in changed_parts(then["code"], now["code"]):
            room, _, within = module.partition(".")
            rooms.setdefault(room, []).append(within)
        return told + [
            f"code: {room}" + (f" ({_few(within)})" if any(within) else "")
            for room, within in rooms.items()
        ]

    def _is_new(self, name: str) -> bool:
        manifest = read_manifest(self._results)
        return manifest is not None and manifest["whole"] and name not in manifest["analyses"]

    def _follows(self, analysis: Analysis) -> dict[str, Any]:
        """Say what a row's result follows from; the row's words move no number."""
        if analysis.id not in self._followed:
            imputing = IMPUTATIONS[analysis.imputed] if is_imputed(analysis) else None
            what = [replace(analysis, section="", changes=""), COHORTS[analysis.cohort], imputing]
            drawn = [] if imputing is None else [draw_together]
            self._followed[analysis.id] = self._what_follows(what, analyse_each, *drawn)
        return self._followed[analysis.id]

    @cached_property
    def _imputed_follow(self) -> dict[str, Any]:
        how = IMPUTATIONS[WITH_TREATMENT]
        return self._what_follows([how], draw_together, describe_imputations)

    def _what_follows(self, what: Any, *makers: Callable[..., Any]) -> dict[str, Any]:
        told = json.dumps(describe_row([what, *makers, load_extracts, build_trial]))
        reached = self._code.reach(re.findall(r"fvlib[\w.]+", told))
        return {
            "row": json.loads(told),
            "data": self._data,
            "params": dict(_read_params(self._refresh, reached)),
            "code": hash_modules(reached),
        }

    @cached_property
    def _code(self) -> Code:
        return Code()

    def _kept(self, name: str) -> dict[str, Any]:
        if name not in self._read:
            content = read_cache_file(self._path(name))
            self._read[name] = content if {"follows", "result"} <= set(content) else {}
        return self._read[name]

    def _keep(self, name: str, follows: Mapping[str, Any], result: Any) -> None:
        content = json.dumps({"follows": follows, "result": result})
        write_cache_file(self._path(name), content)
        self._read[name] = json.loads(content)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def describe_row(value: Any) -> Any:
    """Describe a plan's row in words that are the same in every process.

    Functions and classes are named by where they stand; what they do is in the code's hashes.
    """
    if is_dataclass(value) and not isinstance(value, type):
        entries = {entry.name: describe_row(getattr(value, entry.name)) for entry in fields(value)}
        return {_place(type(value)): entries}
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
    return _place(value) if callable(value) else value


def _place(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _read_params(refresh: Refresh, reached: frozenset[Definition]) -> Iterator[tuple[str, Any]]:
    """Find the keys of params that this code could read, each with its value.

    A key counts as read where its name stands, as an attribute or a string, in the code that is
    reached, or in a property of `Refresh` whose name stands there.
    """
    ours = Refresh.__module__
    words = {word for one in reached if one.module != ours for word in one.words}
    members = {name: getattr(member, "fget", member) for name, member in vars(Refresh).items()}
    todo = list(words)
    while todo:
        member = members.get(todo.pop())
        further = set(member.__code__.co_names) if isinstance(member, FunctionType) else set()
        todo += further - words
        words |= further
    for path, value in _leaves((), refresh.model_dump(mode="json")):
        first, last = path[0], path[-1]
        moves = first in words and first not in _PLACES and last != _PRINTED
        if moves and (first != _DATES or last in words):
            yield ".".join(path), value


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _leaves((*path, str(name)), entry)
    elif value is not None:
        yield path, value


def _frames(tables: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame(table) for name, table in tables.items()}


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
