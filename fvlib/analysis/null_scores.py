"""Scores of treatment in an outcome's model fitted without it, at no effect and at others held."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from fvlib.analysis.design import TREATMENT, Design, Floats
from fvlib.analysis.fit import FitFailed
from fvlib.models.mixed import Separation, Unidentified, fit_linear, score_test
from fvlib.models.wedge.resample import linear_score

# Effects, log-odds, at which a null model is scored; between them the scores are interpolated.
GRID: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
# Imputations that tell how scores bend away from no effect; the level is that of all of them.
BENDING_COPIES: Final = 2


class Scored(NamedTuple):
    """Scores of a null model: one a candidate, or by LA."""

    statistics: Floats
    by_la: Floats
    null: Any


def logistic_scores(
    design: Design,
    candidates: Floats,
    combinations: Floats | None = None,
    effect: float = 0.0,
    start: Any = None,
) -> Scored:
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
        raise FitFailed(reason.remark) from reason
    return Scored(found.alike, found.group_scores, found.fit)


def linear_scores(
    design: Design, candidates: Floats, combinations: Floats, start: Any = None
) -> Scored:
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
        raise FitFailed(reason.remark) from reason
    dropped = [name for name in null.names if name not in fit.names]
    X = null.with_columns({}, without=dropped).X if dropped else null.X
    leaf, labels = pd.factorize(design.child if repeated else design.la, sort=True)
    of = None
    if repeated:
        of = np.zeros(len(labels), dtype=np.int64)
        of[leaf] = pd.factorize(design.la, sort=True)[0]
    found = linear_score(design.y, X, candidates, leaf, of, fit.sigmas, combinations)
    return Scored(found.statistics, np.empty((0, 0)), fit)


def bent(bend: Floats, level: Floats) -> CubicSpline:
    """Interpolate scores over effects.

    Parameters
    ----------
    bend
        Scores at the effects of GRID, from a few copies: shape (effects, scores).
    level
        Scores at no effect, from all copies: the curve is moved to go through them.
    """
    return CubicSpline(GRID, bend + (level - bend[GRID.index(0.0)]))
