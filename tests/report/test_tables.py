from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest
from lxml import html

from fvlib.protocol import LA_KEYS
from fvlib.report import Report
from fvlib.report.cells import MASKED_TEXT
from fvlib.report.tables.names import TABLES
from fvlib.report.words.phrases import say
from tests.support import report_bundles
from tests.support.report_bundles import (
    CASES,
    Contents,
    first_slice,
    fitted,
    guards,
    without_result,
)
from tests.support.tagged_phrases import given, tag

Open = Callable[..., Report]


def cells(report: Report, name: str) -> list[list[str]]:
    """A table's rows as they print."""
    tree = html.fromstring(report.table(name).html)
    return [[cell.text_content().strip() for cell in row] for row in tree.iter("tr")]


def row(report: Report, name: str, start: str) -> list[str]:
    return next(r for r in cells(report, name) if r and r[0].startswith(start))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TABLES)
def test_every_table_prints_in_every_case(standing: Open, name: str, case: str) -> None:
    report = standing(case)
    text = report.table(name).html
    assert f'id="tbl-{name.replace("_", "-")}"' in text
    assert "font-family" not in text
    assert not re.search(r"\bnan\b|<NA>|None\b(?! in this)", html.fromstring(text).text_content())
    assert text == report.table(name).html


def test_an_empty_table_says_that_it_is(standing: Open) -> None:
    report = standing("no side tables")
    for name in ("set_aside", "arrivals", "exposure_weights"):
        assert any(say("tables.nothing") in r for r in cells(report, name)), name


def test_a_masked_number_prints_as_such_and_never_as_zero(opened: Open) -> None:
    report = opened()
    solihull = [r for r in cells(report, "periods") if r[-1] == MASKED_TEXT]
    assert [r[0] for r in solihull] == ["5"]
    after = [r for r in cells(report, "crude") if r[0] == "After go-live"]
    assert [r[2] for r in after].count(MASKED_TEXT) == 2  # Solihull, and the total with it
    assert any(r[0].startswith(tag("tables.masked")) for r in cells(report, "crude"))
    assert not any(MASKED_TEXT in c for r in cells(report, "live_dates") for c in r)


def test_a_total_over_a_masked_count_is_masked(opened: Open) -> None:
    from fvlib.report.plots.flow import counts

    shown = counts(opened().bundle).set_index(["la", "step"])["text"]
    assert shown["solihull", "not_aged_0_to_17"] == MASKED_TEXT
    assert shown["all", "not_aged_0_to_17"] == MASKED_TEXT
    assert shown["all", "children"] != MASKED_TEXT


def test_marks_stand_on_labels_and_never_on_figures(opened: Open) -> None:
    report = opened()
    for name in ("primary", "analyses", "diary"):
        body = [r for r in cells(report, name) if len(r) > 1]
        assert any("\u2020" in r[0] for r in body) or "\u2020" in "".join(body[0])
        for line in body[1:]:
            for cell in line[1:]:
                assert not (re.search(r"\d", cell) and re.search("[\u2020\u2021]", cell))
        notes = [c for r in cells(report, name) for c in r if tag("registers.mark_deviation") in c]
        assert any("<D3" in c or "; D3" in c for c in notes) or name == "diary"


def test_what_must_stand_beside_the_primary_result_does(opened: Open) -> None:
    report = opened()
    head = cells(report, "primary")[0]
    assert [h.rstrip("\u2020\u2021") for h in head[1:]] == [
        "Protocol\u2019s model", "LA \u00d7 period model",
    ]  # fmt: skip
    assert row(report, "primary", "p-value, permutation")[1] == "0.083"
    periods = row(report, "primary", "Standard deviation of periods")
    assert periods[1:] == ["\u2013", "0.081"]
    assert row(report, "analyses", "Permutation test")[-1] == "0.083"
    assert row(report, "analyses", "LA \u00d7 period intercept")[3].startswith("0.80")


def test_a_guard_without_a_result_keeps_its_place_and_says_why(opened: Open) -> None:
    report = opened(Contents(rows=first_slice()))
    assert "not among the results" in row(report, "analyses", "LA \u00d7 period intercept")[3]
    assert any(tag("results.why", "absent") in c for r in cells(report, "primary") for c in r)


def test_an_interim_table_has_no_p(opened: Open) -> None:
    report = opened(Contents(look="interim"))
    assert "p" in cells(opened(Contents(), "final-look"), "analyses")[0]
    assert "p" not in cells(report, "analyses")[0]
    for name in ("primary", "analyses"):
        assert not any(r[0].startswith(("p-value", "Permutation")) for r in cells(report, name))


def test_a_new_analysis_appears_with_no_edit(opened: Open) -> None:
    rows = first_slice() + guards() + fitted("girls-only", -0.1, 0.1)
    plan = [{"id": "girls-only", "changes": "girls only, no boys"}]
    report = opened(Contents(rows=rows, manifest={"plan": plan}))
    assert row(report, "analyses", "Girls only, no boys")[3].startswith("0.90")


def test_a_failed_analysis_prints_its_reason(opened: Open) -> None:
    rows = first_slice() + without_result("girls-only", "failed", "not_converged")
    report = opened(Contents(rows=rows))
    assert row(report, "diary", "Girls only")[1:] == ["could not be estimated", "\u2013", "c"]
    remark = given("remark", f"{tag('reasons.not_converged')}]")
    lettered = f"{tag('tables.lettered')} {given('letter', 'c')} {remark}]"
    assert [lettered] in cells(report, "diary")
    assert row(report, "analyses", "Girls only")[3] == "could not be estimated"


def test_the_adherence_table_holds_every_analysis(opened: Open) -> None:
    rows = first_slice() + without_result("S5", "failed", "separated:period[4]", outcome="S5")
    report = opened(Contents(rows=rows))
    assert row(report, "adherence", "S5 Reunified")[1] == "could not be estimated"
    why = f"{tag('reasons.separated')} {given('terms', 'period 4')}]"
    assert any(given("remark", why) in r[0] for r in cells(report, "adherence"))
    assert not any(r[0].startswith("S5") for r in cells(report, "diary"))


def test_what_was_not_pre_specified_is_so_in_every_table_of_analyses(opened: Open) -> None:
    report = opened(Contents(rows=first_slice() + guards() + fitted("girls-only", -0.1, 0.1)))
    for name in ("diary", "adherence", "analyses", "specification"):
        body = [r[0] for r in cells(report, name) if r]
        assert body.index("Not pre-specified") < body.index("Girls only")
    for name in ("primary", "analyses", "secondary"):
        told = [r[0] for r in cells(report, name) if r]
        assert f"{tag('results.not_pre_specified')}]" in told


def test_changed_dates_print_with_what_is_not_recorded(opened: Open) -> None:
    coventry = row(opened(), "live_dates", "Coventry")
    assert [text.replace("\u00a0", " ") for text in coventry[2:]] == [
        "1 Apr 2021", "17 May 2021", "Awareness training finished later than planned",
        "10 Mar 2021", "not recorded",
    ]  # fmt: skip


def test_this_refreshs_own_deviations_join_the_register(opened: Open) -> None:
    rows = first_slice()
    for line in rows[:1]:
        line["dropped"] = "collinear_with_treatment:la_fsm_share; settled:uasc[yes]"
    told = [r for r in cells(opened(Contents(rows=rows)), "deviations") if r[0].startswith("T")]
    label = given("terms", "LA: share eligible for free school meals")
    why = f"{tag('reasons.collinear_with_treatment')} {label}]"
    assert [r[1] for r in told] == [
        f"{tag('data_quality.changed_dates', 'some')} {given('las', 'Coventry')}]",
        f"{tag('registers.la_covariate_dropped')} {given('covariate', why)}]",
    ]


def test_every_rule_met_is_explained_and_no_other(opened: Open) -> None:
    told = {r[0]: r[1] for r in cells(opened(), "rules") if len(r) == 3}
    assert told["Ends before it starts"] == (
        "A row doesn\u2019t end before it starts. Nothing says which of the two dates is wrong."
    )
    assert set(told) - {""} == {
        "Ends before it starts", "Same key, different rows", "Code that is not in its list",
        "Child whose own row was set aside", "A value that the row needs is empty",
        "More sessions missed than were possible", "Child who is not in the children file",
        "Stray spaces, or capitals and small letters", "Ends after the extract\u2019s last day",
        "Next episode starts a day later", "Episodes that overlap",
    }  # fmt: skip


def test_a_decision_never_met_is_left_out(opened: Open) -> None:
    told = [r for r in cells(opened(), "decisions") if len(r) > 1][1:]
    assert [r[1] for r in told] == ["40", MASKED_TEXT]


def test_shares_of_a_profile_are_of_the_whole_cohort(opened: Open) -> None:
    """Where a level is masked the others don't add up to it: 60 of 200, and not of 180."""
    rows = [("sefton", "sex", "male", 60), ("sefton", "sex", "female", 120),
            ("sefton", "sex", "other", None), ("sefton", "sex", "missing", None)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["la", "characteristic", "level", "n"])
    flow = pd.DataFrame({"la": ["sefton"], "step": ["cohort"], "n": [200], "n_masked": [False]})
    tables = {"profiles": table.assign(n_masked=table["n"].isna()), "flow": flow}
    report = opened(Contents(tables=tables))
    assert row(report, "profiles", "Male")[1:] == ["30.0\u00a0%"]
    assert row(report, "profiles", "Other or undetermined")[1:] == [MASKED_TEXT]


def test_rows_all_masked_are_no_nought(opened: Open) -> None:
    aside = pd.DataFrame(
        [("sefton", "plans", "not a date", None, True)],
        columns=["la", "file", "rule", "rows", "rows_masked"],
    )
    told = opened(Contents(tables={"set_aside": aside})).q["set_aside.summary"]
    assert told.startswith(tag("data_quality.set_aside", "all_masked"))
    assert given("rules", "one rule") in told
    assert given("origins", "Sefton") in told


def test_an_las_true_zero_is_a_zero(opened: Open) -> None:
    ends = row(opened(), "set_aside", "Ends before it starts")
    assert ends == ["Ends before it starts", "45", "0", "60", "0", "0"]


def test_a_table_is_a_raw_block_in_a_render(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened().table("flow")
    for name in ("FVLIB_RENDER", "QUARTO_DOCUMENT_PATH", "QUARTO_FIG_WIDTH"):
        monkeypatch.delenv(name, raising=False)
    assert table._repr_markdown_() is None
    assert table._repr_html_() == table.html
    monkeypatch.setenv("FVLIB_RENDER", "1")
    block = table._repr_markdown_()
    assert block is not None
    assert block.strip().startswith("```{=html}\n<table")  # lean: no stylesheet around it
    monkeypatch.delenv("FVLIB_RENDER")
    monkeypatch.setenv("QUARTO_DOCUMENT_PATH", "chapters")
    assert table._repr_markdown_() == block
    assert table._repr_html_() is None  # Quarto would load scripts from a CDN for it


def test_text_of_a_params_file_is_no_markup(opened: Open) -> None:
    reason = {"ethnicity": "<script>alert(1)</script> & more"}
    text = opened(Contents(manifest={"missing_because": reason})).table("missingness").html
    assert "<script>" not in text


def test_a_red_banner_names_la_and_file(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FVLIB_RENDER", "1")
    arrivals = report_bundles.tables(Contents())["arrivals"]
    arrivals["over_limit"] = (arrivals["la"] == "coventry") & (arrivals["file"] == "referrals")
    parts = opened(Contents(tables={"arrivals": arrivals})).notice.parts
    assert [kind for kind, _, _ in parts] == ["warning", "important"]
    assert "Coventry (Referrals)" in parts[1][2]
    quiet = opened(Contents(synthetic=False), "quiet").notice
    assert quiet._repr_markdown_() == ""


def changed(*rows: tuple[object, ...]) -> pd.DataFrame:
    columns = ["subject", "la", "item", "rule", "direction", "n", "n_masked"]
    return pd.DataFrame([(*row, pd.isna(row[-1])) for row in rows], columns=columns)


def test_changes_are_signed_and_small_ones_masked(opened: Open) -> None:
    table = changed(
        ("rows_read", "warwickshire", "plans", None, "more", 1250),
        ("rows_read", "sefton", "plans", None, "fewer", 40),
        ("rows_read", "coventry", "plans", None, None, None),
        ("rows_read", "sefton", "children", None, "same", 0),
        ("set_aside", "newcastle", "plans", "end before start", "fewer", 80),
        ("flow", "sefton", "S1_not_observable", None, None, None),
    )
    told = [r for r in cells(opened(Contents(tables={"changes": table})), "changes") if len(r) > 1]
    assert told[0] == ["", "Warwickshire", "Newcastle", "Coventry", "Solihull", "Sefton"]
    assert told[1:] == [
        ["Plans", "+1,250", "\u2013", MASKED_TEXT, "\u2013", "\u221240"],
        # No row of an LA under a rule, before and after, is a true zero.
        ["Plans: ends before it starts", "0", "\u221280", "0", "0", "0"],
    ]


def test_a_table_of_changes_and_its_reference_stand_only_where_counts_changed(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FVLIB_RENDER", "1")
    rows = {"changes": changed(("rows_read", "sefton", "plans", None, "fewer", 40))}
    same = {"changes": changed(("rows_read", "sefton", "plans", None, "same", 0))}
    named: dict[str, object] = {
        "previous_refresh": "2023-10",
        "previous_data_through": dict.fromkeys(LA_KEYS, "2023-10-31"),
    }
    text = opened(Contents(tables=rows, manifest=named)).changes._repr_markdown_()
    assert text.startswith(tag("data_quality.changes_lead"))
    assert "::: {#tbl-changes}\n" in text
    assert text.rstrip().endswith(f"{tag('data_quality.changes_caption')}]\n:::")
    for case, contents in {
        "none named": Contents(tables=rows),
        "not at hand": Contents(manifest={"previous_refresh": "2023-10"}),
        "no change": Contents(tables=same, manifest=named),
    }.items():
        assert opened(contents, case.replace(" ", "-")).changes._repr_markdown_() == "", case


def test_a_shares_odds_ratio_is_for_ten_points_more(opened: Open) -> None:
    """An odds ratio of 37.3 from a share of 0 to one of 1 is 37.3 to the power of a tenth: 1.44."""
    told = {"odds_ratio": 37.3, "ci_low": 1.77, "ci_high": 788.6, "p_value": 0.02}
    table = pd.DataFrame(
        [{"covariate": "sex", "term": term, **told, "n": 900, "missing": 90, "notes": ""}
         for term in ("la_fsm_share", "other_programme")]
    )  # fmt: skip
    report = opened(Contents(tables={"missing_patterns": table}))
    ten = row(report, "missing_patterns", "10 percentage points more")
    assert ten[1].replace("\u00a0", " ") == "1.44 (1.06 to 1.95)"
    assert row(report, "missing_patterns", "Yes")[1].replace("\u00a0", " ") == (
        "37.3 (1.77 to 788.6)"
    )


def test_rows_that_name_no_la_are_shown_where_there_are_any(opened: Open) -> None:
    aside = pd.DataFrame(
        [("unknown", "ipe_survey", "unknown code", 40), ("sefton", "plans", "not a date", 15)],
        columns=["la", "file", "rule", "rows"],
    ).assign(rows_masked=False)
    report = opened(Contents(tables={"set_aside": aside}))
    assert row(report, "set_aside", "")[1:] == [
        "Warwickshire", "Newcastle", "Coventry", "Solihull", "Sefton", "No LA named",
    ]  # fmt: skip
    code, date = "Code that is not in its list", "Date that can\u2019t be read"
    assert row(report, "set_aside", code) == [code, *"00000", "40"]
    assert row(report, "set_aside", date) == [date, *"0000", "15", "0"]
    nobody = f"{tag('data_quality.rows_of_no_la')}]"
    assert given("origins", f"Sefton and {nobody}") in report.q["set_aside.summary"]
