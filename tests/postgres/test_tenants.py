"""Rows of a tenant are for that tenant: every table of the catalogue, asked by another one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sql_engines
from conftest import Server
from psycopg import sql

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.postgres.connection import identifier
from analytics_etl.postgres.tenants import ROLE, protect_all, unprotected

GIVEN = ["acme", "globex", None]
"""Tenants of the rows; None is the platform, which derived tables call ''."""


@pytest.fixture(scope="module")
def postgres(server: Server, catalog: Catalog) -> Iterator[sql_engines.Postgres]:
    """Every table of the catalogue, with a row of each tenant where there are tenants."""
    with sql_engines.postgres(server, catalog) as engine:
        for view in catalog.views:  # tables here, so that rows can be given; in production no right is granted on them
            engine.execute(f"drop table {view}")
        engine.tables = {table: columns for table, columns in engine.tables.items() if table not in catalog.views}
        for table in tables_with_tenants(engine):
            values = [name if name or table in catalog.contracts else "" for name in GIVEN]
            rows: list[dict[str, Any]] = [{"tenant_id": value} for value in values]
            engine.insert(table, rows)
        yield engine


def tables_with_tenants(engine: sql_engines.Postgres) -> list[str]:
    return [
        table for table, columns in engine.tables.items() if "tenant_id" in columns and not table.startswith("ops.")
    ]


@contextmanager
def acting_as(engine: sql_engines.Postgres, role: str, tenant: str | None = None) -> Iterator[None]:
    with engine.undone():
        if tenant is not None:
            engine.connection.execute("select set_config('analytics.tenant', %s, true)", [tenant])
        engine.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        yield


def seen(engine: sql_engines.Postgres, table: str) -> list[str | None]:
    found = engine.connection.execute(sql.SQL("select tenant_id from {} order by 1").format(identifier(table)))
    return [name for (name,) in found.fetchall()]


def test_a_tenant_sees_its_own_rows_of_each_table_and_nothing_else(postgres: sql_engines.Postgres) -> None:
    tables = tables_with_tenants(postgres)
    assert {"platform.metric_samples", "platform.metric_1h", "platform.metric_1d"} <= set(tables)
    for tenant, expected in (("acme", ["acme"]), ("globex", ["globex"]), ("initech", []), ("", []), (None, [])):
        with acting_as(postgres, ROLE, tenant):
            assert {table: seen(postgres, table) for table in tables} == dict.fromkeys(tables, expected)


def test_a_tenant_is_refused_whatever_has_no_tenants(postgres: sql_engines.Postgres) -> None:
    """Tables of other families, books, views, partitions; and it may write nowhere."""
    found = postgres.connection.execute(
        "select n.nspname, c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'p', 'v', 'm') and n.nspname !~ '^pg_|^information_schema$'"
    ).fetchall()
    mine = set(tables_with_tenants(postgres))
    others = [name for schema, table in found if (name := f"{schema}.{table}") not in mine]
    assert len(others) > 50
    for table in others:
        assert not may(postgres, table, "select"), table
    for table in mine:
        assert not may(postgres, table, "insert, update, delete, truncate"), table
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(postgres, ROLE, "acme"):
        postgres.execute("select * from platform.metric_samples_rest")


def may(engine: sql_engines.Postgres, table: str, rights: str) -> bool:
    asked = [ROLE, identifier(table).as_string(), rights]
    found = engine.connection.execute("select has_table_privilege(%s, %s, %s)", asked).fetchone()
    return found is not None and bool(found[0])


def test_other_roles_see_what_they_are_granted(postgres: sql_engines.Postgres) -> None:
    """Also one that may take on the role of tenants; a login of a tenant is bound as soon as it is a member."""
    reader, login = (f"{name}_{uuid4().hex[:8]}" for name in ("reader", "login"))
    with postgres.undone():
        for statement in (
            f"create role {reader}; grant usage on schema platform to {reader}",
            f"grant select on platform.metric_1d to {reader}",
            f"create role {login} in role {ROLE}; alter role {login} set analytics.tenant = 'acme'",
        ):
            postgres.execute(statement)
        with acting_as(postgres, reader):
            assert seen(postgres, "platform.metric_1d") == ["", "acme", "globex"]
        with acting_as(postgres, login, "acme"):
            assert seen(postgres, "platform.metric_1d") == ["acme"]


def test_a_table_that_lost_its_policy_is_found_and_protected_again(postgres: sql_engines.Postgres) -> None:
    with postgres.undone():
        assert unprotected(postgres.connection) == []
        postgres.execute("drop policy tenant on platform.metric_1h")
        postgres.execute("alter table platform.metric_1d disable row level security")
        assert unprotected(postgres.connection) == ["platform.metric_1d", "platform.metric_1h"]
        protect_all(postgres.connection)
        assert unprotected(postgres.connection) == []
        with acting_as(postgres, ROLE, "acme"):
            assert seen(postgres, "platform.metric_1h") == seen(postgres, "platform.metric_1d") == ["acme"]
