"""The whole project on one screen: what Dagster loads."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from analytics_etl.assets.aggregates import build_aggregate_asset
from analytics_etl.assets.events import build_event_asset, build_landing_asset
from analytics_etl.assets.reports import build_index_asset, build_report_asset
from analytics_etl.assets.views import build_view_asset
from analytics_etl.assets.watchdog import build_watchdog_asset
from analytics_etl.catalog import Catalog
from analytics_etl.checks import build_checks
from analytics_etl.partitions import Partitions
from analytics_etl.schedules import (
    build_jobs,
    build_schedules,
    build_sensors,
    build_watchdog_job,
    build_watchdog_schedule,
)
from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse


def build_defs(settings: Settings | None = None, overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Every asset, check, job, schedule and sensor, from the SQL files and the settings."""
    settings = settings or Settings.from_environment()
    catalog = Catalog()
    partitions = Partitions.since(settings.start_date)
    families = [family for family in catalog.families if catalog.reports(family)]
    assets = [
        *(build_event_asset(c, catalog.mappings(c.family), partitions) for c in catalog.contracts.values()),
        *(build_aggregate_asset(model, partitions) for model in catalog.aggregates.values()),
        *(build_view_asset(model) for model in catalog.views.values()),
        *(
            build_report_asset(catalog, f, cadence, partitions)
            for f in families
            for cadence in ("day", "week", "month")
        ),
        build_index_asset(families),
    ]
    jobs = build_jobs(assets, partitions)
    watchdog = build_watchdog_asset(catalog)
    watchdog_job = build_watchdog_job(watchdog)
    return dg.Definitions(
        assets=[*(build_landing_asset(contract) for contract in catalog.contracts.values()), *assets, watchdog],
        asset_checks=build_checks(catalog),
        jobs=[*jobs, watchdog_job],
        schedules=[*build_schedules(jobs), build_watchdog_schedule(watchdog_job)],
        sensors=build_sensors(jobs),
        resources={"warehouse": Warehouse(settings), **(overrides or {})},
        # Starting a process for each step costs seconds; runs are the unit of parallelism.
        executor=dg.in_process_executor,
    )


def load() -> dg.Definitions:
    """What `workspace.yaml` names."""
    return build_defs()
