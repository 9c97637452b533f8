"""The rules of the data contract by which a row stays: put right, or read beside other rows."""

from __future__ import annotations

from typing import Final

from fvlib.contract.files import CARE_EPISODES, PLANS, WITHDRAWALS
from fvlib.contract.rule import EVERY, JUDGED, WITH_KEY, WITH_SPAN, Rule, files_having

IDENTICAL_ROW: Final = "identical row"  # the one resolution that drops rows
LABEL_NOT_LISTED: Final = "label not listed"

END_AFTER_THROUGH: Final = Rule(
    "end after data_through",
    "resolved",
    WITH_SPAN,
    "ends after the extract's last day",
    "an end after the last day that the authority's extracts are complete for is taken as "
    "still open",
    "on that day the row was open",
    of_rows=lambda rows: {rows.end: rows.dates(rows.end) > rows.through},
)

RESOLUTIONS: Final = (
    Rule(
        IDENTICAL_ROW,
        "resolved",
        WITH_KEY,
        "row sent more than once",
        "of rows that are alike in every column of the contract, the first is kept",
        "the same row was sent more than once",
    ),
    Rule(
        "blank row",
        "resolved",
        JUDGED,
        "row without any value",
        "a row without any value is passed over",
        "spreadsheets leave them at the end of a file",
    ),
    Rule(
        "unfinished last row",
        "resolved",
        EVERY,
        "last row without a line end",
        "a last row without a line end is kept as it stands",
        "the file may have been cut short: compare its number of rows with what was sent",
    ),
    Rule(
        "spaces or case",
        "resolved",
        JUDGED,
        "stray spaces, or capitals and small letters",
        "stray spaces, and the letter case of codes, are put right",
        "they carry no meaning",
    ),
    Rule(
        "null word",
        "resolved",
        JUDGED,
        "NULL or the like in place of an empty value",
        "NULL, N/A, NaN and their like are read as empty",
        "databases and spreadsheets write them into cells that have no value",
    ),
    Rule(
        LABEL_NOT_LISTED,
        "resolved",
        files_having("label"),
        "label of no list",
        "a role, team or level that is neither in the contract's list nor in the params' labels is "
        "read as other",
        "what is typed freely can name a person, and tables print it; a label that is needed goes "
        "into the params file",
    ),
    Rule(
        "written as decimal",
        "resolved",
        files_having("count", "flag", "code"),
        "whole number written as 1.0",
        "a whole number, flag or code written 1.0 is read as 1",
        "some programs write whole numbers so when a column has gaps",
    ),
    END_AFTER_THROUGH,
    Rule(
        "withdrawal not found",
        "resolved",
        (WITHDRAWALS.name,),
        "withdrawn child who is in no file",
        "a withdrawal whose child is in no file takes nothing away",
        "the authority may have removed the child already: check the id if it hasn't",
    ),
)

# How periods of care and plan spells are put together from rows that are kept.
DECIDED: Final = (
    Rule(
        "short_break_removed",
        "decided",
        (CARE_EPISODES.name,),
        "short breaks (V3, V4)",
        "an episode under a short-break legal status, V3 or V4, is left out before all else",
        "short breaks are not being looked after",
    ),
    Rule(
        "sorted_by_start",
        "decided",
        (CARE_EPISODES.name,),
        "episodes out of order",
        "an episode that stands after a later one in the file is put in its place",
        "files need not come in order",
    ),
    Rule(
        "open_despite_reason",
        "decided",
        (CARE_EPISODES.name,),
        "reason for an end, but no day",
        "an episode with a reason for its end (REC) but no day (DEC) is taken as open",
        "without a day the end can't be placed",
    ),
    Rule(
        "cut_at_next",
        "decided",
        (CARE_EPISODES.name,),
        "episodes that overlap",
        "an episode that ends after the next one starts is cut there",
        "a child is in one placement at a time, and the later row is the newer",
    ),
    Rule(
        "open_cut_at_next",
        "decided",
        (CARE_EPISODES.name,),
        "episode without an end before a later one",
        "an episode without an end (DEC) that has a later one is cut at its start",
        "the later episode says that this one was over",
    ),
    Rule(
        "joined_next_day",
        "decided",
        (CARE_EPISODES.name,),
        "next episode starts a day later",
        "care that goes on the next day is one period",
        "the night between two placements is no time at home",
    ),
    Rule(
        "started_after_nothing",
        "decided",
        (CARE_EPISODES.name,),
        "first episode is no start of care",
        "a period starts at a child's first episode although it is no start (RNE is not S)",
        "the row that began the period was not sent: care began by this day at the latest",
    ),
    Rule(
        "started_after_short_break",
        "decided",
        (CARE_EPISODES.name,),
        "care that follows a short break",
        "a period starts after a short break although the episode is no start (RNE is not S)",
        "care that follows a short break begins then",
    ),
    Rule(
        "started_after_end",
        "decided",
        (CARE_EPISODES.name,),
        "care that follows an end",
        "a period starts after one that had ended although the episode is no start (RNE is not S)",
        "a period that has ended can't go on",
    ),
    Rule(
        "started_after_gap",
        "decided",
        (CARE_EPISODES.name,),
        "care that goes on after a gap",
        "a period starts after a gap of two days or more although the episode is no start (RNE "
        "is not S)",
        "days out of care lie between the two",
    ),
    Rule(
        "started_despite_x1",
        "decided",
        (CARE_EPISODES.name,),
        "start of care in the middle of a period",
        "a period starts where the episode says so (RNE is S) although the one before it goes "
        "on (X1)",
        "RNE S says that care began anew",
    ),
    Rule(
        "ended_without_successor",
        "decided",
        (CARE_EPISODES.name,),
        "care said to go on, but no later episode",
        "a period ends on the last day of an episode that says it goes on (X1) and has no later "
        "one",
        "DEC is the last day that is known",
    ),
    Rule(
        "plan_overlap_merged",
        "decided",
        (PLANS.name,),
        "plans that overlap",
        "a plan that starts before an earlier one ended is one spell with it",
        "a day on two plans is one day",
    ),
    Rule(
        "plan_touch_merged",
        "decided",
        (PLANS.name,),
        "plan that starts on the day another ends",
        "a plan that starts on the day an earlier one ended is one spell with it",
        "stepping straight from one plan to another is no return",
    ),
    Rule(
        "plan_next_day_merged",
        "decided",
        (PLANS.name,),
        "plan that starts the day after another ends",
        "a plan that starts the day after an earlier one ended is one spell with it",
        "no clear day off plans lies between the two",
    ),
)
