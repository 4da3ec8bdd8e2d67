"""The states of days as an asset: its page in the UI shows which day of which table is there and can still change."""

from datetime import timedelta

import dagster as dg

from analytics_etl.assets.metadata import HOURLY, asset_key, retrying_lost_connections, table_of_rows
from analytics_etl.catalog import Catalog
from analytics_etl.marks import MARKS
from analytics_etl.status import Cell, Matrix, matrices, notes
from analytics_etl.warehouse import Warehouse

DAYS_KEY = dg.AssetKey(["ops", "days"])
DAYS_SHOWN = 14
NOTES_SHOWN = 20


def build_days_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """The asset that brings `ops.days` up to date with the settings and shows the newest of them."""

    @dg.asset(
        key=DAYS_KEY,
        deps=[asset_key(table) for table in catalog.contracts],
        group_name="ops",
        description="The state of each day of each table, newest first, by the marks of `analytics-etl status`. What "
        "is wrong or odd stands below the table, with what to type.",
        kinds={"postgres", "table"},
        freshness_policy=HOURLY,
    )
    def days(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> None:
        with retrying_lost_connections(warehouse):
            last = warehouse.newest_day(list(catalog.contracts)) or warehouse.settings.start_date
            first = last - timedelta(days=DAYS_SHOWN - 1)
            by_day = matrices(warehouse, catalog, first, last)[0]
            found = notes(warehouse, first, last + timedelta(days=1))
        wrong = [{"newest first": note} for note in found[:NOTES_SHOWN]]
        context.add_output_metadata(
            {
                "states": dg.MetadataValue.md(_marked(by_day)),
                "notes": dg.MetadataValue.md(table_of_rows(wrong)),
                "days_with_notes": len(found),
            }
        )

    return days


def _marked(matrix: Matrix) -> str:
    """The table of marks with its legend, newest day first. Days of one month share a line of the head."""
    days = list(reversed(matrix.periods))
    head = ["table", *(f"{day:%m}<br>{day:%d}" for day in days)]
    lines = [head, ["---", *[":-:"] * len(days)]]
    for table, cells in matrix.cells.items():
        lines.append([table, *(_sign(cell) for cell in reversed(cells))])
    legend = " &nbsp; ".join(f"{mark.sign} {mark.words}" for mark in MARKS.values())
    return "\n".join([legend, "", *(f"| {' | '.join(line)} |" for line in lines)])


def _sign(cell: Cell) -> str:
    return MARKS[cell.state].sign + (MARKS[cell.flag].sign if cell.flag else "")
