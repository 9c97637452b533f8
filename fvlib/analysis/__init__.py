"""From a row of the plan to rows of estimates.

In: a `Trial` and `plan.PLAN`, one frozen row an analysis: outcome, exposure, sample, terms, method.
Out: rows of estimates with the fit's diary (`estimates`): converged or not, a reason as a code. A
run loops over the rows (`analyse`); nothing branches by analysis. Imputations are drawn once a
refresh (`imputations`) and shared.
"""
