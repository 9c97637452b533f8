"""Code lists of the data contract: each code with a short label, and the value the trial uses.

Codes of the statutory returns (CIN census, SSDA903) are the returns' own; labels are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fvlib import protocol


@dataclass(frozen=True, slots=True)
class Code:
    """One code: how it is written, its label, the value it is read as, other spellings of it.

    `first`, `last`: the years of the collections (to 31 March) that have it, None without a bound.
    A code of another year is no fault: returns of several years are read together.
    """

    code: str
    label: str
    value: str
    also: tuple[str, ...] = ()
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class CodeList:
    """A named list of codes. Stray spaces and letter case never tell two codes apart."""

    name: str
    codes: tuple[Code, ...]
    several: bool = False  # several codes in one cell, `;` between
    alone: str | None = None  # the code that never stands beside another
    spellings: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spellings = {
            spelling.casefold(): entry.value
            for entry in self.codes
            for spelling in (entry.code, *entry.also)
        }
        object.__setattr__(self, "spellings", spellings)

    @property
    def written(self) -> tuple[str, ...]:
        """The codes as a file should hold them, in the list's order."""
        return tuple(entry.code for entry in self.codes)

    @property
    def values(self) -> tuple[str, ...]:
        """The values that the codes are read as, each once, in the list's order."""
        return tuple(dict.fromkeys(entry.value for entry in self.codes))


def _list(name: str, several: bool = False, alone: str | None = None, **labels: str) -> CodeList:
    codes = tuple(Code(code, label, code) for code, label in labels.items())
    return CodeList(name, codes, several, alone)


def _in_years(listed: CodeList, years: Mapping[str, tuple[int | None, int | None]]) -> CodeList:
    """Give codes the first and last year of the collections that have them."""
    codes = tuple(
        replace(code, first=first, last=last)
        for code in listed.codes
        for first, last in [years.get(code.code, (None, None))]
    )
    return replace(listed, codes=codes)


LA: Final = CodeList(
    "la", tuple(Code(la.key, la.name, la.key) for la in protocol.LOCAL_AUTHORITIES)
)

SEX: Final = CodeList(
    "sex",
    (
        Code("M", "male", "male", also=("1",)),
        Code("F", "female", "female", also=("2",)),
        Code("U", "unknown", "other", also=("0",)),
        Code("I", "indeterminate", "other", also=("9",)),
    ),
)

ETHNICITY: Final = _list(
    "ethnicity",
    WBRI="White British",
    WIRI="White Irish",
    WIRT="Traveller of Irish heritage",
    WOTH="other White",
    WROM="Gypsy or Roma",
    MWBC="White and Black Caribbean",
    MWBA="White and Black African",
    MWAS="White and Asian",
    MOTH="other mixed",
    AIND="Indian",
    APKN="Pakistani",
    ABAN="Bangladeshi",
    AOTH="other Asian",
    BCRB="Black Caribbean",
    BAFR="Black African",
    BOTH="other Black",
    CHNE="Chinese",
    OOTH="any other group",
    REFU="refused to say",
    NOBT="not yet obtained",
)

DISABILITY: Final = _list(
    "disability",
    several=True,
    alone="NONE",
    NONE="none",
    MOB="mobility",
    HAND="hand function",
    PC="personal care",
    INC="incontinence",
    COMM="communication",
    LD="learning",
    HEAR="hearing",
    VIS="vision",
    BEH="behaviour",
    CON="consciousness",
    AUT="autism",
    DDA="another disability",
)

_NEEDS: Final = (
    "not stated",
    "abuse or neglect",
    "child's disability or illness",
    "parent's disability or illness",
    "family in acute stress",
    "family dysfunction",
    "socially unacceptable behaviour",
    "low income",
    "absent parenting",
    "not a child in need",
)
PRIMARY_NEED: Final = CodeList(
    "primary need",
    tuple(Code(f"N{n}", label, str(n), also=(str(n),)) for n, label in enumerate(_NEEDS)),
)

PLAN_TYPE: Final = _list("plan type", CIN="child in need plan", CPP="child protection plan")

RNE: Final = _list(
    "reason for new episode",
    S="starts to be looked after",
    L="legal status changes",
    P="placement and carer change",
    T="placement changes, same carer",
    B="legal status, placement and carer change",
    U="legal status and placement change, same carer",
)

LEGAL_STATUS: Final = _list(
    "legal status",
    C1="interim care order",
    C2="full care order",
    D1="freeing order",
    E1="placement order",
    V2="accommodated under section 20",
    V3="short breaks, each recorded",
    V4="short breaks, the agreement recorded",
    J1="on remand",
    J2="placed under PACE 1984",
    J3="youth rehabilitation order with residence or fostering",
    L1="police protection",
    L2="emergency protection order",
    L3="child assessment order",
)

_PLACES: Final = _list(
    "placement",
    A3="adoption, consent, own foster carer",
    A4="adoption, consent, new carer",
    A5="adoption, placement order, own foster carer",
    A6="adoption, placement order, new carer",
    H5="semi-independent living",
    K1="secure children's home",
    K2="children's home",
    K3="supported accommodation",
    P1="own parents or others with parental responsibility",
    P2="independent living",
    P3="residential employment",
    R1="residential care home",
    R2="NHS or nursing establishment",
    R3="family centre or mother and baby unit",
    R5="young offender institution",
    S1="residential school",
    T0="temporary, any kind",
    T1="temporary, in hospital",
    T2="temporary, on holiday",
    T3="temporary, carer on holiday",
    T4="temporary, up to a week",
    U1="foster care, relative or friend, long term",
    U2="foster care, relative or friend, may adopt",
    U3="foster care, relative or friend, other",
    U4="foster care, other carer, long term",
    U5="foster care, other carer, may adopt",
    U6="foster care, other carer, other",
    Z1="other",
    Z11="other, first kind",
    Z12="other, second kind",
    Z13="other, third kind",
    Z14="other, fourth kind",
)
# Department for Education, SSDA903 guides: Z1 became Z11 to Z14 in the collection of 2025-26;
# independent living is no placement from October 2023.
PLACEMENT: Final = _in_years(
    _PLACES,
    {"P2": (None, 2024), "Z1": (None, 2025)}
    | dict.fromkeys(("Z11", "Z12", "Z13", "Z14"), (2026, None)),
)

EPISODE_END: Final = _list(
    "reason episode ceased",
    X1="goes on in a new episode",
    E11="adopted, unopposed",
    E12="adopted, consent dispensed with",
    E13="to relatives or others without parental responsibility",
    E14="remand ended",
    E15="found to be an adult",
    E16="moved abroad",
    E17="adult, stays with the carers",
    E2="died",
    E3="care taken over by another authority",
    E41="child arrangements order",
    E43="guardianship, former foster carers",
    E44="guardianship, others",
    E45="guardianship, former foster carer, relative or friend",
    E46="guardianship, former foster carer, no relative or friend",
    E47="guardianship, other carer, relative or friend",
    E48="guardianship, other carer, no relative or friend",
    E4A="home to a person with parental responsibility, planned",
    E4B="home to a person with parental responsibility, unplanned",
    E5="independent living, supported",
    E6="independent living, unsupported",
    E7="to adult residential care",
    E8="any other reason",
    E9="sentenced to custody",
)

PLACE_PROVIDER: Final = _list(
    "placement provider",
    PR0="parents",
    PR1="own authority",
    PR2="another authority",
    PR3="other public body",
    PR4="private",
    PR5="voluntary",
)

PLACE_CHANGE: Final = _list(
    "reason for change of placement",
    CARPL="care plan",
    CLOSE="provision closed",
    ALLEG="allegation",
    STAND="standards of care",
    APPRR="approval withdrawn",
    CREQB="carer asked, child's behaviour",
    CREQO="carer asked, other",
    CHILD="child asked",
    LAREQ="authority asked",
    PLACE="status of the placement only",
    CUSTOD="custody",
    OTHER="other",
)

TERM: Final = _list("term", autumn="autumn", spring="spring", summer="summer")

TIME_POINT: Final = CodeList(
    "time point",
    (
        Code("pre", "before the live date", "pre"),
        Code("6m", "6 months after it", "6m"),
        Code("12m", "12 months after it", "12m"),
        Code("24m", "24 months after it", "24m"),
    ),
)
SURVEY_TIME_POINT: Final = CodeList("survey time point", TIME_POINT.codes[1:])
FGC_TIME_POINT: Final = CodeList("FGC time point", TIME_POINT.codes[2:])

INDICATOR: Final = _list(
    "indicator",
    staff_trained_awareness="staff trained, awareness or more",
    staff_trained_deep_dive="staff trained, deep dive",
    partners_trained_police="partner staff trained, police",
    partners_trained_health="partner staff trained, health",
    partners_trained_education="partner staff trained, education",
    fgc_coordinators="FGC coordinators",
    new_restorative_staff="new restorative staff",
    vacancies="vacant posts, of all posts",
    caseload="average caseload",
)
# A share needs its denominator; people are counted whole (posts and caseloads may be fractions).
SHARE_INDICATORS: Final = frozenset(
    {"staff_trained_awareness", "staff_trained_deep_dive", "vacancies"}
)
MEAN_INDICATORS: Final = frozenset({"caseload"})
PEOPLE_INDICATORS: Final = frozenset(
    code for code in INDICATOR.written if code not in {"vacancies", "caseload"}
)

ROLE: Final = _list("role", manager="manager", practitioner="practitioner", other="other")
OTHER_LABEL: Final = "other"
TEAM: Final = CodeList(
    "team",
    tuple(
        Code(name, name, name)
        for name in (
            "assessment",
            "safeguarding",
            "children in care",
            "children with disabilities",
            "early help",
            "fostering and adoption",
            "leaving care",
            OTHER_LABEL,
        )
    ),
)
LEVEL: Final = CodeList(
    "level of a characteristic of families",
    tuple(
        Code(name, name, name)
        for name in (
            *(f"{first}-{last}" for _, first, last in protocol.AGE_BANDS),
            *("white", "mixed", "Asian", "black", *ETHNICITY.written),
            *("CIN", "CPP", "looked after", "early help"),
            *PRIMARY_NEED.written,
            OTHER_LABEL,
        )
    ),
)
SERVICE: Final = _list("service", fgc="family group conference", new_service="new service")
CHARACTERISTIC: Final = _list(
    "characteristic",
    all="all families",
    child_age_band="child's age band",
    ethnicity="ethnicity",
    status="status",
    primary_need="primary need",
)
EVENT: Final = _list(
    "training event",
    awareness="awareness raising",
    deep_dive="deep dive",
    theory_to_practice="theory to practice",
    seven_pillars="seven pillars",
)
