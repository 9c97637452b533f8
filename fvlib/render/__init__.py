"""Rendering: Quarto when it is there, and the portable renderer."""

from fvlib.render.edition import TitlePage
from fvlib.render.engine import RenderOutcome, render
from fvlib.render.files import record_timing, timed

__all__ = ["RenderOutcome", "TitlePage", "record_timing", "render", "timed"]
