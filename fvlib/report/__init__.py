"""What chapters import: `from fvlib.report import open_report`.

In: `results/<refresh>/`, brought up to date first, and the chapters' register. Out: a `Report` with
numbers as ready strings (`q`), tables, figures and notices by name. It reads released aggregates
alone: nothing here can reach a child's row.
"""

from fvlib.report.report import Report, open_report

__all__ = ["Report", "open_report"]
