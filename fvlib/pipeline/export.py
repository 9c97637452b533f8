"""One analysis's rows in a folder of the user's choice, for double programming elsewhere.

The only door for individual rows; it refuses a folder inside the repository.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pandas as pd

from fvlib.analysis.analyse import check_heard, complete_data_sets, prepare, sample_rows
from fvlib.analysis.imputations import draw
from fvlib.analysis.plan import COHORTS, IMPUTATIONS
from fvlib.errors import Refusal
from fvlib.intake import load_extracts
from fvlib.owner_only import write_for_owner
from fvlib.pipeline.compute import choose_rows
from fvlib.refresh import load_refresh
from fvlib.trial import build_trial
from fvlib.trial.covariates import missing_too_often


def export_rows(name: object, root: Path, analysis: str, imputation: int, to: Path) -> Path:
    """Write `<analysis>-<imputation>.csv`: one row a child (or child-term), as the model sees it.

    Children are numbered anew; no id of the extracts leaves. The columns are `child`, `la`,
    `period`, `treated`, `value` and the analysis's covariates; `<analysis>.json` beside it says
    which terms the model has.

    Raises
    ------
    Refusal
        The folder is inside the repository, or the analysis is unknown.
    NotEstimable, DatesNeeded
        It can't be estimated yet; the message is the reason, a `fvlib.remarks` code.
    """
    target = to.expanduser().resolve()
    if target.is_relative_to(root.resolve()):
        raise Refusal(
            f"--to {to}: inside the repository; rows of children are written outside it only"
        )
    rows_of = choose_rows([analysis])
    row = next((row for row in rows_of if row.id == analysis), None)
    if row is None:
        raise Refusal(
            f"--analysis {analysis}: has no rows of its own. Name one of the analyses that it is "
            f"made of: {', '.join(row.id for row in rows_of)}"
        )
    refresh = load_refresh(name, root)
    trial = build_trial(load_extracts(refresh, root), refresh, COHORTS[row.cohort])
    used = IMPUTATIONS.get(row.imputed)
    imputations = None if used is None else draw(trial, used)
    rows = sample_rows(row, trial)
    check_heard(row, trial, rows)
    prepared = prepare(row, rows, missing_too_often(trial.cohort))
    data_sets = complete_data_sets(prepared, imputations)
    complete = next(islice(data_sets, imputation - 1, None), None)
    if complete is None:
        raise Refusal(f"--imputation {imputation}: {analysis} has no such complete data set")
    return _write(complete, prepared.terms.names, analysis, imputation, target)


def _write(
    complete: pd.DataFrame, terms: tuple[str, ...], analysis: str, imputation: int, target: Path
) -> Path:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = [c for c in ("term", "time_since_referral") if c in complete.columns]
    out = complete[["child", "la", "period", "treated", "value", *own, *terms]].copy()
    out["child"] = pd.factorize(out["child"])[0] + 1
    path = target / f"{analysis}-{imputation}.csv"
    described = target / f"{analysis}.json"
    linked = [one.name for one in (path, described) if one.is_symlink()]
    if linked:
        raise Refusal(f"--to {target}: {', '.join(linked)} is a link to another place; remove it")
    write_for_owner(path, out.to_csv(index=False, lineterminator="\n"))
    # Codes that look like numbers (main need) are levels: the reader has to be told.
    levels = [name for name in terms if isinstance(out[name].dtype, pd.CategoricalDtype)]
    facts = {"analysis": analysis, "imputation": imputation, "rows": len(out), "terms": terms}
    facts["categorical"] = ["la", "period", *(c for c in own if c == "term"), *levels]
    write_for_owner(described, json.dumps(facts, indent=2))
    return path
