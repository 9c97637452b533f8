"""What a stepped wedge can detect: in closed form, and by simulation with the engine itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit, logit

from fvlib.models.inference import cell_df, interval
from fvlib.models.mixed import Separation, fit_logistic

Floats = NDArray[np.float64]

# The models that can be simulated: is there an intercept for cells, and are variances restricted.
MODELS: Final = {
    "cluster": (False, False),
    "cluster_period": (True, False),
    "cluster_period_restricted": (True, True),
}
# Replicates that a worker does at a time.
_CHUNK = 50
# Largest standard deviation of intercepts, log-odds, that is looked for behind an ICC.
_SIGMA_LIMIT = 20.0


def _normal(nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the standard normal density."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    return z, w / w.sum()


_NORMAL: Final = _normal(61)


class Detectable(NamedTuple):
    """Minimum detectable effect size and the standard error behind it, on the outcome's scale."""

    mdes: float
    se: float


def hussey_hughes(  # noqa: PLR0917  (the signature is public and stays)
    p: float = 0.04,
    icc: float = 0.01566,
    per_cell: float = 2600,
    clusters: int = 5,
    steps: int = 5,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Detectable:
    """Give the detectable difference of a stepped wedge with ``steps`` steps after a baseline.

    Hussey and Hughes (2007, doi 10.1016/j.cct.2006.05.007, equation 8), with ``clusters / steps``
    clusters switching at each step, ``per_cell`` individuals in each cluster-period, variance
    between clusters icc p (1 - p) and within them (1 - icc) p (1 - p); normal quantiles, as Stata's
    ``steppedwedge`` has them. The defaults are those of the protocol's Appendix B.

    Raises
    ------
    ValueError
        When a number is out of range or the clusters don't divide among the steps.
    """
    for name, value in (("p", p), ("alpha", alpha), ("power", power)):
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name}: {value!r} is not between 0 and 1")
    if not 0.0 <= icc < 1.0:
        raise ValueError(f"icc: {icc!r} is not in [0, 1)")
    if per_cell <= 0 or steps < 1 or clusters < 2 or clusters % steps:
        raise ValueError("per_cell, clusters, steps: positive, with clusters a multiple of steps")
    between, within = icc * p * (1.0 - p), (1.0 - icc) * p * (1.0 - p) / per_cell
    treated = Wedge.complete(clusters, steps, 1).treated.astype(float)
    total = treated.sum()
    by_period = float((treated.sum(axis=0) ** 2).sum())
    by_cluster = float((treated.sum(axis=1) ** 2).sum())
    i, t = treated.shape
    numerator = i * within * (within + t * between)
    denominator = (i * total - by_period) * within
    denominator += (total**2 + i * t * total - t * by_period - i * by_cluster) * between
    se = math.sqrt(numerator / denominator)
    return Detectable(float(stats.norm.isf(alpha / 2.0) + stats.norm.ppf(power)) * se, se)


class ExposureWeights(NamedTuple):
    """Weight of the effect at each exposure time in the estimate of one constant effect."""

    exposure: NDArray[np.int64]
    weights: Floats


def exposure_weights(
    clusters: ArrayLike, periods: ArrayLike, exposure: ArrayLike, sizes: ArrayLike, icc: float
) -> ExposureWeights:
    """Give what a constant-effect estimate averages when the effect varies with exposure time.

    The estimate from cell means, by generalised least squares with period effects and a random
    intercept for clusters, is a sum of cell means times fixed coefficients; if the effect is
    delta_m at m periods since the switch, its expectation is sum_m w_m delta_m, w_m being the sum
    of the coefficients of the cells at m. The weights sum to one, and some may be negative (Kenny
    and others 2022, doi 10.1002/sim.9511).

    Parameters
    ----------
    clusters, periods : (cells,) arrays
        Labels of each cell.
    exposure : (cells,) array of int
        Periods since the switch; negative before it.
    sizes : (cells,) array
        Individuals in each cell.
    icc : float
        Intracluster correlation.

    Raises
    ------
    ValueError
        When lengths differ, a size is not positive, or treatment can't be told from the periods.
    """
    clusters, periods = np.asarray(clusters), np.asarray(periods)
    m, n = np.asarray(exposure, dtype=np.int64), np.asarray(sizes, dtype=np.float64)
    if not clusters.shape == periods.shape == m.shape == n.shape or m.ndim != 1:
        raise ValueError("clusters, periods, exposure, sizes: one value a cell, all alike")
    if not (n > 0).all() or not 0.0 <= icc < 1.0:
        raise ValueError("sizes must be positive, and icc in [0, 1)")
    treated = (m >= 0).astype(float)
    X = np.column_stack([treated, periods[:, None] == np.unique(periods)])
    V = np.diag((1.0 - icc) / n) + icc * (clusters[:, None] == clusters)
    white = np.linalg.solve(V, X)
    if np.linalg.matrix_rank(X.T @ white) < X.shape[1]:
        raise ValueError("exposure: treatment can't be told from the periods")
    coefficients = np.linalg.solve(X.T @ white, white.T)[0]
    times = np.unique(m[m >= 0])
    return ExposureWeights(times, np.array([coefficients[m == time].sum() for time in times]))


@dataclass(frozen=True, slots=True)
class Wedge:
    """A stepped wedge: the period in which each cluster switches, all cells of one size."""

    switches: tuple[int, ...]
    periods: int
    per_cell: int

    @classmethod
    def complete(cls, clusters: int, steps: int, per_cell: int) -> Wedge:
        """Give the wedge with a baseline and ``clusters / steps`` switching at each step."""
        switches = np.repeat(np.arange(1, steps + 1), clusters // steps)
        return cls(tuple(int(s) for s in switches), steps + 1, per_cell)

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether each cluster (row) is treated in each period (column)."""
        return np.arange(self.periods) >= np.array(self.switches)[:, None]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true in a simulation.

    Attributes
    ----------
    risk, risk_difference : float
        Mean risk without treatment, and what treatment adds to it.
    icc : float
        Intracluster correlation within a period, on the probability scale, at ``risk``.
    autocorrelation : float
        Correlation of a cluster's log-odds intercepts in two periods: 1 is one intercept for all
        periods, less lets clusters drift apart.
    """

    risk: float
    risk_difference: float
    icc: float
    autocorrelation: float = 1.0


class LogOdds(NamedTuple):
    """A Truth on the scale of the logistic model."""

    constant: float
    effect: float
    cluster_sd: float
    cell_sd: float


def constant_at(risk: float, sigma: float) -> float:
    """Find the log-odds of a cluster at zero for which clusters' risks average ``risk``."""
    z, w = _NORMAL
    reach = 10.0 * (1.0 + sigma)
    at = float(logit(risk))
    return float(brentq(lambda m: w @ expit(m + sigma * z) - risk, at - reach, at + reach))


def between_clusters(risk: float, sigma: float) -> float:
    """Variance of clusters' risks around their average ``risk``; ``sigma`` is in log-odds."""
    z, w = _NORMAL
    return float(w @ (expit(constant_at(risk, sigma) + sigma * z) - risk) ** 2)


def icc_probability(rate: float, sigma: float) -> float:
    """Intracluster correlation on the probability scale at an overall rate.

    Var(p) / (rate (1 - rate)) where logit p = m + sigma z and m gives the rate: what
    Hussey-Hughes means by rho, and the one to set beside the protocol's 0.01566.

    Parameters
    ----------
    rate
        Overall probability of the outcome, between 0 and 1.
    sigma
        Standard deviation of the clusters' intercepts, log-odds.
    """
    if not 0 < rate < 1 or sigma <= 0:
        return 0.0
    return between_clusters(rate, sigma) / (rate * (1 - rate))


def log_odds(truth: Truth) -> LogOdds:
    """Find the logistic model behind a truth told in risks."""

    def excess(sigma: float) -> float:
        wanted = truth.icc * truth.risk * (1.0 - truth.risk)
        return between_clusters(truth.risk, sigma) - wanted

    sigma = float(brentq(excess, 0.0, _SIGMA_LIMIT)) if truth.icc > 0 else 0.0
    without = constant_at(truth.risk, sigma)
    effect = constant_at(truth.risk + truth.risk_difference, sigma) - without
    share = truth.autocorrelation
    return LogOdds(without, effect, sigma * math.sqrt(share), sigma * math.sqrt(1.0 - share))


class OperatingCharacteristics(NamedTuple):
    """How one model does under one truth; ``_mc`` is the Monte Carlo standard error.

    Attributes
    ----------
    model : str
        ``cluster`` (one random intercept a cluster, normal Wald test), ``cluster_period`` (a
        second one for each cell, t with :func:`cell_df` degrees of freedom) or
        ``cluster_period_restricted`` (the same by restricted likelihood).
    autocorrelation, effect : float
        The truth; the effect in log-odds.
    replicates, failed, singular : int
    bias, bias_mc : float
    empirical_sd, mean_std_error : float
    coverage, coverage_mc : float
        Of the interval at 1 - alpha.
    rejection, rejection_mc : float
        Share of p below alpha: the type I error where the effect is zero, else the power.
    """

    model: str
    autocorrelation: float
    effect: float
    replicates: int
    failed: int
    singular: int
    bias: float
    bias_mc: float
    empirical_sd: float
    mean_std_error: float
    coverage: float
    coverage_mc: float
    rejection: float
    rejection_mc: float


def operating_characteristics(
    wedge: Wedge,
    truths: Sequence[Truth],
    *,
    replicates: int,
    seed: int,
    alpha: float,
    workers: int = 1,
    models: Sequence[str] = ("cluster", "cluster_period"),
) -> list[OperatingCharacteristics]:
    """Simulate trials and fit them: bias, coverage, type I error and power of the Wald tests.

    Every replicate has its own stream from ``seed``, so the numbers don't depend on ``workers``.

    Returns
    -------
    list of OperatingCharacteristics
        One for each truth and each of ``models`` (keys of MODELS), in their order.

    Raises
    ------
    ValueError
        When ``replicates`` is less than 2, or a model is unknown.
    """
    if replicates < 2:
        raise ValueError(f"replicates: {replicates!r}, expected 2 or more")
    if unknown := [model for model in models if model not in MODELS]:
        raise ValueError(f"models: {', '.join(unknown)}; expected some of {', '.join(MODELS)}")
    streams = np.random.SeedSequence(seed).spawn(replicates)
    chunks = [streams[i : i + _CHUNK] for i in range(0, replicates, _CHUNK)]
    jobs = [(truth, chunk) for truth in truths for chunk in chunks]
    done = Parallel(n_jobs=workers)(
        delayed(_replicate)(wedge, truth, chunk, alpha, models) for truth, chunk in jobs
    )
    out = []
    for place, truth in enumerate(truths):
        results = np.concatenate(done[place * len(chunks) : (place + 1) * len(chunks)])
        for column, model in enumerate(models):
            out.append(_summary(model, truth, results[:, column]))
    return out


def _replicate(
    wedge: Wedge,
    truth: Truth,
    streams: Sequence[np.random.SeedSequence],
    alpha: float,
    models: Sequence[str],
) -> Floats:
    """Fit the models to each replicate.

    Returns (replicates, models, 5): estimate, SE, covers, rejects, singular; NaN where not fitted.
    """
    told, cells = log_odds(truth), Cells.of(wedge)
    out = np.full((len(streams), len(models), 5), np.nan)
    for i, stream in enumerate(streams):
        events = draw_events(wedge, told, np.random.default_rng(stream))
        for j, model in enumerate(models):
            found = wald(events, cells, model)
            if found is None:
                continue
            estimate, error, df, singular = found
            low, high, p = interval(estimate, error, df, alpha=alpha)
            out[i, j] = estimate, error, low <= told.effect <= high, p < alpha, singular
    return out


class Cells(NamedTuple):
    """A wedge's cells, in rows: cluster, period, size, and the columns of the model.

    The columns are intercept, treatment and periods.
    """

    cluster: NDArray[np.int64]
    period: NDArray[np.int64]
    trials: Floats
    X: Floats

    @classmethod
    def of(cls, wedge: Wedge) -> Cells:
        """Lay out a wedge."""
        cluster, period = (index.ravel() for index in np.indices(wedge.treated.shape))
        columns = [np.ones(cluster.size), wedge.treated.ravel()]
        X = np.column_stack([*columns, period[:, None] == np.arange(1, wedge.periods)])
        return cls(cluster, period, np.full(cluster.size, float(wedge.per_cell)), X)


def draw_events(wedge: Wedge, told: LogOdds, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one trial: events of each cell, in the order of `Cells`."""
    treated = wedge.treated
    shift = rng.normal(0.0, 1.0, len(treated))[:, None] * told.cluster_sd
    shift = shift + rng.normal(0.0, 1.0, treated.shape) * told.cell_sd
    risk = expit(told.constant + told.effect * treated + shift)
    return np.asarray(rng.binomial(wedge.per_cell, risk).ravel(), dtype=np.int64)


def wald(
    events: NDArray[np.int64], cells: Cells, model: str
) -> tuple[float, float, float, bool] | None:
    """Fit one of MODELS: effect, standard error, degrees of freedom, singular; None if it fails."""
    nested, restricted = MODELS[model]
    clusters, periods = len(np.unique(cells.cluster)), len(np.unique(cells.period))
    df = float(cell_df(len(events), clusters, periods)) if nested else math.inf
    subgroups = cells.period if nested else None
    try:
        fit = fit_logistic(
            events, cells.X, cells.cluster, cells.trials, subgroups, restricted=restricted
        )
    except Separation:
        return None
    if not fit.converged:
        return None
    return float(fit.coefficients[1]), float(fit.std_errors[1]), df, bool(fit.singular)


def _summary(model: str, truth: Truth, results: Floats) -> OperatingCharacteristics:
    """Average over the replicates that could be fitted."""
    fitted = results[~np.isnan(results[:, 0])]
    n, effect = len(fitted), log_odds(truth).effect
    if n < 2:
        raise ValueError(f"replicates: only {n} of {len(results)} could be fitted")
    spread = float(fitted[:, 0].std(ddof=1))
    coverage, rejection = float(fitted[:, 2].mean()), float(fitted[:, 3].mean())
    return OperatingCharacteristics(
        model=model,
        autocorrelation=truth.autocorrelation,
        effect=effect,
        replicates=len(results),
        failed=len(results) - n,
        singular=int(fitted[:, 4].sum()),
        bias=float(fitted[:, 0].mean()) - effect,
        bias_mc=spread / math.sqrt(n),
        empirical_sd=spread,
        mean_std_error=float(fitted[:, 1].mean()),
        coverage=coverage,
        coverage_mc=math.sqrt(coverage * (1.0 - coverage) / n),
        rejection=rejection,
        rejection_mc=math.sqrt(rejection * (1.0 - rejection) / n),
    )
