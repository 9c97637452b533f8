"""Which analyses stand together, under which heading and in which order.

What must stand beside the primary analysis always has its place, also when it has no result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fvlib import protocol
from fvlib.report import sentences, words
from fvlib.report.bundle import Bundle

BESIDE: Final = "Beside the primary analysis"


@dataclass(frozen=True, slots=True)
class Group:
    """A heading and the analyses under it, in order."""

    heading: str
    analyses: tuple[str, ...]


def arranged(bundle: Bundle, outcome: str = protocol.PRIMARY_OUTCOME) -> tuple[Group, ...]:
    """Arrange an outcome's analyses: itself, what stands beside it, then role by role."""
    beside = [sentences.nested_of(outcome)]
    if not bundle.interim:  # the permutation test gives a p and nothing else
        beside.append(sentences.permutation_of(outcome))
    rows = bundle.estimates[bundle.estimates["outcome"] == outcome]
    rows = rows[~rows["analysis"].isin([outcome, *beside])]
    main = words.ROLES["primary" if outcome == protocol.PRIMARY_OUTCOME else "secondary"]
    groups = [Group(main, (outcome,)), Group(BESIDE, tuple(beside))]
    for role in words.in_order(rows["role"].astype(str), words.ROLES):
        names = words.in_order(rows.loc[rows["role"] == role, "analysis"], words.ANALYSES)
        groups.append(Group(words.label(words.ROLES, role), tuple(names)))
    return tuple(groups)
