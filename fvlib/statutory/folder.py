"""The folder that an import writes: whole or not at all, and never over other people's files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from fvlib.errors import Refusal
from fvlib.owner_only import close_folder

MARKER: Final = ".import.json"  # lists what an import wrote, so that the next may replace it


def refuse_foreign_files(folder: Path) -> str:
    """Refuse a folder that holds anything but an earlier import's files, unchanged.

    Returns
    -------
    str
        The mark of the key that made the files there; empty for a folder that isn't there.

    Raises
    ------
    Refusal
        Naming the files.
    """
    _finish_interrupted(folder)
    if not folder.exists():
        return ""
    if not folder.is_dir():
        raise Refusal(f"{folder} is a file. Expected: a folder, or nothing. Move it away.")
    names = sorted(path.name for path in folder.iterdir() if path.name != MARKER)
    hashes, key_mark = _written_before(folder)
    foreign = [name for name in names if name not in hashes or _hash(folder / name) != hashes[name]]
    if foreign:
        raise Refusal(
            f"{folder} holds files that no import wrote, or that were changed since: "
            f"{', '.join(foreign[:10])}{' ...' if len(foreign) > 10 else ''}. Expected: no such "
            "folder, or an earlier import's files as it wrote them. Nothing was changed. Move the "
            "folder away, import, and put your changes in again."
        )
    return key_mark


def write_folder(folder: Path, files: Mapping[str, pd.DataFrame], key_mark: str) -> None:
    """Write the files and swap the folder in: whoever looks finds the old one or the new one.

    Parameters
    ----------
    folder
        The authority's folder; its parents are made.
    files
        Name without ending -> rows, all text.
    key_mark
        Tells the key, as `Pseudonyms.mark` does.
    """
    staged, retired = _staged(folder), _retired(folder)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if staged.exists():
        shutil.rmtree(staged)
    staged.mkdir(mode=0o700)
    hashes = {}
    for name, rows in files.items():
        path = staged / f"{name}.csv"
        rows.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
        hashes[path.name] = _hash(path)
    marker = json.dumps({"key": key_mark, "files": hashes}, indent=1) + "\n"
    (staged / MARKER).write_text(marker, encoding="utf-8")
    close_folder(staged)
    if folder.exists():
        folder.rename(retired)
    staged.rename(folder)
    if retired.exists():
        shutil.rmtree(retired)


def _finish_interrupted(folder: Path) -> None:
    """Put back the old folder if a swap broke off between its two renames."""
    retired = _retired(folder)
    if retired.exists():
        if folder.exists():
            shutil.rmtree(retired)
        else:
            retired.rename(folder)


def _staged(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.staged")


def _retired(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.retired")


def _written_before(folder: Path) -> tuple[dict[str, str], str]:
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in marker["files"].items()}, str(
            marker["key"]
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}, ""


def _hash(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
