"""What multiple imputation is judged by, as tables: account, shares, traces of the chains."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fvlib.analysis.estimates import few_imputations
from fvlib.analysis.imputations import FIXED_LEVELS, Imputations
from fvlib.models.inference import pool_rubin
from fvlib.remarks import join


def describe_imputations(imputations: Imputations) -> dict[str, pd.DataFrame]:
    """Make the three tables that the imputations are judged by, under their names in the bundle."""
    return {
        "imputation": account_of_imputation(imputations),
        "imputed_shares": observed_and_imputed_shares(imputations),
        "imputation_trace": trace_of_chains(imputations),
    }


def account_of_imputation(imputations: Imputations) -> pd.DataFrame:
    """Tell for each imputed covariate how its imputation went.

    Returns
    -------
    pandas.DataFrame
        variable, observed, missing (children), r_hat, converged, fmi (fraction of missing
        information of the covariate's shares, the worst level's; NaN with one imputation), notes
        (`fvlib.remarks`).
    """
    diary = imputations.drawn.diary
    rows = []
    for _, entry in diary.iterrows():
        fmi = _worst_fmi(imputations, str(entry["variable"]))
        warning = "" if np.isnan(fmi) else few_imputations(imputations.count, fmi)
        rows.append(
            {
                "variable": entry["variable"],
                "observed": int(entry["observed"]),
                "missing": int(entry["missing"]),
                "r_hat": entry["r_hat"],
                "converged": bool(entry["converged"]),
                "fmi": fmi,
                "notes": join(str(entry["remarks"] or ""), warning),
            }
        )
    columns = ["variable", "observed", "missing", "r_hat", "converged", "fmi", "notes"]
    return pd.DataFrame.from_records(rows, columns=columns)


def observed_and_imputed_shares(imputations: Imputations) -> pd.DataFrame:
    """Set observed beside imputed shares, level by level.

    Returns
    -------
    pandas.DataFrame
        variable, level, observed_n, observed_count, observed (share), missing_n, imputed_count
        (mean over the imputations, to a whole child), imputed (share). Levels
        that are never imputed are left out.
    """
    table = imputations.drawn.shares()
    observed_count = (table["observed"] * table["observed_n"]).fillna(0).round().astype(np.int64)
    # A level that is never imputed (below school age) is left out of what is compared.
    fixed = pd.Series(
        [
            level in FIXED_LEVELS.get(str(name), ())
            for name, level in zip(table["variable"], table["level"], strict=True)
        ],
        dtype=bool,
    )
    never = observed_count.where(fixed, 0).groupby(table["variable"]).transform("sum")
    table["observed_n"] -= never
    table, observed_count = table[~fixed], observed_count[~fixed]
    n = table["observed_n"]
    table = table.assign(observed=observed_count / n.where(n > 0))
    imputed_count = (table["imputed"] * table["missing_n"]).fillna(0).round().astype(np.int64)
    out = table.assign(observed_count=observed_count, imputed_count=imputed_count)
    columns = [
        "variable", "level", "observed_n", "observed_count", "observed", "missing_n",
        "imputed_count", "imputed",
    ]  # fmt: skip
    return out[columns]


def trace_of_chains(imputations: Imputations) -> pd.DataFrame:
    """Follow the chains: the share of the level that is imputed most, iteration by iteration.

    Returns
    -------
    pandas.DataFrame
        variable, level, chain, iteration, imputed (cells drawn at the level), missing (cells),
        share (of the one in the other).
    """
    drawn = imputations.drawn.trace
    if drawn.empty:
        columns = ["variable", "level", "chain", "iteration", "imputed", "missing", "share"]
        return pd.DataFrame(columns=columns)
    mean = drawn.groupby(["variable", "level"], observed=True, sort=False)["share"].mean()
    commonest = mean.groupby("variable", sort=False).idxmax()
    kept = drawn[pd.MultiIndex.from_frame(drawn[["variable", "level"]]).isin(list(commonest))]
    missing = kept["variable"].map(imputations.drawn.diary.set_index("variable")["missing"])
    return pd.DataFrame(
        {
            "variable": kept["variable"],
            "level": kept["level"],
            "chain": kept["chain"],
            "iteration": kept["iteration"],
            "imputed": (kept["share"] * missing).round().astype(np.int64),
            "missing": missing.astype(np.int64),
            "share": kept["share"],
        }
    ).reset_index(drop=True)


def _worst_fmi(imputations: Imputations, variable: str) -> float:
    """Fraction of missing information of a covariate's shares in the cohort, at the worst level."""
    drawn = imputations.drawn
    if imputations.count == 1 or variable not in drawn.codes:
        return float("nan")
    column = drawn.frame[variable]
    width, n = len(column.cat.categories), len(column)
    known = np.bincount(column.cat.codes.to_numpy()[column.notna().to_numpy()], minlength=width)
    share = np.stack(
        [(known + np.bincount(codes, minlength=width)) / n for codes in drawn.codes[variable]]
    )
    inner = (share > 0).all(axis=0) & (share < 1).all(axis=0)
    fmi = [pool_rubin(q, q * (1 - q) / n).fmi for q in share[:, inner].T]
    return max(fmi, default=float("nan"))
