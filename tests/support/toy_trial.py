"""A small trial built directly: the rows that analyses read, with a known effect."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from fvlib import protocol
from fvlib.trial.covariates import ETHNICITIES, LEVELS

STARTS = np.array(
    ["2019-10-01", "2020-04-01", "2020-10-01", "2021-04-01", "2021-10-01", "2022-04-01"],
    dtype="datetime64[s]",
)


def toy_trial(
    children: int = 3000, *, seed: int = 1, effect: float = -0.5, sigma: float = 0.4
) -> Any:
    """A stepped wedge of five LAs and six periods; covariates without any effect."""
    rng = np.random.default_rng(seed)
    la = rng.integers(0, 5, children)
    period = rng.integers(0, 6, children)
    treated = (period > la).astype(np.int64)
    intercepts = sigma * rng.standard_normal(5)
    risk = expit(-1.5 + effect * treated + 0.1 * period + intercepts[la])
    value = (rng.random(children) < risk).astype(float)

    def coded(name: str, levels: tuple[str, ...]) -> pd.Categorical:
        return pd.Categorical(rng.choice(levels[:3], children), categories=levels)

    cohort = pd.DataFrame(
        {
            "la": pd.Categorical.from_codes(la, list(protocol.LA_KEYS)),
            "period": period,
            "treated": treated,
            "exposure_time": np.maximum(period - la - 1, -1),
            "referral_date": STARTS[period],
            "live_date": STARTS[la + 1],
            "first_referral": True,
            "age_months": rng.integers(0, 216, children),
            "ethnicity": coded("ethnicity", ETHNICITIES),
            "academic_year": pd.Categorical((2019 + (period + 1) // 2).astype(str)),
            **{name: coded(name, LEVELS[name]) for name in LEVELS if name not in ("ethnicity",)},
            "la_fsm_share": rng.random(children),
            "la_white_british_share": rng.random(children),
            "other_programme": rng.integers(0, 2, children).astype(float),
        },
        index=pd.RangeIndex(children, name="child"),
    )
    outcome = pd.DataFrame({"child": cohort.index, "value": value, "state": "analysed"})
    return SimpleNamespace(cohort=cohort, outcomes={"P1": outcome}, variants={})
