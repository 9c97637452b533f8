"""The children in need census, as XML: Message > Header, Children > Child > CINdetails.

Source: Department for Education, "Children in need census" guides, 2017 to 2026. From the
collection of 2022 there are CIN plan dates, from 2025 `Sex` stands in place of `GenderCurrent`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from fvlib.contract.codes import DISABILITY
from fvlib.contract.files import CHILDREN, PLANS, REFERRALS
from fvlib.contract.spreadsheet import is_null_word, undo_number
from fvlib.errors import Refusal
from fvlib.statutory.collections import refuse_unread, warn_of_readings
from fvlib.statutory.pseudonym import Pseudonyms
from fvlib.statutory.returns import CHILD_COLUMNS, PLAN_COLUMNS, REFERRAL_COLUMNS, Return, RowBuffer
from fvlib.statutory.values import (
    CodeReader,
    DateReader,
    IdReader,
    MonthReader,
    clear_null_words,
    is_date,
    read_count,
    read_flag,
)
from fvlib.statutory.xml_records import (
    Opening,
    Spelling,
    leaves_and_groups,
    local_name,
    records,
    text_of,
)

OPENING_TEXTS: Final = frozenset({"Collection"})
# Department for Education's numbers of the trial's authorities.
LEA_NUMBERS: Final = MappingProxyType(
    {
        "warwickshire": "937",
        "newcastle": "391",
        "coventry": "331",
        "solihull": "334",
        "sefton": "343",
    }
)
# Codes of the Office for National Statistics, by which some systems name the authority.
_GSS_CODES: Final = MappingProxyType(
    {
        "warwickshire": "E10000031",
        "newcastle": "E08000021",
        "coventry": "E08000026",
        "solihull": "E08000029",
        "sefton": "E08000014",
    }
)
# What the census has and the contract has no place for, by the group in which it stands.
_NOT_HELD: Final = frozenset(
    {
        "PersonDeathDate",
        "ReferralSource",
        "ReasonForClosure",
        "DateOfInitialCPC",
        "Assessments",
        "Section47",
        "PreProceedingsandFGDM",
        "InitialCategoryOfAbuse",
        "LatestCategoryOfAbuse",
        "Reviews",
    }
)
_HELD: Final = frozenset(
    {
        "CINreferralDate",
        "CINclosureDate",
        "PrimaryNeedCode",
        "ReferralNFA",
        "CINPlanDates",
        "ChildProtectionPlans",
        "CINPlanStartDate",
        "CINPlanEndDate",
        "CPPstartDate",
        "CPPendDate",
        "NumberOfPreviousCPP",
    }
)
# What is read, as the census's schema spells it.
CENSUS_ELEMENTS: Final = (
    *("Message", "Header", "Child", "ChildIdentifiers", "LAchildID", "PersonBirthDate"),
    *("ChildCharacteristics", "Ethnicity", "Disabilities", "CINdetails", *sorted(_HELD)),
)
CENSUS_CODES: Final = ("GenderCurrent", "Sex", "ExpectedPersonBirthDate")
# What the schema has in each group that is read, and no other group: elsewhere it is not found.
_WITHIN: Final = MappingProxyType(
    {
        "Child": frozenset({"ChildIdentifiers", "ChildCharacteristics", "CINdetails"}),
        "ChildIdentifiers": frozenset(
            {"LAchildID", "UPN", "FormerUPN", "UPNunknown", "PersonBirthDate", "PersonDeathDate"}
        ).union(CENSUS_CODES),
        "ChildCharacteristics": frozenset({"Ethnicity", "Disabilities"}),
        "CINdetails": frozenset(
            {"CINreferralDate", "CINclosureDate", "PrimaryNeedCode", "ReferralNFA"}
            | {"CINPlanDates", "ChildProtectionPlans", "ReferralSource", "ReasonForClosure"}
            | {"DateOfInitialCPC", "Assessments", "Section47", "PreProceedingsandFGDM"}
        ),
        "CINPlanDates": frozenset({"CINPlanStartDate", "CINPlanEndDate"}),
        "ChildProtectionPlans": frozenset(
            {"CPPstartDate", "CPPendDate", "NumberOfPreviousCPP", "Reviews"}
            | {"InitialCategoryOfAbuse", "LatestCategoryOfAbuse"}
        ),
    }
)
# The element that a column of the contract is read from.
_ELEMENTS: Final = MappingProxyType(
    {
        "sex": "Sex or GenderCurrent",
        "ethnicity": "Ethnicity",
        "disability": "Disabilities",
        "referral_nfa": "ReferralNFA",
        "primary_need": "PrimaryNeedCode",
        "n_previous_cpp": "NumberOfPreviousCPP",
    }
)
_DISABILITIES: Final = DISABILITY.spellings.keys()
_COLLECTION_DAY: Final = (3, 31)
_DAY_FIRST: Final = re.compile(r"\A(\d{2})/(\d{2})/(\d{4})")


def is_cin_census(opening: Opening) -> bool:
    """Whether a file's beginning is that of a CIN census return."""
    if opening.root.casefold() != "message":
        return False
    collection = opening.texts.get("Collection")
    if collection is None:
        return "childidentifiers" in {name.casefold() for name in opening.names}
    return collection.casefold() in {"cin", "cin census", "children in need"}


def is_authority(la: str, written: str) -> bool:
    """Whether a text names an authority, by number, code or name; an empty one names none.

    >>> is_authority("sefton", "Sefton MBC"), is_authority("sefton", "343.0")
    (True, True)
    >>> is_authority("sefton", "Kent")
    False
    """
    text = undo_number(written)
    numbers = (LEA_NUMBERS[la], _GSS_CODES[la])
    return not text or text.upper() in numbers or la in text.casefold()


def read_cin_census(path: Path, name: str, ids: Pseudonyms, seen: Collection[str] = ()) -> Return:
    """Read a CIN census return, a child at a time.

    Parameters
    ----------
    path, name
        The file, and its name in messages.
    ids
        Makes the ids; what identifies a child is gone when the child's element is.
    seen
        Names of elements in the file's beginning.

    Returns
    -------
    Return
        Children, referrals and plans.

    Raises
    ------
    Refusal
        When the file is not well formed, beyond the bounds, or mixes date forms in an element.
    """
    read = Return(name, "CIN census")
    reader = _CensusReader(read, ids)
    reader.spelling.look(seen)
    header: dict[str, str] = {}
    for element in records(path, name, "Child", also="Header"):
        reader.spelling.look([local_name(element)])
        if local_name(element) == "Header":
            header = {local_name(leaf): text_of(leaf) for leaf in element.iter() if not len(leaf)}
        else:
            reader.child(element)
    _refuse_other_authority(read, header, ids.la)
    reader.finish()
    _date(read, header)
    return read


class _CensusReader:
    """Turns children's elements into rows of the contract."""

    def __init__(self, read: Return, ids: Pseudonyms) -> None:
        self._read, self._ids = read, ids
        unfit = read.unfit
        self._child_id = IdReader("LAchildID", ids)
        self._children = RowBuffer(CHILD_COLUMNS)
        self._referrals = RowBuffer(REFERRAL_COLUMNS)
        self._plans = RowBuffer(PLAN_COLUMNS)
        self._sex = CodeReader("children", CHILDREN.column("sex"), unfit)
        self._ethnicity = CodeReader("children", CHILDREN.column("ethnicity"), unfit)
        self._disability = CodeReader("children", CHILDREN.column("disability"), unfit)
        self._need = CodeReader("referrals", REFERRALS.column("primary_need"), unfit)
        self._birth = MonthReader("PersonBirthDate", unfit)
        self._expected = self._unknown = 0  # children without a birth date, with and without a due
        others = frozenset({"Disability", "CPPreviewDate", "PPStartDate"}).union(*_WITHIN.values())
        self.spelling = Spelling((*CENSUS_ELEMENTS, *CENSUS_CODES), others)
        self._undated: Counter[str] = Counter()  # groups of plans in which no date was found
        self._strange = 0  # elements where the schema has none of their name
        self._further = 0  # referrals of a day on which the child has another
        self._kinds: set[str] = set()
        self._dates = {
            element: DateReader(file.name, column, element, unfit)
            for element, file, column in (
                ("CINreferralDate", REFERRALS, "referral_date"),
                ("CINclosureDate", REFERRALS, "closure_date"),
                ("CINPlanStartDate", PLANS, "start_date"),
                ("CINPlanEndDate", PLANS, "end_date"),
                ("CPPstartDate", PLANS, "start_date"),
                ("CPPendDate", PLANS, "end_date"),
            )
        }

    def child(self, element: Any) -> None:
        """Add a child, its referrals and its plans."""
        leaves, groups = leaves_and_groups(element)
        self._look("Child", (*leaves, *groups))
        who = (
            self._texts(groups["ChildIdentifiers"][0], "ChildIdentifiers")
            if "ChildIdentifiers" in groups
            else {}
        )
        identifier = who.get("LAchildID", "")
        child = self._child_id(identifier)
        birth = self._birth(who.get("PersonBirthDate", ""))
        if not birth:
            self._expected += bool(who.get("ExpectedPersonBirthDate"))
            self._unknown += not who.get("ExpectedPersonBirthDate")
        ethnicity, disabilities = "", []
        for group in groups.get("ChildCharacteristics", ()):
            texts, lists = leaves_and_groups(group)
            self._look("ChildCharacteristics", (*texts, *lists))
            ethnicity = self._cleared(texts).get("Ethnicity", "")
            listed = [text_of(one) for all in lists.get("Disabilities", ()) for one in all]
            disabilities = [text for text in listed if not is_null_word(text, _DISABILITIES)]
        self._children.append(
            (
                child,
                birth,
                self._sex(who.get("GenderCurrent") or who.get("Sex", "")),
                self._ethnicity(ethnicity),
                self._disability.several(disabilities),
                "",
            )
        )
        if "PersonDeathDate" in who:
            self._read.not_held["PersonDeathDate"] += 1
        cases = [self._details(child, group) for group in groups.get("CINdetails", ())]
        for case, nth in zip(cases, _nth_of_day(cases), strict=True):
            referral_id = self._ids.referral(identifier, case[0], nth)
            self._referrals.append((child, referral_id, *case))
            self._further += nth > 0

    def finish(self) -> None:
        """Hand over the rows."""
        read = self._read
        read.children = self._children.frame()
        read.referrals = self._referrals.frame()
        read.plans = self._plans.frame()
        self.spelling.refuse(read.file)
        self._child_id.refuse_cut(read.file)
        self._birth.dates.refuse_unclear(read.file, len(read.children))
        for element, reader in self._dates.items():
            of_plan = "Plan" in element or "CPP" in element
            reader.refuse_unclear(read.file, len(read.plans if of_plan else read.referrals))
        refuse_unread(read, _ELEMENTS)
        read.due = self._expected
        warn_of_readings(read, [self._birth.dates, *self._dates.values()])
        self._note()

    def _note(self) -> None:
        notes = self._read.notes
        if self._strange:
            self._read.alarms.append(
                f"elements that the census's schema doesn't have, or not in their place: "
                f"{self._strange:,}. What they hold is not read. Compare the names with the "
                "Department's schema and export the return again"
            )
        if not len(self._read.children):
            notes.append("has no Child element with anything in it")
        if self._further:
            notes.append(
                "second referrals of a child on one day, which differ from the first and have ids "
                f"of their own: {self._further:,}"
            )
        if self._expected:
            notes.append(f"children expected, but not born at the collection: {self._expected:,}")
        if self._unknown:
            notes.append(
                "children with neither a birth date nor an expected one (empty, which reads as not "
                f"born): {self._unknown:,}"
            )
        for kind, groups in sorted(self._undated.items()):
            notes.append(f"{kind} plans with neither a start nor an end, left out: {groups:,}")
        if "CIN" not in self._kinds:
            notes.append("has no CIN plans (the census asks for them from 2022)")
        if "CPP" not in self._kinds:
            notes.append("has no child protection plans")

    def _details(self, child: str, element: Any) -> tuple[str, str, str, str]:
        """Add a case's plans; return its referral: day, no further action, closure, need."""
        texts, groups = leaves_and_groups(element)
        self._look("CINdetails", (*texts, *groups))
        self._cleared(texts)
        self._count_not_held(texts, groups)
        referral = (
            self._dates["CINreferralDate"](texts.get("CINreferralDate", "")),
            read_flag("referrals", "referral_nfa", texts.get("ReferralNFA", ""), self._read.unfit),
            self._dates["CINclosureDate"](texts.get("CINclosureDate", "")),
            self._need(texts.get("PrimaryNeedCode", "")),
        )
        for group in groups.get("CINPlanDates", ()):
            self._plan(
                child,
                "CIN",
                self._texts(group, "CINPlanDates"),
                "CINPlanStartDate",
                "CINPlanEndDate",
            )
        for group in groups.get("ChildProtectionPlans", ()):
            plan, reviews = leaves_and_groups(group)
            self._look("ChildProtectionPlans", (*plan, *reviews))
            self._cleared(plan)
            self._count_not_held(plan, reviews)
            self._plan(child, "CPP", plan, "CPPstartDate", "CPPendDate")
        return referral

    def _texts(self, group: Any, name: str) -> dict[str, str]:
        texts, groups = leaves_and_groups(group)
        self._look(name, (*texts, *groups))
        return self._cleared(texts)

    def _look(self, group: str, names: Collection[str]) -> None:
        """Watch for elements that the schema doesn't have in this group: they are not read."""
        self.spelling.look(names)
        self._strange += sum(name not in _WITHIN[group] for name in names)

    def _cleared(self, texts: dict[str, str]) -> dict[str, str]:
        return clear_null_words(texts, self._read.null_words)

    def _plan(self, child: str, kind: str, plan: dict[str, str], start: str, end: str) -> None:
        previous = read_count(
            "referrals", "n_previous_cpp", plan.get("NumberOfPreviousCPP", ""), self._read.unfit
        )
        begins = self._dates[start](plan.get(start, ""))
        ends = self._dates[end](plan.get(end, ""))
        if not begins and not ends:  # an empty group is no plan
            self._undated[kind] += any(plan.values())
            return
        self._kinds.add(kind)
        self._plans.append((child, kind, begins, ends, previous))

    def _count_not_held(self, texts: dict[str, str], groups: dict[str, list[Any]]) -> None:
        for name in texts.keys() - _HELD:
            self._not_held(name, 1 if texts[name] else 0)
        for name in groups.keys() - _HELD:
            self._not_held(name, len(groups[name]))

    def _not_held(self, name: str, n: int) -> None:
        # A name that is not the census's may be anything, so it isn't told.
        self._read.not_held[name if name in _NOT_HELD else "elements not of the census"] += n


def _nth_of_day(cases: list[tuple[str, str, str, str]]) -> list[int]:
    """Tell apart a child's differing referrals of one day, from 0 on; equal ones share a number.

    The one that was open longest comes first: it is the one that comes again in later returns.
    """
    if len({case[0] for case in cases}) == len(cases):
        return [0] * len(cases)
    of_day: dict[str, list[tuple[str, str, str, str]]] = {}
    for case in sorted(set(cases), key=lambda case: (case[1], case[3])):
        of_day.setdefault(case[0], []).append(case)
    place = {
        case: nth
        for same in of_day.values()
        for nth, case in enumerate(sorted(same, key=lambda case: case[2] or "9", reverse=True))
    }
    return [place[case] for case in cases]


def _date(read: Return, header: dict[str, str]) -> None:
    stated, year = header.get("ReferenceDate", "")[:10], header.get("Year", "")
    read.exported = _exported(header.get("DateTime", ""))
    of_year = date(int(year), *_COLLECTION_DAY) if _is_year(year) else None
    if is_date(stated):
        read.collected, read.dated_by = date.fromisoformat(stated).toordinal(), "reference date"
        if of_year and stated[:4] != year:
            read.notes.append(
                f"its Year, {year}, is not that of its ReferenceDate, {stated}; the date holds"
            )
    elif of_year:
        read.collected, read.dated_by = of_year.toordinal(), "Year"
        read.notes.append("has no ReferenceDate that can be read; 31 March of its Year holds")
    else:
        read.notes.append("says no collection date; taken as older than every dated return")


def _exported(text: str) -> int:
    """Return a time as seconds, 0 for what is none; without a zone it is taken as Greenwich's."""
    try:
        written = datetime.fromisoformat(_DAY_FIRST.sub(r"\3-\2-\1", text.strip()))
    except ValueError:
        return 0
    return int((written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp())


def _is_year(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) == 4 and text >= "1990"


def _refuse_other_authority(read: Return, header: dict[str, str], la: str) -> None:
    written = header.get("LEA") or header.get("LA", "")
    if not is_authority(la, written):
        number = undo_number(written)
        named = number if number.isdigit() and len(number) == len(LEA_NUMBERS[la]) else "another"
        raise Refusal(
            f"{read.file}: names authority {named} as LEA, but {la} is {LEA_NUMBERS[la]}. "
            f"Expected: returns of {la} alone. Take the file away, or say --la rightly."
        )
