"""Assets of raw event tables: a run loads landing files into the partition of each of its days."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from analytics_etl.catalog.calendar import chunks
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.landing import (
    FileReport,
)
from analytics_etl.ops.changes import ChangeRefusedError
from analytics_etl.ops.partitions import newest_day
from analytics_etl.orchestration.assets.metadata import (
    FRESHNESS,
    asset_key,
    change_check,
    change_metadata,
    change_results,
    column_schema,
    describe_partitions,
    is_change_accepted,
    landing_key,
    retrying_lost_connections,
)
from analytics_etl.orchestration.dagster_private import SCHEDULE_NAME_TAG, SENSOR_NAME_TAG
from analytics_etl.orchestration.partitions import Partitions, requested_periods
from analytics_etl.pipeline.gaps import FAR_DAYS
from analytics_etl.pipeline.loading import DAYS_AT_ONCE, closed_days, load_days
from analytics_etl.postgres.database import Database
from analytics_etl.tables.loading import LoadedDay
from analytics_etl.text.english import counted


def build_landing_asset(table: str) -> dg.AssetSpec:
    """The landing folder of an event table, where lineage begins."""
    family, name = table.split(".")
    return dg.AssetSpec(
        landing_key(table),
        group_name=family,
        description=f"Files below `landing/{name}/`: NDJSON, CSV or Parquet, plain, .gz or .zst.",
        kinds={"file"},
    )


def build_event_asset(contract: Contract, mappings: Mapping[str, Model], partitions: Partitions) -> dg.AssetsDefinition:
    """The asset of one raw event table; a partition is a UTC day."""
    small_change = change_check(contract.table, partitions.day)

    @dg.asset(
        key=asset_key(contract.table),
        deps=[landing_key(contract.table)],
        check_specs=[small_change],
        group_name=contract.family,
        description=contract.description,
        partitions_def=partitions.day,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"postgres", "parquet", "duckdb", "table"},
        pool=contract.table,
        code_version=contract.code_version,
        freshness_policy=FRESHNESS["day"],
        metadata={
            "dagster/table_name": contract.table,
            "dagster/column_schema": column_schema(
                contract.column_docs, {column.name: column.type for column in contract.columns}
            ),
            "contract": dg.MetadataValue.md(f"```sql\n{contract.ddl}\n```"),
        },
    )
    def events(context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]) -> Iterator[Any]:
        days = list(requested_periods(context, "day"))
        if is_automatic(context.run.tags):
            closed = closed_days(contract, database, days)
            for day in sorted(closed):
                context.log.warning(
                    "%s: %s is final and stays as it is; reopen it to load it again", contract.table, day
                )
            days = [day for day in days if day not in closed]
            newest = database.run(newest_day, [contract.table])
            if newest is not None and days and min(days) > newest + timedelta(days=FAR_DAYS):
                far = counted((min(days) - newest).days, "day")
                context.log.warning(
                    "%s: %s is %s after the newest day, %s; the days between are not due: analytics-etl doctor",
                    contract.table, min(days), far, newest,
                )  # fmt: skip
        with retrying_lost_connections(database):
            for chunk in chunks(days, DAYS_AT_ONCE):
                try:
                    loaded, reports = load_days(
                        contract, mappings, database, chunk, context.run.run_id, context.log.info,
                        accept_change=is_change_accepted(context),
                    )  # fmt: skip
                except ChangeRefusedError as error:
                    yield from change_results(context, small_change, contract.table, database, chunk, error)
                    raise dg.Failure(str(error), allow_retries=False) from error
                changed = change_metadata(contract.table, database, context.run.run_id)
                found = {day: {**of, **changed.get(day, {})} for day, of in _by_partition(loaded, reports).items()}
                others = sum(report.others for report in reports)
                describe_partitions(context, found, {"files_read": len(reports), "rows_not_for_table": others})
        yield dg.MaterializeResult(asset_key=asset_key(contract.table))
        yield from change_results(context, small_change, contract.table, database, days)

    return events


def is_automatic(tags: Mapping[str, str]) -> bool:
    """Whether a sensor or schedule started the run. A person started every other one."""
    return SENSOR_NAME_TAG in tags or SCHEDULE_NAME_TAG in tags


def _by_partition(loaded: Sequence[LoadedDay], reports: Sequence[FileReport]) -> dict[str, dict[str, Any]]:
    rejected: Counter[date | None] = Counter()
    for report in reports:
        rejected.update(report.rejected)
    return {
        day.day.isoformat(): {
            "dagster/partition_row_count": day.rows,
            "rows_duplicate": day.duplicates,
            "rows_conflicting": day.conflicting,
            "rows_rejected": rejected[day.day],
            "rows_rejected_without_a_day": rejected[None],
            "lake_file": day.file.path,
            "lake_bytes": day.file.size_bytes,
        }
        for day in loaded
    }
