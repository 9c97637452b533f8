"""What the import refuses: damaged and hostile returns, keys out of place, other people's files.

Each refusal says where and what to do, holds nothing of what the file holds, and leaves all as it
was: no output, no key, no half-written folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from fvlib.errors import Refusal
from fvlib.statutory import folder as statutory_folder
from fvlib.statutory import import_returns as statutory
from fvlib.statutory import pseudonym, xml_records
from fvlib.statutory.import_returns import import_returns
from fvlib.statutory.pseudonym import Pseudonyms
from tests.support.statutory_builders import (
    EPISODES_HEADER,
    KEY,
    LA,
    TWO_YEARS,
    Desk,
    census,
    child,
    protection_plan,
    referral,
)

# Stands wherever a damaged return could be quoted.
SECRET = "Zebedee"
# A bomb that went off would need gigabytes; the refusals below stay within the tests' own memory.
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else SECRET}">' for n in range(10))
EPISODE = f"{SECRET},01/02/2021,S,C1,N1,U1,PR1,,,,,\n"
CENSUS = census(child(SECRET, referral("2021-06-01")))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _refusal(desk: Desk, *named: str) -> str:
    with pytest.raises(Refusal) as caught:
        desk.run()
    message = str(caught.value)
    assert SECRET not in message
    assert KEY not in message
    for name in named:
        assert name in message
    assert not desk.to.exists()
    return message


IN_CARE = (
    f"<SSDA903><CHILD><HEADER><CHILDID>{SECRET}</CHILDID><DOB>03/03/2007</DOB></HEADER>"
    "<EPISODE><DECOM>10/10/2020</DECOM><RNE>S</RNE></EPISODE></CHILD></SSDA903>"
)


@pytest.mark.parametrize(
    ("xml", "named"),
    [
        (IN_CARE.lower().replace(SECRET.lower(), SECRET), ("CHILD", "HEADER", "EPISODE")),
        (IN_CARE.replace("EPISODE>", "Episode>"), ("EPISODE",)),
        (CENSUS.upper().replace(SECRET.upper(), SECRET), ("Message", "Child", "LAchildID")),
        (CENSUS.replace("LAchildID", "LAChildId"), ("LAchildID",)),
    ],
    ids=("SSDA903 in small letters", "an SSDA903 group", "census in capitals", "a census leaf"),
)
def test_elements_that_differ_by_capital_letters_alone_are_refused_and_not_passed_over(
    desk: Desk, xml: str, named: tuple[str, ...]
) -> None:
    desk.put("a.xml", xml)
    _refusal(desk, "a.xml", *named)


HOSTILE: dict[str, str | bytes] = {
    "billion laughs": f"<!DOCTYPE Message [{LAUGHS}]>" + CENSUS.replace("WBRI", "&l9;"),
    "laughs in an attribute": f"<!DOCTYPE Message [{LAUGHS}]>"
    + CENSUS.replace("<Children>", '<Children a="&l9;">'),
    "quadratic blow-up": f'<!DOCTYPE Message [<!ENTITY a "{SECRET * 9999}">]>'
    + CENSUS.replace("WBRI", "&a;" * 999),
    "file fetched": '<!DOCTYPE Message [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    + CENSUS.replace(SECRET, "&a;"),
    "DTD fetched": '<!DOCTYPE Message SYSTEM "http://127.0.0.1:9/a.dtd">' + CENSUS,
    "parameter entity": '<!DOCTYPE Message [<!ENTITY % a SYSTEM "file:///etc/hostname"> %a;]>'
    + CENSUS,
    "DTD after comments": "<?xml version='1.0'?><!-- > --> <?a ?><!DOCTYPE Message [\n]>" + CENSUS,
    "DTD in UTF-16": ("<!DOCTYPE Message [<!ENTITY a 'b'>]>" + CENSUS).encode("utf-16"),
    "DTD in UTF-16 without mark": (
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE Message [<!ENTITY a 'b'>]>" + CENSUS
    ).encode("utf-16-le"),
}
DAMAGED: dict[str, str | bytes] = {
    "cut short": CENSUS[: len(CENSUS) // 2],
    "cut in the head": CENSUS[:40],
    "closed wrongly": CENSUS.replace("</Ethnicity>", f"</{SECRET}>"),
    "unknown entity": CENSUS.replace("WBRI", f"&{SECRET};"),
    "control characters": CENSUS.replace("WBRI", "\x01"),
    "not UTF-8": CENSUS.replace("WBRI", "é").encode("cp1252"),
    "two roots": CENSUS + CENSUS,
    "deep nesting": census("<a>" * 300 + "</a>" * 300 + child(SECRET)),
    "endless name": CENSUS.replace("WBRI", f"<{'a' * 100_000}/>"),
    "no element": "<!-- " + SECRET + "x" * 70_000 + " -->" + CENSUS,
    "no bytes": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_xml_with_a_document_type_is_refused(desk: Desk, name: str) -> None:
    desk.put("bad.xml", HOSTILE[name])
    assert "document type (DTD)" in _refusal(desk, "bad.xml")


def test_a_document_type_that_an_encoding_hides_is_refused(desk: Desk) -> None:
    # In UTF-7 the declaration's signs are letters, so that no look at the bytes finds it.
    hidden = "+ADwAIQ-DOCTYPE Message +AFsAPAAh-ENTITY a 'b'+AD4AXQA+-"
    desk.put("bad.xml", f"<?xml version='1.0' encoding='UTF-7'?>{hidden}{CENSUS}")
    _refusal(desk, "bad.xml")


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_xml_is_refused(desk: Desk, name: str) -> None:
    desk.put("bad.xml", DAMAGED[name])
    _refusal(desk, "bad.xml")


def _many(count: int, inside: str) -> str:
    return census(child("K-1", referral("2021-06-01", inside * count)))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: _many(30_000, protection_plan("2021-06-01", "0")), id="record"),
        pytest.param(lambda: _many(1, f"<Note>{'x' * 3_000_000}</Note>"), id="text"),
        pytest.param(lambda: census("<a/>" * 900_000), id="no record at all"),
        pytest.param(lambda: census("<Child/>" * 400_000), id="empty records"),
    ],
)
def test_a_record_beyond_the_bound_is_refused(desk: Desk, content: Callable[[], str]) -> None:
    desk.put("big.xml", content())
    assert "2 MB" in _refusal(desk, "big.xml")


def test_a_file_beyond_the_bound_is_refused_before_it_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.put("big.xml", "<Message>")
    os.truncate(path, statutory.MOST_FILE_BYTES + 1)  # sparse: it takes no room on the disk
    assert "2.0 GB" in _refusal(desk, "big.xml")
    desk.put("big.xml", CENSUS)
    path = desk.put("big.csv", EPISODES_HEADER)
    os.truncate(path, statutory.MOST_FILE_BYTES + 1)
    _refusal(desk, "big.csv")


BROKEN_CSV: dict[str, tuple[str | bytes, str]] = {
    "missing column": ("CHILD,DECOM,RNE,LS,PLACE,DEC,REC\n", "no column CIN"),
    "no id column": (EPISODES_HEADER.replace("CHILD,", ""), "no column CHILD"),
    "header without sex": ("CHILD,DOB,ETHNIC\n", "no column SEX"),
    "repeated column": (EPISODES_HEADER.replace("PL_POST", "LS") + EPISODE, "more than once (LS)"),
    "semicolons": ((EPISODES_HEADER + EPISODE).replace(",", ";"), "not separated by commas"),
    "tabs": ((EPISODES_HEADER + EPISODE).replace(",", "\t"), "not separated by commas"),
    "short row": (EPISODES_HEADER + EPISODE + f"{SECRET},01/02/20", "line 3 has 2 values"),
    "long row": (EPISODES_HEADER + EPISODE.replace("\n", ",,\n"), "line 2 has 14 values"),
    "open quote": (EPISODES_HEADER + f'"{SECRET},01/02/2021\n' + EPISODE, "quote"),
    "stray quote": (EPISODES_HEADER + EPISODE.replace("U1", f'"U1"{SECRET}'), "quote"),
    "cp1252": ((EPISODES_HEADER + EPISODE).replace("U1", "é").encode("cp1252"), "UTF-8"),
    "cp1252 header": ((EPISODES_HEADER.strip() + ",é\n").encode("cp1252"), "UTF-8"),
    "UTF-16": ((EPISODES_HEADER + EPISODE).encode("utf-16"), "UTF-8"),
    "NUL": (EPISODES_HEADER + EPISODE.replace("U1", "\0"), "NUL"),
    "huge value": (EPISODES_HEADER + EPISODE.replace("U1", "x" * 200_000), "longer than"),
    "huge line": (EPISODES_HEADER + EPISODE.replace("U1", "," * 2_000_000), "a line of more"),
    "mixed dates": (
        EPISODES_HEADER + EPISODE + EPISODE.replace("01/02/2021", "2021-02-02"),
        "DECOM mixes dates",
    ),
    "month first": (
        EPISODES_HEADER + EPISODE + EPISODE.replace("01/02/2021", "02/28/2021"),
        "DECOM is written month first",
    ),
    "month first births": (
        f"CHILD,SEX,DOB,ETHNIC\n{SECRET},1,02/28/2012,WBRI\n",
        "DOB is written month first",
    ),
    "no bytes": (b"", "0 bytes"),
}


@pytest.mark.parametrize("name", BROKEN_CSV)
def test_broken_csv_is_refused(desk: Desk, name: str) -> None:
    content, said = BROKEN_CSV[name]
    desk.put("bad.csv", content)
    assert said in _refusal(desk, "bad.csv")


def test_the_faults_of_all_files_come_in_one_message(desk: Desk) -> None:
    desk.put("a.csv", BROKEN_CSV["semicolons"][0])
    long = CENSUS.replace("<Children>", "<Children>" + " " * 99_999)  # its end is not seen at once
    desk.put("b.xml", long[:-9])
    desk.put("c.xml", HOSTILE["billion laughs"])
    _refusal(desk, "a.csv", "b.xml", "c.xml", "Nothing was written")


def test_mixed_dates_in_the_census_are_refused(desk: Desk) -> None:
    both = referral("2021-06-01") + referral("01/07/2021")
    desk.put("a.xml", census(child("K-1", both)))
    assert "CINreferralDate mixes" in _refusal(desk, "a.xml")


def test_a_folder_without_a_return_or_that_is_not_there_is_refused(desk: Desk) -> None:
    desk.put("notes.txt", SECRET)
    assert "holds no return (files looked at: 1)" in _refusal(desk)
    desk.source = desk.source / "absent"
    assert "is not there" in _refusal(desk)


def test_an_unknown_authority_is_refused(desk: Desk) -> None:
    desk.put("a.xml", CENSUS)
    with pytest.raises(Refusal, match="warwickshire, newcastle, coventry, solihull, sefton"):
        desk.run(la="leeds")


def test_returns_inside_the_refresh_are_refused(desk: Desk) -> None:
    inside = desk.to.parent / "returns"
    inside.mkdir(parents=True)
    (inside / "a.xml").write_text(CENSUS, encoding="utf-8")
    desk.source = inside
    assert "lie one in the other" in _refusal(desk)
    desk.source = desk.to.parents[2]
    assert "lie one in the other" in _refusal(desk)


# The key


def test_a_key_is_made_on_first_use_for_its_owner_alone_and_used_again(desk: Desk) -> None:
    desk.put("a.xml", CENSUS)
    desk.key_file.unlink()
    report = desk.run()
    text = desk.key_file.read_text(encoding="utf-8")
    assert report.key_made
    assert stat.S_IMODE(desk.key_file.stat().st_mode) == 0o600
    assert len(text.strip()) == 64
    before = desk.written()
    assert not desk.run().key_made
    assert desk.written() == before
    assert desk.key_file.read_text(encoding="utf-8") == text


def test_two_keys_and_two_authorities_share_no_id(desk: Desk) -> None:
    one, two = Pseudonyms("sefton", b"a" * 32), Pseudonyms("sefton", b"b" * 32)
    other = Pseudonyms("coventry", b"a" * 32)
    assert len({ids.child("K-1") for ids in (one, two, other)}) == 3
    assert len({one.child("K-1"), one.referral("K-1", "2021-06-01"), one.child("K-2")}) == 3
    assert b"a" * 32 not in repr(one).encode()
    assert "aaaa" not in f"{one}"


def test_another_key_changes_every_id_and_is_remarked_on(desk: Desk) -> None:
    desk.put("a.xml", CENSUS)
    desk.run()
    before = {row["child_id"] for row in desk.rows("children")}
    desk.key_file.write_text(KEY[::-1], encoding="utf-8")
    report = desk.run()
    assert before.isdisjoint(row["child_id"] for row in desk.rows("children"))
    assert any("another key" in note for note in report.notes)


def test_a_key_is_not_left_behind_by_an_import_that_was_refused(desk: Desk) -> None:
    desk.key_file.unlink()
    desk.put("a.csv", BROKEN_CSV["short row"][0])
    _refusal(desk)
    assert not desk.key_file.exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o666, 0o602])
def test_a_key_that_others_can_read_or_change_is_refused(desk: Desk, mode: int) -> None:
    desk.put("a.xml", CENSUS)
    desk.key_file.chmod(mode)
    assert "chmod 600" in _refusal(desk, str(desk.key_file))


@pytest.mark.parametrize("content", ["", "short", "CHILD,SEX\nK-1,1\n" * 9, "x " * 40, "é" * 64])
def test_a_file_that_is_no_key_is_refused_and_left_as_it_is(desk: Desk, content: str) -> None:
    desk.put("a.xml", CENSUS)
    desk.key_file.write_text(content, encoding="utf-8")
    assert "is no key" in _refusal(desk)
    assert desk.key_file.read_text(encoding="utf-8") == content


def test_a_key_inside_the_refresh_or_a_repository_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.put("a.xml", CENSUS)
    for place in (desk.to / "la.key", desk.to.parent / "la.key"):
        desk.key_file = place
        assert "folder that is sent away" in _refusal(desk)
    for mark in (".git", "_quarto.yml"):
        project = tmp_path / f"project{mark}"
        (project / "deep").mkdir(parents=True)
        (project / mark).write_text("", encoding="utf-8")
        desk.key_file = project / "deep" / "la.key"
        assert "in the repository" in _refusal(desk)
        assert not desk.key_file.exists()
    link = tmp_path / "link.key"
    link.symlink_to(desk.key_file)
    desk.key_file = link
    assert "in the repository" in _refusal(desk)


def test_a_key_in_a_folder_that_is_not_there_is_refused(desk: Desk) -> None:
    desk.put("a.xml", CENSUS)
    desk.key_file = desk.key_file.parent / "absent" / "la.key"
    assert "can't be read or made" in _refusal(desk)
    desk.key_file = desk.key_file.parents[1]
    _refusal(desk)


def test_without_a_named_key_it_lies_in_the_users_own_folder(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    desk.put("a.xml", CENSUS)
    report = import_returns(desk.source, LA, desk.to, key_file=None)
    assert report.key_file == home / ".fvlib" / "sefton.key"
    assert stat.S_IMODE((home / ".fvlib").stat().st_mode) == 0o700 or os.name != "posix"
    assert pseudonym.open_key(report.key_file)[1] is False


# The folder


def test_files_that_no_import_wrote_are_never_replaced(desk: Desk) -> None:
    desk.put("a.xml", CENSUS)
    desk.to.mkdir(parents=True)
    theirs = desk.to / "children.csv"
    theirs.write_text("theirs", encoding="utf-8")
    with pytest.raises(Refusal, match=r"children\.csv"):
        desk.run()
    assert theirs.read_text(encoding="utf-8") == "theirs"


@pytest.mark.parametrize("change", ["edited", "added"])
def test_an_imports_files_that_were_changed_since_are_never_replaced(
    desk: Desk, change: str
) -> None:
    desk.put("a.xml", CENSUS)
    desk.run()
    name = "attendance.csv" if change == "edited" else "notes.csv"
    with (desk.to / name).open("a", encoding="utf-8") as stream:
        stream.write("c1,2019/20,autumn,1,0\n")
    before = desk.written()
    with pytest.raises(Refusal, match=name):
        desk.run()
    assert desk.written() == before


def test_a_refused_import_leaves_the_earlier_one(desk: Desk) -> None:
    desk.put("a.xml", CENSUS)
    desk.run()
    before = desk.written()
    desk.put("b.xml", DAMAGED["cut short"])
    with pytest.raises(Refusal):
        desk.run()
    assert desk.written() == before


@pytest.mark.parametrize("rename", [1, 2])
def test_an_import_broken_off_at_its_swap_leaves_the_old_files_or_the_new(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, rename: int
) -> None:
    desk.put("a.xml", CENSUS)
    desk.run()
    old = desk.written()
    for path in TWO_YEARS.glob("*.xml"):
        desk.put(path.name, path.read_bytes())
    done, real = 0, Path.rename

    def break_off(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == rename:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", break_off)
    with pytest.raises(KeyboardInterrupt):
        desk.run()
    monkeypatch.setattr(Path, "rename", real)
    statutory_folder.refuse_foreign_files(desk.to)  # what the next import begins with
    assert desk.written() == old
    desk.run()
    assert len(desk.rows("children")) == 6
    assert [path.name for path in desk.to.parent.iterdir()] == [LA]


def test_nothing_is_fetched_or_expanded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # Past the look at the bytes the parser itself must refuse: a second door behind the first.
    monkeypatch.setattr(xml_records, "_refuse_document_type", lambda start, name: None)
    for content in HOSTILE.values():
        desk.put("bad.xml", content)
        _refusal(desk, "bad.xml")


def test_the_parser_itself_expands_no_entity() -> None:
    # The third door, behind two that refuse the file.
    parser = xml_records._parser(("end",))
    parser.feed(f"<!DOCTYPE a [<!ENTITY b '{SECRET}'>]><a>&b;</a>")
    root = parser.close()
    assert SECRET not in "".join(root.itertext())
    assert root.text is None
