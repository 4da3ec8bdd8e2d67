"""The three roles on a real server: the pipeline as the loader, and what neither loader nor reader can reach."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
import yaml
from click.testing import CliRunner
from conftest import Server, needs_second_postgres, settings_in
from events import DAY, ask, compilation, download, execute, load_and_aggregate, restored_environment, view, write

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.cli import main
from analytics_etl.config.settings import CHECKOUT, Roles, Settings, SettingsError
from analytics_etl.families.queries import registry, registry_modules, schedule_days, usage_breakdowns, usage_schemas
from analytics_etl.families.queries import schedules as schedule_queries
from analytics_etl.monitoring.doctor import examine
from analytics_etl.ops.records import record_audit
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration import runs
from analytics_etl.pipeline import publishing
from analytics_etl.postgres import migrations
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.roles import Tables, problems


@dataclass(frozen=True)
class World:
    """A database with roles, and settings by which each of them connects."""

    server: Server
    roles: Roles
    admin: Settings
    loader: Settings
    reader: Settings
    owner: Settings

    def refuses(self, who: Settings, statement: str) -> bool:
        try:
            execute(who.database_url, statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False


def as_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def migrate(settings: Settings, roles: Roles, arguments: str = "") -> str:
    environment = {
        "ANALYTICS_HOME": str(settings.home),
        "ANALYTICS_DATABASE_URL": settings.database_url or "",
        "ANALYTICS_ROLES": f"{roles.owner}, {roles.loader}, {roles.reader}",
    }
    result = CliRunner(env=environment).invoke(main, ["migrate", *arguments.split()])
    return f"{result.exit_code} {result.output}"


@pytest.fixture(scope="module", params=["server", pytest.param("second_server", marks=needs_second_postgres)])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Roles made after a day was loaded by a superuser, as in an installation that turns them on later."""
    server: Server = request.getfixturevalue(request.param)
    suffix = uuid4().hex[:8]
    roles = Roles(f"owner_{suffix}", f"loader_{suffix}", f"reader_{suffix}")
    url = server.clone()
    admin = replace(settings_in(tmp_path_factory.mktemp("roles"), url), roles=roles)
    for day in (DAY - timedelta(days=1), DAY):
        write(admin, f"download_events/{day}.ndjson", [download(n, day) for n in range(20)])
        write(admin, f"module_view_events/{day}.ndjson", [view(n, day) for n in range(20)])
        write(admin, f"compilation_events/{day}.ndjson", [compilation(n, day) for n in range(20)])
    load_and_aggregate(Database(replace(admin, roles=None)), DAY - timedelta(days=1), DAY - timedelta(days=1))
    assert "there is no role" in migrate(admin, roles)
    assert f"made {roles.owner}, {roles.loader}, {roles.reader}" in migrate(admin, roles, "--roles")
    for role in (roles.owner, roles.loader, roles.reader):
        execute(server.admin_url, f"alter role {role} login")
    yield World(
        server,
        roles,
        admin,
        *(replace(admin, database_url=as_user(url, r)) for r in (roles.loader, roles.reader, roles.owner)),
    )
    server.drop(url)
    for role in (roles.owner, roles.loader, roles.reader):
        execute(server.admin_url, f"drop owned by {role}")
    execute(server.admin_url, f"drop role {roles.owner}, {roles.loader}, {roles.reader}")


def test_the_pipeline_runs_as_the_loader(world: World, catalog: Catalog) -> None:
    """A day with its checks, week, month, views and reports; then again, over partitions a superuser had made."""
    with restored_environment():
        families = ("registry", "platform")  # rows, and tables with tenants
        runs.execute(world.loader, runs.jobs_of(DAY - timedelta(days=1), DAY, families), lambda *_: None, {})
    counted = ask(world.loader.database_url, "select count(*) as n from registry.download_events")
    assert counted == [{"n": 40}]
    reports = [path.name for path in Path(world.loader.reports_dir).rglob("*.html")]
    assert f"{DAY}.html" in reports
    assert ask(world.loader.database_url, "select count(*) > 50 as many from ops.check_results") == [{"many": True}]
    Database(world.loader).run(record_audit, "somebody", "backfill", "days")
    assert Database(world.loader).run(problems, world.roles, Tables(catalog.contracts, catalog.derived)) == []


def test_the_reader_reads_aggregates_and_views_made_by_the_loader(world: World, catalog: Catalog) -> None:
    execute(world.loader.database_url, "drop table if exists registry.org_stats_daily")
    database = Database(world.loader)
    model = catalog.aggregates["registry.org_stats_daily"]
    publishing.replace(database, model, {DAY: DAY + timedelta(days=1)})
    for model in catalog.views.values():
        publishing.refresh(database, model)
    fine = [table for table, model in catalog.aggregates.items() if model.is_in_lake_only]
    for table in [*catalog.aggregates, *catalog.views]:
        if database.run(column_types, [table]) and table not in fine:
            assert ask(world.reader.database_url, f"select count(*) as n from {table}")[0]["n"] is not None
    assert ask(world.reader.database_url, "select count(*) as n from registry.org_stats_daily")[0]["n"] > 0
    for table in ("partitions", "loaded_days"):
        assert ask(world.reader.database_url, f"select * from ops.{table} limit 1")
    assert not world.refuses(world.reader, "select passed, unexpected_count from ops.check_results")


def test_the_reader_may_ask_about_derived_tables(world: World) -> None:
    reader = Database(world.reader)
    for page in (
        schedule_queries.statistics(reader, DAY, DAY),
        usage_schemas.health(reader, DAY, DAY),
        usage_breakdowns.operations(reader, DAY, DAY),
        schedule_days.kafka(reader, DAY, DAY),
        registry.overview(reader, DAY, DAY),
        registry.languages(reader, DAY, DAY, by_day=True),
        registry.organizations(reader, DAY, DAY),
        registry_modules.statistics(reader, "1w", DAY, DAY, "module-1"),
        registry_modules.statistics(reader, "1m", DAY, DAY),
        registry_modules.top(reader, 7),
        registry_modules.trending(reader),
        registry_modules.versions(reader, "module-1", DAY, DAY),
    ):
        assert page.coverage is not None


DASHBOARDS = CHECKOUT / "deploy" / "grafana"
PANELS = json.loads((DASHBOARDS / "numbers.json").read_text(encoding="utf-8"))["panels"]


def test_grafana_asks_as_the_reader_for_what_there_is(world: World) -> None:
    """Each query of the dashboard runs, in the form that its panel draws; the range is filled in as Grafana does."""
    [source] = yaml.safe_load((DASHBOARDS / "provisioning/datasources/analytics_etl.yaml").read_text())["datasources"]
    shown = []
    for panel in PANELS:
        [target] = panel["targets"]
        assert target["datasource"] == panel["datasource"] == {name: source[name] for name in ("type", "uid")}
        text = re.sub(
            r"\$__timeFilter\((\w+)\)",
            r"\1 BETWEEN '2025-03-01T00:00:00Z' AND '2025-03-31T00:00:00Z'",
            target["rawSql"],
        )
        with psycopg.connect(world.reader.database_url or "") as connection:
            found = connection.execute(text.encode())
            columns = {column.name: column.type_code for column in found.description or ()}
            shown += [panel["title"]] if found.fetchall() else []
        if target["format"] == "time_series":
            assert columns.pop("time") == psycopg.adapters.types["timestamptz"].oid
            assert "metric" not in columns or list(columns) == ["metric", "value"]
    assert {"Downloads and views", "Compilation p95 by language", "Top modules"} <= set(shown)


FORBIDDEN_TO_READER = [
    "select ip_address from registry.download_events",
    "select user_agent from registry.module_view_events",
    "select count(*) from registry.compilation_events",
    f"select count(*) from registry.download_events_p{DAY:%Y%m%d}",
    "select content from ops.rejected_rows",
    "select sample from ops.check_results",
    "select reason from ops.loaded_files",
    "select * from ops.audit",
    "select * from dagster.runs",
    "insert into registry.overview_daily select * from registry.overview_daily",
    "delete from registry.overview_daily",
    "truncate registry.overview_daily",
    "drop table registry.overview_daily",
    "update ops.partitions set rows = 0",
    "delete from ops.partitions",
    "refresh materialized view registry.trending_modules",
    "create table registry.mine (a int)",
    "create table ops.mine (a int)",
    "create table public.mine (a int)",
    "create schema mine",
    "set role analytics_tenant",
]
FORBIDDEN_TO_LOADER = [
    "delete from ops.audit",
    "update ops.audit set reason = 'another'",
    "truncate ops.audit",
    "drop table ops.audit",
    "alter table ops.audit add column a int",
    "drop table ops.partitions",
    "truncate ops.loaded_days",
    "update ops.schema_version set version_num = 'x'",
    "drop schema registry cascade",
    "drop schema ops cascade",
    "create schema mine",
    "create table public.mine (a int)",
    "create role somebody",
    "alter role {owner} password 'x'",
    "set role {owner}",
    "grant {owner} to {loader}",
    "copy ops.audit to '/tmp/audit'",
]


@pytest.fixture
def loaded(world: World) -> World:
    """All of it is there, whichever tests ran before."""
    load_and_aggregate(Database(world.loader), DAY, DAY)
    with restored_environment(), dagster_instance.instance(world.loader):
        return world


def test_neither_reaches_what_it_should_not(loaded: World) -> None:
    for statement in FORBIDDEN_TO_READER:
        assert loaded.refuses(loaded.reader, statement), statement
    names = {"owner": loaded.roles.owner, "loader": loaded.roles.loader}
    for statement in FORBIDDEN_TO_LOADER:
        assert loaded.refuses(loaded.loader, statement.format(**names)), statement
    assert not loaded.refuses(loaded.loader, "set role analytics_tenant")


def test_the_owner_changes_event_tables_and_sets_grants_again(world: World) -> None:
    owner = world.owner.database_url
    execute(owner, "alter table registry.download_events add column later int")
    execute(owner, "alter table registry.download_events drop column later")
    execute(owner, "create table ops.later (a int)")
    assert not world.refuses(world.loader, "insert into ops.later values (1)")  # by default, before grants are set
    assert world.refuses(world.reader, "select * from ops.later")
    execute(owner, "drop table ops.later")
    assert migrate(world.owner, world.roles).startswith("0 the database is at revision")


def test_doctor_tells_what_is_missing_and_migrate_puts_it_right(loaded: World, catalog: Catalog) -> None:
    def told() -> list[str]:
        found = examine(loaded.admin, catalog, date(2025, 3, 12))
        return [finding.detail for finding in found if finding.subject == "roles" and not finding.is_well]

    assert told() == []
    admin, roles = loaded.admin.database_url, loaded.roles
    execute(admin, f"revoke insert on ops.partitions from {roles.loader}")
    execute(admin, f"grant select (user_id) on registry.download_events to {roles.reader}")
    execute(admin, f"revoke select on registry.trending_modules from {roles.reader}")
    execute(admin, "alter table registry.overview_daily owner to postgres")
    [detail] = told()
    assert f"{roles.loader} may select, update, delete on ops.partitions" in detail
    assert f"{roles.reader} may not read registry.trending_modules" in detail
    assert f"{roles.reader} may read registry.download_events" in detail
    assert f"registry.overview_daily belongs to postgres instead of {roles.loader}" in detail
    assert migrate(loaded.admin, roles).startswith("0 ")
    assert told() == []
    nobody = replace(loaded.admin, roles=Roles("nobody_a", "nobody_b", "nobody_c"))
    [finding] = [f for f in examine(nobody, catalog, date(2025, 3, 12)) if f.subject == "roles"]
    assert "there is no role nobody_a" in finding.detail
    assert finding.advice is not None
    assert finding.advice.startswith("analytics-etl migrate --roles")


def test_the_loader_is_told_who_can_migrate(world: World, tmp_path: Path) -> None:
    url = world.server.clone()
    admin, loader = settings_in(tmp_path, url), settings_in(tmp_path, as_user(url, world.roles.loader))
    expected = rf"{world.roles.loader} may not change its tables; type analytics-etl migrate"
    with pytest.raises(DatabaseError, match=expected):  # no grants at all
        migrations.upgrade(loader)
    assert migrate(admin, world.roles).startswith("0 ")
    assert migrations.upgrade(loader) == migrations.head()
    migrations.downgrade(admin, "base")
    with pytest.raises(DatabaseError, match=expected):
        migrations.upgrade(loader)
    world.server.drop(url)


@pytest.mark.parametrize("text", ["one,two", "a,a,b", "a,b,c,d", "a,b;drop,c"])
def test_names_of_roles_are_three(text: str) -> None:
    with pytest.raises(SettingsError, match="ANALYTICS_ROLES must be three names"):
        Settings.from_environment({"ANALYTICS_ROLES": text})
    assert Settings.from_environment({"ANALYTICS_ROLES": "a,b, c"}).roles == Roles("a", "b", "c")
