"""Whether what the IPE's tables mask can be worked out from all that they show together.

Every exact count is an unknown. What a reader knows: the counts shown, that groups add up to
their total, that scores add up to answers and agreement, and which tables show the same count.
A masked count, or a small rest or step, must not follow from these by linear algebra.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fvlib.gate import CountTable
from fvlib.gate.masking import masks_of
from fvlib.ipe import ipe_tables
from fvlib.refresh import Disclosure
from tests.ipe.test_ipe import FGC, extracts, refresh_of

RULE = Disclosure(threshold=10, round_to=1)  # as they are: rounding would only hide more
LA = "sefton"
POINTS = ("12m", "24m")
PEOPLE = (
    "staff_trained_awareness", "staff_trained_deep_dive", "partners_trained_police",
)  # fmt: skip
Sum = dict[tuple[Any, ...], float]


def returns(seed: int) -> Any:
    """Draw a return with many small groups, and indicators close to attendance."""
    draw = np.random.default_rng(seed)
    survey, fgc, training = [], [], []
    admin: list[tuple[Any, ...]] = []
    trained = {"awareness": 0, "deep_dive": 0}
    families = np.zeros((2, 3, 4), int)
    for point in POINTS:
        for role, size in (("manager", 14), ("practitioner", 30), ("other", 12)):
            for _ in range(int(draw.poisson(size))):
                score = int(draw.choice(5, p=[0.08, 0.12, 0.15, 0.4, 0.25])) + 1
                survey.append({"la": LA, "time_point": point, "role": role, "prepared": score})
        for event in ("awareness", "deep_dive"):
            teams = draw.poisson(12 if event == "awareness" else 10, (2, 2))
            for i, role in enumerate(("manager", "practitioner")):
                for j, team in enumerate(("north", "south")):
                    here = trained[event] // 4 + int(teams[i, j])
                    training.append(
                        (LA, point, event, role, team, here, here + int(draw.poisson(9)))
                    )
            trained[event] = sum(row[5] for row in training if row[1:3] == (point, event))
            n = trained[event] + int(draw.choice([0, 0, 3, 15]))
            admin.append((LA, point, f"staff_trained_{event}", n, n + int(draw.poisson(20))))
        admin.append((LA, point, "partners_trained_police", len(training) * 3, None))
        families += np.sort(draw.poisson((6, 9, 12, 16), (2, 3, 4)), axis=2)
        for at, service in enumerate(("fgc", "new_service")):
            table = families[at]
            rows: list[tuple[str, str | None, Any]] = [("all", None, table.sum(axis=0))]
            rows += [("status", name, row) for name, row in zip("abc", table, strict=True)]
            for kind, level, (agreed, held, referred, reached) in rows:
                fgc.append((LA, point, service, kind, level, reached, referred, held, agreed))
    return extracts(admin=admin, survey=survey, fgc=fgc, training=training)


class Knowledge:
    """All counts by name, which of them are shown, and what else is known of them."""

    def __init__(self) -> None:
        self.value: dict[tuple[Any, ...], float] = {}
        self.masked: set[tuple[Any, ...]] = set()
        self.known: list[Sum] = []
        self.groups: list[list[tuple[Any, ...]]] = []

    def add(self, table: CountTable, keys: list[str], name: str, count: str) -> None:
        mask = masks_of(table, RULE)[count]
        for place, number in table.frame[count].astype("Float64").items():
            if not pd.isna(number):
                key = (name, *table.frame.loc[place, keys].astype(str), count)
                self.value[key] = float(number)
                if mask[place]:
                    self.masked.add(key)
                else:
                    self.known.append({key: 1.0})

    def same(self, one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
        if one in self.value and other in self.value:
            assert self.value[one] == self.value[other], (one, other)
            self.known.append({one: 1.0, other: -1.0})

    def adds_up(self, total: tuple[Any, ...], parts: list[tuple[Any, ...]]) -> None:
        if total in self.value and parts:
            assert self.value[total] == sum(self.value[part] for part in parts), total
            self.known.append({total: -1.0} | dict.fromkeys(parts, 1.0))
            self.groups.append(parts)

    def follows(self, sums: list[Sum]) -> list[Sum]:
        """Return the sums that what is known determines."""
        at = {key: place for place, key in enumerate(self.value)}

        def rows(of: list[Sum]) -> np.ndarray:
            out = np.zeros((len(of), len(at)))
            for row, one in zip(out, of, strict=True):
                for key, factor in one.items():
                    row[at[key]] = factor
            return out

        _, size, basis = np.linalg.svd(rows(self.known), full_matrices=False)
        basis = basis[size > 1e-9 * size[0]]  # rank
        wanted = rows(sums)
        rest = np.abs(wanted - wanted @ basis.T @ basis).max(axis=1)
        return [one for one, gap in zip(sums, rest, strict=True) if gap < 1e-8]


def known(tables: dict[str, CountTable]) -> Knowledge:
    facts = Knowledge()
    grouped = (
        ("survey", "ipe_survey", ["time_point", "item", "split", "level"], ("answered", "agree")),
        ("scores", "ipe_scores", ["time_point", "item", "split", "category"], ("n",)),
        ("fgc", "ipe_fgc", ["time_point", "service", "characteristic", "level"], FGC[5:]),
        ("training", "ipe_training", ["time_point", "event", "split", "level"],
         ("attended", "eligible")),
    )  # fmt: skip
    for name, table, keys, counts in grouped:
        for count in counts:
            facts.add(tables[table], keys, name, count)
            parts = defaultdict(list)
            for key in [key for key in facts.value if key[0] == name and key[-1] == count]:
                if key[3] != "all":
                    parts[key[1:4]].append(key)
            for (point, group, _), cells in parts.items():
                total = next(
                    key for key in facts.value
                    if key[:4] == (name, point, group, "all") and key[-1] == count
                )  # fmt: skip
                facts.adds_up(total, cells)
    for count in ("numerator", "denominator"):
        facts.add(tables["ipe"], ["time_point", "indicator"], "ipe", count)
    for count in ("respondents", "eligible"):
        facts.add(tables["ipe_response"], ["time_point"], "response", count)
    for point in POINTS:
        answers = ("survey", point, "prepared", "all", "")
        facts.same((*answers, "answered"), ("scores", point, "prepared", "all", "all", "n"))
        facts.same((*answers, "answered"), ("ipe", point, "prepared", "denominator"))
        facts.same((*answers, "agree"), ("ipe", point, "prepared", "numerator"))
        high = [
            key for key in facts.value
            if key[:4] == ("scores", point, "prepared", "score") and key[4] in ("4", "5", "4-5")
        ]  # fmt: skip
        facts.adds_up((*answers, "agree"), high)
        facts.same(
            ("response", point, "eligible"),
            ("ipe", point, "staff_trained_awareness", "numerator"),
        )
        for name, service, part, whole in (
            ("families_reached_fgc", "fgc", "reached", None),
            ("families_reached_new_service", "new_service", "reached", None),
            ("conversion_rate", "fgc", "held", "referred"),
            ("agreed_plans", "fgc", "agreed", "held"),
        ):
            for count, column in (("numerator", part), ("denominator", whole)):
                facts.same(("ipe", point, name, count), ("fgc", point, service, "all", "", column))
    return facts


def secrets(facts: Knowledge) -> list[Sum]:
    """List the masked counts, and the small sums, rests and steps that nobody may work out."""
    out: list[Sum] = [{key: 1.0} for key in facts.masked]
    for cells in facts.groups:
        together = [key for key in cells if key in facts.masked and facts.value[key] > 0]
        out += [dict.fromkeys(together, 1.0)] if len(together) > 1 else []
    pairs = {"agree": "answered", "held": "referred", "agreed": "held", "attended": "eligible"}
    for key in facts.value:
        whole = (*key[:-1], pairs.get(key[-1], ""))
        if whole in facts.value:
            out.append({whole: 1.0, key: -1.0})
        runs = key[0] in ("fgc", "training") and key[-1] != "eligible"
        runs |= key[0] == "ipe" and key[2] in PEOPLE and key[-1] == "numerator"
        if runs:
            for before, after in pairwise(POINTS):
                later = (key[0], after, *key[2:])
                if key[1] == before and later in facts.value:
                    out.append({later: 1.0, key: -1.0})
    for point in POINTS:
        for event in ("awareness", "deep_dive"):
            trained = ("ipe", point, f"staff_trained_{event}", "numerator")
            attended = ("training", point, event, "all", "", "attended")
            out.append({trained: 1.0, attended: -1.0})
        both = [("ipe", point, name, "numerator") for name in PEOPLE[:2]]
        out.append({both[0]: 1.0, both[1]: -1.0})

    def small(one: Sum) -> bool:
        size = abs(sum(factor * facts.value[key] for key, factor in one.items()))
        return len(one) == 1 or 0 < size < RULE.threshold

    return [one for one in out if small(one)]


@pytest.mark.parametrize("seed", range(12))
def test_nothing_masked_can_be_worked_out(seed: int) -> None:
    facts = known(ipe_tables(returns(seed), refresh_of(disclosure=RULE.model_dump())))
    hidden = secrets(facts)
    assert len(facts.masked) > 5 and len(facts.known) > 5
    assert facts.follows(hidden) == []
