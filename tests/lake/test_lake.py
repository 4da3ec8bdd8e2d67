"""The lake: each loaded day is one file, which is what the books say, and what tables are computed from."""

import hashlib
import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events import DAY, DOWNLOADS, FILE, aggregate, ask, declared, download, load, published, rows_of, write

from analytics_etl.config.settings import PerTable, Settings, SettingsError
from analytics_etl.lake import LakeError
from analytics_etl.lake import writing as lake_writing
from analytics_etl.lake.folder import FolderLake
from analytics_etl.ops import dropped
from analytics_etl.ops.changes import ChangeRefusedError
from analytics_etl.pipeline import lake_upkeep, retention
from analytics_etl.pipeline.publishing import replace as publish
from analytics_etl.postgres.database import Database

FAMILIES_IN_USE = ("registry",)

ACTIVITY = "registry.module_activity_daily"
NEXT = DAY + timedelta(days=1)


def current(settings: Settings) -> list[dict[str, Any]]:
    """The current files, as the view of the books has them."""
    return ask(settings.database_url, "select * from ops.current_lake_files order by table_name, day")


def path_of(settings: Settings, row: dict[str, Any]) -> Path:
    return settings.lake_dir / str(row["path"])


def files(settings: Settings) -> list[str]:
    """Every Parquet file in the folder of the lake."""
    return sorted(path.relative_to(settings.lake_dir).as_posix() for path in settings.lake_dir.rglob("*.parquet"))


def test_a_day_is_one_file_of_its_rows(settings: Settings, database: Database) -> None:
    events = [download(n, user_agent='a "quoted", (text)\\', ip_address=None) for n in range(50)]
    write(settings, FILE, [*events, events[3], download(50, file_size=-1), download(1, NEXT)])
    [loaded], _ = load(database)
    [row] = current(settings)
    assert (row["table_name"], row["day"], row["rows"], row["has_personal_data"]) == (DOWNLOADS, DAY, 50, True)
    path = path_of(settings, row)
    content = path.read_bytes()
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert (row["size_bytes"], row["path"]) == (len(content), loaded.file.path)
    assert row["path"] == f"registry/download_events/day={DAY}/{row['sha256'][:32]}.parquet"
    with pq.ParquetFile(path) as parquet:
        said = {key.decode(): value.decode() for key, value in parquet.metadata.metadata.items()}
        assert parquet.schema_arrow.field("event_id").type == pa.binary(16)
        assert parquet.schema.column(0).logical_type.type == "NONE"  # Spark refuses Parquet's type of UUIDs
        assert parquet.schema_arrow.field("downloaded_at").type == pa.timestamp("us", "UTC")
        assert not parquet.schema_arrow.field("module_name").nullable
    assert {**said, "ARROW:schema": ""} == {
        "family": "registry", "table": "download_events", "day": str(DAY), "rows": "50",
        "contract_version": declared().contracts[DOWNLOADS].code_version, "run": "", "ARROW:schema": "",
    }  # fmt: skip
    names = [column.name for column in declared().contracts[DOWNLOADS].columns]
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        selected = ", ".join("event_id::uuid::varchar" if name == "event_id" else f'"{name}"' for name in names)
        found = engine.execute(f"select {selected} from read_parquet(?) order by 1", [str(path)]).fetchall()
    listed = ", ".join("event_id::text" if name == "event_id" else name for name in names)
    stored = ask(settings.database_url, f"select {listed} from {DOWNLOADS} order by 1")
    assert found == [tuple(row.values()) for row in stored]
    assert len(found) == 50


def test_hive_readers_find_the_day_in_the_path_and_nothing_else(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(1), download(2, NEXT)])
    load(database, DOWNLOADS, DAY, NEXT)
    with duckdb.connect() as engine:
        counted = "select day::date, count(*) from read_parquet(?, hive_partitioning = true) group by 1 order by 1"
        top = str(settings.lake_dir / "registry/download_events/*/*.parquet")
        assert engine.execute(counted, [top]).fetchall() == [(DAY, 1), (NEXT, 1)]
    assert list((settings.lake_dir / "_staging").iterdir()) == []


def test_an_empty_day_has_an_empty_file(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(1, NEXT)])
    load(database)
    [row] = current(settings)
    assert row["rows"] == 0
    assert pq.read_table(path_of(settings, row)).num_rows == 0


def test_many_small_batches_become_row_groups_of_bounded_size(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_writing, "ROWS_OF_A_GROUP", 100)
    write(settings, FILE, [download(n) for n in range(950)])
    load(database)
    [row] = current(settings)
    with pq.ParquetFile(path_of(settings, row)) as parquet:
        groups = [parquet.metadata.row_group(n).num_rows for n in range(parquet.num_row_groups)]
    assert sum(groups) == 950
    assert max(groups) <= 100


def test_days_together_wait_in_bounded_memory(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of many days come mixed; the day with the most of them is written when together they are too many."""
    monkeypatch.setattr(lake_writing, "_BYTES_WAITING", 1)
    days = [DAY + timedelta(days=n) for n in range(5)]
    write(settings, FILE, [download(n, days[n % 5]) for n in range(100)])
    load(database, DOWNLOADS, *days)
    assert [row["rows"] for row in current(settings)] == [20] * 5


def test_a_day_loaded_again_is_a_new_file_and_the_old_one_goes_after_its_time(
    settings: Settings, database: Database
) -> None:
    write(settings, FILE, [download(1)])
    load(database)
    [old] = current(settings)
    write(settings, FILE, [download(1), download(2)])
    load(database)
    [new] = current(settings)
    assert new["rows"] == 2
    assert files(settings) == sorted([old["path"], new["path"]])
    assert lake_upkeep.collect(database).files == 0, "a reader may have the old one open"
    collected = lake_upkeep.collect(database, 0)
    assert (collected.files, collected.bytes) == (1, old["size_bytes"])
    assert files(settings) == [new["path"]]
    assert [row["path"] for row in ask(settings.database_url, "select path from ops.lake_files")] == [new["path"]]
    assert lake_upkeep.collect(database, 0).files == 0


def test_the_same_content_again_is_the_same_file(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(1)])
    load(database)
    write(settings, FILE, [download(2)])
    load(database)
    write(settings, FILE, [download(1)])
    load(database)
    assert len(files(settings)) == 2
    lake_upkeep.collect(database, 0)
    assert files(settings) == [row["path"] for row in current(settings)]
    assert [row["rows"] for row in current(settings)] == [1]


def test_a_file_that_nobody_booked_goes_after_its_time(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(1)])
    load(database)
    [row] = current(settings)
    left = path_of(settings, row).with_name("0" * 32 + ".parquet")
    left.write_bytes(b"of a process that was killed before it committed")
    assert lake_upkeep.collect(database).files == 0, "its process may be about to commit"
    yesterday = time.time() - lake_upkeep.GRACE_SECONDS - 60
    os.utime(left, (yesterday, yesterday))
    os.utime(path_of(settings, row), (yesterday, yesterday))
    assert lake_upkeep.collect(database).files == 1
    assert files(settings) == [row["path"]]


def test_a_refused_change_leaves_the_day_as_it_is(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(n) for n in range(10)])
    late = DAY + timedelta(days=30)
    write(settings, "download_events/late.ndjson", [download(1, late)])
    load(database, DOWNLOADS, DAY, late)
    before = current(settings)
    write(settings, FILE, [download(1)])
    with pytest.raises(ChangeRefusedError):
        load(database, accept_change=False)
    assert current(settings) == before
    assert len(rows_of(settings.database_url)) == 11
    lake_upkeep.collect(database, 0)
    assert files(settings) == sorted(row["path"] for row in before)


def damage(path: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("fault", ["missing", "cut", "one byte"])
def test_no_table_is_computed_from_a_missing_or_damaged_file(
    settings: Settings, database: Database, fault: str
) -> None:
    write(settings, FILE, [download(n) for n in range(100)])
    load(database)
    [row] = current(settings)
    path = path_of(settings, row)
    if fault == "missing":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        damage(path)
    model = declared().aggregates[ACTIVITY]
    with pytest.raises(LakeError, match="missing" if fault == "missing" else "damaged") as error:
        publish(database, model, {DAY: NEXT})
    assert str(path) in str(error.value)
    assert f"analytics-etl backfill {DAY} {DAY}" in str(error.value)
    load(database)  # as the error says
    publish(database, model, {DAY: NEXT})
    [made] = ask(settings.database_url, f"select engine from ops.partitions where table_name = '{ACTIVITY}'")
    assert made["engine"] == "duckdb"


def test_a_day_loaded_before_there_was_a_lake_is_computed_in_postgresql(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(n) for n in range(100)])
    load(database)
    aggregate(database, DAY, DAY, ["day"], ["registry"])
    model, made = declared().aggregates[ACTIVITY], published(settings, ACTIVITY)
    assert made
    ask(settings.database_url, f"delete from ops.lake_files where table_name = '{DOWNLOADS}' returning 1")
    publish(database, model, {DAY: NEXT})
    [how] = ask(settings.database_url, f"select engine from ops.partitions where table_name = '{ACTIVITY}'")
    assert how["engine"] == "postgresql"
    assert published(settings, ACTIVITY) == made


def test_after_its_time_personal_data_is_in_no_file(settings: Settings, database: Database) -> None:
    old = DAY - timedelta(days=30)
    write(settings, FILE, [download(n, old, ip_address="10.98.76.54", user_agent="Somebody") for n in range(9)])
    write(settings, "download_events/new.ndjson", [download(1, ip_address="10.1.1.1")])
    load(database, DOWNLOADS, old, DAY)
    keeping = Database(replace(settings, personal_retention=PerTable(10), hot_days=PerTable(None)))
    before = [row for row in current(settings) if row["day"] == old]
    steps = [step.what for step in retention.plan(keeping, declared())]
    assert steps == ["personal data in partition", "personal data in lake"]
    outcome = retention.run(keeping, declared(), "test", lambda *_: None)
    assert outcome.personal_values == 2 * 18
    [emptied, kept] = current(settings)
    assert (emptied["day"], emptied["has_personal_data"], emptied["rows"]) == (old, False, 9)
    assert (kept["day"], kept["has_personal_data"]) == (DAY, True)
    was, now = pq.read_table(path_of(settings, before[0])), pq.read_table(path_of(settings, emptied))
    personal = declared().contracts[DOWNLOADS].personal_columns
    assert now.drop_columns(personal) == was.drop_columns(personal)
    assert all(now[name].null_count == 9 for name in personal)
    assert pq.read_metadata(path_of(settings, emptied)).metadata[b"rows"] == b"9"
    lake_upkeep.collect(keeping, 0)
    assert b"10.98.76.54" not in b"".join((settings.lake_dir / name).read_bytes() for name in files(settings))
    assert files(settings) == sorted(row["path"] for row in current(settings))
    assert list(retention.plan(keeping, declared())) == []


def test_a_damaged_file_is_not_read_again_as_whole(settings: Settings, database: Database) -> None:
    """The SHA-256 of a file is computed once; a file of the same size that changed since is noticed all the same."""
    write(settings, FILE, [download(1)])
    [loaded], _ = load(database)
    lake = FolderLake(settings.lake_dir)
    path = lake.verified(loaded.file)
    damage(path)
    with pytest.raises(LakeError, match="damaged"):
        lake.verified(loaded.file)


def test_dropped_days_leave_the_lake(settings: Settings, database: Database) -> None:
    write(settings, FILE, [download(1), download(2, NEXT)])
    load(database, DOWNLOADS, DAY, NEXT)
    with database.transaction() as connection:
        dropped.drop(connection, declared().contracts[DOWNLOADS], DAY, "test", "a setting says so")
    assert [row["day"] for row in current(settings)] == [NEXT]
    load(database, DOWNLOADS, DAY)
    assert [row["day"] for row in current(settings)] == [DAY, NEXT]


@pytest.mark.parametrize(
    "place",
    [
        "gs://bucket/lake", "s3:/bucket/lake", "s3://b", "s3://Bucket/lake", "s3://bucket/a//b", "s3://bucket/a b",
        "s3://bucket/lake?region=eu", "s3://AKIAKEY:Geheim7Wort@bucket/lake", "s3://bucket/" + "x" * 600,
    ],
)  # fmt: skip
def test_the_lake_is_a_folder_or_a_prefix_of_a_bucket(place: str) -> None:
    """As a path, another URL would be a folder named "gs:" in the working folder."""
    with pytest.raises(SettingsError, match=r"ANALYTICS_LAKE must be a folder,? or s3://bucket/prefix") as raised:
        Settings.from_environment({"ANALYTICS_LAKE": place})
    assert "Geheim7Wort" not in str(raised.value)
    assert "AKIAKEY" not in str(raised.value)


def test_where_the_lake_is(tmp_path: Path) -> None:
    there = Settings.from_environment({"ANALYTICS_HOME": str(tmp_path), "ANALYTICS_LAKE": "s3://a.bucket/some/lake/"})
    assert (there.lake_url, there.lake_place) == ("s3://a.bucket/some/lake", "s3://a.bucket/some/lake")
    here = Settings.from_environment({"ANALYTICS_HOME": str(tmp_path), "ANALYTICS_LAKE": ""})
    assert (here.lake_url, here.lake_place) == (None, str(tmp_path / "lake"))
