"""What a check finds: exit codes, a page without a child's value or a request to the web."""

from __future__ import annotations

import io
import re
from functools import partial
from typing import Any

import great_tables._locale
import pandas as pd
import pytest
from rich.console import Console

from fvlib.check import CheckOutcome, check_refresh, summary_table
from fvlib.cli import main
from fvlib.contract import RULES
from fvlib.intake.load import screen_refresh
from tests.intake.test_load import CASCADES, LA, SET_ASIDE, counts
from tests.support.sent_files import Sender, small_refresh

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


@pytest.mark.parametrize(("plan_type", "code"), [("CIN", 0), ("CP", 1), (None, 2)])
def test_the_command_exits_as_the_outcome_is(
    sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plan_type: str | None,
    code: int,
) -> None:
    """A clean refresh, one with a row set aside, one without a file; the page is there for each."""
    if plan_type is None:
        del sender.files[f"{LA}/plans.csv"]
    else:
        sender.set_cell(f"{LA}/plans.csv", 1, "plan_type", plan_type)
    sender.write()
    (sender.root / "_quarto.yml").write_text("project:\n  type: book\n", encoding="utf-8")
    (sender.root / "params").mkdir()
    (sender.root / "params" / "small.yml").write_text(
        "refresh: small\ndata: data/small\ndata_through: 2024-03-31\n", encoding="utf-8"
    )
    monkeypatch.chdir(sender.root)
    monkeypatch.setattr("sys.argv", ["fv", "check", "small"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert ("coventry/plans.csv: missing file" in told.err) == (code == 2)
    assert ("unknown code" in told.out) == (code == 1)
    page = sender.root / "_report" / "small" / "check.html"
    heading = {0: "Clean: no row set aside", 1: "1 row set aside", 2: "Refused"}[code]
    assert heading in page.read_text(encoding="utf-8")


def test_clean(sender: Sender) -> None:
    sender.set_cell(f"{LA}/children.csv", 1, "ethnicity", " wbri")  # resolved rows are clean
    outcome = checked(sender)
    assert outcome.exit_code == 0
    assert not (outcome.counts["outcome"] == "set aside").any()
    assert outcome.counts.query("outcome == 'resolved'")["rows"].tolist() == [1]
    assert "Clean: no row set aside, 1 resolved" in printed(outcome)
    assert "Clean: no row set aside" in outcome.html
    assert requests(outcome.html) == []


def test_a_header_alone_is_an_empty_file_and_fine(sender: Sender) -> None:
    for path in sender.files:
        sender.edit(path, lambda text: text.partition("\n")[0] + "\n")
    outcome = checked(sender)
    assert (outcome.exit_code, outcome.message) == (0, "")
    assert all(f"{path.rpartition('/')[2][:-4]}" in outcome.html for path in sender.files)


def test_the_reports_locale_files_are_read_once_each(sender: Sender) -> None:
    """They were read for each number of the report: more than half of a check's time."""
    checked(sender)
    read: Any = great_tables._locale.read_csv
    reads = read.cache_info()
    assert reads.misses == reads.currsize <= 5  # as many as there are such files
    assert reads.hits > 100


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
    told = re.search(r"<td>plans</td><td>Code that is not in its list.*?</tr>", outcome.html)
    assert told is not None
    numbers = re.findall(r'<td class="number">(\d*)</td>', told[0])
    assert numbers == ["", "", "1", "", "", "1"]  # five authorities, and all
    assert re.findall("<td>([^<]*)</td>", told[0])[1:] == [
        "plan_type",
        "Put one of the codes of the data dictionary, or leave the value empty where it may be.",
    ]
    assert requests(outcome.html) == []


def test_plans_and_episodes_are_read_together_and_counted_by_la(sender: Sender) -> None:
    """Each LA's files have one plan that follows another on the next day, and no other choice."""
    plans = ["co2,CPP,2021-04-01,2021-08-01", "co5,CIN,2021-06-01,2021-07-01"]  # nested, touching
    episodes = [
        "co1,05/02/2020,S,C1,N1,U4,PR1,05/06/2020,X1,",
        "co1,05/05/2020,P,C1,N1,U4,PR1,05/07/2020,X1,",  # begins before the one before it ends
        "co1,09/07/2020,L,C1,N1,U4,PR1,,E4A,",  # after a gap of four days; REC without DEC
        "co2,01/02/2020,S,V4,N1,U4,PR1,03/02/2020,E4A,",  # a short break
        "co5,01/03/2020,L,C1,N1,U4,PR1,04/03/2020,E4A,",  # begins without RNE S
        "co5,01/02/2020,S,C1,N1,U4,PR1,03/02/2020,X1,",  # stands after it in the file
    ]
    for row in plans:
        sender.add(f"{LA}/plans.csv", row)
    for row in episodes:
        sender.add(f"{LA}/care_episodes.csv", row)
    outcome = checked(sender)
    assert outcome.exit_code == 0
    decided = outcome.counts[outcome.counts["outcome"] == "decided"]
    elsewhere = decided[decided["la"] != LA]
    assert set(elsewhere["rule"]) == {"plan_next_day_merged"}
    assert elsewhere["rows"].tolist() == [1] * 4
    assert counts(decided[decided["la"] == LA]) == {
        (LA, "plans", "plan_next_day_merged"): 1,
        (LA, "plans", "plan_overlap_merged"): 1,
        (LA, "plans", "plan_touch_merged"): 1,
        (LA, "care_episodes", "cut_at_next"): 1,
        (LA, "care_episodes", "started_after_gap"): 2,
        (LA, "care_episodes", "open_despite_reason"): 1,
        (LA, "care_episodes", "short_break_removed"): 1,
        (LA, "care_episodes", "sorted_by_start"): 1,
    }
    line = next(line for line in printed(outcome).splitlines() if "plan_overlap_merged" in line)
    assert [cell.strip() for cell in line.split("\u2502")[1:9]] == [
        "decided", "plans", "plan_overlap_merged", "", "", "1", "", "",
    ]  # fmt: skip
    assert "A day on two plans is one day" in outcome.html


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
        sender.edit(path, partial(lambda row, text: text + row + "\n", row))
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
