"""Reasons, warnings and what was left out, as codes with values: `code`, or `code:value|value`.

Remarks stand in `estimates.csv` (`reason`, `dropped`, `warnings`) and in `notes` of side tables,
`; ` between several of them, `,` between the items of one value. Their words are in
`chapters/phrases.yml`, under `reasons`, and are said once, in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

BETWEEN: Final = "; "
SPACED: Final = str.maketrans(":|;,", "    ")


class Code(StrEnum):
    """What a remark says; `VALUES` names what some carry."""

    # Why there is no result.
    NOT_RECORDED = "not_recorded"
    NO_WINDOW_CLOSED = "no_window_closed"
    ONE_CONDITION = "one_condition"
    TREATMENT_ALIASED = "treatment_aliased"
    TREATMENT_ALIASED_FIXED = "treatment_aliased_fixed"
    EMPTY_CONDITION = "empty_condition"
    OUTCOME_CONSTANT = "outcome_constant"
    OUTCOME_MISSING = "outcome_missing"
    FEW_CHILDREN = "few_children"
    NO_COMPLETE_CASE = "no_complete_case"
    SOURCE_ABSENT = "source_absent"
    PARAMS_NEEDED = "params_needed"
    DATES_NEEDED = "dates_needed"
    DATES_NEEDED_FOR = "dates_needed_for"
    ONE_EXPOSURE_PERIOD = "one_exposure_period"
    STRATUM_NOT_LIVE = "stratum_not_live"
    CELL_EMPTY = "cell_empty"
    NO_SHARED_PERIOD = "no_shared_period"
    FEW_CELLS = "few_cells"
    ALL_OR_NONE = "all_or_none"
    NOT_CONVERGED = "not_converged"
    ORDERS_LOST = "orders_lost"
    UNEXPECTED_FITTING = "unexpected_fitting"
    UNEXPECTED_DERIVING = "unexpected_deriving"
    # The same, as `fvlib.models` refuses to fit.
    SEPARATED = "separated"
    SEPARATED_ALIASED = "separated_aliased"
    ALIASED = "aliased"
    NO_ROWS = "no_rows"
    OUTCOME_NEVER = "outcome_never"
    OUTCOME_ALWAYS = "outcome_always"
    OUTCOME_NEVER_LEFT = "outcome_never_left"
    OUTCOME_ALWAYS_LEFT = "outcome_always_left"
    FEW_ROWS = "few_rows"
    EXACT_FIT = "exact_fit"
    SPREAD_ALIASED = "spread_aliased"
    FEW_UNCENSORED = "few_uncensored"
    COLUMNS_ALIASED = "columns_aliased"
    # What to know of a result.
    ZERO_IN_IMPUTATIONS = "zero_in_imputations"
    ZERO_SPREAD = "zero_spread"
    ONE_LA = "one_la"
    EXTREME_LAS = "extreme_las"
    NO_STANDARD_ERRORS = "no_standard_errors"
    FEW_IMPUTATIONS = "few_imputations"
    BOOTSTRAP_DRAWS = "bootstrap_draws"
    INTERVAL_OPEN = "interval_open"
    SMALLEST_P_WITHIN = "smallest_p_within"
    SMALLEST_P_IGNORING = "smallest_p_ignoring"
    REFITTED = "refitted"
    INTERVAL_MODEL_BASED = "interval_model_based"
    INTERVAL_12_OPEN = "interval_12_open"
    WITHIN_PERIOD = "within_period"
    WITHIN_PERIOD_OPEN = "within_period_open"
    LONGEST_EXPOSURE = "longest_exposure"
    HEAVILY_CENSORED = "heavily_censored"
    LIGHTLY_CENSORED = "lightly_censored"
    OWN_COST = "own_cost"
    TIPS = "tips"
    NEVER_TIPS = "never_tips"
    # What was left out of a fit.
    MISSING_TOO_OFTEN = "missing_too_often"
    NOT_RECORDED_THROUGHOUT = "not_recorded_throughout"
    COLLINEAR_WITH_TREATMENT = "collinear_with_treatment"
    COLLINEAR = "collinear"
    SETTLED = "settled"
    ZERO = "zero"
    CONSTANT = "constant"
    COMBINATION = "combination"
    MERGED = "merged"
    # Of missingness and of the imputation.
    FEW_VALUES = "few_values"
    LEFT_OUT = "left_out"
    NEVER_DRAWN = "never_drawn"
    NEVER_OBSERVED = "never_observed"
    ONE_LEVEL = "one_level"
    FAR_FROM_MODE = "far_from_mode"
    CHAINS_DIFFER = "chains_differ"
    SHARES_DRIFT = "shares_drift"


TERMS: Final = "terms"
# What the values of a code are, in order. Those named in the plural are lists.
VALUES: Final[dict[Code, tuple[str, ...]]] = {
    Code.ONE_CONDITION: ("side",),
    Code.OUTCOME_MISSING: ("las",),
    Code.FEW_CHILDREN: ("size",),
    Code.SOURCE_ABSENT: ("analysis",),
    Code.PARAMS_NEEDED: ("key",),
    Code.DATES_NEEDED: ("dates",),
    Code.DATES_NEEDED_FOR: ("dates", "las"),
    Code.STRATUM_NOT_LIVE: ("readiness",),
    Code.ORDERS_LOST: ("lost", "orders"),
    Code.UNEXPECTED_FITTING: ("error",),
    Code.UNEXPECTED_DERIVING: ("error",),
    Code.SEPARATED: (TERMS,),
    Code.SEPARATED_ALIASED: (TERMS,),
    Code.ALIASED: (TERMS,),
    Code.FEW_ROWS: ("rows", "columns"),
    Code.SPREAD_ALIASED: ("level",),
    Code.ZERO_IN_IMPUTATIONS: ("singular", "fits"),
    Code.ZERO_SPREAD: ("level",),
    Code.EXTREME_LAS: ("extreme", "all"),
    Code.FEW_IMPUTATIONS: ("imputations", "fmi", "needed"),
    Code.BOOTSTRAP_DRAWS: ("draws", "clusters"),
    Code.SMALLEST_P_WITHIN: ("p", "orders"),
    Code.SMALLEST_P_IGNORING: ("p", "orders"),
    Code.WITHIN_PERIOD: ("orders",),
    Code.TIPS: ("low", "high"),
    Code.NEVER_TIPS: ("low", "high"),
    Code.MISSING_TOO_OFTEN: (TERMS,),
    Code.NOT_RECORDED_THROUGHOUT: (TERMS,),
    Code.COLLINEAR_WITH_TREATMENT: (TERMS,),
    Code.COLLINEAR: (TERMS,),
    Code.SETTLED: (TERMS,),
    Code.ZERO: (TERMS,),
    Code.CONSTANT: (TERMS,),
    Code.COMBINATION: (TERMS,),
    Code.MERGED: ("groups",),
    Code.LEFT_OUT: (TERMS,),
    Code.NEVER_DRAWN: ("covariate", "levels"),
    Code.NEVER_OBSERVED: ("covariate", "levels"),
    Code.ONE_LEVEL: ("covariate", "levels"),
    Code.FAR_FROM_MODE: ("distance", "expected"),
}


class Remark(NamedTuple):
    """A remark, read: its code, and its values by name, each a list of at least one item."""

    code: Code
    values: dict[str, tuple[str, ...]]


def remark(code: Code, *values: object) -> str:
    """Write a remark; a value is anything that prints, or a list of such.

    A mark that divides remarks becomes a space in a value.

    Raises
    ------
    ValueError
        There are more or fewer values than the code has.
    """
    lists = [_items(value) for value in values]
    if len(lists) != len(VALUES.get(code, ())):
        raise ValueError(f"{code}: {len(lists)} values, expected {VALUES.get(code, ())}")
    return f"{code}:{'|'.join(map(','.join, lists))}" if lists else str(code)


def _items(value: object) -> list[str]:
    listed = isinstance(value, Iterable) and not isinstance(value, str)
    items = value if listed else [value]
    return [str(item).translate(SPACED) for item in items]  # type: ignore[attr-defined]


def join(*remarks: str) -> str:
    """Write several remarks, empty ones and repeated ones left out."""
    return BETWEEN.join(dict.fromkeys(filter(None, remarks)))


def read_remarks(text: str) -> Iterator[Remark]:
    """Read the remarks of a cell, in order.

    Raises
    ------
    ValueError
        One has a code that isn't known, or other values than its code.
    """
    for item in filter(None, text.split(BETWEEN)):
        name, _, rest = item.partition(":")
        code = Code(name)
        names, lists = VALUES.get(code, ()), rest.split("|") if rest else []
        if len(names) != len(lists):
            raise ValueError(f"{item!r}: expected values for {names}")
        pairs = zip(names, lists, strict=True)
        yield Remark(code, {name: tuple(value.split(",")) for name, value in pairs})
