# mypy: allow-untyped-calls
# (plotnine's functions carry no types.)
"""Figures of data quality: what arrived, what was set aside, what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from plotnine import (
    aes,
    annotate,
    element_blank,
    element_text,
    facet_grid,
    geom_segment,
    geom_text,
    ggplot,
    labs,
    scale_x_continuous,
    theme,
)

from fvlib import protocol
from fvlib.contract import RULES
from fvlib.report.bundle import ReleasedBundle, every_la, la_order
from fvlib.report.cells import ABSENT, write_cells
from fvlib.report.plots.canvas import Canvas, words_only
from fvlib.report.plots.style import (
    AFTER,
    AFTER_TINT,
    ALERT,
    FONT,
    INK,
    PALE,
    PAPER,
    TEXT,
    WIDTH,
    house_theme,
)
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say

ROW: Final = 0.2  # inches
HEAD: Final = 0.22
COLUMN: Final = 0.68
GUTTER: Final = 0.015
INDENT: Final = 0.1
MASKED_SHADE: Final = 0.08
DARK_FROM: Final = 0.85  # share of the darkest shade from which text turns white
MOST_YEARS: Final = 6


def arrivals(bundle: ReleasedBundle) -> Any:
    """Draw each file's first to last date by LA, over the trial period.

    Files that hold no dates are left out, unless one was not received.
    """
    table = bundle.table("arrivals").copy()
    for column in ("first_date", "last_date"):
        table[column] = [_year(value) for value in table[column]]
    table["arrived"] = table["arrived"].astype(bool)
    told = table.loc[table["first_date"].notna() | ~table["arrived"], "file"].astype(str)
    table = table[table["file"].isin(told)]
    if table.empty:
        return words_only(say("figures.no_dates"))
    files = [labels.file_label(file) for file in labels.in_order(told, labels.FILES)]
    table["file"] = pd.Categorical(table["file"].map(labels.file_label), files)
    known = [labels.LAS[la] for la in la_order(table)]
    table["la"] = pd.Categorical(table["la"].map(labels.LAS), known[::-1])
    period = bundle.manifest["trial_period"]
    start, end = _year(period["start"]), _year(period["end"])
    dated, absent = table[table["first_date"].notna()], table[~table["arrived"]]
    low, high = min([start, *dated["first_date"]]), max([end, *dated["last_date"]])
    every = range(int(np.ceil(low)), int(np.floor(high)) + 1)
    years = list(every)[:: 1 + len(every) // (MOST_YEARS + 1)]
    return (
        ggplot(table, aes(y="la"))
        + annotate("rect", xmin=start, xmax=end, ymin=-np.inf, ymax=np.inf, fill=AFTER_TINT)
        + geom_segment(aes(x="first_date", xend="last_date", yend="la"), dated, color=INK, size=1.6)
        + geom_text(
            aes(y="la"), absent, x=(start + end) / 2,
            label="not received", color=ALERT, size=TEXT - 0.5, family=FONT,
        )
        + facet_grid("file ~ .")
        + scale_x_continuous(
            breaks=years, labels=[str(year) for year in years], limits=(low - 0.1, high + 0.1),
            expand=(0, 0),
        )
        + labs(x="1 January of each year", y="")
        + house_theme(0.16 * len(table) + 0.06 * len(files) + 0.6)
        + theme(
            panel_grid_major_y=element_blank(),
            strip_text_y=element_text(rotation=0, ha="left", weight="bold"),
        )
    )  # fmt: skip


def _year(value: Any) -> float:
    if not isinstance(value, str):
        return float("nan")
    day = date.fromisoformat(value[:10])
    return day.year + (day.timetuple().tm_yday - 1) / 365.25


def set_aside(bundle: ReleasedBundle) -> Any:
    """Draw rows set aside by rule and LA; darker cells hold more."""
    return set_aside_grid(bundle).plot()


def set_aside_grid(bundle: ReleasedBundle) -> Grid:
    """Lay out rows set aside, file by file."""
    table = bundle.table("set_aside").reset_index(drop=True)
    texts = write_cells(table, "rows")
    top = np.sqrt(float(table["rows"].max())) if table["rows"].notna().any() else 1.0
    grid = Grid(every_la(table))
    for file in labels.in_order(table["file"].astype(str), labels.FILES):
        grid.heading(labels.file_label(file))
        of_file = table[table["file"] == file]
        for rule in labels.in_order(of_file["rule"].astype(str), RULES):
            part = of_file[of_file["rule"] == rule]
            shown = {
                str(la): Shade(texts[place], MASKED_SHADE if pd.isna(n) else np.sqrt(n) / top)
                for place, la, n in zip(part.index, part["la"], part["rows"], strict=True)
            }
            grid.row(labels.rule_label(rule), shown, indent=True)
    return grid


def missingness(bundle: ReleasedBundle) -> Any:
    """Draw the share missing by covariate and LA; cells over the protocol's limit outlined."""
    return missingness_grid(bundle).plot()


def missingness_grid(bundle: ReleasedBundle) -> Grid:
    """Lay out the percentages missing, covariate by covariate."""
    table = bundle.table("missingness")
    table = table[table["condition"] == "all"].reset_index(drop=True)
    texts = write_cells(table, "share", lambda share: numbers.number(100 * share, 1))
    grid = Grid([*protocol.LA_KEYS, "all"])
    for covariate in labels.in_order(table["covariate"].astype(str), labels.COVARIATES):
        part = table[table["covariate"] == covariate]
        shown = {
            str(la): Shade(
                texts[place], 0.0 if pd.isna(share) else share, share > protocol.MISSING_LIMIT
            )
            for place, la, share in zip(part.index, part["la"], part["share"], strict=True)
        }
        grid.row(labels.label(labels.COVARIATES, covariate), shown)
    return grid


@dataclass(frozen=True, slots=True)
class Shade:
    """One cell of a grid: its text, its shade from 0 to 1, and whether it is outlined."""

    text: str
    share: float
    outlined: bool = False


class Grid:
    """A grid of shaded cells with their text, one column an LA."""

    def __init__(self, las: list[str]) -> None:
        self.canvas = Canvas()
        self.left = WIDTH - COLUMN * len(las) - 0.02
        self.middle = {la: self.left + COLUMN * (place + 0.5) for place, la in enumerate(las)}
        for la, x in self.middle.items():
            name = labels.LAS[la] if la != "all" else "All"
            self.canvas.text(x, -0.1, name, ha="center", size=TEXT - 0.4)
        self.y = -HEAD

    def heading(self, label: str) -> None:
        """Add a line that heads the rows under it."""
        self.canvas.text(0.0, self.y - ROW / 2, label, bold=True)
        self.y -= ROW

    def row(self, label: str, shown: dict[str, Shade], *, indent: bool = False) -> None:
        """Add a row; an LA without a cell has a true zero, drawn as a dash."""
        middle = self.y - ROW / 2
        self.canvas.text(INDENT if indent else 0.0, middle, label)
        for la, x in self.middle.items():
            shade = shown.get(la, Shade(ABSENT, 0.0))
            self.canvas.box(
                (x - COLUMN / 2 + GUTTER, x + COLUMN / 2 - GUTTER),
                (self.y - ROW + GUTTER, self.y - GUTTER),
                tint(shade.share),
                ALERT if shade.outlined else "",
            )
            ink = PAPER if shade.share > DARK_FROM else INK
            self.canvas.text(x, middle, shade.text, ha="center", color=ink, size=TEXT - 0.4)
        self.y -= ROW

    def plot(self) -> Any:
        """Draw the grid."""
        return self.canvas.plot(self.y)


def tint(share: float) -> str:
    """Mix the pale ground and the dark of the palette: 0 is pale, 1 dark."""
    ends = [[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in (PALE, AFTER)]
    weight = min(max(share, 0.0), 1.0)
    mixed = (round(a + (b - a) * weight) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)
