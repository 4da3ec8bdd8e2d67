"""Archive, restore, and personal data: what the lake does not have is not dropped, aggregates stay what they were."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg
import psycopg
import pyarrow.parquet as pq
import pytest
from archived import archive, forget_lake, sha256
from books import leftovers
from commands import call, variables
from conftest import Server
from events import (
    DOWNLOADS,
    aggregate,
    all_tables,
    ask,
    compilation,
    declared,
    download,
    edit_lake,
    execute,
    load,
    rows_of,
    view,
    write,
)

from analytics_etl import checks
from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.contracts import Contract
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.config.settings import PerTable, Settings, SettingsError
from analytics_etl.lake import LakeError
from analytics_etl.lake.fingerprints import fingerprint_of_file
from analytics_etl.monitoring import doctor
from analytics_etl.monitoring.status import matrices
from analytics_etl.orchestration.definitions import build_defs
from analytics_etl.pipeline import lake_upkeep, publishing, retention
from analytics_etl.postgres.connection import DatabaseError
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

OLD = date(2025, 3, 1)
NEWEST = OLD + timedelta(days=12)
TABLES = ("registry.download_events", "registry.module_view_events", "registry.compilation_events")
ODD = ['quoted "text", with a comma', "two\nlines", "\\.", "", "ünïcode ☃", " padded "]


def keeping(settings: Settings, days: int = 10, personal: int | None = None) -> Settings:
    return replace(settings, hot_days=PerTable(days), personal_retention=PerTable(personal))


def write_day(settings: Settings, day: date, count: int = 20) -> None:
    name = f"{day}.ndjson"
    at = {"ip_address": "10.0.0.1", "user_agent": "agent"}
    odd = [
        download(1000 + n, day, success=False, error_message=text, downloaded_at=f"{day}T05:00:00.12345{n}Z", **at)
        for n, text in enumerate(ODD)
    ]
    downloads = [download(n, day, cache_hit=(True, False, None)[n % 3], **at) for n in range(count)]
    write(settings, f"download_events/{name}", [*downloads, *odd, download(0, day, file_size=-1, **at)])
    write(settings, f"module_view_events/{name}", [view(n, day, **at) for n in range(count)])
    write(settings, f"compilation_events/{name}", [compilation(n, day) for n in range(count)])


def load_all(database: Database, *days: date) -> None:
    """Load days into PostgreSQL, too, however old they are, as when they were the newest."""
    for table in TABLES:
        load(hot(database), table, *days)


def hot(database: Database) -> Database:
    return Database(replace(database.settings, hot_days=PerTable(None)))


@pytest.fixture(scope="module")
def three_days(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two old days of all tables and a newest one, aggregated; retention would archive the two."""

    def make(database: Database) -> None:
        for day in (OLD, OLD + timedelta(days=1), NEWEST):
            write_day(database.settings, day, count=20 + (day - OLD).days)
        load_all(database, OLD, OLD + timedelta(days=1), NEWEST)
        aggregate(database, OLD, NEWEST, families=["registry"])

    with server.made_once(tmp_path_factory.mktemp("three_days"), make) as made:
        yield made


@pytest.fixture
def loaded(server: Server, three_days: Settings, settings: Settings) -> Database:
    server.copy(three_days, settings)
    return Database(keeping(settings))


def contract(table: str = DOWNLOADS) -> Contract:
    return declared().contracts[table]


def run(database: Database) -> retention.Outcome:
    return retention.run(database, declared(), "test", lambda *_: None)


def derived(settings: Settings) -> dict[str, list[str]]:
    return {table: rows for table, rows in all_tables(settings).items() if not table.endswith("_events")}


def partitions(url: str | None) -> list[str]:
    found = ask(url, "select inhrelid::regclass::text as name from pg_inherits order by 1")
    return [row["name"] for row in found if "_pkey" not in row["name"]]


def states(url: str | None) -> dict[tuple[str, str], str]:
    found = ask(url, "select table_name, day, state from ops.archives order by 1, 2")
    return {(row["table_name"], row["day"].isoformat()): row["state"] for row in found}


def everything_held(database: Database) -> dict[str, list[str]]:
    """Every raw row, from the table or from the files, as text: what must never change."""
    url = database.settings.database_url
    held = {}
    for table in TABLES:
        rows = rows_of(url, table)
        archived = ask(url, "select day from ops.archives where table_name = %s and state = 'archived'", [table])
        for row in archived:
            rows += rows_in_file(database.settings, table, row["day"])
        held[table] = sorted(rows)
    return held


def kept_file(settings: Settings, table: str, day: date) -> Path:
    """The file that the books name for a day: in the lake, or in the archive folder until it was taken over."""
    named = [table, day]
    current = "select path, sha256 from ops.current_lake_files where table_name = %s and day = %s"
    for row in ask(settings.database_url, current, named):
        path = settings.lake_dir / str(row["path"])
        assert sha256(path) == row["sha256"]
        return path
    [row] = ask(settings.database_url, "select sha256 from ops.archives where table_name = %s and day = %s", named)
    files = ArchiveFolder(settings.archive_dir).files(table, day)
    return next(file for file in files if sha256(file) == row["sha256"])


def rows_in_file(settings: Settings, table: str, day: date) -> list[str]:
    """The rows of a file as PostgreSQL writes them, put there by plain inserts."""
    rows = pq.read_table(kept_file(settings, table, day)).to_pylist()
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, options="-c timezone=UTC") as connection:
        connection.execute(f"create temp table t (like {table})".encode())
        for row in rows:
            values = [UUID(bytes=value) if isinstance(value, bytes) else value for value in row.values()]
            marks = ", ".join(["%s"] * len(row))
            connection.execute(f"insert into t ({', '.join(row)}) values ({marks})".encode(), values)
        return [text for (text,) in connection.execute(b"select t::text from t")]


# -- archive and restore ---------------------------------------------------------------------------------------------


def test_round_trip_gives_the_same_rows(loaded: Database) -> None:
    url = loaded.settings.database_url
    before = {table: rows_of(url, table) for table in TABLES}
    outcome = run(loaded)
    assert outcome.days == 6
    assert outcome.rows == sum(20 + 21 for _ in TABLES) + 2 * len(ODD)
    assert [name for name in partitions(url) if not name.endswith(f"{NEWEST:%Y%m%d}")] == []
    assert set(states(url).values()) == {"archived"}
    for table in TABLES:
        for day in (OLD, OLD + timedelta(days=1)):
            assert not set(rows_of(url, table)) & set(rows_in_file(loaded.settings, table, day))
            Archiver(loaded.settings).restore(contract(table), day, "somebody", "a look at it")
    assert not loaded.settings.archive_dir.exists(), "the lake is the archive"
    assert {table: rows_of(url, table) for table in TABLES} == before
    assert set(states(url).values()) == {"restored"}
    audited = [(row["actor"], row["action"], row["subject"], row["reason"]) for row in ask(url, "table ops.audit")]
    assert ("somebody", "restore", f"{DOWNLOADS} {OLD}", "a look at it") in audited
    assert ("test", "archive", f"{DOWNLOADS} {OLD}", None) in audited
    assert leftovers(url) == []


def test_the_fingerprint_says_what_was_counted_by_hand(loaded: Database) -> None:
    run(loaded)
    columns = {column.name: column.type for column in contract().columns}
    path = kept_file(loaded.settings, DOWNLOADS, OLD)
    print_of = fingerprint_of_file(path, columns, contract().personal_columns, "downloaded_at", 64)
    assert print_of.rows == 20 + len(ODD)
    sizes = [100 + n for n in range(20)] + [100 + 1000 + n for n in range(len(ODD))]
    assert print_of.sums["file_size"] == str(sum(sizes))
    assert print_of.min_time == "2025-03-01T00:00:00+00:00"
    assert print_of.max_time == "2025-03-01T05:00:00.123455+00:00"
    assert print_of.personal_values == 2 * (20 + len(ODD))


def test_the_newest_day_is_the_clock(loaded: Database) -> None:
    def due(days: int) -> list[date]:
        return Archiver(keeping(loaded.settings, days)).due(contract())

    assert due(13) == []
    assert due(12) == [OLD]
    assert due(11) == [OLD, OLD + timedelta(days=1)]
    assert due(1) == due(7) == due(11)  # 7 days of lateness: a day that may change is not archived
    assert Archiver(replace(loaded.settings, hot_days=PerTable(None))).due(contract()) == []


def test_a_restored_day_stays_for_its_days(loaded: Database) -> None:
    run(loaded)
    Archiver(loaded.settings).restore(contract(), OLD, "somebody", "why not")
    assert Archiver(loaded.settings).due(contract()) == []
    for days, is_due in ((7, False), (8, True)):
        day = NEWEST + timedelta(days=days)
        write_day(loaded.settings, day)
        load(loaded, DOWNLOADS, day)
        assert (OLD in Archiver(loaded.settings).due(contract())) == is_due
    assert run(loaded).days == 1
    assert states(loaded.settings.database_url)[DOWNLOADS, OLD.isoformat()] == "archived"
    with pytest.raises(DatabaseError, match="nothing to restore"):
        Archiver(loaded.settings).restore(contract(), NEWEST, "somebody", "a mistake")


# -- a drop that must not happen -------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


SPOILED: dict[str, Callable[[Database], object]] = {
    "file damaged": lambda w: damage(kept_file(w.settings, DOWNLOADS, OLD)),
    "file deleted": lambda w: kept_file(w.settings, DOWNLOADS, OLD).unlink(),
    "a row changed": lambda w: execute(
        w.settings.database_url,
        f"update {DOWNLOADS} set client_sdk = 'x' where downloaded_at = '{OLD}T00:00:01Z'",
    ),
    "a row deleted": lambda w: execute(
        w.settings.database_url, f"delete from {DOWNLOADS} where downloaded_at = '{OLD}T00:00:01Z'"
    ),
    "two values exchanged": lambda w: execute(
        w.settings.database_url,
        f"update {DOWNLOADS} set file_size = 203 - file_size "
        f"where downloaded_at in ('{OLD}T00:00:01Z', '{OLD}T00:00:02Z')",
    ),
    "a personal value changed": lambda w: execute(
        w.settings.database_url,
        f"update {DOWNLOADS} set ip_address = '10.0.0.2' where downloaded_at = '{OLD}T00:00:01Z'",
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_day_that_the_lake_does_not_have_is_not_dropped(loaded: Database, what: str) -> None:
    url = loaded.settings.database_url
    loaded_rows = rows_of(url)
    SPOILED[what](loaded)
    rows = rows_of(url)
    with pytest.raises(LakeError, match=f"analytics-etl backfill {OLD} {OLD}"):
        Archiver(loaded.settings).drop(contract(), OLD, "test")
    assert rows_of(url) == rows
    assert f"registry.download_events_p{OLD:%Y%m%d}" in partitions(url)
    with pytest.raises(LakeError, match=f"analytics-etl backfill {OLD} {OLD}"):
        run(loaded)
    assert len(states(url)) == 5, "the other days do not wait for it"
    load(loaded, DOWNLOADS, OLD)  # as the error says
    assert run(loaded).days == 1
    assert everything_held(loaded)[DOWNLOADS] == loaded_rows


def test_a_day_that_was_loaded_again_is_archived_as_it_is_now(loaded: Database) -> None:
    write_day(loaded.settings, OLD, 25)
    load(hot(loaded), DOWNLOADS, OLD)
    rows = rows_of(loaded.settings.database_url)
    assert Archiver(loaded.settings).drop(contract(), OLD, "test").rows == 25 + len(ODD)
    assert everything_held(loaded)[DOWNLOADS] == rows


def test_a_day_whose_personal_data_is_gone_from_one_place_is_archived(loaded: Database) -> None:
    archiver, old = Archiver(loaded.settings), contract()
    assert archiver.remove_personal_from_table(old, OLD, "test") == 52
    assert archiver.drop(old, OLD, "test").has_personal_data
    day = OLD + timedelta(days=1)
    lake_upkeep.remove_personal_data(loaded, old, day, "test")
    assert not archiver.drop(old, day, "test").has_personal_data


def test_a_damaged_file_is_never_computed_from(loaded: Database) -> None:
    run(loaded)
    before = derived(loaded.settings)
    path = kept_file(loaded.settings, DOWNLOADS, OLD)
    damage(path)
    for act in (
        lambda: aggregate(loaded, OLD, OLD, families=["registry"]),
        lambda: Archiver(loaded.settings).restore(contract(), OLD, "test", "why"),
    ):
        with pytest.raises(LakeError, match="damaged"):
            act()
    assert derived(loaded.settings) == before
    path.unlink()
    finding = doctor.services.lake(loaded)
    assert not finding.is_well
    assert path.name in finding.detail


# -- what is archived goes on being counted --------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_aggregates_of_archived_days_are_the_same(loaded: Database, engine: str) -> None:
    url = loaded.settings.database_url
    before = derived(loaded.settings)
    assert len([row for row in before["registry.module_activity_daily"] if row.startswith(f"({OLD},")]) > 5
    run(loaded)
    if engine == "postgresql":  # which computes if any day of a range is not in the lake
        for table in TABLES:
            forget_lake(loaded.settings, table, NEWEST)
    for first, last in ((OLD, OLD), (OLD, NEWEST)):  # one day, and a range of which a part is archived
        of_days = f"where day between '{first}' and '{last}'"
        execute(url, f"delete from registry.language_stats_daily {of_days}")
        edit_lake(loaded.settings, "registry.module_activity_daily", f"delete from rows {of_days}")
        aggregate(loaded, first, last, families=["registry"])
        assert derived(loaded.settings) == before
    computed = "select engine from ops.partitions where table_name = 'registry.module_activity_daily'"
    assert {row["engine"] for row in ask(url, computed)} == {engine}
    assert partitions(url) == sorted(f"{table}_p{NEWEST:%Y%m%d}" for table in TABLES)


def test_checks_of_archived_days_look_at_the_archived_rows(loaded: Database) -> None:
    run(loaded)
    url, targets, all_checks = (
        loaded.settings.database_url,
        checks.targets(declared()),
        checks.declared_checks(declared()),
    )

    def failed() -> set[tuple[str, str]]:
        found = set()
        for table in (DOWNLOADS, "registry.module_activity_daily", "registry.language_stats_daily"):
            results = evaluate(loaded, targets[table], all_checks[table], {OLD: OLD + timedelta(days=1)})
            found |= {(r.table, r.name) for r in results if not r.passed and r.severity == "error"}
        return found

    assert failed() == set()
    execute(url, f"update registry.language_stats_daily set compilation_count = 99 where day = '{OLD}'")
    execute(
        url, f"update ops.loaded_days set rows_read = rows_read - 5, rows_loaded = rows_loaded - 5 where day = '{OLD}'"
    )
    assert failed() == {
        (DOWNLOADS, "loaded_equals_read"),
        ("registry.language_stats_daily", "matches_events"),
    }
    assert leftovers(url) == []


def test_status_and_doctor_show_archived_days_as_archived(loaded: Database) -> None:
    run(loaded)
    days = next(m for m in matrices(loaded, declared(), OLD, NEWEST) if m.cadence == "day")
    assert [cell.state for cell in days.cells[DOWNLOADS][:3]] == ["archived", "archived", "expected"]
    assert days.cells["registry.module_activity_daily"][0].state == "final"
    assert doctor.services.lake(loaded).is_well
    files = ask(loaded.settings.database_url, "select count(*) as count from ops.current_lake_files")
    assert doctor.services.lake(loaded).detail == f"{files[0]['count']} files, all there"
    assert doctor.services.archive(loaded) == []


def test_an_archived_day_is_not_loaded_from_files_that_may_be_gone(loaded: Database) -> None:
    run(loaded)
    url = loaded.settings.database_url
    before = everything_held(loaded)
    file = loaded.settings.landing_dir / "download_events" / f"{OLD}.ndjson"
    file.unlink()
    assert load(loaded, DOWNLOADS, OLD) == ([], [])
    [day], _ = load(loaded, DOWNLOADS, OLD, NEWEST)
    assert day.day == NEWEST
    with pytest.raises(DatabaseError, match="is archived"), publishing.loading(loaded, contract(), [OLD]):
        pass
    Archiver(loaded.settings).restore(contract(), OLD, "somebody", "to load it anew")
    with pytest.raises(DatabaseError, match="26 rows of 2025-03-01 came from the landing file"):
        load(loaded, DOWNLOADS, OLD)
    assert everything_held(loaded) == before
    write_day(loaded.settings, OLD, count=30)
    load(loaded, DOWNLOADS, OLD)
    assert len(rows_of(url)) == 30 + len(ODD) + 32 + len(ODD)


# -- personal data ---------------------------------------------------------------------------------------------------


def test_personal_columns_expire_in_table_and_lake(loaded: Database) -> None:
    url = loaded.settings.database_url
    run(loaded)  # archived with personal data, since it is kept for ever
    load_all(loaded, NEWEST)
    Archiver(loaded.settings).restore(contract(), OLD, "somebody", "one in the table, one in the lake alone")
    database = Database(keeping(loaded.settings, days=10, personal=10))
    expected = {  # by hand: address and agent of each download and view of the two days
        table: [row.replace("10.0.0.1", "").replace(",agent", ",") if is_old(row) else row for row in rows]
        for table, rows in everything_held(database).items()
    }
    outcome = run(database)
    # 20 + 21 views, and downloads with the odd ones; the restored day counts twice, in the table and in the lake.
    assert outcome.personal_values == 2 * (41 + 41 + 2 * len(ODD) + 26)
    assert everything_held(database) == expected
    assert outcome.rejected_rows == 2
    kept = ask(url, "select day, content is null as is_empty from ops.rejected_rows order by 1")
    assert [row["is_empty"] for row in kept] == [True, True, False]
    removals = ask(
        url, "select place, before, after, values_removed from ops.personal_removals where values_removed > 0"
    )
    assert {row["place"] for row in removals} == {"partition"}
    for row in removals:
        assert row["after"]["personal_values"] == 0
        assert {k: v for k, v in row["after"].items() if "personal" not in k} == {
            k: v for k, v in row["before"].items() if "personal" not in k
        }
    assert run(database) == retention.Outcome()  # nothing is left to do
    Archiver(database.settings).restore(contract(), OLD + timedelta(days=1), "somebody", "verifies after all")
    load(database, DOWNLOADS, NEWEST)


def is_old(row: str) -> bool:
    return OLD.isoformat() in row or (OLD + timedelta(days=1)).isoformat() in row


def test_a_reload_brings_personal_data_back_until_the_next_run(loaded: Database) -> None:
    database = Database(keeping(loaded.settings, days=90, personal=10))
    personal = f"select count(ip_address) as count from {DOWNLOADS} where downloaded_at < '{NEWEST}'"
    url = database.settings.database_url
    run(database)
    assert ask(url, personal) == [{"count": 0}]
    load(database, DOWNLOADS, OLD)
    assert ask(url, personal) == [{"count": 26}]
    assert run(database).personal_values == 2 * 52, "in the table and in the lake"
    assert ask(url, personal) == [{"count": 0}]


# -- settings and commands -------------------------------------------------------------------------------------------


def test_a_day_loaded_before_a_column_was_added_is_read_restored_and_archived_again(loaded: Database) -> None:
    url, archiver, now = loaded.settings.database_url, Archiver(loaded.settings), contract()
    before = replace(now, columns=tuple(column for column in now.columns if column.name != "revision"))
    assert len(before.columns) == len(now.columns) - 1
    held, made = rows_of(url), derived(loaded.settings)
    archive(loaded.settings, before, OLD)
    aggregate(loaded, OLD, OLD, families=["registry"])
    assert derived(loaded.settings) == made
    file = archiver.take_over(now, OLD, "test")
    assert file.contract_version == before.code_version != now.code_version
    assert pq.read_schema(kept_file(loaded.settings, DOWNLOADS, OLD)).names == [c.name for c in before.columns]
    aggregate(loaded, OLD, OLD, families=["registry"])
    assert derived(loaded.settings) == made
    for _ in range(2):
        archiver.restore(now, OLD, "test", "to see")
        assert rows_of(url) == held
        assert archiver.drop(now, OLD, "test") == file
    another = tuple(replace(c, type="text") if c.name == "file_size" else c for c in now.columns)
    required = tuple(replace(c, is_required=True) if c.name == "revision" else c for c in now.columns)
    for columns, wrong in ((another, "['file_size'] have another type"), (required, "['revision'] must not be null")):
        with pytest.raises(DatabaseError, match=re.escape(wrong)):
            archiver.restore(replace(now, columns=columns), OLD, "test", "why")


def test_settings_of_retention() -> None:
    read = Settings.from_environment
    first = read({})
    assert (first.hot_days, first.lake_days, first.personal_retention) == (PerTable(90), PerTable(None), PerTable(30))
    kept = read({"ANALYTICS_HOT_DAYS": "60, download_events=400,registry.module_view_events=never"}).hot_days
    assert [kept.of(table) for table in TABLES] == [400, None, 60]
    assert read({"ANALYTICS_HOT_DAYS": "0"}).hot_days == PerTable(0)
    assert read({"ANALYTICS_HOT_DAYS": "download_events=5"}).hot_days.of(TABLES[1]) == 90
    assert read({"ANALYTICS_LAKE_DAYS": "400,download_events=never"}).lake_days.of(TABLES[0]) is None
    for variable in ("ANALYTICS_HOT_DAYS", "ANALYTICS_RETENTION_DAYS", "ANALYTICS_LAKE_DAYS"):
        for wrong in ("x", "-1", "5,=3", "download_events=", "1.5"):
            with pytest.raises(SettingsError, match=f"{variable} must be days like"):
                read({variable: wrong})
        with pytest.raises(SettingsError, match="names 'downloads'"):
            retention.check_names(read({variable: "downloads=5"}), declared())


def test_the_former_name_of_hot_days_counts_with_a_line_that_says_the_new_one() -> None:
    """Its 0 kept everything; the new name wins."""
    read = Settings.from_environment
    former = read({"ANALYTICS_RETENTION_DAYS": "0,download_events=5"})
    assert former.hot_days == PerTable(None, (("download_events", 5),))
    [line] = former.renamed
    assert "ANALYTICS_RETENTION_DAYS is called ANALYTICS_HOT_DAYS now" in line
    assert read({"ANALYTICS_RETENTION_DAYS": "5", "ANALYTICS_HOT_DAYS": "7"}).hot_days == PerTable(7)
    said = call("archive --dry-run", {"ANALYTICS_RETENTION_DAYS": "x"})
    assert said.exit_code == 1
    assert "ANALYTICS_RETENTION_DAYS must be days like" in said.stderr


def test_the_commands(loaded: Database) -> None:
    environment = {
        **variables(loaded.settings),
        "ANALYTICS_LAKE": str(loaded.settings.lake_dir),
        "ANALYTICS_HOT_DAYS": "10",
        "ANALYTICS_PERSONAL_RETENTION_DAYS": "never",
    }
    due = call("archive --dry-run", environment)
    assert due.exit_code == 0
    assert "6 steps due; nothing was changed" in due.stdout
    assert states(loaded.settings.database_url) == {}
    done = call("archive", environment)
    assert done.exit_code == 0, done.output
    assert "archived 6 days: 135 rows are in the lake alone" in done.stdout
    assert "▪" in call(f"status --from {OLD}", environment).stdout
    assert call(f"restore {DOWNLOADS} {OLD}", environment).exit_code == 2
    back = call(f"restore {DOWNLOADS} {OLD} --reason look", environment)
    assert "is back: 26 rows" in back.stdout
    again = call(f"restore {DOWNLOADS} {OLD} --reason look", environment)
    assert again.exit_code == 1
    assert "nothing to restore" in again.output


def test_the_job_says_what_it_did(loaded: Database) -> None:
    definitions = build_defs(loaded.settings)
    assert definitions.resolve_schedule_def("retention_daily").cron_schedule == "30 3 * * *"
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("retention").execute_in_process(
            instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        )
    [materialization] = result.asset_materializations_for_node("ops__retention")
    said = {name: value.value for name, value in materialization.metadata.items()}
    sizes = ask(
        loaded.settings.database_url,
        "select sum(f.size_bytes)::bigint as size from ops.current_lake_files as f "
        "join ops.archives using (table_name, day)",
    )
    assert said["days_archived"] == 6
    assert said["rows_archived"] == 135
    assert said["bytes_archived"] == sizes[0]["size"] > 0
