"""The params file: what is refused, and in which words."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvlib import protocol
from fvlib.errors import Refusal
from fvlib.pipeline.freshness import purge_cache
from fvlib.refresh import Refresh, add_months, load_refresh, name_of, parse_refresh

GOOD = """
refresh: 2024-04
data: data/2024-04
data_through: 2024-03-31
"""


def parse(text: str, name: str = "2024-04") -> Refresh:
    return parse_refresh(text.encode(), f"params/{name}.yml", name)


def refused(text: str, name: str = "2024-04") -> str:
    with pytest.raises(Refusal) as told:
        parse(text, name)
    return str(told.value)


def test_defaults_are_the_contract_s() -> None:
    refresh = parse(GOOD)
    assert refresh.look == "interim"
    assert (refresh.imputations, refresh.seed) == (20, 20200401)
    assert (refresh.disclosure.threshold, refresh.disclosure.round_to) == (10, 5)
    assert refresh.reunification_codes == ("E4A",)
    assert refresh.data_through == dict.fromkeys(protocol.LA_KEYS, date(2024, 3, 31))
    assert refresh.live_date("coventry") == date(2021, 4, 1)


def test_a_moved_live_date_overrides_the_protocol_s_with_its_reason() -> None:
    refresh = parse(
        GOOD + 'implementation: {coventry: {operationally_live: 2021-05-01, reason: "late FGC"}}'
    )
    assert refresh.live_date("coventry") == date(2021, 5, 1)
    assert refresh.trial_dates == (date(2019, 10, 1), date(2022, 9, 30))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "imputation: 20", ["imputation", "unknown key"]),
        (GOOD + "imputations: many", ["imputations", "'many'", "integer"]),
        (GOOD.replace("2024-03-31", "2024-02-30"), ["data_through", "2024-02-30"]),
        (GOOD.replace("2024-03-31", "{sefton: 2024-03-31}"), ["data_through", "warwickshire"]),
        (GOOD.replace("2024-03-31", "2018-03-31"), ["data_through", "before the trial begins"]),
        (GOOD + "implementation: {leeds: {}}", ["leeds", "expected warwickshire"]),
        (
            GOOD + "implementation: {sefton: {operationally_live: 2022-05-01}}",
            ["implementation.sefton", "reason"],
        ),
        (
            GOOD + "implementation: {sefton: {operationally_live: 2025-05-01, reason: moved}}",
            ["sefton", "outside the trial period"],
        ),
        (GOOD + "look: final", ["2024-03-30", "look: interim"]),
        (GOOD + "look: finale", ["look", "'finale'"]),
        (GOOD + "disclosure: {threshold: 0}", ["disclosure.threshold", "greater than"]),
        (
            GOOD + "did: {outcome: P1, months: 18, scale: log_odds, estimate: -0.1, se: ,"
            " did_holds: true, stepped_wedge_holds: true}",
            ["did.se"],
        ),
        (
            GOOD + "did: {outcome: P1, months: 24, scale: log_odds, estimate: -0.1, se: 0.1,"
            " did_holds: true, stepped_wedge_holds: true}",
            ["did", "18 months"],
        ),
        (GOOD + "seed: 1\nseed: 2", ["given twice", "seed"]),
        (GOOD + "trial_period: {start: 2022-01-01, end: 2021-01-01, reason: x}", ["trial_period"]),
        (GOOD + "cost: {per_looked_after_child: 5, low: 6, high: 7}", ["cost", "low <="]),
        ("- a list", ["expected keys"]),
        ("refresh: [", ["not valid YAML"]),
        (GOOD + "seed: " + "[" * 5000, ["brackets within brackets"]),
        (GOOD + "seed: &a [*a]", ["alias", "*a", "write the value out"]),
        (GOOD.replace("refresh: 2024-04", "refresh: 2024-05"), ["file's own name"]),
    ],
)
def test_faults_are_told_with_key_value_and_what_was_expected(text: str, words: list[str]) -> None:
    if "look: final\n" in text + "\n":
        text = text.replace("2024-03-31", "2024-03-29")
    message = refused(text)
    for word in words:
        assert word in message, message
    assert "params/2024-04.yml" in message
    assert "pydantic" not in message


def test_a_long_value_is_shown_in_part() -> None:
    message = refused(GOOD + "seed: " + "y" * 100_000)
    assert "'yyyy" in message
    assert len(message) < 300


def test_every_fault_stands_in_one_message() -> None:
    message = refused(GOOD + "typo: 1\nimputations: -1\nlook: never")
    assert "3 things to correct" in message
    assert all(key in message for key in ("typo", "imputations", "look"))


def test_final_is_accepted_on_the_day_the_last_window_closes() -> None:
    # 30 September 2022 + 18 months, by hand.
    text = GOOD.replace("2024-03-31", "2024-03-30") + "look: final"
    assert parse(text).look == "final"


def test_blocks_left_empty_are_absent() -> None:
    refresh = parse(
        GOOD + "trial_period: {start: , end: , reason: }\nretention: {published: }\n"
        "cost: {per_looked_after_child: , low: , high: }"
    )
    assert refresh.trial_period is None
    assert refresh.cost is None
    assert refresh.retention.published is None


def test_rows_kept_on_disk_may_be_denied() -> None:
    assert parse(GOOD + "cache_rows: false").cache_rows is False


def test_data_are_due_for_deletion_24_months_after_publication() -> None:
    refresh = parse(GOOD + "retention: {published: 2024-02-29}")
    assert refresh.due_for_deletion(date(2026, 2, 27)) is None
    told = refresh.due_for_deletion(date(2026, 2, 28))
    assert told is not None
    assert "published on 2024-02-29" in told
    assert "since 2026-02-28" in told
    assert told.endswith(f"delete {refresh.data.as_posix()}")
    assert parse(GOOD).due_for_deletion(date(2099, 1, 1)) is None


def test_a_missing_file_names_the_refreshes_there_are(tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "2024-04.yml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(Refusal, match="Known refreshes: 2024-04"):
        load_refresh("2024-10", tmp_path)
    assert load_refresh("2024-04", tmp_path).refresh == "2024-04"


@pytest.mark.parametrize("name", ["Big", "-a", "a b", "../x", "quarto", "", "a\n", None, True])
def test_bad_names_are_refused(name: object) -> None:
    with pytest.raises(Refusal):
        name_of(name)


def test_a_bare_number_is_a_name() -> None:
    assert name_of(2024) == "2024"


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2019, 8, 31), 18, date(2021, 2, 28)),  # the plan's own example
        (date(2018, 8, 31), 18, date(2020, 2, 29)),  # a leap year
        (date(2019, 12, 31), 12, date(2020, 12, 31)),
        (date(2019, 11, 30), 3, date(2020, 2, 29)),
        (date(2019, 10, 1), 36, date(2022, 10, 1)),
    ],
)
def test_months_are_calendar_months_clamped(start: date, months: int, end: date) -> None:
    assert add_months(start, months) == end


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 60))
def test_months_agree_with_dateutil(start: date, months: int) -> None:
    from dateutil.relativedelta import relativedelta

    assert add_months(start, months) == start + relativedelta(months=months)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "disclosure: {threshold: 9, round_to: 5}", ["disclosure", "needs a reason"]),
        (GOOD + "disclosure: {threshold: 10, round_to: 1}", ["round_to", "needs a reason"]),
        (GOOD + "disclosure: {threshold: true}", ["disclosure.threshold", "integer"]),
        (GOOD + 'imputations: "20"', ["imputations", "integer", "without quotes"]),
        (GOOD + "disclosure: {round_to: 1000000000000}", ["disclosure.round_to", "1000"]),
        (GOOD + f"registration: {'x' * 600}", ["registration", "500"]),
        (GOOD + "registration: call 0191 498 0123", ["registration", "a telephone number"]),
        (
            GOOD + "missing_because: {ethnicity: asked Sarah Jones for it}",
            ["missing_because.ethnicity", "a person's name"],
        ),
        (GOOD.replace("2024-03-31", "9999-12-31"), ["data_through", "after today"]),
        (GOOD + "context_columns: ['x; y']", ["context_columns"]),
        (GOOD + "cache_rows: 1", ["cache_rows", "true or false"]),
        (GOOD + "cache_rows: true", ["cache_rows", "never kept on disk", "expected false"]),
    ],
)
def test_what_a_report_would_print_or_hide_by_is_bounded(text: str, words: list[str]) -> None:
    message = refused(text)
    for word in words:
        assert word in message, message


def test_a_weaker_disclosure_rule_is_taken_with_its_reason() -> None:
    told = parse_refresh(
        (GOOD + "disclosure: {threshold: 5, reason: agreed with the archive}").encode(),
        "params/2024-04.yml",
        "2024-04",
    )
    assert told.disclosure.weaker


@pytest.mark.parametrize("data", ["../elsewhere", "/etc", "data/link"])
def test_data_stay_in_the_project_unless_params_say_otherwise(tmp_path: Path, data: str) -> None:
    root = tmp_path / "project"
    (root / "params").mkdir(parents=True)
    (root / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "data" / "link").symlink_to(tmp_path / "elsewhere")
    params = root / "params" / "2024-04.yml"
    text = GOOD.replace("data/2024-04", data)
    params.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match="leads out of the project"):
        load_refresh("2024-04", root)
    params.write_text(text + "data_outside: true\n", encoding="utf-8")
    refresh = load_refresh("2024-04", root)
    with pytest.raises(Refusal, match="purge deletes nothing outside the project"):
        purge_cache(refresh, root)
