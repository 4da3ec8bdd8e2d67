"""Exports: what another engine reads back is the table, and the manifest is true whatever happens meanwhile."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import call, variables
from events import DAY, aggregate, ask, at, declared, download, event_id, execute, load, load_and_aggregate, write
from json_family import BY_LABELS, EVENTS, SELECT, catalog_in

from analytics_etl.catalog.calendar import periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import FAMILIES, SampleOptions, write_sample
from analytics_etl.pipeline import publishing
from analytics_etl.pipeline.exports import Exporter, ExportError, Wanted, exportable, manifests, read_index, read_table
from analytics_etl.pipeline.exports.files import write_files
from analytics_etl.pipeline.loading import load_days
from analytics_etl.postgres.connection import connect
from analytics_etl.postgres.database import Database

MODULES = "registry.module_stats_daily"
NEXT = DAY + timedelta(days=1)


def export(database: Database, folder: Path, catalog: Catalog | None = None, **wanted: Any) -> dict[str, Sequence[int]]:
    """{table: partitions (written, removed)} of those of which anything changed."""
    done = Exporter(database, catalog or declared(), folder, Wanted(**wanted)).export()
    return {found.table: (found.written, found.removed) for found in done if found.written or found.removed}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_true(folder: Path) -> dict[str, dict[str, Any]]:
    """Each file that the manifests name is there, whole, and there is no other; returns {table: manifest}."""
    index = read_index(folder)
    assert index is not None
    named, found = {"manifest.json"}, {}
    for entry in index["tables"]:
        manifest = read_table(folder, entry["table"])
        assert manifest is not None
        assert entry["partitions"] == len(manifest["partitions"])
        for file in [entry["manifest"], *(file for found in manifest["partitions"] for file in found["files"])]:
            data = (folder / file["path"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size_bytes"], file["sha256"])
            named.add(file["path"])
        found[entry["table"]] = manifest
    assert set(content(folder)) == named
    return found


def test_another_engine_reads_back_what_the_tables_hold(settings: Settings, database: Database, tmp_path: Path) -> None:
    """Of all families, from PostgreSQL and from the lake; twice gives the same bytes."""
    write_sample(
        settings.landing_dir, SampleOptions(last_day=NEXT, days=2, events_per_day=120, families=tuple(FAMILIES))
    )
    load_and_aggregate(database, DAY, NEXT)
    export(database, tmp_path / "a")
    export(database, tmp_path / "b")
    export(database, tmp_path / "c", tenant="acme")
    found = content(tmp_path / "a")
    assert found == content(tmp_path / "b")
    assert str(tmp_path).encode() not in b"".join(found.values())
    manifests = check_true(tmp_path / "a")
    wanted, withheld = exportable(declared())
    assert set(manifests) == set(wanted)
    assert "services.top_users_daily" in withheld
    heads = [path.read_bytes().partition(b"\r\n")[0] for path in (tmp_path / "a").rglob("*.csv")]
    assert not any(name in head for head in heads for name in (b"user_id", b"ip_address", b"user_agent"))
    own = tmp_path / "c/tenants/acme"
    of_tenant = check_true(own)
    has_tenants = {table for table in wanted if "tenant_id" in declared().aggregates[table].columns}
    assert set(of_tenant) <= has_tenants
    assert {table for table in has_tenants if table.startswith("platform.metric_")} <= set(of_tenant)
    sources = {"lake": 0, "postgres": 0}
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        for folder, tenant, found_there in ((tmp_path / "a", None, manifests), (own, "acme", of_tenant)):
            for table, manifest in found_there.items():
                in_lake = wanted[table].is_in_lake_only
                for partition in manifest["partitions"]:
                    where = {file["format"]: str(folder / file["path"]) for file in partition["files"]}
                    sources["lake" if in_lake else "postgres"] += partition["rows"]
                    compare(engine, settings, manifest, partition, where, in_lake=in_lake, tenant=tenant)
    assert min(sources.values()) > 50


def compare(
    engine: duckdb.DuckDBPyConnection, settings: Settings, manifest: dict[str, Any], partition: dict[str, Any],
    where: dict[str, str], *, in_lake: bool, tenant: str | None,
) -> None:  # fmt: skip
    """The rows of both files are those of the table that are a tenant's or nobody's, and of one another."""
    table, key = manifest["table"], manifest["key"]
    rows = read(engine, f"read_parquet('{where['parquet']}')")
    assert len(rows) == partition["rows"]
    if in_lake:
        [file] = ask(
            settings.database_url, "select path from ops.current_lake_files where table_name = %s and day = %s",
            [table, partition["start"]],
        )  # fmt: skip
        stored = read(engine, f"read_parquet('{settings.lake_dir}/{file['path']}')")
    else:
        stored = ask(
            settings.database_url, f"select * from {table} where {key[0]} >= %s and {key[0]} < %s",
            [partition["start"], partition["end"]],
        )  # fmt: skip
    stored = [row for row in stored if (row.get("tenant_id") or None) == tenant]
    kinds = {column["name"]: column["type"] for column in manifest["columns"]}

    def value(name: str, given: Any) -> Any:
        if kinds[name] == "uuid":
            return given and str(UUID(bytes=given) if isinstance(given, bytes) else given)
        return json.loads(given) if kinds[name] == "jsonb" and isinstance(given, str) else given

    def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        values = [{name: value(name, given) for name, given in row.items()} for row in rows]
        return sorted(values, key=lambda row: str([row[name] for name in key]))

    assert comparable(rows) == comparable(stored), table
    types = {name: "varchar" if kind in ("text", "jsonb", "uuid") else kind for name, kind in kinds.items()}
    options = "header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false"
    assert read(engine, f"read_csv('{where['csv']}', columns = {types}, auto_detect = false, {options})") == rows, table


def read(engine: duckdb.DuckDBPyConnection, source: str) -> list[dict[str, Any]]:
    relation = engine.sql(f"from {source}")
    assert relation is not None
    found: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return found


@pytest.fixture
def filled(settings: Settings, database: Database) -> Database:
    """A download on each of two days."""
    write(settings, "download_events/a.ndjson", [download(1), download(2, NEXT)])
    load_and_aggregate(database, DAY, NEXT, ["registry"])
    return database


def files_of(folder: Path, table: str = MODULES) -> dict[str, dict[str, str]]:
    """{partition: {format: path}}."""
    manifest = read_table(folder, table)
    assert manifest is not None
    return {p["start"]: {file["format"]: file["path"] for file in p["files"]} for p in manifest["partitions"]}


def test_only_what_changed_is_written_and_what_is_gone_is_removed(filled: Database, tmp_path: Path) -> None:
    settings, folder = filled.settings, tmp_path / "exports"
    url = settings.database_url
    environment = variables(settings)
    result = call(f"export {DAY} --table {MODULES} --format csv", environment)
    assert result.output == (
        f"{MODULES}: 1 partition written\n1 partition written, 1 left as they were, 0 removed: {folder}\n"
    )
    assert {start: list(files) for start, files in files_of(folder).items()} == {str(DAY): ["csv"]}
    first = files_of(folder)[str(DAY)]["csv"]
    assert export(filled, folder, families=["registry"])[MODULES] == (2, 0)
    assert files_of(folder)[str(DAY)]["csv"] == first
    before = {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()}
    assert export(filled, folder) == {}
    assert {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()} == before
    # A day is final without a change of its rows, another gets another download.
    known = files_of(folder)
    write(settings, "download_events/b.ndjson", [download(3, NEXT)])
    load(filled, "registry.download_events", NEXT)
    aggregate(filled, NEXT, NEXT, families=["registry"])
    execute(url, f"update ops.days set is_final = true where table_name = '{MODULES}' and day = '{DAY}'")
    (folder / "registry" / "of somebody.txt").write_text("stays")
    assert export(filled, folder)[MODULES] == (1, 0)
    assert files_of(folder)[str(DAY)] == known[str(DAY)]
    assert files_of(folder)[str(NEXT)] != known[str(NEXT)]
    (folder / "registry" / "of somebody.txt").unlink()
    manifest = check_true(folder)[MODULES]
    changed = ask(url, "select changed_at from ops.partitions where table_name = %s order by period_start", [MODULES])
    assert [(p["is_final"], p["last_updated"], p["rows"], p["as_of"]) for p in manifest["partitions"]] == [
        (True, f"{changed[0]['changed_at']:%Y-%m-%dT%H:%M:%S.%fZ}", 1, "2025-03-11T00:00:00.000000Z"),
        (False, f"{changed[1]['changed_at']:%Y-%m-%dT%H:%M:%S.%fZ}", 2, "2025-03-12T00:00:00.000000Z"),
    ]
    # A file is gone, one is damaged.
    known = files_of(folder)
    (folder / known[str(DAY)]["csv"]).unlink()
    assert export(filled, folder) == {MODULES: (1, 0)}
    (folder / known[str(NEXT)]["parquet"]).write_bytes(b"")
    assert export(filled, folder) == {MODULES: (1, 0)}
    check_true(folder)
    assert files_of(folder) == known
    meaning = pq.read_schema(folder / known[str(DAY)]["parquet"])
    assert (meaning.metadata or {})[b"period_start"] == str(DAY).encode()
    name = declared().column_docs(MODULES)["module_name"]
    assert (meaning.field("module_name").metadata or {})[b"description"] == name.encode()
    # A day is dropped, and a table is no longer declared.
    execute(url, f"delete from ops.partitions where period_start = '{DAY}' and table_name = '{MODULES}'")
    assert export(filled, folder, days=(NEXT, NEXT)) == {MODULES: (0, 1)}
    assert list(files_of(folder)) == [str(NEXT)]
    fewer = Catalog()
    fewer.__dict__["aggregates"] = {name: m for name, m in declared().aggregates.items() if name != MODULES}
    assert export(filled, folder, fewer) == {MODULES: (0, 1)}
    assert MODULES not in check_true(folder)
    for wrong, why in (
        ("--table registry.active_users_daily", "single persons (user_id)"),
        ("--table a.b", "there is no aggregate of that name"),
        ("--tenant nobody", "no row of the tenant 'nobody'"),
    ):
        result = call(f"export {wrong}", environment)
        assert result.exit_code == 1
        assert why in result.output


DIES = """
import os, sys
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.pipeline.exports import Exporter, Wanted, manifests
from analytics_etl.postgres.database import Database

step = getattr(manifests, sys.argv[1])
left = int(sys.argv[2])

def dying(*arguments):
    global left
    left -= 1
    result = step(*arguments)
    if left <= 0:
        os._exit(9)
    return result

setattr(manifests, sys.argv[1], dying)
settings = Settings.from_environment()
list(Exporter(Database(settings), Catalog(), settings.exports_dir, Wanted(families=["registry"])).export())
"""


def test_killed_or_at_the_same_time_the_manifest_is_true(filled: Database, tmp_path: Path) -> None:
    folder, fresh = filled.settings.exports_dir, tmp_path / "fresh"
    export(filled, folder, families=["registry"])
    write(filled.settings, "download_events/b.ndjson", [download(3), download(4, NEXT)])
    load(filled, "registry.download_events", DAY, NEXT)
    aggregate(filled, DAY, NEXT, families=["registry"])
    for step, times in (("place", 3), ("write_table", 2), ("write_index", 1), ("remove_others", 1)):
        done = subprocess.run(
            [sys.executable, "-c", DIES, step, str(times)], check=False, capture_output=True, text=True,
            env={**os.environ, **variables(filled.settings)},
        )  # fmt: skip
        assert done.returncode == 9, done.stderr
        assert named_files_are_whole(folder) > 20
    export(filled, fresh, families=["registry"])
    url = filled.settings.database_url
    execute(url, f"update ops.partitions set changed_at = now() where table_name = '{MODULES}'")
    reads, ended = list[int](), threading.Event()

    def reading() -> None:
        while not ended.is_set():
            reads.append(len(files_of(folder)))

    threads = [threading.Thread(target=export, args=(filled, folder), kwargs={"families": ["registry"]}) for _ in "ab"]
    reader = threading.Thread(target=reading)
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    ended.set()
    reader.join()
    assert set(reads) == {2}
    export(filled, fresh, families=["registry"])
    check_true(folder)
    assert content(folder) == content(fresh)
    (folder / "manifest.json").write_text("{")
    result = call("export", variables(filled.settings))
    assert f"remove {folder}/manifest.json" in result.output
    (folder / "manifest.json").unlink()
    export(filled, folder, families=["registry"])
    assert content(folder) == content(fresh)


def named_files_are_whole(folder: Path) -> int:
    """How many files the manifests name; each of them is what they say."""
    index = read_index(folder)
    assert index is not None
    parts = [files for entry in index["tables"] for files in files_of(folder, entry["table"]).values()]
    paths = [path for files in parts for path in files.values()]
    for path in paths:
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest()[:16] in path
    return len(paths)


TENANTS = SELECT.replace("[day, labels]", "[day, tenant_id, labels]").replace(
    "  service_id: Service", "  tenant_id: Tenant"
).replace("labels ->> 'service_id' as service_id", "labels ->> 'tenant' as tenant_id")  # fmt: skip
FINE = "shop.fine_daily"


def test_a_tenant_gets_its_own_rows_and_nobody_else_does(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    """Also of a table in the lake. The platform's rows, without a tenant, are what everybody gets."""
    catalog_in(tmp_path / "sql")
    (tmp_path / "sql/shop/aggregates/samples_by_labels_daily.sql").write_text(TENANTS)
    (tmp_path / "sql/shop/aggregates/fine_daily.sql").write_text(TENANTS.replace("key:", "kept: lake\nkey:"))
    catalog = Catalog(sql_dir=tmp_path / "sql")
    with connect(settings) as connection:
        connection.execute(f"create schema shop; {catalog.contracts[EVENTS].ddl}".encode())
        connection.commit()
    owners = [None, "acme", "o'hara/..", "acme", ""]
    write(settings, "sample_events/a.ndjson", [
        {"event_id": event_id(n), "taken_at": at(n), "labels": {"n": str(n)} | ({} if who is None else {"tenant": who})}
        for n, who in enumerate(owners)
    ])  # fmt: skip
    load_days(catalog.contracts[EVENTS], {}, database, [DAY], log=lambda _: None, accept_change=True)
    for table in (BY_LABELS, FINE):
        publishing.replace(database, catalog.aggregates[table], periods("day", DAY, DAY), accept_change=True)
    folder = settings.exports_dir
    assert export(database, folder, catalog) == {FINE: (1, 0), BY_LABELS: (1, 0)}
    for tenant in ("acme", "o'hara/.."):
        assert export(database, folder, catalog, tenant=tenant) == {FINE: (1, 0), BY_LABELS: (1, 0)}
        assert export(database, folder, catalog, tenant=tenant) == {}
    own = {None: folder, "acme": folder / "tenants/acme", "o'hara/..": folder / "tenants/o%27hara%2F.."}
    with duckdb.connect() as engine:
        for owner, top in own.items():
            assert (read_index(top) or {})["tenant"] == owner
            for table, (form, path) in (
                (t, item) for t in (BY_LABELS, FINE) for item in files_of(top, t)[str(DAY)].items()
            ):
                found = read(engine, f"read_{form}('{str(top / path).replace(chr(39), chr(39) * 2)}')")
                mine = [who or None for who in owners if (who or None) == owner]
                assert [row["tenant_id"] or None for row in found] == mine, (form, table)
    with pytest.raises(ExportError, match="no row of the tenant 'ACME'"):
        export(database, folder, catalog, tenant="ACME")
    for name in ("..", ".", ".a"):
        assert manifests.folder_of_tenant(folder, name).name.startswith("%2E")
    with pytest.raises(ValueError, match="expected a tenant"):
        manifests.folder_of_tenant(folder, "a" * 300)


def test_the_cells_of_csv(tmp_path: Path) -> None:
    """NULL and the empty text are told apart, and whatever a text holds is one cell."""
    texts = [None, "", "a", ' a"b ', "a,b", "a\r\nb", "=1+1", "-", "\uff1d1", "\x00", "\u00e9"]
    numbers = [None, 0.1, 1e300, -0.0, 1 / 3, float("nan"), float("inf"), 3.0, 1e-7, 5e-324, 123456789012.5]
    batch = pa.RecordBatch.from_pydict({
        "t": pa.array(texts), "n": pa.array(numbers),
        "at": pa.array([None, *range(0, 9_000_000, 1_000_000), 9_500_000], pa.timestamp("us", "UTC")),
    })  # fmt: skip
    paths, rows = write_files([batch.slice(0, 4), batch.slice(4)], batch.schema, tmp_path, ["csv"])
    assert rows == 11
    assert paths["csv"].read_bytes().decode() == (
        't,n,at\r\n,,\r\n"",0.1,1970-01-01T00:00:00Z\r\na,1e+300,1970-01-01T00:00:01Z\r\n'
        '" a""b ",-0,1970-01-01T00:00:02Z\r\n"a,b",0.3333333333333333,1970-01-01T00:00:03Z\r\n'
        "\"a\r\nb\",nan,1970-01-01T00:00:04Z\r\n'=1+1,inf,1970-01-01T00:00:05Z\r\n'-,3,1970-01-01T00:00:06Z\r\n"
        "'\uff1d1,1e-7,1970-01-01T00:00:07Z\r\n\x00,5e-324,1970-01-01T00:00:08Z\r\n"
        "\u00e9,1.234567890125e+11,1970-01-01T00:00:09.500000Z\r\n"
    )
