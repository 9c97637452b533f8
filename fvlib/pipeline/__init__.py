"""Bring a refresh's results up to date: computed where stale, or left as they are.

In: a refresh's name. Out: `results/<refresh>/`, whose manifest says what it follows from
(`freshness`). `run` computes nothing, and imports nothing heavy, when all is fresh; `compute` is
the heavy half; `cache` keeps what one row of the plan gave, so that one change refits one row.
`export` writes one analysis's rows for double programming, outside the repository.
"""

from fvlib.pipeline.run import ensure_results

__all__ = ["ensure_results"]
