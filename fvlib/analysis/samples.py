"""Which of an outcome's rows an analysis takes: functions from rows to rows."""

from __future__ import annotations

import pandas as pd


def everyone(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the outcome's whole sample."""
    return frame


def without_la(la: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave one LA out."""
    return frame[frame["la"] != la]
