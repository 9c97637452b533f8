"""The gate: what is masked, what is rounded, and that a swap is all or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvlib.gate import CountTable, ExactBundle, Margin, Running
from fvlib.gate import release as disclosure_release
from fvlib.gate.masking import is_small, mask_table, masks_of, rounded
from fvlib.gate.release import complete_swap, release
from fvlib.refresh import Disclosure

RULE = Disclosure(threshold=10, round_to=5)
AS_IS = Disclosure(threshold=1, round_to=1)

counts = st.lists(st.integers(0, 60), min_size=1, max_size=12)


def one_column(values: list[int]) -> pd.Series:
    return pd.Series(values, dtype="Float64")


def test_zero_is_shown_small_is_masked_the_rest_is_rounded() -> None:
    # By hand from the plan: 0 shown, 1..9 masked, 10..12 -> 10, 13..17 -> 15.
    table = CountTable(pd.DataFrame({"n": [0, 1, 9, 10, 12, 13, 17, 18]}), counts=("n",))
    out = mask_table(table, RULE)
    assert out["n"].astype(object).where(out["n"].notna(), None).tolist() == [
        0,
        None,
        None,
        10,
        10,
        15,
        15,
        20,
    ]
    assert out["n_masked"].tolist() == [False, True, True, False, False, False, False, False]


def test_threshold_one_and_rounding_one_release_counts_as_they_are() -> None:
    table = CountTable(pd.DataFrame({"n": [0, 1, 7, 123]}), counts=("n",))
    out = mask_table(table, AS_IS)
    assert out["n"].tolist() == [0, 1, 7, 123]
    assert not out["n_masked"].any()


def test_a_part_goes_when_the_rest_of_its_whole_is_small() -> None:
    frame = pd.DataFrame({"n": [40, 40, 40, 40], "events": [37, 20, 40, 0]})
    out = mask_table(CountTable(frame, counts=("n", "events"), parts={"events": "n"}), RULE)
    # 37 of 40 leaves 3, who would be told by subtraction; 40 of 40 leaves none.
    assert out["events_masked"].tolist() == [True, False, False, False]
    assert out["n_masked"].tolist() == [False] * 4


def test_a_share_is_computed_from_released_counts_or_goes_with_them() -> None:
    frame = pd.DataFrame({"n": [102, 102], "events": [13, 4], "share": [13 / 102, 4 / 102]})
    table = CountTable(
        frame, counts=("n", "events"), parts={"events": "n"}, shares={"share": ("events", "n")}
    )
    out = mask_table(table, RULE)
    assert out["share"][0] == pytest.approx(15 / 100)
    assert pd.isna(out["share"][1])
    assert out["share_masked"].tolist() == [False, True]


def test_a_mean_stands_where_there_are_no_events_and_goes_with_its_count() -> None:
    frame = pd.DataFrame(
        {"n": [100, 100, 5], "events": [20, None, None], "mean": [0.2, 31.456, 12.0]}
    )
    table = CountTable(
        frame,
        counts=("n", "events"),
        parts={"events": "n"},
        shares={"mean": ("events", "n")},
        means={"mean": ("n",)},
    )
    out = mask_table(table, RULE)
    assert out["mean"][0] == pytest.approx(0.2)
    assert out["mean"][1] == pytest.approx(31.46)
    assert pd.isna(out["mean"][2])
    assert out["mean_masked"].tolist() == [False, False, True]


@given(counts, st.integers(1, 15), st.integers(1, 10))
def test_nothing_small_is_ever_released(values: list[int], threshold: int, step: int) -> None:
    rule = Disclosure(threshold=threshold, round_to=step)
    out = mask_table(CountTable(pd.DataFrame({"n": values}), counts=("n",)), rule)
    shown = out["n"].dropna()
    exact = pd.Series(values)[~out["n_masked"]]
    assert ((exact == 0) | (exact >= threshold)).all()
    assert ((shown == 0) == (exact == 0).to_numpy()).all()
    assert (shown % step == 0).all()
    assert ((shown - exact.to_numpy()).abs() <= step).all()


@given(counts, st.integers(1, 10))
def test_rounding_is_to_the_nearest_step(values: list[int], step: int) -> None:
    out = rounded(one_column(values), Disclosure(threshold=1, round_to=step))
    for exact, shown in zip(values, out, strict=True):
        if exact == 0:
            assert shown == 0
        else:
            assert shown == max(step, step * ((2 * exact + step) // (2 * step)))


def test_an_absent_count_is_not_a_small_one() -> None:
    assert is_small(pd.Series([None, 3], dtype="Float64"), RULE).tolist() == [False, True]


BY_LA = Margin(by=("la",), split="split")


def split_table(cells: dict[str, list[int]], total: int | None = None) -> CountTable:
    """One LA's total and its cells under each split."""
    whole = sum(next(iter(cells.values()))) if total is None else total
    rows = [("sefton", "all", "", whole)]
    rows += [("sefton", by, str(at), n) for by, ns in cells.items() for at, n in enumerate(ns)]
    frame = pd.DataFrame(rows, columns=["la", "split", "level", "n"])
    return CountTable(frame, counts=("n",), margins=(BY_LA,))


def test_a_lone_masked_cell_takes_the_next_smallest_with_it() -> None:
    # 4 is small; 40 - 16 - 20 would give it back, so 16 goes too: 4 + 16 is no small count.
    masks = masks_of(split_table({"role": [4, 16, 20, 0]}), RULE)["n"]
    assert masks.tolist() == [False, True, True, False, False]


def test_masked_cells_whose_sum_is_small_take_another_with_them() -> None:
    # 2 + 3 = 5 is what the total leaves, and small.
    masks = masks_of(split_table({"role": [2, 3, 30, 50]}), RULE)["n"]
    assert masks.tolist() == [False, True, True, True, False]


def test_a_masked_total_is_not_given_back_by_a_full_set_of_cells() -> None:
    frame = pd.DataFrame(
        {
            "la": "sefton",
            "split": ["all", "role", "role"],
            "n": [40, 25, 15],
            "out_of": [43, 27, 16],
        }
    )
    table = CountTable(frame, counts=("n", "out_of"), parts={"n": "out_of"}, margins=(BY_LA,))
    assert masks_of(table, AS_IS)["n"].tolist() == [False] * 3
    frame = frame.assign(out_of=[43, 25, 18])  # 3 of the total are left, none and 3 of the cells
    table = CountTable(frame, counts=("n", "out_of"), parts={"n": "out_of"}, margins=(BY_LA,))
    assert masks_of(table, RULE)["n"].tolist() == [True, False, True]


def test_a_zero_is_masked_only_where_there_is_nothing_else() -> None:
    frame = pd.DataFrame(
        {"la": "sefton", "split": ["all", "role", "role"], "n": [30, 30, 0], "out_of": [60, 32, 28]}
    )
    table = CountTable(frame, counts=("n", "out_of"), parts={"n": "out_of"}, margins=(BY_LA,))
    assert masks_of(table, RULE)["n"].tolist() == [False, True, True]


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=2, max_size=6), min_size=1, max_size=3),
    st.booleans(),
)
def test_no_masked_cell_comes_back_by_subtraction(splits: list[list[int]], sent: bool) -> None:
    """An attacker who knows every shown cell exactly, and the total, learns no small count."""
    whole = max(sum(cells) for cells in splits)
    cells = {f"by{at}": [*ns[:-1], ns[-1] + whole - sum(ns)] for at, ns in enumerate(splits)}
    table = split_table(cells)
    if not sent:
        table = CountTable(table.frame[1:].reset_index(drop=True), ("n",), margins=(BY_LA,))
    masks = masks_of(table, RULE)["n"]
    hidden_total = bool((masks & (table.frame["split"] == "all")).any())
    for _, part in table.frame[table.frame["split"] != "all"].groupby("split"):
        gone = part.loc[masks[part.index], "n"]
        if hidden_total:
            assert len(gone) > 0
        elif len(gone) and (part["n"] > 0).sum() > 1:
            assert len(gone) > 1
            assert gone.sum() >= min(RULE.threshold, part["n"].sum())


def test_a_small_step_of_a_running_count_is_masked() -> None:
    # By hand: 52 to 58 is 6 families; from 52 to 63, past the masked one, are 11.
    frame = pd.DataFrame(
        {"la": ["sefton"] * 3 + ["solihull"], "n": [52, 58, 63, 60], "staff": [300, 301, 302, 303]}
    )
    table = CountTable(frame, counts=("n", "staff"), running=Running(by=("la",), counts=("n",)))
    masks = masks_of(table, RULE)
    assert masks["n"].tolist() == [False, True, False, False]
    assert not masks["staff"].any()  # a stock's net change counts no persons
    marked = table.frame.assign(runs=[True, False, True, True])
    table = CountTable(marked, counts=("n",), running=Running(("la",), ("n",), where="runs"))
    assert masks_of(table, RULE)["n"].tolist() == [False] * 4
    assert "runs" not in mask_table(table, RULE)


def test_a_small_step_from_any_count_shown_before_is_masked() -> None:
    # By hand: an analysis of 997 is three children short of the first; that of 980 stands between.
    frame = pd.DataFrame({"outcome": ["P1"] * 4 + ["S1"], "n": [1000, 980, 997, 1000, 997]})
    table = CountTable(frame, counts=("n",), running=Running(by=("outcome",), counts=("n",)))
    assert masks_of(table, RULE)["n"].tolist() == [False, False, True, False, False]


def test_exempt_rows_pass_as_they_are_and_their_mark_stays_behind() -> None:
    frame = pd.DataFrame({"n": [3.0, 3.0, 17.4], "value": [3.0, 3.0, 17.4], "whole": [None] * 3})
    frame["posts"] = [False, True, True]
    frame["met"] = ["met", "met", "not met"]
    table = CountTable(
        frame, counts=("n", "whole"), shares={"value": ("n", "whole")}, or_count=("value",),
        exempt="posts", follows={"met": "value"},
    )  # fmt: skip
    out = mask_table(table, RULE)
    assert "posts" not in out
    assert pd.isna(out["n"][0]) and out["n"][1:].tolist() == [3.0, 17.4]
    assert out["value"][1:].tolist() == [3.0, 17.4]
    assert out["value_masked"].tolist() == [True, False, False]
    assert pd.isna(out["met"][0]) and out["met"][1:].tolist() == ["met", "not met"]


def test_what_another_table_masks_is_masked_here() -> None:
    frame = pd.DataFrame({"n": [50, 60], "elsewhere": [True, False]})
    out = mask_table(CountTable(frame, counts=("n",), hidden={"n": "elsewhere"}), RULE)
    assert out.columns.tolist() == ["n", "n_masked"]
    assert out["n_masked"].tolist() == [True, False]


def bundle(n: int) -> ExactBundle:
    frame = pd.DataFrame({"analysis": ["P1"], "n": [n], "estimate": [0.1 + 0.2]})
    return ExactBundle(
        estimates=CountTable(frame, counts=("n",)),
        tables={"flow": CountTable(pd.DataFrame({"la": ["sefton"], "n": [n]}), counts=("n",))},
        manifest={"refresh": "toy", "n": n},
    )


def test_released_files_hold_the_masked_table_and_its_twins(tmp_path: Path) -> None:
    to = tmp_path / "toy"
    release(bundle(4), to, RULE)
    assert (to / "tables" / "flow.csv").read_text() == "la,n,n_masked\nsefton,,true\n"
    assert (to / "estimates.csv").read_text() == "analysis,n,n_masked,estimate\nP1,,true,0.3\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["toy"]


def test_the_same_bundle_gives_the_same_bytes(tmp_path: Path) -> None:
    release(bundle(40), tmp_path / "one", RULE)
    release(bundle(40), tmp_path / "two", RULE)
    for name in ("estimates.csv", "tables/flow.csv", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("crash", ["before the swap", "between the renames", "after them"])
def test_an_interrupted_swap_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash: str
) -> None:
    to = tmp_path / "toy"
    release(bundle(40), to, RULE)
    real = Path.rename
    calls: list[Path] = []

    def rename(self: Path, target: Path) -> Path:
        calls.append(self)
        if crash == "before the swap" or (crash == "between the renames" and len(calls) == 2):
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    if crash == "after them":
        monkeypatch.setattr(shutil, "rmtree", interrupted_when_retired(to))
    with pytest.raises(KeyboardInterrupt):
        release(bundle(80), to, RULE)
    monkeypatch.undo()
    complete_swap(to)
    shown = (to / "tables" / "flow.csv").read_text()
    manifest = (to / "manifest.json").read_text()
    expected = 40 if crash == "before the swap" else 80
    assert f"sefton,{expected},false" in shown
    assert f'"n": {expected}' in manifest
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]


def interrupted_when_retired(to: Path):
    real = shutil.rmtree

    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        if Path(path).name.endswith(disclosure_release.RETIRED) and Path(path).exists():
            raise KeyboardInterrupt
        real(path, ignore_errors=ignore_errors)

    return rmtree
