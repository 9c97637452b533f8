"""How a table, a figure or a notice shows itself: in a render, and in JupyterLab.

In a render a table is a raw `{=html}` block, because any `text/html` output makes Quarto load
scripts from a CDN, and because pandoc turns the block into a real table in the PDF; and its markup
is lean, because each renderer has one look for all tables. In JupyterLab the same block would show
as code, so that there it is plain HTML with its styles.
"""

from __future__ import annotations

import io
import json
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, Final

from fvlib.report.markup import lean_table
from fvlib.report.title_page import TitlePage

SVG_SALT: Final = "fvlib"  # element ids are hashes: the same salt gives the same bytes
# https://quarto.org/docs/advanced/environment-vars.html: the first since 1.8, the second before.
QUARTO_EXECUTES: Final = ("QUARTO_DOCUMENT_PATH", "QUARTO_FIG_WIDTH")
PNG_DPI: Final = 150


def in_quarto() -> bool:
    """Whether Quarto executes this: it sets variables of its own, and nothing else sets them."""
    return any(name in os.environ for name in QUARTO_EXECUTES)


def rendering() -> bool:
    """Whether this runs inside a render; `fv render` sets `FVLIB_RENDER=1`."""
    return in_quarto() or os.environ.get("FVLIB_RENDER") == "1"


@dataclass(frozen=True)
class Table:
    """A finished table. `gt` is the great-tables object, which `edit` changes."""

    gt: Any

    def edit(self, change: Callable[[Any], Any]) -> Table:
        """Return the table as changed by a function of its great-tables object.

        Columns go by the names that `fv keys` lists. Figures are numbers, so that every `fmt_...`
        works on them; the ends of a column's interval stand in `<column>_low` and `<column>_high`.

        Examples
        --------
        >>> report.table("crude").edit(lambda gt: gt.cols_hide("missing"))
        >>> report.table("crude").edit(
        ...     lambda gt: gt.cols_label(n="Children").fmt_percent("mean", decimals=2)
        ... )
        """
        return Table(change(self.gt))

    @cached_property
    def html(self) -> str:
        """The table as HTML with inline styles and the document's own font."""
        text = self.gt.as_raw_html(inline_css=True)
        # One font for all: that of the page. A family named here is unknown to the PDF.
        text = re.sub(r"font-family:[^;\"]*(&quot;[^;\"]*)*;?\s*", "", text)
        return re.sub(r"\n\s*\n+", "\n", text).strip()

    def _repr_markdown_(self) -> str | None:
        return f"\n```{{=html}}\n{lean_table(self.html)}\n```\n" if rendering() else None

    def _repr_html_(self) -> str | None:
        # The portable renderer takes the markdown; its notebooks, kept for JupyterLab, show this.
        return None if in_quarto() else self.html


@dataclass(frozen=True)
class Passage:
    """A table that a chapter has in some refreshes only, with the sentence that leads to it.

    A cell's own caption would stand, and a reference to it dangle, where there is no table.

    Attributes
    ----------
    table
        The table; none where there is nothing to set out, and then nothing is printed.
    label, caption
        Of the table.
    lead
        Markdown: the sentence that refers to it.
    """

    table: Table | None
    label: str
    caption: str
    lead: str

    def _repr_markdown_(self) -> str:
        if self.table is None:
            return ""
        block = self.table._repr_markdown_()
        if block is None:  # JupyterLab numbers nothing
            return self.table.html
        return f"{self.lead}\n\n::: {{#{self.label}}}\n{block}\n{self.caption}\n:::"


@dataclass(frozen=True)
class Picture:
    """A finished figure. `plot` is the plotnine object or composition, or the matplotlib figure.

    Examples
    --------
    >>> from plotnine import labs, scale_fill_manual
    >>> (
    ...     report.plot("crude_rate")
    ...     + scale_fill_manual(values=["#ffffff", "#009e73"])
    ...     + labs(title="Share looked after")
    ... )
    """

    plot: Any = field(repr=False)

    def __add__(self, part: Any) -> Picture:
        """Return the figure with a scale, a label or a theme of plotnine's in place of its own."""
        with warnings.catch_warnings():  # that a scale takes another's place is what is wanted
            warnings.filterwarnings("ignore", message="[\\s\\S]*already present")
            return Picture(self.plot + part)

    def __and__(self, part: Any) -> Picture:
        """Return the figure with a part added to each of its panels, where it has several."""
        return Picture(self.plot & part)

    @cached_property
    def svg(self) -> str:
        """The figure as SVG: the same plot gives the same bytes."""
        return self._drawn("svg").decode("utf-8")

    @cached_property
    def png(self) -> bytes:
        """The figure as PNG."""
        return self._drawn("png")

    def save(self, path: Path) -> None:
        """Write an SVG or a PNG, as the file's name says."""
        path.write_bytes(self._drawn(path.suffix.removeprefix(".")))

    def _drawn(self, form: str) -> bytes:
        import matplotlib as mpl  # noqa: PLC0415  (a page without figures doesn't load it)
        from matplotlib import pyplot as plt  # noqa: PLC0415

        buffer = io.BytesIO()
        with mpl.rc_context({"svg.hashsalt": SVG_SALT}):
            figure = self.plot if hasattr(self.plot, "savefig") else self.plot.draw()
            metadata = {"Date": None} if form == "svg" else None
            figure.savefig(buffer, format=form, dpi=PNG_DPI, metadata=metadata)
            plt.close(figure)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg}


@dataclass(frozen=True)
class Notice:
    """Callouts at the head of a chapter: what kind of look and of data this is. May be empty.

    Attributes
    ----------
    parts
        Kind, title and text of each callout.
    stamp
        The line that names the refresh. Quarto renders each chapter on its own, so that there each
        says which results it was made from, and a book of two refreshes can be refused.
    title_page
        The same as data, for the title page and for that comparison.
    """

    parts: tuple[tuple[str, str, str], ...]
    stamp: str
    title_page: TitlePage

    def _repr_markdown_(self) -> str | None:
        if not rendering():
            return None
        blocks = [
            f"::: {{.callout-{kind}}}\n## {title}\n\n{text}\n:::"
            for kind, title, text in self.parts
        ]
        if in_quarto():
            blocks += [self._stamped_page, self._stamped_pdf]
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str | None:
        # The portable renderer takes the markdown; its notebooks, kept for JupyterLab, show this.
        if in_quarto():
            return None
        return "\n".join(
            f"<blockquote><strong>{escape(title)}</strong><br>{escape(text)}</blockquote>"
            for _, title, text in self.parts
        )

    @property
    def _stamped_page(self) -> str:
        made_from = escape(f"{self.title_page.refresh} {self.title_page.results}", quote=True)
        return (
            f'```{{=html}}\n<p class="refresh-stamp" data-made-from="{made_from}">'
            f"{escape(self.stamp)}</p>\n```"
        )

    @property
    def _stamped_pdf(self) -> str:
        facts = {
            "refresh": self.title_page.refresh,
            "data_through": self.title_page.data_through,
            "version": self.title_page.version,
            "notice": self.title_page.notice,
            "results": self.title_page.results,
        }
        written = ", ".join(
            f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()
        )
        return f"```{{=typst}}\n#refresh-stamp(({written}))\n```"
