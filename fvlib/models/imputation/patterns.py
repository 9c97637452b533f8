"""Rows of categoricals made ready for chained equations: checked, collapsed and coded as dummies.

Complete rows that agree in every column become one row with a count; rows with a missing cell stay
single, since each gets draws of its own. Rows are padded to whole blocks of `multinomial`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fvlib.errors import Refusal
from fvlib.models.collapse import number_alike
from fvlib.models.imputation.multinomial import Response, block_rows, prior_precision
from fvlib.remarks import Code, remark

Singles = NDArray[np.float32]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

_MISSING = -1  # category code, as pandas has it
_PADDING = -2  # of a row that only fills its block


class Note(NamedTuple):
    """What to know of a variable's imputation: in words, and as a `fvlib.remarks` code."""

    text: str
    remark: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """A predictor with levels in which a variable has missing cells and no observed one.

    ``positions`` of the predictor's dummies among the columns of the variable's model; ``seen``
    tells for each of its levels, the reference first, whether the model has learned its effect.
    """

    positions: Integers
    seen: Booleans


@dataclass(frozen=True, slots=True)
class Target:
    """A variable with missing cells, and its model.

    Attributes
    ----------
    levels : (K,) array of int
        Category codes that can be drawn, the model's reference first.
    observed : int
        Rows of the frame whose value is known, fixed levels included.
    missing, gather : arrays of int
        Rows of the design with a missing cell; the same, padded to whole blocks.
    start : (missing, K) array
        Weights of the levels before any model: their observed counts, where permitted.
    permitted : (missing, K) array of 0 and 1, times the odds given for a row and level
    columns, dummies : slice and (K, width) array
        Where in the design a level is written, and what.
    empty_cells : int
        Pairs of a predictor's level and a level of the variable that are never observed together.
    """

    name: str
    levels: Integers
    observed: int
    missing: Integers
    gather: Integers
    start: Singles
    permitted: Singles
    columns: slice
    dummies: Singles
    response: Response
    unseen: tuple[Unseen, ...]
    empty_cells: int
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A variable whose missing cells can hold one level only."""

    name: str
    level: int
    observed: int
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Collapsed rows, and what is to be drawn on them.

    Attributes
    ----------
    X : (blocks, rows, columns) array
        Intercept and dummies; zeros for a missing cell.
    targets
        In the order of imputation: fewest missing cells first.
    missing_rows
        Positions in the frame, in the order of each target's ``missing``.
    """

    X: Singles
    targets: tuple[Target, ...]
    constants: tuple[Constant, ...]
    missing_rows: dict[str, Integers]


@dataclass(frozen=True, slots=True)
class _Column:
    """A categorical as given, and what may be drawn for it."""

    name: str
    codes: Integers
    categories: tuple[str, ...]
    fixed: Booleans
    permitted: Booleans | None

    @property
    def drawable(self) -> Integers:
        """Codes observed outside the fixed levels, most frequent first, then in their order."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.categories))
        return _most_frequent_first(np.where(self.fixed, 0, counts))


@dataclass(frozen=True, slots=True)
class _Factor:
    """A column's levels in use, the reference (most frequent) first, and its dummies' place."""

    levels: Integers
    columns: slice

    def dummies(self, categories: int) -> Singles:
        """Return the row that each category code is written as."""
        out = np.zeros((categories, len(self.levels) - 1), dtype=np.float32)
        out[self.levels[1:], np.arange(len(self.levels) - 1)] = 1.0
        return out


@dataclass(frozen=True, slots=True)
class _Layout:
    """Collapsed rows: their places in the frame, their codes (padded), their counts in blocks."""

    columns: list[_Column]
    factors: list[_Factor]
    width: int
    rows: Integers
    codes: Integers
    weights: Singles


def prepare(
    frame: pd.DataFrame,
    predictors: pd.DataFrame,
    fixed_levels: Mapping[str, Sequence[str]],
    allowed: Mapping[str, pd.DataFrame],
) -> Patterns:
    """Check, collapse and code; raises `Refusal` as `impute` says."""
    _check_frames(frame, predictors, fixed_levels, allowed)
    columns = [
        _column(frame[name], fixed_levels.get(str(name), ()), allowed.get(str(name)))
        for name in frame
    ]
    missing_rows = {c.name: np.flatnonzero(c.codes < 0) for c in columns if (c.codes < 0).any()}
    constants = []
    for place, column in enumerate(columns):
        if column.name in missing_rows and len(column.drawable) == 1:
            constants.append(_constant(column))
            columns[place] = _filled(column, constants[-1].level)
    if len(constants) == len(missing_rows):
        return Patterns(np.empty((0, 1, 1), dtype=np.float32), (), tuple(constants), missing_rows)
    columns += [_column(predictors[name], (), None) for name in predictors]
    layout = _layout(columns)
    incomplete = [place for place, column in enumerate(columns) if (column.codes < 0).any()]
    targets = sorted(
        (_target(layout, place) for place in incomplete), key=lambda target: len(target.missing)
    )
    return Patterns(_dummies(layout), tuple(targets), tuple(constants), missing_rows)


def shift_odds(
    patterns: Patterns, frame: pd.DataFrame, odds: Mapping[str, pd.DataFrame]
) -> Patterns:
    """Multiply the odds of levels in the draws, and in them alone; raises as `impute` says."""
    for name, factors in odds.items():
        _check_setting("odds", name, [str(level) for level in factors], frame)
        values = factors.to_numpy(dtype=np.float64)
        if not factors.index.equals(frame.index) or not (np.isfinite(values) & (values > 0)).all():
            raise Refusal(
                f"odds: {name} must be positive numbers over the rows of the frame, a column a "
                f"level"
            )
    targets = []
    for target in patterns.targets:
        levels = [str(level) for level in frame[target.name].cat.categories[target.levels]]
        factor = odds.get(target.name, pd.DataFrame(index=frame.index)).rename(columns=str)
        weights = factor.reindex(columns=levels, fill_value=1.0).to_numpy(dtype=np.float32)
        drawn = target.permitted * weights[patterns.missing_rows[target.name]]
        targets.append(replace(target, permitted=drawn))
    return replace(patterns, targets=tuple(targets))


def _layout(columns: list[_Column]) -> _Layout:
    """Collapse the rows, and give every column its dummies' place."""
    rows, counts = _collapse(columns)
    factors, width = [], 1
    for column in columns:
        in_use = np.bincount(column.codes[column.codes >= 0], minlength=len(column.categories))
        levels = _most_frequent_first(in_use)
        factors.append(_Factor(levels, slice(width, width + len(levels) - 1)))
        width += len(levels) - 1
    size = block_rows(width, max(len(factor.levels) for factor in factors))
    padded = -(-len(rows) // size) * size
    codes = np.full((padded, len(columns)), _PADDING, dtype=np.int64)
    codes[: len(rows)] = np.stack([column.codes[rows] for column in columns], axis=1)
    weights = np.zeros(padded, dtype=np.float32)
    weights[: len(rows)] = counts
    return _Layout(columns, factors, width, rows, codes, weights.reshape(-1, size))


def _dummies(layout: _Layout) -> Singles:
    """Write the intercept and the known cells of every row; zeros elsewhere."""
    X = np.zeros((len(layout.codes), layout.width), dtype=np.float32)
    X[: len(layout.rows), 0] = 1.0
    for place, (column, factor) in enumerate(zip(layout.columns, layout.factors, strict=True)):
        known = np.flatnonzero(layout.codes[:, place] >= 0)
        written = factor.dummies(len(column.categories))
        X[known, factor.columns] = written[layout.codes[known, place]]
    return X.reshape(*layout.weights.shape, layout.width)


def _target(layout: _Layout, place: int) -> Target:
    """Model of one variable on all other columns of the design."""
    column, factor = layout.columns[place], layout.factors[place]
    own, blocks = layout.codes[:, place], layout.weights.shape
    levels = column.drawable
    hit = own[:, None] == levels
    weights = layout.weights.reshape(-1, 1)
    counts = (hit[:, 1:] * weights).reshape(*blocks, -1)
    sizes = [len(f.levels) for at, f in enumerate(layout.factors) if at != place]
    may = np.ones(hit.shape, dtype=np.float32)
    if column.permitted is not None:
        may[: len(layout.rows)] = column.permitted[layout.rows][:, levels]
    response = Response(
        counts.astype(np.float32),
        layout.weights * hit.any(axis=1).reshape(blocks),
        np.delete(np.arange(layout.width), factor.columns),
        *prior_precision(len(levels), sizes),
        None if column.permitted is None else may.reshape(*blocks, -1),
    )
    missing = np.flatnonzero(own == _MISSING)
    unseen, empty, notes = _gaps(layout, place, hit)
    return Target(
        name=column.name,
        levels=levels,
        observed=int((column.codes >= 0).sum()),
        missing=missing,
        gather=np.append(missing, np.zeros(-len(missing) % blocks[1], dtype=np.int64)),
        start=may[missing] * (hit * weights).sum(axis=0, dtype=np.float32),
        permitted=may[missing],
        columns=factor.columns,
        dummies=factor.dummies(len(column.categories))[levels],
        response=response,
        unseen=tuple(unseen),
        empty_cells=empty,
        notes=(*_never_drawn(column), *notes),
    )


def _gaps(layout: _Layout, place: int, hit: Booleans) -> tuple[list[Unseen], int, list[Note]]:
    """Find levels of the other columns that never meet the variable, or one of its levels."""
    others = np.delete(np.arange(layout.width), layout.factors[place].columns)
    missing = layout.codes[layout.codes[:, place] == _MISSING]
    which = np.where(hit.any(axis=1), hit.argmax(axis=1), _MISSING)
    unseen, empty, notes = [], 0, []
    for at, (column, factor) in enumerate(zip(layout.columns, layout.factors, strict=True)):
        if at == place or len(factor.levels) == 1:
            continue
        both = (which >= 0) & (layout.codes[:, at] >= 0)
        pairs = layout.codes[both, at] * hit.shape[1] + which[both]
        table = np.bincount(pairs, minlength=len(column.categories) * hit.shape[1])
        table = table.reshape(-1, hit.shape[1])[factor.levels]
        seen = np.asarray(table.any(axis=1))
        empty += int((table[seen] == 0).sum())
        wanted = np.isin(factor.levels, missing[:, at]) & ~seen
        if wanted.any():
            dummies = np.arange(factor.columns.start, factor.columns.stop)
            unseen.append(Unseen(np.searchsorted(others, dummies), seen))
            names = [column.categories[code] for code in np.sort(factor.levels[wanted])]
            notes.append(
                Note(
                    f"never observed where {column.name} is {', '.join(names)}: the effect there "
                    f"is drawn from the spread of {column.name}'s other levels",
                    remark(Code.NEVER_OBSERVED, column.name, names),
                )
            )
    return unseen, empty, notes


def _collapse(columns: list[_Column]) -> tuple[Integers, Integers]:
    """One row for each pattern of the complete rows, and its count; then every incomplete row."""
    complete = np.logical_and.reduce([column.codes >= 0 for column in columns])
    key = number_alike(codes[complete] for codes in _agreeing(columns))
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    single = np.flatnonzero(~complete)
    rows = np.concatenate([np.flatnonzero(complete)[first], single])
    return rows, np.concatenate([counts, np.ones(len(single), dtype=np.int64)])


def _agreeing(columns: list[_Column]) -> Iterable[Integers]:
    """Yield what rows must agree in: each column's code, and what it is permitted to be."""
    for column in columns:
        yield column.codes
        if column.permitted is not None:
            yield np.unique(column.permitted, axis=0, return_inverse=True)[1].ravel()


def _most_frequent_first(counts: Integers) -> Integers:
    """Codes with a count, the largest count first, the others in their order."""
    present = np.flatnonzero(counts)
    if not len(present):
        return present
    first = int(counts.argmax())
    return np.concatenate([[first], present[present != first]])


def _column(series: pd.Series, fixed: Sequence[str], allowed: pd.DataFrame | None) -> _Column:
    """Take a categorical apart, and refuse one that can't be imputed."""
    name = str(series.name)
    codes = np.asarray(series.cat.codes, dtype=np.int64)
    categories = tuple(str(level) for level in series.cat.categories)
    column = _Column(
        name,
        codes,
        categories,
        np.isin(categories, list(fixed)),
        None if allowed is None else _mask(name, categories, codes, allowed),
    )
    missing = int((codes < 0).sum())
    if not missing:
        return column
    if missing == len(codes):
        raise Refusal(
            f"{name}: missing in all {missing} rows, so there is nothing to impute it from; "
            f"leave it out of the frame"
        )
    if not len(column.drawable):
        raise Refusal(
            f"{name}: {missing} rows are missing and all others hold a fixed level, so there is "
            f"nothing to impute it from; leave it out of the frame"
        )
    if column.permitted is not None:
        stuck = int((~column.permitted[codes < 0][:, column.drawable].any(axis=1)).sum())
        if stuck:
            raise Refusal(
                f"{name}: {stuck} of {missing} missing rows are allowed no level that was ever "
                f"observed; allow one, or fill these rows"
            )
    return column


def _mask(
    name: str, categories: tuple[str, ...], codes: Integers, allowed: pd.DataFrame
) -> Booleans:
    """Levels that each row is allowed; a level without a column is allowed to all."""
    out = np.ones((len(codes), len(categories)), dtype=bool)
    for level in allowed:
        out[:, categories.index(str(level))] = allowed[level].to_numpy(dtype=bool)
    known = np.flatnonzero(codes >= 0)
    against = int((~out[known, codes[known]]).sum())
    if against:
        raise Refusal(
            f"{name}: {against} rows hold a level that `allowed` denies them; correct one of both"
        )
    return out


def _constant(column: _Column) -> Constant:
    level = int(column.drawable[0])
    only = column.categories[level]
    note = Note(
        f"{only} is its one observed level: every missing row gets it",
        remark(Code.ONE_LEVEL, column.name, only),
    )
    observed = int((column.codes >= 0).sum())
    return Constant(column.name, level, observed, (*_never_drawn(column), note))


def _filled(column: _Column, level: int) -> _Column:
    codes = np.where(column.codes < 0, level, column.codes).astype(np.int64)
    return replace(column, codes=codes)


def _never_drawn(column: _Column) -> tuple[Note, ...]:
    """Say which levels no one observed; fixed ones are not expected to be drawn."""
    absent = np.setdiff1d(np.flatnonzero(~column.fixed), column.drawable)
    if not len(absent):
        return ()
    names = [column.categories[i] for i in absent]
    text = f"never observed, so never drawn: {', '.join(names)}"
    return (Note(text, remark(Code.NEVER_DRAWN, column.name, names)),)


def _check_frames(
    frame: pd.DataFrame,
    predictors: pd.DataFrame,
    fixed_levels: Mapping[str, Sequence[str]],
    allowed: Mapping[str, pd.DataFrame],
) -> None:
    """Refuse frames that don't fit each other, and settings that name what isn't there."""
    if not frame.index.equals(predictors.index):
        raise Refusal(
            f"frame and predictors: {len(frame)} and {len(predictors)} rows with different "
            f"indexes; both must describe the same rows in the same order"
        )
    names = [str(name) for part in (frame, predictors) for name in part]
    if not all(isinstance(name, str) for part in (frame, predictors) for name in part):
        raise Refusal("frame, predictors: a column's name is not text; name columns with text")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refusal(f"{', '.join(twice)}: more than one column of that name; keep one")
    for part, label in ((frame, "frame"), (predictors, "predictors")):
        for name, column in part.items():
            if not isinstance(column.dtype, pd.CategoricalDtype):
                raise Refusal(f"{label}: {name} is {column.dtype}; a categorical was expected")
    for name, column in predictors.items():
        missing = int(column.isna().sum())
        if missing:
            raise Refusal(
                f"predictors: {name} is missing in {missing} rows; give the missing a level of "
                f"their own, or move the column to the frame"
            )
    for name, levels in fixed_levels.items():
        _check_setting("fixed_levels", name, levels, frame)
    for name, mask in allowed.items():
        _check_setting("allowed", name, [str(level) for level in mask], frame)
        if not mask.index.equals(frame.index) or not all(
            dtype.kind == "b" for dtype in mask.dtypes
        ):
            raise Refusal(
                f"allowed: {name} must be booleans over the rows of the frame, a column a level"
            )


def _check_setting(setting: str, name: str, levels: Sequence[str], frame: pd.DataFrame) -> None:
    if name not in frame:
        raise Refusal(f"{setting}: {name} is no column of the frame")
    known = {str(level) for level in frame[name].cat.categories}
    strange = sorted(level for level in levels if level not in known)
    if strange:
        raise Refusal(
            f"{setting}: {name} has no level {', '.join(strange)}; "
            f"its levels are {', '.join(sorted(known))}"
        )
