"""Bring one refresh's results up to date: nothing is computed, or even imported, when they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from fvlib.errors import Refusal, debugging
from fvlib.gate import release
from fvlib.pipeline.freshness import (
    CACHE,
    Fingerprint,
    Stage,
    differences,
    fingerprint,
    protocol_id,
    read_cache_file,
    read_manifest,
    write_cache_file,
)
from fvlib.pipeline.run_log import RunLog
from fvlib.progress import show_stage
from fvlib.refresh import load_refresh, name_of

PATIENCE: Final = 3.0  # seconds that another run may hold a bundle before it is told
BROKEN: Final = "broken.json"


def run(
    name: object,
    root: Path,
    *,
    only: Sequence[str] | None = None,
    jobs: int = 1,
    stage: Stage = lambda name, seconds: None,
    log: RunLog | None = None,
) -> Path:
    """Run what is stale of one refresh and return the folder of its released results.

    Parameters
    ----------
    name
        The refresh.
    root
        The project's root, where `params/`, `data/` and `results/` stand.
    only
        Ids of analyses, `X4` standing for all of X4's rows; None runs the plan's standing rows.
    jobs
        Worker processes. The same numbers come out for any number of them.
    stage
        Called with a stage's name and its seconds.
    log
        Told what is fitted, why, and what broke.

    Raises
    ------
    Refusal
        The params or the data are refused, or `only` names no analysis of the plan.
    """
    refresh = load_refresh(name, root)
    to = root / "results" / refresh.refresh
    with _settled(to), (log or RunLog()).kept() as told:
        now = fingerprint(refresh, root)
        broken = read_cache_file(root / refresh.data / CACHE / BROKEN)
        if is_fresh(read_manifest(to), now, only) and not (broken and debugging()):
            told.tell_fits({})
            told.tell_broken(broken)
            return to
        from fvlib.pipeline import compute  # noqa: PLC0415  (the models are loaded only to be used)

        bundle = compute.bundle_of(refresh, root, only, now, jobs=jobs, stage=stage, log=told)
        release.release(bundle, to, refresh.disclosure)
        write_cache_file(root / refresh.data / CACHE / BROKEN, json.dumps(told.broken))
    return to


def ensure_results(
    name: object,
    root: Path,
    *,
    jobs: int = -1,
    stage: Stage = lambda name, seconds: None,
    log: RunLog | None = None,
) -> tuple[Path, bool]:
    """Bring a refresh's results up to date and return their folder.

    Returns
    -------
    The folder, and whether it was verified against the data: where there is no data folder the
    bundle is read as it stands.

    Raises
    ------
    Refusal
        There are neither data nor results.
    """
    wanted = name_of(name)
    results = root / "results" / wanted
    with _settled(results):
        released = read_manifest(results) is not None
    if released and not (root / "params" / f"{wanted}.yml").exists():
        return results, False
    refresh = load_refresh(wanted, root)
    if (root / refresh.data).is_dir():
        return run(wanted, root, jobs=jobs, stage=stage, log=log), True
    if released:
        return results, False
    raise Refusal(
        f"{refresh.data.as_posix()}: no such folder, and no results of {wanted!r} either. "
        f"Put the extracts there, or write synthetic ones: fv simulate {wanted}"
    )


@contextmanager
def _settled(results: Path) -> Iterator[None]:
    """Hold a bundle alone, an interrupted swap completed: what another run stages is its own."""
    results.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(results.with_name(f".{results.name}.lock"))
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        with show_stage(f"another run holds results/{results.name}: waiting for it"):
            lock.acquire()
    try:
        release.complete_swap(results)
        yield
    finally:
        lock.release()


def why_stale(name: object, root: Path, only: Sequence[str] | None = None) -> list[str]:
    """Say what changed since the results were written, and why each stale analysis is fitted.

    Empty when the results are fresh.
    """
    refresh = load_refresh(name, root)
    manifest = read_manifest(root / "results" / refresh.refresh)
    now = fingerprint(refresh, root)
    if is_fresh(manifest, now, only):
        return []
    if manifest is None:
        changed = ["no results yet"]
    else:
        changed = differences(manifest, now) or ["some analyses of the plan are not in it"]
    from fvlib.pipeline import compute  # noqa: PLC0415

    fits = compute.explain_fits(refresh, root, only, now)
    told = [f"{analysis}: {why}" for analysis, why in fits.items()]
    return [*changed, *(told or ["nothing to fit: the bundle is made again from kept fits"])]


def is_fresh(manifest: dict[str, Any] | None, now: Fingerprint, only: Sequence[str] | None) -> bool:
    """Whether a bundle belongs to this data, params and code, and holds what is asked for."""
    if manifest is None or differences(manifest, now):
        return False
    if only is None:
        return bool(manifest["whole"])
    held = set(manifest["analyses"])
    if manifest["whole"]:
        held |= {protocol_id(analysis) for analysis in held}
    return set(only) <= held
