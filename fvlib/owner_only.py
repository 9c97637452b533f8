"""Files and folders of individual rows: their owner's alone, whatever the umask says.

Best effort where file modes don't exist (Windows).
"""

from __future__ import annotations

import os
from pathlib import Path


def write_for_owner(path: Path, text: str) -> None:
    """Write a file that its owner alone reads, also where one was there that others could.

    A link is not followed: what it leads to is somebody else's place.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        path.chmod(0o600)
        stream.write(text)


def close_folder(folder: Path) -> None:
    """Leave a folder, and all in it, to its owner alone."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)
