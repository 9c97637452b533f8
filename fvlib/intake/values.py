"""A column's text -> typed values, and which of them can't be read or had to be put right.

Each distinct text is read once, so the cost goes with the number of different values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fvlib.contract import Column
from fvlib.contract.codes import OTHER_LABEL
from fvlib.contract.resolutions import LABEL_NOT_LISTED
from fvlib.contract.rule import Bools, Values
from fvlib.contract.rules import VALUE_RULES
from fvlib.contract.spreadsheet import is_null_word, undo_number
from fvlib.intake.reading import RawFile

Texts = NDArray[np.object_]

_ISO: Final = "(?P<a>[0-9]{4})-(?P<b>[0-9]{2})-(?P<c>[0-9]{2})"
_SLASHED: Final = "(?P<a>[0-9]{1,2})/(?P<b>[0-9]{1,2})/(?P<c>[0-9]{4})"
# Outside these years a date or month is a slip of the pen, not a date.
_FIRST_YEAR, _LAST_YEAR = 1800, 2199


@dataclass(frozen=True, slots=True)
class Parsed:
    """A column, read. Shapes (rows,).

    `typed`: the values, missing where empty or at fault. `text`: each row's position in `texts`,
    the distinct texts without surrounding spaces. `fault`: for each distinct text the rule it
    breaks, or "". `resolution` likewise. `key`: equal integers are equal values.
    """

    column: Column
    typed: Any
    text: NDArray[np.int64]
    texts: Texts
    fault: Texts
    resolution: Texts
    key: NDArray[np.int64]

    @property
    def empty(self) -> Bools:
        """Which rows have no value."""
        return np.asarray(self.texts == "")[self.text]

    def breaks(self, rule: str) -> Bools:
        """Which rows break a rule on single values."""
        return np.asarray(self.fault == rule)[self.text]

    @property
    def faults(self) -> list[str]:
        """Rules that some value breaks."""
        return [rule.id for rule in VALUE_RULES if rule.id in self.fault]


@dataclass(slots=True)
class _Reading:
    """What a reader made of the distinct texts: `read`, and equal `canonical` = equal values.

    `read` is missing where a text can't be read. `put_right` names the resolution for texts that
    weren't written as they should be, or "".
    """

    read: Any
    canonical: Texts
    put_right: Texts


def parse(column: Column, raw: pa.StringArray) -> Parsed:
    """Read a column's text by its kind.

    Parameters
    ----------
    column
        Its declaration.
    raw
        The text as it came. Shape (rows,).
    """
    encoded = raw.dictionary_encode()
    trimmed = pc.utf8_trim_whitespace(encoded.dictionary)
    spaced = np.array(pc.not_equal(trimmed, encoded.dictionary), bool)
    texts = trimmed.to_numpy(zero_copy_only=False).astype(object)
    codes = column.codes.spellings if column.codes is not None else ()
    nulls = np.array([is_null_word(text, codes) for text in texts], bool)
    texts[nulls] = ""
    rows = encoded.indices.to_numpy().astype(np.int64)
    made = _READERS[column.kind if column.checked else "unchecked"](texts, column)
    fault = _find_faults(Values(column, texts, made.read))
    good = fault == ""
    resolution = np.where(good, made.put_right, "").astype(object)
    resolution[spaced & (texts != "") & (resolution == "")] = "spaces or case"
    resolution[nulls & good] = "null word"
    if not column.checked:
        resolution[:] = ""
    canonical = np.where(good, made.canonical, "fault " + texts)
    key = pd.factorize(canonical)[0].astype(np.int64)
    typed = made.read.copy()
    typed[~good] = None
    return Parsed(
        column,
        _take(_finished(typed, column), rows),
        rows,
        texts,
        fault,
        resolution,
        key[rows] if len(key) else rows,
    )


def _find_faults(values: Values) -> Texts:
    """Name the first rule that each value breaks, or ""."""
    fault = _blank(values.texts)
    for rule in VALUE_RULES:
        column = values.column
        applies = (column.checked and column.kind in rule.kinds) or not rule.kinds
        if applies and rule.of_values is not None:
            # Whether a value may be missing is a rule of its own, and the first.
            filled = ~values.empty if rule.kinds else True
            fault[rule.of_values(values) & filled & (fault == "")] = rule.id
    return fault


def _finished(values: Any, column: Column) -> Any:
    """Give values the type in which they go on, now that none is left that breaks a rule."""
    if column.kind == "count":
        return pd.Series(values).astype("Int64").array
    return pd.Categorical(values) if column.kind == "code list" else values


def parse_column(raw: RawFile, column: Column) -> Parsed:
    """Read a column of a file by its kind, once for all who ask."""
    if column.name not in raw.parsed:
        raw.parsed[column.name] = parse(column, raw.column(column.name))
    return raw.parsed[column.name]


def unfit_texts(raw: RawFile, column: Column) -> pa.StringArray:
    """Return those of a column's distinct texts that it can't hold, unchecked codes among them."""
    if column.checked:
        parsed = parse_column(raw, column)
    else:
        parsed = parse(replace(column, checked=True), raw.column(column.name))
    return pa.array(
        pd.unique(parsed.texts[(parsed.fault != "") & (parsed.texts != "")]), pa.string()
    )


def _take(values: Any, rows: NDArray[np.int64]) -> Any:
    return values.take(rows) if len(values) else values


def _blank(texts: Texts) -> Texts:
    return np.full(len(texts), "", dtype=object)


def _identifiers(texts: Texts, column: Column) -> _Reading:
    values = pd.Series(texts, dtype="str").where(texts != "").array
    return _Reading(values, texts, _blank(texts))


def _labels(texts: Texts, column: Column) -> _Reading:
    """Read labels: those of the contract's list as it spells them, others as they come."""
    spellings = column.codes.spellings if column.codes is not None else {}
    canonical = np.array([spellings.get(text.casefold(), text) for text in texts], dtype=object)
    put_right = np.where(canonical != texts, "spaces or case", "").astype(object)
    values = pd.Series(canonical, dtype="str").where(texts != "").array
    return _Reading(values, canonical, put_right)


def only_listed(parsed: Parsed, further: Collection[str]) -> Parsed:
    """Take labels of no list as `other`: nothing that was typed freely goes out."""
    column = parsed.column
    known = {text.casefold() for text in further}
    known |= column.codes.spellings.keys() if column.codes is not None else set()
    strange = np.array([text != "" and text.casefold() not in known for text in parsed.texts], bool)
    strange &= parsed.fault == ""
    rows = strange[parsed.text]
    typed = pd.Series(parsed.typed).mask(rows, OTHER_LABEL).array
    resolution = np.where(strange, LABEL_NOT_LISTED, parsed.resolution).astype(object)
    return replace(parsed, typed=typed, resolution=resolution)


def _unchecked(texts: Texts, column: Column) -> _Reading:
    values = pd.Series(texts, dtype="str").array
    folded = pd.Series(texts, dtype="str").str.casefold().to_numpy(object)
    return _Reading(values, folded, _blank(texts))


def _codes(texts: Texts, column: Column) -> _Reading:
    if column.codes is None:
        raise TypeError(f"{column.name}: a column of codes without a code list")
    undone = np.array([undo_number(text) for text in texts], dtype=object)
    folded = pd.Series(undone, dtype="str").str.casefold()
    values = folded.map(column.codes.spellings)
    written = {spelling for code in column.codes.codes for spelling in (code.code, *code.also)}
    bad = values.isna().to_numpy(bool)
    recased = ~bad & ~pd.Series(texts).isin(written).to_numpy(bool)
    return _Reading(
        pd.Categorical(values, categories=list(column.codes.values)),
        values.to_numpy(object),
        np.select(
            [~bad & (undone != texts), recased], ["written as decimal", "spaces or case"], ""
        ).astype(object),
    )


def _code_lists(texts: Texts, column: Column) -> _Reading:
    if column.codes is None:
        raise TypeError(f"{column.name}: a column of codes without a code list")
    spellings = column.codes.spellings
    order = column.codes.values  # noqa: PD011 (a code list is no frame)
    canonical, values, put_right = texts.copy(), np.full(len(texts), None), _blank(texts)
    for at, text in enumerate(texts):  # distinct combinations: a handful
        parts = [part.strip() for part in text.split(";")]
        known = [spellings.get(part.casefold()) for part in parts if part]
        named = [value for value in known if value is not None]
        if named and len(named) == len(known):
            canonical[at] = values[at] = ";".join(value for value in order if value in named)
            put_right[at] = "" if named == text.split(";") else "spaces or case"
    return _Reading(values, canonical, put_right)


def _flags(texts: Texts, column: Column) -> _Reading:
    undone = np.array([undo_number(text) for text in texts], dtype=object)
    known = np.isin(undone, ["0", "1"])
    values = pd.array(np.where(undone == "1", True, False), dtype="boolean")
    values[~known] = pd.NA
    put_right = np.where(known & (undone != texts), "written as decimal", "").astype(object)
    return _Reading(values, undone, put_right)


def _numbers(texts: Texts, column: Column) -> _Reading:
    series = pd.Series(texts, dtype="str")
    number = series.str.match(r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?$").to_numpy(bool)
    values = pd.to_numeric(series.where(number)).astype("float64").to_numpy()
    decimal = series.str.match(r"^[+-]?[0-9]+\.0+$").to_numpy(bool) & (column.kind == "count")
    put_right = np.where(decimal, "written as decimal", "").astype(object)
    return _Reading(values, _as_canonical(values), put_right)


def _dates(texts: Texts, column: Column) -> _Reading:
    iso = _numbers_in(texts, f"^{_ISO}$")
    slashed = _numbers_in(texts, f"^{_SLASHED}$")[[2, 1, 0]]
    return _days(texts, np.where(iso < 0, slashed, iso))


def _months(texts: Texts, column: Column) -> _Reading:
    year, month = _numbers_in(texts, "^(?P<a>[0-9]{4})-(?P<b>[0-9]{2})$")
    return _days(texts, np.stack([year, month, np.ones_like(year)]))


def _numbers_in(texts: Texts | pa.StringArray, pattern: str) -> NDArray[np.int64]:
    """Return a pattern's groups as numbers, -1 where it doesn't match. Shape (groups, texts)."""
    found = pc.extract_regex(pa.array(texts, pa.string()), pattern=pattern)
    groups = [found.field(at) for at in range(found.type.num_fields)]
    matched = np.array(found.is_valid(), bool)
    digits = [pc.if_else(found.is_valid(), group, "-1").cast(pa.int64()) for group in groups]
    return np.where(matched, np.array([np.array(group, np.int64) for group in digits]), -1)


def _days(texts: Texts, parts: NDArray[np.int64]) -> _Reading:
    year, month, day = parts
    known = (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    year, month, day = np.where(known, parts, [[1970], [1], [1]])
    start = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    date = start.astype("datetime64[D]") + (day - 1)
    known &= date.astype("datetime64[M]") == start  # 31 February runs over into March
    days = np.where(known, date, np.datetime64("NaT")).astype("datetime64[s]")
    return _Reading(pd.array(days), _as_canonical(date.astype(np.int64)), _blank(texts))


def _academic_years(texts: Texts, column: Column) -> _Reading:
    first, second = _numbers_in(texts, "^(?P<a>[0-9]{4})/(?P<b>[0-9]{2})$")
    good = (first >= _FIRST_YEAR) & (first <= _LAST_YEAR) & ((first + 1) % 100 == second)
    years = pd.Series(first).where(good).astype("Int64").array
    return _Reading(years, texts, _blank(texts))


def _as_canonical(numbers: NDArray[Any]) -> Texts:
    return numbers.astype(str).astype(object)


_READERS: Final[dict[str, Callable[[Texts, Column], _Reading]]] = {
    "identifier": _identifiers,
    "text": _identifiers,
    "label": _labels,
    "code": _codes,
    "code list": _code_lists,
    "flag": _flags,
    "date": _dates,
    "month": _months,
    "academic year": _academic_years,
    "count": _numbers,
    "number": _numbers,
    "unchecked": _unchecked,
}


# So few month-first dates in a day-first column are slips, set aside one by one.
_SLIPS: Final = 0.01


def date_forms(raw: pa.StringArray) -> dict[str, int]:
    """Count a date column's values by form.

    Returns
    -------
    dict
        `YYYY-MM-DD`, `DD/MM/YYYY`, `MM/DD/YYYY` (can only be read month first) -> rows; forms that
        don't occur are left out. Values of another form are not counted here.
    """
    counted = pc.value_counts(pc.utf8_trim_whitespace(raw))
    texts, counts = counted.field("values"), counted.field("counts").to_numpy()
    first, second, _ = _numbers_in(texts, f"^{_SLASHED}$")
    slashed = first >= 0
    month_first = int(counts[slashed & (first <= 12) & (second > 12)].sum())
    day_first = int(counts[slashed].sum()) - month_first
    if (slashed & (first > 12)).any() and month_first <= max(1, _SLIPS * day_first):
        day_first, month_first = day_first + month_first, 0
    iso = int(counts[_numbers_in(texts, f"^{_ISO}$")[0] >= 0].sum())
    forms = {"YYYY-MM-DD": iso, "DD/MM/YYYY": day_first, "MM/DD/YYYY": month_first}
    return {form: rows for form, rows in forms.items() if rows}
