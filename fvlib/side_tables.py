"""From a trial to the exact side tables, each with what the gate must know of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from fvlib import protocol
from fvlib.data.load import Extracts
from fvlib.disclosure import CountTable
from fvlib.trial import Trial
from fvlib.trial.covariates import missingness
from fvlib.trial.exposure import control_window_share
from fvlib.trial.outcomes import crude_counts, period_counts


def trial_tables(extracts: Extracts, trial: Trial) -> dict[str, CountTable]:
    """Make every side table that follows from the trial's rows alone."""
    return {
        "arrivals": CountTable(
            extracts.arrivals.drop(columns="ignored_columns"),
            counts=("rows_read", "rows_kept"),
            parts={"rows_kept": "rows_read"},
        ),
        "set_aside": CountTable(extracts.set_aside, counts=("rows",)),
        "resolved": CountTable(extracts.resolved, counts=("rows",)),
        "decisions": CountTable(trial.decisions, counts=("rows",)),
        "flow": CountTable(trial.flow, counts=("n",)),
        "crude": CountTable(
            crude_counts(trial),
            counts=("n", "events", "not_observable", "missing"),
            parts={"events": "n"},
            shares={"mean": ("events", "n")},
            means={"mean": "n"},
        ),
        "periods": CountTable(
            period_counts(trial, protocol.PRIMARY_OUTCOME),
            counts=("n", "events"),
            parts={"events": "n"},
        ),
        "missingness": CountTable(
            missingness(trial),
            counts=("n", "missing"),
            parts={"missing": "n"},
            shares={"share": ("missing", "n")},
        ),
        "control_window": CountTable(
            pd.DataFrame.from_records(
                [(o, control_window_share(trial, o)) for o in protocol.WINDOW_MONTHS],
                columns=["outcome", "share"],
            )
        ),
    }


def la_intercepts(by_analysis: Mapping[str, Sequence[tuple[str, float, float]]]) -> CountTable:
    """Put each analysis's LA intercepts with their standard deviations in one table."""
    rows = [
        (analysis, la, estimate, error)
        for analysis, intercepts in by_analysis.items()
        for la, estimate, error in intercepts
    ]
    columns = ["analysis", "la", "estimate", "std_error"]
    return CountTable(pd.DataFrame.from_records(rows, columns=columns))
