"""Table of how often each test rejects when nothing works."""

from __future__ import annotations

from collections.abc import Sequence

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.report import words
from fvlib.report.bundle import Bundle
from fvlib.report.phrases import say
from fvlib.report.register import Register
from fvlib.report.size_study import TESTS, study
from fvlib.report.table_style import Rows, house


def sizes(bundle: Bundle, register: Register) -> gt.GT:
    """Set each test's rejections under trials of two sizes whose LAs drift apart or don't."""
    frame = study()
    frame = frame.assign(
        scene=frame["children"].astype(str) + "/" + frame["autocorrelation"].map(str)
    )
    rows: Rows = []
    for test, label in TESTS.items():
        for level in sorted(frame.loc[frame["test"] == test, "level"].unique()):
            mine = frame[(frame["test"] == test) & (frame["level"] == level)].set_index("scene")
            texts = {str(scene): _told(row) for scene, row in mine.iterrows()}
            rows.append({"test": label, "level": words.percent(level), **texts})
    scenes = frame.drop_duplicates("scene").set_index("scene")
    labels = {"test": "", "level": "Nominal"} | {
        str(scene): words.number(share, 1) for scene, share in scenes["autocorrelation"].items()
    }
    spanners: dict[str, Sequence[str]] = {
        f"{words.count(children)} children": list(scenes.index[scenes["children"] == children])
        for children in scenes["children"].unique()
    }
    notes = [
        say(
            "tables.sizes",
            replicates=words.count(frame["replicates"].iloc[0]),
            same=words.number(1, 1),
        ),
        say(
            "tables.sizes_permutation",
            smallest=words.percent(_smallest(frame)),
            alpha=words.percent(protocol.ALPHA),
        ),
    ]
    return house(
        rows, "sizes", labels=labels, numbers=["level", *scenes.index], notes=notes,
        spanners=spanners,
    )  # fmt: skip


def _told(row: pd.Series) -> str:
    rate, error = (words.number(100 * float(row[c]), 1) for c in ("rate", "monte_carlo_error"))
    return f"{rate} ({error})"


def _smallest(frame: pd.DataFrame) -> float:
    return float(frame.loc[frame["test"] == "permutation", "level"].max())
