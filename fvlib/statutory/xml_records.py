"""XML returns, read one record at a time, with nothing fetched, nothing expanded, all bounded.

A document type (DTD) is refused before anything is parsed: the returns have none, and entities are
what an XML bomb is made of. A record of more than two megabytes is refused, so that a file's tree
never stands in memory as a whole; lxml's own limits (depth 256, ten megabytes a text) hold too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO, Final

from lxml import etree

from fvlib.errors import Refusal

CHUNK_BYTES: Final = 64 * 1024
MOST_RECORD_BYTES: Final = 2 * 1024**2
MOST_BLANK_BYTES: Final = 4096
LEAST_ALIKE: Final = 0.85  # of two names, by the letters that they share in order
MOST_HEAD_BYTES: Final = 64 * 1024  # what may stand before the root element
_TEXT_AFTER_THE_END: Final = 5  # libxml2's XML_ERR_DOCUMENT_END
_BYTE_ORDER_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Opening:
    """What an XML file's beginning shows: its root, and the elements seen in the first part."""

    root: str
    names: frozenset[str] = frozenset()
    texts: dict[str, str] = field(default_factory=dict)


def local_name(element: Any) -> str:
    """Return an element's name without its namespace."""
    tag: str = element.tag
    return tag if tag[0] != "{" else tag.rpartition("}")[2]


def text_of(element: Any) -> str:
    """Return a leaf's text, stripped; stray text beside its children does not count."""
    text: str | None = element.text
    return text.strip() if text else ""


def leaves_and_groups(element: Any) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """Return an element's leaves, name -> text, and its groups, name -> elements.

    Of leaves that share a name the first counts.
    """
    texts: dict[str, str] = {}
    groups: dict[str, list[Any]] = {}
    for child in element:
        name = local_name(child)
        if len(child):
            groups.setdefault(name, []).append(child)
        elif name not in texts:
            texts[name] = text_of(child)
    return texts, groups


def looks_like_xml(start: bytes) -> bool:
    """Whether a file's first bytes are those of XML, in any of its usual encodings."""
    return _decoded(start).lstrip().startswith("<")


def open_xml(path: Path, name: str, interest: frozenset[str]) -> Opening:
    """Look at the first part of an XML file.

    Parameters
    ----------
    path, name
        The file, and its name in messages.
    interest
        Leaves whose text is wanted.

    Raises
    ------
    Refusal
        When the file has a DTD, or its first part is not well formed.
    """
    with path.open("rb") as stream:
        _skip_blank_lines(stream)
        start, whole = stream.read(MOST_HEAD_BYTES), not stream.read(1)
    _refuse_document_type(start, name)
    parser = _parser(("start", "end"))
    names: list[str] = []
    texts: dict[str, str] = {}
    try:
        parser.feed(start)
        if whole:
            parser.close()
        for event, element in parser.read_events():
            if event == "start":
                names.append(local_name(element))
            elif names and local_name(element) in interest:
                texts.setdefault(local_name(element), text_of(element))
    except etree.XMLSyntaxError as error:
        raise _not_well_formed(name, error) from None
    if not names:
        raise Refusal(
            f"{name}: no XML element within its first {MOST_HEAD_BYTES // 1024} KB. Expected: a "
            "CIN census or SSDA903 return. Export it again, or take the file away."
        )
    return Opening(names[0], frozenset(names), texts)


class Spelling:
    """Watches for elements that are the schema's but for capital letters or a slip.

    XML tells them apart, so that what they hold would be passed over.

    Parameters
    ----------
    elements
        The names that are read, as the schema spells them.
    others
        Names that the schema has too, and that are not read.
    """

    def __init__(self, elements: Iterable[str], others: Iterable[str] = ()) -> None:
        self._right = {element.casefold(): element for element in elements}
        self._others = frozenset(others)
        self._seen: set[str] = set()
        self._wrong: dict[str, str] = {}

    def look(self, names: Iterable[str]) -> None:
        """Look at names of elements."""
        for name in names:
            if name not in self._seen:
                self._seen.add(name)
                right = self._meant(name)
                if right != name:
                    self._wrong[name] = right

    def _meant(self, name: str) -> str:
        if name in self._others:
            return name
        near = get_close_matches(name.casefold(), self._right, 1, LEAST_ALIKE)
        return self._right[near[0]] if near else name

    def refuse(self, file: str) -> None:
        """Refuse a file in which one was seen.

        Raises
        ------
        Refusal
            Naming each element as it stands and as it should.
        """
        if self._wrong:
            told = ", ".join(f"{one} (right: {self._wrong[one]})" for one in sorted(self._wrong))
            raise Refusal(
                f"{file}: elements written otherwise than in the schema, if only with other "
                "capital or small letters, which makes them other elements in XML: "
                f"{told}. Expected: the names as in the Department's schema. Export the return "
                "again."
            )


def records(path: Path, name: str, record: str, also: str = "") -> Iterator[Any]:
    """Yield each element called `record`, and each called `also`, whatever its namespace.

    One of another spelling of `record` comes too, for `Spelling` to see.

    An element is gone when the next one is asked for. An element of the name that has no children
    of its own is no record, but an identifier that happens to bear the name.

    Raises
    ------
    Refusal
        When the file is not well formed, has a DTD, or has a record beyond the bound.
    """
    spellings = {record, record.upper(), record.lower(), record.title()}
    parser = _parser(("end",), tuple(f"{{*}}{tag}" for tag in (*spellings, also) if tag))
    since_last = 0
    with path.open("rb") as stream:
        _skip_blank_lines(stream)
        while True:
            chunk = stream.read(CHUNK_BYTES)
            since_last += len(chunk)
            try:
                if chunk:
                    parser.feed(chunk)
                else:
                    parser.close()
            except etree.XMLSyntaxError as error:
                raise _not_well_formed(name, error) from None
            for _, element in parser.read_events():
                if local_name(element) in spellings and not len(element):
                    continue
                since_last = 0
                _refuse_internal_subset(element, name)
                yield element
                if local_name(element) in spellings:
                    _forget(element)
            if not chunk:
                return
            if since_last > MOST_RECORD_BYTES:
                raise Refusal(
                    f"{name}: a record or text of more than {MOST_RECORD_BYTES // 1024**2} MB. "
                    "A child's part of a return has some kilobytes, so this is no return. Export "
                    "it again."
                )


def _skip_blank_lines(stream: BinaryIO) -> None:
    """Pass over blank lines before the XML: databases write one, and the parser takes none."""
    start = stream.read(MOST_BLANK_BYTES)
    stream.seek(len(start) - len(start.lstrip(b"\r\n\t ")) if start.lstrip()[:1] == b"<" else 0)


def _parser(events: tuple[str, ...], tag: tuple[str, ...] | None = None) -> Any:
    return etree.XMLPullParser(
        events,
        tag=tag,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _forget(element: Any) -> None:
    element.clear()
    while element is not None:
        parent = element.getparent()
        while element.getprevious() is not None:
            del parent[0]
        element = parent


def _decoded(start: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return start.decode(encoding, "replace").lstrip("\ufeff")
    return start.decode("latin-1")


def _refuse_document_type(start: bytes, name: str) -> None:
    text = _decoded(start).lstrip()
    while text.startswith(("<?", "<!--")):
        end = "?>" if text.startswith("<?") else "-->"
        text = text.partition(end)[2].lstrip()
    if text.startswith("<!"):
        raise _document_type(name)


def _refuse_internal_subset(element: Any, name: str) -> None:
    # Again on what was parsed: an exotic encoding may hide a DTD from a look at the bytes.
    if element.getroottree().docinfo.doctype:
        raise _document_type(name)


def _document_type(name: str) -> Refusal:
    return Refusal(
        f"{name}: holds a document type (DTD), which can make a small file unfold to fill the "
        "machine or fetch other files; it was not read. Expected: a return as the system exports "
        "it, without `<!DOCTYPE`."
    )


def _not_well_formed(name: str, error: Any) -> Refusal:
    # The parser's own words may quote the file, so only the place is told.
    if error.code == _TEXT_AFTER_THE_END:
        return Refusal(
            f"{name}: has text after the end of its XML (line {error.lineno or 1}), such as "
            "databases add (`(1 rows affected)`). Take it away, or export the return again."
        )
    return Refusal(
        f"{name}: is not well-formed XML (line {error.lineno or 1}): cut short, damaged or beyond "
        "the parser's bounds. Expected: a CIN census or SSDA903 return as the system exports it. "
        "Export it again."
    )
