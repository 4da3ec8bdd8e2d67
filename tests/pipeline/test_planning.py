"""The backfill plan: what `backfill --missing` finds, and that it then has nothing left to do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import pytest
from commands import call, variables
from conftest import Server
from due import settle
from events import DOWNLOADS, ask, download, execute, ledger, load, load_and_aggregate, write

from analytics_etl.catalog.calendar import period_end
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.monitoring import doctor
from analytics_etl.monitoring.status import Cell, matrices
from analytics_etl.ops.days import frozen_days
from analytics_etl.pipeline.lineage import Lineage
from analytics_etl.pipeline.planning import known_days, make_plan
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry", "schedules", "usage")

FIRST, LAST = date(2025, 3, 3), date(2025, 3, 9)  # a Monday to its Sunday
DAY_LONG = timedelta(days=1)
OF_VERSIONS = "registry.version_stats_daily; checks of registry.version_clients_daily; registry.daily_report"
"""What a run does for this table. A check of the other one reads it."""
WEEK = [FIRST + timedelta(days=n) for n in range(7)]


@cache
def declared() -> Catalog:
    """The catalogue of the families in use: of the others all days would be due."""
    return Catalog(in_use=FAMILIES_IN_USE)


@pytest.fixture(scope="module")
def week(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A whole week, every table of it up to date."""

    def make(database: Database) -> None:
        events = [download(n, day) for n, day in enumerate(WEEK)]
        write(database.settings, "download_events/week.ndjson", events)
        load_and_aggregate(database, FIRST, LAST)
        settle(database, FIRST, LAST)

    with server.made_once(tmp_path_factory.mktemp("week"), make, FAMILIES_IN_USE) as made:
        yield made


@pytest.fixture
def loaded(server: Server, week: Settings, settings: Settings) -> Database:
    server.copy(week, settings)
    return Database(settings)


def jobs(database: Database) -> list[str]:
    return [str(job) for job in make_plan(database, declared(), FIRST, LAST).jobs]


def test_nothing_is_known_of_an_empty_database(database: Database) -> None:
    assert known_days(database, LAST) is None


def test_what_is_up_to_date_is_left_alone(loaded: Database) -> None:
    plan = make_plan(loaded, declared(), FIRST, LAST)
    assert (plan.partitions, plan.jobs, plan.frozen) == ([], [], [])
    assert known_days(loaded, LAST) == (FIRST, LAST)


def test_rows_of_days_that_cannot_be_run_name_no_day(settings: Settings, loaded: Database) -> None:
    """Before the first partition, and of a day that is not over: Dagster has no partition for them."""
    write(settings, "download_events/far.ndjson", [download(500, date(2001, 1, 1)), download(501, LAST + DAY_LONG)])
    load(loaded, DOWNLOADS, FIRST)
    assert known_days(loaded, LAST) == (FIRST, LAST)
    assert known_days(loaded, LAST + DAY_LONG) == (FIRST, LAST + DAY_LONG)


def test_only_of_the_families_that_are_named(loaded: Database) -> None:
    execute(
        loaded.settings.database_url,
        "delete from ops.partitions where (table_name, period_start) in "
        "(('registry.language_stats_daily', '2025-03-04'), ('usage.schema_usage_1h', '2025-03-08'))",
    )
    plan = make_plan(loaded, declared(), FIRST, LAST, ("usage", "schedules"))
    assert {(item.table, item.start) for item in plan.partitions if item.why == "missing"} == {
        ("usage.schema_usage_1h", date(2025, 3, 8))
    }
    assert {item.table.split(".")[0] for item in plan.partitions} == {"usage"}
    made = {name.split(".")[0] for job in plan.jobs for name in job.makes(Lineage.of(declared()))}
    assert made == {"usage", "ops", "reports"}, "of schedules there is nothing to do"
    assert str(plan.jobs[0]) == (
        "daily 2025-03-08: usage.schema_usage_1h, usage.series, usage.anomalies, usage.forecasts, "
        "usage.forecast_accuracy, and 1 more; checks of usage.schema_usage_1d; usage.daily_report"
    ), "a check of the days compares them with the hours"
    both = make_plan(loaded, declared(), FIRST, LAST)
    assert len(both.jobs) > len(plan.jobs)


def test_neighbouring_days_are_one_run_and_weeks_and_months_follow(loaded: Database) -> None:
    execute(
        loaded.settings.database_url,
        "delete from ops.partitions where table_name = 'registry.version_stats_daily' "
        "and period_start in ('2025-03-04', '2025-03-05', '2025-03-08')",
    )
    plan = make_plan(loaded, declared(), FIRST, LAST)
    assert {(item.table, item.start, item.why) for item in plan.partitions} == {
        ("registry.version_stats_daily", date(2025, 3, day), "missing") for day in (4, 5, 8)
    }
    assert [str(job) for job in plan.jobs] == [
        f"daily 2025-03-04 to 2025-03-05: {OF_VERSIONS}",
        f"daily 2025-03-08: {OF_VERSIONS}",
        "weekly 2025-03-03: registry.weekly_report",
        "monthly 2025-03-01: registry.monthly_report",
        "views: ops.days; reports.index",
    ]
    assert plan.reasons() == ["registry.version_stats_daily: 3 partitions between 2025-03-04 and 2025-03-08: missing"]


def test_tables_that_lack_the_same_days_for_the_same_reason_share_a_line(loaded: Database) -> None:
    execute(
        loaded.settings.database_url,
        "delete from ops.partitions where (table_name ~ '^registry.*_daily$' or table_name ~ '^schedules.*_events$') "
        "and period_start in ('2025-03-04', '2025-03-05'); "
        "delete from ops.partitions where table_name in ('usage.schema_usage_1h', 'usage.schema_usage_5m') "
        "and period_start = '2025-03-08'",
    )
    missing = [line for line in make_plan(loaded, declared(), FIRST, LAST).reasons() if line.endswith("missing")]
    assert missing == [
        "schedules.schedule_events: 2 partitions between 2025-03-04 and 2025-03-05: missing",
        (
            "registry.module_activity_daily, registry.active_users_daily, registry.language_stats_daily, and 20 more: "
            "2 partitions each between 2025-03-04 and 2025-03-05: missing"
        ),
        "usage.schema_usage_1h, usage.schema_usage_5m: 2025-03-08: missing",
    ]


def test_views_that_are_missing_or_of_an_earlier_version_are_made(loaded: Database) -> None:
    execute(
        loaded.settings.database_url,
        "drop materialized view registry.top_modules_30d; "
        "comment on materialized view usage.top_schemas is 'What is used most. [0123456789ab]'",
    )
    plan = make_plan(loaded, declared(), FIRST, LAST)
    assert (plan.partitions, [str(job) for job in plan.jobs]) == (
        [], ["views: registry.top_modules_30d, usage.top_schemas, ops.days; reports.index"]
    )  # fmt: skip
    assert plan.reasons() == [
        "registry.top_modules_30d: missing", "usage.top_schemas: made by an earlier version of its SQL"
    ]  # fmt: skip
    assert [str(job) for job in make_plan(loaded, declared(), FIRST, LAST, ("usage",)).jobs] == [
        "views: usage.top_schemas, ops.days; reports.index"
    ]
    finding = doctor.services.views(loaded, declared())
    assert (finding.is_well, finding.detail) == (
        False, "registry.top_modules_30d is missing; usage.top_schemas is made by an earlier version of its SQL"
    )  # fmt: skip
    result = call("backfill --missing", variables(loaded.settings))
    assert "✓ 2 views done" in result.stdout, result.output
    plan = make_plan(loaded, declared(), FIRST, LAST)
    assert (plan.views, plan.jobs) == ({}, [])
    assert doctor.services.views(loaded, declared()).is_well


def test_a_failed_check_and_an_earlier_version_are_run_again(loaded: Database) -> None:
    execute(
        loaded.settings.database_url,
        "insert into ops.check_results (table_name, check_name, period_start, period_end, passed, severity, "
        "description, unexpected_count, sample, code_version) values "
        "('registry.org_stats_daily', 'key_is_unique', '2025-03-06', '2025-03-07', false, 'error', 'd', 1, '[]', 'o'), "
        "('registry.org_stats_daily', 'key_is_unique', '2025-03-07', '2025-03-08', false, 'error', 'd', 1, '[]', null) "
        "on conflict (table_name, check_name, period_start) do update set passed = false, code_version = "
        "excluded.code_version, checked_at = clock_timestamp(); "
        "update ops.partitions set code_version = 'before' where table_name = 'registry.module_stats_weekly'",
    )
    plan = make_plan(loaded, declared(), FIRST, LAST)
    assert {(item.table, item.start, item.why) for item in plan.partitions} == {
        ("registry.org_stats_daily", date(2025, 3, 6), "failed a check"),
        ("registry.module_stats_weekly", FIRST, "made by an earlier version of its SQL"),
    }
    [stuck] = plan.stuck
    assert (stuck.table, stuck.start) == ("registry.org_stats_daily", date(2025, 3, 7)), "it would fail again"


def test_what_reads_a_day_that_fails_again_waits_for_it(loaded: Database) -> None:
    """A run of the day would not come to it; tables that do not read it, and other days, are run."""
    day = date(2025, 3, 6)
    execute(
        loaded.settings.database_url,
        f"update ops.check_results set passed = false, checked_at = clock_timestamp() where table_name = '{DOWNLOADS}' "
        f"and check_name = 'event_ids_are_unique' and period_start = '{day}'; "
        "delete from ops.partitions where period_start in ('2025-03-06', '2025-03-07') and table_name in "
        "('registry.module_stats_daily', 'registry.version_stats_daily', 'registry.language_stats_daily')",
    )
    plan = make_plan(loaded, declared(), FIRST, LAST)
    missing = {(item.table, item.start) for item in plan.partitions if item.why == "missing"}
    tables = {table: {start for name, start in missing if name == table} for table, _ in missing}
    assert tables == {
        "registry.module_stats_daily": {date(2025, 3, 7)},
        "registry.version_stats_daily": {date(2025, 3, 7)},
        "registry.language_stats_daily": {day, date(2025, 3, 7)},
    }
    assert [(check.table, check.start) for check in plan.stuck] == [(DOWNLOADS, day)]
    execute(loaded.settings.database_url, "update ops.loaded_files set found_at = clock_timestamp()")
    assert ("registry.module_stats_daily", day) in {
        (item.table, item.start) for item in make_plan(loaded, declared(), FIRST, LAST).partitions
    }, "a file about the day is another one now"


def test_what_reads_a_day_that_was_loaded_again_is_outdated(loaded: Database) -> None:
    load(loaded, DOWNLOADS, LAST)
    why = {
        (item.table, item.start): item.why
        for item in make_plan(loaded, declared(), FIRST, LAST).partitions
        if item.table in ("registry.module_activity_daily", "registry.language_stats_daily")
    }
    assert why == {("registry.module_activity_daily", LAST): f"older than its input {DOWNLOADS}"}


def test_rows_that_came_late_are_loaded_while_the_day_is_provisional(settings: Settings, loaded: Database) -> None:
    write(settings, "download_events/late.ndjson", [download(500, FIRST), download(501, LAST)])
    load(loaded, DOWNLOADS, LAST)  # reads the file, and loads its own day of it only
    gaps = make_plan(loaded, declared(), FIRST, LAST).partitions
    assert [(item.start, item.why) for item in gaps if item.table == DOWNLOADS] == [
        (FIRST, "rows of a late or replaced file are waiting")
    ]
    assert loaded.run(frozen_days) == set()


def test_a_final_day_with_late_rows_is_frozen_and_left_alone(settings: Settings, loaded: Database) -> None:
    write(settings, "download_events/late.ndjson", [download(500, FIRST), download(501, LAST)])
    load(loaded, DOWNLOADS, LAST)
    strict = Database(replace(settings, lateness=PerTable(6)))  # the newest day is FIRST + 6
    plan = make_plan(strict, declared(), FIRST, LAST)
    assert strict.run(frozen_days) == {(DOWNLOADS, FIRST)}
    assert plan.frozen == [FIRST]
    assert FIRST not in {item.start for item in plan.partitions if item.end == period_end("day", item.start)}
    days = next(matrix for matrix in matrices(strict, declared(), FIRST, LAST) if matrix.cadence == "day")
    assert days.cells[DOWNLOADS] == [
        Cell("frozen_late", 1),
        *[Cell("provisional", 1)] * 5,
        Cell("provisional", 2, "unchecked"),
    ]
    make_plan(Database(replace(settings, lateness=PerTable(6, ((DOWNLOADS, 7),)))), declared(), FIRST, LAST)
    assert strict.run(frozen_days) == set()


def test_the_command_looks_at_new_files_first(settings: Settings, loaded: Database) -> None:
    """Of a final day, so that there is nothing to run: without a look the command would not know of the rows."""
    assert loaded.run(frozen_days) == set()
    write(settings, "download_events/late.ndjson", [download(500, FIRST)])
    assert "download_events/late.ndjson" not in ledger(settings.database_url)
    result = call("backfill --missing", {**variables(settings), "ANALYTICS_LATENESS_DAYS": "6"})
    assert result.exit_code == 0, result.output
    frozen, nothing = result.stdout.splitlines()
    assert frozen.startswith(f"! {FIRST} is final and has late or replaced files: left alone")
    assert frozen.endswith(f"analytics-etl reopen {FIRST} --reason TEXT")
    assert "nothing to do" in nothing
    assert "download_events/late.ndjson" in ledger(settings.database_url)


def test_the_command_tells_of_rows_that_no_partition_can_hold(settings: Settings) -> None:
    write(settings, "download_events/old.ndjson", [download(1, date(2001, 1, 1))])
    result = call("backfill --missing", variables(settings))
    assert result.exit_code == 0, result.output
    early, unknown = result.stdout.splitlines()
    assert early == (
        "! 1 row of registry.download_events of 2001-01-01 is in no table, since days begin on 2025-01-01: if the "
        "times are wrong, mend the files; if not, set ANALYTICS_START_DATE=2001-01-01 for good, which makes 8,766 days "
        "more of every table: analytics-etl backfill --missing"
    )
    assert "no day is known yet" in unknown


def written_after(database: Database, moment: str) -> set[tuple[str, date]]:
    """The partitions that were written since."""
    found = ask(
        database.settings.database_url,
        f"select table_name, period_start from ops.partitions where updated_at > '{moment}'",
    )
    return {(row["table_name"], row["period_start"]) for row in found}


def now(database: Database) -> str:
    return str(ask(database.settings.database_url, "select clock_timestamp()::text as now")[0]["now"])


def test_one_new_table_is_made_and_nothing_loaded_for_it(loaded: Database) -> None:
    execute(
        loaded.settings.database_url,
        "drop table registry.version_stats_daily; "
        "delete from ops.partitions where table_name = 'registry.version_stats_daily'",
    )
    before = now(loaded)
    result = call("backfill --missing", variables(loaded.settings))
    assert result.exit_code == 0, result.output
    assert written_after(loaded, before) == {("registry.version_stats_daily", day) for day in WEEK}
    assert OF_VERSIONS in result.stdout
    assert "✓ 7 partitions done: 1 table (" in result.stdout
    plan = make_plan(loaded, declared(), FIRST, LAST)
    assert (plan.partitions, plan.views, plan.checks, plan.reports, plan.jobs) == ([], {}, [], [], [])


def test_a_selected_table_alone_is_run_and_then_what_reads_it_is_due(loaded: Database) -> None:
    before = now(loaded)
    result = call(f"run {LAST} --select registry.module_stats_daily", variables(loaded.settings))
    assert result.exit_code == 0, result.output
    assert written_after(loaded, before) == {("registry.module_stats_daily", LAST)}
    assert f"✓ {LAST} is done: 1 table (1 row); " in result.stdout
    assert "what reads it was not run; to run that, too: analytics-etl backfill --missing" in result.stdout
    gaps = {item.table for item in make_plan(loaded, declared(), FIRST, LAST).partitions}
    assert gaps >= {"registry.overview_daily", "registry.module_stats_weekly", "registry.module_stats_monthly"}
    again = call(f"run {LAST} --select registry.module_stats_daily+", variables(loaded.settings))
    assert again.exit_code == 0, again.output
    assert make_plan(loaded, declared(), FIRST, LAST).jobs == []


def test_a_plan_is_shown_and_nothing_is_run(settings: Settings, loaded: Database) -> None:
    execute(
        loaded.settings.database_url,
        "delete from ops.partitions where (table_name, period_start) = ('registry.org_stats_daily', '2025-03-05'); "
        "update ops.partitions set duration_ms = 1500 where table_name = 'registry.org_stats_daily'",
    )
    write(settings, "download_events/late.ndjson", [download(500, LAST)])
    before, audit = now(loaded), ask(settings.database_url, "select * from ops.audit")
    shown = call("backfill 2025-03-05 2025-03-06 --select registry.org_stats_daily --dry-run", variables(settings))
    assert shown.exit_code == 0, shown.output
    days, head, line, _, total = shown.stdout.splitlines()
    assert days == "daily 2025-03-05 to 2025-03-06"
    assert " ".join(head.split()) == "table, view or report partitions why last time"
    assert line.split() == [
        "registry.org_stats_daily",
        "2",
        "1",
        "missing;",
        "1",
        "up",
        "to",
        "date,",
        "asked",
        "for",
        "3.0",
        "s",
    ]
    assert total == (
        "nothing was run: 1 run planned; the tables took about 3.0 s last time, checks and reports come on top"
    )
    missing = call("backfill --missing --dry-run", variables(settings)).stdout
    assert missing.splitlines()[-1] == (
        "! the plan is not complete: 1 file is not read yet (download_events/late.ndjson); to read it and run all: "
        "analytics-etl backfill --missing"
    )
    assert "registry.org_stats_daily: 2025-03-05 missing" in missing
    assert "nothing was run: 4 runs planned" in missing
    assert "download_events/late.ndjson" not in ledger(settings.database_url)
    assert (written_after(loaded, before), ask(settings.database_url, "select * from ops.audit")) == (set(), audit)


def test_a_dry_run_does_not_call_complete_what_was_not_read(loaded: Database) -> None:
    """A file that is mended, and some that came: only reading them tells what they hold."""
    settings = loaded.settings
    settled = call("backfill --missing", variables(settings))  # the index is written
    assert settled.exit_code == 0, settled.output
    assert "✓ nothing to do" in call("backfill --missing --dry-run", variables(settings)).stdout
    write(settings, "download_events/week.ndjson", [download(n + 50, day) for n, day in enumerate(WEEK)])
    incomplete = "! the plan is not complete: 1 file is not read yet (download_events/week.ndjson); to read it and run"
    before = ledger(settings.database_url)
    missing = call("backfill --missing --dry-run", variables(settings))
    assert missing.stdout.splitlines() == [f"{incomplete} all: analytics-etl backfill --missing"]
    shown = call(f"run {FIRST} --dry-run --family registry", variables(settings)).stdout
    [line] = [line for line in shown.splitlines() if line.startswith("  registry.download_events ")]
    assert " a file was replaced " in f"{line} "
    assert "up to date" not in line
    whys = {
        line.split()[0]: " ".join(line.split()[2:]) for line in shown.splitlines() if line.startswith("  registry.")
    }
    for name, why in {
        "registry.module_activity_daily": "its input registry.download_events is written anew",
        "registry.module_stats_daily": "its input registry.module_activity_daily is written anew",
        "registry.language_stats_daily": "up to date, asked for",
        "registry.daily_report": "its input ",
        "registry.module_stats_weekly": "its input ",
        "registry.weekly_report": "its input ",
    }.items():
        assert whys[name].startswith(why), whys
    assert shown.splitlines()[-1].startswith(incomplete)
    other = call(f"run {FIRST} --dry-run --family usage", variables(settings)).stdout
    assert "not complete" not in other
    for number in range(4):
        write(settings, f"schema_usage_events/{number}.ndjson", b"")
    missing = call("backfill --missing --dry-run", variables(settings))
    assert missing.stdout.startswith("! the plan is not complete: 5 files are not read yet (download_events/week.nd")
    assert "1.ndjson, and 2 more); to read them and run all: " in missing.stdout
    assert ledger(settings.database_url) == before
    done = call("backfill --missing", variables(settings))
    assert "registry.download_events: 7 partitions between 2025-03-03 and 2025-03-09: rows of a late" in done.stdout


def test_a_dry_run_of_a_database_without_days_tells_of_files(settings: Settings) -> None:
    write(settings, "download_events/first.ndjson", [download(1, FIRST)])
    missing = call("backfill --missing --dry-run", variables(settings))
    assert missing.stdout.startswith("! the plan is not complete: 1 file is not read yet (download_events/first.nd")
    assert "no day is known" not in missing.stdout


def test_a_run_by_name_gives_the_reason_of_a_day_that_is_left_alone_otherwise(settings: Settings) -> None:
    """Final days with late rows are left alone by --missing, and loaded by whoever names them."""
    short = replace(settings, lateness=PerTable(2))
    database, environment = Database(short), {**variables(short), "ANALYTICS_LATENESS_DAYS": "2"}
    write(settings, "download_events/week.ndjson", [download(n, day) for n, day in enumerate(WEEK)])
    load(database, DOWNLOADS, *WEEK)
    write(settings, "download_events/late.ndjson", [download(100, FIRST)])
    load(database, DOWNLOADS, LAST)
    assert make_plan(database, declared(), FIRST, FIRST).frozen == [FIRST]
    shown = call(f"run {FIRST} --dry-run --select {DOWNLOADS}", environment).stdout
    [line] = [line for line in shown.splitlines() if line.startswith(f"  {DOWNLOADS} ")]
    assert "rows of a late or replaced file are waiting" in line


def test_a_selection_and_families_do_not_go_together(settings: Settings) -> None:
    both = call(f"run {LAST} --select registry.org_stats_daily --family usage", variables(settings))
    assert (both.exit_code, "--select names tables and --family families" in both.stderr) == (2, True)
    unknown = call("backfill --missing --select registry.org_stat_daily", variables(settings))
    assert (unknown.exit_code, "did you mean registry.org_stats_daily" in unknown.stderr) == (2, True)
