"""What a fit returns: small frozen records, with the diary of how the numbers were reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fvlib.models.identify import Direction
from fvlib.models.linear.kenward_roger import KenwardRoger

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MixedFit:
    """What the logistic and the linear fit have in common.

    Attributes
    ----------
    names : tuple of str
        The columns that were kept, in the order of X; coefficients, standard errors, covariance
        and degrees of freedom follow it.
    coefficients, std_errors : (p,) arrays
    covariance : (p, p) array
    df : (p,) array
        Degrees of freedom of each coefficient's t; infinite for the logistic model.
    sigmas : tuple of float
        Standard deviations: group, subgroup, unit, residual, those there are, in that order.
    log_likelihood : float
        Binomial coefficients included when trials were given. Restricted fits: the restricted
        log-likelihood (of a linear model: half the REML criterion, sign turned).
    modes, mode_sds : (groups,) arrays
        Conditional modes of the group intercepts, in the order of ``group_labels`` (sorted), and
        their conditional standard deviations at the estimated parameters.
    subgroup_modes, subgroup_mode_sds : (subgroups,) arrays
        Likewise for subgroups, in the order of ``subgroup_labels``; empty without subgroups.
    group_labels : tuple
    subgroup_labels : tuple of (group, subgroup)
    converged : bool
    singular : bool
        A standard deviation is zero: the fit is that of the model without it.
    dropped : tuple of str
        Columns left out, and ``dropped_reasons`` why, in words, one each.
    warnings : tuple of str
    iterations : int
        Newton steps of the final climb.
    gradient_norm : float
        Length of the gradient, in standardised columns, where the information was taken (before
        the last step).
    condition_number : float
        Of the information matrix, scaled to a unit diagonal.
    columns : tuple of str
        All the columns of X as passed.
    rows : int
        Rows (as passed) that the fit used.
    used : (rows of X,) array of bool
        Which these are.
    """

    names: tuple[str, ...]
    coefficients: Floats
    std_errors: Floats
    covariance: Floats
    df: Floats
    sigmas: tuple[float, ...]
    log_likelihood: float
    modes: Floats
    mode_sds: Floats
    subgroup_modes: Floats
    subgroup_mode_sds: Floats
    group_labels: tuple[Any, ...]
    subgroup_labels: tuple[tuple[Any, Any], ...]
    converged: bool
    singular: bool
    dropped: tuple[str, ...]
    dropped_reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    iterations: int
    gradient_norm: float
    condition_number: float
    columns: tuple[str, ...]
    rows: int
    used: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit(MixedFit):
    """A logistic fit, with what the marginal effect needs.

    Attributes
    ----------
    quadrature : int
        Nodes a dimension; 1 is Laplace's approximation.
    restricted : bool
        Whether the standard deviations are those of the restricted likelihood.
    parameters_covariance : (p + k, p + k) array
        Of the coefficients and the k log standard deviations that are not zero.
    intercepts : (cells,) array
        Each cell's conditional intercept, group mode plus subgroup mode; cells are the groups, or
        the subgroups when there are any.
    intercept_slopes : (cells, p + k) array
        Their derivatives by these parameters.
    separated : tuple of Direction
        Covariate levels in which the outcome never or always happens: rows and terms left out.
    extreme_groups : (int, int)
        In how many groups the outcome never or always happens, and of how many.
    """

    quadrature: int
    restricted: bool
    parameters_covariance: Floats
    intercepts: Floats
    intercept_slopes: Floats
    separated: tuple[Direction, ...]
    extreme_groups: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit(MixedFit):
    """A linear fit.

    Attributes
    ----------
    reml : bool
    kenward_roger : KenwardRoger or None
        Kenward and Roger's covariance, standard errors and degrees of freedom; none under ML, for
        which they are not defined.
    """

    reml: bool
    kenward_roger: KenwardRoger | None
