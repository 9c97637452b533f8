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

# `identifier`: a contract column of meaningless ids. `text`: one of free text, which reports print.
# `contract`: any other column of it. `extra`: a column that the contract doesn't know.
Role = Literal["identifier", "text", "contract", "extra"]

_NAME: Final = "a person's name"
_ADDRESS: Final = "an address"
_POSTCODE: Final = "a postcode"
_BIRTH: Final = "a full date of birth"
_NHS: Final = "an NHS number"
_UPN: Final = "a unique pupil number (UPN)"
_ULN: Final = "a unique learner number (ULN)"
_NINO: Final = "a National Insurance number"
_EMAIL: Final = "an e-mail address"
_PHONE: Final = "a telephone number"
_CASE: Final = "an authority's own case number"
_DOCUMENT: Final = "an official document's number"

# Over the header's words, joined by underscores and with one at either end.
_WORDS: Final = (
    (_NAME, r"_(fore|sur|first|last|full|given|maiden|nick|user|child|family|pupil)names?_"),
    (_NAME, r"(?<!_file)(?<!_programme)(?<!_team)(?<!_service)(?<!_event)(?<!_la)_names?_"),
    (_NAME, r"_(initials|surnames?|aliases|alias|aka|nok|next_of_kin)_"),
    (_POSTCODE, r"_(post_?codes?|postal_?codes?|pcodes?|pcd|zip_?codes?)_"),
    (_POSTCODE, r"_(home|pl|place|placement|carers?|parents?|mothers?|fathers?)_post_"),
    (
        _ADDRESS,
        r"_(address(es)?(line)?\d*|addr\d*|streets?|house_(no|num|number)|flat_(no|number))_",
    ),
    (_ADDRESS, r"_(uprn|usrn|easting|northing|latitude|longitude|lat_long|grid_ref)_"),
    (
        _BIRTH,
        r"_(dobs?|d_o_b|birth_?dates?|birth_?days?|date_(of_)?births?|dates_of_birth|born_on)_",
    ),
    (_NHS, r"_nhs_|_nhs(no|num|number|id)_"),
    (_UPN, r"_(former|previous|current)?upns?(no|number)?_|_(unique_)?pupil_(no|num|number)_"),
    (_ULN, r"_ulns?(no|number)?_|_(unique_)?learner_(no|num|number)_"),
    (_NINO, r"_(nino|ni_(no|num|number)|national_insurance)_"),
    (_EMAIL, r"_(e_?mails?|mail)_"),
    (_PHONE, r"_(tel|telephones?|phones?|mobiles?)(_?(no|num|number))?_"),
    (
        _CASE,
        r"_(l_?a_?child_?(id|no|number)|case_?(no|num|number|ref)|sw_id|hospital_?(no|number))_",
    ),
    (_DOCUMENT, r"_(passports?|driving_licence|home_office_(ref|no|number)|ho_ref|car_reg)_"),
)
# The same without any separator, for headers such as DATEOFBIRTH and nhsnumber.
_SQUASHED: Final = (
    (_NAME, r"forename|surname|firstname|lastname|fullname|maidenname|familyname|middlename"),
    (_POSTCODE, r"postcode|postalcode|homepost$|plpost$"),
    (_ADDRESS, r"address"),
    (_BIRTH, r"dateofbirth|birthdate|dobirth|dateborn"),
    (_NHS, r"nhsno|nhsnum"),
    (_UPN, r"uniquepupil|^(former|unknown)?upn\d*$"),
    (_ULN, r"uniquelearner|^uln\d*$"),
    (_NINO, r"nationalins"),
    (_EMAIL, r"email"),
    (_PHONE, r"telephone|phoneno|phonenum|mobileno|mobilenum"),
    (_CASE, r"lachildid|casenumber"),
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def named(header: str) -> str | None:
    """Say what identifier a column's name announces, if any: `HOME_POST` -> "a postcode"."""
    words = re.sub(r"[\W_]+", "_", f"_{_CAMEL.sub('_', header)}_").lower()
    squashed = re.sub(r"[\W_]", "", header).lower()
    for what, pattern in _WORDS:
        if re.search(pattern, words) or re.search(pattern, f"_{squashed}_"):
            return what
    return next((what for what, pattern in _SQUASHED if re.search(pattern, squashed)), None)


# A column is judged on this many of its distinct values, evenly spread: shares need no more.
_SAMPLE: Final = 2000
# Most of a column's values have to look alike. Chance alone makes 1 in 11 ten-digit numbers pass
# the NHS number's checksum, so a column of such ids has to pass five times as often.
_MOST: Final = 0.5
# A column that nobody needs may be refused on less.
_SOME: Final = 0.1
_ENOUGH_CHECKSUMS: Final = 5

_POSTCODE_FORM: Final = r"(?i)^(GIR ?0AA|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2})$"
_POSTCODE_WITHIN: Final = r"\b[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}\b"
# Within a text, one of these is one too many.
_WITHIN: Final = (
    (_POSTCODE, _POSTCODE_WITHIN),
    (_UPN, r"(?i)\b[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]\b"),
    (_PHONE, r"(\+44|\b0044|\b0) ?\(?[1237][0-9 )-]{8,12}"),
    (f"{_NHS} or {_ULN.removeprefix('a ')}", r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}\b"),
    (
        _BIRTH,
        r"\b(0?[1-9]|[12][0-9]|3[01])[/.-](0?[1-9]|1[0-2])[/.-](19|20)[0-9]{2}\b"
        r"|\b(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\b",
    ),
)
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
_CAPITAL: Final = "[A-ZÀ-ÖØ-Þ]"
_LETTER: Final = "A-Za-zÀ-ÖØ-öø-ÿ"
_WORD: Final = rf"{_CAPITAL}[{_LETTER}'’-]+"
_SEVERAL_WORDS: Final = rf"^{_WORD},?( {_WORD}|,? ?{_CAPITAL}\.?){{1,3}}$"
_ONE_WORD: Final = rf"^{_WORD}$"

# The most frequent given names and surnames in England (Office for National Statistics, baby names
# 2000 to 2020; surnames of the 1991 to 2001 registers): single words are names only if many of
# them are among these. Words that label other things (white, green, amber, summer) are left out.
_NAMES_TEXT: Final = """
    oliver jack harry george noah charlie jacob alfie freddie oscar leo logan archie theo thomas
    james joshua henry william lucas ethan arthur mohammed muhammad mohammad isaac harrison
    teddy finley daniel riley edward joseph alexander adam reggie samuel jaxon sebastian elijah
    harley toby arlo dylan jude benjamin rory tommy jake louie jenson hugo bobby frankie ollie
    zachary david albert lewis luca ronnie jackson matthew alex harvey reuben jayden caleb ryan
    luke callum connor liam nathan cameron kieran kyle bradley michael john robert paul amelia
    olivia emily isla ava ella jessica isabella mia sophie sophia grace evie scarlett chloe
    isabelle freya phoebe florence alice charlotte sienna matilda evelyn eva millie sofia lucy
    elsie imogen layla rosie maya esme elizabeth lola erin emilia molly ellie jasmine eliza
    lilly abigail georgia maisie eleanor hannah harriet bella thea annabelle emma amelie gracie
    martha penelope anna nancy zara maria darcie maryam megan darcey lottie mila heidi lexi
    lacey francesca robyn bethany julia sara aisha darcy zoe clara victoria beatrice hollie
    arabella sarah maddison leah katie aria ayesha amy mary susan margaret jane smith jones
    taylor brown williams wilson johnson davies robinson wright thompson evans walker roberts
    clarke patel khan phillips ahmed hussain ali begum singh kaur shah murphy kelly hughes
    edwards moore clark scott morris watson mitchell richardson cox miller
"""
_COMMON_NAMES: Final = frozenset(_NAMES_TEXT.split())


def found(values: pa.StringArray, role: Role) -> str | None:
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
        return _EMAIL
    sample = values
    if len(values) > _SAMPLE:
        sample = values.take(pa.array(np.linspace(0, len(values) - 1, _SAMPLE, dtype=np.int64)))
    least = _SOME if role == "extra" else _MOST
    if _share(sample, _POSTCODE_FORM) >= least:
        return _POSTCODE
    if role == "extra" and _any(values, _POSTCODE_WITHIN):
        return _POSTCODE
    if role == "extra" and _share(sample, _ADDRESS_FORM) >= least:
        return _ADDRESS
    if role == "text":
        within = next((what for what, pattern in _WITHIN if _any(values, pattern)), None)
        if within is not None:
            return within
    if _share(sample, _NINO_FORM) >= least:
        return _NINO
    return _numbered(sample, role, least) or _dated(sample, role) or _called(sample, role)


def _numbered(sample: pa.StringArray, role: Role, least: float) -> str | None:
    upns = _share(sample, _UPN_FORM)
    # Ids padded with zeros (A000000000123) have a UPN's form by accident: no authority is 000.
    if upns >= least and (role == "extra" or _share(sample, _PADDED) < _MOST * upns):
        return _UPN
    digits = _ten_digits(sample)
    for what, check in ((_NHS, _nhs_valid), (_ULN, _uln_valid)):
        valid = int(check(digits).sum())
        few = len(sample) < _ENOUGH_CHECKSUMS and valid == len(sample) and valid > 1
        if (valid >= _ENOUGH_CHECKSUMS or few) and valid >= _MOST * len(sample):
            return what
    if role != "extra":
        return None
    if len(digits) >= _MOST * len(sample) or _share(sample, _GROUPED_TEN) >= _SOME:
        return f"{_NHS} or {_ULN.removeprefix('a ')}"
    return _PHONE if _share(sample, _PHONE_FORM) >= _MOST else None


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
    """Judge ids that are dates; dates in columns that nobody needs are judged by `births`."""
    return _BIRTH if role == "identifier" and _share(sample, DATE_FORM) >= _MOST else None


def _called(sample: pa.StringArray, role: Role) -> str | None:
    several = _share(sample, _SEVERAL_WORDS)
    single = sample.filter(pc.match_substring_regex(sample, _ONE_WORD))
    words = pc.utf8_lower(pc.replace_substring_regex(sample, f"[^{_LETTER} ]", " "))
    common = _share_of_names(words)
    if role == "extra":
        # Category labels are few and come again; names are many.
        many = several >= _MOST and several * len(sample) >= 10
        return _NAME if many or common >= _MOST or (several >= _MOST and common >= _SOME) else None
    if role == "identifier":
        named_ids = several >= _MOST or (len(single) >= _MOST * len(sample) and common >= _SOME)
        return _NAME if named_ids else None
    return _NAME if common >= _MOST else None


def _share_of_names(words: pa.StringArray) -> float:
    """Share of the values that have a common given name or surname among their words."""
    lists = pc.split_pattern(words, " ")
    known = pc.is_in(lists.flatten(), pa.array(sorted(_COMMON_NAMES)))
    owners = pc.unique(lists.value_parent_indices().filter(known))
    return len(owners) / len(words)


BIRTH_SPREAD_YEARS: Final = 12
BIRTH_AGE_YEARS: Final = 3


def births(years: NDArray[np.int64], row_years: NDArray[np.int64]) -> str | None:
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
    return _BIRTH if high - low > BIRTH_SPREAD_YEARS or before >= BIRTH_AGE_YEARS else None


def full_dates(values: pa.StringArray) -> pa.BooleanArray:
    """Mark the values that are full dates, in any of the usual forms."""
    return pc.or_(
        pc.match_substring_regex(values, DATE_FORM), pc.match_substring_regex(values, _COMPACT_DATE)
    )


def _any(values: pa.StringArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, pattern)).as_py())


def _share(values: pa.StringArray, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(values, pattern).cast(pa.float64())).as_py())
