"""What a rendered report says of itself, and what its results depend on: read from the bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import fvlib.report
from fvlib.pipeline.freshness import hash_sources
from fvlib.report.bundle import read_bundle
from fvlib.report.title_page import TitlePage, title_page

RESULTS: Final = "results"
CHAPTERS: Final = "chapters"
# Files beside the chapters that they read: the register, the phrases, and small ones of their own.
READ: Final = frozenset({".csv", ".json", ".txt", ".xlsx", ".yml"})


def read_title_page(root: Path, refresh: str) -> TitlePage:
    """Read the title page from `results/REFRESH/`.

    Raises
    ------
    Refusal
        There are no results of that refresh.
    """
    return title_page(read_bundle(root / RESULTS / refresh))


def results_key(root: Path, refresh: str) -> str:
    """Hash what every chapter's results come from: the bundle, files beside chapters, the code."""
    folder = root / RESULTS / refresh
    package = Path(fvlib.report.__file__).parent
    released = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [
        hash_sources(folder, released),
        hash_sources(package, sorted([*package.rglob("*.py"), *package.rglob("*.csv")])),
    ]
    shared = sorted(path for path in (root / CHAPTERS).rglob("*") if path.suffix in READ)
    if shared:
        parts.append(hash_sources(root, shared))
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()
