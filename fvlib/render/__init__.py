"""Rendering: Quarto when it is there, and the portable renderer.

Chapters are written in Quarto's documented syntax. The portable renderer knows this much of it, and
refuses the rest by name:

- ``{python}`` cells with the options ``label``, ``tags``, ``fig-cap``, ``fig-alt``, ``tbl-cap``,
  ``echo``, ``eval``, ``output``, ``warning``, ``include``; inline ``{python}`` expressions
- references ``@fig-``, ``@tbl-``, ``@sec-``, ``@eq-``, with ``-@`` and ``[prefix @...]``; citations
  where the project names a bibliography
- pictures and pipe tables with a label, and divs with a label that end with their caption
- callouts, ``panel-tabset``, ``content-visible`` and ``content-hidden`` by format, footnotes,
  mathematics, raw HTML tables, raw typst, ``.unnumbered`` and ``.unlisted``, ``pagebreak``
"""

from fvlib.render.chapter_rules import typed_numbers
from fvlib.render.engine import RenderOutcome, checked_book, render
from fvlib.render.files import record_timing
from fvlib.report.title_page import TitlePage

__all__ = [
    "RenderOutcome",
    "TitlePage",
    "checked_book",
    "record_timing",
    "render",
    "typed_numbers",
]
