"""The fixture book end to end: one page, one PDF, notebooks kept, refusals, Quarto's path."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from pypdf import PdfReader

from fvlib.errors import Refusal
from fvlib.render import RenderOutcome, book, execute, files
from tests.support.small_book import TITLE_PAGE, make_book, render_at

SETUP = '```{python}\n#| tags: [parameters]\nrefresh = "none"\n```\n\n'
A4_POINTS = (595, 842)
# Text of the PDF is set, not drawn: a table of four stations must be there word by word.
STATIONS = ("Station Days Share From To", "Birk† 180 53.3% 46.0% 61.0%", "Dore & Totley 181 30.1%")


def html_of(outcome: RenderOutcome) -> str:
    assert outcome.html is not None
    return outcome.html.read_text(encoding="utf-8")


def pdf_of(outcome: RenderOutcome) -> PdfReader:
    assert outcome.pdf is not None
    return PdfReader(outcome.pdf)


def pages_of(outcome: RenderOutcome) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pdf_of(outcome).pages]


def test_the_refresh_reaches_the_chapters(rendered: RenderOutcome) -> None:
    assert "This is the refresh called fixture, of 365 days and <em>52</em> weeks." in html_of(
        rendered
    )


def test_the_page_holds_everything_it_needs(rendered: RenderOutcome) -> None:
    html = html_of(rendered)
    assert '<html lang="en-GB">' in html
    sources = re.findall(r'\ssrc="([^"]{0,40})', html)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"<link(?![^>]*href=\"data:)", html)
    assert "url(" not in html
    assert "@import" not in html
    assert "<script src" not in html


def test_every_picture_has_its_words(rendered: RenderOutcome) -> None:
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', html_of(rendered))
    assert len(alts) == 3
    assert all(len(alt) > 20 for alt in alts)


def test_every_id_is_there_once_and_every_link_within_leads_somewhere(
    rendered: RenderOutcome,
) -> None:
    html = html_of(rendered)
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert sorted(set(ids)) == sorted(ids)
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets
    assert targets <= set(ids)


def test_tables_keep_alignment_groups_and_notes_on_the_page(rendered: RenderOutcome) -> None:
    html = html_of(rendered)
    table = html[html.index('<figure id="tbl-stations"') :]
    table = table[: table.index("</figure>")]
    assert 'style="text-align: right"' in table
    assert 'colspan="3"' in table  # the spanner
    assert "font-weight: bold" in table
    assert "font-family" not in table
    assert "<tfoot" not in table  # a long note would stretch the table
    assert table.index("</table>") < table.index('<div class="table-notes">')
    assert "† Birk's gauge was moved in March." in table


def test_title_page_and_metadata_of_the_pdf(rendered: RenderOutcome) -> None:
    first = pages_of(rendered)[0]
    for told in ("fixture", "30 September 2025", "fvlib 9.9.9", "Interim look & nothing more."):
        assert told in first
    pdf = pdf_of(rendered)
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Rainfall at five stations: the fixture report"
    assert pdf.metadata.creation_date is not None
    assert pdf.metadata.creation_date.date() == TITLE_PAGE.data_date
    root = pdf.trailer["/Root"]
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    assert tuple(round(side) for side in pdf.pages[0].mediabox[2:]) == A4_POINTS


def test_the_pdf_has_contents_numbers_heads_and_feet(rendered: RenderOutcome) -> None:
    pages = pages_of(rendered)
    assert "Contents" in pages[1]
    assert re.search(r"2 Tables, narrow and wide[ .]+\d", pages[1])
    assert "Appendix A Terms" in pages[1]
    later = next(page for page in pages if "Refresh fixture" in page and "Rain by month" in page)
    assert later
    heads = [page for page in pages if page.startswith("Rainfall at five stations: the fixture")]
    assert heads  # a page that no chapter opens has the running head


def test_tables_of_the_pdf_are_text_and_long_ones_repeat_their_head(
    rendered: RenderOutcome,
) -> None:
    pages = pages_of(rendered)
    joined = " ".join(pages)
    for line in STATIONS:
        assert line in joined
    assert "Shares of days with 0.2 mm or more." in joined
    assert "Table 2.1. Days with rain by station" in joined
    assert joined.count("Day Gauge Rain") >= 2
    outcome_pictures = sum(len(page.images) for page in pdf_of(rendered).pages)
    assert outcome_pictures == 0  # figures are drawn, tables are set: no bitmap


def test_numbers_of_the_pdf_stand_under_the_end_of_their_heading(
    rendered: RenderOutcome,
) -> None:
    laid_out = [page.extract_text(extraction_mode="layout") for page in pdf_of(rendered).pages]
    page = next(text for text in laid_out if "A long one, which must break" in text)
    lines = page[page.index("A long one, which must break") :].splitlines()
    head = next(line for line in lines if re.search(r"Day\s+Gauge\s+Rain", line))
    first = next(line for line in lines if re.search(r"1\s+Ashby\s+0", line))
    assert abs(len(head.rstrip()) - len(first.rstrip())) <= 1
    assert abs(head.index("Gauge") - first.index("Ashby")) <= 1


def test_the_pdf_shows_figures_references_and_forms(rendered: RenderOutcome) -> None:
    joined = " ".join(pages_of(rendered))
    for told in (
        "Figure 1.1. Rain by month at two stations. Birk lies higher.",
        "Figure 1.2. The gauges, drawn by hand.",
        "The answer is in Chapter 1, its picture in Figure 1.1, its numbers in Table 2.1",
        "see Figure 1.1",  # within a table
        "Gauges are read at nine.",
        "(Hussey and Hughes 2007)",
        "What this box says",
        "By month In months",
        "Only on paper.",
        "Equation (3.1)",
    ):
        assert told in joined
    assert "Only on the page." not in joined


def test_alt_texts_are_in_the_pdf(rendered: RenderOutcome) -> None:
    pdf = pdf_of(rendered)
    alts = {
        str(thing["/Alt"])
        for number in range(1, len(pdf.xref_objStm) + len(pdf.xref.get(0, {})) + 1)
        if isinstance(thing := pdf.get_object(number), dict) and "/Alt" in thing
    }
    assert "Five circles in a row, the gauges." in alts
    assert "u_k \\sim N(0, \\sigma^2)" in alts


@pytest.fixture
def copy(rendered: RenderOutcome, tmp_path: Path) -> Path:
    """The rendered book, to be changed."""
    assert rendered.html is not None
    root = tmp_path / "book"
    shutil.copytree(rendered.html.parents[2], root)
    return root


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the chapters that a kernel ran."""
    names: list[str] = []
    run = execute._run

    def noted(chapter: object, *rest: object) -> object:
        names.append(chapter.name)  # type: ignore[attr-defined]
        return run(chapter, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(execute, "_run", noted)
    return names


def test_a_second_render_gives_the_same_bytes(
    rendered: RenderOutcome, copy: Path, ran: list[str]
) -> None:
    for again in ("rain", "forms"):  # figures, and what is printed
        (copy / "_report" / "fixture" / "notebooks" / f"{again}.ipynb").unlink()
    outcome = render_at(copy)  # in another folder
    assert sorted(ran) == ["chapters/forms.qmd", "chapters/rain.qmd"]
    for mine, theirs in zip(
        (*outcome.paths, *outcome.notebooks), (*rendered.paths, *rendered.notebooks), strict=True
    ):
        assert mine.read_bytes() == theirs.read_bytes(), mine.name


def test_changed_words_execute_nothing_and_are_shown(copy: Path, ran: list[str]) -> None:
    chapter = copy / "chapters" / "rain.qmd"
    source = chapter.read_text(encoding="utf-8")
    changed = source.replace("Did Birk get more", "Has Birk had more")
    changed = changed.replace("Rain by month at two stations.", "Another caption.")
    chapter.write_text(changed, encoding="utf-8")
    outcome = render_at(copy, formats=("html",))
    assert ran == []
    html = html_of(outcome)
    assert "Has Birk had more rain than Ashby?" in html
    assert "Another caption." in html
    assert "Birk had 405 mm" in html


def test_changed_code_executes_its_chapter_alone(copy: Path, ran: list[str]) -> None:
    chapter = copy / "index.qmd"
    source = chapter.read_text(encoding="utf-8")
    chapter.write_text(source.replace("days = 365", "days = 366"), encoding="utf-8")
    assert "of 366 days" in html_of(render_at(copy, formats=("html",)))
    assert ran == ["index.qmd"]


def test_a_notebook_saved_by_hand_is_executed_again(copy: Path, ran: list[str]) -> None:
    path = copy / "_report" / "fixture" / "notebooks" / "index.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code[-1]["outputs"][0]["data"]["application/json"]["1"]["data"]["text/plain"] = "999"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert "of 365 days" in html_of(render_at(copy, formats=("html",)))
    assert ran == ["index.qmd"]


def test_notebooks_open_in_jupyter_and_hold_no_time_or_path(rendered: RenderOutcome) -> None:
    assert [path.name for path in rendered.notebooks] == [
        "index.ipynb",
        "rain.ipynb",
        "tables.ipynb",
        "forms.ipynb",
        "terms.ipynb",
    ]
    for path in rendered.notebooks:
        text = path.read_text(encoding="utf-8")
        nbformat.validate(nbformat.reads(text, as_version=4))
        assert "start_time" not in text
        assert "iopub" not in text
        assert str(path.parents[3]) not in text
        assert sys.executable not in text


def test_timings_are_appended_by_stage(copy: Path) -> None:
    path = copy / "_report" / "fixture" / "timings.csv"
    before = path.read_text(encoding="utf-8").splitlines()
    render_at(copy, formats=("html",))
    after = path.read_text(encoding="utf-8").splitlines()
    assert before[0] == "stage,seconds"
    assert [line.split(",")[0] for line in after[len(before) :]] == [
        "render: execute",
        "render: html",
    ]


def test_one_chapter_alone_keeps_its_numbers_and_leads_nowhere_else(
    copy: Path, ran: list[str]
) -> None:
    (copy / "_report" / "fixture" / "notebooks" / "rain.ipynb").unlink()
    outcome = render_at(copy, chapter="tables")
    assert ran == []
    assert outcome.html == copy / "_report" / "fixture" / "chapters" / "tables.html"
    html = html_of(outcome)
    assert "2</span> Tables, narrow and wide" in html
    assert "Question" not in html
    assert "see Figure\u00a01.1" in html  # named, as there is nothing to lead to
    assert 'href="#fig-months"' not in html
    assert "Table 2.1. Days with rain" in " ".join(pages_of(outcome))
    with pytest.raises(Refusal, match=r"no chapter 'rainn'.*there are index, rain, tables"):
        render_at(copy, chapter="rainn")


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chapters import what they can't, to stand for what the packages they may import do."""
    monkeypatch.setattr("fvlib.render.engine.check_chapters", lambda chapters: None)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("1 / 0", "chapters/a.qmd, line 8 (cell broken): ZeroDivisionError: division by zero"),
        (
            'from fvlib.errors import Refusal\nraise Refusal("no refresh x.\\nMake it.")',
            "chapters/a.qmd, line 8 (cell broken): no refresh x.\nMake it.",
        ),
        ("import os\nos._exit(1)", "chapters/a.qmd: its Python process ended before"),
    ],
    ids=["exception", "refusal", "kernel dies"],
)
@pytest.mark.usefixtures("unchecked")
def test_a_failing_cell_is_named_without_a_traceback(tmp_path: Path, code: str, told: str) -> None:
    chapter = f"# A\n\n{SETUP}```{{python}}\n#| label: broken\n{code}\n```\n"
    root = make_book(tmp_path, {"chapters/a.qmd": chapter})
    with pytest.raises(Refusal) as refused:
        render_at(root)
    assert str(refused.value).startswith(told)
    assert "Traceback" not in str(refused.value)
    assert not (root / "_report" / "fixture" / "report.html").exists()


@pytest.mark.usefixtures("unchecked")
def test_the_kernel_is_this_python_whatever_the_users_setup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "x.py").write_text("intruder = 1", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("IPYTHONDIR", str(home / ".ipython"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    setup = SETUP + (
        f"```{{python}}\nimport os, sys\ngiven = {sys.executable!r}\n```\n\n"
        "```{python}\n#| fig-alt: One bar, of no height.\nimport matplotlib.pyplot as plt\n"
        "_ = plt.bar(['a'], [0])\n```\n\n"
    )
    body = (
        "`{python} sys.executable == given`, `{python} 'intruder' in globals()`, "
        "`{python} os.environ['FVLIB_RENDER']`\n"
    )
    root = make_book(tmp_path, {"a.qmd": "# A\n\n" + setup + body})
    html = html_of(render_at(root, formats=("html",)))
    assert "<p>True, False, 1</p>" in html
    assert 'src="data:image/svg+xml' in html


def test_old_output_stays_whole_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    files.write_atomically(path, b"old")

    def broken(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(KeyboardInterrupt):
        files.write_atomically(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"formats": ("docx",)}, "--to docx"),
        ({"formats": ()}, "--to nothing"),
        ({"engine": "latex"}, "--engine latex"),
    ],
)
def test_unknown_formats_and_engines_are_refused(
    tmp_path: Path, options: dict[str, object], told: str
) -> None:
    with pytest.raises(Refusal, match=told):
        render_at(make_book(tmp_path, {"a.qmd": "# A\n"}), **options)


def test_the_projects_own_book_can_be_read() -> None:
    read = book.read_book(Path(__file__).parents[2])
    assert read.parts[0].chapter.name == "index.qmd"
    assert read.output_dir == "_report/quarto"  # Quarto empties it: nothing else may lie there


def test_without_a_project_file_the_refusal_says_so(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"_quarto\.yml not found"):
        render_at(tmp_path)


# Quarto's part, against a stand-in that notes how it was called and writes as Quarto would.
STAND_IN = """#!{python}
import json, os, pathlib, sys
out = pathlib.Path("_report/quarto")
out.mkdir(parents=True, exist_ok=True)
(out / "index.html").write_text("quarto's page", encoding="utf-8")
(out / "A-small-book.pdf").write_bytes(b"quarto's pdf")
(out / "call.json").write_text(json.dumps([sys.argv[1:], os.environ["QUARTO_PYTHON"]]))
sys.exit({status})
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    if sys.platform == "win32":
        pytest.skip("the stand-in for quarto is a script with a shebang")

    def put(status: int = 0) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        script = folder / "quarto"
        script.write_text(STAND_IN.format(python=sys.executable, status=status), encoding="utf-8")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return put


def no_quarto(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def test_quarto_renders_the_pdf_and_the_page_stays_ours(
    tmp_path: Path, stand_in: Callable[[int], None]
) -> None:
    stand_in(0)
    root = make_book(tmp_path, {"a.qmd": "# A\n"})
    for name in ("quarto", "auto", "quarto"):  # a second run replaces what the first left
        outcome = render_at(root, engine=name)
        folder = root / "_report" / "fixture"
        assert outcome.paths == (folder / "report.html", folder / "report.pdf")
        assert (folder / "report.pdf").read_bytes() == b"quarto's pdf"
        assert "A small book" in html_of(outcome)
        assert (folder / "quarto" / "index.html").read_text(encoding="utf-8") == "quarto's page"
    call, python = json.loads((folder / "quarto" / "call.json").read_text(encoding="utf-8"))
    assert call == ["render", "-P", "refresh:fixture"]
    assert python == sys.executable
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "notebooks",
        "quarto",
        "report.html",
        "report.pdf",
        "timings.csv",
    ]


def test_a_lost_reference_is_refused_though_quarto_would_only_warn(
    tmp_path: Path, stand_in: Callable[[int], None]
) -> None:
    stand_in(0)
    root = make_book(tmp_path, {"a.qmd": "# A\n\nSee @fig-none.\n"})
    with pytest.raises(Refusal, match="@fig-none leads to nothing"):
        render_at(root, engine="quarto", formats=("pdf",))
    assert not (root / "_report" / "fixture" / "report.pdf").exists()


def test_quartos_failure_is_told(tmp_path: Path, stand_in: Callable[[int], None]) -> None:
    stand_in(3)
    with pytest.raises(Refusal, match=r"quarto render failed \(exit 3\)"):
        render_at(make_book(tmp_path, {"a.qmd": "# A\n"}), engine="quarto")


def test_where_quarto_fails_the_portable_pdf_stands_in_and_it_is_told(
    tmp_path: Path, stand_in: Callable[[int], None], capfd: pytest.CaptureFixture[str]
) -> None:
    root = make_book(tmp_path, {"a.qmd": "# A\n"})
    folder = root / "_report" / "fixture"
    (folder / "quarto").mkdir(parents=True)
    (folder / "quarto" / "index.html").write_text("an older book", encoding="utf-8")
    (folder / "report.pdf").write_bytes(b"an older pdf")
    stand_in(3)
    outcome = render_at(root, engine="auto")
    assert outcome.paths == (folder / "report.html", folder / "report.pdf")
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert not (folder / "quarto").exists()
    told = capfd.readouterr().err
    assert "quarto render failed (exit 3)" in told
    assert "The PDF is the portable renderer's instead." in told


def test_the_page_alone_is_quick_though_quarto_is_there(
    tmp_path: Path, stand_in: Callable[[int], None]
) -> None:
    stand_in(3)  # it would fail, were it called
    root = make_book(tmp_path, {"a.qmd": "# A\n"})
    outcome = render_at(root, engine="auto", formats=("html",))
    assert outcome.paths == (root / "_report" / "fixture" / "report.html",)


def test_without_quarto_it_is_asked_for_by_name_or_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_book(tmp_path, {"a.qmd": "# A\n"})
    no_quarto(monkeypatch, tmp_path)
    with pytest.raises(Refusal, match=r"Install Quarto 1\.9"):
        render_at(root, engine="quarto")
    assert render_at(root, engine="auto").pdf == root / "_report" / "fixture" / "report.pdf"
