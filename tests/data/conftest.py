from __future__ import annotations

from pathlib import Path

import pytest
from sent_files import Sender, good_files


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    return Sender(tmp_path, dict(good_files()))
