"""What a check finds: exit codes, a page without a child's value or a request to the web."""

from __future__ import annotations

import io
import re

import pandas as pd
from conftest import Sender, small_refresh
from rich.console import Console
from test_load import CASCADES, LA, SET_ASIDE, counts

from fvlib.data.check import CheckOutcome, check_refresh, summary_table
from fvlib.data.load import screen_refresh
from fvlib.data.rules import RULES

ACROSS_FILES = {"orphan child_id", "child set aside", "time point before live date"}
PLANTED = "Zanzibar7"


def checked(sender: Sender) -> CheckOutcome:
    sender.write()
    return check_refresh(small_refresh(), sender.root)


def printed(outcome: CheckOutcome) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(summary_table(outcome))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text)


def requests(html: str) -> list[str]:
    """Whatever would make a browser ask for another file."""
    attributes = re.findall(
        r"""(?:src|href|srcset|action|data|poster)\s*=\s*["']?([^"'\s>]+)""", html
    )
    return [at for at in attributes if not at.startswith("#")] + re.findall(
        r"@import[^;]*|url\([^)]*\)|<(?:script|link|iframe|object|embed)\b[^>]*", html
    )


def test_clean(sender: Sender) -> None:
    sender.set_cell(f"{LA}/children.csv", 1, "ethnicity", " wbri")  # resolved rows are clean
    outcome = checked(sender)
    assert outcome.exit_code == 0
    assert outcome.counts["rows"].tolist() == [1]
    assert "Clean: no row set aside, 1 resolved" in printed(outcome)
    assert "Clean: no row set aside" in outcome.html
    assert requests(outcome.html) == []


def test_rows_set_aside(sender: Sender) -> None:
    sender.set_cell(f"{LA}/plans.csv", 1, "plan_type", PLANTED)
    outcome = checked(sender)
    assert outcome.exit_code == 1
    assert (sender.folder / "set-aside" / LA / "plans.csv").is_file()
    text = printed(outcome)
    line = next(line for line in text.splitlines() if "unknown code" in line)
    assert "plans" in line
    assert [cell.strip() for cell in line.split("│")[4:9]] == ["", "", "1", "", ""]
    assert "Coventry, plans: 25.0%" in text  # 1 row of 4: over the banner's 5 %
    assert "Coventry, plans: 25.0%" in outcome.html
    assert requests(outcome.html) == []


def test_refused(sender: Sender) -> None:
    del sender.files[f"{LA}/plans.csv"]
    sender.swap("sefton/plans.csv", "plan_type", "<b>postcode</b>,plan_type")
    outcome = checked(sender)
    assert outcome.exit_code == 2
    assert "coventry/plans.csv: missing file" in outcome.message
    assert "coventry/plans.csv: missing file" in printed(outcome)
    assert "coventry/plans.csv: missing file" in outcome.html
    assert "<b>" not in outcome.html
    assert outcome.counts.empty


def test_no_value_of_a_child_is_on_the_page(sender: Sender) -> None:
    sender.set_cell(f"{LA}/children.csv", 1, "ethnicity", PLANTED)
    sender.set_cell(f"{LA}/children.csv", 2, "child_id", PLANTED)
    sender.set_cell(f"{LA}/referrals.csv", 3, "referral_date", PLANTED)
    sender.set_cell(f"{LA}/plans.csv", 1, "child_id", PLANTED)
    sender.set_cell("ipe_survey.csv", 1, "la", PLANTED)
    sender.set_cell("ipe_training.csv", 1, "team", PLANTED)
    outcome = checked(sender)
    assert outcome.exit_code == 1
    assert PLANTED.lower() not in outcome.html.lower()
    assert PLANTED.lower() not in printed(outcome).lower()
    assert not re.search(r"\bco[1-8]\b", outcome.html)


def test_pointblank_counts_what_the_screening_counts(sender: Sender) -> None:
    """Two readings of the same rules that share no code, over every rule's broken rows at once.

    The screening counts a row once, under its first rule, so the edits lie in different rows.
    """
    for n, (_, path, _, edit) in enumerate(SET_ASIDE):
        probe = Sender(sender.root, {p: sender.text(p) for p in (path, f"{LA}/children.csv")})
        before = probe.text(path).split("\n")
        edit(probe)
        after = probe.text(path).split("\n")
        broken = next(line for at, line in enumerate(after) if line not in before[at : at + 1])
        row = broken.replace("co1,", f"co{1 + n % 8},") if "," in broken else broken
        sender.edit(path, lambda text, row=row: text + row + "\n")
    for _, edit, _ in CASCADES:
        edit(sender)
    sender.write()
    outcome = check_refresh(small_refresh(), sender.root)
    _, screened = screen_refresh(small_refresh(), sender.root)
    assert outcome.exit_code == 1
    compared = 0
    for validation in outcome.validations:
        by_rule = dict(zip(validation.failed["rule"], validation.failed["rows"], strict=True))
        parts = [part for part in screened if part.spec.name == validation.file]
        for rule in {rule for part in parts for p in part.columns.values() for rule in p.faults}:
            ours = 0
            for part in parts:
                broken_rows = pd.DataFrame(
                    {name: p.breaks(rule) for name, p in part.columns.items()}
                ).any(axis=1)
                ours += int((broken_rows & ~part.resolved["identical row"]).sum())
            assert by_rule[rule] == ours, (validation.file, rule)
            compared += 1
        # Rules of whole rows: never fewer than the rows whose first fault it is.
        for part in parts:
            for rule in set(part.rule_names) - {""} - ACROSS_FILES:
                assert by_rule[rule] >= int((part.rule_names == rule).sum()), (part.spec.name, rule)
    assert compared > 15


def test_every_rule_within_a_file_is_one_of_pointblanks_checks(sender: Sender) -> None:
    sender.edit("la_context.csv", lambda text: text.replace("\n", ",1.5\n"))
    sender.swap("la_context.csv", "other_programme,1.5", "other_programme,early_help")
    sender.write()
    outcome = check_refresh(small_refresh(context_columns=("early_help",)), sender.root)
    done = {(each.file, rule) for each in outcome.validations for rule in each.failed["rule"]}
    expected = {
        (file, rule.id)
        for rule in RULES.values()
        if rule.outcome == "set aside" and rule.id not in ACROSS_FILES
        for file in rule.files
    }
    assert done == expected


def test_data_through_and_duplicates_in_both_readings(sender: Sender) -> None:
    sender.add(f"{LA}/plans.csv", "co1,CIN,2020-02-01,2020-08-05")  # differs: duplicate key
    sender.add(f"{LA}/plans.csv", "co2,CIN,2021-03-04,2021-09-05")  # identical: resolved
    sender.set_cell(f"{LA}/plans.csv", 4, "start_date", "2024-04-01")
    outcome = checked(sender)
    assert counts(outcome.counts[outcome.counts["outcome"] == "set aside"]) == {
        (LA, "plans", "duplicate key"): 2,
        (LA, "plans", "end before start"): 1,
    }
    plans = next(each for each in outcome.validations if each.file == "plans").failed
    rows = dict(zip(plans["rule"], plans["rows"], strict=True))
    assert rows["duplicate key"] == 2
    assert rows["end before start"] == 1
    assert rows["start after data_through"] == 1
