"""The simulator plants every child's outcomes, writes files, and the trial finds them again.

The simulator's authors read the analysis plan on their own, so this is an outside check of each
outcome's window, sample and boundary, and of the loader between the two.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fvlib import protocol
from fvlib.intake import load_extracts
from fvlib.refresh import load_refresh
from fvlib.synthetic.calendar import school_terms
from fvlib.synthetic.outcomes import (
    DEFAULT_EFFECT,
    DEFAULT_SIGMA,
    DEFAULT_THROUGH,
    years_since,
)
from fvlib.synthetic.simulate import simulate
from fvlib.synthetic.world import World, draw_world, register_of
from fvlib.trial import Trial, build_trial
from tests.support.simulated_frames import in_reunification_sample

CHILDREN = 4000
SEED = 11
THROUGH = {"final": DEFAULT_THROUGH, "interim": date(2022, 12, 31)}


@pytest.fixture(scope="module")
def world() -> World:
    live = {la.key: la.operationally_live for la in protocol.LOCAL_AUTHORITIES}
    return draw_world(CHILDREN, SEED, DEFAULT_EFFECT, DEFAULT_SIGMA, live)


@pytest.fixture(scope="module", params=THROUGH)
def seen(request: Any, world: World, tmp_path_factory: Any) -> tuple[Trial, pd.Series, date]:
    """The trial built from files, and which drawn child each of its children is."""
    root: Path = tmp_path_factory.mktemp(request.param)
    through = THROUGH[request.param]
    simulate("tidy", root, children=CHILDREN, seed=SEED, dirt="none", through=through)
    refresh = load_refresh("tidy", root)
    extracts = load_extracts(refresh, root)
    ids = pd.Index(register_of(world, through).child_id.to_pylist())
    drawn = pd.Series(ids.get_indexer(pd.Index(extracts.children["child_id"].astype(object))))
    return build_trial(extracts, refresh), drawn, through


def of_outcome(seen: tuple[Trial, pd.Series, date], outcome: str) -> pd.DataFrame:
    """Analysed rows of an outcome with the drawn child's position."""
    trial, drawn, _ = seen
    frame = trial.outcomes[outcome]
    frame = frame[frame["state"] == "analysed"]
    return frame.assign(drawn=drawn.loc[frame["child"]].to_numpy())


def test_the_cohort_is_the_drawn_one(seen: Any, world: World) -> None:
    trial, drawn, through = seen
    members = drawn.loc[trial.cohort.index].to_numpy()
    expected = np.flatnonzero(register_of(world, through).present[:CHILDREN])
    assert sorted(members) == expected.tolist()
    assert (trial.cohort["la"].cat.codes.to_numpy() == world.index.la[members]).all()
    assert (trial.cohort["period"].to_numpy() == world.index.period[members]).all()
    assert (trial.cohort["treated"].to_numpy() == world.index.treated[members]).all()
    referral = trial.cohort["referral_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    assert (referral == world.index.day[members]).all()


@pytest.mark.parametrize(
    ("outcome", "window"), [("P1", "18"), ("S1", "36"), ("S2", "12"), ("S3", "18")]
)
def test_outcomes_of_the_whole_cohort(seen: Any, world: World, outcome: str, window: str) -> None:
    trial, drawn, through = seen
    rows = of_outcome(seen, outcome)
    assert (rows["value"] == getattr(world.drawn, outcome)[rows["drawn"]].astype(float)).all()
    last = np.datetime64(through).astype("datetime64[D]").astype(np.int64)
    closed = getattr(world.drawn, f"window_{window}")[drawn.loc[trial.cohort.index]] <= last
    assert len(rows) == closed.sum() > 0


def test_kinship_among_those_who_entered_care(seen: Any, world: World) -> None:
    rows = of_outcome(seen, "S4")
    entrants = of_outcome(seen, "P1").query("value == 1")
    assert set(rows["child"]) == set(entrants["child"])
    assert (rows["value"] == world.drawn.S4[rows["drawn"]]).all()


def test_reunification_among_those_who_entered_care(seen: Any, world: World) -> None:
    through = seen[2]
    rows = of_outcome(seen, "S5")
    assert (rows["value"] == world.drawn.S5[rows["drawn"]]).all()
    if through == DEFAULT_THROUGH:
        assert (
            sorted(rows["drawn"])
            == np.flatnonzero(in_reunification_sample(world.index, world.drawn)).tolist()
        )


def test_absence_in_the_first_three_open_terms(seen: Any, world: World) -> None:
    through = seen[2]
    terms = school_terms(through)
    absence = world.planned_absence
    kept = (absence.term < len(terms.name)) & (absence.possible > 0)
    child, term = absence.child[kept], absence.term[kept]
    expected = pd.DataFrame(
        {
            "drawn": child,
            "term_year": terms.academic_year[term],
            "term": terms.name[term],
            "value": 100 * absence.unauthorised[kept] / absence.possible[kept],
            "time_since_referral": years_since(world.index.day[child], terms, term),
        }
    )
    rows = of_outcome(seen, "S6")
    rows = rows.assign(term=rows["term"].cat.codes)
    order = ["drawn", "term_year", "term"]
    pd.testing.assert_frame_equal(
        rows[list(expected)].sort_values(order).reset_index(drop=True),
        expected.sort_values(order).reset_index(drop=True),
        check_dtype=False,
    )
