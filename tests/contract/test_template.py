"""The template for local authorities: what it writes loads, and says what the contract says."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from fvlib.contract import FILES, LA_FILES
from fvlib.contract.files import UNKNOWN_AFTER
from fvlib.contract.template import write_template
from fvlib.errors import Refusal
from fvlib.intake import load_extracts
from fvlib.protocol import LA_KEYS
from tests.support.sent_files import NAME, small_refresh


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("there") / "new" / "template"
    write_template(to)
    return to


def test_the_blank_files_are_an_empty_refresh(template: Path, tmp_path: Path) -> None:
    shutil.copytree(template, tmp_path / "data" / NAME)
    extracts = load_extracts(small_refresh(), tmp_path)
    assert extracts.arrivals["rows_read"].sum() == 0
    assert not extracts.arrivals["arrived"].any()
    assert extracts.set_aside.empty
    assert len(extracts.children) == len(extracts.ipe_survey) == 0


def test_each_la_has_its_files(template: Path) -> None:
    for la in LA_KEYS:
        assert sorted(p.stem for p in (template / la).iterdir()) == sorted(LA_FILES)
    header = (template / "sefton" / "children.csv").read_text(encoding="utf-8-sig")
    assert header == ("child_id,birth_month,sex,ethnicity,disability,fsm_ever,pupil_premium,uasc\n")


def test_what_only_the_import_writes_is_in_the_dictionary_and_not_to_be_filled(
    template: Path,
) -> None:
    book = openpyxl.load_workbook(template / "workbook.xlsx")
    told = (template / "data-dictionary.md").read_text(encoding="utf-8")
    for name in ("referrals", "plans", "care_episodes"):
        assert UNKNOWN_AFTER in FILES[name].column_names
        header = (template / "sefton" / f"{name}.csv").read_text(encoding="utf-8-sig")
        assert UNKNOWN_AFTER not in header
        assert UNKNOWN_AFTER not in [cell.value for cell in book[name][1]]
    assert told.count(f"`{UNKNOWN_AFTER}`") == 3
    assert told.count("written by the import") == 3


def rule_of(sheet: Worksheet, letter: str) -> DataValidation:
    (rule,) = [r for r in sheet.data_validations.dataValidation if f"{letter}2" in str(r.sqref)]
    return rule


def test_the_workbook_offers_the_code_lists(template: Path) -> None:
    book = openpyxl.load_workbook(template / "workbook.xlsx")
    assert book.sheetnames == [*FILES, "codes"]
    offered = 0
    for spec in FILES.values():
        sheet = book[spec.name]
        assert [cell.value for cell in sheet[1]] == [column.name for column in spec.sent]
        for cell, column in zip(sheet[1], spec.sent, strict=True):
            if column.codes is None:
                continue
            rule = rule_of(sheet, cell.column_letter)
            cells = book["codes"][rule.formula1.split("!")[1].replace("$", "")]
            assert [c.value for (c,) in cells] == list(column.codes.written), column.name
            assert rule.allow_blank == column.may_be_empty
            offered += 1
    assert offered > 20
    children = book["children"]
    assert rule_of(children, "F").formula1 == '"0,1"'
    assert not rule_of(children, "E").showErrorMessage  # several disabilities in one cell
    assert children.column_dimensions["B"].number_format == "@"  # or 2010-05 becomes a date
    assert rule_of(book["ipe_survey"], "D").formula2 == "5"


def test_a_filled_workbook_loads(template: Path, tmp_path: Path) -> None:
    """Sheets saved as CSV, as a spreadsheet does it, are the contract's files."""
    folder = tmp_path / "data" / NAME
    shutil.copytree(template, folder)
    book = openpyxl.load_workbook(template / "workbook.xlsx")
    book["children"].append(["c1", "2010-05", "F", "WBRI", "AUT;LD", "1", "", "0"])
    book["referrals"].append(["c1", "r1", "2020-01-02", "0", "", "N1", "0"])
    for name in ("children", "referrals"):
        with (folder / "sefton" / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as to:
            csv.writer(to).writerows(book[name].iter_rows(values_only=True))
    extracts = load_extracts(small_refresh(), tmp_path)
    assert (len(extracts.children), len(extracts.referrals)) == (1, 1)
    assert extracts.set_aside.empty


def test_the_dictionary_has_every_column_code_and_rule(template: Path) -> None:
    with (template / "data-dictionary.csv").open(encoding="utf-8-sig") as file:
        rows = {(row["file"], row["column"]): row for row in csv.DictReader(file)}
    page = (template / "data-dictionary.md").read_text(encoding="utf-8")
    for spec in FILES.values():
        assert f"## {spec.name}.csv" in page
        for column in spec.columns:
            row = rows[spec.name, column.name]
            assert (row["may_be_empty"] == "yes") == column.may_be_empty
            assert f"`{column.name}`" in page
            for code in column.codes.codes if column.codes else ():
                assert f"{code.code} = {code.label}" in row["codes"]
                assert f"{code.code} = {code.label}" in page
    assert rows["ipe_survey", "rq4_..."]["type"] == "whole number, 1 to 5"
    assert "| child set aside |" in page


def test_nothing_is_overwritten(template: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="is not empty"):
        write_template(template)
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(Refusal, match="is a file"):
        write_template(file)
    with pytest.raises(Refusal, match="can't be written"):
        write_template(file / "below")
    assert file.read_text(encoding="utf-8") == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    write_template(empty)
    assert (empty / "workbook.xlsx").is_file()
