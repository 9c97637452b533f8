"""The plan's wording rule: a verdict needs two intervals and the permutation test."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from report_bundles import Contents, first_slice, fitted, permutation, without_result

from fvlib.report import sentences
from fvlib.report.report import Report

Open = Callable[..., Report]
BELOW, ABOVE, AROUND = (-0.30, 0.05), (0.30, 0.05), (-0.05, 0.20)  # log-odds, standard error
VERDICT_WORDS = re.compile(r"\b(reduced?|reduces|increased?|increases|unclear)\b", re.IGNORECASE)
P_VALUE = re.compile(r"\bp [=<>] ")


def rows_of(main: tuple[float, float], nested: Any, shuffled: bool) -> list[dict[str, Any]]:
    rows = first_slice(*main)
    if isinstance(nested, tuple):
        rows += fitted("la-period", *nested, df=19.0)
    elif nested is not None:
        rows += without_result("la-period", nested, "the fit did not converge")
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
    assert report.q["P1.verdict"] == verdict.capitalize()
    assert "if the effect does not change with time since go-live" in told
    assert "referral after rather than before go-live" in told.lower()
    assert "with an la \u00d7 period intercept" in told.lower()
    assert "permutation test" in told.lower()
    if nested in ("failed", None):
        assert "no result" in told
    if not shuffled:
        assert "the permutation test has no result" in told


@pytest.mark.parametrize(
    ("main", "nested", "reason"),
    [
        (BELOW, AROUND, "the interval of the LA \u00d7 period model includes the possibility of"),
        (AROUND, BELOW, "the interval of the protocol\u2019s model includes the possibility of"),
        (BELOW, ABOVE, "the two models\u2019 intervals lie on opposite sides of no effect."),
        (BELOW, None, "the LA \u00d7 period model has no result."),
    ],
)
def test_unclear_says_why(opened: Open, main: Any, nested: Any, reason: str) -> None:
    told = opened(Contents(rows=rows_of(main, nested, True))).q["P1.result"]
    assert f"It is called unclear because {reason}" in told


@pytest.mark.parametrize(
    ("main", "nested", "shuffled", "told"),
    [
        (BELOW, BELOW, True, "Yes. Fewer children"),
        (ABOVE, ABOVE, True, "Yes. More children"),
        (BELOW, BELOW, False, "We cannot tell yet."),
        (BELOW, None, True, "We cannot tell yet."),
        (AROUND, AROUND, True, "We cannot tell. The numbers fit with fewer"),
        (BELOW, AROUND, True, "We cannot tell. Our tests do not agree."),
        (BELOW, ABOVE, True, "We cannot tell. Our tests do not agree."),
    ],
)
def test_the_plain_answer(opened: Open, main: Any, nested: Any, shuffled: bool, told: str) -> None:
    plain = opened(Contents(rows=rows_of(main, nested, shuffled))).q["P1.plain"]
    assert plain.startswith(told)
    assert "if the effect stays the same as time goes by" in plain


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
    assert "reduced" in told
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
    assert "no conclusion is drawn" in report.q["P1.result"]
    assert "odds ratio 0.74" in report.q["P1.result"]
    assert report.estimates()["p_value"].isna().all()
    assert report.estimates()["p_adjusted"].isna().all()
    assert report.estimates(analysis="X4-P1").empty
    assert any("Interim" in title for _, title, _ in report.notice.parts)


def test_an_interim_look_has_no_effect_in_the_plain_summary(opened: Open) -> None:
    report = opened(Contents(look="interim"))
    assert not re.search(r"\d", report.q["P1.plain"])
    assert re.search(r"\d", opened(Contents(), "final-look").q["P1.plain"])


@pytest.mark.parametrize("status", ["not_yet_estimable", "failed"])
def test_the_reason_stands_in_the_place_of_the_result(opened: Open, status: str) -> None:
    reason = "treatment can't be told apart from LA and period"
    report = opened(Contents(rows=without_result("P1", status, reason, role="primary")))
    for key in ("P1.result", "P1.diary"):
        assert reason in report.q[key]
    assert "not known" in report.q["P1.sample"]
    assert report.q["P1.verdict"] == "No result"
    assert "no result" in report.q["P1.odds_ratio"]
    assert not VERDICT_WORDS.search(report.q["P1.result"])
    assert "too early" in report.q["P1.plain"]


def test_the_number_of_orders_is_the_designs() -> None:
    assert sentences.ORDERS == 2 * 1 * 3 * 2 * 1


def test_without_a_result_the_reason_stands_once_with_the_count_that_may_be_shown(
    opened: Open,
) -> None:
    reason = "the outcome is missing for every child observed so far in Sefton"
    rows = first_slice()
    for name in ("S6", "la-period-s6"):
        rows += without_result(name, "not_yet_estimable", reason, outcome="S6")
    for row in rows:
        if row["analysis"] == "S6":
            row["n"] = 8330.0
    q = opened(Contents(rows=rows)).q
    told = f"{q['S6.lead']} {q['S6.beside']} {q['S6.sample']}"
    assert told.count(reason) == 1
    assert told.startswith("Not yet estimable, because the outcome is missing")
    assert "So far 8,330 child-terms could be analysed." in told


def test_at_an_interim_look_the_family_has_no_adjustment(opened: Open) -> None:
    assert "Hochberg" in opened(Contents(), "final-family").q["wording.family"]
    assert "Hochberg" not in opened(Contents(look="interim"), "interim-family").q["wording.family"]
