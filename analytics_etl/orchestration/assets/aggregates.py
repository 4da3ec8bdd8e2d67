"""Assets of aggregates: one SQL file is one table is one asset. A run replaces the window of its partitions."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from analytics_etl.catalog.models import Model
from analytics_etl.ops.changes import ChangeRefusedError
from analytics_etl.orchestration.assets.metadata import (
    FRESHNESS,
    asset_key,
    change_check,
    change_metadata,
    change_results,
    column_schema,
    describe_partitions,
    is_change_accepted,
    lineage_metadata,
    retrying_lost_connections,
    statement_metadata,
)
from analytics_etl.orchestration.partitions import Partitions, requested_periods
from analytics_etl.pipeline import publishing
from analytics_etl.postgres.database import Database

MOST_MAPPED_DAYS = 31
"""Dagster walks an offset day by day. So lineage of a table that reads from the first day shows only the last ones."""


def build_aggregate_asset(model: Model, partitions: Partitions) -> dg.AssetsDefinition:
    """The asset of one aggregate."""
    # A table that looks back or ahead depends on the days around its own, too.
    mapping = dg.TimeWindowPartitionMapping(
        start_offset=-min(model.lookback_days, MOST_MAPPED_DAYS),
        end_offset=model.lookahead_days,
        allow_nonexistent_upstream_partitions=True,
    )

    small_change = change_check(model.table, partitions.of(model.cadence))

    @dg.asset(
        key=asset_key(model.table),
        deps=[dg.AssetDep(asset_key(table), partition_mapping=mapping) for table in model.dependencies],
        check_specs=[small_change],
        group_name=model.family,
        description=model.description,
        partitions_def=partitions.of(model.cadence),
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"parquet", "sql"} if model.is_in_lake_only else {"postgres", "sql", "table"},
        pool=model.table,
        code_version=model.code_version,
        freshness_policy=FRESHNESS[model.cadence],
        metadata={**statement_metadata(model), "dagster/column_schema": column_schema(model.columns)},
    )
    def aggregate(context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]) -> Iterator[Any]:
        requested = requested_periods(context, model.cadence)
        with retrying_lost_connections(database):
            try:
                replaced = publishing.replace(
                    database,
                    model,
                    requested,
                    context.run.run_id,
                    accept_change=is_change_accepted(context),
                )
            except ChangeRefusedError as error:
                yield from change_results(context, small_change, model.table, database, requested, error)
                raise dg.Failure(str(error), allow_retries=False) from error
            changed = change_metadata(model.table, database, context.run.run_id)
            shared = {**lineage_metadata(model, database), "duration_ms": replaced.duration_ms}
        if replaced.refreshed:
            also = ", ".join(day.isoformat() for day in replaced.refreshed)
            context.log.info("%s reads days around its own: also refreshed %s", model.table, also)
        by_partition: Mapping[str, Mapping[str, Any]] = {
            start.isoformat(): {"dagster/partition_row_count": rows, **changed.get(start.isoformat(), {})}
            for start, rows in replaced.rows.items()
        }
        describe_partitions(context, by_partition, shared)
        yield dg.MaterializeResult(asset_key=asset_key(model.table))
        yield from change_results(context, small_change, model.table, database, requested)

    return aggregate
