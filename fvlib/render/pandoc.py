"""Runs pandoc, and turns what it complains of into a refusal."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pypandoc

from fvlib.errors import Refusal

# Table attributes, `--syntax-highlighting`, and the Lua functions that the filter calls.
LEAST_VERSION: Final = (3, 8)
REFUSED: Final = "REFUSED "  # how the Lua filter begins each fault it tells


@cache
def pandoc_path() -> str:
    """Find pandoc: the newest of those that pypandoc knows, its own first of all.

    Called before any thread starts: pypandoc's search is not safe in two at once.

    Raises
    ------
    Refusal
        There is none, or it is too old.
    """
    try:
        path = str(pypandoc.get_pandoc_path())
        version = str(pypandoc.get_pandoc_version())
    except OSError:
        path, version = "", "0"
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise Refusal(
            f"pandoc {least} or later is needed, found {version if path else 'none'}: "
            "`pip install --upgrade pypandoc-binary` brings one"
        )
    return path


def pandoc(arguments: Sequence[str], text: str, what: str, cwd: Path | None = None) -> str:
    """Give what pandoc writes for `text`.

    Parameters
    ----------
    what
        What is read, for messages.

    Raises
    ------
    Refusal
        The filter refused something, a citation has no entry, or pandoc failed.
    """
    process = subprocess.run(
        [pandoc_path(), *arguments],
        input=text.encode("utf-8"),
        capture_output=True,
        check=False,
        cwd=cwd,
    )
    messages = process.stderr.decode("utf-8", "replace").strip()
    lines = messages.splitlines()
    refused = [line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)]
    if refused:
        raise Refusal("\n".join(dict.fromkeys(refused)))
    if process.returncode != 0:
        raise Refusal(f"pandoc could not read {what}: {messages}")
    unresolved = re.findall(r"Citeproc: citation (\S+) not found", messages)
    if unresolved:
        raise Refusal(f"no entry in the bibliography for {', '.join(unresolved)}")
    return process.stdout.decode("utf-8").replace("\r\n", "\n")
