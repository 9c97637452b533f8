"""Wild cluster bootstrap, all draws enumerated (X11): of the score, and of least squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.interpolate import CubicSpline

from fvlib import protocol
from fvlib.analysis import estimates
from fvlib.analysis.design import TREATMENT, Design, Floats
from fvlib.analysis.fit import Alike, CombinedFits, EachRow, Fit
from fvlib.analysis.methods import name_dropped
from fvlib.analysis.null_scores import BENDING_COPIES, GRID, bent, logistic_scores
from fvlib.analysis.shares_and_days import with_las
from fvlib.models.wedge.resample import (
    WEBB_WEIGHTS,
    average_draws,
    invert_test,
    wild_linear,
    wild_score_bootstrap,
)
from fvlib.remarks import Code, remark

# How far from the estimate, in standard errors, the linear bootstrap's limits are looked for.
LINEAR_REACH: Final = 20.0


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
        found = logistic_scores(design, column, start=start[0] if start else None)
        bends = []
        if done < BENDING_COPIES:
            scored = [
                logistic_scores(design, column, None, effect, found.null) if effect else found
                for effect in GRID
            ]
            bends.append(np.array([at.by_la[:, 0] for at in scored]))
        return Fit(
            (),
            converged=found.null.converged,
            singular=found.null.singular,
            dropped=name_dropped(found.null),
            start=(found.null, done + 1),
            draws=(found.by_la[:, 0], bends),
        )

    def combine(self, fits: Sequence[Fit]) -> CombinedFits:
        """Average the LAs' scores over the imputations, and bootstrap them once."""
        level = np.mean([fit.draws[0] for fit in fits], axis=0)
        bend = np.mean([b for fit in fits for b in fit.draws[1]], axis=0)
        curve = bent(bend, level)
        limits = invert_test(
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

    def combine(self, fits: Sequence[Fit]) -> CombinedFits:
        """Average over the imputations, and bootstrap once."""
        made = average_draws([fit.draws for fit in fits])
        limits = invert_test(
            lambda effect: made.test(effect)[0],
            protocol.ALPHA,
            made.estimate,
            LINEAR_REACH * made.std_error,
            steps=50,
        )
        return _bootstrapped("mean_difference", made.estimate, limits, made.test(0.0))


def _bootstrapped(
    scale: str, estimate: float, limits: tuple[float, float], test: tuple[float, float, Floats]
) -> CombinedFits:
    """Put the bootstrap's answer in rows; an interval without an end within reach has none."""
    p, statistic, draws = test
    clusters = round(math.log(len(draws), len(WEBB_WEIGHTS)))
    notes = [remark(Code.BOOTSTRAP_DRAWS, len(draws), clusters)]
    if not np.isfinite(limits).all():
        notes.append(Code.INTERVAL_OPEN)
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
    return CombinedFits([*estimates.both_scales(row), score], warnings=tuple(notes))


def _root(curve: CubicSpline) -> float:
    """Find the effect at which the LAs' scores sum to zero: the estimate."""
    fine = np.linspace(GRID[0], GRID[-1], 2001)
    total = curve(fine).sum(axis=1)
    changes = np.flatnonzero(np.sign(total[:-1]) != np.sign(total[1:]))
    if not len(changes):
        return float("nan")
    i = int(changes[0])
    return float(fine[i] - total[i] * (fine[i + 1] - fine[i]) / (total[i + 1] - total[i]))
