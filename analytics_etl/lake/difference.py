"""What differs between two versions of a partition, as a value. Not here: comparing them (`comparison`)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """What differs between two versions of a partition; its pairs are (old, new)."""

    rows: tuple[int, int]
    added: int
    removed: int
    changed: int
    totals: Mapping[str, tuple[float, float]]
    """{additive column: sums}, without rows that add up others."""
    sums: Mapping[str, tuple[float, float]]
    """{numeric column outside the key: sums over all rows}"""
