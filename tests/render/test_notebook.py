"""Chapters as notebooks: what is executed again, and what an output may be."""

from __future__ import annotations

import base64

import pytest
from nbformat import NotebookNode, validate

from fvlib.errors import Refusal
from fvlib.render.notebook import (
    adopt_outputs,
    as_node,
    execution_key,
    seal,
    sealed,
    skeleton,
    to_markdown,
    to_notebook,
)
from fvlib.render.qmd import Chapter, parse

SETUP = '```{python}\n#| tags: [parameters]\nrefresh = "x"\n```\n\n'
BODY = (
    "Value `{python} x`.\n\n"
    '```{python}\n#| label: fig-a\n#| fig-cap: "C"\n#| fig-alt: "A"\nx\n```\n'
)


def chapter_of(body: str) -> Chapter:
    return parse(SETUP + body, "chapters/a.qmd")


def key_of(body: str, refresh: str = "r", extra: str = "k") -> str:
    return execution_key(to_notebook(chapter_of(body)), {"refresh": refresh}, extra)


def with_output(body: str, data: dict[str, str]) -> tuple[Chapter, NotebookNode]:
    chapter = chapter_of(body)
    notebook = to_notebook(chapter)
    notebook.cells[-1].outputs = [
        as_node({"output_type": "display_data", "data": data, "metadata": {}})
    ]
    return chapter, notebook


def test_words_and_captions_do_not_change_the_key() -> None:
    changed = BODY.replace("Value", "The value").replace('"C"', '"Another caption"')
    assert key_of(BODY) == key_of(changed)


@pytest.mark.parametrize(
    "other",
    [
        key_of(BODY.replace("\nx\n", "\nx + 1\n")),
        key_of(BODY.replace("{python} x", "{python} y")),
        key_of(BODY, refresh="s"),
        key_of(BODY, extra="l"),
    ],
    ids=["code", "inline expression", "parameter", "results"],
)
def test_whatever_decides_results_changes_the_key(other: str) -> None:
    assert key_of(BODY) != other


def test_the_notebook_is_valid_and_its_ids_are_fixed() -> None:
    notebook = to_notebook(chapter_of(BODY))
    validate(notebook)
    assert [cell.id for cell in notebook.cells] == ["cell-0", "text-1", "inline-1", "cell-2"]
    assert notebook.cells[0].metadata.tags == ["parameters"]


def test_a_notebook_changed_by_hand_is_not_taken_for_the_executed_one() -> None:
    _, notebook = with_output(BODY, {"text/plain": "1"})
    seal(notebook, "key")
    assert sealed(notebook, "key")
    assert not sealed(notebook, "other key")
    notebook.cells[-1].outputs[0].data["text/plain"] = "2"
    assert not sealed(notebook, "key")


def test_kept_outputs_go_to_the_chapter_with_new_words() -> None:
    _, kept = with_output(BODY, {"text/plain": "1"})
    injected = as_node(
        {
            "cell_type": "code",
            "id": "injected",
            "metadata": {"tags": ["injected-parameters"]},
            "source": "refresh = 'r'",
            "execution_count": 2,
            "outputs": [],
        }
    )
    kept.cells.insert(1, injected)
    renewed = adopt_outputs(to_notebook(chapter_of(BODY.replace("Value", "New"))), kept)
    assert [cell.id for cell in renewed.cells][:2] == ["cell-0", "injected"]
    assert renewed.cells[2].source.startswith("\nNew") or "New" in renewed.cells[2].source
    assert renewed.cells[-1].outputs[0].data["text/plain"] == "1"


def test_a_picture_becomes_a_labelled_div_with_its_alt_text() -> None:
    body = BODY.replace('"A"', "'An \"odd\" picture'")
    executed = to_markdown(*_values(*with_output(body, {"image/svg+xml": "<svg/>"})))
    assert (
        '::: {#fig-a}\n\n![](figures/a-fig-a.svg){fig-alt="An \\"odd\\" picture"}'
        in executed.markdown
    )
    assert executed.images[0].data == b"<svg/>"


def test_markdown_goes_before_html_and_pictures_before_text() -> None:
    body = "```{python}\n#| fig-alt: A\n1\n```\n"
    both = {"text/markdown": "*m*", "text/html": "<i>h</i>", "text/plain": "p"}
    assert "*m*" in to_markdown(*with_output(body, both)).markdown
    png = {"image/png": base64.b64encode(b"png").decode(), "text/plain": "<Figure>"}
    executed = to_markdown(*with_output(body, png))
    assert executed.images[0].data == b"png"
    assert "<Figure>" not in executed.markdown


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"image/svg+xml": "<svg/>"}, "has no fig-alt"),
        ({"text/html": "<table></table>"}, "the cell prints HTML"),
        ({"application/pdf": "x"}, "application/pdf cannot be shown"),
    ],
)
def test_an_output_that_cannot_be_shown_well_is_refused(data: dict[str, str], told: str) -> None:
    with pytest.raises(Refusal, match=r"chapters/a\.qmd, line \d+") as refused:
        to_markdown(*with_output("```{python}\n1\n```\n", data))
    assert told in str(refused.value)


def test_plain_inline_values_are_escaped_and_markdown_is_not() -> None:
    chapter = chapter_of("A `{python} x` b `{python} y` c `{python} z`.\n\n```{python}\n1\n```\n")
    notebook = to_notebook(chapter)
    _give(
        notebook,
        {"text/plain": "'a_b*'"},
        {"text/markdown": "*m*", "text/plain": "<Markdown>"},
        {"text/plain": "0.5"},
    )
    assert "A a\\_b\\* b *m* c 0.5." in to_markdown(chapter, notebook).markdown


def test_a_failed_inline_expression_is_refused_with_its_line() -> None:
    chapter = chapter_of("Words.\n\nMore `{python} x`.\n\n```{python}\n1\n```\n")
    notebook = to_notebook(chapter)
    result: dict[str, object] = {"0": {"status": "error", "ename": "NameError", "evalue": "no x"}}
    _outputs(notebook, result)
    with pytest.raises(Refusal, match=r"chapters/a.qmd, line 8: .*NameError: no x"):
        to_markdown(chapter, notebook)


def test_a_skeleton_keeps_headings_and_labels_and_runs_nothing() -> None:
    markdown = skeleton(chapter_of("# T {#sec-t}\n\n" + BODY)).markdown
    assert "# T {#sec-t}" in markdown
    assert "::: {#fig-a}" in markdown
    assert "{python}" not in markdown


def _outputs(notebook: NotebookNode, results: dict[str, object]) -> None:
    cell = next(cell for cell in notebook.cells if cell.id.startswith("inline"))
    cell.outputs = [
        as_node(
            {
                "output_type": "display_data",
                "data": {"application/json": results},
                "metadata": {},
            }
        )
    ]


def _give(notebook: NotebookNode, *values: dict[str, str]) -> None:
    _outputs(notebook, {str(i): {"status": "ok", "data": value} for i, value in enumerate(values)})


def _values(chapter: Chapter, notebook: NotebookNode) -> tuple[Chapter, NotebookNode]:
    _give(notebook, {"text/plain": "1"})
    return chapter, notebook
