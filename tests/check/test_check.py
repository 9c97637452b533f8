"""What a check finds: exit codes, a page without a child's value or a request to the web."""

from __future__ import annotations

import io
import re
from functools import partial

import pytest
from lxml import html
from rich.console import Console

from fvlib.check import CheckOutcome, check_refresh, summary_table
from fvlib.cli import main
from fvlib.contract import FILES, RULES
from fvlib.protocol import LA_KEYS, LA_NAMES
from tests.intake.test_load import CASCADES, LA, SET_ASIDE, counts
from tests.support.sent_files import Sender, small_refresh

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


def rows_on_page(outcome: CheckOutcome, heading: str) -> list[list[str]]:
    """The rows of the table below a heading: their group, then their cells."""
    page = html.fromstring(outcome.html)
    (table,) = page.xpath(f"//h2[.='{heading}']/following::table[1]")
    rows, group = [], ""
    for row in table.xpath("tbody/tr"):
        cells = [cell.text_content().strip() for cell in row.xpath("th | td")]
        if row.xpath("th"):
            (group,) = cells
        else:
            rows.append([group, *cells])
    return rows


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
        "refresh: small\ndata: data/small\ndata_through: 2024-03-31\n"
        "retention: {published: 2020-01-31}\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(sender.root)
    monkeypatch.setattr("sys.argv", ["fv", "check", "small"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert "due for deletion since 2022-01-31" in told.err
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
    (told,) = rows_on_page(outcome, "Rows set aside")
    assert told[0] == "plans"
    assert told[1].startswith("Code that is not in its list. unknown code")
    assert told[2:] == [
        *("", "", "1", "", "", "1"),  # five authorities, and all
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


def test_the_page_tells_every_rules_rows_by_file_and_authority(sender: Sender) -> None:
    """Every rule's broken rows at once, each in a row of its own."""
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
    sender.add(f"{LA}/plans.csv", sender.text(f"{LA}/plans.csv").split("\n")[3])  # sent twice
    outcome = checked(sender)
    told = {
        (file, re.split(r"\. ", words, maxsplit=1)[0], la): int(number.replace(",", ""))
        for heading in ("Rows set aside", "Rows resolved", "Rows decided")
        for file, words, *numbers in rows_on_page(outcome, heading)
        for la, number in zip(LA_KEYS, numbers, strict=False)
        if number
    }
    found = outcome.counts
    labels = found["rule"].map(lambda rule: RULES[rule].label)
    labels = labels.str[:1].str.upper() + labels.str[1:]
    assert told == dict(
        zip(zip(found["file"], labels, found["la"], strict=True), found["rows"], strict=True)
    )
    assert len({rule for rule in found["rule"] if RULES[rule].outcome == "set aside"}) > 25
    arrived = rows_on_page(outcome, "What arrived")
    assert len(arrived) == 5 * (len(FILES) - 1)  # all but withdrawals
    for la, file, _, *numbers, _, _, _ in arrived:
        read, kept, aside, resolved = (int(n.replace(",", "") or 0) for n in numbers)
        copies = int(la == LA_NAMES[LA] and file == "plans")
        assert (read, resolved >= copies) == (kept + aside + copies, True), (la, file)


def test_data_through_and_duplicates(sender: Sender) -> None:
    sender.add(f"{LA}/plans.csv", "co1,CIN,2020-02-01,2020-08-05")  # differs: duplicate key
    sender.add(f"{LA}/plans.csv", "co2,CIN,2021-03-04,2021-09-05")  # identical: resolved
    sender.set_cell(f"{LA}/plans.csv", 4, "start_date", "2024-04-01")
    outcome = checked(sender)
    assert counts(outcome.counts[outcome.counts["outcome"] == "set aside"]) == {
        (LA, "plans", "duplicate key"): 2,
        (LA, "plans", "end before start"): 1,
    }
