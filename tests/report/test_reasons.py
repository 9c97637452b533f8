"""Remarks: written as codes, read back, and said once."""

from __future__ import annotations

import pytest

from fvlib.errors import Refusal
from fvlib.remarks import VALUES, Code, join, read_remarks, remark
from fvlib.report.words.phrases import say
from fvlib.report.words.reasons import in_words


@pytest.mark.parametrize("code", Code)
def test_every_code_is_written_read_back_and_said(code: Code) -> None:
    values = [[name] if name != "las" else ["sefton"] for name in VALUES.get(code, ())]
    text = remark(code, *values)
    (one,) = read_remarks(text)
    assert one.code == code
    assert [list(items) for items in one.values.values()] == values
    assert in_words(text)


def test_a_remark_needs_the_values_of_its_code() -> None:
    with pytest.raises(ValueError, match="zero_spread: 0 values"):
        remark(Code.ZERO_SPREAD)
    with pytest.raises(ValueError, match="expected values"):
        list(read_remarks("zero_spread"))


def test_a_mark_in_a_value_divides_nothing() -> None:
    (one,) = read_remarks(remark(Code.COLLINEAR, ["a;b: c", "d"]))
    assert one.values == {"terms": ("a b  c", "d")}


def test_terms_with_the_same_reason_stand_as_one_where_the_first_does() -> None:
    text = join(
        "settled:uasc[yes]", "merged:WROM,CHNE", "settled:primary_need[7]", "settled:uasc[yes]"
    )
    told = say(
        "reasons.settled", terms="unaccompanied asylum seeker: yes and main need: low income"
    )
    merged = say("reasons.merged", groups="Gypsy or Roma, Chinese")
    assert in_words(text) == f"{told}; {merged}"
    assert in_words(text, brief=True) == f"{told}; {say('reasons.merged_briefly')}"


def test_values_carry_the_names_that_a_reader_knows() -> None:
    told = in_words("outcome_missing:coventry,sefton")
    assert told == say("reasons.outcome_missing", las="Coventry and Sefton")
    assert in_words("bootstrap_draws:7776|5") == say(
        "reasons.bootstrap_draws", draws="7,776", clusters="5"
    )
    assert in_words("never_observed:primary_need|7") == say(
        "reasons.never_observed", covariate="main need", levels="Low income"
    )


def test_a_remark_of_another_version_is_refused() -> None:
    with pytest.raises(Refusal, match="make the results again"):
        in_words("treatment can't be told apart")
