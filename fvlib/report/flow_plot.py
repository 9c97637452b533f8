# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""The flow of children through the trial, from the extracts to the analysis, a column an LA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd
from plotnine import (
    aes,
    arrow,
    geom_rect,
    geom_segment,
    geom_text,
    ggplot,
    scale_color_identity,
    scale_fill_identity,
)

from fvlib.report import words
from fvlib.report.bundle import Bundle, la_order
from fvlib.report.plot_style import (
    BASELINE,
    BEFORE,
    FONT,
    INK,
    MUTED,
    PAPER,
    TEXT,
    WIDTH,
    blank_canvas,
)
from fvlib.report.table_style import ABSENT, MASKED_TEXT, cell

LINE: Final = 0.17  # inches a line of text
PAD: Final = 0.07  # above and below a box's text
GAP: Final = 0.2  # between boxes: room for an arrow
COLUMN: Final = 0.68
BOX: Final = 0.6
PALE: Final = "#f4f6f9"


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


def counts(bundle: Bundle) -> pd.DataFrame:
    """Return the flow's counts as text: la (with `all`), step, text.

    A total over the LAs is the sum of the released counts, and masked where one of them is.
    """
    table = bundle.table("flow").copy()
    table["text"] = cell(table, "n")
    if "all" in set(table["la"]):
        return table[["la", "step", "text"]]
    totals = []
    for step, part in table.groupby("step", sort=False):
        hidden = (part["text"] == MASKED_TEXT).any()
        text = MASKED_TEXT if hidden else words.count(float(part["n"].sum()))
        totals.append({"la": "all", "step": step, "text": text})
    return pd.concat([table[["la", "step", "text"]], pd.DataFrame(totals)], ignore_index=True)


def flow(bundle: Bundle) -> ggplot:
    """Draw the flow of children from extracts to analysis, a column an LA."""
    shown = counts(bundle)
    text_of = {
        (la, step): text
        for la, step, text in zip(shown["la"], shown["step"], shown["text"], strict=True)
    }
    las = la_order(shown)
    left = WIDTH - COLUMN * len(las) - 0.02
    middle = {la: left + COLUMN * (place + 0.5) for place, la in enumerate(las)}
    boxes, texts, arrows = [], [], []
    y = 0.0
    for la in las:
        name = words.LAS[la] if la != "all" else "All"
        texts.append(_text(middle[la], y - LINE / 2, name, weight="bold", size=TEXT - 0.4))
    y -= LINE + PAD
    for place, box in enumerate(BOXES):
        lines = [*([box.heading] if box.heading else []), *box.steps]
        top, bottom = y, y - LINE * len(lines) - 2 * PAD
        for row, step in enumerate(lines):
            at = top - PAD - LINE * (row + 0.5)
            label = words.STEPS.get(step, step)
            bold = step == box.heading or not (box.leaves or len(box.steps) > 1)
            indent = 0.12 if box.heading and step != box.heading else 0.0
            texts.append(_text(indent, at, label, ha="left", weight="bold" if bold else "normal"))
            if step != box.heading:
                for la in las:
                    texts.append(_text(middle[la], at, text_of.get((la, step), ABSENT)))
        for la in las:
            boxes.append(
                {
                    "xmin": middle[la] - BOX / 2, "xmax": middle[la] + BOX / 2, "ymin": bottom,
                    "ymax": top, "fill": PALE if box.leaves else PAPER,
                    "edge": BEFORE if box.leaves else INK,
                }
            )  # fmt: skip
            if place < len(BOXES) - 1:
                arrows.append({"x": middle[la], "y": bottom, "yend": bottom - GAP})
        y = bottom - GAP
    bottom = y + GAP
    return _draw(pd.DataFrame(boxes), pd.DataFrame(texts), pd.DataFrame(arrows), bottom)


def _text(
    x: float, y: float, label: str, *, ha: str = "center", weight: str = "normal",
    size: float = TEXT,
) -> dict[str, object]:  # fmt: skip
    return {"x": x, "y": y - BASELINE, "label": label, "ha": ha, "weight": weight, "size": size}


def _draw(boxes: pd.DataFrame, texts: pd.DataFrame, arrows: pd.DataFrame, bottom: float) -> ggplot:
    plot = (
        blank_canvas(bottom)
        + geom_segment(
            aes(x="x", xend="x", y="y", yend="yend"), arrows, color=MUTED, size=0.5,
            arrow=arrow(length=0.05, type="closed"),
        )
        + geom_rect(
            aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="fill", color="edge"),
            boxes, size=0.4,
        )
        + scale_fill_identity()
        + scale_color_identity()
    )  # fmt: skip
    for (ha, weight, size), part in texts.groupby(["ha", "weight", "size"]):
        plot = plot + geom_text(
            aes(x="x", y="y", label="label"), part, ha=ha, va="baseline", size=size,
            family=FONT, color=INK, fontweight=weight,
        )  # fmt: skip
    return plot
