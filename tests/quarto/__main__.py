"""`make quarto`: render with the Quarto on the PATH, and hold it against the portable render."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fvlib.errors import Refusal
from fvlib.refresh import project_root
from fvlib.render import quarto
from fvlib.render.book import read_book
from tests.quarto.compare import ASPECTS, compare_pages, outside, overprinted
from tests.quarto.outputs import Page, read_pages, read_words

SHOWN: Final = 12  # differences of one aspect that are printed


def main() -> int:
    """Render both ways, print the tally, and give 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="make quarto", description=__doc__)
    parser.add_argument("refresh", nargs="?", default="synthetic")
    parser.add_argument("--as-it-is", action="store_true", help="compare what is there already")
    chosen = parser.parse_args()
    if not quarto.found() and not chosen.as_it_is:
        print("make quarto: skipped: there is no quarto on the PATH (Quarto 1.9 or later)")
        return 0
    root = project_root(Path.cwd())
    book = read_book(root)
    folder = root / "_report" / chosen.refresh
    made = root / book.output_dir
    if not chosen.as_it_is:
        _timed("portable", lambda: _run(root, "fv", "render", chosen.refresh, "--engine=portable"))
        _timed("quarto", lambda: quarto.render(root, chosen.refresh, made))
    pages = [made / Path(part.chapter.name).with_suffix(".html") for part in book.parts]
    ours, theirs = read_pages([folder / "report.html"], book.title), read_pages(pages, book.title)
    faults = _tell(compare_pages(ours, theirs), ours)
    for name, pdf in (("portable", folder / "report.pdf"), ("quarto", next(made.glob("*.pdf")))):
        faults += _tell_pdf(name, pdf)
    print("The same report, twice." if not faults else f"{faults} differences.")
    return 1 if faults else 0


def _run(root: Path, command: str, *arguments: str) -> None:
    subprocess.run([Path(sys.executable).parent / command, *arguments], cwd=root, check=True)


def _timed(name: str, work: Callable[[], object]) -> None:
    start = time.perf_counter()
    work()
    print(f"{name}: {time.perf_counter() - start:.0f} s")


def _tell(differences: dict[str, list[str]], ours: Page) -> int:
    for name, told in differences.items():
        total = f" of {len(getattr(ours, name))}" if name in ASPECTS else ""
        print(
            f"{name}: {len(told)} differences{total}" if name in ASPECTS else f"{name}: {len(told)}"
        )
        for line in told[:SHOWN]:
            print(f"    {line[:400]}")
    return sum(len(told) for told in differences.values())


def _tell_pdf(name: str, pdf: Path) -> int:
    pages = read_words(pdf)
    over = {i: overprinted(words) for i, words in enumerate(pages, 1)}
    beyond = {i: outside(words) for i, words in enumerate(pages, 1)}
    empty = [i for i, words in enumerate(pages, 1) if not words]
    print(f"{name} PDF: {len(pages)} pages, {len(empty)} of them empty")
    for what, found in (("overprinted", over), ("outside the page", beyond)):
        there = {i: told for i, told in found.items() if told}
        print(f"    {what}: {sum(map(len, there.values()))} words on {len(there)} pages")
        for i, told in list(there.items())[:SHOWN]:
            print(f"        page {i}: {', '.join(told[:SHOWN])}")
    return len(empty) + sum(len(told) for told in [*over.values(), *beyond.values()])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(2)
