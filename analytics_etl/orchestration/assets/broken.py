"""Assets of broken tables: those whose file is broken, and those that read one of them. They fail with the reason.

So a run still makes all other tables, and ends as failed: nobody takes the day for done.
"""

import dagster as dg

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.orchestration.assets.metadata import FRESHNESS, HOURLY, asset_key, landing_key
from analytics_etl.orchestration.partitions import Partitions


class BrokenFileError(dg.Failure):
    """The asset of a broken table was run. The run itself is fine."""


def build_broken_asset(catalog: Catalog, table: str, partitions: Partitions) -> dg.AssetsDefinition:
    """The asset of one broken table, with the key, partitions and dependencies it has when its file is right."""
    reason, is_view, cadence = catalog.broken[table], catalog.is_view(table), cadence_of(table)
    deps = [landing_key(table)] if catalog.is_contract(table) else [asset_key(name) for name in catalog.reads(table)]

    @dg.asset(
        key=asset_key(table),
        deps=deps,
        group_name=table.split(".", maxsplit=1)[0],
        description=f"Cannot be made: {reason}",
        partitions_def=None if is_view else partitions.of(cadence),
        backfill_policy=None if is_view else dg.BackfillPolicy.single_run(),
        kinds={"postgres", "table"},
        pool=table,
        freshness_policy=HOURLY if is_view else FRESHNESS[cadence],
    )
    def broken() -> None:
        raise BrokenFileError(f"{table} cannot be made: {reason}", allow_retries=False)

    return broken
