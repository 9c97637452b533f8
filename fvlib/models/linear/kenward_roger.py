"""Kenward and Roger's covariance and degrees of freedom for the linear model (REML).

Kenward and Roger (1997, doi 10.2307/2533558). With V = sum phi_i V_i (the variances phi; V_i = Z Z'
or I), G = X'V^-1 X and Phi = G^-1, every quantity that they need is a derivative of G or of
log|V| by phi: P_i = G_i, Q_ij + Q_ji = G_ij, tr(V^-1 V_i V^-1 V_j) = -(log|V|)_ij. So it costs no
more than the fit's own second derivatives, whatever the number of rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fvlib.models.linear.reml import Whitened

Floats = NDArray[np.float64]


class KenwardRoger(NamedTuple):
    """Adjusted covariance (p, p), its standard errors (p,) and degrees of freedom (p,)."""

    covariance: Floats
    std_errors: Floats
    df: Floats


def kenward_roger(
    at: Whitened, gamma: Floats, sigma2: float, rows: int, back: Floats
) -> KenwardRoger:
    """Adjust the covariance of ``back @ beta``; one degree of freedom a coefficient.

    Parameters
    ----------
    at
        The closed forms at the estimated variance ratios ``gamma``; the last column is y's.
    sigma2
        Residual variance.
    rows
        Number of observations.
    back : (p, p) array
        From the columns that ``at`` speaks of to the columns as given.
    """
    p, k, s = len(at.B) - 1, len(gamma), sigma2
    A, A1, A2 = at.B[:p, :p], at.B1[:, :p, :p], at.B2[:, :, :p, :p]
    # From (gamma, sigma2) to phi = (sigma2 gamma, sigma2): G(phi) = A(phi / s) / s.
    A1_g = np.einsum("i,iab->ab", gamma, A1)
    A2_g = np.einsum("j,ijab->iab", gamma, A2)
    P = np.concatenate([A1, -(A + A1_g)[None]]) / s**2
    G2 = np.empty((k + 1, k + 1, p, p))
    G2[:k, :k] = A2
    G2[:k, k] = G2[k, :k] = -(2.0 * A1 + A2_g)
    G2[k, k] = 2.0 * A + 4.0 * A1_g + np.einsum("i,iab->ab", gamma, A2_g)
    G2 /= s**3
    trace = np.empty((k + 1, k + 1))
    trace[:k, :k] = -at.logdet2
    trace[:k, k] = trace[k, :k] = at.logdet1 + at.logdet2 @ gamma
    trace[k, k] = rows - 2.0 * gamma @ at.logdet1 - gamma @ at.logdet2 @ gamma
    trace /= s**2

    Phi = s * np.linalg.inv(A)
    PhiP = np.einsum("ab,ibc->iac", Phi, P)
    both = np.einsum("iab,jba->ij", PhiP, PhiP)
    information = 0.5 * (trace - np.einsum("ab,ijba->ij", Phi, G2) + both)
    W = np.linalg.pinv(information, hermitian=True)
    U = 0.5 * np.einsum("ij,ijab->ab", W, G2) - np.einsum("ij,iab,jbc->ac", W, P, PhiP)
    adjusted = back @ (Phi + 2.0 * Phi @ U @ Phi) @ back.T
    change = np.einsum("ta,iab,tb->it", back @ Phi, P, back @ Phi)
    plain = np.einsum("ta,ab,tb->t", back, Phi, back)
    df = 2.0 * plain**2 / np.einsum("it,ij,jt->t", change, W, change)
    variances = np.diag(adjusted)
    errors = np.sqrt(np.where(variances >= 0, variances, np.nan))
    return KenwardRoger(adjusted, errors, df)
