"""All tables by name: estimates and side tables as great-tables objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fvlib.report.tables import cohort, data, ipe, outcomes, registers, results, sizes

# Each takes the released bundle and the registers.
TABLES: Final[dict[str, Callable[..., Any]]] = {
    **results.TABLES,
    **data.TABLES,
    **cohort.TABLES,
    **outcomes.TABLES,
    **ipe.TABLES,
    **registers.TABLES,
    "sizes": sizes.sizes,
}
