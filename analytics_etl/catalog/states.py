"""The marks of states and findings and their meanings: one set for `status`, reports and their index.

No state is shown by colour alone: the marks can be read in a terminal, on paper, and without seeing colours. Not here:
the colours, which depend on where a mark is shown.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Mark(NamedTuple):
    """One character, and its words in the legend."""

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
"""The states of a day of a table; a report is final or provisional."""

FLAGS: Mapping[str, Mark] = {
    "empty": Mark("∅", "no rows"),
    "unusual": Mark("≠", "unusual number of rows"),
    "unchecked": Mark("◌", "not checked"),
}
"""Further marks of a day, beside its state."""

MARKS: Mapping[str, Mark] = {**STATES, **FLAGS}
"""All marks that a day can have, in the order of the legend."""

TONES: Mapping[str, str] = {"good": "✓", "warn": "▲", "bad": "✗"}
"""How good something without a state is: the completeness of a report, a check, an anomaly, a score."""
