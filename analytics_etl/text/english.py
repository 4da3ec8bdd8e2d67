"""Words that follow a number or a list, as messages of any part of the program say them. Digits are exact.

Reports round their numbers, and have words of their own.
"""

from collections.abc import Sequence
from datetime import date

MOST_NAMED = 5
"""Things of a kind that a message names; whoever reads it wants to know which, not all of them."""


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """1 day, 2 days, 1,234 days."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def shortened(things: Sequence[object], most: int = MOST_NAMED, separator: str = ", ") -> str:
    """a, b; or with too many of them: a, b, and 3 more."""
    more = [f"and {len(things) - most:,} more"] if len(things) > most else []
    return separator.join([*map(str, things[:most]), *more])


def spanned(first: date, last: date) -> str:
    """2025-03-03 to 2025-03-09; or of one day that day."""
    return str(first) if first == last else f"{first} to {last}"
