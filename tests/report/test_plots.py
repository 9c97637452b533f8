from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import pytest

from fvlib.report import Report
from fvlib.report.arrangement import BESIDE, arrange_analyses
from fvlib.report.cells import MASKED_TEXT
from fvlib.report.plots import data as quality_plots
from fvlib.report.plots import forest
from fvlib.report.plots import trial as trial_plots
from fvlib.report.plots.names import PLOTS
from fvlib.report.words import labels as words
from tests.support.report_bundles import Contents, first_slice, fitted, guards

Open = Callable[..., Report]


@pytest.mark.parametrize("name", PLOTS)
def test_the_same_results_give_the_same_bytes(standing: Open, name: str) -> None:
    report = standing("final")
    first = report.plot(name).svg
    assert first == report.plot(name).svg
    assert "<dc:date>" not in first


@pytest.mark.parametrize(
    "case",
    [
        "interim",
        "no side tables",
        pytest.param("not yet estimable", marks=pytest.mark.slow),
        pytest.param("all masked", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", PLOTS)
def test_every_figure_draws_in_every_case(standing: Open, name: str, case: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a printed warning would land in the book
        assert "<svg" in standing(case).plot(name).svg


def test_a_masked_rate_is_no_point_and_no_zero(opened: Open) -> None:
    contents = Contents(masked_cells=(("solihull", 2), ("sefton", 5)))
    shown, hidden = trial_plots.rates(opened(contents).bundle)
    assert list(zip(hidden["la"], hidden["period"], strict=True)) == [
        ("sefton", 5), ("solihull", 2),
    ]  # fmt: skip
    assert (shown["rate"] > 0).all()
    # no line is drawn across the masked period
    assert shown.loc[shown["la"] == "solihull"].groupby("run")["period"].apply(list).tolist() == [
        [0, 1], [3, 4, 5],
    ]  # fmt: skip


def test_the_wedge_shows_a_changed_date_where_it_lies(opened: Open) -> None:
    cells = trial_plots.segments(opened().bundle)
    coventry = cells[(cells["la"] == "coventry") & (cells["period"] == 3)]
    control, treatment = (
        coventry[coventry["condition"] == c].iloc[0] for c in ("control", "treatment")
    )
    # 17 May 2021 is 19 whole months and 16 of May's 31 days after 1 October 2019
    assert control["xmax"] == treatment["xmin"] == pytest.approx(19 + 16 / 31)
    assert (control["xmin"], treatment["xmax"]) == (18, 24)


def cells_of(grid: quality_plots.Grid, label: str) -> list[str]:
    """The texts of a grid's row, from left to right."""
    texts = grid.canvas.texts
    y = next(text["y"] for text in texts if text["label"] == label)
    row = [text for text in texts if text["y"] == y and text["label"] != label]
    return [text["label"] for text in sorted(row, key=lambda text: text["x"])]


def test_masked_cells_of_a_grid_carry_the_mark(opened: Open) -> None:
    bundle = opened().bundle
    missing = cells_of(quality_plots.missingness_grid(bundle), "Unaccompanied asylum seeker")
    assert missing == [MASKED_TEXT] * 5 + ["0.1"]
    aside = quality_plots.set_aside_grid(bundle)
    assert cells_of(aside, "Same key, different rows") == [
        "\u2013",
        MASKED_TEXT,
        "\u2013",
        "\u2013",
        "\u2013",
    ]
    assert cells_of(aside, "Ends before it starts") == ["45", "\u2013", "60", "\u2013", "\u2013"]


def test_only_cells_over_the_limit_are_outlined(opened: Open) -> None:
    boxes = quality_plots.missingness_grid(opened().bundle).canvas.boxes
    assert sum(box["color"] != box["fill"] for box in boxes) == 3  # 30.8, 37.4 and 100.0


def test_a_label_too_long_for_its_column_is_shortened(opened: Open) -> None:
    long = "a very long name for an analysis that nobody has a label for yet"
    rows = first_slice() + fitted("new", -0.1, 0.1)
    bundle = opened(Contents(rows=rows, manifest={"plan": [{"id": "new", "changes": long}]})).bundle
    labels = [text["label"] for text in forest.laid_out(bundle)[0].texts]
    assert "A very long name for an analysis\u2026" in labels
    assert all(len(label) <= forest.LONGEST for label in words.ANALYSES.values())


def test_a_new_analysis_joins_the_forest(opened: Open) -> None:
    rows = first_slice() + guards() + fitted("girls-only", -0.1, 0.1, role="exploratory")
    groups = {g.heading: g.analyses for g in arrange_analyses(opened(Contents(rows=rows)).bundle)}
    assert groups[BESIDE] == ("la-period", "X4-P1")
    assert groups["Exploratory analyses (protocol)"] == ("girls-only",)


def test_the_forests_axis_holds_both_marks_of_the_mdes(opened: Open) -> None:
    panel = forest.PANELS[1]
    low, high = forest.limits([(-0.001, -0.002, 0.0)], panel, (-0.001, -0.002, 0.0))
    assert low < -0.007 < 0.007 < high
    assert panel.marks == (-0.007, 0.007)


def test_a_wild_interval_does_not_squeeze_the_others() -> None:
    panel = forest.PANELS[0]
    primary = (-0.24, -0.42, -0.06)
    low, high = forest.limits([primary, (2.0, -9.0, 13.0)], panel, primary)
    assert low > -2
    assert high < 2
    inside = forest.limits([primary, (-0.3, -0.5, -0.1)], panel, primary)
    assert inside[0] < -0.5  # an ordinary one is shown whole


def test_the_axis_of_ratios_is_marked_at_one_and_at_round_values() -> None:
    values = forest.ticks(math.log(0.55), math.log(1.2), forest.PANELS[0])
    assert 1 in values
    assert all(0.55 <= v <= 1.2 for v in values)
    points = forest.ticks(-0.021, 0.008, forest.PANELS[1])
    assert points == pytest.approx([-0.02, -0.01, 0.0])
