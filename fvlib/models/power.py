"""What the design can detect: the stepped wedge's power in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats


class Detectable(NamedTuple):
    """Minimum detectable effect size and the standard error behind it, on the outcome's scale."""

    mdes: float
    se: float


def hussey_hughes(
    p: float = 0.04,
    icc: float = 0.01566,
    per_cell: float = 2600,
    clusters: int = 5,
    steps: int = 5,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Detectable:
    """Detectable difference of a stepped wedge with ``steps`` steps after a baseline.

    Hussey and Hughes (2007, doi 10.1016/j.cct.2006.05.007, equation 8), with ``clusters / steps``
    clusters switching at each step: ``between`` = icc p (1 - p), ``within`` = (1 - icc) p (1 - p),
    ``per_cell`` individuals in each cluster-period. The normal quantiles, as Stata's
    ``steppedwedge`` has them.

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
    total = p * (1.0 - p)
    tau2, sigma2 = icc * total, (1.0 - icc) * total / per_cell
    periods = steps + 1
    switch = np.repeat(np.arange(1, steps + 1), clusters // steps)
    treated = (np.arange(periods) >= switch[:, None]).astype(float)
    u = treated.sum()
    w = float((treated.sum(axis=0) ** 2).sum())
    v = float((treated.sum(axis=1) ** 2).sum())
    i, t = clusters, periods
    numerator = i * sigma2 * (sigma2 + t * tau2)
    denominator = (i * u - w) * sigma2 + (u**2 + i * t * u - t * w - i * v) * tau2
    se = math.sqrt(numerator / denominator)
    return Detectable(float(stats.norm.isf(alpha / 2.0) + stats.norm.ppf(power)) * se, se)
