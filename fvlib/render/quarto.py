"""Runs Quarto, where it is installed: the canonical way to render the book."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fvlib.errors import Refusal


@dataclass(frozen=True, slots=True)
class Made:
    """Quarto's output folder, and the PDF in it."""

    folder: Path
    pdf: Path


def found() -> bool:
    """Whether a `quarto` is on the PATH."""
    return shutil.which("quarto") is not None


def require() -> None:
    """Refuse when there is none.

    Raises
    ------
    Refusal
        With what to install.
    """
    if not found():
        raise Refusal(
            "--engine quarto: there is no quarto on the PATH. Install Quarto 1.9 or later "
            "(https://quarto.org/docs/get-started/, or `conda install -c conda-forge quarto`), "
            "or use --engine portable, which needs none"
        )


def render(root: Path, refresh: str, output: Path) -> Made:
    """Render the whole book, both formats at once: one alone would remove the other's files.

    Raises
    ------
    Refusal
        Quarto failed, or made no PDF; its last lines are in the message.
    """
    executable = shutil.which("quarto")
    if executable is None:
        require()
    environment = {**os.environ, "QUARTO_PYTHON": sys.executable}
    process = subprocess.run(
        [str(executable), "render", "-P", f"refresh:{refresh}"],
        cwd=root,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if process.returncode != 0:
        tail = "\n".join((process.stdout + process.stderr).strip().splitlines()[-15:])
        raise Refusal(f"quarto render failed (exit {process.returncode}):\n{tail}")
    pdfs = sorted(output.glob("*.pdf"))
    if not pdfs:
        raise Refusal(f"quarto render made no PDF in {output.name}")
    return Made(output, pdfs[0])
