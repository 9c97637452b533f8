"""The import of real-format samples that others published; expected counts are their README's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from fvlib.statutory.collections import CORRECTED
from tests.support.statutory_builders import SAMPLES, Desk, child_id, resolved, told, unfit

# Each test is skipped by name where the shared samples are not at hand.
CIN, CARE, LIIA = "csc-validator-be-cin", "csc-validator-be-903", "liia-tools"
Sample = Callable[[str], Path]
POSTCODE = re.compile(r"\b[A-Z]{1,2}\d{1,2} \d[A-Z]{2}\b")
FULL_UPN = re.compile(r"\b[A-Z]\d{12}\b")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Copy a sample, said to be the authority's own: the samples name made-up authorities."""

    def adopt(path: str) -> Path:
        source = SAMPLES / path
        if not source.exists():
            pytest.skip(f"the shared sample {path} is not here")
        files = [source] if source.is_file() else [f for f in source.iterdir() if f.is_file()]
        folder = tmp_path / "adopted"
        for file in files:
            content = re.sub(rb"<LEA>\d+</LEA>", b"<LEA>343</LEA>", file.read_bytes())
            content = re.sub(rb"\bLA(?=[,\r\n])", b"TOWN", content, count=1)
            folder.mkdir(exist_ok=True)
            (folder / file.name).write_bytes(content)
        return folder / source.name if source.is_file() else folder

    return adopt


def test_the_episodes_sample_keeps_every_row_and_child(desk: Desk, sample: Sample) -> None:
    report = desk.run(sample(f"{CARE}/episodes.csv"))
    rows = desk.rows("care_episodes")
    assert len(rows) == 5050
    assert len({row["CHILD"] for row in rows}) == 2123
    open_rows = [row for row in rows if not row["DEC"]]
    assert len(open_rows) == 1413
    assert all(row["REC"] for row in open_rows), "an open row's REC is passed on"
    assert report.returns[0].collected_on == "2018-03-31"
    assert not unfit(report)


def _chain_faults(rows: list[dict[str, str]]) -> dict[str, int]:
    """The traps that the README counts, open rows among them where they carry a REC."""
    faults = dict.fromkeys(
        ("overlap", "X1 not followed that day", "X1 then S", "end then not S"), 0
    )
    ordered = sorted(rows, key=lambda row: (row["CHILD"], row["DECOM"]))
    for this, following in pairwise(ordered):
        if this["CHILD"] != following["CHILD"]:
            continue
        faults["overlap"] += following["DECOM"] < this["DEC"]
        if this["REC"] == "X1":
            faults["X1 not followed that day"] += following["DECOM"] != this["DEC"]
            faults["X1 then S"] += following["RNE"] == "S"
        else:
            faults["end then not S"] += following["RNE"] != "S"
    open_rows = Counter(row["CHILD"] for row in rows if not row["DEC"])
    return {**faults, "two open": sum(n > 1 for n in open_rows.values())}


def test_the_traps_of_the_episodes_sample_are_all_passed_on(desk: Desk, sample: Sample) -> None:
    desk.run(sample(f"{CARE}/episodes.csv"))
    assert _chain_faults(desk.rows("care_episodes")) == {
        "overlap": 62,
        "X1 not followed that day": 16,
        "X1 then S": 11,
        "end then not S": 7,
        "two open": 5,
    }


def test_the_ssda903_samples_together(desk: Desk, sample: Sample) -> None:
    report = desk.run(sample(CARE))
    children = desk.rows("children")
    assert {one.file: one.children + one.episodes for one in report.returns} == {
        "episodes.csv": 5050,
        "fake_903.xml": 253 + 459,
        "header.csv": 2675,
        "uasc.csv": 132,
    }
    assert {name for name, _ in report.unused} == {"missing.csv", "sw_episodes.csv"}
    listed = (SAMPLES / CARE / "uasc.csv").read_text(encoding="utf-8").splitlines()[1:]
    marked = {row["child_id"] for row in children if row["uasc"] == "1"}
    assert {child_id(line.split(",")[0]) for line in listed} <= marked
    assert len(children) == 2675 + 253
    assert all(re.fullmatch(r"\d{4}-\d{2}", row["birth_month"]) for row in children)


def test_the_census_sample_keeps_every_child_and_referral(desk: Desk, sample: Sample) -> None:
    report = desk.run(sample(f"{CIN}/fake_CIN_data.xml"))
    referrals = desk.rows("referrals")
    assert len(desk.rows("children")) == 332
    assert len(referrals) == 402
    assert {row["referral_nfa"] for row in referrals} == {"1"}
    assert max(row["referral_date"] for row in referrals)[:2] == "20"
    assert desk.rows("plans") == []
    assert not unfit(report)


@pytest.mark.parametrize(
    ("file", "children", "referrals", "plans"),
    [
        ("CIN_Census_2021.xml", 1, 1, 2),
        ("CIN_Census_2024.xml", 2, 2, 2),
        ("CIN_Census_2026.xml", 2, 2, 2),
        ("CIN2rows.xml", 1, 1, 3),  # a plan stands there twice: that is for the loader
    ],
)
def test_the_small_census_samples(
    desk: Desk, sample: Sample, file: str, *, children: int, referrals: int, plans: int
) -> None:
    report = desk.run(sample(f"{CIN}/{file}"))
    assert (report.written["children"], report.written["referrals"], report.written["plans"]) == (
        children,
        referrals,
        plans,
    )
    by_child = {row["child_id"]: row for row in desk.rows("children")}
    example = by_child[child_id("DfEX0000001")]
    assert example["sex"] == "M"
    assert example["disability"] == "HAND;HEAR"
    previous = {row["child_id"]: row["n_previous_cpp"] for row in desk.rows("referrals")}
    assert previous[child_id("DfEX0000001")] == "11"  # ten before its plan, and that one


def test_a_file_names_year_is_not_believed(desk: Desk, sample: Sample) -> None:
    report = desk.run(sample(f"{CIN}/CIN_Census_2021.xml"))
    assert report.returns[0].collected_on == "2023-03-31"
    report = desk.run(sample(f"{CIN}/CIN_Census_2024.xml"))
    assert report.returns[0].collected_on == "2024-03-31"
    assert "its Year, 2023" in " ".join(report.returns[0].notes)


def test_two_years_of_the_same_child_merge_to_one(desk: Desk, sample: Sample) -> None:
    report = desk.run(sample(LIIA))
    assert {one.collected_on for one in report.returns if one.kind == "CIN census"} == {
        "2021-03-31",
        "2022-03-31",
    }
    assert len(desk.rows("children")) == 1
    assert [row["referral_nfa"] for row in desk.rows("referrals")] == ["0"]
    # Three that are open in one year come again with another start in the next.
    assert len(desk.rows("care_episodes")) == 5 + 23 - 3
    assert resolved(report)["care_episodes", CORRECTED] == 3


@pytest.mark.parametrize("folder", [CIN, CARE, LIIA])
def test_no_identifier_of_a_sample_leaves_it(desk: Desk, sample: Sample, folder: str) -> None:
    source = sample(folder)
    report = desk.run(source)
    sent = "\n".join(path.read_text(encoding="utf-8-sig") for path in source.iterdir())
    identifiers = {
        *re.findall(r"<(?:LAchildID|CHILDID)>([^<]+)<", sent),
        *re.findall(r"^([A-Z0-9_]{6,}),", sent, re.MULTILINE),
        *FULL_UPN.findall(sent),
        *POSTCODE.findall(sent),
        *re.findall(r"<DOB>([^<]+)<", sent),
    }
    out = b"\n".join(desk.written().values()).decode("utf-8") + told(report) + repr(report)
    words = set(re.findall(r"[\w/-]+", out)) | set(POSTCODE.findall(out))
    assert identifiers, "the search found some"
    assert identifiers & words == set()
