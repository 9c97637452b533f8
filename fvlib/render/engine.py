"""One call renders a refresh's report: with Quarto where it is, and by the portable renderer."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import typst

from fvlib.errors import Refusal
from fvlib.progress import show_count, timed
from fvlib.render import quarto
from fvlib.render.assemble import merge, to_html, to_typst
from fvlib.render.book import Book, Part, read_book
from fvlib.render.chapter_rules import check_chapters
from fvlib.render.edition import read_title_page, results_key
from fvlib.render.execute import execute
from fvlib.render.files import record_timing, replace_folder, write_atomically
from fvlib.render.notebook import skeleton, to_markdown
from fvlib.report.companions import check_companions
from fvlib.report.title_page import TitlePage

REPORTS: Final = "_report"
NOTEBOOKS: Final = "notebooks"
CHAPTERS: Final = "chapters"
QUARTO: Final = "quarto"
FORMATS: Final = ("html", "pdf")
ACCESSIBLE: Final = "ua-1"  # PDF/UA-1: typst refuses a picture or an equation without alt text
ENGINES: Final = ("auto", "quarto", "portable")


@dataclass(frozen=True, slots=True)
class RenderOutcome:
    """What was written: `html` and `pdf` are None where that format was not asked for."""

    html: Path | None
    pdf: Path | None
    notebooks: tuple[Path, ...]
    quarto: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The reports to open: HTML, then PDF."""
        return tuple(path for path in (self.html, self.pdf) if path is not None)


def render(
    root: Path,
    refresh: str,
    *,
    formats: tuple[str, ...] = FORMATS,
    engine: str = "auto",
    chapter: str | None = None,
    cache_key: str | None = None,
    title_page: TitlePage | None = None,
) -> RenderOutcome:
    """Render the report of one refresh to `_report/REFRESH/`.

    Parameters
    ----------
    root
        The project's folder, where `_quarto.yml` is.
    refresh
        The refresh's name: the chapters' `refresh` parameter.
    formats
        `html`, `pdf` or both.
    engine
        `portable`; `quarto`, which must then be on the PATH; or `auto`: Quarto where it is there
        and a PDF is asked for, and the portable renderer where Quarto fails, which is told.
        `report.html` is always the portable renderer's: one file to send.
    chapter
        One chapter alone (its file's stem), to `_report/REFRESH/chapters/`, always portable.
    cache_key
        Stands for the results and the code that chapters call: a chapter is executed again only
        when it, or the chapter's own code, changed. Without it: the released results, the register
        and the report's code.
    title_page
        What the report says of itself; without it, as the released results have it.

    Returns
    -------
    RenderOutcome
        The paths written.

    Raises
    ------
    Refusal
        Unknown format, engine or chapter; Quarto asked for and not there; a chapter that is not
        valid, or does what it can't; a cell that failed; a cross-reference that leads nowhere.
    """
    _check(formats, engine)
    book = checked_book(root)
    with_quarto = engine == "quarto" or (engine == "auto" and "pdf" in formats and quarto.found())
    if engine == "quarto":
        quarto.require()
    cache_key = results_key(root, refresh) if cache_key is None else cache_key
    title_page = read_title_page(root, refresh) if title_page is None else title_page
    folder = root / REPORTS / refresh
    alone = None if chapter is None else book.chosen(chapter)
    base = folder / "report" if alone is None else folder / CHAPTERS / alone.chapter.stem
    with_quarto = with_quarto and alone is None

    def portable(chosen: Sequence[str]) -> RenderOutcome:
        return _portable(
            book,
            alone,
            folder=folder,
            base=base,
            refresh=refresh,
            formats=chosen,
            cache_key=cache_key,
            title_page=title_page,
        )

    if not with_quarto:
        return portable(formats)
    # Run even where Quarto makes all that is asked for: to it, a cross-reference that leads nowhere
    # is only a warning.
    outcome = portable([name for name in formats if name == "html"])
    try:
        with timed("render: quarto", partial(record_timing, folder)):
            made = quarto.render(root, refresh, root / book.output_dir)
    except Refusal as refusal:
        if engine == "quarto":
            raise
        print(f"{refusal}\nThe PDF is the portable renderer's instead.", file=sys.stderr)
        shutil.rmtree(folder / QUARTO, ignore_errors=True)
        return portable(formats)
    replace_folder(made.folder, folder / QUARTO)
    pdf = None
    if "pdf" in formats:
        pdf = folder / "report.pdf"
        write_atomically(pdf, made.pdf.read_bytes())
    return RenderOutcome(outcome.html, pdf, outcome.notebooks, folder / QUARTO)


def checked_book(root: Path) -> Book:
    """Read the book, and look through its chapters before anything is computed for them.

    Raises
    ------
    Refusal
        A chapter is not valid, does what it can't (`chapter_rules`), or shows an interval without
        what must stand beside it (`fvlib.report.companions`).
    """
    book = read_book(root)
    check_chapters(part.chapter for part in book.parts)
    check_companions(root)
    return book


def _check(formats: Sequence[str], engine: str) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise Refusal(f"--to {','.join(formats) or 'nothing'}: expected {' or '.join(FORMATS)}")
    if engine not in ENGINES:
        raise Refusal(f"--engine {engine}: expected {', '.join(ENGINES)}")


def _portable(
    book: Book,
    alone: Part | None,
    *,
    folder: Path,
    base: Path,
    refresh: str,
    formats: Sequence[str],
    cache_key: str,
    title_page: TitlePage,
) -> RenderOutcome:
    chapters = [part.chapter for part in book.parts if alone in (None, part)]
    with (
        show_count("chapters", len(chapters)) as advance,
        timed("render: execute", partial(record_timing, folder)),
    ):
        notebooks = execute(
            chapters,
            book.root,
            folder / NOTEBOOKS,
            parameters={"refresh": refresh},
            figures=book.figures,
            cache_key=cache_key,
            progress=advance,
        )
    executed = [
        to_markdown(part.chapter, notebooks[part.chapter.name])
        if part.chapter in chapters
        else skeleton(part.chapter)
        for part in book.parts
    ]
    paths: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="fvlib-render-") as name:
        scratch = Path(name)
        document = merge(book, executed, scratch, alone)
        if "html" in formats or "pdf" not in formats:
            with timed("render: html", partial(record_timing, folder)):
                page = to_html(book, document, title_page, scratch)
            if "html" in formats:
                paths["html"] = base.with_suffix(".html")
                write_atomically(paths["html"], page.encode("utf-8"))
        if "pdf" in formats:
            with timed("render: pdf", partial(record_timing, folder)):
                source = to_typst(book, document, title_page, scratch)
                content = _typeset(source, scratch, title_page)
            paths["pdf"] = base.with_suffix(".pdf")
            write_atomically(paths["pdf"], content)
    kept = tuple(folder / NOTEBOOKS / f"{chapter.stem}.ipynb" for chapter in chapters)
    return RenderOutcome(paths.get("html"), paths.get("pdf"), kept)


def _typeset(source: str, scratch: Path, title_page: TitlePage) -> bytes:
    main = scratch / "main.typ"
    main.write_text(source, encoding="utf-8")
    day = title_page.data_date
    try:
        compiler = typst.Compiler(main, root=scratch, ignore_system_fonts=True)
        content = compiler.compile(
            format="pdf",
            pdf_standards=[ACCESSIBLE],
            timestamp=datetime(day.year, day.month, day.day, tzinfo=UTC),
        )
    except typst.TypstError as error:
        hints = " ".join(error.hints)
        raise Refusal(
            f"the PDF could not be set: {error.message} {hints}\n{error.diagnostic}"
        ) from None
    if not isinstance(content, bytes):
        raise TypeError("typst gives one PDF as bytes")
    return content
