"""The tables of the HTML page: lean markup, in a box that scrolls, with the notes under it."""

from __future__ import annotations

import copy
from typing import Any

from lxml import html

from fvlib.report.markup import lean_table

Json = Any


def clean_tables(document: Json) -> Json:
    """Give a copy of a pandoc document in which every raw HTML table is cleaned."""
    document = copy.deepcopy(document)
    _walk(document["blocks"])
    return document


def _walk(node: Json) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(item)
    elif isinstance(node, dict):
        if node.get("t") == "RawBlock" and "<table" in node["c"][1]:
            node["c"][1] = clean_table(node["c"][1])
        else:
            _walk(node.get("c"))


def clean_table(source: str) -> str:
    """Give the table alone, in a box that scrolls, without styles that only dress it."""
    table = html.fragment_fromstring(lean_table(source))
    notes = _take_notes(table)
    written: str = html.tostring(table, encoding="unicode")
    return f'<div class="scroll">{written}</div>{notes}'


def _take_notes(table: Any) -> str:
    """Take the notes out of the foot: in the table, a long one would stretch it to full width."""
    notes: list[str] = []
    for foot in list(table.iter("tfoot")):
        for cell in foot.iter("td", "th"):
            cell.tag, cell.tail = "p", None
            cell.attrib.clear()
            notes.append(html.tostring(cell, encoding="unicode"))
        foot.getparent().remove(foot)
    return f'<div class="table-notes">{"".join(notes)}</div>' if notes else ""
