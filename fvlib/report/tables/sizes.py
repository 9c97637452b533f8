"""Table of how often each test rejects when nothing works."""

from __future__ import annotations

from collections.abc import Sequence

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.report.bundle import ReleasedBundle
from fvlib.report.register import Register
from fvlib.report.tables.style import Rows, set_table
from fvlib.report.words import numbers
from fvlib.report.words.phrases import say
from fvlib.report.words.size_study import TESTS, study


def sizes(bundle: ReleasedBundle, register: Register) -> gt.GT:
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
            rows.append({"test": label, "level": numbers.percent(level), **texts})
    scenes = frame.drop_duplicates("scene").set_index("scene")
    labels = {"test": "", "level": "Nominal"} | {
        str(scene): numbers.number(share, 1) for scene, share in scenes["autocorrelation"].items()
    }
    spanners: dict[str, Sequence[str]] = {
        f"{numbers.count(children)} children": list(scenes.index[scenes["children"] == children])
        for children in scenes["children"].unique()
    }
    notes = [
        say(
            "tables.sizes",
            replicates=numbers.count(frame["replicates"].iloc[0]),
            same=numbers.number(1, 1),
        ),
        say(
            "tables.sizes_permutation",
            smallest=numbers.percent(_smallest(frame)),
            alpha=numbers.percent(protocol.ALPHA),
        ),
    ]
    return set_table(
        rows, "sizes", labels=labels, numbers=["level", *scenes.index], notes=notes,
        spanners=spanners,
    )  # fmt: skip


def _told(row: pd.Series) -> str:
    rate, error = (numbers.number(100 * float(row[c]), 1) for c in ("rate", "monte_carlo_error"))
    return f"{rate} ({error})"


def _smallest(frame: pd.DataFrame) -> float:
    return float(frame.loc[frame["test"] == "permutation", "level"].max())
