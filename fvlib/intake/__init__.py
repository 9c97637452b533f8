"""A refresh's folder or workbooks -> `Extracts`: typed frames, and a count for every change.

In: the files of `data/<refresh>/`, read as text. Headers are looked at before any row (`source`),
identifiers are refused (`identifiers`), withdrawn children go first (`receive`), then each row is
kept, put right or set aside under a rule of the contract (`screening`). Out: `Extracts`, and the
rows set aside, written for the authority alone (`set_aside`).
"""

from fvlib.intake.load import Extracts, load_extracts

__all__ = ["Extracts", "load_extracts"]
