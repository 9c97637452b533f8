"""The data contract: every file, column, code and rule, declared once.

Loading, checking, simulating, the template for local authorities and the dictionary read this
declaration; none of them holds a column name, a code or a rule of its own. It stands in three
parts: `files.py`, `codes.py` and `rules.py`.
"""

from __future__ import annotations

from fvlib.data.codes import Code, CodeList
from fvlib.data.files import (
    ATTENDANCE,
    BANNER_SHARE,
    CARE_EPISODES,
    CHILDREN,
    EARLIEST_START,
    FILES,
    IPE_ADMIN,
    IPE_FGC,
    IPE_SURVEY,
    IPE_TRAINING,
    LA_CONTEXT,
    LA_FILES,
    LONGEST_IDENTIFIER,
    LONGEST_TEXT,
    PLANS,
    REFERRALS,
    SESSIONS_IN_A_YEAR,
    SET_ASIDE_FOLDER,
    TRIAL_FILES,
    WITHDRAWALS,
    Column,
    FileSpec,
    Kind,
)
from fvlib.data.rules import RULES, Rule, part_rule

__all__ = [
    "ATTENDANCE",
    "BANNER_SHARE",
    "CARE_EPISODES",
    "CHILDREN",
    "EARLIEST_START",
    "FILES",
    "IPE_ADMIN",
    "IPE_FGC",
    "IPE_SURVEY",
    "IPE_TRAINING",
    "LA_CONTEXT",
    "LA_FILES",
    "LONGEST_IDENTIFIER",
    "LONGEST_TEXT",
    "PLANS",
    "REFERRALS",
    "RULES",
    "SESSIONS_IN_A_YEAR",
    "SET_ASIDE_FOLDER",
    "TRIAL_FILES",
    "WITHDRAWALS",
    "Code",
    "CodeList",
    "Column",
    "FileSpec",
    "Kind",
    "Rule",
    "part_rule",
]
