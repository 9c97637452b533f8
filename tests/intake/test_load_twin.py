"""Files damaged at random: the loader keeps the rows that a plain reading of the contract keeps."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from fvlib import protocol
from fvlib.intake.load import screen_refresh
from tests.support.sent_files import Sender, good_files, small_refresh
from tests.support.text_twin import LA_FILES, kept_rows

FAST, ALL = 5, 20
CODES = ("", "S", "V4", "X1", "E4A", "U1", "CIN", "CPP", "0", "1", "7", "N3", "spring", "2020/21")
IDS = ("child_id", "CHILD", "referral_id")  # words in their place are names, and refused
ODD = ("  ", "x", "-1", "1.0", "mob; vis", "NONE;LD", "99", "1e3", "2019/21", "2012-13", "wbri")


def damaged(text: str, draw: random.Random, through: date) -> str:
    """Values, codes and dates changed, rows repeated, lost, left blank and shuffled."""
    head, *body = [line.split(",") for line in text.splitlines()]
    dates = [at for at, name in enumerate(head) if "date" in name or name in ("DECOM", "DEC")]
    for _ in range(draw.randint(0, len(body))):
        row = draw.choice(body)
        at, what = draw.randrange(len(head)), draw.random()
        if what < 0.25 and dates:
            day = draw.choice(dates)
            row[day] = moved(row[day], draw, through)
        elif what < 0.45:
            row[at] = draw.choice(body)[at]
        elif what < 0.6 and at not in dates and head[at] not in IDS:
            row[at] = draw.choice(CODES + ODD)
        elif what < 0.7:
            body.append(list(row))
        elif what < 0.8:
            body.append(
                [
                    draw.choice((cell, other))
                    for cell, other in zip(row, draw.choice(body), strict=True)
                ]
            )
        elif what < 0.85 and len(body) > 1:
            body.remove(row)
        elif what < 0.9:
            body.append([""] * len(head))
    draw.shuffle(body)
    return "\n".join(",".join(row) for row in [head, *body]) + "\n"


def moved(text: str, draw: random.Random, through: date) -> str:
    if not text or "x" in text:
        return text
    slashed = "/" in text
    parts = [int(part) for part in text.split("/" if slashed else "-")]
    day = date(*(parts[::-1] if slashed else parts))
    edges = (date(1989, 12, 31), date(1990, 1, 1), through, through + timedelta(1))
    day = draw.choice((*edges, *(day + timedelta(n) for n in (-1, 1, 30, -366))))
    return f"{day:%d/%m/%Y}" if slashed else str(day)


@pytest.mark.parametrize("rounds", [FAST, pytest.param(ALL, marks=pytest.mark.slow)])
@pytest.mark.parametrize("withdrawals", [False, True], ids=("nobody withdrew", "some withdrew"))
def test_the_loader_keeps_what_the_contract_keeps(
    tmp_path: Path, withdrawals: bool, rounds: int
) -> None:
    lost = dict.fromkeys(LA_FILES, 0)
    for seed in range(rounds):
        draw = random.Random(seed)
        files = dict(good_files())
        through = {
            la: date(2022, 1, 1) + timedelta(draw.randint(300, 900)) for la in protocol.LA_KEYS
        }
        for la in protocol.LA_KEYS:
            for name in LA_FILES:
                files[f"{la}/{name}.csv"] = damaged(files[f"{la}/{name}.csv"], draw, through[la])
        gone = {la: {f"{la[:2]}{draw.randint(1, 8)}"} for la in protocol.LA_KEYS if withdrawals}
        if withdrawals:
            rows = [f"{la},{child}" for la, children in gone.items() for child in children]
            files["withdrawals.csv"] = "\n".join(["la,child_id", *rows]) + "\n"
        sender = Sender(tmp_path / str(seed), dict(files))
        sender.write()
        _, screened = screen_refresh(small_refresh(data_through=through), sender.root)
        told = {
            (one.raw.source.la, one.spec.name): one.raw.row_numbers[one.kept].tolist()
            for one in screened
        }
        for la in protocol.LA_KEYS:
            kept = kept_rows(sender.folder / la, through[la], gone.get(la, set()))
            for name in LA_FILES:
                assert told[la, name] == kept[name], (seed, la, name)
                lost[name] += len(files[f"{la}/{name}.csv"].splitlines()) - 1 - len(kept[name])
    assert min(lost.values()) > rounds, "too little was damaged for this to show anything"
