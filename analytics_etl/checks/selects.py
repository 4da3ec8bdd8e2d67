"""The SELECT of a check as an engine runs it, and what comes of it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics_etl.catalog.models import bind, window_parameters
from analytics_etl.checks.declared import SAMPLE_ROWS, Check, Target
from analytics_etl.config.settings import Settings

Broken = tuple[int, list[dict[str, Any]]]
"""The number of unexpected rows of a failed check, and a sample."""

_COUNT = "analytics_etl_unexpected_rows"
_COUNTED = "select found.*, count(*) over () as {count} from (\n{select}\n) as found{order} limit {limit}"


@dataclass(frozen=True)
class Limits:
    """Limits from the settings for one table, which checks of the family `ops` use; None = no limit."""

    volume_factor: float | None = None
    most_events: int | None = None

    @classmethod
    def of(cls, settings: Settings, table: str) -> "Limits":
        return cls(settings.volume_factor.of(table), settings.most_events.of(table))


def query_text(
    check: Check, target: Target, relation: str, start: date, end: date, limits: Limits, select: str | None = None
) -> str:
    """The SELECT of a check, or another one, with its parameters bound; `relation` holds the rows of [start, end)."""
    text = select or check.select
    assert text is not None
    # No volume exceeds infinity times the usual one.
    factor, most = limits.volume_factor or "Infinity", limits.most_events or 2**63 - 1
    parameters = {
        **window_parameters(start, end), "table": target.table, "volume_factor": str(factor), "most_events": str(most)
    }  # fmt: skip
    return (
        bind(text, parameters, check.name)
        .replace("{batch}", relation)
        .replace("{events}", target.table)
        .replace("{time_column}", target.time_column)
    )


def counted(select: str, order: str = "") -> str:
    """A SELECT of some unexpected rows, each with the number of all of them."""
    return (
        _COUNTED.replace("{count}", _COUNT)
        .replace("{order}", order)
        .replace("{limit}", str(SAMPLE_ROWS))
        .replace("{select}", select)
    )


def broken_by(rows: list[dict[str, Any]]) -> Broken:
    """What the rows of `counted` say."""
    return (rows[0][_COUNT] if rows else 0), [{n: v for n, v in row.items() if n != _COUNT} for row in rows]
