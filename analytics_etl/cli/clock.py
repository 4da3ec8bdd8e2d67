"""The clock of the command line, in UTC."""

from datetime import UTC, date, datetime, timedelta


def yesterday() -> date:
    """The last day that is over."""
    return datetime.now(UTC).date() - timedelta(days=1)
