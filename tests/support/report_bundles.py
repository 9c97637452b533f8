"""Small released bundles in exactly the form of `results/<refresh>/`, with plausible numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fvlib import protocol
from fvlib.report.bundle import FLAGS
from tests.support.report_tables import described

COLUMNS = (
    "analysis", "role", "outcome", "term", "scale", "estimate", "std_error", "df", "ci_low",
    "ci_high", "p_value", "p_adjusted", "n", "n_masked", "events", "events_masked", "status",
    "reason", "converged", "singular", "dropped", "warnings",
)  # fmt: skip
Z = 1.959964  # the interval's half-width in standard errors; these are made-up numbers anyway
SIZES = {
    "warwickshire": 3600, "newcastle": 2700, "coventry": 3100, "solihull": 1500, "sefton": 2100,
}  # fmt: skip
RATES = {
    "warwickshire": 0.046, "newcastle": 0.058, "coventry": 0.037, "solihull": 0.028,
    "sefton": 0.041,
}  # fmt: skip


def round5(value: float) -> int:
    return int(math.floor(value / 5 + 0.5) * 5)


def fitted(
    analysis: str,
    log_odds: float,
    error: float,
    *,
    role: str = "ours",
    outcome: str = "P1",
    n: int = 77_905,
    events: int = 3_120,
    df: float = math.inf,
    dropped: str = "",
    warnings: str = "",
    singular: bool = False,
) -> list[dict[str, Any]]:
    """Rows of one binary analysis."""
    risk = 0.043
    change = risk * math.exp(log_odds) / (1 - risk + risk * math.exp(log_odds)) - risk
    scale_of = risk * (1 - risk)
    shared = {
        "analysis": analysis, "role": role, "outcome": outcome, "n": n, "n_masked": False,
        "events": events, "events_masked": False, "status": "estimated", "reason": "",
        "converged": True, "singular": singular, "dropped": dropped, "warnings": warnings,
    }  # fmt: skip

    def row(
        term: str,
        scale: str,
        value: float,
        se: float | None,
        *,
        p: float | None = None,
        write: Callable[[float], float] = lambda x: x,
    ) -> dict[str, Any]:
        out = shared | {"term": term, "scale": scale, "estimate": write(value), "df": df}
        if se is not None:
            out |= {
                "std_error": se if write(1.0) == 1.0 else None,
                "ci_low": write(value - Z * se),
                "ci_high": write(value + Z * se),
            }
        return out | {"p_value": p}

    p = math.erfc(abs(log_odds / error) / math.sqrt(2))
    return [
        row("treatment", "log_odds", log_odds, error, p=p),
        row("treatment", "odds_ratio", log_odds, error, write=math.exp),
        row("treatment", "risk_difference", change, error * scale_of),
        row("risk_treatment", "risk", risk + change, 0.0016),
        row("risk_control", "risk", risk, 0.0015),
        row("la_sd", "log_odds", 0.27, None),
        row("icc", "icc_probability", 0.0031, None),
        row("icc", "icc_latent", 0.0217, None),
    ]


def linear(analysis: str, difference: float, error: float, outcome: str) -> list[dict[str, Any]]:
    """Rows of one linear analysis."""
    p = math.erfc(abs(difference / error) / math.sqrt(2))
    return [
        {
            "analysis": analysis, "role": "secondary", "outcome": outcome, "term": "treatment",
            "scale": "mean_difference", "estimate": difference, "std_error": error, "df": 60.0,
            "ci_low": difference - Z * error, "ci_high": difference + Z * error, "p_value": p,
            "p_adjusted": min(1.0, 3 * p), "n": 60_000, "n_masked": False, "events": None,
            "events_masked": False, "status": "estimated", "reason": "", "converged": True,
            "singular": False, "dropped": "", "warnings": "",
        }
    ]  # fmt: skip


def without_result(
    analysis: str, status: str, reason: str, role: str = "ours", outcome: str = "P1"
) -> list[dict[str, Any]]:
    """One row that says why there is no result."""
    return [
        {
            "analysis": analysis, "role": role, "outcome": outcome, "term": "treatment",
            "scale": "log_odds", "n": None, "n_masked": False, "events": None,
            "events_masked": True, "status": status, "reason": reason, "converged": False,
            "singular": False, "dropped": "", "warnings": "",
        }
    ]  # fmt: skip


def permutation(p: float = 1 / 12, outcome: str = "P1") -> list[dict[str, Any]]:
    """The permutation test's row: a p and nothing else."""
    row = without_result(f"X4-{outcome}", "estimated", "", "sensitivity", outcome)[0]
    return [row | {"scale": "p_only", "p_value": p, "converged": True, "events_masked": False}]


def first_slice(log_odds: float = -0.24, error: float = 0.09) -> list[dict[str, Any]]:
    """P1 and what stands beside it in the first slice."""
    rows = fitted("P1", log_odds, error, role="primary", dropped="settled:primary_need[7]")
    rows += fitted("complete-cases", log_odds - 0.03, error * 1.2, n=58_200, events=2_340)
    rows += fitted("no-covariates", log_odds + 0.05, error)
    rows += fitted("la-fixed-effects", log_odds + 0.002, error)
    for position, la in enumerate(protocol.LA_KEYS):
        rows += fitted(
            f"leave-out-{la}", log_odds + (position - 2) * 0.05, error * 1.15,
            n=77_905 - 6 * SIZES[la], events=2_500, singular=position == 4,
            warnings="zero_spread:las" if position == 4 else "",
        )  # fmt: skip
    return rows


def guards(log_odds: float = -0.22, error: float = 0.14) -> list[dict[str, Any]]:
    """The two analyses that stand beside P1."""
    nested = fitted("la-period", log_odds, error, df=19.0)
    spread = next(row for row in nested if row["term"] == "la_sd")
    return [*nested, spread | {"term": "la_period_sd", "estimate": 0.081}, *permutation()]


@dataclass
class Contents:
    """What to write into a bundle; change what a test is about."""

    rows: list[dict[str, Any]] = field(default_factory=lambda: first_slice() + guards())
    look: str = "final"
    synthetic: bool = True
    masked_cells: Sequence[tuple[str, int]] = (("solihull", 5),)
    manifest: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    without_tables: Sequence[str] = ()


def write(folder: Path, contents: Contents | None = None) -> Path:
    """Write a bundle into `folder` (`results/<refresh>`)."""
    what = contents or Contents()
    (folder / "tables").mkdir(parents=True)
    frame = pd.DataFrame(what.rows)
    for column in COLUMNS:
        if column not in frame:
            frame[column] = None
    _csv(frame[list(COLUMNS)], folder / "estimates.csv")
    for name, table in (tables(what) | what.tables).items():
        if name not in what.without_tables:
            _csv(table, folder / "tables" / f"{name}.csv")
    text = json.dumps(manifest(folder.name, what), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return folder


def manifest(name: str, what: Contents) -> dict[str, Any]:
    intended = {la.key: la.operationally_live.isoformat() for la in protocol.LOCAL_AUTHORITIES}
    live = intended | {"coventry": "2021-05-17"}
    return {
        "refresh": name,
        "data_through": dict.fromkeys(protocol.LA_KEYS, "2025-09-30"),
        "look": what.look,
        "seed": 20200401,
        "imputations": 20,
        "disclosure": {"threshold": 10, "round_to": 5},
        "live_dates": live,
        "intended_dates": intended,
        "changed_dates": [
            {
                "la": "coventry", "intended": "2021-04-01", "live": "2021-05-17",
                "reason": "awareness training finished later than planned",
                "dfe_agreed": "2021-03-10", "developer_consulted": None,
            }
        ],
        "trial_period": {"start": "2019-10-01", "end": "2022-09-30", "reason": None},
        "registration": None,
        "missing_because": {"ethnicity": "not always asked at the first contact"},
        "versions": {"fvlib": "0.1.0", "python": "3.11"},
        "cohort": 78_015,
        "hashes": {"code": "c0de" * 16, "data": "0" * 8, "params": "0" * 8},
        "synthetic": what.synthetic,
    } | what.manifest  # fmt: skip


def tables(what: Contents) -> dict[str, pd.DataFrame]:
    periods = _periods(what)
    return described(periods) | {
        "periods": periods,
        "crude": _crude(periods),
        "flow": _flow(periods),
        "set_aside": _set_aside(),
        "resolved": _twins(
            pd.DataFrame(
                [
                    ("newcastle", "plans", "spaces or case", 310),
                    ("sefton", "care_episodes", "end after data_through", 25),
                ],
                columns=["la", "file", "rule", "rows"],
            ),
            "rows",
        ),
        "decisions": _twins(
            pd.DataFrame(
                [(la, "joined_next_day", 40) for la in protocol.LA_KEYS]
                + [(la, "cut_at_next", None) for la in protocol.LA_KEYS]
                + [(la, "sorted_by_start", 0) for la in protocol.LA_KEYS],
                columns=["la", "rule", "rows"],
            ),
            "rows",
        ),
        "arrivals": _arrivals(),
        "missingness": _missingness(),
        "missing_outcomes": _twins(
            pd.DataFrame(
                [
                    ("P1", "unknown after", "control", 25),
                    ("P1", "unknown after", "treatment", None),
                    ("P1", "end before start", "control", 30),
                    ("P1", "end before start", "treatment", 0),
                    ("S6", "no row for the term", "control", 900),
                    ("S6", "no row for the term", "treatment", 640),
                ],
                columns=["outcome", "reason", "condition", "n"],
            ),
            "n",
        ),
        "la_intercepts": pd.DataFrame(
            [
                ("P1", la, value, 0.09)
                for la, value in zip(
                    protocol.LA_KEYS, (0.12, 0.35, -0.09, -0.38, 0.01), strict=True
                )
            ],
            columns=["analysis", "la", "estimate", "std_error"],
        ),
        "exposure_weights": pd.DataFrame(
            {"exposure_time": range(5), "weight": (0.86, 0.37, 0.04, -0.13, -0.14)}
        ),
        "control_window": pd.DataFrame(
            {"outcome": ["P1", "S2"], "share": [0.4412, 0.3188]}
        ),
    }  # fmt: skip


def _periods(what: Contents) -> pd.DataFrame:
    rows = []
    live = {la.key: position + 1 for position, la in enumerate(protocol.LOCAL_AUTHORITIES)}
    for la in protocol.LA_KEYS:
        for period in range(protocol.PERIODS):
            n = round5(SIZES[la] * (1 + 0.02 * ((period * 7 + len(la)) % 5 - 2)))
            rate = RATES[la] * (1 - 0.03 * period)
            parts = [("control" if period < live[la] else "treatment", n)]
            if la == "coventry" and period == live[la]:
                parts = [("control", round5(n / 4)), ("treatment", n - round5(n / 4))]
            for condition, size in parts:
                effect = 0.79 if condition == "treatment" else 1.0
                hidden = (la, period) in what.masked_cells
                rows.append(
                    {
                        "la": la, "period": period, "condition": condition, "n": size,
                        "n_masked": False,
                        "events": None if hidden else round5(size * rate * effect),
                        "events_masked": hidden,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def _crude(periods: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for la in (*protocol.LA_KEYS, "all"):
        for condition in ("control", "treatment"):
            part = periods[periods["condition"] == condition]
            part = part if la == "all" else part[part["la"] == la]
            hidden = bool(part["events_masked"].any())
            n, events = int(part["n"].sum()), part["events"].sum()
            rows.append(
                {
                    "outcome": "P1", "la": la, "condition": condition, "n": n, "n_masked": False,
                    "events": None if hidden else events, "events_masked": hidden,
                    "mean": None if hidden else events / n, "mean_masked": hidden,
                    "not_observable": 0, "not_observable_masked": False,
                    "missing": None if la == "sefton" else 15, "missing_masked": la == "sefton",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _flow(periods: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for la in protocol.LA_KEYS:
        cohort = int(periods.loc[periods["la"] == la, "n"].sum()) + 30
        before = int(
            periods.loc[(periods["la"] == la) & (periods["condition"] == "control"), "n"].sum()
        )
        for step, n in (
            ("children", round5(cohort * 1.31)),
            ("no_referral", round5(cohort * 0.03)),
            ("outside_trial_period", round5(cohort * 0.18)),
            ("unborn", round5(cohort * 0.01)),
            ("not_aged_0_to_17", None if la == "solihull" else round5(cohort * 0.002)),
            ("no_further_action", round5(cohort * 0.09)),
            ("cohort", cohort),
            ("earlier_ineligible", round5(cohort * 0.04)),
            ("control", before),
            ("treatment", cohort - before),
            ("P1_not_observable", 0),
            ("P1_missing", 30),
            ("P1_analysed", cohort - 30),
        ):
            rows.append({"la": la, "step": step, "n": n})
    return _twins(pd.DataFrame(rows), "n")


def _set_aside() -> pd.DataFrame:
    rows = [
        ("warwickshire", "plans", "end before start", 45),
        ("newcastle", "children", "duplicate key", None),
        ("newcastle", "care_episodes", "unknown code", 120),
        ("newcastle", "referrals", "child set aside", None),
        ("coventry", "plans", "end before start", 60),
        ("coventry", "referrals", "missing value", 1_450),
        ("sefton", "attendance", "sessions_unauthorised over sessions_possible", 30),
        ("sefton", "plans", "orphan child_id", 15),
    ]
    frame = pd.DataFrame(rows, columns=["la", "file", "rule", "rows"])
    return _twins(frame, "rows")


def _arrivals() -> pd.DataFrame:
    rows = []
    factors = {
        "children": 1.31, "referrals": 1.6, "plans": 1.5, "care_episodes": 0.8, "attendance": 2.6,
    }  # fmt: skip
    for la in protocol.LA_KEYS:
        for file, factor in factors.items():
            arrived = not (la == "solihull" and file == "attendance")
            read = round5(SIZES[la] * 6 * factor) if arrived else 0
            dated = arrived and file != "children"
            rows.append(
                {
                    "la": la, "file": file, "arrived": arrived, "rows_read": read,
                    "rows_kept": round5(read * 0.995),
                    "first_date": "2019-10-01" if dated else None,
                    "last_date": ("2025-06-30" if la == "sefton" else "2025-09-30")
                    if dated
                    else None,
                    "over_limit": False,
                }
            )  # fmt: skip
    return _twins(_twins(pd.DataFrame(rows), "rows_read"), "rows_kept")


def _missingness() -> pd.DataFrame:
    shares = {
        "sex": 0.0, "ethnicity": 0.11, "disabled": 0.14, "fsm": 0.22, "previous_cpp": 0.04,
        "primary_need": 0.02, "uasc": 0.001,
    }  # fmt: skip
    rows = []
    for covariate, share in shares.items():
        for position, la in enumerate((*protocol.LA_KEYS, "all")):
            for condition in ("control", "treatment", "all"):
                n = round5(SIZES.get(la, 13_000) * (6 if condition == "all" else 3))
                level = share * (0.5 + 0.3 * position) if la != "all" else share
                if covariate == "disabled" and la == "sefton":
                    level = 1.0
                hidden = covariate == "uasc" and la != "all"
                missing = None if hidden else round5(n * level)
                rows.append(
                    {
                        "covariate": covariate, "la": la, "condition": condition, "n": n,
                        "n_masked": False, "missing": missing, "missing_masked": hidden,
                        "share": None if missing is None else missing / n, "share_masked": hidden,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def _twins(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    position = list(frame.columns).index(column) + 1
    frame.insert(position, f"{column}_masked", frame[column].isna())
    return frame


def _csv(frame: pd.DataFrame, path: Path) -> None:
    out = frame.copy()
    for column in out.columns:
        if str(column).endswith("_masked") or column in FLAGS:
            out[column] = out[column].map({True: "true", False: "false"})
    for column in ("n", "events", "rows", "rows_read", "rows_kept", "missing", "not_observable"):
        if column in out:
            out[column] = out[column].astype("Float64").astype("Int64")
    out.to_csv(path, index=False, encoding="utf-8", lineterminator="\n", float_format="%.10g")


# The cases that every table, figure and chapter must stand.
CASES = {
    "final": Contents(),
    "interim": Contents(look="interim"),
    "real data": Contents(synthetic=False),
    "not yet estimable": Contents(
        rows=without_result("P1", "not_yet_estimable", "no_window_closed", role="primary")
    ),
    "failed": Contents(rows=without_result("P1", "failed", "separated:treatment", role="primary")),
    "all masked": Contents(masked_cells=[(la, t) for la in protocol.LA_KEYS for t in range(6)]),
    "no side tables": Contents(
        without_tables=(
            "periods", "crude", "flow", "set_aside", "resolved", "decisions", "arrivals",
            "missingness", "missing_outcomes", "la_intercepts", "exposure_weights",
            "control_window",
            *described(pd.DataFrame({"n": [], "events": []})),
        )
    ),
}  # fmt: skip
