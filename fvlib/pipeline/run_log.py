"""What a run did: which analyses it fitted and why, and which broke, and where.

It is its owner's alone, holds no value of a child, and is written anew by each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from fvlib.errors import trace_of
from fvlib.owner_only import write_for_owner

RUN_LOG: Final = "run.log"


@dataclass(slots=True)
class RunLog:
    """The log of one run.

    Attributes
    ----------
    path
        Its file; None keeps the log in memory alone.
    fitted
        Why, by analysis that was fitted.
    broken
        The traceback (`errors.trace_of`), by analysis that broke, kept results included.
    """

    path: Path | None = None
    fitted: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    _text: str = ""

    @contextmanager
    def kept(self) -> Iterator[RunLog]:
        """Begin the file anew, and end it with how the run ended."""
        self._tell(f"begun {datetime.now():%Y-%m-%d %H:%M:%S}")
        try:
            yield self
        except BaseException as error:
            self._tell(f"stopped by {trace_of(error)}")
            raise
        self._tell("done")

    def tell_fits(self, why: Mapping[str, str]) -> None:
        """Say what is fitted, and why."""
        self.fitted = dict(why)
        self._tell(
            *([f"fitted, {name}: {told}" for name, told in why.items()] or ["nothing fitted"])
        )

    def tell_broken(self, traces: Mapping[str, str]) -> None:
        """Say what broke, and where."""
        self.broken = dict(traces)
        self._tell(*(f"broke, {name}: {trace}" for name, trace in traces.items()))

    def _tell(self, *lines: str) -> None:
        self._text += "".join(f"{line}\n" for line in lines)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_for_owner(self.path, self._text)
