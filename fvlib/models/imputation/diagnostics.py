"""Imputed values, and what they are judged by: shares, mixing of the chains, Monte Carlo error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fvlib.errors import Refusal
from fvlib.models.inference import pool_rubin

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Codes = NDArray[np.int16]

# Chance of a false alarm for one variable, over all its levels, when its chains have settled.
FALSE_ALARM: Final = 0.001
# White, Royston and Wood 2011 (doi 10.1002/sim.4067): at least as many imputations as the fraction
# of missing information has percentage points; the Monte Carlo error of an estimate is then a
# tenth of its standard error, of its test statistic a tenth, and of p (at 0.05) a hundredth.
IMPUTATIONS_PER_FMI: Final = 100


class MonteCarloError(NamedTuple):
    """Standard deviation of pooled numbers over repeated imputation with the same m."""

    estimate: float
    std_error: float
    fmi: float
    p_value: float


@dataclass(frozen=True)
class Imputation:
    """m completed copies of a frame of categoricals, held as the imputed cells alone.

    Attributes
    ----------
    frame : DataFrame
        The frame as given, missing cells and all.
    imputations : int
        m.
    codes : mapping of variable to (m, missing rows) array of int
        Codes into the variable's categories. Complete variables are not in it.
    missing_rows : mapping of variable to (missing rows,) array of int
        Positions (not labels) of the rows that the codes belong to.
    trace : DataFrame
        chain, iteration, variable, level, share: of the imputed cells, the share at that level
        after that iteration. Chains and iterations count from 1.
    diary : DataFrame
        One row a variable with missing cells, in the order in which they are imputed:
        variable; levels (that can be drawn); observed, missing (rows); parameters; empty_cells
        (levels of a predictor in which a level of the variable is never observed: held by the
        prior); steps (mean Newton steps a fit); distance (of the last fit's parameters from their
        mode, in posterior SDs, root mean square, worst chain); curvature (present over assumed
        information in the last fit, mean over the parameters, the chain farthest from 1); r_hat
        (worst level); between_p, drift_p (see `mixing`); converged; notes in words,
        and the same as codes (`remarks`; see `fvlib.remarks`).
    """

    frame: pd.DataFrame
    imputations: int
    codes: Mapping[str, Codes]
    missing_rows: Mapping[str, Integers]
    trace: pd.DataFrame
    diary: pd.DataFrame

    def completed(self, imputation: int) -> pd.DataFrame:
        """Completed copy number ``imputation``, counted from 0.

        Raises
        ------
        Refusal
            When there is no such imputation.
        """
        if not 0 <= imputation < self.imputations:
            raise Refusal(
                f"imputation {imputation}: there are {self.imputations}, counted from 0; "
                f"ask for 0 to {self.imputations - 1}"
            )
        columns = {}
        for name, column in self.frame.items():
            key = str(name)
            if key not in self.codes:
                columns[name] = column
                continue
            codes = column.cat.codes.to_numpy(dtype=np.int16, copy=True)
            codes[self.missing_rows[key]] = self.codes[key][imputation]
            filled = pd.Categorical.from_codes(codes, categories=column.cat.categories)
            columns[name] = pd.Series(filled, index=self.frame.index, dtype=column.dtype)
        return pd.DataFrame(columns, index=self.frame.index)

    def shares(self, by: pd.Series | None = None) -> pd.DataFrame:
        """Observed against imputed shares, level by level.

        They need not agree: under missing at random they differ where the rows with missing cells
        differ. Rows that hold a fixed level count as observed.

        Parameters
        ----------
        by
            A categorical over the same rows (an LA, a period): shares within each of its levels.

        Returns
        -------
        DataFrame
            variable, level, observed_n, missing_n, observed (share), imputed (share, mean over the
            imputations), imputed_sd (between imputations, NaN when m is 1); ``group`` first when
            ``by`` is given. Shares of nothing are NaN.
        """
        if by is None:
            whole = pd.Categorical(["all"] * len(self.frame), categories=pd.Index(["all"]))
            return self._shares(whole).drop(columns="group")
        if not isinstance(by.dtype, pd.CategoricalDtype) or not by.index.equals(self.frame.index):
            raise Refusal("by: a categorical with the index of the imputed frame was expected")
        return self._shares(pd.Categorical(by))

    def _shares(self, by: pd.Categorical[Any]) -> pd.DataFrame:
        place = np.asarray(by.codes, dtype=np.int64)
        groups = len(by.categories)
        parts = []
        for name, values in self.codes.items():
            levels = self.frame[name].cat.categories
            width = len(levels)
            codes = self.frame[name].cat.codes.to_numpy(dtype=np.int64)
            known = (codes >= 0) & (place >= 0)
            cells = place[known] * width + codes[known]
            observed = np.bincount(cells, minlength=groups * width).reshape(groups, width)
            where = place[self.missing_rows[name]]
            inside = where >= 0
            drawn = np.stack(
                [
                    np.bincount(where[inside] * width + one[inside], minlength=groups * width)
                    for one in values
                ]
            ).reshape(-1, groups, width)
            missing = np.bincount(where[inside], minlength=groups)
            share = _ratio(drawn, missing[:, None])
            parts.append(
                pd.DataFrame(
                    {
                        "group": np.repeat(np.asarray(by.categories), width),
                        "variable": name,
                        "level": np.tile(np.asarray(levels), groups),
                        "observed_n": np.repeat(observed.sum(axis=1), width),
                        "missing_n": np.repeat(missing, width),
                        "observed": _ratio(observed, observed.sum(axis=1)[:, None]).ravel(),
                        "imputed": share.mean(axis=0).ravel(),
                        "imputed_sd": _spread(share).ravel(),
                    }
                )
            )
        if parts:
            return pd.concat(parts, ignore_index=True)
        return pd.DataFrame(columns=[*SHARES])


SHARES: Final = (
    "group",
    "variable",
    "level",
    "observed_n",
    "missing_n",
    "observed",
    "imputed",
    "imputed_sd",
)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _spread(share: Floats) -> Floats:
    if len(share) < 2:
        return np.full(share.shape[1:], np.nan)
    return np.asarray(share.std(axis=0, ddof=1))


class Mixing(NamedTuple):
    """Whether chains agree: see `mixing`."""

    r_hat: float
    between_p: float
    drift_p: float


def mixing(share: Floats) -> Mixing:
    """Judge chains by the shares they drew.

    Parameters
    ----------
    share : (chains, iterations, levels) array

    Returns
    -------
    Mixing
        Over the second half of the iterations, for the worst level: ``r_hat`` (Gelman and Rubin
        1992, doi 10.1214/ss/1177011136) and the p of equal chain means (F test). ``drift_p``: p of
        no change from the third to the last quarter, paired over chains (t test); all chains start
        from the observed shares, so a common drift is what r_hat can't see. Both p are Bonferroni's
        over the levels. NaN where there are too few chains or iterations to tell.
    """
    chains, iterations, levels = share.shape
    half = share[:, iterations // 2 :]
    length = half.shape[1]
    if chains < 2 or length < 2:
        return Mixing(math.nan, math.nan, math.nan)
    between = length * half.mean(axis=1).var(axis=0, ddof=1)
    within = half.var(axis=1, ddof=1).mean(axis=0)
    moves = within > 0
    ratio = between[moves] / within[moves]
    if not len(ratio):
        return Mixing(math.nan, math.nan, math.nan)
    r_hat = math.sqrt((length - 1 + float(ratio.max())) / length)
    f_law = stats.f(chains - 1, chains * (length - 1))
    between_p = min(1.0, levels * float(f_law.sf(ratio.max())))
    early, late = half[:, : length // 2], half[:, length // 2 :]
    change = late.mean(axis=1) - early.mean(axis=1)
    error = change.std(axis=0, ddof=1) / math.sqrt(chains)
    t = np.abs(change.mean(axis=0)[error > 0] / error[error > 0])
    drift_p = min(1.0, levels * 2 * float(stats.t(chains - 1).sf(t.max()))) if len(t) else math.nan
    return Mixing(r_hat, between_p, drift_p)


def monte_carlo_error(
    estimates: ArrayLike, variances: ArrayLike, df_complete: float = math.inf
) -> MonteCarloError:
    """Monte Carlo error of Rubin's pooled numbers, by the jackknife over imputations.

    That of the estimate equals sqrt(between / m) (White, Royston and Wood 2011, section 7.2,
    doi 10.1002/sim.4067). NaN with fewer than three imputations.

    Raises
    ------
    ValueError
        As `pool_rubin` does.
    """
    q = np.atleast_1d(np.asarray(estimates, dtype=np.float64))
    u = np.atleast_1d(np.asarray(variances, dtype=np.float64))
    pool_rubin(q, u, df_complete)
    m = len(q)
    if m < 3:
        return MonteCarloError(math.nan, math.nan, math.nan, math.nan)
    without = [pool_rubin(np.delete(q, i), np.delete(u, i), df_complete) for i in range(m)]
    pooled = np.array([(p.estimate, p.std_error, p.fmi, p.p_value) for p in without])
    error = np.sqrt((m - 1) * pooled.var(axis=0))
    return MonteCarloError(*(float(x) for x in error))


def imputations_needed(fmi: float) -> int:
    """Imputations that a fraction of missing information asks for: 100 x fmi, at least 2.

    Raises
    ------
    ValueError
        When ``fmi`` is not between 0 and 1.
    """
    if not 0.0 <= fmi <= 1.0:
        raise ValueError(f"fmi: {fmi!r} is not between 0 and 1")
    return max(2, math.ceil(round(IMPUTATIONS_PER_FMI * fmi, 9)))
