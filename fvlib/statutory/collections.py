"""One collection after another: drafts replaced, rows that the next one no longer has, bad rows.

A case, plan or episode that is open on a collection's last day must stand in the next collection
(SSDA903 rule 502; the CIN census asks for every case open in its year). One that doesn't was
corrected, or the child has left the authority: it is never read as open for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import combinations, pairwise
from typing import Final

import numpy as np
import pandas as pd

from fvlib.contract import Column, FileSpec
from fvlib.contract.files import CARE_EPISODES, CHILDREN, PLANS, REFERRALS, UNKNOWN_AFTER
from fvlib.errors import Refusal
from fvlib.statutory.returns import UNDATED, Return, days_of
from fvlib.statutory.values import DateReader, is_date

CORRECTED: Final = "open, and in the next collection with another start: that one kept"
GONE: Final = "open, and not in the next collection: unknown after the last day of its own"
# Children of a draft that the final return lacks, and as a share of it: more are no correction.
LEAST_UNREAD: Final = 3  # fewer unknown values are slips, and are set aside
MOST_LOST: Final = 10
MOST_LOST_SHARE: Final = 0.1


def replaced_drafts(returns: Sequence[Return]) -> tuple[list[Return], list[str], list[str]]:
    """Take out the earlier of several files of one collection, where they say when they were made.

    Returns
    -------
    kept, notes, warnings
        The returns that count; what was replaced, in words; and where much was lost by it, or
        nothing tells which of two is the earlier.
    """
    kept, notes, warnings = list(returns), list[str](), list[str]()
    for read in returns:
        same = [
            other
            for other in returns
            if (other.kind, other.collected) == (read.kind, read.collected)
        ]
        latest = max(same, key=lambda other: other.exported)
        if read.collected == UNDATED or not 0 < read.exported < latest.exported:
            continue
        kept.remove(read)
        lost = len(set(read.children["child_id"]) - set(latest.children["child_id"]))
        told = (
            f"{read.file}: replaced by {latest.file}, a later file of the same collection; "
            f"children that only the earlier one has, left out: {lost:,}"
        )
        notes.append(told)
        if lost > max(MOST_LOST, MOST_LOST_SHARE * len(latest.children)):
            warnings.append(f"{told}. Is it a part of the return, and no draft of it?")
    for one, other in combinations(kept, 2):
        if one.collected and (one.kind, one.collected) == (other.kind, other.collected):
            differing = _differing(one, other)
            if differing:
                warnings.append(
                    f"{one.file} and {other.file} are of one collection, and nothing tells which "
                    f"is the later; rows of the same children that only one of them has: "
                    f"{differing:,}, all kept. Keep the final one alone"
                )
    return kept, notes, warnings


def _differing(one: Return, other: Return) -> int:
    """Count the rows that only one of two returns has, of the children that both have.

    Parts of a collection have few children in common: there nothing is counted.
    """
    children = [
        set(read.children["child_id"]).union(read.episodes["CHILD"]) - {""} for read in (one, other)
    ]
    common = children[0] & children[1]
    if 2 * len(common) < min(map(len, children)):
        return 0
    keys = [
        {
            key
            for rows, columns in (
                (read.referrals, ["child_id", "referral_date"]),
                (read.plans, list(PLANS.key)),
                (read.episodes, list(CARE_EPISODES.key)),
            )
            for key in rows.loc[rows[columns[0]].isin(common), columns].itertuples(
                index=False, name=None
            )
        }
        for read in (one, other)
    ]
    return len(keys[0] ^ keys[1])


def end_gone_rows(
    file: FileSpec,
    rows: pd.DataFrame,
    key: Sequence[str],
    days: Sequence[int],
    resolved: Counter[tuple[str, str]],
    *,
    alarms: list[str],
) -> pd.DataFrame:
    """End the rows that are open in one collection and gone from the next that there is.

    Where years or a whole module lie between, nothing is known after the last day either.

    Parameters
    ----------
    file
        The contract's file.
    rows
        All collections' rows, with `collected`.
    key
        The columns that tell rows apart; the first is the child.
    days
        The collections, in order.
    resolved
        Is given how many rows were ended or taken out.
    alarms
        Is told of a collection of which so many are gone that it is no correction.

    Returns
    -------
    pandas.DataFrame
        The rows, with the column `unknown_after`: the last day on which something is known of the
        child, empty for rows that are not gone.
    """
    start, end, child = str(file.starts), str(file.ends), key[0]
    unknown_after = np.full(len(rows), "", dtype=object)
    corrected = np.zeros(len(rows), bool)
    keys = pd.MultiIndex.from_frame(rows[list(key)].astype("str"))
    begun = days_of(rows[start]).to_numpy().astype("datetime64[D]").astype(np.int64) + _EPOCH
    is_open = (rows[end] == "").to_numpy() & (begun > 0)
    for day, following in pairwise(days):
        here, there = (
            (rows["collected"] == day).to_numpy(),
            (rows["collected"] == following).to_numpy(),
        )
        gone = here & is_open & (begun <= day) & ~keys.isin(keys[there])
        new = there & (begun <= day) & ~keys.isin(keys[here])
        again = rows[child].isin(rows.loc[new, child]).to_numpy()
        corrected |= gone & again
        # Else what an earlier collection has under the withdrawn start would come back.
        corrected |= (rows["collected"] < day).to_numpy() & keys.isin(keys[gone & again])
        lost, of = int((gone & ~again).sum()), int((here & is_open & (begun <= day)).sum())
        if lost > max(MOST_LOST, MOST_LOST_SHARE * of):
            alarms.append(
                f"{file.name}: of {of:,} rows open at {date.fromordinal(day)} the collection of "
                f"{date.fromordinal(following)} has {of - lost:,}. Are the ids other ones, or is "
                "a part of it missing? The others count as unknown from then on"
            )
        unknown_after[gone & ~again] = date.fromordinal(day).isoformat()
    ended = unknown_after != ""
    resolved[file.name, CORRECTED] += int(corrected.sum())
    resolved[file.name, GONE] += int(ended.sum())
    texts = rows[end].astype("str").to_numpy(dtype=object)
    ends = pd.Categorical(np.where(ended, unknown_after, texts))
    marked = rows.assign(**{end: ends, UNKNOWN_AFTER: pd.Categorical(unknown_after)})
    return marked[~corrected].reset_index(drop=True)


_EPOCH: Final = date(1970, 1, 1).toordinal()


def usable(file: FileSpec, rows: pd.DataFrame) -> np.ndarray:
    """Tell which rows the loader would keep, by their values and the order of their dates."""
    good = np.ones(len(rows), bool)
    for column in file.columns:
        if column.name not in rows:
            continue
        values = rows[column.name]
        good &= known_values(column, values).to_numpy()
        if not column.may_be_empty:
            good &= (values != "").to_numpy()
    if file.ends in rows:
        good &= ~(days_of(rows[file.ends]) < days_of(rows[str(file.starts)])).to_numpy()
    return good


def refuse_unread(read: Return, names: Mapping[str, str]) -> None:
    """Refuse a return that has a column of which no value can be read.

    Parameters
    ----------
    read
        The return, its rows handed over.
    names
        Column of the contract -> the return's own name of it.

    Raises
    ------
    Refusal
        Naming the columns and how many rows have a value there.
    """
    frames = (read.children, read.referrals, read.plans, read.episodes)
    columns = (
        (told, _COLUMNS[name], frame[name])
        for name, told in names.items()
        for frame in frames
        if name in frame
    )
    refuse_unread_values(read.file, columns)


def refuse_unread_values(file: str, columns: Iterable[tuple[str, Column, pd.Series[str]]]) -> None:
    """Refuse a file by those of its columns (name, contract's column, values) that can't be read.

    Raises
    ------
    Refusal
        As `refuse_unread`.
    """
    unread = []
    for name, column, values in columns:
        filled = values[(values != "").to_numpy()]
        if len(filled) >= LEAST_UNREAD and not known_values(column, filled).any():
            unread.append(f"{name} ({len(filled):,} rows)")
    if unread:
        raise Refusal(
            f"{file}: no value can be read in {', '.join(unread)}. Expected: the codes of the "
            "Department's specification alone, without their labels; 0 and 1, or false and true; "
            "years as 2019/20. Export it again with the codes."
        )


def warn_of_readings(read: Return, dates: Iterable[DateReader]) -> None:
    """Say loudly what was read in the likeliest way, or makes the whole return doubtful."""
    numbered = [reader.source for reader in dates if reader.by_number]
    if numbered:
        read.alarms.append(
            f"{', '.join(numbered)}: dates written as a spreadsheet's numbers of days, read as "
            "counted from 1900. In a workbook that counts from 1904 they are four years later. "
            "Compare one with the system, or give the column a date format and export it again"
        )
    children = read.children
    if len(children) and read.due < len(children) and (children["birth_month"] == "").all():
        read.alarms.append(
            f"none of its {len(children):,} children has a birth date, which reads as not born "
            "at the referral. Export the return again with the birth dates"
        )


_COLUMNS: Final = {
    column.name: column for file in (CHILDREN, REFERRALS, CARE_EPISODES) for column in file.columns
}


def known_values(column: Column, values: pd.Series[str]) -> pd.Series[bool]:
    """Tell which values the contract's column can hold; an empty one it can."""
    distinct = pd.Series(values.astype("str").unique(), dtype="str")
    if column.codes is not None and column.checked:
        spellings = column.codes.spellings
        known = distinct.map(
            lambda text: all(part.casefold() in spellings for part in text.split(";") if part)
        )
    elif column.kind == "date":
        known = distinct.map(lambda text: not text or is_date(text))
    elif column.kind in ("flag", "month", "count", "academic year"):
        known = distinct.map(lambda text: not text or text[0].isdigit())
    else:
        known = pd.Series(True, index=distinct.index)
    return values.astype("str").map(dict(zip(distinct, known, strict=True))).astype(bool)
