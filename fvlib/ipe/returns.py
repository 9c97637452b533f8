"""Families reached and training attended, as the LAs count them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from fvlib.contract import codes
from fvlib.gate import CountTable, Margin, Running
from fvlib.ipe.grouping import KEY, Rows, frame_of, groups, in_order, levels, splits

FAMILY_COUNTS: Final = ("reached", "referred", "held", "agreed")


def family_table(fgc: pd.DataFrame) -> CountTable:
    """Set families reached and FGCs by characteristic and level, as they were sent."""
    columns = ["la", "time_point", "service", "characteristic", "level", *FAMILY_COUNTS]
    frame = fgc[columns].copy()
    for column in columns[:5]:
        frame[column] = frame[column].astype("object").where(frame[column].notna(), "").astype(str)
    for column in FAMILY_COUNTS:
        frame[column] = frame[column].astype("Float64")
    # Labels of no list are one level, `other`.
    of_level = frame.groupby(columns[:5], sort=False, as_index=False)
    frame = of_level[list(FAMILY_COUNTS)].sum(min_count=1)
    order = {name: at for at, name in enumerate(codes.CHARACTERISTIC.written)}
    frame["place"] = frame["characteristic"].map(order)
    frame = in_order(frame, "service", "place")[columns]
    return CountTable(
        frame,
        counts=FAMILY_COUNTS,
        parts={"held": "referred", "agreed": "held"},
        margins=(Margin(by=("la", "time_point", "service"), split="characteristic"),),
        running=Running(by=("la", "service", "characteristic", "level"), counts=FAMILY_COUNTS),
    )


def training_table(training: pd.DataFrame) -> CountTable:
    """Add up attendance by event, in all, and by role and team where the return has them."""
    rows: Rows = []
    for (la, point, event), part in groups(training, (*KEY, "event")):
        named = {name: levels(part[name]) for name in ("role", "team")}
        for split, level, of in splits(named):
            rows.append(
                {
                    "la": la, "time_point": point, "event": event, "split": split, "level": level,
                    "attended": int(part.loc[of, "attended"].sum()),
                    "eligible": part.loc[of, "eligible"].astype("Float64").sum(skipna=False),
                }
            )  # fmt: skip
    columns = ["la", "time_point", "event", "split", "level", "attended", "eligible"]
    hide = {"hide_attended": False, "hide_eligible": False}  # see `fvlib.ipe.ties`
    frame = frame_of(rows, columns).assign(share=np.nan, **hide)
    frame["eligible"] = frame["eligible"].astype("Float64")
    return CountTable(
        frame,
        counts=("attended", "eligible"),
        parts={"attended": "eligible"},
        shares={"share": ("attended", "eligible")},
        margins=(Margin(by=("la", "time_point", "event"), split="split"),),
        running=Running(by=("la", "event", "split", "level"), counts=("attended",)),
        hidden={"attended": "hide_attended", "eligible": "hide_eligible"},
    )
