"""`open_report(refresh)`: all that a chapter needs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from fvlib.errors import Refusal
from fvlib.pipeline import ensure_results
from fvlib.refresh import name_of, project_root
from fvlib.report.bundle import ReleasedBundle, read_bundle
from fvlib.report.companions import check_companions
from fvlib.report.output import Notice, Passage, Picture, Table
from fvlib.report.register import Register, read_register
from fvlib.report.title_page import title_page
from fvlib.report.words import data as accounts
from fvlib.report.words.phrases import say
from fvlib.report.words.quantities import Quantities, quantities, stamp

Entry = TypeVar("Entry")


class Report:
    """One refresh's released results, ready for prose, tables and figures.

    Attributes
    ----------
    bundle
        The released results as they are.
    register
        Readings of the protocol and deviations from it.
    """

    def __init__(self, bundle: ReleasedBundle, register: Register) -> None:
        self.bundle = bundle
        self.register = register

    @cached_property
    def q(self) -> Quantities:
        """Ready strings for prose: `report.q["P1.odds_ratio"]`."""
        return quantities(self.bundle)

    def estimates(self, **filters: Any) -> pd.DataFrame:
        """Return rows of `estimates.csv`, for the rare table of one's own.

        Parameters
        ----------
        **filters
            Column and the value, or the list of values, that its rows must have:
            `report.estimates(role="primary", scale=["odds_ratio", "risk_difference"])`.

        Raises
        ------
        Refusal
            A filter names no column.
        """
        rows = self.bundle.estimates
        for column, wanted in filters.items():
            if column not in rows:
                raise Refusal(
                    f"estimates has no column {column!r}; it has {', '.join(rows.columns)}"
                )
            single = isinstance(wanted, str) or not isinstance(wanted, Iterable)
            rows = rows[rows[column].isin([wanted] if single else list(wanted))]
        return rows.copy()

    def table(self, name: str) -> Table:
        """Return a table by name; see `fvlib.report.tables.names.TABLES` for the names."""
        from fvlib.report.tables import names as tables  # noqa: PLC0415  (a page without tables doesn't load it)

        return Table(_named(tables.TABLES, name, "table")(self.bundle, self.register))

    def plot(self, name: str) -> Picture:
        """Return a figure by name; see `fvlib.report.plots.names.PLOTS` for the names."""
        from fvlib.report.plots import names as plots  # noqa: PLC0415  (a page without figures doesn't load it)

        _named(plots.PLOTS, name, "figure")
        return Picture(plots.draw(self.bundle, name))

    @property
    def changes(self) -> Passage:
        """What changed since the previous refresh: nothing at all where none is named."""
        return Passage(
            self.table("changes") if accounts.has_changes(self.bundle) else None,
            "tbl-changes",
            say("data_quality.changes_caption"),
            say("data_quality.changes_lead"),
        )

    @property
    def notice(self) -> Notice:
        """What a reader must know before anything else, as callouts; none is fine."""
        return Notice(accounts.notices(self.bundle), self.stamp, title_page(self.bundle))

    @property
    def stamp(self) -> str:
        """Refresh, data date, look and version in one line."""
        return stamp(self.bundle)

    @property
    def look(self) -> str:
        """`interim` or `final`."""
        return "interim" if self.bundle.interim else "final"

    @property
    def synthetic(self) -> bool:
        """Whether the data were simulated."""
        return self.bundle.synthetic


def open_report(refresh: object) -> Report:
    """Open a refresh's released results; what is stale is run first.

    Parameters
    ----------
    refresh
        Name of the refresh. A bare number is a name too: `-P refresh:2024` comes as an integer.

    Raises
    ------
    Refusal
        The name isn't one, there is no project here, its data can't be used, `chapters/phrases.yml`
        is not as it must be, or a chapter shows an interval without what must stand beside it.
    """
    name = name_of(refresh)
    root = project_root(Path.cwd())
    check_companions(root)
    folder, verified = ensure_results(name, root)
    if not verified:  # a render shows no warnings: the same results print the same report
        warnings.warn(f"results/{name}: not verified against data", stacklevel=2)
    return Report(read_bundle(folder), read_register(root / "chapters" / "register.yml"))


def _named(known: Mapping[str, Entry], name: str, kind: str) -> Entry:
    if name not in known:
        raise Refusal(f"there is no {kind} {name!r}; there are {', '.join(sorted(known))}")
    return known[name]
