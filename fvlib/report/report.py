"""`open_report(refresh)`: all that a chapter needs."""

from __future__ import annotations

import difflib
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
from fvlib.report.companions import check_companions, companions_lacking
from fvlib.report.output import Notice, Passage, Picture, Table, rendering
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
        """Ready strings for prose: `report.q["P1.odds_ratio"]`. `fv keys` lists them."""
        return quantities(self.bundle)

    def estimates(self, **filters: Any) -> pd.DataFrame:
        """Return rows of `estimates.csv`, for a table or a figure of one's own.

        Parameters
        ----------
        **filters
            Column and the value, or the list of values, that its rows must have:
            `report.estimates(role="primary", scale=["odds_ratio", "risk_difference"])`.

        Raises
        ------
        Refusal
            A filter names no column.

        Examples
        --------
        >>> rows = report.estimates(outcome="P1", term="treatment", scale="odds_ratio")
        >>> report.show(rows[["analysis", "estimate", "ci_low", "ci_high"]])
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

    def data(self, name: str) -> pd.DataFrame:
        """Return a released table as numbers, to compute with.

        Texts are `str`, dates `datetime64`, flags `bool`, and numbers numbers: `float64` wherever
        one may be masked. A masked number is NaN, and its column's twin `<column>_masked` is true;
        where the twin is false, NaN means that there is none. pandas leaves NaN out of a sum: a sum
        over a masked number is no total. At an interim look `permutation` has no rows, since they
        tell the test's p.

        Raises
        ------
        Refusal
            There is no such table; the message names the nearest.

        Examples
        --------
        >>> crude = report.data("crude")
        >>> p1 = crude[(crude["outcome"] == "P1") & (crude["la"] != "all")]
        >>> p1.assign(per_thousand=1000 * p1["events"] / p1["n"])
        """
        _named(dict.fromkeys(self.bundle.names), name, "released table")
        return self.bundle.typed(name)

    def show(self, display: Any) -> Table | Picture:
        """Show a table or a figure of one's own in the report's look, as a cell's last line.

        Parameters
        ----------
        display
            A pandas frame (its first column labels the rows, `<column>_masked` twins become the
            masked mark), a great-tables object, a ggplot (without a theme of its own it gets the
            house's, see `theme`), or a matplotlib figure.

        Raises
        ------
        Refusal
            It is none of these, or looks like a row for each child.

        Examples
        --------
        >>> report.show(report.data("calendar")[["outcome", "condition", "share"]])
        >>> report.show(ggplot(report.data("volume"), aes("month", "referrals")) + geom_line())
        """
        kind = type(display).__module__.partition(".")[0]
        if isinstance(display, Table | Picture):
            return display
        if isinstance(display, pd.DataFrame | pd.Series) or kind == "great_tables":
            from fvlib.report.tables import own  # noqa: PLC0415  (as in `table`)

            if kind == "great_tables":
                return Table(own.set_own(display))
            return Table(own.set_frame(self.bundle, pd.DataFrame(display)))
        if kind in ("plotnine", "matplotlib"):
            from fvlib.report.plots import style  # noqa: PLC0415  (as in `plot`)

            if kind == "plotnine":
                return Picture(style.dress_plot(display))
            return Picture(style.dress_figure(display.get_figure() or display))
        raise Refusal(
            f"report.show: a {type(display).__name__} is no display; expected a pandas frame, a "
            "great-tables table, a ggplot or a matplotlib figure"
        )

    def theme(self, height: float = 3.2, **changes: Any) -> Any:
        """Return the house theme of figures, to add to a ggplot and change further.

        Parameters
        ----------
        height
            Of the figure, in inches; it is as wide as the page.
        **changes
            Elements of plotnine's `theme`.

        Examples
        --------
        >>> report.show(ggplot(frame, aes("la", "n")) + geom_col() + report.theme(height=2))
        """
        from fvlib.report.plots.style import house_theme  # noqa: PLC0415  (as in `plot`)

        return house_theme(height, **changes)

    def table(self, name: str) -> Table:
        """Return a table by name; `fv keys` lists the names, with their columns.

        Examples
        --------
        >>> report.table("crude").edit(lambda gt: gt.cols_hide("missing"))
        """
        from fvlib.report.tables import names as tables  # noqa: PLC0415  (a page without tables doesn't load it)

        return Table(_named(tables.TABLES, name, "table")(self.bundle, self.register))

    def plot(self, name: str) -> Picture:
        """Return a figure by name; `fv keys` lists the names.

        Examples
        --------
        >>> from plotnine import labs
        >>> report.plot("crude_rate") + labs(title="Share looked after")
        """
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
        The name isn't one, there is no project here, its data can't be used, or, in a render, a
        chapter shows an interval without what must stand beside it; elsewhere that is a warning.

    Examples
    --------
    >>> report = open_report("synthetic")
    >>> report.q["P1.odds_ratio"], report.data("crude"), report.table("crude")
    """
    name = name_of(refresh)
    root = project_root(Path.cwd())
    if rendering():
        check_companions(root)
    for told in companions_lacking(root):  # none in a render: it would have been refused
        warnings.warn(told, stacklevel=2)
    folder, verified = ensure_results(name, root)
    if not verified:  # a render shows no warnings: the same results print the same report
        warnings.warn(f"results/{name}: not verified against data", stacklevel=2)
    return Report(read_bundle(folder), read_register(root / "chapters" / "register.yml"))


def _named(known: Mapping[str, Entry], name: str, kind: str) -> Entry:
    if name not in known:
        nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0)
        raise Refusal(
            f"there is no {kind} {name!r}; there are {', '.join(sorted(known))}. "
            f"The nearest is {nearest[0]!r}"
        )
    return known[name]
