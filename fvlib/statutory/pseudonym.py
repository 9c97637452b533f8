"""Meaningless, repeatable ids under a secret that the local authority keeps.

HMAC-SHA256 (RFC 2104, FIPS 180-4) over the authority and the id: the same child has the same id in
every return and refresh, and without the key there is no way back, nor a way to try ids out.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fvlib.contract.spreadsheet import is_null_word, undo_number
from fvlib.errors import Refusal

KEY_BYTES: Final = 32  # as long as the hash's output, RFC 2104 section 3
KEY_TEXT: Final = re.compile(r"[!-~]{32,1024}\Z")
KEY_FILE_LIMIT: Final = 2048
OWNER_ONLY: Final = 0o600
# 80 bits: among a million children two share an id with a probability of 4e-13.
ID_DIGITS: Final = 20
MARK_DIGITS: Final = 8
REPOSITORY_MARKS: Final = (".git", "_quarto.yml")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Makes the ids of one local authority. Neither its text nor its representation holds the key.

    Parameters
    ----------
    la
        Key of the local authority; part of what is hashed.
    secret
        The key's bytes.
    """

    la: str
    secret: bytes = field(repr=False)
    # id -> the id without its leading zeros, of the ids that have any
    zeros: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    # id -> the id of its letters and figures alone, of the ids that have other signs or zeros
    bare: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def child(self, identifier: str) -> str:
        """Return the child's id: `c` and 20 hexadecimal digits; empty for an empty identifier."""
        identifier = same_identifier(identifier)
        if not identifier:
            return ""
        child = "c" + self._digest("child", identifier)
        if identifier[0] == "0" and identifier.isdigit() and child not in self.zeros:
            self.zeros[child] = "c" + self._digest("child", identifier.lstrip("0"))
        if (identifier[0] == "0" or not identifier.isalnum()) and child not in self.bare:
            letters = "".join(filter(str.isalnum, identifier)).lstrip("0")
            self.bare[child] = "c" + self._digest("child", letters)
        return child

    def referral(self, identifier: str, referral_date: str, nth: int = 0) -> str:
        """Return the id of a child's referral of that day (the census has none of its own).

        Parameters
        ----------
        identifier, referral_date
            Whose referral it is, and its day.
        nth
            0, or which further one of the day it is.
        """
        further = (str(nth),) if nth else ()
        return "r" + self._digest("referral", referral_date, same_identifier(identifier), *further)

    def mark(self) -> str:
        """Return eight digits that tell one key from another, and nothing else about it."""
        return self._digest("mark")[:MARK_DIGITS]

    def _digest(self, *parts: str) -> str:
        message = "\0".join((parts[0], self.la, *parts[1:])).encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, message, "sha256").hex()[:ID_DIGITS]


def same_identifier(identifier: str) -> str:
    """Return the identifier without what tells two writings of it apart.

    What a spreadsheet adds, spaces within, letter case. Leading zeros stay: whether one return has
    lost them is told by all of its ids together. A nought alone is no identifier, nor is NULL.

    >>> same_identifier("zk 205 "), same_identifier("12,041.0"), same_identifier("unknown")
    ('ZK205', '12041', '')
    """
    written = "".join(undo_number(identifier).split()).upper()
    return "" if is_null_word(written) or written == "0" else written


def default_key_file(la: str) -> Path:
    """Return where an authority's key lies when no file is named: in the user's own folder."""
    return Path.home() / ".fvlib" / f"{la}.key"


def refuse_key_place(key_file: Path, closed: Path) -> None:
    """Refuse a key inside the folder `closed`, which is sent away, or inside a repository.

    Raises
    ------
    Refusal
        Naming the file and where to put it.
    """
    place = key_file.resolve()
    advice = "Name a file elsewhere with --key, in a folder that only you can read."
    if place.is_relative_to(closed.resolve()):
        raise Refusal(
            f"The key file {key_file} lies in {closed}, the folder that is sent away: with the key "
            f"the ids lead back to the children.\n{advice}"
        )
    for folder in place.parents:
        if any((folder / mark).exists() for mark in REPOSITORY_MARKS):
            raise Refusal(
                f"The key file {key_file} lies in the repository {folder}, from where it could be "
                f"committed or copied.\n{advice}"
            )


def open_key(key_file: Path) -> tuple[bytes, bool]:
    """Read the key, or make it on first use.

    Returns
    -------
    tuple
        The key's bytes, and whether it was made now.

    Raises
    ------
    Refusal
        When the file can be read by others, is no key, or can't be read or made.
    """
    try:
        if not key_file.exists():
            with contextlib.suppress(FileExistsError):  # another import made it meanwhile
                return _make_key(key_file), True
        return _read_key(key_file), False
    except OSError as error:
        raise Refusal(
            f"The key file {key_file} can't be read or made ({error.strerror}). Expected: a file "
            "in a folder that exists, with read access for you alone."
        ) from None


def _make_key(key_file: Path) -> bytes:
    if key_file.parent == default_key_file("").parent:
        key_file.parent.mkdir(mode=0o700, exist_ok=True)
    text = secrets.token_hex(KEY_BYTES)
    handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return text.encode()


def _read_key(key_file: Path) -> bytes:
    status = key_file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Refusal(f"The key file {key_file} is no file. Name a file with --key.")
    # Windows has no such bits; there the folder's permissions hold.
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise Refusal(
            f"The key file {key_file} can be read or changed by others on this machine. Expected: "
            f"by you alone. Put it right with `chmod 600`, and ask who may have copied it."
        )
    with key_file.open("rb") as stream:
        text = stream.read(KEY_FILE_LIMIT).decode("utf-8", "replace").strip()
    if not KEY_TEXT.match(text):
        raise Refusal(
            f"The file {key_file} is no key. Expected: one line of 32 or more letters, digits or "
            "signs, as the first import writes it. Nothing was changed; a wrong file was named "
            "with --key, or the key is damaged: take it from your backup, since another key gives "
            "every child another id."
        )
    return text.encode()
