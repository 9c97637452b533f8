"""`hussey_hughes` under its old name; the code stands in `fvlib.models.wedge.power`."""

from fvlib.models.wedge.power import hussey_hughes

__all__ = ["hussey_hughes"]
