"""What counters grow by, over random samples: parts add up to the whole, and a reset loses only what nobody sampled."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters

DAY = date(2025, 3, 31)
FIRST = datetime(2025, 3, 30, tzinfo=UTC)
SAMPLES, INCREASES = "platform.metric_samples", "platform.counter_increases_daily"
CUMULATIVE = '{"temporality":"cumulative"}'


@pytest.fixture(scope="module")
def connection(catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        columns = ", ".join(f"{column.name} {column.duckdb_type}" for column in catalog.contracts[SAMPLES].columns)
        connection.execute(f"set timezone = 'UTC'; create schema platform; create table {SAMPLES} ({columns})")
        yield connection


def measured(connection: duckdb.DuckDBPyConnection, catalog: Catalog, samples: list[tuple[int, int]]) -> dict[str, Any]:
    """The tables of two days, of samples (seconds since the first day began, value) in any order."""
    connection.execute(f"delete from {SAMPLES}")
    rows = [(f"{n:032x}", FIRST + timedelta(seconds=s), value, CUMULATIVE) for n, (s, value) in enumerate(samples)]
    insert = f"insert into {SAMPLES} (event_id, recorded_at, name, type, category, value, labels) "
    connection.executemany(f"{insert} values (?, ?, 'n', 'counter', 'system', ?, ?)", rows)
    window = window_parameters(FIRST.date(), DAY + timedelta(days=1))
    select = catalog.aggregates[INCREASES].statement(window)
    connection.execute(f"create or replace table {INCREASES} as {select}")
    found: dict[str, Any] = {}
    for grain in ("1h", "1d"):
        select = catalog.aggregates[f"platform.metric_{grain}"].statement(window)
        relation = connection.sql(f"select bucket, increase, reset_count from ({select}) as computed")
        found[grain] = {bucket: (increase, resets) for bucket, increase, resets in relation.fetchall()}
    return found


def totals(found: dict[Any, tuple[float, int]]) -> tuple[float, int]:
    return sum(increase for increase, _ in found.values()), sum(resets for _, resets in found.values())


samples_in_order = st.lists(
    st.tuples(st.integers(0, 2 * 86_400 - 1), st.integers(0, 50), st.booleans()), min_size=1, max_size=40,
    unique_by=lambda step: step[0],
).map(sorted)  # fmt: skip
"""Steps in order of time: seconds, what was counted since the step before, whether there was a restart in between."""


@given(steps=samples_in_order, seed=st.randoms(use_true_random=False))
def test_hours_add_up_to_days_whatever_the_order_and_the_restarts(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, steps: list[tuple[int, int, bool]], seed: Any
) -> None:
    level, samples = 0, []
    for second, counted, is_restarted in steps:
        level = counted if is_restarted else level + counted
        samples.append((second, level))
    # A restart shows when the value is below the one before; else what came before it counts as if there was none.
    expected = sum(after - before if after >= before else after for (_, before), (_, after) in pairwise(samples))
    resets = sum(after < before for (_, before), (_, after) in pairwise(samples))
    shuffled = list(samples)
    seed.shuffle(shuffled)
    found = measured(connection, catalog, shuffled)
    assert totals(found["1h"]) == totals(found["1d"]) == (expected, resets)


@given(steps=samples_in_order, kept=st.lists(st.booleans(), min_size=40, max_size=40))
def test_without_a_restart_fewer_samples_between_the_same_ends_give_the_same_growth(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, steps: list[tuple[int, int, bool]], kept: list[bool]
) -> None:
    level, samples = 7, []
    for second, counted, _ in steps:
        level += counted
        samples.append((second, level))
    ends = {0, len(samples) - 1}
    fewer = [sample for n, sample in enumerate(samples) if n in ends or kept[n]]
    grown = samples[-1][1] - samples[0][1], 0
    hours = totals(measured(connection, catalog, samples)["1h"])
    days = totals(measured(connection, catalog, fewer)["1d"])
    assert hours == days == grown
