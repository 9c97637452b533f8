r"""Logistic and linear models with random intercepts for clusters, and for clusters nested in them.

This is the door: two fits, marginal effects, a score test. Behind it: ``clusters`` and ``collapse``
(labels and rows to cells and counts), ``identify`` (collinearity, separation), ``quadrature``,
``laplace``, ``restricted`` and ``tree`` (the logistic likelihoods), ``variance``, ``newton`` and
``climb`` (the way to their maximum), ``reml``, ``linear`` and ``kenward_roger`` (the linear model),
``marginal`` and ``score``. What follows derives what they compute, so that the code can be checked
line by line.

The logistic model
------------------
Row i of cell k (a group, or a subgroup within its group) has s_i events in n_i trials and
logit P = eta_i = o_i + x_i beta + a_k. Write l_k(beta, a) for the cell's log-likelihood,
sum_i s_i eta_i - n_i log(1 + exp eta_i); its derivatives by the intercept a sum

    kappa_1 = s - n p,  kappa_2 = -n p q,  kappa_3 = kappa_2 (1 - 2p),  kappa_4 = kappa_2 (1 - 6pq)

over the rows, and each further derivative by beta weights the rows by x_i.

**One intercept** (``quadrature``). a = sigma u, u ~ N(0, 1), rho = log sigma, theta = (beta, rho).
With h(theta, u) = l(beta, sigma u) - u^2/2 a cluster's likelihood is the integral of
exp(h) / sqrt(2 pi). Let u^ be its mode, c = -h_uu(u^), tau = c^(-1/2), and z_j, w_j the nodes and
weights of the standard normal law (sum w = 1). Adaptive Gauss-Hermite quadrature (Pinheiro and
Bates 1995, doi 10.1080/10618600.1995.10474663) puts the nodes at u_j = u^ + tau z_j:

    f = log tau + log sum_j w_j exp(h(u_j) + z_j^2 / 2).

One node is Laplace's approximation. *What is estimated is the maximum of the sum of f over the
clusters, and standard errors come from its own second derivatives*: u^ and tau, hence the nodes,
move with theta. As h_u(u^) = 0 for every theta,

    u^_t = h_ut / c,      c_t = -(h_uut + h_uuu u^_t),       g = (log tau)_t = -c_t / 2c
    u_j,t = u^_t + z_j tau g,                                G_j = h_t(u_j) + h_u(u_j) u_j,t
    f_t = g + sum_j pi_j G_j,                                pi_j proportional to the terms of f
    f_tt = (log tau)_tt + sum pi_j H_j + sum pi_j G_j G_j' - (sum pi_j G_j)(sum pi_j G_j)'
    H_j = h_tt + h_tu u_j,t' + u_j,t h_tu' + h_uu u_j,t u_j,t' + h_u u_j,tt       (at u_j)

With A = sum pi_j h_u(u_j), B = sum pi_j z_j h_u(u_j), e = (1 + tau B) / 2c and
D = (A + e h_uuu) / c, the second derivatives of mode and scale enter f_tt as

    D (h_utt + h_uut u^_t' + u^_t h_uut' + h_uuu u^_t u^_t')
    + e (h_uutt + h_uuut u^_t' + u^_t h_uuut' + h_uuuu u^_t u^_t') + (2 + 3 tau B) g g',

so that all that is quadratic in x is one product X' diag(.) X whose row weights are
sum_j pi_j kappa_2(u_j) + D sigma kappa_3(u^) + e sigma^2 kappa_4(u^). In the limit of many nodes
A = 0, tau B = -1, D = e = 0 and f_tt is Louis's (1982) identity: the posterior mean of the
complete-data derivatives plus the posterior covariance of the scores.

**Nested intercepts** (``laplace``). a_k = sigma_1 u_g + sigma_2 v_k. With S_k, W_k the cell's sums
of kappa_1 and -kappa_2 at the joint modes, u_g = sigma_1 sum S_k and v_k = sigma_2 S_k, so with
the variances V_1, V_2: a_k = V_1 sum_g S + V_2 S_k, and

    f = sum_k [l_k - S_k a_k / 2] - 1/2 [sum_k log d_k + sum_g log E_g],
    d_k = 1 + V_2 W_k,   M_k = W_k / d_k,   E_g = 1 + V_1 sum_g M_k

(the modes' information is a block arrow, and this is its determinant). Modes are found by Newton
on that arrow. Write K = V_1 11' + V_2 I within a group; differentiating a = K S(beta, a) gives
(I + K W) a_t = K S_beta + K_t S, and the second derivatives of a are needed only in the sum
sum_k g_k a_k,tt with g_k = -D_W T_k / 2, which the adjoint y = (I + W K)^-1 g turns into sums over
cells. Derivatives are taken by V, which exist at zero too, and turned into those by rho.
With more nodes (``tree``) the cells' intercepts are integrated as above at each node of the groups'
integral; these outer nodes are laid around the joint modes, held while climbing, and laid again
until nothing moves, so their own motion is not in the standard errors (it vanishes as the nodes
become many; where it matters the fit says that the outer nodes don't settle).

**Restricted likelihood** (``restricted``): variances by Laplace's approximation over beta as well.

**The climb** (``climb``, ``newton``, ``variance``). Damped Newton, exact second derivatives,
the fit without intercepts, in t = log(sigma^2 + c) with c an intercept's sampling variance: near
zero that is a scale of variance, far from it one of log sigma. A standard deviation under 1e-4
counts as zero; the model without it is fitted, and a second climb from elsewhere must not do
better. At convergence the Newton decrement is under 1e-5 and one more step is taken.

**Separation** (``identify``). Where a direction d exists with x_i d >= 0 in rows that are all
events, <= 0 in rows with none, = 0 in rows with both, and not all zero, the likelihood grows along
it without limit (Albert and Anderson 1984, doi 10.1093/biomet/71.1.1). Its limit is the likelihood
of the rows with x_i d = 0: the others are left out, then a column that is no longer identified, and
both are named. Single columns are looked at first; a linear programme searches all combinations
when the fit gives cause to (Konis 2007). It is a ``Separation`` when a protected column takes part.

The linear model
----------------
y = X beta + Z_1 b_1 + Z_2 b_2 + e with variances sigma^2 (gamma_1, gamma_2, 1), V = sigma^2 V*.
For a leaf of n rows V* = I + gamma 11', whose inverse is I - gamma / (1 + n gamma) 11'; the groups
add a rank-one term each (Woodbury). So M' V*^-1 M, M = [X y], and log|V*| need, once, M'M, the
leaves' column sums s and their crossproducts by leaf size; then each (gamma_1, gamma_2) costs a few
small matrices (``reml``), with exact first and second derivatives by gamma. An outermost level
above (few clusters) has its indicators Z among the columns of M, and Woodbury once more:
M' V*^-1 M less R' K R, R = Z' V_2^-1 M, K = gamma_0 (I + gamma_0 Z' V_2^-1 Z)^-1. beta and sigma^2
are profiled out; with N rows, p columns, nu = N - p (REML) or N (ML) and A = X' V*^-1 X, minus
twice the log-likelihood is nu (1 + log(2 pi RSS / nu)) + log|V*| [+ log|A|], lme4's criterion.

Satterthwaite's (1946, doi 10.2307/3002019) degrees of freedom of a coefficient with variance v are
2 v^2 / (g' C g): g the gradient of v by the variance parameters, C twice the inverse of the second
derivatives of the deviance by them (the form of lmerTest, Kuznetsova and others 2017,
doi 10.18637/jss.v082.i13). Kenward and Roger's covariance comes from the same derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from fvlib.models.identify import Direction, Separation, Unidentified
from fvlib.models.linear import fit as linear
from fvlib.models.linear.kenward_roger import KenwardRoger
from fvlib.models.logistic import fit as logistic
from fvlib.models.logistic.marginal import (
    MarginalEffect,
    average_marginal_effect,
    population_average_effect,
    switched_effect,
)
from fvlib.models.logistic.score import ScoreTest, score_test
from fvlib.models.records import LinearFit, LogisticFit, MixedFit

__all__ = [
    "Direction",
    "KenwardRoger",
    "LinearFit",
    "LogisticFit",
    "MarginalEffect",
    "MixedFit",
    "ScoreTest",
    "Separation",
    "Unidentified",
    "average_marginal_effect",
    "fit_linear",
    "fit_logistic",
    "population_average_effect",
    "score_test",
    "switched_effect",
]


def fit_logistic(  # noqa: PLR0917  (the signature is public and stays)
    successes: ArrayLike,
    X: Any,
    groups: Any,
    trials: ArrayLike | None = None,
    subgroups: Any = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    quadrature: int | None = None,
    start: Any = None,
    *,
    restricted: bool = False,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> LogisticFit:
    """Fit a logistic model with a random intercept for groups, and for subgroups in them.

    Maximum likelihood by adaptive Gauss-Hermite quadrature; see the module for the derivation.

    Parameters
    ----------
    successes : (rows,) array
        Events in each row: 0 or 1, or a count up to ``trials``.
    X : (rows, columns) array or DataFrame
        Fixed effects, the constant among them if there is to be one.
    groups : (rows,) array
        Labels of the clusters; anything that sorts.
    trials : (rows,) array, optional
        Of each row; 1 if not given.
    subgroups : (rows,) array, optional
        Labels of a second intercept, nested: a label counts within its group only.
    offset : (rows,) array, optional
        Added to the linear predictor.
    weights : (rows,) array, optional
        Multiply each row's log-likelihood; a row of weight zero takes no part.
    names : sequence of str, optional
        Of the columns; else those of a DataFrame, else x0, x1, ...
    quadrature : int, optional
        Nodes a dimension, odd; 1 is Laplace's approximation. 7, and 1 with subgroups.
    start : LogisticFit or (coefficients, standard deviations), optional
        A neighbour's solution to start from; ignored where it doesn't fit the columns.
    restricted : bool
        Estimate the standard deviations by restricted likelihood (Laplace only): where clusters or
        cells are few beside the fixed effects, maximum likelihood makes them too small.
    preference : sequence of str
        Collinear columns are dropped in this order; then, of those not named, the last first.
    protected : sequence of str
        Columns that are never dropped.

    Returns
    -------
    LogisticFit

    Raises
    ------
    Separation
        When the outcome never or always happens, in all rows or at a level of a protected column.
    Unidentified
        When protected columns are collinear, or each group has a single subgroup.
    ValueError
        When an argument has the wrong shape or holds NaN, infinity or a value out of range: its
        name and the number of rows are in the message.

    Notes
    -----
    A fit that did not converge, or lies on the boundary, is returned and says so: ``converged``,
    ``singular``, ``warnings``.
    """
    data = logistic.prepare(
        successes,
        X,
        groups,
        trials=trials,
        subgroups=subgroups,
        offset=offset,
        weights=weights,
        names=names,
    )
    nodes = logistic.choose_nodes(quadrature, data.clusters.nested or restricted)
    if restricted and nodes > 1:
        raise ValueError("restricted: its likelihood has one node (Laplace's approximation) only")
    solution = logistic.fit_without_separated(
        data,
        quadrature=nodes,
        restricted=restricted,
        start=start,
        preference=preference,
        protected=protected,
    )
    return logistic.name_parameters(data, solution)


def fit_linear(  # noqa: PLR0917  (the signature is public and stays)
    y: ArrayLike,
    X: Any,
    groups: Any,
    subgroups: Any = None,
    names: Sequence[str] | None = None,
    reml: bool = True,
    *,
    units: Any = None,
    start: LinearFit | None = None,
    preference: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> LinearFit:
    """Fit a linear model with a random intercept for groups, for subgroups in them, and so on.

    Parameters
    ----------
    y : (rows,) array
    X, groups, subgroups, names, preference, protected
        As for :func:`fit_logistic`.
    reml : bool
        Restricted maximum likelihood, or else maximum likelihood.
    units : (rows,) array, optional
        Labels of a third intercept, nested in the subgroups; its modes are not returned.
    start : LinearFit, optional
        A neighbour's solution to start from; ignored where a standard deviation of it is zero.

    Returns
    -------
    LinearFit
        With Satterthwaite's degrees of freedom and, under REML, Kenward and Roger's.

    Raises
    ------
    Unidentified
        When protected columns are collinear, the columns fit y exactly or are as many as the rows,
        or clusters can't be told apart (one row each; one subgroup in each group).
    ValueError
        When an argument has the wrong shape or holds NaN or infinity.
    """
    return linear.fit(
        y,
        X,
        groups,
        subgroups,
        names,
        reml=reml,
        units=units,
        start=start,
        preference=preference,
        protected=protected,
    )
