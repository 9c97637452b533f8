"""How far a run is: a bar on a terminal, elsewhere a line a stage and every tenth fit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

EVERY: Final = 10


@contextmanager
def show_stage(name: str) -> Iterator[None]:
    """Name a stage while it runs."""
    with _log() as stream:
        console = Console(file=stream)
        if console.is_terminal:
            with console.status(name):
                yield
        else:
            print(name, file=stream, flush=True)
            yield


@contextmanager
def timed(stage: str, record: Callable[[str, float], object]) -> Iterator[None]:
    """Tell `record` the stage and how many seconds the block took, unless it fails."""
    start = time.perf_counter()
    yield
    record(stage, time.perf_counter() - start)


@contextmanager
def show_count(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Count what is done of a total; call what this gives with the name of each."""
    with _log() as stream:
        console = Console(file=stream)
        if not console.is_terminal:
            yield _count_lines(what, total, stream)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda name: bar.update(task, advance=1, description=name)


def _count_lines(what: str, total: int, stream: TextIO) -> Callable[[str], None]:
    done = 0

    def count(name: str) -> None:
        nonlocal done
        done += 1
        if done % EVERY == 0 or done == total:
            print(f"{what}: {done} of {total}", file=stream, flush=True)

    return count


@contextmanager
def _log() -> Iterator[TextIO]:
    """Give stderr; in a kernel the process's own, which a render shows, and no cell's output."""
    own = getattr(sys.stderr, "_original_stdstream_copy", None)  # ipykernel's name for it
    if own is None:
        yield sys.stderr
        return
    with os.fdopen(os.dup(own), "w", encoding="utf-8") as stream:
        yield stream
