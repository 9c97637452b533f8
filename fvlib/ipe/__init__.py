"""The implementation and process evaluation: what was delivered, against the protocol's table.

In: the extracts' `ipe_*` frames. Out: exact tables for the gate, each saying what it counts:

- `ipe`: la, time_point, indicator, numerator, denominator, value, threshold, met
- `ipe_survey`: la, time_point, item, split, level, answered, agree, share
- `ipe_scores`: la, time_point, item, split, category, n
- `ipe_response`: la, time_point, respondents, eligible, share
- `ipe_unanswered`: time_point, item, respondents, unanswered, share
- `ipe_fgc`: la, time_point, service, characteristic, level, reached, referred, held, agreed
- `ipe_training`: la, time_point, event, split, level, attended, eligible, share
- `ipe_schedule`: la, source, time_point, due, items_expected, items_arrived, state
"""

from fvlib.ipe.describe import ipe_tables

__all__ = ["ipe_tables"]
