"""What identifies a person within a text: patterns and common names, each said once.

`identifier_in` judges the texts that a report prints (reasons in params); columns of extracts are
judged as a whole by `fvlib.intake.identifiers`.
"""

from __future__ import annotations

import re
from typing import Final

NAME: Final = "a person's name"
ADDRESS: Final = "an address"
POSTCODE: Final = "a postcode"
BIRTH: Final = "a full date of birth"
NHS: Final = "an NHS number"
UPN: Final = "a unique pupil number (UPN)"
ULN: Final = "a unique learner number (ULN)"
NINO: Final = "a National Insurance number"
EMAIL: Final = "an e-mail address"
PHONE: Final = "a telephone number"
CASE: Final = "an authority's own case number"
DOCUMENT: Final = "an official document's number"

POSTCODE_WITHIN: Final = r"\b[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}\b"
# Within a text, one of these is one too many.
WITHIN: Final = (
    (POSTCODE, POSTCODE_WITHIN),
    (UPN, r"(?i)\b[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]\b"),
    (PHONE, r"(\+44|\b0044|\b0) ?\(?[1237][0-9 )-]{8,12}"),
    (f"{NHS} or {ULN.removeprefix('a ')}", r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}\b"),
    (
        BIRTH,
        r"\b(0?[1-9]|[12][0-9]|3[01])[/.-](0?[1-9]|1[0-2])[/.-](19|20)[0-9]{2}\b"
        r"|\b(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\b",
    ),
)

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
COMMON_NAMES: Final = frozenset(_NAMES_TEXT.split())


_EMAIL_WITHIN: Final = re.compile(r"[^@\s]+@[^@\s.]+\.[^@\s]+")
_NINO_WITHIN: Final = re.compile(
    r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", re.IGNORECASE
)
_TWO_CAPITALS: Final = re.compile(r"\b([A-Z][a-z'’-]+) (?:[A-Z]\.? )?([A-Z][a-z'’-]+)\b")


def identifier_in(text: str) -> str | None:
    """Say what in a text identifies a person, if anything; a date alone is none.

    >>> identifier_in("The order was changed with DfE's agreement on 10/03/2021.")
    >>> identifier_in("Agreed with Sarah Jones by telephone.")
    "a person's name"
    """
    if _EMAIL_WITHIN.search(text):
        return EMAIL
    for what, pattern in WITHIN:
        if what != BIRTH and re.search(pattern, text):
            return what
    if _NINO_WITHIN.search(text):
        return NINO
    pairs = _TWO_CAPITALS.findall(text)
    called = any({one.casefold(), other.casefold()} & COMMON_NAMES for one, other in pairs)
    return NAME if called else None
