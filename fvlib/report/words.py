"""Numbers to text, and the one list of display words for every machine name, in its order.

Rounding is half up on the decimal digits that the number prints with (0.25 to one decimal is
0.3), the minus sign is U+2212, and a number that would round onto a line it isn't on (an odds
ratio of 0.998 onto 1) keeps the digits that tell it apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from fvlib import protocol
from fvlib.data import codes
from fvlib.data.files import UNKNOWN_LA
from fvlib.data.rules import RULES

MINUS: Final = "\u2212"
NO_BREAK: Final = "\u00a0"
EN_DASH: Final = "\u2013"
EXTRA_DECIMALS: Final = 3  # how many more digits a number may take to stay off a line
SMALLEST_P: Final = Decimal("0.001")
MILLION: Final = 1_000_000
LARGEST_P: Final = Decimal("0.99")


def number(value: float, decimals: int = 0, *, apart_from: float | None = None) -> str:
    """Write a number with thousands separators and a true minus sign, halves rounded up.

    Parameters
    ----------
    value
        A finite number.
    decimals
        Digits after the point.
    apart_from
        A line such as 0 or 1 that the number must not seem to lie on when it doesn't.
    """
    exact = Decimal(repr(float(value)))
    if not exact.is_finite():
        raise ValueError(f"{value} is no number that can be printed")
    for places in range(decimals, decimals + EXTRA_DECIMALS + 1):
        rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
        line = None if apart_from is None else Decimal(repr(float(apart_from)))
        if line is None or rounded != line or exact == line:
            break
    text = f"{abs(rounded):,}"
    return f"{MINUS}{text}" if rounded < 0 else text


def count(value: float) -> str:
    """Write a count: 78,000."""
    return number(value, 0)


def percent(share: float, decimals: int = 1) -> str:
    """Write a proportion as a percentage: 0.041 is 4.1 %."""
    return f"{number(_times(share, 100), decimals)}{NO_BREAK}%"


def points(difference: float, decimals: int = 1) -> str:
    """Write a difference of two proportions in percentage points, without the unit."""
    return number(_times(difference, 100), decimals, apart_from=0)


def in_points(difference: float, decimals: int = 1) -> str:
    """Write a difference of two proportions with its unit: −0.9 percentage points."""
    return f"{points(difference, decimals)} percentage points"


def per_thousand(difference: float) -> str:
    """Write a difference of two proportions as children in a thousand: 9 fewer."""
    text = number(_times(abs(difference), 1000), 0)
    if text == "0":
        return "no fewer and no more"
    return f"{text} {'fewer' if difference < 0 else 'more'}"


def ratio(value: float) -> str:
    """Write an odds ratio: two decimals, one from 10 up, never a false 1.00."""
    return number(value, 2 if value < 10 else 1, apart_from=1)


def pounds(value: float) -> str:
    """Write pounds to three significant digits: £1.23 million, −£45,600."""
    sign = MINUS if value < 0 else ""
    size = abs(value)
    if size >= MILLION:
        return f"{sign}£{number(size / MILLION, 2 if size < 10 * MILLION else 1)}{NO_BREAK}million"
    return f"{sign}£{number(round(size, -2))}"


def log_ratio(value: float) -> str:
    """Write a log odds ratio: three decimals, never a false zero."""
    return number(value, 3, apart_from=0)


def confidence_level() -> str:
    """Write the confidence level that goes with the protocol's alpha: 95 %."""
    return percent(1 - protocol.ALPHA, 0)


def interval(low: str, high: str) -> str:
    """Write a confidence interval in brackets from its written bounds."""
    return f"({confidence_level()} CI {low} to {high})"


def p_value(p: float) -> str:
    """Write a p-value: three decimals under 0.1, two above, and never on alpha when off it."""
    exact = Decimal(repr(float(p)))
    if not 0 <= exact <= 1:
        raise ValueError(f"{p} is no p-value")
    if exact < SMALLEST_P:
        return f"p < {SMALLEST_P}"
    if exact > LARGEST_P:
        return f"p > {LARGEST_P}"
    return f"p = {number(p, 3 if p < 0.1 else 2, apart_from=protocol.ALPHA)}"


def day(value: date | str) -> str:
    """Write a date: 1 April 2020."""
    when = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return f"{when.day} {when:%B} {when.year}"


def short_day(value: date | str) -> str:
    """Write a date for a table: 1 Apr 2020."""
    when = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return NO_BREAK.join([str(when.day), f"{when:%b}", str(when.year)])


def span(first: date | str, last: date | str) -> str:
    """Write two dates as a range."""
    return f"{day(first)} to {day(last)}"


def dates_by_la(dates: Mapping[str, str]) -> str:
    """Write a date for each LA: once where they are all the same."""
    if len(set(dates.values())) == 1:
        return day(next(iter(dates.values())))
    return listing(f"{day(dates[la])} ({LAS[la]})" for la in protocol.LA_KEYS if la in dates)


def listing(items: Iterable[str]) -> str:
    """Write items as a list in a sentence: a, b and c."""
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """Write a number of things in words up to ten: two analyses."""
    noun = one if n == 1 else (many or f"{one}s")
    return f"{SMALL_NUMBERS[n] if n < len(SMALL_NUMBERS) else count(n)} {noun}"


def sentence_case(text: str) -> str:
    """Begin with a capital, and leave the rest as it is."""
    return text[:1].upper() + text[1:]


def apostrophes(text: str) -> str:
    """Set typewriter apostrophes as printed ones."""
    return text.replace("'", "\u2019")


def plain(name: str) -> str:
    """Make a machine name readable that has no label of its own: `leave-out` is Leave out."""
    return sentence_case(name.replace("_", " ").replace("-", " ").strip())


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


def _times(share: float, factor: int) -> float:
    return float(Decimal(repr(float(share))) * factor)


SMALL_NUMBERS: Final = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
)  # fmt: skip


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

# What is compared with the previous refresh (`fvlib/changes.py`), in order.
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
