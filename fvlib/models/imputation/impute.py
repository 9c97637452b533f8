"""Multiple imputation of categorical covariates by chained equations, on collapsed rows.

Each variable with missing cells has a multinomial logit on all the others and on the predictors
(main effects); in turn its parameters are drawn from their posterior and its missing cells from
the model, for some iterations, once a chain (van Buuren and others 2006,
doi 10.1080/10629360600810434; White, Royston and Wood 2011, doi 10.1002/sim.4067). Main-effect
multinomial logits are the conditionals of one joint model, the log-linear one with all two-way
terms, so the chains have a distribution to settle in (Liu and others 2014,
doi 10.1093/biomet/ast044; Hughes and others 2014, doi 10.1186/1471-2288-14-28).

A pilot chain, which imputes at the modes, gives all chains their first parameters and their
matrices of information (see `multinomial`); their first cells are drawn from the observed shares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fvlib.errors import Refusal
from fvlib.models.imputation import multinomial
from fvlib.models.imputation.diagnostics import FALSE_ALARM, Imputation, Mixing, mixing
from fvlib.models.imputation.multinomial import Approximation, Map, Response
from fvlib.models.imputation.patterns import Constant, Note, Patterns, Target, prepare, shift_odds
from fvlib.remarks import Code, join, remark

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]
Codes = NDArray[np.int16]

ITERATIONS: Final = 10
_PILOT_SWEEPS: Final = 2
# A chain's last fit has converged when it stands this near to its mode, in posterior SDs.
_CONVERGED: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Chain:
    """One chain's last cells and its record, each list by variable.

    ``cells`` are places among the variable's levels; ``shares`` are (iterations, levels); ``steps``
    count the Newton steps of all its fits; the rest is of its last fit.
    """

    cells: list[Integers]
    shares: list[Floats]
    steps: list[int]
    distance: list[float]
    curvature: list[float]


def impute(
    frame: pd.DataFrame,
    predictors: pd.DataFrame,
    *,
    imputations: int,
    seed: int | np.random.SeedSequence,
    iterations: int = ITERATIONS,
    fixed_levels: Mapping[str, Sequence[str]] | None = None,
    allowed: Mapping[str, pd.DataFrame] | None = None,
    jobs: int = 1,
) -> Imputation:
    """Draw m completed copies of ``frame``.

    Copy i depends on the data, ``seed``, ``iterations`` and i alone: not on ``jobs``, nor on m.
    With one incomplete variable there is nothing to iterate, and one iteration is made.

    Parameters
    ----------
    frame
        Categoricals; NaN is missing. Its complete columns serve as predictors.
    predictors
        Complete categoricals over the same rows: design, outcomes (a level for "not observable").
    imputations
        m, 1 or more.
    seed
        A number or a sequence; a sequence is not changed by its use.
    iterations
        Of each chain, 1 or more.
    fixed_levels
        Levels that structure settles ("below school age"): rows that hold one are left out of that
        variable's own model, and the level is never drawn.
    allowed
        For a variable a frame of booleans, rows x levels: false where a row can't have the level.
        Kept in the model's likelihood and in the draws; a level without a column is allowed to all.
    jobs
        Threads.

    Raises
    ------
    Refusal
        For columns that are not categorical, predictors with missing cells, rows that don't match,
        a variable with no observed value to learn from, or settings that contradict the data.
    """
    return impute_shifted(
        frame,
        predictors,
        [{}],
        imputations=imputations,
        seed=seed,
        iterations=iterations,
        fixed_levels=fixed_levels,
        allowed=allowed,
        jobs=jobs,
    )[0]


def impute_shifted(
    frame: pd.DataFrame,
    predictors: pd.DataFrame,
    odds: Sequence[Mapping[str, pd.DataFrame]],
    *,
    imputations: int,
    seed: int | np.random.SeedSequence,
    iterations: int = ITERATIONS,
    fixed_levels: Mapping[str, Sequence[str]] | None = None,
    allowed: Mapping[str, pd.DataFrame] | None = None,
    jobs: int = 1,
) -> list[Imputation]:
    """Draw m completed copies under each of several departures from missing at random.

    They share one pilot, and copy i of each has the same random numbers, so that what differs
    between them is the departure.

    Parameters
    ----------
    odds
        For each set: by variable a frame of positive numbers, rows x levels. The odds of a level
        against those without a column are multiplied by it when a missing cell is drawn, and
        nowhere else; an empty set is missing at random. The logarithm is the delta of van Buuren
        and others 1999 (doi 10.1002/(SICI)1097-0258(19990330)18:6<681::AID-SIM71>3.0.CO;2-R).

    The other parameters, and what is refused, are those of `impute`.
    """
    for name, value in (("imputations", imputations), ("iterations", iterations), ("jobs", jobs)):
        if value < 1:
            raise Refusal(f"{name}: {value} given, 1 or more expected")
    patterns = prepare(frame, predictors, fixed_levels or {}, allowed or {})
    moved = [shift_odds(patterns, frame, factors) for factors in odds]
    chains: list[_Chain] = []
    if patterns.targets:
        rounds = iterations if len(patterns.targets) > 1 else 1
        pilot_seed, *seeds = _children(seed, 1 + imputations)
        with ThreadPoolExecutor(jobs) as pool:
            apply: Map = pool.map if jobs > 1 else map
            laws = _pilot(patterns, pilot_seed, apply)
            runs = [(law, child) for law in moved for child in seeds]
            chains = list(apply(lambda run: _chain(run[0], laws, rounds, run[1]), runs))
    size = len(chains) // len(moved)
    return [
        _told(frame, patterns, chains[place * size : (place + 1) * size], imputations)
        for place in range(len(moved))
    ]


def _told(
    frame: pd.DataFrame, patterns: Patterns, chains: list[_Chain], imputations: int
) -> Imputation:
    return Imputation(
        frame=frame,
        imputations=imputations,
        codes=_codes(patterns, chains, imputations),
        missing_rows=patterns.missing_rows,
        trace=_trace(frame, patterns, chains),
        diary=_diary(patterns, chains),
    )


def _children(seed: int | np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """Name the first children of a seed without spawning them: a second call gets the same."""
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    return [
        np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, child))
        for child in range(count)
    ]


def _pilot(patterns: Patterns, seed: np.random.SeedSequence, apply: Map) -> list[Approximation]:
    """Approximate each variable's posterior on rows that are completed at the modes."""
    rng = np.random.default_rng(seed)
    seeds = _children(seed, len(patterns.targets))
    X = _first_cells(patterns, rng)
    thetas = [_intercepts(target.response) for target in patterns.targets]
    for _ in range(_PILOT_SWEEPS):
        for place, target in enumerate(patterns.targets):
            metric = multinomial.null_information(target.response, X)
            mode = multinomial.find_mode(target.response, X, thetas[place], metric)
            thetas[place] = mode.theta
            _put(X, target, _draw_cells(X, target, mode.theta, rng))
    modes = [
        (target.response, X, theta) for target, theta in zip(patterns.targets, thetas, strict=True)
    ]
    metrics = [multinomial.information(*mode, apply) for mode in modes]

    def law(place: int) -> Approximation:
        skew = multinomial.skew(*modes[place], metrics[place], np.random.default_rng(seeds[place]))
        return Approximation(thetas[place], skew, metrics[place])

    return list(apply(law, range(len(modes))))


def _chain(
    patterns: Patterns, laws: list[Approximation], iterations: int, seed: np.random.SeedSequence
) -> _Chain:
    """Run one chain; its last cells are one imputation."""
    rng = np.random.default_rng(seed)
    X = _first_cells(patterns, rng)
    targets = patterns.targets
    thetas = [law.mode for law in laws]
    cells: list[Integers] = [target.missing for target in targets]
    shares = [np.empty((iterations, len(target.levels))) for target in targets]
    steps = [0] * len(targets)
    standing = [(math.nan, math.nan)] * len(targets)
    for iteration in range(iterations):
        for place, (target, law) in enumerate(zip(targets, laws, strict=True)):
            drawn, mode = multinomial.draw(target.response, X, thetas[place], law, rng)
            thetas[place] = mode.theta
            steps[place] += mode.steps
            if iteration == iterations - 1:
                standing[place] = multinomial.standing(target.response, X, mode.theta, law.metric)
            drawn = _borrow(drawn, target, rng)
            cells[place] = _draw_cells(X, target, drawn, rng)
            _put(X, target, cells[place])
            counts = np.bincount(cells[place], minlength=len(target.levels))
            shares[place][iteration] = counts / len(target.missing)
    distance, curvature = ([pair[i] for pair in standing] for i in (0, 1))
    return _Chain(cells, shares, steps, distance, curvature)


def _intercepts(response: Response) -> Floats:
    """Parameters at which every row has the response's overall shares."""
    counts = response.counts.sum(axis=(0, 1), dtype=np.float64)
    theta = np.zeros(response.shape)
    theta[:, 0] = np.log(counts / (response.weights.sum(dtype=np.float64) - counts.sum()))
    return theta


def _first_cells(patterns: Patterns, rng: np.random.Generator) -> Singles:
    """Copy the design, and draw its missing cells from the observed shares."""
    X = patterns.X.copy()
    for target in patterns.targets:
        _put(X, target, multinomial.sample(target.start, rng))
    return X


def _put(X: Singles, target: Target, cells: Integers) -> None:
    X.reshape(-1, X.shape[-1])[target.missing, target.columns] = target.dummies[cells]


def _draw_cells(X: Singles, target: Target, theta: Floats, rng: np.random.Generator) -> Integers:
    """Draw a level for each missing cell from the model at ``theta``."""
    rows = X.reshape(-1, X.shape[-1])[target.gather].reshape(-1, *X.shape[1:])
    weights = multinomial.level_weights(target.response, rows, theta)
    weights = weights.reshape(-1, len(target.levels))[: len(target.missing)]
    return multinomial.sample(weights * target.permitted, rng)


def _borrow(theta: Floats, target: Target, rng: np.random.Generator) -> Floats:
    """Give levels that the model never saw an effect from the distribution of the others'.

    Predictive draw for one more member of an exchangeable family: mean of the drawn effects of the
    levels seen, plus noise of their covariance times (1 + 1/n). One level seen: its effect.
    """
    for gap in target.unseen:
        effects = np.column_stack([np.zeros(len(theta)), theta[:, gap.positions]])
        known = effects[:, gap.seen]
        mean = known.mean(axis=1, keepdims=True)
        count = known.shape[1]
        noise = rng.standard_normal((count, int((~gap.seen).sum())))
        spread = math.sqrt((1 + 1 / count) / max(count - 1, 1))
        effects[:, ~gap.seen] = mean + spread * (known - mean) @ noise
        theta = theta.copy()
        theta[:, 0] += effects[:, 0]
        theta[:, gap.positions] = effects[:, 1:] - effects[:, :1]
    return theta


def _codes(patterns: Patterns, chains: list[_Chain], imputations: int) -> dict[str, Codes]:
    """Category codes of the missing cells, chains by rows."""
    values = {
        target.name: target.levels[np.stack([chain.cells[place] for chain in chains])]
        for place, target in enumerate(patterns.targets)
    }
    for constant in patterns.constants:
        shape = (imputations, len(patterns.missing_rows[constant.name]))
        values[constant.name] = np.full(shape, constant.level)
    return {name: values[name].astype(np.int16) for name in patterns.missing_rows}


def _trace(frame: pd.DataFrame, patterns: Patterns, chains: list[_Chain]) -> pd.DataFrame:
    """Share of the imputed cells at each level, by chain and iteration."""
    parts = []
    for place, target in enumerate(patterns.targets):
        share = np.stack([chain.shares[place] for chain in chains])
        chain, iteration, level = (grid.ravel() for grid in np.indices(share.shape))
        names = np.asarray(frame[target.name].cat.categories)[target.levels]
        parts.append(
            pd.DataFrame(
                {
                    "chain": chain + 1,
                    "iteration": iteration + 1,
                    "variable": target.name,
                    "level": names[level],
                    "share": share.ravel(),
                }
            )
        )
    if parts:
        return pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns=["chain", "iteration", "variable", "level", "share"])


def _diary(patterns: Patterns, chains: list[_Chain]) -> pd.DataFrame:
    """One row a variable with missing cells."""
    rows = [_record(target, chains, place) for place, target in enumerate(patterns.targets)]
    rows += [_plain_record(patterns, constant) for constant in patterns.constants]
    return pd.DataFrame(rows, columns=list(DIARY))


DIARY: Final = (
    "variable",
    "levels",
    "observed",
    "missing",
    "parameters",
    "empty_cells",
    "steps",
    "distance",
    "curvature",
    "r_hat",
    "between_p",
    "drift_p",
    "converged",
    "notes",
    "remarks",
)


def _record(target: Target, chains: list[_Chain], place: int) -> dict[str, object]:
    shares = np.stack([chain.shares[place] for chain in chains])
    judged = mixing(shares)
    distance = max(chain.distance[place] for chain in chains)
    curvature = max((chain.curvature[place] for chain in chains), key=lambda x: abs(math.log(x)))
    notes = list(target.notes)
    if distance > _CONVERGED:
        notes.append(
            Note(
                f"last fit {distance:.2f} posterior standard deviations from its mode "
                f"({_CONVERGED} or less expected)",
                remark(Code.FAR_FROM_MODE, f"{distance:.2f}", _CONVERGED),
            )
        )
    notes += _complaints(judged)
    return {
        "variable": target.name,
        "levels": len(target.levels),
        "observed": target.observed,
        "missing": len(target.missing),
        "parameters": target.response.parameters,
        "empty_cells": target.empty_cells,
        "steps": sum(chain.steps[place] for chain in chains) / (len(chains) * shares.shape[1]),
        "distance": distance,
        "curvature": curvature,
        **judged._asdict(),
        "converged": distance <= _CONVERGED,
        **_noted(notes),
    }


def _noted(notes: Sequence[Note]) -> dict[str, str]:
    """Put notes in two columns: in words, and as codes."""
    return {
        "notes": "; ".join(note.text for note in notes),
        "remarks": join(*(note.remark for note in notes)),
    }


def _complaints(judged: Mixing) -> list[Note]:
    out = []
    if judged.between_p < FALSE_ALARM:
        out.append(Note("chains differ by more than chance: more iterations", Code.CHAINS_DIFFER))
    if judged.drift_p < FALSE_ALARM:
        out.append(Note("shares still drift: more iterations", Code.SHARES_DRIFT))
    return out


def _plain_record(patterns: Patterns, constant: Constant) -> dict[str, object]:
    return {
        "variable": constant.name,
        "levels": 1,
        "observed": constant.observed,
        "missing": len(patterns.missing_rows[constant.name]),
        "parameters": 0,
        "empty_cells": 0,
        "converged": True,
        **_noted(constant.notes),
    }
