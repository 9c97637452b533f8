"""One collection after another: drafts replaced, rows that the next one no longer has, bad rows.

A case, plan or episode that is open on a collection's last day must stand in the next collection
(SSDA903 rule 502; the CIN census asks for every case open in its year). One that doesn't was
corrected, or the child has left the authority: it is never read as open for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from fvlib.contract import Column, FileSpec
from fvlib.contract.files import UNKNOWN_AFTER
from fvlib.statutory.returns import UNDATED, Return, days_of
from fvlib.statutory.values import is_date

CORRECTED: Final = "open, and in the next collection with another start: that one kept"
GONE: Final = "open, and not in the next collection: unknown after the last day of its own"
# The next collection is a year later; two years later, a year is missing and nothing is known.
NEXT_WITHIN_DAYS: Final = 366 + 31
# Children of a draft that the final return lacks, and as a share of it: more are no correction.
MOST_LOST: Final = 10
MOST_LOST_SHARE: Final = 0.1


def replaced_drafts(returns: Sequence[Return]) -> tuple[list[Return], list[str], list[str]]:
    """Take out the earlier of several files of one collection, where they say when they were made.

    Returns
    -------
    kept, notes, warnings
        The returns that count; what was replaced, in words; and where much was lost by it.
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
    return kept, notes, warnings


def end_gone_rows(
    file: FileSpec,
    rows: pd.DataFrame,
    key: Sequence[str],
    days: Sequence[int],
    resolved: Counter[tuple[str, str]],
) -> pd.DataFrame:
    """End the rows that are open in one collection and gone from the next.

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
        if following - day > NEXT_WITHIN_DAYS:
            continue
        here, there = (
            (rows["collected"] == day).to_numpy(),
            (rows["collected"] == following).to_numpy(),
        )
        if not there.any() or (file.name == "plans" and not _same_types(rows, here, there)):
            continue
        gone = here & is_open & (begun <= day) & ~keys.isin(keys[there])
        new = there & (begun <= day) & ~keys.isin(keys[here])
        again = rows[child].isin(rows.loc[new, child]).to_numpy()
        corrected |= gone & again
        unknown_after[gone & ~again] = date.fromordinal(day).isoformat()
    ended = unknown_after != ""
    resolved[file.name, CORRECTED] += int(corrected.sum())
    resolved[file.name, GONE] += int(ended.sum())
    texts = rows[end].astype("str").to_numpy(dtype=object)
    ends = pd.Categorical(np.where(ended, unknown_after, texts))
    marked = rows.assign(**{end: ends, UNKNOWN_AFTER: pd.Categorical(unknown_after)})
    return marked[~corrected].reset_index(drop=True)


_EPOCH: Final = date(1970, 1, 1).toordinal()


def _same_types(rows: pd.DataFrame, here: np.ndarray, there: np.ndarray) -> bool:
    return set(rows.loc[here, "plan_type"]) <= set(rows.loc[there, "plan_type"])


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
    elif column.kind in ("flag", "month", "count"):
        known = distinct.map(lambda text: not text or text[0].isdigit())
    else:
        known = pd.Series(True, index=distinct.index)
    return values.astype("str").map(dict(zip(distinct, known, strict=True))).astype(bool)
