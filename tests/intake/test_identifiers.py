"""Identifiers known by name and by content; ids without a meaning never taken for one.

Numbers below are made by the public checksum rules, or are published examples; none is a person's.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fvlib.contract import FILES
from fvlib.errors import Refusal
from fvlib.intake import identifiers
from tests.support.sent_files import CHILDREN_PER_LA, Sender


def column(*values: str) -> pa.StringArray:
    return pa.array(values, pa.string())


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("name", "name"), ("Child Name", "name"), ("Forename", "name"), ("SURNAME", "name"),
        ("FirstName", "name"), ("family_name", "name"), ("social_worker_name", "name"),
        ("mothers initials", "name"),
        ("postcode", "postcode"), ("PostCode", "postcode"), ("HOME_POST", "postcode"),
        ("PL_POST", "postcode"), ("pcode", "postcode"), ("Home-Post-Code", "postcode"),
        ("address", "address"), ("AddressLine1", "address"), ("home_address", "address"),
        ("UPRN", "address"), ("street", "address"),
        ("dob", "date of birth"), ("DOB", "date of birth"), ("MC_DOB", "date of birth"),
        ("PersonBirthDate", "date of birth"), ("date_of_birth", "date of birth"),
        ("DATEOFBIRTH", "date of birth"), ("ExpectedPersonBirthDate", "date of birth"),
        ("birth date", "date of birth"), ("D.O.B.", "date of birth"),
        ("nhs_number", "NHS"), ("NHS No", "NHS"), ("NHSnumber", "NHS"), ("nhsno", "NHS"),
        ("UPN", "UPN"), ("FormerUPN", "UPN"), ("upn_number", "UPN"),
        ("UniquePupilNumber", "UPN"), ("UnknownUPN", "UPN"),
        ("ULN", "ULN"), ("unique learner number", "ULN"),
        ("NI Number", "National Insurance"), ("nino", "National Insurance"),
        ("email", "e-mail"), ("E-mail address", "address"), ("carer_email", "e-mail"),
        ("phone", "telephone"), ("Tel No", "telephone"), ("mobile", "telephone"),
        ("LAchildID", "case number"), ("case_number", "case number"),
        ("passport_no", "official document"),
    ],
)  # fmt: skip
def test_names_that_identify(header: str, what: str) -> None:
    assert what in (identifiers.identifier_in_name(header) or "nothing")


@pytest.mark.parametrize(
    "header",
    [
        "URN", "LA", "YEAR", "year", "wave", "assessment_date", "referral_source", "team_name",
        "programme_name", "age", "birth_year", "school_type", "status", "notes", "group_number",
        "upper_band", "unplanned", "posts", "postponed", "region", "ward_type",
        "telling", "remark", "early_help_per_1000", "", "reason", "domestic",
    ],
)  # fmt: skip
def test_names_that_do_not(header: str) -> None:
    assert identifiers.identifier_in_name(header) is None


def test_no_column_of_the_contract_sounds_like_an_identifier() -> None:
    for spec in FILES.values():
        for name in spec.column_names:
            assert identifiers.identifier_in_name(name) is None, name


# --- Content --------------------------------------------------------------------------------------


def nhs_numbers(n: int, seed: int = 1) -> list[str]:
    """Ten digits, the last a modulus-11 check digit (NHS Data Dictionary); 10 is never issued."""
    rng = np.random.default_rng(seed)
    numbers = []
    while len(numbers) < n:
        digits = [int(d) for d in rng.integers(0, 10, 9)]
        check = (11 - sum(d * (10 - at) for at, d in enumerate(digits)) % 11) % 11
        if check < 10:
            numbers.append("".join(map(str, [*digits, check])))
    return numbers


def test_the_checksum_knows_published_numbers() -> None:
    """943 476 5919 and 401 023 2137 are published examples; with one digit changed they fail."""
    digits = np.array([[int(d) for d in number] for number in ("9434765919", "4010232137")])
    assert identifiers._nhs_valid(digits).all()
    digits[:, 4] = (digits[:, 4] + 1) % 10
    assert not identifiers._nhs_valid(digits).any()
    assert identifiers._nhs_valid(
        np.array([[int(d) for d in number] for number in nhs_numbers(50)])
    ).all()


POSTCODES = ("CV1 2AB", "NE99 1ZZ", "B9 4XX", "PR84QQ", "SW1A 1AA", "l20 3aa")
UPNS = ("A331400001234", "H391201234567", "B334501999888", "Z34301700112A")
NINOS = ("AB123456C", "JG 10 30 59 A", "CE556677D")
EMAILS = ("a.person@example.org", "someone@example.com")
NAMES = ("Jane Smith", "Mohammed Ali", "Siân O'Brien", "Smith, John", "Mary-Ann Jones")
PHONES = ("07700 900123", "01632 960456", "+44 7700 900456")  # Ofcom's numbers for drama
BIRTHS = ("2010-05-03", "2015-11-30", "2008-02-29", "2012-07-07")

IDENTIFYING = [
    ("postcode", POSTCODES), ("UPN", UPNS), ("National Insurance", NINOS), ("e-mail", EMAILS),
    ("name", NAMES), ("NHS", tuple(nhs_numbers(20))),
]  # fmt: skip


@pytest.mark.parametrize("role", ["extra", "identifier"])
@pytest.mark.parametrize(("what", "values"), IDENTIFYING)
def test_columns_that_identify(what: str, values: tuple[str, ...], role: identifiers.Role) -> None:
    assert what in (identifiers.identifier_in_values(column(*values), role) or "nothing")


def test_what_only_an_unasked_column_is_refused_for() -> None:
    assert "telephone" in (identifiers.identifier_in_values(column(*PHONES), "extra") or "")
    spaced = [f"{n[:3]} {n[3:6]} {n[6:]}" for n in nhs_numbers(5)]
    assert "NHS" in (identifiers.identifier_in_values(column(*spaced), "extra") or "")
    remarks = ("seen at CV1 2AB today", "none", "to call back")
    assert "postcode" in (identifiers.identifier_in_values(column(*remarks), "extra") or "")
    assert "name" in (
        identifiers.identifier_in_values(column("Oliver", "Amelia", "Noah", "Zbigniew"), "extra")
        or ""
    )


ADDRESSES = ("12 High Street", "Flat 3a, 40 Mill Road, Sefton", "7B Church Ln", "1 The Grove")


def test_addresses_in_an_unasked_column() -> None:
    assert "address" in (identifiers.identifier_in_values(column(*ADDRESSES), "extra") or "")
    others = ("none", "12 weeks", "3 streets away", "Road safety team", "2 close friends")
    assert identifiers.identifier_in_values(column(*others), "extra") is None


TEXTS = ("Early Help", "Social worker (grade 9)", "0-3", "CIN plan", "16 and 17", "N4", "2 Team")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("postcode", "Team at CV1 2AB"), ("telephone", "ring 07700 900123"),
        ("telephone", "+44 7700 900456 after six"), ("UPN", "see A331400001234"),
        ("NHS", "943 476 5919, seen"), ("date of birth", "born 3/5/2012"),
        ("date of birth", "2012-05-03 onwards"), ("e-mail", "ask jo@example.org"),
    ],
)  # fmt: skip
def test_one_identifier_within_a_free_text_is_enough(sender: Sender, what: str, text: str) -> None:
    assert identifiers.identifier_in_values(column(*TEXTS), "text") is None
    assert what in (identifiers.identifier_in_values(column(*TEXTS, text), "text") or "nothing")
    sender.set_cell("ipe_fgc.csv", 2, "level", f'"{text}"')
    with pytest.raises(Refusal, match=r"ipe_fgc\.csv: column level holds what looks like") as told:
        sender.load()
    assert text not in str(told.value)


def test_one_address_among_thousands_of_ids_is_enough() -> None:
    ids = [f"c{n}" for n in range(5000)] + ["someone@example.com"]
    assert "e-mail" in (identifiers.identifier_in_values(column(*ids), "identifier") or "")


@pytest.mark.parametrize(
    "values",
    [
        tuple(str(n) for n in range(1_000_000_000, 1_000_000_400)),  # ten digits in a row
        tuple(str(n) for n in np.random.default_rng(3).integers(10**9, 10**10, 500)),
        tuple(f"C{n:012d}" for n in range(1, 300)),  # a UPN's form by accident
        tuple(f"{n:06d}" for n in range(300)),
        tuple(f"WAR{n}" for n in range(300)),
        tuple(f"{n:x}" for n in np.random.default_rng(4).integers(10**15, 10**18, 300)),
        ("wa1", "wa2", "wa3"),
        ("1", "2", "3"),
        ("20190301", "20190302", "20190305"),
    ],
)
def test_ids_without_a_meaning_pass(values: tuple[str, ...]) -> None:
    assert identifiers.identifier_in_values(column(*values), "identifier") is None


@given(
    st.lists(
        st.one_of(
            st.integers(1, 10**12).map(str),
            st.uuids().map(lambda u: u.hex),
            st.integers(1, 10**6).map(lambda n: f"LA{n:07d}"),
        ),
        min_size=5,
        max_size=60,
        unique=True,
    )
)
@settings(max_examples=60)
def test_random_ids_pass(values: list[str]) -> None:
    assert identifiers.identifier_in_values(column(*values), "identifier") is None


@pytest.mark.parametrize(
    "values",
    [
        ("Early Help", "Assessment Team", "Family Support"),
        ("White British", "White Irish", "Any Other"),
        ("North", "South", "East", "West"), ("red", "amber", "green"),
        ("2021", "2022"), ("0", "1"), ("yes", "no"), ("12.5", "13.1"), ("SC034567", "SC034568"),
        ("Barking and Dagenham", "Newham"), ("2021-03-04", "2021-05-06"),
    ],
)  # fmt: skip
def test_harmless_extra_columns_pass(values: tuple[str, ...]) -> None:
    assert identifiers.identifier_in_values(column(*values), "extra") is None


def test_codes_of_the_contract_pass() -> None:
    for spec in FILES.values():
        for declared in spec.columns:
            if declared.codes is not None:
                values = column(*declared.codes.written)
                assert identifiers.identifier_in_values(values, "contract") is None, declared.name


# --- In a refresh ---------------------------------------------------------------------------------


def with_column(sender: Sender, path: str, header: str, values: tuple[str, ...]) -> None:
    lines = sender.text(path).splitlines()
    body = [f"{line},{values[at % len(values)]}" for at, line in enumerate(lines[1:])]
    sender.files[path] = "\n".join([f"{lines[0]},{header}", *body]) + "\n"


UNASKED = [*IDENTIFYING, ("date of birth", BIRTHS)]


@pytest.mark.parametrize("path", ["coventry/children.csv", "sefton/referrals.csv", "ipe_admin.csv"])
@pytest.mark.parametrize(("what", "values"), UNASKED)
def test_an_innocent_header_does_not_hide_it(
    sender: Sender, path: str, what: str, values: tuple[str, ...]
) -> None:
    quoted = tuple(f'"{value}"' for value in values)
    with_column(sender, path, "reference", quoted)
    with pytest.raises(Refusal) as told:
        sender.load()
    text = str(told.value)
    assert f"{path}: column reference holds what looks like" in text
    assert what in text
    assert "take the column out" in text
    assert not any(value in text for value in values)


@pytest.mark.parametrize(("what", "values"), IDENTIFYING)
def test_child_ids_that_identify(sender: Sender, what: str, values: tuple[str, ...]) -> None:
    ids = [f'"{value}"' for value in values][:CHILDREN_PER_LA]
    for row, value in enumerate(ids, 1):
        replaced = sender.text("coventry/children.csv").replace(f"co{row},", f"{value},")
        sender.edit("coventry/children.csv", partial(lambda new, _: new, replaced))
    rows = sender.text("coventry/children.csv").split("\n")[: len(ids) + 1]
    sender.files["coventry/children.csv"] = "\n".join(rows) + "\n"  # every id is of that kind
    with pytest.raises(Refusal, match=r"coventry/children\.csv: column child_id holds") as told:
        sender.load()
    assert what in str(told.value)
    assert not any(value in str(told.value) for value in values)


@pytest.mark.parametrize(
    "dates",
    [("2021-05-03", "2022-11-30"), ("2018-05-03", "2019-11-30")],
)
def test_dates_near_the_rows_own_are_no_births(sender: Sender, dates: tuple[str, ...]) -> None:
    """Referrals of 2019 to 2023: an assessment after them, an earlier contact."""
    with_column(sender, "coventry/referrals.csv", "assessed", dates)
    extracts = sender.load()
    ignored = extracts.arrivals.set_index(["la", "file"])["ignored_columns"]
    assert ignored["coventry", "referrals"] == "assessed"


def test_the_episodes_file_may_keep_its_further_columns(sender: Sender) -> None:
    """URN is the provider's number, LA and YEAR come from merged returns: ignored and named."""
    with_column(sender, "coventry/care_episodes.csv", "URN", ("4244474", "8969628", "1157828"))
    with_column(sender, "coventry/care_episodes.csv", "LA", ("Coventry",))
    extracts = sender.load()
    ignored = extracts.arrivals.set_index(["la", "file"])["ignored_columns"]
    assert ignored["coventry", "care_episodes"] == "URN, LA"


def test_ids_of_letters_alone_are_refused_with_what_to_do(sender: Sender) -> None:
    """Letters drawn at random can't be told from names; neither gets through."""
    ids = ("ABCDEF", "QWERTZ", "PLMOKN", "XCVBNM")
    lines = sender.text("sefton/children.csv").splitlines()
    rows = [
        f"{letters},{line.split(',', 1)[1]}" for letters, line in zip(ids, lines[1:], strict=False)
    ]
    sender.files["sefton/children.csv"] = "\n".join([lines[0], *rows]) + "\n"
    with pytest.raises(Refusal, match=r"column child_id holds .* put a digit into each") as told:
        sender.load()
    assert not any(letters in str(told.value) for letters in ids)
    numbered = tuple(f"{letters}{n}" for n, letters in enumerate(ids))
    assert identifiers.identifier_in_values(column(*numbered), "identifier") is None
