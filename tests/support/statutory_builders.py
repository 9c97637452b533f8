"""Small statutory returns for tests, and an independent reading of what the import writes."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from fvlib.statutory.account import ImportReport
from fvlib.statutory.import_returns import import_returns

LA = "sefton"
RETURNS = Path(__file__).parents[1] / "statutory" / "returns"
TWO_YEARS = RETURNS / "two_years"
# The project's root lies beside the shared samples where these are at hand.
SAMPLES = Path(__file__).parents[2] / ".." / "shared" / "samples"
KEY = "0123456789abcdef" * 4

EPISODES_HEADER = (
    "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST\n"
)


def child_id(identifier: str, key: str = KEY, la: str = LA) -> str:
    """HMAC-SHA256 as the documentation states it, by the other of Python's two interfaces."""
    written = identifier.upper().replace(" ", "")  # letter case and spaces tell no two ids apart
    message = b"child\0" + la.encode() + b"\0" + written.encode()
    return "c" + hmac.new(key.encode(), message, hashlib.sha256).hexdigest()[:20]


class Desk:
    """A local authority's machine: a folder of returns, a key, a refresh."""

    def __init__(self, root: Path) -> None:
        self.source, self.key_file = root / "returns", root / "safe" / "la.key"
        self.to = root / "data" / "2024-04" / LA
        self.source.mkdir()
        self.key_file.parent.mkdir()
        self.key_file.write_text(KEY + "\n", encoding="utf-8")
        self.key_file.chmod(0o600)

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def put_two_years(self) -> None:
        for path in TWO_YEARS.iterdir():
            self.put(path.name, path.read_bytes())

    def run(self, source: Path | None = None, la: str = LA) -> ImportReport:
        return import_returns(source or self.source, la, self.to, key_file=self.key_file)

    def rows(self, name: str) -> list[dict[str, str]]:
        text = (self.to / f"{name}.csv").read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text)))

    def written(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.to.iterdir())}


def told(report: ImportReport, width: int = 80) -> str:
    """What a terminal shows of a report."""
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(report)
    return console.export_text()


def census(
    children: str, reference_date: str = "2022-03-31", year: str = "2022", extra: str = ""
) -> str:
    return (
        "<Message><Header><CollectionDetails><Collection>CIN</Collection>"
        f"<Year>{year}</Year><ReferenceDate>{reference_date}</ReferenceDate></CollectionDetails>"
        f"<Source><LEA>343</LEA>{extra}</Source></Header><Children>{children}</Children></Message>"
    )


def child(
    identifier: str,
    details: str = "",
    birth: str = "<PersonBirthDate>2012-05-17</PersonBirthDate>",
    sex: str = "<GenderCurrent>1</GenderCurrent>",
    characteristics: str = "<Ethnicity>WBRI</Ethnicity>",
) -> str:
    return (
        f"<Child><ChildIdentifiers><LAchildID>{identifier}</LAchildID>{birth}{sex}"
        f"</ChildIdentifiers><ChildCharacteristics>{characteristics}</ChildCharacteristics>"
        f"{details}</Child>"
    )


def referral(day: str, inside: str = "", nfa: str = "0") -> str:
    flag = f"<ReferralNFA>{nfa}</ReferralNFA>" if nfa else ""
    return (
        f"<CINdetails><CINreferralDate>{day}</CINreferralDate>"
        f"<PrimaryNeedCode>N1</PrimaryNeedCode>{flag}{inside}</CINdetails>"
    )


def protection_plan(start: str, previous: str, end: str = "") -> str:
    ends = f"<CPPendDate>{end}</CPPendDate>" if end else ""
    return (
        f"<ChildProtectionPlans><CPPstartDate>{start}</CPPstartDate>{ends}"
        f"<NumberOfPreviousCPP>{previous}</NumberOfPreviousCPP></ChildProtectionPlans>"
    )


def resolved(report: ImportReport) -> dict[tuple[str, str], int]:
    return {(count.file, count.what): count.rows for count in report.resolved}


def to_look_at(report: ImportReport) -> dict[tuple[str, str], int]:
    return {(count.file, count.what): count.rows for count in report.to_look_at}


def unfit(report: ImportReport) -> Mapping[tuple[str, str, str], int]:
    return {(one.file, one.column, one.value): one.rows for one in report.unfit}
