"""Runs the assets of chosen tables for one day in this process, without checks and reports.

Prints the seconds and rows of each table and the peak memory of the process as JSON.
"""

import argparse
import json
import time
from collections.abc import Mapping
from datetime import date
from uuid import uuid4

import dagster as dg
from dagster import DagsterEventType, DagsterInstance

from analytics_etl.catalog.calendar import Cadence, period_start
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.config.settings import Settings
from analytics_etl.ops import changes
from analytics_etl.ops.changes import CHANGE_CHECK
from analytics_etl.ops.records import partitions
from analytics_etl.orchestration import instance as dagster_instance
from analytics_etl.orchestration.assets.metadata import asset_key
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.postgres.database import Database
from benchmarks.measuring import peak_mb


def main() -> None:
    arguments = _arguments()
    if arguments.without_comparison:
        # As if every partition were new: then there is nothing to compare with.
        changes.known_versions = lambda *_: {}
    settings = Settings.from_environment()
    catalog = Catalog()
    wanted = arguments.tables or [table for table in catalog.in_order() if table not in catalog.views]
    by_cadence = _in_cadences(wanted)
    jobs = [
        dg.define_asset_job(f"measured_{cadence}", selection=_only(tables)) for cadence, tables in by_cadence.items()
    ]
    definitions = dg.Definitions.merge(build_defs(settings), dg.Definitions(jobs=jobs))
    seconds: dict[str, float] = {}
    with dagster_instance.instance(settings) as instance:
        for cadence in by_cadence:
            partition = period_start(cadence, arguments.day).isoformat()
            seconds |= _run(definitions, instance, f"measured_{cadence}", partition, wanted)
    start = {table: period_start(cadence, arguments.day) for cadence in by_cadence for table in by_cadence[cadence]}
    rows = {
        record["table_name"]: record["rows"]
        for record in Database(settings).run(partitions, min(start.values()), date.max)
        if start.get(record["table_name"]) == record["period_start"]
    }
    print(json.dumps({"seconds": seconds, "rows": rows, "peak_mb": peak_mb()}))


def _in_cadences(tables: list[str]) -> Mapping[Cadence, list[str]]:
    """The tables by cadence, days first."""
    cadences: tuple[Cadence, ...] = ("day", "week", "month")
    found = {cadence: [table for table in tables if cadence_of(table) == cadence] for cadence in cadences}
    return {cadence: mine for cadence, mine in found.items() if mine}


def _only(tables: list[str]) -> dg.AssetSelection:
    own = [dg.AssetCheckKey(asset_key(table), CHANGE_CHECK) for table in tables]  # the asset itself evaluates it
    return dg.AssetSelection.assets(*map(asset_key, tables)).without_checks() | dg.AssetSelection.checks(*own)


def _run(
    definitions: dg.Definitions, instance: DagsterInstance, job: str, partition: str, tables: list[str]
) -> dict[str, float]:
    """Run one job for one partition; returns {table: seconds}."""
    started: dict[str, float] = {}
    seconds: dict[str, float] = {}

    def listen(entry: dg.EventLogEntry) -> None:
        step = (entry.step_key or "").replace("__", ".")
        kind = None if entry.dagster_event is None else entry.dagster_event.event_type
        if kind == DagsterEventType.STEP_START:
            started[step] = time.perf_counter()
        elif kind == DagsterEventType.STEP_SUCCESS and step in tables:
            seconds[step] = time.perf_counter() - started[step]

    resolved = definitions.resolve_job_def(job)
    run_id = str(uuid4())
    instance.add_event_listener(run_id, listen)
    resolved.execute_in_process(
        instance=instance, run_id=run_id, partition_key=partition,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )  # fmt: skip
    return seconds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("day", type=date.fromisoformat, help="UTC day")
    parser.add_argument("tables", nargs="*", help="tables with their schema; all by default")
    parser.add_argument(
        "--without-comparison", action="store_true", help="replace partitions without looking what changed"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
