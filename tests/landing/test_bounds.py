"""Bounds of values: what is beyond them is rejected with its reason, what is within them stops nothing that follows."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from events import (
    DAY,
    DOWNLOADS,
    Event,
    aggregate,
    ask,
    at,
    compilation,
    declared,
    download,
    event_id,
    execute,
    forget_what_is_newer,
    load,
    published,
    rejected,
    rows_of,
    view,
    write,
)
from sqlglot import exp, parse_one

from analytics_etl.catalog.calendar import periods
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.pipeline import publishing, recomputation
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

EVENTS_A_DAY = 100_000_000
"""The most that the product is made for."""
LONGEST_INDEXED = 2_704
"""Bytes of a row in a b-tree of PostgreSQL."""
OVERHEAD = 8
"""Bytes of such a row beside its values, of which each has at most 8 for length and alignment, or for itself."""
PATTERN = 300
"""Characters of a masked message, which its SELECT cuts."""
CLIENT = 100
"""Characters of the name of a client library, and of its version, which their SELECT cuts."""

FREE_TEXTS = ("error_message", "referrer", "user_agent")
"""What people and browsers write: nothing is grouped or ordered by all of it but whole messages, which are masked."""

# A character of 4 bytes in UTF-8, of which enough kinds that PostgreSQL cannot compress them.
CHANCE = random.Random(1)


def long_text(characters: int) -> str:
    return "".join(chr(CHANCE.randrange(0x20000, 0x2A000)) for _ in range(characters))


def bounds(contract: Contract) -> dict[str, int]:
    """{column: its upper bound, of the number or of the length of the text}"""
    found = {}
    for constraint in contract.constraints:
        condition = parse_one(constraint.condition, dialect="postgres")
        if isinstance(condition, exp.LTE) and condition.expression.is_int:
            [column] = constraint.columns
            found[column] = int(condition.expression.name)
    return found


def test_sums_of_a_day_cannot_overflow() -> None:
    """Neither of any number that is summed: not kept, compared only."""
    compared_only = {"kafka_offset", "revision"}
    for contract in declared().contracts.values():
        limits = bounds(contract)
        for column in contract.columns:
            if column.type == "bigint" and column.name not in compared_only:
                assert limits[column.name] * EVENTS_A_DAY < 2**63, f"{contract.table}.{column.name}"
            if column.type == "double precision":
                # The level of a counter of bytes is larger than what it grows by.
                most = 10**15 if column.name == "value" else 10**12
                assert limits[column.name] <= most, f"{contract.table}.{column.name}"


def contracts_of(model: Model) -> set[str]:
    """The event tables that a table is made of, directly and through others."""
    found = set[str]()
    for table in model.dependencies:
        found |= {table} if table in declared().contracts else contracts_of(declared().derived[table])
    return found


def test_texts_have_bounds_and_keys_fit_into_an_index() -> None:
    of_contracts: dict[str, dict[str, int]] = {}
    for table, contract in declared().contracts.items():
        longest = of_contracts.setdefault(table, {"pattern": PATTERN, "sdk": CLIENT, "sdk_version": CLIENT})
        limits = bounds(contract)
        listed = {
            column
            for constraint in contract.constraints
            if isinstance(parse_one(constraint.condition, dialect="postgres"), exp.In)
            for column in constraint.columns
        }
        for column in contract.columns:
            if column.type == "text" and column.name not in listed:
                longest[column.name] = limits[column.name]
    for model in declared().derived.values():
        sources = [of_contracts[table] for table in contracts_of(model)]
        characters = sum(max((longest.get(name, 0) for longest in sources), default=0) for name in model.key)
        assert 4 * characters + OVERHEAD + 8 * len(model.key) < LONGEST_INDEXED, model.table


ROWS: Mapping[str, Event] = {
    DOWNLOADS: download(1),
    "registry.module_view_events": view(1),
    "registry.compilation_events": compilation(1, completed_at=None, success=False),
    "registry.module_versions": {
        "event_id": event_id(1), "registered_at": at(1), "module_name": "m", "version": "1", "format": "avro",
        "files": {}, "size_bytes": 0,
    },
    "registry.field_usage_events": {
        "event_id": event_id(1), "used_at": at(1), "module_name": "m", "entity": "e", "field": "f",
    },
    "platform.metric_samples": {
        "event_id": event_id(1), "recorded_at": at(1), "name": "n", "type": "gauge", "category": "system", "value": 1,
        "labels": {},
    },
    "usage.schema_usage_events": {
        "event_id": event_id(1), "occurred_at": at(1), "schema_id": event_id(7), "operation": "read", "service": "s",
        "region": "r", "latency_ms": 5, "success": True,
    },
    "schedules.schedule_events": {
        "event_id": event_id(1), "recorded_at": at(1), "schedule_id": "s", "execution_id": "e",
        "schedule_type": "redis", "event_type": "x", "level": "INFO", "result": "success", "retry_count": 0,
        "kafka_topic": "t", "kafka_partition": 0,
    },
    "services.performance_events": {
        "event_id": event_id(1), "occurred_at": at(1), "service_id": "s", "operation": "o", "success": True,
    },
    "services.service_events": {
        "event_id": event_id(1), "occurred_at": at(1), "event_type": "t", "service_id": "s", "metadata": {}, "tags": {},
    },
    "services.user_behavior_events": {
        "event_id": event_id(1), "occurred_at": at(1), "user_id": "u", "action": "a", "success": True,
    },
}  # fmt: skip
"""A valid event of each table; what is not named is empty."""


def row(table: str, number: int, **changes: object) -> Event:
    time = declared().contracts[table].time_column
    event = {**ROWS[table], "event_id": event_id(number), time: at(number), **changes}
    told = event.get("error_message"), event.get("error_type")
    if any(text is not None for text in told) and "success" in event:
        event["success"] = False
    return event


def file_of(table: str) -> str:
    return f"{table.split('.')[1]}/{DAY}.ndjson"


@pytest.mark.parametrize("table", list(ROWS))
def test_one_beyond_a_bound_is_rejected_and_the_bound_itself_is_not(
    database: Database, settings: Settings, table: str
) -> None:
    def given(column: str, limit: int, number: int) -> Event:
        kind = next(c for c in contract.columns if c.name == column).type
        if kind == "jsonb":
            return row(table, number, **{column: {"a": "x" * (limit - len('{"a": ""}'))}})
        character = "x" if column in FREE_TEXTS else "\N{GRINNING FACE}"  # a line may have a million bytes
        return row(table, number, **{column: character * limit if kind == "text" else limit})

    contract = declared().contracts[table]
    limits = bounds(contract)
    right = [given(column, limit, n) for n, (column, limit) in enumerate(limits.items(), 1)]
    wrong = [given(column, limit + 1, 100 + n) for n, (column, limit) in enumerate(limits.items())]
    absurd = [
        given(column, value, 1000 + 10 * n + m)
        for n, (column, limit) in enumerate(limits.items())
        for m, value in enumerate((2**63 - 1, 10**17))
        if limit > 10_000 and column not in (*FREE_TEXTS, "files", "labels", "metadata", "tags")
    ]
    write(settings, file_of(table), [*right, *wrong, *absurd])
    [loaded], _ = load(database, table)
    assert loaded.rows == len(right)
    reasons = [reason for *_, reason, _ in rejected(settings.database_url)]
    names = [reason.split(":")[0] for reason in reasons]
    kinds = {c.name: "long" if c.type == "text" else "large" for c in contract.columns}
    assert names[: len(wrong)] == [f"{column}_not_too_{kinds[column]}" for column in limits]
    assert len(names) == len(wrong) + len(absurd)
    assert set(names[len(wrong) :]) <= set(names[: len(wrong)])


def test_a_few_absurd_values_stop_nothing(database: Database, settings: Settings) -> None:
    """Sizes of 2^63 - 1, latencies in nanoseconds of the epoch and of 1e17, an hour of each."""
    big = [download(n, file_size=2**63 - 1, module_name="big") for n in (2, 3)]
    write(settings, "download_events/a.ndjson", [download(1, module_name="ok", file_size=1), *big])
    absurd = [1_743_415_200_000_000_000] * 6 + [10**17] * 25
    usage = "usage.schema_usage_events"
    slow = [row(usage, n, latency_ms=value + n) for n, value in enumerate(absurd, 100)]
    write(settings, file_of(usage), [*slow, *(row(usage, n, latency_ms=n) for n in (1, 2, 3))])
    load(database)
    load(database, usage)
    aggregate(database, DAY, DAY, families=["registry", "usage"])
    [module] = ask(settings.database_url, "select module_name, total_download_bytes from registry.module_stats_daily")
    assert tuple(module.values()) == ("ok", 1)
    [day] = ask(
        settings.database_url,
        "select operation_count, total_latency_ms from usage.schema_usage_1d where scope = 'global'",
    )
    assert tuple(day.values()) == (3, 6)
    counts = Counter(reason.split(":")[0] for *_, reason, _ in rejected(settings.database_url))
    assert counts == {"file_size_not_too_large": 2, "latency_ms_not_too_large": 31}


def test_values_at_their_bounds_are_aggregated_checked_and_derived_again(
    database: Database, settings: Settings
) -> None:
    """All numbers as large and all names as long as they may be, on two days; both engines agree about every table."""
    first = DAY - timedelta(days=1)
    for table, contract in declared().contracts.items():
        types = {column.name: column.type for column in contract.columns}
        limits = bounds(contract)
        names = {c: long_text(min(limit, 20_000)) for c, limit in limits.items() if types[c] == "text"}
        largest = {c: limit for c, limit in limits.items() if types[c] == "bigint"}
        events = [row(table, n, **names, **largest) for n in range(1, 31)]
        events += [row(table, n) for n in range(31, 61)]
        time = contract.time_column
        for day in (first, DAY):
            of_day = [{**event, time: event[time].replace(DAY.isoformat(), day.isoformat())} for event in events]
            write(settings, f"{table.split('.')[1]}/{day}.ndjson", of_day)
        assert sum(loaded.rows for loaded in load(database, table, first, DAY)[0]) == 120
    aggregate(database, first, DAY)
    for view_name in declared().views:
        publishing.refresh(database, declared().views[view_name])  # again: concurrently
        has_rows = view_name != "registry.recommendations"  # none of these schemas wants mending
        assert bool(rows_of(settings.database_url, view_name)) == has_rows, view_name
    checks, of_table = declared_checks(declared()), targets(declared())
    for table, model in declared().aggregates.items():
        [(start, end)] = periods(model.cadence, DAY, DAY).items()
        found = evaluate(database, of_table[table], [c for c in checks[table] if c.query is not None], {start: end})
        assert [result for result in found if not result.passed] == []
        if model.cadence == "day" and not model.function:
            stored = [text for text in published(settings, table) if text.startswith(f"({DAY},")]
            derived = recomputation.derive(database, declared(), model, DAY, DAY + timedelta(days=1))
            assert len(derived) == len(stored)


# -- a database that was there before ------------------------------------------------------------------------------


@pytest.fixture
def before(database: Database, settings: Settings) -> Database:
    """A database without bounds that holds a day with an absurd size and a name too long for an index."""
    settings = replace(settings, hot_days=PerTable(10), personal_retention=PerTable(10))
    database = Database(settings)
    write(settings, file_of(DOWNLOADS), [download(1)])
    load(database)
    aggregate(database, DAY, DAY, families=["registry"])
    execute(settings.database_url, "drop materialized view registry.top_modules_30d, registry.trending_modules")
    forget_what_is_newer(settings)
    migrations.downgrade(settings, "0008")
    name = long_text(3_000)
    execute(
        settings.database_url,
        f"""
        insert into registry.download_events (event_id, downloaded_at, module_name, version, file_size, success,
            ip_address)
        values ('{event_id(2)}', '{at(2)}', 'big', '1', 9223372036854775807, true, '10.0.0.1'),
            ('{event_id(3)}', '{at(3)}', '{name}', '1', 1, true, '10.0.0.2');
        insert into registry.module_stats_daily (day, module_name, download_count, failed_download_count)
        values ('{DAY}', '{name}', 1, 0);
        create materialized view registry.top_modules_30d as select 'a' as module_name, 1 as rank;
        create unique index on registry.top_modules_30d (module_name);
        comment on materialized view registry.top_modules_30d is
            'As it was. [{declared().views["registry.top_modules_30d"].code_version}]'
        """,
    )
    write(
        settings, file_of(DOWNLOADS),
        [download(1), download(2, file_size=2**63 - 1), download(3, module_name=name)],
    )  # fmt: skip
    migrations.upgrade(settings)
    return database


def test_a_database_with_rows_beyond_bounds_is_migrated_and_its_day_can_be_run_again(before: Database) -> None:
    url = before.settings.database_url
    assert len(rows_of(url)) == 3
    load(before)
    assert [r["event_id"].int for r in ask(url, f"select event_id from {DOWNLOADS}")] == [1]
    reasons = [reason.split(":")[0] for *_, reason, _ in rejected(url)]
    assert reasons == ["file_size_not_too_large", "module_name_not_too_long"]


def test_new_rows_obey_in_a_migrated_database(before: Database) -> None:
    with pytest.raises(Exception, match="file_size_not_too_large"):
        execute(
            before.settings.database_url,
            "insert into registry.download_events (event_id, downloaded_at, module_name, version, file_size, success) "
            f"values ('{event_id(9)}', '{at(9)}', 'b', '1', 9223372036854775807, true)",
        )


def test_a_view_with_a_name_from_before_is_made_and_refreshed(before: Database) -> None:
    for view_name in ("registry.top_modules_30d", "registry.trending_modules"):
        for _ in range(2):
            assert publishing.refresh(before, declared().views[view_name]) == 2
        names = {r["module_name"] for r in ask(before.settings.database_url, f"select module_name from {view_name}")}
        assert {len(name) for name in names} == {8, 3_000}


def test_a_day_from_before_is_archived_restored_and_emptied_of_personal_data(before: Database) -> None:
    """Its rows were valid when they were loaded, and stay."""
    contract, archiver = declared().contracts[DOWNLOADS], Archiver(before.settings)
    held = rows_of(before.settings.database_url)
    archiver.drop(contract, DAY, "test")
    assert rows_of(before.settings.database_url) == []
    archiver.restore(contract, DAY, "test", "to see")
    assert rows_of(before.settings.database_url) == held
    assert archiver.remove_personal_from_table(contract, DAY, "test") == 2
    kept = ask(before.settings.database_url, f"select count(*) as n, count(ip_address) as addresses from {DOWNLOADS}")
    assert kept == [{"n": 3, "addresses": 0}]


def test_derived_tables_from_before_get_the_new_column(database: Database, settings: Settings) -> None:
    table = "schedules.schedule_events"
    write(settings, file_of(table), [row(table, 1), row(table, 2, result="failure")])
    load(database, table)
    aggregate(database, DAY, DAY, families=["schedules"])
    forget_what_is_newer(settings)
    migrations.downgrade(settings, "0008")
    stats = "select attempt_count, cancelled_count, success_rate from schedules.schedule_stats_daily"
    assert "cancelled_count" not in ask(settings.database_url, "select * from schedules.schedule_stats_daily")[0]
    migrations.upgrade(settings)
    assert [tuple(r.values()) for r in ask(settings.database_url, stats)] == [(2, 0, 0.5)]
    write(settings, file_of(table), [row(table, 1), row(table, 2, result="failure"), row(table, 3, result="cancelled")])
    load(database, table)
    aggregate(database, DAY, DAY, families=["schedules"])
    assert [tuple(r.values()) for r in ask(settings.database_url, stats)] == [(3, 1, 0.5)]


def test_a_downgrade_keeps_revisions(database: Database, settings: Settings) -> None:
    write(settings, file_of(DOWNLOADS), [download(1, revision=3)])
    load(database)
    forget_what_is_newer(settings)
    with pytest.raises(Exception, match="holds revisions, which this downgrade would lose"):
        migrations.downgrade(settings, "0008")
