"""What is said of the secondary and sensitivity analyses follows from their rows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from fvlib.report import Report
from fvlib.report.cells import MASKED_TEXT
from fvlib.report.plots import cohort as cohort_plots
from fvlib.report.plots import forest
from fvlib.report.plots import sensitivity as sensitivity_plots
from fvlib.report.words import sensitivity as sensitivity_sentences
from tests.report.test_tables import cells
from tests.support.report_bundles import (
    Contents,
    first_slice,
    fitted,
    linear,
    permutation,
    without_result,
)
from tests.support.tagged_phrases import given, tag

Open = Callable[..., Report]


def test_a_row_that_leaves_the_primarys_interval_is_named(opened: Open) -> None:
    rows = first_slice(log_odds=-0.24, error=0.09) + fitted("X1", -0.05, 0.1, role="sensitivity")
    rows += fitted("X2", -0.20, 0.1, role="sensitivity")  # inside -0.416 to -0.064
    bundle = opened(Contents(rows=rows)).bundle
    assert sensitivity_sentences.outside(bundle) == ["X1"]
    told = sensitivity_sentences.summary(bundle)
    assert tag("sensitivity.outside", "some_outside") in told
    assert given("outside", "1") in told
    assert given("names", "half-time exposure") in told


def test_without_a_primary_result_nothing_is_compared(opened: Open) -> None:
    rows = without_result("P1", "failed", "separated:treatment", role="primary")
    rows += fitted("X1", -0.05, 0.1, role="sensitivity")
    bundle = opened(Contents(rows=rows)).bundle
    assert sensitivity_sentences.outside(bundle) is None
    assert tag("results.no_result") in sensitivity_sentences.summary(bundle)


def test_the_family_is_six_and_what_is_lacking_is_named(opened: Open) -> None:
    rows = first_slice() + fitted("S1", -0.2, 0.1, role="secondary", outcome="S1")
    rows += linear("S3", -8.0, 2.0, "S3")
    rows += without_result("S5", "not_yet_estimable", "no_window_closed", "secondary", "S5")
    report = opened(Contents(rows=rows))
    body = cells(report, "secondary")
    assert [r[0][:2] for r in body if r[0][:1] == "S" and r[0][1:2].isdigit()] == [
        "S1", "S2", "S3", "S4", "S5", "S6",
    ]  # fmt: skip
    note = next(r[0] for r in body if tag("tables.hochberg", "some_absent") in r[0])
    assert given("size", "6") in note
    assert given("absent", "S2, S4, S5 and S6") in note
    s5 = next(r for r in body if r[0].startswith("S5"))
    assert "not yet estimable" in s5


def test_an_interim_look_shows_no_p_of_the_secondary_outcomes(opened: Open) -> None:
    rows = first_slice() + fitted("S1", -0.2, 0.1, role="secondary", outcome="S1")
    report = opened(Contents(rows=rows, look="interim"))
    told = [c for r in cells(report, "secondary") for c in r]
    assert not any("Hochberg" in c or tag("tables.hochberg") in c for c in told)
    assert report.q["sensitivity.permutation"] == f"{tag('sensitivity.permutation_interim')}]"


def test_a_secondary_outcome_without_its_guards_is_unclear(opened: Open) -> None:
    rows = first_slice() + fitted("S1", -0.4, 0.1, role="secondary", outcome="S1")
    q = opened(Contents(rows=rows)).q
    assert tag("results.verdict", "unclear") in q["S1.verdict"]
    assert tag("results.condition", "guard_absent") in q["S1.lead"]
    rows += fitted("la-period-s1", -0.4, 0.1, outcome="S1") + permutation(outcome="S1")
    both = opened(Contents(rows=rows), "both").q["S1.verdict"]
    assert tag("results.verdict", "reduced") in both


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
    assert given("odds_ratio", "0.50") in report.q["X5.over_time"]
    assert any(r[0].startswith("0 whole") and r[1].startswith("1.00") for r in
               cells(report, "exposure_effects"))  # fmt: skip


def triangulation() -> pd.DataFrame:
    rows: list[tuple[str, float | None, float, float]] = [
        ("stepped_wedge", None, -0.30, 0.1),
        ("did", None, -0.2, 0.2),
    ]
    rows += [("pooled", r, -0.28, error) for r, error in ((0.0, 0.09), (1.0, 0.12))]
    frame = pd.DataFrame(rows, columns=["source", "correlation", "estimate", "std_error"])
    return frame.assign(
        analysis="X12",
        decision="pooled",
        ci_low=frame["estimate"] - 2 * frame["std_error"],
        ci_high=frame["estimate"] + 2 * frame["std_error"],
    )


def test_the_pooled_estimate_stands_at_each_correlation_under_both_sources(opened: Open) -> None:
    report = opened(Contents(tables={"triangulation": triangulation()}))
    lines = sensitivity_plots.triangulated(report.bundle)
    assert [label for label, *_ in lines] == [
        "Trial: protocol\u2019s model",
        "Difference-in-differences",
        "Pooled, correlation 0",
        "Pooled, correlation 1",
    ]
    assert lines[3][1:] == pytest.approx((-0.28, -0.52, -0.04))
    drawn = report.plot("triangulation").svg
    assert "0.76 (0.59 to 0.96)" in drawn  # exp(-0.28), exp(-0.52), exp(-0.04)


@pytest.mark.parametrize(("decision", "state"), [("pooled", "ratio"), ("disagree", "rule_alone")])
def test_the_decision_of_the_triangulation_is_read_from_its_table(
    opened: Open, decision: str, state: str
) -> None:
    rows = first_slice() + fitted("X12", -0.28, 0.1, role="sensitivity")
    if decision == "disagree":
        rows = [r | {"term": "did"} if r["analysis"] == "X12" else r for r in rows]
    table = triangulation().assign(decision=decision)
    told = opened(Contents(rows=rows, tables={"triangulation": table})).q[
        "sensitivity.triangulation"
    ]
    assert told.startswith(tag("sensitivity.triangulation", state))
    assert tag("sensitivity.triangulation_rule", decision) in told
    assert (given("odds_ratio", "0.76") in told) == (state == "ratio")  # exp(-0.28)


def exposure_rows() -> list[dict[str, object]]:
    rows = []
    for term, value in (("m0", -0.3), ("time_averaged", -0.2)):
        rows.append(fitted("X5", value, 0.1, role="sensitivity")[0] | {"term": term})
    return rows


def test_weights_of_the_constant_effect_stand_beside_the_curve(opened: Open) -> None:
    report = opened(Contents(rows=first_slice() + exposure_rows()))
    body = {r[0]: r for r in cells(report, "exposure_effects")}
    assert next(r for start, r in body.items() if start.startswith("0 whole"))[-1] == "0.86"
    assert next(r for start, r in body.items() if start.startswith("Average"))[-1] == "\u2013"


def test_readiness_tells_both_groups_and_no_verdict(opened: Open) -> None:
    rows = first_slice()
    for term, value in (("treatment_high", -0.7), ("treatment_low", 0.1), ("interaction", -0.8)):
        rows.append(fitted("X13", value, 0.1, role="exploratory")[0] | {"term": term})
    told = opened(Contents(rows=rows)).q["sensitivity.readiness"]
    # exp(-0.7), exp(0.1), exp(-0.8)
    assert told.startswith(tag("sensitivity.readiness"))
    for name, ratio in (("high", "0.50"), ("low", "1.11"), ("ratio", "0.45")):
        assert given(name, ratio) in told


def test_analyses_side_by_side_have_one_effect_or_a_reason(opened: Open) -> None:
    rows = (
        first_slice()
        + exposure_rows()
        + without_result("X6", "not_yet_estimable", "dates_needed:fgc_started")
    )
    rows.append(fitted("X13", -0.8, 0.1, role="exploratory")[0] | {"term": "interaction"})
    report = opened(Contents(rows=rows))
    body = {r[0]: r for r in cells(report, "analyses") if len(r) > 1}
    # exp(-0.2); the interaction is a ratio of two effects, and no effect itself
    assert next(r for k, r in body.items() if k.startswith("Average over time"))[3].startswith(
        "0.82"
    )
    assert body["Embedding period left out"][3] == "not yet estimable"
    assert not any(k.startswith("Interaction") for k in body)
    notes = [r[0] for r in cells(report, "analyses") if len(r) == 1]
    elsewhere = f"{tag('tables.elsewhere')} {given('names', 'interaction with readiness')}]"
    assert elsewhere in notes
    drawn = [text["label"] for text in forest.laid_out(report.bundle)[0].texts]
    assert "Average over time since go-live" in drawn
    assert any(label.startswith("0.82") for label in drawn)
    assert "Interaction with readiness" not in drawn


def test_the_specification_tells_convergence_and_notes_apart(opened: Open) -> None:
    rows = first_slice() + fitted("X1", -0.05, 0.1, role="sensitivity")
    for line in rows:
        if line["analysis"] == "X1":
            line["warnings"] = "zero_spread:las; longest_exposure"
    rows += without_result("X6", "failed", "separated:period[4]")
    report = opened(Contents(rows=rows))
    body = {r[0]: r for r in cells(report, "specification")}
    assert body["Half-time exposure"][-2:] == ["yes", "a"]
    assert body["Embedding period left out"][-3:] == ["could not be estimated", "\u2013", "b"]
    spread = f"{tag('reasons.zero_spread')} {given('level', 'LAs')}]"
    remark = f"{spread}; {tag('reasons.longest_exposure')}]"
    assert f"{tag('tables.lettered')} {given('letter', 'a')} {given('remark', remark)}]" in body


def tipped(tipping: float | None) -> Contents:
    deltas = [-2.302585, 0.0, 2.302585]
    curve = pd.DataFrame({"delta": deltas, "estimate": [-0.3, -0.24, -0.15]})
    curve = curve.assign(analysis="tipping-point", ci_low=curve["estimate"] - 0.18)
    curve = curve.assign(ci_high=curve["estimate"] + 0.18)
    rows = first_slice()
    for term, value in (("lowest", -0.3), ("highest", -0.15)):
        rows.append(fitted("tipping-point", value, 0.09)[0] | {"term": term})
    if tipping is not None:
        rows.append(
            fitted("tipping-point", tipping, 0.09)[0] | {"term": "tipping", "scale": "delta"}
        )
    return Contents(rows=rows, tables={"tipping_point": curve})


def test_a_tipping_point_is_told_as_odds(opened: Open) -> None:
    report = opened(tipped(1.5))
    told = report.q["sensitivity.tipping"]
    assert told.startswith(tag("sensitivity.tipping", "comes_to_include"))
    assert f"{given('from_odds', '0.1')} {given('to_odds', '10')}" in told
    assert f"{given('low', '0.74')} {given('high', '0.86')}" in told  # exp(-0.3), exp(-0.15)
    assert given("factor", "4.5") in told  # exp(1.5)
    assert "<svg" in report.plot("tipping_point").svg


def test_without_a_tipping_point_it_is_said_that_nothing_tips(opened: Open) -> None:
    told = opened(tipped(None)).q["sensitivity.tipping"]
    assert told.startswith(tag("sensitivity.tipping", "excludes_throughout"))


def test_savings_are_drawn_with_their_numbers(opened: Open) -> None:
    base = fitted("X14", 0.0, 0.1, role="exploratory")[0]
    rows = first_slice()
    for term, scale, value in (
        ("treatment", "pounds", 3.2e6),
        ("children_kept_out_of_care", "children", 52.0),
    ):
        numbers = {"estimate": value, "ci_low": -value / 4, "ci_high": 2 * value}
        rows.append(base | numbers | {"term": term, "scale": scale})
    drawn = opened(Contents(rows=rows)).plot("savings").svg
    assert "52 (\u221213 to 104)" in drawn
    assert "\u00a36.40\u00a0million" in drawn


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
    # A masked share is no news of an open window, and its number stays away.
    waiting, hidden = told.split(tag("secondary.observed_masked"))
    assert "S5" not in waiting
    assert given("outcomes", "S5") in hidden
