"""The watchdog as an asset: a week's sample of cells, compared with what another engine computes."""

from collections.abc import Iterator

import dagster as dg

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.orchestration.assets.metadata import asset_key, retrying_lost_connections, table_of_rows
from analytics_etl.pipeline import verification as watchdog
from analytics_etl.postgres.database import Database

WATCHDOG_KEY = dg.AssetKey(["ops", "watchdog"])


class WatchdogConfig(dg.Config):
    """How many cells to compare, and which."""

    cells: int = watchdog.DEFAULT_CELLS
    seed: int | None = None


def build_watchdog_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """The asset of the watchdog. Its check fails when a stored value is not what the raw rows give."""

    @dg.asset(
        key=WATCHDOG_KEY,
        deps=[asset_key(table) for table in catalog.aggregates],
        group_name="ops",
        description="Sampled cells of every derived table, computed again from the raw rows by another engine.",
        kinds={"duckdb", "postgres"},
        check_specs=[dg.AssetCheckSpec(watchdog.CHECK, asset=WATCHDOG_KEY, description=watchdog.DESCRIPTION)],
    )
    def watchdog_asset(
        context: dg.AssetExecutionContext, config: WatchdogConfig, database: dg.ResourceParam[Database]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with retrying_lost_connections(database):
            findings = watchdog.watch(database, catalog, config.cells, config.seed, context.run.run_id)
        wrong = [difference for finding in findings for difference in finding.differences]
        yield dg.MaterializeResult(
            metadata={
                "cells": sum(finding.keys for finding in findings),
                "partitions": dg.MetadataValue.md(
                    table_of_rows([{"table": f.table, "start": f.start, "keys": f.keys} for f in findings])
                ),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=watchdog.CHECK,
                    passed=not wrong,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={
                        "differences": len(wrong),
                        "sample": dg.MetadataValue.md(table_of_rows([vars(d) for d in wrong[: watchdog.SAMPLE_ROWS]])),
                    },
                )
            ],
        )

    return watchdog_asset
