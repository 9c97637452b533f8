"""How often each test rejects when nothing works: the simulation study, as data and in words.

`size_study.csv` beside this file is what `fv power --sizes` wrote; a slow test makes part of it
again. It holds no data of any child, LA or refresh.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.report.words import labels, numbers
from fvlib.report.words.phrases import say

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


def summary() -> str:
    """Say how often each test rejects at the trial's own size when LAs drift apart."""
    frame = study()
    scene = frame[(frame["children"] == protocol.CHILDREN) & (frame["autocorrelation"] == DRIFT)]
    told: list[str] = []
    failing: list[str] = []
    kept: list[str] = []
    for name, label in TESTS.items():
        row = scene[scene["test"] == name].sort_values("level").iloc[-1]
        test = labels.in_sentence(label)
        rate, level = numbers.percent(row["rate"]), numbers.percent(row["level"])
        told.append(say("sensitivity.sizes_test", test=test, rate=rate, level=level))
        over = float(row["rate"] - row["level"])
        clearly = over > TOO_OFTEN * float(row["monte_carlo_error"])
        (failing if clearly else kept).append(say("sensitivity.sizes_named", test=test))
    none = say("sensitivity.sizes_none")
    return say(
        "sensitivity.sizes",
        replicates=numbers.count(scene["replicates"].iloc[0]),
        children=numbers.count(protocol.CHILDREN),
        correlation=numbers.number(DRIFT, 1),
        told=numbers.listing(told),
        failing=numbers.listing(failing) or none,
        kept=numbers.listing(kept) or none,
    )
