"""A return of 500 MB is read as a stream: within a gigabyte of memory, whatever its size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.statutory_builders import census, child, protection_plan, referral

pytest.importorskip("resource", reason="measures memory as POSIX does")

MEGABYTE = 1_000_000
LARGE = 500 * MEGABYTE
MOST_MEMORY_MB = 1000  # the bound that the design sets

# A process of its own, so that its peak is the import's alone.
IMPORT = """
import resource, sys, time
from pathlib import Path
from fvlib.statutory.import_returns import import_returns
began = time.process_time()
report = import_returns(Path(sys.argv[1]), "sefton", Path(sys.argv[2]), key_file=Path(sys.argv[3]))
print(report.written["children"], report.written["plans"])
print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _write_large(path: Path) -> int:
    """Write a census of different children and days, line by line as systems export it."""
    before, after = census("@").split("@")
    written = children = 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write(before)
        while written < LARGE:
            day, month, year = children % 28 + 1, children % 12 + 1, 2005 + children % 16
            text = child(
                f"{children:010d}",
                referral(
                    f"2021-{month:02d}-{day:02d}",
                    "<CINPlanDates><CINPlanStartDate>2021-12-01</CINPlanStartDate></CINPlanDates>"
                    + protection_plan(f"2020-{month:02d}-{day:02d}", "1"),
                ),
                f"<UPN>A{children:012d}</UPN>"
                f"<PersonBirthDate>{year}-{month:02d}-{day:02d}</PersonBirthDate>",
            ).replace("><", ">\n      <")
            stream.write(text + "\n")
            written += len(text)
            children += 1
        stream.write(after)
    return children


@pytest.mark.slow
def test_a_census_of_500_mb_stays_under_a_gigabyte(tmp_path: Path) -> None:
    children = _write_large(tmp_path / "large.xml")
    arguments = [str(tmp_path / "large.xml"), str(tmp_path / "data" / "x" / "sefton")]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *arguments, str(tmp_path / "la.key")],
        capture_output=True,
        text=True,
        check=True,
    )
    rows, figures = done.stdout.splitlines()
    seconds, peak = (float(number) for number in figures.split())
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there
    megabytes = peak * unit / MEGABYTE
    print(f"{LARGE // MEGABYTE} MB: {seconds:.0f} s of processor time, peak {megabytes:.0f} MB")
    assert rows == f"{children} {2 * children}"
    assert megabytes < MOST_MEMORY_MB


def test_memory_does_not_grow_with_what_is_not_kept(tmp_path: Path) -> None:
    # 60 MB of assessments, of which the contract keeps nothing: the tree must not stay in memory.
    assessment = "<Assessments><AssessmentFactors>2A</AssessmentFactors></Assessments>" * 300
    with (tmp_path / "a.xml").open("w", encoding="utf-8") as stream:
        before, after = census("@").split("@")
        stream.write(before)
        for n in range(3000):
            stream.write(child(f"K-{n}", referral("2021-06-01", assessment)))
        stream.write(after)
    script = IMPORT.replace("began =", "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;")
    script = script.replace("time.process_time() - began", "base")
    arguments = [str(tmp_path / "a.xml"), str(tmp_path / "data" / "x" / "sefton")]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, str(tmp_path / "la.key")],
        capture_output=True,
        text=True,
        check=True,
    )
    base, peak = (float(number) for number in done.stdout.splitlines()[1].split())
    assert (peak - base) * 1024 / MEGABYTE < 60, "less than the file alone"
