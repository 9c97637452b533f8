"""From an identified logistic problem to the maximum of its likelihood, boundaries included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fvlib.models.collapse import Integers, Rows
from fvlib.models.identify import Standard
from fvlib.models.logistic import restricted
from fvlib.models.logistic.laplace import Nested
from fvlib.models.logistic.quadrature import OneLevel, plain_logistic
from fvlib.models.logistic.tree import Tree
from fvlib.models.newton import Optimum, Point, maximise
from fvlib.models.variance import BETA_CAP, Quadratic, VarianceScale

Floats = NDArray[np.float64]

# Below this standard deviation, on the log-odds scale, an intercept counts as none: the model
# without it is fitted, and `singular` says so.
SINGULAR = 1e-4
# Above this one the data put no upper limit on it.
DIVERGED = 100.0
_LIMITS = (SINGULAR, DIVERGED)
# Decrement to which the model without intercepts is climbed when it is only a start.
_ROUGH = 0.1
# Where a second climb starts when the first ended at a standard deviation of zero.
_SECOND_START = 0.7
# The second climb's maximum replaces the first when it is higher by this much.
_HIGHER = 1e-8
# Times that the outer nodes of the nested quadrature are laid, at most, and the move of the
# parameters, in standard errors, at which they have settled.
_LAYINGS, _SETTLED = 40, 1e-4


@dataclass(frozen=True, slots=True)
class Identified:
    """Independent, standardised columns, and the cells' groups counted among those present.

    ``nodes`` and ``restricted`` say which likelihood of them is meant.
    """

    rows: Rows
    group: Integers
    standard: Standard
    nested: bool
    nodes: int = 1
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where the climb of one identified problem ended.

    ``information`` is that of (beta, rho); ``active`` says which
    standard deviations are not zero, ``rho`` holds their logarithms.
    """

    beta: Floats
    rho: Floats
    active: tuple[bool, ...]
    value: float
    information: Floats
    gradient_norm: float
    iterations: int
    converged: bool
    reason: str


def maximise_likelihood(problem: Identified, begin: tuple[Floats, Floats] | None) -> Estimate:
    """Climb to the maximum; a standard deviation that vanishes is taken out and the rest climbed.

    When one vanished, a second climb from elsewhere must agree. A neighbour's solution in which one
    was zero already is climbed again with it at zero, and stands if the likelihood falls there as
    soon as that variance grows.
    """
    rows, group, nested = problem.rows, problem.group, problem.nested
    if begin is not None and (begin[1] < SINGULAR).any():
        again = _climb_boundary(problem, *begin)
        if again is not None:
            return again
        begin = None
    if begin is None:
        beta = np.zeros(rows.X.shape[1])
        if problem.standard.constant is not None:
            share = rows.successes.sum() / rows.trials.sum()
            beta[problem.standard.constant] = np.log(share / (1.0 - share))
        beta = maximise(
            lambda b: plain_logistic(rows, b),
            beta,
            np.full(len(beta), BETA_CAP),
            tolerance=_ROUGH,
        ).theta
        quadratic = Quadratic.of(rows, group, beta)
        sigmas = quadratic.sigmas(nested)
    else:
        beta, sigmas = begin
        quadratic = Quadratic.of(rows, group, beta)
    scale = quadratic.scale(nested)
    first = _climb_active(problem, beta, sigmas, scale)
    if all(first.active[int(group[-1] == 0) :]):
        return first
    second = _climb_active(problem, beta, np.full(len(sigmas), _SECOND_START), scale)
    return second if second.value > first.value + _HIGHER and second.converged else first


def _climb_boundary(problem: Identified, beta: Floats, sigmas: Floats) -> Estimate | None:
    """Climb with the standard deviations that are zero held there; None if that is no maximum.

    The check is of Laplace's approximation, which at a variance of zero has the derivative of the
    integral itself. So it decides where all are zero, or where Laplace's is the likelihood meant.
    """
    decides = not problem.restricted and (problem.nodes == 1 or (sigmas < SINGULAR).all())
    if not decides:
        return None
    scale = Quadratic.of(problem.rows, problem.group, beta).scale(problem.nested)
    found = _climb_active(problem, beta, sigmas, scale)
    held = ~np.array(found.active)
    held[0] &= problem.group[-1] > 0
    at = np.append(found.beta, found.rho)
    slopes = _nested(problem, found.active).by_variance(at)[: len(held)]
    return found if found.converged and (slopes[held] <= 0.0).all() else None


def _climb_active(
    problem: Identified, beta: Floats, sigmas: Floats, scale: VarianceScale
) -> Estimate:
    active = sigmas >= SINGULAR
    active[0] &= problem.group[-1] > 0  # one group's deviation is the constant's
    sigmas, iterations = sigmas.copy(), 0
    while active.any():
        own = VarianceScale(scale.c[active])
        found = _climb_smooth(problem, beta, sigmas[active], tuple(active), own)
        iterations += found.iterations
        beta = found.theta[: len(beta)]
        rho = own.rho(found.theta[len(beta) :])
        sigmas[active] = np.exp(rho)
        vanished = active & (sigmas < SINGULAR)
        if not vanished.any():
            reason = found.reason
            if (sigmas > DIVERGED).any():
                reason = "a standard deviation of the intercepts grows without limit"
            return Estimate(
                beta,
                rho,
                tuple(active),
                found.value,
                own.information(found),
                float(np.linalg.norm(found.point.gradient)),
                iterations,
                found.converged,
                reason,
            )
        active &= ~vanished
    plain = maximise(lambda b: plain_logistic(problem.rows, b), beta, np.full(len(beta), BETA_CAP))
    iterations += plain.iterations
    value = plain.value
    if problem.restricted:
        value -= 0.5 * float(np.linalg.slogdet(plain.point.information / (2.0 * np.pi))[1])
    return Estimate(
        plain.theta,
        np.zeros(0),
        tuple(active),
        value,
        plain.point.information,
        float(np.linalg.norm(plain.point.gradient)),
        iterations,
        plain.converged,
        plain.reason,
    )


def _climb_smooth(
    problem: Identified,
    beta: Floats,
    sigmas: Floats,
    active: tuple[bool, ...],
    scale: VarianceScale,
) -> Optimum:
    """Climb with every standard deviation in play above zero."""
    p, rho = len(beta), np.log(sigmas)
    if problem.restricted:
        return restricted.maximise_restricted(_nested(problem, active), scale, beta, rho, _LIMITS)
    if not (problem.nested and problem.nodes > 1 and all(active)):
        return scale.ascend(likelihood(problem, active), beta, rho, _LIMITS)
    found = scale.ascend(Nested.of(problem.rows, problem.group), beta, rho, _LIMITS)
    iterations = found.iterations
    for _ in range(_LAYINGS):
        if not found.converged or scale.outside(found.theta[p:], _LIMITS):
            break
        last, beta, rho = found, found.theta[:p], scale.rho(found.theta[p:])
        tree = Tree.of(problem.rows, problem.group, problem.nodes, np.append(beta, rho))
        found = scale.ascend(tree, beta, rho, _LIMITS)
        iterations += found.iterations
        move = found.theta - last.theta
        if move @ found.point.information @ move <= _SETTLED**2:
            break
    else:
        found = replace(found, converged=False, reason="the outer nodes don't settle")
    return replace(found, iterations=iterations)


def _nested(problem: Identified, active: tuple[bool, ...]) -> Nested:
    return Nested.of(problem.rows, problem.group, (active[0], len(active) > 1 and active[1]))


def likelihood(problem: Identified, active: tuple[bool, ...]) -> Callable[[Floats], Point]:
    """Choose the approximation: which levels have an intercept, and how many nodes."""
    if problem.nodes == 1 or not any(active):
        return _nested(problem, active)
    if active[0] and problem.nested:
        return OneLevel.of(problem.rows.joined(problem.group), problem.nodes)
    return OneLevel.of(problem.rows, problem.nodes)
