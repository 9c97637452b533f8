"""What a chapter can ask a report for, as a page: tables, figures, released tables, numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fvlib.report.bundle import MASKED
from fvlib.report.report import Report
from fvlib.report.words.quantities import lasting_keys

HEAD: Final = """\
# What a chapter can ask for

`fv keys NAME` prints this page for a refresh, with the numbers that it has. How to use it:
CONTRIBUTING.md, "Editing a chapter".
"""
TABLES: Final = """\
## Tables: `report.table("...")`

Change one with `.edit(lambda gt: gt.cols_hide("missing"))`: each name is followed by its columns.
"""
FIGURES: Final = """\
## Figures: `report.plot("...")`

Add plotnine's scales, labels and themes with `+`.
"""
DATA: Final = f"""\
## Released tables: `report.data("...")`

Frames of numbers to compute with. A number that may be masked has a twin, `<column>{MASKED}`.
"""
ESTIMATES: Final = """\
## Estimates: `report.estimates(outcome="P1", ...)`
"""
NUMBERS: Final = """\
## Numbers: `report.q["..."]`

A name that ends in `_ci` is the interval in brackets, one in `_abs` the size without its sign.
"""


def list_names(report: Report, *, values: bool = True) -> str:
    """Write the page.

    Parameters
    ----------
    values
        Whether the numbers of this refresh stand with their names. Without them only those names
        are listed that every refresh has, so that the page changes with the code alone.
    """
    from fvlib.report.plots.names import PLOTS  # noqa: PLC0415  (a chapter doesn't load it)
    from fvlib.report.tables.names import TABLES as NAMES  # noqa: PLC0415

    tables = {name: report.table(name).gt._tbl_data.columns for name in sorted(NAMES)}
    data = {name: report.data(name).columns for name in report.bundle.names}
    parts = [
        HEAD,
        TABLES,
        *_columns(tables),
        FIGURES,
        *(f"- `{name}`" for name in sorted(PLOTS)),
        DATA,
        *_columns(data),
        ESTIMATES,
        *_columns({"estimates": report.estimates().columns}),
        NUMBERS,
        *(_with_values(report.q) if values else _by_subject(lasting_keys(report.bundle))),
    ]
    return (
        "\n".join(f"\n{part}" if part.startswith("#") else part for part in parts).lstrip() + "\n"
    )


def _columns(frames: Mapping[str, object]) -> Iterator[str]:
    for name, columns in frames.items():
        shown = [str(c) for c in columns if not str(c).endswith(MASKED)]  # type: ignore[attr-defined]
        yield f"- `{name}`: {', '.join(shown)}"


def _with_values(strings: Mapping[str, str]) -> Iterator[str]:
    for key, text in sorted(strings.items()):
        yield f"- `{key}`: {' '.join(text.split())}"


def _by_subject(keys: list[str]) -> Iterator[str]:
    """List the names of each subject; subjects that have the same ones stand together."""
    names: dict[str, list[str]] = {}
    for key in keys:
        subject, _, name = key.partition(".")
        names.setdefault(subject, []).append(name)
    alike: dict[tuple[str, ...], list[str]] = {}
    for subject, own in names.items():
        alike.setdefault(tuple(sorted(own)), []).append(subject)
    for own_names, subjects in alike.items():
        told = ", ".join(f"`{name}`" for name in own_names)
        yield f"- {', '.join(f'`{subject}.`' for subject in subjects)}: {told}"
