"""Rows of a tenant are for that tenant: every table, question and report of the catalogue, asked by another one."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sql_engines
from conftest import Server
from psycopg import sql

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, window_parameters
from analytics_etl.catalog.reading import read_models
from analytics_etl.postgres.connection import identifier
from analytics_etl.postgres.tenants import ROLE, protect_all, unprotected
from analytics_etl.reporting import section_windows

GIVEN = ["acme", "globex", None]
"""Tenants of the rows; None is the platform, which derived tables call ''."""
SAMPLES = "platform.metric_samples"
DAY = date(2025, 3, 31)
MEASURES = {"acme": 1, "globex": 1_000, None: 1_000_000}
"""What the numbers of a tenant's rows are."""
WANTED: dict[str, Any] = {
    **window_parameters(DAY - timedelta(days=6), DAY + timedelta(days=1)),
    "previous_start": f"{DAY - timedelta(days=13)}T00:00:00Z", "previous_end": f"{DAY - timedelta(days=6)}T00:00:00Z",
    "limit": 100, "is_first_page": True, "is_any_tenant": True, "tenant_id": "", "service_id": "", "name": "revenue",
    "category": "business", "after_bucket": "2000-01-01T00:00:00Z", "after_day": "2000-01-01", "after_rank": 0,
    **dict.fromkeys(["after_tenant_id", "after_service_id", "after_name", "after_unit"], ""),
}  # fmt: skip
"""What questions are asked for: all that there is."""


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


@pytest.fixture(scope="module")
def models(catalog: Catalog, postgres: sql_engines.Postgres) -> dict[str, Model]:
    """Every question and report section that reads nothing but tables with tenants."""
    files = sorted(catalog.sql_dir.glob("*/queries/*.sql"))
    asked = [model for path in files for model in read_models(path, catalog.parameters).values()]
    shown = [model for family in catalog.families for model in catalog.reports(family).values()]
    with_tenants = set(tables_with_tenants(postgres))
    return {m.table: m for m in (*asked, *shown) if m.dependencies and with_tenants.issuperset(m.dependencies)}


def filled(engine: sql_engines.Postgres, table: str, tenant: str | None, day: date, number: int) -> dict[str, Any]:
    """A row of a tenant with a value in each column; its numbers and names are nobody else's."""
    measure = MEASURES[tenant] + number
    of_type: dict[str, Any] = {
        "date": day, "timestamp with time zone": f"{day}T10:00:00Z", "text": f"of {tenant}", "boolean": True,
        "double precision": measure, "bigint": measure, "jsonb": "{}",
    }  # fmt: skip
    row = {name: of_type[column.type] for name, column in engine.tables[table].items() if column.type in of_type}
    chosen = {
        "type": "counter", "category": "business", "name": "revenue", "unit": "EUR", "status": "critical",
        "severity": "high", "grain": "1d", "series_labels": "{}", "cause": None, "value": measure,
    }  # fmt: skip
    known = {column: value for column, value in chosen.items() if column in row}
    return {**row, **known, "tenant_id": tenant if tenant or table == SAMPLES else ""}


def test_no_answer_depends_on_the_rows_of_others(postgres: sql_engines.Postgres, models: dict[str, Model]) -> None:
    """Not in one number: sums, ranks and shares of all would tell of others, too."""
    tables = {table for model in models.values() for table in model.dependencies}

    def answers(tenant: str | None) -> dict[str, Any]:
        with acting_as(postgres, ROLE, tenant) if tenant else nullcontext():
            return {name: postgres.rows(model.statement(WANTED)) for name, model in models.items()}

    with postgres.undone():
        for table in tables:
            postgres.execute(f"delete from {table}")
            for tenant in GIVEN:
                days = enumerate((DAY, DAY - timedelta(days=8)))
                postgres.insert(table, [filled(postgres, table, tenant, day, number) for number, day in days])
        of_all, among_all, alone = answers(None), {}, {}
        for tenant in ("acme", "globex", "nobody"):
            among_all[tenant] = answers(tenant)
            with postgres.undone():
                for table in tables:
                    postgres.execute(f"delete from {table} where tenant_id is distinct from '{tenant}'")
                alone[tenant] = answers(tenant)
    for name in models:
        for tenant, found in among_all.items():
            assert found[name] == alone[tenant][name], (name, tenant)
        seen = {str(found[name]) for found in (of_all, *alone.values())}
        assert len(seen) == 4, f"{name} gives the same whatever rows there are"


def test_each_section_of_a_report_of_a_tenant_is_tried(catalog: Catalog, models: dict[str, Model]) -> None:
    sections = {f"platform.{name}" for name in section_windows("platform", "daily", DAY, DAY, "acme")}
    assert sections
    assert sections - set(models) == set()
    assert {name.partition(".")[0] for name in models} == set(catalog.families), (
        "all have anomalies, which have tenants"
    )
    kept = {table for table, model in catalog.aggregates.items() if model.is_in_lake_only}
    in_lake = {name for name, model in models.items() if kept.intersection(model.dependencies)}
    assert in_lake == {"platform.gauges_1m", "platform.gauges_5m"}, "the test of the API asks these of the lake"
