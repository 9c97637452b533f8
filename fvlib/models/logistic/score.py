"""Score tests of columns that a logistic model does not hold, from one fit without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fvlib.models import arguments
from fvlib.models.collapse import Rows
from fvlib.models.identify import moved_by
from fvlib.models.logistic import fit as logistic
from fvlib.models.logistic.climb import likelihood
from fvlib.models.records import LogisticFit

Floats = NDArray[np.float64]

# Columns evaluated together: the cost of a batch grows with its square.
_BATCH = 32
# A column whose information beside the model is under this share of its own is in its span.
_IN_SPAN = 1e-8


class ScoreTest(NamedTuple):
    """Score tests, one a candidate column, each alone beside the null model.

    Attributes
    ----------
    fit : LogisticFit
        The null model.
    scores : (m,) array
        Derivative of the log-likelihood by the candidate's coefficient at zero.
    information : (m,) array
        Efficient information: the candidate's own, less what the null model's parameters (standard
        deviations too) explain of it.
    statistics : (m,) array
        ``scores / sqrt(information)``, standard normal under the null in large samples; NaN for a
        column in the span of the model's.
    held_information : (m,) array
        The same with the standard deviations held where they are. With them held the
        log-likelihood is concave in the coefficients (the integral of a log-concave function:
        Prekopa 1973), so this is positive wherever a candidate is not in the model's span. The
        other need not be: far from the null the likelihood can bend upwards along a small
        standard deviation.
    group_scores : (groups, m) array
        Each group's part of the efficient score, groups in the order of ``fit.group_labels``; the
        columns sum to ``scores``.
    """

    fit: LogisticFit
    scores: Floats
    information: Floats
    statistics: Floats
    held_information: Floats
    group_scores: Floats

    @property
    def alike(self) -> Floats:
        """Studentise all candidates alike, so that none drops out of a permutation test.

        By the observed information; but far from the drawn order that needn't be positive when the
        groups' standard deviation is small, and then for every candidate with that held. Which of
        the two follows from all candidates together, so it is the same whichever was drawn.
        """
        whole = (self.information > 0).all()
        information = self.information if whole else self.held_information
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(information > 0, self.scores / np.sqrt(information), np.nan)


def score_test(
    successes: ArrayLike,
    X: Any,
    candidates: ArrayLike,
    groups: Any,
    *,
    trials: ArrayLike | None = None,
    subgroups: Any = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    quadrature: int | None = None,
    start: Any = None,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
    combinations: ArrayLike | None = None,
) -> ScoreTest:
    """Fit the null model once, and score each candidate column against it.

    Parameters
    ----------
    candidates : (rows, m) array
        Columns to be tested, one at a time. The other arguments are those of
        :func:`fvlib.models.mixed.fit_logistic`; nested models are fitted by Laplace only.
    combinations : (m, q) array, optional
        Test the q columns ``candidates @ combinations`` instead, without making them: many
        columns that share few parts cost no more than the parts.

    Notes
    -----
    Score and information are derivatives of the approximated log-likelihood (see
    :mod:`fvlib.models.mixed`), so with U the score and I the observed information at the null fit,
    efficient score U_z - I_zt I_tt^-1 U_t and information I_zz - I_zt I_tt^-1 I_tz (Rao 1948).

    Raises
    ------
    ValueError
        As fit_logistic; or when candidates don't have the rows of X.
    """
    X, names = arguments.design(X, names)
    Z = np.asarray(candidates, dtype=np.float64)
    if Z.ndim != 2 or len(Z) != len(X) or not np.isfinite(Z).all():
        raise ValueError(f"candidates: expected a finite matrix of {len(X)} rows, got {Z.shape}")
    if subgroups is not None and quadrature not in (None, 1):
        raise ValueError("quadrature: a nested score test has one node (Laplace) only")
    p, m = X.shape[1], Z.shape[1]
    C = None if combinations is None else np.asarray(combinations, dtype=np.float64)
    if C is not None and (C.ndim != 2 or len(C) != m or not np.isfinite(C).all()):
        raise ValueError(f"combinations: expected a finite matrix of {m} rows, got {C.shape}")
    wide = logistic.prepare(
        successes,
        np.concatenate([X, Z], axis=1),
        groups,
        trials=trials,
        subgroups=subgroups,
        offset=offset,
        weights=weights,
    )
    narrow = wide.rows.with_columns(np.ascontiguousarray(wide.rows.X[:, :p]))
    data = replace(wide, names=names, X=X, rows=narrow)
    solution = logistic.fit_without_separated(
        data,
        quadrature=logistic.choose_nodes(quadrature, data.clusters.nested),
        start=start,
        preference=preference,
        protected=protected,
    )
    rows = wide.rows
    for direction in solution.directions:
        rows = rows.subset(~moved_by(rows.X[:, :p], direction.slopes))
    size = m if C is not None else _BATCH
    parts = [
        _batch(solution, rows, np.arange(begin, min(begin + size, p + m)), C)
        for begin in range(p, p + m, size)
    ]
    scores, information, held, by_group = (
        np.concatenate([part[i] for part in parts], axis=-1) for i in range(4)
    )
    present = np.unique(data.clusters.group_of[rows.cells])
    group_scores = np.zeros((len(data.clusters.groups), len(scores)))
    group_scores[present] = by_group
    with np.errstate(invalid="ignore", divide="ignore"):
        statistics = np.where(information > 0, scores / np.sqrt(information), np.nan)
    fit = logistic.name_parameters(data, solution)
    return ScoreTest(fit, scores, information, statistics, held, group_scores)


def _batch(
    solution: logistic.Solution, rows: Rows, columns: NDArray[np.intp], combinations: Floats | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Score some columns of the wide rows: scores, information, held information, by group."""
    problem, estimate = solution.problem, solution.estimate
    p, m = len(estimate.beta), len(columns)
    X = np.concatenate([problem.rows.X, np.take(rows.X, columns, axis=1)], axis=1)
    at = likelihood(replace(problem, rows=rows.with_columns(X)), estimate.active)(
        np.concatenate([estimate.beta, np.zeros(m), estimate.rho])
    )
    C = np.eye(m) if combinations is None else combinations
    new = np.arange(p, p + m)
    model = np.r_[:p, p + m : len(at.gradient)]
    information, cross = _beside(at.information, new, model, C)
    held, _ = _beside(at.information, new, np.arange(p), C)
    efficient = at.state[:, new] @ C - at.state[:, model] @ cross
    return efficient.sum(axis=0), information, held, efficient


def _beside(
    whole: Floats, new: NDArray[np.intp], model: NDArray[np.intp], C: Floats
) -> tuple[Floats, Floats]:
    """Give the combined new columns' information less what `model` explains, and how it does."""
    with_model = whole[np.ix_(model, new)] @ C
    cross = np.asarray(np.linalg.solve(whole[np.ix_(model, model)], with_model))
    own = np.einsum("zq,zq->q", C, whole[np.ix_(new, new)] @ C)
    left = own - np.einsum("tq,tq->q", with_model, cross)
    left[left <= _IN_SPAN * own] = 0.0
    return np.asarray(left), cross
