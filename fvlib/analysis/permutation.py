"""Inference from the order of roll-out: permutation test (X4), LA summaries within periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis.design import TREATMENT, Codes, Design, Floats, NotEstimable
from fvlib.analysis.fit import CombinedFits, EachRow, Fit, FitFailed
from fvlib.analysis.methods import fit_logistic_design, name_dropped
from fvlib.analysis.null_scores import BENDING_COPIES, GRID, bent, linear_scores, logistic_scores
from fvlib.models.wedge.resample import invert_test, list_orders, share_as_extreme
from fvlib.remarks import Code, remark

# The 12 orders' smallest p is 1/12, so the interval that inverts their test covers 11/12.
RESTRICTED_ALPHA: Final = 1.0 / 12.0


def strata_of(las: np.ndarray) -> list[str]:
    """Readiness stratum of each LA, by its place in the protocol's order."""
    return [protocol.LOCAL_AUTHORITIES[la].readiness for la in las]


def treated_from_slots(design: Design) -> Floats:
    """Say of each row whether its LA would have been live, for every live date it could have had.

    Parameters
    ----------
    design
        The rows; their frame has `referral_date` and the LA's own `live_date`.

    Returns
    -------
    Shape (rows, LAs x LAs): column `LAs * k + s` is 1 in the rows of LA k (of those present) that
    were referred on or after LA s's live date.
    """
    las, la = np.unique(design.la, return_inverse=True)
    first = [int(np.argmax(design.la == k)) for k in las]
    live = design.frame["live_date"].to_numpy()[first]
    treated = np.zeros((len(la), len(las), len(las)))
    treated[np.arange(len(la)), la] = design.frame["referral_date"].to_numpy()[:, None] >= live
    return treated.reshape(len(la), -1)


def reassign_live_dates(slots: np.ndarray) -> Floats:
    """Write orders as sums of the columns of `treated_from_slots`: LAs change their live dates.

    Parameters
    ----------
    slots
        Shape (orders, LAs present): which LA's live date each LA takes.

    Returns
    -------
    Shape (LAs x LAs, orders).
    """
    las = slots.shape[1]
    return np.asarray(
        (slots.T[:, None] == np.arange(las)[:, None]).astype(float).reshape(las**2, -1)
    )


@dataclass(frozen=True, slots=True)
class Permutation:
    """Re-randomise the order of roll-out (X4).

    The statistic is the studentised efficient score of treatment in the model without it, averaged
    over imputations drawn without treatment. Term `treatment` has the p of the 12 orders within
    strata, `treatment_120` that of all orders.

    Attributes
    ----------
    model
        Whether the outcome's model is logistic or linear.
    interval
        Whether to invert the 12 orders' test: a 91.7 % interval for the log-odds, model-based.
    refit
        Whether to fit the protocol's model under each of the 12 orders too, on the first complete
        data set: term `treatment_refitted`, ranked by Wald's z.
    """

    model: Literal["logistic", "linear"] = "logistic"
    interval: bool = False
    refit: bool = False

    def apart(self, rows: pd.DataFrame) -> Sequence[Codes] | None:
        """Tell rows apart by how many live dates had come, so for every order by treatment."""
        if self.model == "linear":
            return None
        dates = np.unique(rows["live_date"].to_numpy())
        return (np.searchsorted(dates, rows["referral_date"].to_numpy(), side="right"),)

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Score all orders of one complete data set."""
        las = np.unique(design.la)
        slots = list_orders(clusters=len(las))
        candidates, chosen = treated_from_slots(design), reassign_live_dates(slots)
        fits = int(start[1]) if start else 0
        previous = start[0] if start else None
        bends = []
        if self.model == "linear":
            found = linear_scores(design, candidates, chosen, previous)
        else:
            found = logistic_scores(design, candidates, chosen, start=previous)
            if self.interval and fits < BENDING_COPIES:
                within = _within(las, slots)
                scored = [
                    logistic_scores(design, candidates, chosen[:, within], effect, found.null)
                    if effect
                    else found._replace(statistics=found.statistics[within])
                    for effect in GRID
                ]
                bends.append(np.array([at.statistics for at in scored]))
        again = []
        if self.refit and fits == 0:
            again.append(_refitted(design, candidates @ chosen[:, _within(las, slots)]))
        return Fit(
            (),
            converged=found.null.converged,
            singular=found.null.singular,
            dropped=name_dropped(found.null),
            start=(found.null, fits + 1),
            draws=(las, slots, found.statistics, bends, again),
        )

    def combine(self, fits: Sequence[Fit]) -> CombinedFits:
        """Average the statistics over the imputations, and rank the observed order."""
        las, slots = fits[0].draws[:2]
        statistics = np.mean([fit.draws[2] for fit in fits], axis=0)
        lost = int((~np.isfinite(statistics)).sum())
        if lost:  # an order without a statistic can be counted neither as extreme nor as not
            raise FitFailed(remark(Code.ORDERS_LOST, lost, len(slots)))
        within = _within(las, slots)
        observed = float(statistics[0])
        rows, tables, notes = [], [], []
        for scheme, term, chosen, smallest in (
            ("12", TREATMENT, within, Code.SMALLEST_P_WITHIN),
            ("120", f"{TREATMENT}_120", np.arange(len(slots)), Code.SMALLEST_P_IGNORING),
        ):
            drawn = statistics[chosen]
            row = {
                "term": term,
                "scale": "p_only",
                "estimate": observed,
                "p_value": share_as_extreme(drawn, observed),
            }
            least = float(np.isclose(np.abs(drawn), np.abs(drawn).max()).mean())
            rows.append(row)
            tables.append(_drawn(scheme, slots[chosen], drawn, las))
            notes.append(remark(smallest, f"{least:.3f}", len(chosen)))
        for z in (z for fit in fits for z in fit.draws[4]):
            tables[0]["refitted"] = z
            rows.append(
                {
                    "term": f"{TREATMENT}_refitted",
                    "scale": "p_only",
                    "estimate": float(z[0]),
                    "p_value": share_as_extreme(z, float(z[0])),
                }
            )
            notes.append(Code.REFITTED)
        bends = [bend for fit in fits for bend in fit.draws[3]]
        if bends:
            low, high = _limits(np.mean(bends, axis=0), statistics[within])
            if np.isfinite([low, high]).all():
                rows.append(
                    {"term": "interval_12", "scale": "log_odds", "ci_low": low, "ci_high": high}
                )
                notes.append(Code.INTERVAL_MODEL_BASED)
            else:
                notes.append(Code.INTERVAL_12_OPEN)
        return CombinedFits(rows, {"permutation": pd.concat(tables)}, tuple(notes))


def _within(las: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Which of the orders keep LAs in their stratum."""
    strata = np.array(strata_of(las), dtype=str)
    return np.flatnonzero((strata[slots] == strata).all(axis=1))


def _drawn(scheme: str, slots: np.ndarray, statistics: Floats, las: np.ndarray) -> pd.DataFrame:
    """Name each order by the LAs in the sequence of their live dates."""
    keys = np.array([protocol.LA_KEYS[la] for la in las])
    names = [" > ".join(keys[np.argsort(row)]) for row in slots]
    return pd.DataFrame(
        {
            "scheme": scheme,
            "order": names,
            "statistic": statistics,
            "observed": [(row == np.arange(len(row))).all() for row in slots],
            "refitted": np.nan,
        }
    )


def _refitted(design: Design, candidates: Floats) -> Floats:
    """Fit the model with each candidate as the treatment: Wald's z."""
    column = design.names.index(TREATMENT)
    z, start = [], None
    for candidate in candidates.T:
        X = design.X.copy()
        X[:, column] = candidate
        start = fit_logistic_design(replace(design, X=X), start=start)
        at = start.names.index(TREATMENT)
        z.append(float(start.coefficients[at] / start.std_errors[at]))
    return np.array(z)


def _limits(bend: Floats, level: Floats) -> tuple[float, float]:
    """Invert the 12 orders' test over effects; `bend` and `level` are those of `bent`."""
    curve = bent(bend, level)

    def p_of(effect: float) -> float:
        drawn = curve(effect)
        return share_as_extreme(drawn, float(drawn[0]))

    reach = GRID[-1]
    # The interval is of values whose p is above the smallest one that 12 orders can give.
    return invert_test(p_of, RESTRICTED_ALPHA * (1 + 1e-9), 0.0, reach)


@dataclass(frozen=True, slots=True)
class WithinPeriod(EachRow):
    """Compare LA summaries within periods (Thompson and others 2018, doi 10.1002/sim.7668).

    In each period the mean over treated LAs of the LA's mean outcome less that over control LAs;
    periods are weighted by 1 / (1 / treated LAs + 1 / control LAs), the inverse of the difference's
    variance when LA means vary alike in all periods. p and 91.7 % interval from the 12 orders.
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Make the LA x period means; covariates play no part."""
        tables = design.frame.pivot_table(
            index="la", columns="period", values=["value", "treated"], observed=True
        )
        cells, share = tables["value"], tables["treated"]
        if cells.isna().to_numpy().any():
            raise NotEstimable(Code.CELL_EMPTY)
        las = np.unique(design.la)
        return Fit((), converged=True, draws=(las, cells.to_numpy(), (share >= 0.5).to_numpy()))

    def combine(self, fits: Sequence[Fit]) -> CombinedFits:
        """Rank the observed order's difference among those of the 12."""
        las, means, treated = fits[0].draws
        slots = list_orders(strata_of(las))
        schedules = [treated[row] for row in slots]
        weights = [_coefficients(schedule) for schedule in schedules]
        drawn = np.array([(w * means).sum() for w in weights])
        # With the effect taken off, an order's difference moves by its weight on treated cells.
        moves = np.array([(w * treated).sum() for w in weights])

        def p_of(effect: float) -> float:
            left = drawn - effect * moves
            return share_as_extreme(left, float(left[0]))

        reach = 20.0 * float(np.abs(drawn).max())
        low, high = invert_test(p_of, RESTRICTED_ALPHA * (1 + 1e-9), float(drawn[0]), reach)
        row = {
            "term": TREATMENT,
            "scale": "risk_difference",
            "estimate": float(drawn[0]),
            "p_value": share_as_extreme(drawn, float(drawn[0])),
        }
        notes = [remark(Code.WITHIN_PERIOD, len(slots))]
        if np.isfinite([low, high]).all():
            row |= {"ci_low": low, "ci_high": high}
        else:  # few periods observed: no effect within reach is ruled out
            notes.append(Code.WITHIN_PERIOD_OPEN)
        return CombinedFits([row], warnings=tuple(notes))


def _coefficients(treated: np.ndarray) -> Floats:
    """Weights of the LA x period means in the within-period estimate; periods of one kind: none."""
    ones, zeros = treated.sum(axis=0), (~treated).sum(axis=0)
    both = (ones > 0) & (zeros > 0)
    if not both.any():
        raise NotEstimable(Code.NO_SHARED_PERIOD)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(both, ones * zeros / (ones + zeros), 0.0)
        cell = np.where(treated, 1.0 / ones, -1.0 / zeros)
    return np.asarray(np.where(both, cell * precision / precision.sum(), 0.0))
