"""Which columns of a table can be added up over its rows, and which of its rows add up others. By their names."""

import re
from collections.abc import Collection

_WHOLE = ("smallint", "integer", "bigint", "numeric")

_NEVER_ADDED = re.compile(
    # means, percentiles, extremes, shares, scores, and distinct things, which rows have in common
    r"(^|_)(avg|mean|median|usual|p\d+|min|max|peak|first|last|baseline|global|unique|distinct|active|rate|ratio|share"
    r"|percent|score|difference|change|deviation|per)(_|$)"
    # the same by other names
    r"|^schedule_count$|^revision$"
    # what numbers a thing and counts none, the ages of things, and windows of several days, which overlap
    r"|_(version|hour|offset|partition|since_\w+|seen|\d+[dhm])$"
)

_ADDS_UP = {"scope": ("schema", "global"), "tier": ("all",)}
"""Columns, and their values in rows that add up others of the same table."""


def is_additive(column: str, type_name: str) -> bool:
    """Whether the sum of a column over the rows of a table is a number of something: counts and sums are.

    Whole numbers and decimals, unless their name says otherwise; of the others what is called `total_`.
    """
    return column.startswith("total_") or (type_name in _WHOLE and not _NEVER_ADDED.search(column))


def rows_that_add_up(columns: Collection[str]) -> dict[str, tuple[str, ...]]:
    """{column of a table: its values in rows that hold others again}; nothing for most tables."""
    return {name: values for name, values in _ADDS_UP.items() if name in columns}
