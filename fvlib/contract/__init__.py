"""The data contract: what local authorities send, declared once for all that read or write it.

In: nothing; files, columns and codes are data here (`files`, `codes`), and so is every rule
(`rules`): what is checked, why, and what a breach leads to. Out: these, for intake, checking, the
simulator, statutory returns and the trial; and as texts, the data dictionary (`dictionary`) and
blank files to fill (`template`). The contract reads no file and knows no refresh's dates.
"""

from fvlib.contract.files import FILES, LA_FILES, TRIAL_FILES, Column, FileSpec, Kind
from fvlib.contract.rules import RULES, Rule

__all__ = ["FILES", "LA_FILES", "RULES", "TRIAL_FILES", "Column", "FileSpec", "Kind", "Rule"]
