from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from fvlib import protocol
from fvlib.report import Report
from fvlib.report.words.quantities import QuantityError
from tests.support.report_bundles import Contents, first_slice, fitted, linear
from tests.support.tagged_phrases import given, tag

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
    assert tag("results.sample", "binary_events_masked") in report.q["P1.sample"]


def test_linear_outcomes_stand_on_their_own_scale(opened: Open) -> None:
    q = opened(Contents(rows=first_slice() + linear("S3", -4.26, 1.5, "S3"))).q
    assert q["S3.mean_difference"] == f"{M}4.3"
    assert q["S3.mean_difference_abs"] == "4.3"
    assert q["S3.mean_difference_ci"] == f"(95{N}% CI {M}7.2 to {M}1.3)"
    assert tag("results.estimates", "linear") in q["S3.result"]


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
    assert tag("data_quality.cohort", "masked") in report.q["cohort.summary"]


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
    told = opened().q["X5.over_time"]
    assert tag("results.over_time", "no_result") in told
    assert tag("results.why", "absent") in told
    rows = fitted("X5", -0.1, 0.1, role="sensitivity")
    for row in rows:
        row["term"] = "time_averaged" if row["term"] == "treatment" else row["term"]
    told = opened(Contents(rows=first_slice() + rows), "second").q["X5.over_time"]
    assert given("odds_ratio", "0.90") in told
    assert given("odds_ratio_ci", f"(95{N}% CI 0.74 to 1.10)") in told


@pytest.mark.parametrize(
    ("named", "before", "state", "values"),
    [
        (None, None, "none_named", {}),
        ("2023-10", None, "not_at_hand", {"previous": "2023-10"}),
        ("2023-10", "2023-10-31", "further",
         {"previous": "2023-10", "before": "31 October 2023", "now": "30 September 2025"}),
        ("2023-10", "2025-09-30", "same", {"previous": "2023-10", "now": "30 September 2025"}),
    ],
)  # fmt: skip
def test_what_changed_is_told_or_said_not_to_be_known(
    opened: Open, named: str | None, before: str | None, state: str, values: dict[str, str]
) -> None:
    through = None if before is None else dict.fromkeys(protocol.LA_KEYS, before)
    manifest = {"previous_refresh": named, "previous_data_through": through}
    told = opened(Contents(manifest=manifest)).q["changes.summary"]
    assert told.startswith(tag("data_quality.changes", state))
    assert all(given(name, value) in told for name, value in values.items())
    assert (tag("data_quality.changes_none_shown") in told) == (before is not None)


@pytest.mark.parametrize(
    ("children", "state", "number"),
    [(0, "none", ""), (None, "masked", given("limit", "10")), (25, "shown", given("n", "25"))],
)
def test_only_how_many_withdrew_is_told(
    opened: Open, children: int | None, state: str, number: str
) -> None:
    table = pd.DataFrame({"children": [children], "children_masked": [children is None]})
    told = opened(Contents(tables={"withdrawn": table})).q["withdrawn.summary"]
    assert told.startswith(tag("data_quality.withdrawn", state))
    assert number in told


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

    def part(name: str, share: str) -> str:
        return f"{tag('data_quality.plausibility_part', name)} {given('share', f'{share}{N}%')}]"

    here = [part("need", f"45.0{N}% to 60.0"), part("male", "52.0"), part("aged", "16.0")]
    # 230,830 of 404,310 children in need: 57.1 %
    there = [part("need", "57.1"), part("male", "54"), part("aged", "15")]
    for name, parts in (("here", here), ("there", there)):
        assert given(name, f"{parts[0]}, {parts[1]} and {parts[2]}") in told
    assert given("on", "31 March 2022") in told
    assert "Department for Education, Children in need, reporting year 2022; ages: " in told


def test_every_number_has_its_key_in_every_state(standing: Open) -> None:
    keys = {case: standing(case).q for case in ("final", "interim", "not yet estimable", "failed")}
    numbers = {key for key in keys["final"] if key.split(".")[0] in ("P1", "la-period", "X4-P1")}
    assert {"P1.odds_ratio_ci", "P1.points_ci", "P1.p", "P1.risk_control", "X4-P1.p"} <= numbers
    counts = {"P1.n", "P1.events", "la-period.n", "la-period.events", "X4-P1.n", "X4-P1.events"}
    for case, q in keys.items():
        assert numbers - counts <= set(q), case
        assert all(q[key].strip() for key in numbers - counts)
        for key in ("P1.odds_ratio", "P1.p", "S1.p_adjusted", "X5.m0.log_odds", "X14.pounds"):
            assert q[key].strip(), (case, key)
    assert keys["failed"]["P1.odds_ratio"] == "no result (could not be estimated)"
    assert keys["interim"]["P1.p"] == keys["interim"]["X4-P1.p"] == "p not shown at an interim look"
    assert keys["final"]["P1.points"] == f"{M}0.9"
    assert keys["final"]["P1.points_ci"] == keys["final"]["P1.risk_difference_ci"]
