"""Masked error messages: the same on both engines whatever the message, and the same whatever varies in it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import sql_engines
from conftest import Server
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sql_engines import DuckDB, Engine, Postgres

from analytics_etl.catalog import Catalog
from analytics_etl.models import window_parameters

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


def patterns(engine: Engine, catalog: Catalog, messages: list[str]) -> list[str]:
    """The pattern of each message; each is of a schedule of its own."""
    at = datetime(2025, 3, 31, 12, tzinfo=UTC)
    rows = [
        {"recorded_at": at, "schedule_id": f"{number:04}", "error_message": message}
        for number, message in enumerate(messages)
    ]
    select = catalog.aggregates[TABLE].statement(window_parameters(DAY, DAY + timedelta(days=1)))
    with engine.undone():
        engine.insert(EVENTS, rows)
        found = sorted(engine.rows(select), key=lambda row: str(row["schedule_id"]))
    assert [row["sample_message"] for row in found] == [message[:500] for message in messages]
    return [row["pattern"] for row in found]


MANY = hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@example(messages=["'''"])
@given(messages=st.lists(MESSAGES, min_size=1, max_size=8))
def test_both_engines_mask_the_same(engines: tuple[Postgres, DuckDB], catalog: Catalog, messages: list[str]) -> None:
    of_postgres, of_duckdb = (patterns(engine, catalog, messages) for engine in engines)
    assert of_postgres == of_duckdb
    assert not [pattern for pattern in of_postgres if set(pattern) & set(MARKS)]


@MANY
@given(varying=st.lists(VARYING, min_size=1, max_size=4))
def test_what_varies_changes_no_pattern(
    engines: tuple[Postgres, DuckDB], catalog: Catalog, varying: list[dict[str, str]]
) -> None:
    messages = [TEMPLATE.format(**values) for values in varying]
    for engine in engines:
        assert set(patterns(engine, catalog, messages)) == {PATTERN}


def test_other_words_are_another_pattern(engines: tuple[Postgres, DuckDB], catalog: Catalog) -> None:
    for engine in engines:
        assert len(set(patterns(engine, catalog, ["disk 1 full", "disk 1 is full", "disk full", "desk 1 full"]))) == 4
