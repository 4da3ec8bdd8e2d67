"""The states of days as an asset: its page in the UI shows which day of which table is there and can still change."""

from datetime import timedelta

import dagster as dg

from analytics_etl.assets.metadata import HOURLY, asset_key, retrying_lost_connections, table_of_rows
from analytics_etl.catalog import Catalog
from analytics_etl.status import matrices, notes
from analytics_etl.warehouse import Warehouse

DAYS_KEY = dg.AssetKey(["ops", "days"])
DAYS_SHOWN = 14
NOTES_SHOWN = 20


def build_days_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """The asset that brings `ops.days` up to date with the settings and shows the newest of them."""

    @dg.asset(
        key=DAYS_KEY,
        deps=[asset_key(table) for table in catalog.event_tables],
        group_name="ops",
        description="The state of each day of each table: expected, provisional, final, frozen_late (late rows wait), "
        "failed or archived. What is wrong or odd stands below the table, with what to type.",
        kinds={"postgres", "table"},
        freshness_policy=HOURLY,
    )
    def days(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> None:
        with retrying_lost_connections(warehouse):
            last = warehouse.newest_day(list(catalog.contracts)) or warehouse.settings.start_date
            first = last - timedelta(days=DAYS_SHOWN - 1)
            by_day = matrices(warehouse, catalog, first, last)[0]
            broken = [f"{table} cannot be made: {why}" for table, why in catalog.broken.items()]
            found = [*broken, *notes(warehouse, first, last + timedelta(days=1))]
        rows = [
            {"table": table, **{f"{day:%m-%d}": cell.label for day, cell in zip(by_day.periods, cells, strict=True)}}
            for table, cells in by_day.cells.items()
        ]
        wrong = [{"newest first": note} for note in found[:NOTES_SHOWN]]
        context.add_output_metadata(
            {
                "states": dg.MetadataValue.md(table_of_rows(rows)),
                "notes": dg.MetadataValue.md(table_of_rows(wrong)),
                "days_with_notes": len(found),
            }
        )

    return days
