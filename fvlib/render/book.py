"""`_quarto.yml` -> `Book`: order of the chapters, title, the options that both renderers read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from fvlib.errors import Refusal
from fvlib.render.qmd import Chapter, Text, parse

PROJECT_FILE: Final = "_quarto.yml"
INDEX: Final = "index.qmd"
TOP_KEYS: Final = frozenset(
    {
        "project",
        "book",
        "lang",
        "format",
        "execute",
        "engine",
        "jupyter",
        "bibliography",
        "csl",
        "toc",
        "toc-depth",
        "number-sections",
        "number-depth",
        "fig-width",
        "fig-height",
        "fig-format",
        "fig-dpi",
        "crossref",
    }
)
BOOK_KEYS: Final = frozenset(
    {"title", "subtitle", "author", "date", "chapters", "appendices", "description", "search"}
)
FIGURE_FORMATS: Final = ("svg", "png", "retina")
# Quarto's own defaults for HTML; a figure function of the report sets its own size.
FIGURE_WIDTH: Final = 7.0
FIGURE_HEIGHT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Size in inches and format of figures that set none themselves."""

    width: float = FIGURE_WIDTH
    height: float = FIGURE_HEIGHT
    format: str = "svg"


@dataclass(frozen=True, slots=True)
class Part:
    """One chapter and its place: `number` is "2" or "A", empty when unnumbered."""

    chapter: Chapter
    title: str
    number: str
    appendix: bool


@dataclass(frozen=True, slots=True)
class Book:
    """The project as its `_quarto.yml` declares it."""

    root: Path
    title: str
    subtitle: str
    author: str
    lang: str
    parts: tuple[Part, ...]
    figures: Figures
    bibliography: tuple[Path, ...]
    csl: Path | None
    output_dir: str

    def chosen(self, chapter: str) -> Part:
        """Give one chapter, by its file's stem (`primary`) or path (`chapters/primary.qmd`).

        Raises
        ------
        Refusal
            No such chapter.
        """
        for part in self.parts:
            if chapter in (part.chapter.stem, part.chapter.name):
                return part
        stems = ", ".join(part.chapter.stem for part in self.parts)
        raise Refusal(f"no chapter {chapter!r} in {PROJECT_FILE}; there are {stems}")


def read_book(root: Path) -> Book:
    """Read `_quarto.yml` and every chapter it lists.

    Raises
    ------
    Refusal
        No project file, keys unknown to the portable renderer, a chapter that is not there or
        cannot be read.
    """
    project = _project(root)
    book = project["book"]
    execute = _section(project, "execute")
    paths = [(path, False) for path in _listed(book, "chapters")]
    paths += [(path, True) for path in _listed(book, "appendices")]
    parts: list[Part] = []
    numbered = lettered = 0
    for name, appendix in paths:
        chapter = parse(_read(root, name), name, _plain(execute))
        title, unnumbered = _title(chapter)
        number = ""
        if appendix:
            number = chr(ord("A") + lettered)
            lettered += 1
        elif not unnumbered and name != INDEX:
            numbered += 1
            number = str(numbered)
        parts.append(Part(chapter=chapter, title=title, number=number, appendix=appendix))
    _refuse_twins(parts)
    bibliography = project.get("bibliography") or []
    if isinstance(bibliography, str):
        bibliography = [bibliography]
    return Book(
        root=root,
        title=str(book["title"]),
        subtitle=str(book.get("subtitle", "")),
        author=_author(book.get("author", "")),
        lang=str(project.get("lang", "en-GB")),
        parts=tuple(parts),
        figures=_figures({**project, **execute}),
        bibliography=tuple(_existing(root, str(path)) for path in bibliography),
        csl=_existing(root, str(project["csl"])) if "csl" in project else None,
        output_dir=str(_section(project, "project").get("output-dir", "_book")),
    )


def _refuse_twins(parts: list[Part]) -> None:
    """Notebooks and links go by the file's name alone: two chapters may not share it."""
    seen: dict[str, str] = {}
    for part in parts:
        stem, name = part.chapter.stem, part.chapter.name
        if stem in seen:
            raise Refusal(f"{PROJECT_FILE}: {seen[stem]} and {name} have the same file name")
        seen[stem] = name


def _project(root: Path) -> dict[str, Any]:
    path = root / PROJECT_FILE
    if not path.is_file():
        raise Refusal(f"{PROJECT_FILE} not found in {root}: run from the project's folder")
    try:
        project = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise Refusal(f"{PROJECT_FILE} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(project, dict) or _section(project, "project").get("type") != "book":
        raise Refusal(f"{PROJECT_FILE}: project: type: must be book")
    book = _section(project, "book")
    for keys, known, what in ((project, TOP_KEYS, "key"), (book, BOOK_KEYS, "key under book")):
        unknown = sorted(set(map(str, keys)) - known)
        if unknown:
            raise Refusal(
                f"{PROJECT_FILE}: unknown {what} {', '.join(unknown)}; the portable renderer knows "
                f"{', '.join(sorted(known))}"
            )
    for needed in ("title", "author", "chapters"):
        if not book.get(needed):
            raise Refusal(f"{PROJECT_FILE}: book: {needed} is missing")
    return {**project, "book": book}


def _section(project: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = project.get(name) or {}
    if not isinstance(section, dict):
        raise Refusal(f"{PROJECT_FILE}: {name} must be keys and values")
    return section


def _listed(book: Mapping[str, Any], key: str) -> list[str]:
    listed = book.get(key) or []
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise Refusal(f"{PROJECT_FILE}: book: {key} must be a plain list of .qmd files")
    return listed


def _read(root: Path, name: str) -> str:
    path = root / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refusal(f"{PROJECT_FILE} lists {name}, which does not exist") from None
    except UnicodeDecodeError:
        raise Refusal(f"{name} is not UTF-8 text; save it as UTF-8") from None


def _existing(root: Path, name: str) -> Path:
    path = root / name
    if not path.is_file():
        raise Refusal(f"{PROJECT_FILE} names {name}, which does not exist")
    return path


_HEADING = re.compile(r"#\s+(?P<title>.*?)(?:\s+\{(?P<attributes>[^}]*)\})?\s*\Z")


def _title(chapter: Chapter) -> tuple[str, bool]:
    """Give the chapter's title, and whether its heading says `.unnumbered`."""
    if "title" in chapter.meta:
        return str(chapter.meta["title"]), False
    prose = [block.source for block in chapter.blocks if isinstance(block, Text)]
    for line in "\n".join(prose).splitlines():
        found = _HEADING.match(line)
        if found:
            attributes = found["attributes"] or ""
            return found["title"], ".unnumbered" in attributes or attributes.strip() == "-"
    raise Refusal(f"{chapter.name}: has neither a title in its front matter nor a # heading")


def _figures(options: Mapping[str, Any]) -> Figures:
    figure_format = str(options.get("fig-format", "svg"))
    if figure_format not in FIGURE_FORMATS:
        raise Refusal(
            f"{PROJECT_FILE}: fig-format {figure_format!r}; expected {', '.join(FIGURE_FORMATS)}"
        )
    try:
        width = float(options.get("fig-width", FIGURE_WIDTH))
        height = float(options.get("fig-height", FIGURE_HEIGHT))
    except (TypeError, ValueError):
        raise Refusal(f"{PROJECT_FILE}: fig-width and fig-height are numbers of inches") from None
    return Figures(width, height, figure_format)


def _author(author: object) -> str:
    authors = author if isinstance(author, list) else [author]
    return ", ".join(
        str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in authors
    )


def _plain(execute: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in execute.items() if k not in ("freeze", "enabled", "cache")}
