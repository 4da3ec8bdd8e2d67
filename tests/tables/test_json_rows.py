"""Rows with JSON between the lake and PostgreSQL: text there, jsonb here, and the same value on the way back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from events import DAY, Event, ask, at, declared, event_id, load, rows_of, write

from analytics_etl.catalog.models import rename_schemas
from analytics_etl.config.settings import Settings
from analytics_etl.lake import open_lake
from analytics_etl.lake.files import LakeFile
from analytics_etl.lake.fingerprints import fingerprint_of_file
from analytics_etl.postgres.connection import connect, identifier
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.sending import send_all
from analytics_etl.tables.archiving import Archiver
from analytics_etl.tables.overlay import overlay
from analytics_etl.tables.partition_rows import arrow_schema, fingerprint, stream

TABLE = "ops.json_rows"
TYPES = {"event_id": "uuid", "at": "timestamptz", "labels": "jsonb", "note": "text"}
LABELS = [
    '{"B":"1","aa":"2","b":"3","\u00e9":"4"}', None, "{}",
    '[1000,0.12345678901234567890123,{"x":"\\n\\u001f\x7f \\\\"}]',
    '"a, \\"text\\""', "null", '{"aa":"2"}', '{"aa":"2"}',
]  # fmt: skip
NOTES = ['{"is": "text"}', None, "", "null", ',"', "a", "b", "c"]


def rows() -> pa.RecordBatch:
    ids = pa.array([UUID(int=n).bytes for n in range(len(LABELS))], pa.binary(16))
    times = pa.array([datetime(2025, 3, 10, n, tzinfo=UTC) for n in range(len(LABELS))], pa.timestamp("us", "UTC"))
    return pa.RecordBatch.from_arrays(
        [pa.ExtensionArray.from_storage(pa.uuid(), ids), times, pa.array(LABELS), pa.array(NOTES)], names=list(TYPES)
    )


def test_there_and_back(database: Database, tmp_path: Path) -> None:
    batch = rows()
    with connect(database.settings) as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        connection.execute(f"create table {TABLE} ({columns})".encode())
        send_all(connection, identifier(TABLE), [batch.slice(0, 3), batch.slice(3)])
        back = pa.Table.from_batches(stream(connection, identifier(TABLE), TYPES), arrow_schema(TYPES))
        here = fingerprint(connection, identifier(TABLE), TYPES, ["labels"], "at")
        connection.commit()
    assert sorted(back.to_pylist(), key=lambda row: row["at"]) == batch.to_pylist()
    url = database.settings.database_url
    found = ask(
        url, f"select labels ->> 'aa' as aa, labels @> '{{\"b\": \"3\"}}' as has_b from {TABLE} order by at limit 3"
    )
    assert found == [{"aa": "2", "has_b": True}, {"aa": None, "has_b": None}, {"aa": None, "has_b": False}]
    path = tmp_path / f"{DAY}.parquet"
    stored = [column.storage if isinstance(column, pa.ExtensionArray) else column for column in batch.columns]
    pq.write_table(pa.Table.from_arrays(stored, names=list(TYPES)), path)
    assert fingerprint_of_file(path, TYPES, ["labels"], "at", 256) == here
    assert here.personal_values == 7


VERSIONS = "registry.module_versions"


def version(number: int, files: dict[str, str], **changes: object) -> Event:
    return {
        "event_id": event_id(number), "registered_at": at(number), "module_name": "m", "version": str(number),
        "format": "protobuf", "files": files, "size_bytes": 1, **changes,
    }  # fmt: skip


def kept_in(settings: Settings, file: LakeFile) -> list[dict[str, Any]]:
    """The rows of a file, which are in no order: copies are looked for by several threads."""
    found: list[dict[str, Any]] = pq.read_table(open_lake(settings).locate(file)).sort_by("registered_at").to_pylist()
    return found


def test_a_day_with_json_is_loaded_archived_and_restored(database: Database, settings: Settings) -> None:
    """Its copies differ in the order of their keys alone, so they are the same; the file and the table, too."""
    files = {"b.proto": 'x "\u00e9"\n\\', "aa.proto": "", "a.proto": "y"}
    other = dict(sorted(files.items()))
    write(settings, "module_versions/a.ndjson", [version(1, files), version(2, {}), version(3, {"a": "\x1f\x7f"})])
    write(settings, "module_versions/b.ndjson", [version(1, other), version(2, {"c": "d"})])
    write(settings, "module_versions/c.ndjson", [version(4, {"a": "b"}, organization_id="")])
    [loaded], _ = load(database, VERSIONS)
    assert (loaded.rows, loaded.duplicates, loaded.conflicting) == (3, 2, 1)
    held = rows_of(settings.database_url, VERSIONS)
    [found] = pq.read_table(open_lake(settings).locate(loaded.file)).filter(pc.field("version") == "1").to_pylist()
    assert found["files"] == json.dumps(other, ensure_ascii=False, separators=(",", ":"))
    in_file = kept_in(settings, loaded.file)
    contract, archiver = declared().contracts[VERSIONS], Archiver(settings)
    archiver.drop(contract, DAY, "test")
    assert rows_of(settings.database_url, VERSIONS) == []
    with database.transaction() as connection:
        schemas = overlay(connection, settings, [VERSIONS], DAY, DAY + timedelta(days=1))
        statement = rename_schemas(f"select files ->> 'b.proto' as text from {VERSIONS} where version = '1'", schemas)
        assert connection.execute(statement.encode()).fetchall() == [(files["b.proto"],)]
    archiver.restore(contract, DAY, "test", "to see")
    assert rows_of(settings.database_url, VERSIONS) == held
    [again], _ = load(database, VERSIONS)
    assert kept_in(settings, again.file) == in_file
    changes = ask(settings.database_url, "select count(*) as n from ops.changes where table_name = %s", [VERSIONS])
    assert changes == [{"n": 0}]
