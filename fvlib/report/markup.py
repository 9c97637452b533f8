"""A great-tables table's markup without what only dresses it.

great-tables carries a whole stylesheet in every cell. The pages and the PDF have one look for all
tables, and Quarto translates every property of every cell to typst, or warns that it can't. So
what stays is what means something: alignment, emphasis, indent, shading, width.
"""

from __future__ import annotations

from typing import Any, Final

from lxml import html

ALIGNED: Final = ("left", "right", "center")
PLAIN_COLOURS: Final = ("#333333", "#ffffff", "transparent", "white", "inherit", "initial")
DEFAULT_PADDING: Final = "5px"
BOLD_FROM: Final = 600


def lean_table(source: str) -> str:
    """Give the table alone: no stylesheet, no id, and only styles that mean something.

    The id is left to the float around the table, whose label it repeats. Notes stay in the foot.
    """
    tree = html.fragment_fromstring(source, create_parent="div")
    table = next(tree.iter("table"))
    table.attrib.pop("id", None)
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
    table.tail = None
    written: str = html.tostring(table, encoding="unicode")
    return written


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
