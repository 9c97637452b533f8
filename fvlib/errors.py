"""What is wrong and what to do; and of what nobody expected, where it arose, without a value."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Final

DEBUG: Final = "FVLIB_DEBUG"  # `--debug`, as the workers of a run know it too
_PARTS: Final = 3  # of a file's path that say which it is


class Refusal(ValueError):  # noqa: N818  (it is what the contract calls it)
    """Bad input, told to a person.

    Its text is the whole message: what is wrong, where, what was expected, what to do. It never
    holds a child's value. The command line prints it on stderr and exits with status 2.
    """

    def _render_traceback_(self) -> list[str]:
        """In a notebook the message stands alone: Quarto prints what the kernel prints."""
        return [f"Refused: {self}"]


def debugging() -> bool:
    """Whether an error shall be raised, with its message and all, instead of being told."""
    return bool(os.environ.get(DEBUG))


def trace_of(error: BaseException) -> str:
    """Tell an error's type and frames, and those of what caused it.

    Its message is told only where it is ours: a library's may quote a child's value.
    """
    lines = [type(error).__name__ + (f": {error}" if isinstance(error, Refusal) else "")]
    lines += [
        f"  {'/'.join(Path(frame.filename).parts[-_PARTS:])}, line {frame.lineno}, in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines) + (f"\nfrom {trace_of(before)}" if before is not None else "")
