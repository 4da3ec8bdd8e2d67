"""A finding of the doctor as a value."""

from dataclasses import dataclass

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
