"""All tables by name: estimates and side tables as great-tables objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fvlib.report import (
    cohort_tables,
    data_tables,
    ipe_tables,
    outcome_result_tables,
    register_tables,
    result_tables,
    size_tables,
)

# Each takes the released bundle and the registers.
TABLES: Final[dict[str, Callable[..., Any]]] = {
    **result_tables.TABLES,
    **data_tables.TABLES,
    **cohort_tables.TABLES,
    **outcome_result_tables.TABLES,
    **ipe_tables.TABLES,
    **register_tables.TABLES,
    "sizes": size_tables.sizes,
}
