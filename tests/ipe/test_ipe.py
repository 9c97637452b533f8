"""The IPE's tables: a two-LA return by hand, sparse refreshes, bad numbers, and what is masked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

from fvlib import protocol
from fvlib.gate.masking import mask_table, masks_of
from fvlib.intake import load_extracts
from fvlib.ipe import ipe_tables
from fvlib.ipe.indicators import INDICATORS
from fvlib.ipe.interval import wilson
from fvlib.ipe.survey import join_small_scores
from fvlib.refresh import Disclosure, Refresh, load_refresh

ITEMS = [row.id for row in INDICATORS if row.source == "survey"]
SURVEY = ["la", "time_point", "role", *ITEMS, "rq4_workload"]
FGC = ["la", "time_point", "service", "characteristic", "level",
       "reached", "referred", "held", "agreed"]  # fmt: skip
TRAINING = ["la", "time_point", "event", "role", "team", "attended", "eligible"]
ADMIN = ["la", "time_point", "indicator", "numerator", "denominator"]
AS_IS = Disclosure(threshold=1, round_to=1)
RULE = Disclosure(threshold=10, round_to=5)
# Published bounds are given to four decimals.
PUBLISHED = 5e-5


def refresh_of(**settings: Any) -> Refresh:
    given = {"refresh": "toy", "data": "data/toy", "data_through": "2022-12-31"} | settings
    return Refresh.model_validate(given)


def extracts(
    admin: list[tuple[Any, ...]] = [],  # noqa: B006
    survey: list[dict[str, Any]] = [],  # noqa: B006
    fgc: list[tuple[Any, ...]] = [],  # noqa: B006
    training: list[tuple[Any, ...]] = [],  # noqa: B006
    arrivals: pd.DataFrame | None = None,
) -> Any:
    return SimpleNamespace(
        ipe_admin=_typed(pd.DataFrame(admin, columns=ADMIN)),
        ipe_survey=_typed(pd.DataFrame(survey, columns=SURVEY)),
        ipe_fgc=_typed(pd.DataFrame(fgc, columns=FGC)),
        ipe_training=_typed(pd.DataFrame(training, columns=TRAINING)),
        arrivals=arrived() if arrivals is None else arrivals,
    )


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    texts = {"time_point", "role", "service", "characteristic", "level", "event", "team",
             "indicator"}  # fmt: skip
    frame = frame.assign(la=pd.Categorical(frame["la"], list(protocol.LA_KEYS)))
    for name in frame.columns.drop("la"):
        frame[name] = frame[name].astype("category" if name in texts else "Float64")
    return frame


def answers(
    la: str, point: str, role: str | None, n: int, **items: int | None
) -> list[dict[str, Any]]:
    return [{"la": la, "time_point": point, "role": role, **items}] * n


def ipe(found: Any, rule: Disclosure = AS_IS, refresh: Refresh | None = None) -> pd.DataFrame:
    tables = ipe_tables(found, refresh or refresh_of(disclosure=rule.model_dump()))
    return mask_table(tables["ipe"], rule).set_index(["la", "time_point", "indicator"])


TWO: dict[str, Any] = {
    "admin": [
        ("newcastle", "pre", "fgc_coordinators", 2, None),
        ("newcastle", "6m", "fgc_coordinators", 2, None),
        ("newcastle", "12m", "fgc_coordinators", 3, None),
        ("newcastle", "6m", "staff_trained_awareness", 139, 200),
        ("newcastle", "12m", "staff_trained_awareness", 140, 200),
        ("newcastle", "6m", "vacancies", 40, 200),
        ("newcastle", "12m", "vacancies", 41, 200),
        ("newcastle", "6m", "caseload", 17.0, None),
        ("newcastle", "12m", "caseload", 17.1, None),
        ("sefton", "6m", "fgc_coordinators", 9, None),
        ("sefton", "6m", "partners_trained_police", 31, None),
    ],
    "survey": [
        *answers("newcastle", "6m", "manager", 10, leadership_support=4, prepared=3),
        *answers("newcastle", "6m", "practitioner", 20, leadership_support=5, prepared=None),
        *answers("newcastle", "6m", "practitioner", 10, leadership_support=1, prepared=4),
    ],
    "fgc": [
        ("sefton", "12m", "fgc", "all", None, 80, 100, 60, 45),
        ("sefton", "12m", "new_service", "all", None, 33, None, None, None),
    ],
    "training": [
        ("sefton", "6m", "awareness", "manager", "north", 10, 20),
        ("sefton", "6m", "awareness", "practitioner", "north", 20, 40),
        ("sefton", "6m", "awareness", "practitioner", "south", 30, 60),
    ],
}


def test_a_two_la_return_by_hand() -> None:
    rows = ipe(extracts(**TWO))
    by_hand = {
        # 139 / 200 = 0.695 < 0.70; 140 / 200 is on the line, and "at least" is met.
        ("newcastle", "6m", "staff_trained_awareness"): (0.695, 0.70, "not met"),
        ("newcastle", "12m", "staff_trained_awareness"): (0.70, 0.70, "met"),
        # 40 / 200 is "20 % or below"; 41 / 200 isn't.
        ("newcastle", "6m", "vacancies"): (0.20, 0.20, "met"),
        ("newcastle", "12m", "vacancies"): (0.205, 0.20, "not met"),
        ("newcastle", "6m", "caseload"): (17.0, 17.0, "met"),
        ("newcastle", "12m", "caseload"): (17.1, 17.0, "not met"),
        # "Has increased": more than the 2 before go-live.
        ("newcastle", "6m", "fgc_coordinators"): (2, 2, "not met"),
        ("newcastle", "12m", "fgc_coordinators"): (3, 2, "met"),
        # 10 managers and 20 practitioners agree, 10 don't; 10 of the 20 who answered.
        ("newcastle", "6m", "leadership_support"): (0.75, 0.70, "met"),
        ("newcastle", "6m", "prepared"): (0.50, 0.70, "not met"),
    }
    for key, (value, line, met) in by_hand.items():
        assert rows.loc[key, "value"] == pytest.approx(value), key
        assert rows.loc[key, "threshold"] == pytest.approx(line), key
        assert rows.loc[key, "met"] == met, key
    unjudged = {
        ("newcastle", "pre", "fgc_coordinators"): 2,  # nothing to be more than
        ("sefton", "6m", "fgc_coordinators"): 9,  # the number before wasn't sent
        ("sefton", "6m", "partners_trained_police"): 31,
        ("sefton", "12m", "families_reached_fgc"): 80,
        ("sefton", "12m", "families_reached_new_service"): 33,
        ("sefton", "12m", "conversion_rate"): 0.60,
        ("sefton", "12m", "agreed_plans"): 0.75,
    }
    for key, value in unjudged.items():
        assert rows.loc[key, "value"] == pytest.approx(value), key
        assert rows.loc[key, "met"] == "", key
    assert len(rows) == len(by_hand) + len(unjudged)


def test_splits_add_up_by_hand() -> None:
    tables = ipe_tables(extracts(**TWO), refresh_of())
    survey = tables["ipe_survey"].frame.set_index(["item", "level"])
    assert survey.loc[("leadership_support", "manager"), ["answered", "agree"]].tolist() == [10, 10]
    assert survey.loc[("leadership_support", "practitioner"), "agree"] == 20
    training = tables["ipe_training"].frame.set_index(["split", "level"])
    assert training.loc[("all", ""), ["attended", "eligible"]].tolist() == [60, 120]
    assert training.loc[("role", "practitioner"), ["attended", "eligible"]].tolist() == [50, 100]
    assert training.loc[("team", "north"), ["attended", "eligible"]].tolist() == [30, 60]
    response = tables["ipe_response"].frame.iloc[0]
    assert (response["respondents"], response["eligible"]) == (40, 139)
    left = tables["ipe_unanswered"].frame.set_index("item")
    assert left.loc["prepared", ["respondents", "unanswered"]].tolist() == [40, 20]
    assert "intend_to_stay" not in left.index  # nobody was asked


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Newcombe (1998), Stat Med 17: 857-872, table I, method 3 (score, without correction),
    # doi 10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_wilson_is_the_published_interval(count: int, of: int, low: float, high: float) -> None:
    found = wilson(count, of)
    assert found == pytest.approx((low, high), abs=PUBLISHED)
    assert wilson(0, 0)[0] != wilson(0, 0)[0]


def test_only_warwickshire_only_admin_only_6_months() -> None:
    found = extracts(admin=[("warwickshire", "6m", "staff_trained_awareness", 150, 200)])
    tables = ipe_tables(found, refresh_of())
    assert len(tables["ipe"].frame) == 1
    for name in ("ipe_survey", "ipe_scores", "ipe_fgc", "ipe_training", "ipe_response"):
        assert mask_table(tables[name], RULE).empty
    states = tables["ipe_schedule"].frame.set_index(["la", "source", "time_point"])["state"]
    assert states["warwickshire", "admin", "6m"] == "in part"
    # Overtaken by the 6-month return, though nothing came before it.
    assert states["warwickshire", "admin", "pre"] == "missing"
    assert states["newcastle", "admin", "6m"] == "missing"


def test_nothing_at_all_gives_empty_tables_and_a_full_schedule() -> None:
    tables = ipe_tables(extracts(), refresh_of())
    schedules = {"ipe_schedule", "trial_schedule"}
    assert all(mask_table(tables[name], RULE).empty for name in tables if name not in schedules)
    assert len(tables["ipe_schedule"].frame) == 5 * (4 + 3 + 2 + 3)


def test_the_schedule_runs_from_each_las_own_live_date() -> None:
    settings = {
        "implementation": {"sefton": {"operationally_live": "2022-05-15", "reason": "later"}},
        "data_through": "2022-12-31",
    }
    frame = ipe_tables(extracts(), refresh_of(**settings))["ipe_schedule"].frame
    survey = frame[frame["source"] == "survey"].set_index(["la", "time_point"])
    assert survey.loc[("sefton", "6m"), ["due", "state"]].tolist() == ["2022-11-15", "late"]
    assert survey.loc[("sefton", "12m"), ["due", "state"]].tolist() == ["2023-05-15", "not yet due"]
    assert survey.loc[("warwickshire", "24m"), ["due", "state"]].tolist() == [
        "2022-04-01", "missing",
    ]  # fmt: skip
    # 12 months of Newcastle were due on 1 October 2021: overdue by more than half a year.
    assert survey.loc[("newcastle", "12m"), "state"] == "missing"


def test_posts_are_shown_and_people_are_masked() -> None:
    rows = ipe(
        extracts(
            admin=[
                ("sefton", "pre", "fgc_coordinators", 1, None),
                ("sefton", "6m", "fgc_coordinators", 3, None),
                ("sefton", "6m", "new_restorative_staff", 2, None),
                ("sefton", "6m", "vacancies", 4, 61),
                ("sefton", "6m", "partners_trained_police", 7, None),
                ("sefton", "6m", "staff_trained_awareness", 55, 61),
            ]
        ),
        RULE,
    )
    of = rows.sort_index().loc[("sefton", "6m")]
    assert of.loc[
        ["fgc_coordinators", "new_restorative_staff", "vacancies"], "numerator"
    ].tolist() == [3, 2, 4]
    assert of.loc["fgc_coordinators", "met"] == "met"
    assert of.loc["vacancies", "value"] == pytest.approx(4 / 61)
    for name in ("partners_trained_police", "staff_trained_awareness"):
        assert pd.isna(of.loc[name, "numerator"]) and pd.isna(of.loc[name, "value"])
        assert bool(of.loc[name, "value_masked"])
    assert pd.isna(of.loc["staff_trained_awareness", "met"])  # 6 are not trained


def test_a_small_step_between_time_points_is_masked_for_people_alone() -> None:
    rows = ipe(
        extracts(
            admin=[
                ("sefton", "6m", "partners_trained_health", 30, None),
                ("sefton", "12m", "partners_trained_health", 36, None),
                ("sefton", "24m", "partners_trained_health", 52, None),
            ],
            fgc=[
                ("sefton", "12m", "fgc", "all", None, 50, None, None, None),
                ("sefton", "24m", "fgc", "all", None, 57, None, None, None),
            ],
            survey=[
                *answers("sefton", "6m", "manager", 40, prepared=4),
                *answers("sefton", "12m", "manager", 45, prepared=4),
            ],
        ),
        RULE,
    )
    shown = rows["numerator"]
    assert pd.isna(shown["sefton", "12m", "partners_trained_health"])
    assert shown["sefton", "24m", "partners_trained_health"] == 50
    assert pd.isna(shown["sefton", "24m", "families_reached_fgc"])
    assert shown["sefton", "12m", "prepared"] == 45  # other people answered


def test_what_one_table_masks_no_other_shows() -> None:
    tables = ipe_tables(
        extracts(
            fgc=[
                # 5 referrals led to no FGC, so that `held` is masked wherever it stands.
                ("sefton", "12m", "fgc", "all", None, 80, 60, 55, 30),
                ("sefton", "12m", "fgc", "status", "CIN", 50, 30, 25, 15),
                ("sefton", "12m", "fgc", "status", "CPP", 30, 30, 30, 15),
            ]
        ),
        refresh_of(disclosure=RULE.model_dump()),
    )
    rows = mask_table(tables["ipe"], RULE).set_index("indicator")
    assert rows["numerator"].isna()["conversion_rate"]
    assert rows["denominator"].isna()["agreed_plans"]
    held = masks_of(tables["ipe_fgc"], RULE)["held"]
    assert held.iloc[0] and held.iloc[1:].any()


def test_a_role_is_not_given_back_by_the_total() -> None:
    tables = ipe_tables(
        extracts(
            survey=[
                *answers("sefton", "6m", "manager", 14, prepared=2),
                *answers("sefton", "6m", "manager", 4, prepared=5),
                *answers("sefton", "6m", "practitioner", 30, prepared=5),
                *answers("sefton", "6m", "practitioner", 30, prepared=2),
                *answers("sefton", "6m", "other", 20, prepared=5),
                *answers("sefton", "6m", "other", 20, prepared=2),
            ]
        ),
        refresh_of(),
    )
    out = mask_table(tables["ipe_survey"], RULE).set_index("level")["agree"]
    assert out[""] == 55  # 54
    assert pd.isna(out["manager"]) and pd.isna(out["other"])
    assert out["practitioner"] == 30


def test_small_scores_are_joined_inwards() -> None:
    assert join_small_scores([3, 20, 30, 40, 15], 10) == [
        ("1-2", 23),
        ("3", 30),
        ("4", 40),
        ("5", 15),
    ]
    assert join_small_scores([0, 20, 30, 40, 9], 10) == [
        ("1", 0),
        ("2", 20),
        ("3", 30),
        ("4-5", 49),
    ]
    assert join_small_scores([3, 4, 30, 40, 15], 10) == [("1-3", 37), ("4", 40), ("5", 15)]
    assert join_small_scores([20, 20, 4, 40, 15], 10) == [("1-3", 44), ("4", 40), ("5", 15)]


def test_a_denominator_beside_a_mean_or_a_count_is_no_share() -> None:
    rows = ipe(
        extracts(
            admin=[
                ("sefton", "6m", "caseload", 16.5, 200),
                ("sefton", "6m", "partners_trained_police", 40, 80),
            ]
        )
    )
    assert rows["value"].tolist() == [40, 16.5]


def test_more_respondents_than_trained_leaves_the_eligible_unknown() -> None:
    found = extracts(
        admin=[("sefton", "6m", "staff_trained_awareness", 20, 200)],
        survey=answers("sefton", "6m", "manager", 30, prepared=4),
    )
    row = mask_table(ipe_tables(found, refresh_of())["ipe_response"], RULE).iloc[0]
    assert row["respondents"] == 30
    assert pd.isna(row["eligible"]) and pd.isna(row["share"])


def test_a_role_left_empty_is_a_group_of_its_own() -> None:
    found = extracts(
        survey=[
            *answers("sefton", "6m", "manager", 12, prepared=4),
            *answers("sefton", "6m", None, 15, prepared=2),
        ]
    )
    frame = ipe_tables(found, refresh_of())["ipe_survey"].frame.set_index("level")
    assert frame.loc["not stated", "answered"] == 15


def test_a_total_masked_for_its_small_step_is_not_the_sum_of_its_groups() -> None:
    # 50 to 57 is 7 families, masked; 30 to 47 and 20 to 10 are no small steps, and would add up.
    tables = ipe_tables(
        extracts(
            fgc=[
                ("sefton", "12m", "fgc", "all", None, 50, None, None, None),
                ("sefton", "12m", "fgc", "status", "CIN", 30, None, None, None),
                ("sefton", "12m", "fgc", "status", "CPP", 20, None, None, None),
                ("sefton", "24m", "fgc", "all", None, 57, None, None, None),
                ("sefton", "24m", "fgc", "status", "CIN", 47, None, None, None),
                ("sefton", "24m", "fgc", "status", "CPP", 10, None, None, None),
            ]
        ),
        refresh_of(),
    )
    masks = masks_of(tables["ipe_fgc"], RULE)["reached"].tolist()
    assert masks == [False, False, False, True, False, True]


def test_a_return_that_a_later_one_overtook_is_missing() -> None:
    found = extracts(survey=answers("warwickshire", "12m", "manager", 20, prepared=4))
    frame = ipe_tables(found, refresh_of(data_through="2020-12-01"))["ipe_schedule"].frame
    state = frame.set_index(["la", "source", "time_point"])["state"]
    assert state["warwickshire", "survey", "6m"] == "missing"
    assert state["warwickshire", "survey", "12m"] == "arrived"
    assert state["warwickshire", "training", "6m"] == "late"


def shown(found: Any) -> dict[str, pd.DataFrame]:
    tables = ipe_tables(found, refresh_of(disclosure=RULE.model_dump()))
    return {name: mask_table(table, RULE) for name, table in tables.items()}


def test_attendance_and_staff_trained_are_not_subtracted() -> None:
    # 155 trained, 150 at the event: 5 came to be trained in another way.
    out = shown(
        extracts(
            admin=[("sefton", "6m", "staff_trained_awareness", 155, 200)],
            training=[
                ("sefton", "6m", "awareness", "manager", None, 60, 80),
                ("sefton", "6m", "awareness", "practitioner", None, 90, 120),
            ],
        )
    )
    assert out["ipe"]["numerator"].tolist() == [155]
    attended = out["ipe_training"].set_index("level")["attended"]
    assert pd.isna(attended[""])
    assert attended[["manager", "practitioner"]].isna().sum() == 1  # or they would add up
    assert out["ipe_training"]["eligible"].tolist() == [200, 80, 120]


def test_a_masked_attendance_is_not_shown_as_staff_trained() -> None:
    # From 50 to 57 at the event is 7, masked; the indicator that says 57 too starts at 12 months.
    out = shown(
        extracts(
            admin=[("sefton", "12m", "staff_trained_deep_dive", 57, 200)],
            training=[
                ("sefton", "6m", "deep_dive", "manager", None, 50, 200),
                ("sefton", "12m", "deep_dive", "manager", None, 57, 200),
            ],
        )
    )
    assert out["ipe_training"]["attended"].isna().tolist() == [False, True]
    assert out["ipe"]["numerator_masked"].tolist() == [True]


def test_those_trained_to_awareness_alone_are_not_given_by_subtraction() -> None:
    # 150 trained to awareness or more, 145 of them to deep dive too: 5 to awareness alone.
    out = shown(
        extracts(
            admin=[
                ("sefton", "6m", "staff_trained_awareness", 150, 200),
                ("sefton", "6m", "staff_trained_deep_dive", 145, 200),
            ]
        )
    )
    numerators = out["ipe"].set_index("indicator")["numerator"]
    assert numerators["staff_trained_awareness"] == 150
    assert pd.isna(numerators["staff_trained_deep_dive"])


def test_attendance_far_from_staff_trained_is_another_count() -> None:
    out = shown(
        extracts(
            admin=[
                ("sefton", "6m", "staff_trained_awareness", 170, 200),
                ("sefton", "6m", "staff_trained_deep_dive", 6, 200),
            ],
            training=[
                ("sefton", "6m", "awareness", "manager", None, 60, 80),
                ("sefton", "6m", "awareness", "practitioner", None, 90, 120),
            ],
        )
    )
    assert out["ipe_training"]["attended"].tolist() == [150, 60, 90]
    assert out["ipe"]["numerator_masked"].tolist() == [False, True]


def test_a_masked_indicator_is_not_shown_as_attendance() -> None:
    # 5 of 200 are not trained: 195 is masked, and the training return would say it.
    out = shown(
        extracts(
            admin=[("sefton", "6m", "staff_trained_awareness", 195, 200)],
            training=[("sefton", "6m", "awareness", "manager", None, 195, None)],
        )
    )
    assert out["ipe"]["numerator_masked"].tolist() == [True]
    assert out["ipe_training"]["attended_masked"].tolist() == [True]


def arrived(**files: dict[str, Any]) -> pd.DataFrame:
    rows = [
        {"la": la, "file": name, "rows_kept": 50, "first_date": None, "last_date": None, **given}
        for la in protocol.LA_KEYS
        for name, given in files.items()
    ]
    columns = ["la", "file", "rows_kept", "first_date", "last_date"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        **{name: pd.to_datetime(frame[name]) for name in ("first_date", "last_date")}
    )


def test_the_trials_own_collections_by_hand() -> None:
    # Protocol, Data gathering: 2019-10-01 to 2022-09-30; the sample every 12 months, outcomes
    # every 18 from the end to 36 months later, the authority's figures every 6.
    found = extracts(
        arrivals=arrived(
            children={},
            referrals={"first_date": "2015-01-01", "last_date": "2021-06-30"},
            plans={"first_date": "2015-01-01", "last_date": "2022-08-01"},
            care_episodes={"first_date": "2015-01-01", "last_date": "2021-02-01"},
            attendance={"rows_kept": 0},
            la_context={"first_date": "2020-10-01", "last_date": "2020-10-01"},
        )
    )
    refresh = refresh_of(data_through="2022-12-31")
    frame = ipe_tables(found, refresh)["trial_schedule"].frame
    sefton = frame[frame["la"] == "sefton"].set_index(["source", "due"])["state"]
    assert sefton.to_dict() == {
        ("sample", "2020-09-30"): "arrived",
        ("sample", "2021-09-30"): "arrived",  # referrals reach into its twelve months
        ("sample", "2022-09-30"): "in part",  # children came, no referral of these months did
        ("outcomes", "2022-09-30"): "in part",  # plans; episodes end in February 2021
        ("outcomes", "2024-03-31"): "not yet due",
        ("outcomes", "2025-09-30"): "not yet due",
        ("authority", "2020-03-31"): "missing",  # no figure holds before October 2020
        ("authority", "2020-09-30"): "missing",
        ("authority", "2021-03-31"): "arrived",
        ("authority", "2021-09-30"): "arrived",  # the same figure holds on
        ("authority", "2022-03-31"): "arrived",
        ("authority", "2022-09-30"): "arrived",
    }


BAD = {
    "ipe_admin": [
        (
            "warwickshire",
            "6m",
            "staff_trained_awareness",
            "999",
            "531",
            "numerator over denominator",
        ),
        ("warwickshire", "12m", "staff_trained_awareness", "70%", "531", "not a number"),
        ("newcastle", "6m", "staff_trained_deep_dive", "48.5", "430", "not a whole number"),
        ("newcastle", "12m", "vacancies", "12", "", "denominator missing"),
        ("newcastle", "6m", "caseload", "-3", "", "out of range"),
        ("coventry", "6m", "partners_trained_fire", "30", "", "unknown code"),
        ("sefton", "6m", "fgc_coordinators", "3", "", "time point before live date"),
    ]
}


def test_bad_returns_are_set_aside_by_rule_and_the_rest_is_shown(project: Path) -> None:
    folder = project / "data" / "small"
    bad = pd.DataFrame(BAD["ipe_admin"], columns=[*ADMIN, "rule"])
    good = ("coventry", "6m", "caseload", "16.0", "")
    sent = pd.concat([bad[ADMIN], pd.DataFrame([good], columns=ADMIN)])
    sent.to_csv(folder / "ipe_admin.csv", index=False)
    survey = pd.read_csv(folder / "ipe_survey.csv", dtype=str)
    survey = survey[survey["la"] == "coventry"].iloc[:40].assign(prepared="4")
    survey.iloc[0, survey.columns.get_loc("prepared")] = "6"
    survey.to_csv(folder / "ipe_survey.csv", index=False)
    params = project / "params" / "small.yml"
    settings = yaml.safe_load(params.read_text(encoding="utf-8"))
    # Sefton's data end before it went live.
    through = dict.fromkeys(protocol.LA_KEYS, "2025-09-30") | {"sefton": "2022-03-01"}
    settings |= {"data_through": through, "look": "interim"}
    params.write_text(yaml.safe_dump(settings), encoding="utf-8")
    refresh = load_refresh("small", project)
    found = load_extracts(refresh, project)
    aside = found.set_aside[found.set_aside["file"].isin(["ipe_admin", "ipe_survey"])]
    told = set(aside[["la", "file", "rule"]].astype(str).itertuples(index=False, name=None))
    expected = {(la, "ipe_admin", rule) for la, *_, rule in BAD["ipe_admin"]}
    assert told == expected | {("coventry", "ipe_survey", "out of range")}
    tables = ipe_tables(found, refresh)
    admin = tables["ipe"].frame
    admin = admin[admin["indicator"].isin([row.id for row in INDICATORS if row.source == "admin"])]
    assert admin[["la", "indicator", "value", "met"]].to_numpy().tolist() == [
        ["coventry", "caseload", 16.0, "met"]
    ]
    prepared = tables["ipe"].frame.set_index("indicator").loc["prepared"]
    assert prepared["denominator"] == 39  # the row with a 6 is gone, whole
