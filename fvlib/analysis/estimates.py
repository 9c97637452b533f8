"""One analysis over its complete data sets: pooled by Rubin's rules into rows of `estimates.csv`.

Log-odds and marginal effects are pooled each on their own scale, risks as logits; what is
exponentiated is exponentiated last. The p is the log-odds' alone. Any failed imputation fails
the analysis; singular ones are counted (analysis plan, "The primary model").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import expit

from fvlib import protocol
from fvlib.analysis.fit import Fit, Quantity
from fvlib.models.imputation.diagnostics import imputations_needed
from fvlib.models.inference import hochberg, interval, pool_rubin
from fvlib.remarks import Code, join, remark

COLUMNS: Final = (
    "analysis",
    "role",
    "outcome",
    "term",
    "scale",
    "estimate",
    "std_error",
    "df",
    "ci_low",
    "ci_high",
    "p_value",
    "p_adjusted",
    "n",
    "events",
    "status",
    "reason",
    "converged",
    "singular",
    "dropped",
    "warnings",
)
# Children behind n, which counts child-terms for S6: not released, for the gate alone.
PERSONS: Final = "children"
# Scales whose p enters Hochberg's family: the p from the log-odds (or the difference) alone.
TESTED: Final = frozenset({"log_odds", "mean_difference"})
# What is pooled on one scale and printed on another too: scale -> (other scale, transform).
DERIVED: Final = {"log_odds": ("odds_ratio", np.exp), "risk_logit": ("risk", expit)}
POOLED_ONLY: Final = frozenset({"risk_logit"})


def pool(fits: Sequence[Fit]) -> list[dict[str, Any]]:
    """Pool the same quantities of several complete-data fits.

    Parameters
    ----------
    fits
        One an imputation, or a single one of complete cases.

    Returns
    -------
    Rows with term, scale, estimate, std_error, df, ci_low, ci_high, p_value.
    """
    rows: list[dict[str, Any]] = []
    for position, first in enumerate(fits[0].quantities):
        same = [fit.quantities[position] for fit in fits]
        if any((q.term, q.scale) != (first.term, first.scale) for q in same):
            raise ValueError(f"imputations disagree on what stands at place {position}")
        rows.extend(_rows(same))
    return rows


def _rows(same: Sequence[Quantity]) -> list[dict[str, Any]]:
    term, scale = same[0].term, same[0].scale
    estimates = np.array([q.estimate for q in same])
    df_complete = float(np.mean([q.df for q in same]))
    variances = np.array([q.std_error for q in same]) ** 2
    if np.isnan(variances).any():  # a number without a standard error, such as an ICC
        return [{"term": term, "scale": scale, "estimate": float(estimates.mean())}]
    if len(same) == 1:
        estimate, error, df = float(estimates[0]), float(variances[0] ** 0.5), df_complete
    else:
        pooled = pool_rubin(estimates, variances, df_complete)
        estimate, error, df = pooled.estimate, pooled.std_error, pooled.df
    low, high, p = interval(estimate, error, df, alpha=protocol.ALPHA)
    row = {
        "term": term,
        "scale": scale,
        "estimate": estimate,
        "std_error": error,
        "df": df,
        "ci_low": low,
        "ci_high": high,
        "p_value": p if same[0].tested else np.nan,
    }
    return both_scales(row)


def both_scales(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Give an estimate's row, and it again on the scale on which it is printed too, if any."""
    scale = row["scale"]
    out = [] if scale in POOLED_ONLY else [row]
    if scale in DERIVED:
        shown, transform = DERIVED[scale]
        moved = {key: float(transform(row[key])) for key in ("estimate", "ci_low", "ci_high")}
        out.append(row | moved | {"scale": shown, "std_error": np.nan})
    return out


def diary(fits: Sequence[Fit]) -> dict[str, Any]:
    """Say in one row's columns how the fits went: converged, singular, dropped, warnings.

    The last two are remarks (`fvlib.remarks`).
    """
    singular = sum(fit.singular for fit in fits)
    warnings = [text for fit in fits for text in fit.warnings]
    if singular and len(fits) > 1:
        warnings.append(remark(Code.ZERO_IN_IMPUTATIONS, singular, len(fits)))
    return {
        "converged": all(fit.converged for fit in fits),
        "singular": singular > 0,
        "dropped": join(*(name for fit in fits for name in fit.dropped)),
        "warnings": join(*warnings, *_few_imputations(fits)),
    }


def few_imputations(imputations: int, fmi: float) -> str:
    """Warn when there are too few imputations for the fraction of missing information."""
    needed = imputations_needed(fmi)
    if imputations >= needed:
        return ""
    return remark(Code.FEW_IMPUTATIONS, imputations, f"{fmi:.2f}", needed)


def _few_imputations(fits: Sequence[Fit]) -> list[str]:
    """Warn where what is tested misses more information than so many imputations make good."""
    warnings = []
    for same in zip(*(fit.quantities for fit in fits), strict=True):
        errors = np.array([q.std_error for q in same])
        if len(fits) > 1 and same[0].tested and np.isfinite(errors).all():
            # Without the few degrees of freedom of five LAs, which no imputation makes good.
            pooled = pool_rubin(np.array([q.estimate for q in same]), errors**2, np.inf)
            warnings.append(few_imputations(len(fits), pooled.fmi))
    return warnings


def adjust_family(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the six secondary p-values Hochberg's adjustment, raw and adjusted side by side.

    The family is always six: one that can't be estimated counts as p = 1 (analysis plan).
    """
    mine = (frame["role"] == "secondary") & (frame["term"] == "treatment")
    tested = frame[mine & frame["scale"].isin(TESTED)].drop_duplicates("outcome")
    raw = tested.set_index("outcome")["p_value"].astype(float)
    family = raw.reindex(list(protocol.SECONDARY_OUTCOMES)).fillna(1.0)
    adjusted = pd.Series(hochberg(family.to_numpy()), index=family.index)
    shown = mine & frame["p_value"].notna()
    return frame.assign(p_adjusted=frame["outcome"].map(adjusted).where(shown, frame["p_adjusted"]))


def frame_of(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Make `estimates.csv`'s frame, and who stands behind n; what a row lacks is missing."""
    return pd.DataFrame.from_records(list(rows), columns=[*COLUMNS, PERSONS])
