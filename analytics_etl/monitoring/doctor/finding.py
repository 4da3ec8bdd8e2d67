"""What a look at something gives."""

from dataclasses import dataclass

GRANTS = "analytics-etl migrate --roles, with ANALYTICS_DATABASE_URL of the owner or a superuser"
"""What to type when rights are missing."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    is_well: bool
    detail: str
    advice: str | None = None
    """What to do; of several commands each on a line of its own."""
    is_note: bool = False
    """Whether somebody should know of it although nothing need be wrong."""
