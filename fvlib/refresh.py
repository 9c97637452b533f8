"""`params/<refresh>.yml` -> `Refresh`: everything that differs from one refresh to the next.

A params file holds nothing statistical that the protocol fixes; what it may override (live dates,
the trial period) carries a reason that the report prints. Unknown keys, wrong types and impossible
dates are refused with the key's name, the value and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from fvlib import protocol
from fvlib.errors import Refusal
from fvlib.identifying import identifier_in

REFRESH_NAME: Final = r"^[a-z0-9][a-z0-9-]*$"
LONGEST_VALUE: Final = 80  # characters of a faulty value that a message shows
LONGEST_LABEL: Final = 60
LONGEST_TEXT: Final = 500  # characters of a text that the report prints
LARGEST_COUNT: Final = 1000  # of the gate's settings: counts above it would say nothing
LEAST_ROUNDING: Final = 5
RESERVED_NAMES: Final = frozenset({"quarto"})  # Quarto empties _report/quarto


def _no_identifier(text: str) -> str:
    """Refuse a text that a reader could know a person by: the report prints it."""
    what = identifier_in(text)
    if what is not None:
        raise ValueError(f"holds what looks like {what}; the report prints it, so say it without")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT),
    AfterValidator(_no_identifier),
]
Label = Annotated[Text, StringConstraints(max_length=LONGEST_LABEL)]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]


def _whole_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("expected an integer, written without quotes")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("expected a number, written without quotes")
    return value


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError("expected true or false, written without quotes")
    return value


Whole = Annotated[int, BeforeValidator(_whole_number)]
Number = Annotated[float, BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Probability = Annotated[Number, Field(ge=0, le=1)]


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Implementation(_Block):
    """One LA's dates, where they differ from the protocol's intended ones, and X6's and X10's."""

    operationally_live: date | None = None
    reason: Text | None = None
    dfe_agreed: date | None = None
    developer_consulted: Flag | None = None
    fgc_started: date | None = None
    theory_to_practice_done: date | None = None
    deep_dive_done: date | None = None

    @model_validator(mode="after")
    def _a_changed_date_has_a_reason(self) -> Self:
        if self.operationally_live is not None and self.reason is None:
            raise ValueError("a changed operationally_live needs a `reason`; the report prints it")
        if (
            self.fgc_started is not None
            and self.theory_to_practice_done is not None
            and self.theory_to_practice_done < self.fgc_started
        ):
            raise ValueError("theory_to_practice_done is before fgc_started")
        return self


class TrialPeriod(_Block):
    """The referral dates that count, both ends included, when the protocol's are overridden."""

    start: date
    end: date
    reason: Text

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end is not after start")
        return self


class Disclosure(_Block):
    """The gate's settings: counts under `threshold` are masked, others rounded to `round_to`.

    Weaker ones than the protocol's need a reason, which the report prints on its first page.
    """

    threshold: Annotated[Whole, Field(ge=1, le=LARGEST_COUNT)] = protocol.DISCLOSURE_THRESHOLD
    round_to: Annotated[Whole, Field(ge=1, le=LARGEST_COUNT)] = LEAST_ROUNDING
    reason: Text | None = None

    @property
    def weaker(self) -> bool:
        """Whether less is hidden than the protocol asks for."""
        weak_mask = self.threshold < protocol.DISCLOSURE_THRESHOLD
        return weak_mask or self.round_to < LEAST_ROUNDING


class DiD(_Block):
    """The sister evaluation's difference-in-differences result (X12)."""

    outcome: Literal["P1", "S1", "S2", "S3", "S4", "S5", "S6"]
    months: Annotated[Whole, Field(ge=1)]
    scale: Literal["log_odds", "risk_difference", "mean_difference"]
    estimate: Number
    se: Annotated[Number, Field(gt=0)]
    correlation: Probability | None = None
    did_holds: Flag
    stepped_wedge_holds: Flag

    @model_validator(mode="after")
    def _same_outcome_window_and_scale(self) -> Self:
        window = protocol.WINDOW_MONTHS.get(self.outcome)
        if window is not None and self.months != window:
            raise ValueError(
                f"months: {self.months} is not {self.outcome}'s window of {window} months; "
                "two different outcomes are not pooled"
            )
        scales = (
            ("mean_difference",)
            if self.outcome in protocol.LINEAR_OUTCOMES
            else ("log_odds", "risk_difference")
        )
        if self.scale not in scales:
            raise ValueError(f"scale: {self.outcome} is reported as {' or '.join(scales)}")
        return self


class Cost(_Block):
    """Pounds per looked-after child over 18 months (X14), as a named distribution."""

    per_looked_after_child: Annotated[Number, Field(gt=0)]
    low: Annotated[Number, Field(ge=0)]
    high: Annotated[Number, Field(gt=0)]
    distribution: Literal["triangular", "uniform"] = "triangular"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.per_looked_after_child <= self.high:
            raise ValueError("expected low <= per_looked_after_child <= high")
        return self


class Retention(_Block):
    """When the findings were published: data are deleted 24 months later."""

    published: date | None = None


class Labels(_Block):
    """Labels of the returns that may be told beside the contract's own; any other is `other`."""

    role: tuple[Label, ...] = ()
    team: tuple[Label, ...] = ()
    level: tuple[Label, ...] = ()


class Refresh(_Block):
    """One data refresh: its names, dates and settings. Frozen."""

    refresh: Annotated[str, StringConstraints(pattern=REFRESH_NAME)]
    data: Path
    data_outside: Flag = False
    data_through: dict[str, date]
    previous_refresh: Annotated[str, StringConstraints(pattern=REFRESH_NAME)] | None = None
    implementation: dict[str, Implementation] = Field(default_factory=dict)
    look: Literal["interim", "final"] = "interim"
    registration: Text | None = None
    imputations: Annotated[Whole, Field(ge=1, le=200)] = 20
    seed: Annotated[Whole, Field(ge=0, le=2**63)] = 20200401
    disclosure: Disclosure = Disclosure()
    did: DiD | None = None
    cost: Cost | None = None
    missing_because: dict[ColumnName, Text] = Field(default_factory=dict)
    labels: Labels = Labels()
    reunification_codes: tuple[Literal["E4A", "E4B"], ...] = ("E4A",)
    cache_rows: Flag = False  # the contract has it; true is refused, as nothing is written
    trial_period: TrialPeriod | None = None
    retention: Retention = Retention()
    context_columns: tuple[ColumnName, ...] = ()

    @field_validator("refresh", "previous_refresh", mode="before")
    @classmethod
    def _bare_numbers_are_names(cls, value: object) -> object:
        return name_of(value) if value is not None else None

    @field_validator("cache_rows")
    @classmethod
    def _rows_stay_in_memory(cls, value: bool) -> bool:
        if value:
            raise ValueError("imputed rows are never kept on disk; expected false, or no such line")
        return value

    @field_validator("did", "cost", "trial_period", mode="before")
    @classmethod
    def _an_empty_block_is_absent(cls, value: object) -> object:
        if isinstance(value, Mapping) and all(entry is None for entry in value.values()):
            return None
        return value

    @field_validator("data_through", mode="before")
    @classmethod
    def _one_date_or_one_per_la(cls, value: object) -> object:
        return value if isinstance(value, Mapping) else dict.fromkeys(protocol.LA_KEYS, value)

    @field_validator("data_through")
    @classmethod
    def _all_las_named(cls, value: dict[str, date]) -> dict[str, date]:
        _known_las(value)
        missing = [la for la in protocol.LA_KEYS if la not in value]
        if missing:
            raise ValueError(f"one date per LA must name all five; missing: {', '.join(missing)}")
        late = [la for la, through in value.items() if through > date.today()]
        if late:
            raise ValueError(f"after today: {', '.join(late)}; no extract is complete for it yet")
        early = [la for la, through in value.items() if through < protocol.TRIAL_START]
        if early:
            raise ValueError(
                f"before the trial begins ({protocol.TRIAL_START}): {', '.join(early)}"
            )
        return value

    @field_validator("data")
    @classmethod
    def _plain_path(cls, value: Path) -> Path:
        if "\0" in str(value) or len(str(value)) > LONGEST_TEXT:
            raise ValueError("no path of a folder")
        return value

    @field_validator("implementation")
    @classmethod
    def _las_known(cls, value: dict[str, Implementation]) -> dict[str, Implementation]:
        _known_las(value)
        return value

    @field_validator("reunification_codes")
    @classmethod
    def _some_code(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected at least one of E4A, E4B")
        return value

    @model_validator(mode="after")
    def _another_refresh_came_before(self) -> Self:
        if self.previous_refresh == self.refresh:
            raise ValueError("previous_refresh is this refresh itself; name an earlier one")
        return self

    @model_validator(mode="after")
    def _dates_fit_together(self) -> Self:
        start, end = self.trial_dates
        for la, dates in self.implementation.items():
            live = dates.operationally_live
            if live is not None and not start <= live <= end:
                raise ValueError(
                    f"implementation.{la}.operationally_live is outside the trial period "
                    f"({start} to {end})"
                )
        if self.look == "final":
            open_las = [la for la in protocol.LA_KEYS if self.data_through[la] < self.p1_closes]
            if open_las:
                raise ValueError(
                    "look: final is refused until every P1 window has closed: data_through must "
                    f"be {self.p1_closes} or later; still open: {', '.join(open_las)}. "
                    "Use look: interim"
                )
        return self

    @property
    def trial_dates(self) -> tuple[date, date]:
        """First and last referral date that count, both included."""
        if self.trial_period is None:
            return protocol.TRIAL_START, protocol.TRIAL_END
        return self.trial_period.start, self.trial_period.end

    @property
    def p1_closes(self) -> date:
        """The day on which the last child's P1 window closes."""
        return add_months(self.trial_dates[1], protocol.WINDOW_MONTHS[protocol.PRIMARY_OUTCOME])

    def due_for_deletion(self, today: date) -> str | None:
        """Say that individual-level data have been kept for as long as was promised, if so."""
        published = self.retention.published
        due = add_months(published, protocol.RETENTION_MONTHS) if published else None
        if due is None or today < due:
            return None
        return (
            f"params/{self.refresh}.yml: the findings were published on {published}: individual-"
            f"level data have been due for deletion since {due}. Archive what is to be archived, "
            f"then delete {self.data.as_posix()}"
        )

    def live_date(self, la: str) -> date:
        """Operationally Live date of an LA: the params' date, else the protocol's."""
        changed = self.implementation.get(la)
        if changed is not None and changed.operationally_live is not None:
            return changed.operationally_live
        return next(
            unit.operationally_live for unit in protocol.LOCAL_AUTHORITIES if unit.key == la
        )


def add_months(day: date, months: int) -> date:
    """Calendar months, clamped: 31 August 2019 + 18 months = 28 February 2021."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - date.resolution).day
    return date(year, month, min(day.day, last))


def name_of(value: object) -> str:
    """Check a refresh's name as a command line or notebook gives it (`2024` comes as int)."""
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(name, str) or not re.fullmatch(REFRESH_NAME, name):
        raise Refusal(
            f"refresh name {value!r}: expected small letters, digits and hyphens, "
            "beginning with a letter or digit, such as 2024-04"
        )
    if name in RESERVED_NAMES:
        raise Refusal(f"refresh name {name!r} is reserved for Quarto's own output; choose another")
    return name


def project_root(start: Path) -> Path:
    """Find the project: the nearest folder upwards that holds `_quarto.yml`."""
    for folder in (start, *start.parents):
        if (folder / "_quarto.yml").is_file():
            return folder
    raise Refusal(
        f"no _quarto.yml in {start.name} or in a folder above it: work inside the project's folder"
    )


def load_refresh(name: object, root: Path) -> Refresh:
    """Read `params/<name>.yml` under the project's root.

    Raises
    ------
    Refusal
        The file is absent, isn't YAML, or holds unknown keys, wrong types or impossible dates.
    """
    refresh = name_of(name)
    path = root / "params" / f"{refresh}.yml"
    where = f"params/{refresh}.yml"
    if not path.is_file():
        known = sorted(p.stem for p in (root / "params").glob("*.yml"))
        raise Refusal(
            f"{where}: no such file. Known refreshes: {', '.join(known) or 'none'}. "
            f"`fv simulate {refresh}` writes a synthetic one"
        )
    loaded = parse_refresh(path.read_bytes(), where, refresh)
    if not loaded.data_outside and not in_project(root / loaded.data, root):
        raise Refusal(
            f"{where}: data: leads out of the project; expected a folder below it, such as "
            f"data/{refresh}. If the extracts must stand elsewhere, say data_outside: true"
        )
    return loaded


def in_project(path: Path, root: Path) -> bool:
    """Whether a path leads into the project's folder and no further up, links followed."""
    place, project = path.resolve(), root.resolve()
    return place != project and place.is_relative_to(project)


def parse_refresh(text: bytes, where: str, name: str) -> Refresh:
    """Validate a params file's text; `where` is how messages call it."""
    try:
        content = yaml.load(text.decode("utf-8-sig"), Loader=_UniqueKeys)
    except UnicodeDecodeError as error:
        raise Refusal(f"{where}: not UTF-8; save it as UTF-8 text") from error
    except yaml.YAMLError as error:
        raise Refusal(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise Refusal(
            f"{where}: brackets within brackets without end; expected `key: value`"
        ) from None
    if not isinstance(content, dict):
        raise Refusal(f"{where}: expected keys such as `refresh: {name}` and `data_through: ...`")
    try:
        refresh = Refresh.model_validate(content)
    except ValidationError as error:
        raise Refusal(_told(error, where)) from error
    rule = refresh.disclosure
    if rule.weaker and rule.reason is None:
        raise Refusal(
            f"{where}: disclosure: a threshold under {protocol.DISCLOSURE_THRESHOLD} or round_to "
            f"under {LEAST_ROUNDING} needs a reason, which the report prints on its first page: "
            f"{{threshold: {rule.threshold}, round_to: {rule.round_to}, reason: ...}}"
        )
    if refresh.refresh != name:
        raise Refusal(f"{where}: refresh: {refresh.refresh!r} must be the file's own name {name!r}")
    return refresh


class _UniqueKeys(yaml.SafeLoader):
    """YAML keeps the last of two equal keys in silence; a params file must not.

    Nor does it need aliases, by which a small file unfolds without end.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event().anchor  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(f"an alias, *{alias}; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
        if repeated:
            raise yaml.YAMLError(f"key given twice: {', '.join(repeated)}")
        return super().construct_mapping(node, deep=deep)


# A date stays text until its key is known, so that 2024-02-30 is told with its key.
_UniqueKeys.add_constructor(  # type: ignore[type-var]
    "tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str
)


def _known_las(names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in protocol.LA_KEYS]
    if unknown:
        raise ValueError(f"unknown LA {', '.join(unknown)}; expected {', '.join(protocol.LA_KEYS)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} ..."


def _told(error: ValidationError, where: str) -> str:
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"]) or "the file as a whole"
        if fault["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key; see the params file in README.md for those known")
        elif fault["type"] == "missing":
            lines.append(f"{key}: missing, and required")
        else:
            told = fault["msg"].removeprefix("Value error, ")
            value = (
                f" (value: {_short(fault['input'])})"
                if not isinstance(fault["input"], dict)
                else ""
            )
            lines.append(f"{key}: {told}{value}")
    head = f"{where}: {len(lines)} thing{'s' if len(lines) > 1 else ''} to correct"
    return "\n".join([head, *(f"  {line}" for line in lines)])
