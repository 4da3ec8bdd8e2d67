"""English for messages: counts, shortened lists and spans of days. Numbers are exact.

Not here: the words of reports, which round their numbers.
"""

from collections.abc import Sequence
from datetime import date

MOST_NAMED = 5
"""Most things that a message lists by name."""


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """1 day, 2 days, 1,234 days."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def shortened(things: Sequence[object], most: int = MOST_NAMED, separator: str = ", ") -> str:
    """a, b; or, of more than `most` things: a, b, and 3 more."""
    more = [f"and {len(things) - most:,} more"] if len(things) > most else []
    return separator.join([*map(str, things[:most]), *more])


def spanned(first: date, last: date) -> str:
    """2025-03-03 to 2025-03-09; a single day is written once."""
    return str(first) if first == last else f"{first} to {last}"
