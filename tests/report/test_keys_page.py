"""`fv keys` and `docs/keys.md`: exactly the names that there are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fvlib.analysis.plan import DERIVED, PLAN, Analysis, Derived
from fvlib.cli import app
from fvlib.report import Report
from fvlib.report.listing import list_names
from tests.support.report_bundles import Contents

Open = Callable[..., Report]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "keys.md").read_text(encoding="utf-8")
ITEM = re.compile(r"^- `([^`]+)`(?:: (.*))?$", re.MULTILINE)


def sections(page: str) -> dict[str, str]:
    heading, *parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return {"": heading} | dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture
def planned(opened: Open) -> Report:
    """A report of the whole plan, with few results."""
    rows: list[Analysis | Derived] = [*PLAN, *DERIVED]
    plan = [{"id": row.id, "changes": row.changes, "outcome": row.outcome} for row in rows]
    return opened(Contents(manifest={"plan": plan}))


def test_the_page_lists_the_names_that_exist_and_no_other(planned: Report) -> None:
    now, page = sections(list_names(planned, values=False)), sections(PAGE)
    assert list(now) == list(page)
    for heading, text in now.items():
        told = dict(ITEM.findall(page[heading]))
        assert dict(ITEM.findall(text)).keys() == told.keys(), heading
        for name, columns in ITEM.findall(text):  # a refresh may have further ones
            assert set(columns.split(", ")) <= {*told[name].split(", "), "la"}, name
    numbers = next(heading for heading in now if heading.startswith("Numbers"))
    assert now[numbers] == page[numbers], "fv keys --names --to docs/keys.md"


def test_the_page_for_a_refresh_has_each_number_as_it_is(planned: Report) -> None:
    page = list_names(planned)
    for key, text in planned.q.items():
        assert f"- `{key}`: {' '.join(text.split())}\n" in page


@pytest.mark.parametrize("case", ["final", "interim", "not yet estimable", "no side tables"])
def test_a_listed_number_is_there_in_every_refresh(standing: Open, case: str) -> None:
    report = standing(case)
    listed = list_names(report, values=False).split("## Numbers")[1]
    for line in re.findall(r"^- (`.*)$", listed, re.MULTILINE):
        subjects, names = (re.findall(r"`([^`]+)`", part) for part in line.split(": "))
        for key in (subject + name for subject in subjects for name in names):
            hidden = key.rpartition(".")[2] in ("n", "events")  # a count may be masked
            assert key in report.q or hidden, key


def test_the_command_prints_and_writes_the_page(
    project: Path, opened: Open, tmp_path: Path
) -> None:
    opened(Contents(), "made-up")
    printed = CliRunner().invoke(app, ["keys", "made-up"])
    assert "- `P1.odds_ratio`: 0.79\n" in printed.stdout
    to = tmp_path / "keys.md"
    assert CliRunner().invoke(app, ["keys", "made-up", "--names", "--to", str(to)]).exit_code == 0
    assert to.read_text(encoding="utf-8").startswith("# What a chapter can ask for")
