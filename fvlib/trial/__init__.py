"""From the extracts of a refresh to analysable rows: cohort, exposure, outcomes, covariates."""

from fvlib.trial.trial import Trial, build_trial

__all__ = ["Trial", "build_trial"]
