"""Run every bench of this folder, print its figures, and write bench.json."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent


def main() -> None:
    """Run `bench_*.py` by name (all of them without arguments)."""
    wanted = sys.argv[1:]
    rows: list[dict[str, object]] = []
    for path in sorted(HERE.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_")
        if wanted and name not in wanted:
            continue
        section = importlib.import_module(f"tests.bench.{path.stem}").run()
        show(name, section)
        rows.extend(section)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    Path("bench.json").write_text(
        json.dumps({"machine": machine, "figures": rows}, indent=1), encoding="utf-8"
    )


def show(name: str, rows: list[dict[str, object]]) -> None:
    """Print one section's figures."""
    table = Table(title=name, title_justify="left")
    for column in ("name", "value", "unit", "note"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in rows:
        value = row["value"]
        shown = f"{value:.3g}" if isinstance(value, float) else str(value)
        table.add_row(str(row["name"]), shown, str(row["unit"]), str(row.get("note", "")))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
