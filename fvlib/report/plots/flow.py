"""The flow of children through the trial, from the extracts to the analysis, a column an LA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from fvlib.report.bundle import ReleasedBundle, la_order
from fvlib.report.cells import ABSENT, MASKED_TEXT, write_cells
from fvlib.report.plots.canvas import Canvas
from fvlib.report.plots.style import BEFORE, INK, MUTED, PALE, PAPER, TEXT, WIDTH
from fvlib.report.words import labels, numbers

LINE: Final = 0.17  # inches a line of text
PAD: Final = 0.07  # above and below a box's text
GAP: Final = 0.2  # between boxes: room for an arrow
COLUMN: Final = 0.68
BOX: Final = 0.6
INDENT: Final = 0.12


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the flow: the steps whose counts it holds, and whether children leave here."""

    steps: tuple[str, ...]
    leaves: bool = False
    heading: str = ""


BOXES: Final = (
    Box(("children",)),
    Box(
        ("no_referral", "outside_trial_period", "unborn", "not_aged_0_to_17", "no_further_action"),
        leaves=True,
        heading="Left out",
    ),
    Box(("cohort",)),
    Box(("control", "treatment")),
    Box(("P1_not_observable", "P1_missing"), leaves=True, heading="Not analysed"),
    Box(("P1_analysed",)),
)


def counts(bundle: ReleasedBundle) -> pd.DataFrame:
    """Return the flow's counts as text: la (with `all`), step, text.

    A total over the LAs is the sum of the released counts, and masked where one of them is.
    """
    table = bundle.table("flow").copy()
    table["text"] = write_cells(table, "n")
    if "all" in set(table["la"]):
        return table[["la", "step", "text"]]
    totals = []
    for step, part in table.groupby("step", sort=False):
        hidden = (part["text"] == MASKED_TEXT).any()
        text = MASKED_TEXT if hidden else numbers.count(float(part["n"].sum()))
        totals.append({"la": "all", "step": step, "text": text})
    return pd.concat([table[["la", "step", "text"]], pd.DataFrame(totals)], ignore_index=True)


def flow(bundle: ReleasedBundle) -> Any:
    """Draw the flow of children from extracts to analysis, a column an LA."""
    shown = counts(bundle)
    keys = zip(shown["la"], shown["step"], strict=True)
    text_of = dict(zip(keys, shown["text"], strict=True))
    las = la_order(shown)
    left = WIDTH - COLUMN * len(las) - 0.02
    middle = {la: left + COLUMN * (place + 0.5) for place, la in enumerate(las)}
    canvas = Canvas()
    for la in las:
        name = labels.LAS[la] if la != "all" else "All"
        canvas.text(middle[la], -LINE / 2, name, ha="center", size=TEXT - 0.4)
    y = -LINE - PAD
    for box in BOXES:
        if box is not BOXES[0]:
            for x in middle.values():
                canvas.arrow((x, y + GAP), (x, y), MUTED)
        y = _draw_box(canvas, box, y, middle, text_of) - GAP
    return canvas.plot(y + GAP)


def _draw_box(
    canvas: Canvas,
    box: Box,
    top: float,
    middle: dict[str, float],
    text_of: dict[tuple[str, str], str],
) -> float:
    """Draw one box in each column; return its lower edge."""
    lines = [*([box.heading] if box.heading else []), *box.steps]
    bottom = top - LINE * len(lines) - 2 * PAD
    for x in middle.values():
        fill, edge = (PALE, BEFORE) if box.leaves else (PAPER, INK)
        canvas.box((x - BOX / 2, x + BOX / 2), (bottom, top), fill, edge)
    for row, step in enumerate(lines):
        y = top - PAD - LINE * (row + 0.5)
        if step == box.heading:
            canvas.text(0.0, y, step, bold=True)
            continue
        indent = INDENT if box.heading else 0.0
        canvas.text(indent, y, labels.STEPS[step], bold=len(lines) == 1)
        for la, x in middle.items():
            canvas.text(x, y, text_of.get((la, step), ABSENT), ha="center")
    return bottom
