"""Fine-grained tables that the version before had in PostgreSQL move into the lake, day by day, and lose nothing."""

from datetime import timedelta

import psycopg
import pytest
from archived import put_into_postgres
from click.testing import CliRunner
from commands import call, variables
from events import DAY, DOWNLOADS, aggregate, ask, declared, download, load, rows_in_lake, rows_of, write

from analytics_etl.catalog.calendar import periods
from analytics_etl.cli import main
from analytics_etl.config.settings import Settings
from analytics_etl.ops import places as books_of_places
from analytics_etl.pipeline import publishing, retention
from analytics_etl.postgres.database import Database

TABLE = "registry.module_activity_daily"
DAYS = [DAY + timedelta(days=n) for n in range(3)]


@pytest.fixture
def before(settings: Settings, database: Database) -> list[str]:
    """Three days, of which the second has no rows. The rows of the table, as text."""
    write(settings, "download_events/a.ndjson", [download(n, DAYS[n % 2 * 2]) for n in range(20)])
    load(database, DOWNLOADS, *DAYS)
    aggregate(database, DAYS[0], DAYS[-1], families=["registry"])
    rows = rows_in_lake(settings, TABLE)
    assert put_into_postgres(settings, declared().aggregates[TABLE]) == len(rows) == 20
    assert (rows_of(settings.database_url, TABLE), rows_in_lake(settings, TABLE)) == (rows, [])
    return rows


def places(settings: Settings) -> list[bool]:
    found = ask(settings.database_url, "select in_postgres from ops.partitions where table_name = %s order by "
                "period_start", [TABLE])  # fmt: skip
    return [row["in_postgres"] for row in found]


def answered(settings: Settings) -> str:
    """What the prompt says of the table, wherever its rows lie."""
    environment = {**variables(settings), "ANALYTICS_LAKE": str(settings.lake_dir)}
    statement = f"select day, count(*) as n from {TABLE} group by 1 order by 1"
    found = CliRunner(env=environment).invoke(main, ["sql", "--format", "csv", "-c", statement])
    assert found.exit_code == 0, found.output
    return found.stdout


def test_the_command_moves_each_day_and_leaves_a_view_that_says_where_the_rows_are(
    settings: Settings, before: list[str]
) -> None:
    asked = answered(settings)
    assert asked == f"day,n\n{DAYS[0]},10\n{DAYS[2]},10\n"
    environment = {**variables(settings), "ANALYTICS_LAKE": str(settings.lake_dir)}
    due = call("archive --dry-run", environment)
    assert f"take over into the lake: {TABLE} {DAYS[0]}\n" in due.stdout
    assert "2 steps due; nothing was changed" in due.stdout
    done = call("archive", environment)
    assert done.exit_code == 0, done.output
    assert "took over 2 days of an earlier version into the lake" in done.stdout
    assert rows_in_lake(settings, TABLE) == before
    assert places(settings) == [False] * 3
    with pytest.raises(psycopg.errors.RaiseException, match="are in the lake, not in PostgreSQL"):
        rows_of(settings.database_url, TABLE)
    assert answered(settings) == asked
    assert "took over" not in call("archive", environment).stdout


def test_interrupted_it_goes_on_with_the_next_run_of_the_table(
    settings: Settings, database: Database, before: list[str]
) -> None:
    first, second = retention.plan_taking_over(database, declared())
    retention.take_over(database, first, "test")
    assert places(settings) == [False, True, True]
    assert (len(rows_of(settings.database_url, TABLE)), len(rows_in_lake(settings, TABLE))) == (10, 10)
    assert answered(settings) == f"day,n\n{DAYS[0]},10\n{DAYS[2]},10\n"
    assert second.day == DAYS[2]
    aggregate(database, DAYS[1], DAYS[1], families=["registry"])  # the rest goes at once
    assert rows_in_lake(settings, TABLE) == before
    assert places(settings) == [False] * 3
    assert ask(settings.database_url, "select * from ops.changes") == []


def test_a_kill_in_the_middle_of_a_day_leaves_the_day_in_postgresql(
    settings: Settings, database: Database, before: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = retention.plan_taking_over(database, declared())
    with monkeypatch.context() as patch:
        patch.setattr(books_of_places, "set_place", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retention.take_over(database, first, "test")
    assert rows_of(settings.database_url, TABLE) == before
    assert rows_in_lake(settings, TABLE) == []
    aggregate(database, DAYS[0], DAYS[-1], families=["registry"])
    assert rows_in_lake(settings, TABLE) == before


def test_replaced_twice_and_day_by_day_is_replaced_once(
    settings: Settings, database: Database, before: list[str]
) -> None:
    model = declared().aggregates[TABLE]
    for _ in range(2):
        publishing.replace(database, model, periods("day", DAYS[0], DAYS[-1]))
        assert rows_in_lake(settings, TABLE) == before
    for day in reversed(DAYS):
        publishing.replace(database, model, {day: day + timedelta(days=1)})
    assert rows_in_lake(settings, TABLE) == before
    assert ask(settings.database_url, "select * from ops.changes") == []
