"""Assets of reports: HTML and JSON files of a period, and the index page that lists them."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from analytics_etl.catalog.calendar import NAMES, Cadence, period_start, report_path
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.orchestration.assets.metadata import FRESHNESS, HOURLY, asset_key, retrying_lost_connections
from analytics_etl.orchestration.partitions import Partitions, requested_periods
from analytics_etl.orchestration.report_delivery import ReportDelivery
from analytics_etl.pipeline.due_reports import INDEX, broken_report_tables, look_ahead, report_tables
from analytics_etl.pipeline.failed_reports import reports_of_failures
from analytics_etl.pipeline.module_pages import write_module_pages
from analytics_etl.pipeline.outdated_reports import matured_reports, outdated_reports, publishable_reports
from analytics_etl.pipeline.reports import WrittenReport, loaded_families, write_index, write_report
from analytics_etl.postgres.database import Database

INDEX_KEY = dg.AssetKey(INDEX.split("."))
INDEX_GROUP = "reports"


def report_key(family: str, cadence: Cadence) -> dg.AssetKey:
    """The asset of the reports of a family and cadence."""
    return dg.AssetKey([family, f"{NAMES[cadence]}_report"])


def build_report_asset(catalog: Catalog, family: str, cadence: Cadence, partitions: Partitions) -> dg.AssetsDefinition:
    """The asset of the reports of one family and cadence; a partition is the pair of files of one period."""
    name = NAMES[cadence]
    models = [catalog.aggregates[table] for table in report_tables(catalog, family, cadence)]
    broken = broken_report_tables(catalog, family, cadence)

    @dg.asset(
        key=report_key(family, cadence),
        deps=[asset_key(table) for table in [*(model.table for model in models), *broken]],
        group_name=family,
        description=f"The {name} report of the {family} as HTML and JSON, as of the end of its period.",
        partitions_def=partitions.of(cadence),
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"html", "json"},
        freshness_policy=FRESHNESS[cadence],
        output_required=False,  # a period without a loaded day has no report
    )
    def report(
        context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]
    ) -> Iterator[dg.MaterializeResult[None]]:
        requested = requested_periods(context, cadence)
        delivery = ReportDelivery(database, context.run.tags)

        def write(start: date) -> WrittenReport:
            run_id = context.run.run_id
            written = write_report(database, catalog, family, cadence, start, run_id, delivery.published)
            delivery.written(written.value)
            return written

        def path_of(start: date) -> Path:
            return database.settings.reports_dir / report_path(family, name, start, "json")

        with retrying_lost_connections(database):
            others = outdated_reports(database, models, cadence, requested, context.run.run_id, path_of)
            matured = matured_reports(database, models, cadence, min(requested), path_of)
            others += [start for start in matured if start not in others]
            ahead = look_ahead(catalog, family)
            waited = publishable_reports(database, models, name, cadence, requested, ahead, path_of)
            others += [start for start in waited if start not in others]
            before = period_start(cadence, min(requested) - timedelta(days=1))
            if before not in others and _lacks_next(path_of(before)):
                others.append(before)  # it now has a next report to link to
            for start in others:
                also = write(start)
                context.log.info("also wrote %s", also.html)
        loaded = [start for start in requested if family in loaded_families(database, cadence, start)]
        for start in requested:
            if start not in loaded:
                context.log.warning("no report of %s: nothing of it is loaded", start)
                continue
            with retrying_lost_connections(database):
                written = write(start)
            context.log.info("wrote %s", written.html)
            metadata = {
                "html": dg.MetadataValue.path(str(written.html)),
                "json": dg.MetadataValue.path(str(written.json)),
                "state": written.value["state"]["sentence"],
                **_link(database.settings, report_path(family, name, start)),
            }
            context.add_asset_metadata(metadata, partition_key=start.isoformat())
        if loaded:
            yield dg.MaterializeResult()

    return report


def build_index_asset(catalog: Catalog, families: list[str]) -> dg.AssetsDefinition:
    """The asset of the page that lists all reports."""

    @dg.asset(
        key=INDEX_KEY,
        deps=[report_key(family, cadence) for family in families for cadence in NAMES],
        group_name=INDEX_GROUP,
        description="The page that lists all reports, as HTML and JSON. Before, reports are written again if something "
        "failed in their period after they were written, and pages of modules if something on them changed.",
        kinds={"html", "json"},
        freshness_policy=HOURLY,
    )
    def index(context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]) -> None:
        try:
            with retrying_lost_connections(database):
                for due in reports_of_failures(database, catalog):
                    also = write_report(database, catalog, due.family, due.cadence, due.start, context.run.run_id)
                    context.log.info("wrote %s, which was %s", also.html, due.why)
                context.log.info("wrote the pages of %s modules", write_module_pages(database, catalog))
        finally:  # a report that cannot be written must not keep the others off the index
            path, count = write_index(database.settings.reports_dir)
        context.add_output_metadata(
            {
                "html": dg.MetadataValue.path(str(path)),
                "reports": count,
                **_link(database.settings, path.name),
            }
        )

    return index


def _link(settings: Settings, path: str) -> dict[str, dg.MetadataValue[str]]:
    """The link to a page, if the settings say where reports are served."""
    return {} if settings.reports_url is None else {"page": dg.MetadataValue.url(f"{settings.reports_url}/{path}")}


def _lacks_next(path: Path) -> bool:
    """Whether a report exists and has no link to a next one."""
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["links"]["next"] is None
