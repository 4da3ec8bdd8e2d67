"""Rows with JSON between the lake and PostgreSQL: text there, jsonb here, and the same value on the way back."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from events import DAY, ask

from analytics_etl.lake.fingerprints import fingerprint_of_file
from analytics_etl.postgres.connection import connect, identifier
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.sending import send_all
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
