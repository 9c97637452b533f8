"""Inference from the design: orders of roll-out (X4), LA summaries, wild bootstrap (X11)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from fvlib import protocol
from fvlib.analysis import estimates
from fvlib.analysis.design import TREATMENT, Codes, Design, Floats, in_words
from fvlib.analysis.fit import Alike, Combined, EachRow, Fit, FitFailed
from fvlib.analysis.methods import fitted, reasons
from fvlib.analysis.shares_and_days import with_las
from fvlib.models.mixed import Separation, Unidentified, fit_linear, score_test
from fvlib.models.resample import (
    WEBB_WEIGHTS,
    averaged,
    inverted,
    linear_score,
    orders,
    share_as_extreme,
    wild_linear,
    wild_score_bootstrap,
)

# The 12 orders' smallest p is 1/12, so the interval that inverts their test covers 11/12.
RESTRICTED_ALPHA: Final = 1.0 / 12.0
# Effects, log-odds, at which a null model is scored; between them the scores are interpolated.
GRID: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
# How far from the estimate, in standard errors, the linear bootstrap's limits are looked for.
LINEAR_REACH: Final = 20.0
# Imputations that tell how scores bend away from no effect; the level is that of all of them.
BENDING_COPIES: Final = 2


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


def reassigned(slots: np.ndarray) -> Floats:
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


class _Scored(NamedTuple):
    """Scores of a null model: one a candidate, or by LA."""

    statistics: Floats
    by_la: Floats
    null: Any


def _logistic_scores(
    design: Design,
    candidates: Floats,
    combinations: Floats | None = None,
    effect: float = 0.0,
    start: Any = None,
) -> _Scored:
    """Score candidates in the protocol's model with treatment's effect held at `effect`."""
    column = design.names.index(TREATMENT)
    null = design.with_columns({}, without=[TREATMENT])
    try:
        found = score_test(
            design.y,
            null.X,
            candidates,
            design.la,
            trials=design.trials,
            offset=effect * design.X[:, column],
            names=null.names,
            start=start,
            preference=null.drop_first,
            protected=null.protected,
            combinations=combinations,
        )
    except (Separation, Unidentified) as reason:
        raise FitFailed(in_words(str(reason))) from reason
    return _Scored(found.alike, found.group_scores, found.fit)


def _linear_scores(
    design: Design, candidates: Floats, combinations: Floats, start: Any = None
) -> _Scored:
    """Score combined candidates in the linear mixed model without treatment."""
    null = design.with_columns({}, without=[TREATMENT])
    repeated = len(np.unique(design.child)) < len(design.child)
    try:
        fit = fit_linear(
            design.y,
            null.X,
            design.la,
            subgroups=design.child if repeated else None,
            start=start,
            names=null.names,
            preference=null.drop_first,
            protected=null.protected,
        )
    except Unidentified as reason:
        raise FitFailed(in_words(str(reason))) from reason
    dropped = [name for name in null.names if name not in fit.names]
    X = null.with_columns({}, without=dropped).X if dropped else null.X
    leaf, labels = pd.factorize(design.child if repeated else design.la, sort=True)
    of = None
    if repeated:
        of = np.zeros(len(labels), dtype=np.int64)
        of[leaf] = pd.factorize(design.la, sort=True)[0]
    found = linear_score(design.y, X, candidates, leaf, of, fit.sigmas, combinations)
    return _Scored(found.statistics, np.empty((0, 0)), fit)


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
        slots = orders(clusters=len(las))
        candidates, chosen = treated_from_slots(design), reassigned(slots)
        fits = int(start[1]) if start else 0
        previous = start[0] if start else None
        bends = []
        if self.model == "linear":
            found = _linear_scores(design, candidates, chosen, previous)
        else:
            found = _logistic_scores(design, candidates, chosen, start=previous)
            if self.interval and fits < BENDING_COPIES:
                within = _within(las, slots)
                bent = [
                    _logistic_scores(design, candidates, chosen[:, within], effect, found.null)
                    if effect
                    else found._replace(statistics=found.statistics[within])
                    for effect in GRID
                ]
                bends.append(np.array([at.statistics for at in bent]))
        again = []
        if self.refit and fits == 0:
            again.append(_refitted(design, candidates @ chosen[:, _within(las, slots)]))
        return Fit(
            (),
            converged=found.null.converged,
            singular=found.null.singular,
            dropped=reasons(found.null),
            start=(found.null, fits + 1),
            draws=(las, slots, found.statistics, bends, again),
        )

    def combine(self, fits: Sequence[Fit]) -> Combined:
        """Average the statistics over the imputations, and rank the observed order."""
        las, slots = fits[0].draws[:2]
        statistics = np.mean([fit.draws[2] for fit in fits], axis=0)
        lost = int((~np.isfinite(statistics)).sum())
        if lost:  # an order without a statistic can be counted neither as extreme nor as not
            raise FitFailed(
                f"under {lost} of {len(slots)} orders treatment can't be told from the model's "
                "other terms, so the permutation test has no p"
            )
        within = _within(las, slots)
        observed = float(statistics[0])
        rows, tables, notes = [], [], []
        for scheme, term, chosen, kept in (
            ("12", TREATMENT, within, "within strata"),
            ("120", f"{TREATMENT}_120", np.arange(len(slots)), "ignoring strata"),
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
            notes.append(f"{least:.3f} is the smallest p that {len(chosen)} orders {kept} can give")
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
            notes.append("one complete data set was fitted again under each of the 12 orders")
        bends = [bend for fit in fits for bend in fit.draws[3]]
        if bends:
            low, high = _limits(np.mean(bends, axis=0), statistics[within])
            if np.isfinite([low, high]).all():
                rows.append(
                    {"term": "interval_12", "scale": "log_odds", "ci_low": low, "ci_high": high}
                )
                notes.append("the 91.7 % interval is model-based")
            else:
                notes.append("the 91.7 % interval has no end within reach")
        return Combined(rows, {"permutation": pd.concat(tables)}, tuple(notes))


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
        start = fitted(replace(design, X=X), start=start)
        at = start.names.index(TREATMENT)
        z.append(float(start.coefficients[at] / start.std_errors[at]))
    return np.array(z)


def _limits(bend: Floats, level: Floats) -> tuple[float, float]:
    """Invert the 12 orders' test over effects.

    `bend` has the statistics at the effects of GRID, from a few copies; it is moved so that at no
    effect it has `level`, those of all copies.
    """
    curve = CubicSpline(GRID, bend + (level - bend[GRID.index(0.0)]))

    def p_of(effect: float) -> float:
        drawn = curve(effect)
        return share_as_extreme(drawn, float(drawn[0]))

    reach = GRID[-1]
    # The interval is of values whose p is above the smallest one that 12 orders can give.
    return inverted(p_of, RESTRICTED_ALPHA * (1 + 1e-9), 0.0, reach)


@dataclass(frozen=True, slots=True)
class WildBootstrap(Alike):
    """Wild cluster bootstrap of the score, all of Webb's weights enumerated (X11).

    The LAs' efficient scores of treatment in the model without it are averaged over imputations
    before one bootstrap; the interval inverts the test.
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Give the LAs' scores of one complete data set, at several effects for the first ones."""
        done = int(start[1]) if start else 0
        column = design.X[:, [design.names.index(TREATMENT)]]
        found = _logistic_scores(design, column, start=start[0] if start else None)
        bends = []
        if done < BENDING_COPIES:
            bent = [
                _logistic_scores(design, column, None, effect, found.null) if effect else found
                for effect in GRID
            ]
            bends.append(np.array([at.by_la[:, 0] for at in bent]))
        return Fit(
            (),
            converged=found.null.converged,
            singular=found.null.singular,
            dropped=reasons(found.null),
            start=(found.null, done + 1),
            draws=(found.by_la[:, 0], bends),
        )

    def combine(self, fits: Sequence[Fit]) -> Combined:
        """Average the LAs' scores over the imputations, and bootstrap them once."""
        level = np.mean([fit.draws[0] for fit in fits], axis=0)
        bend = np.mean([b for fit in fits for b in fit.draws[1]], axis=0)
        curve = CubicSpline(GRID, bend + (level - bend[GRID.index(0.0)]))
        limits = inverted(
            lambda effect: wild_score_bootstrap(curve(effect))[0],
            protocol.ALPHA,
            0.0,
            GRID[-1],
            steps=50,
        )
        return _bootstrapped("log_odds", _root(curve), limits, wild_score_bootstrap(level))


@dataclass(frozen=True, slots=True)
class LinearWildBootstrap(EachRow):
    """Wild cluster bootstrap of a linear outcome by least squares with LA indicators (X11).

    All of Webb's weights are enumerated, with the regression fitted again in each draw. What it
    needs is averaged over imputations before one bootstrap; the interval inverts the test.
    """

    def fit(self, design: Design, start: Any = None) -> Fit:
        """Reduce one complete data set to what the bootstrap needs."""
        X, at, dropped = with_las(design)
        made = wild_linear(design.y, X, at, design.la)
        return Fit((), converged=True, dropped=dropped, draws=made)

    def combine(self, fits: Sequence[Fit]) -> Combined:
        """Average over the imputations, and bootstrap once."""
        made = averaged([fit.draws for fit in fits])
        limits = inverted(
            lambda effect: made.test(effect)[0],
            protocol.ALPHA,
            made.estimate,
            LINEAR_REACH * made.std_error,
            steps=50,
        )
        return _bootstrapped("mean_difference", made.estimate, limits, made.test(0.0))


def _bootstrapped(
    scale: str, estimate: float, limits: tuple[float, float], test: tuple[float, float, Floats]
) -> Combined:
    """Put the bootstrap's answer in rows; an interval without an end within reach has none."""
    p, statistic, draws = test
    clusters = round(math.log(len(draws), len(WEBB_WEIGHTS)))
    notes = [f"all {len(draws):,} draws of the weights; {clusters} clusters are few"]
    if not np.isfinite(limits).all():
        notes.append("its interval has no end within reach")
        limits = (math.nan, math.nan)
    low, high = limits
    row = {
        "term": TREATMENT,
        "scale": scale,
        "estimate": estimate,
        "ci_low": low,
        "ci_high": high,
        "p_value": p,
    }
    score = {"term": "score", "scale": "p_only", "estimate": statistic, "p_value": p}
    return Combined([*estimates.both_scales(row), score], warnings=tuple(notes))


def _root(curve: CubicSpline) -> float:
    """Find the effect at which the LAs' scores sum to zero: the estimate."""
    fine = np.linspace(GRID[0], GRID[-1], 2001)
    total = curve(fine).sum(axis=1)
    changes = np.flatnonzero(np.sign(total[:-1]) != np.sign(total[1:]))
    if not len(changes):
        return float("nan")
    i = int(changes[0])
    return float(fine[i] - total[i] * (fine[i + 1] - fine[i]) / (total[i + 1] - total[i]))


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
            raise FitFailed("an LA has nobody in some period")
        las = np.unique(design.la)
        return Fit((), converged=True, draws=(las, cells.to_numpy(), (share >= 0.5).to_numpy()))

    def combine(self, fits: Sequence[Fit]) -> Combined:
        """Rank the observed order's difference among those of the 12."""
        las, means, treated = fits[0].draws
        slots = orders(strata_of(las))
        schedules = [treated[row] for row in slots]
        weights = [_coefficients(schedule) for schedule in schedules]
        drawn = np.array([(w * means).sum() for w in weights])
        # With the effect taken off, an order's difference moves by its weight on treated cells.
        moves = np.array([(w * treated).sum() for w in weights])

        def p_of(effect: float) -> float:
            left = drawn - effect * moves
            return share_as_extreme(left, float(left[0]))

        reach = 20.0 * float(np.abs(drawn).max())
        low, high = inverted(p_of, RESTRICTED_ALPHA * (1 + 1e-9), float(drawn[0]), reach)
        row = {
            "term": TREATMENT,
            "scale": "risk_difference",
            "estimate": float(drawn[0]),
            "p_value": share_as_extreme(drawn, float(drawn[0])),
        }
        note = f"91.7 % interval and p from {len(slots)} orders; not adjusted for covariates"
        if np.isfinite([low, high]).all():
            row |= {"ci_low": low, "ci_high": high}
        else:  # few periods observed: no effect within reach is ruled out
            note += "; the interval has no end within reach"
        return Combined([row], warnings=(note,))


def _coefficients(treated: np.ndarray) -> Floats:
    """Weights of the LA x period means in the within-period estimate; periods of one kind: none."""
    ones, zeros = treated.sum(axis=0), (~treated).sum(axis=0)
    both = (ones > 0) & (zeros > 0)
    if not both.any():
        raise FitFailed("no period has LAs in both conditions")
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(both, ones * zeros / (ones + zeros), 0.0)
        cell = np.where(treated, 1.0 / ones, -1.0 / zeros)
    return np.asarray(np.where(both, cell * precision / precision.sum(), 0.0))
