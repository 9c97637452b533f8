"""A rule of the data contract, as data, and which files a rule is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fvlib.contract.files import CHILDREN, FILES, LA_FILES, WITHDRAWALS, Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id as the set-aside files print it, its outcome, the files it reads.

    `refused`: the whole refresh is. `set aside`: the row is, for the authority to correct.
    `resolved`: the row stays (or one of several equal rows does), by the stated rule; counted.
    `decided`: the row stays as it is; how it was read beside the child's other rows is counted.

    `label` says in a few words what was found, `checks` what holds or is done, `why` the reason,
    and `remedy` what the sender of a row set aside does about it (empty elsewhere).
    """

    id: str
    outcome: Literal["refused", "set aside", "resolved", "decided"]
    files: tuple[str, ...]
    label: str
    checks: str
    why: str
    remedy: str = ""


def part_rule(part: str, whole: str) -> str:
    """Return the id of the rule that a part is not more than its whole."""
    return f"{part} over {whole}"


EVERY: Final = tuple(FILES)
JUDGED: Final = tuple(name for name in FILES if name != WITHDRAWALS.name)
OF_CHILDREN: Final = tuple(name for name in LA_FILES if name != CHILDREN.name)
WITH_SPAN: Final = tuple(spec.name for spec in FILES.values() if spec.ends)
WITH_KEY: Final = tuple(spec.name for spec in FILES.values() if spec.key)


def files_having(*kinds: Kind, **attributes: object) -> tuple[str, ...]:
    """Name the files, withdrawals apart, with a column of one of the kinds and the attributes."""
    return tuple(
        name
        for name in JUDGED
        if any(
            (column.kind in kinds or not kinds)
            and all(getattr(column, key) == value for key, value in attributes.items())
            for column in (*FILES[name].columns, *filter(None, (FILES[name].further,)))
        )
    )
