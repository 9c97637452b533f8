"""What the trial's tables add up alike: the same children by LA, period, condition and state.

Each system names its cells and the counts that are sums of them, so that the gate can tell what
the tables give away together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.disclosure import ESTIMATES, CountTable
from fvlib.suppression import Summed, System, Unshown, texts
from fvlib.trial import Trial
from fvlib.trial.covariates import BELOW_SCHOOL_AGE, CHILD_COVARIATES, LA_COVARIATES
from fvlib.trial.frames import CONDITIONS
from fvlib.trial.outcomes import STATES

EVENT, NO_EVENT, NOT_SAMPLED = "event", "no event", "not in the sample"
MISSING, KNOWN, KEPT = "missing", "known", "kept"
IDENTICAL: Final = "identical row"  # the one resolution that drops rows
PLACE: Final = ("la", "period", "condition")
OPEN: Final = ("not_observable", MISSING)


def systems(tables: Mapping[str, CountTable], trial: Trial) -> tuple[System, ...]:
    """List what the trial's side tables add up alike.

    Parameters
    ----------
    tables
        The exact tables by name.
    trial
        The trial that they were made from.
    """
    frames = {name: table.frame for name, table in tables.items()}
    cohort = trial.cohort.assign(
        la=trial.cohort["la"].astype(object),
        condition=np.array(CONDITIONS, dtype=object)[trial.cohort["treated"].to_numpy(np.int64)],
    )
    context = trial.refresh.context_columns
    return (
        _rows_sent(frames),
        _exclusions(frames["flow"]),
        *(
            _outcome(cohort, trial.outcomes[outcome], frames["flow"], outcome)
            for outcome in protocol.OUTCOMES
        ),
        *(_covariate(cohort, name) for name in (*CHILD_COVARIATES, *LA_COVARIATES, *context)),
        _ages(cohort),
        _referrals(frames["volume"]),
        _days_on_plans(frames["s3_distribution"]),
        _terms(frames["s6_terms"]),
    )


def _cells(n: Any, **levels: Any) -> pd.DataFrame:
    """Make cells of their levels, as text, and of how many are in each."""
    cells = pd.DataFrame({name: texts(column) for name, column in levels.items()}, dtype=object)
    return cells.assign(n=np.asarray(n, dtype=np.float64))


def _in_places(rows: pd.DataFrame, places: pd.DataFrame, **levels: tuple[str, ...]) -> pd.DataFrame:
    """Count rows by LA, period and condition, where the cohort has any, and one more column."""
    ((name, names),) = levels.items()
    columns = [*PLACE, name]
    grid = pd.MultiIndex.from_tuples(
        [(*place, level) for place in places.itertuples(index=False) for level in names],
        names=columns,
    )
    n = rows.groupby(columns, observed=True).size().reindex(grid, fill_value=0)
    return _cells(n, **{column: grid.get_level_values(column) for column in columns})


def _by(*columns: str) -> dict[str, str]:
    """Let cells and table name these columns alike."""
    return {column: column for column in columns}


def _whole_cohort(times: int = 1) -> tuple[Summed, ...]:
    """Return the counts that add up every cell of the cohort in a place."""
    recorded = {"covariate": "sex"}  # a covariate that every child could have recorded
    return (
        Summed("flow", "n", _by("la"), where={"step": "cohort"}, times=times),
        *(
            Summed("flow", "n", _by("la"), {"condition": (name,)}, {"step": name}, times)
            for name in CONDITIONS
        ),
        Summed("missingness", "n", _by("la", "condition"), where=recorded, times=times),
        Summed("missingness_periods", "n", _by(*PLACE), where=recorded, times=times),
    )


def _rows_sent(frames: Mapping[str, pd.DataFrame]) -> System:
    """Rows of the files by LA and what became of them."""
    arrivals, aside, resolved = (frames[name] for name in ("arrivals", "set_aside", "resolved"))
    kept = arrivals.assign(rule=KEPT, rows=arrivals["rows_kept"])
    fates = pd.concat([kept, aside, resolved[resolved["rule"] == IDENTICAL]])
    of_file = _by("la", "file")
    of_fate = of_file | {"fate": "rule"}
    children = {"file": ("children",), "fate": (KEPT,)}
    return System(
        _cells(fates["rows"], la=fates["la"], file=fates["file"], fate=fates["rule"]),
        (
            Summed("arrivals", "rows_read", of_file),
            Summed("arrivals", "rows_kept", of_file, {"fate": (KEPT,)}),
            Summed("set_aside", "rows", of_fate),
            Summed("resolved", "rows", of_fate, where={"rule": IDENTICAL}),
            Summed("flow", "n", _by("la"), children, {"step": "children"}),
        ),
    )


def _exclusions(flow: pd.DataFrame) -> System:
    """Children of the extracts by LA and exclusion box, the cohort being the last."""
    steps = list(dict.fromkeys(flow["step"].astype("str")))
    boxes = steps[1 : steps.index("cohort") + 1]
    rows = flow[flow["step"].isin(boxes)]
    return System(
        _cells(rows["n"], la=rows["la"], step=rows["step"]),
        (
            Summed("flow", "n", _by("la"), where={"step": steps[0]}),
            *(Summed("flow", "n", _by("la", "step"), where={"step": box}) for box in boxes),
        ),
    )


def _outcome(cohort: pd.DataFrame, frame: pd.DataFrame, flow: pd.DataFrame, outcome: str) -> System:
    """One outcome's sample by LA, period, condition and state; those analysed by event."""
    event = frame["value"].to_numpy(np.float64) > 0
    if outcome in protocol.LINEAR_OUTCOMES:
        event[:] = False
    analysed = (frame["state"] == STATES[0]).to_numpy()
    state = np.where(event, EVENT, NO_EVENT).astype(object)
    state[~analysed] = frame["state"].astype(object).to_numpy()[~analysed]
    sample = cohort.loc[frame["child"], list(PLACE)].assign(state=state)
    times = protocol.SCHOOL_TERMS_FOLLOWED if outcome == "S6" else 1
    beyond, boxes = _beyond(cohort, frame, flow, outcome, times)
    places = cohort[list(PLACE)].drop_duplicates()
    cells = _in_places(pd.concat([sample, beyond]), places, state=(EVENT, NO_EVENT, *OPEN, *boxes))
    apart = ((NO_EVENT,), *((state,) for state in OPEN), boxes)
    rests = tuple(Unshown(PLACE, {"state": states}) for states in apart)
    return System(cells, _outcome_sums(outcome, boxes, times), rests)


def _beyond(
    cohort: pd.DataFrame, frame: pd.DataFrame, flow: pd.DataFrame, outcome: str, times: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the cohort's rows beyond the outcome's sample, and the flow's boxes for them.

    The boxes are told by LA alone, so which of an LA's rows is in which doesn't matter.
    """
    rows = times - frame["child"].value_counts().reindex(cohort.index, fill_value=0)
    beyond = cohort.loc[cohort.index.repeat(rows), list(PLACE)].sort_values("la", kind="stable")
    states = {f"{outcome}_{state}" for state in STATES}
    step = flow["step"].astype("str")
    boxes = flow[step.str.startswith(f"{outcome}_") & ~step.isin(states)].sort_values(
        "la", key=lambda las: las.astype("str"), kind="stable"
    )
    labels = np.repeat(boxes["step"].astype(object).to_numpy(), boxes["n"].to_numpy())
    return beyond.assign(state=labels), tuple(dict.fromkeys(boxes["step"].astype("str")))


def _outcome_sums(outcome: str, boxes: tuple[str, ...], times: int) -> tuple[Summed, ...]:
    where = {"outcome": outcome}
    analysed, events = {"state": (EVENT, NO_EVENT)}, {"state": (EVENT,)}
    observed, sampled = {"state": (EVENT, NO_EVENT, MISSING)}, {"state": (EVENT, NO_EVENT, *OPEN)}
    by_period: tuple[tuple[str, dict[str, str]], ...] = (("outcome_periods", where),)
    if outcome == protocol.PRIMARY_OUTCOME:
        by_period = (*by_period, ("periods", {}))
    counted = (("n", analysed), ("events", events))
    cells = _by("la", "condition")
    return (
        *(Summed("crude", count, cells, levels, where) for count, levels in counted),
        *(Summed("crude", state, cells, {"state": (state,)}, where) for state in OPEN),
        *(
            Summed(table, count, _by(*PLACE), levels, rows)
            for table, rows in by_period
            for count, levels in counted
        ),
        *(Summed(ESTIMATES, count, {}, levels, where) for count, levels in counted),
        Summed("calendar", "n", _by("condition"), sampled, where),
        Summed("calendar", "observed", _by("condition"), observed, where),
        Summed("flow", "n", _by("la"), analysed, {"step": f"{outcome}_{STATES[0]}"}),
        *(
            Summed("flow", "n", _by("la"), {"state": (state,)}, {"step": f"{outcome}_{state}"})
            for state in OPEN
        ),
        *(Summed("flow", "n", _by("la"), {"state": (box,)}, {"step": box}) for box in boxes),
        *_whole_cohort(times),
    )


def _covariate(cohort: pd.DataFrame, name: str) -> System:
    """One covariate's levels by LA, period and condition; of a number only whether it's known."""
    values = cohort[name]
    levels = [KNOWN]
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = [str(level) for level in values.cat.categories]
        level = values.astype(object).where(values.notna(), MISSING).astype("str")
    else:
        level = values.isna().map({True: MISSING, False: KNOWN})
    places = cohort[list(PLACE)].drop_duplicates()
    cells = _in_places(cohort.assign(level=level), places, level=(*levels, MISSING))
    known = tuple(levels)
    recordable = (*(level for level in levels if level != BELOW_SCHOOL_AGE), MISSING)
    return System(cells, (*_covariate_sums(name, known, recordable), *_whole_cohort()))


def _covariate_sums(
    name: str, known: tuple[str, ...], recordable: tuple[str, ...]
) -> tuple[Summed, ...]:
    missing, where = {"level": (MISSING,)}, {"covariate": name}
    imputed = {"variable": name}
    return (
        *(
            Summed(table, count, _by(*by), levels, where)
            for table, by in (("missingness", ("la", "condition")), ("missingness_periods", PLACE))
            for count, levels in (("n", {"level": recordable}), ("missing", missing))
        ),
        *(
            summed
            for group in CONDITIONS
            for summed in (
                Summed("balance", f"n_{group}", {}, _of(known, group), where),
                Summed("balance", f"count_{group}", _by("level"), _of(known, group), where),
            )
        ),
        Summed("imputation", "observed", {}, {"level": known}, imputed),
        Summed("imputation", "missing", {}, missing, imputed),
        Summed("imputation_trace", "missing", {}, missing, imputed),
        Summed("imputed_shares", "observed_n", {}, {"level": recordable[:-1]}, imputed),
        Summed("imputed_shares", "observed_count", _by("level"), {"level": known}, imputed),
        Summed("imputed_shares", "missing_n", {}, missing, imputed),
        Summed("profiles", "n", _by("la", "level"), where={"characteristic": name}),
    )


def _of(levels: tuple[str, ...], condition: str) -> dict[str, tuple[str, ...]]:
    return {"level": levels, "condition": (condition,)}


def _ages(cohort: pd.DataFrame) -> System:
    """Years of age by LA and condition: the profile's, and the bands of the balance."""
    columns = ["la", "condition", "age"]
    ages = cohort.groupby(columns).size()
    names = {
        name: tuple(map(str, range(first, last + 1))) for name, first, last in protocol.AGE_BANDS
    }
    of = {column: ages.index.get_level_values(column) for column in columns}
    return System(
        _cells(ages, la=of["la"], condition=of["condition"], level=of["age"]),
        (
            Summed("profiles", "n", _by("la", "level"), where={"characteristic": "age"}),
            *(
                Summed(
                    "balance", f"count_{group}", {}, _of(ages_of, group),
                    {"covariate": "age_band", "level": band},
                )
                for group in CONDITIONS
                for band, ages_of in names.items()
            ),
            *_whole_cohort()[:-1],
        ),
    )  # fmt: skip


def _referrals(volume: pd.DataFrame) -> System:
    """Referrals by LA and month; a period has six."""
    month = volume["month"].astype("datetime64[s]").dt.to_period("M").astype("int64")
    period = (month - month.min()) // protocol.PERIOD_MONTHS
    return System(
        _cells(volume["referrals"], la=volume["la"], month=volume["month"], period=period),
        (
            Summed("volume", "referrals", _by("la", "month")),
            Summed("stayed_open", "referrals", _by("la", "period")),
        ),
    )


def _days_on_plans(distribution: pd.DataFrame) -> System:
    """Days on plans by condition and class of days."""
    keys = ("condition", "share_of_window", "first_day")
    rows = {"outcome": "S3", "la": "all"}
    return System(
        _cells(distribution["n"], **{key: distribution[key] for key in keys}),
        (
            Summed("s3_distribution", "n", _by(*keys)),
            Summed("crude", "n", _by("condition"), where=rows),
        ),
    )


def _terms(terms: pd.DataFrame) -> System:
    """Children with a term's attendance by LA, condition and the term's position."""
    rows = terms[terms["la"] != "all"]
    keys = ("la", "condition", "term")
    return System(
        _cells(rows["n"], **{key: rows[key] for key in keys}),
        (
            Summed("s6_terms", "n", _by(*keys)),
            Summed("crude", "n", _by("la", "condition"), where={"outcome": "S6"}),
        ),
    )
