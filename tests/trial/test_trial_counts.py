"""Crude counts, exposures, variants and descriptions against counts made another way."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from fvlib import protocol
from fvlib.refresh import add_months
from fvlib.tables import cohort as describe
from fvlib.tables.outcomes import crude_counts, period_counts
from fvlib.trial import Trial, build_trial, exposure
from fvlib.trial.histories import UNREPORTED_FROM
from fvlib.trial.variants import entered_early
from tests.support.trial_builder import extracts_of, random_extracts, refresh_of

# One referral every so many days and LA, for the share of a window after go-live.
EVERY_DAYS = 3
# The plan gives whole percentages; days instead of months move the share by less than this.
SHARE_TOLERANCE = 0.006
FIT_TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def trial() -> Trial:
    return build_trial(random_extracts(500, seed=2), refresh_of(data_through="2022-11-30"))


def test_crude_counts_by_la_and_condition(trial: Trial) -> None:
    table = crude_counts(trial).set_index(["outcome", "la", "condition"])
    assert len(table) == 7 * 6 * 2
    for outcome in protocol.OUTCOMES:
        frame = trial.outcomes[outcome].join(trial.cohort[["la", "treated"]], on="child")
        for la in (*protocol.LA_KEYS, "all"):
            for treated, condition in enumerate(("control", "treatment")):
                rows = frame[frame["treated"] == treated]
                if la != "all":
                    rows = rows[rows["la"].astype(object) == la]
                analysed = rows[rows["state"] == "analysed"]["value"]
                told = table.loc[(outcome, la, condition)]
                assert told["n"] == len(analysed)
                assert told["not_observable"] == (rows["state"] == "not_observable").sum()
                assert told["missing"] == (rows["state"] == "missing").sum()
                if outcome in protocol.LINEAR_OUTCOMES:
                    assert np.isnan(told["events"])
                else:
                    assert told["events"] == analysed.sum()
                if len(analysed):
                    assert told["mean"] == pytest.approx(analysed.mean(), rel=FIT_TOLERANCE)
                else:
                    assert np.isnan(told["mean"])
    some = table.xs("all", level="la")
    assert (some[["n", "not_observable"]].groupby("outcome").sum() > 0).to_numpy().all()


def test_period_counts_have_each_possible_cell_once(trial: Trial) -> None:
    table = period_counts(trial, "P1")
    assert len(table) == len(protocol.LA_KEYS) * protocol.PERIODS
    assert not table.duplicated(["la", "period", "condition"]).any()
    frame = trial.outcomes["P1"].join(trial.cohort[["la", "treated", "period"]], on="child")
    frame = frame[frame["state"] == "analysed"]
    assert table["n"].sum() == len(frame)
    assert table["events"].sum() == frame["value"].sum()
    newcastle = table[table["la"] == "newcastle"].set_index("period")
    assert newcastle["condition"].tolist() == ["control"] * 2 + ["treatment"] * 4
    rows = frame[(frame["la"] == "newcastle") & (frame["period"] == 1)]
    assert newcastle.loc[1, ["n", "events"]].tolist() == [len(rows), rows["value"].sum()]


def test_a_live_date_inside_a_period_splits_its_cell() -> None:
    moved = {"newcastle": {"operationally_live": "2020-11-15", "reason": "delayed"}}
    trial = build_trial(random_extracts(50, seed=2), refresh_of(implementation=moved))
    table = period_counts(trial, "P1")
    cells = table[table["la"] == "newcastle"][["period", "condition"]].to_numpy().tolist()
    assert cells[:4] == [[0, "control"], [1, "control"], [2, "control"], [2, "treatment"]]
    assert len(cells) == 7


def even_referrals() -> Any:
    days = pd.date_range(protocol.TRIAL_START, protocol.TRIAL_END, freq=f"{EVERY_DAYS}D")
    people = [{"la": la} for la in protocol.LA_KEYS for _ in days]
    referrals = [
        {"child": i, "referral_id": str(i), "referral_date": str(day.date())}
        for i, day in enumerate(list(days) * len(protocol.LA_KEYS))
    ]
    return extracts_of(children=people, referrals=referrals)


@pytest.mark.parametrize(
    ("outcome", "share"),
    # Analysis plan, "How a result is worded": about 44 % for 18 months, 69 % for 36, 32 % for 12.
    [("P1", 0.44), ("S3", 0.44), ("S1", 0.69), ("S2", 0.32)],
)
def test_share_of_control_windows_after_go_live_by_design(outcome: str, share: float) -> None:
    trial = build_trial(even_referrals(), refresh_of())
    told = exposure.control_window_share(trial, outcome)
    assert told == pytest.approx(share, abs=SHARE_TOLERANCE)


def test_share_of_control_windows_counts_days(trial: Trial) -> None:
    for outcome in ("S4", "S5", "S6"):
        frame = trial.outcomes[outcome].join(trial.cohort[["live_date", "treated"]], on="child")
        shares = []
        rows: Any = frame[(frame["state"] == "analysed") & (frame["treated"] == 0)].itertuples()
        for row in rows:
            if outcome == "S6":
                month, year = {"autumn": (9, 0), "spring": (1, 1), "summer": (4, 1)}[row.term]
                start = date(row.term_year + year, month, 1)
                end = add_months(start, {9: 4, 1: 3, 4: 5}[month]) - timedelta(days=1)
            else:
                start = row.index_date.date()
                end = add_months(start, 18)
            days = [start + timedelta(days=k) for k in range((end - start).days + 1)]
            shares.append(np.mean([day >= row.live_date.date() for day in days]))
        told = exposure.control_window_share(trial, outcome)
        assert told == pytest.approx(np.mean(shares), rel=FIT_TOLERANCE)
        if outcome != "S5":
            assert (
                frame["index_date"] == trial.cohort["referral_date"].loc[frame["child"]].array
            ).all()


def test_no_control_child_gives_no_share() -> None:
    trial = build_trial(extracts_of(), refresh_of())
    assert np.isnan(exposure.control_window_share(trial, "P1"))


FGC = {"fgc_started": "2020-06-10", "theory_to_practice_done": "2020-08-20"}
ALL_DATES = {
    la: FGC | {"deep_dive_done": "2020-11-15" if la == "newcastle" else "2019-11-01"}
    for la in protocol.LA_KEYS
}


def referred(*dates: str, **settings: Any) -> Trial:
    rows = [{"child": i, "referral_id": str(i), "referral_date": d} for i, d in enumerate(dates)]
    return build_trial(
        extracts_of(children=[{} for _ in dates], referrals=rows), refresh_of(**settings)
    )


def test_embedding_leaves_out_its_first_and_last_day() -> None:
    trial = referred(
        *("2020-06-09", "2020-06-10", "2020-08-20", "2020-08-21", "2020-10-01"),
        implementation=ALL_DATES,
    )
    kept = exposure.without_embedding(trial)
    assert kept.index.tolist() == [0, 3, 4]
    assert kept["treated"].tolist() == [0, 0, 1]
    assert kept["period"].tolist() == [1, 1, 2]


def test_later_date_is_when_both_trainings_are_done() -> None:
    trial = referred(*("2020-10-01", "2020-11-14", "2020-11-15"), implementation=ALL_DATES)
    later = exposure.later_date(trial)
    assert later["treated"].tolist() == [0, 0, 1]
    assert later["period"].tolist() == [2, 2, 2]
    early = {la: {"deep_dive_done": "2019-11-01"} for la in protocol.LA_KEYS}
    trial = referred("2020-09-30", "2020-10-01", implementation=early)
    assert exposure.later_date(trial)["treated"].tolist() == [0, 1]


def test_dates_that_params_lack_are_named() -> None:
    with pytest.raises(exposure.DatesNeeded) as told:
        exposure.without_embedding(referred("2020-10-01"))
    assert str(told.value) == "dates_needed:fgc_started,theory_to_practice_done"
    with pytest.raises(exposure.DatesNeeded) as told:
        exposure.later_date(referred("2020-10-01"))
    assert str(told.value) == "dates_needed:deep_dive_done"
    partly = {la: dates for la, dates in ALL_DATES.items() if la != "sefton"}
    with pytest.raises(exposure.DatesNeeded, match=r"^dates_needed_for:deep_dive_done\|sefton$"):
        exposure.later_date(referred("2020-10-01", implementation=partly))


def one_child(events: dict[str, list[dict[str, Any]]], **settings: Any) -> Trial:
    return build_trial(
        extracts_of(children=[{}], referrals=[{"referral_date": "2020-01-15"}], **events),
        refresh_of(**settings),
    )


def variant(name: str, trial: Trial) -> Any:
    row = trial.variants[name].iloc[0]
    return row["value"] if row["state"] == "analysed" else row["state"]


@pytest.mark.parametrize(
    ("plans", "care", "expected"),
    [
        # (plan start, end), care start
        (("2020-02-01", "2020-05-01"), "2020-04-30", 1),
        (("2020-02-01", None), "2020-02-01", 1),
        (("2020-02-01", None), "2020-01-31", 0),
        (("2020-01-14", "2020-05-01"), "2020-04-01", 0),
        (("2020-02-01", None), "2023-01-15", 1),
        (("2020-02-01", None), "2023-01-16", 0),
        (("2020-02-01", "2020-05-01"), "2020-06-01", 1),
        (("2020-01-15", None), "2020-01-15", 1),
    ],
)
@pytest.mark.parametrize("later_plan", [False, True])
def test_care_on_a_plan_as_a_return(
    plans: tuple, care: str, expected: int, later_plan: bool
) -> None:
    """A plan that begins after 36 months changes nothing."""
    rows = [plans, ("2023-02-01", None)][: 1 + later_plan]
    events = {
        "plans": [{"start_date": start, "end_date": end} for start, end in rows],
        "care_episodes": [{"DECOM": care}],
    }
    assert variant("S1-care-on-plan", one_child(events)) == expected


@pytest.mark.parametrize(
    ("start", "place", "expected"),
    [
        ("2020-03-01", "U1", 1),
        ("2020-03-01", "U6", 0),
        ("2021-07-16", "U1", 0),
        ("2020-03-01", None, "missing"),
        ("2021-07-16", None, 0),
    ],
)
def test_kinship_care_as_a_composite(start: str, place: str | None, expected: Any) -> None:
    events = {"care_episodes": [{"DECOM": start, "PLACE": place}]}
    assert variant("S4-composite", one_child(events)) == expected
    assert variant("S4-composite", one_child({})) == 0


@pytest.mark.parametrize(
    ("start", "end", "reason", "expected"),
    [
        ("2020-03-10", None, None, 1),
        ("2020-03-10", "2021-09-10", "E4A", 0),
        ("2020-03-10", "2021-09-11", "E4A", 1),
        ("2020-03-10", "2021-09-10", "E8", 1),
        ("2020-03-10", "2020-09-10", None, "missing"),
        ("2021-07-16", None, None, 0),
        ("2021-07-16", "2021-09-16", None, 0),
    ],
)
def test_care_without_reunification_as_a_composite(
    start: str, end: str | None, reason: str | None, expected: Any
) -> None:
    events = {"care_episodes": [{"DECOM": start, "DEC": end, "REC": reason}]}
    assert variant("S5-composite", one_child(events)) == expected
    # Observable by the referral alone: 36 months end on 2023-01-15, whatever has been seen.
    assert variant("S5-composite", one_child(events, data_through="2023-01-14")) == "not_observable"
    assert variant("S5-composite", one_child({}, data_through="2023-01-14")) == "not_observable"
    assert variant("S5-composite", one_child({}, data_through="2023-01-15")) == 0


@pytest.mark.parametrize(
    ("sent", "missing"),
    [
        ({"plans"}, {"P1", "S1"}),
        ({"care_episodes"}, {"S1", "S2", "S3"}),
        ({"plans", "care_episodes"}, set()),
    ],
)
@pytest.mark.parametrize("children", [UNREPORTED_FROM - 1, UNREPORTED_FROM])
def test_rows_that_an_la_did_not_send_are_no_zeros(
    sent: set[str], missing: set[str], children: int
) -> None:
    """Another LA's rows don't help, and one row of one cohort child is enough."""
    last = children  # a child of another LA, with everything
    rows = {
        "plans": [{"child": child, "start_date": "2017-01-01"} for child in (0, last)],
        "care_episodes": [{"child": child, "DECOM": "2017-01-01"} for child in (0, last)],
    }
    trial = build_trial(
        extracts_of(
            children=[{} for _ in range(children)] + [{"la": "sefton"}],
            referrals=[
                {"child": i, "referral_id": str(i), "referral_date": "2020-01-15"}
                for i in range(children + 1)
            ],
            **{name: rows[name] if name in sent else rows[name][1:] for name in rows},
        ),
        refresh_of(),
    )
    for outcome in ("P1", "S1", "S2", "S3"):
        silent = outcome in missing and children >= UNREPORTED_FROM
        frame = trial.outcomes[outcome]
        assert (frame["state"] == "missing").sum() == children * silent, outcome


def test_early_entry_is_within_six_months() -> None:
    rows = pd.DataFrame(
        {
            "referral_date": pd.to_datetime(["2020-08-31"] * 3).astype("datetime64[s]"),
            "care_start": pd.to_datetime(["2020-08-31", "2021-02-28", "2021-03-01"]),
        }
    )
    assert entered_early(rows).index.tolist() == [0, 1]


def test_censored_days_are_those_on_a_plan_on_the_last_day() -> None:
    for start, end, expected in (
        ("2019-06-01", None, True),
        ("2021-07-15", "2021-07-16", True),
        ("2021-07-01", "2021-07-15", False),
        ("2021-07-16", None, False),
    ):
        frame = one_child({"plans": [{"start_date": start, "end_date": end}]}).outcomes["S3"]
        assert frame["censored"].tolist() == [expected], (start, end)


def test_volume_counts_every_referral_of_the_trial_period(trial: Trial) -> None:
    rows = trial.referrals
    inside = rows[rows["referral_date"].between("2019-10-01", "2022-09-30")]
    months = describe.referral_volume(trial)
    assert len(months) == len(protocol.LA_KEYS) * 36
    assert months["referrals"].sum() == len(inside)
    october = months[(months["la"] == "coventry") & (months["month"] == "2020-10-01")]
    wanted = inside[
        (inside["la"] == "coventry") & inside["referral_date"].between("2020-10-01", "2020-10-31")
    ]
    assert october["referrals"].tolist() == [len(wanted)]

    periods = describe.referrals_by_period(trial).set_index(["la", "period"])
    assert len(periods) == len(protocol.LA_KEYS) * 6
    cell = inside[
        (inside["la"] == "newcastle") & inside["referral_date"].between("2020-10-01", "2021-03-31")
    ]
    assert periods.loc[("newcastle", 2)].tolist() == [len(cell), (~cell["referral_nfa"]).sum()]


def test_profiles_count_the_cohort(trial: Trial) -> None:
    table = describe.profiles(trial)
    for name in ("age", "sex", "primary_need"):
        rows = table[table["characteristic"] == name]
        assert rows["n"].sum() == len(trial.cohort)
        values = trial.cohort.loc[trial.cohort["la"] == "newcastle", name]
        told = rows[(rows["la"] == "newcastle") & (rows["n"] > 0)].set_index("level")["n"]
        counted = values.astype(object).where(values.notna(), "missing").astype(str).value_counts()
        assert told.to_dict() == counted.to_dict()


def test_balance_within_la_and_period_is_a_regression_coefficient(trial: Trial) -> None:
    table = describe.balance(trial).set_index(["covariate", "level"])
    cohort = trial.cohort[trial.cohort["disabled"].notna()]
    y = (cohort["disabled"] == "yes").astype(float)
    groups = pd.get_dummies(cohort[["la", "period"]].astype(str), drop_first=True, dtype=float)
    groups["intercept"] = 1.0
    fit = sm.OLS(y, np.column_stack([cohort["treated"], groups])).fit()
    shares = y.groupby(cohort["treated"]).mean()
    deviation = np.sqrt((shares * (1 - shares)).mean())
    told = table.loc[("disabled", "yes")]
    assert told["adjusted_difference"] == pytest.approx(fit.params.iloc[0] / deviation, abs=1e-8)
    assert told["crude_difference"] == pytest.approx((shares[1] - shares[0]) / deviation)
    assert [told["n_control"], told["n_treatment"]] == cohort["treated"].value_counts(
        sort=False
    ).sort_index().tolist()
    assert told["count_control"] == y[cohort["treated"] == 0].sum()
    assert told["mean_treatment"] == pytest.approx(shares[1])


def test_balance_says_nothing_where_nothing_can_be_told() -> None:
    only_control = describe.balance(referred("2020-01-10", "2020-02-10"))
    assert only_control["adjusted_difference"].isna().all()
    assert only_control["crude_difference"].isna().all()
