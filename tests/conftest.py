"""A small synthetic refresh in a project folder of its own, made once a test run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fvlib.synthetic.simulate import simulate
from tests.support.sent_files import Sender, good_files

ROOT = Path(__file__).parents[1]
CHILDREN = 3000
# No test fails because the machine is slow.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# What simulates, fits or renders a whole refresh.
WHOLE = {"small_project", "rendered", "soiled"}
# What a run leaves behind.
NOT_RUN = shutil.ignore_patterns("results", "_report", ".cache", "set-aside")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to `make quick` a test's first case, and that only if it needs no whole refresh."""
    seen: set[str] = set()
    for item in items:
        case, _, _ = item.nodeid.partition("[")
        if case in seen or WHOLE & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.thorough)
        seen.add(case)


@pytest.fixture(scope="session")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the refresh `small`: 3,000 children, realistic dirt, three imputations."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "_quarto.yml", root)
    shutil.copy(ROOT / "index.qmd", root)
    shutil.copytree(ROOT / "chapters", root / "chapters")
    (root / "params").mkdir()
    simulate("small", root, children=CHILDREN, seed=7)
    params = root / "params" / "small.yml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("imputations: 20", "imputations: 3"), encoding="utf-8")
    return root


@pytest.fixture()
def project(small_project: Path, tmp_path: Path) -> Path:
    """A copy of the small project, nothing run yet, that a test may change."""
    root = tmp_path / "project"
    shutil.copytree(small_project, root, ignore=NOT_RUN)
    return root


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    return Sender(tmp_path, dict(good_files()))
