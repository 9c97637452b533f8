"""From analysable rows to a design matrix, and whether they can tell the effect at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fvlib import protocol
from fvlib.models.collapse import number_alike
from fvlib.models.identify import independent
from fvlib.remarks import Code, remark
from fvlib.trial.covariates import CHILD_COVARIATES, LA_COVARIATES

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

TREATMENT: Final = "treatment"
INTERCEPT: Final = "intercept"

# A categorical's reference level where it isn't the first one: the protocol's age band, and the
# commonest need.
REFERENCES: Final = {"age_band": protocol.REFERENCE_AGE_BAND, "primary_need": "1"}
# The census's main groups, into which rare ethnicity codes are merged (analysis plan).
MAIN_GROUPS: Final = {
    "white": ("WBRI", "WIRI", "WIRT", "WOTH", "WROM"),
    "mixed": ("MWBC", "MWBA", "MWAS", "MOTH"),
    "Asian": ("AIND", "APKN", "ABAN", "AOTH"),
    "black": ("BCRB", "BAFR", "BOTH"),
    "other": ("CHNE", "OOTH"),
}
MAIN_GROUP_OF: Final = {code: group for group, codes in MAIN_GROUPS.items() for code in codes}


class NotEstimable(Exception):  # noqa: N818  (a status of the plan, not an error)
    """The data don't (yet) tell: the message is the reason, a `fvlib.remarks` code."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Which covariates stand in a model beside treatment and period.

    Attributes
    ----------
    child, la
        Covariates of the child and of the LA.
    row
        Columns of the outcome's own rows, never missing: S6's term and time since the referral.
    """

    child: tuple[str, ...] = CHILD_COVARIATES
    la: tuple[str, ...] = LA_COVARIATES
    row: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All covariates, child's first."""
        return (*self.child, *self.la)

    def without(self, names: Sequence[str]) -> Terms:
        """Return the terms less `names`."""
        return Terms(
            tuple(name for name in self.child if name not in names),
            tuple(name for name in self.la if name not in names),
            self.row,
        )


@dataclass(frozen=True, slots=True)
class Design:
    """One complete design: a row a child (or child-term), or a row for all that are alike.

    Attributes
    ----------
    y
        Outcome, shape (n,): its sum, where a row stands for several.
    X
        Fixed-effects matrix, shape (n, p): intercept, treatment, periods, covariates.
    names
        Column names, length p.
    la
        LA of each row as an integer in the protocol's order, shape (n,).
    cell
        LA x period cell of each row, shape (n,).
    child
        Child of each row, shape (n,).
    frame
        The complete rows, for methods that read more of a child than the columns above.
    trials
        How many each row stands for, shape (n,); None where each stands for itself. Then `child`
        and `frame` are those of the first of them.
    """

    y: Floats
    X: Floats
    names: tuple[str, ...]
    la: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    child: npt.NDArray[np.int64]
    frame: pd.DataFrame
    trials: Floats | None = None

    @property
    def rate(self) -> float:
        """Mean outcome."""
        return float(self.y.mean() if self.trials is None else self.y.sum() / self.trials.sum())

    def with_columns(self, columns: Mapping[str, Floats], *, without: Sequence[str] = ()) -> Design:
        """Return the design with further columns, less those named in `without`."""
        gone = [i for i, name in enumerate(self.names) if name in without]
        X = np.delete(self.X, gone, axis=1) if gone else self.X
        if columns:
            X = np.column_stack([X, *columns.values()])
        names = (*(name for name in self.names if name not in without), *columns)
        return replace(self, X=X, names=names)

    @property
    def drop_first(self) -> tuple[str, ...]:
        """Columns in the order in which collinear ones go: LA, academic year, child covariates."""
        la = [name for name in self.names if name in LA_COVARIATES]
        year = [name for name in self.names if name.startswith("academic_year[")]
        others = {*la, *year, *self.protected}
        return (*la, *year, *(name for name in self.names if name not in others))

    @property
    def protected(self) -> tuple[str, ...]:
        """Columns that are never dropped: intercept, treatment (its parts too) and periods."""
        return tuple(
            name
            for name in self.names
            if name == INTERCEPT or name.startswith((TREATMENT, "period["))
        )


def fixed_effects(frame: pd.DataFrame, terms: Terms) -> tuple[Floats, tuple[str, ...]]:
    """Build the fixed-effects matrix: intercept, treatment, periods, covariates.

    Parameters
    ----------
    frame
        Complete rows with `treated`, `period` and the columns of `terms`.
    terms
        Which columns to include: numeric ones as they are, categoricals as indicators.
    """
    parts = _columns(frame, terms)
    X = np.zeros((len(frame), sum(len(names) for names, _ in parts)))
    at = 0
    for names, values in parts:
        if values.dtype == np.float64:
            X[:, at] = values
        else:
            there = np.flatnonzero(values >= 0)
            X[there, at + values[there]] = 1.0
        at += len(names)
    return X, tuple(name for names, _ in parts for name in names)


def count_fixed_effects(frame: pd.DataFrame, terms: Terms) -> int:
    """Count the columns that `fixed_effects` would make, without making them."""
    return sum(len(names) for names, _ in _columns(frame, terms))


def _columns(
    frame: pd.DataFrame, terms: Terms
) -> list[tuple[tuple[str, ...], npt.NDArray[np.float64] | npt.NDArray[np.int64]]]:
    """List a model's terms: their columns' names, and values or which column has the one."""
    return [
        ((INTERCEPT,), np.ones(len(frame))),
        ((TREATMENT,), frame["treated"].to_numpy(np.float64)),
        _indicators("period", pd.Series(pd.Categorical(frame["period"]))),
        *(
            _indicators(name, frame[name])
            if isinstance(frame[name].dtype, pd.CategoricalDtype)
            else ((name,), frame[name].to_numpy(np.float64))
            for name in (*terms.row, *terms.child, *terms.la)
        ),
    ]


def _indicators(name: str, values: pd.Series) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Name a categorical's indicators, and say which each row has; -1 where none has a one."""
    codes = values.cat.codes.to_numpy(np.int64)
    levels = [str(level) for level in values.cat.categories]
    present = np.flatnonzero(np.bincount(codes + 1, minlength=len(levels) + 1)[1:])
    reference = [code for code in present if levels[code] == REFERENCES.get(name)] or present[:1]
    others = np.setdiff1d(present, reference)
    column = np.full(len(levels) + 1, -1)
    column[others] = np.arange(len(others))
    return tuple(f"{name}[{levels[code]}]" for code in others), column[codes]


def collapse_alike_rows(
    frame: pd.DataFrame, terms: Terms, apart: Sequence[Codes]
) -> tuple[pd.DataFrame, Floats, Floats]:
    """Join the rows that are alike in all that a model reads.

    Parameters
    ----------
    frame
        Complete rows.
    terms
        The model's covariates; LA, period and treatment are always read.
    apart
        What else tells rows apart, a code a row.

    Returns
    -------
    The first row of each kind, and the kinds' sums of `value` and numbers of rows.
    """
    read = [frame[name] for name in ("la", "period", "treated", *terms.row, *terms.names)]
    place, kinds = pd.factorize(number_alike((*map(_codes, read), *apart)))
    first = np.empty(len(kinds), np.int64)
    first[place[::-1]] = np.arange(len(frame))[::-1]
    value = frame["value"].to_numpy(np.float64)
    sums, rows = np.bincount(place, value), np.bincount(place).astype(np.float64)
    return frame.iloc[first], np.asarray(sums, np.float64), rows


def _codes(values: pd.Series) -> Codes:
    """Give a column's values as integers of zero or more."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(values.cat.codes, np.int64) + 1
    return np.asarray(pd.factorize(values.to_numpy())[0], np.int64)


def check_estimable(frame: pd.DataFrame, terms: Terms, *, binary: bool) -> tuple[Terms, list[str]]:
    """Test treatment last, as the plan has it, before any fit.

    Treatment in the span of LA indicators and periods is not yet estimable. If it only enters
    that span through LA covariates, those are dropped and named. An empty cell of outcome by
    treatment is not yet estimable either.

    Returns
    -------
    The terms to fit, and remarks on those dropped.

    Raises
    ------
    NotEstimable
        With the reason.
    """
    if frame.empty:
        raise NotEstimable(Code.NO_WINDOW_CLOSED)
    if frame["treated"].nunique() < 2:
        only = "after" if frame["treated"].iloc[0] else "before"
        raise NotEstimable(remark(Code.ONE_CONDITION, only))
    if _in_span(frame, ()):
        raise NotEstimable(Code.TREATMENT_ALIASED)
    if binary:
        cells = frame.groupby(["treated", "value"], observed=True).size()
        if len(cells) < 4:
            raise NotEstimable(Code.EMPTY_CONDITION)
    if frame["value"].nunique() < 2:
        raise NotEstimable(Code.OUTCOME_CONSTANT)
    if terms.la and _in_span(frame, terms.la):
        return terms.without(terms.la), [
            remark(Code.COLLINEAR_WITH_TREATMENT, name) for name in terms.la
        ]
    return terms, []


def _in_span(frame: pd.DataFrame, la_terms: tuple[str, ...]) -> bool:
    """Whether treatment is a combination of LA indicators, periods and `la_terms`."""
    cells = frame[["la", "period", *la_terms, "treated"]].drop_duplicates()
    base = pd.get_dummies(
        pd.DataFrame({"la": cells["la"].astype(str), "period": cells["period"].astype(str)}),
        dtype=float,
    ).to_numpy()
    extra = cells[list(la_terms)].to_numpy(np.float64)
    if extra.size:
        spread = extra.std(axis=0)
        extra = (extra - extra.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    X = np.column_stack([base, extra, cells["treated"].to_numpy(np.float64)])
    treated = X.shape[1] - 1
    return treated not in independent(X, X.T @ X, range(X.shape[1]))


def small_ethnicities(frame: pd.DataFrame) -> tuple[str, ...]:
    """Name the ethnicity codes with too few events or non-events to stand alone in a model.

    Parameters
    ----------
    frame
        The sample's rows, with `ethnicity` as recorded and a binary `value`.
    """
    events = frame.groupby("ethnicity", observed=True)["value"].agg(["sum", "count"])
    few = (events["sum"] < protocol.MINIMUM_EVENTS_PER_LEVEL) | (
        events["count"] - events["sum"] < protocol.MINIMUM_EVENTS_PER_LEVEL
    )
    return tuple(str(code) for code in events.index[few])


def merge_ethnicities(ethnicity: pd.Series, small: Sequence[str]) -> pd.Series:
    """Put the codes of `small` under their main group's name."""
    codes = [str(code) for code in ethnicity.cat.categories]
    into = [MAIN_GROUP_OF[code] if code in small else code for code in codes]
    levels = pd.Index(dict.fromkeys(into))
    # Codes are looked up once, not the rows; -1, not recorded, stays so.
    place = np.append(levels.get_indexer(pd.Index(into)), -1)
    merged = pd.Categorical.from_codes(place[ethnicity.cat.codes], categories=levels)
    return pd.Series(merged, index=ethnicity.index, name=ethnicity.name)
