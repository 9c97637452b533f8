"""`fv check`: what a sender has to know before anything is computed.

In: a refresh's folder, through the same intake as a run. Out: counts on the terminal and a page
beside the data (`page`), both without a child's value.
"""

from fvlib.check.check import CheckOutcome, check_refresh, summary_table

__all__ = ["CheckOutcome", "check_refresh", "summary_table"]
