"""The heavy half of a run: load, derive, impute, fit each row of the plan, gather the tables."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from importlib.metadata import version
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from joblib import Parallel, delayed, effective_n_jobs

from fvlib import __version__, protocol
from fvlib.analysis import estimates
from fvlib.analysis.analyse import Result, analyse_each, derive
from fvlib.analysis.imputations import Imputations, draw_together
from fvlib.analysis.plan import (
    COHORTS,
    DERIVED,
    ELIGIBLE,
    IMPUTATIONS,
    PLAN,
    WITH_TREATMENT,
    Analysis,
    Derived,
    Imputing,
    is_imputed,
)
from fvlib.errors import Refusal
from fvlib.gate import count_table, masking
from fvlib.intake import load_extracts
from fvlib.pipeline.cache import ResultCache
from fvlib.pipeline.changes import Previous, changes, read_previous
from fvlib.pipeline.freshness import Fingerprint, Stage, protocol_id
from fvlib.pipeline.run_log import RunLog
from fvlib.progress import show_count, show_stage, timed
from fvlib.refresh import Refresh
from fvlib.synthetic.simulate import TRUTH_FILE
from fvlib.tables.imputation import describe_imputations
from fvlib.tables.shared_margins import find_shared_margins
from fvlib.tables.side_tables import analysis_tables, estimate_table, la_intercepts, trial_tables
from fvlib.trial import Trial, build_trial

# Batches that a worker would still be given if all to come were as long as the next.
BATCHES_LEFT: Final = 3
TRACKED_PACKAGES: Final = ("numpy", "scipy", "pandas", "statsmodels")


def choose_rows(only: Sequence[str] | None) -> tuple[Analysis, ...]:
    """Pick rows of the plan by id, in the plan's order; X4 picks X4-P1, X4-S1 and so on."""
    if only is None:
        return PLAN
    known: dict[str, tuple[str, ...]] = {}
    for row in PLAN:
        known[protocol_id(row.id)] = (*known.get(protocol_id(row.id), ()), row.id)
    known |= {row.id: (row.id,) for row in PLAN} | {row.id: row.needs for row in DERIVED}
    unknown = [name for name in only if name not in known]
    if unknown:
        near = get_close_matches(unknown[0], known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise Refusal(
            f"no analysis called {', '.join(unknown)}.{hint} The plan has: {', '.join(known)}"
        )
    wanted = {needed for name in only for needed in known[name]}
    return tuple(row for row in PLAN if row.id in wanted)


def with_kept(plan: Sequence[Analysis], cache: ResultCache) -> tuple[Analysis, ...]:
    """Add the rows whose results are still fresh: `--only` drops no row that it needn't."""
    asked = {row.id for row in plan}
    return tuple(row for row in PLAN if row.id in asked or not cache.why(row))


def explain_fits(
    refresh: Refresh, root: Path, only: Sequence[str] | None, now: Fingerprint
) -> dict[str, str]:
    """Say why, by analysis that a run would fit."""
    cache = ResultCache(refresh, root, now)
    return _stale(choose_rows(only), cache)


def bundle_of(
    refresh: Refresh,
    root: Path,
    only: Sequence[str] | None,
    now: Fingerprint,
    *,
    jobs: int,
    stage: Stage,
    log: RunLog,
) -> count_table.ExactBundle:
    """Load, derive, fit; return the exact bundle, still before the gate.

    Parameters are those of `fvlib.pipeline.run.run`; `now` is what the results will belong to.
    """
    cache = ResultCache(refresh, root, now)
    plan = with_kept(choose_rows(only), cache)
    why = _stale(plan, cache)
    log.tell_fits(why)
    with show_stage("load"), timed("load", stage):
        extracts = load_extracts(refresh, root)
    with show_stage("derive"), timed("derive", stage):
        trial = build_trial(extracts, refresh)
    stale = [row for row in plan if row.id in why]
    trials = {ELIGIBLE: trial} | {
        cohort: build_trial(extracts, refresh, COHORTS[cohort])
        for cohort in {row.cohort for row in stale} - {ELIGIBLE}
    }
    imputations = _imputations(_asked(stale, cache), trials, jobs, stage)
    if cache.get_imputed() is None:
        cache.put_imputed(describe_imputations(imputations[ELIGIBLE][WITH_TREATMENT]))
    with show_stage("describe"), timed("describe", stage):
        tables = trial_tables(extracts, trial, cache.get_imputed() or {})
    if stale:
        with timed("fit", stage):
            for row, result in zip(stale, _fits(stale, trials, imputations, jobs), strict=True):
                stage(f"fit {row.id}", result.seconds)
                cache.put(row, result)
    cache.sweep(PLAN)
    known = {row.id: kept for row in plan if (kept := cache.get(row)) is not None}
    derived = [row for row in DERIVED if set(row.needs) <= set(known)]
    results = [*known.values(), *(derive(row, known, trial) for row in derived)]
    log.tell_broken({result.analysis: result.trace for result in results if result.trace})
    tables |= analysis_tables([r.tables for r in results])
    tables["la_intercepts"] = la_intercepts({r.analysis: r.intercepts for r in results})
    main = _estimates(results, refresh)
    shared_margins = find_shared_margins(tables, trial)
    previous = _previous(refresh, root)
    # What is compared has passed the gate on both sides.
    past_the_gate = previous and masking.mask_tables(
        {**tables, count_table.ESTIMATES: main}, shared_margins, refresh.disclosure
    )
    tables["changes"] = changes(previous, past_the_gate or {})
    return count_table.ExactBundle(
        estimates=main,
        tables=tables,
        manifest=manifest_of(refresh, root, [*plan, *derived], now, previous),
        systems=shared_margins,
    )


def _stale(plan: Sequence[Analysis], cache: ResultCache) -> dict[str, str]:
    return {row.id: "; ".join(why) for row in plan if (why := cache.why(row))}


def _estimates(results: Sequence[Result], refresh: Refresh) -> count_table.CountTable:
    rows = [row for result in results for row in result.rows]
    frame = estimates.adjust_family(estimates.frame_of(rows))
    if refresh.look == "interim":  # an interim look prints no p: it never reaches the bundle
        frame[["p_value", "p_adjusted"]] = float("nan")
    return estimate_table(frame)


def manifest_of(
    refresh: Refresh,
    root: Path,
    plan: Sequence[Analysis | Derived],
    now: Fingerprint,
    previous: Previous | None,
) -> dict[str, Any]:
    """Say what the bundle is of: no clock time, no duration, so that bytes repeat."""
    start, end = refresh.trial_dates
    changed = [
        {
            "la": la,
            "intended": unit.operationally_live,
            "live": refresh.live_date(la),
            **refresh.implementation[la].model_dump(
                include={"reason", "dfe_agreed", "developer_consulted"}
            ),
        }
        for la, unit in zip(protocol.LA_KEYS, protocol.LOCAL_AUTHORITIES, strict=True)
        if refresh.live_date(la) != unit.operationally_live
    ]
    content = {
        "refresh": refresh.refresh,
        "look": refresh.look,
        "synthetic": (root / refresh.data / TRUTH_FILE).exists(),
        "data_through": refresh.data_through,
        "previous_refresh": refresh.previous_refresh,
        # None where no previous refresh is named, or its released bundle isn't here.
        "previous_data_through": previous.data_through if previous else None,
        "seed": refresh.seed,
        "imputations": refresh.imputations,
        "disclosure": refresh.disclosure.model_dump(),
        "live_dates": {la: refresh.live_date(la) for la in protocol.LA_KEYS},
        "intended_dates": {u.key: u.operationally_live for u in protocol.LOCAL_AUTHORITIES},
        "changed_dates": changed,
        "trial_period": {
            "start": start,
            "end": end,
            "reason": refresh.trial_period.reason if refresh.trial_period else None,
        },
        "registration": refresh.registration,
        "missing_because": refresh.missing_because,
        "reunification_codes": list(refresh.reunification_codes),
        "retention": refresh.retention.model_dump(),
        "analyses": [row.id for row in plan],
        "whole": len(plan) == len(PLAN) + len(DERIVED),
        "plan": [
            {
                "id": row.id,
                "role": row.role,
                "section": row.section,
                "outcome": row.outcome,
                "changes": row.changes,
            }
            for row in plan
        ],
        "versions": {
            "fvlib": __version__,
            "python": ".".join(platform.python_version_tuple()[:2]),
            **{name: version(name) for name in TRACKED_PACKAGES},
        },
        "hashes": now.as_manifest(),
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def _previous(refresh: Refresh, root: Path) -> Previous | None:
    named = refresh.previous_refresh
    return None if named is None else read_previous(root / "results" / named)


def _asked(stale: Sequence[Analysis], cache: ResultCache) -> dict[str, set[str]]:
    """Name the sets of imputations that must be drawn, by cohort."""
    asked: dict[str, set[str]] = {ELIGIBLE: set() if cache.get_imputed() else {WITH_TREATMENT}}
    for row in stale:
        asked.setdefault(row.cohort, set()).update({row.imputed} if is_imputed(row) else ())
    return asked


def _imputations(
    asked: Mapping[str, set[str]], trials: Mapping[str, Trial], jobs: int, stage: Stage
) -> dict[str, dict[str, Imputations]]:
    """Draw the sets of imputations that are asked for: cohort -> set -> copies."""
    there: dict[str, dict[str, Imputations]] = {cohort: {} for cohort in asked}
    if not any(asked.values()):
        return there
    with show_stage("impute"), timed("impute", stage):
        for cohort, sets in asked.items():
            for alike in _alike([name for name in IMPUTATIONS if name in sets]):
                hows = [IMPUTATIONS[name] for name in alike]
                drawn = draw_together(trials[cohort], hows, jobs=effective_n_jobs(jobs))
                there[cohort] |= dict(zip(alike, drawn, strict=True))
    return there


def _alike(names: Sequence[str]) -> list[list[str]]:
    """Group the sets that differ in their odds alone, and can be drawn together."""
    groups: dict[Imputing, list[str]] = {}
    for name in names:
        groups.setdefault(replace(IMPUTATIONS[name], odds=1.0), []).append(name)
    return list(groups.values())


def _fits(
    plan: Sequence[Analysis],
    trials: Mapping[str, Trial],
    imputations: Mapping[str, Mapping[str, Imputations]],
    jobs: int,
) -> Iterator[Result]:
    """Fit every row, in the plan's order whatever the number of workers."""
    calls = (
        delayed(_fit_batch)(
            os.getpid(),
            batch,
            trials[batch[0].cohort],
            _sets_of(batch, imputations[batch[0].cohort]),
        )
        for batch in batches(plan, effective_n_jobs(jobs))
    )
    with show_count("analyses", len(plan)) as advance:
        # max_nbytes: rows go to the workers through pipes; joblib would put large ones in files.
        for results in Parallel(n_jobs=jobs, return_as="generator", max_nbytes=None)(calls):
            for result in results:
                advance(result.analysis)
                yield result


def _fit_batch(
    run_by: int,
    batch: Sequence[Analysis],
    trial: Trial,
    imputations: Mapping[str, Imputations],
) -> list[Result]:
    """Fit a batch; Ctrl-C, which reaches the workers too, is for the process that runs to tell."""
    if os.getpid() != run_by:
        with suppress(ValueError):  # a worker's thread can't
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    return analyse_each(batch, trial, imputations)


def batches(plan: Sequence[Analysis], workers: int) -> list[list[Analysis]]:
    """Cut the plan, in its order, into what a worker fits at a time.

    A batch takes its trial along to the worker, so there are few; they get shorter, down to single
    rows, so that no worker is left with many at the end. A batch is of one cohort.
    """
    out: list[list[Analysis]] = []
    left = list(plan)
    while left:
        size = 1 if workers == 1 else max(1, len(left) // (BATCHES_LEFT * workers))
        batch = list(next(groupby(left[:size], key=attrgetter("cohort")))[1])
        out.append(batch)
        left = left[len(batch) :]
    return out


def _sets_of(batch: Sequence[Analysis], there: Mapping[str, Imputations]) -> dict[str, Imputations]:
    """Pick the sets of imputations that a batch takes along to its worker."""
    asked = {row.imputed for row in batch if is_imputed(row)}
    return {name: copies for name, copies in there.items() if name in asked}


def _plain(value: Any) -> Any:
    """Make dates text, and leave the rest as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
