"""What is said of the secondary and sensitivity analyses follows from their rows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from report_bundles import Contents, first_slice, fitted, linear, permutation, without_result
from test_tables import cells

from fvlib.report import cohort_plots, sensitivity_plots, sensitivity_sentences
from fvlib.report.report import Report
from fvlib.report.table_style import MASKED_TEXT

Open = Callable[..., Report]


def test_a_row_that_leaves_the_primarys_interval_is_named(opened: Open) -> None:
    rows = first_slice(log_odds=-0.24, error=0.09) + fitted("X1", -0.05, 0.1, role="sensitivity")
    rows += fitted("X2", -0.20, 0.1, role="sensitivity")  # inside -0.416 to -0.064
    bundle = opened(Contents(rows=rows)).bundle
    assert sensitivity_sentences.outside(bundle) == ["X1"]
    told = sensitivity_sentences.summary(bundle)
    assert "half-time exposure" in told
    assert "four-week" not in told


def test_without_a_primary_result_nothing_is_compared(opened: Open) -> None:
    rows = without_result("P1", "failed", "treatment separates", role="primary")
    rows += fitted("X1", -0.05, 0.1, role="sensitivity")
    bundle = opened(Contents(rows=rows)).bundle
    assert sensitivity_sentences.outside(bundle) is None
    assert "no result" in sensitivity_sentences.summary(bundle)


def test_the_family_is_six_and_what_is_lacking_is_named(opened: Open) -> None:
    rows = first_slice() + fitted("S1", -0.2, 0.1, role="secondary", outcome="S1")
    rows += linear("S3", -8.0, 2.0, "S3")
    rows += without_result("S5", "not_yet_estimable", "no window has closed", "secondary", "S5")
    report = opened(Contents(rows=rows))
    body = cells(report, "secondary")
    assert [r[0][:2] for r in body if r[0][:1] == "S" and r[0][1:2].isdigit()] == [
        "S1", "S2", "S3", "S4", "S5", "S6",
    ]  # fmt: skip
    note = next(r[0] for r in body if "Hochberg" in r[0])
    assert "family of all 6" in note
    assert "here S2, S4, S5 and S6" in note
    s5 = next(r for r in body if r[0].startswith("S5"))
    assert "not yet estimable" in s5


def test_an_interim_look_shows_no_p_of_the_secondary_outcomes(opened: Open) -> None:
    rows = first_slice() + fitted("S1", -0.2, 0.1, role="secondary", outcome="S1")
    report = opened(Contents(rows=rows, look="interim"))
    assert not any("Hochberg" in c for r in cells(report, "secondary") for c in r)
    assert "no permutation test" in report.q["sensitivity.permutation"]


def test_a_secondary_outcome_without_its_guards_is_unclear(opened: Open) -> None:
    rows = first_slice() + fitted("S1", -0.4, 0.1, role="secondary", outcome="S1")
    q = opened(Contents(rows=rows)).q
    assert q["S1.verdict"] == "Unclear"
    assert "period model has no result" in q["S1.lead"]
    rows += fitted("la-period-s1", -0.4, 0.1, outcome="S1") + permutation(outcome="S1")
    assert opened(Contents(rows=rows), "both").q["S1.verdict"] == "Reduced"


def test_the_smallest_p_counts_ties(opened: Open) -> None:
    draws = pd.DataFrame(
        [("X4-P1", 12, str(k), value, str(k == 0).lower()) for k, value in
         enumerate([-2.0, 2.0, *[0.1] * 10])],
        columns=["analysis", "scheme", "order", "statistic", "observed"],
    )  # fmt: skip
    bundle = opened(Contents(tables={"permutation": draws})).bundle
    table = sensitivity_sentences.permutation_draws(bundle)
    assert table["smallest_p"].unique() == pytest.approx([2 / 12])
    assert table["is_observed"].sum() == 1


def test_a_curve_given_in_log_odds_is_shown_as_ratios(opened: Open) -> None:
    rows = first_slice()
    for term, value in (("m0", 0.0), ("time_averaged", -0.693147)):
        row = fitted("X5", value, 0.1, role="sensitivity")[0]
        rows.append(row | {"term": term})
    report = opened(Contents(rows=rows))
    assert "odds ratio 0.50 " in report.q["X5.over_time"]
    assert any(r[0].startswith("0 whole") and r[1].startswith("1.00") for r in
               cells(report, "exposure_effects"))  # fmt: skip


def test_pooled_estimates_stand_under_the_trials(opened: Open) -> None:
    rows = first_slice() + fitted("X12", -0.22, 0.07, role="sensitivity")
    lines = sensitivity_plots.triangulated(opened(Contents(rows=rows)).bundle)
    assert [label for label, *_ in lines] == [
        "Trial: protocol\u2019s model",
        "By the protocol\u2019s rule",
    ]


def test_the_least_balanced_level_stands_for_its_covariate(opened: Open) -> None:
    worst = cohort_plots.least_balanced(opened().bundle.table("balance"))
    assert list(zip(worst["covariate"], worst["level"].fillna(""), strict=True)) == [
        ("sex", "female"), ("la_fsm_share", ""),
    ]  # fmt: skip


def test_masked_profiles_and_differences_carry_the_mark(opened: Open) -> None:
    report = opened()
    other = next(r for r in cells(report, "profiles") if r[0].startswith("Other or"))
    assert other[1:] == [MASKED_TEXT] * 5
    other = next(r for r in cells(report, "balance") if r[0].startswith("Other or"))
    assert other[1:] == [MASKED_TEXT] * 4


def test_what_is_not_yet_observed_is_said_by_condition(opened: Open) -> None:
    told = opened().q["calendar.summary"]
    assert "S1 (100\u00a0% before go-live, 75\u00a0% after go-live)" in told
    assert "75" not in told.split("S5 (")[1].split(")")[0]
