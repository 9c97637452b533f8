"""Writing in one move: an interrupted run leaves the old file or the new one, never half."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

TIMINGS: Final = "timings.csv"


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file in the same folder, then put it in the file's place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        _as_new_file(Path(name))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def replace_folder(source: Path, target: Path) -> None:
    """Copy a folder beside `target`, then put the copy in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        shutil.copytree(source, copy / "new")
        if target.exists():
            target.replace(copy / "old")
        (copy / "new").replace(target)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def record_timing(folder: Path, stage: str, seconds: float) -> None:
    """Append `stage, seconds` to `timings.csv` in `folder` (a refresh's output folder)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TIMINGS
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if fresh:
            writer.writerow(["stage", "seconds"])
        writer.writerow([stage, f"{seconds:.3f}"])


def _as_new_file(path: Path) -> None:
    """Give a temporary file (owner-only) the mode that an ordinary new file gets here."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
