"""Several collections of one authority merged: the latest collection's word holds, and is counted.

A case, plan or episode that is open at the end of a year comes again in the next return, complete
or corrected. For each key the rows of the latest collection that has it are kept, all of them:
where two of one day differ, the loader sets them aside; but a row that the loader would set aside
never replaces one that it would keep. A child's characteristics are taken one by one, each from the
latest collection that gives a valid one. Of one day the CIN census is later than the
SSDA903, and of two of one kind that which was written later, where it says when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import pandas as pd

from fvlib.contract import FileSpec
from fvlib.contract.files import CARE_EPISODES, CHILDREN, PLANS, REFERRALS
from fvlib.statutory.collections import end_gone_rows, known_values, usable
from fvlib.statutory.returns import UNDATED, Return, days_of
from fvlib.statutory.values import UNREADABLE

WORSE: Final = "in several collections: the latest can't be used, an earlier kept"
REPLACED: Final = "in several collections: the latest kept"
UNCHANGED: Final = "in several collections, unchanged: one kept"
TWICE: Final = "in two returns of one day, unchanged: one kept"
MERGED: Final = "child in several returns: rows made one"
CHANGED: Final = "child differs between collections: the latest value kept"
DIFFERS: Final = "rows of one collection share a key and differ"
ORPHAN: Final = "child in no Header and no CIN census"
# A return of the year to 31 March describes the children of the year before that day.
DAYS_A_COLLECTION: Final = 366
# Of a child whose ethnicity another collection has, these say nothing.
_UNSAID: Final = ("REFU", "NOBT")
_CHARACTERISTICS: Final = ("birth_month", "sex", "ethnicity", "disability")
# The census has no id of a referral; the contract's is made of the other two, and of which of the
# day's it is.
_REFERRAL_KEY: Final = ("child_id", "referral_date", "referral_id")
_PREVIOUS: Final = "n_previous_cpp"
_ORDER: Final = ("collected", "file", "age")

Counts = Counter[tuple[str, str]]
Rows = Literal["children", "referrals", "plans", "episodes"]


@dataclass(slots=True)
class MergedReturns:
    """The contract's rows, and what merging decided.

    Attributes
    ----------
    children, referrals, plans, episodes
        Rows as text, ordered by their keys. `referrals` has `n_previous_cpp`.
    resolved
        Rows that merging took away or changed: (file, rule).
    passed_on
        Rows that are written for the loader to set aside: (file, what).
    alarms
        What must not be overlooked.
    """

    children: pd.DataFrame
    referrals: pd.DataFrame
    plans: pd.DataFrame
    episodes: pd.DataFrame
    resolved: Counts = field(default_factory=Counter)
    passed_on: Counts = field(default_factory=Counter)
    alarms: list[str] = field(default_factory=list)


def merge(returns: Sequence[Return]) -> MergedReturns:
    """Merge all returns of one authority.

    Parameters
    ----------
    returns
        At least one, dated where they can be. Their rows are taken out as they are merged, so
        that none stands in memory twice.

    Returns
    -------
    Merged
        Each referral has the number of the child's CPPs that began before it.
    """
    resolved, passed_on = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    children = _merged_children(returns, resolved, passed_on)
    of_census = sorted({read.collected for read in returns if not read.in_care} - {UNDATED})
    kept: dict[str, pd.DataFrame] = {}
    alarms: list[str] = []
    stacks: tuple[tuple[FileSpec, Rows, tuple[str, ...]], ...] = (
        (REFERRALS, "referrals", _REFERRAL_KEY),
        (PLANS, "plans", PLANS.key),
        (CARE_EPISODES, "episodes", CARE_EPISODES.key),
    )
    for file, name, key in stacks:
        rows = _stacked(returns, name)
        of_care = sorted(set(rows["collected"].unique()) - {UNDATED})
        days = of_care if file is CARE_EPISODES else of_census
        rows = end_gone_rows(file, rows, key, days, resolved, alarms=alarms)
        kept[name] = _latest(file, rows, key, resolved, passed_on)
    referrals, plans, episodes = kept["referrals"], kept["plans"], kept["episodes"]
    referrals[_PREVIOUS] = _previous_plans(referrals, plans)
    if len(episodes):
        known = episodes["CHILD"].isin(children["child_id"]) | (episodes["CHILD"] == "")
        passed_on["care_episodes", ORPHAN] += int((~known).sum())
    return MergedReturns(children, referrals, plans, episodes, +resolved, +passed_on, alarms)


def _stacked(returns: Sequence[Return], rows: Rows) -> pd.DataFrame:
    """Return all returns' rows, with `file` (the return's position), `collected` and `age`.

    `age` orders the returns: by the day of the collection, of one day the CIN census after the
    SSDA903, and then by when they were written.
    """
    written = sorted({read.exported for read in returns})
    frames = []
    for position, read in enumerate(returns):
        frame: pd.DataFrame = getattr(read, rows)
        if "collected" not in frame:
            frame = frame.assign(collected=np.int32(read.collected))
        within_day = len(written) * (not read.in_care) + written.index(read.exported)
        age = frame["collected"].astype(np.int64) * 2 * len(written) + within_day
        frames.append(frame.assign(file=np.int16(position), age=age))
        setattr(read, rows, pd.DataFrame(columns=frame.columns, dtype="str"))
    return pd.concat(_alike(frames), ignore_index=True)


def _alike(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Give the frames' columns the same categories, in alphabetical order."""
    shared = {
        str(name): pd.Index(sorted(set().union(*(frame[name].cat.categories for frame in frames))))
        for name, kind in frames[0].dtypes.items()
        if isinstance(kind, pd.CategoricalDtype)
    }
    return [
        frame.assign(**{name: frame[name].cat.set_categories(all) for name, all in shared.items()})
        for frame in frames
    ]


def _latest(
    file: FileSpec, rows: pd.DataFrame, key: tuple[str, ...], resolved: Counts, passed_on: Counts
) -> pd.DataFrame:
    """Keep, of each key, the rows of the latest collection that has it, in the key's order."""
    name = file.name
    columns = [column for column in rows.columns if column not in _ORDER]
    if rows["age"].max() > rows["age"].min():
        # A row that can't be used counts as older than any that can.
        rank = rows["age"].where(usable(file, rows), rows["age"] - rows["age"].max() - 1)
        groups = rows.assign(rank=rank).groupby(list(key), sort=False)
        newest = groups["rank"].transform("max")
        older = _keyed(rows, key) & (rank < newest) & ~_ended_at_once(file, rows, rank, newest)
        worse = older & (rows["age"] > groups["age"].transform("min")) & (rank < 0) & (newest >= 0)
        resolved[name, WORSE] += int(worse.sum())
        dropped, rows = rows[older & ~worse], rows[~older]
        alike = dropped.merge(rows[columns].drop_duplicates(), on=columns, how="inner")
        resolved[name, UNCHANGED] += len(alike)
        resolved[name, REPLACED] += len(dropped) - len(alike)
    again = _again(rows, columns)
    resolved[name, TWICE] += int(again.sum())
    kept = rows.loc[~again, columns]
    repeated = kept[kept.duplicated(list(key), keep=False)]
    distinct = repeated[_keyed(repeated, key)]
    if file is CARE_EPISODES:  # one that ends on the day it began, and the next one of that day
        at_once = (distinct["DEC"].astype("str") == distinct["DECOM"].astype("str")).groupby(
            [distinct[name] for name in key], observed=True
        )
        distinct = distinct[~((at_once.transform("size") == 2) & (at_once.transform("sum") == 1))]
    distinct = distinct.drop_duplicates([column for column in columns if column != _PREVIOUS])
    passed_on[name, DIFFERS] += int(distinct.duplicated(list(key), keep=False).sum())
    return _in_order(kept, key)


def _ended_at_once(
    file: FileSpec, rows: pd.DataFrame, rank: pd.Series[int], newest: pd.Series[int]
) -> pd.Series[bool]:
    """Tell which episodes ended on the day they began, another following them on that day.

    The next collection has the following one alone, as it asks for those open at the year's start.
    """
    if file is not CARE_EPISODES:
        return pd.Series(False, index=rows.index)
    at_once = rows["DEC"].astype("str") == rows["DECOM"].astype("str")
    key = [rows[name] for name in CARE_EPISODES.key]
    followed = (~at_once).groupby([*key, rows["age"]], observed=True).transform("any")
    corrected = (at_once & (rank == newest)).groupby(key, observed=True).transform("any")
    return at_once & followed & ~corrected


def _in_order(rows: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """Sort by the key, and rows that share one by what they hold, wherever they were read."""
    shared = rows.duplicated(list(key), keep=False)
    if shared.any():
        ordered = rows[shared].sort_values(list(rows.columns))
        rows = pd.concat([rows[~shared], ordered], ignore_index=True)
    return rows.sort_values(list(key), kind="stable", ignore_index=True)


def _keyed(rows: pd.DataFrame, key: Iterable[str]) -> pd.Series[bool]:
    """Whether a row can be told by its key."""
    return ~rows[list(key)].isin(["", UNREADABLE]).any(axis=1)


def _again(rows: pd.DataFrame, columns: list[str]) -> pd.Series[bool]:
    """Whether another return has the row already; repeats within one return stay, for the loader.

    The second of two equal rows in one return is matched with the second in the other.
    """
    if rows["file"].nunique() < 2:
        return pd.Series(False, index=rows.index)
    alike = rows[rows.duplicated(columns, keep=False)]
    nth = alike.groupby([*columns, "file"], sort=False).cumcount()
    again = alike.assign(nth=nth).duplicated([*columns, "nth"])
    return again.reindex(rows.index, fill_value=False)


def _previous_plans(referrals: pd.DataFrame, plans: pd.DataFrame) -> pd.Series[str]:
    """Return how many CPPs of the child began before each referral, empty where no plan tells.

    The number that the first group on or after the referral gives, less the child's own groups
    between the referral and it; without such a group, that of the latest earlier one plus one. A
    group that gives none, or two of one day that give two, tell nothing.
    """
    groups = plans[plans["plan_type"] == "CPP"]
    if groups.empty:
        return pd.Series("", index=referrals.index, dtype="str")
    days = groups.assign(day=days_of(groups["start_date"])).dropna(subset="day")
    texts = days[_PREVIOUS].astype("str")
    given = pd.to_numeric(texts.mask(texts == UNREADABLE, "-1"), errors="coerce")
    numbers = days.assign(given=given).groupby(["child_id", "day"], observed=True)["given"]
    told = numbers.agg(["min", "max"])
    own = told["min"].where(told["min"] == told["max"]).rename("given").reset_index()
    own = own.sort_values(["child_id", "day"], ignore_index=True)
    own["place"] = own.groupby("child_id").cumcount()  # the child's own groups before this one
    own = own.sort_values("day", ignore_index=True)
    asked = referrals[["child_id"]].assign(day=days_of(referrals["referral_date"]))
    asked = asked.dropna(subset="day").sort_values("day", kind="stable")
    before = pd.merge_asof(
        asked, own[["child_id", "day", "place"]], on="day", by="child_id", allow_exact_matches=False
    )
    begun = before["place"].fillna(-1) + 1  # own groups before the referral
    known = own.dropna(subset="given")
    later = pd.merge_asof(asked, known, on="day", by="child_id", direction="forward")
    earlier = pd.merge_asof(asked, own, on="day", by="child_id", allow_exact_matches=False)
    decides = later["given"].fillna(earlier["given"])
    number = (later["given"] - (later["place"] - begun)).clip(lower=0)
    number = number.fillna(earlier["given"] + 1)
    written = number.astype("Int64").astype("str").where(number.notna(), "")
    written = written.mask(decides == -1, UNREADABLE)
    return written.set_axis(asked.index).reindex(referrals.index).fillna("")


def _merged_children(
    returns: Sequence[Return], resolved: Counts, passed_on: Counts
) -> pd.DataFrame:
    rows = _stacked(returns, "children")
    uasc = _uasc(returns, rows)
    # No two rows without an id are known to be one child.
    several = rows["child_id"].duplicated(keep=False) & (rows["child_id"] != "")
    columns = ["child_id", *_CHARACTERISTICS]
    children = rows.loc[~several, columns]
    if several.any():
        one_each = _one_each(rows[several], resolved, passed_on)
        children = pd.concat([children, one_each[columns]], ignore_index=True)
    found = uasc.reindex(children["child_id"], fill_value="")
    children["uasc"] = found.set_axis(children.index)
    return _in_order(children, ("child_id",))


def _one_each(rows: pd.DataFrame, resolved: Counts, passed_on: Counts) -> pd.DataFrame:
    """Make one row of each child's rows; as many as tell apart what one collection says twice."""
    children = pd.DataFrame(index=pd.Index(rows["child_id"].unique(), name="child_id"))
    others: dict[str, pd.DataFrame] = {}
    changed: set[str] = set()
    for column in _CHARACTERISTICS:
        given = rows.loc[rows[column] != "", ["child_id", "age", column]]
        given = _without_weak(given, column)
        newest = given.groupby("child_id", sort=False)["age"].transform("max")
        best = given[given["age"] == newest].drop_duplicates(["child_id", column])
        best = best.sort_values(["child_id", column])
        second = best.duplicated("child_id")
        others[column] = best[second]
        children[column] = best[~second].set_index("child_id")[column]
        values = given.drop_duplicates(["child_id", column])
        several = set(values.loc[values.duplicated("child_id"), "child_id"])
        changed |= several - set(others[column]["child_id"])
    children = children.fillna("")
    variants = [
        children.loc[other["child_id"]].assign(**{column: other[column].to_numpy()})
        for column, other in others.items()
    ]
    resolved["children", MERGED] += len(rows) - len(children)
    resolved["children", CHANGED] += len(changed)
    if any(len(variant) for variant in variants):
        children = pd.concat([children, *variants])
        passed_on["children", DIFFERS] += int(children.index.duplicated(keep=False).sum())
    return children.reset_index()


def _without_weak(given: pd.DataFrame, column: str) -> pd.DataFrame:
    """Leave out what says nothing of a child of whom another return says something."""
    weak = ~known_values(CHILDREN.column(column), given[column]) | given[column].isin(_UNSAID)
    said = set(given.loc[~weak, "child_id"])
    return given[~(weak & given["child_id"].isin(said))]


def _uasc(returns: Sequence[Return], rows: pd.DataFrame) -> pd.Series[str]:
    """Unaccompanied asylum seeker: 1 where any return says so, 0 where one would have.

    Such children are looked after, so a return that lists them says of every other child of its
    years that it is none: of those in the SSDA903, and of those last seen in a CIN census of the
    years that the SSDA903 returns cover.

    Returns
    -------
    pandas.Series
        0, 1 or `unreadable` by child; a child of whom nothing is known has no entry.
    """
    listing = [read for read in returns if read.in_care and read.lists_uasc]
    flags = [pd.Series(dtype="str")]
    if listing:
        flags.append(pd.Series("0", index=_would_be_listed(listing, returns, rows), dtype="str"))
    said = rows.loc[(rows["uasc"] != "") & (rows["child_id"] != ""), ["child_id", "uasc"]]
    for value in ("0", UNREADABLE, "1"):
        children = said.loc[said["uasc"] == value, "child_id"]
        flags.append(pd.Series(value, index=pd.Index(children), dtype="str"))
    every = pd.concat(flags)
    last: pd.Series[str] = every[~every.index.duplicated(keep="last")]
    return last


def _would_be_listed(
    listing: Sequence[Return], returns: Sequence[Return], rows: pd.DataFrame
) -> pd.Index[str]:
    """Children whom a list of asylum seekers would hold if they were any: those of its years."""
    census = np.array([not read.in_care for read in returns])[rows["file"].to_numpy()]
    # A list of no year that has a child covers every year; an empty one covers none.
    filled = [returns[position] for position in rows["file"].unique()]
    if any(read.collected == UNDATED and read.lists_uasc for read in filled if read.in_care):
        days = sorted({read.collected for read in returns if read.in_care} - {UNDATED})
        listed = ~census
    else:
        days = sorted({read.collected for read in listing} - {UNDATED})
        listed = ~census & rows["collected"].isin(days).to_numpy()
    children = [rows.loc[listed, "child_id"]]
    seen = rows[census]
    newest = seen.groupby("child_id", sort=False)["collected"].transform("max")
    for day in days:
        covered = newest.between(day - DAYS_A_COLLECTION + 1, day)
        children.append(seen.loc[covered, "child_id"])
    found: pd.Index[str] = pd.Index(pd.concat(children).unique())
    return found
