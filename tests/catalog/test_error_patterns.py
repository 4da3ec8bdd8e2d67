"""Masked error messages: the same on both engines whatever the message, and the same whatever varies in it.

Also here: the version of the rules, and how it comes into a database that has patterns already.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import psycopg
import pytest
import sql_engines
from conftest import Server
from error_families import CODES as CODE_FAMILIES
from error_families import MASKED, TEMPLATES, coded, variants
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sql_engines import DuckDB, Engine, Postgres

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.postgres import migrations
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.tables.derived import ensure_table

DAY = date(2025, 3, 31)
EVENTS = "schedules.schedule_events"
TABLE = "schedules.error_occurrences_daily"

MARKS = "«»¦"
"""What the SELECT sets around words while it masks; none of it is in a message or in a pattern."""
CODES = [
    *("ORA-01017", "E11000", "TS2304", "HTTP 503", "exit code 137", "errno ", "status ", "error ", ": ", "returned "),
    *("utf8", "S3Exception", "TLSv1.2", "HTTP/2", "SQLSTATE[", "code", "0x80070005"),
]
IDENTIFIERS = [
    *(
        "10.0.3.17",
        "fe80::1%eth0",
        "::",
        "00:1a:2b:3c:4d:5e",
        "eyJhbGciOi.J9.x",
        "V1StGXR8_Z5jdHi6B-myT",
        "aGk/Kg+A8==",
    ),
    *(
        "-7d4b9c6f5d",
        "-x2k4q",
        "nginx:1.25",
        "98.5ms",
        "1m3",
        "Jan  2",
        "10/Oct/2000",
        "Client@1b6d",
        "a@b.org",
        "5e-05",
    ),
]

PARTS = st.sampled_from(
    [
        *(
            "'",
            '"',
            "`",
            "/",
            "\\",
            ":",
            "://",
            "-",
            "_",
            ".",
            ",",
            " ",
            "\t",
            "\n",
            "(",
            "[",
            "]",
            "<",
            ">",
            "=",
            "%",
            "é",
        ),
        *("a", "deadbeef", "0x", "C:", "http", "x", "T", "Z", "n", "<n>", "\\1", "00", "7", "12345678", "2025-03-31"),
        *(MARKS, "\N{RIGHT SINGLE QUOTATION MARK}", "“", ";", "|", "+", "?", "_", *CODES, *IDENTIFIERS),
        *("%", "@", "é", "10:11:12", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "٣"),
    ]
)
MESSAGES = st.lists(PARTS, min_size=1, max_size=14).map("".join)

NUMBERS = st.integers(0, 10**12).map(str)
HEXES = st.integers(16**11, 16**24 - 1).map(lambda n: f"{n:x}").filter(lambda text: not text.isdigit())
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - written without a zone
NAMES = st.text("abcxyz0189_.", min_size=1, max_size=12)
VARYING = st.fixed_dictionaries(
    {
        "number": NUMBERS,
        "decimal": st.tuples(NUMBERS, NUMBERS).map(".".join),
        "hex": HEXES,
        "uuid": st.uuids().map(str),
        "time": TIMES.map(lambda at: at.isoformat(timespec="milliseconds") + "Z"),
        "path": st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names)),
        "quoted": st.text("abc 019/-é", max_size=10),
    }
)
TEMPLATE = (
    "worker-{number} can't read '{quoted}' at {time}: document {hex} of {uuid} on {path} is \"{quoted}\", "
    "{decimal} of {number} s, id={number}"
)
PATTERN = "worker-<n> can't read <text> at <time>: document <n> of <uuid> on <path> is <text>, <n> of <n> s, id=<n>"


@pytest.fixture(scope="module")
def engines(server: Server, catalog: Catalog) -> Iterator[tuple[Postgres, DuckDB]]:
    with sql_engines.postgres(server, catalog) as postgres, sql_engines.duckdb_like(postgres.tables) as duckdb:
        yield postgres, duckdb


FILLING = {
    Postgres: f"""
        insert into {EVENTS} (event_id, recorded_at, schedule_id, execution_id, schedule_type, event_type, level,
            result, retry_count, error_message)
        select gen_random_uuid(), '2025-03-31 12:00:00+00', lpad(n::text, 6, '0'), 'e', 'mongo', 'execution', 'ERROR',
            'failure', 0, message
        from unnest(%s::text[]) with ordinality as t (message, n)""",
    DuckDB: f"""
        insert into {EVENTS} (recorded_at, schedule_id, error_message)
        select '2025-03-31 12:00:00+00', lpad(n::text, 6, '0'), message
        from (select unnest($1) as message, generate_subscripts($1, 1) as n)""",
}


def patterns(engine: Engine, catalog: Catalog, messages: list[str]) -> list[str]:
    """The pattern of each message; each is of a schedule of its own."""
    select = catalog.aggregates[TABLE].statement(window_parameters(DAY, DAY + timedelta(days=1)))
    with engine.undone():
        engine.connection.execute(FILLING[type(engine)], [messages])
        found = sorted(engine.rows(select), key=lambda row: str(row["schedule_id"]))
    assert [row["sample_message"] for row in found] == [message[:500] for message in messages]
    return [row["pattern"] for row in found]


def of_both(engines: tuple[Postgres, DuckDB], catalog: Catalog, messages: list[str]) -> list[str]:
    """The pattern of each message, which is the same on both engines."""
    of_postgres, of_duckdb = (patterns(engine, catalog, messages) for engine in engines)
    assert [it for it in zip(messages, of_postgres, of_duckdb, strict=True) if it[1] != it[2]] == []
    return of_postgres


MANY = hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@example(messages=["'''"])
@given(messages=st.lists(MESSAGES, min_size=1, max_size=40))
def test_both_engines_mask_the_same(engines: tuple[Postgres, DuckDB], catalog: Catalog, messages: list[str]) -> None:
    assert not [pattern for pattern in of_both(engines, catalog, messages) if set(pattern) & set(MARKS)]


@MANY
@given(varying=st.lists(VARYING, min_size=1, max_size=8))
def test_what_varies_changes_no_pattern(
    engines: tuple[Postgres, DuckDB], catalog: Catalog, varying: list[dict[str, str]]
) -> None:
    assert set(of_both(engines, catalog, [TEMPLATE.format(**values) for values in varying])) == {PATTERN}


def test_other_words_are_another_pattern(engines: tuple[Postgres, DuckDB], catalog: Catalog) -> None:
    assert len(set(of_both(engines, catalog, ["disk 1 full", "disk 1 is full", "disk full", "desk 1 full"]))) == 4


def test_each_family_is_one_pattern_and_no_two_share_one(engines: tuple[Postgres, DuckDB], catalog: Catalog) -> None:
    drawn = list(variants(200))
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for (template, message), pattern in zip(drawn, of_both(engines, catalog, [m for _, m in drawn]), strict=True):
        found[template].setdefault(pattern, message)
    assert len(found) == len(TEMPLATES) >= 60
    assert {template: by_pattern for template, by_pattern in found.items() if len(by_pattern) > 1} == {}
    assert len({pattern for by_pattern in found.values() for pattern in by_pattern}) == len(found)


def test_messages_of_other_codes_are_other_patterns(engines: tuple[Postgres, DuckDB], catalog: Catalog) -> None:
    drawn = list(coded(10))
    found: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for (code, message), pattern in zip(drawn, of_both(engines, catalog, [m for _, m in drawn]), strict=True):
        found[pattern].setdefault(code, message)
    assert {pattern: by_code for pattern, by_code in found.items() if len(by_code) > 1} == {}
    assert len(found) == sum(len(codes) for codes in CODE_FAMILIES.values())


def test_messages_of_every_kind(engines: tuple[Postgres, DuckDB], catalog: Catalog) -> None:
    assert dict(zip(MASKED, of_both(engines, catalog, list(MASKED)), strict=True)) == MASKED


def test_a_long_message_takes_no_longer_than_its_beginning(engines: tuple[Postgres, DuckDB], catalog: Catalog) -> None:
    """And its pattern fits into an index."""
    parts = ("a1-", "«", '"', "'", "/a", "1.", "::", "aB3", "[1, ", "x@", "\\", "0:", "é", "\n ", "-bcdfg", '\\"')
    messages = [part * 60_000 for part in parts]
    started = time.monotonic()
    found = of_both(engines, catalog, messages)
    assert time.monotonic() - started < 20, "not linear"
    assert found == of_both(engines, catalog, [message[:4000] for message in messages])
    assert max(len(pattern) for pattern in found) <= 300


RULES = {2: "20368a08a630"}
"""The code version of each version of the rules; the newest one last."""


def test_other_rules_are_another_version(catalog: Catalog) -> None:
    """Who changes the SELECT raises `rules_version` in it, and writes both here."""
    version, code_version = list(RULES.items())[-1]
    model = catalog.aggregates[TABLE]
    assert f"{version}::bigint as rules_version" in model.select
    assert model.code_version == code_version


def test_a_database_with_patterns_gets_the_version_of_their_rules(settings: Settings, catalog: Catalog) -> None:
    """Patterns that are there were made by the first rules; without the column the tables would be refused."""
    names = (TABLE, "schedules.error_patterns_daily")
    with psycopg.connect(settings.database_url or "", autocommit=True) as connection:
        for table in names:
            ensure_table(connection, catalog.aggregates[table])
        for table in names:
            connection.execute(f"alter table {table} drop column rules_version".encode())
            connection.execute(f"insert into {table} (day, pattern) values ('2025-03-31', 'disk <n> full')".encode())
        with pytest.raises(DatabaseError, match="to rebuild it"):
            ensure_table(connection, catalog.aggregates[TABLE])
        migrations.downgrade(settings, "0012-1")
        migrations.upgrade(settings)
        for table in names:
            ensure_table(connection, catalog.aggregates[table])
            found = connection.execute(f"select pattern, rules_version from {table}".encode()).fetchall()
            assert found == [("disk <n> full", 1)]
        migrations.downgrade(settings, "0012-1")
        for table in names:
            described = connection.execute(f"select * from {table}".encode()).description or []
            assert "rules_version" not in [column.name for column in described]
            assert connection.execute(f"select pattern from {table}".encode()).fetchall() == [("disk <n> full",)]
