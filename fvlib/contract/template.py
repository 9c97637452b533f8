"""What a local authority gets before it sends anything: blank files, a workbook, the dictionary.

The protocol promises "a draft data-collection template to local authorities far in advance".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from fvlib import protocol
from fvlib.contract.codes import CodeList
from fvlib.contract.dictionary import dictionary, dictionary_markdown, kind_in_words
from fvlib.contract.files import EARLIEST_START, FILES, LA_FILES, TRIAL_FILES, Column
from fvlib.errors import Refusal

_WORKBOOK: Final = "workbook.xlsx"
_DICTIONARY: Final = "data-dictionary"
_CODES_SHEET: Final = "codes"
_ROWS: Final = 100_000  # down to which a sheet's cells are prepared
_AUTHOR: Final = "data contract"
# Text, so that a spreadsheet keeps leading zeros and doesn't turn 2010-05 into a date.
_FORMATS: Final = {"date": "yyyy-mm-dd", "count": "0", "number": "General"}

_README: Final = """\
What to send, and how

1. Fill the files in your authority's folder, from your own system or from workbook.xlsx (one sheet
   a file; save each sheet as `CSV UTF-8 (Comma delimited)`). A file without rows keeps its header.
2. Send no name, address, postcode, full date of birth, NHS number, UPN, ULN, e-mail address or
   telephone number, in no column: a refresh that holds one is refused as a whole.
3. data-dictionary.md says what each column means, which codes it takes, and what becomes of a row
   that breaks a rule; data-dictionary.csv is the same as a table.

If you hold the statutory returns (CIN census, SSDA903), you need not fill the files by hand: the
command `fv import`, run at your end, makes them from the returns and takes the identifiers out.
Attendance and free school meals are not in the returns: put them beside these as CSV with this
dictionary's column names (attendance.csv whole; child_id, fsm_ever and pupil_premium), child_id
being your own id of the child as in the returns. The import gives them the same new ids.
"""


def write_template(to: Path) -> None:
    """Write blank files in the folder layout, a workbook with drop-downs, and the dictionary.

    Parameters
    ----------
    to
        A folder that doesn't exist yet, or is empty.

    Raises
    ------
    Refusal
        It is a file, holds something already, or can't be written.
    """
    if to.exists() and not to.is_dir():
        raise Refusal(f"{to}: is a file; expected a new or an empty folder")
    if to.is_dir() and any(to.iterdir()):
        raise Refusal(
            f"{to}: is not empty, and nothing in it is overwritten; name a new or an empty folder"
        )
    workbook = _workbook()
    try:
        for path, header in _blank_files():
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            # With a byte-order mark, without which a spreadsheet misreads letters.
            (to / path).write_text(header + "\n", encoding="utf-8-sig", newline="\n")
        _write(to / "README.txt", _README)
        _write(to / f"{_DICTIONARY}.md", dictionary_markdown())
        table = dictionary().to_csv(index=False, lineterminator="\n")
        (to / f"{_DICTIONARY}.csv").write_text(table, encoding="utf-8-sig", newline="\n")
        workbook.save(to / _WORKBOOK)
    except OSError as error:
        raise Refusal(f"{to}: can't be written ({error.strerror})") from error


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _blank_files() -> Iterator[tuple[Path, str]]:
    for folder, names in (*((la, LA_FILES) for la in protocol.LA_KEYS), ("", TRIAL_FILES)):
        for name in names:
            header = ",".join(column.name for column in FILES[name].sent)
            yield Path(folder) / f"{name}.csv", header


def _workbook() -> Workbook:
    book = Workbook()
    book.remove(book.active)
    places: dict[str, str] = {}
    for spec in FILES.values():
        sheet = book.create_sheet(spec.name)
        for at, column in enumerate(spec.sent, 1):
            _head(sheet, at, column)
            rule = _cell_rule(column, places)
            if rule is not None:
                sheet.add_data_validation(rule)
                letter = get_column_letter(at)
                rule.add(f"{letter}2:{letter}{_ROWS}")
        sheet.freeze_panes = "A2"
    _list_codes(book.create_sheet(_CODES_SHEET), places)
    return book


def _head(sheet: Worksheet, at: int, column: Column) -> None:
    cell = sheet.cell(row=1, column=at, value=column.name)
    cell.font = Font(bold=True)
    cell.fill = PatternFill("solid", fgColor="FFE3E9F1")
    cell.alignment = Alignment(vertical="top")
    needed = "may be empty" if column.may_be_empty else "must not be empty"
    cell.comment = Comment(f"{column.meaning}\n{kind_in_words(column)}; {needed}", _AUTHOR)
    dimension = sheet.column_dimensions[get_column_letter(at)]
    dimension.width = max(14, len(column.name) + 3)
    dimension.number_format = _FORMATS.get(column.kind, "@")


def _cell_rule(column: Column, places: dict[str, str]) -> DataValidation | None:
    """Return the drop-down or limit of a column's cells; note where its code list will stand."""
    if column.codes is not None:
        place = places.setdefault(column.codes.name, _place(len(places), column.codes))
        rule = DataValidation("list", formula1=place)
    elif column.kind == "flag":
        rule = DataValidation("list", formula1='"0,1"')
    elif column.kind == "count":
        rule = DataValidation(
            "whole", operator="between", formula1=column.minimum, formula2=column.maximum
        )
    elif column.kind == "date":
        first = "DATE({},{},{})".format(*EARLIEST_START.timetuple()[:3])
        rule = DataValidation("date", operator="greaterThanOrEqual", formula1=first)
    else:
        return None
    several = column.codes is not None and column.codes.several  # the list offers one at a time
    rule.showErrorMessage = column.checked and not several
    rule.allow_blank = column.may_be_empty
    rule.promptTitle, rule.prompt = column.name[:32], f"{column.meaning}. {kind_in_words(column)}"
    rule.showInputMessage = True
    rule.errorTitle, rule.error = column.name[:32], f"Expected: {kind_in_words(column)}"
    return rule


def _place(at: int, listed: CodeList) -> str:
    """Return the cells of the codes sheet that hold a list: three columns a list."""
    letter = get_column_letter(3 * at + 1)
    return f"{quote_sheetname(_CODES_SHEET)}!${letter}$2:${letter}${len(listed.codes) + 1}"


def _list_codes(sheet: Worksheet, places: dict[str, str]) -> None:
    lists = {
        column.codes.name: column.codes
        for spec in FILES.values()
        for column in spec.columns
        if column.codes
    }
    for at, name in enumerate(places):
        code, label = 3 * at + 1, 3 * at + 2
        sheet.cell(row=1, column=code, value=name).font = Font(bold=True)
        for row, entry in enumerate(lists[name].codes, 2):
            sheet.cell(row=row, column=code, value=entry.code)
            sheet.cell(row=row, column=label, value=entry.label)
        sheet.column_dimensions[get_column_letter(label)].width = 40
    sheet.freeze_panes = "A2"
