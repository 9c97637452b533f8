"""`chapters/phrases.yml`: every template in every state, and what a mistake in it is told."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fvlib.errors import Refusal
from fvlib.remarks import Code
from fvlib.render.edition import results_key
from fvlib.report import Report
from fvlib.report.companions import check_companions, lacking, phrases_lacking
from fvlib.report.words.phrase_keys import PHRASES
from fvlib.report.words.phrases import names_in, read_phrases, say
from tests.report.test_chapters import CHAPTERS, grade, prose

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "chapters" / "phrases.yml"
TEMPLATES = read_phrases(FILE)
EVERY = [(key, state) for key, states in PHRASES.items() for state in states]


@pytest.mark.parametrize(("key", "state"), EVERY)
def test_every_template_fills_in_every_state(key: str, state: str) -> None:
    filled = say(key, state, **dict.fromkeys(PHRASES[key][state], "12"))
    assert re.search(r"\w", filled)
    assert not re.search(r"[{}]|\bnan\b", filled)
    assert filled == filled.strip()


def test_the_plain_summary_is_plain_in_every_state() -> None:
    numbers = {"estimate": "9 fewer", "low": "14 fewer", "high": "3 fewer", "p": "p = 0.083"}
    plain = [(k, s) for k, s in EVERY if k.startswith("plain.")]
    for key, state in plain:
        told = say(key, state, smallest_p="0.083", **numbers)
        assert grade(told) <= 7, (key, state, grade(told))
    states = PHRASES["plain.answer"]
    section = prose(CHAPTERS["index"]).split("{#sec-plain}")[1].split("\n## ")[0]
    for answer in states:
        for second in PHRASES["plain.second"]:
            parts = [
                say("plain.answer", answer),
                say("plain.main", **numbers),
                say("plain.second", second, **numbers),
                say("plain.third", second, smallest_p="0.083", **numbers),
                say("plain.condition"),
            ]
            text = re.sub(r"`\{python\}[^`]*`", " ".join(parts), section)
            assert grade(text) <= 7, (answer, second)


def test_a_verdict_word_stands_under_no_other_verdict() -> None:
    """The plan's wording rule: a direction is told only where the rule allows it."""
    words = {"reduced": r"\breduced\b", "increased": r"\bincreased\b", "unclear": r"\bunclear\b"}
    for key in ("results.lead", "results.verdict"):
        for state in PHRASES[key]:
            told = {v for v, word in words.items() if re.search(word, TEMPLATES[key, state], re.I)}
            assert told <= {state}, (key, state)
    assert "conditions" in names_in(TEMPLATES["results.lead", "unclear"])
    for state in ("reduced", "increased", "unclear", "interim"):
        named = names_in(TEMPLATES["results.lead", state])
        assert "estimates" in named or any(name.endswith("_ci") for name in named), state


def test_at_an_interim_look_no_template_asks_for_a_p() -> None:
    for key in ("results.lead", "sensitivity.tipping"):
        assert "p" not in names_in(TEMPLATES[key, "interim"])
    for kind in ("binary", "linear"):
        assert "p" not in names_in(TEMPLATES["results.estimates", f"{kind}_without_p"])


@pytest.mark.parametrize("status", ["not_yet_estimable", "failed"])
def test_where_there_is_no_result_the_reason_is_told(status: str) -> None:
    for key in ("results.lead", "results.why"):
        assert "reason" in names_in(TEMPLATES[key, status])


def test_every_code_has_its_words() -> None:
    assert {f"reasons.{code}" for code in Code} <= set(PHRASES)


def said(path: Path) -> set[str]:
    """Phrases that a module says by name."""
    calls = [
        node.args[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "say"
        and node.args
    ]
    return {str(arg.value) for arg in calls if isinstance(arg, ast.Constant)}


def test_what_the_code_says_is_a_phrase_and_no_phrase_is_idle() -> None:
    modules = [*(ROOT / "fvlib" / "report").rglob("*.py")]
    found = set().union(*map(said, modules))
    assert found <= set(PHRASES)
    source = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    # Those that are named by a variable: a group, or a name in a table of names.
    idle = {
        key
        for key in set(PHRASES) - found
        if not key.startswith(("reasons.", "notices."))
        and f'"{key}"' not in source
        and f'"{key.partition(".")[2]}"' not in source
    }
    assert not idle


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """The file with the words of one phrase, or of one of its states, replaced or taken out.

    What it says now is its authors': a change is made by a phrase's name, never by its words.
    """

    def make(name: str, words: object, *, called: str = "") -> Path:
        content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
        *way, last = name.split(".")
        place = content
        for part in way:
            place = place[part]
        del place[last]
        if words is not None:
            place[called or last] = words
        path = tmp_path / "phrases.yml"
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("plain.main", "{estmate} in care",
         r"phrases\.yml: plain\.main: \{estmate\} is no number of this phrase; the nearest is "
         r"\{estimate\}"),
        ("plain.main", "{estimate in care", r"plain\.main: a brace without its partner"),
        ("plain.main", "{estimate.x} in care", r"plain\.main: a brace without its partner"),
        ("plain.main", "{} in care", r"plain\.main: a brace without its partner"),
        ("plain.too_early", None, r"the phrase 'plain\.too_early' is missing"),
        ("plain.answer.open", None, r"plain\.answer: the state 'open' is missing"),
        ("plain.condition", 7, r"plain\.condition: expected words"),
        ("plain.condition", {"final": "x"}, r"plain\.condition: this phrase has no states"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key_and_the_nearest_right_name(
    changed: Callable[..., Path], name: str, words: object, told: str
) -> None:
    with pytest.raises(Refusal, match=told):
        read_phrases(changed(name, words))


@pytest.mark.parametrize(
    ("name", "called", "told"),
    [
        ("plain.answer.divided", "dividd",
         r"plain\.answer: there is no state 'dividd'; the nearest is 'divided'"),
        ("plain.too_early", "to_early",
         r"there is no phrase 'plain\.to_early'; the nearest is 'plain\.too_early'"),
    ],
)  # fmt: skip
def test_a_name_mistyped_is_told_with_the_nearest_right_one(
    changed: Callable[..., Path], name: str, called: str, told: str
) -> None:
    with pytest.raises(Refusal, match=told):
        read_phrases(changed(name, "Words.", called=called))


def test_a_file_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "phrases.yml"
    path.write_text("plain: [\n", encoding="utf-8")
    with pytest.raises(Refusal, match=r"phrases\.yml: not valid YAML: line \d+"):
        read_phrases(path)


def test_without_the_file_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"phrases\.yml: no such file"):
        read_phrases(tmp_path / "phrases.yml")


def test_other_words_are_said_at_once(
    changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "_quarto.yml").write_text("project: {type: book}\n", encoding="utf-8")
    (tmp_path / "chapters").mkdir()
    monkeypatch.chdir(tmp_path)
    path = changed("plain.too_early", "Nobody can say yet.")
    path.rename(tmp_path / "chapters" / "phrases.yml")
    assert say("plain.too_early").startswith("Nobody can say yet.")


def test_a_change_of_words_renders_the_chapters_again(tmp_path: Path) -> None:
    path = tmp_path / "chapters" / "phrases.yml"
    path.parent.mkdir()
    path.write_bytes(FILE.read_bytes())
    before = results_key(tmp_path, "made-up")
    assert results_key(tmp_path, "made-up") == before
    path.write_bytes(FILE.read_bytes() + b"# another word\n")
    reworded = results_key(tmp_path, "made-up")
    assert reworded != before
    path.with_name("published.csv").write_text("rate\n0.04\n", encoding="utf-8")
    assert results_key(tmp_path, "made-up") != reworded


INTERVAL = '## Result {#sec}\n\nIt is `{python} report.q["P1.odds_ratio_ci"]`.\n'
GUARD = '`{python} report.q["la-period.odds_ratio_ci"]`'
SHUFFLED = '`{python} report.q["X4-P1.p"]`'


@pytest.mark.parametrize(
    ("source", "absent"),
    [
        (INTERVAL, ("la-period", "X4-P1")),
        (f"{INTERVAL}\n{GUARD}\n", ("X4-P1",)),
        (f"{INTERVAL}\n{SHUFFLED}\n", ("la-period",)),
        (f"{INTERVAL}\n## Next\n\n{GUARD} {SHUFFLED}\n", ("la-period", "X4-P1")),
        (INTERVAL.replace("odds_ratio_ci", "lead"), ("la-period", "X4-P1")),
        (INTERVAL.replace("odds_ratio_ci", "p"), ("la-period", "X4-P1")),
        (f"{INTERVAL}\n{GUARD} {SHUFFLED}\n", ()),
        (f'{INTERVAL}\n`{{python}} report.q["P1.beside"]`\n', ()),
        (INTERVAL.replace("odds_ratio_ci", "odds_ratio"), ()),
        (INTERVAL.replace("report.q", "q"), ("la-period", "X4-P1")),
        (f'{INTERVAL}\n```{{python}}\nprint(report.q["P1.beside"])\n```\n', ()),
    ],
)
def test_an_interval_alone_is_told_with_its_section(source: str, absent: tuple[str, ...]) -> None:
    found = list(lacking(source))
    assert [section for section, _ in found] == (["Result"] if absent else [])
    for _, told in found:
        assert all(name in told for name in absent)
        assert ("la-period" in told) == ("la-period" in absent)


def test_a_chapter_that_shows_an_interval_alone_stops_the_render(tmp_path: Path) -> None:
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "phrases.yml").write_bytes(FILE.read_bytes())
    (tmp_path / "chapters" / "own.qmd").write_text(INTERVAL, encoding="utf-8")
    with pytest.raises(Refusal, match=r"chapters/own\.qmd, section 'Result': P1\.odds_ratio_ci"):
        check_companions(tmp_path)


@pytest.mark.parametrize("rendering", [True, False])
def test_a_notebook_at_work_is_only_warned(
    opened: Callable[..., Report], project: Path, monkeypatch: pytest.MonkeyPatch, rendering: bool
) -> None:
    (project / "chapters" / "own.qmd").write_text(INTERVAL, encoding="utf-8")
    monkeypatch.setenv("FVLIB_RENDER", str(int(rendering)))
    with contextlib.ExitStack() as stack:
        told = r"section 'Result': P1\.odds_ratio_ci stands without"
        stack.enter_context(
            pytest.raises(Refusal, match=told) if rendering else pytest.warns(match=told)
        )
        opened()


def test_the_chapters_and_phrases_show_what_must_stand_beside_a_result() -> None:
    check_companions(ROOT)


def test_the_sentences_beside_a_result_give_their_numbers(
    changed: Callable[..., Path],
) -> None:
    path = changed("results.guard.estimated", "A second model was fitted.")
    assert "results.guard.estimated" in "".join(phrases_lacking(path))


def test_groups_of_the_file_are_those_of_the_keys_in_their_order() -> None:
    groups = list(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    assert groups == list(dict.fromkeys(key.partition(".")[0] for key in PHRASES))
