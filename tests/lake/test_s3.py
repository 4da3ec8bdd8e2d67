"""A lake on S3 does what one in a folder does, from the load of a day to its removal."""

import hashlib
import os
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from commands import variables
from events import DAY, DOWNLOADS, FILE, aggregate, all_tables, ask, declared, download, load, rows_of, write
from s3_lakes import current, forget_copies, placed
from s3_servers import S3Server

from analytics_etl.cli import main
from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.lake import LakeError, bucket, open_lake
from analytics_etl.monitoring.doctor import services
from analytics_etl.pipeline import lake_upkeep, retention
from analytics_etl.pipeline.publishing import replace as publish
from analytics_etl.postgres.database import Database
from analytics_etl.tables.archiving import Archiver

pytest_plugins = ["s3_fixtures"]

ACTIVITY = "registry.module_activity_daily"
NEXT = DAY + timedelta(days=1)
OLD = DAY - timedelta(days=30)


def books(settings: Settings) -> list[dict[str, Any]]:
    return ask(
        settings.database_url,
        "select table_name, day, path, rows, size_bytes, sha256, has_personal_data from ops.current_lake_files "
        "order by path",
    )


def test_the_life_of_a_day(on_s3: Settings, s3_database: Database, s3: S3Server) -> None:
    write(on_s3, FILE, [download(n, ip_address="10.98.76.54") for n in range(50)])
    write(on_s3, "download_events/old.ndjson", [download(n, OLD, ip_address="10.1.1.1") for n in range(100, 120)])
    load(s3_database, DOWNLOADS, OLD, DAY)
    aggregate(s3_database, DAY, DAY, ["day"], ["registry"])
    computed = all_tables(on_s3)
    assert [row["engine"] for row in ask(
        on_s3.database_url,
        "select distinct engine from ops.partitions where table_name = 'registry.module_activity_daily'",
    )] == ["duckdb"]  # fmt: skip
    assert s3.keys() == current(on_s3)
    for row in books(on_s3):
        assert hashlib.sha256(s3.content(row["path"])).hexdigest() == row["sha256"]
    forget_copies(on_s3)
    aggregate(s3_database, DAY, DAY, ["day"], ["registry"])
    assert all_tables(on_s3) == computed

    old = current(on_s3)
    write(on_s3, FILE, [download(n, ip_address="10.98.76.54") for n in range(51)])
    load(s3_database)
    aggregate(s3_database, DAY, DAY, ["day"], ["registry"])
    before = len(s3.keys())
    assert set(old) < set(s3.keys())
    assert lake_upkeep.collect(s3_database).files == 0, "a reader may have the old ones open"
    assert lake_upkeep.collect(s3_database, 0).files == before - len(current(on_s3)) > 0
    assert s3.keys() == current(on_s3)

    held = rows_of(on_s3.database_url)
    keeping = Database(replace(on_s3, hot_days=PerTable(10), personal_retention=PerTable(20)))
    outcome = retention.run(keeping, declared(), "test", lambda *_: None)
    assert outcome.personal_values > 0
    assert [row["state"] for row in ask(on_s3.database_url, "select state from ops.archives")] == ["archived"]
    lake_upkeep.collect(keeping, 0)
    assert s3.keys() == current(on_s3)
    assert not [path for path in current(on_s3) if b"10.1.1.1" in s3.content(path)]
    forget_copies(on_s3)
    said = CliRunner(env=variables(on_s3)).invoke(
        main, ["sql", "--format", "csv", "-c", f"select count(*) as n, count(ip_address) as a from {DOWNLOADS}"]
    )
    assert said.output == "n,a\n71,51\n"
    restore = ["restore", DOWNLOADS, str(OLD), "--reason", "asked for"]
    said = CliRunner(env=variables(on_s3)).invoke(main, restore)
    assert said.exit_code == 0, said.output
    assert rows_of(on_s3.database_url) == [row.replace("10.1.1.1", "") for row in held]


def doctor_says(settings: Settings) -> str:
    """What is wrong with the lake, and empty if nothing is."""
    return services.lake(Database(settings)).detail


def test_doctor_names_what_is_missing_and_what_has_another_size(
    on_s3: Settings, s3_database: Database, s3: S3Server
) -> None:
    write(on_s3, FILE, [download(1), download(2, NEXT)])
    load(s3_database, DOWNLOADS, DAY, NEXT)
    first, second = current(on_s3)
    before = s3.requests
    assert doctor_says(on_s3) == "2 files, all there"
    assert s3.requests == before + 1, "a listing, not a request for each file"
    content = s3.content(first)
    s3.put(first, content[:-1])
    size = f"it has {len(content) - 1:,} bytes, expected {len(content):,}"
    said = doctor_says(on_s3)
    assert said.startswith(f"1 of 2 files missing or damaged: {s3.url}/{first} is damaged ({DOWNLOADS} {DAY}): {size}")
    s3.client.delete_object(Bucket=s3.bucket, Key=f"lake/{first}")
    assert f"{s3.url}/{first} is missing ({DOWNLOADS} {DAY})" in doctor_says(on_s3)
    assert second not in doctor_says(on_s3)


@pytest.mark.parametrize("fault", ["missing", "cut", "one byte"])
def test_no_table_is_computed_from_a_missing_or_damaged_object(
    on_s3: Settings, s3_database: Database, s3: S3Server, fault: str
) -> None:
    write(on_s3, FILE, [download(n) for n in range(100)])
    [loaded], _ = load(s3_database)
    path, content = loaded.file.path, s3.content(loaded.file.path)
    forget_copies(on_s3)
    if fault == "missing":
        s3.client.delete_object(Bucket=s3.bucket, Key=f"lake/{path}")
    else:
        s3.put(path, content[:-100] if fault == "cut" else content[:50] + bytes([content[50] ^ 0xFF]) + content[51:])
    with pytest.raises(LakeError, match="is missing" if fault == "missing" else "is damaged") as error:
        publish(s3_database, declared().aggregates[ACTIVITY], {DAY: NEXT})
    assert str(error.value).startswith(f"{s3.url}/{path} is ")
    assert f"analytics-etl backfill {DAY} {DAY}" in str(error.value)
    load(s3_database)  # as the error says
    publish(s3_database, declared().aggregates[ACTIVITY], {DAY: NEXT})


def test_a_partition_is_not_dropped_for_a_copy_of_an_object_that_is_gone(
    on_s3: Settings, s3_database: Database, s3: S3Server
) -> None:
    write(on_s3, FILE, [download(n) for n in range(10)])
    [loaded], _ = load(s3_database)
    contract = declared().contracts[DOWNLOADS]
    open_lake(on_s3).verified(loaded.file)
    s3.client.delete_object(Bucket=s3.bucket, Key=f"lake/{loaded.file.path}")
    open_lake(on_s3).verified(loaded.file)  # the copy is there, and right
    with pytest.raises(LakeError, match="is missing"):
        Archiver(on_s3).drop(contract, DAY, "test")
    assert len(rows_of(on_s3.database_url)) == 10


def test_a_file_above_the_size_of_a_part_is_sent_in_parts(
    on_s3: Settings, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_PART_BYTES", 5 << 20)
    file = placed(on_s3, content := os.urandom(12 << 20))
    assert s3.content(file.path) == content
    head = s3.client.head_object(Bucket=s3.bucket, Key=f"lake/{file.path}")
    assert head["ETag"].endswith('-3"')
    assert open_lake(on_s3).reread(file).read_bytes() == content


def test_without_boto3_the_error_says_what_to_install(on_s3: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("analytics_etl.lake.s3", "analytics_etl.lake.bucket", "analytics_etl.lake.s3_requests"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(LakeError, match=r"needs boto3: pip install 'analytics-etl\[s3\]'"):
        open_lake(on_s3)
