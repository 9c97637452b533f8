"""Pure numerics: arrays in, small frozen records out. Nothing here knows the trial.

`mixed` is the public face of the mixed models (`logistic/`, `linear/`), `regression` of those
without random effects, `inference` of pooling and multiplicity; `imputation/` draws missing values,
`wedge/` holds what a stepped wedge needs: power, rejection rates, resampling.
"""
