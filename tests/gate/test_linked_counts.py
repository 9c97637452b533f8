"""Complementary suppression on small tables whose answer is worked out by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from fvlib.gate import CountTable
from fvlib.gate.linked_counts import Summed, System, Unshown
from fvlib.gate.masking import mask_tables
from fvlib.refresh import Disclosure

RULE = Disclosure(threshold=10, round_to=1)


def shown(*systems: System, **frames: pd.DataFrame) -> dict[str, list[int | None]]:
    """Return each table's released counts, None where masked."""
    tables = {name: CountTable(frame, counts=("n",)) for name, frame in frames.items()}
    out = mask_tables(tables, systems, RULE)
    return {
        name: [None if pd.isna(n) else int(n) for n in frame["n"]] for name, frame in out.items()
    }


def one_way(*n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return cells a, b, ... and the table of their counts with the total."""
    names = list("abcdef"[: len(n)])
    cells = pd.DataFrame({"group": names, "n": n}, dtype=object)
    return cells, pd.DataFrame({"group": [*names, "all"], "n": [*n, sum(n)]})


BY_GROUP = (Summed("t", "n", {"group": "group"}),)


def test_the_smallest_of_the_others_goes_with_a_masked_count() -> None:
    cells, table = one_way(4, 30, 20, 50)
    assert shown(System(cells, BY_GROUP), t=table) == {"t": [None, 30, None, 50, 104]}


def test_two_masked_counts_that_are_small_together_take_a_third() -> None:
    cells, table = one_way(4, 3, 20, 50)  # all less c less d would tell of seven
    assert shown(System(cells, BY_GROUP), t=table) == {"t": [None, None, None, 50, 77]}
    cells, table = one_way(4, 6, 20, 50)  # ten together are not a small count
    assert shown(System(cells, BY_GROUP), t=table) == {"t": [None, None, 20, 50, 80]}


@pytest.mark.parametrize("spared", ["b", "both"])
def test_a_spared_count_is_masked_last(spared: str) -> None:
    # All less b would tell of a. b is the smaller, and goes only where all is spared too.
    cells, _ = one_way(4, 30)
    counts = (
        Summed("of_a", "n", {}, {"group": ("a",)}),
        Summed("of_b", "n", {}, {"group": ("b",)}, spared=True),
        Summed("of_all", "n", spared=spared == "both"),
    )
    frames = {
        f"of_{name}": pd.DataFrame({"n": [n]})
        for name, n in zip(("a", "b", "all"), (4, 30, 34), strict=True)
    }
    wanted = {"b": [30], "all": [None]} if spared == "b" else {"b": [None], "all": [34]}
    out = shown(System(cells, counts), **frames)
    assert out == {"of_a": [None]} | {f"of_{name}": n for name, n in wanted.items()}


def test_a_group_without_anybody_hides_nothing() -> None:
    cells, table = one_way(4, 0, 20)
    assert shown(System(cells, BY_GROUP), t=table) == {"t": [None, 0, None, 24]}


def test_a_total_of_zero_tells_that_its_groups_are_empty() -> None:
    # Nobody is in g: so the four of kind x are all in h, and h less its kind y would tell them.
    cells = pd.DataFrame(
        {"group": list("gghh"), "kind": list("xyxy"), "n": [0, 0, 4, 30]}, dtype=object
    )
    groups = pd.DataFrame({"group": ["g", "h"], "n": [0, 34]})
    of_y, of_x = pd.DataFrame({"group": ["h"], "n": [30]}), pd.DataFrame({"n": [4]})
    by = {"group": "group"}
    counts = (
        Summed("groups", "n", by),
        Summed("of_y", "n", by, {"kind": ("y",)}),
        Summed("of_x", "n", {}, {"kind": ("x",)}),
    )
    assert shown(System(cells, counts), groups=groups, of_y=of_y, of_x=of_x) == {
        "groups": [0, 34],
        "of_y": [None],
        "of_x": [None],
    }


def test_without_a_total_nothing_adds_up() -> None:
    cells, table = one_way(4, 30, 20)
    assert shown(System(cells, BY_GROUP), t=table[:3]) == {"t": [None, 30, 20]}


def test_a_count_in_two_tables_is_masked_in_both() -> None:
    # b is a's complement in t; the second table shows b again, under another name.
    cells, table = one_way(4, 30)
    again = pd.DataFrame({"who": ["b"], "n": [30]})
    system = System(cells, (*BY_GROUP, Summed("again", "n", {"group": "who"})))
    assert shown(system, t=table, again=again) == {"t": [None, None, 34], "again": [None]}


def test_a_total_in_another_table_counts_too() -> None:
    cells, table = one_way(4, 30, 20)
    total = pd.DataFrame({"n": [54]})
    system = System(cells, (*BY_GROUP, Summed("total", "n")))
    assert shown(system, t=table[:3], total=total) == {"t": [None, 30, None], "total": [54]}


def test_a_small_rest_that_no_table_shows_is_kept() -> None:
    # 30 of 36 are known: that six aren't stands in no table, but one less the other tells it.
    cells = pd.DataFrame({"known": ["yes", "no"], "n": [30, 6]}, dtype=object)
    everyone, known = pd.DataFrame({"n": [36]}), pd.DataFrame({"n": [30]})
    counts = (Summed("everyone", "n"), Summed("known", "n", levels={"known": ("yes",)}))
    rests = (Unshown(("known",), {"known": ("no",)}),)
    assert shown(System(cells, counts), everyone=everyone, known=known)["known"] == [30]
    hidden = shown(System(cells, counts, rests), everyone=everyone, known=known)
    assert hidden == {"everyone": [36], "known": [None]}


def by_place(*n: int) -> pd.DataFrame:
    return pd.DataFrame({"place": list("abcdef"[: len(n)]), "n": n}, dtype=object)


BY_PLACE = {"place": "place"}


def test_a_rest_of_another_system_s_persons_is_kept() -> None:
    # Forty live in a, says one table; 34 of them were seen, says another: six weren't.
    everybody, seen = by_place(40, 50), by_place(34, 50)
    cells = pd.DataFrame(
        {"place": list("aabb"), "seen": ["yes", "no"] * 2, "n": [34, 6, 50, 0]}, dtype=object
    )
    by_seen = System(
        cells,
        (Summed("seen", "n", BY_PLACE, {"seen": ("yes",)}),),
        (Unshown(("place",), {"seen": ("no",)}),),
        linked=("place",),
    )
    people = System(everybody, (Summed("everybody", "n", BY_PLACE),), linked=("place",))
    apart = shown(by_seen, seen=seen)
    assert apart == {"seen": [34, 50]}
    together = shown(by_seen, people, seen=seen, everybody=everybody)
    assert together == {"seen": [None, 50], "everybody": [40, 50]}


def test_what_only_another_system_gives_away_is_masked_there() -> None:
    # The four of a are masked where they stand; the total less b would tell them elsewhere.
    cells = by_place(4, 30)
    total = pd.DataFrame({"place": ["b", "all"], "n": [30, 34]})
    first = System(cells, (Summed("first", "n", BY_PLACE),), linked=("place",))
    second = System(cells, (Summed("second", "n", BY_PLACE),), linked=("place",))
    assert shown(first, second, first=cells[:1], second=total) == {
        "first": [None],
        "second": [None, 34],
    }


def test_a_count_in_two_systems_carries_its_mask_over() -> None:
    cells, table = by_place(4, 30), pd.DataFrame({"place": ["a", "b", "all"], "n": [4, 30, 34]})
    again = cells[1:].reset_index(drop=True)
    first = System(cells, (Summed("first", "n", BY_PLACE),), linked=("place",))
    second = System(
        cells,
        (Summed("first", "n", BY_PLACE), Summed("again", "n", BY_PLACE)),
        linked=("place",),
    )
    assert shown(first, second, first=table, again=again) == {
        "first": [None, None, 34],
        "again": [None],
    }


def test_a_count_may_be_of_two_sums_that_differ_by_nobody() -> None:
    # b is empty, so what is said of all is also true of all but b. All less c would tell of a.
    cells, _ = one_way(4, 0, 30)
    counts = (
        Summed("of_a", "n", levels={"group": ("a",)}),
        Summed("of_c", "n", levels={"group": ("c",)}, spared=True),
        Summed("total", "n"),
        Summed("again", "n", levels={"group": ("a", "c")}),
        Summed("again", "n"),
    )
    numbers = {"of_a": 4, "of_c": 30, "total": 34, "again": 34}
    frames = {name: pd.DataFrame({"n": [n]}) for name, n in numbers.items()}
    out = shown(System(cells, counts), **frames)
    assert out == {"of_a": [None], "of_c": [30], "total": [None], "again": [None]}


def test_where_no_mask_helps_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if a combination were found whose counts are masked already: it must end, and not leak.
    monkeypatch.setattr("fvlib.gate.linked_counts._Equations.mask_smallest", lambda self, used: 0)
    cells, table = one_way(4, 30, 20)
    assert shown(System(cells, BY_GROUP), t=table) == {"t": [None] * 4}


def test_rows_that_are_no_such_sum_are_left_alone() -> None:
    # An analysis of fewer children isn't the table's total, whatever it is called.
    cells, table = one_way(4, 30)
    fewer = pd.DataFrame({"n": [33]})
    system = System(cells, (*BY_GROUP, Summed("fewer", "n")))
    assert shown(system, t=table, fewer=fewer) == {"t": [None, None, 34], "fewer": [33]}


@pytest.mark.parametrize("seed", range(40))
def test_a_table_of_two_ways_gives_no_small_count_back(seed: int) -> None:
    """Brute force over small tables: another table fits what is shown, for each small count.

    Every masked count of a 3 x 3 table with its margins must be able to be something else: the
    shown rows and columns leave a direction in which it moves (rank with and without it).
    """
    draw = np.random.default_rng(seed)
    n = draw.choice([0, 2, 5, 12, 30], (3, 3))
    place = pd.MultiIndex.from_product([list("abc"), list("xyz")], names=["row", "column"])
    cells = place.to_frame(index=False).assign(n=n.ravel()).astype(object)
    both = [
        (row, column, int(part["n"].sum()))
        for row in [*"abc", "all"]
        for column in [*"xyz", "all"]
        for part in [cells[((cells["row"] == row) | (row == "all"))
                           & ((cells["column"] == column) | (column == "all"))]]
    ]  # fmt: skip
    table = pd.DataFrame(both, columns=["row", "column", "n"])
    by = {"row": "row", "column": "column"}
    released = shown(System(cells, (Summed("t", "n", by),)), t=table)["t"]
    known = [
        np.array([(row in (r, "all")) and (column in (c, "all")) for r, c in place], float)
        for (row, column, _), count in zip(both, released, strict=True)
        if count is not None
    ]
    empty = [np.eye(9)[k] for rows, count in zip(known, [c for c in released if c is not None],
                                                 strict=True)
             if count == 0 for k in np.flatnonzero(rows)]  # fmt: skip
    matrix = np.array([*known, *empty])
    small = [k for k in range(9) if 0 < n.ravel()[k] < RULE.threshold]
    for size in (1, 2):
        for chosen in combinations(small, size):
            if n.ravel()[list(chosen)].sum() < RULE.threshold:
                wanted = np.eye(9)[list(chosen)].sum(axis=0)
                grown = np.linalg.matrix_rank(np.vstack([matrix, wanted]))
                assert grown > np.linalg.matrix_rank(matrix), (n, chosen)
