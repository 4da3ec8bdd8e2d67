"""The whole project for Dagster: all assets, checks, jobs, schedules, sensors and resources."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import dagster as dg

from analytics_etl.catalog.calendar import NAMES
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.owners import OPERATIONS
from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.ops.liveness import holding_run_lock
from analytics_etl.orchestration.assets.aggregates import build_aggregate_asset
from analytics_etl.orchestration.assets.broken import build_broken_asset
from analytics_etl.orchestration.assets.days import build_days_asset
from analytics_etl.orchestration.assets.events import build_event_asset, build_landing_asset
from analytics_etl.orchestration.assets.reports import build_index_asset, build_report_asset
from analytics_etl.orchestration.assets.retention import build_retention_asset
from analytics_etl.orchestration.assets.verification import build_verification_asset
from analytics_etl.orchestration.assets.views import build_view_asset
from analytics_etl.orchestration.checks import build_checks
from analytics_etl.orchestration.housekeeping import build_abandoned_sensor, build_housekeeping
from analytics_etl.orchestration.late import build_late_sensor, build_period_sensor, build_scan_job
from analytics_etl.orchestration.notifier import build_notification_sensor
from analytics_etl.orchestration.own_runs import build_own_runs
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.orchestration.requested_runs import build_request_sensor
from analytics_etl.orchestration.schedules import (
    build_jobs,
    build_retention,
    build_schedules,
    build_verification_job,
    build_verification_schedule,
)
from analytics_etl.orchestration.views_sensor import build_views_sensor
from analytics_etl.pipeline.due_reports import families_with_reports
from analytics_etl.pipeline.jobs import VIEWS_JOB
from analytics_etl.pipeline.usable_sources import with_usable_sources
from analytics_etl.postgres.database import Database

# Backfill policies are in beta and partitioned checks in preview; both are used on purpose, and the version is pinned.
warnings.filterwarnings("ignore", message=".* is currently in (beta|preview), and may have breaking changes")


def build_defs(settings: Settings | None = None, overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Build every definition from the SQL files and the settings; `overrides` replaces resources by name."""
    settings = settings or Settings.from_environment()
    catalog = with_usable_sources(Catalog.of(settings))
    partitions = Partitions.since(settings.start_date)
    families = families_with_reports(catalog)
    assets = [
        *(build_event_asset(c, catalog.mappings(c.family), partitions) for c in catalog.contracts.values()),
        *(build_aggregate_asset(model, partitions) for model in catalog.aggregates.values()),
        *(build_view_asset(model) for model in catalog.views.values()),
        *(build_broken_asset(catalog, table, partitions) for table in catalog.broken),
        *(
            build_report_asset(catalog, f, cadence, partitions)
            for f in families
            for cadence in ("day", "week", "month")
        ),
        build_index_asset(catalog, families),
        build_days_asset(catalog),
    ]
    jobs = build_jobs(assets, partitions)
    housekeeping, housekeeping_schedule = build_housekeeping(settings)
    own_runs, own_runs_schedule = build_own_runs()
    retention, verification = build_retention_asset(catalog), build_verification_asset(catalog)
    retention_job, retention_schedule = build_retention(retention)
    verification_job = build_verification_job(verification)
    by_name, scan_job = {job.name: job for job in jobs}, build_scan_job(catalog)
    daily, weekly, monthly = (by_name[NAMES[cadence]] for cadence in ("day", "week", "month"))
    landing = [build_landing_asset(table) for table in catalog.event_tables]
    return dg.Definitions(
        assets=_owned([*landing, *assets, retention, verification], settings, catalog),
        asset_checks=build_checks(catalog, partitions),
        jobs=[*jobs, scan_job, housekeeping, own_runs, retention_job, verification_job],
        schedules=[
            *build_schedules(jobs),
            housekeeping_schedule,
            own_runs_schedule,
            retention_schedule,
            build_verification_schedule(verification_job),
        ],
        sensors=[
            build_views_sensor(by_name[VIEWS_JOB]),
            build_late_sensor(catalog, scan_job, daily),
            build_period_sensor(daily, {"week": weekly, "month": monthly}),
            build_request_sensor(daily),
            build_abandoned_sensor(settings),
            build_notification_sensor(),
        ],
        resources={"database": _database(settings), **(overrides or {})},
        # Starting a process for each step costs seconds; runs are the unit of parallelism.
        executor=dg.in_process_executor,
    )


def _owned(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], settings: Settings, catalog: Catalog
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with their owners; a landing folder has those of its table. Raises SettingsError for unknown names."""
    tables = [*catalog.contracts, *catalog.derived, *catalog.broken]
    if unknown := settings.owners.unknown(tables):
        families = ", ".join([*catalog.families, OPERATIONS])
        raise SettingsError(
            f"ANALYTICS_OWNERS names {', '.join(unknown)}, expected families ({families}) or tables with their schema"
        )

    def owned(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(owners=list(settings.owners.of(f"{spec.group_name}.{spec.key.path[-1]}")))

    return list(dg.map_asset_specs(owned, assets))


def _database(settings: Settings) -> dg.ResourceDefinition:
    """The resource `database` of a run. While a run has it, other processes can see that the run is alive."""

    @dg.resource
    def database(context: dg.InitResourceContext) -> Iterator[Database]:
        with holding_run_lock(settings, context.run.run_id) if context.run else nullcontext():
            yield Database(settings)

    return database


def load() -> dg.Definitions:
    """The definitions that `workspace.yaml` names."""
    return build_defs()
