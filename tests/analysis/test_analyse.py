"""A row of the plan over a small trial: numbers from an independent route, and every status."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm, t

from fvlib import protocol
from fvlib.analysis import plan
from fvlib.analysis.analyse import analyse, prepare, sample_rows
from fvlib.analysis.design import Terms
from fvlib.analysis.estimates import diary
from fvlib.analysis.fit import Fit, FitFailed, Quantity
from fvlib.analysis.methods import PooledMethod, icc_latent, record_fit
from fvlib.analysis.plan import COMPLETE_CASES, PLAN, PRIMARY, Analysis
from fvlib.models.mixed import fit_linear, fit_logistic
from fvlib.models.wedge.power import icc_probability
from fvlib.remarks import Code, join, read_remarks
from fvlib.trial.covariates import missing_too_often
from fvlib.trial.exposure import as_referred
from tests.conftest import ROOT
from tests.support.toy_trial import toy_trial

BARE = replace(PRIMARY, id="bare", terms=Terms((), ()), imputed=COMPLETE_CASES)
# Brute force and engine maximise the same integral; what is left is scipy's own stopping rule.
BRUTE_FORCE = 1e-4


def rows_of(analysis: Analysis, trial: Any) -> dict[tuple[str, str | None], dict[str, Any]]:
    result = analyse(analysis, trial)
    return {(row["term"], row.get("scale")): row for row in result.rows}


def brute_force(trial: Any) -> np.ndarray:
    """Maximise the marginal likelihood by plain quadrature on a fixed grid and BFGS."""
    frame = trial.cohort.assign(value=trial.outcomes["P1"].set_index("child")["value"])
    cells = frame.groupby(["la", "period", "treated"], observed=True)["value"]
    counts = cells.agg(["sum", "count"]).reset_index()
    X = np.column_stack(
        [
            np.ones(len(counts)),
            counts["treated"],
            *((counts["period"] == t) for t in range(1, 6)),
        ]
    ).astype(float)
    grid = np.linspace(-6, 6, 2001)
    weight = norm.pdf(grid) * (grid[1] - grid[0])
    la = counts["la"].cat.codes.to_numpy()
    events, n = counts["sum"].to_numpy(), counts["count"].to_numpy()

    def loss(theta: np.ndarray) -> float:
        eta = (X @ theta[:-1])[:, None] + np.exp(theta[-1]) * grid
        log_p = events[:, None] * eta - n[:, None] * np.logaddexp(0, eta)
        total = 0.0
        for k in np.unique(la):
            log_k = log_p[la == k].sum(axis=0)
            top = log_k.max()
            total += top + np.log(weight @ np.exp(log_k - top))
        return -total

    start = np.r_[-1.5, np.zeros(6), np.log(0.4)]
    return minimize(loss, start, method="BFGS", options={"gtol": 1e-6}).x


def test_the_effect_is_that_of_the_likelihood_maximised_by_brute_force() -> None:
    trial = toy_trial(2000, seed=3)
    theirs = brute_force(trial)
    ours = rows_of(BARE, trial)
    assert ours["treatment", "log_odds"]["estimate"] == pytest.approx(theirs[1], abs=BRUTE_FORCE)
    assert ours["la_sd", "log_odds"]["estimate"] == pytest.approx(
        np.exp(theirs[-1]), abs=BRUTE_FORCE
    )


def test_scales_agree_with_one_another(trial: Any) -> None:
    rows = rows_of(BARE, trial)
    log_odds, odds = rows["treatment", "log_odds"], rows["treatment", "odds_ratio"]
    for key in ("estimate", "ci_low", "ci_high"):
        assert odds[key] == pytest.approx(np.exp(log_odds[key]))
    assert np.isnan(odds["std_error"])
    difference = rows["treatment", "risk_difference"]["estimate"]
    risks = [rows[f"risk_{c}", "risk"]["estimate"] for c in ("treatment", "control")]
    assert risks[0] - risks[1] == pytest.approx(difference, abs=1e-12)
    # The plan: the p comes from the log-odds alone.
    assert log_odds["p_value"] == pytest.approx(
        2 * norm.sf(abs(log_odds["estimate"] / log_odds["std_error"]))
    )
    assert np.isnan(rows["treatment", "risk_difference"]["p_value"])


def test_every_row_of_the_plan_is_estimated_on_a_whole_trial(trial: Any) -> None:
    for row in PLAN:
        if row.outcome != "P1" or row.exposure is not as_referred:
            continue
        result = analyse(row, trial)
        assert {r["status"] for r in result.rows} == {"estimated"}, (row.id, result.rows[0])
        assert all(r["converged"] for r in result.rows)


def test_leaving_an_la_out_leaves_its_children_out(trial: Any) -> None:
    row = next(row for row in PLAN if row.id == "leave-out-sefton")
    result = analyse(row, trial)
    assert result.rows[0]["n"] == (trial.cohort["la"] != "sefton").sum()
    assert {la for la, _, _ in result.intercepts} == {
        "warwickshire",
        "newcastle",
        "coventry",
        "solihull",
    }


def status(analysis: Analysis, trial: Any) -> tuple[str, str]:
    row = analyse(analysis, trial).rows[0]
    return row["status"], row["reason"]


def test_nobody_observed_yet(trial: Any) -> None:
    trial.outcomes["P1"]["state"] = "not_observable"
    told = status(PRIMARY, trial)
    assert told[0] == "not_yet_estimable"
    assert told[1] == "no_window_closed"


def test_only_control_children_observed_yet(trial: Any) -> None:
    trial.cohort["treated"] = 0
    assert status(PRIMARY, trial) == (
        "not_yet_estimable",
        "one_condition:before",
    )


def test_treatment_in_the_span_of_la_and_period(trial: Any) -> None:
    trial.cohort["treated"] = (trial.cohort["period"] >= 3).astype(int)
    told = status(PRIMARY, trial)
    assert told[0] == "not_yet_estimable"
    assert told[1] == "treatment_aliased"


def test_an_empty_cell_of_outcome_by_treatment(trial: Any) -> None:
    treated = trial.cohort["treated"].to_numpy() == 1
    trial.outcomes["P1"].loc[treated, "value"] = 0.0
    told = status(PRIMARY, trial)
    assert told[0] == "not_yet_estimable"
    assert told[1] == "empty_condition"


def test_la_covariates_that_alone_hide_treatment_are_dropped_and_named(trial: Any) -> None:
    # The programme flag follows treatment exactly.
    trial.cohort["other_programme"] = trial.cohort["treated"].astype(float)
    row = analyse(PRIMARY, trial).rows[0]
    assert row["status"] == "estimated"
    assert "collinear_with_treatment:other_programme" in row["dropped"]


def test_a_covariate_missing_too_often_is_dropped_and_named(trial: Any) -> None:
    trial.cohort.loc[trial.cohort.index[: int(0.31 * len(trial.cohort))], "disabled"] = np.nan
    row = analyse(PRIMARY, trial).rows[0]
    assert "missing_too_often:disabled" in row["dropped"]
    assert row["n"] == len(trial.cohort)


def test_a_rare_ethnicity_is_merged_into_its_main_group_and_named(trial: Any) -> None:
    codes = trial.cohort["ethnicity"].cat
    few = trial.cohort.index[:7]
    trial.cohort.loc[few, "ethnicity"] = "MOTH"
    assert "MOTH" in codes.categories
    row = analyse(PRIMARY, trial).rows[0]
    assert "merged:MOTH" in row["dropped"]


def test_a_period_without_events_fails_by_the_plan_s_rule(trial: Any) -> None:
    late = trial.cohort["period"].to_numpy() == 5
    trial.outcomes["P1"].loc[late, "value"] = 0.0
    told = status(BARE, trial)
    assert told[0] == "failed"
    assert told[1] == "separated:period[5]"


def test_a_row_that_breaks_is_a_row_with_a_reason_and_no_value(trial: Any) -> None:
    class Broken(PooledMethod):
        def fit(self, design: Any, start: Any = None) -> Any:
            raise KeyError("secret child 123")

    told = status(replace(BARE, method=Broken()), trial)
    assert told == ("failed", "unexpected_fitting:KeyError")

    class Stuck(PooledMethod):
        def fit(self, design: Any, start: Any = None) -> Any:
            raise FitFailed("separated:treatment")

    assert status(replace(BARE, method=Stuck()), trial)[1] == "separated:treatment"


def test_what_a_fit_warns_of_is_told_as_codes() -> None:
    """The codes say what the fit's own words say, of the trial's levels."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(5), 200)
    X = np.column_stack([np.ones(1000), rng.integers(0, 2, 1000).astype(float)])
    y = (rng.random(1000) < 0.3).astype(float)  # no group differs from another
    y[group == 2] = 0.0
    cells = group * 2 + np.tile([0, 1], 500)
    for fit, within in (
        (fit_logistic(y, X, group), "la_periods"),
        (fit_logistic(y[group != 2], X[group != 2], group[group != 2]), "la_periods"),
        (fit_logistic(y, X, np.zeros(1000), names=("intercept", "treatment")), "la_periods"),
        (fit_linear(y, X, group, subgroups=cells), "children"),
    ):
        codes = [one.code for one in read_remarks(join(*record_fit(fit, (), within).warnings))]
        texts = " ".join(fit.warnings)
        assert codes.count(Code.ZERO_SPREAD) == texts.count("standard deviation of the")
        assert (Code.ONE_LA in codes) == ("one group" in texts)
        assert (Code.EXTREME_LAS in codes) == ("never or always" in texts)
        assert (Code.NOT_CONVERGED in codes) == ("not converged" in texts)
        assert len(codes) == len(fit.warnings)
    assert "extreme_las:1|5" in record_fit(fit_logistic(y, X, group), ()).warnings
    flat = record_fit(
        fit_linear(rng.random(1000), X, group, subgroups=cells), (), "children"
    ).warnings
    assert set(flat) <= {"zero_spread:las", "zero_spread:children"}


def test_icc_on_the_probability_scale_is_the_ratio_of_variances() -> None:
    # By adaptive integration, another route than the module's quadrature.
    sigma, m = 0.6, -3.3
    rate = quad(lambda z: expit(m + sigma * z) * norm.pdf(z), -9, 9)[0]
    second = quad(lambda z: expit(m + sigma * z) ** 2 * norm.pdf(z), -9, 9)[0]
    expected = (second - rate**2) / (rate * (1 - rate))
    assert icc_probability(rate, sigma) == pytest.approx(expected, rel=1e-8)
    # At 4 % a standard deviation of 0.6 gives nearly the protocol's 0.01566.
    assert icc_probability(0.04, 0.6) == pytest.approx(0.0155, abs=1e-4)
    assert icc_probability(0.04, 0.0) == 0.0
    assert icc_latent(np.pi / np.sqrt(3)) == pytest.approx(0.5)


def test_plan_ids_are_unique_and_ours_are_named_as_such() -> None:
    ids = [row.id for row in PLAN]
    assert len(set(ids)) == len(ids)
    for row in PLAN:
        assert (row.role == "ours") == (row.section == plan.NOT_PRE_SPECIFIED)
        assert row.id.islower() == (row.role == "ours")


def test_one_new_row_is_all_that_a_new_analysis_takes(trial: Any, tmp_path: Path) -> None:
    # The diff that CONTRIBUTING.md shows, applied to a copy of the plan.
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = guide.split("```diff\n")[1].split("```")[0].splitlines()
    kept = [line[1:] for line in lines if line.startswith(" ")]
    before, after = "\n".join(kept) + "\n", "\n".join(line[1:] for line in lines) + "\n"
    source = Path(plan.__file__).read_text(encoding="utf-8")
    assert source.count(before) == 1
    copy = tmp_path / "changed_plan.py"
    copy.write_text(source.replace(before, after), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("changed_plan", copy)
    assert spec is not None
    changed = importlib.util.module_from_spec(spec)
    sys.modules["changed_plan"] = changed  # dataclasses look their module up
    try:
        spec.loader.exec_module(changed)
    finally:
        del sys.modules["changed_plan"]
    (new,) = [row for row in changed.PLAN if row.id not in {known.id for known in PLAN}]
    row = analyse(new, trial).rows[0]
    assert (row["status"], row["role"]) == ("estimated", "ours")
    assert row["n"] == (trial.cohort["age_months"] < 198).sum()


def test_degrees_of_freedom_of_the_la_x_period_model_are_the_plan_s(trial: Any) -> None:
    row = next(row for row in PLAN if row.id == "la-period")
    # 30 cells - 5 LAs - 5 periods - 1, and 3 fewer with the LA covariates.
    bare = rows_of(replace(row, terms=Terms((), ())), trial)
    assert bare["treatment", "log_odds"]["df"] == 19
    assert bare["treatment", "risk_difference"]["df"] == 19
    assert rows_of(row, trial)["treatment", "log_odds"]["df"] == 16


def test_the_la_x_period_interval_is_a_t_interval(trial: Any) -> None:
    row = next(row for row in PLAN if row.id == "la-period")
    log_odds = rows_of(replace(row, terms=Terms((), ())), trial)["treatment", "log_odds"]
    half = t.ppf(0.975, 19) * log_odds["std_error"]
    assert log_odds["ci_high"] == pytest.approx(log_odds["estimate"] + half)


def test_each_secondary_outcome_has_the_model_that_stands_beside_it(trial: Any) -> None:
    rng = np.random.default_rng(3)
    frame = trial.outcomes["P1"]
    three = frame.loc[frame.index.repeat(3)].reset_index(drop=True)
    terms = pd.Categorical(["autumn", "spring", "summer"] * len(frame))
    rates = three.assign(
        value=rng.gamma(2.0, 1.0, len(three)),
        term=terms,
        time_since_referral=0.3 * terms.codes + rng.random(len(three)),
    )
    days = frame.assign(value=rng.gamma(2.0, 50.0, len(frame)))
    trial.outcomes |= dict.fromkeys(("S1", "S2", "S4", "S5"), frame) | {"S3": days, "S6": rates}
    scales = {"S3": ("mean_difference", 2), "S6": ("mean_difference", 3)}
    for outcome in protocol.SECONDARY_OUTCOMES:
        row = next(row for row in PLAN if row.id == f"la-period-{outcome.lower()}")
        main = next(row for row in PLAN if row.id == outcome)
        assert (row.outcome, row.terms, row.exposure) == (outcome, main.terms, main.exposure)
        scale, spreads = scales.get(outcome, ("log_odds", 2))
        found = rows_of(replace(row, terms=replace(row.terms, child=(), la=())), trial)
        effect = found["treatment", scale]
        # The gate looks at children, of whom S6 has three rows each.
        assert effect["children"] == len(frame)
        assert effect["n"] == len(frame) * (3 if outcome == "S6" else 1)
        # 30 cells - 5 LAs - 5 periods - 1, whatever the scale and however many rows a child has.
        assert effect["df"] == 19
        half = t.ppf(0.975, 19) * effect["std_error"]
        assert effect["ci_high"] == pytest.approx(effect["estimate"] + half)
        assert ("la_period_sd", scale) in found
        assert sum(term.endswith("_sd") for term, _ in found) - (scale != "log_odds") == spreads


@pytest.mark.parametrize(
    ("missing", "dropped"),
    [
        # Three in ten of the cohort and one more; none of them has an outcome yet.
        (np.arange(301), True),
        # Three in ten exactly, all among the 500 whose outcome is analysed: 60 % of the sample.
        (np.arange(500, 800), False),
    ],
)
def test_the_cohort_decides_what_is_missing_too_often(missing: np.ndarray, dropped: bool) -> None:
    trial = toy_trial(1000)
    trial.cohort.loc[missing, "disabled"] = np.nan
    trial.outcomes["P1"].loc[np.arange(500), "state"] = "not_observable"
    rows = sample_rows(PRIMARY, trial)
    assert len(rows) == 500
    prepared = prepare(PRIMARY, rows, missing_too_often(trial.cohort))
    assert ("disabled" not in prepared.terms.child) == dropped
    assert ("missing_too_often:disabled" in prepared.notes) == dropped


def test_within_two_periods_the_interval_has_no_end_and_says_so(trial: Any) -> None:
    # One LA has gone live: the orders differ too little to rule out any effect.
    early = trial.cohort.index[trial.cohort["period"] <= 1]
    frame = trial.outcomes["P1"]
    trial.outcomes["P1"] = frame[frame["child"].isin(early)].reset_index(drop=True)
    row = analyse(next(row for row in PLAN if row.id == "within-period"), trial).rows[0]
    assert row["status"] == "estimated"
    assert "ci_low" not in row
    assert "within_period_open" in row["warnings"].split("; ")


def with_days(trial: Any, outcome: str, rows: np.ndarray) -> Any:
    """Add a linear outcome to the trial that is missing in `rows`."""
    frame = trial.outcomes["P1"]
    value = np.random.default_rng(2).gamma(2.0, 50.0, len(frame))
    trial.outcomes[outcome] = frame.assign(
        value=np.where(rows, np.nan, value), state=np.where(rows, "missing", "analysed")
    )
    return trial


def test_an_outcome_of_which_two_las_sent_nothing_waits_for_them(trial: Any) -> None:
    row = next(row for row in PLAN if row.id == "S3")
    la = trial.cohort["la"].astype(str).to_numpy()
    gone = np.isin(la, ["coventry", "sefton"])
    told = status(row, with_days(trial, "S3", gone))
    assert told[0] == "not_yet_estimable"
    assert told[1] == "outcome_missing:coventry,sefton"
    # An analysis that leaves these LAs out doesn't need them; nor do others wait.
    apart = replace(row, sample=lambda rows: rows[~rows["la"].isin(["coventry", "sefton"])])
    assert status(apart, trial)[0] == "estimated"
    assert status(PRIMARY, trial)[0] == "estimated"
    # Rows missing here and there are dropped, and nobody waits.
    assert status(row, with_days(trial, "S3", np.arange(len(la)) % 3 == 0))[0] == "estimated"


@pytest.mark.parametrize("outcome", ["S3", "S4"])
def test_thirty_children_are_too_few_for_the_model(trial: Any, outcome: str) -> None:
    some = trial.cohort.index[::100]
    frame = trial.outcomes["P1"].set_index("child").loc[some].reset_index()
    frame["value"] = np.random.default_rng(4).permutation(np.arange(len(frame)) % 2).astype(float)
    trial.outcomes[outcome] = frame
    assert len(frame) == 30
    told = status(next(row for row in PLAN if row.id == outcome), trial)
    assert told[0] == "not_yet_estimable"
    assert told[1].startswith("few_children:")


def test_too_few_imputations_for_what_is_tested_are_warned_of() -> None:
    """By hand: W = B = 0.01, m = 3, so r = 4/3, df = 2 (7/4)^2 and fmi = (r + 2/(df+3)) / (r+1)."""
    fmi = (4 / 3 + 2 / (2 * (7 / 4) ** 2 + 3)) / (4 / 3 + 1)
    assert fmi == pytest.approx(0.6654, abs=1e-4)

    def told(estimates: list[float], df: float = np.inf) -> str:
        quantities = [Quantity("treatment", "log_odds", e, 0.1, df, tested=True) for e in estimates]
        return str(diary([Fit((quantity,), converged=True) for quantity in quantities])["warnings"])

    assert told([-0.1, 0.0, 0.1]) == "few_imputations:3|0.67|67"
    assert told([0.1, 0.1, 0.1]) == ""
    assert told([0.1, 0.1, 0.1], df=3.0) == ""  # few LAs are no missing information
    assert told([0.1]) == ""  # complete cases
