"""Tables as both renderers get them: no style that Quarto's translation to typst doesn't take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest
from lxml import html

from fvlib.report import Report
from fvlib.report.markup import lean_table
from fvlib.report.tables.names import TABLES
from tests.support import report_bundles

COLOUR: Final = r"#[0-9a-f]{6}|#[0-9a-f]{3}"
# What Quarto 1.9 translates to typst, or leaves alone without a word: read in its public source,
# src/resources/filters/quarto-post/typst-css-property-processing.lua and modules/typst_css.lua.
# A weight in digits is written in quotes, which typst refuses; `initial` is warned of.
TRANSLATED: Final = {
    "text-align": "left|right|center",
    "font-weight": "bold|normal",
    "font-style": "italic|normal",
    "color": COLOUR,
    "background-color": COLOUR,
    "padding-left": r"\d+px",
    "white-space": "nowrap",
    "width": r"\d+(\.\d+)?(px|%)",
}


@pytest.mark.parametrize("name", sorted(TABLES))
@pytest.mark.parametrize("case", sorted(report_bundles.CASES))
def test_tables_carry_only_styles_that_quarto_translates(
    standing: Callable[[str], Report], name: str, case: str
) -> None:
    tree = html.fragment_fromstring(lean_table(standing(case).table(name).html))
    for element in tree.iter():
        for clause in filter(None, element.get("style", "").split(";")):
            key, _, value = clause.partition(":")
            assert re.fullmatch(TRANSLATED[key.strip()], value.strip()), (name, clause)
    assert not tree.xpath("//style|//script")
    assert f"tbl-{name}" not in tree.xpath("//@id")  # the float around it has it
