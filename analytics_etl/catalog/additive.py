"""Additive columns, told by their names: which may be summed over rows, and which rows are sums of other rows."""

import re
from collections.abc import Collection, Mapping

_WHOLE = ("smallint", "integer", "bigint", "numeric")

_NUMBERS = (*_WHOLE, "real", "double precision")

_NEVER_ADDED = re.compile(
    # means, percentiles, extremes, shares, scores, and distinct counts, which overlap between rows
    r"(^|_)(avg|mean|median|usual|p\d+|min|max|peak|first|last|baseline|global|unique|distinct|active|rate|ratio|share"
    r"|percent|score|difference|change|deviation|per)(_|$)"
    # the same by other names
    r"|^schedule_count$|^revision$"
    # numbers that identify instead of count, ages, and windows of several days, which overlap
    r"|_(version|hour|offset|partition|since_\w+|seen|\d+[dhm])$"
)

_ADDS_UP = {"scope": ("schema", "global"), "tier": ("all",)}
"""{column: its values in rows that are sums of other rows of the same table}."""


def is_additive(column: str, type_name: str) -> bool:
    """Whether summing a column over the rows of a table makes sense, as it does for counts and sums.

    Whole numbers and decimals are additive unless their name says otherwise; other types only if named `total_`.
    """
    return column.startswith("total_") or (type_name in _WHOLE and not _NEVER_ADDED.search(column))


def rows_that_add_up(columns: Collection[str]) -> dict[str, tuple[str, ...]]:
    """{column: its values in rows that are sums of other rows}; empty for most tables."""
    return {name: values for name, values in _ADDS_UP.items() if name in columns}


def measures(types: Mapping[str, str], key: Collection[str]) -> dict[str, str]:
    """{numeric column outside the key: its type}, of {column: its type in PostgreSQL}."""
    return {
        name: kind for name, kind in types.items() if kind.split("(", maxsplit=1)[0] in _NUMBERS and name not in key
    }
