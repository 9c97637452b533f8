"""Size of the tests: hand-made p-values in the loop, known levels, and the stored study again."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fvlib import protocol
from fvlib.analysis.design_power import DRIFTS, STUDIED, sizes
from fvlib.models.mixed import fit_logistic
from fvlib.models.wedge.power import Cells, Truth, Wedge, draw_events, log_odds
from fvlib.models.wedge.rejection import _p_values, rejections
from fvlib.report.words.size_study import STUDY, study

NOTHING = Truth(risk=0.2, risk_difference=0.0, icc=0.03)
STRATA = ("high", "high", "low", "low", "low")


def test_the_permutation_p_is_that_of_refits_under_every_order() -> None:
    # Obvious twin: each of the 12 orders' schedules in place of the drawn one, a refit, Wald's z.
    wedge, told = Wedge.complete(5, 5, 400), log_odds(NOTHING)
    cells, seed = Cells.of(wedge), np.random.SeedSequence(3)
    events = draw_events(wedge, told, np.random.default_rng(seed))
    z = []
    for order in permutations(range(5)):
        if any(STRATA[slot] != STRATA[la] for la, slot in enumerate(order)):
            continue
        X = cells.X.copy()
        X[:, 1] = [
            float(t >= wedge.switches[order[la]])
            for la, t in zip(cells.cluster, cells.period, strict=True)
        ]
        fit = fit_logistic(events, X, cells.cluster, cells.trials)
        z.append(fit.coefficients[1] / fit.std_errors[1])
    assert len(z) == 12
    slots = np.array([o for o in permutations(range(5)) if max(o[:2]) < 2])
    found = _p_values(wedge, told, slots, [np.random.SeedSequence(3)])
    assert found[0, 2] == pytest.approx(np.mean(np.abs(z) >= abs(z[0])))


def test_rejections_do_not_depend_on_workers_and_refuse_an_effect() -> None:
    wedge = Wedge.complete(5, 5, 100)
    arguments: dict[str, Any] = {"replicates": 30, "seed": 2, "alpha": 0.05}
    one = rejections(wedge, [NOTHING], STRATA, workers=1, **arguments)
    assert one == rejections(wedge, [NOTHING], STRATA, workers=2, **arguments)
    with pytest.raises(ValueError, match="without an effect"):
        rejections(wedge, [Truth(0.2, -0.01, 0.03)], STRATA, **arguments)


@pytest.mark.slow
def test_a_p_at_its_level_is_a_rejection() -> None:
    # Twelve orders reject at 1/12 exactly, or never: counted from the p-values themselves.
    wedge, replicates = Wedge.complete(5, 5, 100), 60
    slots = np.array([o for o in permutations(range(5)) if max(o[:2]) < 2])
    streams = np.random.SeedSequence(2).spawn(replicates)
    p = _p_values(wedge, log_odds(NOTHING), slots, streams)
    found = {
        (row.test, round(row.level, 3)): row.rejected
        for row in rejections(
            wedge, [NOTHING], STRATA, replicates=replicates, seed=2, alpha=protocol.ALPHA
        )
    }
    smallest = int((np.abs(p[:, 2] - 1 / 12) < 1e-9).sum())
    assert smallest > 0
    assert found == {
        ("cluster", 0.05): (p[:, 0] <= 0.05).sum(),
        ("cluster_period", 0.05): (p[:, 1] <= 0.05).sum(),
        ("permutation", 0.05): 0,
        ("permutation", 0.083): smallest,
        ("wild_bootstrap", 0.05): (p[:, 3] <= 0.05).sum(),
    }


def test_the_stored_study_covers_what_the_command_simulates() -> None:
    frame = study()
    assert set(frame["autocorrelation"]) == set(DRIFTS)
    # Cells of one size: a small trial has its children rounded to them.
    assert np.allclose(sorted(set(frame["children"])), sorted(STUDIED), rtol=0.01)
    permuted = frame[frame["test"] == "permutation"]
    # Twelve orders: never at 5 %; exact at 1/12 whatever the drift (4 Monte Carlo errors).
    assert (permuted.loc[permuted["level"] == protocol.ALPHA, "rejected"] == 0).all()
    exact = permuted[permuted["level"] > protocol.ALPHA]
    assert np.allclose(exact["rate"], 1 / 12, atol=4 * 0.0087)
    # The analysis plan: a linear approximation puts Wald's error near 37 % at 0.9.
    wald = frame[(frame["test"] == "cluster") & (frame["children"] == protocol.CHILDREN)]
    at = wald.set_index("autocorrelation")["rate"]
    assert at[0.9] == pytest.approx(0.37, abs=4 * 0.0152)
    assert at[1.0] == pytest.approx(0.05, abs=4 * 0.007)


@pytest.mark.slow
def test_the_stored_study_comes_out_again() -> None:
    stored = pd.read_csv(STUDY)
    seed, replicates = int(stored["seed"].iloc[0]), int(stored["replicates"].iloc[0])
    pd.testing.assert_frame_equal(sizes(replicates, seed, 2), stored)
