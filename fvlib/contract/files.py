"""The files of the data contract: columns, types, keys, and what a row is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from fvlib import protocol
from fvlib.contract import codes
from fvlib.contract.codes import CodeList
from fvlib.refresh import Refresh

EARLIEST_START: Final = date(1990, 1, 1)
# A school year has 190 days, two sessions a day: no term can have more than a year's sessions.
SESSIONS_IN_A_YEAR: Final = 380
LONGEST_IDENTIFIER: Final = 128
LONGEST_TEXT: Final = 200
BANNER_SHARE: Final = 0.05  # more of a file's rows set aside than this: a banner in the report
SET_ASIDE_FOLDER: Final = "set-aside"
# A column that the import adds: the last day on which something is known of a row that is open in
# one collection of a return and gone from the next.
UNKNOWN_AFTER: Final = "unknown_after"
UNKNOWN_LA: Final = "unknown"  # a row of a whole-trial file that names none of the five

Kind = Literal[
    "identifier",  # text without a meaning
    "label",  # of the contract's list or of params' `labels`; any other is read as `other`
    "text",
    "code",
    "code list",
    "flag",  # 0 or 1
    "date",  # YYYY-MM-DD or DD/MM/YYYY, never both in one column
    "month",  # YYYY-MM
    "academic year",  # 2019/20
    "count",  # a whole number between minimum and maximum
    "number",
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file.

    `may_be_empty`: an empty value is missing, and no fault. `may_be_absent`: the file may lack the
    column. `checked` is false for columns that the trial does not use: they are scanned for
    identifiers, and their codes are not held against the list.
    """

    name: str
    kind: Kind
    meaning: str
    codes: CodeList | None = None
    may_be_empty: bool = True
    may_be_absent: bool = False
    checked: bool = True
    minimum: int = 0
    maximum: int = 1_000_000


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file of the contract.

    `scope`: one file in each local authority's folder, or one for the whole trial with a column
    `la`. `key`: the columns that tell rows apart (none: equal rows are different things).
    `starts`, `ends`: the columns with a row's first and last day. `parts`: (part, whole) pairs of
    numbers.
    `further`: what a column is whose name begins with `further_prefix`, or, without a prefix,
    that the params file names.
    """

    name: str
    scope: Literal["la", "trial"]
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    child: str | None = None
    starts: str | None = None
    ends: str | None = None
    parts: tuple[tuple[str, str], ...] = ()
    required: bool = True
    further: Column | None = None
    further_prefix: str | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        """All columns, in the file's order."""
        return tuple(column.name for column in self.columns)

    @property
    def sent(self) -> tuple[Column, ...]:
        """The columns that a sender fills: all but what only the import writes."""
        return tuple(column for column in self.columns if column.name != UNKNOWN_AFTER)

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)


def _survey_item(name: str, meaning: str) -> Column:
    return Column(name, "count", meaning + ", 1 to 5", minimum=1, maximum=5)


_CHILD_ID: Final = Column(
    "child_id", "identifier", "the child, meaningless outside the authority", may_be_empty=False
)
_LA: Final = Column("la", "code", "local authority", codes.LA, may_be_empty=False)

CHILDREN: Final = FileSpec(
    "children",
    "la",
    "a child",
    (
        _CHILD_ID,
        Column("birth_month", "month", "month of birth; empty = not born at the referral"),
        Column("sex", "code", "sex", codes.SEX),
        Column("ethnicity", "code", "ethnicity, CIN census main code", codes.ETHNICITY),
        Column("disability", "code list", "disabilities, CIN census", codes.DISABILITY),
        Column("fsm_ever", "flag", "eligible for free school meals on any spring census day"),
        Column("pupil_premium", "flag", "pupil premium, for Reception, Year 1 and Year 2"),
        Column("uasc", "flag", "unaccompanied asylum seeker"),
    ),
    key=("child_id",),
    child="child_id",
)

_UNKNOWN_AFTER: Final = Column(
    UNKNOWN_AFTER,
    "date",
    "written by the import: the row was open on this day and the next return no longer has it, so "
    "that nothing is known of the child after it; else empty",
    may_be_absent=True,
)

REFERRALS: Final = FileSpec(
    "referrals",
    "la",
    "a referral",
    (
        _CHILD_ID,
        Column(
            "referral_id",
            "identifier",
            "the referral, unique within the authority",
            may_be_empty=False,
        ),
        Column("referral_date", "date", "day of the referral", may_be_empty=False),
        Column(
            "referral_nfa", "flag", "1 = no further action after assessment", may_be_empty=False
        ),
        Column("closure_date", "date", "day the case closed; empty = open"),
        Column("primary_need", "code", "main need", codes.PRIMARY_NEED),
        Column(
            "n_previous_cpp",
            "count",
            "number of earlier child protection plans",
            maximum=99,
        ),
        _UNKNOWN_AFTER,
    ),
    key=("referral_id",),
    child="child_id",
    starts="referral_date",
    ends="closure_date",
)

PLANS: Final = FileSpec(
    "plans",
    "la",
    "a plan",
    (
        _CHILD_ID,
        Column("plan_type", "code", "kind of plan", codes.PLAN_TYPE, may_be_empty=False),
        Column("start_date", "date", "first day of the plan", may_be_empty=False),
        Column("end_date", "date", "day the plan ended; empty = open"),
        _UNKNOWN_AFTER,
    ),
    key=("child_id", "plan_type", "start_date"),
    child="child_id",
    starts="start_date",
    ends="end_date",
)

CARE_EPISODES: Final = FileSpec(
    "care_episodes",
    "la",
    "an episode of care, as in the SSDA903 Episodes file",
    (
        Column("CHILD", "identifier", "the child, as child_id elsewhere", may_be_empty=False),
        Column("DECOM", "date", "day the episode began", may_be_empty=False),
        Column("RNE", "code", "reason for the new episode", codes.RNE, may_be_empty=False),
        Column("LS", "code", "legal status", codes.LEGAL_STATUS, may_be_empty=False),
        Column("CIN", "code", "category of need", codes.PRIMARY_NEED, checked=False),
        Column("PLACE", "code", "placement", codes.PLACEMENT),
        Column(
            "PLACE_PROVIDER",
            "code",
            "placement provider",
            codes.PLACE_PROVIDER,
            may_be_absent=True,
            checked=False,
        ),
        Column("DEC", "date", "day the episode ceased; empty = open"),
        Column("REC", "code", "reason the episode ceased", codes.EPISODE_END),
        Column(
            "REASON_PLACE_CHANGE",
            "code",
            "reason for the change of placement",
            codes.PLACE_CHANGE,
            may_be_absent=True,
            checked=False,
        ),
        _UNKNOWN_AFTER,
    ),
    key=("CHILD", "DECOM"),
    child="CHILD",
    starts="DECOM",
    ends="DEC",
)

ATTENDANCE: Final = FileSpec(
    "attendance",
    "la",
    "a child and term",
    (
        _CHILD_ID,
        Column("academic_year", "academic year", "school year, 2019/20", may_be_empty=False),
        Column("term", "code", "school term", codes.TERM, may_be_empty=False),
        Column("sessions_possible", "count", "possible sessions", maximum=SESSIONS_IN_A_YEAR),
        Column(
            "sessions_unauthorised",
            "count",
            "sessions missed without authorisation",
            maximum=SESSIONS_IN_A_YEAR,
        ),
    ),
    key=("child_id", "academic_year", "term"),
    child="child_id",
    parts=(("sessions_unauthorised", "sessions_possible"),),
)

LA_CONTEXT: Final = FileSpec(
    "la_context",
    "trial",
    "a date from which the row's values hold; the newest before a referral counts",
    (
        _LA,
        Column("from_date", "date", "first day on which the row holds", may_be_empty=False),
        Column(
            "other_programme", "flag", "another innovation programme is running", may_be_empty=False
        ),
    ),
    key=("la", "from_date"),
    starts="from_date",
    further=Column("(named in params)", "number", "a further figure of the authority"),
)

IPE_ADMIN: Final = FileSpec(
    "ipe_admin",
    "trial",
    "an authority's indicator at a time point",
    (
        _LA,
        Column(
            "time_point", "code", "time from the live date", codes.TIME_POINT, may_be_empty=False
        ),
        Column("indicator", "code", "what is counted", codes.INDICATOR, may_be_empty=False),
        Column("numerator", "number", "the count, or the mean", may_be_empty=False),
        Column("denominator", "number", "out of how many; empty for plain counts and means"),
    ),
    key=("la", "time_point", "indicator"),
)

IPE_SURVEY: Final = FileSpec(
    "ipe_survey",
    "trial",
    "a respondent",
    (
        _LA,
        Column(
            "time_point",
            "code",
            "time from the live date",
            codes.SURVEY_TIME_POINT,
            may_be_empty=False,
        ),
        Column("role", "code", "the respondent's role", codes.ROLE),
        _survey_item("leadership_support", "leaders support the model"),
        _survey_item("time_direct_work", "time enough for direct work"),
        _survey_item("time_full_model", "time enough to use the model fully"),
        _survey_item("change_managed", "the change was managed well"),
        _survey_item("job_satisfaction", "satisfied in the job"),
        _survey_item("intend_to_stay", "means to stay"),
        _survey_item("prepared", "prepared and supported"),
        _survey_item("confident", "confident to change practice"),
    ),
    further=_survey_item("rq4_...", "perceived change or unintended consequence"),
    further_prefix="rq4_",
)

IPE_FGC: Final = FileSpec(
    "ipe_fgc",
    "trial",
    "a service, characteristic and level: counts of families",
    (
        _LA,
        Column(
            "time_point",
            "code",
            "time from the live date",
            codes.FGC_TIME_POINT,
            may_be_empty=False,
        ),
        Column("service", "code", "service", codes.SERVICE, may_be_empty=False),
        Column(
            "characteristic",
            "code",
            "what the families are split by",
            codes.CHARACTERISTIC,
            may_be_empty=False,
        ),
        Column("level", "label", "which group; empty for all families", codes.LEVEL),
        Column("reached", "count", "families reached"),
        Column("referred", "count", "families referred to an FGC"),
        Column("held", "count", "FGCs held"),
        Column("agreed", "count", "FGCs with an agreed plan"),
    ),
    key=("la", "time_point", "service", "characteristic", "level"),
    parts=(("held", "referred"), ("agreed", "held")),
)

IPE_TRAINING: Final = FileSpec(
    "ipe_training",
    "trial",
    "an event, role and team at a time point, all its sessions together",
    (
        _LA,
        Column(
            "time_point", "code", "time from the live date", codes.TIME_POINT, may_be_empty=False
        ),
        Column("event", "code", "training event", codes.EVENT, may_be_empty=False),
        Column("role", "label", "role of those trained", codes.ROLE),
        Column("team", "label", "their team or service", codes.TEAM),
        Column("attended", "count", "how many attended", may_be_empty=False),
        Column("eligible", "count", "how many could have"),
    ),
    key=("la", "time_point", "event", "role", "team"),
    parts=(("attended", "eligible"),),
    required=False,
)

WITHDRAWALS: Final = FileSpec(
    "withdrawals",
    "trial",
    "a child whose data are withdrawn",
    (_LA, _CHILD_ID),
    child="child_id",
    required=False,
)

FILES: Final = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            CHILDREN,
            REFERRALS,
            PLANS,
            CARE_EPISODES,
            ATTENDANCE,
            LA_CONTEXT,
            IPE_ADMIN,
            IPE_SURVEY,
            IPE_FGC,
            IPE_TRAINING,
            WITHDRAWALS,
        )
    }
)
LA_FILES: Final = tuple(spec.name for spec in FILES.values() if spec.scope == "la")
TRIAL_FILES: Final = tuple(spec.name for spec in FILES.values() if spec.scope == "trial")


def data_files(refresh: Refresh, root: Path) -> list[Path]:
    """List the files that a run reads, in a fixed order; empty where there is no data folder."""
    folder = root / refresh.data
    stems = [folder / la / name for la in protocol.LA_KEYS for name in LA_FILES]
    stems += [folder / name for name in TRIAL_FILES]
    paths = [stem.with_name(stem.name + end) for stem in stems for end in (".csv", ".parquet")]
    return [path for path in paths if path.is_file()]
