"""What a chapter does with released results of its own: frames, tables and figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import great_tables as gt
import pandas as pd
import pytest
from lxml import html
from matplotlib import pyplot as plt
from plotnine import aes, geom_col, ggplot, labs, scale_fill_manual, theme_void

from fvlib.errors import Refusal
from fvlib.report import Report
from fvlib.report.bundle import DATES, TEXTS
from fvlib.report.cells import MASKED_TEXT
from fvlib.report.output import Table
from fvlib.report.tables.names import TABLES
from tests.support.report_bundles import CASES, Contents

Open = Callable[..., Report]
# Tables whose figures are numbers, and one of their columns.
NUMBERS = {
    "crude": "mean", "crude_S3": "mean", "periods": "events", "flow": "sefton", "primary": "P1",
    "analyses": "odds_ratio", "secondary": "effect", "exposure_effects": "ratio",
    "missingness": "control", "balance": "adjusted", "la_intercepts": "estimate",
}  # fmt: skip


def cells(table: Table) -> list[list[str]]:
    tree = html.fromstring(table.html)
    return [[cell.text_content().strip() for cell in row] for row in tree.iter("tr")]


@pytest.mark.parametrize("case", ["final", "not yet estimable", "all masked", "no side tables"])
@pytest.mark.parametrize("name", NUMBERS)
def test_figures_of_a_table_are_numbers_whatever_the_results(
    standing: Open, name: str, case: str
) -> None:
    table = standing(case).table(name)
    if NUMBERS[name] in table.gt._tbl_data:  # an empty table of LAs has no columns of LAs
        assert table.gt._tbl_data[NUMBERS[name]].dtype == "float64"
        assert table.edit(lambda gt: gt.fmt_number(NUMBERS[name], decimals=4)).html


def test_a_format_of_ones_own_leaves_masked_numbers_masked(opened: Open) -> None:
    table = opened().table("crude").edit(lambda gt: gt.fmt_percent("mean", decimals=3))
    shares = [row[3] for row in cells(table) if len(row) > 5]
    assert shares.count(MASKED_TEXT) == 2  # Solihull, and the total with it
    assert all(re.fullmatch(r"\d\.\d{3}%", share) for share in shares[1:] if share != MASKED_TEXT)


def test_an_interval_is_written_with_its_estimate(opened: Open) -> None:
    wanted = ["odds_ratio", "odds_ratio_low", "odds_ratio_high"]
    table = opened().table("analyses").edit(lambda gt: gt.fmt_number(wanted, decimals=3))
    told = next(row for row in cells(table) if row[0].startswith("Protocol"))
    assert told[3].replace("\u00a0", " ") == "0.787 (0.659 to 0.938)"


def test_a_column_is_hidden_and_renamed(opened: Open) -> None:
    before, table = opened().table("crude"), None
    table = before.edit(lambda gt: gt.cols_hide("missing").cols_label(n="Children"))
    assert cells(before)[0][1:3] == ["Analysed", "Became looked after"]
    assert cells(table)[0][1:] == ["Children", "Became looked after", "Share", "Window open"]


@pytest.mark.parametrize("case", CASES)
def test_released_tables_are_typed_whatever_they_hold(standing: Open, case: str) -> None:
    report = standing(case)
    for name in report.bundle.names:
        frame = report.data(name)
        for column, kind in frame.dtypes.items():
            if column in DATES:
                assert kind == "datetime64[s]"
            elif column in TEXTS:
                assert kind == "str"
            else:
                assert kind in ("float64", "int64", "bool"), (name, column)
            if f"{column}_masked" in frame:
                assert kind == "float64"
                assert frame.loc[frame[f"{column}_masked"], str(column)].isna().all()


def test_a_released_table_may_be_changed_without_changing_the_report(opened: Open) -> None:
    report = opened()
    frame = report.data("crude")
    frame["n"] = 0.0
    assert report.data("crude")["n"].sum() > 0


def test_an_unknown_released_table_is_told_with_the_nearest(opened: Open) -> None:
    with pytest.raises(Refusal, match=r"no released table 'crud'.*The nearest is 'crude'"):
        opened().data("crud")


def test_an_interim_look_does_not_tell_the_permutation_tests_p(opened: Open) -> None:
    assert len(opened().data("permutation"))
    assert opened(Contents(look="interim"), "interim").data("permutation").empty


def test_a_frame_is_shown_with_its_masked_numbers_as_such(opened: Open) -> None:
    report = opened()
    periods = report.data("periods")
    rows = cells(report.show(periods[periods["la"] == "solihull"]))  # type: ignore[arg-type]
    assert rows[0] == ["la", "period", "condition", "n", "events"]
    assert rows[1][:4] == ["solihull", "0", "control", "1,530"]
    assert rows[-2][4] == MASKED_TEXT  # the period before the note


def test_a_pivoted_frame_shows_its_index_and_all_its_headings(opened: Open) -> None:
    report = opened()
    spread = report.data("crude").pivot_table(index="la", columns=["outcome", "condition"])
    rows = cells(report.show(spread[["mean"]]))  # type: ignore[arg-type]
    assert rows[0][:2] == ["la", "mean P1 control"]
    assert {"coventry", "sefton"} <= {row[0] for row in rows}


def test_an_own_great_table_has_the_reports_look_and_bytes(opened: Open) -> None:
    def draw() -> str:
        return opened_report.show(gt.GT(pd.DataFrame({"a": [1.5]}))).html

    opened_report = opened()
    assert draw() == draw()
    assert "font-family" not in draw()


@pytest.mark.parametrize("make", [gt.GT, lambda frame: frame, lambda f: f.set_index("child_id")])
def test_a_row_for_each_child_is_not_shown(opened: Open, make: Callable[..., Any]) -> None:
    frame = pd.DataFrame({"child_id": ["k1", "k2"], "n": [1, 2]})
    with pytest.raises(Refusal, match="column 'child_id' names a child") as refused:
        opened().show(make(frame))
    assert "k1" not in str(refused.value)


def test_a_frame_as_long_as_a_cohort_is_not_shown(opened: Open) -> None:
    with pytest.raises(Refusal, match="3,000 rows, more than the 500"):
        opened().show(pd.DataFrame({"n": range(3000)}))


def test_what_is_no_display_is_refused_with_what_is(opened: Open) -> None:
    with pytest.raises(Refusal, match="a dict is no display; expected a pandas frame"):
        opened().show({"a": 1})


def test_a_figure_takes_other_colours_and_a_title(opened: Open, recwarn: Any) -> None:
    figure = opened().plot("crude_rate")
    green = figure + scale_fill_manual(values=["#ffffff", "#009e73"]) + labs(title="Mine")
    assert "009e73" in green.svg
    assert "009e73" not in figure.svg
    assert "already present" not in " ".join(str(warning.message) for warning in recwarn)


def test_an_own_plot_has_the_house_theme_unless_it_brings_one(opened: Open) -> None:
    report = opened()
    bars = ggplot(report.data("periods"), aes("la", "n")) + geom_col()
    house = report.theme().themeables["axis_title"].properties["color"]
    shown = [report.show(bars), report.show(bars + report.theme(height=2))]
    assert all(p.plot.theme.themeables["axis_title"].properties["color"] == house for p in shown)
    assert report.show(bars + theme_void()).plot.theme == theme_void()
    assert [p.plot.theme.getp("figure_size")[1] for p in shown] == [3.2, 2]


def test_a_matplotlib_figure_is_shown_once_with_the_same_bytes(opened: Open) -> None:
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    shown = opened().show(axes)
    assert not plt.fignum_exists(figure.number)  # a notebook would show an open one again
    assert shown.svg == opened(None, "again").show(figure).svg


def test_every_table_can_be_edited(standing: Open) -> None:
    for name in TABLES:
        assert standing("final").table(name).edit(lambda gt: gt.tab_source_note("mine")).html
