"""How often tests of a stepped wedge reject when nothing works: their size, by simulation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from fvlib.models.inference import interval
from fvlib.models.mixed import Separation, score_test
from fvlib.models.wedge.power import Cells, LogOdds, Truth, Wedge, draw_events, log_odds, wald
from fvlib.models.wedge.resample import TIE, list_orders, share_as_extreme, wild_score_bootstrap

Floats = NDArray[np.float64]

# Wald tests by their model (see `fvlib.models.wedge.power.MODELS`), then those that need no such
# model.
WALD: Final = ("cluster", "cluster_period")
TESTS: Final = (*WALD, "permutation", "wild_bootstrap")
# Replicates that a worker does at a time.
_CHUNK = 25


class Rejections(NamedTuple):
    """How often one test rejected.

    Attributes
    ----------
    test : str
        One of TESTS.
    level : float
        Rejected is p at or under it.
    children : int
        In the whole trial.
    autocorrelation : float
        Of a cluster's intercepts in two periods: less than 1 is an LA x period effect.
    replicates, failed, rejected : int
        Simulated trials; those in which the test has no p; those in which it rejects.
    """

    test: str
    level: float
    children: int
    autocorrelation: float
    replicates: int
    failed: int
    rejected: int

    @property
    def rate(self) -> float:
        """Share of the tests made that rejected."""
        return self.rejected / (self.replicates - self.failed)

    @property
    def monte_carlo_error(self) -> float:
        """Standard error of the rate."""
        return math.sqrt(self.rate * (1.0 - self.rate) / (self.replicates - self.failed))


def rejections(
    wedge: Wedge,
    truths: Sequence[Truth],
    strata: Sequence[object],
    *,
    replicates: int,
    seed: int,
    alpha: float,
    workers: int = 1,
) -> list[Rejections]:
    """Simulate trials without an effect, and count how often each test finds one.

    The permutation test stands at `alpha`, and also at the smallest p that its orders can give.
    Every replicate has its own stream from ``seed``, so the numbers don't depend on ``workers``.

    Parameters
    ----------
    strata
        Stratum of each cluster: orders are drawn again within them.

    Raises
    ------
    ValueError
        When a truth has an effect.
    """
    if any(truth.risk_difference for truth in truths):
        raise ValueError("truths: the size of a test is told by trials without an effect")
    slots = list_orders(strata)
    streams = np.random.SeedSequence(seed).spawn(replicates)
    chunks = [streams[i : i + _CHUNK] for i in range(0, replicates, _CHUNK)]
    jobs = [(truth, chunk) for truth in truths for chunk in chunks]
    done = Parallel(n_jobs=workers)(
        delayed(_p_values)(wedge, log_odds(truth), slots, chunk) for truth, chunk in jobs
    )
    children = wedge.per_cell * wedge.treated.size
    levels = [(test, alpha) for test in TESTS]
    levels.insert(TESTS.index("permutation") + 1, ("permutation", 1.0 / len(slots)))
    out = []
    for place, truth in enumerate(truths):
        p = np.concatenate(done[place * len(chunks) : (place + 1) * len(chunks)])
        for test, level in levels:
            mine = p[:, TESTS.index(test)]
            out.append(
                Rejections(
                    test,
                    level,
                    children,
                    truth.autocorrelation,
                    replicates,
                    failed=int(np.isnan(mine).sum()),
                    rejected=int((mine <= level * (1.0 + TIE)).sum()),
                )
            )
    return out


def _p_values(
    wedge: Wedge,
    told: LogOdds,
    slots: NDArray[np.int64],
    streams: Sequence[np.random.SeedSequence],
) -> Floats:
    """Test each replicate: (replicates, TESTS), NaN where there is no p."""
    cells = Cells.of(wedge)
    candidates = wedge.treated[slots].reshape(len(slots), -1).T.astype(float)
    out = np.full((len(streams), len(TESTS)), np.nan)
    for i, stream in enumerate(streams):
        events = draw_events(wedge, told, np.random.default_rng(stream))
        for j, model in enumerate(WALD):
            found = wald(events, cells, model)
            if found is not None:
                out[i, j] = interval(*found[:3], alpha=0.5).p_value
        null = np.delete(cells.X, 1, axis=1)
        try:
            scored = score_test(events, null, candidates, cells.cluster, trials=cells.trials)
        except Separation:
            continue
        statistics = scored.alike
        if scored.fit.converged and np.isfinite(statistics).all():
            out[i, len(WALD)] = share_as_extreme(statistics, float(statistics[0]))
            out[i, len(WALD) + 1] = wild_score_bootstrap(scored.group_scores[:, 0])[0]
    return out
