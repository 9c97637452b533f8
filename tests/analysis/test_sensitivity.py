"""Sensitivity rows against loops, closed forms and other packages; derived rows by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import chi2, norm, triang, uniform

from fvlib import protocol
from fvlib.analysis.analyse import analyse, derive, design_of, sample_rows
from fvlib.analysis.derived import tipping_point
from fvlib.analysis.design import Terms, collapse_alike_rows
from fvlib.analysis.effects import constancy
from fvlib.analysis.fit import FitFailed
from fvlib.analysis.imputations import find_riskier_levels, shifted_odds
from fvlib.analysis.permutation import _coefficients
from fvlib.analysis.plan import COMPLETE_CASES, DERIVED, PLAN
from fvlib.analysis.shares_and_days import _expected_days
from fvlib.models.mixed import ScoreTest, fit_linear, fit_logistic, score_test
from fvlib.models.wedge.resample import wild_score_bootstrap
from fvlib.refresh import Cost, DiD, Disclosure
from fvlib.trial.exposure import DatesNeeded, care_entry, care_entry_joined
from tests.support.toy_trial import STARTS, toy_trial

ROWS = {row.id: row for row in PLAN}
BARE = Terms((), ())


def bare(name: str) -> Any:
    return replace(ROWS[name], terms=BARE, imputed=COMPLETE_CASES)


def by_term(name: str, trial: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r["term"], r["scale"]): r for r in analyse(bare(name), trial).rows}


def test_every_id_of_the_plan_is_there() -> None:
    ids = {row.id for row in PLAN} | {row.id for row in DERIVED}
    wanted = {"P1", "X1", "X2", "X3-S4", "X3-S5", "X5", "X6", "X7", "X8", "X9", "X10", "X11"}
    wanted |= {"X12", "X13", "X14", *(f"X4-{o}" for o in protocol.OUTCOMES)}
    assert wanted <= ids


def test_dates_needed_is_not_yet_estimable_with_its_reason(trial: Any) -> None:
    def undated(trial: Any) -> Any:
        raise DatesNeeded("dates_needed:fgc_started")

    row = analyse(replace(bare("X6"), exposure=undated), trial).rows[0]
    assert (row["status"], row["reason"]) == ("not_yet_estimable", "dates_needed:fgc_started")


def moved_dates(children: int) -> pd.DataFrame:
    """Rows referred on any day, in LAs whose live dates are 45 days into their period."""
    trial = toy_trial(children, seed=9)
    cohort, days = trial.cohort, np.random.default_rng(9).integers(0, 180, children)
    cohort["referral_date"] = cohort["referral_date"].to_numpy() + days.astype("timedelta64[D]")
    cohort["live_date"] = cohort["live_date"].to_numpy() + np.timedelta64(45, "D")
    since = (cohort["referral_date"] - cohort["live_date"]).dt.days
    cohort["treated"] = (since >= 0).astype(np.int64)
    cohort["exposure_time"] = np.maximum(since // 182, -1)
    return sample_rows(bare("P1"), trial)


@pytest.mark.parametrize("name", ["P1", "X4-P1", "X5", "X11", "X13", "la-period"])
def test_rows_that_are_alike_stand_as_one(name: str) -> None:
    # Told apart by what the method reads, counts say what the children said one by one.
    rows, terms, method = moved_dates(4000), Terms(("sex", "age_band"), ()), ROWS[name].method
    joined = design_of(rows, terms, method.apart(rows))
    assert len(joined.y) < len(rows) / 4
    assert (joined.y.sum(), joined.trials.sum()) == (rows["value"].sum(), len(rows))
    by_row = method.combine([method.fit(design_of(rows, terms))])
    by_count = method.combine([method.fit(joined)])
    for one, other in zip(by_row.rows, by_count.rows, strict=True):
        assert one.keys() == other.keys()
        numbers = [k for k in one if isinstance(one[k], float)]
        assert [other[k] for k in numbers] == pytest.approx(
            [one[k] for k in numbers], rel=1e-6, abs=1e-9, nan_ok=True
        )
    if name == "X5":
        tables = [told.tables["exposure_weights"]["weight"] for told in (by_row, by_count)]
        np.testing.assert_allclose(*tables, atol=1e-9)


def test_what_more_data_would_tell_is_not_yet_estimable() -> None:
    # Periods 0 and 1 of a trial in which the first LA alone has gone live.
    trial = toy_trial(3000, seed=3)
    early = trial.cohort["period"].to_numpy() < 2
    trial.outcomes["P1"] = trial.outcomes["P1"][early]
    told = {name: analyse(bare(name), trial).rows[0] for name in ("P1", "X5", "X13", "la-period")}
    assert {name: row["status"] for name, row in told.items()} == {
        "P1": "estimated",
        "X5": "not_yet_estimable",
        "X13": "not_yet_estimable",
        "la-period": "estimated",
    }
    assert told["X5"]["reason"] == "one_exposure_period"
    assert told["X13"]["reason"] == "stratum_not_live:low"
    # Two LAs in two periods: four cells, and none is left for a t.
    trial.outcomes["P1"] = trial.outcomes["P1"][trial.cohort["la"].cat.codes[early] < 2]
    row = analyse(bare("la-period"), trial).rows[0]
    assert (row["status"], row["reason"]) == (
        "not_yet_estimable",
        "few_cells",
    )


def test_kinds_are_counted_when_their_combinations_pass_the_largest_integer() -> None:
    # 12 columns of 1,000 values: 10^36 combinations. Twins differ in the last column alone.
    wide = pd.DataFrame({f"c{k}": np.arange(1000.0) + k for k in range(12)})
    rows = pd.concat([wide, wide, wide.assign(c11=-1.0)], ignore_index=True)
    rows = rows.assign(la=pd.Categorical(["sefton"] * 3000), period=0, treated=0, value=1.0)
    terms = Terms((), (), tuple(wide.columns))
    first, sums, counts = collapse_alike_rows(rows, terms, ())
    assert first.index.tolist() == [*range(1000), *range(2000, 3000)]
    assert sums.tolist() == counts.tolist() == [2.0] * 1000 + [1.0] * 1000


def test_permutation_scores_rank_like_refits_of_every_order() -> None:
    # Brute force: refit the model with each of the 12 orders' treatments and take Wald's z.
    trial = toy_trial(2500, seed=6)
    draws = analyse(bare("X4-P1"), trial).tables["permutation"]
    twelve = draws[draws["scheme"] == "12"]
    assert (len(twelve), (draws["scheme"] == "120").sum()) == (12, 120)
    cohort = trial.cohort
    la, period = cohort["la"].cat.codes.to_numpy(), cohort["period"].to_numpy()
    indicators = [(period == t).astype(float) for t in range(1, 6)]
    y = trial.outcomes["P1"]["value"].to_numpy()
    z = []
    for order in twelve["order"]:
        treated = treated_under(cohort, order)
        X = np.column_stack([np.ones(len(y)), treated, *indicators])
        fit = fit_logistic(y, X, la)
        z.append(fit.coefficients[1] / fit.std_errors[1])
    assert np.corrcoef(z, twelve["statistic"])[0, 1] > 0.999
    mine = by_term("X4-P1", trial)["treatment", "p_only"]["p_value"]
    assert mine == np.mean(np.abs(z) >= abs(z[0]) * (1 - 1e-9))
    # The row's own refits, warm-started one from the other, are these.
    assert twelve["refitted"].to_numpy() == pytest.approx(z, abs=1e-5)
    again = by_term("X4-P1", trial)["treatment_refitted", "p_only"]
    assert again["p_value"] == pytest.approx(np.mean(np.abs(z) >= abs(z[0]) - 1e-9))


def test_no_order_drops_out_where_the_information_is_not_positive() -> None:
    # By hand: scores over roots of 4 and 9; of 16 and 25 for all once one of the first is lost.
    def scored(information: list[float]) -> ScoreTest:
        blank: Any = np.empty((0, 2))
        no_fit: Any = None
        held = np.array([16.0, 25.0])
        return ScoreTest(no_fit, np.array([2.0, -3.0]), np.array(information), blank, held, blank)

    assert scored([4.0, 9.0]).alike.tolist() == [1.0, -1.0]
    assert scored([4.0, 0.0]).alike.tolist() == [0.5, -0.6]


def test_an_order_that_can_t_be_scored_leaves_no_p() -> None:
    fit = ROWS["X4-P1"].method.fit
    trial = toy_trial(1500, seed=2)
    rows = sample_rows(bare("X4-P1"), trial)
    design = design_of(rows, BARE)
    told = fit(design)
    las, slots, statistics, *rest = told.draws
    statistics = statistics.copy()
    statistics[5] = np.nan
    with pytest.raises(FitFailed, match=r"^orders_lost:1\|120$"):
        ROWS["X4-P1"].method.combine([replace(told, draws=(las, slots, statistics, *rest))])


def treated_under(cohort: pd.DataFrame, order: str) -> np.ndarray:
    """Treatment if the LAs had gone live in this order, from the dates themselves."""
    slot = {key: place for place, key in enumerate(order.split(" > "))}
    live = STARTS[[slot[key] + 1 for key in protocol.LA_KEYS]]
    la = cohort["la"].cat.codes.to_numpy()
    return (cohort["referral_date"].to_numpy() >= live[la]).astype(float)


def test_permutation_of_a_linear_outcome_ranks_like_refits_of_every_order() -> None:
    trial = days_trial(12.0)
    # LAs far apart, so that their variance hardly depends on the order it is estimated beside.
    apart = np.array([0.0, 40.0, 90.0, 25.0, 60.0])[trial.cohort["la"].cat.codes]
    trial.outcomes["S3"]["value"] += apart
    draws = analyse(bare("X4-S3"), trial).tables["permutation"]
    twelve = draws[draws["scheme"] == "12"]
    design = design_of(sample_rows(bare("X4-S3"), trial), BARE)
    z = []
    for order in twelve["order"]:
        X = design.X.copy()
        X[:, 1] = treated_under(trial.cohort, order)
        fit = fit_linear(design.y, X, design.la)
        z.append(fit.coefficients[1] / fit.std_errors[1])
    assert np.corrcoef(z, twelve["statistic"])[0, 1] > 0.999
    mine = by_term("X4-S3", trial)["treatment", "p_only"]["p_value"]
    assert mine == np.mean(np.abs(z) >= abs(z[0]) * (1 - 1e-9))


def test_the_permutation_interval_ends_where_rescored_orders_reject(trial: Any) -> None:
    # Null models fitted again beside the limits themselves; the row interpolates.
    result = analyse(bare("X4-P1"), trial)
    (row,) = [r for r in result.rows if r["term"] == "interval_12"]
    draws = result.tables["permutation"]
    orders = draws.loc[draws["scheme"] == "12", "order"]
    design = design_of(sample_rows(bare("X4-P1"), trial), BARE)
    candidates = np.column_stack([treated_under(trial.cohort, order) for order in orders])
    null = np.delete(design.X, 1, axis=1)

    def p_at(effect: float) -> float:
        held = effect * design.X[:, 1]
        scored = score_test(design.y, null, candidates, design.la, offset=held).alike
        return float(np.mean(np.abs(scored) >= abs(scored[0]) * (1 - 1e-9)))

    for end, outwards in ((row["ci_low"], -0.02), (row["ci_high"], 0.02)):
        assert p_at(end - outwards) > 1 / 12 + 1e-6
        assert p_at(end + outwards) == pytest.approx(1 / 12)


def test_x5_averages_its_own_curve_and_weights_sum_to_one(trial: Any) -> None:
    result = analyse(bare("X5"), trial)
    rows = {r["term"]: r for r in result.rows if r["scale"] == "log_odds"}
    mean = np.mean([rows[f"m{m}"]["estimate"] for m in range(5)])
    assert rows["time_averaged"]["estimate"] == pytest.approx(mean)
    assert rows["long_term"]["estimate"] == rows["m4"]["estimate"]
    assert result.tables["exposure_weights"]["weight"].sum() == pytest.approx(1.0, abs=3e-4)


def test_constancy_is_the_wald_statistic_in_closed_form() -> None:
    # Two independent effects: (a - b)^2 / (v + w) on one degree of freedom.
    statistic, df = constancy(np.array([[0.5, -0.1]]), np.diag([0.04, 0.05]))
    assert (statistic, df) == pytest.approx((0.36 / 0.09, 1.0))
    assert chi2.sf(statistic, df) == pytest.approx(0.0455, abs=1e-4)


def test_readiness_gives_both_groups_and_no_p(trial: Any) -> None:
    rows = by_term("X13", trial)
    high, low = (rows[f"treatment_{g}", "log_odds"]["estimate"] for g in ("high", "low"))
    assert rows["interaction", "log_odds"]["estimate"] == pytest.approx(high - low)
    assert all(np.isnan(r.get("p_value", np.nan)) for r in rows.values())


def test_within_period_is_a_loop_over_periods() -> None:
    means = np.random.default_rng(1).random((5, 6))
    treated = np.arange(6)[None, :] > np.arange(5)[:, None]
    total = weight = 0.0
    for t in range(6):
        on, off = means[treated[:, t], t], means[~treated[:, t], t]
        if len(on) and len(off):
            w = 1 / (1 / len(on) + 1 / len(off))
            total, weight = total + w * (on.mean() - off.mean()), weight + w
    assert (_coefficients(treated) * means).sum() == pytest.approx(total / weight)


def derived(name: str, refresh: Any, results: Any, trial: Any = None) -> Any:
    row = next(row for row in DERIVED if row.id == name)
    named: Any = {need: SimpleNamespace(rows=results) for need in row.needs}
    world: Any = trial or SimpleNamespace()
    world.refresh = refresh
    return derive(row, named, world)


P1 = [
    {"analysis": "P1", "term": "treatment", "scale": "log_odds", "estimate": -0.3, "std_error": 0.1}
]


def did(**changes: Any) -> Any:
    base: dict[str, Any] = {
        "outcome": "P1",
        "months": 18,
        "scale": "log_odds",
        "estimate": -0.2,
        "se": 0.2,
        "did_holds": True,
        "stepped_wedge_holds": True,
    }
    return SimpleNamespace(did=DiD(**(base | changes)))


def test_triangulation_pools_by_inverse_variance_at_correlation_one() -> None:
    row = derived("X12", did(), P1).rows[0]
    # Weights 0.8 and 0.2; at correlation one the SE is the weighted mean of the SEs.
    assert row["estimate"] == pytest.approx(-0.28)
    assert row["std_error"] == pytest.approx(0.8 * 0.1 + 0.2 * 0.2)


def test_triangulation_uses_the_correlation_given() -> None:
    row = derived("X12", did(correlation=0.0), P1).rows[0]
    assert row["std_error"] == pytest.approx(math.sqrt(0.64 * 0.01 + 0.04 * 0.04))


@pytest.mark.parametrize(
    ("changes", "estimate", "decision"),
    [
        ({"did_holds": False}, -0.3, "stepped_wedge"),
        ({"stepped_wedge_holds": False}, -0.2, "did"),
    ],
)
def test_one_set_of_assumptions_decides(changes: Any, estimate: float, decision: str) -> None:
    result = derived("X12", did(**changes), P1)
    assert result.rows[0]["estimate"] == pytest.approx(estimate)
    assert set(result.tables["triangulation"]["decision"]) == {decision}
    assert result.rows[0]["warnings"] == ""


def test_estimates_that_agree_at_no_correlation_only_are_not_pooled() -> None:
    # 0.4 apart: reach at correlation 0 is 0.44, at 0.8 is 0.26.
    result = derived("X12", did(estimate=0.1), P1)
    assert {row["term"] for row in result.rows} == {"stepped_wedge", "did"}
    assert set(result.tables["triangulation"]["decision"]) == {"disagree"}


def test_without_a_correlation_the_pooled_errors_range_from_0_to_1() -> None:
    table = derived("X12", did(), P1).tables["triangulation"].set_index("source")
    pooled = table.loc["pooled"].set_index("correlation")
    assert list(pooled.index) == [0.0, 0.5, 1.0]
    for r, row in pooled.iterrows():
        # Weights 0.8 and 0.2 of standard errors 0.1 and 0.2.
        variance = 0.64 * 0.01 + 0.04 * 0.04 + 2 * r * 0.8 * 0.2 * 0.1 * 0.2
        assert (row["estimate"], row["std_error"]) == pytest.approx((-0.28, math.sqrt(variance)))


@pytest.mark.parametrize(
    ("shape", "law"),
    [
        ("triangular", triang(c=(60 - 40) / (95 - 40), loc=40, scale=55)),
        ("uniform", uniform(40, 55)),
    ],
)
def test_savings_spread_as_the_cost_does_where_the_effect_is_known(shape: Any, law: Any) -> None:
    world = toy_trial(1000)
    effect = {"analysis": "la-period", "term": "among_treated", "scale": "risk_difference"}
    rows = [effect | {"estimate": -0.1, "std_error": 0.0, "df": 19.0}]
    cost = Cost(per_looked_after_child=60, low=40, high=95, distribution=shape)
    refresh = SimpleNamespace(cost=cost, seed=1, disclosure=Disclosure(round_to=1))
    pounds = derived("X14", refresh, rows, world).rows[0]
    children = 0.1 * world.cohort["treated"].sum()
    assert pounds["estimate"] == pytest.approx(children * law.mean())
    # 20,000 draws tell a quantile to about a hundredth of the spread.
    for key, share in (("ci_low", 0.025), ("ci_high", 0.975)):
        assert pounds[key] == pytest.approx(children * law.ppf(share), abs=children * 0.55)
    assert pounds["std_error"] == pytest.approx(children * law.std(), rel=0.02)


def test_savings_need_a_cost_and_multiply_out() -> None:
    world = toy_trial(1000)
    rows = [
        {
            "analysis": "la-period",
            "term": "among_treated",
            "scale": "risk_difference",
            "estimate": -0.01,
            "std_error": 0.002,
            "df": 19.0,
        }
    ]
    told = derived("X14", SimpleNamespace(cost=None), rows, world).rows[0]
    assert (told["status"], told["reason"]) == ("not_yet_estimable", "params_needed:cost")
    cost = Cost(per_looked_after_child=100, low=100, high=100)
    pounds, children = derived(
        "X14", SimpleNamespace(cost=cost, seed=1, disclosure=Disclosure(round_to=5)), rows, world
    ).rows
    treated = 5 * round(world.cohort["treated"].sum() / 5)
    assert children["estimate"] == pytest.approx(0.01 * treated)
    assert pounds["estimate"] == pytest.approx(100 * 0.01 * treated)
    # t with 19 degrees of freedom reaches 2.093 standard errors; 20,000 draws tell it to 3 %.
    half = (children["ci_high"] - children["ci_low"]) / 2
    assert half == pytest.approx(2.093 * 0.002 * treated, rel=0.03)


def curve_of(points: dict[float, tuple[float, float]]) -> Any:
    """Tipping point of estimates and standard errors by what the odds are multiplied by."""
    rows = {
        f"at {k}": [
            {
                "term": "treatment",
                "scale": "log_odds",
                "estimate": estimate,
                "std_error": error,
                "ci_low": estimate - 2 * error,
                "ci_high": estimate + 2 * error,
            }
        ]
        for k, (estimate, error) in points.items()
    }
    world: Any = SimpleNamespace()
    return tipping_point(rows, world, odds={f"at {k}": k for k in points})


def test_the_answer_tips_where_a_limit_crosses_no_effect() -> None:
    # Upper limits -0.1 at odds 1, +0.3 at odds 4: zero at a quarter of the way on the log scale.
    told = curve_of({4.0: (-0.1, 0.2), 0.5: (-0.6, 0.1), 1.0: (-0.3, 0.1)})
    rows = {row["term"]: row for row in told.rows}
    assert rows["tipping"]["estimate"] == pytest.approx(math.log(4.0) / 4)
    assert [rows[end]["estimate"] for end in ("lowest", "highest")] == [-0.6, -0.1]
    assert list(told.tables["tipping_point"]["delta"]) == pytest.approx(np.log([0.5, 1.0, 4.0]))
    assert told.warnings == ("tips:0.5|4",)


def test_an_answer_that_holds_throughout_has_no_tipping_point() -> None:
    told = curve_of({0.5: (-0.3, 0.1), 1.0: (-0.35, 0.1), 2.0: (-0.4, 0.1)})
    assert [row["term"] for row in told.rows] == ["lowest", "highest"]
    assert told.warnings == ("never_tips:0.5|2",)


def test_riskier_levels_are_judged_within_la_and_period() -> None:
    # By hand: need 2 is common where care is common. In LA A 60 of 100 children enter care, need 2
    # has 35 of 70 where 42 are expected; in B 10 of 100, need 2 has 1 of 20 where 2 are.
    counts = [("A", "1", 30, 25), ("A", "2", 70, 35), ("B", "1", 80, 9), ("B", "2", 20, 1)]
    rows = [(la, need, i < events) for la, need, n, events in counts for i in range(n)]
    frame = pd.DataFrame(rows, columns=["la", "primary_need", "value"]).assign(period=0)
    outcome = pd.DataFrame({"child": frame.index, "value": frame["value"] * 1.0})
    world: Any = SimpleNamespace(
        cohort=frame.astype({"primary_need": "category"}).assign(treated=[1] * 100 + [0] * 100),
        outcomes={"P1": outcome.assign(state="analysed")},
    )
    assert frame.groupby("primary_need")["value"].mean()["2"] > frame["value"].mean()
    assert find_riskier_levels(world, "primary_need") == ["1"]
    odds = shifted_odds(world, ["primary_need"], 3.0)["primary_need"]
    assert (list(odds), list(odds["1"])) == (["1"], [3.0] * 100 + [1.0] * 100)


def test_late_entries_to_care_join_the_trial_s_last_period() -> None:
    # Periods of six months from October 2019: 5 until September 2022, 8 from October 2023.
    began = ["2019-10-01", "2022-09-30", "2022-10-01", "2023-10-01"]
    start = pd.Series(np.array(began, dtype="datetime64[s]"))
    world: Any = SimpleNamespace(
        histories=SimpleNamespace(first_care=pd.DataFrame({"start": start})),
        cohort=pd.DataFrame({"live_date": np.full(4, STARTS[1])}),
        refresh=SimpleNamespace(trial_dates=(date(2019, 10, 1), date(2022, 9, 30))),
    )
    assert care_entry(world)["period"].tolist() == [0, 5, 6, 8]
    joined = care_entry_joined(world)
    assert joined["period"].tolist() == [0, 5, 5, 5]
    assert joined["treated"].tolist() == [0, 1, 1, 1]


def days_trial(effect: float) -> Any:
    """Toy trial with half the children at zero days, and an effect on the others' days alone."""
    trial = toy_trial(8000)
    rng = np.random.default_rng(2)
    treated = trial.cohort["treated"].to_numpy()
    some = rng.random(8000) < 0.5
    days = np.where(some, 250 + effect * treated + 40 * rng.standard_normal(8000), 0.0)
    trial.outcomes["S3"] = trial.outcomes["P1"].assign(value=days, censored=days > 330)
    return trial


def test_the_score_bootstrap_s_interval_ends_where_refitted_scores_reject() -> None:
    # Null models fitted again at the limits themselves; the row interpolates between five effects.
    trial = toy_trial(2500, seed=6)
    row = by_term("X11", trial)["treatment", "log_odds"]
    design = design_of(sample_rows(bare("X11"), trial), BARE)
    null = np.delete(design.X, 1, axis=1)

    def p_at(effect: float) -> float:
        held = effect * design.X[:, 1]
        found = score_test(design.y, null, design.X[:, [1]], design.la, offset=held)
        return wild_score_bootstrap(found.group_scores[:, 0])[0]

    for end, outwards in ((row["ci_low"], -0.02), (row["ci_high"], 0.02)):
        assert p_at(end - outwards) > protocol.ALPHA >= p_at(end + outwards)
    assert p_at(row["estimate"]) > 0.9


def test_the_linear_bootstrap_is_least_squares_with_la_indicators() -> None:
    trial = days_trial(30.0)
    row = by_term("X11-S3", trial)["treatment", "mean_difference"]
    frame = trial.cohort.assign(days=trial.outcomes["S3"]["value"].to_numpy())
    theirs = smf.ols("days ~ treated + C(period) + C(la)", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["la"].cat.codes}
    )
    assert row["estimate"] == pytest.approx(theirs.params["treated"], rel=1e-8)
    # With only five clusters the bootstrap reaches further than the normal interval.
    low, high = theirs.conf_int().loc["treated"]
    assert row["ci_high"] - row["ci_low"] > high - low


def test_hurdle_multiplies_its_two_parts() -> None:
    rows = by_term("X7", days_trial(30.0))
    given = rows["days_given_any", "mean_difference"]
    assert given["estimate"] == pytest.approx(30.0, abs=3 * given["std_error"])
    whole = rows["treatment", "mean_difference"]
    # Half the children have any day, so the whole effect is about half of that given any.
    assert whole["estimate"] == pytest.approx(15.0, abs=3 * whole["std_error"])


def test_hurdle_with_equal_days_is_the_logistic_s_marginal_effect() -> None:
    # All on plans for 200 days: the whole effect is 200 times that on the probability of any.
    trial = toy_trial(4000)
    some = trial.outcomes["P1"]["value"] > 0
    rng = np.random.default_rng(3)
    days = np.where(some, 200 + 1e-4 * rng.standard_normal(4000), 0.0)
    trial.outcomes["S3"] = trial.outcomes["P1"].assign(value=days)
    hurdle, logistic = by_term("X7", trial), by_term("P1", trial)
    margin = logistic["treatment", "risk_difference"]
    whole = hurdle["treatment", "mean_difference"]
    assert whole["estimate"] == pytest.approx(200 * margin["estimate"], rel=1e-5)
    assert whole["std_error"] == pytest.approx(200 * margin["std_error"], rel=1e-3)
    for key in ("estimate", "std_error"):
        assert hurdle["any_days", "log_odds"][key] == pytest.approx(
            logistic["treatment", "log_odds"][key], rel=1e-6
        )


def test_hurdle_s_error_has_both_parts() -> None:
    # Days spread widely and alike for all, so that the delta method is a product's: with p the
    # share with any day and D their days, var = D^2 var(p's change) + p^2 var(D's change).
    trial = toy_trial(6000, sigma=0.0, effect=0.0)
    rng = np.random.default_rng(8)
    some = rng.random(6000) < 0.5
    days = np.where(some, rng.exponential(200.0, 6000), 0.0)
    trial.outcomes["S3"] = trial.outcomes["P1"].assign(value=days)
    trial.outcomes["P1"] = trial.outcomes["P1"].assign(value=some.astype(float))
    rows = by_term("X7", trial)
    change = by_term("P1", trial)["treatment", "risk_difference"]["std_error"]
    given = rows["days_given_any", "mean_difference"]["std_error"]
    error = math.hypot(days[some].mean() * change, some.mean() * given)
    # Periods and LAs make days and shares differ by a few hundredths.
    assert rows["treatment", "mean_difference"]["std_error"] == pytest.approx(error, rel=0.03)
    assert error > 1.2 * days[some].mean() * change


def test_hurdle_s_days_given_any_are_the_linear_fit_of_those_with_any() -> None:
    trial = days_trial(30.0)
    design = design_of(sample_rows(bare("X7"), trial), BARE)
    some = design.y > 0
    fit = fit_linear(design.y[some], design.X[some], design.la[some])
    row = by_term("X7", trial)["days_given_any", "mean_difference"]
    assert (row["estimate"], row["std_error"]) == pytest.approx(
        (fit.coefficients[1], fit.std_errors[1]), rel=1e-6
    )


def test_tobit_s_expected_days_are_an_integral_and_its_slope_a_difference() -> None:
    X = np.column_stack([np.ones(4), [1.0, 0.0, 1.0, 0.0], [-1.0, 0.2, 1.1, 3.0]])
    beta, sigma = np.array([10.0, -25.0, 40.0]), 60.0

    def mean_of(beta: np.ndarray, sigma: float) -> float:
        total = 0.0
        for row in X:
            for sign, treated in ((1.0, 1.0), (-1.0, 0.0)):
                m = beta @ [row[0], treated, row[2]]
                reach = abs(m) + 12 * sigma
                total += sign * quad(lambda d, m=m: d * norm.pdf(d, m, sigma), 0, reach)[0]
        return total / len(X)

    effect, slope = _expected_days(X, 1, beta, sigma)
    assert effect == pytest.approx(mean_of(beta, sigma), rel=1e-6)
    h = 1e-4
    steps = [(beta + h * e, sigma) for e in np.eye(3)] + [(beta, sigma * math.exp(h))]
    back = [(beta - h * e, sigma) for e in np.eye(3)] + [(beta, sigma * math.exp(-h))]
    numeric = [(mean_of(*a) - mean_of(*b)) / (2 * h) for a, b in zip(steps, back, strict=True)]
    assert slope == pytest.approx(numeric, rel=1e-5)


def test_fractional_logit_s_effect_and_errors_are_statsmodels() -> None:
    trial = toy_trial(3000, seed=4)
    rng = np.random.default_rng(5)
    child = np.repeat(np.arange(1000), 3)  # three rows a child
    rate = 100 * rng.beta(1, 8 + 3 * trial.cohort["treated"].to_numpy()[child])
    trial.outcomes["S6"] = pd.DataFrame({"child": child, "value": rate, "state": "analysed"})
    rows = by_term("X9", trial)
    frame = trial.cohort.loc[child, ["la", "period", "treated"]].assign(share=rate / 100)
    for term, groups in (("treatment", child), ("treatment_by_la", frame["la"].cat.codes)):
        fit = smf.glm(
            "share ~ treated + C(period) + C(la)", frame, family=sm.families.Binomial()
        ).fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}, tol=1e-12)

        def margin(beta: np.ndarray, X: np.ndarray = fit.model.exog, fit: Any = fit) -> float:
            on, off = X.copy(), X.copy()
            at = fit.model.exog_names.index("treated")
            on[:, at], off[:, at] = 1.0, 0.0
            return float(100 * (expit(on @ beta) - expit(off @ beta)).mean())

        beta = fit.params.to_numpy()
        slope = [(margin(beta + h) - margin(beta - h)) / 2e-5 for h in 1e-5 * np.eye(len(beta))]
        g = len(np.unique(groups))  # statsmodels leaves out G / (G - 1) without its correction
        error = math.sqrt(g / (g - 1) * np.array(slope) @ fit.cov_params() @ slope)
        row = rows[term, "mean_difference"]
        assert row["estimate"] == pytest.approx(margin(beta), rel=1e-6)
        assert row["std_error"] == pytest.approx(error, rel=1e-4)
    assert rows["treatment_by_la", "mean_difference"]["df"] == 4


def test_readiness_is_the_protocol_s_interaction(trial: Any) -> None:
    # The protocol's parametrisation: FV, HR and HR x FV; ours has one effect a stratum.
    design = design_of(sample_rows(bare("X13"), trial), BARE)
    high = (design.la < 2).astype(float)
    X = np.column_stack([design.X, high, high * design.X[:, 1]])
    fit = fit_logistic(design.y, X, design.la)
    rows = by_term("X13", trial)
    for term, at in (("treatment_low", 1), ("interaction", X.shape[1] - 1)):
        row = rows[term, "log_odds"]
        theirs = (fit.coefficients[at], fit.std_errors[at])
        assert (row["estimate"], row["std_error"]) == pytest.approx(theirs, abs=1e-5)


def test_x5_is_a_fit_with_an_indicator_for_each_time(trial: Any) -> None:
    design = design_of(sample_rows(bare("X5"), trial), BARE)
    since = trial.cohort["exposure_time"].to_numpy()
    after = (since[:, None] == np.arange(5)).astype(float)
    X = np.column_stack([np.delete(design.X, 1, axis=1), after])
    fit = fit_logistic(design.y, X, design.la)
    rows = by_term("X5", trial)
    for m in range(5):
        row = rows[f"m{m}", "log_odds"]
        assert row["estimate"] == pytest.approx(fit.coefficients[m - 5], abs=1e-5)
        assert row["std_error"] == pytest.approx(fit.std_errors[m - 5], abs=1e-5)
    # The variance of a mean of five is the mean of all 25 covariances.
    error = math.sqrt(fit.covariance[-5:, -5:].mean())
    assert rows["time_averaged", "log_odds"]["std_error"] == pytest.approx(error, abs=1e-5)


def test_tobit_warns_of_heavy_censoring_in_words_alone() -> None:
    trial = days_trial(30.0)
    assert analyse(bare("X8"), trial).rows[0]["warnings"].startswith("lightly_censored")
    trial.outcomes["S3"]["censored"] = trial.outcomes["S3"]["value"] > 260
    assert analyse(bare("X8"), trial).rows[0]["warnings"].startswith("heavily_censored")
