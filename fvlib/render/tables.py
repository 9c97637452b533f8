"""The tables of the HTML page: great-tables' markup kept, its look replaced by the page's own.

A great-tables table carries its style in every cell. The page's stylesheet gives all tables one
look, so what stays here is what means something: alignment, emphasis, indent, shading, width.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from lxml import html

Json = Any

ALIGNED: Final = ("left", "right", "center")
PLAIN_COLOURS: Final = ("#333333", "#ffffff", "transparent", "white", "inherit", "initial")
DEFAULT_PADDING: Final = "5px"
BOLD_FROM: Final = 600


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
    tree = html.fragment_fromstring(source, create_parent="div")
    for style in tree.iter("style", "script"):
        style.getparent().remove(style)
    table = next(tree.iter("table"))
    for element in list(table.iter()):
        if not isinstance(element.tag, str):
            continue
        kept = _meaningful(element)
        for name in [n for n in element.attrib if n.startswith("data-")] + ["style"]:
            element.attrib.pop(name, None)
        if kept:
            element.set("style", kept)
    for head in table.iter("thead"):
        _name_empty_corner(head)
    notes = _take_notes(table)
    table.tail = None
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


def _meaningful(element: Any) -> str:
    pairs = (part.split(":", 1) for part in (element.get("style") or "").split(";") if ":" in part)
    style = {name.strip().lower(): value.strip() for name, value in pairs}
    kept: dict[str, str] = {}
    if style.get("text-align") in ALIGNED and element.tag in ("td", "th"):
        kept["text-align"] = style["text-align"]
    weight = style.get("font-weight", "")
    if weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= BOLD_FROM):
        kept["font-weight"] = "bold"
    if style.get("font-style") == "italic" and "gt_footnote_marks" not in element.get("class", ""):
        kept["font-style"] = "italic"
    for name in ("color", "background-color"):
        colour = style.get(name, "").lower()
        if colour and colour not in PLAIN_COLOURS and "(" not in colour and element.tag != "table":
            kept[name] = colour
    indent = style.get("padding-left", DEFAULT_PADDING)
    if "gt_stub" in element.get("class", "") and indent != DEFAULT_PADDING:
        kept["padding-left"] = indent
    if element.tag == "col" and "width" in style:
        kept["width"] = style["width"]
    if style.get("white-space") == "nowrap":
        kept["white-space"] = "nowrap"
    return "; ".join(f"{name}: {value}" for name, value in kept.items())


def _name_empty_corner(head: Any) -> None:
    """Make an empty heading a cell: it heads nothing, and screen readers would say so."""
    for cell in head.iter("th"):
        if not "".join(cell.itertext()).strip():
            cell.tag = "td"
            cell.attrib.pop("scope", None)
