"""Merging collections against a slow and obvious reading of the same rule, and the loader."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from fvlib.statutory.collections import GONE
from fvlib.statutory.import_returns import import_returns
from tests.support.statutory_builders import (
    KEY,
    LA,
    TWO_YEARS,
    Desk,
    census,
    child,
    child_id,
    protection_plan,
    referral,
)

if TYPE_CHECKING:
    from tests.support.sent_files import Sender

YEARS = ("2020-03-31", "2021-03-31", "2022-03-31")
DAYS = ("2019-05-01", "2020-05-01", "2021-05-01")
# (child, referral day, closed on, previous plans at a plan that starts that day)
Case = tuple[str, str, str, str]
CASES = st.tuples(
    st.sampled_from(("K-1", "K-2")),
    st.sampled_from(DAYS),
    st.sampled_from(("", "2021-12-01", "2021-12-02")),
    st.sampled_from(("", "0", "1")),
)


def _census(cases: list[Case], year: str) -> str:
    return census(
        "".join(
            child(
                identifier,
                referral(
                    day,
                    (f"<CINclosureDate>{closed}</CINclosureDate>" if closed else "")
                    + protection_plan(day, previous),
                ),
            )
            for identifier, day, closed, previous in cases
        ),
        year,
    )


def _as_followed_up(collections: list[list[Case]]) -> list[list[Case]]:
    """End what is open and gone from the next collection, or leave out what was corrected."""
    followed: list[list[Case]] = []
    for at, cases in enumerate(collections):
        last = at + 1 == len(collections)
        later = [] if last else collections[at + 1]
        keys, there = {case[:2] for case in cases}, {case[:2] for case in later}
        kept = []
        for identifier, day, closed, previous in cases:
            begun = day <= YEARS[at]
            gone = not last and begun and not closed and (identifier, day) not in there
            again = any(
                key[0] == identifier and key not in keys and key[1] <= YEARS[at] for key in there
            )
            if not (gone and again):
                kept.append((identifier, day, YEARS[at] if gone else closed, previous))
            else:  # an earlier collection's rows of a start that was withdrawn don't come back
                followed = [[c for c in old if c[:2] != (identifier, day)] for old in followed]
        followed.append(kept)
    return followed


def _expected(collections: list[list[Case]]) -> Counter[tuple[str, str, str]]:
    """For each child and day, the rows of the last collection that has them."""
    latest: dict[tuple[str, str], list[Case]] = {}
    for cases in _as_followed_up(collections):
        for key in {case[:2] for case in cases}:
            latest[key] = [case for case in cases if case[:2] == key]
    return Counter((child_id(case[0]), *case[1:3]) for rows in latest.values() for case in rows)


def _previous(collections: list[list[Case]], identifier: str, day: str) -> str:
    """How many of the child's plans, as the last collection has them, began before that day.

    Each case has a plan that starts with it and has no end, so that some are corrected or gone.
    """
    as_open = [
        [(who, start, "", number) for who, start, _, number in cases] for cases in collections
    ]
    latest: dict[str, set[str]] = {}
    for followed, cases in zip(_as_followed_up(as_open), collections, strict=True):
        for start in {case[1] for case in cases if case[0] == identifier}:
            latest[start] = {case[3] for case in followed if case[:2] == (identifier, start)}
    given = {
        start: int(max(numbers)) if len(numbers - {""}) == 1 else None
        for start, numbers in latest.items()
        if numbers
    }
    after = sorted(start for start, number in given.items() if start >= day and number is not None)
    if after:
        between = sum(day <= start < after[0] for start in given)
        return str(max(given[after[0]] - between, 0))
    before = [start for start in given if start < day]
    number = given[max(before)] if before else None
    return "" if number is None else str(number + 1)


@settings(max_examples=25)
@given(st.lists(st.lists(CASES, max_size=4), min_size=1, max_size=3), st.permutations(range(3)))
def test_merging_is_the_latest_collections_word(
    collections: list[list[Case]], names: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        for at, cases in enumerate(collections):
            desk.put(f"{names[at]}.xml", _census(cases, YEARS[at]))
        report = desk.run()
        rows = desk.rows("referrals")
    found = Counter((row["child_id"], row["referral_date"], row["closure_date"]) for row in rows)
    assert found == _expected(collections)
    identifiers = {child_id(name): name for name in ("K-1", "K-2")}
    for row in rows:
        assert row["n_previous_cpp"] == _previous(
            collections, identifiers[row["child_id"]], row["referral_date"]
        )
    # Every row that was read is written or counted as resolved.
    taken = sum(
        count.rows
        for count in report.resolved
        if count.file == "referrals" and count.what != GONE  # those are written, with an end
    )
    assert len(rows) + taken == sum(len(cases) for cases in collections)


def test_the_loader_takes_what_the_import_writes(sender: Sender, tmp_path: Path) -> None:
    sender.write()
    key_file = tmp_path / "la.key"
    key_file.write_text(KEY, encoding="utf-8")
    key_file.chmod(0o600)
    folder = sender.folder / LA
    for path in folder.iterdir():
        path.unlink()
    import_returns(TWO_YEARS, LA, folder, key_file=key_file)
    for name in list(sender.files):
        if name.startswith(f"{LA}/"):
            del sender.files[name]
    extracts = sender.load()
    children = extracts.children[extracts.children["la"] == LA].set_index("child_id")
    assert len(children) == 6
    assert children.loc[child_id("K-6"), "sex"] == "other"
    assert bool(children.loc[child_id("K-5"), "uasc"])
    assert children["disabled"].sum() == 2
    aside = extracts.set_aside[extracts.set_aside["la"] == LA]
    assert {(row.file, row.rule): row.rows for row in aside.itertuples()} == {
        ("referrals", "missing value"): 1,  # K-6 has no ReferralNFA
        ("care_episodes", "orphan child_id"): 1,  # K-7
    }
    referrals = extracts.referrals[extracts.referrals["la"] == LA]
    assert sorted(referrals["n_previous_cpp"].dropna()) == [0, 0, 1, 2]


def test_values_that_did_not_fit_are_set_aside_by_the_loader(
    sender: Sender, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    two = referral("2021-02-30") + referral("2021-06-01", nfa="maybe")
    plans = protection_plan("soon", "many") + protection_plan("2021-06-20", "1")
    bad = referral("2021-07-01", plans).replace("N1", "N77X")
    birth = "<PersonBirthDate>spring 2012</PersonBirthDate>"
    desk.put(
        "a.xml",
        census(child("K-1", two) + child("K-2", bad) + child("K-3", referral("2021-01-01"), birth)),
    )
    sender.write()
    for path in (sender.folder / LA).iterdir():
        path.unlink()
    (sender.folder / LA).rmdir()
    import_returns(desk.source, LA, sender.folder / LA, key_file=desk.key_file)
    for name in list(sender.files):
        if name.startswith(f"{LA}/"):
            del sender.files[name]
    extracts = sender.load()
    aside = extracts.set_aside[extracts.set_aside["la"] == LA]
    assert {(row.file, row.rule): row.rows for row in aside.itertuples()} == {
        ("children", "not a month"): 1,
        ("referrals", "child set aside"): 1,
        ("referrals", "not a date"): 1,
        ("referrals", "not 0 or 1"): 1,
        ("referrals", "unknown code"): 1,
        ("plans", "not a date"): 1,
    }
