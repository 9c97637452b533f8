"""Quarto runs this after a render: a book of one refresh is marked finished, any other is refused.

Every page of the book carries a mark that says that it isn't finished. It is taken away here, which
a render that failed never reaches.
"""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

from fvlib.errors import Refusal
from fvlib.render.files import replace_folder

STAMP: Final = re.compile(r'class="refresh-stamp" data-made-from="([^"]*)"')
UNFINISHED: Final = re.compile(r'<div id="unfinished-book".*?</div>\s*', re.DOTALL)


def finish_book(folder: Path) -> str | None:
    """Take the mark off every page of a book, if all its chapters tell of the same results.

    Returns
    -------
    The refresh; None where no page names one.

    Raises
    ------
    Refusal
        Two chapters were made from different results: each of them is named.
    """
    pages = sorted(folder.rglob("*.html"))
    made_from = defaultdict(list)
    for page in pages:
        for results in set(STAMP.findall(page.read_text(encoding="utf-8"))):
            made_from[results].append(page.relative_to(folder).as_posix())
    if len(made_from) > 1:
        told = "; ".join(f"{results}: {', '.join(names)}" for results, names in made_from.items())
        raise Refusal(
            f"the book in {folder.name} mixes results of several refreshes or runs ({told}). "
            "Render all chapters with one refresh: quarto render -P refresh:NAME"
        )
    for page in pages:
        text = page.read_text(encoding="utf-8")
        finished = UNFINISHED.sub("", text)
        if finished != text:
            page.write_text(finished, encoding="utf-8")
    return next((results.split(" ")[0] for results in made_from), None)


def keep_book(folder: Path, refresh: str) -> None:
    """Copy a whole book to its refresh's folder: the next render, of any refresh, replaces it."""
    replace_folder(folder, folder.parent / refresh / folder.name)


if __name__ == "__main__":
    book = Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
    try:
        finished = finish_book(book)
        if finished is not None and os.environ.get("QUARTO_PROJECT_RENDER_ALL") == "1":
            keep_book(book, finished)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(2)
