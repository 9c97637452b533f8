"""All rules of the data contract by id: what is checked, why, and what a breach leads to.

The rows say what every part of the package calls a rule, and tell it to people; `intake/` carries
them out, reading limits and columns from `files.py`, and `trial/spells.py` those by which a child's
rows are read together.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from fvlib.contract.refusals import REFUSALS
from fvlib.contract.resolutions import DECIDED, IDENTICAL_ROW, RESOLUTIONS
from fvlib.contract.row_rules import ROW_RULES, VALUE_RULES
from fvlib.contract.rule import Rule, part_rule

__all__ = ["DECISIONS", "IDENTICAL_ROW", "RULES", "Rule", "part_rule"]

_ALL: Final = (*REFUSALS, *VALUE_RULES, *ROW_RULES, *RESOLUTIONS, *DECIDED)
RULES: Final = MappingProxyType({rule.id: rule for rule in _ALL})
DECISIONS: Final = tuple(rule.id for rule in DECIDED)
