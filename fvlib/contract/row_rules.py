"""The rules of the data contract that set a row aside: single values, then whole rows."""

from __future__ import annotations

from typing import Final

from fvlib.contract.files import (
    ATTENDANCE,
    CHILDREN,
    FILES,
    IPE_ADMIN,
    IPE_FGC,
    IPE_SURVEY,
    IPE_TRAINING,
    LONGEST_IDENTIFIER,
    LONGEST_TEXT,
    SESSIONS_IN_A_YEAR,
)
from fvlib.contract.rule import OF_CHILDREN, WITH_KEY, WITH_SPAN, Rule, files_having, part_rule

VALUE_RULES: Final = (
    Rule(
        "missing value",
        "set aside",
        files_having(may_be_empty=False),
        "a value that the row needs is empty",
        "keys, starts, whether a case stayed open, and the codes that a row needs are filled in",
        "without it the row can't be placed",
        "fill in the column that is named",
    ),
    Rule(
        "not an identifier",
        "set aside",
        files_having("identifier"),
        "identifier too long, or unprintable",
        f"an identifier has at most {LONGEST_IDENTIFIER} characters, all of them printable",
        "longer ones are values that ran together",
        "see where the value was joined with another when the file was made",
    ),
    Rule(
        "text too long",
        "set aside",
        files_having("text", "label"),
        "text too long",
        f"a text has at most {LONGEST_TEXT} characters",
        "longer ones are values that ran together",
        "shorten the text",
    ),
    Rule(
        "unknown code",
        "set aside",
        files_having("code", "code list", checked=True),
        "code that is not in its list",
        "a code stands in its list; stray spaces and letter case don't matter",
        "a code that isn't in the list can't be read as another",
        "put one of the codes of the data dictionary, or leave the value empty where it may be",
    ),
    Rule(
        "none beside another code",
        "set aside",
        files_having("code list"),
        "both a disability and none",
        "the code NONE stands alone",
        "no disability and a disability exclude each other",
        "take out NONE, or the other codes",
    ),
    Rule(
        "not 0 or 1",
        "set aside",
        files_having("flag"),
        "yes or no not written as 1 or 0",
        "a yes-or-no column holds 0 or 1",
        "other spellings of yes differ between systems",
        "write 1 for yes, 0 for no",
    ),
    Rule(
        "not a date",
        "set aside",
        files_having("date"),
        "date that can't be read",
        "a date is in the calendar, written YYYY-MM-DD or DD/MM/YYYY",
        "31 February has no nearest day",
        "correct the date, in the form of the column's other dates",
    ),
    Rule(
        "not a month",
        "set aside",
        files_having("month"),
        "month of birth that can't be read",
        "a month of birth is written YYYY-MM",
        "ages are taken from it",
        "write the year and the month, such as 2015-09; empty where the child was not born yet",
    ),
    Rule(
        "not an academic year",
        "set aside",
        files_having("academic year"),
        "school year that can't be read",
        "a school year is written 2019/20, its second part the year after",
        "a single year could be either",
        "write both years, such as 2019/20",
    ),
    Rule(
        "not a number",
        "set aside",
        files_having("count", "number"),
        "number that can't be read",
        "a number is written in digits, without a percent sign or thousands separator",
        "anything else is a note, not a number",
        "write the number in digits, or leave it empty where it may be",
    ),
    Rule(
        "not a whole number",
        "set aside",
        (*files_having("count"), IPE_ADMIN.name),
        "fraction where a count belongs",
        "counts, scores and people are whole numbers",
        "a fraction is a percentage or a mean where a count belongs",
        "give the count itself",
    ),
    Rule(
        "out of range",
        "set aside",
        files_having("count", "number"),
        "number too small or too large",
        "a number is not negative, a survey item 1 to 5, sessions at most "
        f"{SESSIONS_IN_A_YEAR} a term",
        "outside that it can't be what the column says",
        "correct the number",
    ),
)

# Where a part is more than the whole: what was found, what holds, what the sender does.
_PARTS: Final = {
    ("sessions_unauthorised", "sessions_possible"): (
        "more sessions missed than were possible",
        "a child misses no more sessions than there were",
        "correct the sessions missed, or those that were possible",
    ),
    ("held", "referred"): (
        "more conferences held than families referred",
        "no more conferences are held than families are referred",
        "correct one of the two counts",
    ),
    ("agreed", "held"): (
        "more plans agreed than conferences held",
        "no more conferences agree a plan than are held",
        "correct one of the two counts",
    ),
    ("attended", "eligible"): (
        "more attended than could have",
        "no more people attend than could have",
        "correct one of the two counts",
    ),
}


def _part_rule(file: str, part: str, whole: str) -> Rule:
    label, checks, remedy = _PARTS[part, whole]
    why = "a part can't be more than the whole"
    return Rule(part_rule(part, whole), "set aside", (file,), label, checks, why, remedy)


ROW_RULES: Final = (
    Rule(
        "end before start",
        "set aside",
        WITH_SPAN,
        "ends before it starts",
        "a row doesn't end before it starts",
        "nothing says which of the two dates is wrong",
        "correct whichever of the two dates is wrong",
    ),
    Rule(
        "start before 1990",
        "set aside",
        (*WITH_SPAN, ATTENDANCE.name),
        "starts before 1990",
        "a row doesn't start before 1 January 1990",
        "no child of the trial was born then; 1900 is a spreadsheet's zero",
        "correct the date",
    ),
    Rule(
        "start after data_through",
        "set aside",
        (*WITH_SPAN, ATTENDANCE.name),
        "starts after the extract's last day",
        "a row, or its school term, doesn't start after the last day that the authority's "
        "extracts are complete for",
        "the extract isn't complete for that time, so one of the two dates is wrong",
        "correct the date, or say until when the extracts are complete",
    ),
    Rule(
        "birth month after data_through",
        "set aside",
        (CHILDREN.name,),
        "born after the extract's last day",
        "a month of birth isn't after the last day that the authority's extracts are complete for",
        "an expected birth is left empty",
        "correct the month, or leave it empty where the child is not born yet",
    ),
    *(_part_rule(spec.name, part, whole) for spec in FILES.values() for part, whole in spec.parts),
    Rule(
        part_rule("numerator", "denominator"),
        "set aside",
        (IPE_ADMIN.name,),
        "count larger than its total",
        "a count is not more than its total; the caseload is a mean and may be",
        "a part can't be more than the whole",
        "correct the count, or how many there are in all",
    ),
    Rule(
        "denominator missing",
        "set aside",
        (IPE_ADMIN.name,),
        "count without its total",
        "trained staff and vacancies come with how many there are in all",
        "without it a share can't be told, and a percentage isn't a count",
        "add how many there are in all",
    ),
    Rule(
        "denominator zero",
        "set aside",
        (IPE_ADMIN.name,),
        "total of nought",
        "a total is more than nought",
        "there is no share of nothing",
        "add how many there are in all, or leave the row out",
    ),
    Rule(
        "level missing",
        "set aside",
        (IPE_FGC.name,),
        "group of families not named",
        "a row that splits families says which group it counts",
        "without it the row can't be placed",
        "name the group",
    ),
    Rule(
        "time point before live date",
        "set aside",
        (IPE_ADMIN.name, IPE_SURVEY.name, IPE_FGC.name, IPE_TRAINING.name),
        "return from a time that is yet to come",
        "an authority that isn't live by the last day of its extracts sends no return from after "
        "the live date",
        "6 months after a day that hasn't come can't have been seen",
        "correct the time point",
    ),
    Rule(
        "duplicate key",
        "set aside",
        WITH_KEY,
        "same key, different rows",
        "rows that share a key are identical",
        "nothing says which of them is right: all are set aside",
        "send the right one alone, or give each its own key",
    ),
    Rule(
        "orphan child_id",
        "set aside",
        OF_CHILDREN,
        "child who is not in the children file",
        "every child stands in the authority's children file",
        "a row without a child has no age, sex or place in the trial",
        "add the child to the children file, or correct the id",
    ),
    Rule(
        "child set aside",
        "set aside",
        OF_CHILDREN,
        "child whose own row was set aside",
        "the child's row in the children file is not set aside",
        "a child comes into the trial whole or not at all",
        "correct the child's row in the children file: this row comes back with it",
    ),
)
