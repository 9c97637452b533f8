"""The simulator: its truth against independent derivations, its refusals, its bytes."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from fvlib import protocol
from fvlib.contract import FILES, LA_FILES
from fvlib.contract.files import BANNER_SHARE
from fvlib.errors import Refusal
from fvlib.intake import load_extracts
from fvlib.refresh import add_months, load_refresh
from fvlib.synthetic import outcomes as synthetic_outcomes
from fvlib.synthetic import simulate as synthetic
from fvlib.synthetic.calendar import TERM_NAMES, day_number, months_after, school_terms
from fvlib.synthetic.dirt_kinds import KINDS
from fvlib.synthetic.extract import Register
from fvlib.synthetic.outcomes import DEFAULT_THROUGH, SECONDARY_EFFECTS
from fvlib.synthetic.simulate import simulate
from fvlib.synthetic.world import draw_world
from fvlib.trial import build_trial
from tests.support.simulated_frames import in_reunification_sample, simulate_trial_frames
from tests.support.slow_outcomes import Authority, read

LIVE = {la.key: la.operationally_live for la in protocol.LOCAL_AUTHORITIES}
BINARY = ("P1", "S1", "S2", "S4", "S5")
# Standard errors that one estimate may lie from its truth: 1 in 16,000 would lie further by chance.
FAR_OFF = 4.0


@pytest.fixture(scope="module")
def soiled(tmp_path_factory):
    """A refresh with realistic dirt, large enough for every kind of it: root, truth, extracts."""
    root = tmp_path_factory.mktemp("soiled")
    simulate("soiled", root, children=9000, seed=4)
    refresh = load_refresh("soiled", root)
    truth = json.loads((root / "data/soiled/truth.json").read_text(encoding="utf-8"))
    return root, truth, load_extracts(refresh, root)


# --- the outcomes in the files are those drawn


def cohort_ids(world):
    index = world.index
    everyone = Register(index.la, index.day, np.ones(len(index.la), dtype=bool))
    return everyone.child_id.to_pylist()


def drawn_rates(world):
    """Rate of each child-term with possible sessions: child -> [(academic year, term, rate)]."""
    terms, absence = school_terms(DEFAULT_THROUGH), world.planned_absence
    rates = {child: [] for child in range(len(world.index.la))}
    for child, term, possible, unauthorised in zip(
        absence.child, absence.term, absence.possible, absence.unauthorised, strict=True
    ):
        if possible:
            key = (int(terms.academic_year[term]), TERM_NAMES[terms.name[term]])
            rates[int(child)].append((*key, 100 * unauthorised / possible))
    return rates


def drawn_outcomes(world):
    """Child position -> the outcomes drawn, those that exist for it."""
    drawn, rates = world.drawn, drawn_rates(world)
    reunifiable = in_reunification_sample(world.index, drawn)
    found = {}
    for child in rates:
        values = {name: getattr(drawn, name)[child] for name in ("P1", "S1", "S2", "S3")}
        if drawn.P1[child]:
            values["S4"] = drawn.S4[child]
        if reunifiable[child]:
            values["S5"] = drawn.S5[child]
        found[child] = values | {"S6": rates[child]}
    return found


# Risks near a half, so that every combination of outcomes occurs, the rarest boundaries included.
CROWDED = {"P1": 0.5, "S1": 0.5, "S2": 0.4, "S3": 75.0, "S4": 0.5, "S5": 0.5}


@pytest.mark.parametrize(
    ("seed", "through", "baseline"),
    [(1, DEFAULT_THROUGH, {}), (2, DEFAULT_THROUGH, CROWDED), (3, date(2023, 6, 30), CROWDED)],
)
def test_outcomes_derived_from_the_files_are_those_drawn(
    tmp_path, monkeypatch, seed, through, baseline
):
    children = 2500
    for outcome, value in baseline.items():
        monkeypatch.setitem(synthetic_outcomes.BASELINE, outcome, value)
    folder = simulate(
        "s", tmp_path, children=children, seed=seed, sigma=1.6, dirt="none", through=through
    )
    world = draw_world(children, seed, -0.30, 1.6, LIVE)
    expected = drawn_outcomes(world)
    authorities = [Authority(folder / la, through) for la in protocol.LA_KEYS]
    terms = school_terms(through)
    ended = {
        (int(year), TERM_NAMES[name])
        for year, name in zip(terms.academic_year, terms.name, strict=True)
    }
    compared = Counter()
    for child, child_id in enumerate(cohort_ids(world)):
        if world.index.day[child] > day_number(through):
            continue
        authority = authorities[world.index.la[child]]
        assert day_number(authority.index_referral(child_id)) == world.index.day[child]
        derived = authority.outcomes(child_id)
        for outcome, value in derived.items():
            drawn = expected[child][outcome]
            if outcome == "S6":
                drawn = [rate for rate in drawn if rate[:2] in ended]
            assert value == drawn, (outcome, child)
            compared[outcome] += 1
        if through == DEFAULT_THROUGH:
            assert set(derived) == set(expected[child])
    if through == DEFAULT_THROUGH:
        assert compared["P1"] == compared["S1"] == compared["S2"] == compared["S3"] == children
        assert min(compared["S4"], compared["S5"]) > 50


def test_dirt_changes_no_outcome_and_no_cohort(soiled):
    root, truth, extracts = soiled
    trial = build_trial(extracts, load_refresh("soiled", root))
    world = draw_world(truth["children"], truth["seed"], -0.30, truth["sigma"], LIVE)
    key = pd.MultiIndex.from_arrays([world.index.la, cohort_ids(world)])
    position = pd.Series(np.arange(len(key)), index=key)
    members = extracts.children.loc[trial.cohort.index]
    at = position[pd.MultiIndex.from_arrays([members["la"].cat.codes, members["child_id"]])]
    at = pd.Series(at.to_numpy(), index=members.index)
    assert sorted(at) == list(range(truth["children"]))
    assert (trial.cohort["la"].value_counts().to_dict()) == truth["eligible"]
    for outcome in ("P1", "S1", "S2", "S3", "S4", "S5"):
        frame = trial.outcomes[outcome]
        drawn = getattr(world.drawn, outcome)[at[frame["child"]]]
        # A child with a row set aside that could matter is missing, and nobody else is.
        analysed = (frame["state"] == "analysed").to_numpy()
        assert set(frame.loc[~analysed, "child"]) <= set(extracts.lost["child"])
        assert analysed.mean() > 0.98
        np.testing.assert_array_equal(frame["value"][analysed], drawn[analysed].astype(float))
    rates = drawn_rates(world)
    absences = trial.outcomes["S6"].query("state == 'analysed'")
    derived = [
        (child, int(year), term, value)
        for child, year, term, value in zip(
            at[absences["child"]],
            absences["term_year"],
            absences["term"],
            absences["value"],
            strict=True,
        )
    ]
    expected = [(child, *rate) for child, found in rates.items() for rate in found]
    assert sorted(derived) == sorted(expected)


# --- dirt


def planted_counts(truth, outcome):
    frame = pd.DataFrame(truth["planted"]).query("outcome == @outcome")
    return frame.groupby(["la", "file", "rule"])["rows"].sum().to_dict()


def loaded_counts(frame):
    return frame.astype({"la": str}).set_index(["la", "file", "rule"])["rows"].to_dict()


def test_the_loader_counts_the_dirt_that_was_planted(soiled):
    _, truth, extracts = soiled
    assert loaded_counts(extracts.set_aside) == planted_counts(truth, "set aside")
    assert loaded_counts(extracts.resolved) == planted_counts(truth, "resolved")
    # the loader tells how many children each authority named, found or not
    named = Counter()
    for entry in truth["planted"]:
        if entry["file"] == "withdrawals":
            named[entry["la"]] += entry["rows"]
    withdrawn = extracts.withdrawn
    assert dict(zip(withdrawn["la"], withdrawn["children"], strict=True)) == named
    assert sum(named.values()) > len(named)


def test_spells_decide_on_the_dirt_that_was_planted(soiled):
    root, truth, extracts = soiled
    trial = build_trial(extracts, load_refresh("soiled", root))
    decided = trial.decisions.groupby("rule")["rows"].sum()
    planted = Counter()
    for entry in truth["planted"]:
        if entry["outcome"] == "decided":
            planted[entry["rule"]] += entry["rows"]
    # An end not entered keeps its reason X1, which is a reason without an end as well.
    planted["open_despite_reason"] += planted["open_cut_at_next"]
    for rule, rows in planted.items():
        assert decided[rule] == rows, rule


def test_every_kind_of_dirt_is_there_and_has_its_rule(soiled):
    _, truth, _ = soiled
    planted = {(entry["file"], entry["rule"]) for entry in truth["planted"]}
    for kind in KINDS:
        assert (kind.file, kind.rule.id) in planted, kind
        assert kind.file in kind.rule.files, kind
    assert len({kind.rule.id for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(("children", "seed"), [(50, 1), (300, 2), (9000, 4)])
def test_dirt_sets_aside_less_than_the_banner_share(tmp_path, children, seed):
    simulate("s", tmp_path, children=children, seed=seed)
    extracts = load_extracts(load_refresh("s", tmp_path), tmp_path)
    read_rows = extracts.arrivals.set_index(["la", "file"])["rows_read"]
    set_aside = extracts.set_aside.groupby(["la", "file"], observed=True)["rows"].sum()
    share = (set_aside / read_rows).dropna()
    assert children < 300 or len(share) > 0
    assert (share[share.index.isin(LA_FILES, level="file")] < BANNER_SHARE).all()


def test_clean_extracts_have_nothing_to_set_aside_or_resolve(tmp_path):
    simulate("clean", tmp_path, children=1500, dirt="none")
    extracts = load_extracts(load_refresh("clean", tmp_path), tmp_path)
    assert len(extracts.set_aside) == len(extracts.resolved) == len(extracts.withdrawn) == 0
    assert extracts.arrivals["arrived"][extracts.arrivals["la"] != "unknown"].all()
    assert extracts.children["ethnicity"].notna().all()


def test_missing_values_depend_on_authority_and_time(soiled):
    root, truth, extracts = soiled
    cohort = build_trial(extracts, load_refresh("soiled", root)).cohort
    missing = extracts.children.loc[cohort.index, "ethnicity"].isna()
    coventry = cohort["la"] == "coventry"
    early = cohort["referral_date"] < pd.Timestamp("2021-04-01")
    # planted: 17 % before April 2021 and 6 % after it, against 2 to 10 % elsewhere
    assert missing[coventry & early].mean() == pytest.approx(0.17, abs=0.04)
    assert missing[coventry & ~early].mean() == pytest.approx(0.06, abs=0.03)
    assert missing[cohort["la"] == "warwickshire"].mean() == pytest.approx(0.025, abs=0.02)
    # a covariate missing more often than this would be dropped from every analysis
    assert cohort["disabled"].isna().mean() < protocol.MISSING_LIMIT
    assert truth["missing"]["ethnicity"]["coventry"] > truth["missing"]["ethnicity"]["sefton"]


def test_outcomes_separate_among_unaccompanied_asylum_seekers():
    world = draw_world(20000, 1, -0.30, 0.60, LIVE)
    alone = world.covariates.uasc[: len(world.index.la)] == 1
    assert alone.sum() > 50
    assert world.drawn.P1[alone].mean() > 0.95
    entered = alone & world.drawn.P1
    assert not world.drawn.S4[entered].any()
    assert not world.drawn.S5[entered].any()


def test_each_authority_writes_in_its_own_way(soiled):
    root, _, _ = soiled
    folder = root / "data/soiled"
    first = {la: (folder / la / "children.csv").read_bytes() for la in protocol.LA_KEYS}
    assert [la for la in first if first[la].startswith(b"\xef\xbb\xbf")] == ["coventry"]
    assert [la for la in first if b"\r\n" in first[la]] == ["solihull"]
    header = first["sefton"].splitlines()[0].decode()
    assert header.split(",") == [*FILES["children"].column_names, "source_system"]
    for file, column in (("referrals", "referral_date"), ("plans", "end_date")):
        dates = [row[column] for row in read(folder / "newcastle" / f"{file}.csv") if row[column]]
        assert all(text[2] == text[5] == "/" for text in dates)
    assert "REASON_PLACE_CHANGE" not in read(folder / "solihull/care_episodes.csv")[0]
    assert {row["sex"] for row in read(folder / "sefton/children.csv")} <= {"1", "2", "0", "9", ""}


# --- who is there


def test_each_excluded_child_has_the_reason_that_the_flow_finds(tmp_path):
    simulate("s", tmp_path, children=2000, dirt="none", seed=7)
    refresh = load_refresh("s", tmp_path)
    trial = build_trial(load_extracts(refresh, tmp_path), refresh)
    truth = json.loads((tmp_path / "data/s/truth.json").read_text(encoding="utf-8"))
    boxes = trial.flow.groupby("step")["n"].sum()
    excluded = truth["excluded"]
    assert boxes["cohort"] == 2000
    assert boxes["no_further_action"] == excluded["no_further_action"]
    assert boxes["outside_trial_period"] == (
        excluded["before_trial_period"] + excluded["after_trial_period"]
    )
    assert boxes["unborn"] == excluded["unborn"]
    assert boxes["not_aged_0_to_17"] == excluded["adult"]
    assert boxes["no_referral"] == excluded["no_referral"]
    assert min(excluded.values()) > 0


def test_sizes_are_those_of_a_refresh(tmp_path):
    # the scale that loading is measured at, for 78,000 children; half to twice of it
    expected = {
        "referrals": 100_000,
        "plans": 120_000,
        "care_episodes": 60_000,
        "attendance": 200_000,
    }
    children = 3000
    folder = simulate("s", tmp_path, children=children, seed=5)
    for file, rows in expected.items():
        found = sum(len(read(folder / la / f"{file}.csv")) for la in protocol.LA_KEYS)
        assert 0.7 < found / (rows * children / protocol.CHILDREN) < 1.4, file


def test_one_seed_describes_the_same_children_at_two_dates(tmp_path):
    early = simulate(
        "early", tmp_path, children=800, dirt="none", seed=3, through=date(2022, 3, 31)
    )
    late = simulate("late", tmp_path, children=800, dirt="none", seed=3)
    for la in protocol.LA_KEYS:
        before = {row["child_id"]: row for row in read(early / la / "children.csv")}
        after = {row["child_id"]: row for row in read(late / la / "children.csv")}
        for child_id, row in before.items():
            born_since = not row["birth_month"] and after[child_id]["birth_month"] > "2022-03"
            assert born_since or row == after[child_id]
        starts = {tuple(row.values())[:3] for row in read(late / la / "plans.csv")}
        for row in read(early / la / "plans.csv"):
            assert tuple(row.values())[:3] in starts
            assert row["start_date"] <= "2022-03-31"
            assert row["end_date"] <= "2022-03-31"


@pytest.mark.parametrize("children", [1, 2, 5, 17])
@pytest.mark.parametrize("dirt", ["none", "realistic"])
def test_small_trials_load(tmp_path, children, dirt):
    simulate("tiny", tmp_path, children=children, dirt=dirt, seed=children)
    refresh = load_refresh("tiny", tmp_path)
    trial = build_trial(load_extracts(refresh, tmp_path), refresh)
    assert len(trial.cohort) == children


def test_an_interim_extract_is_an_interim_look(tmp_path):
    simulate("interim", tmp_path, children=200, through=date(2022, 3, 31))
    assert load_refresh("interim", tmp_path).look == "interim"
    simulate("final", tmp_path, children=200, through=date(2024, 3, 30))
    assert load_refresh("final", tmp_path).look == "final"


def test_the_params_file_provides_for_every_analysis(tmp_path):
    simulate("s", tmp_path, children=20)
    refresh = load_refresh("s", tmp_path)
    for la in protocol.LA_KEYS:
        dates = refresh.implementation[la]
        assert dates.fgc_started < LIVE[la] < dates.theory_to_practice_done
        assert dates.deep_dive_done > LIVE[la]
    assert (refresh.did.outcome, refresh.did.months, refresh.did.scale) == ("P1", 18, "log_odds")
    assert refresh.cost.low < refresh.cost.per_looked_after_child < refresh.cost.high
    text = (tmp_path / "params/s.yml").read_text(encoding="utf-8")
    for key in type(refresh).model_fields.keys() - {"cache_rows"}:  # which has one value alone
        assert f"\n{key}:" in text


# --- what was planted can be found again


def effect_of_treatment(outcome, frame):
    """Estimate and standard error by statsmodels, with LA indicators for the LA intercepts."""
    indicators = [frame["la"] == la for la in range(len(protocol.LA_KEYS))]
    periods = [frame["period"] == period for period in range(1, protocol.PERIODS)]
    columns = [frame["treated"], *indicators, *periods]
    if outcome == "S6":
        columns += [frame["term"] == 1, frame["term"] == 2, frame["time_since_referral"]]
    X = np.column_stack(columns).astype(float)
    y = frame["value"].to_numpy()
    if outcome in BINARY:
        cells = pd.DataFrame(X).assign(y=y).groupby(list(range(X.shape[1])))["y"]
        counts = cells.agg(["sum", "size"]).reset_index()
        events = np.column_stack([counts["sum"], counts["size"] - counts["sum"]])
        X = counts[list(range(X.shape[1]))].to_numpy()
        fit = sm.GLM(events, X, family=sm.families.Binomial()).fit()
    elif outcome == "S6":
        clusters = {"groups": frame["child"].to_numpy()}
        fit = sm.OLS(y, X).fit(cov_type="cluster", cov_kwds=clusters)
    else:
        fit = sm.OLS(y, X).fit()
    return fit.params[0], fit.bse[0]


def test_planted_effects_are_found_in_a_large_trial():
    trial = simulate_trial_frames(150_000, 11)
    assert trial.effects == {"P1": -0.30, **SECONDARY_EFFECTS}
    for outcome, frame in trial.outcomes.items():
        estimate, std_error = effect_of_treatment(outcome, frame)
        assert abs(estimate - trial.effects[outcome]) < FAR_OFF * std_error, outcome


def test_chosen_effects_are_planted():
    none = dict.fromkeys(SECONDARY_EFFECTS, 0.0)
    trial = simulate_trial_frames(80_000, 12, 0.0, secondary_effects=none | {"S3": 40.0})
    for outcome, frame in trial.outcomes.items():
        estimate, std_error = effect_of_treatment(outcome, frame)
        truth = 40.0 if outcome == "S3" else 0.0
        assert abs(estimate - truth) < FAR_OFF * std_error, outcome
    assert set(trial.risk_difference.values()) == {0.0}


@pytest.mark.slow
def test_estimates_centre_on_the_planted_effects_with_nominal_coverage():
    replicates = 200
    z = {outcome: [] for outcome in protocol.OUTCOMES}
    for seed in range(replicates):
        trial = simulate_trial_frames(20_000, seed)
        for outcome, frame in trial.outcomes.items():
            estimate, std_error = effect_of_treatment(outcome, frame)
            z[outcome].append((estimate - trial.effects[outcome]) / std_error)
    for outcome, errors in z.items():
        assert abs(np.mean(errors)) < 0.2, outcome
        assert 0.92 <= np.mean(np.abs(errors) < 1.959964) <= 0.98, outcome


def test_base_rate_and_spread_are_as_asked():
    # Without intercepts, effect and trend the first period's risk is the protocol's 4 %.
    trial = simulate_trial_frames(150_000, 2, 0.0, 0.0)
    first = trial.outcomes["P1"].query("period == 0")["value"]
    std_error = np.sqrt(protocol.BASELINE_RATE * (1 - protocol.BASELINE_RATE) / len(first))
    assert abs(first.mean() - protocol.BASELINE_RATE) < FAR_OFF * std_error
    intercepts = [
        draw_world(1, seed, 0.0, 0.9, LIVE).planted.intercepts["P1"][:, 0] for seed in range(300)
    ]
    # 1,500 draws: the SD's own standard error is 0.9 / sqrt(3000) = 0.016
    assert np.std(intercepts) == pytest.approx(0.9, abs=FAR_OFF * 0.0165)


def test_an_authority_by_period_intercept_can_be_added():
    def spread(sigma_period):
        frame = simulate_trial_frames(150_000, 5, 0.0, 0.0, sigma_period=sigma_period).outcomes[
            "P1"
        ]
        risk = frame.groupby(["la", "period"])["value"].mean()
        return np.log(risk / (1 - risk)).std()

    # 30 cells of some 5,000 children: chance and trend alone make up to 0.1
    assert spread(0.0) < 0.12
    assert 0.35 < spread(0.6) < 0.85


def test_calendar_months_are_clamped_as_everywhere():
    days = [date(2019, 8, 31), date(2020, 2, 29), date(2019, 12, 1), date(2022, 9, 30)]
    for months in (12, 18, 36):
        expected = [day_number(add_months(day, months)) for day in days]
        assert months_after(np.array([day_number(day) for day in days]), months).tolist() == (
            expected
        )


# --- the same bytes, and nothing overwritten


def digest(folder):
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return content.hexdigest()


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from fvlib.synthetic.simulate import simulate; "
        "simulate('s', Path(sys.argv[1]), children=400, seed=int(sys.argv[2]))"
    )
    digests = []
    for run, (seed, hash_seed) in enumerate([("1", "0"), ("1", "4711"), ("2", "0")]):
        root = tmp_path / str(run)
        root.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        subprocess.run(
            [sys.executable, "-c", code, str(root), seed],
            check=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        digests.append(digest(root))
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_real_data_is_never_overwritten(tmp_path):
    folder = tmp_path / "data/2024-04"
    (folder / "warwickshire").mkdir(parents=True)
    (folder / "warwickshire/children.csv").write_text("child_id\n", encoding="utf-8")
    before = digest(tmp_path)
    with pytest.raises(Refusal, match="never overwritten"):
        simulate("2024-04", tmp_path, children=5)
    (folder / "truth.json").write_text('{"written_by": "somebody"}', encoding="utf-8")
    with pytest.raises(Refusal, match="never overwritten"):
        simulate("2024-04", tmp_path, children=5)
    (folder / "truth.json").unlink()
    assert digest(tmp_path) == before


def test_a_second_run_replaces_the_first_and_keeps_the_params(tmp_path):
    folder = simulate("s", tmp_path, children=60, seed=1)
    first = digest(folder)
    params = tmp_path / "params/s.yml"
    text = params.read_text(encoding="utf-8").replace("imputations: 20", "imputations: 3")
    params.write_text(text, encoding="utf-8")
    simulate("s", tmp_path, children=60, seed=2)
    assert digest(folder) != first
    assert params.read_text(encoding="utf-8") == text
    assert [path.name for path in folder.parent.iterdir()] == ["s"]


def test_an_interrupted_run_leaves_the_old_folder_and_nothing_else(tmp_path, monkeypatch):
    folder = simulate("s", tmp_path, children=60, seed=1)
    before = digest(folder)
    write, calls = synthetic._write_csv, []

    def interrupted(path, table, habits):
        calls.append(path)
        if len(calls) == 12:
            raise KeyboardInterrupt
        write(path, table, habits)

    monkeypatch.setattr(synthetic, "_write_csv", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate("s", tmp_path, children=60, seed=2)
    with pytest.raises(KeyboardInterrupt):
        calls.clear()
        simulate("new", tmp_path, children=60, seed=2)
    assert digest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["s"]
    assert [path.name for path in (tmp_path / "params").iterdir()] == ["s.yml"]


def test_a_run_that_was_killed_is_cleared_away(tmp_path):
    leftover = tmp_path / "data/.s-abc.partial"
    leftover.mkdir(parents=True)
    (leftover / "half.csv").write_text("", encoding="utf-8")
    simulate("s", tmp_path, children=20)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["s"]


def test_treatment_begins_on_the_live_date_itself():
    referrals = draw_world(20_000, 1, -0.30, 0.60, LIVE).index
    for position, live in enumerate(LIVE.values()):
        of_la = referrals.la == position
        on_the_day = of_la & (referrals.day == day_number(live))
        day_before = of_la & (referrals.day == day_number(live) - 1)
        assert referrals.treated[on_the_day].all()
        assert on_the_day.any()
        assert not referrals.treated[day_before].any()


def test_moved_live_dates_of_the_params_file_are_those_that_treat(tmp_path):
    simulate("s", tmp_path, children=400, dirt="none")
    params = tmp_path / "params/s.yml"
    text = params.read_text(encoding="utf-8").replace(
        "  sefton: {", '  sefton: {operationally_live: 2021-01-01, reason: "earlier", '
    )
    params.write_text(text, encoding="utf-8")
    folder = simulate("s", tmp_path, children=400, dirt="none")
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert truth["live_dates"]["sefton"] == "2021-01-01"
    world = draw_world(400, 1, -0.30, 0.60, LIVE | {"sefton": date(2021, 1, 1)})
    sefton = world.index.la == protocol.LA_KEYS.index("sefton")
    treated = world.index.day[sefton] >= day_number(date(2021, 1, 1))
    assert (world.index.treated[sefton] == treated).all()


def test_a_params_file_that_does_not_fit_is_refused_with_what_to_do(tmp_path):
    simulate("s", tmp_path, children=20)
    before = digest(tmp_path)
    with pytest.raises(Refusal, match=r"data_through: 2025-09-30.*2024-03-31.*--through") as told:
        simulate("s", tmp_path, children=20, through=date(2024, 3, 31))
    assert str(tmp_path) not in str(told.value)
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"children": 0}, "children: 0"),
        ({"seed": -1}, "seed: -1"),
        ({"effect": float("nan")}, "effect: nan"),
        ({"sigma": -0.1}, "sigma: -0.1"),
        ({"dirt": "muddy"}, "realistic or none"),
        ({"through": date(2019, 1, 1)}, "before the trial period"),
    ],
)
def test_values_that_cannot_be_are_refused_and_nothing_written(tmp_path, arguments, told):
    with pytest.raises(Refusal, match=told):
        simulate("s", tmp_path, **({"children": 5} | arguments))
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(Refusal, match="refresh name"):
        simulate("../other", tmp_path, children=5)
    assert list(tmp_path.iterdir()) == []


def test_ipe_returns_stand_only_where_their_time_has_come(tmp_path):
    through = date(2021, 10, 15)
    folder = simulate("s", tmp_path, children=20, dirt="none", through=through)
    months = {"pre": -3, "6m": 6, "12m": 12, "24m": 24}
    for file in ("ipe_admin", "ipe_survey", "ipe_fgc", "ipe_training"):
        with (folder / f"{file}.csv").open(encoding="utf-8", newline="") as source:
            points = {(row["la"], row["time_point"]) for row in csv.DictReader(source)}
        assert all(add_months(LIVE[la], months[point]) <= through for la, point in points)
        assert ("warwickshire", "12m") in points
