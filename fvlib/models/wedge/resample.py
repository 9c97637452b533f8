"""Permutation over the orders of a stepped wedge, and the wild cluster bootstrap, enumerated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fvlib.models.linear.reml import evaluate_closed_forms, moments

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Webb (2023, doi 10.1111/caje.12661): with few clusters two-point weights give too few draws.
WEBB_WEIGHTS: Final = tuple(
    sign * size for sign in (-1.0, 1.0) for size in (np.sqrt(0.5), 1.0, np.sqrt(1.5))
)
# Statistics that differ by less, relatively, are ties: what rounding leaves between equal draws.
TIE: Final = 1e-9
# A candidate whose information is under this share of its own is in the span of the model.
IN_SPAN: Final = 1e-8


def list_orders(strata: Sequence[object] | None = None, *, clusters: int | None = None) -> Integers:
    """List the orders in which clusters can take the slots, the observed one (identity) first.

    Parameters
    ----------
    strata
        Stratum of each cluster; clusters change places within their stratum only.
    clusters
        How many there are, where all are exchangeable.

    Returns
    -------
    (orders, clusters) array
        The slot of each cluster.
    """
    labels = list(strata) if strata is not None else [0] * (clusters or 0)
    every = permutations(range(len(labels)))
    kept = [o for o in every if all(labels[slot] == labels[k] for k, slot in enumerate(o))]
    return np.array(kept, dtype=np.int64)


def share_as_extreme(statistics: ArrayLike, observed: float) -> float:
    """Two-sided p: the share of draws at least as far from zero; ties count as such.

    The observed draw is one of the draws, so the smallest p is one over their number.
    """
    size = np.abs(np.asarray(statistics, dtype=np.float64))
    size = np.nan_to_num(size, nan=0.0)
    return float(np.mean(size >= abs(observed) * (1.0 - TIE)))


class LinearScore(NamedTuple):
    """Efficient scores of candidate columns in a linear model fitted without them."""

    scores: Floats
    information: Floats
    statistics: Floats


def linear_score(  # noqa: PLR0917
    y: Floats,
    X: Floats,
    candidates: Floats,
    leaf: Integers,
    leaf_group: Integers | None,
    sigmas: Sequence[float],
    combinations: Floats | None = None,
) -> LinearScore:
    """Score candidate columns in the null linear mixed model at its own variances.

    With V the null model's covariance and P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1: scores z'Py,
    information z'Pz, statistics their ratio studentised. Variances are orthogonal to the
    coefficients, so nothing else is partialled out.

    Parameters
    ----------
    y, X, candidates
        Shapes (n,), (n, p) and (n, m).
    leaf, leaf_group
        Innermost cluster of each row, from 0, and the group of each (None with one level).
    sigmas
        Standard deviations of the null fit: group, (subgroup,) residual.
    combinations
        Shape (m, q): score the q columns `candidates @ combinations` instead.
    """
    residual = float(sigmas[-1])
    gamma = np.square(np.asarray(sigmas[:-1], dtype=np.float64)) / residual**2
    inner = evaluate_closed_forms(moments((X, candidates), y, leaf, leaf_group), gamma).B
    inner = inner / residual**2
    p, m = X.shape[1], candidates.shape[1]
    of_model = inner[:p, :p]
    projected = inner[p:, p:] - inner[p:, :p] @ np.linalg.solve(of_model, inner[:p, p:])
    C = np.eye(m) if combinations is None else combinations
    own = np.einsum("mq,mq->q", C, inner[p : p + m, p : p + m] @ C)
    information = np.einsum("mq,mq->q", C, projected[:m, :m] @ C)
    information[information <= IN_SPAN * own] = 0.0
    scores = C.T @ projected[:m, m]
    with np.errstate(invalid="ignore", divide="ignore"):
        statistics = np.where(information > 0, scores / np.sqrt(information), np.nan)
    return LinearScore(scores, information, statistics)


@cache
def webb_draws(clusters: int) -> Floats:
    """Enumerate all weights: 6^clusters rows, in a fixed order; not to be written to."""
    draws = np.array(list(product(WEBB_WEIGHTS, repeat=clusters)))
    draws.setflags(write=False)
    return draws


def studentised(scores: Floats) -> Floats:
    """Sum of the cluster scores over the root of their sum of squares, along the last axis."""
    spread = np.sqrt(np.square(scores).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(spread > 0, scores.sum(axis=-1) / spread, 0.0))


def wild_score_bootstrap(scores: ArrayLike) -> tuple[float, float, Floats]:
    """Test that cluster scores have mean zero, over all Webb weights.

    The score bootstrap (Kline and Santos 2012, doi 10.1515/2156-6674.1006): cluster scores of the
    null fit are multiplied by weights, and sum and standard error made again of the products.

    Parameters
    ----------
    scores : (clusters,) array
        Each cluster's efficient score at the null hypothesis.

    Returns
    -------
    p, observed statistic, and the statistic of each of the 6^clusters draws.
    """
    s = np.asarray(scores, dtype=np.float64)
    observed = float(studentised(s))
    draws = studentised(webb_draws(len(s)) * s)
    return share_as_extreme(draws, observed), observed, draws


@dataclass(frozen=True, slots=True, eq=False)
class WildLinear:
    """What the wild cluster bootstrap of a linear regression needs, at any effect held.

    Everything is linear in the effect, so that the arrays of several complete data sets can be
    averaged.

    Attributes
    ----------
    scores, slopes : (clusters,) arrays
        Cluster scores of treatment at no effect, and what they lose for each unit of effect.
    spread, spread_slopes : (clusters, clusters) arrays
        The same for the matrix that makes a draw's own cluster scores of its weights: those of the
        regression fitted again with treatment in it.
    """

    scores: Floats
    slopes: Floats
    spread: Floats
    spread_slopes: Floats

    @property
    def estimate(self) -> float:
        """The effect at which the scores sum to zero: least squares."""
        return float(self.scores.sum() / self.slopes.sum())

    @property
    def std_error(self) -> float:
        """The cluster-robust standard error, without a small-sample factor."""
        own = (self.spread - self.estimate * self.spread_slopes).sum(axis=1)
        return float(np.sqrt(np.square(own).sum()) / self.slopes.sum())

    def test(self, effect: float) -> tuple[float, float, Floats]:
        """Test that the effect is this, over all Webb weights.

        Returns
        -------
        p, observed statistic, and the statistic of each of the 6^clusters draws.
        """
        scores = self.scores - effect * self.slopes
        spread = self.spread - effect * self.spread_slopes
        weights = webb_draws(len(scores))
        draws = _ratio(weights @ scores, np.square(weights @ spread.T).sum(axis=1))
        observed = float(_ratio(scores.sum(), np.square(spread.sum(axis=1)).sum()))
        return share_as_extreme(draws, observed), observed, draws


def _ratio(total: Floats, squares: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(squares > 0, total / np.sqrt(squares), 0.0))


def average_draws(made: Sequence[WildLinear]) -> WildLinear:
    """Average what several complete data sets gave."""
    return WildLinear(
        *(
            np.mean([getattr(one, name) for one in made], axis=0)
            for name in ("scores", "slopes", "spread", "spread_slopes")
        )
    )


def wild_linear(y: Floats, X: Floats, treatment: int, cluster: Integers) -> WildLinear:
    """Prepare the wild cluster bootstrap of a least-squares regression.

    The restricted version (Cameron, Gelbach and Miller 2008, doi 10.1162/rest.90.3.414): residuals
    of the regression with treatment's effect held are multiplied by one weight a cluster, the
    regression is fitted to them with treatment in it, and its t statistic taken with clustered
    errors. Done on cluster sums (MacKinnon 2023, doi 10.1016/j.ecosta.2021.11.009).

    Parameters
    ----------
    y, X
        Shapes (n,) and (n, p); X of full rank.
    treatment
        Place of treatment's column in X.
    cluster
        Cluster of each row, shape (n,).
    """
    p = X.shape[1]
    rest = np.delete(np.arange(p), treatment)
    members = [np.flatnonzero(cluster == label) for label in np.unique(cluster)]
    # Each cluster's products of the columns with the columns, y last.
    products = np.empty((len(members), p, p + 1))
    for one, rows in zip(products, members, strict=True):
        own = np.take(X, rows, axis=0)
        one[:, :p], one[:, p] = own.T @ own, own.T @ y[rows]
    whole = products.sum(axis=0)
    # Residuals of y and of treatment on the rest, as combinations of the columns and y.
    both = np.zeros((p + 1, 2))
    both[rest] = -np.linalg.solve(
        whole[np.ix_(rest, rest)], whole[np.ix_(rest, np.array([p, treatment]))]
    )
    both[p, 0] = both[treatment, 1] = 1.0
    with_y, with_x = np.moveaxis(products @ both, -1, 0)
    scores, slopes = with_y @ both[:p, 1], with_x @ both[:p, 1]
    loads = with_x @ np.linalg.inv(whole[:, :p])
    return WildLinear(
        scores,
        slopes,
        np.diag(scores) - loads @ with_y.T,
        np.diag(slopes) - loads @ with_x.T,
    )


def invert_test(
    p_of: Callable[[float], float], alpha: float, estimate: float, reach: float, *, steps: int = 200
) -> tuple[float, float]:
    """Invert a test: the values whose p exceeds alpha, looked for within estimate +- reach.

    A grid finds the outermost values that are not rejected, so that a p that is not monotone
    (a permutation p is a step function) still gives a connected interval; bisection sharpens the
    limits. A limit beyond reach is infinite.
    """
    grid = np.linspace(estimate - reach, estimate + reach, 2 * steps + 1)
    kept = np.array([p_of(float(value)) > alpha for value in grid])
    if not kept.any():
        return float("nan"), float("nan")
    first, last = int(np.argmax(kept)), len(kept) - 1 - int(np.argmax(kept[::-1]))

    def sharpen(inside: float, outside: float) -> float:
        for _ in range(40):
            middle = (inside + outside) / 2.0
            inside, outside = (middle, outside) if p_of(middle) > alpha else (inside, middle)
        return inside

    low = -np.inf if first == 0 else sharpen(float(grid[first]), float(grid[first - 1]))
    high = np.inf if last == len(kept) - 1 else sharpen(float(grid[last]), float(grid[last + 1]))
    return low, high
