"""Every side table is made whatever was sent, and passes the gate."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from fvlib.analysis.imputations import draw
from fvlib.gate.masking import mask_table
from fvlib.refresh import Disclosure
from fvlib.tables import side_tables
from fvlib.tables.imputation import describe_imputations
from fvlib.trial import build_trial
from tests.support.trial_builder import extracts_of, random_extracts, refresh_of

RULE = Disclosure(threshold=10, round_to=1)
SENT = {
    "arrivals": ["la", "file", "arrived", "rows_read", "rows_kept", "first_date", "last_date",
                 "ignored_columns"],
    "set_aside": ["la", "file", "rule", "rows"],
    "resolved": ["la", "file", "rule", "rows"],
    "withdrawn": ["la", "children"],
}  # fmt: skip


def tables_of(
    extracts: Any, *, withdrawn: list[tuple[str, int]] | None = None, **settings: Any
) -> dict[str, pd.DataFrame]:
    for name, columns in SENT.items():
        rows = withdrawn if name == "withdrawn" else None
        setattr(extracts, name, pd.DataFrame(rows, columns=columns))
    refresh = refresh_of(imputations=2, **settings)
    trial = build_trial(extracts, refresh)
    made = {
        **side_tables._arrived(extracts, trial),
        **side_tables._outcomes(extracts, trial),
        **side_tables._described(trial),
        **side_tables._missing(trial),
        **side_tables._imputed(describe_imputations(draw(trial))),
    }
    return {name: mask_table(table, refresh.disclosure) for name, table in made.items()}


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


def pupils(of_la: dict[str, int], terms_each: int = 3) -> Any:
    """School children referred in November 2020, with attendance in terms after it.

    With them an infant, who was referred too, and a schoolmate an LA, who wasn't: so no term is
    closed.
    """
    people = [la for la, n in of_la.items() for _ in range(n)]
    referred = len(people) + 1
    pupil, infant = {"birth_month": "2010-05-01"}, {"la": "sefton", "birth_month": "2020-01-01"}
    terms = [("spring", 2020), ("summer", 2020), ("autumn", 2021)]
    attended = [(k, terms[:terms_each]) for k in range(len(people))]
    attended += [(referred + k, terms) for k in range(len(of_la))]
    return extracts_of(
        children=[*({"la": la} | pupil for la in people), infant,
                  *({"la": la} | pupil for la in of_la)],
        referrals=[{"child": k, "referral_date": "2020-11-02"} for k in range(referred)],
        attendance=[{"child": k, "term": term, "academic_year": year, "sessions_unauthorised": 4}
                    for k, rows in attended for term, year in rows],
    )  # fmt: skip


def of_absence(table: pd.DataFrame, **where: Any) -> pd.DataFrame:
    rows = table[table["outcome"] == "S6"] if "outcome" in table else table
    for column, value in where.items():
        rows = rows[rows[column].astype(str) == str(value)]
    return rows


def test_nine_child_terms_of_three_children_are_three_persons() -> None:
    # Four children of Coventry give 12 child-terms, more than the threshold of 10; twelve of
    # Solihull give 36. Each child counts once, however many terms it has.
    tables = tables_of(pupils({"coventry": 4, "solihull": 12}))
    crude = of_absence(tables["crude"], condition="control")
    few, many = (crude[crude["la"] == la] for la in ("coventry", "solihull"))
    assert few["n_masked"].all()
    assert few["mean"].isna().all()
    assert many["n"].tolist() == [35]
    assert many["mean"].tolist() == [4.0]
    periods = of_absence(tables["outcome_periods"], period=2, condition="control")
    assert periods.loc[periods["la"] == "coventry", "n_masked"].all()
    assert periods.loc[periods["la"] == "solihull", "n"].tolist() == [35]
    flow = tables["flow"][tables["flow"]["step"] == "S6_analysed"].set_index("la")
    assert flow.loc["coventry", "n_masked"]
    assert flow.loc["solihull", "n"] == 35


def test_child_terms_that_are_missing_or_open_still_count_their_children() -> None:
    # Twelve children with one of three terms each: 24 missing child-terms of 12 children stand;
    # of four more children, 8 of 4 don't.
    tables = tables_of(pupils({"coventry": 4, "solihull": 12}, terms_each=1))
    crude = of_absence(tables["crude"], condition="control").set_index("la")
    assert crude.loc["coventry", "missing_masked"]
    assert crude.loc["solihull", "missing"] == 25
    # Two of the three terms had not ended.
    few = pupils({"solihull": 8}, terms_each=2)
    calendar = of_absence(
        tables_of(few, data_through="2021-05-31")["calendar"], condition="control"
    )
    # 24 child-terms, 16 observed, 8 open: all of them of eight children.
    assert calendar["n_masked"].all()
    assert calendar["share"].isna().all()


def test_the_rest_of_a_share_observed_counts_children_too() -> None:
    # Solihull's terms have all ended by the end of 2021. Of Coventry's by the end of March only
    # the first has: of 54 child-terms 42 are observed, and the other 12 are of six children.
    through = dict.fromkeys(("warwickshire", "newcastle", "sefton", "solihull"), "2021-12-31")
    tables = tables_of(
        pupils({"coventry": 6, "solihull": 12}), data_through=through | {"coventry": "2021-03-31"}
    )
    calendar = of_absence(tables["calendar"], condition="control")
    assert calendar["n"].tolist() == [55]
    assert calendar["observed_masked"].all()
    assert calendar["share"].isna().all()


def test_withdrawals_are_told_in_all_and_not_by_la() -> None:
    people, made = [{}] * 12, ({"child": k, "referral_date": "2019-11-01"} for k in range(12))
    extracts = extracts_of(children=people, referrals=list(made))
    by_la = [("warwickshire", 6), ("sefton", 7)]
    table = tables_of(extracts, withdrawn=by_la)["withdrawn"]
    assert table.to_dict("records") == [{"children": 15, "children_masked": False}]


def test_a_banner_follows_the_exact_share_though_its_counts_are_masked() -> None:
    extracts = extracts_of(children=[{}], referrals=[{"child": 0, "referral_date": "2019-11-01"}])
    for name, columns in SENT.items():
        setattr(extracts, name, pd.DataFrame(columns=columns))
    extracts.arrivals = pd.DataFrame(
        [(la, "plans", True, 1000, 949, None, None, "") for la in ("sefton", "coventry")],
        columns=SENT["arrivals"],
    )
    # Sefton: six rules of nine rows or fewer, 51 of a thousand in all. Coventry: 50, not more.
    aside = [("sefton", "plans", f"rule {n}", 9) for n in range(5)]
    aside += [("sefton", "plans", "rule 5", 6), ("coventry", "plans", "rule 0", 50)]
    extracts.set_aside = pd.DataFrame(aside, columns=SENT["set_aside"])
    trial = build_trial(extracts, refresh_of())
    made = side_tables._arrived(extracts, trial)
    rule = trial.refresh.disclosure
    assert mask_table(made["set_aside"], rule).query("la == 'sefton'")["rows"].isna().all()
    told = mask_table(made["arrivals"], rule).set_index("la")["over_limit"]
    assert told.to_dict() == {"sefton": True, "coventry": False}


def test_events_of_a_composite_are_no_small_step_from_the_events_they_are_among() -> None:
    # 99 became looked after, 92 of them stayed: seven went home. 30 returned by one rule, 34 by
    # the other. Without Sefton isn't a small step: another table's sums see to it.
    rows = [
        ("P1", "P1", 900, 99),
        ("leave-out-sefton", "P1", 800, 95),
        ("S1", "S1", 900, 30),
        ("s1-care-on-plan", "S1-care-on-plan", 900, 34),
        ("s5-composite", "S5-composite", 900, 92),
    ]
    frame = pd.DataFrame(rows, columns=["analysis", "outcome", "n", "events"])
    out = mask_table(side_tables.estimate_table(frame.assign(children=frame["n"])), RULE)
    assert list(out["events_masked"]) == [False, False, False, True, True]
    assert {"family", "runs", "children"}.isdisjoint(out.columns)


def test_the_chains_tell_no_more_of_the_missing_than_their_rounded_number() -> None:
    # The exact percentages would be fractions of the exact number.
    rule = Disclosure(threshold=10, round_to=5)
    trial = build_trial(random_extracts(2000, seed=3), refresh_of(imputations=2))
    table = side_tables._imputed(describe_imputations(draw(trial)))["imputation_trace"]
    out = mask_table(table, rule)
    out = out[~out["share_masked"]]
    assert (table.frame["missing"] % 5 != 0).any() and len(out) > 20
    imputed = (out["share"] * out["missing"]).astype(float)
    assert ((imputed / 5).round() * 5 - imputed).abs().max() < 1e-9


def test_control_windows_of_few_children_are_not_told() -> None:
    few = tables_of(random_extracts(40, seed=2))["control_window"].set_index("outcome")
    assert few.loc["S4", "share_masked"] and few["share"].isna()["S4"]
    many = tables_of(random_extracts(900, seed=2))["control_window"].set_index("outcome")
    told = many["share"]["P1"]
    assert told == round(told, 2) and 0 < told < 1


def test_the_dates_of_a_handful_of_rows_are_not_told() -> None:
    day = pd.Timestamp("2020-03-05")
    extracts = random_extracts(300, seed=2)
    trial = build_trial(extracts, refresh_of(imputations=2))
    for name, columns in SENT.items():
        setattr(extracts, name, pd.DataFrame(columns=columns))
    extracts.arrivals = pd.DataFrame(
        [("sefton", "referrals", True, 40, 40, day, day, 0),
         ("solihull", "referrals", True, 4, 4, day, day, 0)],
        columns=SENT["arrivals"],
    )  # fmt: skip
    arrivals = mask_table(side_tables._arrived(extracts, trial)["arrivals"], RULE)
    assert list(arrivals["first_date"].notna()) == [True, False]
    assert list(arrivals["last_date"].notna()) == [True, False]


@pytest.mark.parametrize(("lacking", "masked"), [(6, True), (60, False)])
def test_whom_a_regression_of_missingness_leaves_out_is_not_told(
    lacking: int, masked: bool
) -> None:
    # Ethnicity is regressed on those whose sex is known: the cohort less these lack a sex.
    extracts = random_extracts(2500, seed=4)
    children = extracts.children
    children["sex"] = children["sex"].fillna(children["sex"].mode()[0])
    for flag in ("disabled", "fsm_ever", "pupil_premium", "uasc"):
        children[flag] = children[flag].fillna(value=False)
    referrals = extracts.referrals
    referrals["n_previous_cpp"] = referrals["n_previous_cpp"].fillna(0)
    cohort = build_trial(extracts, refresh_of(imputations=2)).cohort.index
    children.loc[cohort[:lacking], "sex"] = None
    patterns = tables_of(extracts)["missing_patterns"].set_index("covariate")
    row = patterns.loc[["ethnicity"]].iloc[0]
    assert not row["missing_masked"] or masked
    assert bool(row["n_masked"]) == masked
