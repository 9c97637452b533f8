"""The reader takes Quarto's documented syntax, gives it back unchanged, and refuses the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvlib.errors import Refusal
from fvlib.render.qmd import Cell, Chapter, Text, parse, substitute

SETUP = '```{python}\n#| tags: [parameters]\nrefresh = "x"\n```\n'


def cells_of(source: str) -> tuple[Cell, ...]:
    return parse(SETUP + source, "chapters/a.qmd").cells[1:]


def texts_of(source: str) -> list[Text]:
    return [b for b in parse(SETUP + source, "a.qmd").blocks if isinstance(b, Text)]


def test_a_cell_keeps_code_options_and_line() -> None:
    cell = cells_of(
        'Words.\n\n```{python}\n#| label: fig-x\n#| fig-cap: "C: d"\n'
        '#| fig-alt: "A"\n\nx = 1  #| not an option\n```\n'
    )[0]
    assert cell.code == "\nx = 1  #| not an option"
    assert cell.options == {"label": "fig-x", "fig-cap": "C: d", "fig-alt": "A"}
    assert cell.line == 7


def test_front_matter_is_read_and_the_bom_and_crlf_are_taken_off() -> None:
    chapter = parse("\ufeff---\r\ntitle: Rain\r\n---\r\n\r\nWords.\r\n", "a.qmd")
    assert chapter.meta == {"title": "Rain"}
    assert chapter.blocks == (Text("\nWords.\n", 4),)


def test_inline_expressions_are_found_in_prose_and_not_in_code_blocks() -> None:
    text = texts_of(
        "A `{python} x + 1` b `{python}  y`.\n\n````md\n```\n`{python} z`\n```\n````\n"
    )[0]
    assert text.expressions == ("x + 1", "y")


def test_values_stand_where_their_expressions_stood() -> None:
    text = texts_of("A `{python} x` b.\n\n```\n`{python} no`\n```\n\nC `{python} y`.\n")[0]
    assert substitute(text, ["1", r"2\1"]) == (
        "A 1 b.\n\n```\n`{python} no`\n```\n\nC " r"2\1" ".\n"
    )


def test_a_fence_inside_a_longer_fence_is_text() -> None:
    assert cells_of("````md\n```{python}\nx\n```\n````\n") == ()


def test_plain_and_raw_code_blocks_are_text() -> None:
    assert (
        cells_of("```python\nx\n```\n\n```{.python}\ny\n```\n\n```{=html}\n<b>z</b>\n```\n") == ()
    )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("```{python}\n#| echo: perhaps\n1\n```", "echo: 'perhaps'; expected true or false"),
        ("```{python}\n#| output: half\n1\n```", "output: 'half'"),
        ("```{python}\n#| label: a b\n1\n```", "label 'a b'"),
        ("```{python}\n#| label: fig-a\n#| fig-cap: C\n1\n```", "fig-a has no fig-alt"),
        ("```{python}\n#| label: tbl-a\n1\n```", "tbl-a has no tbl-cap"),
        ("```{python}\n#| tbl-cap: C\n1\n```", "tbl-cap needs a label that begins tbl-"),
        ("```{python}\n#| tbl-cap: [C]\n1\n```", "tbl-cap must be a text"),
        ('```{python}\n#| fig-cap: "`{python} x`"\n1\n```', "inline code in fig-cap"),
        ("```{python}\n#| label: [\n1\n```", "not valid YAML"),
        ("```{python}\n1", "never ends"),
        ("```{r}\n1\n```", "language 'r'"),
        ("```{mermaid}\nx\n```", "language 'mermaid'"),
        ("```{python fig-cap='x'}\n1\n```", "write options as #| lines"),
        ("- item\n\n  ```{python}\n  1\n  ```", "left margin"),
        ("{{< video https://example.org >}}", "shortcode 'video'"),
        ("An `{r} x` value.", "inline code of language 'r'"),
        ("```{python}\n#| tags: [parameters]\n1\n```", "a second cell tagged parameters"),
    ],
)
def test_what_is_not_known_is_refused_by_name_and_line(source: str, told: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(SETUP + source, "chapters/a.qmd")
    assert told in str(refused.value)
    assert str(refused.value).startswith("chapters/a.qmd, line ")


def test_an_option_that_only_quarto_knows_is_passed_over_with_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chapter = parse(SETUP + "```{python}\n#| fig-width: 3\n1\n```", "chapters/a.qmd")
    assert chapter.cells[-1].code == "1"
    told = capsys.readouterr().err
    assert told.startswith("chapters/a.qmd, line ") and "'fig-width'" in told


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("---\ntitle: x\n", "never ends"),
        ("---\ntitle: [\n---\n", "not valid YAML"),
        ("---\n- x\n---\n", "must be keys and values"),
        ("---\nparams: {a: 1}\n---\n", "unknown front matter key 'params'"),
        ("---\nexecute: {daemon: true}\n---\n", "unknown execute option 'daemon'"),
        ("---\nengine: knitr\n---\n", "engine 'knitr'"),
        ("```{python}\n1\n```\n", "none tagged parameters"),
        ("Only `{python} x` here.\n", "Quarto would print it"),
    ],
)
def test_a_chapter_that_quarto_would_misread_is_refused(source: str, told: str) -> None:
    with pytest.raises(Refusal, match=r"a\.qmd") as refused:
        parse(source, "a.qmd")
    assert told in str(refused.value)


def test_cell_options_go_before_the_chapters_and_those_before_the_projects() -> None:
    source = "---\nexecute:\n  echo: true\n---\n" + SETUP + "```{python}\n#| echo: false\n1\n```\n"
    chapter = parse(source, "a.qmd", {"echo": False, "warning": False})
    first, second = chapter.cells
    assert chapter.option(first, "echo", default=True) is True
    assert chapter.option(second, "echo", default=True) is False
    assert chapter.option(first, "warning", default=True) is False


LINES = st.text(
    st.characters(
        codec="utf-8", exclude_characters="\r\n`~{}#|\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    ),
    max_size=30,
)
CODE = st.lists(LINES, max_size=4).map("\n".join)
PROSE = st.lists(LINES, min_size=1, max_size=4).map("\n".join).filter(lambda t: bool(t.strip()))


@given(st.lists(st.tuples(PROSE, CODE), max_size=4))
def test_reading_and_writing_are_inverse(pieces: list[tuple[str, str]]) -> None:
    source = SETUP + "".join(
        f"{prose}\n```{{python}}\n#| echo: true\n{code}\n```\n" for prose, code in pieces
    )
    chapter = parse(source, "a.qmd")
    assert [cell.code for cell in chapter.cells[1:]] == [code for _, code in pieces]
    assert [b.source for b in chapter.blocks if isinstance(b, Text)] == [p for p, _ in pieces]
    again: Chapter = parse(chapter.to_markdown(), "a.qmd")
    assert again == chapter
