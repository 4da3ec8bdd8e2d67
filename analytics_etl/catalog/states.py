"""The marks of states and findings, and what each means in words: one set for `status`, reports and their index.

Nothing is told by a colour alone, so that whoever knows the marks can read any of the three, in a terminal, on paper or
without seeing colours. Which colour goes with a mark depends on where it is shown and stands there.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Mark(NamedTuple):
    """One character, and the words of its legend."""

    sign: str
    words: str


STATES: Mapping[str, Mark] = {
    "final": Mark("●", "final"),
    "provisional": Mark("◐", "provisional"),
    "outdated": Mark("~", "made by an earlier version of its SQL"),
    "failed": Mark("✗", "failed"),
    "archived": Mark("▪", "archived"),
    "dropped": Mark("▫", "final, raw events not kept"),
    "frozen_late": Mark("!", "final, late rows waiting"),
    "expected": Mark("·", "expected, not there"),
}
"""The states of a day of a table; of a whole report, final or provisional."""

FLAGS: Mapping[str, Mark] = {
    "empty": Mark("∅", "no rows"),
    "unusual": Mark("≠", "unusual number of rows"),
    "unchecked": Mark("◌", "not checked"),
}
"""What else there is to say of a day."""

MARKS: Mapping[str, Mark] = {**STATES, **FLAGS}
"""All that a day can have, in the order of a legend."""

TONES: Mapping[str, str] = {"good": "✓", "warn": "▲", "bad": "✗"}
"""How good something is that has no state: a report that is complete or not, a check, an anomaly, a score."""
