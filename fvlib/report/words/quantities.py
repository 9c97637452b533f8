"""`report.q`: every number that prose may use, as a ready string under a systematic key.

Keys are `analysis.quantity` for the effect of interest (`P1.odds_ratio`, `P1.odds_ratio_ci`),
`analysis.term.scale` for any other term (`X5.m0.odds_ratio`), and `subject.quantity` for all else
(`cohort.n`, `protocol.mdes`). A name ending in `_ci` is the interval in brackets; `_abs` is the
size without its sign, for sentences that say "lower by".

Every number's key is there in every state: without a result it says so in words, so that one
analysis never stops a report. A masked number has no string: a sentence that needs it fails, and
names a key that works.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fvlib import protocol
from fvlib.report.bundle import ESTIMATED, ReleasedBundle, masked
from fvlib.report.words import (
    data,
    ipe,
    labels,
    numbers,
    profiles,
    results,
    sensitivity,
    size_study,
)
from fvlib.report.words.estimates import FURTHER, expected, numbers_of
from fvlib.report.words.phrase_keys import COUNTS
from fvlib.report.words.phrases import say
from fvlib.report.words.reasons import in_words

MARKDOWN_MARKS: Final = re.compile(r"([\\`*_{}\[\]<>#|~$^@])")


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


def quantities(bundle: ReleasedBundle) -> Quantities:
    """Make every ready string of a bundle."""
    strings: dict[str, str] = {}
    hidden: set[str] = set()
    for analysis, outcome in _analyses(bundle).items():
        texts, masks = _analysis(bundle, analysis, outcome)
        strings |= texts
        hidden |= masks
    for outcome in protocol.OUTCOMES:
        strings |= _outcome(bundle, outcome)
    strings |= _protocol() | _refresh(bundle)
    strings |= {
        "X5.over_time": results.over_time(bundle),
        "sensitivity.outside": sensitivity.summary(bundle),
        "sensitivity.permutation": sensitivity.smallest_p(bundle),
        "sensitivity.triangulation": sensitivity.triangulation(bundle),
        "sensitivity.readiness": sensitivity.readiness(bundle),
        "sensitivity.savings": sensitivity.savings(bundle),
        "sensitivity.sizes": size_study.summary(),
        "sensitivity.tipping": sensitivity.tipping(bundle),
        "calendar.summary": sensitivity.observed(bundle),
        "imputation.summary": sensitivity.chains(bundle),
    }
    _tables(bundle, strings, hidden)
    return Quantities(strings, frozenset(hidden - set(strings)))


def lasting_keys(bundle: ReleasedBundle) -> list[str]:
    """Name the keys that every refresh has whose plan is this one's, whatever its results."""
    analyses = _analyses(bundle)
    keys = {
        f"{analysis}.{name}"
        for analysis, outcome in analyses.items()
        for name in ("label", "status", *expected(analysis, outcome))
    }
    for outcome in protocol.OUTCOMES:
        keys |= set(_outcome(bundle, outcome))
    keys |= {key for key in quantities(bundle) if key.partition(".")[0] not in analyses}
    return sorted({*keys, "cohort.n", "X5.over_time"})


def _analyses(bundle: ReleasedBundle) -> dict[str, str]:
    """Name every analysis that has keys, and its outcome: of the plan, of results, and expected."""
    out: dict[str, str] = {}
    for outcome in protocol.OUTCOMES:
        pair = results.nested_of(outcome), results.permutation_of(outcome)
        out |= dict.fromkeys((outcome, *pair), outcome)
    out |= dict.fromkeys(FURTHER, protocol.PRIMARY_OUTCOME)
    out |= {row["id"]: str(row.get("outcome")) for row in bundle.manifest.get("plan", [])}
    found = bundle.estimates.drop_duplicates("analysis")
    return out | dict(zip(found["analysis"].astype(str), found["outcome"].astype(str), strict=True))


def _analysis(
    bundle: ReleasedBundle, analysis: str, outcome: str
) -> tuple[dict[str, str], set[str]]:
    """Write an analysis's strings by key, and name the keys whose number is masked."""
    status, reason = bundle.status(analysis)
    texts = {"status": labels.label(labels.STATUSES, status), "label": bundle.label(analysis)}
    if status != ESTIMATED:
        texts["reason"] = results.why(bundle, analysis) if not reason else in_words(reason)
    texts |= numbers_of(bundle, analysis, outcome)
    rows = bundle.rows(analysis)
    hidden = {name for name in COUNTS if name not in texts and masked(rows, name).any()}
    return (
        {f"{analysis}.{name}": text for name, text in texts.items()},
        {f"{analysis}.{name}" for name in hidden},
    )


def _outcome(bundle: ReleasedBundle, outcome: str) -> dict[str, str]:
    out = {
        "result": results.result(bundle, outcome),
        "lead": results.lead(bundle, outcome),
        "beside": results.beside(bundle, outcome),
        "sample": results.sample(bundle, outcome),
        "risks": results.risks(bundle, outcome),
        "clustering": results.clustering(bundle, outcome),
        "control_window": results.control_window(bundle, outcome),
        "verdict": results.headline(bundle, outcome),
        "plain": results.plain_result(bundle, outcome),
        "diary": results.diary(bundle, outcome),
    }
    return {f"{outcome}.{name}": text for name, text in out.items()}


def _protocol() -> dict[str, str]:
    return {
        "protocol.mdes": numbers.in_points(protocol.MDES),
        "protocol.icc": numbers.number(protocol.INTRACLUSTER_CORRELATION, 5),
        "protocol.baseline": numbers.percent(protocol.BASELINE_RATE, 0),
        "protocol.children": numbers.count(protocol.CHILDREN),
        "protocol.alpha": numbers.percent(protocol.ALPHA, 0),
        "protocol.power": numbers.percent(protocol.POWER, 0),
        "protocol.las": numbers.plural(len(protocol.LOCAL_AUTHORITIES), "local authority",
                                     "local authorities"),
        "protocol.periods": numbers.plural(protocol.PERIODS, "period"),
        "protocol.period_months": numbers.plural(protocol.PERIOD_MONTHS, "month"),
        "protocol.window": f"{protocol.WINDOW_MONTHS['P1']}{numbers.NO_BREAK}months",
        "protocol.missing_limit": numbers.percent(protocol.MISSING_LIMIT, 0),
        "protocol.ages": f"0 to {protocol.ADULT_AGE - 1}",
        "protocol.threshold": numbers.count(protocol.DISCLOSURE_THRESHOLD),
        "design.orders": str(results.ORDERS),
        "design.smallest_p": results.SMALLEST_P,
    }  # fmt: skip


def _refresh(bundle: ReleasedBundle) -> dict[str, str]:
    manifest = bundle.manifest
    rule: Mapping[str, Any] = manifest["disclosure"]
    period: Mapping[str, Any] = manifest["trial_period"]
    rounding = int(rule["round_to"])
    return {
        "refresh.name": str(manifest["refresh"]),
        "refresh.look": "interim look" if bundle.interim else "final analysis",
        "refresh.data_through": labels.dates_by_la(manifest["data_through"]),
        "refresh.stamp": stamp(bundle),
        "refresh.imputations": numbers.count(manifest["imputations"]),
        "refresh.seed": str(manifest["seed"]),
        "refresh.version": data.made_with(bundle),
        "refresh.registration": str(
            manifest.get("registration") or say("registers.registration_absent")
        ),
        "refresh.threshold": numbers.count(rule["threshold"]),
        "refresh.rounding": say(
            "registers.rounding", "none" if rounding == 1 else "rounded", step=str(rounding)
        ),
        "wording.rule": results.wording_rule(bundle),
        "wording.family": results.family(bundle),
        "trial.period": numbers.span(period["start"], period["end"]),
        "trial.period_note": data.trial_period(bundle),
        "trial.changed_dates": data.changed_dates(bundle),
    }


def stamp(bundle: ReleasedBundle) -> str:
    """Say in a line which data, which look and which version this is."""
    manifest = bundle.manifest
    parts = [
        f"Refresh {manifest['refresh']}",
        f"data through {labels.dates_by_la(manifest['data_through'])}",
        "interim look" if bundle.interim else "final analysis",
        data.made_with(bundle),
    ]
    if bundle.synthetic:
        parts.append("synthetic data")
    return " \u00b7 ".join(parts)


def _tables(bundle: ReleasedBundle, strings: dict[str, str], hidden: set[str]) -> None:
    """Add counts that stand in side tables, and what is told of them."""
    flow = bundle.table("flow")
    cohort = flow[flow["step"] == "cohort"]
    if len(cohort) and cohort["n"].notna().all():
        strings["cohort.n"] = numbers.count(cohort["n"].sum())
    else:
        hidden.add("cohort.n")
    strings["cohort.summary"] = data.cohort(bundle)
    strings["set_aside.summary"] = data.set_aside(bundle)
    strings["arrivals.summary"] = data.arrivals(bundle)
    strings["missingness.summary"] = data.missingness(bundle)
    strings["plausibility.summary"] = profiles.plausibility(bundle)
    strings["withdrawn.summary"] = data.withdrawn(bundle)
    strings["changes.summary"] = data.changes(bundle)
    strings |= ipe.strings(bundle)
