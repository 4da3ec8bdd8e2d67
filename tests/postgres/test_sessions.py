"""Sessions are the same whatever the environment, the server, the database and the role say, with all three drivers."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
import sqlalchemy
from conftest import Server, reachable_folder
from events import restored_environment
from psycopg import sql

from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.dagster_storage import PooledPostgresStorage
from analytics_etl.postgres.connection import DatabaseError, connect, dagster_storage_url
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.sqlalchemy_engine import sqlalchemy_url

EXPECTED = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "lock_timeout": "5min",
    "statement_timeout": "6h",
    "idle_in_transaction_session_timeout": "30min",
    "idle_session_timeout": "0",
    "application_name": "analytics_etl",
}
OTHERS = {
    "timezone": "America/New_York",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "-10",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "lock_timeout": "77ms",
    "statement_timeout": "77s",
    "idle_in_transaction_session_timeout": "77s",
    "idle_session_timeout": "77s",
    "application_name": "other",
    "search_path": "public",
}
"""Defaults of a role or a database."""

VARIABLES = {
    "PGTZ": "America/New_York",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "German",
    "PGOPTIONS": "-c timezone=Asia/Tokyo -c search_path=public",
    "PGSERVICE": "nonesuch",
    "PGSERVICEFILE": "/nonesuch",
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "nonesuch",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGCONNECT_TIMEOUT": "nonsense",
    "PGAPPNAME": "other",
    "PGGEQO": "nonsense",
}
OF_ACCESS = {
    "PGREQUIREAUTH": "scram-sha-256",
    "PGSSLMODE": "nonsense",
    "PGSSLROOTCERT": "/nonesuch",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "require",
    "PGPASSFILE": "/nonesuch",
    "PGPASSWORD": "wrong",
}
"""They stay in effect where a URL is given, and have none on the embedded server."""

Ask = Callable[[Settings, str], Any]


def by_psycopg(settings: Settings, statement: str) -> Any:
    with connect(settings) as connection:
        row = connection.execute(sql.SQL(statement)).fetchone()
        return row and row[0]


def by_sqlalchemy(settings: Settings, statement: str) -> Any:
    return by_engine(sqlalchemy_url(settings), statement)


def by_dagster(settings: Settings, statement: str) -> Any:
    return by_engine(dagster_storage_url(settings), statement)


def by_engine(url: str, statement: str) -> Any:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql(statement).scalar()


each_driver = pytest.mark.parametrize("ask", [by_psycopg, by_sqlalchemy, by_dagster])
STATE = (
    "select string_agg(name || '=' || current_setting(name), ',' order by name) from unnest(array[{}]) as name".format(
        ",".join(f"'{name}'" for name in EXPECTED)
    )
)
PINNED = ",".join(f"{name}={value}" for name, value in sorted(EXPECTED.items()))


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with restored_environment():
        yield


@pytest.fixture
def embedded_settings(server: Server) -> Settings:
    """Settings without a URL, on the server that runs for the tests."""
    [socket] = parse_qs(urlsplit(server.admin_url).query)["host"]
    return Settings(home=Path(socket).parent.parent)


@each_driver
@pytest.mark.parametrize("name", [*VARIABLES, *OF_ACCESS])
def test_no_variable_reaches_the_embedded_server(
    embedded_settings: Settings, ask: Ask, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, (VARIABLES | OF_ACCESS)[name])
    assert ask(embedded_settings, STATE) == PINNED
    assert ask(embedded_settings, "select 'café 李'") == "café 李"


@each_driver
def test_variables_that_say_where_and_how_do_not_reach_a_server_that_is_named(
    settings: Settings, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert ask(settings, STATE) == PINNED
    assert ask(settings, "select 'café 李'") == "café 李"
    assert ask(settings, "select current_database()") == urlsplit(settings.database_url or "").path[1:]


def test_a_password_file_is_still_read(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(settings) as connection:
        assert connection.info.password == ""
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:from the file\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    with connect(settings) as connection:
        assert connection.info.password == "from the file"


@each_driver
@pytest.mark.parametrize("where", ["role", "database"])
def test_defaults_of_role_and_database_do_not_count(settings: Settings, ask: Ask, where: str) -> None:
    url = settings.database_url or ""
    database = urlsplit(url).path[1:]
    role = f"{database}_role"
    named = {"role": role, "database": database}[where]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {role} login superuser".encode())
        others = {**OTHERS, **({"transaction_timeout": "77s"} if connection.info.server_version >= 170000 else {})}
        for name, value in others.items():
            connection.execute(f"alter {where} {named} set {name} = '{value}'".encode())
    as_role = replace(settings, database_url=url.replace("postgres@", f"{role}@"))
    try:
        assert ask(as_role, STATE) == PINNED
        assert "public" not in ask(as_role, "show search_path")
        if ask is not by_dagster:
            assert ask(as_role, "select current_setting('transaction_timeout', true)") in ("0", None)
    finally:
        with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
            connection.execute(f"drop role {role}".encode())


def test_dagsters_storage_sets_what_its_url_cannot(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    url = dagster_storage_url(settings)
    database = urlsplit(settings.database_url or "").path[1:]
    with psycopg.connect(settings.database_url or "", autocommit=True) as connection:
        if connection.info.server_version >= 170000:
            connection.execute(f"alter database {database} set transaction_timeout = '77s'".encode())
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    storage = PooledPostgresStorage(postgres_url=url, should_autocreate_tables=False)
    runs: Any = storage.run_storage
    with runs.connect() as connection:
        assert connection.exec_driver_sql(STATE).scalar() == PINNED
        found = connection.exec_driver_sql("select current_setting('transaction_timeout', true)").scalar()
        assert found in ("0", None)
        assert connection.exec_driver_sql("show search_path").scalar() == "dagster,pg_temp"


@each_driver
def test_functions_and_operators_in_public_are_not_used(settings: Settings, ask: Ask) -> None:
    with psycopg.connect(settings.database_url or "", autocommit=True) as connection:
        # Better matches than PostgreSQL's own, which take a timestamp, and bigints.
        connection.execute(
            "create function public.date_trunc(text, date) returns timestamptz language sql "
            "as $$select '-infinity'::timestamptz$$"
        )
        connection.execute("create function public.wrong(date, text) returns date language sql as 'select null::date'")
        connection.execute("create operator public.|| (leftarg = date, rightarg = text, function = public.wrong)")
        connection.execute("create table public.pg_class (x integer)")
    assert ask(settings, "select date_trunc('week', date '2025-04-02')") == datetime(2025, 3, 31, tzinfo=UTC)
    assert ask(settings, "select date '2025-04-02' || ' 1'::text") == "2025-04-02 1"
    assert ask(settings, "select count(*) > 0 from pg_class") is True


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(server: Server, settings: Settings, encoding: str) -> None:
    name = f"test_{encoding.lower()}"
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute(
            f"create database {name} encoding '{encoding}' locale_provider libc locale 'C' template template0".encode()
        )
    try:
        with pytest.raises(DatabaseError, match=f"{name} has the encoding {encoding}, which cannot hold every text"):
            Database(replace(settings, database_url=server.url(name))).query("select 1 as one")
    finally:
        server.drop(server.url(name))


@pytest.fixture
def pooler(settings: Settings) -> Iterator[Callable[[str], str]]:
    """Start PgBouncer with some lines of configuration before the test's database; returns the URL it answers at."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    url = urlsplit(settings.database_url or "")
    [socket] = parse_qs(url.query)["host"]
    folder = reachable_folder()
    folder.chmod(0o777)
    started: list[subprocess.Popen[bytes]] = []

    def start(lines: str) -> str:
        (folder / "users.txt").write_text('"postgres" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n{url.path[1:]} = host={socket} user=postgres\n"
            "[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n"
            f"unix_socket_dir = {folder}\nauth_type = any\nauth_file = {folder}/users.txt\n{lines}\n"
        )
        # The socket of the tests' server is open to its own user only.
        owner = Path(socket).stat().st_uid
        started.append(
            subprocess.Popen([program, str(folder / "pgbouncer.ini")], user=owner, stderr=subprocess.DEVNULL)
        )
        deadline = time.monotonic() + 20
        while not (folder / ".s.PGSQL.6432").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return f"postgresql://postgres@localhost:6432{url.path}?host={quote(str(folder), safe='')}"

    yield start
    for process in started:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "lines", ["pool_mode = transaction", "pool_mode = transaction\nignore_startup_parameters = options"]
)
def test_a_pooler_is_refused_with_a_line(settings: Settings, pooler: Callable[[str], str], lines: str) -> None:
    with pytest.raises(DatabaseError, match="keeps no session, such as PgBouncer") as raised:
        Database(replace(settings, database_url=pooler(lines))).query("select 1 as one")
    assert "\n" not in str(raised.value)
