"""A phrases file without words: each template says which it is and what it was given.

Tests of what the report says assert on these, so that the words themselves may be changed freely.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fvlib.report.words.phrase_keys import PHRASES


def tag(key: str, state: str = "") -> str:
    """What a filled template begins with."""
    return f"[{key}.{state}" if state else f"[{key}"


def given(name: str, value: str) -> str:
    """How a filled template shows a value that it was given."""
    return f"{name}=<{value}>"


def template(key: str, state: str) -> str:
    values = [given(name, f"{{{name}}}") for name in PHRASES[key][state]]
    return " ".join([tag(key, state), *values]) + "]"


def write_tagged(path: Path) -> None:
    """Write the file, with every phrase in every state."""
    content: dict[str, dict[str, Any]] = {}
    for key, states in PHRASES.items():
        group, _, name = key.partition(".")
        texts = {state: template(key, state) for state in states}
        content.setdefault(group, {})[name] = texts.get("", texts)
    path.write_text(yaml.safe_dump(content, width=10_000), encoding="utf-8")
