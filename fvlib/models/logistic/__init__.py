"""The logistic model with one or two nested random intercepts: fitted, and what follows from a fit.

The derivation stands in `fvlib.models.mixed`, which is the way in.
"""
