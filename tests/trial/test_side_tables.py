"""Every side table is made whatever was sent, and passes the gate."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from trial_builder import extracts_of, random_extracts, refresh_of

from fvlib import side_tables
from fvlib.disclosure import safe
from fvlib.imputations import draw
from fvlib.trial import build_trial

SENT = {
    "arrivals": ["la", "file", "arrived", "rows_read", "rows_kept", "first_date", "last_date",
                 "ignored_columns"],
    "set_aside": ["la", "file", "rule", "rows"],
    "resolved": ["la", "file", "rule", "rows"],
}  # fmt: skip


def tables_of(extracts: Any, **settings: Any) -> dict[str, pd.DataFrame]:
    for name, columns in SENT.items():
        setattr(extracts, name, pd.DataFrame(columns=columns))
    refresh = refresh_of(imputations=2, **settings)
    trial = build_trial(extracts, refresh)
    made = {
        **side_tables._arrived(extracts, trial),
        **side_tables._outcomes(extracts, trial),
        **side_tables._described(trial),
        **side_tables._missing(trial),
        **side_tables._imputed(draw(trial)),
    }
    return {name: safe(table, refresh.disclosure) for name, table in made.items()}


@pytest.mark.parametrize("children", [3, 400])
def test_few_children_or_many(children: int) -> None:
    tables = tables_of(random_extracts(children, seed=3))
    for name, table in tables.items():
        for column in [c for c in table if f"{c}_masked" in table and c in ("n", "missing")]:
            shown = table[column].dropna()
            assert ((shown == 0) | (shown >= 10)).all(), (name, column)


def test_las_that_sent_nothing_have_their_rows() -> None:
    extracts = extracts_of(
        children=[{}] * 12,
        referrals=[{"child": k, "referral_date": "2019-11-01"} for k in range(12)],
    )
    tables = tables_of(extracts)
    assert tables["volume"].groupby("la", observed=False).size().tolist() == [36] * 5
    assert tables["volume"]["referrals"].sum() == 10  # twelve, rounded
    assert len(tables["imputation"]) == 0
    assert len(tables["missing_patterns"]) == 0


def test_an_interim_look_makes_no_p() -> None:
    people = [
        {"disabled": None if k % 5 == 0 else False, "sex": "male" if k % 3 else "female"}
        for k in range(400)
    ]
    extracts = extracts_of(
        children=people,
        referrals=[{"child": k, "referral_date": "2019-11-01"} for k in range(len(people))],
    )
    table = tables_of(extracts, look="interim")["missing_patterns"]
    assert table["odds_ratio"].notna().any()
    assert table["p_value"].isna().all()
