"""A database of the version before the lake: its days are taken over into the lake, and nothing is lost on the way."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archived import archive, export, forget_lake
from commands import call, variables
from conftest import Server
from events import DOWNLOADS, aggregate, ask, declared, edit_lake, execute, load, rows_of
from test_retention import (
    NEWEST,
    ODD,
    OLD,
    TABLES,
    contract,
    damage,
    derived,
    everything_held,
    hot,
    keeping,
    kept_file,
    load_all,
    run,
    states,
    write_day,
)

from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.lake import LakeError
from analytics_etl.lake.writing import PartitionWriter
from analytics_etl.monitoring import doctor
from analytics_etl.ops import dropped
from analytics_etl.pipeline import dropping, lake_upkeep, retention
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

SECOND = OLD + timedelta(days=1)


@pytest.fixture(scope="module")
def former(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with server.made_once(tmp_path_factory.mktemp("former"), make_former) as made:
        yield made


@pytest.fixture
def before(server: Server, former: Settings, settings: Settings) -> Database:
    server.copy(former, settings)
    return Database(keeping(settings))


def make_former(empty: Database) -> None:
    """A home of the version before: the first day archived, the second exported or loaded, the newest one loaded.

    The archive of one table was left by a process that was killed after it had committed.
    """
    settings = empty.settings
    database = Database(keeping(settings))
    for day in (OLD, SECOND, NEWEST):
        write_day(settings, day, count=20 + (day - OLD).days)
    load_all(database, OLD, SECOND, NEWEST)
    aggregate(database, OLD, NEWEST, families=["registry"])
    for table in TABLES:
        archive(settings, contract(table), OLD, renamed=table != TABLES[1])
        forget_lake(settings, table, SECOND)
        forget_lake(settings, table, NEWEST)
    export(settings, contract(), SECOND)


def in_lake(settings: Settings) -> dict[tuple[str, date], int]:
    """{(event table, day): rows of its file}"""
    found = ask(settings.database_url, "select table_name, day, path, rows from ops.current_lake_files")
    files = {(row["table_name"], row["day"]): row for row in found if row["table_name"] in TABLES}
    for row in files.values():
        assert pq.read_metadata(settings.lake_dir / row["path"]).num_rows == row["rows"]
    return {key: row["rows"] for key, row in files.items()}


def archive_files(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.archive_dir.rglob("*") if path.is_file())


EXPECTED = {  # by hand: 20, 21 and 32 events of each table, and the odd downloads
    (table, day): 20 + (day - OLD).days + (len(ODD) if table == DOWNLOADS else 0)
    for table in TABLES
    for day in (OLD, SECOND, NEWEST)
}


def test_the_command_takes_everything_over_and_says_so(before: Database) -> None:
    settings, url = before.settings, before.settings.database_url
    held, made = everything_held(before), derived(before.settings)
    assert sum(map(len, held.values())) == sum(EXPECTED.values())
    finding = doctor.services.archive(before)
    assert [(found.is_well, found.detail.partition(";")[0]) for found in finding] == [
        (True, "3 archived days of an earlier version, all files there")
    ]
    assert "9 days of an earlier version, read in PostgreSQL" in doctor.services.lake(before).detail
    environment = {
        **variables(settings),
        "ANALYTICS_LAKE": str(settings.lake_dir), "ANALYTICS_ARCHIVE_DIR": str(settings.archive_dir),
        "ANALYTICS_RETENTION_DAYS": "never", "ANALYTICS_PERSONAL_RETENTION_DAYS": "never",
    }  # fmt: skip
    due = call("archive --dry-run", environment)
    assert f"take over into the lake: {DOWNLOADS} {OLD}" in due.stdout
    assert "9 steps due; nothing was changed" in due.stdout
    assert in_lake(settings) == {}
    done = call("archive", environment)
    assert done.exit_code == 0, done.output
    assert "took over 9 days of an earlier version into the lake" in done.stdout
    assert in_lake(settings) == EXPECTED
    assert everything_held(before) == held
    assert archive_files(settings) == []
    kept = ask(url, "select day, state, sha256, rows, size_bytes, manifest from ops.archives")
    assert [tuple(row.values()) for row in kept] == [(OLD, "archived", None, None, None, None)] * 3
    audited = ask(url, "select subject from ops.audit where action = 'take over' order by 1")
    assert [row["subject"] for row in audited] == sorted(f"{table} {day}" for table, day in EXPECTED)
    assert doctor.services.archive(before) == []
    assert "earlier version" not in doctor.services.lake(before).detail
    assert "took over" not in call("archive", environment).stdout
    execute(url, "delete from registry.language_stats_daily")
    edit_lake(before.settings, "registry.module_activity_daily", "delete from rows")
    aggregate(before, OLD, NEWEST, families=["registry"])
    assert derived(before.settings) == made


def test_a_taken_over_day_is_restored(before: Database) -> None:
    held = everything_held(before)
    run(before)
    for table in TABLES:
        Archiver(before.settings).restore(contract(table), OLD, "somebody", "why")
        assert len(rows_of(before.settings.database_url, table)) == EXPECTED[table, OLD] + EXPECTED[table, NEWEST]
    assert everything_held(before) == held


def test_a_day_that_is_still_in_the_archive_can_be_read_restored_and_dropped(before: Database) -> None:
    """Before any retention ran: nobody has to take over first."""
    url, archiver = before.settings.database_url, Archiver(before.settings)
    held, made = everything_held(before), derived(before.settings)
    edit_lake(before.settings, "registry.module_activity_daily", "delete from rows")
    aggregate(before, OLD, NEWEST, families=["registry"])
    assert derived(before.settings) == made
    for table in TABLES:
        archiver.restore(contract(table), OLD, "somebody", "why")
        archiver.drop(contract(table), SECOND, "somebody")
    assert everything_held(before) == held
    run(before)
    assert (everything_held(before), in_lake(before.settings)) == (held, EXPECTED)
    assert archive_files(before.settings) == []
    assert set(states(url).values()) == {"restored", "archived"}


def test_what_the_lake_says_of_a_taken_over_day(before: Database) -> None:
    execute(before.settings.database_url, "update ops.partitions set code_version = 'an earlier one'")
    changed = "replace(manifest::text, manifest ->> 'contract_version', 'of that time')::json"
    execute(before.settings.database_url, f"update ops.archives set manifest = {changed} where state = 'archived'")
    run(before)
    for day, version in ((OLD, "of that time"), (SECOND, "an earlier one")):
        [row] = ask(
            before.settings.database_url,
            "select * from ops.current_lake_files where table_name = %s and day = %s", [DOWNLOADS, day],
        )  # fmt: skip
        said = pq.read_metadata(before.settings.lake_dir / row["path"]).metadata
        assert said[b"contract_version"].decode() == row["contract_version"] == version
        assert (said[b"day"].decode(), int(said[b"rows"])) == (str(day), EXPECTED[DOWNLOADS, day])
        assert row["has_personal_data"]
        assert pq.read_schema(before.settings.lake_dir / row["path"]).field("event_id").type == pa.binary(16)


def test_personal_data_of_an_archive_is_removed_in_the_same_night(before: Database) -> None:
    database = Database(keeping(before.settings, days=10, personal=10))
    outcome = run(database)
    # Of the two old days: 20 and 21 views, and downloads with the odd ones; the second one is in the table, too.
    assert outcome.personal_values == 2 * (41 + 41 + 2 * len(ODD)) + 2 * (21 + 21 + len(ODD))
    lake_upkeep.collect(database, 0)
    for table in TABLES[:2]:
        for day in (OLD, SECOND):
            assert "10.0.0.1" not in str(pq.read_table(kept_file(database.settings, table, day)).to_pylist())
    assert archive_files(database.settings) == []
    assert run(database) == retention.Outcome()


def test_a_missing_or_damaged_file_holds_up_no_other_day(before: Database) -> None:
    settings, held = before.settings, everything_held(before)
    folder = ArchiveFolder(settings.archive_dir)
    path, aside = folder.file(DOWNLOADS, OLD), settings.home / "aside"
    path.rename(aside)
    with pytest.raises(LakeError, match=f"{path} is missing: put it back from a copy"):
        run(before)
    assert in_lake(settings).keys() == EXPECTED.keys() - {(DOWNLOADS, OLD)}
    assert states(settings.database_url)[DOWNLOADS, str(SECOND)] == "archived"
    [finding] = doctor.services.archive(before)
    assert (finding.is_well, path.name in finding.detail) == (False, True)
    path.write_bytes(aside.read_bytes())
    damage(path)
    with pytest.raises(LakeError, match="is damaged: its SHA-256 is"):
        run(before)
    path.write_bytes(aside.read_bytes())
    assert run(before).taken_over == 1
    assert (everything_held(before), in_lake(settings), archive_files(settings)) == (held, EXPECTED, [])


def test_a_file_that_reads_back_otherwise_is_not_booked(before: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add = PartitionWriter.add

    def lose_one(self: PartitionWriter, start: date, rows: pa.Table | pa.RecordBatch) -> None:
        add(self, start, rows.slice(1))

    held = everything_held(before)
    monkeypatch.setattr(PartitionWriter, "add", lose_one)
    for day in (OLD, SECOND):
        rows = EXPECTED[DOWNLOADS, day]
        with pytest.raises(LakeError, match=f"rows {rows - 1} against {rows}"):
            Archiver(before.settings).take_over(contract(), day, "test")
    assert in_lake(before.settings) == {}
    assert everything_held(before) == held
    monkeypatch.undo()
    run(before)
    assert everything_held(before) == held


def test_an_archive_goes_only_when_the_file_in_the_lake_is_whole(before: Database) -> None:
    """A killed process may have booked the file and not removed the archive."""
    settings, archiver = before.settings, Archiver(before.settings)
    kept = {path: path.read_bytes() for path in ArchiveFolder(settings.archive_dir).files(DOWNLOADS, OLD)}
    rows = ask(settings.database_url, "select * from ops.archives where state = 'archived'")
    manifest = next(row for row in rows if row["table_name"] == DOWNLOADS)
    archiver.take_over(contract(), OLD, "test")
    for path, content in kept.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    ask(
        settings.database_url,
        "update ops.archives set manifest = (%s::text)::json, sha256 = %s, rows = 26, size_bytes = 1 "
        "where table_name = %s and day = %s returning 1",
        [json.dumps(manifest["manifest"]), manifest["sha256"], DOWNLOADS, OLD],
    )
    path = kept_file(settings, DOWNLOADS, OLD)
    whole = path.read_bytes()
    damage(path)
    with pytest.raises(LakeError, match="is damaged"):
        archiver.take_over(contract(), OLD, "test")
    assert ArchiveFolder(settings.archive_dir).files(DOWNLOADS, OLD) == sorted(kept)
    path.write_bytes(whole)
    archiver.take_over(contract(), OLD, "test")
    assert ArchiveFolder(settings.archive_dir).files(DOWNLOADS, OLD) == []


def test_what_killed_processes_left_goes_and_what_nobody_knows_stays(before: Database) -> None:
    settings = before.settings
    folder = settings.archive_dir / DOWNLOADS
    (folder / f"{NEWEST}.parquet.new").write_bytes(b"of a process that was killed before it committed")
    (folder / "2024-01-01.parquet").write_bytes(b"of a day that the books do not name")
    run(before)
    assert archive_files(settings) == ["2024-01-01.parquet"]


def test_days_whose_raw_rows_were_dropped_are_not_taken_over(before: Database) -> None:
    with before.transaction() as connection:
        dropped.drop(connection, contract(), NEWEST, "test", "a setting says so")
    assert (DOWNLOADS, NEWEST) not in {
        (step.table.table, step.day) for step in retention.plan_taking_over(before, declared())
    }


def test_a_dropped_day_takes_its_archive_along(before: Database) -> None:
    target = dropping.target_of(Catalog(), OLD, OLD, are_archives_needed=False)
    dropping.run(before, declared(), target, "test", "why", lambda *_: None)
    assert archive_files(before.settings) == [f"{SECOND}.json", f"{SECOND}.parquet"]
    assert run(before).taken_over == 6


def test_the_day_is_taken_over_as_it_was_loaded_last(before: Database) -> None:
    """Exported by the version before, then loaded again by this one: the archive is of no use any more."""
    write_day(before.settings, SECOND, 40)
    load(hot(before), DOWNLOADS, SECOND)
    held = everything_held(before)
    assert run(before).taken_over == 9
    assert in_lake(before.settings)[DOWNLOADS, SECOND] == 40 + len(ODD)
    assert everything_held(before) == held


def test_a_home_without_archives_has_nothing_to_take_over(settings: Settings) -> None:
    database = Database(replace(settings, hot_days=PerTable(None)))
    write_day(settings, OLD)
    load(database, DOWNLOADS, OLD)
    assert list(retention.plan_taking_over(database, declared())) == []
