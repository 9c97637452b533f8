"""What changed since the previous refresh: two released bundles, count against count.

Both sides have passed the gate: whoever holds both bundles could subtract them, so a difference
tells nothing that they don't. No exact count of either side enters, and no child's row of the
previous refresh is opened. It is made here, below the report, so that a reader of one bundle alone
renders the same report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.gate import CountTable
from fvlib.pipeline.freshness import COMPARED, read_manifest

UNCHANGED: Final = "same"
_MASKED: Final = "_masked"

_FLOW_STEPS: Final = (
    "children",
    "cohort",
    *(f"{outcome}_{state}" for outcome in protocol.OUTCOMES
      for state in ("not_observable", "analysed")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is compared: a table, its keys besides the LA, its count.

    `absent`: the count of a row that one of the two bundles doesn't have, None for unknown.
    """

    table: str
    item: str
    rule: str | None
    count: str
    absent: int | None = None
    only: tuple[str, ...] | None = None

    @property
    def keys(self) -> list[str]:
        """The columns that tell rows apart."""
        return ["la", self.item, *([self.rule] if self.rule else [])]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (*self.keys, self.count, f"{self.count}{_MASKED}")


# In the order of the report.
_SUBJECTS: Final[Mapping[str, _Subject]] = {
    "rows_read": _Subject("arrivals", "file", None, "rows_read"),
    # The table lists the rules that set rows aside: a rule that isn't there set none aside.
    "set_aside": _Subject("set_aside", "file", "rule", "rows", absent=0),
    "flow": _Subject("flow", "step", None, "n", only=_FLOW_STEPS),
}


@dataclass(frozen=True, slots=True)
class Previous:
    """What is read of the previous refresh's released bundle.

    Attributes
    ----------
    data_through
        Up to which date each LA's extracts were complete.
    tables
        The side tables that are compared, as released.
    """

    data_through: Mapping[str, str]
    tables: Mapping[str, pd.DataFrame]


def read_previous(results: Path) -> Previous | None:
    """Read what is compared from `results/<previous>/`; None where it holds no whole bundle."""
    manifest = read_manifest(results)
    paths = {name: results / "tables" / f"{name}.csv" for name in COMPARED}
    if manifest is None or not all(path.is_file() for path in paths.values()):
        return None
    tables = {name: pd.read_csv(path, encoding="utf-8") for name, path in paths.items()}
    for subject in _SUBJECTS.values():
        if not set(subject.columns) <= set(tables[subject.table]):
            return None  # written by a version whose tables had another form
    return Previous(manifest["data_through"], tables)


def changes(previous: Previous | None, now: Mapping[str, pd.DataFrame]) -> CountTable:
    """Subtract the previous bundle's counts from this one's.

    A difference goes through the gate like any count: under the threshold it is masked, and it is
    masked where either of its two counts was.

    Parameters
    ----------
    previous
        The previous refresh's released tables; None where there are none.
    now
        This refresh's tables of the same names, past the gate.

    Returns
    -------
    CountTable
        subject (`rows_read`, `set_aside`, `flow`), la, item (file or step), rule, direction
        (`more`, `fewer`, `same`), n (how many more or fewer).
    """
    columns = ["subject", "la", "item", "rule", "direction", "n", "persons", "withheld"]
    parts = [] if previous is None else [
        _change(name, subject, previous.tables[subject.table], now[subject.table])
        for name, subject in _SUBJECTS.items()
    ]  # fmt: skip
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return CountTable(
        frame[columns].astype({"withheld": bool}),
        counts=("n",),
        persons={"n": "persons"},
        hidden={"n": "withheld"},
        follows={"direction": "n"},
    )


def _change(
    name: str, subject: _Subject, before: pd.DataFrame, after: pd.DataFrame
) -> pd.DataFrame:
    both = _side(after, subject, "after").merge(
        _side(before, subject, "before"), on=subject.keys, how="outer"
    )
    both = both.rename(columns={subject.item: "item", subject.rule or "": "rule"})
    if subject.only is not None:
        both = both[both["item"].isin(subject.only)]
    step = _count(both, "after", subject) - _count(both, "before", subject)
    direction = pd.Series(UNCHANGED, index=both.index, dtype=object)
    direction = direction.mask(step.gt(0).fillna(False), "more")
    direction = direction.mask(step.lt(0).fillna(False), "fewer").mask(step.isna(), None)
    # Absence is counted in child-terms: so many more can be of that many fewer children.
    terms = both["item"].str.startswith("S6_").map({True: protocol.SCHOOL_TERMS_FOLLOWED, False: 1})
    return both.assign(
        subject=name, rule=both.get("rule", ""), direction=direction, n=step.abs(),
        persons=step.abs() / terms,
        withheld=_hidden(both, "after") | _hidden(both, "before"),
    ).reset_index(drop=True)  # fmt: skip


def _side(table: pd.DataFrame, subject: _Subject, word: str) -> pd.DataFrame:
    """Return a released table's keys, count and mask, read from a CSV or fresh from the gate."""
    masked = table[f"{subject.count}{_MASKED}"].astype(str).str.lower().eq("true")
    count = table[subject.count].to_numpy("float64", na_value=float("nan"))
    side = table[subject.keys].astype(str).reset_index(drop=True)
    return side.assign(**{word: count, f"{word}{_MASKED}": masked.to_numpy()})


def _hidden(both: pd.DataFrame, side: str) -> pd.Series:
    return both[f"{side}{_MASKED}"].eq(True)  # a row that one side lacks hides nothing


def _count(both: pd.DataFrame, side: str, subject: _Subject) -> pd.Series:
    count = both[side].astype("Float64")
    lacking = count.isna() & ~_hidden(both, side)
    return count if subject.absent is None else count.mask(lacking, subject.absent)
