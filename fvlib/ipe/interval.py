"""Wilson's interval for a proportion."""

from __future__ import annotations

from statsmodels.stats.proportion import proportion_confint

from fvlib import protocol


def wilson(count: float, of: float, alpha: float = protocol.ALPHA) -> tuple[float, float]:
    """Return Wilson's score interval without continuity correction; NaN where `of` is zero.

    Parameters
    ----------
    count, of
        Numerator and denominator, 0 <= count <= of.
    alpha
        One minus the confidence level.

    Notes
    -----
    Wilson EB (1927), J Am Stat Assoc 22: 209-212, doi 10.1080/01621459.1927.10502953.
    """
    if not of > 0:
        return float("nan"), float("nan")
    low, high = proportion_confint(min(count, of), of, alpha=alpha, method="wilson")
    return float(low), float(high)
