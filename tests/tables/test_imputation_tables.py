"""What imputation is judged by, against copies written by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fvlib.analysis.imputations import Imputations
from fvlib.models.imputation.diagnostics import Imputation
from fvlib.tables import imputation as imputation_tables


@pytest.fixture
def imputations() -> Imputations:
    levels = ["no", "yes", "below school age"]
    values = ["no"] * 3 + ["yes"] + ["below school age"] * 4 + [None] * 2
    frame = pd.DataFrame({"fsm": pd.Categorical(values, levels)})
    trace = pd.DataFrame(
        [(1, step, "fsm", level, share) for step in (1, 2) for level, share in
         (("no", 1.0), ("yes", 0.0))],
        columns=["chain", "iteration", "variable", "level", "share"],
    )  # fmt: skip
    diary = pd.DataFrame(
        [{"variable": "fsm", "observed": 8, "missing": 2, "r_hat": 1.0, "converged": True,
          "notes": "", "remarks": ""}]
    )  # fmt: skip
    drawn = Imputation(
        frame=frame,
        imputations=2,
        codes={"fsm": np.array([[0, 1], [0, 0]], dtype=np.int16)},
        missing_rows={"fsm": np.array([8, 9])},
        trace=trace,
        diary=diary,
    )
    return Imputations(drawn, pd.Series(np.arange(10)))


def test_a_level_never_imputed_is_not_compared(imputations: Imputations) -> None:
    table = imputation_tables.observed_and_imputed_shares(imputations)
    assert table["level"].tolist() == ["no", "yes"]
    assert table["observed_n"].tolist() == [4, 4]
    assert table["observed"].tolist() == [0.75, 0.25]
    assert table["imputed"].tolist() == [0.75, 0.25]


def test_the_chains_are_followed_at_the_level_imputed_most(imputations: Imputations) -> None:
    table = imputation_tables.trace_of_chains(imputations)
    assert table["level"].unique().tolist() == ["no"]
    assert table["imputed"].tolist() == [2, 2]
    assert (table["missing"] == 2).all()


def test_missing_information_is_rubins(imputations: Imputations) -> None:
    # shares of "no" in the ten: 0.4 and 0.5; of "yes": 0.2 and 0.1 (the worst level)
    row = imputation_tables.account_of_imputation(imputations).iloc[0]
    q, u = np.array([0.2, 0.1]), np.array([0.016, 0.009])
    between = 1.5 * q.var(ddof=1)
    r = between / u.mean()
    df = (1 + 1 / r) ** 2
    assert row["fmi"] == pytest.approx((r + 2 / (df + 3)) / (r + 1))
    assert row["notes"].startswith("few_imputations:2|")
