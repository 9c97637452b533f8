"""What a run says of itself while it runs."""

from __future__ import annotations

import pytest

from fvlib.progress import show_count, show_stage


def test_elsewhere_than_on_a_terminal_every_tenth_is_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with show_stage("load"), show_count("analyses", 23) as advance:
        for i in range(23):
            advance(f"row {i}")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "load",
        "analyses: 10 of 23",
        "analyses: 20 of 23",
        "analyses: 23 of 23",
    ]
