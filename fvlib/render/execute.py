"""Runs the chapters with papermill, two at a time, and keeps what they gave.

The kernel is this very interpreter, started by its path: no installed kernelspec, no Jupyter or
IPython configuration of the user's, no network beyond the loopback.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbformat import NotebookNode
from traitlets import default

from fvlib.errors import Refusal
from fvlib.render.book import Figures
from fvlib.render.files import write_atomically
from fvlib.render.notebook import (
    INJECTED_TAG,
    PARAMETERS_TAG,
    adopt_outputs,
    as_node,
    execution_key,
    seal,
    sealed,
    to_notebook,
)
from fvlib.render.qmd import Chapter

AT_ONCE: Final = 2
RENDER_FLAG: Final = "FVLIB_RENDER"
# A fixed salt and date: the same figure gives the same bytes.
SVG_SALT: Final = "fvlib"
EPOCH: Final = "0"
# Outputs depend on these; a new version executes again.
PACKAGES: Final = (
    "great-tables", "ipykernel", "matplotlib", "numpy", "pandas", "plotnine", "statsmodels",
)  # fmt: skip
# A Unix socket's path is short: about 100 characters with the names that zmq adds.
SOCKET_FOLDER: Final = 80
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+(?=>)")


class OwnKernelManager(AsyncKernelManager):
    """Starts the interpreter that runs this code as the kernel, whatever is installed elsewhere."""

    spec: KernelSpec
    scratch: Path

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel, made here rather than looked up."""
        return self.spec

    @default("connection_file")
    def _connection_in_scratch(self) -> str:
        return str(self.scratch / "kernel.json")

    @default("transport")
    def _sockets_in_scratch(self) -> str:
        # Sockets in an owner-only folder; Windows has only the loopback.
        long = len(str(self.scratch)) > SOCKET_FOLDER
        return "tcp" if sys.platform == "win32" or long else "ipc"


def _manager_class(kernel: KernelSpec, folder: Path) -> type[OwnKernelManager]:
    class ChapterKernelManager(OwnKernelManager):
        spec = kernel
        scratch = folder

    return ChapterKernelManager


def execute(
    chapters: Sequence[Chapter],
    root: Path,
    folder: Path,
    *,
    parameters: Mapping[str, Any],
    figures: Figures,
    cache_key: str,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, NotebookNode]:
    """Give each chapter's executed notebook, running only those whose code or results changed.

    Parameters
    ----------
    chapters
        Those to run.
    root
        The project's folder: the kernels' working directory.
    folder
        Where executed notebooks are kept, one `STEM.ipynb` each.
    parameters
        What the cell tagged `parameters` is overridden with.
    cache_key
        Stands for everything outside the chapter that its results depend on.
    progress
        Called with a chapter's name when it is done.

    Returns
    -------
    dict
        Chapter name -> notebook.

    Raises
    ------
    Refusal
        A cell failed: chapter, line, label and the exception's last line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    extra = "\n".join([cache_key, repr(figures), *_versions()])

    def one(chapter: Chapter) -> NotebookNode:
        notebook = to_notebook(chapter)
        path = folder / f"{chapter.stem}.ipynb"
        key = execution_key(notebook, parameters, extra)
        kept = _kept(path, key)
        if kept is not None:
            notebook = adopt_outputs(notebook, kept)
        elif chapter.cells:
            notebook = _run(chapter, notebook, root, parameters, figures)
        write_atomically(path, _as_json(seal(notebook, key)))
        progress(chapter.name)
        return notebook

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        running = {chapter.name: pool.submit(one, chapter) for chapter in chapters}
    failures = [failed for future in running.values() if (failed := future.exception())]
    refusals = [str(failed) for failed in failures if isinstance(failed, Refusal)]
    if len(refusals) < len(failures):
        raise next(failed for failed in failures if not isinstance(failed, Refusal))
    if refusals:
        raise Refusal("\n".join(refusals))
    return {name: future.result() for name, future in running.items()}


def _kept(path: Path, key: str) -> NotebookNode | None:
    try:
        kept = as_node(json.loads(path.read_text(encoding="utf-8")))
        return kept if sealed(kept, key) else None
    except (OSError, ValueError, AttributeError, TypeError):
        return None  # not there, or not a notebook


def _as_json(notebook: NotebookNode) -> bytes:
    written = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
    return (written + "\n").encode("utf-8")


def _versions() -> list[str]:
    found = [f"python {sys.version_info.major}.{sys.version_info.minor}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def _run(
    chapter: Chapter,
    notebook: NotebookNode,
    root: Path,
    parameters: Mapping[str, Any],
    figures: Figures,
) -> NotebookNode:
    import papermill  # noqa: PLC0415  (a second to import; not needed when nothing changed)
    from nbclient.exceptions import DeadKernelError  # noqa: PLC0415
    from papermill.exceptions import PapermillExecutionError  # noqa: PLC0415

    logging.getLogger("papermill").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="fvlib-kernel-") as scratch:
        kernel = KernelSpec(
            argv=_argv(figures),
            env=_environment(Path(scratch), figures),
            display_name="Python 3",
            language="python",
        )
        try:
            executed = papermill.execute_notebook(
                notebook,
                None,
                parameters=dict(parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                kernel_manager_class=_manager_class(kernel, Path(scratch)),
                ipython_hist_file="",
                resources={"metadata": {"path": str(root)}},
            )
        except PapermillExecutionError as error:
            raise _failure(chapter, notebook, error) from None
        except DeadKernelError:
            raise Refusal(
                f"{chapter.name}: its Python process ended before the chapter did; most often "
                "memory ran out"
            ) from None
    return _tidy(executed)


def _argv(figures: Figures) -> list[str]:
    return [
        sys.executable,
        "-Xfrozen_modules=off",
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
        f"--InlineBackend.figure_format={figures.format}",
        "--HistoryManager.enabled=False",
        f"--Application.log_level={logging.CRITICAL}",
    ]


def _environment(scratch: Path, figures: Figures) -> dict[str, str]:
    style = scratch / "matplotlibrc"  # in place of the user's own
    style.write_text(
        f"svg.hashsalt: {SVG_SALT}\nfigure.figsize: {figures.width}, {figures.height}\n",
        encoding="utf-8",
    )
    return {
        "MATPLOTLIBRC": str(style),
        RENDER_FLAG: "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "SOURCE_DATE_EPOCH": EPOCH,
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        "JUPYTER_NO_CONFIG": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0"),
    }


def _failure(chapter: Chapter, notebook: NotebookNode, error: Any) -> Refusal:
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if PARAMETERS_TAG in cell.metadata.get("tags", []):
            cells.append(cell)  # papermill puts the given values into a cell behind it
    where = chapter.name
    if error.cell_index < len(cells):
        kind, _, position = cells[error.cell_index].id.partition("-")
        block = chapter.blocks[int(position)]
        where += f", line {block.line}"
        label = getattr(block, "label", None) if kind == "cell" else None
        where += f" (cell {label})" if label else ""
    lines = str(error.evalue).strip().splitlines() or [""]
    message = "\n".join(lines) if error.ename == "Refusal" else f"{error.ename}: {lines[-1]}"
    return Refusal(f"{where}: {message}")


def _tidy(notebook: NotebookNode) -> NotebookNode:
    """Drop clock times, random ids and addresses: the same results give the same bytes."""
    notebook.metadata = as_node({"kernelspec": dict(notebook.metadata["kernelspec"])})
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if INJECTED_TAG in tags:
            cell.id = "injected"
        for name in ("papermill", "execution", *([] if tags else ["tags"])):
            cell.metadata.pop(name, None)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/plain" in data:
                data["text/plain"] = _ADDRESS.sub("", data["text/plain"])
    return notebook
