"""One broken SQL file stops its own table and what reads it, is named with its line, and is never taken for done."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from commands import call, variables
from events import DAY, ask, compilation, download, load, view, write

from analytics_etl.catalog import file_marks
from analytics_etl.catalog.broken import in_circles
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import ModelError
from analytics_etl.checks import declared_checks, targets
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config import settings as settings_module
from analytics_etl.config.settings import SQL_DIR, PerTable, Settings
from analytics_etl.monitoring.doctor import failures
from analytics_etl.monitoring.doctor.services import sql_files
from analytics_etl.monitoring.status import matrices
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.dropping import target_of
from analytics_etl.pipeline.due_reports import families_to_report
from analytics_etl.pipeline.planning import make_plan
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.pipeline.reports import write_report
from analytics_etl.pipeline.retention import plan as retention_plan
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database

Break = Callable[[str], str]
STATS = "registry/aggregates/module_stats_daily.sql"
LANGUAGES = "registry/aggregates/language_stats_daily.sql"
CHECK = "registry/checks/language_stats_daily_matches_events.sql"


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """A copy of the SQL files, to break one."""
    shutil.copytree(SQL_DIR, tmp_path / "sql")
    return tmp_path / "sql"


def broken(sql: Path, name: str, change: Break) -> Catalog:
    path = sql / name
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    return Catalog(sql)


def misspelt(text: str) -> str:
    return text.replace("registry.compilation_events", "registry.compilatoin_events")


def line_of(path: Path, part: str) -> int:
    """The line of a file that has a text after its header."""
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(lines, 1) if "*/" in line)
    return next(number for number, line in enumerate(lines, 1) if number > end and part in line)


BROKEN: dict[str, tuple[Break, str]] = {
    "no header": (lambda text: text.partition("*/")[2], "expected a YAML header"),
    "header": (lambda text: text.replace("description: ", "description: a: ", 1), "the header is not valid YAML"),
    "key": (lambda text: text.replace("key: [", "key: 7 # [", 1), "key must be a list of columns"),
    "unknown column": (lambda text: text.replace("columns:\n", "columns:\n  nosuch: No such.\n", 1), "nosuch"),
    "syntax": (lambda text: text.replace("group by", "group bye (", 1), "cannot be parsed"),
    "quote": (lambda text: text + "\nwhere 'x", "cannot be"),
    "parameter": (lambda text: text.replace(":start", ":begin", 1), ":begin"),
    "bytes": (lambda text: text + "\udcff", "cannot be read"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_whatever_is_wrong_with_a_file_stops_its_table_and_what_reads_it(sql: Path, kind: str) -> None:
    change, said = BROKEN[kind]
    path = sql / STATS
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", errors="surrogateescape")
    catalog = Catalog(sql)
    [file] = catalog.broken_files
    assert (file.path, file.tables) == (path, ["registry.module_stats_daily"])
    assert file.reason.startswith(str(path))
    assert said in file.reason
    readers = {name for name, model in Catalog().derived.items() if "registry.module_stats_daily" in model.dependencies}
    # A series of a broken table is left out of the table of series.
    assert {"registry.module_stats_daily", *readers} - {"registry.series"} <= set(catalog.broken)
    assert catalog.broken["registry.module_stats_weekly"] == (
        f"reads registry.module_stats_daily, whose file is broken: {file.reason}"
    )
    assert not {*catalog.contracts, *catalog.derived} & set(catalog.broken)
    assert {*catalog.contracts, *catalog.derived, *catalog.broken} == {*Catalog().contracts, *Catalog().derived}
    assert "registry.language_stats_daily" in catalog.in_order()


def test_a_misspelt_table_is_named_with_its_line_and_the_nearest_name(sql: Path) -> None:
    for name in (LANGUAGES, CHECK):
        catalog = broken(sql, name, misspelt)
    reports = next(
        path for path in (sql / "registry" / "reports").glob("*.sql") if "from registry." in path.read_text()
    )
    reports.write_text(reports.read_text().replace("from registry.", "from registri.", 1))
    catalog = Catalog(sql)
    reasons = {file.path: file.reason for file in catalog.broken_files}
    assert set(reasons) == {sql / LANGUAGES, sql / CHECK, reports}
    for path in (sql / LANGUAGES, sql / CHECK):
        assert reasons[path] == (
            f"{path}:{line_of(path, 'compilatoin_events')}: reads registry.compilatoin_events, and there is no such "
            "table; did you mean registry.compilation_events?"
        )
    assert f"{reports}:{line_of(reports, 'registri.')}: reads registri." in reasons[reports]
    assert "; did you mean registry." in reasons[reports]
    assert set(catalog.broken) == {"registry.language_stats_daily"}
    assert families_to_report(catalog) == ["platform", "schedules", "services", "usage"]


@pytest.mark.parametrize("change", [misspelt, lambda text: text.replace("group by", "group bye (", 1)])
def test_a_file_of_several_tables_stops_them_all_and_is_told_once(sql: Path, change: Break) -> None:
    path = sql / "usage" / "aggregates" / "schema_usage_1m,5m,1h,1d.sql"
    catalog = broken(sql, str(path.relative_to(sql)), lambda text: change(text.replace("schema_usage_ev", "schem_ev")))
    [file] = catalog.broken_files
    assert file.tables == [f"usage.schema_usage_{grain}" for grain in ("1m", "5m", "1h", "1d")]
    assert set(file.tables) <= set(catalog.broken)
    assert "usage.top_schemas" in catalog.broken
    if change is misspelt:
        assert file.reason.startswith(f"{path}:{line_of(path, 'schem_events')}: reads usage.schem_events")


def test_a_check_of_several_tables_is_told_with_the_line_it_is_wrong_in(sql: Path) -> None:
    name = "registry/checks/module_stats_weekly,monthly_equals_days.sql"
    catalog = broken(sql, name, lambda text: text.replace("stats_:grain", "statistics_:grain"))
    assert set(catalog.broken_checks) == {f"registry.module_stats_{of}_equals_days" for of in ("weekly", "monthly")}
    line = line_of(sql / name, "statistics_")
    [file] = catalog.broken_files
    assert f":{line}: reads registry.module_statistics_monthly, and there is no such table" in file.reason
    failing = [check.table for found in declared_checks(catalog).values() for check in found if check.problem]
    assert sorted(failing) == ["registry.module_stats_monthly", "registry.module_stats_weekly"]


def test_a_table_without_its_schema_and_one_that_is_made_of_itself(sql: Path) -> None:
    path = sql / LANGUAGES
    catalog = broken(sql, LANGUAGES, lambda text: text.replace("registry.compilation_events", "compilation_events"))
    assert catalog.broken_files[0].reason == (
        f"{path}:{line_of(path, 'compilation_events')}: reads compilation_events, which is no CTE; a table is "
        "named with its schema; did you mean registry.compilation_events?"
    )
    path.write_text(
        (SQL_DIR / LANGUAGES).read_text().replace("registry.compilation_events", "registry.language_stats_daily")
    )
    assert "the table is made of itself" in Catalog(sql).broken["registry.language_stats_daily"]
    assert in_circles({**Catalog().aggregates, **Catalog().views}) == {}


def test_a_broken_contract_and_a_broken_source_stop_what_is_loaded_by_them(sql: Path) -> None:
    name = "registry/events/compilation_events.sql"
    catalog = broken(sql, name, lambda text: text.replace("language text", "language varchar(7)", 1))
    assert "registry.compilation_events" in catalog.broken
    assert "registry.language_stats_daily" in catalog.broken
    assert "registry.download_events" in catalog.contracts
    assert "registry" in catalog.families
    source = next((sql / "registry" / "sources").glob("*.sql"))
    source.write_text(source.read_text() + " where (")
    catalog = Catalog(sql)
    assert not [table for table in catalog.contracts if table.startswith("registry.")]
    assert "its source mapping is broken" in catalog.broken["registry.download_events"]
    assert "usage.schema_usage_events" in catalog.contracts


def test_a_broken_check_fails_for_its_table(sql: Path, settings: Settings, database: Database) -> None:
    """It is not left out, judges no day that another version of it has judged, and is asked again once mended."""
    catalog = broken(sql, CHECK, misspelt)
    table = "registry.language_stats_daily"
    assert catalog.broken == {}
    assert [check.name for check in declared_checks(catalog)[table]].count("matches_events") == 1
    names = {of: {check.name for check in checks} for of, checks in declared_checks(Catalog()).items()}
    assert names == {of: {check.name for check in checks} for of, checks in declared_checks(catalog).items()}
    write(settings, "compilation_events/a.ndjson", [compilation(1)])
    load(database, "registry.compilation_events")
    publishing.replace(database, catalog.aggregates[table], {DAY: DAY + timedelta(days=1)})
    checks = declared_checks(catalog)[table]
    results = evaluate(database, targets(catalog)[table], checks, {DAY: DAY + timedelta(days=1)})
    assert {result.name for result in results if not result.passed} == {"matches_events"}
    assert {result.name for result in results} == {check.name for check in checks}
    record_checks(database, results)
    stuck = make_plan(database, catalog, DAY, DAY).stuck
    assert [(check.table, check.name) for check in stuck] == [(table, "matches_events")]
    assert failures.checks(database, catalog, {}).advice == "see sql files: once that is mended, so is this"
    mended = make_plan(database, Catalog(), DAY, DAY)
    assert (table, DAY, "failed a check") in {(item.table, item.start, item.why) for item in mended.partitions}


def test_a_broken_report_query_stops_the_reports_of_its_family(sql: Path, database: Database) -> None:
    name = "usage/reports/" + min(path.name for path in (sql / "usage" / "reports").glob("*.sql"))
    catalog = broken(sql, name, lambda text: text.replace("*/", "*/ selekt ", 1))
    assert catalog.broken == {}
    assert families_to_report(catalog) == ["platform", "registry", "schedules", "services"]
    with pytest.raises(ModelError, match=r"no report of usage can be written: .*cannot be parsed"):
        write_report(database, catalog, "usage", "day", DAY)


def test_what_a_broken_select_may_read_is_not_removed(sql: Path, settings: Settings) -> None:
    """Neither archived nor dropped; days cannot be undone either, since nobody knows what was made of them."""
    keeping = replace(settings, hot_days=PerTable(1), keep_raw_events=PerTable(default=True))
    database, old = Database(keeping), DAY - timedelta(days=10)
    write(settings, "download_events/a.ndjson", [download(1, old), download(2)])
    load(database, "registry.download_events", old, DAY)
    whole = [step for step in retention_plan(database, Catalog()) if step.what == "archive"]
    assert whole
    catalog = broken(sql, LANGUAGES, misspelt)
    assert [step for step in retention_plan(database, catalog) if step.what == "archive"] == []
    with pytest.raises(DatabaseError, match="no day can be dropped as long as a SQL file is broken"):
        target_of(catalog, DAY, DAY)
    assert target_of(catalog, DAY, DAY, ("usage",)).contracts


@pytest.fixture
def production(sql: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings under which every command reads the copied files."""
    monkeypatch.setattr(settings_module, "SQL_DIR", sql)
    monkeypatch.setattr(file_marks, "SQL_DIR", sql)
    monkeypatch.setattr(Catalog.__init__, "__defaults__", (sql, *(Catalog.__init__.__defaults__ or ())[1:]))
    write(settings, "download_events/a.ndjson", [download(n) for n in range(20)])
    write(settings, "module_view_events/a.ndjson", [view(1)])
    write(settings, "compilation_events/a.ndjson", [compilation(1)])
    return settings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("*/", "*/ selekt ", 1), "cannot be parsed"),
        (lambda text: text.replace("download_events", "downlaod_events"), "did you mean registry.download_events?"),
        (lambda text: text.replace("limit :limit", "limit :most"), "unknown parameter :most"),
    ],
)
def test_a_broken_query_is_told_to_who_asks_it(sql: Path, production: Settings, change: Break, said: str) -> None:
    """It stops no table and no report, and no other question."""
    path = sql / "registry" / "queries" / "downloads.sql"
    catalog = broken(sql, str(path.relative_to(sql)), change)
    assert [file.path for file in catalog.broken_files] == [path]
    assert catalog.broken == {}
    assert families_to_report(catalog) == ["platform", "registry", "schedules", "services", "usage"]
    assert str(path) in sql_files(catalog).detail
    refused = call("query registry events --from 2025-03-31", variables(production))
    assert refused.exit_code == 1
    assert str(path) in refused.stderr
    assert said in refused.stderr
    assert call("query registry events --kind view --from 2025-03-31", variables(production)).exit_code == 0


def test_a_day_is_run_but_for_what_is_broken_and_mended_afterwards(sql: Path, production: Settings) -> None:
    environment, url = variables(production), production.database_url

    def typed(command: str) -> Result:
        return call(command, environment)

    def days_of(table: str) -> list[date]:
        return [
            row["day"]
            for row in ask(url, f"select period_start as day from ops.partitions where table_name = '{table}'")
        ]

    broken(sql, LANGUAGES, misspelt)
    ran = typed(f"run {DAY} --family registry")
    assert ran.exit_code == 1
    assert ran.stderr.count("did you mean registry.compilation_events?") >= 2, "when it begins, and as what failed"
    assert "registry.language_stats_daily cannot be made" in ran.stderr
    assert "✓" not in ran.stdout
    assert days_of("registry.org_stats_daily") == [DAY]
    assert days_of("registry.module_stats_weekly") == [DAY], "weeks and views are gone on with"
    assert days_of("registry.language_stats_daily") == []
    assert not (production.reports_dir / "registry" / "daily" / f"{DAY}.html").exists()

    shown = typed("status --family registry")
    assert shown.exit_code == 0, shown.output
    assert shown.stderr.count("there is no such table") == 1
    [line] = [line for line in shown.stdout.splitlines() if line.startswith("registry.language_stats_daily")]
    assert "◐" not in line
    catalog = Catalog(sql)
    cells = matrices(Database(production), catalog, DAY, DAY)[0].cells["registry.language_stats_daily"]
    assert [cell.state for cell in cells] == ["expected"]

    again = typed("backfill --missing --family registry")
    assert again.exit_code == 0, again.output
    assert "nothing else to do" in again.stdout
    assert "✓" not in again.stdout
    finding = sql_files(catalog)
    assert not finding.is_well
    assert "not made or loaded: registry.language_stats_daily" in finding.detail
    assert (finding.advice or "").splitlines() == [f"mend {sql / LANGUAGES}", "then: analytics-etl backfill --missing"]

    shutil.copy(SQL_DIR / LANGUAGES, sql / LANGUAGES)
    done = typed("backfill --missing --family registry")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("there is no such table") == 0
    assert days_of("registry.language_stats_daily") == [DAY]
    assert (production.reports_dir / "registry" / "daily" / f"{DAY}.html").exists()
    assert sql_files(Catalog(sql)).is_well
