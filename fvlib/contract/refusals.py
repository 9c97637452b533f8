"""The rules of the data contract that refuse a whole refresh."""

from __future__ import annotations

from typing import Final

from fvlib.contract.files import WITHDRAWALS
from fvlib.contract.rule import EVERY, Rule, files_having

REFUSALS: Final = (
    Rule(
        "identifier by name",
        "refused",
        EVERY,
        "column named like an identifier",
        "no column's name says that it holds a name, address, postcode, full date of birth, "
        "NHS number, UPN, ULN, e-mail address, telephone number or the like",
        "the trial holds no identifying data; read before any row is",
    ),
    Rule(
        "identifier by content",
        "refused",
        EVERY,
        "column whose values look like identifiers",
        "no column's values look like such identifiers, whatever its name",
        "an innocent header can stand over identifying data",
    ),
    Rule(
        "missing file",
        "refused",
        EVERY,
        "file not sent",
        "every file is there, as CSV or as Parquet and not as both; "
        "ipe_training and withdrawals may lack",
        "a file that was forgotten would read as no events at all",
    ),
    Rule(
        "file of 0 bytes",
        "refused",
        EVERY,
        "file without a header row",
        "every file has a header row",
        "an empty extract has its header; a file without one is an export that failed",
    ),
    Rule(
        "missing column",
        "refused",
        EVERY,
        "column not sent",
        "every column of the contract is there",
        "a column that isn't sent can't be told from one that is wholly missing",
    ),
    Rule(
        "repeated column",
        "refused",
        EVERY,
        "two columns of one name",
        "no two columns have the same name",
        "nothing says which of them counts",
    ),
    Rule(
        "another separator",
        "refused",
        EVERY,
        "values not separated by commas",
        "values are separated by commas",
        "guessing the separator can shift columns",
    ),
    Rule(
        "unreadable encoding",
        "refused",
        EVERY,
        "file not saved as UTF-8",
        "the file is UTF-8 text, with or without a byte-order mark",
        "other encodings turn letters into others in silence",
    ),
    Rule(
        "broken rows",
        "refused",
        EVERY,
        "rows with too many or too few values",
        "every row has as many values as the header, quotes are closed, no value runs over lines",
        "a comma or quote out of place shifts values into other columns",
    ),
    Rule(
        "mixed date forms",
        "refused",
        files_having("date"),
        "dates of two forms in one column",
        "a column's dates are all YYYY-MM-DD or all DD/MM/YYYY, never month first",
        "03/04/2021 can't be read with certainty beside another form",
    ),
    Rule(
        "withdrawal unclear",
        "refused",
        (WITHDRAWALS.name,),
        "withdrawal that names no child, or no authority",
        "every withdrawal names one of the five authorities and a child",
        "a withdrawal that can't be carried out must stop the run",
    ),
)
