"""A finding of the doctor as a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics_etl.text.english import counted

GRANTS = "analytics-etl migrate --roles, with ANALYTICS_DATABASE_URL of the owner or a superuser"
"""What to type when rights are missing."""


@dataclass(frozen=True)
class Finding:
    """The result of one examination."""

    subject: str
    is_well: bool
    detail: str
    advice: str | None = None
    """What to do; several commands are on a line each."""
    is_note: bool = False
    """Whether it is worth showing although it is well: something may be wrong."""


def days_of_tables(found: Sequence[Mapping[str, Any]]) -> str:
    """`3 days of registry.download_events`, or `12 partitions (3 days of 4 tables)`."""
    tables, days = sorted({row["table_name"] for row in found}), len({row["day"] for row in found})
    if len(tables) == 1:
        return f"{counted(days, 'day')} of {tables[0]}"
    return f"{counted(len(found), 'partition')} ({counted(days, 'day')} of {counted(len(tables), 'table')})"
