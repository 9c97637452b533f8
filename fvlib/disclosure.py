"""The one gate: nothing reaches `results/` but through `release()`.

Protocol, Confidentiality: outputs are "checked for statistical disclosure (e.g. mask cells with
smaller than 10 observations)", following the ONS rules. A count of zero is shown, one of 1 to
threshold - 1 is masked, the rest is rounded. What is computed from counts is computed again from
the released ones, or goes with them: a share beside a rounded count would give it back.

A masked number is empty in the CSV, and its column's twin `<column>_masked` is true. The twins
stand for every count column, masked or not, so that a reader needn't guess.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib.refresh import Disclosure

SIGNIFICANT_DIGITS: Final = 10  # the last digits of a float differ between machines
MEAN_DECIMALS: Final = 2
STAGED: Final = ".staged"
RETIRED: Final = ".retired"


@dataclass(frozen=True, slots=True)
class CountTable:
    """One side table, with what the gate must know about its columns.

    Attributes
    ----------
    frame
        The exact, unrounded table.
    counts
        Columns that count persons.
    parts
        `{part: whole}`: `part` counts some of `whole`'s persons (events of n), so that the rest
        of the whole is a count too and the part goes when the rest is small.
    shares
        `{share: (part, whole)}`: computed again from the released counts.
    means
        `{mean: whole}`: a mean over `whole` persons, rounded, and masked with their count. A
        column may stand here and in `shares`: rows without a `part` keep the mean.
    """

    frame: pd.DataFrame
    counts: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    means: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """All of one run's aggregates, exact, on their way to the gate."""

    estimates: CountTable
    tables: Mapping[str, CountTable]
    manifest: Mapping[str, Any]


def is_small(counts: pd.Series, rule: Disclosure) -> pd.Series:
    """Say which counts are masked: 1 to threshold - 1. An absent count is not a small one."""
    small: pd.Series = (counts > 0) & (counts < rule.threshold)
    return small.fillna(False).astype(bool)


def rounded(counts: pd.Series, rule: Disclosure) -> pd.Series:
    """Round to the nearest multiple of `round_to`, halves up; never down to zero."""
    steps = np.floor(counts / rule.round_to + 0.5) * rule.round_to
    kept: pd.Series = steps.where(counts == 0, steps.clip(lower=rule.round_to))
    return kept


def safe(table: CountTable, rule: Disclosure) -> pd.DataFrame:
    """Apply the rule to one table: the same rows and order, twins added.

    Parameters
    ----------
    table
        The exact table.
    rule
        Threshold and rounding of the refresh.
    """
    exact = table.frame
    masks = {column: is_small(exact[column].astype("Float64"), rule) for column in table.counts}
    for part, whole in table.parts.items():
        rest = (exact[whole] - exact[part]).astype("Float64")
        masks[part] = masks[part] | masks[whole] | is_small(rest, rule)
    out = exact.copy()
    for column, mask in masks.items():
        count = rounded(exact[column].astype("Float64"), rule).mask(mask)
        out[column] = count.astype("Int64")
        out[f"{column}_masked"] = mask
    for mean, whole in table.means.items():
        out[mean] = exact[mean].astype("Float64").round(MEAN_DECIMALS).mask(masks[whole])
        out[f"{mean}_masked"] = masks[whole] & exact[mean].notna()
    for share, (part, whole) in table.shares.items():
        counted = exact[part].notna()
        n = out[whole].astype("Float64")
        ratio = (out[part].astype("Float64") / n.where(n > 0)).clip(upper=1)
        out[share] = out[share].astype("Float64").where(~counted, ratio)
        hidden = (out[f"{part}_masked"] | out[f"{whole}_masked"]) & counted
        before = out.get(f"{share}_masked", False)
        out[f"{share}_masked"] = hidden | before
    return _twins_follow(out)


def release(bundle: Bundle, to: Path, rule: Disclosure) -> None:
    """Write `results/<refresh>/`: estimates, side tables and manifest, all past the rule.

    The bundle is written beside its place and swapped in by two renames, so that an interrupted
    run leaves the old results or the new, never half: see `settle`.
    """
    settle(to)
    staged = to.with_name(to.name + STAGED)
    shutil.rmtree(staged, ignore_errors=True)
    (staged / "tables").mkdir(parents=True)
    _write_csv(safe(bundle.estimates, rule), staged / "estimates.csv")
    for name, table in bundle.tables.items():
        _write_csv(safe(table, rule), staged / "tables" / f"{name}.csv")
    text = json.dumps(bundle.manifest, indent=2, sort_keys=True, ensure_ascii=False)
    # The manifest comes last: a staged bundle is whole when it has one.
    (staged / "manifest.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    _swap(staged, to)


def settle(to: Path) -> None:
    """Complete a swap that was interrupted; what was staged but not whole is thrown away."""
    staged, retired = to.with_name(to.name + STAGED), to.with_name(to.name + RETIRED)
    if retired.exists() and not to.exists():
        if (staged / "manifest.json").exists():
            staged.rename(to)
        else:
            retired.rename(to)
    shutil.rmtree(retired, ignore_errors=True)
    shutil.rmtree(staged, ignore_errors=True)


def _swap(staged: Path, to: Path) -> None:
    retired = to.with_name(to.name + RETIRED)
    if to.exists():
        to.rename(retired)
    staged.rename(to)
    shutil.rmtree(retired, ignore_errors=True)


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


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    out = frame.copy()
    for column in out.columns:
        if pd.api.types.is_bool_dtype(out[column]):
            out[column] = out[column].map({True: "true", False: "false"})
    out.to_csv(
        path,
        index=False,
        encoding="utf-8",
        lineterminator="\n",
        float_format=f"%.{SIGNIFICANT_DIGITS}g",
    )
