"""Family Valued's living trial report: from one data refresh to the numbers that the chapters print."""

from importlib.metadata import version

__version__ = version("fvlib")
