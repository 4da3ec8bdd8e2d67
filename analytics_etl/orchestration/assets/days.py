"""The states of days as an asset: its page in the UI shows the state of each day of each table."""

from collections.abc import Collection
from datetime import timedelta

import dagster as dg

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.states import MARKS
from analytics_etl.monitoring.status import Cell, Matrix, matrices, notes
from analytics_etl.ops.partitions import newest_day
from analytics_etl.orchestration.assets.metadata import HOURLY, asset_key, retrying_lost_connections, table_of_rows
from analytics_etl.postgres.database import Database

DAYS_KEY = dg.AssetKey(["ops", "days"])
DAYS_SHOWN = 14
NOTES_SHOWN = 20


def build_days_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """The asset that brings `ops.days` up to date with the settings and shows the newest days."""

    @dg.asset(
        key=DAYS_KEY,
        deps=[asset_key(table) for table in catalog.event_tables],
        group_name="ops",
        description="The state of each day of each table, newest first, by the marks of `analytics-etl status`. What "
        "is wrong or odd stands below the table, with what to type.",
        kinds={"postgres", "table"},
        freshness_policy=HOURLY,
    )
    def days(context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]) -> None:
        with retrying_lost_connections(database):
            last = database.run(newest_day, list(catalog.contracts)) or database.settings.start_date
            first = last - timedelta(days=DAYS_SHOWN - 1)
            by_day = matrices(database, catalog, first, last)[0]
            broken = [f"{table} cannot be made: {why}" for table, why in catalog.broken.items()]
            found = [*broken, *notes(database, first, last + timedelta(days=1))]
        wrong = [{"newest first": note} for note in found[:NOTES_SHOWN]]
        context.add_output_metadata(
            {
                "states": dg.MetadataValue.md(_marked(by_day, catalog.contracts)),
                "notes": dg.MetadataValue.md(table_of_rows(wrong)),
                "days_with_notes": len(found),
            }
        )

    return days


def _marked(matrix: Matrix, raw: Collection[str]) -> str:
    """The Markdown table of marks with its legend, newest day first.

    To fit on a page, it names the month only where it changes, and shows derived tables of a family that have the same
    marks as one line.
    """
    days = list(reversed(matrix.periods))
    months = [None, *(day.month for day in days)]
    head = [f"{day:%d}" if day.month == before else f"{day:%m-%d}" for day, before in zip(days, months, strict=False)]
    alike: dict[tuple[str, ...], list[str]] = {}
    for table, cells in matrix.cells.items():
        marks = [_sign(cell) if cell.is_due else "" for cell in reversed(cells)]
        alike.setdefault((table if table in raw else table.split(".")[0], *marks), []).append(table)
    lines = [["table", *head], ["---", *[":-:"] * len(days)]]
    for (family, *marks), tables in alike.items():
        lines.append([tables[0] if len(tables) == 1 else f"{family}: {len(tables)} derived tables", *marks])
    legend = " &nbsp; ".join(f"{mark.sign} {mark.words}".replace(" ", "&nbsp;") for mark in MARKS.values())
    return "\n".join([legend, "", *(f"| {' | '.join(line)} |" for line in lines)])


def _sign(cell: Cell) -> str:
    return MARKS[cell.state].sign + (MARKS[cell.flag].sign if cell.flag else "")
