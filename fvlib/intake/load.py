"""A refresh's folder -> `Extracts`: typed frames, rows set aside, and a count for every change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from fvlib import protocol
from fvlib.contract import FILES, FileSpec
from fvlib.contract.codes import DISABILITY
from fvlib.contract.files import (
    ATTENDANCE,
    CARE_EPISODES,
    CHILDREN,
    PLANS,
    REFERRALS,
    UNKNOWN_AFTER,
    WITHDRAWALS,
)
from fvlib.intake.receive import Intake, take_in
from fvlib.intake.screening import LAS, Roster, Screened, count_verdicts, judge_rows, roster_of
from fvlib.intake.set_aside import write_set_aside
from fvlib.intake.values import parse
from fvlib.refresh import Refresh

# The SSDA903 columns that the trial uses.
FAR: Final = "2199-12-31"  # the last day of a row that is still open
LOST_COLUMNS: Final = ("child", "file", "rule", "kind", "first", "last")
_EPISODE_COLUMNS: Final = ("DECOM", "RNE", "LS", "PLACE", "DEC", "REC", UNKNOWN_AFTER)


@dataclass(frozen=True)
class Extracts:
    """One refresh's rows, typed, all five LAs stacked.

    A child is its row's position in `children`. `la` is a categorical of the five keys; in
    `set_aside`, `resolved` and `arrivals` it has a sixth, `unknown`, for rows of the whole trial's
    files that name none of them.

    `lost` has the rows set aside of children who are kept, where they could change an outcome:
    child, file (`plans`, `care_episodes`, `attendance`), rule, kind (the plan's type), first, last
    (NaT where the row's dates can't be trusted; of attendance both are the term's first day).
    `unknown` has the children whom a later return no longer has: child, after (the last day on
    which something is known).

    Dates are `datetime64[s]`, NaT is missing or open; codes are categoricals. For every file and
    LA: rows_read = rows_kept + rows set aside + identical and blank rows.

    Attributes
    ----------
    children
        Index `child` 0..n-1: la, child_id, birth_month (first of the month; NaT = unborn), sex,
        ethnicity (census codes), disabled (nullable boolean: any code but NONE), fsm_ever,
        pupil_premium, uasc.
    referrals
        child, la, referral_id, referral_date, referral_nfa, closure_date, primary_need,
        n_previous_cpp.
    plans
        child, la, plan_type (`CIN`, `CPP`), start_date, end_date.
    care_episodes
        child, la, DECOM, RNE, LS, PLACE, DEC, REC.
    attendance
        child, la, academic_year (its first calendar year), term, sessions_possible,
        sessions_unauthorised.
    la_context
        la, from_date, other_programme, further numeric columns named in params.
    ipe_admin, ipe_survey, ipe_fgc, ipe_training
        The contract's columns.
    set_aside, resolved
        la, file, rule, rows.
    arrivals
        la, file, arrived, rows_read, rows_kept, first_date, last_date, ignored_columns.
    withdrawn
        la, children.
    """

    children: pd.DataFrame
    referrals: pd.DataFrame
    plans: pd.DataFrame
    care_episodes: pd.DataFrame
    attendance: pd.DataFrame
    la_context: pd.DataFrame
    ipe_admin: pd.DataFrame
    ipe_survey: pd.DataFrame
    ipe_fgc: pd.DataFrame
    ipe_training: pd.DataFrame
    set_aside: pd.DataFrame
    resolved: pd.DataFrame
    arrivals: pd.DataFrame
    withdrawn: pd.DataFrame
    lost: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LOST_COLUMNS)))
    unknown: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["child", "after"]))


def load_extracts(refresh: Refresh, root: Path) -> Extracts:
    """Read, judge and type all files of a refresh; write the rows set aside.

    Parameters
    ----------
    refresh
        Names the data folder, each LA's `data_through` and live date, further context columns.
    root
        The project's root, which the data folder is below.

    Raises
    ------
    Refusal
        The refresh can't be used as a whole; the message names every file and column at fault.
    """
    return extracts_of(*screen_refresh(refresh, root))


def screen_refresh(refresh: Refresh, root: Path) -> tuple[Intake, list[Screened]]:
    """Read and judge all files of a refresh; write the rows set aside."""
    intake = take_in(refresh, root)
    screened = _screen_all(intake, refresh)
    write_set_aside(screened, root / refresh.data)
    return intake, screened


def _screen_all(intake: Intake, refresh: Refresh) -> list[Screened]:
    """Judge every file, each LA's children before the files that refer to them."""
    screened: list[Screened] = []
    rosters: dict[str | None, Roster] = {None: Roster(pd.Index([]), np.zeros(0, np.int64))}
    for raw in sorted(intake.files, key=lambda raw: raw.source.spec is not CHILDREN):
        is_child = raw.source.spec is CHILDREN
        roster = None if is_child or raw.source.la is None else rosters[raw.source.la]
        screened.append(judge_rows(raw, refresh, roster))
        if is_child:
            rosters[raw.source.la] = roster_of(screened[-1])
    return screened


def extracts_of(intake: Intake, screened: list[Screened]) -> Extracts:
    """Type and stack the kept rows of judged files."""
    of = {spec.name: [part for part in screened if part.spec is spec] for spec in FILES.values()}
    offsets = _offsets(of[CHILDREN.name])
    rosters = {part.raw.source.la: roster_of(part) for part in of[CHILDREN.name]}
    children = _children(of[CHILDREN.name])
    frames = {
        spec.name: _child_rows(of[spec.name], spec, names, rosters, offsets)
        for spec, names in (
            (REFERRALS, REFERRALS.column_names[1:]),
            (PLANS, PLANS.column_names[1:]),
            (CARE_EPISODES, _EPISODE_COLUMNS),
            (ATTENDANCE, ATTENDANCE.column_names[1:]),
        )
    }
    frames |= {
        spec.name: _trial_rows(of[spec.name], spec)
        for spec in FILES.values()
        if spec.scope == "trial" and spec is not WITHDRAWALS
    }
    frames["referrals"]["referral_nfa"] = frames["referrals"]["referral_nfa"].astype(bool)
    frames["attendance"]["academic_year"] = frames["attendance"]["academic_year"].astype("int64")
    frames["la_context"]["other_programme"] = frames["la_context"]["other_programme"].astype(bool)
    unknown = _unknown([frames[spec.name] for spec in (REFERRALS, PLANS, CARE_EPISODES)])
    lost = [
        _lost(part, rosters, offsets)
        for spec in (PLANS, CARE_EPISODES, ATTENDANCE)
        for part in of[spec.name]
    ]
    set_aside, resolved = counts_of(intake, screened)
    return Extracts(
        children=children,
        **frames,
        set_aside=set_aside,
        resolved=resolved,
        arrivals=arrivals_of(screened),
        withdrawn=intake.withdrawn,
        lost=pd.concat(lost, ignore_index=True),
        unknown=unknown,
    )


def _unknown(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Take the column out that says since when a child is unknown; give one row a child."""
    said = [frame[["child", UNKNOWN_AFTER]].dropna() for frame in frames]
    for frame in frames:
        del frame[UNKNOWN_AFTER]
    every = pd.concat(said, ignore_index=True).rename(columns={UNKNOWN_AFTER: "after"})
    return every.groupby("child")["after"].min().reset_index()


def _lost(
    part: Screened, rosters: dict[str | None, Roster], offsets: dict[str | None, int]
) -> pd.DataFrame:
    """Return a file's rows set aside of children who are kept, with their dates.

    Dates count as unknown where they can't be read, or the fault lies in them.
    """
    spec, la = part.spec, part.raw.source.la
    _, position = rosters[la].find(part.columns[str(spec.child)])
    rows = (part.rule > 0) & (position >= 0)
    names = [str(spec.starts), spec.ends] if spec.ends else list(spec.key[1:])
    at_fault = np.isin(part.column_names[rows], names)
    unsure = at_fault & (part.rule_names[rows] != "duplicate key")
    first = last = pd.Series(part.starts)[rows].reset_index(drop=True)
    if spec.ends is not None:
        end = part.columns[spec.ends]
        last = pd.Series(end.typed[rows]).mask(end.empty[rows], pd.Timestamp(FAR))
    kind = part.columns["plan_type"].typed[rows] if spec is PLANS else ""
    return pd.DataFrame(
        {
            "child": position[rows] + offsets[la],
            "file": spec.name,
            "rule": part.rule_names[rows],
            "kind": pd.Series(kind, index=first.index, dtype=object),
            "first": first.mask(unsure).astype("datetime64[s]"),
            "last": last.mask(unsure).astype("datetime64[s]"),
        }
    )


def _offsets(children: Iterable[Screened]) -> dict[str | None, int]:
    offsets, n = {}, 0
    for part in children:
        offsets[part.raw.source.la] = n
        n += int(part.kept.sum())
    return offsets


def _children(parts: list[Screened]) -> pd.DataFrame:
    frames = []
    for part in parts:
        frame = _frame(part, CHILDREN.column_names)
        disability = frame["disability"]
        disabled = (disability.astype("str") != DISABILITY.alone).astype("boolean")
        frame["disability"] = disabled.where(disability.notna())
        frames.append(frame.rename(columns={"disability": "disabled"}))
    return pd.concat(frames, ignore_index=True).rename_axis("child")


def _frame(part: Screened, names: Iterable[str]) -> pd.DataFrame:
    """Return a file's kept rows, the LA first."""
    la = pd.Categorical(np.array(LAS, object)[part.la[part.kept]], categories=protocol.LA_KEYS)
    columns = {name: _typed(part, name) for name in names if name != "la"}
    return pd.DataFrame({"la": pd.Series(la), **columns})


def _typed(part: Screened, name: str) -> Any:
    """Return a column's typed values; all missing where the file lacks one that it may lack."""
    if name in part.columns:
        return part.typed(name)
    nothing = pa.array([""] * int(part.kept.sum()), pa.string())
    return parse(part.spec.column(name), nothing).typed


def _child_rows(
    parts: list[Screened],
    spec: FileSpec,
    names: Sequence[str],
    rosters: dict[str | None, Roster],
    offsets: dict[str | None, int],
) -> pd.DataFrame:
    frames = []
    for part in parts:
        la = part.raw.source.la
        _, position = rosters[la].find(part.columns[str(spec.child)])
        child = pd.DataFrame({"child": position[part.kept] + offsets[la]})
        frames.append(child.join(_frame(part, names)))
    return pd.concat(frames, ignore_index=True)


def _trial_rows(parts: list[Screened], spec: FileSpec) -> pd.DataFrame:
    if parts:
        return _frame(parts[0], parts[0].columns)
    nothing = pa.array([], pa.string())  # an optional file that wasn't sent
    return pd.DataFrame({column.name: parse(column, nothing).typed for column in spec.columns})


def counts_of(intake: Intake, screened: list[Screened]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count the rows set aside and those resolved.

    Returns
    -------
    set_aside, resolved
        la, file, rule, rows; one row for each LA, file and rule that occurs.
    """
    rows = [row for part in screened for row in count_verdicts(part)]
    rows += [
        ("resolved", la, WITHDRAWALS.name, "withdrawal not found", n)
        for la, n in intake.not_found.items()
    ]
    if intake.unfinished_withdrawals:
        rows.append(("resolved", LAS[-1], WITHDRAWALS.name, "unfinished last row", 1))
    frame = pd.DataFrame(rows, columns=["outcome", "la", "file", "rule", "rows"])
    frame = frame.assign(
        la=pd.Categorical(frame["la"], categories=list(LAS)), rows=frame["rows"].astype("int64")
    ).astype({"file": "str", "rule": "str"})
    files = {name: at for at, name in enumerate(FILES)}
    frame = frame.sort_values(
        ["la", "file", "rule"], key=lambda by: by.map(files) if by.name == "file" else by
    )
    set_aside, resolved = (
        frame[frame["outcome"] == outcome].drop(columns="outcome").reset_index(drop=True)
        for outcome in ("set aside", "resolved")
    )
    return set_aside, resolved


def arrivals_of(screened: list[Screened]) -> pd.DataFrame:
    """Say what each LA sent of each file; a file with a header alone has not arrived."""
    sent = {(part.spec.name, la): part for part in screened for la in _las_of(part)}
    rows = []
    for la in LAS:
        for spec in FILES.values():
            part = sent.get((spec.name, la))
            if spec is not WITHDRAWALS and (part is not None or la in protocol.LA_KEYS):
                rows.append(_arrival(spec, la, part))
    frame = pd.DataFrame(rows)
    return frame.assign(
        la=pd.Categorical(frame["la"], categories=list(LAS)),
        first_date=frame["first_date"].astype("datetime64[s]"),
        last_date=frame["last_date"].astype("datetime64[s]"),
    )


def share_set_aside(arrivals: pd.DataFrame, set_aside: pd.DataFrame) -> pd.Series[float]:
    """Return which share of each LA's file was set aside, in the order of `arrivals`.

    Parameters
    ----------
    arrivals, set_aside
        As in `Extracts`.
    """
    keys = ["la", "file"]
    rows = set_aside.groupby(keys, observed=True)["rows"].sum()
    aside = rows.reindex(pd.MultiIndex.from_frame(arrivals[keys]), fill_value=0)
    read = arrivals["rows_read"]
    share: pd.Series[float] = (aside.set_axis(arrivals.index) / read.where(read > 0)).fillna(0.0)
    return share


def _las_of(part: Screened) -> list[str]:
    if part.raw.source.la is not None:
        return [part.raw.source.la]
    unknown = (part.la == LAS.index(LAS[-1])).any() or part.raw.blank_rows > 0
    return list(LAS if unknown else protocol.LA_KEYS)


def _arrival(spec: FileSpec, la: str, part: Screened | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "la": la,
        "file": spec.name,
        "arrived": False,
        "rows_read": 0,
        "rows_kept": 0,
        "first_date": pd.NaT,
        "last_date": pd.NaT,
        "ignored_columns": "",
    }
    if part is None:
        return row
    of_la = part.la == LAS.index(la)
    owns_blank_rows = la in (part.raw.source.la, LAS[-1])
    read = int(of_la.sum()) + (part.raw.blank_rows if owns_blank_rows else 0)
    row |= {
        "arrived": read > 0,
        "rows_read": read,
        "rows_kept": int((part.kept & of_la).sum()),
        "ignored_columns": ", ".join(
            name or "(without a name)" for name in part.raw.header.extra.values()
        ),
    }
    dates = pd.Series(part.starts[part.kept & of_la])
    return row | {"first_date": dates.min(), "last_date": dates.max()}
