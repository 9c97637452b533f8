"""A reader of the Quarto documents this report uses: front matter, code cells, inline expressions.

Only documented Quarto syntax is read. What the portable renderer does not know is refused by name,
with chapter and line, rather than dropped; of a cell's option it says that it passes over it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from fvlib.errors import Refusal

FRONT_MATTER_KEYS: Final = frozenset({"title", "engine", "jupyter", "execute", "lang"})
EXECUTE_KEYS: Final = frozenset({"echo", "warning", "freeze", "eval", "output", "include"})
CELL_OPTIONS: Final = frozenset(
    {
        "label",
        "tags",
        "fig-cap",
        "fig-alt",
        "tbl-cap",
        "echo",
        "eval",
        "output",
        "warning",
        "include",
    }
)
SWITCHES: Final = ("echo", "eval", "warning", "include")
CAPTIONS: Final = ("fig-cap", "fig-alt", "tbl-cap")
LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>.*?)[ \t]*\Z")
_EXECUTED = re.compile(r"\{\s*(?P<language>\{?\s*[A-Za-z][\w+-]*)(?P<rest>[^}]*)\}+\Z")
_OPTION = re.compile(r"#\s*\| ?(?P<yaml>.*)\Z")
# Quarto's own rule for inline code: a lone backtick, the engine in braces, a space, no backtick.
INLINE: Final = re.compile(r"(?<!`)`\{python\}[ \t]+(?P<expression>[^`\n]+)`")
_OTHER_INLINE = re.compile(r"(?<!`)`\{(?P<language>[a-z]+)\}[ \t]+[^`]+`")
_SHORTCODE = re.compile(r"\{\{<\s*(?P<name>[\w-]+)[^>]*>\}\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of markdown between two cells, beginning at `line` of its chapter."""

    source: str
    line: int
    expressions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One ```` ```{python} ```` cell: `source` is all of it, `code` is it without `#|` lines.

    `line` is that of its opening fence.
    """

    source: str
    code: str
    options: Mapping[str, Any]
    line: int

    @property
    def label(self) -> str | None:
        """Its `label` option."""
        label = self.options.get("label")
        return None if label is None else str(label)

    @property
    def tags(self) -> tuple[str, ...]:
        """Its `tags` option, always as a tuple."""
        tags = self.options.get("tags", ())
        return (tags,) if isinstance(tags, str) else tuple(tags)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One parsed `.qmd` file; `name` is its path below the project's root, with slashes."""

    name: str
    meta: Mapping[str, Any]
    blocks: tuple[Text | Cell, ...]
    execute: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The file's name without folder and suffix: `primary`."""
        return self.name.rsplit("/", 1)[-1].removesuffix(".qmd")

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its code cells, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Cell))

    def option(self, cell: Cell, name: str, default: bool | str) -> Any:
        """Give a cell's option: its own, else the chapter's or the project's `execute`."""
        return cell.options.get(name, self.execute.get(name, default))

    def to_markdown(self) -> str:
        """Write the chapter back as a `.qmd` source, the inverse of `parse`."""
        parts: list[str] = []
        if self.meta:
            front = yaml.safe_dump(dict(self.meta), sort_keys=False, allow_unicode=True)
            parts.append(f"---\n{front}---")
        for block in self.blocks:
            if isinstance(block, Text):
                parts.append(block.source)
            else:
                parts.append(f"```{{python}}\n{block.source}\n```")
        return "\n".join(parts) + "\n"


def parse(source: str, name: str, execute: Mapping[str, Any] | None = None) -> Chapter:
    """Read one chapter.

    Parameters
    ----------
    source
        The file's text.
    name
        Its path below the project's root, with slashes: what messages call it.
    execute
        The project's `execute` options; the chapter's own front matter overrides them.

    Raises
    ------
    Refusal
        Unknown front matter, or that or a cell option of the wrong type, a cell of another
        language, a fence without an end, a shortcode, two parameters cells.
    """
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    meta, start = _front_matter(lines, name)
    blocks = _blocks(lines, start, name)
    merged = {**(execute or {}), **_mapping(meta.get("execute"), "execute", name)}
    chapter = Chapter(name=name, meta=meta, blocks=tuple(blocks), execute=merged)
    _check_parameters(chapter)
    return chapter


def _front_matter(lines: list[str], name: str) -> tuple[dict[str, Any], int]:
    if not lines or lines[0].rstrip() != "---":
        return {}, 0
    for end in range(1, len(lines)):
        if lines[end].rstrip() in ("---", "..."):
            break
    else:
        raise Refusal(f"{name}: the front matter opened on line 1 never ends; close it with ---")
    try:
        meta = yaml.safe_load("\n".join(lines[1:end])) or {}
    except yaml.YAMLError as error:
        raise Refusal(f"{name}: the front matter is not valid YAML: {_first_line(error)}") from None
    meta = _mapping(meta, "the front matter", name)
    _refuse_unknown(meta, FRONT_MATTER_KEYS, "front matter key", name)
    _refuse_unknown(
        _mapping(meta.get("execute"), "execute", name), EXECUTE_KEYS, "execute option", name
    )
    if meta.get("engine", "jupyter") not in ("jupyter", "markdown"):
        raise Refusal(f"{name}: engine {meta['engine']!r}; expected jupyter or markdown")
    return meta, end + 1


def _blocks(lines: list[str], start: int, name: str) -> list[Text | Cell]:
    blocks: list[Text | Cell] = []
    text: list[str] = []
    verbatim: set[int] = set()  # line numbers inside plain code blocks
    text_from = start

    def flush(until: int) -> None:
        nonlocal text_from
        if any(line.strip() for line in text):
            blocks.append(_text(text, text_from, verbatim, name))
        text.clear()
        text_from = until

    at = start
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None or (fence["fence"][0] == "`" and "`" in fence["info"]):
            text.append(lines[at])
            at += 1
            continue
        end = _fence_end(lines, at, fence["fence"], name)
        if _executed(fence, at + 1, name):
            flush(end + 1)
            blocks.append(_cell(lines[at + 1 : end], at + 1, name))
        else:
            verbatim.update(range(at, end + 1))
            text.extend(lines[at : end + 1])
        at = end + 1
    flush(at)
    return blocks


def _fence_end(lines: list[str], at: int, fence: str, name: str) -> int:
    closing = re.compile(rf"[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*\Z")
    for end in range(at + 1, len(lines)):
        if closing.match(lines[end]):
            return end
    raise Refusal(f"{name}, line {at + 1}: this code block never ends; close it with {fence}")


def _executed(fence: re.Match[str], line: int, name: str) -> bool:
    info = _EXECUTED.match(fence["info"])
    if info is None:
        return False
    language, rest = info["language"].strip(), info["rest"].strip()
    if language != "python":
        raise Refusal(
            f"{name}, line {line}: a cell of language {language!r}; only {{python}} cells are run"
        )
    if rest:
        raise Refusal(
            f"{name}, line {line}: {rest!r} after {{python; write options as #| lines in the cell"
        )
    if fence["indent"] or fence["fence"][0] == "~":
        raise Refusal(
            f"{name}, line {line}: a {{python}} cell must begin at the left margin with backticks"
        )
    return True


def _cell(body: list[str], line: int, name: str) -> Cell:
    option_lines: list[str] = []
    for raw in body:
        if _OPTION.match(raw) is None:
            break
        option_lines.append(raw)
    matches = [_OPTION.match(raw) for raw in option_lines]
    where = f"{name}, line {line}"
    try:
        options = yaml.safe_load("\n".join(m["yaml"] for m in matches if m)) or {}
    except yaml.YAMLError as error:
        raise Refusal(f"{where}: the #| options are not valid YAML: {_first_line(error)}") from None
    options = _mapping(options, "the #| options", where)
    _check_options(options, where)
    return Cell(
        source="\n".join(body),
        code="\n".join(body[len(option_lines) :]),
        options=options,
        line=line,
    )


def _check_options(options: Mapping[str, Any], where: str) -> None:
    for name in sorted(set(options) - CELL_OPTIONS):
        print(f"{where}: the portable renderer passes over the option {name!r}", file=sys.stderr)
    for key in SWITCHES:
        if not isinstance(options.get(key, True), bool):
            raise Refusal(f"{where}: {key}: {options[key]!r}; expected true or false")
    if options.get("output", True) not in (True, False, "asis"):
        raise Refusal(f"{where}: output: {options['output']!r}; expected true, false or asis")
    for key in CAPTIONS:
        value = options.get(key, "x")
        if not isinstance(value, str) or not value.strip():
            raise Refusal(f"{where}: {key} must be a text in words")
        if "{python}" in value:
            raise Refusal(f"{where}: inline code in {key} is not evaluated; put it in the prose")
    label = options.get("label")
    if label is not None and (not isinstance(label, str) or not LABEL.match(label)):
        raise Refusal(f"{where}: label {label!r}; expected letters, digits, - or _")
    _check_label(str(label or ""), options, where)


def _check_label(label: str, options: Mapping[str, Any], where: str) -> None:
    for kind, needed in (("fig", ("fig-cap", "fig-alt")), ("tbl", ("tbl-cap",))):
        labelled = label.startswith(f"{kind}-")
        for key in needed:
            if labelled and key not in options:
                raise Refusal(f"{where}: the cell {label} has no {key}")
        if f"{kind}-cap" in options and not labelled:
            raise Refusal(f"{where}: {kind}-cap needs a label that begins {kind}-")


def _text(lines: list[str], start: int, verbatim: set[int], name: str) -> Text:
    source = "\n".join(lines)
    live = "\n".join(
        "" if start + offset in verbatim else line for offset, line in enumerate(lines)
    )
    for found in _SHORTCODE.finditer(live):
        if found["name"] != "pagebreak":
            line = start + 1 + live[: found.start()].count("\n")
            raise Refusal(
                f"{name}, line {line}: the shortcode {found['name']!r} is not known to the "
                "portable renderer"
            )
    other = next((m for m in _OTHER_INLINE.finditer(live) if m["language"] != "python"), None)
    if other is not None:
        line = start + 1 + live[: other.start()].count("\n")
        raise Refusal(f"{name}, line {line}: inline code of language {other['language']!r}")
    return Text(
        source=source,
        line=start + 1,
        expressions=tuple(found["expression"].strip() for found in INLINE.finditer(live)),
    )


def substitute(text: Text, values: list[str]) -> str:
    """Put the values of a text's inline expressions, in order, where the expressions stand.

    Parameters
    ----------
    values
        Markdown, one for each of `text.expressions`.
    """
    waiting = iter(values)
    result: list[str] = []
    fence = ""
    pending: list[str] = []

    def settle() -> None:
        if pending:
            result.append(INLINE.sub(lambda _: next(waiting), "\n".join(pending)))
            pending.clear()

    for line in text.source.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            result.append(line)
            if mark and not mark["info"] and mark["fence"].startswith(fence):
                fence = ""
        elif mark and not (mark["fence"][0] == "`" and "`" in mark["info"]):
            settle()
            fence = mark["fence"]
            result.append(line)
        else:
            pending.append(line)
    settle()
    return "\n".join(result)


def _check_parameters(chapter: Chapter) -> None:
    tagged = [cell for cell in chapter.cells if "parameters" in cell.tags]
    if len(tagged) > 1:
        raise Refusal(f"{chapter.name}, line {tagged[1].line}: a second cell tagged parameters")
    if chapter.cells and not tagged:
        raise Refusal(
            f"{chapter.name}: has code cells but none tagged parameters, so it would never learn "
            'which refresh to report; add a first cell with "#| tags: [parameters]" and '
            'refresh = "synthetic"'
        )
    inline = any(isinstance(block, Text) and block.expressions for block in chapter.blocks)
    if inline and not chapter.cells:
        raise Refusal(
            f"{chapter.name}: has inline {{python}} but no code cell; Quarto would print it as it "
            "stands"
        )


def _mapping(value: object, what: str, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(f"{where}: {what} must be keys and values")
    return {str(key): item for key, item in value.items()}


def _refuse_unknown(found: Mapping[str, Any], known: frozenset[str], what: str, where: str) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise Refusal(
            f"{where}: unknown {what} {', '.join(map(repr, unknown))}; known are "
            f"{', '.join(sorted(known))}"
        )


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())
