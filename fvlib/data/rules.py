"""The rules of the data contract, as data: what is checked, why, and what a breach leads to.

The rows here say what every part of the package calls a rule, and tell it to people; `screening.py`
and `source.py` carry them out, reading limits and columns from `files.py`, and `trial/spells.py`
those by which a child's rows are read together.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from fvlib.data.files import (
    ATTENDANCE,
    CARE_EPISODES,
    CHILDREN,
    FILES,
    IPE_ADMIN,
    IPE_FGC,
    IPE_SURVEY,
    IPE_TRAINING,
    LA_FILES,
    LONGEST_IDENTIFIER,
    LONGEST_TEXT,
    PLANS,
    SESSIONS_IN_A_YEAR,
    WITHDRAWALS,
    Kind,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id as reports and set-aside files print it, its outcome, the files it reads.

    `refused`: the whole refresh is. `set aside`: the row is, for the authority to correct.
    `resolved`: the row stays (or one of several equal rows does), by the stated rule; counted.
    `decided`: the row stays as it is; how it was read beside the child's other rows is counted.
    """

    id: str
    outcome: Literal["refused", "set aside", "resolved", "decided"]
    files: tuple[str, ...]
    checks: str
    why: str


def part_rule(part: str, whole: str) -> str:
    """Return the id of the rule that a part is not more than its whole."""
    return f"{part} over {whole}"


_EVERY: Final = tuple(FILES)
_JUDGED: Final = tuple(name for name in FILES if name != WITHDRAWALS.name)
_OF_CHILDREN: Final = tuple(name for name in LA_FILES if name != CHILDREN.name)
_WITH_SPAN: Final = tuple(spec.name for spec in FILES.values() if spec.ends)
_WITH_KEY: Final = tuple(spec.name for spec in FILES.values() if spec.key)


def _having(*kinds: Kind, **attributes: object) -> tuple[str, ...]:
    """Name the files, withdrawals apart, with a column of one of the kinds and the attributes."""
    return tuple(
        name
        for name in _JUDGED
        if any(
            (column.kind in kinds or not kinds)
            and all(getattr(column, key) == value for key, value in attributes.items())
            for column in (*FILES[name].columns, *filter(None, (FILES[name].further,)))
        )
    )


_REFUSALS: Final = (
    Rule(
        "identifier by name",
        "refused",
        _EVERY,
        "no column's name says that it holds a name, address, postcode, full date of birth, "
        "NHS number, UPN, ULN, e-mail address, telephone number or the like",
        "the trial holds no identifying data; read before any row is",
    ),
    Rule(
        "identifier by content",
        "refused",
        _EVERY,
        "no column's values look like such identifiers, whatever its name",
        "an innocent header can stand over identifying data",
    ),
    Rule(
        "missing file",
        "refused",
        _EVERY,
        "every file is there, as CSV or as Parquet and not as both; "
        "ipe_training and withdrawals may lack",
        "a file that was forgotten would read as no events at all",
    ),
    Rule(
        "file of 0 bytes",
        "refused",
        _EVERY,
        "every file has a header row",
        "an empty extract has its header; a file without one is an export that failed",
    ),
    Rule(
        "missing column",
        "refused",
        _EVERY,
        "every column of the contract is there",
        "a column that isn't sent can't be told from one that is wholly missing",
    ),
    Rule(
        "repeated column",
        "refused",
        _EVERY,
        "no two columns have the same name",
        "nothing says which of them counts",
    ),
    Rule(
        "another separator",
        "refused",
        _EVERY,
        "values are separated by commas",
        "guessing the separator can shift columns",
    ),
    Rule(
        "unreadable encoding",
        "refused",
        _EVERY,
        "the file is UTF-8 text, with or without a byte-order mark",
        "other encodings turn letters into others in silence",
    ),
    Rule(
        "broken rows",
        "refused",
        _EVERY,
        "every row has as many values as the header, quotes are closed, no value runs over lines",
        "a comma or quote out of place shifts values into other columns",
    ),
    Rule(
        "mixed date forms",
        "refused",
        _having("date"),
        "a column's dates are all YYYY-MM-DD or all DD/MM/YYYY, never month first",
        "03/04/2021 can't be read with certainty beside another form",
    ),
    Rule(
        "withdrawal unclear",
        "refused",
        (WITHDRAWALS.name,),
        "every withdrawal names one of the five authorities and a child",
        "a withdrawal that can't be carried out must stop the run",
    ),
)

_VALUE_RULES: Final = (
    Rule(
        "missing value",
        "set aside",
        _having(may_be_empty=False),
        "keys, starts, referral_nfa and the codes that a row needs are not empty",
        "without it the row can't be placed",
    ),
    Rule(
        "not an identifier",
        "set aside",
        _having("identifier"),
        f"an identifier has at most {LONGEST_IDENTIFIER} characters, all of them printable",
        "longer ones are values that ran together",
    ),
    Rule(
        "text too long",
        "set aside",
        _having("text"),
        f"a text has at most {LONGEST_TEXT} characters",
        "longer ones are values that ran together",
    ),
    Rule(
        "unknown code",
        "set aside",
        _having("code", "code list", checked=True),
        "a code stands in its list; stray spaces and letter case don't matter",
        "a code that isn't in the list can't be read as another",
    ),
    Rule(
        "none beside another code",
        "set aside",
        _having("code list"),
        "NONE stands alone",
        "no disability and a disability exclude each other",
    ),
    Rule(
        "not 0 or 1",
        "set aside",
        _having("flag"),
        "a yes-or-no column holds 0 or 1",
        "other spellings of yes differ between systems",
    ),
    Rule(
        "not a date",
        "set aside",
        _having("date"),
        "a date is in the calendar, written YYYY-MM-DD or DD/MM/YYYY",
        "31 February has no nearest day",
    ),
    Rule(
        "not a month",
        "set aside",
        _having("month"),
        "a month is written YYYY-MM",
        "ages are taken from it",
    ),
    Rule(
        "not an academic year",
        "set aside",
        _having("academic year"),
        "a school year is written 2019/20, its second part the year after",
        "a single year could be either",
    ),
    Rule(
        "not a number",
        "set aside",
        _having("count", "number"),
        "a number is written in digits, without a percent sign or thousands separator",
        "anything else is a note, not a number",
    ),
    Rule(
        "not a whole number",
        "set aside",
        (*_having("count"), IPE_ADMIN.name),
        "counts, scores and people are whole numbers",
        "a fraction is a percentage or a mean where a count belongs",
    ),
    Rule(
        "out of range",
        "set aside",
        _having("count", "number"),
        "a number is not negative, a survey item 1 to 5, sessions at most "
        f"{SESSIONS_IN_A_YEAR} a term",
        "outside that it can't be what the column says",
    ),
)

_ROW_RULES: Final = (
    Rule(
        "end before start",
        "set aside",
        _WITH_SPAN,
        "a row doesn't end before it starts",
        "nothing says which of the two dates is wrong",
    ),
    Rule(
        "start before 1990",
        "set aside",
        (*_WITH_SPAN, ATTENDANCE.name),
        "a row doesn't start before 1990-01-01",
        "no child of the trial was born then; 1900 is a spreadsheet's zero",
    ),
    Rule(
        "start after data_through",
        "set aside",
        (*_WITH_SPAN, ATTENDANCE.name),
        "a row, or its school term, doesn't start after the authority's data_through",
        "the extract isn't complete for that time, so the date or data_through is wrong",
    ),
    Rule(
        "birth month after data_through",
        "set aside",
        (CHILDREN.name,),
        "a birth month isn't after the authority's data_through",
        "an expected birth is left empty",
    ),
    *(
        Rule(
            part_rule(part, whole),
            "set aside",
            (spec.name,),
            f"{part} is not more than {whole}",
            "a part can't be more than the whole",
        )
        for spec in FILES.values()
        for part, whole in spec.parts
    ),
    Rule(
        part_rule("numerator", "denominator"),
        "set aside",
        (IPE_ADMIN.name,),
        "a numerator is not more than its denominator, but for the caseload, a mean",
        "a part can't be more than the whole",
    ),
    Rule(
        "denominator missing",
        "set aside",
        (IPE_ADMIN.name,),
        "trained staff and vacancies come with how many there are in all",
        "without it a share can't be told, and a percentage isn't a count",
    ),
    Rule(
        "denominator zero",
        "set aside",
        (IPE_ADMIN.name,),
        "a denominator is more than zero",
        "there is no share of nothing",
    ),
    Rule(
        "level missing",
        "set aside",
        (IPE_FGC.name,),
        "a row that splits families says which group it counts",
        "without it the row can't be placed",
    ),
    Rule(
        "time point before live date",
        "set aside",
        (IPE_ADMIN.name, IPE_SURVEY.name, IPE_FGC.name, IPE_TRAINING.name),
        "no return from after the live date where the authority isn't live by data_through",
        "6 months after a day that hasn't come can't have been seen",
    ),
    Rule(
        "duplicate key",
        "set aside",
        _WITH_KEY,
        "rows that share a key are identical",
        "nothing says which of them is right: all are set aside",
    ),
    Rule(
        "orphan child_id",
        "set aside",
        _OF_CHILDREN,
        "every child stands in the authority's children file",
        "a row without a child has no age, sex or place in the trial",
    ),
    Rule(
        "child set aside",
        "set aside",
        _OF_CHILDREN,
        "the child's row in the children file is not set aside",
        "a child comes into the trial whole or not at all",
    ),
)

_RESOLUTIONS: Final = (
    Rule(
        "identical row",
        "resolved",
        _WITH_KEY,
        "of rows that are alike in every column of the contract, the first is kept",
        "the same row was sent more than once",
    ),
    Rule(
        "blank row",
        "resolved",
        _JUDGED,
        "a row without any value is passed over",
        "spreadsheets leave them at the end of a file",
    ),
    Rule(
        "unfinished last row",
        "resolved",
        _EVERY,
        "a last row without a line end is kept as it stands",
        "the file may have been cut short: compare its number of rows with what was sent",
    ),
    Rule(
        "spaces or case",
        "resolved",
        _JUDGED,
        "stray spaces, and the letter case of codes, are put right",
        "they carry no meaning",
    ),
    Rule(
        "written as decimal",
        "resolved",
        _having("count"),
        "a whole number written 1.0 is read as 1",
        "some programs write whole numbers so when a column has gaps",
    ),
    Rule(
        "end after data_through",
        "resolved",
        _WITH_SPAN,
        "an end after the authority's data_through is taken as still open",
        "at data_through the row was open",
    ),
    Rule(
        "withdrawal not found",
        "resolved",
        (WITHDRAWALS.name,),
        "a withdrawal whose child is in no file takes nothing away",
        "the authority may have removed the child already: check the id if it hasn't",
    ),
)

# How periods of care and plan spells are put together from rows that are kept.
_DECISIONS: Final = (
    Rule(
        "short_break_removed",
        "decided",
        (CARE_EPISODES.name,),
        "episode under V3 or V4 left out before all else",
        "short breaks are not being looked after",
    ),
    Rule(
        "sorted_by_start",
        "decided",
        (CARE_EPISODES.name,),
        "episode that stood after a later one in the file, put in order",
        "files need not come in order",
    ),
    Rule(
        "open_despite_reason",
        "decided",
        (CARE_EPISODES.name,),
        "episode without DEC taken as open although REC is filled",
        "without a day the end can't be placed",
    ),
    Rule(
        "cut_at_next",
        "decided",
        (CARE_EPISODES.name,),
        "episode whose DEC lies after the next one's start, cut there",
        "a child is in one placement at a time, and the later row is the newer",
    ),
    Rule(
        "open_cut_at_next",
        "decided",
        (CARE_EPISODES.name,),
        "episode without DEC that has a later one, cut at its start",
        "the later episode says that this one was over",
    ),
    Rule(
        "joined_next_day",
        "decided",
        (CARE_EPISODES.name,),
        "period carried on over the night: next episode starts the day after DEC",
        "the night between two placements is no time at home",
    ),
    Rule(
        "started_after_nothing",
        "decided",
        (CARE_EPISODES.name,),
        "period started at a child's first episode although RNE is not S",
        "the row that began the period was not sent: care began by this day at the latest",
    ),
    Rule(
        "started_after_short_break",
        "decided",
        (CARE_EPISODES.name,),
        "period started after a short break although RNE is not S",
        "care that follows a short break begins then",
    ),
    Rule(
        "started_after_end",
        "decided",
        (CARE_EPISODES.name,),
        "period started after one that had ended although RNE is not S",
        "a period that has ended can't go on",
    ),
    Rule(
        "started_after_gap",
        "decided",
        (CARE_EPISODES.name,),
        "period started after X1 and two days or more, although RNE is not S",
        "days out of care lie between the two",
    ),
    Rule(
        "started_despite_x1",
        "decided",
        (CARE_EPISODES.name,),
        "period started at RNE S although the episode before it ended by X1",
        "RNE S says that care began anew",
    ),
    Rule(
        "ended_without_successor",
        "decided",
        (CARE_EPISODES.name,),
        "X1 with no later episode: period ended at DEC",
        "DEC is the last day that is known",
    ),
    Rule(
        "plan_overlap_merged",
        "decided",
        (PLANS.name,),
        "plan that starts before an earlier one ended: one spell",
        "a day on two plans is one day",
    ),
    Rule(
        "plan_touch_merged",
        "decided",
        (PLANS.name,),
        "plan that starts on the day an earlier one ended: one spell",
        "stepping straight from one plan to another is no return",
    ),
    Rule(
        "plan_next_day_merged",
        "decided",
        (PLANS.name,),
        "plan that starts the day after an earlier one ended: one spell",
        "no clear day off plans lies between the two",
    ),
)

_ALL: Final = (*_REFUSALS, *_VALUE_RULES, *_ROW_RULES, *_RESOLUTIONS, *_DECISIONS)
RULES: Final = MappingProxyType({rule.id: rule for rule in _ALL})
DECISIONS: Final = tuple(rule.id for rule in _DECISIONS)
