"""Numbers, dates and lists to text.

Rounding is half up on the decimal digits that the number prints with (0.25 to one decimal is
0.3), the minus sign is U+2212, and a number that would round onto a line it isn't on (an odds
ratio of 0.998 onto 1) keeps the digits that tell it apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from fvlib import protocol

MINUS: Final = "\u2212"
NO_BREAK: Final = "\u00a0"
EN_DASH: Final = "\u2013"
EXTRA_DECIMALS: Final = 3  # how many more digits a number may take to stay off a line
SMALLEST_P: Final = Decimal("0.001")
MILLION: Final = 1_000_000
LARGEST_P: Final = Decimal("0.99")


def number(value: float, decimals: int = 0, *, apart_from: float | None = None) -> str:
    """Write a number with thousands separators and a true minus sign, halves rounded up.

    Parameters
    ----------
    value
        A finite number.
    decimals
        Digits after the point.
    apart_from
        A line such as 0 or 1 that the number must not seem to lie on when it doesn't.
    """
    exact = Decimal(repr(float(value)))
    if not exact.is_finite():
        raise ValueError(f"{value} is no number that can be printed")
    for places in range(decimals, decimals + EXTRA_DECIMALS + 1):
        rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
        line = None if apart_from is None else Decimal(repr(float(apart_from)))
        if line is None or rounded != line or exact == line:
            break
    text = f"{abs(rounded):,}"
    return f"{MINUS}{text}" if rounded < 0 else text


def count(value: float) -> str:
    """Write a count: 78,000."""
    return number(value, 0)


def percent(share: float, decimals: int = 1) -> str:
    """Write a proportion as a percentage: 0.041 is 4.1 %."""
    return f"{number(_times(share, 100), decimals)}{NO_BREAK}%"


def points(difference: float, decimals: int = 1) -> str:
    """Write a difference of two proportions in percentage points, without the unit."""
    return number(_times(difference, 100), decimals, apart_from=0)


def in_points(difference: float, decimals: int = 1) -> str:
    """Write a difference of two proportions with its unit: −0.9 percentage points."""
    return f"{points(difference, decimals)} percentage points"


def per_thousand(difference: float) -> str:
    """Write a difference of two proportions as children in a thousand: 9 fewer."""
    text = number(_times(abs(difference), 1000), 0)
    if text == "0":
        return "no fewer and no more"
    return f"{text} {'fewer' if difference < 0 else 'more'}"


def ratio(value: float) -> str:
    """Write an odds ratio: two decimals, one from 10 up, never a false 1.00."""
    return number(value, 2 if value < 10 else 1, apart_from=1)


def pounds(value: float) -> str:
    """Write pounds to three significant digits: £1.23 million, −£45,600."""
    sign = MINUS if value < 0 else ""
    size = abs(value)
    if size >= MILLION:
        return f"{sign}£{number(size / MILLION, 2 if size < 10 * MILLION else 1)}{NO_BREAK}million"
    return f"{sign}£{number(round(size, -2))}"


def log_ratio(value: float) -> str:
    """Write a log odds ratio: three decimals, never a false zero."""
    return number(value, 3, apart_from=0)


def confidence_level() -> str:
    """Write the confidence level that goes with the protocol's alpha: 95 %."""
    return percent(1 - protocol.ALPHA, 0)


def interval(low: str, high: str) -> str:
    """Write a confidence interval in brackets from its written bounds."""
    return f"({confidence_level()} CI {low} to {high})"


def p_value(p: float) -> str:
    """Write a p-value: three decimals under 0.1, two above, and never on alpha when off it."""
    exact = Decimal(repr(float(p)))
    if not 0 <= exact <= 1:
        raise ValueError(f"{p} is no p-value")
    if exact < SMALLEST_P:
        return f"p < {SMALLEST_P}"
    if exact > LARGEST_P:
        return f"p > {LARGEST_P}"
    return f"p = {number(p, 3 if p < 0.1 else 2, apart_from=protocol.ALPHA)}"


def day(value: date | str) -> str:
    """Write a date: 1 April 2020."""
    when = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return f"{when.day} {when:%B} {when.year}"


def short_day(value: date | str) -> str:
    """Write a date for a table: 1 Apr 2020."""
    when = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return NO_BREAK.join([str(when.day), f"{when:%b}", str(when.year)])


def span(first: date | str, last: date | str) -> str:
    """Write two dates as a range."""
    return f"{day(first)} to {day(last)}"


def listing(items: Iterable[str]) -> str:
    """Write items as a list in a sentence: a, b and c."""
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """Write a number of things in words up to ten: two analyses."""
    noun = one if n == 1 else (many or f"{one}s")
    return f"{SMALL_NUMBERS[n] if n < len(SMALL_NUMBERS) else count(n)} {noun}"


def sentence_case(text: str) -> str:
    """Begin with a capital, and leave the rest as it is."""
    return text[:1].upper() + text[1:]


def apostrophes(text: str) -> str:
    """Set typewriter apostrophes as printed ones."""
    return text.replace("'", "\u2019")


def plain(name: str) -> str:
    """Make a machine name readable that has no label of its own: `leave-out` is Leave out."""
    return sentence_case(name.replace("_", " ").replace("-", " ").strip())


def _times(share: float, factor: int) -> float:
    return float(Decimal(repr(float(share))) * factor)


SMALL_NUMBERS: Final = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
)  # fmt: skip
