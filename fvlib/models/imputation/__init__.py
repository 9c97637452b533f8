"""Multiple imputation by chained equations: patterns of missing values, draws, diagnostics.

In: frames of categoricals with gaps. Out: completed copies, and traces to judge them by.
"""
