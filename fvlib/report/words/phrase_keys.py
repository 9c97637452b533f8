"""Which phrases there are, which states each has, and which numbers each may use in them.

The words are in `chapters/phrases.yml`. A phrase that code says has a row here, and no other has.
"""

from __future__ import annotations

from typing import Final

from fvlib.remarks import VALUES, Code

ONE_STATE: Final = ""  # of a phrase that is the same whatever the results
# An outcome's own numbers (`*` below): for each of them `report.q` has a key, in every state.
BINARY: Final = (
    "odds_ratio", "odds_ratio_ci", "log_odds", "log_odds_ci", "risk_difference",
    "risk_difference_ci", "risk_difference_abs", "points", "points_ci", "risk_treatment",
    "risk_treatment_ci", "risk_control", "risk_control_ci", "icc_probability", "icc_latent",
)  # fmt: skip
LINEAR: Final = ("mean_difference", "mean_difference_ci", "mean_difference_abs")
EITHER: Final = ("la_sd", "p", "p_adjusted")
COUNTS: Final = ("n", "events")
ALL: Final = (*BINARY, *LINEAR, *EITHER, *COUNTS)

# Group, phrase, states (divided by spaces): names of numbers (divided by spaces).
_GROUPS: Final[dict[str, dict[str, dict[str, str]]]] = {
    "numbers": {
        "no_result": {"": "status"},
        "p_not_shown": {"": ""},
        "not_given": {"": ""},
        "masked": {"": ""},
    },
    "notices": {
        "synthetic": {"title text": ""},
        "interim": {"title text": ""},
        "set_aside": {"title": "", "text": "limit files"},
        "weaker_disclosure": {"title": "", "text": "threshold round_to reason"},
        "title_page": {"synthetic interim": ""},
    },
    "plain": {
        "too_early": {"": ""},
        "answer": {"reduced increased unfinished open divided": ""},
        "main": {"": "estimate low high"},
        "second": {"estimated": "low high", "no_result": ""},
        "third": {"estimated": "p smallest_p", "no_result": ""},
        "condition": {"": ""},
    },
    "results": {
        "verdict": {"reduced increased unclear interim no_result": ""},
        "lead": {
            "reduced increased unclear": "question estimates conditions *",
            "interim": "question estimates *",
            "not_yet_estimable failed": "question reason",
            "absent": "question",
        },
        "question": {"P1 S1 S2 S3 S4 S5": "window", "S6": ""},
        "condition": {
            "protocol_includes_none guard_absent guard_includes_none opposite_sides "
            "permutation_absent": "",
        },
        "estimates": {"binary binary_without_p linear linear_without_p": "*"},
        "guard": {"estimated": "estimates *", "no_result": "why", "neither": ""},
        "permutation": {"estimated": "orders p smallest_p", "no_result": "why"},
        "why": {"not_yet_estimable failed": "reason", "absent": ""},
        "no_result": {"": "analysis why"},
        "sample": {
            "binary": "n events who",
            "binary_events_masked linear so_far": "n who",
            "masked so_far_masked not_known": "who",
        },
        "risks": {"estimated": "*", "no_result": ""},
        "clustering": {
            "estimated": "sd icc icc_latent protocol_icc",
            "spread_alone zero": "sd protocol_icc",
            "no_result": "",
        },
        "control_window": {"known": "share", "not_known": ""},
        "over_time": {
            "ratio": "odds_ratio odds_ratio_ci",
            "ratio_and_points": "odds_ratio odds_ratio_ci risk_difference points points_ci",
            "no_result": "why",
        },
        "fit": {"converged not_converged": ""},
        "variance_at_zero": {"": ""},
        "not_pre_specified": {"": ""},
        "wording_rule": {"final interim": "orders"},
        "family": {"final interim": ""},
    },
    "sensitivity": {
        "outside": {
            "nothing_compared": "",
            "all_inside": "compared",
            "some_outside": "compared outside names",
        },
        "permutation_interim": {"": ""},
        "permutation_limit": {"": "orders smallest_p alpha"},
        "permutation": {"estimated": "p", "no_result": ""},
        "permutation_refitted": {"": "p correlation"},
        "permutation_interval": {"": "level low high"},
        "triangulation_rule": {"pooled disagree stepped_wedge did neither not_recorded": ""},
        "triangulation": {"ratio": "rule odds_ratio odds_ratio_ci", "rule_alone": "rule"},
        "readiness": {"": "high high_ci low low_ci ratio ratio_ci"},
        "savings": {
            "less more": "savings level low high",
            "less_without_interval more_without_interval": "savings",
        },
        "sizes": {"": "replicates children correlation told failing kept"},
        "sizes_test": {"": "test rate level"},
        "sizes_named": {"": "test"},
        "sizes_none": {"": ""},
        "tipping": {
            "interim includes_throughout excludes_throughout": "from_odds to_odds low high",
            "comes_to_exclude comes_to_include": "from_odds to_odds low high factor",
        },
    },
    "secondary": {
        "observed_no_account": {"": ""},
        "observed_waiting": {"": "outcomes"},
        "observed_whole": {"": ""},
        "observed_masked": {"": "outcomes"},
        "observed_early": {"": ""},
    },
    "data_quality": {
        "set_aside": {
            "none": "",
            "all_masked": "rules origins",
            "some_masked all_shown": "rows rules origins",
        },
        "rows_of_no_la": {"": ""},
        "arrivals": {"no_account all": "", "absent": "files"},
        "missingness_no_account": {"": ""},
        "missingness": {"dropped": "limit covariates", "none_dropped": "limit"},
        "missing_wholly": {"": "where"},
        "missing_where": {"": "covariate la"},
        "withdrawn": {"no_account none": "", "masked": "limit", "shown": "n"},
        "changes": {
            "none_named": "",
            "not_at_hand": "previous",
            "same": "previous now",
            "further": "previous before now",
        },
        "changes_none_shown": {"": ""},
        "changes_caption": {"": ""},
        "changes_lead": {"": ""},
        "trial_period": {"as_intended": "period", "changed": "period intended reason"},
        "changed_dates": {"none": "", "some": "las"},
        "cohort": {"masked": "", "whole": "n", "waiting": "n waiting"},
        "plausibility": {"masked": "", "shown": "here there on sources"},
        "plausibility_part": {"need male aged": "share"},
        "chains": {"none agree": "", "disagree": "covariates"},
    },
    "implementation": {
        "returns": {"none_due": "", "some": "due told"},
        "collections": {"none_due": "", "some": "due told"},
        "schedule": {"always after_trial": "what months"},
        "judged": {"none": "", "some": "told"},
        "judged_one": {"": "met las indicator"},
        "judged_no_la": {"": ""},
        "spread": {"none alike": "", "most one": "indicator low low_la high high_la when"},
        "when": {"before": "", "after": "time"},
    },
    "registers": {
        "reading": {"": ""},
        "deviation": {"": ""},
        "contested": {"": ""},
        "whole_report": {"": ""},
        "la_covariate_dropped": {"": "covariate"},
        "disclosure": {"": "threshold step"},
        "mark_deviation": {"": "entries"},
        "mark_reading": {"": "entries"},
        "rounding": {"none": "", "rounded": "step"},
        "registration_absent": {"": ""},
    },
    "tables": {
        "nothing": {"": ""},
        "rounded": {"": "step"},
        "masked": {"": "threshold"},
        "primary": {"": "level icc"},
        "analyses": {"": "level"},
        "elsewhere": {"": "names"},
        "secondary": {"": "level"},
        "hochberg": {"some_absent": "size p absent", "none_absent": "size p"},
        "specification": {"": "level"},
        "constancy": {"": "p"},
        "sizes": {"": "replicates same"},
        "sizes_permutation": {"": "smallest alpha"},
        "crude": {"": ""},
        "missingness": {"": "limit"},
        "changes": {"": ""},
        "missing_outcomes": {"": ""},
        "row_set_aside": {"": "rule"},
        "changes_rounded": {"": "step"},
        "balance": {"": ""},
        "missing_patterns": {"": "level"},
        "imputation": {"": "imputations"},
        "of_covariate": {"": "covariate remark"},
        "lettered": {"": "letter remark"},
        "live_dates": {"": ""},
        "not_received": {"": "las"},
        "not_due": {"": "las"},
        "months": {"": ""},
        "judged": {"": ""},
        "wilson": {"": "level dash"},
        "response": {"": "dash"},
        "latest": {"": "dash"},
        "training": {"": ""},
    },
    "figures": {
        **{
            name: {"": ""} for name in (
                "nothing", "counts_masked", "no_difference", "nothing_missing", "no_imputed_share",
                "no_chain", "no_survey", "no_indicator", "no_calendar", "no_dates", "no_intercepts",
                "variance_zero", "no_window", "no_term", "no_permutation", "no_exposure",
                "no_sister", "no_cost", "adjusted", "crude", "survey", "tipping",
            )
        },
        "permutation": {"": "scheme orders smallest_p"},
        "deviations": {"": "size"},
    },
    # Every code, and the short form of one whose list would differ row by row.
    "reasons": {code: {"": " ".join(VALUES.get(code, ()))} for code in Code}
    | {
        f"{Code.MERGED}_briefly": {"": ""},
        Code.MISSING_TOO_OFTEN: {"": "terms limit"},  # the protocol's
    },
}  # fmt: skip


def _expanded(states: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        state: tuple(name for one in names.split() for name in (ALL if one == "*" else (one,)))
        for several, names in states.items()
        for state in several.split(" ")
    }


# Key (`results.lead`) -> state -> the numbers that a template may use.
PHRASES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    f"{group}.{name}": _expanded(states)
    for group, phrases in _GROUPS.items()
    for name, states in phrases.items()
}
