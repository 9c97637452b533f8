"""Multinomial logit with a weak prior: mode, information and posterior draws, made to be refitted.

log P(y = k) / P(y = 0) = x'b_k for the levels k = 1..K-1 of a response, on weighted rows. Chained
equations fit the same model hundreds of times to rows that hardly change, so everything starts
from the last mode, rows are kept in single precision (the score's rounding is then below a
thousandth of its standard deviation), and the matrix of information is taken once.

Prior: every level of the response and every level of a predictor has an effect of its own,
N(0, s^2), so a log-odds ratio has variance 4 s^2; s is chosen for a standard deviation of 2.5 (the
scale of Gelman and others 2008, doi 10.1214/08-AOAS191). It keeps modes and draws finite where
levels separate (White, Daniel and Royston 2010, doi 10.1016/j.csda.2010.04.005, for why they must
be), and hardly moves anything that the rows tell. In reference coding the precision is
(I - 11'/K) x (I - 11'/L) / s^2, whichever level is the reference; intercepts are left free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, solve_triangular

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]
Map = Callable[..., Iterable[Any]]

LOG_ODDS_RATIO_SD: Final = 2.5
# Precision of an intercept: nothing, but enough for a Cholesky factor.
_FREE: Final = 1e-6
# BLAS shares a product among threads above this many multiplications (matrix by matrix, matrix by
# vector). Below it sums have one order, and so the same bits on any number of threads.
_ONE_THREAD: Final = (1 << 18, 9216)
_MOST_ROWS: Final = 64
# exp() of a linear predictor beyond this would leave single precision.
_ETA_LIMIT: Final = 60.0
# A mode is near enough when the next step is below this many posterior standard deviations, root
# mean square over the parameters; the step is still taken, and leaves about its square.
_NEAR: Final = 0.5
_MOST_STEPS: Final = 30
_LONGEST_STEP: Final = 3.0  # log-odds: Newton overshoots where a level is rare
_HALVINGS: Final = 12
_SOLVED: Final = 0.05  # relative residual at which conjugate gradients stop
_MOST_GRADIENTS: Final = 60
# Most pairs of opposite points that stand for the normal when its centre is sought; Newton steps.
_PAIRS: Final = 8
_CENTRING_STEPS: Final = 2


@dataclass(frozen=True, slots=True)
class Response:
    """What is modelled: weighted counts of its levels, its columns of the design, its prior.

    Attributes
    ----------
    counts : (blocks, rows, K - 1) array
        Weight of each row where the row has that level, the reference left out.
    weights : (blocks, rows) array
        Weight of the row; 0 where the response is unknown.
    columns : (p,) array of int
        Columns of the design in the model, the intercept first.
    level_precision, column_precision : (K - 1, K - 1) and (p, p) arrays
        The prior's precision is their Kronecker product.
    permitted : (blocks, rows, K) array of 0 and 1, or None
        Levels that a row can have, the reference first; None: all of them.
    """

    counts: Singles
    weights: Singles
    columns: Integers
    level_precision: Floats
    column_precision: Floats
    permitted: Singles | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of its parameters: levels less the reference, columns."""
        return self.counts.shape[2], len(self.columns)

    @property
    def parameters(self) -> int:
        """How many parameters it has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Information:
    """A matrix of information by the inverse of its Cholesky factor, W: information = (W'W)^-1.

    Attributes
    ----------
    root : (slices, rows, n) array
        W in slices of rows, the last one filled up with zeros.
    diagonal : (K - 1, p) array
        The information's diagonal.
    """

    root: Floats
    diagonal: Floats

    def whiten(self, vector: Floats) -> Floats:
        """Return W vector: (n,) to (slices x rows,), of unit covariance for a score."""
        return np.asarray(np.matmul(self.root, vector)).ravel()

    def colour(self, white: Floats) -> Floats:
        """Return W'white: (slices x rows, k) to (n, k), of the inverse as covariance."""
        slices = white.reshape(*self.root.shape[:2], -1)
        return np.asarray(np.matmul(self.root.transpose(0, 2, 1), slices).sum(axis=0))


@dataclass(frozen=True, slots=True)
class Approximation:
    """Normal approximation of a posterior: mode, from there to the centre, information."""

    mode: Floats
    skew: Floats
    metric: Information


@dataclass(frozen=True, slots=True)
class Mode:
    """Where a posterior is highest, and how it was found; ``distance`` in posterior SDs."""

    theta: Floats
    steps: int
    distance: float
    converged: bool


def block_rows(columns: int, levels: int) -> int:
    """Rows a block so that no product of a block is split among threads."""
    matrix, vector = _ONE_THREAD
    most: int = min(_MOST_ROWS, matrix // (columns * 2 * levels), vector // columns)
    rows = 1
    while 2 * rows <= most:
        rows *= 2
    return rows


def exchangeable(levels: int) -> Floats:
    """Precision of the contrasts of independent N(0, 1) effects to the reference's."""
    return np.eye(levels - 1) - 1.0 / levels


def prior_precision(levels: int, factors: Sequence[int]) -> tuple[Floats, Floats]:
    """Precision over the response's contrasts, and over an intercept and factors of given size."""
    scale = (LOG_ODDS_RATIO_SD / 2.0) ** 2
    blocks = [np.array([[_FREE]]), *(exchangeable(n) / scale for n in factors if n > 1)]
    return exchangeable(levels), np.asarray(block_diag(*blocks), dtype=np.float64)


def _widen(response: Response, theta: Floats, width: int) -> Singles:
    """Parameters as a (width, ...) matrix with zeros for the columns not in the model."""
    out = np.zeros((width, theta.size // len(response.columns)), dtype=np.float32)
    out[response.columns] = theta.reshape(-1, len(response.columns)).T
    return out


def _weights(response: Response, X: Singles, theta: Floats) -> tuple[Singles, Any]:
    """Unnormalised weights of the levels, and of the reference, for every row."""
    eta = X @ _widen(response, theta, X.shape[-1])
    np.clip(eta, -_ETA_LIMIT, _ETA_LIMIT, out=eta)
    np.exp(eta, out=eta)
    if response.permitted is None:
        return eta, np.float32(1.0)
    eta *= response.permitted[..., 1:]
    return eta, response.permitted[..., :1]


def shares(response: Response, X: Singles, theta: Floats) -> Singles:
    """Probability of each level, the reference left out, in every row."""
    eta, base = _weights(response, X, theta)
    eta /= base + eta.sum(axis=-1, keepdims=True)
    return eta


def _sums(response: Response, X: Singles, values: Singles) -> Floats:
    """X'values over all rows, as parameters; sums over blocks in double precision."""
    total = np.matmul(X.transpose(0, 2, 1), values).sum(axis=0, dtype=np.float64)
    return np.asarray(total[response.columns].T)


def _residuals(response: Response, share: Singles) -> Singles:
    return response.counts - response.weights[:, :, None] * share


def _prior_pull(response: Response, theta: Floats) -> Floats:
    return np.asarray(response.level_precision @ theta @ response.column_precision)


def _score(response: Response, X: Singles, theta: Floats, share: Singles) -> Floats:
    """Gradient of the log posterior at ``theta``, whose shares are ``share``."""
    return _sums(response, X, _residuals(response, share)) - _prior_pull(response, theta)


def score_and_curvature(response: Response, X: Singles, theta: Floats) -> tuple[Floats, Floats]:
    """Gradient of the log posterior, and the diagonal of its information, as parameters."""
    share = shares(response, X, theta)
    residual = _residuals(response, share)
    spread = share * (1.0 - share)
    spread *= response.weights[:, :, None]
    # Columns are 0 or 1, so their squares are themselves.
    both = _sums(response, X, np.concatenate([residual, spread], axis=-1))
    levels = response.shape[0]
    prior = np.outer(np.diag(response.level_precision), np.diag(response.column_precision))
    return both[:levels] - _prior_pull(response, theta), both[levels:] + prior


def null_information(response: Response, X: Singles) -> Information:
    """Information if every row had the response's overall shares: a Kronecker product."""
    total = float(response.weights.sum(dtype=np.float64))
    share = response.counts.sum(axis=(0, 1), dtype=np.float64) / total
    spread = np.diag(share) - np.outer(share, share)
    own = np.ascontiguousarray(X[:, :, response.columns])
    weighted = own * response.weights[:, :, None]
    gram = np.matmul(own.transpose(0, 2, 1), weighted).sum(axis=0, dtype=np.float64)
    return _factor(response, np.kron(spread, gram))


def information(response: Response, X: Singles, theta: Floats, apply: Map = map) -> Information:
    """Information of the log posterior at ``theta``; ``apply`` maps over pairs of levels."""
    share = shares(response, X, theta)
    own = np.ascontiguousarray(X[:, :, response.columns])
    levels, columns = response.shape

    def block(pair: tuple[int, int]) -> Floats:
        k, other = pair
        spread = -share[:, :, k] * share[:, :, other]
        if k == other:
            spread += share[:, :, k]
        spread *= response.weights
        product = np.matmul(own.transpose(0, 2, 1), own * spread[:, :, None])
        return np.asarray(product.sum(axis=0, dtype=np.float64))

    pairs = list(combinations_with_replacement(range(levels), 2))
    out = np.empty((levels, columns, levels, columns))
    for (k, other), values in zip(pairs, apply(block, pairs), strict=True):
        out[k, :, other] = values
        out[other, :, k] = values.T
    return _factor(response, out.reshape(response.parameters, response.parameters))


def _factor(response: Response, matrix: Floats) -> Information:
    whole = matrix + np.kron(response.level_precision, response.column_precision)
    factor = np.linalg.cholesky(whole)
    size = len(whole)
    root = solve_triangular(factor, np.eye(size), lower=True, check_finite=False)
    rows = max(1, _ONE_THREAD[1] // size)
    padded = np.zeros((-(-size // rows) * rows, size))
    padded[:size] = root
    return Information(padded.reshape(-1, rows, size), np.diag(whole).reshape(response.shape))


def _product(response: Response, X: Singles, share: Singles, direction: Floats) -> Floats:
    """Information times a direction, without the matrix."""
    move = X @ _widen(response, direction, X.shape[-1])
    move *= share
    move -= share * move.sum(axis=-1, keepdims=True)
    move *= response.weights[:, :, None]
    return _sums(response, X, move) + _prior_pull(response, direction)


def _solve(
    response: Response, X: Singles, share: Singles, target: Floats, start: Information
) -> Floats:
    """Solve information x = target by conjugate gradients, preconditioned with ``start``."""

    def precondition(vector: Floats) -> Floats:
        return start.colour(start.whiten(vector.ravel())).reshape(vector.shape)

    solution = np.zeros_like(target)
    residual = target.copy()
    direction = precondition(residual)
    size = first = float(np.vdot(residual, direction))
    for _ in range(_MOST_GRADIENTS):
        if size <= _SOLVED**2 * first:
            break
        image = _product(response, X, share, direction)
        length = size / float(np.vdot(direction, image))
        solution += length * direction
        residual -= length * image
        solved = precondition(residual)
        size, last = float(np.vdot(residual, solved)), size
        direction = solved + (size / last) * direction
    return solution


def _log_posterior(response: Response, share: Singles, theta: Floats) -> float:
    tiny = np.finfo(np.float32).tiny
    rest = response.weights - response.counts.sum(axis=-1)
    fit = (response.counts * np.log(np.maximum(share, tiny))).sum(dtype=np.float64)
    base = np.maximum(1.0 - share.sum(axis=-1), tiny)
    fit += (rest * np.log(base)).sum(dtype=np.float64)
    return float(fit) - 0.5 * float(np.vdot(theta, _prior_pull(response, theta)))


def find_mode(response: Response, X: Singles, start: Floats, metric: Information) -> Mode:
    """Climb to the mode by Newton steps, each solved without its matrix and never downhill."""
    theta = start
    share = shares(response, X, theta)
    value = _log_posterior(response, share, theta)
    for steps in range(1, _MOST_STEPS + 1):
        gradient = _score(response, X, theta, share)
        step = _solve(response, X, share, gradient, metric)
        distance = math.sqrt(max(float(np.vdot(step, gradient)), 0.0) / step.size)
        longest = float(np.abs(step).max())
        step *= min(1.0, _LONGEST_STEP / max(longest, _LONGEST_STEP))
        slack = np.finfo(np.float32).eps * abs(value)
        for _ in range(_HALVINGS):
            share = shares(response, X, theta + step)
            candidate = _log_posterior(response, share, theta + step)
            if candidate >= value - slack:
                break
            step *= 0.5
        theta, value = theta + step, candidate
        if distance <= _NEAR and longest <= _LONGEST_STEP:
            return Mode(theta, steps, distance, converged=True)
    return Mode(theta, _MOST_STEPS, distance, converged=False)


def skew(
    response: Response, X: Singles, mode: Floats, metric: Information, rng: np.random.Generator
) -> Floats:
    """Find how far the centre of the normal approximation lies from the mode.

    A posterior of log-odds is skewed where a level is rare: a normal around its mode would draw
    rare levels too often. The centre is put where the mean of the score over the normal is zero
    (Opper and Archambeau 2009, doi 10.1162/neco.2008.08-07-592), as it is over the posterior
    itself, so that the mean of each expected count is the observed one, less the prior's pull.
    """
    size = response.parameters
    pairs = min(_PAIRS, size)
    # Orthogonal points at a distance of sqrt(n), n pairs of which have the normal's moments to the
    # third (Arasaratnam and Haykin 2009, doi 10.1109/TAC.2009.2019800): a random few stand for all.
    points = np.zeros((metric.root.shape[0] * metric.root.shape[1], pairs))
    points[:size] = np.linalg.qr(rng.standard_normal((size, pairs)))[0] * math.sqrt(size)
    deviations = metric.colour(points).T.reshape(pairs, *response.shape)
    shift = np.zeros(response.shape)
    for _ in range(_CENTRING_STEPS):
        mean = np.zeros(response.shape)
        for deviation in deviations:
            for theta in (mode + shift + deviation, mode + shift - deviation):
                mean += _score(response, X, theta, shares(response, X, theta))
        mean /= 2 * pairs
        step = metric.colour(metric.whiten(mean.ravel())).reshape(mean.shape)
        shift += step * min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), _LONGEST_STEP))
    return shift


def draw(
    response: Response,
    X: Singles,
    start: Floats,
    law: Approximation,
    rng: np.random.Generator,
) -> tuple[Floats, Mode]:
    """Posterior draw of the parameters, and the mode that was found on the way.

    Normal around the mode plus ``law.skew``. Its covariance is the inverse of ``law.metric``, the
    information at the mode of nearly the same rows, rescaled to the present diagonal.
    """
    metric = law.metric
    theta, steps = start, 0
    noise = rng.standard_normal(metric.root.shape[0] * metric.root.shape[1])
    for _ in range(_MOST_STEPS):
        gradient, curvature = score_and_curvature(response, X, theta)
        scale = np.sqrt(metric.diagonal / curvature)
        white = metric.whiten((gradient * scale).ravel())
        distance = math.sqrt(float(white @ white) / response.parameters)
        step, spread = metric.colour(np.column_stack([white, noise])).T
        step = step.reshape(response.shape) * scale
        longest = float(np.abs(step).max())
        theta = theta + step * min(1.0, _LONGEST_STEP / max(longest, _LONGEST_STEP))
        steps += 1
        if distance <= _NEAR and longest <= _LONGEST_STEP:
            break
    mode = Mode(theta, steps, distance, distance <= _NEAR)
    return theta + law.skew + spread.reshape(response.shape) * scale, mode


def level_weights(response: Response, X: Singles, theta: Floats) -> Singles:
    """Unnormalised weights of all levels, the reference first, for rows of their own.

    ``response.permitted`` is not looked at: the caller masks.
    """
    eta = X @ _widen(response, theta, X.shape[-1])
    np.clip(eta, -_ETA_LIMIT, _ETA_LIMIT, out=eta)
    out = np.empty((*eta.shape[:-1], eta.shape[-1] + 1), dtype=np.float32)
    out[..., 0] = 1.0
    np.exp(eta, out=out[..., 1:])
    return out


def sample(weights: Singles, rng: np.random.Generator) -> Integers:
    """Draw a level for each row from unnormalised weights; a weight of zero is never drawn."""
    heights = weights.cumsum(axis=-1)
    # In (0, 1]: a level of weight zero before the first or after the last can't be hit.
    uniform = np.float32(1.0) - rng.random(heights.shape[:-1], dtype=np.float32)
    return np.asarray((heights < (uniform * heights[..., -1])[..., None]).sum(axis=-1))


def standing(
    response: Response, X: Singles, theta: Floats, metric: Information
) -> tuple[float, float]:
    """Distance of ``theta`` from the mode, and the present share of the assumed information.

    The distance is in posterior standard deviations, root mean square over the parameters; the
    share is the mean over the parameters (the diagonal).
    """
    gradient, curvature = score_and_curvature(response, X, theta)
    white = metric.whiten((gradient * np.sqrt(metric.diagonal / curvature)).ravel())
    distance = math.sqrt(float(white @ white) / response.parameters)
    return distance, float((curvature / metric.diagonal).mean())
