"""What a rendered report says of itself, and what its results depend on: read from the bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import fvlib.report
from fvlib.freshness import hash_sources
from fvlib.report.bundle import read_bundle
from fvlib.report.phrases import say
from fvlib.report.words import dates_by_la

RESULTS: Final = "results"
REGISTER: Final = Path("chapters") / "register.yml"
PHRASES: Final = Path("chapters") / "phrases.yml"


@dataclass(frozen=True, slots=True)
class TitlePage:
    """What the report says of itself: which refresh, data until when, made by which version.

    `data_date` dates the PDF's metadata, so that the same results give the same bytes.
    """

    refresh: str
    data_through: str
    data_date: date
    version: str
    notice: str = ""


def read_title_page(root: Path, refresh: str) -> TitlePage:
    """Read the title page from `results/REFRESH/`.

    Raises
    ------
    Refusal
        There are no results of that refresh.
    """
    bundle = read_bundle(root / RESULTS / refresh)
    through: Mapping[str, str] = bundle.manifest["data_through"]
    states = {"synthetic": bundle.synthetic, "interim": bundle.interim}
    notices = [say("notices.title_page", state) for state, holds in states.items() if holds]
    return TitlePage(
        refresh=refresh,
        data_through=dates_by_la(through),
        data_date=max(date.fromisoformat(day) for day in through.values()),
        version=f"fvlib {bundle.manifest.get('versions', {}).get('fvlib', '')}".strip(),
        notice=" ".join(notices),
    )


def results_key(root: Path, refresh: str) -> str:
    """Hash what every chapter's results come from: the bundle, register, phrases, the code."""
    folder = root / RESULTS / refresh
    package = Path(fvlib.report.__file__).parent
    released = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [
        hash_sources(folder, released),
        hash_sources(package, sorted([*package.rglob("*.py"), *package.rglob("*.csv")])),
    ]
    shared = [root / path for path in (REGISTER, PHRASES) if (root / path).is_file()]
    if shared:
        parts.append(hash_sources(root, shared))
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()
