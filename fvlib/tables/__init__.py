"""The aggregates of a bundle beside its estimates, exact, each on its way to the gate.

In: a `Trial`, its imputations, the results of the analyses. Out: a `CountTable` a table
(`side_tables`), and what these tables add up alike (`shared_margins`): the same children by
authority, period, condition and state. A table of children that doesn't say so fails a test.

Columns as released (a count's twin `<column>_masked` stands beside it); `la` has `all` where rows
add up to it:

- `flow`: la, step, n. `decisions`, `set_aside`, `resolved`: la, file, rule, rows
- `arrivals`: la, file, arrived, rows_read, rows_kept, first_date, last_date, over_limit
- `withdrawn`: children, in all. `changes`: subject, la, item, rule, direction, n
- `crude`: outcome, la, condition, n, events, mean, not_observable, missing
- `periods`: la, period, condition, n, events. `outcome_periods`: outcome before, mean after these
- `s3_distribution`: condition, share_of_window, first_day, last_day, n
- `s6_terms`: term (1 to 3 after the referral), la, condition, n, mean
- `calendar`: outcome, condition, n, observed, share, all_observed_from
- `control_window`: outcome, share. `la_intercepts`: analysis, la, estimate, std_error
- `volume`: la, month, referrals. `stayed_open`: la, period, referrals, stayed_open, share
- `profiles`: la, characteristic, level, n
- `balance`: covariate, level, counts and shares by condition, crude and adjusted difference
- `missingness`: covariate, la, condition, n, missing, share. `missingness_periods`: with period
- `missing_patterns`: covariate, term, odds_ratio, ci_low, ci_high, p_value, n, missing, notes
- `imputation`: variable, observed, missing, r_hat, converged, fmi, notes
- `imputed_shares`: variable, level, observed and imputed: n, count, share
- `imputation_trace`: variable, level, chain, iteration, percent, missing
- `trial_schedule`: la, source, due, files_expected, files_arrived, state
"""
