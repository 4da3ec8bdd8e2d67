"""The relation of a file's records in DuckDB: the origin of each contract column, and the columns beside them."""

from dataclasses import dataclass
from typing import Literal

Origin = Literal["json", "text", "typed", "absent"]
"""Form of a field: raw JSON (strings still in quotes), text, a value of its own type, or absent."""

MAY_HOLD_NUL = "contains(_raw, chr(0)) or contains(_raw, '\\u0000') as _may_hold_nul"
ROW = "_file, _found_at, _line"
"""The identity of a record: number of its file, when the file was found, and its line."""
PASSED_ON = ("_file", "_found_at", "_line", "_raw", "_is_record", "_may_hold_nul", "_problem")
"""Columns of a relation beside the fields. _problem is what reading the row found wrong, before any rule is checked."""


@dataclass(frozen=True)
class Fields:
    """Where the values of a contract's columns come from."""

    relation: str
    """A SELECT of PASSED_ON and the fields, each under its column's name."""
    origins: dict[str, Origin]
    is_json: bool = False
    odd_texts: tuple[str, ...] = ()
    """Text columns whose value may have been a number, an object or an array in JSON."""
    may_have_problems: bool = False
    """Whether _problem may be other than NULL."""
    has_others: bool = False
    """Whether the relation has the column _is_wanted: false for rows that are not for this table."""
    personal: tuple[str, ...] = ()
    """Foreign columns that the mapping computes personal columns from."""
    content: str = "_raw"
    """SQL for the text of a row, kept if the row is rejected."""


def quote(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"
