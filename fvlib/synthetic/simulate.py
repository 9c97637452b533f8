"""`fv simulate`: a trial of known truth in the contract's files, with its params file.

The process is in `outcomes.py`; here a whole refresh is drawn, laid out as extracts, seen
at one date, and written. The same seed describes the same children at every date, so two refreshes
of one seed differ by what happened between their dates. `truth.json` beside the extracts says what
was planted; no analysis reads it, and without it a folder is taken for real data.
"""

from __future__ import annotations

import codecs
import io
import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import pyarrow as pa
from pyarrow import csv

from fvlib import protocol
from fvlib.contract import LA_FILES
from fvlib.errors import Refusal
from fvlib.owner_only import close_folder
from fvlib.refresh import load_refresh, name_of, parse_refresh
from fvlib.synthetic.children import Covariates
from fvlib.synthetic.design import stream
from fvlib.synthetic.dirt import (
    HABITS,
    TIDY,
    Habits,
    in_habit,
    plant_dirt,
    soil_returns,
    with_missing,
)
from fvlib.synthetic.extract import FileRows, Register
from fvlib.synthetic.ipe import trial_files
from fvlib.synthetic.outcomes import DEFAULT_EFFECT, DEFAULT_SIGMA, DEFAULT_THROUGH
from fvlib.synthetic.params import params_text
from fvlib.synthetic.world import World, draw_world, register_of, seen_by

Dirt = Literal["realistic", "none"]
TRUTH_FILE: Final = "truth.json"
_WRITTEN_BY: Final = "fv simulate"


@dataclass(frozen=True, slots=True)
class _Extracts:
    """What is written: the LAs' files, those of the whole trial, and how each LA writes."""

    files: Mapping[str, FileRows]
    tables: Mapping[str, pa.Table]
    habits: Mapping[str, Habits]


def simulate(
    name: object,
    root: Path,
    *,
    children: int = protocol.CHILDREN,
    seed: int = 1,
    effect: float = DEFAULT_EFFECT,
    sigma: float = DEFAULT_SIGMA,
    dirt: Dirt = "realistic",
    through: date = DEFAULT_THROUGH,
) -> Path:
    """Write `data/<name>/`, and `params/<name>.yml` where there is none.

    Parameters
    ----------
    name : the refresh's name
    root : the project's root
    children : cohort children: first eligible referrals in the whole trial period
    effect : treatment effect on P1, log odds; S1 to S6 have `SECONDARY_EFFECTS`
    sigma : SD of the LA intercepts on the logit scale
    dirt : what real extracts have and clean ones don't, or `none`
    through : last date that the extracts cover

    Returns
    -------
    The data folder.

    Raises
    ------
    Refusal
        A value that can't be; a data folder that the simulator didn't write; a params file that
        describes another folder or date.
    """
    refresh = name_of(name)
    _check(children=children, seed=seed, effect=effect, sigma=sigma, dirt=dirt, through=through)
    folder = root / "data" / refresh
    _refuse_real_data(folder, refresh)
    params = root / "params" / f"{refresh}.yml"
    live = {la.key: la.operationally_live for la in protocol.LOCAL_AUTHORITIES}
    if params.exists():
        live = _live_dates(refresh, root, through)

    world = draw_world(children, seed, effect, sigma, live)
    extracts, truth = _extracts(world, seed, through, live, dirt)
    truth = {
        "written_by": _WRITTEN_BY,
        "refresh": refresh,
        "seed": seed,
        "children": children,
        "sigma": sigma,
        "dirt": dirt,
        "data_through": str(through),
        "live_dates": {la: str(day) for la, day in live.items()},
        **truth,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(folder)
    partial = Path(tempfile.mkdtemp(prefix=f".{refresh}-", suffix=".partial", dir=folder.parent))
    try:
        _write_extracts(partial, extracts, seed)
        _write_truth(partial, truth)
        close_folder(partial)
        _swap_in(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if not params.exists():
        text = params_text(refresh, through, effect, live, dirt=dirt != "none")
        parse_refresh(text.encode(), f"params/{refresh}.yml", refresh)
        params.parent.mkdir(parents=True, exist_ok=True)
        params.write_text(text, encoding="utf-8", newline="\n")
    return folder


def _check(
    *, children: int, seed: int, effect: float, sigma: float, dirt: str, through: date
) -> None:
    faults = []
    if children < 1:
        faults.append(f"children: {children}; expected 1 or more")
    if seed < 0:
        faults.append(f"seed: {seed}; expected 0 or more")
    if not math.isfinite(effect):
        faults.append(f"effect: {effect}; expected a number, log odds")
    if not (math.isfinite(sigma) and sigma >= 0):
        faults.append(f"sigma: {sigma}; expected 0 or more")
    if dirt not in get_args(Dirt):
        faults.append(f"dirt: {dirt!r}; expected {' or '.join(get_args(Dirt))}")
    if through < protocol.TRIAL_START:
        faults.append(
            f"through: {through} is before the trial period, which starts {protocol.TRIAL_START}"
        )
    if faults:
        raise Refusal("\n".join(["nothing was simulated:", *(f"  {fault}" for fault in faults)]))


def _refuse_real_data(folder: Path, refresh: str) -> None:
    """Overwrite nothing but what the simulator itself wrote."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        truth = json.loads((folder / TRUTH_FILE).read_text(encoding="utf-8"))
        synthetic = truth.get("written_by") == _WRITTEN_BY
    except (OSError, ValueError, AttributeError):
        synthetic = False
    if not synthetic:
        raise Refusal(
            f"data/{refresh} exists and was not written by `{_WRITTEN_BY}` (it has no "
            f"{TRUTH_FILE} that says so): it is never overwritten. Choose another name"
        )


def _live_dates(name: str, root: Path, through: date) -> dict[str, date]:
    """Live dates of a params file that is there already, which must fit what is to be written."""
    refresh = load_refresh(name, root)
    faults = []
    if (root / refresh.data).resolve() != (root / "data" / name).resolve():
        faults.append(f"data: {refresh.data}; expected data/{name}")
    other = sorted({str(day) for day in refresh.data_through.values() if day != through})
    if other:
        faults.append(
            f"data_through: {', '.join(other)}; the extracts would go through {through}. "
            "Give that date as --through, or correct the params file"
        )
    if faults:
        told = "\n".join(f"  {fault}" for fault in faults)
        raise Refusal(f"params/{name}.yml is there and does not fit:\n{told}")
    return {la: refresh.live_date(la) for la in protocol.LA_KEYS}


def _extracts(
    world: World, seed: int, through: date, live: Mapping[str, date], dirt: Dirt
) -> tuple[_Extracts, dict[str, object]]:
    """Lay the world out as files, with or without dirt."""
    returns = stream(seed, "returns")
    register = register_of(world, through)
    if dirt == "none":
        files, truth = seen_by(world, register, through)
        tables = trial_files(returns, live, through, context_column=False)
        return _Extracts(files, tables, dict.fromkeys(protocol.LA_KEYS, TIDY)), truth
    rng = stream(seed, "dirt")
    recorded = with_missing(rng, world.covariates, register.la, register.day)
    missing = _newly_missing(world.covariates, recorded, register)
    files, truth = seen_by(replace(world, covariates=recorded), register, through)
    files, withdrawals, planted = plant_dirt(rng, files, through, register.fresh_ids())
    tables = trial_files(returns, live, through, context_column=True)
    tables, spoilt = soil_returns(tables)
    tables["withdrawals"] = withdrawals
    truth |= {"missing": missing, "planted": [asdict(entry) for entry in (*planted, *spoilt)]}
    return _Extracts(files, tables, HABITS), truth


def _newly_missing(
    before: Covariates, after: Covariates, register: Register
) -> dict[str, dict[str, int]]:
    """Count, by covariate and LA, the children whose value was left out."""
    counts = {}
    for column in Covariates.__slots__:
        gone = (getattr(before, column) != getattr(after, column)) & register.present
        per_la = np.bincount(register.la[gone], minlength=len(protocol.LA_KEYS))
        counts[column] = dict(zip(protocol.LA_KEYS, per_la.tolist(), strict=True))
    return {column: by_la for column, by_la in counts.items() if any(by_la.values())}


def _write_extracts(folder: Path, extracts: _Extracts, seed: int) -> None:
    rng = stream(seed, "habits")
    for position, la in enumerate(protocol.LA_KEYS):
        (folder / la).mkdir()
        habits = extracts.habits[la]
        for name in LA_FILES:
            rows = extracts.files[name]
            first, last = np.searchsorted(rows.la, [position, position + 1])
            table = in_habit(rows.table.slice(first, last - first), name, habits, rng)
            _write_csv(folder / la / f"{name}.csv", table, habits)
    for name, table in extracts.tables.items():
        _write_csv(folder / f"{name}.csv", table, TIDY)


def _write_csv(path: Path, table: pa.Table, habits: Habits) -> None:
    sink = io.BytesIO()
    sink.write((",".join(table.column_names) + "\n").encode("utf-8"))
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False, quoting_style="none"))
    mark = codecs.BOM_UTF8 if habits.byte_order_mark else b""
    path.write_bytes(mark + sink.getvalue().replace(b"\n", habits.line_end.encode("ascii")))


def _write_truth(folder: Path, truth: Mapping[str, object]) -> None:
    text = json.dumps(truth, indent=1, ensure_ascii=False) + "\n"
    (folder / TRUTH_FILE).write_text(text, encoding="utf-8", newline="\n")


def _clear_leftovers(folder: Path) -> None:
    """Remove what an interrupted run of the simulator left beside the folder."""
    for leftover in folder.parent.glob(f".{folder.name}-*.partial"):
        shutil.rmtree(leftover, ignore_errors=True)


def _swap_in(partial: Path, folder: Path) -> None:
    if folder.exists():
        old = Path(
            tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".partial", dir=folder.parent)
        )
        folder.rename(old / "replaced")
        partial.rename(folder)
        shutil.rmtree(old)
    else:
        partial.rename(folder)
