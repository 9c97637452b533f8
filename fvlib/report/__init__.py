"""What chapters import: `from fvlib.report import open_report`."""

from fvlib.report.report import Report, open_report

__all__ = ["Report", "open_report"]
