"""Another version of PostgreSQL gives the same tables, views, check results and reports as the embedded one."""

import re
from datetime import date, timedelta
from pathlib import Path

from conftest import Server, needs_second_postgres, settings_in
from events import all_tables, ask, load_and_aggregate, rare, without_rows

from analytics_etl.catalog.calendar import periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.pipeline.reports import write_report
from analytics_etl.postgres.database import Database

pytestmark = needs_second_postgres

LAST = date(2025, 4, 1)
FIRST = LAST - timedelta(days=2)

WRITTEN_AT = re.compile(r"on [0-9]+ \w+ [0-9]{4} at [0-9]{2}:[0-9]{2} UTC")
"""When a report was first written, which each of them says."""

Found = tuple[dict[str, list[str]], set[tuple[str, str, str, bool, int]], str, str]


def run(settings: Settings, catalog: Catalog) -> Found:
    """Tables, check results, and the report of the last day in both forms."""
    write_sample(
        settings.landing_dir, SampleOptions(last_day=LAST, days=3, events_per_day=500, families=tuple(FAMILIES))
    )
    database = Database(settings)
    load_and_aggregate(database, FIRST, LAST)
    results = [
        result
        for table, checks in declared_checks(catalog).items()
        for result in evaluate(
            database,
            targets(catalog)[table],
            checks,
            {LAST: LAST} if table in catalog.views else periods(cadence_of(table), LAST, LAST),
        )
    ]
    record_checks(database, results)
    report = write_report(database, catalog, "registry", "day", LAST)
    outcomes = {(r.table, r.name, r.start.isoformat(), r.passed, r.unexpected_count) for r in results}
    html, json = (WRITTEN_AT.sub("at some time", path.read_text()) for path in (report.html, report.json))
    return all_tables(settings), outcomes, html, json


def test_both_give_the_same(server: Server, second_server: Server, tmp_path: Path, catalog: Catalog) -> None:
    found: list[Found] = []
    versions = set()
    for name, where in (("embedded", server), ("second", second_server)):
        url = where.clone()
        found.append(run(settings_in(tmp_path / name, url), catalog))
        versions.add(ask(url, "show server_version")[0]["server_version"])
        where.drop(url)
    assert len(versions) == 2
    (tables, outcomes, *reports), (other_tables, other_outcomes, *other_reports) = found
    assert tables.keys() == other_tables.keys()
    assert set(without_rows(tables)) <= rare()
    for table, rows in tables.items():
        assert sorted(other_tables[table]) == sorted(rows), table  # the servers may sort by other rules
    assert other_outcomes == outcomes
    assert all(passed for *_, passed, _ in outcomes)
    assert other_reports == reports
