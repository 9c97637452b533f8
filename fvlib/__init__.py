"""Family Valued's living trial report: from one data refresh to the printed numbers."""

from importlib.metadata import version

__version__ = version("fvlib")
