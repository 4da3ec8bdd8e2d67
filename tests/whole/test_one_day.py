"""One day end to end through Dagster: tables, checks, what the instance knows, reports; and the same again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg
import pytest
from conftest import Server, settings_in
from dagster import AssetCheckEvaluation, AssetRecordsFilter, DagsterEventType, DagsterInstance
from events import DOWNLOADS, all_tables, ask, booked, download, ledger, rare, restored_environment, without_rows, write

from analytics_etl.catalog.calendar import period_start
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.checks import declared_checks
from analytics_etl.config.settings import Settings
from analytics_etl.engines import instances
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration import runs
from analytics_etl.orchestration.assets.metadata import asset_key
from analytics_etl.reporting.families import REPORTS
from analytics_etl.reporting.module_files import module_file

DAY = date(2025, 3, 5)


@dataclass(frozen=True)
class Ran:
    """A day that was run twice, with what was there after the first time."""

    settings: Settings
    instance: DagsterInstance
    run_ids: list[str]
    tables: dict[str, list[str]]
    reports: dict[str, str]


def reports_in(settings: Settings) -> dict[str, str]:
    files = sorted(path for path in settings.reports_dir.rglob("[!.]*") if path.is_file())
    return {path.relative_to(settings.reports_dir).as_posix(): path.read_text() for path in files}


def run(settings: Settings, jobs: list[runs.Job]) -> None:
    runs.execute(settings, jobs, lambda *_: None)


@pytest.fixture(scope="module")
def ran(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("one_day"), url)
    write_sample(
        settings.landing_dir, SampleOptions(last_day=DAY, days=2, events_per_day=2000, families=tuple(FAMILIES))
    )
    with restored_environment():
        run(settings, runs.jobs_of(DAY, DAY))
        with dagster_instance.instance(settings) as instance:
            run_ids = [record.dagster_run.run_id for record in instance.get_run_records()]
            yield Ran(settings, instance, run_ids, all_tables(settings), reports_in(settings))
    server.drop(url)


def partition_of(table: str) -> str:
    return period_start(cadence_of(table), DAY).isoformat()


def test_every_table_has_rows_and_the_books_balance(ran: Ran, catalog: Catalog) -> None:
    assert set(ran.tables) == {*catalog.contracts, *catalog.derived}
    assert set(without_rows(ran.tables)) == rare()
    assert len(ran.tables[DOWNLOADS]) > 1000
    for path, file in ledger(ran.settings.database_url).items():
        assert file["state"] == "read", path
    days = [counts for found in booked(ran.settings.database_url).values() for counts in found.values()]
    assert any(copies for _, _, _, copies, _ in days if copies)  # the sample has duplicates
    assert all(read == bad + kept + copies for read, bad, kept, copies, _ in days if kept is not None)


def test_every_materialization_is_known_with_its_metadata(ran: Ran, catalog: Catalog) -> None:
    counts = {table: len(rows) for table, rows in ran.tables.items()}
    for table in [*catalog.contracts, *catalog.derived]:
        is_view = table in catalog.views
        key = asset_key(table)
        partitions = None if is_view else [partition_of(table)]
        [record] = ran.instance.fetch_materializations(AssetRecordsFilter(key, partitions), limit=10).records
        materialization = record.asset_materialization
        assert materialization is not None
        metadata = {name: entry.value for name, entry in materialization.metadata.items()}
        assert metadata["dagster/row_count" if is_view else "dagster/partition_row_count"] == counts[table], table
        tags = materialization.tags or {}
        assert tags["dagster/code_version"] == catalog.code_version(table)
        if table in catalog.derived:
            lineage = metadata["dagster/column_lineage"]
            assert isinstance(lineage, dg.TableColumnLineage)
            assert set(lineage.deps_by_column) == set(catalog.derived[table].columns)
            assert all(
                ".".join(dep.asset_key.path) in catalog.derived[table].dependencies
                for deps in lineage.deps_by_column.values()
                for dep in deps
            )
            assert any(lineage.deps_by_column[column] for column in catalog.derived[table].key)
            schema = metadata["dagster/column_schema"]
            assert isinstance(schema, dg.TableSchema)
            assert all(column.type and column.description for column in schema.columns)


def test_every_check_ran_and_passed(ran: Ran, catalog: Catalog) -> None:
    evaluated: dict[tuple[str, str], AssetCheckEvaluation] = {}
    for run_id in ran.run_ids:
        for entry in ran.instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            assert entry.dagster_event is not None
            data = entry.dagster_event.event_specific_data
            assert isinstance(data, AssetCheckEvaluation)
            evaluated[".".join(data.asset_key.path), data.check_name] = data
    declared = {(table, check.name) for table, checks in declared_checks(catalog).items() for check in checks}
    judged = {(table, "change_is_small") for table in (*catalog.contracts, *catalog.aggregates)}
    assert evaluated.keys() == declared | judged
    assert len(declared) > 50
    assert [name for name, evaluation in evaluated.items() if not evaluation.passed] == []
    stored = ask(
        ran.settings.database_url, "select table_name, check_name, period_start, passed from ops.check_results"
    )
    assert {(row["table_name"], row["check_name"]) for row in stored} == declared | judged
    assert all(row["passed"] for row in stored)
    assert {row["period_start"].isoformat() for row in stored if row["table_name"] in catalog.contracts} == {
        DAY.isoformat()
    }


def test_reports_are_written_and_say_the_same_as_the_tables(ran: Ran) -> None:
    periods = (f"daily/{DAY}", "weekly/2025-W10", "monthly/2025-03")
    written = {f"{family}/{name}.{kind}" for family in REPORTS for name in periods for kind in ("html", "json")}
    beside = {f"{name}.{kind}" for name in ("index", "overview", "modules") for kind in ("html", "json")}
    names = ask(ran.settings.database_url, "select distinct module_name from registry.module_catalog_daily")
    pages = {name for name in ran.reports if name.startswith("modules/")}
    assert pages == {f"modules/{row['module_name']}.{kind}" for row in names for kind in ("html", "json", "svg")}
    tenants = ask(ran.settings.database_url, "select distinct tenant_id from platform.tenant_overview_daily")
    of_tenants = {name for name in ran.reports if name.startswith("tenants/")}
    names_of_folders = {module_file(row["tenant_id"]) for row in tenants if row["tenant_id"]}
    assert {name.split("/")[1] for name in of_tenants} == names_of_folders
    assert beside | written | pages | of_tenants == set(ran.reports)
    [overview] = ask(ran.settings.database_url, "select * from registry.overview_daily where day = %s", [DAY])
    text = ran.reports[f"registry/daily/{DAY}.json"]
    value = json.loads(text)
    assert overview["download_count"] > 1000
    assert str(overview["download_count"]) in text
    assert value["state"]["sentence"]
    assert "<script>alert" not in ran.reports[f"registry/daily/{DAY}.html"]  # the sample tries


def test_the_same_day_again_gives_the_same_bytes(ran: Ran) -> None:
    for path in sorted(ran.settings.reports_dir.rglob("*.html")):
        path.unlink()
    run(ran.settings, runs.jobs_of(DAY, DAY)[:1])
    again = all_tables(ran.settings)
    assert again.keys() == ran.tables.keys()
    for table, rows in ran.tables.items():
        assert again[table] == rows, table
    daily = f"registry/daily/{DAY}.html"
    assert (ran.settings.reports_dir / daily).exists()


def test_nothing_is_left_behind(ran: Ran) -> None:
    views = ask(
        ran.settings.database_url,
        "select relname from pg_class where relnamespace = 'ops'::regnamespace and relname like 'batch\\_%'",
    )
    staging = ask(ran.settings.database_url, "select relname from pg_class where relname like '%\\_new'")
    assert (views, staging) == ([], [])
    instances.close_kept()
    assert list(ran.settings.temporary_dir.iterdir()) == []


def test_a_failing_check_of_severity_error_stops_what_is_downstream(ran: Ran) -> None:
    """A file that cannot be read: the day's tables keep their old rows, and the run says why."""
    path = write(ran.settings, f"download_events/{DAY}.csv.gz", b"")
    path.write_bytes(b"rubbish")
    write(ran.settings, "download_events/more.ndjson", [download(1, DAY)])
    before = all_tables(ran.settings)
    with pytest.raises(runs.RunFailedError, match="files_are_readable") as failed:
        run(ran.settings, runs.jobs_of(DAY, DAY, ("registry", "usage")))
    kept, replaced, not_begun = str(failed.value).splitlines()[-3:]
    assert kept.startswith("Not run, so as before: ")
    assert "registry.module_activity_daily" in kept
    assert "usage.schema_usage_1d" not in kept
    assert f" {DOWNLOADS}," in replaced
    assert "usage.schema_usage_1d" in replaced
    week = period_start("week", DAY)
    of = "of registry, usage"
    assert not_begun == f"Not begun, since it follows: weekly {week} {of}, monthly {DAY:%Y-%m}-01 {of}, views {of}."
    after = all_tables(ran.settings)
    assert len(after[DOWNLOADS]) == len(before[DOWNLOADS]) + 1
    assert {name for name in after if after[name] != before[name]} == {DOWNLOADS}
