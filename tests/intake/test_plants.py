"""Planted identifiers: wherever one is put, the refresh is refused or the label is `other`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from fvlib.errors import Refusal

if TYPE_CHECKING:
    from tests.support.sent_files import Sender

# Made up for the tests; the checksums of the numbers are right.
PLANTS: Final = {
    "name": "Oliver Smith",
    "upn": "A123456789012",
    "nhs": "943 476 5919",
    "postcode": "CV1 2WT",
    "email": "o.smith@example.org",
    "phone": "024 7652 3695",
    "nino": "AB 12 34 56 C",
    "address": "12 Station Road, Coventry",
    "sentence": "seen with Oliver at home",
}
CODED: Final = [
    ("sefton/children.csv", "sex"),
    ("sefton/children.csv", "ethnicity"),
    ("sefton/children.csv", "disability"),
    ("sefton/referrals.csv", "primary_need"),
    ("sefton/referrals.csv", "closure_date"),
    ("sefton/referrals.csv", "n_previous_cpp"),
    ("sefton/plans.csv", "plan_type"),
    ("sefton/care_episodes.csv", "PLACE_PROVIDER"),
    ("sefton/attendance.csv", "term"),
    ("sefton/attendance.csv", "academic_year"),
]


def refused(sender: Sender, value: str) -> str:
    with pytest.raises(Refusal) as caught:
        sender.load()
    assert value not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", PLANTS)
def test_an_identifier_in_place_of_a_code_refuses_the_refresh(sender: Sender, kind: str) -> None:
    """In each coded column, in one row: all are named at once."""
    for at, (file, column) in enumerate(CODED):  # a row each: a comma within would shift the next
        sender.set_cell(file, at % 3 + 1, column, f'"{PLANTS[kind]}"')
    message = refused(sender, PLANTS[kind])
    for file, column in CODED:
        assert f"{file.split('/')[1]}: column {column} holds in 1 row what looks like" in message


@pytest.mark.parametrize("kind", [*PLANTS, "birth"])
@pytest.mark.parametrize("times", [1, 2])
def test_an_identifier_as_a_column_s_name_refuses_the_refresh(
    sender: Sender, kind: str, times: int
) -> None:
    value = (PLANTS | {"birth": "14/03/2009"})[kind]
    head, *rows = sender.text("sefton/plans.csv").splitlines()
    heads = ",".join([head, *[f'"{value}"'] * times])
    sender.files["sefton/plans.csv"] = "\n".join([heads, *(f"{row}{',x' * times}" for row in rows)])
    message = refused(sender, value)
    assert value.casefold() not in message
    assert "plans.csv: column 5 looks like" in message


@pytest.mark.parametrize("text", ["unknwon", "N77", "M/F", "2021", "various"])
def test_what_merely_is_no_code_is_set_aside(sender: Sender, text: str) -> None:
    sender.set_cell("sefton/referrals.csv", 1, "primary_need", text)
    aside = sender.load().set_aside
    assert aside["rule"].tolist() == ["unknown code"]


@pytest.mark.parametrize("column", ["role", "team"])
def test_a_label_of_no_list_goes_out_as_other(sender: Sender, column: str) -> None:
    sender.set_cell("ipe_training.csv", 1, column, "Xanthe Okonjo-Reyes")
    extracts = sender.load()
    assert "Xanthe Okonjo-Reyes" not in set(extracts.ipe_training[column])
    assert "other" in set(extracts.ipe_training[column])
    told = extracts.resolved[extracts.resolved["rule"] == "label not listed"]
    assert told[["file", "rows"]].to_numpy().tolist() == [["ipe_training", 1]]


def test_a_level_of_no_list_goes_out_as_other(sender: Sender) -> None:
    sender.set_cell("ipe_fgc.csv", 2, "level", "the Okonjo family")
    assert "other" in set(sender.load().ipe_fgc["level"])
