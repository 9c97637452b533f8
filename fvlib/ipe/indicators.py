"""The protocol's indicators as rows of data (protocol, IPE, Design: table of indicators).

A new indicator is one new row: it appears in `ipe.csv`, its table and its figure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import isnan
from typing import Final, Literal

from fvlib.contract import codes
from fvlib.contract.files import IPE_SURVEY

Source = Literal["admin", "survey", "fgc"]
# share: numerator of denominator; count: a number of persons or posts; mean: as it is sent.
Kind = Literal["share", "count", "mean"]
Direction = Literal["at least", "at most", "more than before"]

MET: Final = "met"
NOT_MET: Final = "not met"
BEFORE: Final = "pre"
AGREE: Final = 4  # data contract: agree = 4 or 5
FURTHER_PREFIX: Final = IPE_SURVEY.further_prefix or "rq4_"

# Months from the live date (protocol, IPE, Methods: Data collection).
MONTHS_FROM_LIVE: Final = {"pre": -3, "6m": 6, "12m": 12, "24m": 24}
ALL_TIMES: Final = codes.TIME_POINT.written
FOLLOW_UPS: Final = codes.SURVEY_TIME_POINT.written
FGC_TIMES: Final = codes.FGC_TIME_POINT.written


@dataclass(frozen=True, slots=True)
class Threshold:
    """A suggested threshold: proportions as proportions; `None` is the value before go-live."""

    direction: Direction
    value: float | None = None

    def judge(self, value: float, before: float | None) -> str:
        """Say whether a value meets the threshold; empty where there is nothing to compare with.

        Parameters
        ----------
        value
            The exact value.
        before
            The same indicator's value before go-live, for `more than before`.
        """
        line = before if self.direction == "more than before" else self.value
        if line is None or isnan(line) or isnan(value):
            return ""
        holds = {
            "at least": value >= line,
            "at most": value <= line,
            "more than before": value > line,
        }
        return MET if holds[self.direction] else NOT_MET


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row of the protocol's table.

    Attributes
    ----------
    id
        Name in `ipe.csv`.
    label
        In tables and figures.
    question
        Research question: 1a to 4c.
    source
        Which return it comes from.
    kind
        What its value is.
    formula
        How it is made from the return, in words.
    threshold
        Suggested in the protocol; None where it determines none.
    time_points
        When the protocol collects it.
    persons
        Whether it counts persons, and so falls under the disclosure rule; posts and services
        don't.
    section
        Where the protocol has it.
    """

    id: str
    label: str
    question: str
    source: Source
    kind: Kind
    formula: str
    threshold: Threshold | None
    time_points: tuple[str, ...]
    persons: bool
    section: str


_SECTION: Final = "IPE, Design, table of indicators"
_STAFF_SHARE: Final = Threshold("at least", 0.70)

_trained = Indicator(
    id="staff_trained_awareness",
    label="Staff trained, awareness or more",
    question="1a",
    source="admin",
    kind="share",
    formula="frontline staff and leaders trained, of all",
    threshold=_STAFF_SHARE,
    time_points=FOLLOW_UPS,
    persons=True,
    section=_SECTION,
)
_partners = partial(
    replace, _trained, kind="count", formula="partner staff trained", threshold=None
)
_survey = Indicator(
    id="",
    label="",
    question="1b",
    source="survey",
    kind="share",
    formula="answers of 4 or 5, of those who answered the item",
    threshold=_STAFF_SHARE,
    time_points=FOLLOW_UPS,
    persons=True,
    section=_SECTION,
)
_fgc = Indicator(
    id="",
    label="",
    question="3a",
    source="fgc",
    kind="count",
    formula="families reached",
    threshold=None,
    time_points=FGC_TIMES,
    persons=True,
    section=_SECTION,
)

INDICATORS: Final = (
    _trained,
    replace(
        _trained, id="staff_trained_deep_dive", label="Staff trained, deep dive", threshold=None
    ),
    _partners(id="partners_trained_police", label="Partner staff trained: police"),
    _partners(id="partners_trained_health", label="Partner staff trained: health"),
    _partners(id="partners_trained_education", label="Partner staff trained: education"),
    replace(
        _trained, id="fgc_coordinators", label="FGC coordinators", kind="count",
        formula="coordinators recruited and trained", threshold=Threshold("more than before"),
        time_points=ALL_TIMES, persons=False,
    ),
    replace(
        _trained, id="new_restorative_staff", label="New restorative staff", kind="count",
        formula="staff recruited to new or restructured services", threshold=None, persons=False,
    ),
    replace(
        _trained, id="vacancies", label="Vacancy rate", question="1b",
        formula="vacant posts, of all posts", threshold=Threshold("at most", 0.20),
        time_points=ALL_TIMES, persons=False,
    ),
    replace(
        _trained, id="caseload", label="Average caseload", question="1b", kind="mean",
        formula="the mean that the authority sends", threshold=Threshold("at most", 17.0),
        time_points=ALL_TIMES, persons=False,
    ),
    replace(_survey, id="leadership_support", label="Leaders support the model"),
    replace(_survey, id="time_direct_work", label="Enough time for direct work"),
    replace(_survey, id="time_full_model", label="Enough time to use the model fully"),
    replace(
        _survey, id="change_managed", label="Satisfied with how change was managed", question="3b"
    ),
    replace(_survey, id="job_satisfaction", label="Satisfied in the job", question="3b"),
    replace(_survey, id="intend_to_stay", label="Intends to stay", question="3b"),
    replace(_survey, id="prepared", label="Prepared and supported", question="3b"),
    replace(_survey, id="confident", label="Confident to change practice", question="3b"),
    replace(_fgc, id="families_reached_fgc", label="Families reached: FGC"),
    replace(_fgc, id="families_reached_new_service", label="Families reached: new services"),
    replace(
        _fgc, id="conversion_rate", label="Conversion rate, referral to FGC", kind="share",
        formula="FGCs held, of families referred",
    ),
    replace(
        _fgc, id="agreed_plans", label="FGCs with an agreed plan", kind="share",
        formula="FGCs with an agreed plan, of FGCs held",
    ),
)  # fmt: skip
INDICATOR_OF: Final = {row.id: row for row in INDICATORS}


def further_item(name: str) -> Indicator:
    """Return the row of a survey item that the return adds for research question 4."""
    words = name.removeprefix(FURTHER_PREFIX).replace("_", " ").strip()
    return replace(
        _survey,
        id=name,
        label=words[:1].upper() + words[1:],
        question="4a",
        threshold=None,
        time_points=("12m",),
    )


def indicator_of(name: str) -> Indicator:
    """Look up an indicator, the survey's further items included."""
    return INDICATOR_OF.get(name) or further_item(name)
