"""Whether what the trial's tables mask can be worked out from all that they show together.

Every count is an unknown with a name. What a reader knows: the counts shown, and how the tables
add up, written down here as a reader would from their columns. A small count that is masked must
not follow from these by linear algebra.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fvlib import protocol
from fvlib.analysis.imputations import draw
from fvlib.gate import CountTable
from fvlib.gate.linked_counts import _rows as cells_added
from fvlib.gate.masking import mask_table, mask_tables
from fvlib.refresh import Disclosure
from fvlib.tables import side_tables
from fvlib.tables.imputation import describe_imputations
from fvlib.tables.shared_margins import find_shared_margins
from fvlib.trial import Trial, build_trial
from tests.support.trial_builder import random_extracts, refresh_of
from tests.tables.test_side_tables import SENT

RULE = Disclosure(threshold=10, round_to=1)  # as they are: rounding would only hide more
LAS, CONDITIONS = protocol.LA_KEYS, ("control", "treatment")
STATES = ("n", "not_observable", "missing")
KEYS = {
    "flow": ["la", "step"],
    "crude": ["outcome", "la", "condition"],
    "missing_outcomes": ["outcome", "reason", "condition"],
    "periods": ["la", "period", "condition"],
    "outcome_periods": ["outcome", "la", "period", "condition"],
    "calendar": ["outcome", "condition"],
    "missingness": ["covariate", "la", "condition"],
    "missingness_periods": ["covariate", "la", "period", "condition"],
    "balance": ["covariate", "level"],
    "imputation": ["variable"],
    "imputed_shares": ["variable", "level"],
    "profiles": ["characteristic", "la", "level"],
    "s3_distribution": ["condition", "share_of_window", "first_day"],
    "s6_terms": ["term", "la", "condition"],
    "volume": ["la", "month"],
    "stayed_open": ["la", "period"],
    "estimates": ["analysis"],
}
Name = tuple[str, ...]
Sum = dict[Name, float]


def exact_tables(seed: int, children: int) -> tuple[dict[str, CountTable], Any]:
    extracts = random_extracts(children, seed=seed)
    for name, columns in SENT.items():
        setattr(extracts, name, pd.DataFrame(columns=columns))
    lose_rows(extracts, children, seed)
    trial = build_trial(extracts, refresh_of(imputations=2))
    tables = {
        **side_tables._arrived(extracts, trial),
        **side_tables._outcomes(extracts, trial),
        **side_tables._described(trial),
        **side_tables._missing(trial),
        **side_tables._imputed(describe_imputations(draw(trial))),
        "estimates": side_tables.estimate_table(estimates_of(trial)),
    }
    return tables, find_shared_margins(tables, trial)


def lose_rows(extracts: Any, children: int, seed: int) -> None:
    """Set rows aside of some children, under three rules, and lose sight of others."""
    draw = np.random.default_rng(seed)
    child = draw.permutation(children)[: children // 4]
    file = draw.choice(["plans", "care_episodes", "attendance"], len(child))
    rule = draw.choice(["end before start", "unknown code", "missing value"], len(child))
    none = {"kind": None, "first": pd.NaT, "last": pd.NaT}
    extracts.lost = pd.DataFrame({"child": child, "file": file, "rule": rule, **none})
    gone = draw.permutation(children)[: children // 20]
    extracts.unknown = pd.DataFrame({"child": gone, "after": pd.Timestamp("2021-03-31")})


def estimates_of(trial: Trial) -> pd.DataFrame:
    """Return the counts of the analyses that add up: by outcome, and without each LA."""
    outcomes = trial.outcomes | trial.variants
    rows = []
    for name in ("P1", *(f"leave-out-{la}" for la in LAS), "S1", "S2", "S4", "S5", "S4-composite"):
        outcome = name.replace("leave-out-", "P1 ").split()[0]
        frame = outcomes[outcome]
        used = frame[frame["state"] == "analysed"]
        used = used[trial.cohort["la"].loc[used["child"]].to_numpy() != name[len("leave-out-") :]]
        rows.append((name, outcome, len(used), len(used), int(used["value"].sum())))
    return pd.DataFrame(rows, columns=["analysis", "outcome", "children", "n", "events"])


class Counts:
    """Every count by name, exactly, and which of them are shown."""

    def __init__(self, tables: dict[str, CountTable], shown: dict[str, pd.DataFrame]) -> None:
        self.value: Sum = {}
        self.persons: Sum = {}
        self.masked: set[Name] = set()
        for table, keys in KEYS.items():
            frame = tables[table].frame
            names = [tuple(map(str, key)) for key in frame[keys].itertuples(index=False)]
            for column in tables[table].counts:
                behind = tables[table].persons.get(column, column)
                for place, name in enumerate(names):
                    if not pd.isna(number := frame[column].iloc[place]):
                        cell = (table, *name, column)
                        self.value[cell] = float(number)
                        self.persons[cell] = float(frame[behind].iloc[place])
                        if shown[table][f"{column}_masked"].iloc[place]:
                            self.masked.add(cell)

    def like(self, *pattern: str | None) -> list[Name]:
        """Names that fit: None stands for anything but a total."""
        return [
            name
            for name in self.value
            if len(name) == len(pattern)
            and all(
                part == wanted if wanted else part != "all"
                for part, wanted in zip(name, pattern, strict=True)
            )
        ]

    def equal(self, left: Sequence[Name], right: Sequence[Name], times: float = 1) -> Iterator[Sum]:
        """Say that one sum of counts is another, and hold the tables to it."""
        if not (set(left) | set(right)) <= set(self.value) or not left or not right:
            return
        one, other = (sum(self.value[name] for name in names) for names in (left, right))
        assert one * times == other, (left[0], right[0], one, other)
        yield dict.fromkeys(left, times) | dict.fromkeys(right, -1.0)


def adding_up(facts: Counts) -> Iterator[Sum]:
    """Yield how the tables add up."""
    equal, like = facts.equal, facts.like
    for outcome, condition in product(protocol.OUTCOMES, CONDITIONS):
        for column in (*STATES, "events"):
            every = [("crude", outcome, "all", condition, column)]
            yield from equal(every, like("crude", outcome, None, condition, column))
        reasons = like("missing_outcomes", outcome, None, condition, "n")
        yield from equal([("crude", outcome, "all", condition, "missing")], reasons)
        observed = [("crude", outcome, "all", condition, state) for state in ("n", "missing")]
        open_still = [("crude", outcome, "all", condition, "not_observable")]
        calendar = ("calendar", outcome, condition)
        yield from equal([(*calendar, "observed")], observed)
        yield from equal([(*calendar, "n")], [*observed, *open_still])
        for la in LAS:
            for column in ("n", "events"):
                place = ("outcome_periods", outcome, la, None, condition, column)
                yield from equal([("crude", outcome, la, condition, column)], like(*place))
    yield from flow(facts)
    yield from covariates(facts)
    yield from entries(facts)
    for cell in like("periods", None, None, None, None):
        yield from equal([cell], [("outcome_periods", "P1", *cell[1:])])
    for condition in CONDITIONS:
        classes = like("s3_distribution", condition, None, None, "n")
        yield from equal([("crude", "S3", "all", condition, "n")], classes)
        for term in ("1", "2", "3"):
            every = [("s6_terms", term, "all", condition, "n")]
            yield from equal(every, like("s6_terms", term, None, condition, "n"))
        for la in LAS:
            terms = like("s6_terms", None, la, condition, "n")
            yield from equal([("crude", "S6", la, condition, "n")], terms)
    for cell in like("stayed_open", None, None, "referrals"):
        months = pd.period_range("2019-10", periods=36, freq="M")[6 * int(cell[2]) :][:6]
        parts = [("volume", cell[1], f"{month}-01 00:00:00", "referrals") for month in months]
        yield from equal([cell], parts)


def entries(facts: Counts) -> Iterator[Sum]:
    """Yield what ties the placements to who became looked after, and both to the estimates."""
    equal, like = facts.equal, facts.like
    for condition, la in product(CONDITIONS, ("all", *LAS)):
        # Those who became looked after are the sample of S4, but for those of whom a row was set
        # aside: of these P1 is missing too.
        unplaced = ("missing_outcomes", "S4", "no placement", condition, "n")
        only = like("missing_outcomes", "S4", None, condition, "n") in ([], [unplaced])
        missing = unplaced if la == "all" else ("crude", "S4", la, condition, "missing")
        if only or la == "all":
            sample = [("crude", "S4", la, condition, "n"), missing]
            yield from equal([("crude", "P1", la, condition, "events")], sample)
    for outcome, column in product(("P1", "S1", "S2", "S4", "S5"), ("n", "events")):
        every = [("crude", outcome, "all", condition, column) for condition in CONDITIONS]
        yield from equal([("estimates", outcome, column)], every)
    yield from equal([("estimates", "S4-composite", "events")], [("estimates", "S4", "events")])
    for la, column in product(LAS, ("n", "events")):
        of_la = like("crude", "P1", la, None, column)
        without = ("estimates", f"leave-out-{la}", column)
        yield from equal([("estimates", "P1", column)], [without, *of_la])


def flow(facts: Counts) -> Iterator[Sum]:
    boxes = ("no_referral", "outside_trial_period", "unborn", "not_aged_0_to_17",
             "no_further_action", "cohort")  # fmt: skip
    for la in LAS:

        def step(name: str, la: str = la) -> Name:
            return ("flow", la, name, "n")

        yield from facts.equal([step("children")], [step(name) for name in boxes])
        yield from facts.equal([step("cohort")], [step(name) for name in CONDITIONS])
        for outcome in protocol.OUTCOMES:
            parts = [cell for cell in facts.like("flow", la, None, "n")
                     if cell[2].startswith(outcome)]  # fmt: skip
            yield from facts.equal([step("cohort")], parts, 3 if outcome == "S6" else 1)
            for state, name in zip(STATES, ("analysed", *STATES[1:]), strict=True):
                cells = [("crude", outcome, la, condition, state) for condition in CONDITIONS]
                yield from facts.equal([step(f"{outcome}_{name}")], cells)
        for condition, outcome in product(CONDITIONS, ("P1", "S1", "S2", "S3")):
            states = [("crude", outcome, la, condition, state) for state in STATES]
            yield from facts.equal([step(condition)], states)
        for condition in CONDITIONS:
            yield from facts.equal([step(condition)], [("missingness", "sex", la, condition, "n")])
        for characteristic in ("age", "sex", "primary_need"):
            levels = facts.like("profiles", characteristic, la, None, "n")
            yield from facts.equal([step("cohort")], levels)


def covariates(facts: Counts) -> Iterator[Sum]:
    equal, like = facts.equal, facts.like
    for name in {cell[1] for cell in facts.value if cell[0] == "missingness"}:
        for column in ("n", "missing"):
            for la in LAS:
                row = ("missingness", name, la)
                yield from equal([(*row, "all", column)], like(*row, None, column))
            for condition in (*CONDITIONS, "all"):
                every = ("missingness", name, "all", condition, column)
                yield from equal([every], like("missingness", name, None, condition, column))
            for la, condition in product(LAS, CONDITIONS):
                periods = like("missingness_periods", name, la, None, condition, column)
                yield from equal([("missingness", name, la, condition, column)], periods)
        total = ("missingness", name, "all", "all")
        yield from equal([("imputation", name, "missing")], [(*total, "missing")])
        for condition in CONDITIONS:
            known = sorted(
                {
                    cell
                    for cell in facts.value
                    if cell[:2] == ("balance", name) and cell[-1] == f"n_{condition}"
                }
            )
            levels = [
                cell
                for cell in facts.value
                if cell[:2] == ("balance", name) and cell[-1] == f"count_{condition}"
            ]
            if levels:
                yield from equal([known[0]], levels)
            for cell in known[1:]:
                yield from equal([cell], [known[0]])
            if name != "fsm" and known:
                place = ("missingness", name, "all", condition)
                yield from equal([(*place, "n")], [known[0], (*place, "missing")])
        for level in {cell[2] for cell in facts.value if cell[:2] == ("balance", name)}:
            both = [("balance", name, level, f"count_{condition}") for condition in CONDITIONS]
            yield from equal(both, like("profiles", name, None, level, "n"))
            yield from equal(both, [("imputed_shares", name, level, "observed_count")])


def given_away(facts: Counts, sums: list[Sum], wanted: list[Sum]) -> list[Sum]:
    """Return the sums wanted that what is shown determines."""
    empty = {name for name in facts.value if name not in facts.masked and not facts.value[name]}
    at = {name: place for place, name in enumerate(facts.masked | empty)}

    def rows(of: list[Sum]) -> np.ndarray:
        out = np.zeros((len(of), len(at)))
        for row, one in zip(out, of, strict=True):
            for name, factor in one.items():
                if name in facts.masked:  # what is shown is a number
                    row[at[name]] = factor
        return out

    known = np.unique(rows(sums), axis=0)
    _, size, basis = np.linalg.svd(known, full_matrices=False)
    basis = basis[size > 1e-9 * size[0]]
    left = rows(wanted)
    gap = np.abs(left - left @ basis.T @ basis).max(axis=1)
    return [one for one, rest in zip(wanted, gap, strict=True) if rest < 1e-8]


def small(facts: Counts) -> list[Sum]:
    """Masked counts of few persons, and events that leave few without one."""
    out: list[Sum] = [{name: 1.0} for name in facts.masked if 0 < facts.persons[name] < 10]
    for name in facts.masked:
        whole = (*name[:-1], "n")
        if name[-1] == "events" and 0 < facts.value[whole] - facts.value[name] < 10:
            out.append({whole: 1.0, name: -1.0})
    return out


@pytest.mark.parametrize(
    ("children", "seed"),
    [
        (60, 18),
        (300, 0),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((300, 1), (2500, 4), (2500, 5))),
    ],
)
def test_nothing_masked_can_be_worked_out(children: int, seed: int) -> None:
    tables, shared = exact_tables(seed, children)
    facts = Counts(tables, mask_tables(tables, shared, RULE))
    wanted = small(facts)
    assert len(wanted) > 20
    masked: list[Sum] = [{name: 1.0} for name in facts.masked if facts.value[name]]
    assert given_away(facts, [*adding_up(facts)], [*wanted, *masked]) == []
    # Each table by itself isn't enough: the audit finds what it gives away.
    alone = Counts(tables, {name: mask_table(table, RULE) for name, table in tables.items()})
    assert given_away(alone, [*adding_up(alone)], small(alone))


# Counts that add up to nothing that another count shows.
BY_THEMSELVES = {
    "decisions": "steps of a reconstruction, not children",
    "withdrawn": "one number in all",
    "missing_patterns": "children with every other covariate, whom no other table counts",
}


def test_every_table_of_children_says_what_it_adds_up() -> None:
    # A new table of counts has to say so too: this fails until it does.
    tables, shared = exact_tables(1, 400)
    declared = {(summed.table, summed.count) for system in shared for summed in system.counts}
    counts = {
        (name, count)
        for name, table in tables.items()
        for count in table.counts
        if name not in BY_THEMSELVES
    }
    drawn = {("imputed_shares", "imputed_count"), ("imputation_trace", "imputed")}
    part_by_its_whole = {("stayed_open", "stayed_open")}
    assert counts - declared == drawn | part_by_its_whole


def test_what_is_declared_is_what_the_tables_hold() -> None:
    # A declaration that doesn't add up protects nothing: every row has to be the sum it is said
    # to be. (The builder's extracts say nothing of rows read, which the flow's children are.)
    tables, shared = exact_tables(2, 900)
    for system in shared:
        for summed in system.counts:
            if "file" in summed.levels:
                continue
            frame = tables[summed.table].frame
            rows = frame[summed.count].notna()
            for column, value in summed.where.items():
                rows &= frame[column].map(str).astype(object) == value
            if summed.table == "estimates" and "outcome" in summed.where:
                # These are of every LA; those of all but one have a declaration of their own.
                rows &= ~frame["analysis"].str.startswith("leave-out-")
            places, _ = cells_added(summed, frame, system.cells)
            assert set(np.flatnonzero(rows)) <= set(places), summed
