"""The plan's wording rule: a verdict needs two intervals and the permutation test."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from fvlib.report import Report
from fvlib.report.words import results as sentences
from tests.support.report_bundles import Contents, first_slice, fitted, permutation, without_result
from tests.support.tagged_phrases import given, tag

Open = Callable[..., Report]
BELOW, ABOVE, AROUND = (-0.30, 0.05), (0.30, 0.05), (-0.05, 0.20)  # log-odds, standard error
VERDICT_WORDS = re.compile(r"\b(reduced?|reduces|increased?|increases|unclear)\b", re.IGNORECASE)
P_VALUE = re.compile(r"\bp [=<>] ")


def rows_of(main: tuple[float, float], nested: Any, shuffled: bool) -> list[dict[str, Any]]:
    rows = first_slice(*main)
    if isinstance(nested, tuple):
        rows += fitted("la-period", *nested, df=19.0)
    elif nested is not None:
        rows += without_result("la-period", nested, "not_converged")
    return rows + (permutation() if shuffled else [])


EXPECTED = {
    (BELOW, BELOW, True): "reduced",
    (ABOVE, ABOVE, True): "increased",
}


@pytest.mark.parametrize(
    ("main", "nested", "shuffled"),
    list(
        itertools.product(
            (BELOW, ABOVE, AROUND), (BELOW, ABOVE, AROUND, "failed", None), (True, False)
        )
    ),
)
def test_truth_table(opened: Open, main: Any, nested: Any, shuffled: bool) -> None:
    report = opened(Contents(rows=rows_of(main, nested, shuffled)))
    verdict = EXPECTED.get((main, nested, shuffled), "unclear")
    assert sentences.judge(report.bundle, "P1").verdict == verdict
    told = report.q["P1.result"]
    assert set(VERDICT_WORDS.findall(told)) == {verdict}
    assert tag("results.lead", verdict) in told
    assert tag("results.verdict", verdict) in report.q["P1.verdict"]
    has_guard = nested not in ("failed", None)
    assert tag("results.guard", "estimated" if has_guard else "no_result") in told
    assert tag("results.permutation", "estimated" if shuffled else "no_result") in told
    assert (tag("results.condition", "permutation_absent") in told) != shuffled


@pytest.mark.parametrize(
    ("main", "nested", "failed"),
    [
        (BELOW, AROUND, "guard_includes_none"),
        (AROUND, BELOW, "protocol_includes_none"),
        (BELOW, ABOVE, "opposite_sides"),
        (BELOW, None, "guard_absent"),
    ],
)
def test_unclear_says_why(opened: Open, main: Any, nested: Any, failed: str) -> None:
    told = opened(Contents(rows=rows_of(main, nested, True))).q["P1.lead"]
    assert given("conditions", f"{tag('results.condition', failed)}]") in told


@pytest.mark.parametrize(
    ("main", "nested", "shuffled", "answer"),
    [
        (BELOW, BELOW, True, "reduced"),
        (ABOVE, ABOVE, True, "increased"),
        (BELOW, BELOW, False, "unfinished"),
        (BELOW, None, True, "unfinished"),
        (AROUND, AROUND, True, "open"),
        (BELOW, AROUND, True, "divided"),
        (BELOW, ABOVE, True, "divided"),
    ],
)
def test_the_plain_answer(
    opened: Open, main: Any, nested: Any, shuffled: bool, answer: str
) -> None:
    plain = opened(Contents(rows=rows_of(main, nested, shuffled))).q["P1.plain"]
    assert plain.startswith(tag("plain.answer", answer))
    assert tag("plain.condition") in plain


def test_an_interim_look_judges_nothing(opened: Open) -> None:
    bundle = opened(Contents(rows=rows_of(BELOW, BELOW, True), look="interim")).bundle
    assert sentences.judge(bundle, "P1").verdict == "none"


def test_an_interval_that_ends_on_no_effect_includes_it(opened: Open) -> None:
    rows = rows_of(BELOW, BELOW, True)
    for row in rows:
        if row["analysis"] == "la-period" and row["scale"] == "log_odds":
            row["ci_high"] = 0.0
    assert sentences.judge(opened(Contents(rows=rows)).bundle, "P1").verdict == "unclear"


def test_the_verdict_rests_on_log_odds_and_not_on_a_rounded_ratio(opened: Open) -> None:
    rows = rows_of(BELOW, BELOW, True)
    for row in rows:
        if row["scale"] == "odds_ratio" and row["analysis"] in ("P1", "la-period"):
            row["ci_high"] = 0.9994
        if row["scale"] == "log_odds" and row["analysis"] in ("P1", "la-period"):
            row["ci_high"] = -0.0006
    told = opened(Contents(rows=rows)).q["P1.result"]
    assert tag("results.lead", "reduced") in told
    assert "to 0.999)" in told


def test_an_interim_look_gives_no_p_and_no_verdict(opened: Open) -> None:
    rows = rows_of(BELOW, BELOW, True)
    final = opened(Contents(rows=rows), "final-look")
    assert P_VALUE.search(final.q["P1.result"])
    report = opened(Contents(rows=rows, look="interim"), "interim-look")
    assert report.look == "interim"
    for key, text in report.q.items():
        assert not P_VALUE.search(text), key
        assert not VERDICT_WORDS.search(text), key
    assert tag("results.lead", "interim") in report.q["P1.result"]
    assert given("odds_ratio", "0.74") in report.q["P1.result"]
    assert report.estimates()["p_value"].isna().all()
    assert report.estimates()["p_adjusted"].isna().all()
    assert report.estimates(analysis="X4-P1").empty
    assert any(tag("notices.interim") in title for _, title, _ in report.notice.parts)


def test_an_interim_look_has_no_effect_in_the_plain_summary(opened: Open) -> None:
    report = opened(Contents(look="interim"))
    assert not re.search(r"\d", report.q["P1.plain"])
    assert re.search(r"\d", opened(Contents(), "final-look").q["P1.plain"])


@pytest.mark.parametrize("status", ["not_yet_estimable", "failed"])
def test_the_reason_stands_in_the_place_of_the_result(opened: Open, status: str) -> None:
    rows = without_result("P1", status, "treatment_aliased", role="primary")
    report = opened(Contents(rows=rows))
    for key in ("P1.result", "P1.diary"):
        assert tag("reasons.treatment_aliased") in report.q[key]
    assert tag("results.lead", status) in report.q["P1.result"]
    assert tag("results.sample", "not_known") in report.q["P1.sample"]
    assert tag("results.verdict", "no_result") in report.q["P1.verdict"]
    assert tag("numbers.no_result") in report.q["P1.odds_ratio"]
    assert not VERDICT_WORDS.search(report.q["P1.result"])
    assert tag("plain.too_early") in report.q["P1.plain"]


def test_the_number_of_orders_is_the_designs() -> None:
    assert sentences.ORDERS == 2 * 1 * 3 * 2 * 1


def test_without_a_result_the_reason_stands_once_with_the_count_that_may_be_shown(
    opened: Open,
) -> None:
    reason = "outcome_missing:sefton"
    rows = first_slice()
    for name in ("S6", "la-period-s6"):
        rows += without_result(name, "not_yet_estimable", reason, outcome="S6")
    for row in rows:
        if row["analysis"] == "S6":
            row["n"] = 8330.0
    q = opened(Contents(rows=rows)).q
    told = f"{q['S6.lead']} {q['S6.beside']} {q['S6.sample']}"
    assert told.count(tag("reasons.outcome_missing")) == 1
    assert told.startswith(tag("results.lead", "not_yet_estimable"))
    assert f"{tag('reasons.outcome_missing')} {given('las', 'Sefton')}" in told
    assert tag("results.sample", "so_far") in told
    assert f"{given('n', '8,330')} {given('who', 'child-terms')}" in told


def test_at_an_interim_look_the_family_has_no_adjustment(opened: Open) -> None:
    final, interim = opened(Contents(), "final"), opened(Contents(look="interim"), "interim")
    assert tag("results.family", "final") in final.q["wording.family"]
    assert tag("results.family", "interim") in interim.q["wording.family"]
