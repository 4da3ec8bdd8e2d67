"""Measures the pages of 10,000 modules: all of them at first, and those of a day on which few modules changed.

    python -m benchmarks.module_pages                   # 10,000 modules, 84 days of scores
    python -m benchmarks.module_pages --modules 1000

The rows are written into the tables by SQL, since no run of a registry is measured but its pages. Processor
seconds are of this process without the server.
"""

import argparse
import json
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.pipeline.module_pages import write_module_pages
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.database import Database
from benchmarks.schema_days import event
from benchmarks.small_day import call

LAST = date(2025, 3, 30)
DAYS = 84
CHANGED = 20
CHANGE = "update ops.partitions set changed_at = clock_timestamp()"
ROWS = (
    """insert into registry.module_catalog_daily
        (day, module_name, version, registered_at, format, change_count, breaking_count)
    select %(first)s::date - 4 + v, 'n' || m, v::text, (%(first)s::date - 4 + v)::timestamptz, 'protobuf', 10, 1
    from generate_series(1, %(modules)s) as m, generate_series(1, 4) as v""",
    """insert into registry.schema_changes_daily
        (day, module_name, version, change_number, element, rule, category, is_breaking, message)
    select day, module_name, version, n, 'e' || n, 'field_added', 'addition', false, 'The field was added.'
    from registry.module_catalog_daily, generate_series(1, 10) as n""",
    """insert into registry.module_dependents_daily (day, module_name, dependent_count)
    select %(last)s::date, 'n' || m, 0 from generate_series(1, %(modules)s) as m""",
    """insert into registry.module_health_daily
        (day, module_name, version, format, overall_score, badge, coverage_ratio, complexity_score,
        maintainability_score, unused_score, deprecated_score, breaking_score, entity_count, fields_per_entity,
        nesting_depth, documented_ratio, named_ratio, largest_entity_fields, import_depth, unused_field_count,
        old_field_count, deprecated_count, breaking_count, dependent_count, formula_version, recommendations)
    select day, 'n' || m, '4', 'protobuf', 60 + (m + extract(month from day)::int) %% 40, 'amber', 1, 90, 80, 70, 60,
        100, 5, 20, 1, 0.5, 1, 25, 1, 3, 80, 2, 0, 0, '1', '[]'
    from generate_series(1, %(modules)s) as m,
        generate_series(%(first)s::date, %(last)s::date, interval '1 day') as day""",
    """insert into registry.module_health_changes_daily
        (day, module_name, version, overall_score, badge, previous_day, previous_version, previous_overall_score,
        change_reason)
    select day, module_name, version, overall_score, badge, day - 1, version, overall_score - 1, 'unused 69 to 70'
    from registry.module_health_daily where extract(day from day) = 1""",
    """insert into registry.unused_fields_daily
        (day, module_name, entity, field, element, first_seen_day, is_deprecated)
    select %(last)s::date, 'n' || m, 'e', 'f' || n, 'e.f' || n, %(first)s::date, false
    from generate_series(1, %(modules)s) as m, generate_series(1, 3) as n""",
    """insert into registry.module_stats_daily
        (day, module_name, view_count, download_count, failed_download_count, compilation_count)
    select day, 'n' || m, 9, 7, 0, 1
    from generate_series(1, %(modules)s) as m,
        generate_series(%(first)s::date, %(last)s::date, interval '7 days') as day""",
    """insert into registry.version_consumers_daily
        (day, module_name, version, organization_id, downloads, unique_users)
    select day, module_name, '4', 'org' || n, 3, 1
    from registry.module_stats_daily, generate_series(1, 2) as n where module_name like 'n%%'""",
    "analyze",
    CHANGE,
)
DOWNLOADED = (
    """update registry.module_stats_daily set download_count = download_count + 1
    where day = %(first)s and module_name = any(select 'n' || m from generate_series(1, %(changed)s) as m)""",
    CHANGE,
)


def main() -> None:
    """Parse arguments, make the rows, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", type=int, default=10_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="analytics_etl_module_pages_") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        settings = Settings(home=home, landing_dir=Path(folder) / "landing", reports_dir=home / "reports")
        landing = settings.landing_dir / "module_versions"
        landing.mkdir(parents=True)
        landing.joinpath("one.ndjson").write_text(json.dumps(event(0, LAST, 0, 0)) + "\n", encoding="utf-8")
        try:
            call(CHECKOUT, settings, "run", str(LAST), "--family", "registry")  # makes the tables
            measure(Database(settings), Catalog.of(settings), chosen.modules)
        finally:
            call(CHECKOUT, settings, "stop")


def measure(database: Database, catalog: Catalog, modules: int) -> None:
    """Write all pages, none, and those of some modules."""
    for label, statements in {"all": ROWS, "none changed": (), f"{CHANGED} downloaded": DOWNLOADED}.items():
        database.run(_execute, statements, modules)
        began, processor = time.perf_counter(), time.process_time()
        written = write_module_pages(database, catalog)
        seconds = f"{time.process_time() - processor:>8.1f} processor s {time.perf_counter() - began:>8.1f} s"
        print(f"{label:<20}{written:>8,} pages {seconds}", flush=True)


def _execute(connection: Connection, statements: tuple[str, ...], modules: int) -> None:
    bound = {"first": LAST - timedelta(days=DAYS - 1), "last": LAST, "modules": modules, "changed": CHANGED}
    for statement in statements:
        connection.execute(statement.encode(), bound)


if __name__ == "__main__":
    main()
