"""From a trial to the exact side tables, each with what the gate must know of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis.estimates import PERSONS
from fvlib.analysis.plan import LEAVE_OUT
from fvlib.contract.files import BANNER_SHARE
from fvlib.gate import CountTable, Running
from fvlib.intake import Extracts
from fvlib.intake.load import share_set_aside
from fvlib.ipe import ipe_tables
from fvlib.tables import cohort, outcomes
from fvlib.tables.missingness import missing_patterns, missingness, missingness_by_period
from fvlib.tables.outcomes import crude_counts, period_counts
from fvlib.trial import Trial
from fvlib.trial.exposure import control_windows
from fvlib.trial.variants import NESTED


def trial_tables(
    extracts: Extracts, trial: Trial, imputed: Mapping[str, pd.DataFrame]
) -> dict[str, CountTable]:
    """Make every side table that follows from the trial and its imputations, before any fit.

    At an interim look no p is made. `imputed` is what `describe_imputations` gave.
    """
    return {
        **_arrived(extracts, trial),
        **_outcomes(extracts, trial),
        **_described(trial),
        **_missing(trial),
        **_imputed(imputed),
        **ipe_tables(extracts, trial.refresh),
    }


def _arrived(extracts: Extracts, trial: Trial) -> dict[str, CountTable]:
    share = share_set_aside(extracts.arrivals, extracts.set_aside)
    return {
        "arrivals": CountTable(
            # The banner follows the exact share: many masked counts can add up to more than it.
            extracts.arrivals.drop(columns="ignored_columns").assign(
                over_limit=share > BANNER_SHARE
            ),
            counts=("rows_read", "rows_kept"),
            parts={"rows_kept": "rows_read"},
            # Of a handful of rows the first and the last date would be two of theirs.
            follows={"first_date": "rows_kept", "last_date": "rows_kept"},
        ),
        "set_aside": CountTable(extracts.set_aside, counts=("rows",)),
        "resolved": CountTable(extracts.resolved, counts=("rows",)),
        "decisions": CountTable(trial.decisions, counts=("rows",)),
        "flow": CountTable(trial.flow, counts=("n",), persons={"n": "children"}),
        # Only how many in all (data contract): by LA a handful would stand alone.
        "withdrawn": CountTable(
            pd.DataFrame({"children": [int(extracts.withdrawn["children"].sum())]}),
            counts=("children",),
        ),
    }


def _outcomes(extracts: Extracts, trial: Trial) -> dict[str, CountTable]:
    return {
        "crude": CountTable(
            crude_counts(trial),
            counts=("n", "events", "not_observable", "missing"),
            parts={"events": "n"},
            persons={name: f"{name}_children" for name in ("n", "not_observable", "missing")},
            shares={"mean": ("events", "n")},
            means={"mean": ("n",)},
        ),
        "periods": CountTable(
            period_counts(trial, protocol.PRIMARY_OUTCOME),
            counts=("n", "events"),
            parts={"events": "n"},
            persons={"n": "children"},
        ),
        "outcome_periods": CountTable(
            outcomes.outcome_periods(trial),
            counts=("n", "events"),
            parts={"events": "n"},
            persons={"n": "children"},
            shares={"mean": ("events", "n")},
            means={"mean": ("n",)},
        ),
        "s3_distribution": CountTable(outcomes.s3_distribution(trial), counts=("n",)),
        "s6_terms": CountTable(
            outcomes.s6_terms(trial, extracts.attendance),
            counts=("n",),
            means={"mean": ("n",)},
        ),
        "calendar": CountTable(
            outcomes.observed_so_far(trial),
            counts=("n", "observed"),
            parts={"observed": "n"},
            persons={"n": "children", "observed": "observed_children"},
            rests={"observed": "open_children"},
            shares={"share": ("observed", "n")},
        ),
        "missing_outcomes": CountTable(
            outcomes.missing_by_reason(trial), counts=("n",), persons={"n": "children"}
        ),
        "control_window": CountTable(
            control_windows(trial),
            counts=("n",),
            persons={"n": "children"},
            means={"share": ("n",)},
        ),
    }


def _described(trial: Trial) -> dict[str, CountTable]:
    # A difference gives its two shares away: it goes with any of their counts.
    conditions = ("control", "treatment")
    behind = tuple(f"{kind}_{name}" for kind in ("n", "count") for name in conditions)
    return {
        "volume": CountTable(cohort.referral_volume(trial), counts=("referrals",)),
        "stayed_open": CountTable(
            cohort.referrals_by_period(trial).assign(share=np.nan),
            counts=("referrals", "stayed_open"),
            parts={"stayed_open": "referrals"},
            shares={"share": ("stayed_open", "referrals")},
        ),
        "profiles": CountTable(cohort.profiles(trial), counts=("n",)),
        "balance": CountTable(
            cohort.balance(trial),
            counts=behind,
            parts={"count_control": "n_control", "count_treatment": "n_treatment"},
            shares={f"mean_{name}": (f"count_{name}", f"n_{name}") for name in conditions},
            means={
                **{f"mean_{name}": (f"n_{name}",) for name in conditions},
                "crude_difference": behind,
                "adjusted_difference": behind,
            },
        ),
    }


def _missing(trial: Trial) -> dict[str, CountTable]:
    patterns = missing_patterns(trial)
    if trial.refresh.look == "interim":
        patterns["p_value"] = np.nan
    smaller = patterns[["n", "left_out"]].min(axis=1)
    return {
        "missingness": CountTable(
            missingness(trial),
            counts=("n", "missing"),
            parts={"missing": "n"},
            shares={"share": ("missing", "n")},
        ),
        "missingness_periods": CountTable(
            missingness_by_period(trial).assign(share=np.nan),
            counts=("n", "missing"),
            parts={"missing": "n"},
            shares={"share": ("missing", "n")},
        ),
        # Those left out are whom another covariate is missing for: told by subtraction.
        "missing_patterns": CountTable(
            patterns.assign(left_out=smaller.where(patterns["left_out"] > 0, patterns["n"])),
            counts=("n", "missing"),
            parts={"missing": "n"},
            persons={"n": "left_out"},
        ),
    }


def _imputed(tables: Mapping[str, pd.DataFrame]) -> dict[str, CountTable]:
    return {
        "imputation": CountTable(tables["imputation"], counts=("observed", "missing")),
        "imputed_shares": CountTable(
            tables["imputed_shares"],
            counts=("observed_n", "observed_count", "missing_n", "imputed_count"),
            parts={"observed_count": "observed_n", "imputed_count": "missing_n"},
            shares={
                "observed": ("observed_count", "observed_n"),
                "imputed": ("imputed_count", "missing_n"),
            },
        ),
        "imputation_trace": CountTable(
            tables["imputation_trace"],
            counts=("imputed", "missing"),
            parts={"imputed": "missing"},
            shares={"share": ("imputed", "missing")},
        ),
    }


def estimate_table(frame: pd.DataFrame) -> CountTable:
    """Say what the gate must know of the estimates.

    Whom one analysis leaves out of another's children would be told by subtraction. What the
    primary analysis without one LA tells is declared in `fvlib.tables.shared_margins`.
    """
    analysis = frame["analysis"].astype("str")
    return CountTable(
        frame.assign(
            family=frame["outcome"].replace(NESTED), runs=~analysis.str.startswith(LEAVE_OUT)
        ),
        counts=("n", "events"),
        parts={"events": "n"},
        persons={"n": PERSONS},
        running=Running(
            by=("family",), counts=("n", "events"), where="runs", unreleased=("family",)
        ),
    )


def la_intercepts(by_analysis: Mapping[str, Sequence[tuple[str, float, float]]]) -> CountTable:
    """Put each analysis's LA intercepts with their standard deviations in one table."""
    rows = [
        (analysis, la, estimate, error)
        for analysis, intercepts in by_analysis.items()
        for la, estimate, error in intercepts
    ]
    columns = ["analysis", "la", "estimate", "std_error"]
    return CountTable(pd.DataFrame.from_records(rows, columns=columns))


def analysis_tables(by_analysis: Sequence[Mapping[str, pd.DataFrame]]) -> dict[str, CountTable]:
    """Put the analyses' own side tables together, by name; they hold no count of children."""
    names = dict.fromkeys(name for tables in by_analysis for name in tables)
    return {
        name: CountTable(
            pd.concat([tables[name] for tables in by_analysis if name in tables], ignore_index=True)
        )
        for name in names
    }
