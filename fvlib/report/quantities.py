"""`report.q`: every number that prose may use, as a ready string under a systematic key.

Keys are `analysis.quantity` for the effect of interest (`P1.odds_ratio`, `P1.odds_ratio_ci`),
`analysis.term.scale` for any other term (`X5.m0.odds_ratio`), and `subject.quantity` for all else
(`cohort.n`, `protocol.mdes`). A name ending in `_ci` is the interval in brackets; `_abs` is the
size without its sign, for sentences that say "lower by".

Quantities of an analysis without a result say so in words, so that one analysis never stops a
report. A masked number has no string: a sentence that needs it fails, and names a key that works.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from fvlib import protocol
from fvlib.report import (
    accounts,
    ipe_accounts,
    profiles,
    sensitivity_sentences,
    sentences,
    size_study,
    words,
)
from fvlib.report.bundle import EFFECT, ESTIMATED, Bundle, masked

MARKDOWN_MARKS: Final = re.compile(r"([\\`*_{}\[\]<>#|~$^@])")
NO_P: Final = "p not shown at an interim look"
# The quantities of a binary and a linear outcome's analysis, for those without a result.
EXPECTED: Final = (
    "odds_ratio", "odds_ratio_ci", "log_odds", "log_odds_ci", "risk_difference",
    "risk_difference_ci", "risk_difference_abs", "risk_treatment", "risk_treatment_ci",
    "risk_control", "risk_control_ci", "la_sd", "icc_probability", "icc_latent", "p",
)  # fmt: skip
EXPECTED_LINEAR: Final = (
    "mean_difference", "mean_difference_ci", "mean_difference_abs", "la_sd", "p",
)  # fmt: skip


class QuantityError(KeyError):
    """A key of `report.q` that is unknown, or whose number is masked. Its text is the message."""

    def __str__(self) -> str:
        return str(self.args[0])


class Ready(str):
    """A ready string that prints as it is, wherever it stands in a chapter.

    An inline expression shows a plain string by its `repr`, which would spell out a no-break space.
    """

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return MARKDOWN_MARKS.sub(r"\\\1", self)


class Quantities(Mapping[str, str]):
    """Ready strings by key; a wrong key is told with the nearest right one."""

    def __init__(self, strings: Mapping[str, str], hidden: frozenset[str] = frozenset()) -> None:
        self._strings = {key: Ready(text) for key, text in strings.items()}
        self._hidden = hidden

    def __getitem__(self, key: str) -> Ready:
        """Return the string, or raise `QuantityError` naming the nearest key."""
        if key in self._strings:
            return self._strings[key]
        near = difflib.get_close_matches(key, self._strings, n=1, cutoff=0)
        nearest = f"the nearest key is {near[0]!r}" if near else "there are no keys at all"
        if key in self._hidden:
            raise QuantityError(
                f"report.q[{key!r}]: this number is masked (a count too small to show); {nearest}"
            )
        raise QuantityError(f"report.q[{key!r}]: no such key; {nearest}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._strings)

    def __len__(self) -> int:
        return len(self._strings)


def quantities(bundle: Bundle) -> Quantities:
    """Make every ready string of a bundle."""
    strings: dict[str, str] = {}
    hidden: set[str] = set()
    for analysis, rows in bundle.estimates.groupby("analysis", sort=False):
        strings |= _analysis(bundle, str(analysis), rows)
        _counts(str(analysis), rows, strings, hidden)
    for outcome in protocol.OUTCOMES:
        strings |= _outcome(bundle, outcome)
    strings |= _protocol() | _refresh(bundle)
    strings |= {
        "X5.over_time": sentences.over_time(bundle),
        "sensitivity.outside": sensitivity_sentences.summary(bundle),
        "sensitivity.permutation": sensitivity_sentences.smallest_p(bundle),
        "sensitivity.triangulation": sensitivity_sentences.triangulation(bundle),
        "sensitivity.readiness": sensitivity_sentences.readiness(bundle),
        "sensitivity.savings": sensitivity_sentences.savings(bundle),
        "sensitivity.sizes": size_study.summary(),
        "sensitivity.tipping": sensitivity_sentences.tipping(bundle),
        "calendar.summary": sensitivity_sentences.observed(bundle),
        "imputation.summary": sensitivity_sentences.chains(bundle),
    }
    _tables(bundle, strings, hidden)
    return Quantities(strings, frozenset(hidden - set(strings)))


def _analysis(bundle: Bundle, analysis: str, rows: pd.DataFrame) -> dict[str, str]:
    status, reason = bundle.status(analysis)
    out = {"status": words.label(words.STATUSES, status), "label": bundle.label(analysis)}
    outcome = str(rows["outcome"].iloc[0])
    if status != ESTIMATED:
        out["reason"] = reason
        expected = EXPECTED_LINEAR if outcome in protocol.LINEAR_OUTCOMES else EXPECTED
        out |= dict.fromkeys(expected, f"no result ({out['status']})")
    for _, row in rows[rows["estimate"].notna()].iterrows():
        out |= _strings(row, outcome)
    effects = rows[(rows["term"] == EFFECT) & rows["p_value"].notna()]
    for _, row in effects.iterrows():
        out["p"] = words.p_value(row["p_value"])
        if pd.notna(row["p_adjusted"]):
            out["p_adjusted"] = words.p_value(row["p_adjusted"])
    if bundle.interim:
        out |= {"p": NO_P, "p_adjusted": NO_P}
    return {f"{analysis}.{name}": text for name, text in out.items()}


def _strings(row: pd.Series, outcome: str) -> dict[str, str]:
    """Write one row of `estimates.csv`: the estimate, its interval, its size."""
    term, scale = str(row["term"]), str(row["scale"])
    value = float(row["estimate"])
    name = f"{term}.{scale}"
    if term in (EFFECT, "icc"):
        name = scale
    elif term.startswith("risk_") or term.endswith("_sd"):
        name = term
    write = sentences.writer(scale, outcome)
    texts = {name: write(value)}
    if scale == "risk_difference":
        texts = {name: words.in_points(value), f"{name}_abs": words.in_points(abs(value))}
    if scale == "mean_difference" and term == EFFECT:
        texts[f"{name}_abs"] = write(abs(value))
    if pd.notna(row["ci_low"]) and pd.notna(row["ci_high"]):
        texts[f"{name}_ci"] = words.interval(write(row["ci_low"]), write(row["ci_high"]))
    return texts


def _counts(analysis: str, rows: pd.DataFrame, strings: dict[str, str], hidden: set[str]) -> None:
    for name in ("n", "events"):
        shown = rows[name].dropna()
        if len(shown):
            strings[f"{analysis}.{name}"] = words.count(shown.iloc[0])
        elif masked(rows, name).any():
            hidden.add(f"{analysis}.{name}")


def _outcome(bundle: Bundle, outcome: str) -> dict[str, str]:
    out = {
        "result": sentences.result(bundle, outcome),
        "lead": sentences.lead(bundle, outcome),
        "beside": sentences.beside(bundle, outcome),
        "sample": sentences.sample(bundle, outcome),
        "risks": sentences.risks(bundle, outcome),
        "clustering": sentences.clustering(bundle, outcome),
        "control_window": sentences.control_window(bundle, outcome),
        "verdict": sentences.headline(bundle, outcome),
        "plain": sentences.plain_result(bundle, outcome),
        "diary": sentences.diary(bundle, outcome),
    }
    return {f"{outcome}.{name}": text for name, text in out.items()}


def _protocol() -> dict[str, str]:
    return {
        "protocol.mdes": words.in_points(protocol.MDES),
        "protocol.icc": words.number(protocol.INTRACLUSTER_CORRELATION, 5),
        "protocol.baseline": words.percent(protocol.BASELINE_RATE, 0),
        "protocol.children": words.count(protocol.CHILDREN),
        "protocol.alpha": words.percent(protocol.ALPHA, 0),
        "protocol.power": words.percent(protocol.POWER, 0),
        "protocol.las": words.plural(len(protocol.LOCAL_AUTHORITIES), "local authority",
                                     "local authorities"),
        "protocol.periods": words.plural(protocol.PERIODS, "period"),
        "protocol.period_months": words.plural(protocol.PERIOD_MONTHS, "month"),
        "protocol.window": f"{protocol.WINDOW_MONTHS['P1']}{words.NO_BREAK}months",
        "protocol.missing_limit": words.percent(protocol.MISSING_LIMIT, 0),
        "protocol.ages": f"0 to {protocol.ADULT_AGE - 1}",
        "protocol.threshold": words.count(protocol.DISCLOSURE_THRESHOLD),
    }  # fmt: skip


def _refresh(bundle: Bundle) -> dict[str, str]:
    manifest = bundle.manifest
    rule: Mapping[str, Any] = manifest["disclosure"]
    period: Mapping[str, Any] = manifest["trial_period"]
    versions: Mapping[str, Any] = manifest.get("versions", {})
    rounding = int(rule["round_to"])
    return {
        "refresh.name": str(manifest["refresh"]),
        "refresh.look": "interim look" if bundle.interim else "final analysis",
        "refresh.data_through": words.dates_by_la(manifest["data_through"]),
        "refresh.stamp": stamp(bundle),
        "refresh.imputations": words.count(manifest["imputations"]),
        "refresh.seed": str(manifest["seed"]),
        "refresh.version": str(versions.get("fvlib", "unknown")),
        "refresh.registration": str(manifest.get("registration") or "not recorded in this refresh"),
        "refresh.threshold": words.count(rule["threshold"]),
        "refresh.rounding": (
            "are not rounded" if rounding == 1 else f"are rounded to the nearest {rounding}"
        ),
        "wording.rule": sentences.wording_rule(bundle),
        "wording.family": sentences.family(bundle),
        "trial.period": words.span(period["start"], period["end"]),
        "trial.period_note": accounts.trial_period(bundle),
        "trial.changed_dates": accounts.changed_dates(bundle),
    }


def stamp(bundle: Bundle) -> str:
    """Say in a line which data, which look and which version this is."""
    manifest = bundle.manifest
    parts = [
        f"Refresh {manifest['refresh']}",
        f"data through {words.dates_by_la(manifest['data_through'])}",
        "interim look" if bundle.interim else "final analysis",
        f"fvlib {manifest.get('versions', {}).get('fvlib', 'unknown')}",
    ]
    if bundle.synthetic:
        parts.append("synthetic data")
    return " \u00b7 ".join(parts)


def _tables(bundle: Bundle, strings: dict[str, str], hidden: set[str]) -> None:
    """Add counts that stand in side tables, and what is told of them."""
    flow = bundle.table("flow")
    cohort = flow[flow["step"] == "cohort"]
    if len(cohort) and cohort["n"].notna().all():
        strings["cohort.n"] = words.count(cohort["n"].sum())
    else:
        hidden.add("cohort.n")
    strings["cohort.summary"] = accounts.cohort(bundle)
    strings["set_aside.summary"] = accounts.set_aside(bundle)
    strings["arrivals.summary"] = accounts.arrivals(bundle)
    strings["missingness.summary"] = accounts.missingness(bundle)
    strings["plausibility.summary"] = profiles.plausibility(bundle)
    strings["withdrawn.summary"] = accounts.withdrawn(bundle)
    strings["changes.summary"] = accounts.changes(bundle)
    strings |= ipe_accounts.strings(bundle)
