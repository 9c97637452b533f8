"""What may leave: nothing reaches `results/` but through `release.release`.

In: a `Bundle` of exact aggregates, each `CountTable` saying which of its columns count persons and
what adds up to what; `linked_counts` holds what several tables add up alike. Out: the bundle in
`results/<refresh>/`: small counts masked, and with them whatever would give one back; the rest
rounded; what is computed from counts made again from the released ones. A masked number is empty,
and its column's twin `<column>_masked` is true.
"""

from fvlib.gate.count_table import ESTIMATES, CountTable, ExactBundle, Margin, Running

__all__ = ["ESTIMATES", "CountTable", "ExactBundle", "Margin", "Running"]
