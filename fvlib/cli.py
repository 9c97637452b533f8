"""The command line: each command is a few lines that call the floor below.

Exit status 2 and one message on stderr for bad input, never a traceback; `--debug` shows one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from fvlib.errors import DEBUG, Refusal, debugging, trace_of
from fvlib.owner_only import write_for_owner

if TYPE_CHECKING:
    from fvlib.pipeline.run_log import RunLog

# One thread a process, before numpy is loaded: processes share the cores, spinning threads only
# take them from one another, and sums come out in the same order on every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_BROKE = (
    "The command broke: a fault of the program. What it had finished before stands. "
    "--debug before the command shows the message too, which may quote data. It broke here:"
)
_INTERRUPTED = 130  # what a shell calls a command that Ctrl-C stopped

app = typer.Typer(
    name="fv",
    help="Turn one data refresh of the Family Valued trial into its report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The refresh, such as 2024-04.")]


def _workers(jobs: int) -> int:
    """Check a number of workers; more than the machine has cores would only take its memory."""
    if jobs == 0 or jobs < -1:
        raise typer.BadParameter(f"{jobs}; expected 1 or more, or -1 for all cores")
    return min(jobs, os.cpu_count() or 1)


Jobs = Annotated[int, typer.Option(callback=_workers, help="Worker processes; -1 for all cores.")]


class Dirt(StrEnum):
    """How much of real extracts' dirt the synthetic ones have."""

    realistic = "realistic"
    none = "none"


class Engine(StrEnum):
    """Which renderer makes the report."""

    auto = "auto"
    quarto = "quarto"
    portable = "portable"


def _root() -> Path:
    from fvlib.refresh import project_root  # noqa: PLC0415

    return project_root(Path.cwd())


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show a traceback when a command fails.")] = False,
) -> None:
    """Turn one data refresh of the Family Valued trial into its report."""
    if debug:
        os.environ[DEBUG] = "1"


@app.command()
def simulate(
    name: Name,
    *,
    children: Annotated[int, typer.Option(min=1, help="Cohort children.")] = 78_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    effect: Annotated[
        float, typer.Option(help="Treatment log-odds of the primary outcome.")
    ] = -0.30,
    sigma: Annotated[
        float, typer.Option(min=0, help="Standard deviation of LA intercepts.")
    ] = 0.60,
    dirt: Annotated[
        Dirt, typer.Option(help="Dirt as real extracts have it, or none.")
    ] = Dirt.realistic,
    through: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Last date the extracts cover.")
    ] = datetime(2025, 9, 30),
) -> None:
    """Write a synthetic refresh of known truth: data/NAME/ and, if absent, params/NAME.yml."""
    from fvlib.synthetic.simulate import simulate as write  # noqa: PLC0415

    with _working(f"simulating {children:,} children"):
        write(
            _name(name),
            _root(),
            children=children,
            seed=seed,
            effect=effect,
            sigma=sigma,
            dirt=dirt.value,
            through=through.date(),
        )
    _say(f"data/{name}/ and params/{name}.yml")


@app.command()
def template(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Write blank files, an Excel workbook and the data dictionary, for local authorities."""
    from fvlib.contract.template import write_template  # noqa: PLC0415

    write_template(to)
    _say(str(to))


@app.command()
def check(name: Name) -> None:
    """Load and validate only. Exit 0: clean; 1: rows set aside; 2: refused."""
    from fvlib.check import check_refresh, summary_table  # noqa: PLC0415
    from fvlib.refresh import load_refresh  # noqa: PLC0415

    root = _root()
    refresh = load_refresh(name, root)
    _warn_of_retention(name, root)
    with _working("checking"):
        outcome = check_refresh(refresh, root)
    to = root / "_report" / refresh.refresh / "check.html"
    to.parent.mkdir(parents=True, exist_ok=True)
    write_for_owner(to, outcome.html)
    if outcome.message:  # the page says it too
        raise Refusal(outcome.message)
    _out().print(summary_table(outcome))
    _say(_shown(to, root))
    raise typer.Exit(outcome.exit_code)


@app.command(name="import")
def import_(
    name: Name,
    source: Annotated[Path, typer.Option("--from", help="Folder of statutory returns.")],
    la: Annotated[str, typer.Option(help="Which LA's returns these are.")],
    key: Annotated[
        Path | None, typer.Option(help="The LA's own key file; made on first use.")
    ] = None,
) -> None:
    """Turn an LA's statutory returns into the contract's files; no identifier leaves memory."""
    from fvlib.statutory.import_returns import import_returns  # noqa: PLC0415

    to = _root() / "data" / _name(name) / la
    with _working("reading the returns"):
        report = import_returns(source, la, to, key_file=key)
    _out().print(report)
    if report.warnings:
        raise typer.Exit(1)


@app.command()
def run(
    name: Name,
    only: Annotated[str | None, typer.Option(help="Analyses by id, such as P1,X4.")] = None,
    jobs: Jobs = -1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler that takes the fits.")
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Say what is stale, and run nothing.")] = False,
) -> None:
    """Run every analysis of the plan that is stale, and write results/NAME/."""
    from fvlib.pipeline.run import run as run_plan  # noqa: PLC0415
    from fvlib.pipeline.run import why_stale  # noqa: PLC0415

    root = _root()
    _warn_of_retention(name, root)
    ids = None if only is None else [entry.strip() for entry in only.split(",") if entry.strip()]
    if ids == []:
        raise Refusal("--only: names no analysis. Expected ids with commas between, such as P1,X4")
    if why:
        for line in why_stale(name, root, ids) or ["fresh: nothing to run"]:
            _say(line)
        return
    log = _run_log(root, name)
    with _workers_of(scheduler):
        to = run_plan(name, root, only=ids, jobs=jobs, stage=_timings(root, name), log=log)
    _tell_run(log, root)
    _say(_shown(to, root))


@app.command()
def render(
    name: Name,
    to: Annotated[str, typer.Option(help="Formats: html, pdf or html,pdf.")] = "html,pdf",
    engine: Annotated[
        Engine, typer.Option(help="Quarto when it is there, or the portable renderer.")
    ] = Engine.auto,
    chapter: Annotated[
        str | None, typer.Option(help="One chapter alone, such as primary, for a quick look.")
    ] = None,
    jobs: Jobs = -1,
) -> None:
    """Run what is stale, render the chapters, and print the paths of the report."""
    from fvlib.pipeline import ensure_results  # noqa: PLC0415
    from fvlib.render import checked_book, typed_numbers  # noqa: PLC0415
    from fvlib.render import render as render_book  # noqa: PLC0415
    from fvlib.report.words.ipe import empty_places  # noqa: PLC0415

    root = _root()
    refresh = _name(name)
    book = checked_book(root)
    formats = tuple(entry.strip() for entry in to.split(",") if entry.strip())
    log = _run_log(root, refresh)
    results, verified = ensure_results(
        refresh, root, jobs=jobs, stage=_timings(root, refresh), log=log
    )
    if verified:
        _tell_run(log, root)
    else:
        typer.echo(
            f"{_shown(results, root)}: read as it stands, not verified against data", err=True
        )
    outcome = render_book(root, refresh, formats=formats, engine=engine.value, chapter=chapter)
    for path in outcome.paths:
        _say(_shown(path, root))
    for part in book.parts:
        for told in typed_numbers(part.chapter):
            typer.echo(told, err=True)
    for source in sorted((root / "chapters").glob("[!_]*.qmd")):
        for place in empty_places(source.read_text(encoding="utf-8")):
            typer.echo(f"{_shown(source, root)}: to be written: {place}", err=True)


@app.command()
def keys(
    name: Name = "synthetic",
    to: Annotated[Path | None, typer.Option(help="A file to write; without it, print.")] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Only the names that every refresh has.")
    ] = False,
) -> None:
    """List what a chapter can ask for: tables and columns, figures, and numbers as they are."""
    from fvlib.report import open_report  # noqa: PLC0415
    from fvlib.report.listing import list_names  # noqa: PLC0415

    _root()
    page = list_names(open_report(name), values=not names)
    if to is None:
        typer.echo(page, nl=False)
        return
    to.write_text(page, encoding="utf-8", newline="\n")
    _say(str(to))


@app.command()
def export(
    name: Name,
    analysis: Annotated[str, typer.Option(help="Which row of the plan.")],
    to: Annotated[Path, typer.Option(help="A folder outside the repository.")],
    imputation: Annotated[int, typer.Option(min=1, help="Which complete data set.")] = 1,
) -> None:
    """Write one analysis's rows, for double programming in another package."""
    from fvlib.analysis.design import NotEstimable  # noqa: PLC0415
    from fvlib.pipeline.export import export_rows  # noqa: PLC0415
    from fvlib.report.words.reasons import in_words  # noqa: PLC0415
    from fvlib.trial.exposure import DatesNeeded  # noqa: PLC0415

    try:
        _say(str(export_rows(name, _root(), analysis, imputation, to)))
    except (NotEstimable, DatesNeeded) as told:
        why = in_words(str(told))
        raise Refusal(f"--analysis {analysis}: not yet estimable: {why}") from told
    typer.echo(
        "It holds a row for each child and has not passed the disclosure gate: keep it where the "
        "extracts may be kept, and delete it when done.",
        err=True,
    )


@app.command()
def purge(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete.")] = False,
) -> None:
    """Delete the cache of a refresh: hashes, and unmasked aggregates."""
    from fvlib.pipeline.freshness import purge_cache  # noqa: PLC0415
    from fvlib.refresh import load_refresh  # noqa: PLC0415

    root = _root()
    refresh = load_refresh(name, root)
    if not yes:
        raise Refusal(f"purge deletes {refresh.data.as_posix()}/.cache; add --yes to do it")
    _say(f"deleted: {purge_cache(refresh, root)} files")


@app.command()
def power(
    replicates: Annotated[int, typer.Option(min=2, help="Simulated trials a scenario.")] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 20200401,
    jobs: Jobs = 2,
    sizes: Annotated[
        Path | None,
        typer.Option(
            help="Instead count how often each test rejects when nothing works, into this CSV."
        ),
    ] = None,
) -> None:
    """Simulate the design's operating characteristics: bias, coverage, type I error, power."""
    from fvlib.analysis import design_power  # noqa: PLC0415
    from fvlib.analysis.design_power import simulate as simulate_trials  # noqa: PLC0415
    from fvlib.analysis.design_power import summary  # noqa: PLC0415

    if sizes is not None:
        if not sizes.resolve().parent.is_dir():
            raise Refusal(f"--sizes {sizes}: its folder does not exist; make it first")
        with _working(f"testing {replicates:,} trials a scenario"):
            table = design_power.sizes(replicates, seed, jobs)
        table.to_csv(sizes, index=False, encoding="utf-8", lineterminator="\n")
        _out().print(str(sizes))
        return

    with _working(f"simulating {replicates:,} trials a scenario"):
        results = simulate_trials(replicates, seed, jobs)
    _out().print(summary(results, replicates))


def _name(name: str) -> str:
    from fvlib.refresh import name_of  # noqa: PLC0415

    return name_of(name)


def _timings(root: Path, name: str) -> Callable[[str, float], None]:
    """Append each stage's seconds to `_report/NAME/timings.csv`; results hold no durations."""
    from fvlib.render.files import record_timing  # noqa: PLC0415

    folder = root / "_report" / _name(name)
    return lambda stage, seconds: record_timing(folder, stage, seconds)


def _run_log(root: Path, name: str) -> RunLog:
    from fvlib.pipeline.run_log import RUN_LOG, RunLog  # noqa: PLC0415

    return RunLog(root / "_report" / _name(name) / RUN_LOG)


def _tell_run(log: RunLog, root: Path) -> None:
    """Say on stderr how much was fitted, and which analyses broke."""
    fitted = f"{len(log.fitted)} analyses fitted" if log.fitted else "nothing refitted"
    where = "" if log.path is None else _shown(log.path, root)
    typer.echo(f"{fitted}: {where} says why", err=True)
    for analysis, trace in log.broken.items():
        typer.echo(
            f"{analysis} broke ({trace.partition(chr(10))[0]}): {where} says where", err=True
        )


@contextmanager
def _workers_of(scheduler: str | None) -> Iterator[None]:
    """Let a Dask cluster's workers take the fits, where an address is given."""
    if scheduler is None:
        yield
        return
    try:
        from distributed import Client  # noqa: PLC0415
    except ImportError as error:
        raise Refusal("--scheduler needs Dask: pip install 'fvlib[dask]'") from error
    from joblib import parallel_config  # noqa: PLC0415

    try:
        client = Client(scheduler, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise Refusal(f"--scheduler {scheduler}: no Dask scheduler answers there") from error
    with client, parallel_config(backend="dask"):
        yield


def _warn_of_retention(name: str, root: Path) -> None:
    from fvlib.refresh import load_refresh  # noqa: PLC0415

    overdue = load_refresh(name, root).due_for_deletion(date.today())
    if overdue:
        typer.echo(overdue, err=True)


def _shown(path: Path, root: Path) -> str:
    """Show a path as the user would type it from where they stand."""
    return os.path.relpath(path, Path.cwd()) if path.is_relative_to(root) else str(path)


def _out() -> Console:
    """Print tables to standard output: as wide as the terminal, or fit to be read from a file."""
    return Console(width=None if sys.stdout.isatty() else 120)


def _say(line: str) -> None:
    typer.echo(line)


@contextmanager
def _working(what: str) -> Iterator[None]:
    """Say what takes its time, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def main() -> None:
    """Run the command line; bad input ends with exit status 2 and one message."""
    try:
        app(standalone_mode=True)
    except SystemExit as done:
        if done.code == _INTERRUPTED:
            typer.echo("Stopped. What was there before stands as it was.", err=True)
        raise
    except Exception as error:
        if debugging():
            raise
        told, status = str(error), 2
        if isinstance(error, OSError):
            told = _no_access(error)
        elif not isinstance(error, Refusal):  # its message could quote a child's value
            told, status = f"{_BROKE}\n{trace_of(error)}", 1
        Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(told)
        sys.exit(status)


def _no_access(error: OSError) -> str:
    """Tell of a file or folder that the machine would not read or write."""
    what = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return (
        f"{what or type(error).__name__}. The command stopped; what it had finished before stands. "
        "Expected: a disk with space, and files and folders that you may read and write. "
        "--debug before the command shows where."
    )


if __name__ == "__main__":  # python -m fvlib.cli
    main()
