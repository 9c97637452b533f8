"""Files of individual rows are their owner's alone, under any umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fvlib.owner_only import write_for_owner
from fvlib.synthetic.simulate import simulate


@pytest.fixture
def open_umask() -> Iterator[None]:
    if os.name != "posix":
        pytest.skip("no file modes here")
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_a_simulated_refresh_is_its_owners_alone(tmp_path: Path) -> None:
    folder = simulate("small", tmp_path, children=300)
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.usefixtures("open_umask")
def test_a_file_that_others_could_read_is_closed_and_a_link_not_followed(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "a.csv", tmp_path / "elsewhere.csv"
    path.write_text("old", encoding="utf-8")
    write_for_owner(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link = tmp_path / "link.csv"
    link.symlink_to(elsewhere)
    with pytest.raises(OSError, match="link"):
        write_for_owner(link, "rows")
    assert not elsewhere.exists()
