"""One table past the rule: small counts masked, the rest rounded, what follows from them remade.

Protocol, Confidentiality: outputs are "checked for statistical disclosure (e.g. mask cells with
smaller than 10 observations)", following the ONS rules. A count of zero is shown, one of 1 to
threshold - 1 is masked, the rest is rounded. What is computed from counts is computed again from
the released ones, or goes with them: a share beside a rounded count would give it back.

A masked number is empty in the CSV, and its column's twin `<column>_masked` is true. The twins
stand for every count column, masked or not, so that a reader needn't guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from fvlib.gate.count_table import CountTable, Margin
from fvlib.gate.linked_counts import Masks, System, mask_together
from fvlib.refresh import Disclosure

MEAN_DECIMALS: Final = 2


def is_small(counts: pd.Series, rule: Disclosure) -> pd.Series:
    """Say which counts are masked: 1 to threshold - 1. An absent count is not a small one."""
    small: pd.Series = (counts > 0) & (counts < rule.threshold)
    return small.fillna(False).astype(bool)


def rounded(counts: pd.Series, rule: Disclosure) -> pd.Series:
    """Round to the nearest multiple of `round_to`, halves up; never down to zero."""
    steps = np.floor(counts / rule.round_to + 0.5) * rule.round_to
    kept: pd.Series = steps.where(counts == 0, steps.clip(lower=rule.round_to))
    return kept


def mask_table(table: CountTable, rule: Disclosure) -> pd.DataFrame:
    """Apply the rule to one table by itself: see `mask_tables`."""
    return mask_tables({"": table}, (), rule)[""]


def mask_tables(
    tables: Mapping[str, CountTable], systems: Sequence[System], rule: Disclosure
) -> dict[str, pd.DataFrame]:
    """Apply the rule to tables that are released together: the same rows and order, twins added.

    Parameters
    ----------
    tables
        The exact tables by name.
    systems
        What their counts add up alike: none masked may follow from the others.
    rule
        Threshold and rounding of the refresh.
    """
    masks = _masks_together(tables, systems, rule)
    return {name: _written(table, masks[name], rule) for name, table in tables.items()}


def _masks_together(
    tables: Mapping[str, CountTable], systems: Sequence[System], rule: Disclosure
) -> Masks:
    """Mask each table by itself, then what gives a masked count away."""
    masks = {name: _masks(table, rule) for name, table in tables.items()}
    frames = {name: table.frame for name, table in tables.items()}
    persons = {
        name: {count: _persons_behind(table, count) for count in table.counts}
        for name, table in tables.items()
    }
    mask_together(systems, frames, persons, masks, rule.threshold)
    return masks


def _written(table: CountTable, found: Mapping[str, np.ndarray], rule: Disclosure) -> pd.DataFrame:
    """Leave out what is masked, round the rest, and make again what follows from counts."""
    exact = table.frame
    masks = {name: pd.Series(mask, index=exact.index) for name, mask in found.items()}
    out = exact.drop(columns=[*_unreleased(table)])
    for column, mask in masks.items():
        numbers = exact[column].astype("Float64")
        count = rounded(numbers, rule)
        if table.exempt is None:
            out[column] = count.mask(mask).astype("Int64")
        else:
            out[column] = count.where(~exact[table.exempt].astype(bool), numbers).mask(mask)
        out[f"{column}_masked"] = mask
    for mean, wholes in table.means.items():
        gone = pd.concat([masks[whole] for whole in wholes], axis=1).any(axis=1)
        out[mean] = exact[mean].astype("Float64").round(MEAN_DECIMALS).mask(gone)
        out[f"{mean}_masked"] = gone & exact[mean].notna()
    for share, (part, whole) in table.shares.items():
        counted = exact[part].notna()
        n = out[whole].astype("Float64")
        ratio = (out[part].astype("Float64") / n.where(n > 0)).clip(upper=1)
        if share in table.or_count:
            ratio = ratio.where(exact[whole].notna(), out[part].astype("Float64"))
        out[share] = out[share].astype("Float64").where(~counted, ratio)
        hidden = (out[f"{part}_masked"] | out[f"{whole}_masked"]) & counted
        before = out.get(f"{share}_masked", False)
        out[f"{share}_masked"] = hidden | before
    for column, number in table.follows.items():
        out[column] = exact[column].mask(out[f"{number}_masked"])
    return _twins_follow(out)


def masks_of(table: CountTable, rule: Disclosure) -> dict[str, pd.Series]:
    """Say which counts of a table are masked: small ones, and those that would give one back."""
    masks = _masks(table, rule)
    return {name: pd.Series(mask, index=table.frame.index) for name, mask in masks.items()}


def _masks(table: CountTable, rule: Disclosure) -> dict[str, np.ndarray]:
    """Mask the small counts; then go over rests, running differences and margins.

    Masks only grow, until none of these asks for more.
    """
    exact = table.frame
    counts = {name: exact[name].astype("Float64").reset_index(drop=True) for name in table.counts}
    free = np.zeros(len(exact), bool)
    if table.exempt is not None:
        free = exact[table.exempt].to_numpy(bool)
    masks = {
        name: is_small(_persons(exact, table.persons.get(name), count), rule).to_numpy() & ~free
        for name, count in counts.items()
    }
    for name, column in table.hidden.items():
        masks[name] |= exact[column].to_numpy(bool)
    series = _places(exact, table.running.by) if table.running else []
    steady = free.copy()
    if table.running is not None and table.running.where is not None:
        steady |= ~exact[table.running.where].to_numpy(bool)
    margins = [equation for margin in table.margins for equation in _equations(exact, margin)]
    known = -1
    while known != (known := sum(int(mask.sum()) for mask in masks.values())):
        for part, whole in table.parts.items():
            rest = _persons(exact, table.rests.get(part), counts[whole] - counts[part])
            masks[part] |= masks[whole] | (is_small(rest, rule).to_numpy() & ~free)
        for name in table.running.counts if table.running else ():
            for places in series:
                _mask_small_steps(counts[name], masks[name], places[~steady[places]], rule)
        for name in table.counts:
            for total, cells in margins:
                _complement(counts[name], masks[name], total, cells, rule)
    return masks


def _persons_behind(table: CountTable, count: str) -> np.ndarray:
    """Return how many persons stand behind each row's count."""
    numbers = table.frame[count].astype("Float64").reset_index(drop=True)
    persons = _persons(table.frame, table.persons.get(count), numbers)
    return persons.to_numpy(np.float64, na_value=np.nan)


def _persons(exact: pd.DataFrame, column: str | None, count: pd.Series) -> pd.Series:
    """Return how many persons a count stands for: itself, unless the table says otherwise."""
    if column is None:
        return count
    persons: pd.Series = exact[column].astype("Float64").reset_index(drop=True).fillna(count)
    return persons


def _unreleased(table: CountTable) -> set[str]:
    running = (table.running.where, *table.running.unreleased) if table.running else ()
    behind = {*table.persons.values(), *table.rests.values()}
    return {*behind, *table.hidden.values(), *(name for name in (table.exempt, *running) if name)}


def _places(frame: pd.DataFrame, by: tuple[str, ...]) -> list[np.ndarray]:
    """Return the row positions of each group, in the table's order."""
    keys = frame[list(by)].astype("str").reset_index(drop=True)
    return [part.index.to_numpy() for _, part in keys.groupby(list(by), sort=False)]


def _equations(frame: pd.DataFrame, margin: Margin) -> list[tuple[int | None, np.ndarray]]:
    """Return each total's position (None where there is none) with those of its cells."""
    split = frame[margin.split].astype("str").to_numpy()
    out: list[tuple[int | None, np.ndarray]] = []
    for places in _places(frame, margin.by):
        totals = places[split[places] == margin.total]
        total = int(totals[0]) if len(totals) else None
        for name in dict.fromkeys(split[places]):
            if name != margin.total:
                out.append((total, places[split[places] == name]))
    return out


def _mask_small_steps(
    count: pd.Series, mask: np.ndarray, places: np.ndarray, rule: Disclosure
) -> None:
    """Mask a count that lies a small step from one shown before it."""
    shown: list[float] = []
    for place in places:
        if mask[place] or pd.isna(count[place]):
            continue
        if any(0 < abs(count[place] - other) < rule.threshold for other in shown):
            mask[place] = True
        else:
            shown.append(count[place])


def _complement(
    count: pd.Series, mask: np.ndarray, total: int | None, cells: np.ndarray, rule: Disclosure
) -> None:
    """Mask further cells, the smallest first, until subtraction gives no masked one back.

    With a total that is shown, the masked cells' sum is known: it must be of two cells or more and
    not itself small. A total that wasn't sent counts as shown, for another split may give it. With
    a masked total, one cell at least must be masked too. A true zero is masked only where there is
    nothing else.
    """
    if count[cells].isna().any():
        return  # not all cells were sent: nothing adds up
    hidden_total = total is not None and bool(mask[total])
    order = sorted(cells, key=lambda place: (count[place] == 0, count[place]))
    for place in order:
        gone = [cell for cell in cells if mask[cell]]
        if hidden_total:
            safe_now = bool(gone)
        else:
            safe_now = not gone or (
                len(gone) > 1 and sum(count[cell] for cell in gone) >= rule.threshold
            )
        if safe_now:
            return
        mask[place] = True


def _twins_follow(frame: pd.DataFrame) -> pd.DataFrame:
    """Put each `<column>_masked` right after its column."""
    order: list[str] = []
    for column in frame.columns:
        if column.endswith("_masked") and column.removesuffix("_masked") in frame.columns:
            continue
        order.append(column)
        if f"{column}_masked" in frame.columns:
            order.append(f"{column}_masked")
    return frame[order]
