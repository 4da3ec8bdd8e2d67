"""Verification as an asset: sampled cells of a week, compared with what another engine computes.

Users know it as the watchdog: so the command, the asset, the job, the schedule and the check are called.
"""

from collections.abc import Iterator

import dagster as dg

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.orchestration.assets.metadata import asset_key, retrying_lost_connections, table_of_rows
from analytics_etl.pipeline import verification
from analytics_etl.postgres.database import Database

VERIFICATION_KEY = dg.AssetKey(["ops", "watchdog"])


class VerificationConfig(dg.Config):
    """How many cells to compare, and which: the same seed samples the same cells."""

    cells: int = verification.DEFAULT_CELLS
    seed: int | None = None


def build_verification_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """The asset of the verification. Its check fails when a stored value differs from what the raw rows give."""

    @dg.asset(
        key=VERIFICATION_KEY,
        deps=[asset_key(table) for table in catalog.aggregates],
        group_name="ops",
        description="Sampled cells of every derived table, computed again from the raw rows by another engine.",
        kinds={"duckdb", "postgres"},
        check_specs=[
            dg.AssetCheckSpec(verification.CHECK, asset=VERIFICATION_KEY, description=verification.DESCRIPTION)
        ],
    )
    def verify(
        context: dg.AssetExecutionContext, config: VerificationConfig, database: dg.ResourceParam[Database]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with retrying_lost_connections(database):
            findings = verification.watch(database, catalog, config.cells, config.seed, context.run.run_id)
        wrong = [difference for finding in findings for difference in finding.differences]
        sample = table_of_rows([vars(difference) for difference in wrong[: verification.SAMPLE_ROWS]])
        yield dg.MaterializeResult(
            metadata={
                "cells": sum(finding.keys for finding in findings),
                "partitions": dg.MetadataValue.md(
                    table_of_rows([{"table": f.table, "start": f.start, "keys": f.keys} for f in findings])
                ),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=verification.CHECK,
                    passed=not wrong,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"differences": len(wrong), "sample": dg.MetadataValue.md(sample)},
                )
            ],
        )

    return verify
