"""What a chapter can't do is refused with its line; all else passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fvlib.errors import Refusal
from fvlib.render import checked_book
from fvlib.render.chapter_rules import faults, typed_numbers
from fvlib.render.qmd import Chapter, parse
from tests.support.small_book import make_book

SETUP = '```{python}\n#| tags: [parameters]\nrefresh = "none"\n```\n\n'


def with_code(code: str) -> Chapter:
    return parse(f"{SETUP}```{{python}}\n#| echo: false\n{code}\n```\n", "chapters/a.qmd")


@pytest.mark.parametrize(
    "code",
    [
        "import pandas as pd\nfrom plotnine import *\nimport statsmodels.formula.api as smf",
        "import matplotlib.pyplot as plt\nimport great_tables as gt\nimport numpy as np, math",
        "from fvlib.report import open_report\nreport = open_report(refresh)",
        "from IPython.display import Markdown",
        'pd.read_csv("chapters/published.csv")',
        'crude = report.data("crude")\n100 * crude["events"] / crude["n"]',
        'report.show(crude.groupby("la")["n"].sum().reset_index())',
        'labs(caption="https://www.gov.uk", title="Children looked after")',
    ],
)
def test_computing_on_released_numbers_is_free(code: str) -> None:
    assert faults(with_code(code)) == []


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ('pd.read_csv("data/2024-04/sefton/referrals.csv")', "read_csv"),
        ('pd.read_csv("../data/2024-04/sefton/referrals.csv")', "read_csv"),
        ('pd.read_csv(filepath_or_buffer="results/2024-04/tables/crude.csv")', "read_csv"),
        ('pd.read_csv(f"data/{refresh}/la_context.csv")', "read_csv"),
        ('pd.read_csv("/home/someone/referrals.csv")', "read_csv"),
        ('pd.read_csv("C:/extracts/referrals.csv")', "read_csv"),
        ('pd.read_json("https://example.org/rates.json")', "read_json"),
        ('folder = "data"\nopen(folder).read()', "open"),
        ("report.bundle.folder.read_text()", "read_text"),
        ('statsmodels.datasets.get_rdataset("Guerry")', "get_rdataset"),
        ("import requests", "requests"),
        ("from urllib.request import urlopen", "urllib"),
        ("import os", "import os"),
        ("from fvlib.intake import load_extracts", "fvlib.intake"),
        ("from fvlib import trial", "import fvlib"),
        ("import fvlib.report.report", "fvlib.report.report"),
        ('exec("import os")', "exec"),
        ("!curl example.org", "not Python"),
        ('frame[["child_id", "n"]]', "child_id"),
        ("frame.child_id", "child_id"),
    ],
)
def test_data_the_network_and_children_are_refused_with_the_line(code: str, told: str) -> None:
    found = faults(with_code(f"x = 1\n{code}"))
    assert found
    line = 8 + 1 + code.count("\n")  # the cell's first line of code is the file's eighth
    assert any(one.startswith(f"chapters/a.qmd, line {line}: ") and told in one for one in found)


def test_an_inline_expression_is_looked_through_too() -> None:
    chapter = parse(f'{SETUP}Words.\n\nIt is `{{python}} open("x/../data")`.\n', "a.qmd")
    assert [told.partition(":")[0] for told in faults(chapter)] == ["a.qmd, line 8"]


def test_a_render_refuses_before_it_runs_anything(tmp_path: Path) -> None:
    code = "```{python}\nimport socket\n```\n"
    root = make_book(tmp_path, {"one.qmd": f"# One\n\n{SETUP}{code}"})
    with pytest.raises(Refusal, match=r"^one\.qmd, line 9: a chapter can't import socket"):
        checked_book(root)


def test_a_render_names_the_section_that_shows_an_interval_alone(tmp_path: Path) -> None:
    text = '## Result\n\nIt is `{python} report.q["P1.odds_ratio_ci"]`.\n'
    root = make_book(tmp_path, {"index.qmd": f"# One\n\n{SETUP}{text}"})
    told = r"index\.qmd, section 'Result': P1\.odds_ratio_ci stands without .*la-period.*X4-P1"
    with pytest.raises(Refusal, match=told):
        checked_book(root)


@pytest.mark.parametrize(
    "text",
    [
        'The ratio is `{python} report.q["P1.odds_ratio"]`.',
        "See @fig-forest-2, [the form](https://example.org/17) and `code 5`.",
        "P1 and S3 were chosen in 2019 (@smith2015).",
        "1. A list\n2. of two",
        "Under section [47]{.fixed} of the Act.",
        "```\n12 lines of code\n```\n\n$$\n\\sqrt{2}\n$$\n\n<!-- 3 things -->\n\nWith $n > 2$.",
    ],
)
def test_what_no_refresh_changes_may_be_typed(text: str) -> None:
    assert typed_numbers(parse(f"{SETUP}{text}\n", "a.qmd")) == []


@pytest.mark.parametrize("typed", ["0.79", "78,015", "4 %", "7"])
def test_a_number_of_the_trial_that_is_typed_is_told_with_its_line(typed: str) -> None:
    chapter = parse(f"{SETUP}Words.\n\nThe result is {typed}, so far.\n", "a.qmd")
    (told,) = typed_numbers(chapter)
    assert told.startswith(f"a.qmd, line 8: the number {typed.removesuffix(' %')} is typed")


def test_a_number_in_a_caption_is_told_too() -> None:
    cell = '```{python}\n#| label: tbl-a\n#| tbl-cap: "All 400 of them"\nreport.table("a")\n```\n'
    assert "the number 400" in typed_numbers(parse(SETUP + cell, "a.qmd"))[0]
