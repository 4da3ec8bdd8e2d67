"""Questions about schemas: which are used most, which grow, which are alive, how healthy they are."""

from dataclasses import replace
from datetime import date
from typing import Literal, get_args
from uuid import UUID

from analytics_etl.families.queries import Coverage, Page, QueryError
from analytics_etl.families.queries.asking import ask
from analytics_etl.families.queries.coverage import are_there, ask_days, coverage_of_days
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.usage import OPERATIONS
from analytics_etl.families.queries.usage_names import with_names
from analytics_etl.ops.partitions import newest_day
from analytics_etl.postgres.database import Database

Direction = Literal["up", "down", "new"]
STATES = ("active", "idle", "stale", "zombie")
PERIODS = (1, 7, 30)
"""Lengths, in days, of the periods that `usage.top_schemas` has."""

_DAYS, _TOP, _TRENDING = "usage.schema_usage_1d", "usage.top_schemas", "usage.trending_schemas"
_LIVENESS, _HEALTH = "usage.schema_liveness_daily", "usage.schema_health_daily"
_RANK, _DAY_AND_RANK = Key({"rank": int}), Key({"day": date, "rank": int})


def top(
    database: Database, last_days: int, operation: str | None = None, limit: int = 20, after: str | None = None
) -> Page:
    """The schemas with the most operations, or the most of one operation, of the last 1, 7 or 30 days.

    They end with the last day that the view `usage.top_schemas` has, which holds the first 100. `after` is the cursor
    of the page before, here as in the other functions.
    """
    if last_days not in PERIODS:
        raise QueryError(f"the number of days must be {', '.join(map(str, PERIODS))}, but is {last_days}")
    wanted = {"last_days": last_days, **_operation(operation), **_RANK.parameters(after, limit)}
    if not are_there(database, [_TOP]):
        return Page([], coverage=Coverage(_DAYS))
    page = _RANK.page(ask(database, "usage.top_of_last_days", wanted), limit)
    if not page.rows:
        return page
    first, last = page.rows[0]["first_day"], page.rows[0]["last_day"]
    return replace(with_names(database, page, last), coverage=coverage_of_days(database, _DAYS, first, last))


def top_of_days(
    database: Database, first: date, last: date, operation: str | None = None, limit: int = 20,
    after: str | None = None,
) -> Page:  # fmt: skip
    """All schemas of the days first to last together, the most operations first."""
    wanted = {**_operation(operation), **_RANK.parameters(after, limit)}
    found = ask_days(database, [_DAYS], "usage.top_of_days", first, last, wanted)
    return replace(with_names(database, _RANK.page(found.rows, limit), last), coverage=found.coverage)


def trending(database: Database, direction: Direction = "up", limit: int = 20, after: str | None = None) -> Page:
    """The schemas that grew or fell most in the last 7 days against the 7 before, or that are new; at most 50."""
    if direction not in get_args(Direction):
        raise QueryError(f"the direction must be one of {', '.join(get_args(Direction))}, but is {direction}")
    wanted = {"direction": direction, **_RANK.parameters(after, limit)}
    if not are_there(database, [_TRENDING]):
        return Page([], coverage=Coverage(_DAYS))
    page = _RANK.page(ask(database, "usage.trends", wanted), limit)
    return with_names(database, page, page.rows[0]["last_day"]) if page.rows else page


def liveness(
    database: Database, day: date | None = None, state: str | None = None, limit: int = 100, after: str | None = None
) -> Page:
    """When each schema was last used, as of the end of a day, the newest one by default; the longest unused first."""
    if state not in (None, *STATES):
        raise QueryError(f"the state must be one of {', '.join(STATES)}, but is {state}")
    wanted = {"state": state or "", **_RANK.parameters(after, limit)}
    day = day or database.run(newest_day, [_LIVENESS])
    if day is None:
        return Page([], coverage=Coverage(_LIVENESS))
    found = ask_days(database, [_LIVENESS], "usage.states", day, day, wanted)
    return replace(with_names(database, _RANK.page(found.rows, limit), day), coverage=found.coverage)


def health(
    database: Database, first: date | None = None, last: date | None = None, schema_id: UUID | None = None,
    limit: int = 100, after: str | None = None,
) -> Page:  # fmt: skip
    """The scorecard of one schema or of all on each of the days first to last; of the newest day by default.

    The rank is that among all schemas of the day, 1 for the lowest score; those without a score come last.
    """
    wanted = {"schema_id": str(schema_id or ""), **_DAY_AND_RANK.parameters(after, limit)}
    first = first or database.run(newest_day, [_HEALTH])
    if first is None:
        return Page([], coverage=Coverage(_HEALTH))
    found = ask_days(database, [_HEALTH], "usage.scores", first, last or first, wanted)
    page = with_names(database, _DAY_AND_RANK.page(found.rows, limit), last or first)
    return replace(page, coverage=found.coverage)


def _operation(operation: str | None) -> dict[str, str | int]:
    if operation not in (None, *OPERATIONS):
        raise QueryError(f"the operation must be one of {', '.join(OPERATIONS)}, but is {operation}")
    return {"operation": operation or ""}
