"""A chapter as a notebook, and an executed notebook back as markdown.

Inline expressions run where Quarto runs them: after the cells above them, in the same kernel, by
the kernel's own user expressions. Each stretch of prose that holds some gets one hidden cell.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nbformat import NotebookNode, from_dict

from fvlib.errors import Refusal
from fvlib.render.qmd import Cell, Chapter, Text, substitute

KERNELSPEC: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEY: Final = "fvlib_key"
DIGEST: Final = "fvlib_digest"
PARAMETERS_TAG: Final = "parameters"
INJECTED_TAG: Final = "injected-parameters"
NBFORMAT: Final = (4, 5)
INLINE_MIME: Final = "application/json"
UNKNOWN: Final = "\u2026"
# What a reader sees of an output, richest first, as Quarto chooses.
MIME_ORDER: Final = (
    "text/markdown",
    "text/html",
    "image/svg+xml",
    "image/png",
    "text/plain",
)
_MARKDOWN_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~$^@])")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that a cell printed: the file name it gets, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Executed:
    """A chapter's markdown with every result in its place, and its pictures."""

    markdown: str
    images: tuple[Image, ...]


def to_notebook(chapter: Chapter) -> NotebookNode:
    """Build the notebook: cells in order, ids fixed, one hidden cell per prose with expressions."""
    cells: list[NotebookNode] = []
    for position, block in enumerate(chapter.blocks):
        if isinstance(block, Text):
            cells.append(_new_cell("markdown", block.source, f"text-{position}"))
            if block.expressions:
                cells.append(_inline_cell(block, position))
        elif chapter.option(block, "eval", default=True):
            metadata = {"tags": list(block.tags)} if block.tags else {}
            cells.append(_new_cell("code", block.source, f"cell-{position}", metadata))
        else:
            cells.append(_new_cell("raw", block.source, f"cell-{position}"))
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": KERNELSPEC},
        "nbformat": NBFORMAT[0],
        "nbformat_minor": NBFORMAT[1],
    }
    return as_node(notebook)


def as_node(plain: Mapping[str, Any]) -> NotebookNode:
    """Give a plain mapping as nbformat's own kind, at every depth."""
    node: NotebookNode = from_dict(plain)  # type: ignore[no-untyped-call]
    return node


def _new_cell(
    kind: str, source: str, identifier: str, metadata: Mapping[str, Any] | None = None
) -> NotebookNode:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": identifier,
        "metadata": metadata or {},
        "source": source,
    }
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return as_node(cell)


def _inline_cell(text: Text, position: int) -> NotebookNode:
    expressions = {str(i): expression for i, expression in enumerate(text.expressions)}
    source = (
        f'display({{"{INLINE_MIME}": get_ipython().user_expressions(\n'
        f"    {expressions!r}\n"
        ")}, raw=True)"
    )
    hidden = {"jupyter": {"source_hidden": True, "outputs_hidden": True}, "tags": ["inline"]}
    return _new_cell("code", source, f"inline-{position}", hidden)


def execution_key(notebook: NotebookNode, parameters: Mapping[str, Any], extra: str) -> str:
    """Hash what decides a chapter's results: its code and expressions, its parameters, `extra`.

    `#|` options and prose are left out, so that a change of words executes nothing.
    """
    code = [
        "\n".join(line for line in cell.source.split("\n") if not line.startswith("#|"))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    content = json.dumps([code, dict(parameters), extra], sort_keys=True, default=str)
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def seal(notebook: NotebookNode, key: str) -> NotebookNode:
    """Note in the notebook which key it was executed for, and what it then held."""
    notebook.metadata[KEY] = key
    notebook.metadata[DIGEST] = _digest(notebook)
    return notebook


def sealed(notebook: NotebookNode, key: str) -> bool:
    """Whether this is what was executed for `key`, not changed by anyone since."""
    metadata = notebook.metadata
    return bool(metadata.get(KEY) == key and metadata.get(DIGEST) == _digest(notebook))


def _digest(notebook: NotebookNode) -> str:
    ran = [[cell.source, cell.outputs] for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(ran, sort_keys=True).encode("utf-8")).hexdigest()


def adopt_outputs(notebook: NotebookNode, kept: NotebookNode) -> NotebookNode:
    """Give a notebook with new words the outputs of the kept one with the same code."""
    ran = [cell for cell in kept.cells if cell.cell_type == "code"]
    injected = [cell for cell in ran if INJECTED_TAG in cell.metadata.get("tags", [])]
    theirs = [cell for cell in ran if cell not in injected]
    ours = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for mine, old in zip(ours, theirs, strict=True):
        mine.outputs = old.outputs
        mine.execution_count = old.execution_count
    for position, cell in enumerate(notebook.cells):
        if PARAMETERS_TAG in cell.metadata.get("tags", []):
            notebook.cells[position + 1 : position + 1] = injected
            break
    notebook.metadata = kept.metadata
    return notebook


def skeleton(chapter: Chapter) -> Executed:
    """Give a chapter's headings and labels without running it, for another's cross-references."""
    parts: list[str] = []
    for block in chapter.blocks:
        if isinstance(block, Text):
            parts.append(substitute(block, [UNKNOWN] * len(block.expressions)))
        elif (kind := _captioned(block)) is not None:
            parts.append(_float(block, kind, UNKNOWN))
    return Executed("\n\n".join(parts) + "\n", ())


def to_markdown(chapter: Chapter, notebook: NotebookNode) -> Executed:
    """Put each result where its cell or expression stood.

    Raises
    ------
    Refusal
        An inline expression failed; a picture without `fig-alt`; an output of a kind that cannot
        be shown.
    """
    by_id = {cell.id: cell for cell in notebook.cells}
    parts: list[str] = []
    images: list[Image] = []
    for position, block in enumerate(chapter.blocks):
        if isinstance(block, Text):
            values = (
                _values(chapter, block, by_id[f"inline-{position}"]) if block.expressions else []
            )
            parts.append(substitute(block, values))
        else:
            shown = _Shown(chapter, block, position)
            parts.append(shown.markdown(by_id[f"cell-{position}"].get("outputs", [])))
            images.extend(shown.images)
    return Executed("\n\n".join(parts) + "\n", tuple(images))


def _values(chapter: Chapter, text: Text, cell: NotebookNode) -> list[str]:
    results: dict[str, Any] = {}
    for output in cell.outputs:
        results.update(output.get("data", {}).get(INLINE_MIME, {}))
    values: list[str] = []
    for i, expression in enumerate(text.expressions):
        result = results[str(i)]
        if result["status"] != "ok":
            raise Refusal(
                f"{chapter.name}, line {_line_of(text, expression)}: `{{python}} {expression}` "
                f"failed: {result['ename']}: {result['evalue']}"
            )
        values.append(_as_markdown(result["data"]))
    return values


def _line_of(text: Text, expression: str) -> int:
    return text.line + text.source[: max(text.source.find(expression), 0)].count("\n")


def _as_markdown(data: Mapping[str, str]) -> str:
    if "text/markdown" in data:
        return data["text/markdown"]
    plain = data["text/plain"]
    quoted = re.fullmatch(r"(['\"])(.*)\1", plain, re.DOTALL)
    return _MARKDOWN_MARKS.sub(r"\\\1", quoted[2] if quoted else plain)


class _Shown:
    """One cell's outputs as markdown; collects the pictures met on the way."""

    def __init__(self, chapter: Chapter, cell: Cell, position: int) -> None:
        self.chapter = chapter
        self.cell = cell
        self.stem = f"{chapter.stem}-{cell.label or position}"
        self.images: list[Image] = []

    def markdown(self, outputs: Iterable[NotebookNode]) -> str:
        """Give code (if echoed) and outputs, in the cross-reference div if the cell has a label."""
        option = self.chapter.option
        if not option(self.cell, "include", default=True):
            return ""
        code = _fenced(self.cell.code, "python") if option(self.cell, "echo", default=True) else ""
        wanted = option(self.cell, "output", default=True)
        shown = [self._output(output, str(wanted)) for output in outputs] if wanted else []
        body = "\n\n".join(part for part in shown if part)
        kind = _captioned(self.cell)
        if kind and not body:
            raise Refusal(f"{self._where}: the cell {self.cell.label} printed nothing to caption")
        if kind:
            body = _float(self.cell, kind, body)
        return "\n\n".join(part for part in (code, body) if part)

    @property
    def _where(self) -> str:
        return f"{self.chapter.name}, line {self.cell.line}"

    def _output(self, output: NotebookNode, wanted: str) -> str:
        if output.output_type == "stream":
            if output.name == "stderr":
                warn = self.chapter.option(self.cell, "warning", default=True)
                return _fenced(output.text) if warn else ""
            return output.text if wanted == "asis" else _fenced(output.text)
        data = output.get("data", {})
        mime = next((mime for mime in MIME_ORDER if mime in data), None)
        if mime is None:
            raise Refusal(f"{self._where}: an output of kind {', '.join(data)} cannot be shown")
        content = data[mime] if isinstance(data[mime], str) else "".join(data[mime])
        if mime == "text/markdown":
            return content
        if mime == "text/html":
            raise Refusal(
                f"{self._where}: the cell prints HTML (a data frame or a bare great-tables table), "
                "for which Quarto would load scripts from the network; show it with "
                "report.show(...)"
            )
        if mime == "text/plain":
            return _fenced(content)
        return self._image(mime, content)

    def _image(self, mime: str, content: str) -> str:
        alt = self.cell.options.get("fig-alt")
        if alt is None:
            raise Refusal(
                f"{self._where}: the cell prints a picture but has no fig-alt; say in words what "
                "it shows"
            )
        if self.images:
            raise Refusal(f"{self._where}: the cell prints two pictures; use one cell for each")
        if mime == "image/png":
            image = Image(f"{self.stem}.png", base64.b64decode(content))
        else:
            image = Image(f"{self.stem}.svg", content.encode("utf-8"))
        self.images.append(image)
        text = " ".join(str(alt).split()).replace("\\", "\\\\").replace('"', '\\"')
        return f'![](figures/{image.name}){{fig-alt="{text}"}}'


def _captioned(cell: Cell) -> str | None:
    """Give `fig` or `tbl` where the cell has that caption."""
    return next((kind for kind in ("fig", "tbl") if f"{kind}-cap" in cell.options), None)


def _float(cell: Cell, kind: str, body: str) -> str:
    caption = cell.options[f"{kind}-cap"]
    return f"::: {{#{cell.label}}}\n\n{body}\n\n{caption}\n\n:::"


def _fenced(content: str, language: str = "") -> str:
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    attributes = f" {{.{language}}}" if language else ""
    return f"{fence}{attributes}\n{content.rstrip()}\n{fence}"
