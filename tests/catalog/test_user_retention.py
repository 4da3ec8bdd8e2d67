"""Users, new users and who comes back, over random actions of some weeks, equal what sets of Python's say."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters

FIRST, LAST = date(2025, 3, 1), date(2025, 4, 9)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
EVENTS = "services.user_behavior_events"
TABLES = tuple(f"services.{name}_daily" for name in ("user_activity", "new_users", "engagement", "retention"))
Presence = list[tuple[int, int]]
"""(number of the day, number of the user) of each action"""


@pytest.fixture(scope="module")
def connection(catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        columns = ", ".join(f"{column.name} {column.duckdb_type}" for column in catalog.contracts[EVENTS].columns)
        connection.execute(f"set timezone = 'UTC'; create schema services; create table {EVENTS} ({columns})")
        yield connection


def counted(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, actions: Presence, parts: list[int]
) -> tuple[dict[date, tuple[int, ...]], dict[tuple[date, int], tuple[int, int]]]:
    """{day: DAU, WAU, MAU, new users} and {(day, age): cohort, who came back}, made part by part."""
    connection.execute(f"delete from {EVENTS}")
    midnight = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    rows = [
        (f"{n:032x}", midnight + timedelta(days=day, seconds=n), f"user {user}")
        for n, (day, user) in enumerate(actions)
    ]
    insert = f"insert into {EVENTS} (event_id, occurred_at, user_id, action, success) values (?, ?, ?, 'view', true)"
    connection.executemany(insert, rows)
    bounds = [FIRST, *(DAYS[part] for part in parts), LAST + timedelta(days=1)]
    for table in TABLES:
        selects = [
            catalog.aggregates[table].statement(window_parameters(start, end)) for start, end in pairwise(bounds)
        ]
        united = " union all ".join(f"select * from ({select})" for select in selects)
        connection.execute(f"create or replace table {table} as {united}")
    users = connection.execute(
        "select day, active_users_1d, active_users_7d, active_users_30d, new_user_count from services.engagement_daily"
    ).fetchall()
    back = connection.execute(
        "select day, age_days, cohort_size, retained_count from services.retention_daily"
    ).fetchall()
    return {day: tuple(rest) for day, *rest in users}, {(day, age): (of, came) for day, age, of, came in back}


@settings(max_examples=15)
@given(
    actions=st.lists(st.tuples(st.integers(0, len(DAYS) - 1), st.integers(0, 12)), min_size=1, max_size=120),
    parts=st.lists(st.integers(1, len(DAYS) - 1), unique=True, max_size=3).map(sorted),
)
def test_users_and_those_who_come_back(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, actions: Presence, parts: list[int]
) -> None:
    """Whichever days are made together."""
    present: dict[int, set[int]] = {}
    for day, user in actions:
        present.setdefault(day, set()).add(user)
    first_day = {user: min(day for day, other in actions if other == user) for _, user in actions}

    def within(last: int, days: int) -> int:
        return len(set().union(*(users for day, users in present.items() if last - days < day <= last)))

    def new_on(day: int) -> set[int]:
        return {user for user, first in first_day.items() if first == day}

    users, back = counted(connection, catalog, actions, parts)
    assert users == {
        DAYS[day]: (within(day, 1), within(day, 7), within(day, 30), len(new_on(day))) for day in present
    }  # fmt: skip
    assert back == {
        (DAYS[day], age): (len(new_on(day - age)), len(new_on(day - age) & present[day]))
        for day in present
        for age in (0, 1, 7, 30)
    }
