"""Why a total is not what was expected: the parts that explain its change.

For what adds up over the values of a dimension, such as requests by module. A ratio has no parts that add up: explain
its numerator.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

MOST_TO_EXPLAIN = 0.8
"""Of the change: causes are told until they explain so much."""
LEAST_SHARE = 0.05
"""Of the change: a part that explains less is no cause."""


@dataclass(frozen=True)
class Part:
    """What a value of the dimension contributed, and what was expected of it."""

    current: float
    expected: float


@dataclass(frozen=True)
class Cause:
    """A value of the dimension that explains the change of the total."""

    value: str
    change: float
    share: float
    """Of the change of the total. More than 1 if other values changed the other way."""


def explain(parts: Mapping[str, Part]) -> tuple[Cause, ...]:
    """The fewest values that explain most of the change of their sum, the largest share first."""
    changes = {value: part.current - part.expected for value, part in parts.items()}
    total = math.fsum(changes.values())
    if total == 0:
        return ()
    causes: list[Cause] = []
    explained = 0.0
    for value, change in sorted(changes.items(), key=lambda item: (-item[1] / total, item[0])):
        share = change / total
        if share < LEAST_SHARE or explained >= MOST_TO_EXPLAIN:
            break
        causes.append(Cause(value, change, share))
        explained += share
    return tuple(causes)
