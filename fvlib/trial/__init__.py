"""From the extracts of a refresh to analysable rows: cohort, exposure, outcomes, covariates.

In: `Extracts` and the refresh's dates. Out: a frozen `Trial`, its rows in memory only: one row a
cohort child (index `child`), one frame an outcome, and the flow, in which each child of the
extracts stands in exactly one exclusion box or in the cohort. `Trial`'s docstring names every
frame.
"""

from fvlib.trial.trial import Trial, build_trial

__all__ = ["Trial", "build_trial"]
