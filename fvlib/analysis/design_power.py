"""The design's operating characteristics at the trial's own size: closed form and simulation.

Protocol, Sample size / MDES calculations and Appendix B; the simulation is the one it promises
("we will conduct simulations to ensure the accuracy of these").
"""

from __future__ import annotations

from typing import Final

import pandas as pd
from rich.table import Table

from fvlib import protocol
from fvlib.models.wedge.power import (
    OperatingCharacteristics,
    Truth,
    Wedge,
    hussey_hughes,
    operating_characteristics,
)
from fvlib.models.wedge.rejection import rejections

# No drift, and three degrees of it, for the LA x period effect that the protocol's model lacks.
AUTOCORRELATIONS: Final = (1.0, 0.95, 0.9, 0.8)
# Children in the trials whose tests' size is counted: a small trial, and the protocol's.
STUDIED: Final = (5_000, protocol.CHILDREN)
# Their LAs' autocorrelations.
DRIFTS: Final = (1.0, 0.9, 0.8)
# The MDES as a reduction, and no effect at all.
EFFECTS: Final = (-protocol.MDES, 0.0)
MODELS: Final = {"cluster": "LA (the protocol's)", "cluster_period": "LA and LA x period"}


def scenarios() -> tuple[Truth, ...]:
    """Return every truth that is simulated: effect or none, each with and without drift."""
    return tuple(
        Truth(protocol.BASELINE_RATE, effect, protocol.INTRACLUSTER_CORRELATION, autocorrelation)
        for effect in EFFECTS
        for autocorrelation in AUTOCORRELATIONS
    )


def simulate(replicates: int, seed: int, workers: int) -> list[OperatingCharacteristics]:
    """Simulate every scenario at the trial's size; see `operating_characteristics`."""
    las = len(protocol.LOCAL_AUTHORITIES)
    wedge = Wedge.complete(las, protocol.PERIODS - 1, protocol.CHILDREN_PER_CELL)
    return operating_characteristics(
        wedge,
        scenarios(),
        replicates=replicates,
        seed=seed,
        alpha=protocol.ALPHA,
        workers=workers,
    )


def sizes(replicates: int, seed: int, workers: int) -> pd.DataFrame:
    """Count how often each test rejects when nothing works; one row a test, size and drift.

    The trials have the sizes of `STUDIED` and LAs that drift apart by none or some degree. The
    report prints the file that is made of this (`fv power --sizes FILE`).
    """
    strata = [la.readiness for la in protocol.LOCAL_AUTHORITIES]
    las, periods = len(strata), protocol.PERIODS
    found = [
        row
        for children in STUDIED
        for row in rejections(
            Wedge.complete(las, periods - 1, round(children / (las * periods))),
            [
                Truth(protocol.BASELINE_RATE, 0.0, protocol.INTRACLUSTER_CORRELATION, share)
                for share in DRIFTS
            ],
            strata,
            replicates=replicates,
            seed=seed,
            alpha=protocol.ALPHA,
            workers=workers,
        )
    ]
    return pd.DataFrame(found).assign(
        level=[round(row.level, 4) for row in found],
        rate=[round(row.rate, 4) for row in found],
        monte_carlo_error=[round(row.monte_carlo_error, 4) for row in found],
        seed=seed,
    )


def summary(results: list[OperatingCharacteristics], replicates: int) -> Table:
    """Put the figures in a table for the terminal, Monte Carlo errors in brackets."""
    mdes = hussey_hughes().mdes
    table = Table(
        title=f"Operating characteristics, {replicates:,} simulated trials a row. "
        f"Closed form (Hussey and Hughes 2007): MDES {mdes:.4f}",
        title_justify="left",
    )
    for column in (
        "model",
        "log-odds",
        "autocorrelation",
        "bias",
        "coverage",
        "rejected",
        "failed",
    ):
        table.add_column(column, justify="left" if column == "model" else "right")
    for row in results:
        table.add_row(
            MODELS[row.model],
            f"{row.effect:.3f}",
            f"{row.autocorrelation:.2f}",
            f"{row.bias:+.4f} ({row.bias_mc:.4f})",
            f"{row.coverage:.1%} ({row.coverage_mc:.1%})",
            f"{row.rejection:.1%} ({row.rejection_mc:.1%})",
            str(row.failed),
        )
    return table
