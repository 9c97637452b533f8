"""A small trial built directly: the rows that analyses read, with a known effect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.toy_trial import toy_trial


@pytest.fixture()
def trial() -> Any:
    return toy_trial()
