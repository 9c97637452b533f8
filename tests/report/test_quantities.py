from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from report_bundles import Contents, first_slice, fitted, linear

from fvlib import protocol
from fvlib.report.quantities import QuantityError
from fvlib.report.report import Report

Open = Callable[..., Report]
N, M = "\u00a0", "\u2212"


def test_ready_strings_are_the_estimates(opened: Open) -> None:
    q = opened().q
    # exp(-0.24 ± 1.96 * 0.09), worked out by hand
    assert q["P1.odds_ratio"] == "0.79"
    assert q["P1.odds_ratio_ci"] == f"(95{N}% CI 0.66 to 0.94)"
    assert q["P1.log_odds"] == f"{M}0.240"
    assert q["P1.risk_difference"] == f"{M}0.9 percentage points"
    assert q["P1.risk_difference_abs"] == "0.9 percentage points"
    assert q["P1.n"] == "77,905"
    assert q["P1.p"] == "p = 0.008"
    assert q["la-period.la_period_sd"] == "0.081"
    assert q["protocol.mdes"] == "0.7 percentage points"


def test_an_unknown_key_names_the_nearest(opened: Open) -> None:
    with pytest.raises(QuantityError, match=r"P1\.oddsratio.*no such key.*'P1\.odds_ratio'"):
        opened().q["P1.oddsratio"]


def test_a_masked_key_says_so_and_names_one_that_can_be_shown(opened: Open) -> None:
    rows = first_slice()
    for row in rows:
        row["events"], row["events_masked"] = None, True
    report = opened(Contents(rows=rows))
    with pytest.raises(QuantityError, match=r"P1\.events.*masked.*nearest key is '"):
        report.q["P1.events"]
    assert "P1.events" not in report.q
    assert "too small to show" in report.q["P1.sample"]


def test_linear_outcomes_stand_on_their_own_scale(opened: Open) -> None:
    q = opened(Contents(rows=first_slice() + linear("S3", -4.26, 1.5, "S3"))).q
    assert q["S3.mean_difference"] == f"{M}4.3"
    assert q["S3.mean_difference_abs"] == "4.3"
    assert q["S3.mean_difference_ci"] == f"(95{N}% CI {M}7.2 to {M}1.3)"
    assert "difference in means" in q["S3.result"]


def test_a_new_analysis_has_its_keys_with_no_edit(opened: Open) -> None:
    q = opened(Contents(rows=first_slice() + fitted("girls-only", -0.1, 0.1))).q
    assert q["girls-only.odds_ratio"] == "0.90"
    assert q["girls-only.label"] == "Girls only"


def test_a_term_that_is_not_the_effect_keeps_its_name(opened: Open) -> None:
    rows = fitted("X5", -0.1, 0.1)
    for row in rows:
        row["term"] = "m0" if row["term"] == "treatment" else row["term"]
    assert opened(Contents(rows=first_slice() + rows)).q["X5.m0.odds_ratio"] == "0.90"


def test_a_masked_cohort_has_no_number(opened: Open) -> None:
    report = opened(Contents(without_tables=("flow",)))
    with pytest.raises(QuantityError, match="masked"):
        report.q["cohort.n"]
    assert "too small to show" in report.q["cohort.summary"]


def test_a_ready_string_prints_as_it_is_in_a_chapter(opened: Open) -> None:
    formatter = InteractiveShell.instance().display_formatter
    assert formatter is not None
    data, _ = formatter.format(opened().q["P1.odds_ratio_ci"])
    # The plain form would be a repr, which spells a no-break space out as an escape.
    assert data["text/markdown"] == f"(95{N}% CI 0.66 to 0.94)"


def test_marks_of_markdown_in_a_reason_are_no_markup(opened: Open) -> None:
    shown = opened(Contents(manifest={"registration": "*osf*_1 [x]"})).q["refresh.registration"]
    assert shown == "*osf*_1 [x]"
    assert shown._repr_markdown_() == r"\*osf\*\_1 \[x\]"


def test_the_time_averaged_effect_is_told_or_its_absence(opened: Open) -> None:
    assert "no result (it is not among" in opened().q["X5.over_time"]
    rows = fitted("X5", -0.1, 0.1, role="sensitivity")
    for row in rows:
        row["term"] = "time_averaged" if row["term"] == "treatment" else row["term"]
    told = opened(Contents(rows=first_slice() + rows), "second").q["X5.over_time"]
    assert f"odds ratio 0.90 (95{N}% CI 0.74 to 1.10)" in told


@pytest.mark.parametrize(
    ("named", "before", "told"),
    [
        (None, None, "This refresh names no earlier one: there is nothing to compare it with."),
        (
            "2023-10", None,
            "The previous refresh is 2023-10. Its released results were not at hand when these "
            "were made, so that what changed since then cannot be told here.",
        ),
        (
            "2023-10", "2023-10-31",
            "The previous refresh is 2023-10. Its data reached to 31 October 2023; they now reach "
            "to 30 September 2025. No count that can be shown has changed.",
        ),
        (
            "2023-10", "2025-09-30",
            "The previous refresh is 2023-10. The data still reach to 30 September 2025. "
            "No count that can be shown has changed.",
        ),
    ],
)  # fmt: skip
def test_what_changed_is_told_or_said_not_to_be_known(
    opened: Open, named: str | None, before: str | None, told: str
) -> None:
    through = None if before is None else dict.fromkeys(protocol.LA_KEYS, before)
    manifest = {"previous_refresh": named, "previous_data_through": through}
    assert opened(Contents(manifest=manifest)).q["changes.summary"] == told


@pytest.mark.parametrize(
    ("children", "told"),
    [
        (0, "No child\u2019s data were withdrawn."),
        (None, "The data of fewer than 10 children were withdrawn, and taken out before anything "
         "else was read from them."),
        (25, "The data of 25 children were withdrawn, and taken out before anything else was read "
         "from them."),
    ],
)  # fmt: skip
def test_only_how_many_withdrew_is_told(opened: Open, children: int | None, told: str) -> None:
    table = pd.DataFrame({"children": [children], "children_masked": [children is None]})
    assert opened(Contents(tables={"withdrawn": table})).q["withdrawn.summary"] == told


def test_the_cohorts_profile_is_held_against_published_figures(opened: Open) -> None:
    rows = [
        ("sefton", "primary_need", "1", 300), ("sefton", "primary_need", "5", 200),
        ("sefton", "primary_need", "missing", 500),  # not told is no need
        # The two masked levels are part of the whole: 450 of 1,000, and not of the 900 shown.
        ("coventry", "primary_need", "1", 450), ("coventry", "primary_need", "3", 450),
        ("coventry", "primary_need", "7", None), ("coventry", "primary_need", "8", None),
        ("solihull", "primary_need", "1", None), ("solihull", "primary_need", "3", 100),
        ("sefton", "sex", "male", 520), ("sefton", "sex", "female", 480),
        *(("sefton", "age", str(age), 40) for age in range(18)),
        *(("coventry", "age", str(age), None if age == 2 else 50) for age in range(18)),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["la", "characteristic", "level", "n"])
    table = table.assign(n_masked=table["n"].isna())
    sizes = {"sefton": 1000, "coventry": 1000, "solihull": 110}
    flow = pd.DataFrame([(la, "cohort", n) for la, n in sizes.items()], columns=["la", "step", "n"])
    tables = {"profiles": table, "flow": flow.assign(n_masked=False)}
    told = opened(Contents(tables=tables)).q["plausibility.summary"]
    # 230,830 of 404,310 children in need: 57.1 %
    assert told.startswith(
        f"By LA, 45.0{N}% to 60.0{N}% had abuse or neglect as their main need, 52.0{N}% were male "
        f"and 16.0{N}% were aged 1 to 4. Among all children in need in England on 31 March 2022, "
        f"57.1{N}% had abuse or neglect as their main need, 54{N}% were male and 15{N}% were aged "
        "1 to 4 (Department for Education, Children in need, reporting year 2022; ages: "
    )
