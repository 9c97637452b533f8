"""Spells from rows: periods of care from episodes, plan spells from plans, days covered once.

Each decision that a reconstruction takes is counted by LA under its own rule: the contract's
`DECISIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from fvlib.contract.rules import DECISIONS
from fvlib.trial.frames import Bools, Days, Ints, by_la, days, long_counts, stamps

SHORT_BREAKS: Final = ("V3", "V4")
STARTED: Final = "S"  # RNE: started to be looked after
CONTINUES: Final = "X1"  # REC: episode ceases and a new one begins

# Stands for an end not yet known; beyond any date, and small enough for _KEY below.
_NEVER: Final = 1 << 21
_KEY: Final = 1 << 23


@dataclass(frozen=True, slots=True)
class MergedSpells:
    """Intervals merged within each child.

    Attributes
    ----------
    child, start, end
        One entry a merged spell, in order of child and start; NaT end = open.
    spell
        For each input row, the position of its spell.
    reach
        For each input row, how many days after the latest earlier end its start lies (0 = on that
        day, negative = overlap). Only meaningful where `first` is false.
    first
        For each input row, whether it is its child's earliest.
    """

    child: Ints
    start: Days
    end: Days
    spell: Ints
    reach: Ints
    first: Bools


def merge(child: Ints, start: Days, end: Days, gap: int) -> MergedSpells:
    """Merge the intervals of each child that overlap or lie at most `gap` days apart.

    Parameters
    ----------
    child, start, end
        One entry a row, any order; NaT in `end` = open, none in `start`.
    gap
        Days from an end to the next start that still join: 0 = touching, 1 = the day after.
    """
    starts = start.astype("datetime64[D]").astype(np.int64)
    ends = np.where(np.isnat(end), _NEVER, end.astype("datetime64[D]").astype(np.int64))
    order = np.lexsort((ends, starts, child))
    who, begin, finish = child[order].astype(np.int64), starts[order], ends[order]
    # One running maximum over all children: the child stands in the high digits.
    latest = np.maximum.accumulate(who * _KEY + finish) - who * _KEY if len(who) else finish
    first = np.ones(len(who), dtype=bool)
    first[1:] = who[1:] != who[:-1]
    reach = np.zeros(len(who), dtype=np.int64)
    reach[1:] = begin[1:] - latest[:-1]
    new = first | (reach > gap)
    heads = np.flatnonzero(new)
    closing = np.maximum.reduceat(finish, heads) if len(heads) else finish
    last = closing.astype("datetime64[D]")
    last[closing == _NEVER] = np.datetime64("NaT")
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return MergedSpells(
        child=who[heads],
        start=begin[heads].astype("datetime64[D]"),
        end=last,
        spell=(np.cumsum(new) - 1)[back],
        reach=reach[back],
        first=first[back],
    )


def plan_spells(plans: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Mapping[str, Bools]]:
    """Merge the CIN and CPP of a child where they overlap, touch, or follow on the next day.

    Parameters
    ----------
    plans
        The extracts' plans: child, la, plan_type, start_date, end_date (NaT = open).

    Returns
    -------
    spells
        child, start, end (NaT = open), sorted by child and start; index 0..n-1.
    rows
        The plans themselves: child, plan_type, start, end, and `spell`, the index in `spells`.
    decisions
        Rule name -> which rows of `plans` it touched.
    """
    start, end = days(plans["start_date"]), days(plans["end_date"])
    merged = merge(plans["child"].to_numpy(np.int64), start, end, gap=1)
    spells = pd.DataFrame(
        {"child": merged.child, "start": stamps(merged.start), "end": stamps(merged.end)}
    )
    rows = pd.DataFrame(
        {
            "child": plans["child"].to_numpy(np.int64),
            "plan_type": plans["plan_type"].array,
            "start": stamps(start),
            "end": stamps(end),
            "spell": merged.spell,
        }
    )
    later = ~merged.first
    decisions = {
        "plan_overlap_merged": later & (merged.reach < 0),
        "plan_touch_merged": later & (merged.reach == 0),
        "plan_next_day_merged": later & (merged.reach == 1),
    }
    return spells, rows, decisions


def periods_of_care(episodes: pd.DataFrame) -> tuple[pd.DataFrame, Mapping[str, Bools]]:
    """Build periods of care from SSDA903 episodes.

    Episodes under V3 or V4 are taken out first. A period starts at an episode with RNE S, or at
    the first counted episode after a short break or after nothing; it goes on while REC is X1 and
    the next episode starts on DEC or the day after with RNE other than S. X1 with no successor
    ends the period at DEC; an empty DEC is open whatever REC says; overlapping episodes of a child
    are cut at the next one's start.

    Readings. "After nothing" holds for any episode that continues no period: the first of a child,
    one after an end other than X1, and one after a gap. "After a short break" means that the
    episode just before it, in order of DECOM, is one. An episode without DEC that a later one cuts
    goes on if its REC is X1, else the period ends there, and its end reason is X1: the child was
    in care until the next episode began, so a return that REC may name did not happen.

    Parameters
    ----------
    episodes
        The extracts' care episodes: child, la, DECOM, RNE, LS, PLACE, DEC (NaT = open), REC.

    Returns
    -------
    periods
        child, start, end (NaT = open), first_place, end_reason (missing while open), sorted by
        child and start; index 0..n-1.
    decisions
        Rule name -> which rows of `episodes` it touched.
    """
    child = episodes["child"].to_numpy(np.int64)
    # Of two that begin on one day, the one that ends on it comes first; NaT, open, is the least.
    begun, ended = (days(episodes[name]) for name in ("DECOM", "DEC"))
    order = np.lexsort((ended != begun, begun.astype(np.int64), child))
    ordered = episodes.take(order)
    who = child[order]
    short = ordered["LS"].isin(SHORT_BREAKS).to_numpy()
    after_break = np.zeros(len(who), dtype=bool)
    after_break[1:] = short[:-1] & (who[1:] == who[:-1])

    counted = ordered[~short]
    who, after_break = who[~short], after_break[~short]
    start, stated_end = days(counted["DECOM"]), days(counted["DEC"])
    begins = (counted["RNE"] == STARTED).to_numpy(dtype=bool, na_value=False)
    goes_on = (counted["REC"] == CONTINUES).to_numpy(dtype=bool, na_value=False)

    followed = np.zeros(len(who), dtype=bool)
    followed[:-1] = who[:-1] == who[1:]
    next_start = np.full(len(who), np.datetime64("NaT"), dtype="datetime64[D]")
    next_start[:-1][followed[:-1]] = start[1:][followed[:-1]]
    unended = np.isnat(stated_end)
    open_cut = unended & followed
    cut = followed & (stated_end > next_start)
    end = np.where(open_cut | cut, next_start, stated_end)

    preceded = np.zeros(len(who), dtype=bool)
    preceded[1:] = followed[:-1]
    after_x1 = preceded.copy()
    after_x1[1:] &= goes_on[:-1]
    wait = np.zeros(len(who), dtype=np.int64)
    wait[1:] = np.where(followed[:-1], (start[1:] - end[:-1]).astype(np.int64), 0)
    continues = after_x1 & (wait <= 1) & ~begins & ~after_break

    heads = np.flatnonzero(~continues)
    tails = np.append(heads[1:], len(who))[: len(heads)] - 1
    reasons = counted["REC"].astype(object).mask(unended & ~followed).mask(open_cut, CONTINUES)
    periods = pd.DataFrame(
        {
            "child": who[heads],
            "start": stamps(start[heads]),
            "end": stamps(end[tails]),
            "first_place": counted["PLACE"].array.take(heads),
            "end_reason": pd.Categorical(reasons.array.take(tails)),
        }
    )

    unsaid = ~continues & ~begins
    plain = unsaid & ~after_break
    in_counted = {
        "open_despite_reason": unended & counted["REC"].notna().to_numpy(),
        "cut_at_next": cut,
        "open_cut_at_next": open_cut,
        "joined_next_day": continues & (wait == 1),
        "started_after_nothing": plain & ~preceded,
        "started_after_short_break": unsaid & after_break,
        "started_after_end": plain & preceded & ~after_x1,
        "started_after_gap": plain & after_x1,
        "started_despite_x1": begins & after_x1,
        "ended_without_successor": goes_on & ~unended & ~followed,
    }
    in_file_order = np.zeros(len(child), dtype=bool)
    in_file_order[1:] = (child[1:] == child[:-1]) & (
        np.diff(days(episodes["DECOM"]).astype(np.int64)) < 0
    )
    positions = order[~short]
    decisions = {rule: _scatter(rows, positions, len(child)) for rule, rows in in_counted.items()}
    decisions["short_break_removed"] = _scatter(short, order, len(child))
    decisions["sorted_by_start"] = in_file_order
    return periods, decisions


def count_decisions(*touched: tuple[pd.DataFrame, Mapping[str, Bools]]) -> pd.DataFrame:
    """Count decisions by LA and rule; every LA and every rule of `DECISIONS` has its row.

    Parameters
    ----------
    touched
        Pairs of a frame with a column `la` and the rules' masks over its rows.

    Returns
    -------
    pandas.DataFrame
        la, rule, rows.
    """
    rows = [
        by_la(frame["la"], decisions[rule]).rename(rule)
        for rule in DECISIONS
        for frame, decisions in touched
        if rule in decisions
    ]
    return long_counts(pd.concat(rows, axis=1), "rule", "rows")


def _scatter(rows: Bools, positions: Ints, length: int) -> Bools:
    scattered = np.zeros(length, dtype=bool)
    scattered[positions] = rows
    return scattered
