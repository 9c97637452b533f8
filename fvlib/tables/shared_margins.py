"""What the trial's tables add up alike: the same children by LA, period, condition and state.

Each system names its cells and the counts that are sums of them, so that the gate can tell what
the tables give away together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis.plan import LEAVE_OUT
from fvlib.contract.rules import IDENTICAL_ROW
from fvlib.gate import ESTIMATES, CountTable
from fvlib.gate.linked_counts import ALL, NOWHERE, Summed, System, Unshown, texts
from fvlib.trial import Trial
from fvlib.trial.covariates import BELOW_SCHOOL_AGE, CHILD_COVARIATES, LA_COVARIATES
from fvlib.trial.frames import CONDITIONS
from fvlib.trial.outcomes import STATES
from fvlib.trial.variants import AT_LEAST, AT_MOST, KINSHIP_COMPOSITE

EVENT, NO_EVENT = "event", "no event"
MISSING, KNOWN, KEPT = "missing", "known", "kept"
CHILDREN: Final = "children"  # the file, and the flow's first step
PLACE: Final = ("la", "period", "condition")  # of a cohort child: by it the systems are linked
OPEN: Final = ("not_observable", MISSING)
PLACEMENT: Final = "S4"  # of those who became looked after
NOT_IN_CARE: Final = "S4_not_in_care"  # the flow's box of the others

Levels = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Parts:
    """A table that splits children further, within what `by` tells apart."""

    name: str
    by: tuple[str, ...]
    labels: tuple[str, ...]
    table: pd.DataFrame


def find_shared_margins(tables: Mapping[str, CountTable], trial: Trial) -> tuple[System, ...]:
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
    flow = frames["flow"]
    terms = frames["s6_terms"]
    parts = {
        "S3": _Parts(
            "s3_distribution",
            ("condition",),
            ("share_of_window", "first_day"),
            frames["s3_distribution"],
        ),
        "S6": _Parts("s6_terms", ("la", "condition"), ("term",), terms[terms["la"] != ALL]),
    }
    return (
        _children(frames, cohort),
        _rows_sent(frames),
        _entries(cohort, trial),
        *(
            _outcome(cohort, trial.outcomes[outcome], flow, outcome, parts.get(outcome))
            for outcome in protocol.OUTCOMES
            if outcome not in (protocol.PRIMARY_OUTCOME, PLACEMENT)
        ),
        *(_covariate(cohort, name) for name in (*CHILD_COVARIATES, *LA_COVARIATES, *context)),
        _referrals(frames["volume"]),
    )


def _cells(n: Any, **levels: Any) -> pd.DataFrame:
    """Make cells of their levels, as text, and of how many are in each."""
    cells = pd.DataFrame({name: texts(column) for name, column in levels.items()}, dtype=object)
    return cells.assign(n=np.asarray(n, dtype=np.float64))


def _in_places(rows: pd.DataFrame, cohort: pd.DataFrame, kinds: pd.DataFrame) -> pd.DataFrame:
    """Count rows by the cohort's places and kinds: each kind is a cell in each place."""
    places = cohort[list(PLACE)].drop_duplicates()
    grid = pd.MultiIndex.from_frame(places.merge(kinds, how="cross"))
    n = rows.groupby(list(grid.names)).size().reindex(grid, fill_value=0)
    return _cells(n, **{str(name): grid.get_level_values(str(name)) for name in grid.names})


def _by(*columns: str) -> dict[str, str]:
    """Let cells and table name these columns alike."""
    return {column: column for column in columns}


def _whole_cohort(times: int = 1, **levels: tuple[str, ...]) -> tuple[Summed, ...]:
    """Return the counts that add up every cell of the cohort in a place."""
    recorded = {"covariate": "sex"}  # a covariate that every child could have recorded
    return (
        Summed("flow", "n", _by("la"), levels, {"step": "cohort"}, times),
        *(
            Summed("flow", "n", _by("la"), levels | {"condition": (name,)}, {"step": name}, times)
            for name in CONDITIONS
        ),
        Summed("missingness", "n", _by("la", "condition"), levels, recorded, times),
        Summed("missingness_periods", "n", _by(*PLACE), levels, recorded, times),
    )


def _children(frames: Mapping[str, pd.DataFrame], cohort: pd.DataFrame) -> System:
    """Rows of the children's files by LA: set aside, excluded, or in the cohort at their place."""
    flow, step = frames["flow"], frames["flow"]["step"].astype("str")
    steps = list(dict.fromkeys(step))
    boxes = tuple(steps[1 : steps.index("cohort") + 1])
    dropped = _dropped(frames)
    dropped = dropped[dropped["file"] == CHILDREN].rename(columns={"rule": "step", "rows": "n"})
    rest = pd.concat([dropped, flow[step.isin(boxes[:-1])]])
    elsewhere = _cells(rest["n"], la=rest["la"], step=rest["step"]).assign(
        period=NOWHERE, condition=NOWHERE
    )
    inside = _in_places(cohort.assign(step="cohort"), cohort, pd.DataFrame({"step": ["cohort"]}))
    sent = {"file": CHILDREN}
    of_rule = _by("la") | {"step": "rule"}
    return System(
        pd.concat([elsewhere, inside], ignore_index=True),
        (
            Summed("arrivals", "rows_read", _by("la"), where=sent),
            Summed("arrivals", "rows_kept", _by("la"), {"step": boxes}, sent),
            Summed("set_aside", "rows", of_rule, where=sent),
            Summed("resolved", "rows", of_rule, where=sent | {"rule": IDENTICAL_ROW}),
            Summed("flow", "n", _by("la"), {"step": boxes}, {"step": CHILDREN}),
            *(Summed("flow", "n", _by("la", "step"), where={"step": box}) for box in boxes),
            *_whole_cohort(step=("cohort",)),
        ),
        linked=PLACE,
    )


def _dropped(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count the rows read that were not kept: la, file, rule, rows."""
    resolved = frames["resolved"]
    return pd.concat([frames["set_aside"], resolved[resolved["rule"] == IDENTICAL_ROW]])


def _rows_sent(frames: Mapping[str, pd.DataFrame]) -> System:
    """Rows of the other files by LA and what became of them."""
    arrivals = frames["arrivals"]
    kept = arrivals.assign(rule=KEPT, rows=arrivals["rows_kept"])
    fates = pd.concat([kept, _dropped(frames)])
    fates = fates[fates["file"] != CHILDREN]
    of_file = _by("la", "file")
    of_fate = of_file | {"fate": "rule"}
    return System(
        _cells(fates["rows"], la=fates["la"], file=fates["file"], fate=fates["rule"]),
        (
            Summed("arrivals", "rows_read", of_file),
            Summed("arrivals", "rows_kept", of_file, {"fate": (KEPT,)}),
            Summed("set_aside", "rows", of_fate),
            Summed("resolved", "rows", of_fate, where={"rule": IDENTICAL_ROW}),
        ),
    )


def _entries(cohort: pd.DataFrame, trial: Trial) -> System:
    """Who became looked after, and in which placement: the events of P1 are the sample of S4.

    A cell has a state of P1 and one of S4, those that can go together.
    """
    primary, placed = (
        trial.outcomes[name].set_index("child") for name in (protocol.PRIMARY_OUTCOME, PLACEMENT)
    )
    rows = cohort[list(PLACE)].assign(
        state=_states(primary, protocol.PRIMARY_OUTCOME),
        placed=_states(placed, PLACEMENT).reindex(cohort.index, fill_value=NOT_IN_CARE),
        reason=primary["reason"],
        placed_reason=placed["reason"].reindex(cohort.index, fill_value=NOWHERE),
    )
    missing = sorted(set(rows["reason"]) - {NOWHERE}) or [NOWHERE]
    possible = [  # why a placement is missing is told: a reason that none has is in no table
        *((EVENT, state, NOWHERE, NOWHERE) for state in (EVENT, NO_EVENT)),
        *((state, NOT_IN_CARE, NOWHERE, NOWHERE) for state in (NO_EVENT, OPEN[0])),
        (OPEN[0], OPEN[0], NOWHERE, NOWHERE),
        *((MISSING, NOT_IN_CARE, reason, NOWHERE) for reason in missing),
    ]
    columns = ["state", "placed", "reason", "placed_reason"]
    every = pd.DataFrame(possible, columns=columns)
    kinds = pd.concat([every, rows[columns]]).drop_duplicates()
    return System(
        _in_places(rows, cohort, kinds),
        (
            *_outcome_sums(protocol.PRIMARY_OUTCOME, (), 1),
            *_outcome_sums(PLACEMENT, (NOT_IN_CARE,), 1, "placed", "placed_reason"),
            *_leave_one_out(),
            *_kinship_composite(),
            *_bounds(),
        ),
        (
            *(Unshown(PLACE, {"state": (state,)}) for state in (NO_EVENT, *OPEN)),
            *(Unshown(PLACE, {"placed": (state,)}) for state in (NO_EVENT, *OPEN, NOT_IN_CARE)),
        ),
        linked=PLACE,
    )


def _states(frame: pd.DataFrame, outcome: str) -> pd.Series:
    """Say event or no event of those analysed, and the state of the others.

    A linear outcome has no events.
    """
    analysed = (frame["state"] == STATES[0]).to_numpy()
    event = analysed & (frame["value"].to_numpy(np.float64) > 0)
    event &= outcome not in protocol.LINEAR_OUTCOMES
    state = np.select([event, analysed], [EVENT, NO_EVENT], texts(frame["state"]))
    return pd.Series(state, index=frame.index, dtype=object)


def _reasons(reasons: pd.Series) -> pd.DataFrame:
    """List the reasons for which children are missing, beside that state."""
    return pd.DataFrame(
        {"state": MISSING, "reason": sorted(set(reasons) - {NOWHERE})}, dtype=object
    )


def _leave_one_out() -> tuple[Summed, ...]:
    """Return the counts of the primary analysis without one LA: they tell that LA's."""
    return tuple(
        Summed(
            ESTIMATES,
            count,
            levels={"la": tuple(la for la in protocol.LA_KEYS if la != out), "state": states},
            where={"analysis": f"{LEAVE_OUT}{out}"},
        )
        for out in protocol.LA_KEYS
        for count, states in (("n", (EVENT, NO_EVENT)), ("events", (EVENT,)))
    )


def _bounds() -> tuple[Summed, ...]:
    """Return the counts of P1 with its missing children as no event, and as events."""
    everyone: Levels = {"state": (EVENT, NO_EVENT, MISSING)}
    return tuple(
        Summed(ESTIMATES, count, levels=levels, where={"outcome": outcome})
        for outcome, events in ((AT_LEAST, (EVENT,)), (AT_MOST, (EVENT, MISSING)))
        for count, levels in (("n", everyone), ("events", {"state": events}))
    )


def _kinship_composite() -> tuple[Summed, ...]:
    """Return the counts of S4 over the whole cohort: its events are those of S4."""
    known: Levels = {"state": (EVENT, NO_EVENT), "placed": (EVENT, NO_EVENT, NOT_IN_CARE)}
    where = {"outcome": KINSHIP_COMPOSITE}
    return (
        Summed(ESTIMATES, "n", levels=known, where=where),
        Summed(ESTIMATES, "events", levels={"placed": (EVENT,)}, where=where),
    )


def _outcome(
    cohort: pd.DataFrame,
    frame: pd.DataFrame,
    flow: pd.DataFrame,
    outcome: str,
    parts: _Parts | None,
) -> System:
    """One outcome's sample by LA, period, condition and state; those analysed by event or part."""
    labels = () if parts is None else parts.labels
    events = () if outcome in protocol.LINEAR_OUTCOMES else (EVENT,)
    rows = cohort.loc[frame["child"], list(PLACE)].reset_index(drop=True)
    rows["state"] = _states(frame, outcome).to_numpy()
    rows["reason"] = frame["reason"].to_numpy()
    rows[list(labels)] = NOWHERE
    split = pd.DataFrame({"state": [NO_EVENT]})
    further: tuple[Summed, ...] = ()
    if parts is not None:  # those of a linear outcome: none has an event
        analysed = rows["state"] == NO_EVENT
        rows.loc[analysed, list(labels)] = _allotted(rows[analysed], parts)
        split = parts.table[list(labels)].map(str).drop_duplicates().assign(state=NO_EVENT)
        further = (Summed(parts.name, "n", _by(*parts.by, *labels)),)
    times = protocol.SCHOOL_TERMS_FOLLOWED if outcome == "S6" else 1
    beyond, boxes = _not_sampled(cohort, frame, flow, outcome, times)
    beyond[["reason", *labels]] = NOWHERE
    reasons = _reasons(rows["reason"])
    states = [*events, OPEN[0], *boxes, *(() if len(reasons) else (MISSING,))]
    kinds = pd.concat([pd.DataFrame({"state": states}), reasons, split])
    kinds = kinds.reindex(columns=["state", "reason", *labels]).fillna(NOWHERE)
    apart = ((NO_EVENT,), *((state,) for state in OPEN), boxes)
    return System(
        _in_places(pd.concat([rows, beyond]), cohort, kinds),
        (*_outcome_sums(outcome, boxes, times), *further),
        tuple(Unshown(PLACE, {"state": states}) for states in apart),
        linked=PLACE,
    )


def _allotted(rows: pd.DataFrame, parts: _Parts) -> pd.DataFrame:
    """Give rows a part each, as many as the table says.

    The table tells by `by` alone, so which of the rows that it doesn't tell apart are in which
    part doesn't matter.
    """
    by, labels = list(parts.by), list(parts.labels)
    table = _cells(parts.table["n"], **{name: parts.table[name] for name in (*by, *labels)})
    table = table.sort_values(by, kind="stable")
    order = rows[by].map(str).astype(object).sort_values(by, kind="stable").index
    each = table.loc[table.index.repeat(table["n"].astype(np.int64)), labels]
    return each.set_axis(order).loc[rows.index]


def _not_sampled(
    cohort: pd.DataFrame, frame: pd.DataFrame, flow: pd.DataFrame, outcome: str, times: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the cohort's rows beyond the outcome's sample, and the flow's boxes for them."""
    rows = times - frame["child"].value_counts().reindex(cohort.index, fill_value=0)
    beyond = cohort.loc[cohort.index.repeat(rows), list(PLACE)].reset_index(drop=True)
    states = {f"{outcome}_{state}" for state in STATES}
    step = flow["step"].astype("str")
    boxes = flow[step.str.startswith(f"{outcome}_") & ~step.isin(states)]
    parts = _Parts("flow", ("la",), ("step",), boxes)
    beyond["state"] = _allotted(beyond, parts)["step"]
    return beyond, tuple(dict.fromkeys(boxes["step"].astype("str")))


def _outcome_sums(
    outcome: str,
    boxes: tuple[str, ...],
    times: int,
    column: str = "state",
    reason: str = "reason",
) -> tuple[Summed, ...]:
    """Return an outcome's counts; the cells have its states and reasons in these columns."""
    where = {"outcome": outcome}
    analysed, events = {column: (EVENT, NO_EVENT)}, {column: (EVENT,)}
    observed, sampled = {column: (EVENT, NO_EVENT, MISSING)}, {column: (EVENT, NO_EVENT, *OPEN)}
    by_period: tuple[tuple[str, dict[str, str]], ...] = (("outcome_periods", where),)
    if outcome == protocol.PRIMARY_OUTCOME:
        by_period = (*by_period, ("periods", {}))
    counted = (("n", analysed), ("events", events))
    cells = _by("la", "condition")
    return (
        *(Summed("crude", count, cells, levels, where) for count, levels in counted),
        *(Summed("crude", state, cells, {column: (state,)}, where) for state in OPEN),
        Summed("missing_outcomes", "n", _by("condition") | {reason: "reason"}, where=where),
        *(
            Summed(table, count, _by(*PLACE), levels, rows)
            for table, rows in by_period
            for count, levels in counted
        ),
        *(Summed(ESTIMATES, count, {}, levels, where, spared=True) for count, levels in counted),
        Summed("control_window", "n", {}, analysed | {"condition": CONDITIONS[:1]}, where),
        Summed("calendar", "n", _by("condition"), sampled, where),
        Summed("calendar", "observed", _by("condition"), observed, where),
        Summed("flow", "n", _by("la"), analysed, {"step": f"{outcome}_{STATES[0]}"}),
        *(
            Summed("flow", "n", _by("la"), {column: (state,)}, {"step": f"{outcome}_{state}"})
            for state in OPEN
        ),
        *(Summed("flow", "n", _by("la"), {column: (box,)}, {"step": box}) for box in boxes),
        *_whole_cohort(times),
    )


def _covariate(cohort: pd.DataFrame, name: str) -> System:
    """One covariate's levels by LA, period and condition; of a number only whether it's known.

    Age bands are split by year of age, which the profiles tell.
    """
    values = cohort[name]
    levels: tuple[str, ...] = (KNOWN,)
    level = values.isna().map({True: MISSING, False: KNOWN})
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = tuple(map(str, values.cat.categories))
        level = values.astype(object).where(values.notna(), MISSING)
    rows = cohort[list(PLACE)].assign(level=level.map(str))
    kinds = pd.DataFrame({"level": [*levels, MISSING]})
    if name == "age_band":
        rows["age"] = cohort["age"].map(str)
        kinds = pd.DataFrame(
            [(band, str(age)) for band, first, last in protocol.AGE_BANDS
             for age in range(first, last + 1)],
            columns=["level", "age"],
        )  # fmt: skip
    recordable = (*(level for level in levels if level != BELOW_SCHOOL_AGE), MISSING)
    return System(
        _in_places(rows, cohort, kinds),
        (*_covariate_sums(name, levels, recordable), *_whole_cohort()),
        linked=PLACE,
    )


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
        Summed("profiles", "n", *_profile(name)),
    )


def _profile(name: str) -> tuple[dict[str, str], Levels, dict[str, str]]:
    """Say what the profiles' rows of a covariate add up: years of age, or its levels."""
    if name == "age_band":
        return _by("la") | {"age": "level"}, {}, {"characteristic": "age"}
    return _by("la", "level"), {}, {"characteristic": name}


def _of(levels: tuple[str, ...], condition: str) -> dict[str, tuple[str, ...]]:
    return {"level": levels, "condition": (condition,)}


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
