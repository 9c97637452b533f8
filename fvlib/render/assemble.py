"""Chapters as markdown -> one document, written by pandoc as HTML and as typst."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fvlib.errors import Refusal
from fvlib.render.book import Book, Part
from fvlib.render.notebook import Executed
from fvlib.render.pandoc import pandoc, pandoc_path
from fvlib.render.tables import clean_tables
from fvlib.report.title_page import TitlePage

READER: Final = "markdown+table_attributes"
FILTER: Final = ("report.lua", "typst_tables.lua")
LOOK: Final = "look.typ"
FIGURES: Final = "figures"
TOC_DEPTH: Final = 3
CSS_PIXELS_PER_POINT: Final = 96 / 72
MIME: Final = {".svg": "image/svg+xml", ".png": "image/png"}

Json = Any


def merge(
    book: Book, executed: Sequence[Executed], scratch: Path, alone: Part | None = None
) -> Json:
    """Parse each chapter on its own (footnotes stay its own) and join the trees.

    Parameters
    ----------
    executed
        One for each of the book's parts.
    scratch
        Pictures, the cells' and the chapters' own, are laid in its folder `figures`.
    alone
        The only chapter to be shown; the others are numbered, for its cross-references.
    """
    (scratch / FIGURES).mkdir(parents=True, exist_ok=True)
    for chapter in executed:
        for image in chapter.images:
            (scratch / FIGURES / image.name).write_bytes(image.data)
    pandoc_path()
    with ThreadPoolExecutor(max_workers=2) as pool:
        trees = list(pool.map(_parse, book.parts, executed))
    blocks: list[Json] = []
    for part, tree in zip(book.parts, trees, strict=True):
        skip = alone is not None and part != alone
        if not skip:
            _gather_images(tree["blocks"], book.root, part, scratch)
        blocks.append(_chapter_div(part, tree["blocks"], skip))
    meta = {"lang": _string(book.lang)}
    if book.bibliography:
        meta["bibliography"] = {"t": "MetaList", "c": [_string(str(p)) for p in book.bibliography]}
        meta["link-citations"] = {"t": "MetaBool", "c": True}
    if book.csl:
        meta["csl"] = _string(str(book.csl))
    return {"pandoc-api-version": trees[0]["pandoc-api-version"], "meta": meta, "blocks": blocks}


def to_html(book: Book, document: Json, title_page: TitlePage, scratch: Path) -> str:
    """Write the one self-contained page: styles, script and pictures are inside it."""
    template = _data("template.html")
    for name, content in (("css", _data("report.css")), ("js", _data("report.js"))):
        template = template.replace(f"@@{name}@@", content.replace("$", "$$"))
    path = scratch / "template.html"
    path.write_text(template, encoding="utf-8")
    arguments = [
        "--to=html5",
        "--standalone",
        f"--template={path}",
        "--mathml",
        "--toc",
        f"--toc-depth={TOC_DEPTH}",
        "--section-divs",
        "--reference-location=section",
        "--wrap=none",
        "--syntax-highlighting=none",
        *_variables(book, title_page),
    ]
    written = _write(clean_tables(document), arguments, book, scratch)
    written = written.replace(
        '<aside id="footnotes"', "<aside"
    )  # one for each section that has any
    return re.sub(rf'src="({FIGURES}/[^"]+)"', lambda found: _data_uri(scratch / found[1]), written)


def to_typst(book: Book, document: Json, title_page: TitlePage, scratch: Path) -> str:
    """Write the typst source of the PDF; its title page reads `meta.json` beside it."""
    body = _write(document, ["--to=typst", "--wrap=none"], book, scratch)
    meta = {
        "title": book.title,
        "subtitle": book.subtitle,
        "author": book.author,
        "lang": book.lang.split("-")[0],
        "region": book.lang.partition("-")[2] or "GB",
        "refresh": title_page.refresh,
        "data_through": title_page.data_through,
        "version": title_page.version,
        "notice": title_page.notice,
        "date": [title_page.data_date.year, title_page.data_date.month, title_page.data_date.day],
    }
    (scratch / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    (scratch / LOOK).write_text(_data(LOOK), encoding="utf-8")
    return _data("template.typ") + "\n" + body


def _parse(part: Part, executed: Executed) -> Json:
    markdown = executed.markdown
    if "title" in part.chapter.meta:
        markdown = f"# {part.title}\n\n{markdown}"
    return json.loads(pandoc([f"--from={READER}", "--to=json"], markdown, part.chapter.name))


def _write(document: Json, arguments: list[str], book: Book, scratch: Path) -> str:
    for name in FILTER:
        (scratch / name).write_text(_data(name), encoding="utf-8")
    extra = [f"--lua-filter={scratch / FILTER[0]}"]
    if book.bibliography:
        extra.append("--citeproc")
    return pandoc(
        ["--from=json", *extra, *arguments], json.dumps(document), "the report", cwd=scratch
    )


def _chapter_div(part: Part, blocks: list[Json], skip: bool) -> Json:
    attributes = [
        ["path", part.chapter.name],
        ["stem", part.chapter.stem],
        ["number", part.number],
        ["appendix", str(part.appendix).lower()],
        ["skip", str(skip).lower()],
    ]
    return {"t": "Div", "c": [["", [], attributes], blocks]}


def _gather_images(blocks: Json, root: Path, part: Part, scratch: Path) -> None:
    """Copy the pictures a chapter names to `figures/`, and give every picture its size."""
    folder = (root / part.chapter.name).parent
    for image in _elements(blocks, "Image"):
        attributes, _, target = image["c"]
        source = str(target[0])
        if re.match(r"[a-zA-Z][\w+.-]*:", source):
            continue
        generated = scratch / source
        if not (source.startswith(f"{FIGURES}/") and generated.is_file()):
            found = (root / source.lstrip("/")) if source.startswith("/") else folder / source
            if found.suffix not in MIME or not found.is_file():
                raise Refusal(
                    f"{part.chapter.name}: the picture {source} is not an .svg or .png file here"
                )
            generated = scratch / FIGURES / f"{part.chapter.stem}-{found.name}"
            generated.write_bytes(found.read_bytes())
            target[0] = f"{FIGURES}/{generated.name}"
        size = _pixels(generated)
        if size and not any(key in ("width", "height") for key, _ in attributes[2]):
            attributes[2] += [["width", f"{size[0]}px"], ["height", f"{size[1]}px"]]


def _pixels(path: Path) -> tuple[int, int] | None:
    """Give a picture's size in CSS pixels; PNGs from a kernel are taken at twice the density."""
    content = path.read_bytes()
    if path.suffix == ".png":
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        return width // 2, height // 2
    try:
        element = ET.fromstring(content)
    except ET.ParseError:
        return None
    sizes = [re.fullmatch(r"([\d.]+)pt", element.get(side, "")) for side in ("width", "height")]
    points = [float(found[1]) for found in sizes if found]
    if len(points) != 2:
        return None
    return round(points[0] * CSS_PIXELS_PER_POINT), round(points[1] * CSS_PIXELS_PER_POINT)


def _elements(node: Json, kind: str) -> list[Json]:
    found: list[Json] = []
    if isinstance(node, list):
        for item in node:
            found += _elements(item, kind)
    elif isinstance(node, dict):
        if node.get("t") == kind:
            found.append(node)
        found += _elements(node.get("c"), kind)
    return found


def _data_uri(path: Path) -> str:
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'src="data:{MIME[path.suffix]};base64,{encoded}"'


def _variables(book: Book, title_page: TitlePage) -> list[str]:
    values = {
        "title": book.title,
        "subtitle": book.subtitle,
        "author": book.author,
        "lang": book.lang,
        "refresh": title_page.refresh,
        "data-through": title_page.data_through,
        "version": title_page.version,
        "notice": title_page.notice,
    }
    return [f"--variable={name}={_escaped(value)}" for name, value in values.items() if value]


def _escaped(value: str) -> str:
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        value = value.replace(mark, entity)
    return value


def _string(value: str) -> Json:
    return {"t": "MetaString", "c": value}


def _data(name: str) -> str:
    return files("fvlib.render").joinpath(name).read_text(encoding="utf-8")
