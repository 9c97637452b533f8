"""`chapters/phrases.yml`: sentences that depend on the results, as templates with named numbers.

Which phrases there are, their states and what each may use is said in `phrase_keys.py`. A file
that doesn't hold all of them, or holds others, is refused as a whole: a mistake in a state that
this refresh doesn't have is seen all the same.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Final

import yaml

from fvlib.errors import Refusal
from fvlib.refresh import project_root
from fvlib.report.words.phrase_keys import ONE_STATE, PHRASES

FILE: Final = Path("chapters") / "phrases.yml"
NAME: Final = "chapters/phrases.yml"

Templates = Mapping[tuple[str, str], str]


def say(key: str, state: str = ONE_STATE, /, **numbers: str) -> str:
    """Fill a phrase's template in one of its states.

    Parameters
    ----------
    key
        Group and name, such as `results.lead`.
    state
        One of the phrase's states; none for a phrase without any.
    **numbers
        Ready texts by name; more than the template uses is fine.

    Raises
    ------
    Refusal
        `chapters/phrases.yml` is not as it must be; see `read_phrases`.
    """
    path = project_root(Path.cwd()) / FILE
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return read_phrases(path, changed)[key, state].format_map(numbers)


def names_in(template: str) -> list[str]:
    """List the numbers that a template names; raise ValueError for a brace without its partner."""
    found = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{{{name}}}")
        found.append(name)
    return found


@lru_cache(maxsize=4)
def read_phrases(path: Path, changed: int = 0) -> Templates:
    """Read and check every phrase.

    Parameters
    ----------
    path
        The file.
    changed
        When it was changed; only so that a file changed since is read again.

    Returns
    -------
    Templates by key and state.

    Raises
    ------
    Refusal
        The file is absent or no YAML, or a phrase or a state is missing or unknown, or a template
        names a number that it may not use: with the key, and the nearest right name.
    """
    if not path.is_file():
        raise Refusal(f"{NAME}: no such file; the report's sentences come from it")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise Refusal(f"{NAME}: not valid YAML: {_place(error)}") from error
    found = _flat(content)
    _check_names("", "phrase", found, PHRASES)
    out: dict[tuple[str, str], str] = {}
    for key, states in PHRASES.items():
        given = found[key]
        if isinstance(given, dict) != (ONE_STATE not in states):
            told = f"the states {', '.join(states)}" if isinstance(given, str) else "no states"
            raise Refusal(f"{NAME}: {key}: this phrase has {told}")
        texts = given if isinstance(given, dict) else {ONE_STATE: given}
        _check_names(f"{key}: ", "state", texts, states)
        for state, allowed in states.items():
            name = f"{key}.{state}" if state else key
            out[key, state] = _checked(name, texts[state], allowed)
    return out


def _flat(content: object) -> dict[str, object]:
    """Name every phrase by its group and its own name."""
    groups = content if isinstance(content, dict) else {}
    return {
        f"{group}.{name}": given
        for group, phrases in groups.items()
        for name, given in (phrases.items() if isinstance(phrases, dict) else ())
    }


def _check_names(where: str, what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a name that isn't known, then one that isn't there."""
    given, known = [str(name) for name in given], list(known)
    unknown = [name for name in given if name not in known]
    absent = [name for name in known if name not in given]
    if unknown:
        raise Refusal(
            f"{NAME}: {where}there is no {what} {unknown[0]!r}"
            f"{_nearest(unknown[0], absent or known)}"
        )
    if absent:
        raise Refusal(f"{NAME}: {where}the {what} {absent[0]!r} is missing; write its words again")


def _checked(name: str, text: object, allowed: Iterable[str]) -> str:
    """Give a template on one line, if it is text and names nothing but what it may."""
    if not isinstance(text, str) or not text.strip():
        raise Refusal(f"{NAME}: {name}: expected words; put quotes around them")
    template = re.sub(r"[ \n]+", " ", text).strip()
    usable = list(allowed)
    may = f"it may use {', '.join(f'{{{one}}}' for one in usable)}" if usable else "it has none"
    try:
        used = names_in(template)
    except ValueError as error:
        raise Refusal(
            f"{NAME}: {name}: a brace without its partner, or more than a name in braces "
            f"({error}); a number stands as {{name}}: {may}"
        ) from error
    for one in used:
        if one not in usable:
            near = _nearest(one, usable, "{%s}")
            raise Refusal(f"{NAME}: {name}: {{{one}}} is no number of this phrase{near}; {may}")
    return template


def _nearest(name: str, known: Iterable[str], form: str = "%r") -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0)
    return f"; the nearest is {form % near[0]}" if near else ""


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it can't be read"
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
