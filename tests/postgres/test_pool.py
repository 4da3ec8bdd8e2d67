"""Connections that are used again: what one transaction does to its session is not there in the next."""

import time
from dataclasses import replace

import psycopg
import pytest

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection, UnreachableError, rows
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.pool import close_pools
from analytics_etl.postgres.sessions import AGGREGATION

MOST_SECONDS = 30


def process(connection: Connection) -> int:
    return connection.info.backend_pid


def shown(connection: Connection, setting: str) -> str:
    return str(rows(connection, f"select current_setting('{setting}') as value")[0]["value"])


def test_a_connection_is_used_again(database: Database) -> None:
    assert len({database.run(process) for _ in range(5)}) == 1


def test_transactions_within_each_other_have_connections_of_their_own(database: Database) -> None:
    with database.transaction() as outer, database.transaction() as inner:
        assert process(outer) != process(inner)


def test_settings_end_with_their_transaction(database: Database) -> None:
    usual = database.run(shown, "work_mem")
    with database.transaction(AGGREGATION) as connection:
        first = process(connection)
        assert shown(connection, "work_mem") == "256MB" != usual
    assert database.run(shown, "work_mem") == usual
    assert database.run(process) == first


def test_a_snapshot_is_read_only_and_leaves_a_connection_that_is_not(database: Database) -> None:
    with database.snapshot() as moment:
        [found] = moment.query(
            "select current_setting('transaction_isolation') as level, "
            "current_setting('transaction_read_only') as is_read_only, pg_backend_pid() as process"
        )
    assert (found["level"], found["is_read_only"]) == ("repeatable read", "on")
    assert database.run(process) == found["process"]
    assert database.run(shown, "transaction_isolation") == "read committed"
    assert database.run(shown, "transaction_read_only") == "off"


def test_what_fails_is_rolled_back_and_its_connection_goes_on(database: Database) -> None:
    before = database.run(process)

    def fail(connection: Connection) -> None:
        connection.execute("create table public.half (n int)")
        connection.execute("select 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        database.run(fail)
    with database.transaction() as connection:
        assert process(connection) == before
        assert rows(connection, "select to_regclass('public.half') as found") == [{"found": None}]


def test_a_connection_that_was_lost_while_it_waited_is_replaced(database: Database, settings: Settings) -> None:
    lost = database.run(process)
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(%s, 10000)", [lost])
    assert database.run(process) != lost


def test_a_server_that_is_not_there_is_told_soon(settings: Settings) -> None:
    nowhere = Database(replace(settings, database_url="postgresql://postgres@127.0.0.1:1/none"))
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="cannot connect to the database named by ANALYTICS_DATABASE_URL"):
        nowhere.run(process)
    assert time.monotonic() - began < MOST_SECONDS


def test_closed_pools_are_opened_again(database: Database) -> None:
    before = database.run(process)
    close_pools()
    assert database.run(process) != before
