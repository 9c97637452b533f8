"""The one exception that means: the input is wrong, and here is what to do about it."""


class Refusal(ValueError):  # noqa: N818  (it is what the contract calls it)
    """Bad input, told to a person.

    Its text is the whole message: what is wrong, where, what was expected, what to do. It never
    holds a child's value. The command line prints it on stderr and exits with status 2.
    """

    def _render_traceback_(self) -> list[str]:
        """In a notebook the message stands alone: Quarto prints what the kernel prints."""
        return [f"Refused: {self}"]
