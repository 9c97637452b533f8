"""Identifiers that must not be sent, known by a column's name or by its values.

The protocol's data are pseudonymised: no instant identifier (name, address, full date of birth)
and no meaningful one (NHS number, UPN, ULN, National Insurance number). What a column holds is
judged as a whole, by the share of its values that look alike; no value ever leaves this module.

Checksums: NHS Data Dictionary, "NHS number" (modulus 11); Department for Education, "A guide to
unique pupil numbers" (a letter and twelve characters); Learning Records Service, "unique learner
number" (modulus 11).
"""

from __future__ import annotations

import re
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fvlib.identifying import (
    ADDRESS,
    BIRTH,
    CASE,
    COMMON_NAMES,
    DOCUMENT,
    EMAIL,
    NAME,
    NHS,
    NINO,
    PHONE,
    POSTCODE,
    POSTCODE_WITHIN,
    ULN,
    UPN,
    WITHIN,
)

# `identifier`: a contract column of meaningless ids. `text`: one of free text, which reports print.
# `contract`: any other column of it. `extra`: a column that the contract doesn't know.
Role = Literal["identifier", "text", "contract", "extra"]

# Over the header's words, joined by underscores and with one at either end.
_WORDS: Final = (
    (NAME, r"_(fore|sur|first|last|full|given|maiden|nick|user|child|family|pupil)names?_"),
    (NAME, r"(?<!_file)(?<!_programme)(?<!_team)(?<!_service)(?<!_event)(?<!_la)_names?_"),
    (NAME, r"_(initials|surnames?|aliases|alias|aka|nok|next_of_kin)_"),
    (POSTCODE, r"_(post_?codes?|postal_?codes?|pcodes?|pcd|zip_?codes?)_"),
    (POSTCODE, r"_(home|pl|place|placement|carers?|parents?|mothers?|fathers?)_post_"),
    (
        ADDRESS,
        r"_(address(es)?(line)?\d*|addr\d*|streets?|house_(no|num|number)|flat_(no|number))_",
    ),
    (ADDRESS, r"_(uprn|usrn|easting|northing|latitude|longitude|lat_long|grid_ref)_"),
    (
        BIRTH,
        r"_(dobs?|d_o_b|birth_?dates?|birth_?days?|date_(of_)?births?|dates_of_birth|born_on)_",
    ),
    (NHS, r"_nhs_|_nhs(no|num|number|id)_"),
    (UPN, r"_(former|previous|current)?upns?(no|number)?_|_(unique_)?pupil_(no|num|number)_"),
    (ULN, r"_ulns?(no|number)?_|_(unique_)?learner_(no|num|number)_"),
    (NINO, r"_(nino|ni_(no|num|number)|national_insurance)_"),
    (EMAIL, r"_(e_?mails?|mail)_"),
    (PHONE, r"_(tel|telephones?|phones?|mobiles?)(_?(no|num|number))?_"),
    (
        CASE,
        r"_(l_?a_?child_?(id|no|number)|case_?(no|num|number|ref)|sw_id|hospital_?(no|number))_",
    ),
    (DOCUMENT, r"_(passports?|driving_licence|home_office_(ref|no|number)|ho_ref|car_reg)_"),
)
# The same without any separator, for headers such as DATEOFBIRTH and nhsnumber.
_SQUASHED: Final = (
    (NAME, r"forename|surname|firstname|lastname|fullname|maidenname|familyname|middlename"),
    (POSTCODE, r"postcode|postalcode|homepost$|plpost$"),
    (ADDRESS, r"address"),
    (BIRTH, r"dateofbirth|birthdate|dobirth|dateborn"),
    (NHS, r"nhsno|nhsnum"),
    (UPN, r"uniquepupil|^(former|unknown)?upn\d*$"),
    (ULN, r"uniquelearner|^uln\d*$"),
    (NINO, r"nationalins"),
    (EMAIL, r"email"),
    (PHONE, r"telephone|phoneno|phonenum|mobileno|mobilenum"),
    (CASE, r"lachildid|casenumber"),
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def identifier_in_name(header: str) -> str | None:
    """Say what identifier a column's name announces, if any: `HOME_POST` -> "a postcode"."""
    words = re.sub(r"[\W_]+", "_", f"_{_CAMEL.sub('_', header)}_").lower()
    squashed = re.sub(r"[\W_]", "", header).lower()
    for what, pattern in _WORDS:
        if re.search(pattern, words) or re.search(pattern, f"_{squashed}_"):
            return what
    return next((what for what, pattern in _SQUASHED if re.search(pattern, squashed)), None)


def named_after(header: str) -> str | None:
    """Say what identifier a column's name is itself, if any, as where a row of values is on top."""
    if re.search(dict(WITHIN)[BIRTH], header):
        return BIRTH
    return identifier_in_values(pa.array([header]), "extra") if header else None


# A column is judged on this many of its distinct values, evenly spread: shares need no more.
_SAMPLE: Final = 2000
# Most of a column's values have to look alike. Chance alone makes 1 in 11 ten-digit numbers pass
# the NHS number's checksum, so a column of such ids has to pass five times as often.
_MOST: Final = 0.5
# A column that nobody needs may be refused on less.
_SOME: Final = 0.1
_ENOUGH_CHECKSUMS: Final = 5

_POSTCODE_FORM: Final = r"(?i)^(GIR ?0AA|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2})$"
_ADDRESS_FORM: Final = (
    r"(?i)^(flat |unit |apartment )?[0-9]+[a-z]?,? .*\b(street|st|road|rd|avenue|ave|lane|ln|close"
    r"|drive|crescent|terrace|gardens|grove|court|mews|square)(,|$)"
)
_EMAIL_FORM: Final = r"[^@\s]+@[^@\s.]+\.[^@\s]+"
_UPN_FORM: Final = r"(?i)^[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]$"
_PADDED: Final = r"^[A-Za-z]000"
_NINO_FORM: Final = (
    r"(?i)^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]$"
)
_PHONE_FORM: Final = r"^(\+44|0044|0) ?\(?[1237][0-9 )-]{8,12}$"
_TEN_DIGITS: Final = r"^[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}$"
_GROUPED_TEN: Final = r"^[0-9]{3}[ -][0-9]{3}[ -][0-9]{4}$"
DATE_FORM: Final = (
    r"(?i)^((19|20)[0-9]{2}[-/.](0?[1-9]|1[0-2])[-/.](0?[1-9]|[12][0-9]|3[01])"
    r"|(0?[1-9]|[12][0-9]|3[01])[-/. ](0?[1-9]|1[0-2]|[a-z]{3,9})[-/. ](19|20)[0-9]{2})"
    r"([T ][0-9:.]+Z?)?$"
)
_COMPACT_DATE: Final = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
_DATE_IN_ID: Final = (
    r"(^|[^0-9])((19|20)[0-9]{2}[-/._]?(0[1-9]|1[0-2])[-/._]?(0[1-9]|[12][0-9]|3[01])"
    r"|(0[1-9]|[12][0-9]|3[01])[-/._]?(0[1-9]|1[0-2])[-/._]?(19|20)[0-9]{2})([^0-9]|$)"
)
_YEAR_IN_ID: Final = re.compile(r"((?:19|20)[0-9]{2})(?:[^0-9]|$|(?:0[1-9]|1[0-2]))")
_POSTCODE_IN_ID: Final = (
    r"(?i)(^|[^A-Z0-9])[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}[-_. ]?[A-Z]{0,3}[0-9]{0,2}$"
)
_LONG_NAMES: Final = "|".join(sorted(name for name in COMMON_NAMES if len(name) > 4))
_CAPITAL: Final = "[A-ZÀ-ÖØ-Þ]"
_LETTER: Final = "A-Za-zÀ-ÖØ-öø-ÿ"
_WORD: Final = rf"{_CAPITAL}[{_LETTER}'’-]+"
_SEVERAL_WORDS: Final = rf"^{_WORD},?( {_WORD}|,? ?{_CAPITAL}\.?){{1,3}}$"
_ONE_WORD: Final = rf"^{_WORD}$"


def identifier_in_values(values: pa.StringArray, role: Role) -> str | None:
    """Say what identifier a column's values look like, if any.

    Parameters
    ----------
    values
        The column's distinct values without surrounding spaces, the empty one left out.
    role
        Whose column it is: a column that nobody needs is refused on less evidence.
    """
    if len(values) == 0:
        return None
    if _any(values, r"@") and _any(values, _EMAIL_FORM):
        return EMAIL
    sample = values
    if len(values) > _SAMPLE:
        sample = values.take(pa.array(np.linspace(0, len(values) - 1, _SAMPLE, dtype=np.int64)))
    least = _SOME if role == "extra" else _MOST
    if _share(sample, _POSTCODE_FORM) >= least:
        return POSTCODE
    if role == "extra" and _any(values, POSTCODE_WITHIN):
        return POSTCODE
    if role == "extra" and _share(sample, _ADDRESS_FORM) >= least:
        return ADDRESS
    if role == "text":
        within = next((what for what, pattern in WITHIN if _any(values, pattern)), None)
        if within is not None:
            return within
    if _share(sample, _NINO_FORM) >= least:
        return NINO
    made_of = _within_ids(sample) if role == "identifier" else None
    return (
        made_of or _numbered(sample, role, least) or _dated(sample, role) or _called(sample, role)
    )


def _within_ids(sample: pa.StringArray) -> str | None:
    """Judge ids that are made of something that identifies: names, births, postcodes, phones."""
    if _share(sample, _POSTCODE_IN_ID) >= _MOST:
        return POSTCODE
    if _share(sample, _PHONE_FORM) >= _MOST and _varied(pc.utf8_slice_codeunits(sample, 0, 5)):
        return PHONE
    dated = sample.filter(pc.match_substring_regex(sample, _DATE_IN_ID))
    if len(dated) >= _MOST * len(sample):
        years = [int(year[1]) for text in dated.to_pylist() if (year := _YEAR_IN_ID.search(text))]
        low, high = np.quantile(years, [0.05, 0.95])
        # Ids that hold the day of a referral span the years of the trial and no more.
        if high - low > (BIRTH_SPREAD_YEARS if len(dated) >= _ENOUGH_CHECKSUMS else 2):
            return BIRTH
    words = pc.utf8_lower(pc.replace_substring_regex(sample, f"[^{_LETTER}]+", " "))
    spelt = sample.filter(pc.match_substring_regex(words, r"[^ ]{3}"))
    if len(spelt) < _MOST * len(sample) or not _varied(words):
        return None
    begins = rf"\b({_LONG_NAMES})|({_LONG_NAMES})\b"
    common = max(_share_of_names(words), _share(words, begins))
    return NAME if common >= _SOME else None


def _varied(texts: pa.StringArray) -> bool:
    """Whether texts differ as people do: ids that share a prefix or a run of numbers don't."""
    return 2 * len(pc.unique(texts)) >= min(len(texts), 2 * _ENOUGH_CHECKSUMS)


def _numbered(sample: pa.StringArray, role: Role, least: float) -> str | None:
    upns = _share(sample, _UPN_FORM)
    # Ids padded with zeros (A000000000123) have a UPN's form by accident: no authority is 000.
    if upns >= least and (role == "extra" or _share(sample, _PADDED) < _MOST * upns):
        return UPN
    digits = _ten_digits(sample)
    for what, check in ((NHS, _nhs_valid), (ULN, _uln_valid)):
        valid = int(check(digits).sum())
        few = len(sample) < _ENOUGH_CHECKSUMS and valid == len(sample) and valid > 1
        if (valid >= _ENOUGH_CHECKSUMS or few) and valid >= _MOST * len(sample):
            return what
    if role != "extra":
        return None
    if len(digits) >= _MOST * len(sample) or _share(sample, _GROUPED_TEN) >= _SOME:
        return f"{NHS} or {ULN.removeprefix('a ')}"
    return PHONE if _share(sample, _PHONE_FORM) >= _MOST else None


def _ten_digits(sample: pa.StringArray) -> NDArray[np.int64]:
    """Return the ten-digit numbers among the values, one a row, one digit a column."""
    ten = sample.filter(pc.match_substring_regex(sample, _TEN_DIGITS))
    bare = "".join(pc.replace_substring_regex(ten, "[ -]", "").to_pylist())
    return np.frombuffer(bare.encode("ascii"), np.uint8).astype(np.int64).reshape(-1, 10) - ord("0")


def _nhs_valid(digits: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray((11 - digits[:, :9] @ np.arange(10, 1, -1) % 11) % 11 == digits[:, 9])


def _uln_valid(digits: NDArray[np.int64]) -> NDArray[np.bool_]:
    remainder = digits[:, :9] @ np.arange(10, 1, -1) % 11
    return np.asarray((remainder > 0) & (10 - remainder == digits[:, 9]))


def _dated(sample: pa.StringArray, role: Role) -> str | None:
    """Judge ids that are dates; dates in columns that nobody needs are judged by `judge_births`."""
    return BIRTH if role == "identifier" and _share(sample, DATE_FORM) >= _MOST else None


def _called(sample: pa.StringArray, role: Role) -> str | None:
    several = _share(sample, _SEVERAL_WORDS)
    single = sample.filter(pc.match_substring_regex(sample, _ONE_WORD))
    words = pc.utf8_lower(pc.replace_substring_regex(sample, f"[^{_LETTER} ]", " "))
    common = _share_of_names(words)
    if role == "extra":
        # Category labels are few and come again; names are many.
        many = several >= _MOST and several * len(sample) >= 10
        return NAME if many or common >= _MOST or (several >= _MOST and common >= _SOME) else None
    if role == "identifier":
        named_ids = several >= _MOST or (len(single) >= _MOST * len(sample) and common >= _SOME)
        return NAME if named_ids else None
    return NAME if common >= _MOST else None


def _share_of_names(words: pa.StringArray) -> float:
    """Share of the values that have a common given name or surname among their words."""
    lists = pc.split_pattern(words, " ")
    known = pc.is_in(lists.flatten(), pa.array(sorted(COMMON_NAMES)))
    owners = pc.unique(lists.value_parent_indices().filter(known))
    return len(owners) / len(words)


BIRTH_SPREAD_YEARS: Final = 12
BIRTH_AGE_YEARS: Final = 3


def judge_births(years: NDArray[np.int64], row_years: NDArray[np.int64]) -> str | None:
    """Say whether a column of full dates looks like dates of birth.

    Other dates of a record cluster about the row's own start; births lie years before it, or
    spread over a childhood.

    Parameters
    ----------
    years
        Year of each value. Shape (n,).
    row_years
        Year in which the row starts, or else of the end of the extract. Shape (n,).
    """
    low, high = np.quantile(years, [0.05, 0.95])
    before = float(np.median(row_years - years))
    return BIRTH if high - low > BIRTH_SPREAD_YEARS or before >= BIRTH_AGE_YEARS else None


def full_dates(values: pa.StringArray) -> pa.BooleanArray:
    """Mark the values that are full dates, in any of the usual forms."""
    return pc.or_(
        pc.match_substring_regex(values, DATE_FORM), pc.match_substring_regex(values, _COMPACT_DATE)
    )


def _any(values: pa.StringArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, pattern)).as_py())


def _share(values: pa.StringArray, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(values, pattern).cast(pa.float64())).as_py())
