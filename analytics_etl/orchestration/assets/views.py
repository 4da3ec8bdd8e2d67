"""Assets of materialized views: a run refreshes one while others read it."""

from collections.abc import Iterator

import dagster as dg

from analytics_etl.catalog.models import Model
from analytics_etl.orchestration.assets.metadata import (
    HOURLY,
    asset_key,
    column_schema,
    lineage_metadata,
    retrying_lost_connections,
    statement_metadata,
)
from analytics_etl.pipeline import publishing
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database


def build_view_asset(model: Model) -> dg.AssetsDefinition:
    """The asset of one materialized view. It has no partitions."""

    @dg.asset(
        key=asset_key(model.table),
        deps=[asset_key(table) for table in model.dependencies],
        group_name=model.family,
        description=model.description,
        kinds={"postgres", "sql", "view"},
        pool=model.table,
        code_version=model.code_version,
        freshness_policy=HOURLY,
        output_required=False,
        metadata={**statement_metadata(model), "dagster/column_schema": column_schema(model.columns)},
    )
    def view(
        context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with retrying_lost_connections(database):
            if lacking := set(model.dependencies) - set(database.run(column_types, model.dependencies)):
                # Without a result, its checks do not run either.
                context.log.info("%s shows nothing yet: %s comes with the first run", model.table, min(lacking))
                return
            count = publishing.refresh(database, model)
            metadata = {"dagster/row_count": count, **lineage_metadata(model, database)}
        yield dg.MaterializeResult(asset_key=asset_key(model.table), metadata=metadata)

    return view
