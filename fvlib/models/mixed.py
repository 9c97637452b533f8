"""Logistic and linear models with random intercepts for clusters, and for clusters nested in them.

This is the door: two fits and the marginal effect. What lies behind it is in
``collapse`` (rows to counts), ``identify`` (collinearity, separation), ``quadrature`` (the
logistic likelihood), ``reml`` (the linear one), ``newton`` (the climb).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from fvlib.models import linear, logistic
from fvlib.models.identify import Direction, Separation, Unidentified
from fvlib.models.marginal import MarginalEffect, average_marginal_effect
from fvlib.models.records import LinearFit, LogisticFit, MixedFit

__all__ = [
    "Direction",
    "LinearFit",
    "LogisticFit",
    "MarginalEffect",
    "MixedFit",
    "Separation",
    "Unidentified",
    "average_marginal_effect",
    "fit_linear",
    "fit_logistic",
]

# Nodes for one intercept; a nested model is fitted with one node, Laplace's approximation.
QUADRATURE = 7


def fit_logistic(
    successes: ArrayLike,
    X: Any,
    groups: Any,
    trials: ArrayLike | None = None,
    subgroups: Any = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    quadrature: int | None = None,
    start: Any = None,
    *,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> LogisticFit:
    """Fit logit P = X beta + b[group], b ~ N(0, sigma^2), by adaptive Gauss-Hermite quadrature."""
    default = QUADRATURE if subgroups is None else 1
    nodes = default if quadrature is None else quadrature
    if isinstance(nodes, bool) or int(nodes) != nodes or nodes < 1 or nodes % 2 == 0:
        raise ValueError(f"quadrature: {quadrature!r} is not an odd number of nodes")
    data = logistic.prepare(successes, X, groups, trials, subgroups, offset, weights, names)
    return logistic.fit(data, int(nodes), start, preference, protected)


def fit_linear(
    y: ArrayLike,
    X: Any,
    groups: Any,
    subgroups: Any = None,
    names: Sequence[str] | None = None,
    reml: bool = True,
    *,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> LinearFit:
    """Fit y = X beta + b[group] + b[subgroup in group] + residual, by REML or ML."""
    return linear.fit(
        y, X, groups, subgroups, names, reml=reml, preference=preference, protected=protected
    )
