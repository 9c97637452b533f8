"""Side tables of a made-up bundle that describe outcomes, cohort and imputation."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fvlib import protocol

CONDITIONS = ("control", "treatment")


def described(periods: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Make them, with a masked cell in most."""
    return {
        "outcome_periods": _outcome_periods(periods),
        "s3_distribution": _s3(),
        "s6_terms": _twins(
            [
                (term, la, condition, None if la == "solihull" else 900, 8.0 + term)
                for term in (1, 2, 3)
                for la in (*protocol.LA_KEYS, "all")
                for condition in CONDITIONS
            ],
            ["term", "la", "condition", "n", "mean"],
            "n",
        ),
        "calendar": _twins(
            [
                (o, c, 1000, 750, share, "2025-09-30")
                for o in protocol.OUTCOMES
                for c, share in zip(CONDITIONS, (1.0, None if o == "S5" else 0.75), strict=True)
            ],
            ["outcome", "condition", "n", "observed", "share", "all_observed_from"],
            "share",
        ),
        "volume": _twins(
            [
                (la, f"{2019 + (9 + k) // 12}-{(9 + k) % 12 + 1:02d}-01", None if k == 7 else 300)
                for la in protocol.LA_KEYS
                for k in range(36)
            ],
            ["la", "month", "referrals"],
            "referrals",
        ),
        "stayed_open": _twins(
            [
                (la, period, None if la == "sefton" else 0.9)
                for la in protocol.LA_KEYS
                for period in range(protocol.PERIODS)
            ],
            ["la", "period", "share"],
            "share",
        ).assign(referrals=1000, stayed_open=900),
        "profiles": _twins(
            [
                (la, name, level, None if level == "other" else 250)
                for la in protocol.LA_KEYS
                for name, levels in (
                    ("age", [*map(str, range(18)), "missing"]),
                    ("sex", ["male", "female", "other", "missing"]),
                    ("primary_need", [*"0123456789", "missing"]),
                )
                for level in levels
            ],
            ["la", "characteristic", "level", "n"],
            "n",
        ),
        "balance": _balance(),
        "missingness_periods": _twins(
            [
                (name, la, period, "control" if period < 3 else "treatment", share)
                for name, share in (("sex", 0.0), ("ethnicity", 0.1), ("disabled", None))
                for la in protocol.LA_KEYS
                for period in range(protocol.PERIODS)
            ],
            ["covariate", "la", "period", "condition", "share"],
            "share",
        ).assign(n=1000, missing=100),
        "missing_patterns": pd.DataFrame(
            [
                ("ethnicity", "treated", 0.78, 0.70, 0.87, ""),
                ("ethnicity", "period[1]", 1.1, 0.9, 1.3, ""),
                ("ethnicity", "primary_need[2]", 1.0, 0.8, 1.2, ""),
                ("sex", None, None, None, None, "few_values"),
            ],
            columns=["covariate", "term", "odds_ratio", "ci_low", "ci_high", "notes"],
        ).assign(p_value=0.5, n=7000, missing=900),
        "imputation": _twins(
            [
                ("ethnicity", 7000, 900, 1.02, "true", 0.12, ""),
                ("disabled", 7500, None, 1.3, "false", 0.31, "chains_differ; shares_drift"),
            ],
            ["variable", "observed", "missing", "r_hat", "converged", "fmi", "notes"],
            "missing",
        ),
        "imputed_shares": pd.DataFrame(
            [("ethnicity", "WBRI", 0.8, 0.7), ("ethnicity", "CHNE", 0.01, None)],
            columns=["variable", "level", "observed", "imputed"],
        ),
        "imputation_trace": pd.DataFrame(
            [
                ("ethnicity", "WBRI", chain, step, 0.7 + 0.01 * (chain + step % 3), 900)
                for chain in (1, 2)
                for step in (1, 2, 3, 4)
            ],
            columns=["variable", "level", "chain", "iteration", "share", "missing"],
        ),
        "permutation": pd.DataFrame(
            [
                ("X4-P1", orders, str(k), 1.0 - 0.1 * k if k else -2.5, str(k == 0).lower())
                for orders in (12, 120)
                for k in range(orders)
            ],
            columns=["analysis", "scheme", "order", "statistic", "observed"],
        ),
    }


def _outcome_periods(periods: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for outcome in protocol.OUTCOMES:
        linear = outcome in protocol.LINEAR_OUTCOMES
        mean = 120.0 if linear else periods["events"].astype(float) / periods["n"]
        part = periods.assign(outcome=outcome, mean=mean)
        parts.append(part.assign(events=None) if linear else part)
    return pd.concat(parts, ignore_index=True)


def _s3() -> pd.DataFrame:
    rows: list[Any] = []
    for condition in CONDITIONS:
        rows.append((condition, "none", 0.0, 0.0, 4000))
        rows += [(condition, "part", 30.0 * k + 1, 30.0 * k + 30, 200 - 10 * k) for k in range(19)]
        rows.append((condition, "whole", None, None, None))
    return _twins(rows, ["condition", "share_of_window", "first_day", "last_day", "n"], "n")


def _balance() -> pd.DataFrame:
    rows = [
        ("sex", "male", 0.52, 0.53, 0.02, 0.01),
        ("sex", "female", 0.47, 0.46, -0.02, -0.09),
        ("sex", "other", None, None, None, None),
        ("la_fsm_share", None, 0.2, 0.3, 0.4, None),
    ]
    columns = [
        "covariate", "level", "mean_control", "mean_treatment", "crude_difference",
        "adjusted_difference",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns[2:]:
        frame[f"{name}_masked"] = frame[name].isna() & frame["level"].eq("other")
    return frame


def _twins(rows: list[Any], columns: list[str], masked: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    frame[f"{masked}_masked"] = frame[masked].isna()
    return frame
