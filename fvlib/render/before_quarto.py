"""Quarto runs this before a render: of the whole book nothing old is left to look like the new."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def remove_old_book() -> None:
    """Remove the last whole book; a render of one chapter needs the other chapters' pages."""
    if os.environ.get("QUARTO_PROJECT_RENDER_ALL") == "1":
        shutil.rmtree(Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"]), ignore_errors=True)


if __name__ == "__main__":
    remove_old_book()
