from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvlib.report.words import labels as words
from fvlib.report.words import numbers

GLOSSARY = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"
M = "\u2212"
N = "\u00a0"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (78_000, 0, "78,000"),
        (0.25, 1, "0.3"),  # binary rounding or half-even would give 0.2
        (2.675, 2, "2.68"),  # its binary value lies below the half
        (-0.25, 1, f"{M}0.3"),
        (-0.04, 1, "0.0"),  # no minus before a zero
        (1e-9, 2, "0.00"),
        (1234567.891, 1, "1,234,567.9"),
        (999.95, 1, "1,000.0"),
    ],
)
def test_numbers_round_half_up_on_what_they_print_as(
    value: float, decimals: int, text: str
) -> None:
    assert numbers.number(value, decimals) == text


def test_no_number_is_printed_for_what_is_none() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no number"):
            numbers.number(value)


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_a_written_number_lies_within_half_a_unit(value: float, decimals: int) -> None:
    text = numbers.number(value, decimals)
    assert "-" not in text
    read = Decimal(text.replace(",", "").replace(M, "-"))
    assert abs(read - Decimal(repr(value))) <= Decimal("0.5").scaleb(-decimals)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.00"),
        (0.998, "0.998"),  # excludes 1, so that it must not read 1.00
        (1.004, "1.004"),
        (0.9999, "0.9999"),
        (0.74, "0.74"),
        (12.34, "12.3"),
        (0.02, "0.02"),
    ],
)
def test_an_odds_ratio_never_seems_to_be_one(value: float, text: str) -> None:
    assert numbers.ratio(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0094, f"{M}0.9"),
        (0.0, "0.0"),
        (-0.0004, f"{M}0.04"),
        (0.00001, "0.001"),
        (0.0145, "1.5"),
    ],
)
def test_points_never_seem_to_be_none(value: float, text: str) -> None:
    assert numbers.points(value) == text


def test_units_and_intervals() -> None:
    assert numbers.in_points(-0.0094) == f"{M}0.9 percentage points"
    assert numbers.percent(0.0405) == f"4.1{N}%"
    assert numbers.interval("\u22121.4", "0.2") == f"(95{N}% CI {M}1.4 to 0.2)"
    assert numbers.per_thousand(-0.0094) == "9 fewer"
    assert numbers.per_thousand(0.0031) == "3 more"
    assert numbers.per_thousand(0.0001) == "no fewer and no more"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "p < 0.001"),
        (1e-300, "p < 0.001"),
        (0.000999, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.0496, "p = 0.0496"),  # 0.050 would hide on which side of 5 % it lies
        (0.0504, "p = 0.0504"),
        (0.05, "p = 0.050"),
        (1 / 12, "p = 0.083"),
        (0.0999, "p = 0.100"),
        (0.3449, "p = 0.34"),
        (0.995, "p > 0.99"),
        (1.0, "p > 0.99"),
    ],
)
def test_p_values(p: float, text: str) -> None:
    assert numbers.p_value(p) == text


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="no p-value"):
        numbers.p_value(p)


def test_dates_and_lists() -> None:
    assert numbers.day("2020-04-01") == "1 April 2020"
    assert numbers.short_day("2020-12-31") == f"31{N}Dec{N}2020"
    assert numbers.listing([]) == ""
    assert numbers.listing(["a"]) == "a"
    assert numbers.listing(["a", "b", "c"]) == "a, b and c"
    assert numbers.plural(1, "rule") == "one rule"
    assert numbers.plural(12, "rule") == "12 rules"
    assert numbers.plural(5, "authority", "authorities") == "five authorities"


def test_names_that_are_unknown_are_made_readable() -> None:
    assert words.analysis_label("P1") == "Protocol\u2019s model"
    assert words.analysis_label("leave-out-sefton") == "Without Sefton"
    assert words.analysis_label("X3-S4") == (
        "Exposure at entry to care: S4 Kinship care at the first placement"
    )
    assert words.analysis_label("X4-P1") == "Permutation test"
    assert words.analysis_label("girls-only") == "Girls only"
    assert words.analysis_label("girls-only", "girls, and no boys") == "Girls, and no boys"


@pytest.mark.parametrize(
    ("term", "told"),
    [
        ("primary_need[7]", "main need: low income"),
        ("la_fsm_share", "LA: share eligible for free school meals"),
        ("uasc[yes]", "unaccompanied asylum seeker: yes"),
        ("ethnicity[APKN]", "ethnicity: Pakistani"),
        ("period[3]", "period 3"),
        ("treatment_m4", "treatment 4 periods after go-live"),
        ("treatment_low", "treatment at low readiness"),
        ("la[4]", "Sefton"),
        ("treatment", "treatment"),
    ],
)
def test_terms_of_a_model_carry_their_labels(term: str, told: str) -> None:
    assert words.term(term) == told


def test_a_label_in_a_sentence_keeps_its_abbreviation() -> None:
    assert words.in_sentence("Main need") == "main need"
    assert words.in_sentence("LA: share white British") == "LA: share white British"
    assert words.in_sentence("A second model") == "a second model"


def test_order_is_the_known_one_and_the_unknown_comes_last() -> None:
    assert words.in_order(["new", "X2", "P1", "X2"], words.ANALYSES) == ["P1", "X2", "new"]


def test_every_analysis_label_is_its_own() -> None:
    labels = list(words.ANALYSES.values())
    assert len(labels) == len(set(labels))
    assert not any(re.search(r"[_]", label) for label in labels)


def test_the_glossary_has_the_reports_label_of_each_numbered_analysis() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    told = re.findall(r"^\| (X\d+) \| (.*) \|$", text, re.MULTILINE)
    numbered = {key: label for key, label in words.ANALYSES.items() if re.fullmatch(r"X\d+", key)}
    assert dict(told) == numbered and len(told) == 14
