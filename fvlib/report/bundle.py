"""`results/<refresh>/` as the report reads it: manifest, estimates, side tables.

Nothing is computed here. A number that the disclosure gate masked is missing, and its column's
twin `<column>_masked` says so. At an interim look no p-value is read at all (analysis plan,
"Interim and final"), so that none can be shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.contract.files import UNKNOWN_LA
from fvlib.errors import Refusal
from fvlib.remarks import Code
from fvlib.report.words import labels

MASKED: Final = "_masked"
FLAGS: Final = ("converged", "singular", "arrived", "over_limit")
P_COLUMNS: Final = ("p_value", "p_adjusted")
P_ONLY: Final = "p_only"
ESTIMATED: Final = "estimated"
ABSENT: Final = "absent"
EFFECT: Final = "treatment"
# The scale on which an analysis is judged, the first that it has.
MAIN_SCALES: Final = ("log_odds", "mean_difference", "risk_difference", "pounds")

# The released columns that hold dates, and those that hold texts.
DATES: Final = frozenset({"first_date", "last_date", "due", "month", "all_observed_from"})
TEXTS: Final = frozenset({
    "analysis", "category", "characteristic", "condition", "covariate", "decision", "direction",
    "event", "file", "indicator", "item", "la", "level", "met", "notes", "order", "outcome",
    "reason", "rule", "scheme", "service", "share_of_window", "source", "split", "state", "step",
    "subject", "term", "time_point", "variable",
})  # fmt: skip
TELLS_P: Final = ("permutation",)

# The side tables that the report reads (`ARCHITECTURE.md`), masks apart.
TABLE_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "flow": ("la", "step", "n"),
    "crude": (
        "outcome", "la", "condition", "n", "events", "mean", "not_observable", "missing",
    ),
    "periods": ("la", "period", "condition", "n", "events"),
    "set_aside": ("la", "file", "rule", "rows"),
    "resolved": ("la", "file", "rule", "rows"),
    "decisions": ("la", "rule", "rows"),
    "arrivals": (
        "la", "file", "arrived", "rows_read", "rows_kept", "first_date", "last_date", "over_limit",
    ),
    "withdrawn": ("children",),
    "changes": ("subject", "la", "item", "rule", "direction", "n"),
    "missingness": ("covariate", "la", "condition", "n", "missing", "share"),
    "missing_outcomes": ("outcome", "reason", "condition", "n"),
    "la_intercepts": ("analysis", "la", "estimate", "std_error"),
    "exposure_weights": ("exposure_time", "weight"),
    "control_window": ("outcome", "share"),
    "ipe": (
        "la", "time_point", "indicator", "numerator", "denominator", "value", "threshold", "met",
    ),
    "ipe_survey": ("la", "time_point", "item", "split", "level", "answered", "agree", "share"),
    "ipe_scores": ("la", "time_point", "item", "split", "category", "n"),
    "ipe_response": ("la", "time_point", "respondents", "eligible", "share"),
    "ipe_unanswered": ("time_point", "item", "respondents", "unanswered", "share"),
    "ipe_fgc": (
        "la", "time_point", "service", "characteristic", "level", "reached", "referred", "held",
        "agreed",
    ),
    "ipe_training": (
        "la", "time_point", "event", "split", "level", "attended", "eligible", "share",
    ),
    "ipe_schedule": (
        "la", "source", "time_point", "due", "items_expected", "items_arrived", "state",
    ),
    "trial_schedule": ("la", "source", "due", "files_expected", "files_arrived", "state"),
    "outcome_periods": ("outcome", "la", "period", "condition", "n", "events", "mean"),
    "s3_distribution": ("condition", "share_of_window", "first_day", "last_day", "n"),
    "s6_terms": ("term", "la", "condition", "n", "mean"),
    "calendar": ("outcome", "condition", "n", "observed", "share", "all_observed_from"),
    "volume": ("la", "month", "referrals"),
    "stayed_open": ("la", "period", "referrals", "stayed_open", "share"),
    "profiles": ("la", "characteristic", "level", "n"),
    "balance": (
        "covariate", "level", "mean_control", "mean_treatment", "crude_difference",
        "adjusted_difference",
    ),
    "missingness_periods": (
        "covariate", "la", "period", "condition", "n", "missing", "share",
    ),
    "missing_patterns": (
        "covariate", "term", "odds_ratio", "ci_low", "ci_high", "p_value", "n", "missing", "notes",
    ),
    "imputation": ("variable", "observed", "missing", "r_hat", "converged", "fmi", "notes"),
    "imputed_shares": ("variable", "level", "observed", "imputed"),
    "imputation_trace": ("variable", "level", "chain", "iteration", "share", "missing"),
    "permutation": ("analysis", "scheme", "order", "statistic", "observed"),
    "triangulation": (
        "analysis", "source", "correlation", "estimate", "std_error", "ci_low", "ci_high",
        "decision",
    ),
    "tipping_point": ("analysis", "delta", "estimate", "ci_low", "ci_high"),
}  # fmt: skip


@dataclass(frozen=True)
class ReleasedBundle:
    """One refresh's released results.

    Attributes
    ----------
    folder
        `results/<refresh>/`.
    manifest
        What was analysed, and how: see `manifest.json`.
    estimates
        One row an estimate; at an interim look without p-values.
    """

    folder: Path
    manifest: Mapping[str, Any]
    estimates: pd.DataFrame

    @property
    def interim(self) -> bool:
        """Whether this is an interim look."""
        return bool(self.manifest["look"] != "final")

    @property
    def synthetic(self) -> bool:
        """Whether the refresh was simulated."""
        return bool(self.manifest.get("synthetic", False))

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All side tables by name."""
        paths = sorted((self.folder / "tables").glob("*.csv"))
        return {path.stem: _read_csv(path) for path in paths}

    def table(self, name: str) -> pd.DataFrame:
        """Return a side table; one that this refresh doesn't hold is empty, with its columns.

        Raises
        ------
        Refusal
            The table lacks a column: another version made it.
        """
        found = self.tables.get(name)
        if found is None:
            return pd.DataFrame(columns=list(TABLE_COLUMNS[name]))
        lacking = [column for column in TABLE_COLUMNS.get(name, ()) if column not in found]
        if lacking:
            raise Refusal(
                f"results/{self.folder.name}/tables/{name}.csv: missing column "
                f"{', '.join(lacking)}; run `fv run {self.folder.name}` again"
            )
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """All side tables that a report may ask for, whether or not this refresh holds them."""
        return tuple(sorted({*TABLE_COLUMNS, *self.tables}))

    def typed(self, name: str) -> pd.DataFrame:
        """Return a side table to compute with: see `Report.data`."""
        frame = self.table(name).copy()
        if self.interim and name in TELLS_P:
            frame = frame.iloc[:0]
        for column in map(str, frame.columns):
            values = frame[column]
            if column in DATES:
                frame[column] = pd.to_datetime(values).astype("datetime64[s]")
            elif column in TEXTS and not pd.api.types.is_bool_dtype(values):
                frame[column] = values.astype("str")
            elif column.endswith(MASKED) or column in FLAGS:
                frame[column] = values.astype(bool)
            elif f"{column}{MASKED}" in frame or values.isna().all():
                frame[column] = values.astype("float64")
        return frame

    def label(self, analysis: str) -> str:
        """Return an analysis's display words; for one unknown to them, what the plan says."""
        plan = {row["id"]: row["changes"] for row in self.manifest.get("plan", [])}
        return labels.analysis_label(analysis, plan.get(analysis, ""))

    @cached_property
    def _by_analysis(self) -> dict[str, pd.DataFrame]:
        groups = self.estimates.groupby("analysis", sort=False)
        return {str(name): rows for name, rows in groups}

    def rows(self, analysis: str) -> pd.DataFrame:
        """Return an analysis's rows of `estimates.csv`; none for one that isn't there."""
        return self._by_analysis.get(analysis, self.estimates.iloc[:0])

    def effect(self, analysis: str, scale: str | None = None) -> pd.Series | None:
        """Return an analysis's row for the effect of interest, if it was estimated.

        Parameters
        ----------
        analysis
            Machine name.
        scale
            One scale, or the scale on which the analysis is judged.
        """
        return self.estimate(analysis, EFFECT, scale)

    def estimate(self, analysis: str, term: str, scale: str | None = None) -> pd.Series | None:
        """Return an analysis's row for any term, if it was estimated."""
        rows = self.rows(analysis)
        rows = rows[
            (rows["term"] == term) & (rows["status"] == ESTIMATED) & rows["estimate"].notna()
        ]
        for wanted in MAIN_SCALES if scale is None else (scale,):
            match = rows[rows["scale"] == wanted]
            if len(match):
                return match.iloc[0]
        return None

    def ratio(self, analysis: str, term: str) -> pd.Series | None:
        """Return a term's row as an odds ratio, made from its log-odds where there is none."""
        found = self.estimate(analysis, term, "odds_ratio")
        if found is not None:
            return found
        found = self.estimate(analysis, term, "log_odds")
        if found is None:
            return None
        moved = {name: np.exp(float(found[name])) for name in ("estimate", "ci_low", "ci_high")}
        return pd.Series(found.to_dict() | moved | {"scale": "odds_ratio"})

    def status(self, analysis: str) -> tuple[str, str]:
        """Return an analysis's status and, unless estimated, the reason (`fvlib.remarks`).

        An analysis that the bundle doesn't hold is `absent`, which is the reason.
        """
        rows = self.rows(analysis)
        if rows.empty:
            return ABSENT, ""
        bad = rows[rows["status"] != ESTIMATED]
        if bad.empty:
            return ESTIMATED, ""
        row = bad.iloc[0]
        reason = row["reason"] if isinstance(row["reason"], str) else str(Code.NOT_RECORDED)
        return str(row["status"]), reason


def read_bundle(folder: Path) -> ReleasedBundle:
    """Read a released bundle.

    Raises
    ------
    Refusal
        The folder holds no whole bundle, or one with a column missing.
    """
    manifest_path = folder / "manifest.json"
    where = f"results/{folder.name}"
    if not manifest_path.is_file():
        raise Refusal(f"{where}: no manifest.json; `fv run {folder.name}` makes the results")
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise Refusal(
            f"{where}/manifest.json: not valid JSON (line {error.lineno}); run `fv run "
            f"{folder.name}` again"
        ) from error
    estimates = _read_csv(folder / "estimates.csv")
    needed = ("analysis", "role", "outcome", "term", "scale", "estimate", "status", "reason")
    lacking = [name for name in needed if name not in estimates]
    if lacking:
        raise Refusal(
            f"{where}/estimates.csv: missing column {', '.join(lacking)}; run `fv run "
            f"{folder.name}` again"
        )
    if manifest.get("look") != "final":
        estimates = _without_p(estimates)
    return ReleasedBundle(folder=folder, manifest=manifest, estimates=estimates)


def la_order(frame: pd.DataFrame) -> list[str]:
    """LAs of a table in the order of roll-out; rows that name none of them, and `all`, last."""
    present = set(frame["la"].astype(str))
    return [key for key in (*protocol.LA_KEYS, UNKNOWN_LA, "all") if key in present]


def every_la(frame: pd.DataFrame) -> list[str]:
    """All five LAs, whether or not the table has them, and those rows that name none of them."""
    return [*protocol.LA_KEYS, *([UNKNOWN_LA] if (frame["la"] == UNKNOWN_LA).any() else [])]


def masked(frame: pd.DataFrame, column: str) -> pd.Series:
    """Say which rows of a column the gate masked."""
    twin = frame.get(f"{column}{MASKED}")
    if twin is None:
        return pd.Series(False, index=frame.index)
    return twin.astype(bool)


def _without_p(estimates: pd.DataFrame) -> pd.DataFrame:
    kept = estimates[estimates["scale"] != P_ONLY].copy()
    for column in P_COLUMNS:
        if column in kept:
            kept[column] = float("nan")
    return kept.reset_index(drop=True)


def _read_csv(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise Refusal(f"results/{path.parent.name}: {path.name} is missing; run `fv run` again")
    frame = pd.read_csv(path, encoding="utf-8")
    for column in frame.columns:
        if str(column).endswith(MASKED) or column in FLAGS:
            frame[column] = frame[column].astype(str).str.lower().eq("true")
    return frame
