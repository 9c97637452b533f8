"""`fv import`: an authority's statutory returns into the contract's files, without identifiers.

The authority's side of the door, and the only place that ever sees an identifier. A return is
known by its content, read as a stream, and of each row only the contract's columns are kept: ids
become keyed hashes and birth dates months in the same step. Merging is `statutory_merge`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import pandas as pd

from fvlib import protocol
from fvlib.contract import FILES, LA_FILES
from fvlib.contract.files import ATTENDANCE
from fvlib.errors import Refusal
from fvlib.statutory.account import Count, ImportReport, ReturnRead, UnfitValues, printable_name
from fvlib.statutory.cin_census import (
    CENSUS_CODES,
    CENSUS_ELEMENTS,
    OPENING_TEXTS,
    is_cin_census,
    read_cin_census,
)
from fvlib.statutory.collections import replaced_drafts
from fvlib.statutory.folder import refuse_foreign_files, write_folder
from fvlib.statutory.links import alike_ids, count_links, missing_years, restore_zeros
from fvlib.statutory.merge import MergedReturns, merge
from fvlib.statutory.pseudonym import Pseudonyms, default_key_file, open_key, refuse_key_place
from fvlib.statutory.returns import EPISODE_COLUMNS, Return
from fvlib.statutory.schools import (
    MEALS,
    FromSchools,
    SchoolFile,
    merge_school,
    read_school,
    school_kind,
)
from fvlib.statutory.ssda903 import (
    HEADER_COLUMNS,
    NOT_NEEDED,
    date_headers,
    is_ssda903,
    open_csv,
    read_csv,
    read_xml,
)
from fvlib.statutory.values import IMPOSSIBLE, UNREADABLE
from fvlib.statutory.xml_records import looks_like_xml, open_xml

MOST_FILE_BYTES: Final = 2 * 1024**3
MOST_FILES: Final = 500
_START_BYTES: Final = 4096
_WORKBOOK: Final = b"PK\x03\x04"

# Columns and elements whose names may be told.
KNOWN_COLUMNS: Final = frozenset(
    {*EPISODE_COLUMNS, *HEADER_COLUMNS, *CENSUS_ELEMENTS, *CENSUS_CODES}
    | {name for file in LA_FILES for name in FILES[file].column_names}
)

_Key = TypeVar("_Key")
Reader = Callable[[Pseudonyms], Return | SchoolFile]

_BESIDE: Final = (
    "put beside them a CSV with the contract's columns, child_id being your own id of the child"
)


def import_returns(source: Path, la: str, to: Path, *, key_file: Path | None) -> ImportReport:
    """Turn an authority's statutory returns into the contract's files.

    Parameters
    ----------
    source
        A folder with CIN census XML and SSDA903 files (CSV or XML) of any number of years, or one
        such file; beside them attendance and free school meals as CSV in the contract's columns,
        under the authority's own child ids. Names mean nothing, and folders only where two years
        have the same children: then a Header belongs with the Episodes in its folder.
    la
        Key of the local authority.
    to
        The authority's folder in the refresh, `data/<refresh>/<la>`. One that an earlier import
        wrote is replaced, any other is refused.
    key_file
        The key under which ids are hashed, made on first use; None for `.fvlib/<la>.key` in the
        user's own folder. The same key gives the same bytes.

    Returns
    -------
    ImportReport
        What was read, decided and written; a terminal shows it with rich.

    Raises
    ------
    Refusal
        When a return is damaged or beyond the bounds, nothing there is a return, the key or the
        output folder is not as it must be. Nothing is written then.
    """
    if la not in protocol.LA_KEYS:
        raise Refusal(f"--la: unknown authority. Expected one of {', '.join(protocol.LA_KEYS)}.")
    _refuse_overlap(source, to)
    key_file = key_file if key_file is not None else default_key_file(la)
    refuse_key_place(key_file, to.parent)
    earlier_mark = refuse_foreign_files(to)
    readers, unused, faults = _recognised(source, key_file)
    if faults:  # those of the other returns come in the same message; no key is needed for that
        _refuse(faults + _read_all(readers, Pseudonyms(la, b""))[1])
    secret, key_made = open_key(key_file)
    ids = Pseudonyms(la, secret)
    everything, faults = _read_all(readers, ids)
    returns = [one for one in everything if isinstance(one, Return)]
    school = [one for one in everything if isinstance(one, SchoolFile)]
    if not returns and not faults:
        faults = [_no_return(source, len(unused) + len(school))]
    if faults:
        if key_made:
            key_file.unlink()  # no id was made with it; the next import says again to keep it
        _refuse(faults)
    restored = restore_zeros(everything, ids.zeros)
    date_headers(returns)
    alarms = alike_ids(everything, ids.bare)
    alarms += [f"{one.file}: {alarm}" for one in returns for alarm in one.alarms]
    alarms += [f"{name}: not used ({why})" for name, why in unused if NOT_NEEDED not in why]
    returns, drafts, warnings = replaced_drafts(returns)
    alarms += warnings + missing_years(returns)
    links = count_links(everything)
    read = tuple(_summary(one) for one in everything)
    merged = merge(returns)
    pupils = merge_school(school, merged.children["child_id"])
    files = _contract_files(merged, pupils)
    write_folder(to, files, ids.mark())
    notes = [
        f"{printable_name(file)}: ids without the leading zeros that other files have; put back, "
        f"children: {children:,}"
        for file, children in restored.items()
    ]
    notes += drafts
    if earlier_mark and earlier_mark != ids.mark():
        notes.append("The files there before were made with another key: all ids have changed")
    return ImportReport(
        la=la,
        folder=to,
        returns=read,
        unused=tuple(unused),
        written={name: len(rows) for name, rows in files.items()},
        resolved=_counts(merged.resolved + pupils.resolved),
        to_look_at=_to_look_at(files, merged.passed_on + pupils.passed_on),
        unfit=_unfit(everything),
        not_held=tuple(
            sorted((+_sum([*(one.not_held for one in everything), pupils.strangers])).items())
        ),
        header_only=_header_only(files, returns, school),
        empty_columns=_empty_columns(files, returns),
        links=links,
        alarms=tuple(alarms + merged.alarms),
        notes=tuple(notes),
        key_file=key_file,
        key_made=key_made,
        key_mark=ids.mark(),
    )


def _refuse_overlap(source: Path, to: Path) -> None:
    if not source.exists():
        raise Refusal(
            f"--from: {source} is not there. Expected: the folder that holds the returns."
        )
    returns, refresh = source.resolve(), to.parent.resolve()
    if refresh.is_relative_to(returns) or returns.is_relative_to(refresh):
        raise Refusal(
            f"--from: the returns in {source} and the refresh {to.parent} lie one in the other. "
            "The returns identify children and the refresh is sent away, so they must lie apart. "
            "Move the returns to a folder of their own."
        )


def _recognised(
    source: Path, key_file: Path
) -> tuple[list[tuple[str, Reader]], list[tuple[str, str]], list[str]]:
    """Find the returns among the files by what they hold.

    Returns
    -------
    tuple
        (name, reader) of each return, (name, why) of each other file, and what is wrong with
        those that are returns but can't be read.
    """
    readers: list[tuple[str, Reader]] = []
    unused: list[tuple[str, str]] = []
    faults: list[str] = []
    for path in _files(source, key_file):
        name = path.name if path == source else path.relative_to(source).as_posix()
        try:
            reader, why = _reader(path, name)
        except Refusal as refusal:
            faults.append(str(refusal))
            continue
        if reader is None:
            unused.append((name, why))
        else:
            readers.append((name, reader))
    if not readers and not faults:
        raise Refusal(_no_return(source, len(unused)))
    return readers, unused, faults


def _no_return(source: Path, files: int) -> str:
    return (
        f"--from: {source} holds no return (files looked at: {files}). Expected: CIN census "
        "XML, or the SSDA903's Episodes, Header and UASC as CSV or XML. Workbooks must be saved as "
        "CSV UTF-8 first."
    )


def _files(source: Path, key_file: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = []
    for path in source.rglob("*"):
        # Names such as .DS_Store and ~$returns.xlsx are the system's own.
        if path.name.startswith((".", "~$")) or not path.is_file():
            continue
        if path.resolve() != key_file.resolve():
            found.append(path)
        if len(found) > MOST_FILES:
            raise Refusal(
                f"--from: more than {MOST_FILES} files in {source}. Expected: the folder that "
                "holds the returns and little else."
            )
    return sorted(found)


def _reader(path: Path, name: str) -> tuple[Reader | None, str]:
    """Return what reads a file, or why it is not used."""
    name = printable_name(name)
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(_START_BYTES)
    except OSError as error:
        raise Refusal(f"{name}: can't be read ({error.strerror}).") from None
    if not size:
        raise Refusal(
            f"{name}: a file of 0 bytes. Expected: a return, if need be with its header only; or "
            "take the file away."
        )
    if looks_like_xml(start):
        _refuse_size(name, size)
        opening = open_xml(path, name, OPENING_TEXTS)
        if is_cin_census(opening):
            return lambda ids: read_cin_census(path, name, ids, opening.names), ""
        if is_ssda903(opening):
            return lambda ids: read_xml(path, name, ids), ""
        return None, "XML, but no CIN census and no SSDA903"
    if start.startswith(_WORKBOOK):
        return None, "a workbook or archive; save each sheet as CSV UTF-8"
    school = school_kind(path, name)
    if school is not None:
        _refuse_size(name, size)
        return lambda ids: read_school(path, name, school, ids), ""
    csv_opening = open_csv(path, name)
    kind = csv_opening.kind
    if kind is None:
        return None, csv_opening.unused
    _refuse_size(name, size)
    return lambda ids: read_csv(path, name, kind, ids), ""


def _refuse_size(name: str, size: int) -> None:
    if size > MOST_FILE_BYTES:
        raise Refusal(
            f"{name}: {size / 1024**3:,.1f} GB, more than the bound of "
            f"{MOST_FILE_BYTES // 1024**3} GB. A return of one year has some megabytes; export it "
            "again, each year by itself."
        )


def _read_all(
    readers: Sequence[tuple[str, Reader]], ids: Pseudonyms
) -> tuple[list[Return | SchoolFile], list[str]]:
    """Read the returns; and what is wrong with those that can't be read."""
    returns: list[Return | SchoolFile] = []
    faults: list[str] = []
    for name, reader in readers:
        try:
            returns.append(reader(ids))
        except Refusal as refusal:
            faults.append(str(refusal))
        except OSError as error:
            faults.append(f"{printable_name(name)}: can't be read ({error.strerror}).")
    return returns, faults


def _refuse(faults: Sequence[str]) -> NoReturn:
    raise Refusal("\n".join((*faults, "Nothing was written.")))


def _contract_files(merged: MergedReturns, pupils: FromSchools) -> dict[str, pd.DataFrame]:
    """Return the authority's files with the contract's columns; absent ones are empty."""
    meals = pupils.meals.reindex(merged.children["child_id"], fill_value="")
    rows = {
        "children": merged.children.assign(**{at: meals[at].to_numpy() for at in MEALS}),
        "referrals": merged.referrals,
        "plans": merged.plans,
        "care_episodes": merged.episodes,
        "attendance": pupils.attendance,
    }
    return {
        name: rows[name].reindex(columns=list(FILES[name].column_names), fill_value="")
        for name in LA_FILES
    }


def _summary(read: Return | SchoolFile) -> ReturnRead:
    nulls = _null_words(read)
    if isinstance(read, SchoolFile):
        return ReturnRead(read.file, read.kind, pupils=len(read.rows), notes=nulls)
    return ReturnRead(
        file=read.file,
        kind=read.kind,
        collected_on=read.collected_on,
        dated_by=read.dated_by,
        children=len(read.children),
        referrals=len(read.referrals),
        plans=len(read.plans),
        episodes=len(read.episodes),
        notes=(*read.notes, *nulls),
    )


def _null_words(read: Return | SchoolFile) -> tuple[str, ...]:
    """Tell the columns in which NULL or its like stands; a name of no return isn't told."""
    columns = Counter[str]()
    for column, rows in read.null_words.items():
        columns[column if column in KNOWN_COLUMNS else "a column that isn't needed"] += rows
    told = ", ".join(f"{column} ({rows:,})" for column, rows in sorted(columns.items()))
    return (f"NULL or its like in place of an empty value, read as empty: {told}",) if told else ()


def _counts(counter: Counter[tuple[str, str]]) -> tuple[Count, ...]:
    return tuple(Count(*key, rows) for key, rows in sorted(counter.items()) if rows)


def _to_look_at(
    files: dict[str, pd.DataFrame], passed_on: Counter[tuple[str, str]]
) -> tuple[Count, ...]:
    """Count the rows that the loader will set aside, or that can be misread."""
    counter = passed_on.copy()
    for name, rows in files.items():
        for column in FILES[name].columns:
            if not column.may_be_empty:
                counter[name, f"no {column.name}"] += int((rows[column.name] == "").sum())
    unborn = int((files["children"]["birth_month"] == "").sum())
    counter["children", "no birth month, which reads as not born at the referral"] = unborn
    return _counts(counter)


def _unfit(returns: Sequence[Return | SchoolFile]) -> tuple[UnfitValues, ...]:
    """Add up what did not fit; a word that few rows have may be a name, so it isn't told."""
    told: Counter[tuple[str, str, str]] = Counter()
    for (file, column, value), rows in _sum(read.unfit.rows for read in returns).items():
        rare = value.isalpha() and len(value) > 1 and rows < protocol.DISCLOSURE_THRESHOLD
        told[file, column, UNREADABLE if rare and value != IMPOSSIBLE else value] += rows
    return tuple(UnfitValues(*key, rows) for key, rows in sorted(told.items()))


def _header_only(
    files: dict[str, pd.DataFrame], returns: Sequence[Return], school: Sequence[SchoolFile]
) -> tuple[tuple[str, str], ...]:
    attended = any(len(one.rows) for one in school if one.kind == ATTENDANCE.name)
    census = any(not read.in_care for read in returns)
    why = {
        "children": "header only, since no CIN census and no SSDA903 Header has a child",
        "referrals": "header only, since no CIN census return has a referral",
        "plans": (
            "header only, since no CIN census return has a plan"
            if census
            else "header only, since there is no CIN census return"
        ),
        "care_episodes": "header only, since no SSDA903 return has an episode",
        "attendance": (
            "header only, since no row of attendance is of a child in the returns"
            if attended
            else f"header only, since the returns have no attendance; {_BESIDE}"
        ),
    }
    return tuple((f"{name}.csv", why[name]) for name, rows in files.items() if rows.empty)


def _empty_columns(
    files: dict[str, pd.DataFrame], returns: Sequence[Return]
) -> tuple[tuple[str, str], ...]:
    children, referrals = files["children"], files["referrals"]
    told = []
    if (children[list(MEALS)] == "").all(axis=None):
        told.append(
            (
                "children.csv, fsm_ever and pupil_premium",
                f"empty, since the returns have neither; {_BESIDE}",
            )
        )
    unknown = int((children["uasc"] == "").sum())
    if not any(read.lists_uasc for read in returns):
        told.append(("children.csv, uasc", "empty, since no return lists asylum seekers"))
    elif unknown:
        told.append(
            (
                "children.csv, uasc",
                "empty where the returns that list asylum seekers don't cover the child's years "
                f"(children: {unknown:,})",
            )
        )
    without = int((referrals["n_previous_cpp"] == "").sum())
    if without:
        told.append(
            (
                "referrals.csv, n_previous_cpp",
                "empty where no child protection plan starts at or before the referral "
                f"(referrals: {without:,})",
            )
        )
    return tuple(told)


def _sum(counters: Iterable[Counter[_Key]]) -> Counter[_Key]:
    result: Counter[_Key] = Counter()
    for counter in counters:
        result.update(counter)
    return result
