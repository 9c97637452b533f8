"""What changed since the previous refresh, from two small released bundles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from fvlib.errors import Refusal
from fvlib.gate import CountTable
from fvlib.gate.masking import mask_table
from fvlib.pipeline.changes import changes, read_previous
from fvlib.pipeline.freshness import _previous_hash
from fvlib.refresh import Disclosure, parse_refresh

RULE = Disclosure()  # threshold 10, rounded to 5
NAMES = {
    "arrivals": (["la", "file"], "rows_read"),
    "set_aside": (["la", "file", "rule"], "rows"),
    "flow": (["la", "step"], "n"),
}


def released(
    arrivals: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    set_aside: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    flow: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    rule: Disclosure = RULE,
) -> dict[str, pd.DataFrame]:
    """Exact rows of the three tables, put through the gate."""
    rows = {"arrivals": arrivals, "set_aside": set_aside, "flow": flow}
    return {
        name: mask_table(
            CountTable(pd.DataFrame(rows[name], columns=[*keys, count]), counts=(count,)), rule
        )
        for name, (keys, count) in NAMES.items()
    }


def write(folder: Path, tables: dict[str, pd.DataFrame], through: str = "2024-03-31") -> Path:
    (folder / "tables").mkdir(parents=True)
    for name, table in tables.items():
        out = table.copy()
        for column in [c for c in out.columns if c.endswith("_masked")]:
            out[column] = out[column].map({True: "true", False: "false"})
        out.to_csv(folder / "tables" / f"{name}.csv", index=False)
    manifest = {"data_through": {"sefton": through}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def told(folder: Path, now: dict[str, pd.DataFrame]) -> dict[tuple[str, ...], Any]:
    """The released differences: (subject, la, item[, rule]) -> signed change, or "[c]"."""
    out = mask_table(changes(read_previous(folder), now), RULE)
    signs = {"more": 1, "fewer": -1, "same": 0}
    return {
        tuple(filter(None, (row.subject, row.la, row.item, row.rule))):
        "[c]" if row.n_masked else None if pd.isna(row.n) else signs[row.direction] * int(row.n)
        for row in cast("Iterator[Any]", out.itertuples())
    }  # fmt: skip


def test_counts_of_both_refreshes_are_set_side_by_side(tmp_path: Path) -> None:
    before = released(
        arrivals=[("sefton", "plans", 1203), ("sefton", "referrals", 500)],
        set_aside=[("sefton", "plans", "end before start", 81)],
        flow=[("sefton", "cohort", 400), ("sefton", "P1_not_observable", 240)],
    )
    now = released(
        arrivals=[("sefton", "plans", 1322), ("sefton", "referrals", 480)],
        set_aside=[("sefton", "referrals", "missing value", 30)],
        flow=[("sefton", "cohort", 400), ("sefton", "P1_not_observable", 0)],
    )
    assert told(write(tmp_path / "old", before), now) == {
        ("rows_read", "sefton", "plans"): 115,  # 1320 less 1205: the released counts, not the exact
        ("rows_read", "sefton", "referrals"): -20,
        ("set_aside", "sefton", "plans", "end before start"): -80,  # corrected: no row any more
        ("set_aside", "sefton", "referrals", "missing value"): 30,  # a rule met for the first time
        ("flow", "sefton", "cohort"): 0,
        ("flow", "sefton", "P1_not_observable"): -240,
    }


def test_steps_of_the_flow_that_say_nothing_of_the_refresh_are_left_out(tmp_path: Path) -> None:
    flow = [("sefton", "no_referral", 50), ("sefton", "S5_turning_18", 40)]
    folder = write(tmp_path / "old", released(flow=flow))
    assert told(folder, released(flow=[(la, step, n + 30) for la, step, n in flow])) == {}


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (100, 109, 10),  # 100 and 110
        (100, 107, "[c]"),  # 100 and 105: fewer than ten persons, whoever they are
        (100, 93, "[c]"),
        (100, 102, 0),
        (7, 200, "[c]"),  # the earlier count was masked
        (200, 7, "[c]"),  # the later one is
        (0, 12, 10),
        (12, 0, -10),
    ],
)
def test_a_difference_is_a_count(tmp_path: Path, before: int, after: int, shown: object) -> None:
    folder = write(tmp_path / "old", released(flow=[("sefton", "cohort", before)]))
    now = released(flow=[("sefton", "cohort", after)])
    assert told(folder, now) == {("flow", "sefton", "cohort"): shown}


def test_fewer_than_thirty_child_terms_may_be_of_fewer_than_ten_children(tmp_path: Path) -> None:
    steps = {"S6_analysed": 100, "S6_not_observable": 100, "P1_analysed": 100}
    folder = write(tmp_path / "old", released(flow=[("sefton", *step) for step in steps.items()]))
    more = {"S6_analysed": 125, "S6_not_observable": 130, "P1_analysed": 125}
    now = released(flow=[("sefton", *step) for step in more.items()])
    assert told(folder, now) == {
        ("flow", "sefton", "S6_analysed"): "[c]",
        ("flow", "sefton", "S6_not_observable"): 30,
        ("flow", "sefton", "P1_analysed"): 25,
    }


def test_without_rounding_a_small_difference_is_masked_all_the_same(tmp_path: Path) -> None:
    exact = Disclosure(round_to=1)
    folder = write(tmp_path / "old", released(flow=[("sefton", "cohort", 103)], rule=exact))
    now = released(flow=[("sefton", "cohort", 105)], rule=exact)
    assert told(folder, now) == {("flow", "sefton", "cohort"): "[c]"}


def test_what_one_refresh_does_not_count_has_no_difference(tmp_path: Path) -> None:
    folder = write(tmp_path / "old", released(arrivals=[("sefton", "plans", 50)]))
    now = released(arrivals=[("sefton", "plans", 50), ("sefton", "ipe_fgc", 90)])
    assert told(folder, now) == {
        ("rows_read", "sefton", "plans"): 0,
        ("rows_read", "sefton", "ipe_fgc"): None,
    }


def test_a_masked_cell_cannot_be_told_from_its_direction(tmp_path: Path) -> None:
    folder = write(tmp_path / "old", released(flow=[("sefton", "cohort", 7)]))
    out = mask_table(
        changes(read_previous(folder), released(flow=[("sefton", "cohort", 90)])), RULE
    )
    assert out["direction"].isna().all()
    assert out["n"].isna().all()


@pytest.mark.parametrize("lacks", ["folder", "manifest", "table", "column"])
def test_a_bundle_that_is_not_there_is_no_bundle(tmp_path: Path, lacks: str) -> None:
    folder = tmp_path / "old"
    if lacks != "folder":
        write(folder, released(flow=[("sefton", "cohort", 100)]))
    if lacks == "manifest":
        (folder / "manifest.json").unlink()
    if lacks == "table":
        (folder / "tables" / "flow.csv").unlink()
    if lacks == "column":
        (folder / "tables" / "flow.csv").write_text("la,step\nsefton,cohort\n", encoding="utf-8")
    assert read_previous(folder) is None
    assert changes(None, {}).frame.empty


def params(**settings: str) -> Any:
    text = "refresh: now\ndata: data/now\ndata_through: 2024-03-31\n"
    text += "".join(f"{key}: {value}\n" for key, value in settings.items())
    return parse_refresh(text.encode(), "params/now.yml", "now")


def test_results_go_stale_with_what_they_are_compared_with(tmp_path: Path) -> None:
    refresh = params(previous_refresh="old")
    hashes = [_previous_hash(refresh, tmp_path)]
    folder = write(tmp_path / "results" / "old", released(flow=[("sefton", "cohort", 100)]))
    hashes.append(_previous_hash(refresh, tmp_path))
    (folder / "tables" / "crude.csv").write_text("la\n", encoding="utf-8")  # isn't compared
    assert _previous_hash(refresh, tmp_path) == hashes[-1]
    path = folder / "tables" / "flow.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("100", "150"), encoding="utf-8")
    hashes.append(_previous_hash(refresh, tmp_path))
    assert len(set(hashes)) == 3
    assert _previous_hash(params(), tmp_path) == ""


def test_a_refresh_does_not_come_before_itself() -> None:
    with pytest.raises(Refusal, match="previous_refresh is this refresh itself"):
        params(previous_refresh="now")
