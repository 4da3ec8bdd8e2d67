"""Retention as an asset: its materializations record what left the tables, and when."""

import dagster as dg

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.orchestration.assets.metadata import retrying_lost_connections
from analytics_etl.pipeline import retention
from analytics_etl.postgres.database import Database

RETENTION_KEY = dg.AssetKey(["ops", "retention"])


def build_retention_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """The asset by which old raw days leave their tables, and that empties personal columns."""

    @dg.asset(
        key=RETENTION_KEY,
        group_name="ops",
        description="Old raw days leave their tables and stay in the lake; personal columns are emptied earlier.",
        kinds={"postgres", "parquet"},
    )
    def retention_run(
        context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]
    ) -> dg.MaterializeResult[None]:
        def progress(what: str, done: int, steps: int) -> None:
            context.log.info("%s of %s: %s", done, steps, what)

        with retrying_lost_connections(database):
            outcome = retention.run(database, catalog, f"run {context.run.run_id}", progress)
        return dg.MaterializeResult(
            metadata={
                "days_taken_over": outcome.taken_over,
                "days_archived": outcome.days,
                "days_dropped": outcome.dropped_days,
                "rows_archived": outcome.rows,
                "bytes_archived": outcome.bytes,
                "personal_values_removed": outcome.personal_values,
                "rejected_rows_emptied": outcome.rejected_rows,
                "lake_files_removed": outcome.lake_files,
                "lake_bytes_removed": outcome.lake_bytes,
            }
        )

    return retention_run
