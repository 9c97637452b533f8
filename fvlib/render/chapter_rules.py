"""What a chapter can't do, found in its source; all else is its author's.

It reads no data folder, calls no network, names no child, and imports nothing of fvlib but
`fvlib.report`: that is refused, with file and line. Numbers typed into its prose are listed, since
a number of this trial comes from a key and changes with the refresh.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from fvlib.contract import FILES
from fvlib.errors import Refusal
from fvlib.render.qmd import CAPTIONS, INLINE, Cell, Chapter, Text

REPORT: Final = "fvlib.report"
PACKAGES: Final = ("great_tables", "matplotlib", "numpy", "pandas", "plotnine", "statsmodels")
# Of Python's own, those that reach neither files nor the network.
HARMLESS: Final = frozenset({
    "__future__", "calendar", "collections", "copy", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "itertools", "math", "numbers", "operator", "random", "re",
    "statistics", "string", "textwrap", "typing", "warnings",
})  # fmt: skip
DISPLAY: Final = "IPython.display"
# Calls that read a file, besides every `read_...`; a path to it is typed where it is read.
READERS: Final = frozenset({"ExcelFile", "HDFStore", "fromfile", "genfromtxt", "imread", "load",
                            "loadtxt", "memmap", "open"})  # fmt: skip
PATHS: Final = ("filepath_or_buffer", "path", "io", "fname", "file")
NEVER: Final = frozenset({"__import__", "compile", "eval", "exec", "get_ipython", "get_rdataset",
                          "read_clipboard", "read_gbq", "read_sql", "urlopen", "urlretrieve",
                          "webuse"})  # fmt: skip
CLOSED: Final = ("data", "params", "results", "_report")
CHILD_KEYS: Final = frozenset(spec.child for spec in FILES.values() if spec.child)

# What holds digits and is no number of the trial: code, formulas, comments, links and labels,
# names (P1), years, a list's numbers, and what an author marks: `[47]{.fixed}`.
_BLOCKS: Final = re.compile(r"^(```|~~~).*?^\1|\$\$.*?\$\$|<!--.*?-->", re.MULTILINE | re.DOTALL)
_NO_NUMBERS: Final = re.compile(
    rf"{INLINE.pattern}|`[^`\n]*`|\$[^$\n]+\$|\[[^\]\n]*\]\{{\.fixed\}}|\]\([^)\n]*\)|\{{[^}}\n]*\}}"
    r"|\[\^[^\]\n]+\]|@[\w:.-]+|\b[A-Za-z][\w-]*\d[\w-]*|\b(?:19|20)\d\d\b|^\s*\d+[.)]\s"
)


def check_chapters(chapters: Iterable[Chapter]) -> None:
    """Look through the code of chapters.

    Raises
    ------
    Refusal
        One reads a data folder, calls the network, names a child, or imports what it may not.
    """
    found = [told for chapter in chapters for told in faults(chapter)]
    if found:
        raise Refusal("\n".join(found))


def faults(chapter: Chapter) -> list[str]:
    """Tell what a chapter's code does that it can't, with the chapter's name and the line."""
    return [
        f"{chapter.name}, line {line + getattr(node, 'lineno', 1) - 1}: {told}"
        for code, line in _codes(chapter)
        for node, told in _of_code(code)
    ]


def typed_numbers(chapter: Chapter) -> list[str]:
    """Tell which lines of a chapter's prose and captions hold a number that is typed."""
    texts = [(block.source, block.line) for block in chapter.blocks if isinstance(block, Text)]
    texts += [
        (str(c.options[o]), c.line) for c in chapter.cells for o in CAPTIONS if o in c.options
    ]
    return [
        f"{chapter.name}, line {start + at}: the number {found[0]} is typed; "
        'take it from report.q["..."] (`fv keys` lists them), or write '
        f"[{found[0]}]{{.fixed}} if no refresh can change it"
        for text, start in texts
        for at, line in enumerate(_BLOCKS.sub(_as_empty_lines, text).split("\n"))
        if (found := re.search(r"\d[\d.,]*\d|\d", _NO_NUMBERS.sub("", line)))
    ]


def _as_empty_lines(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _codes(chapter: Chapter) -> Iterator[tuple[str, int]]:
    """Yield each cell's code and each inline expression, with the line that it begins on."""
    for block in chapter.blocks:
        if isinstance(block, Cell):
            options = len(block.source.split("\n")) - len(block.code.split("\n"))
            yield block.code, block.line + options + 1
        else:
            for expression in block.expressions:
                before = block.source[: max(block.source.find(expression), 0)]
                yield expression, block.line + before.count("\n")


def _of_code(code: str) -> Iterator[tuple[ast.AST | SyntaxError, str]]:
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        yield error, "this is not Python; % and ! commands of a notebook are not run either"
        return
    for node in ast.walk(tree):
        told = _of_import(node) or _of_call(node) or _of_name(node)
        if told:
            yield node, told


def _of_import(node: ast.AST) -> str:
    if isinstance(node, ast.Import):
        wanted = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        wanted = ["." * node.level + (node.module or "")]
    else:
        return ""
    for name in wanted:
        if name not in (REPORT, DISPLAY) and name.partition(".")[0] not in {*PACKAGES, *HARMLESS}:
            return (
                f"a chapter can't import {name}; it may import {REPORT}, {', '.join(PACKAGES)} and "
                "what of Python's own reads no file and calls no network"
            )
    return ""


def _of_call(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    called = node.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    if name in NEVER:
        return (
            f"a chapter can't call {name}(): it may reach the network, or run what isn't seen here"
        )
    if name not in READERS and not name.startswith("read_"):
        return ""
    given = [*node.args[:1], *(k.value for k in node.keywords if k.arg in PATHS)]
    if given and isinstance(given[0], ast.Constant) and _is_open(str(given[0].value)):
        return ""
    return (
        f"{name}() can't be seen to stay away from the data folders and the network: type the path "
        f"of a file of the project, outside {', '.join(f'{folder}/' for folder in CLOSED)}; "
        'released numbers come from report.data("...")'
    )


def _is_open(path: str) -> bool:
    parts = PurePosixPath(path.replace("\\", "/")).parts
    inside = parts[:1] not in (("/",), ("~",)) and not {"..", *CLOSED} & set(parts)
    return bool(parts) and inside and ":" not in path


def _of_name(node: ast.AST) -> str:
    name = node.value if isinstance(node, ast.Constant) else getattr(node, "attr", None)
    if isinstance(name, str) and name in CHILD_KEYS:
        return f"{name} names a child; a report shows released aggregates alone"
    return ""
