"""Whether a bundle of results still belongs to its data, its params and this code.

The manifest of `results/<refresh>/` holds hashes and no clock time. A data file is hashed in full
only when its size or modification time changed; those are kept in the data folder's cache, never
in the manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fvlib.contract.files import data_files
from fvlib.errors import Refusal
from fvlib.owner_only import write_for_owner
from fvlib.pipeline.reach import Code, hash_rooms
from fvlib.refresh import Refresh, in_project

# What makes a bundle; it follows from the code that these reach, whatever room that stands in.
BUNDLE: Final = ("fvlib.pipeline.compute.bundle_of", "fvlib.gate.release.release")
# Side tables of the previous refresh's released bundle that this one's are set beside.
COMPARED: Final = ("arrivals", "set_aside", "flow")
CACHE: Final = ".cache"
HASHES: Final = "hashes.json"
CODE: Final = "code.json"
_BLOCK: Final = 1 << 20
# What is hashed as one thing each; the data are file by file, the code room by room.
_WHOLE: Final = ("params", "previous")
_IN_PARTS: Final = ("code", "data")
# Called with a stage's name and its seconds.
Stage = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hashes of everything that a bundle of results follows from.

    `code`: by room, what a bundle reaches of it (`reach`), the plan among it. `data`: by file.
    `previous`: what the previous refresh released of the tables that are compared, empty where
    there is none.
    """

    params: str
    code: Mapping[str, str]
    data: Mapping[str, str]
    previous: str = ""

    def as_manifest(self) -> dict[str, Any]:
        """Return the manifest's `hashes` block."""
        whole = {name: getattr(self, name) for name in _WHOLE}
        return whole | {name: dict(getattr(self, name)) for name in _IN_PARTS}


def fingerprint(refresh: Refresh, root: Path) -> Fingerprint:
    """Hash params, data and code of a refresh."""
    return Fingerprint(
        params=_hash_file(root / "params" / f"{refresh.refresh}.yml"),
        code=_code_hashes(root / refresh.data / CACHE),
        data=_data_hashes(refresh, root),
        previous=_previous_hash(refresh, root),
    )


def hash_sources(base: Path, sources: Iterable[Path]) -> str:
    """Hash files with their names below `base`; line ends as git may have changed them."""
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.relative_to(base).as_posix().encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def differences(manifest: Mapping[str, Any], now: Fingerprint) -> list[str]:
    """Name what changed since the manifest was written: nothing when the bundle is fresh."""
    then = manifest.get("hashes", {})
    out = [name for name in _WHOLE if then.get(name) != getattr(now, name)]
    for name in _IN_PARTS:
        out += [f"{name}: {part}" for part in changed_parts(then.get(name), getattr(now, name))]
    return out


def changed_parts(before: object, now: Mapping[str, Any]) -> list[str]:
    """Name the parts that came, went or changed."""
    then = before if isinstance(before, Mapping) else {}
    return [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]


def protocol_id(analysis: str) -> str:
    """Return the id under which the protocol's analysis stands: X4 of X4-P1, else its own."""
    return analysis.partition("-")[0] if analysis[:1].isupper() else analysis


def read_manifest(results: Path) -> dict[str, Any] | None:
    """Read a bundle's manifest; None where there is no whole bundle."""
    try:
        content = json.loads((results / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None


def purge_cache(refresh: Refresh, root: Path) -> int:
    """Delete the cache of a refresh's data folder; return how many files it held.

    Raises
    ------
    Refusal
        The data lie outside the project: nothing is deleted there.
    """
    cache = root / refresh.data / CACHE
    if not in_project(cache, root):
        raise Refusal(
            f"purge deletes nothing outside the project, where {refresh.data.as_posix()} lies. "
            f"Delete its folder {CACHE} by hand"
        )
    files = sum(path.is_file() for path in cache.rglob("*")) if cache.is_dir() else 0
    shutil.rmtree(cache, ignore_errors=True)
    return files


def write_cache_file(path: Path, text: str) -> None:
    """Write a file of the cache in one move, in a folder that only its owner can read.

    Best effort where file modes don't exist.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_suffix(f".{os.getpid()}")
    write_for_owner(staged, text)
    staged.replace(path)


def read_cache_file(path: Path) -> dict[str, Any]:
    """Read a file of the cache; empty where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _code_hashes(cache: Path) -> dict[str, str]:
    """Hash the code by meaning, room by room; not anew where not a byte of the package changed."""
    code = Code()
    bytes_now = hash_sources(code.package, sorted(code.package.rglob("*.py")))
    known = read_cache_file(cache / CODE)
    if known.get("bytes") != bytes_now:
        known = {"bytes": bytes_now, "rooms": hash_rooms(code.reach(BUNDLE))}
        write_cache_file(cache / CODE, json.dumps(known))
    rooms: dict[str, str] = known["rooms"]
    return rooms


def _data_hashes(refresh: Refresh, root: Path) -> dict[str, str]:
    folder = root / refresh.data
    cache = folder / CACHE / HASHES
    known = read_cache_file(cache)
    fresh: dict[str, list[Any]] = {}
    for path in data_files(refresh, root):
        name = path.relative_to(folder).as_posix()
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        before = known.get(name)
        fresh[name] = before if before and before[:2] == stamp else [*stamp, _hash_file(path)]
    if fresh != known:
        write_cache_file(cache, json.dumps(fresh, indent=1))
    return {name: entry[2] for name, entry in sorted(fresh.items())}


def _previous_hash(refresh: Refresh, root: Path) -> str:
    if refresh.previous_refresh is None:
        return ""
    folder = root / "results" / refresh.previous_refresh
    manifest = read_manifest(folder)
    if manifest is None:
        return ""
    digest = hashlib.sha256(json.dumps(manifest["data_through"], sort_keys=True).encode())
    for name in COMPARED:
        path = folder / "tables" / f"{name}.csv"
        digest.update(path.read_bytes() if path.is_file() else b"absent")
    return digest.hexdigest()


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
