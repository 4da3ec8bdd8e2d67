"""Where the values of a contract's columns come from, and what else a relation of records gives."""

from dataclasses import dataclass
from typing import Literal

Origin = Literal["json", "text", "typed", "absent"]
"""How a field reaches us: as raw JSON text (strings still in quotes), as text, with its own type, or not at all."""

MAY_HOLD_NUL = "contains(_raw, chr(0)) or contains(_raw, '\\u0000') as _may_hold_nul"
ROW = "_file, _found_at, _line"
"""What tells a record from all others: number and time of its file, and its line."""
PASSED_ON = ("_file", "_found_at", "_line", "_raw", "_is_record", "_may_hold_nul", "_problem")
"""What a relation gives beside the fields. _problem says what is wrong with the row before any rule is asked."""


@dataclass(frozen=True)
class Fields:
    """Where the values of a contract's columns come from."""

    relation: str
    """A SELECT that gives PASSED_ON and the fields, each under its column's name."""
    origins: dict[str, Origin]
    is_json: bool = False
    odd_texts: tuple[str, ...] = ()
    """Columns whose text may come from JSON that is none."""
    may_have_problems: bool = False
    """Whether _problem may be anything but NULL."""
    has_others: bool = False
    """Whether the relation says by _is_wanted which rows are for the table at all."""
    personal: tuple[str, ...] = ()
    """Foreign columns that personal data is made of."""
    content: str = "_raw"
    """The row as text, for those that are rejected."""


def quote(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"
