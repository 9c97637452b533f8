"""The implementation and process evaluation: what was delivered, against the protocol's table."""

from fvlib.ipe.describe import ipe_tables

__all__ = ["ipe_tables"]
