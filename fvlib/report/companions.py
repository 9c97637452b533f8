"""What must stand beside an outcome's interval or p, in the same section of a chapter.

With five LAs the protocol's interval never stands alone: the model with an LA x period intercept
and the permutation test stand with it (analysis plan, "How a result is worded"). A chapter is free
to say so in its own words; this looks for the numbers, and a render names the section that lacks
one. A notebook at work is only warned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fvlib import protocol
from fvlib.errors import Refusal
from fvlib.report.words.phrases import FILE as PHRASES
from fvlib.report.words.phrases import names_in, read_phrases
from fvlib.report.words.results import nested_of, permutation_of

KEY: Final = re.compile(r"""\bq\[["']([^"']+)["']\]""")  # report.q, or a shorter name for it
HEADING: Final = re.compile(r"^##\s+(.+?)\s*(?:\{[^}]*\})?$", re.MULTILINE)
FENCE: Final = re.compile(r"^```(?!\{python).*?^```", re.MULTILINE | re.DOTALL)
# Sentences that give an outcome's interval or p, and those that give what stands beside it.
TELLING: Final = frozenset({"lead", "result", "plain", "p", "p_adjusted"})
BESIDE: Final = frozenset({"beside", "result", "plain"})
# What the sentences beside a result must name: phrase, state, and whether a name will do.
GUARD, PERMUTATION = ("results.guard", "estimated"), ("results.permutation", "estimated")


def check_companions(root: Path) -> None:
    """Look through all chapters of a project, and the phrases that they use.

    Raises
    ------
    Refusal
        A section shows an outcome's interval or p, and not what must stand beside it.
    """
    found = companions_lacking(root)
    if found:
        raise Refusal("\n".join(found))


def companions_lacking(root: Path) -> list[str]:
    """Say which section of which chapter shows an interval or p alone, and what it lacks."""
    found = [
        f"{path.relative_to(root).as_posix()}, section {section!r}: {told}"
        for path in (root / "index.qmd", *sorted((root / "chapters").glob("*.qmd")))
        if path.is_file()
        for section, told in lacking(path.read_text(encoding="utf-8"))
    ]
    return found + (list(phrases_lacking(root / PHRASES)) if (root / PHRASES).is_file() else [])


def lacking(source: str) -> Iterator[tuple[str, str]]:
    """Yield the sections of a chapter that show an interval or p alone, and what they lack."""
    text = FENCE.sub("", source)
    parts = HEADING.split(text)
    sections = [("before the first heading", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    for heading, body in sections:
        keys = set(KEY.findall(body))
        for outcome in protocol.OUTCOMES:
            shown = sorted(key for key in keys if _tells(key, outcome))
            absent = list(_absent(keys, outcome))
            if shown and absent:
                yield (
                    heading,
                    (
                        f"{shown[0]} stands without {' and '.join(absent)}, which must be in the "
                        f"same section; {outcome}.beside gives both"
                    ),
                )


def _tells(key: str, outcome: str) -> bool:
    subject, _, name = key.partition(".")
    return subject == outcome and (name in TELLING or name.endswith("_ci"))


def _absent(keys: set[str], outcome: str) -> Iterator[str]:
    """Name the companions of an outcome's interval that are not among the keys."""
    if any(f"{outcome}.{name}" in keys for name in BESIDE):
        return
    guard, test = nested_of(outcome), permutation_of(outcome)
    if not any(key.startswith(f"{guard}.") and key.endswith("_ci") for key in keys):
        yield f"the second model's interval ({guard}.*_ci)"
    if f"{test}.p" not in keys:
        yield f"the permutation test ({test}.p)"


def phrases_lacking(path: Path) -> Iterator[str]:
    """Say which of the sentences that stand beside a result no longer give their number."""
    templates = read_phrases(path, path.stat().st_mtime_ns if path.is_file() else 0)
    named = set(names_in(templates[GUARD]))
    if "estimates" not in named and not any(name.endswith("_ci") for name in named):
        yield (
            f"{PHRASES.as_posix()}: {'.'.join(GUARD)}: it must give the second model's interval, "
            "as {estimates} or as a number whose name ends in _ci"
        )
    if "p" not in names_in(templates[PERMUTATION]):
        yield f"{PHRASES.as_posix()}: {'.'.join(PERMUTATION)}: it must give the test's {{p}}"
