"""All rules of the data contract by id: what is checked, why, and what a breach leads to.

A rule is its words, what its sender does about a breach, and what finds one. `intake/` goes through
those that set a row aside, in this order; `trial/spells.py` carries out those by which a child's
rows are read together.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from fvlib.contract.refusals import REFUSALS
from fvlib.contract.resolutions import DECIDED, IDENTICAL_ROW, RESOLUTIONS
from fvlib.contract.row_rules import ROW_RULES
from fvlib.contract.rule import Rule
from fvlib.contract.value_rules import VALUE_RULES

__all__ = ["DECISIONS", "IDENTICAL_ROW", "ROW_RULES", "RULES", "VALUE_RULES", "Rule"]

_ALL: Final = (*REFUSALS, *VALUE_RULES, *ROW_RULES, *RESOLUTIONS, *DECIDED)
RULES: Final = MappingProxyType({rule.id: rule for rule in _ALL})
DECISIONS: Final = tuple(rule.id for rule in DECIDED)
