"""What a rendered report says of itself: which refresh, data until when, made by which version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from fvlib.report.bundle import ReleasedBundle
from fvlib.report.words.data import made_with
from fvlib.report.words.labels import dates_by_la
from fvlib.report.words.phrases import say


@dataclass(frozen=True, slots=True)
class TitlePage:
    """What the report says of itself: which refresh, data until when, made by which version.

    `data_date` dates the PDF's metadata, so that the same results give the same bytes. `results`
    is the beginning of the results' hash: it tells two runs of one refresh apart.
    """

    refresh: str
    data_through: str
    data_date: date
    version: str
    notice: str = ""
    results: str = ""


def title_page(bundle: ReleasedBundle) -> TitlePage:
    """Give the title page of released results."""
    through: Mapping[str, str] = bundle.manifest["data_through"]
    states = {"synthetic": bundle.synthetic, "interim": bundle.interim}
    notices = [say("notices.title_page", state) for state, holds in states.items() if holds]
    canonical = json.dumps(bundle.manifest, sort_keys=True)
    return TitlePage(
        refresh=str(bundle.manifest["refresh"]),
        data_through=dates_by_la(through),
        data_date=max(date.fromisoformat(day) for day in through.values()),
        version=made_with(bundle),
        notice=" ".join(notices),
        results=hashlib.sha256(canonical.encode("utf-8")).hexdigest()[:12],
    )
