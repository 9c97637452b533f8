"""The one way into `results/`: every number past the rule, and the bundle swapped in whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import pandas as pd

from fvlib.gate.count_table import ESTIMATES, ExactBundle
from fvlib.gate.masking import mask_tables
from fvlib.refresh import Disclosure

SIGNIFICANT_DIGITS: Final = 10  # the last digits of a float differ between machines
STAGED: Final = ".staged"
RETIRED: Final = ".retired"


def release(bundle: ExactBundle, to: Path, rule: Disclosure) -> None:
    """Write `results/<refresh>/`: estimates, side tables and manifest, all past the rule.

    The bundle is written beside its place and swapped in by two renames, so that an interrupted
    run leaves the old results or the new, never half: see `complete_swap`.
    """
    complete_swap(to)
    staged = to.with_name(to.name + STAGED)
    shutil.rmtree(staged, ignore_errors=True)
    (staged / "tables").mkdir(parents=True)
    released = mask_tables({**bundle.tables, ESTIMATES: bundle.estimates}, bundle.systems, rule)
    _write_csv(released.pop(ESTIMATES), staged / "estimates.csv")
    for name, table in released.items():
        _write_csv(table, staged / "tables" / f"{name}.csv")
    text = json.dumps(bundle.manifest, indent=2, sort_keys=True, ensure_ascii=False)
    # The manifest comes last: a staged bundle is whole when it has one.
    (staged / "manifest.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    _swap(staged, to)


def complete_swap(to: Path) -> None:
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
