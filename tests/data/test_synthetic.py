"""The simulator: its truth against slow derivations, its sizes, its refusals, its bytes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from fvlib import protocol
from fvlib.data.synthetic import simulate
from fvlib.data.synthetic_calendar import TERM_NAMES, day_number, school_terms
from fvlib.data.synthetic_extract import Register
from fvlib.data.synthetic_outcomes import (DEFAULT_THROUGH, in_reunification_sample)
from fvlib.data.synthetic_world import draw_world
from tests.data.slow_outcomes import Authority

LIVE = {la.key: la.operationally_live for la in protocol.LOCAL_AUTHORITIES}


def drawn_outcomes(world, children):
    """child position -> the outcomes drawn, those that exist for it."""
    drawn = world.drawn
    reunifiable = in_reunification_sample(world.index, drawn)
    terms = school_terms(DEFAULT_THROUGH)
    absence = world.planned_absence
    rates = {child: [] for child in range(children)}
    for child, term, possible, unauthorised in zip(
        absence.child, absence.term, absence.possible, absence.unauthorised, strict=True
    ):
        if possible:
            key = (int(terms.academic_year[term]), TERM_NAMES[terms.name[term]])
            rates[int(child)].append((*key, 100 * unauthorised / possible))
    found = {}
    for child in range(children):
        values = {name: getattr(drawn, name)[child] for name in ("P1", "S1", "S2", "S3")}
        if drawn.P1[child]:
            values["S4"] = drawn.S4[child]
        if reunifiable[child]:
            values["S5"] = drawn.S5[child]
        found[child] = values | {"S6": rates[child]}
    return found


@pytest.mark.parametrize(
    ("seed", "through", "children"),
    [(1, DEFAULT_THROUGH, 3000), (2, DEFAULT_THROUGH, 3000), (3, date(2023, 6, 30), 2000)],
)
def test_outcomes_derived_from_the_files_are_those_drawn(tmp_path, seed, through, children):
    # sigma = 1.6 drives some LAs' risks so far apart that every layout occurs
    folder = simulate(
        "s", tmp_path, children=children, seed=seed, sigma=1.6, dirt="none", through=through
    )
    world = draw_world(children, seed, -0.30, 1.6, LIVE)
    expected = drawn_outcomes(world, children)
    child_ids = Register(world.index.la, world.index.day, np.ones(children, dtype=bool)).child_id.to_pylist()
    authorities = [Authority(folder / la, through) for la in protocol.LA_KEYS]
    terms = school_terms(through)
    ended = {
        (int(year), TERM_NAMES[name])
        for year, name in zip(terms.academic_year, terms.name, strict=True)
    }
    compared = dict.fromkeys(protocol.OUTCOMES, 0)
    for child, child_id in enumerate(child_ids):
        if world.index.day[child] > day_number(through):
            continue
        authority = authorities[world.index.la[child]]
        assert day_number(authority.index_referral(child_id)) == world.index.day[child]
        derived = authority.outcomes(child_id)
        for outcome, value in derived.items():
            if outcome == "S6":
                assert value == [rate for rate in expected[child]["S6"] if rate[:2] in ended]
            else:
                assert value == expected[child][outcome], (outcome, child)
            compared[outcome] += 1
        if through == DEFAULT_THROUGH:
            assert set(derived) == set(expected[child])
    smallest = {"P1": 900, "S1": 900, "S2": 900, "S3": 900, "S4": 20, "S5": 20, "S6": 900}
    if through == DEFAULT_THROUGH:
        assert all(compared[outcome] >= smallest[outcome] for outcome in smallest)
