"""The linear model with one or two nested random intercepts: REML, and Kenward and Roger's df.

The derivation stands in `fvlib.models.mixed`, which is the way in.
"""
