"""A small good refresh, written by hand and by counting: no part of it comes from the simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from fvlib.intake import Extracts, load_extracts
from fvlib.protocol import LA_KEYS
from fvlib.refresh import Refresh

NAME = "small"
THROUGH = date(2024, 3, 31)
CHILDREN_PER_LA = 8

ETHNICITIES = ("WBRI", "MWBC", "APKN", "", "WBRI", "BAFR", "REFU", "WBRI")
DISABILITIES = ("NONE", "AUT;LD", "", "NONE", "MOB", "NONE", "NONE", "BEH")


def _children(la: str) -> str:
    rows = ["child_id,birth_month,sex,ethnicity,disability,fsm_ever,pupil_premium,uasc"]
    rows += [
        f"{la[:2]}{n},{2006 + n}-{n:02d},{'MF'[n % 2]},{ETHNICITIES[n - 1]},{DISABILITIES[n - 1]},"
        f"{n % 2},,0"
        for n in range(1, CHILDREN_PER_LA + 1)
    ]
    return "\n".join(rows) + "\n"


def _referrals(la: str) -> str:
    rows = [
        "child_id,referral_id,referral_date,referral_nfa,closure_date,primary_need,n_previous_cpp"
    ]
    rows += [
        f"{la[:2]}{n},r{n},{2019 + n % 4}-{n:02d}-1{n},0,2023-12-0{n},N{n % 10},{n % 3}"
        for n in range(1, CHILDREN_PER_LA + 1)
    ]
    rows.append(f"{la[:2]}1,r9,2023-05-05,1,,N1,0")
    return "\n".join(rows) + "\n"


def _plans(la: str) -> str:
    return (
        "child_id,plan_type,start_date,end_date\n"
        f"{la[:2]}1,CIN,2020-02-01,2020-08-01\n"
        f"{la[:2]}1,CPP,2020-08-02,\n"
        f"{la[:2]}2,CIN,2021-03-04,2021-09-05\n"
        f"{la[:2]}5,CPP,2020-06-01,2021-06-01\n"
    )


def _care_episodes(la: str) -> str:
    return (
        "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE\n"
        f"{la[:2]}3,01/03/2021,S,C1,N1,U1,PR1,14/04/2021,X1,CARPL\n"
        f"{la[:2]}3,14/04/2021,P,C1,N1,U4,PR1,30/09/2021,E4A,\n"
        f"{la[:2]}4,02/02/2022,S,V2,N5,K2,PR4,,,\n"
    )


def _attendance(la: str) -> str:
    rows = ["child_id,academic_year,term,sessions_possible,sessions_unauthorised"]
    rows += [
        f"{la[:2]}{n},2021/22,{term},{120 + n},{n}"
        for n in range(1, CHILDREN_PER_LA + 1)
        for term in ("autumn", "spring", "summer")
    ]
    return "\n".join(rows) + "\n"


def good_files() -> dict[str, str]:
    """Every file of the contract but the withdrawals, by path below the refresh's folder."""
    files = {
        f"{la}/{name}.csv": text(la)
        for la in LA_KEYS
        for name, text in (
            ("children", _children),
            ("referrals", _referrals),
            ("plans", _plans),
            ("care_episodes", _care_episodes),
            ("attendance", _attendance),
        )
    }
    files["la_context.csv"] = "la,from_date,other_programme\n" + "".join(
        f"{la},2018-04-01,0\n{la},2021-01-01,1\n" for la in LA_KEYS
    )
    files["ipe_admin.csv"] = "la,time_point,indicator,numerator,denominator\n" + "".join(
        f"{la},6m,staff_trained_awareness,70,100\n{la},pre,fgc_coordinators,4,\n"
        f"{la},12m,vacancies,12.5,80.5\n{la},12m,caseload,16.4,\n"
        for la in LA_KEYS
    )
    items = (
        "leadership_support,time_direct_work,time_full_model,change_managed,job_satisfaction,"
        "intend_to_stay,prepared,confident,rq4_risk"
    )
    files["ipe_survey.csv"] = f"la,time_point,role,{items}\n" + "".join(
        f"{la},6m,manager,1,2,3,4,5,4,3,,2\n" * 2 for la in LA_KEYS
    )
    files["ipe_fgc.csv"] = (
        "la,time_point,service,characteristic,level,reached,referred,held,agreed\n"
        + "".join(
            f"{la},12m,fgc,all,,80,60,40,30\n{la},12m,fgc,status,CIN plan,50,40,30,20\n"
            for la in LA_KEYS
        )
    )
    files["ipe_training.csv"] = "la,time_point,event,role,team,attended,eligible\n" + "".join(
        f"{la},6m,awareness,Social worker,Team A,20,25\n" for la in LA_KEYS
    )
    return files


LABELS = {"role": ["Social worker"], "team": ["Team A"], "level": ["CIN plan"]}


def small_refresh(**changed: object) -> Refresh:
    return Refresh.model_validate(
        {
            "refresh": NAME,
            "data": f"data/{NAME}",
            "data_through": THROUGH,
            "labels": LABELS,
            **changed,
        }
    )


@dataclass
class Sender:
    """Five authorities that send the small refresh, with whatever changes a test makes to it."""

    root: Path
    files: dict[str, str | bytes]

    @property
    def folder(self) -> Path:
        return self.root / "data" / NAME

    def write(self) -> None:
        for path, content in self.files.items():
            to = self.folder / path
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))

    def text(self, path: str) -> str:
        content = self.files[path]
        assert isinstance(content, str)
        return content

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        before = self.text(path)
        self.files[path] = change(before)
        assert self.files[path] != before, "the test's edit changed nothing"

    def swap(self, path: str, old: str, new: str) -> None:
        self.edit(path, lambda text: text.replace(old, new, 1))

    def add(self, path: str, row: str) -> None:
        self.edit(path, lambda text: text + row + "\n")

    def set_cell(self, path: str, row: int, column: str, value: str) -> None:
        """Change one value; `row` counts from 1 below the header. No value has a comma in it."""
        lines = self.text(path).split("\n")
        at = lines[0].split(",").index(column)
        cells = lines[row].split(",")
        cells[at] = value
        lines[row] = ",".join(cells)
        self.files[path] = "\n".join(lines)

    def load(self, **changed: object) -> Extracts:
        self.write()
        return load_extracts(small_refresh(**changed), self.root)
