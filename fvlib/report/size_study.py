"""How often each test rejects when nothing works: the simulation study as a table and in words.

`size_study.csv` beside this file is what `fv power --sizes` wrote; a slow test makes part of it
again. It holds no data of any child, LA or refresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import great_tables as gt
import pandas as pd

from fvlib import protocol
from fvlib.report import words
from fvlib.report.bundle import Bundle
from fvlib.report.register import Register
from fvlib.report.table_style import Rows, house

STUDY: Final = Path(__file__).with_name("size_study.csv")
TESTS: Final = {
    "cluster": "Protocol\u2019s model (Wald test)",
    "cluster_period": "LA \u00d7 period model (t test)",
    "wild_bootstrap": "Wild cluster bootstrap",
    "permutation": "Permutation test",
}
# A rate this many Monte Carlo errors above its level is too high.
TOO_OFTEN: Final = 3.0
# The drift that is told in words; the table has all of them.
DRIFT: Final = 0.9


@cache
def study() -> pd.DataFrame:
    """Read the study: one row a test, level, size of the trial and autocorrelation."""
    return pd.read_csv(STUDY, encoding="utf-8")


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
        f"Percentages of {words.count(frame['replicates'].iloc[0])} simulated trials, in brackets "
        "the Monte Carlo standard error. Headings: correlation of an LA\u2019s intercepts between "
        f"two periods; at {words.number(1, 1)} LAs don\u2019t drift apart.",
        f"The smallest p of the permutation test is {words.percent(_smallest(frame))}, so it can "
        f"reject at that level and never at {words.percent(protocol.ALPHA)}.",
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


def summary() -> str:
    """Say how often each test rejects at the trial's own size when LAs drift apart."""
    frame = study()
    scene = frame[(frame["children"] == protocol.CHILDREN) & (frame["autocorrelation"] == DRIFT)]
    told: list[str] = []
    failing: list[str] = []
    kept: list[str] = []
    for name, label in TESTS.items():
        row = scene[scene["test"] == name].sort_values("level").iloc[-1]
        told.append(
            f"by the {words.in_sentence(label)} in {words.percent(row['rate'])} (nominally "
            f"{words.percent(row['level'])})"
        )
        over = float(row["rate"] - row["level"])
        clearly = over > TOO_OFTEN * float(row["monte_carlo_error"])
        (failing if clearly else kept).append(f"the {words.in_sentence(label)}")
    return (
        f"In {words.count(scene['replicates'].iloc[0])} trials of {words.count(protocol.CHILDREN)} "
        f"children, in which an LA\u2019s level in one period has a correlation of "
        f"{words.number(DRIFT, 1)} with its level in another, an effect was found "
        f"{words.listing(told)}. Clearly too often: {words.listing(failing) or 'none'}; not so: "
        f"{words.listing(kept) or 'none'}."
    )
