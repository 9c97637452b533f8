"""Which analyses stand together, under which heading and in which order.

What must stand beside the primary analysis always has its place, also when it has no result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.report.bundle import ESTIMATED, ReleasedBundle
from fvlib.report.words import labels
from fvlib.report.words import results as sentences

BESIDE: Final = "Beside the primary analysis"
# What stands for an analysis of several effects beside those with one: X5's average.
AVERAGED: Final = {"X5": "time_averaged"}
COMPARED: Final = ("odds_ratio", "risk_difference")


@dataclass(frozen=True, slots=True)
class Group:
    """A heading and the analyses under it, in order."""

    heading: str
    analyses: tuple[str, ...]


def arrange_analyses(
    bundle: ReleasedBundle, outcome: str = protocol.PRIMARY_OUTCOME
) -> tuple[Group, ...]:
    """Arrange an outcome's analyses: itself, what stands beside it, then role by role."""
    beside = [sentences.nested_of(outcome)]
    if not bundle.interim:  # the permutation test gives a p and nothing else
        beside.append(sentences.permutation_of(outcome))
    rows = bundle.estimates[bundle.estimates["outcome"] == outcome]
    rows = rows[~rows["analysis"].isin([outcome, *beside])]
    main = labels.ROLES["primary" if outcome == protocol.PRIMARY_OUTCOME else "secondary"]
    groups = [Group(main, (outcome,)), Group(BESIDE, tuple(beside))]
    for role in labels.in_order(rows["role"].astype(str), labels.ROLES):
        names = labels.in_order(rows.loc[rows["role"] == role, "analysis"], labels.ANALYSES)
        names = [name for name in names if _stands(bundle, name)]
        groups.append(Group(labels.label(labels.ROLES, role), tuple(names)))
    return tuple(group for group in groups if group.analyses)


def comparable(bundle: ReleasedBundle, name: str, scale: str) -> pd.Series | None:
    """Return what of an analysis can be set beside the primary effect: its own, or its average."""
    found = bundle.effect(name, scale)
    if found is None and scale == "odds_ratio" and name in AVERAGED:
        return bundle.ratio(name, AVERAGED[name])
    return found


def apart(bundle: ReleasedBundle) -> list[str]:
    """Name the primary outcome's analyses whose results are on other scales than its effect."""
    rows = bundle.estimates[bundle.estimates["outcome"] == protocol.PRIMARY_OUTCOME]
    names = labels.in_order(rows["analysis"].astype(str), labels.ANALYSES)
    test = sentences.permutation_of(protocol.PRIMARY_OUTCOME)
    return [name for name in names if name != test and not _stands(bundle, name)]


def _stands(bundle: ReleasedBundle, name: str) -> bool:
    """Whether an analysis has an effect to compare, or a reason why it has no result."""
    has_one = any(comparable(bundle, name, scale) is not None for scale in COMPARED)
    return has_one or bundle.status(name)[0] != ESTIMATED


def label(bundle: ReleasedBundle, name: str) -> str:
    """Name an analysis; say so where an average stands for it."""
    averaged = name in AVERAGED and bundle.status(name)[0] == ESTIMATED
    return "Average over time since go-live" if averaged else bundle.label(name)
