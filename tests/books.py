"""What tests ask after a load: what the table holds, which checks fail, whether the books balance."""

from datetime import date, timedelta

from events import DAY, DOWNLOADS, ask, booked, ledger, rejected

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database


def loaded_ids(settings: Settings, table: str = DOWNLOADS) -> list[int]:
    rows = ask(settings.database_url, f"select event_id from {table} order by 1")
    return [row["event_id"].int for row in rows]


def failing_checks(database: Database, catalog: Catalog, day: date = DAY, table: str = DOWNLOADS) -> set[str]:
    """The checks of an event table that fail for a day, of those about files and rows (not about past days)."""
    checks = [check for check in declared_checks(catalog)[table] if check.name != "volume_is_usual"]
    results = evaluate(database, targets(catalog)[table], checks, {day: day + timedelta(days=1)})
    return {result.name for result in results if not result.passed}


def assert_books_balance(settings: Settings) -> None:
    """rows read = loaded + duplicate + rejected, per file and day of a file, and the tables hold what was loaded."""
    url = settings.database_url
    files, days = ledger(url), booked(url)
    rows = rejected(url)
    for path, file in files.items():
        assert file["rows_read"] == file["rows_valid"] + file["rows_rejected"], path
        assert file["rows_rejected"] == len([row for row in rows if row[0] == path and row[1] is not None]), path
        loaded = [counts for counts in days.get(path, {}).values() if None not in counts]
        assert all(read == bad + kept + copies for read, bad, kept, copies, _ in loaded), path
    for (table,) in {(file["table_name"],) for file in files.values()}:
        held = ask(url, f"select count(*) as count from {table}")[0]["count"]
        of_table = [path for path, file in files.items() if file["table_name"] == table]
        assert held == sum(c[2] for path in of_table for c in days.get(path, {}).values() if None not in c)


def leftovers(url: str | None) -> list[str]:
    """Relations that only exist while a run is under way."""
    return [
        row["name"]
        for row in ask(
            url,
            r"select oid::regclass::text as name from pg_class where relname like '%\_new' "
            r"or (relnamespace = 'ops'::regnamespace and relkind = 'v' and relname <> 'current_lake_files')",
        )
    ]
