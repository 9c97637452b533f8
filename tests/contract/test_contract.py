"""The contract's declaration, held against the return's published code lists and against itself."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from fvlib.contract import FILES, LA_FILES, RULES, TRIAL_FILES, Column, codes
from fvlib.contract.codes import CodeList

# Lists of codes as published, beside the project; absent on other machines.
PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "codes"

RETURNS = [
    ("ssda903.csv", "RNE", codes.RNE), ("ssda903.csv", "LS", codes.LEGAL_STATUS),
    ("ssda903.csv", "PLACE", codes.PLACEMENT), ("ssda903.csv", "REC", codes.EPISODE_END),
    ("ssda903.csv", "PLACE_PROVIDER", codes.PLACE_PROVIDER),
    ("ssda903.csv", "REASON_PLACE_CHANGE", codes.PLACE_CHANGE),
    ("cin.csv", "ethnicitytype", codes.ETHNICITY), ("cin.csv", "disabilitytype", codes.DISABILITY),
    ("cin.csv", "primaryneedcodetype", codes.PRIMARY_NEED),
]  # fmt: skip


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="published code lists are not on this machine")
@pytest.mark.parametrize(("file", "name", "listed"), RETURNS)
def test_codes_are_the_returns(file: str, name: str, listed: CodeList) -> None:
    with (PUBLISHED / file).open(encoding="utf-8") as lines:
        published = {
            row["code"]
            for row in csv.DictReader(lines)
            if name in (row.get("list"), row.get("type"))
        }
    # The published list is of the collections to 2024-25.
    assert {code.code for code in listed.codes if (code.first or 0) <= 2025} == published


def test_placements_carry_the_years_of_the_collections_that_have_them() -> None:
    years = {code.code: (code.first, code.last) for code in codes.PLACEMENT.codes}
    assert years["Z1"] == (None, 2025)
    assert {years[code] for code in ("Z11", "Z12", "Z13", "Z14")} == {(2026, None)}
    assert years["U1"] == (None, None)


def test_sex_takes_the_codes_of_both_years_of_the_returns() -> None:
    """CIN census to 2024 and SSDA903: 1 male, 2 female, 0 unborn, 9 indeterminate; then M, F, U."""
    expected = {"m": "male", "1": "male", "f": "female", "2": "female"}
    assert codes.SEX.spellings == expected | dict.fromkeys("ui09", "other")
    assert codes.SEX.values == ("male", "female", "other")


def test_needs_take_the_digit_alone() -> None:
    spellings = codes.PRIMARY_NEED.spellings
    assert all(spellings[f"n{n}"] == spellings[str(n)] == str(n) for n in range(10))
    assert len(spellings) == 20


def all_columns() -> list[tuple[str, Column]]:
    return [(spec.name, column) for spec in FILES.values() for column in spec.columns]


def test_no_two_codes_of_a_list_are_spelt_alike() -> None:
    for name, column in all_columns():
        if column.codes is not None:
            spelt = [s for code in column.codes.codes for s in (code.code, *code.also)]
            assert len(column.codes.spellings) == len(spelt), (name, column.name)


def test_files_are_complete_in_themselves() -> None:
    assert LA_FILES == ("children", "referrals", "plans", "care_episodes", "attendance")
    assert set(TRIAL_FILES) | set(LA_FILES) == set(FILES)
    for spec in FILES.values():
        named = [*spec.key, *(n for n in (spec.child, spec.starts, spec.ends) if n)]
        named += [name for pair in spec.parts for name in pair]
        assert set(named) <= set(spec.column_names), spec.name
        assert len(set(spec.column_names)) == len(spec.columns)
        assert ("la" in spec.column_names) == (spec.scope == "trial"), spec.name
    for name, column in all_columns():
        listed = column.kind in ("code", "code list", "label")
        assert (column.codes is not None) == listed, (name, column)


def test_keys_are_the_contracts() -> None:
    assert FILES["children"].key == ("child_id",)
    assert FILES["referrals"].key == ("referral_id",)
    assert FILES["plans"].key == ("child_id", "plan_type", "start_date")
    assert FILES["care_episodes"].key == ("CHILD", "DECOM")
    assert FILES["attendance"].key == ("child_id", "academic_year", "term")
    assert FILES["ipe_survey"].key == ()


def test_rules_say_what_and_why_and_of_which_files() -> None:
    for rule in RULES.values():
        assert rule.files, rule.id
        assert set(rule.files) <= set(FILES), rule.id
        assert len(set(rule.files)) == len(rule.files), rule.id
        for words in (rule.checks, rule.why):
            assert len(words.split()) > 2, rule.id
            assert not words.endswith("."), rule.id
        assert bool(rule.remedy) == (rule.outcome == "set aside"), rule.id
        finds = rule.of_values is not None or rule.of_rows is not None
        assert finds or rule.outcome != "set aside", rule.id
        # Read by people who know neither params files nor this package.
        assert not re.search("[a-z]_[a-z]", rule.label + rule.remedy), rule.id
    assert len({rule.label for rule in RULES.values()}) == len(RULES)
    assert "child set aside" in RULES  # the contract's own words
