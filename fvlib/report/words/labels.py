"""The one list of display words for every machine name, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fvlib import protocol
from fvlib.contract import RULES, codes
from fvlib.contract.files import UNKNOWN_LA
from fvlib.report.words.numbers import apostrophes, day, listing, percent, plain, sentence_case


def dates_by_la(dates: Mapping[str, str]) -> str:
    """Write a date for each LA: once where they are all the same."""
    if len(set(dates.values())) == 1:
        return day(next(iter(dates.values())))
    return listing(f"{day(dates[la])} ({LAS[la]})" for la in protocol.LA_KEYS if la in dates)


def term(name: str) -> str:
    """Name a design matrix's term in a sentence: `primary_need[7]` is main need: low income."""
    what, bracket, rest = name.partition("[")
    value = rest.removesuffix("]")
    if what in COVARIATES:
        label = in_sentence(COVARIATES[what])
        if not bracket:
            return label
        told = level(what, value)  # groups begin with a capital
        return f"{label}: {told if what == 'ethnicity' else in_sentence(told)}"
    if what == "la" and value:
        return protocol.LOCAL_AUTHORITIES[int(value)].name
    if what == "period" and value:
        return f"period {value}"
    stem, _, after = what.partition("_m")
    if stem == "treatment" and after.isdigit():
        return f"treatment {after} periods after go-live"
    return TERMS.get(name, name)


def in_sentence(label: str) -> str:
    """Begin a label with a small letter, unless with an abbreviation."""
    first = label.split(" ", 1)[0].rstrip(":")
    return label if len(first) > 1 and first.isupper() else label[:1].lower() + label[1:]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The display words of one outcome.

    Attributes
    ----------
    label
        In tables and figures.
    short
        Where a figure leaves little room.
    measure
        On the axis of a figure of crude numbers.
    """

    label: str
    short: str
    measure: str


OUTCOMES: Final = {
    "P1": Outcome("Became looked after", "Became looked after", "Became looked after, %"),
    "S1": Outcome("Returned to statutory services", "Returned to services", "Returned, %"),
    "S2": Outcome(
        "Started a child protection plan", "Started a protection plan", "Started a plan, %"
    ),
    "S3": Outcome("Days on plans", "Days on plans", "Mean days"),
    "S4": Outcome("Kinship care at the first placement", "Kinship care first", "Kinship care, %"),
    "S5": Outcome("Reunified with family", "Reunified with family", "Reunified, %"),
    "S6": Outcome(
        "Unauthorised absence rate (exploratory)", "Unauthorised absence", "Mean rate, %"
    ),
}

# Who is counted in an outcome's analysis.
SAMPLED: Final = dict.fromkeys(protocol.OUTCOMES, "children") | {"S6": "child-terms"}

LAS: Final = protocol.LA_NAMES | {"all": "All five LAs", UNKNOWN_LA: "No LA named"}

# Insertion order is display order.
ROLES: Final = {
    "primary": "Primary analysis (protocol)",
    "secondary": "Secondary outcomes (protocol)",
    "sensitivity": "Sensitivity analyses (protocol)",
    "exploratory": "Exploratory analyses (protocol)",
    "ours": "Not pre-specified",
}

ANALYSES: Final = {
    "P1": "Protocol\u2019s model",
    "la-period": "LA \u00d7 period intercept",
    "X4": "Permutation test",
    "X1": "Half-time exposure",
    "X2": "Four-week exposure",
    "X3": "Exposure at entry to care",
    "X5": "Effect by time since go-live",
    "X6": "Embedding period left out",
    "X7": "Hurdle model",
    "X8": "Tobit model",
    "X9": "Fractional logit",
    "X10": "Later implementation date",
    "X11": "Wild cluster bootstrap",
    "X12": "Pooled with sister evaluation",
    "X13": "Interaction with readiness",
    "X14": "Implied savings",
    "complete-cases": "Complete cases",
    "no-covariates": "No covariates",
    "without-la-covariates": "Without LA covariates",
    "la-fixed-effects": "LA fixed effects",
    "linear-probability": "Linear probability model",
    "under-16-5": "Children under 16\u00bd only",
    "s1-care-on-plan": "S1, counting care during a plan",
    "s4-care-entry-joined": "S4 by entry to care, joined",
    "s4-early-entry": "S4, early entrants to care",
    "s5-early-entry": "S5, early entrants to care",
    "s4-composite": "S4 over the whole cohort",
    "s5-composite": "S5 over the whole cohort",
    "two-limit-tobit": "Tobit model with two limits",
    "within-period": f"Within-period means ({percent(11 / 12)} CI)",
    **{
        f"missing-odds-{name}": f"Missing values: odds \u00d7 {told}"
        for name, told in (
            ("tenth", "0.1"),
            ("half", "0.5"),
            ("double", "2"),
            ("tenfold", "10"),
        )
    },
    "tipping-point": "Tipping point, missing values",
    "first-referral-only": "First referral only",
    "all-referrals": "All referrals",
    **{f"leave-out-{key}": f"Without {name}" for key, name in protocol.LA_NAMES.items()},
}

# What is compared with the previous refresh (`fvlib/pipeline/changes.py`), in order.
CHANGES: Final = {
    "rows_read": "Rows received",
    "set_aside": "Rows set aside",
    "flow": "Children, and outcomes that can be seen",
}

CONDITIONS: Final = {
    "control": "Before go-live",
    "treatment": "After go-live",
    "all": "All",
}

STATUSES: Final = {
    "estimated": "estimated",
    "not_yet_estimable": "not yet estimable",
    "failed": "could not be estimated",
    "absent": "not among the results",
}

COVARIATES: Final = {
    "sex": "Sex",
    "ethnicity": "Ethnicity",
    "age_band": "Age band",
    "academic_year": "Academic year of referral",
    "disabled": "Disabled",
    "fsm": "Free school meals",
    "uasc": "Unaccompanied asylum seeker",
    "previous_cpp": "Previous protection plans",
    "primary_need": "Main need",
    "la_fsm_share": "LA: share eligible for free school meals",
    "la_white_british_share": "LA: share white British",
    "other_programme": "LA: other innovation programme",
}

# What one more of a covariate without levels is: a tenth of a share, or a yes.
SHARE_STEP: Final = 0.1
UNITS: Final = {
    "la_fsm_share": "10 percentage points more",
    "la_white_british_share": "10 percentage points more",
    "other_programme": "Yes",
}

# Levels whose machine name needs words; codes of the statutory returns have the contract's labels.
LEVELS: Final[dict[str, dict[str, str]]] = {
    "ethnicity": {entry.code: sentence_case(entry.label) for entry in codes.ETHNICITY.codes},
    "primary_need": {
        entry.value: sentence_case(apostrophes(entry.label)) for entry in codes.PRIMARY_NEED.codes
    },
    "sex": {"other": "Other or undetermined"},
    "age_band": {name: f"{name.replace('-', ' to ')} years" for name, _, _ in protocol.AGE_BANDS},
}

# Terms of a design matrix that are no covariate.
TERMS: Final = {
    "treatment_high": "treatment at high readiness",
    "treatment_low": "treatment at low readiness",
}

# Terms of X5, in order.
EXPOSURE_TERMS: Final = {
    **{f"m{m}": f"{m} whole periods since go-live" for m in range(protocol.PERIODS - 1)},
    "m1": "1 whole period since go-live",
    "time_averaged": "Average over the time since go-live",
    "long_term": "Long-term effect",
}

FILES: Final = {
    "children": "Children",
    "referrals": "Referrals",
    "plans": "Plans",
    "care_episodes": "Care episodes",
    "attendance": "Attendance",
    "la_context": "LA context",
    "ipe_admin": "IPE: admin returns",
    "ipe_survey": "IPE: staff survey",
    "ipe_fgc": "IPE: family group conferences",
    "ipe_training": "IPE: training",
    "withdrawals": "Withdrawals",
}

# Steps of the flow (`fvlib/trial/flow.py`), in order.
STEPS: Final = {
    "children": "Children in the extracts",
    "no_referral": "No referral",
    "outside_trial_period": "Referred outside the trial period only",
    "unborn": "Not yet born at referral",
    "not_aged_0_to_17": "Not aged 0 to 17 at referral",
    "no_further_action": "No further action after assessment",
    "cohort": "Cohort",
    "earlier_ineligible": "Of these, with an earlier ineligible referral",
    "control": "Referred before go-live",
    "treatment": "Referred after go-live",
    "P1_not_observable": "Outcome window still open",
    "P1_missing": "Outcome missing",
    "P1_analysed": "Primary outcome analysed",
    "S4_not_in_care": "S4: did not enter care in the window",
    "S5_not_in_care": "S5: did not enter care in the trial period",
    "S5_turning_18": "S5: turns 18 in the window",
    "S6_not_of_school_age": "S6: not of school age in the term",
    **{
        f"{outcome}_{state}": f"{outcome}: {told}"
        for outcome in protocol.SECONDARY_OUTCOMES
        for state, told in (
            ("not_observable", "window still open"),
            ("missing", "missing"),
            ("analysed", "analysed"),
        )
    },
}

# Why an outcome is missing (`fvlib/trial/outcomes.py`), beside rules of the data contract.
MISSING_REASONS: Final = {
    "not sent": "File not sent",
    "unknown after": "Gone from a later return while still open",
    "no placement": "No placement recorded",
    "no end reason": "Care ended without a recorded reason",
    "no row for the term": "No attendance row for the term",
    "no sessions": "No possible sessions, or a number left empty",
}

ABBREVIATIONS: Final = {
    "CI": "confidence interval",
    "CIN": "child in need",
    "CPP": "child protection plan",
    "DfE": "Department for Education",
    "FGC": "family group conference",
    "FSM": "free school meals",
    "ICC": "intracluster correlation",
    "IPE": "implementation and process evaluation",
    "LA": "local authority",
    "MDES": "minimum detectable effect size",
    "P1, S1 to S6": "the primary outcome, and the six secondary outcomes",
    "pp": "percentage points",
    "RCT": "randomised controlled trial",
    "RNE, REC, DEC": "why an episode of care began, why it ended, and when (SSDA903 return)",
    "V3, V4": "legal statuses of short-break care (SSDA903 return)",
    "X1 to X14": "the protocol\u2019s sensitivity and exploratory analyses",
}


def label(names: dict[str, str], name: str) -> str:
    """Look up the display words of a machine name; an unknown one is made readable."""
    return names.get(name) or plain(name)


def analysis_label(analysis: str, otherwise: str = "") -> str:
    """Name an analysis: its own label, and the outcome where it covers several (X3-S4).

    Parameters
    ----------
    analysis
        Machine name.
    otherwise
        What the plan says of it, for one that has no label here.
    """
    if analysis in ANALYSES:
        return ANALYSES[analysis]
    if analysis in OUTCOMES:
        return f"{analysis} {OUTCOMES[analysis].label}"
    stem, _, outcome = analysis.rpartition("-")
    outcome = outcome.upper()  # ours are named in lower case
    if outcome in OUTCOMES and stem in ANALYSES:
        base = ANALYSES[stem]
        if outcome == protocol.PRIMARY_OUTCOME:
            return base
        return f"{base}: {outcome} {OUTCOMES[outcome].label}"
    return sentence_case(otherwise) or plain(analysis)


def level(covariate: str, value: str) -> str:
    """Name a level of a covariate; a code of the statutory returns has its label."""
    names = LEVELS.get(covariate, {})
    return names.get(value) or sentence_case(value.replace("_", " "))


def term_label(name: str) -> tuple[str, str]:
    """Name a design matrix's term: what it belongs to, and its level."""
    what, bracket, rest = name.partition("[")
    if what not in COVARIATES:
        return "Design", {"treated": "Referred after go-live"}.get(name) or sentence_case(
            term(name)
        )
    return COVARIATES[what], level(what, rest.rstrip("]")) if bracket else label(UNITS, what)


def rule_label(rule: str) -> str:
    """Name a rule of the data contract; one that the contract doesn't know is made readable."""
    known = RULES.get(rule)
    return sentence_case(apostrophes(known.label)) if known else plain(rule)


def file_label(name: str) -> str:
    """Name a file of the contract."""
    return label(FILES, name.removesuffix(".csv").removesuffix(".parquet"))


def in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Sort names by a known order; those not in it keep theirs and come last."""
    present = list(dict.fromkeys(names))
    order = [name for name in known if name in present]
    return order + [name for name in present if name not in order]
