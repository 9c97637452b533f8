"""What a researcher changes in a chapter, and a chapter of one's own, rendered as they are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lxml import html

from fvlib.render import render
from tests.support import report_bundles

ROOT = Path(__file__).resolve().parents[2]
# Seven numbers in one's own words, with what must stand beside the interval.
WORDS = """\
## Result

Of `{python} report.q["P1.n"]` children, `{python} report.q["P1.events"]` became looked after. The
odds were `{python} report.q["P1.odds_ratio"]` times as high
`{python} report.q["P1.odds_ratio_ci"]`, a difference of
`{python} report.q["P1.risk_difference"]`; the stricter model agrees
`{python} report.q["la-period.odds_ratio_ci"]`, the test says `{python} report.q["X4-P1.p"]`.
"""
TABLE = """\
report.table("crude").edit(
    lambda gt: gt.cols_hide("missing").cols_label(n="Followed").fmt_percent("mean", decimals=2)
)
"""
FIGURE = """\
from plotnine import labs, scale_fill_manual

report.plot("crude_rate") + scale_fill_manual(values=["#ffffff", "#009e73"]) + labs(title="Mine")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose primary chapter was edited, and whose skeleton was copied and named."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "index.qmd", root)
    shutil.copytree(ROOT / "chapters", root / "chapters")
    report_bundles.write(root / "results" / "synthetic")
    primary = root / "chapters" / "primary.qmd"
    text = primary.read_text(encoding="utf-8")
    cells = "\n\n".join(re.findall(r"^```\{python\}\n#\| (?:tags|label: open).*?^```", text,
                                   re.MULTILINE | re.DOTALL))  # fmt: skip
    own = [
        f'```{{python}}\n#| label: tbl-mine\n#| tbl-cap: "Mine"\n{TABLE}```',
        f'```{{python}}\n#| label: fig-mine\n#| fig-cap: "Mine"\n#| fig-alt: "Mine"\n{FIGURE}```',
    ]
    primary.write_text(
        "\n\n".join(["---\ntitle: Primary\n---", cells, WORDS, *own]) + "\n", encoding="utf-8"
    )
    skeleton = (root / "chapters" / "_skeleton.qmd").read_text(encoding="utf-8")
    (root / "chapters" / "rates.qmd").write_text(
        skeleton.replace("skeleton", "rates"), encoding="utf-8"
    )
    book = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    (root / "_quarto.yml").write_text(
        book.replace("    - chapters/primary.qmd\n",
                     "    - chapters/primary.qmd\n    - chapters/rates.qmd\n"),
        encoding="utf-8",
    )  # fmt: skip
    return root


def page(root: Path, chapter: str) -> html.HtmlElement:
    outcome = render(root, "synthetic", engine="portable", chapter=chapter)
    assert outcome.html is not None
    return html.fromstring(outcome.html.read_text(encoding="utf-8"))


def test_an_edited_chapter_renders_as_its_author_wrote_it(root: Path) -> None:
    tree = page(root, "primary")
    text = " ".join(tree.text_content().split())
    assert "Of 77,905 children, 3,120 became looked after." in text
    assert "the test says p = 0.083." in text
    (table,) = tree.iter("table")
    head = [cell.text_content() for cell in table.find("thead").iter("th")]
    assert head[1] == "Followed"
    assert "Missing" not in head
    assert "4.58%" in table.text_content()
    assert "[c]" in table.text_content()


def test_a_copy_of_the_skeleton_renders(root: Path) -> None:
    tree = page(root, "rates")
    assert len(list(tree.iter("table"))) == 2
    assert len(list(tree.iter("img"))) == 1
    text = " ".join(tree.text_content().split())
    assert "The odds ratio was 0.79 (95" in text
    assert "Table 3.1 shows what was counted" in text
