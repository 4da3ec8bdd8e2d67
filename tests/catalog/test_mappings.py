"""Source mappings: rows their WHERE leaves out, names of columns, and mappings that cannot work."""

# ruff: noqa: E501 - tables are read by their rows

import json
from pathlib import Path

import pyarrow as pa
import pytest
from books import assert_books_balance
from events import DAY, DOWNLOADS, at, declared, event_id, ledger, write
from reading import parquet, read

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, ModelError
from analytics_etl.catalog.reading import read_models
from analytics_etl.config.settings import Settings
from analytics_etl.landing.mappings import check_mappings
from analytics_etl.pipeline.loading import load_days
from analytics_etl.pipeline.usable_sources import with_usable_sources
from analytics_etl.postgres.database import Database

SELECT = """id::uuid as event_id, moment as downloaded_at, module as module_name, version, size as file_size,
    true as success"""


def mapping(folder: Path, select: str, name: str = "stream") -> Model:
    """A source mapping of the registry, written and read."""
    path = folder / "registry" / "sources" / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"/*\ndescription: A stream.\n*/\n{select}\n", encoding="utf-8")
    [model] = read_models(path).values()
    return model


def record(number: int, kind: str | None, **changes: object) -> dict[str, object]:
    row = {"id": event_id(number), "moment": at(number), "module": "m", "version": "1", "size": "5", "kind": kind}
    return {**row, **changes}


MIXED: list[dict[str, object]] = [
    record(1, "download"), record(2, "view"), record(3, None), record(4, "download", size="x"), record(5, "view", size="x"),
    record(6, "download"), {"kind": "heartbeat"},
]  # fmt: skip


def in_every_format(records: list[dict[str, object]]) -> dict[str, bytes]:
    names = list(records[0])
    lines = [",".join("" if row.get(name) is None else str(row[name]) for name in names) for row in records]
    return {
        "a.ndjson": "\n".join(map(json.dumps, records)).encode(),
        "b.csv": "\n".join([",".join(names), *lines]).encode(),
        "c.parquet": parquet({name: pa.array([row.get(name) for row in records], pa.string()) for name in names}),
    }


def test_numbers_within_objects_keep_their_digits(tmp_path: Path) -> None:
    """DuckDB writes them anew; other objects, and texts that look like one, come as they are."""
    source = mapping(tmp_path, f"select {SELECT}, extra as user_id from source")
    extras = [
        '{"n": 0.12345678901234567890, "a": 1e3}',
        '{"n": "1.50", "a": [1]}',
        '"{\\"n\\": 1.50}"',
        "[123456789012345678901]",
    ]
    lines = [json.dumps(record(n, None))[:-1] + f', "extra": {extra}}}' for n, extra in enumerate(extras)]
    found = read(tmp_path, {"a.ndjson": "\n".join(lines).encode()}, source=source)
    assert [row["user_id"] for row in sorted(found.rows, key=lambda row: row["event_id"])] == [
        '{"a":1000,"n":0.1234567890123456789}', '{"n":"1.50","a":[1]}', '{"n": 1.50}', "[123456789012345678901]",
    ]  # fmt: skip


def test_where_routes_a_mixed_stream(tmp_path: Path) -> None:
    """What it leaves out, also by NULL, is neither loaded nor rejected; a line that is no JSON is."""
    source = mapping(tmp_path, f"select {SELECT} from source where kind = 'download'")
    files = in_every_format(MIXED)
    files["a.ndjson"] += b"\nno JSON\n"
    found = read(tmp_path, files, source=source)
    assert sorted(row["event_id"].int for row in found.rows) == [1, 1, 1, 6, 6, 6]
    bad = "file_size: expected a whole number, got x"
    assert found.reasons == {"a.ndjson": [bad, "the line is no record"], "b.csv": [bad], "c.parquet": [bad]}
    assert [report.others for report in found.reports] == [4, 4, 4]


def test_a_misspelt_column_of_a_foreign_file_is_told(tmp_path: Path) -> None:
    """NDJSON rows lack the key; the other formats are rejected as files, since a mapping needs what it reads."""
    source = mapping(tmp_path, f"select {SELECT}, client as client_sdk from source")
    found = read(tmp_path, in_every_format([record(1, "a", Clients="x"), record(2, "a", Clients="x")]), source=source)
    assert len(found.rows) == 2
    told = [report.state.reasons[0] for report in found.reports]
    assert told == ["unknown column Clients, did you mean client?"] * 3


def test_a_where_that_cannot_be_computed_leaves_out(tmp_path: Path) -> None:
    source = mapping(tmp_path, f"select {SELECT} from source where strptime(kind, '%Y') > timestamp '2024-01-01'")
    found = read(tmp_path, in_every_format([record(1, "2025"), record(2, "soon")]), source=source)
    assert [row["event_id"].int for row in found.rows] == [1, 1, 1]
    assert (found.rejected, [report.others for report in found.reports]) == ([], [1, 1, 1])


def test_what_is_left_out_is_in_the_ledger(settings: Settings, database: Database, tmp_path: Path) -> None:
    source = mapping(tmp_path, f"select {SELECT} from source where kind = 'download'")
    path = "download_events/stream/a.ndjson"
    write(settings, path, MIXED)
    for _ in range(2):
        load_days(declared().contracts[DOWNLOADS], {"stream": source}, database, [DAY], log=lambda _: None)
        file = ledger(settings.database_url)[path]
        counts = [file[f"rows_{name}"] for name in ("read", "valid", "rejected", "not_for_table")]
        assert counts == [3, 2, 1, 4]
        assert_books_balance(settings)


def test_names_of_columns_are_exact(tmp_path: Path) -> None:
    """With capitals, spaces, quotes, a dot or a letter of elsewhere; a column that differs by case is another."""
    source = mapping(
        tmp_path,
        '''select "Event Id"::uuid as event_id, "the ""moment""" as downloaded_at, "it's" as module_name,
            "a.b" as version, "Gr\u00f6\u00dfe" as file_size, true as success, kind as client_sdk
        from source''',
    )
    row: dict[str, object] = {
        "Event Id": event_id(1), 'the "moment"': at(1), "it's": "m", "a.b": "1", "Gr\u00f6\u00dfe": "5", "KIND": "x", "kind": "y",
    }  # fmt: skip
    names = ['"' + name.replace('"', '""') + '"' for name in row]
    files = in_every_format([row])
    files["b.csv"] = f"{','.join(names)}\n{','.join(map(str, row.values()))}\n".encode()
    found = read(tmp_path, files, source=source)
    assert found.rejected == []
    assert [(r["module_name"], r["version"], r["file_size"], r["client_sdk"]) for r in found.rows] == [
        ("m", "1", 5, "y")
    ] * 3


def test_numbers_reach_a_mapping_as_they_are_written(tmp_path: Path) -> None:
    source = mapping(tmp_path, f"select {SELECT}, kind as user_id from source")
    line = '{"id":"%s","moment":"%s","module":"m","version":%s,"size":%s,"kind":%s}'
    lines = [
        line % (event_id(1), at(1), "1.10", "9007199254.0", '"x"'),
        line % (event_id(2), at(2), "1e3", "5", '{"a": [1]}'),
        line % (event_id(3), at(3), "NaN", "5", "null"),
    ]
    found = read(tmp_path, {"a.ndjson": "\n".join(lines).encode()}, source=source)
    assert [(row["version"], row["file_size"], row["user_id"]) for row in found.rows] == [
        ("1.10", 9007199254, "x"),
        ("1e3", 5, '{"a":[1]}'),
    ]
    assert found.reasons == {"a.ndjson": ["version: expected a number as JSON writes it, got NaN"]}


def test_parquet_reaches_a_mapping_as_text(tmp_path: Path) -> None:
    source = mapping(tmp_path, f"select {SELECT}, kind as user_id from source")
    columns = {
        "id": pa.array([event_id(1), event_id(2)]), "moment": pa.array([f"{at(1)}", at(2)]), "module": pa.array([b"m", b"m"]),
        "version": pa.array([1001.0, 1.5]), "size": pa.array([5, 6], pa.uint64()), "kind": pa.array([["a"], None]),
    }  # fmt: skip
    found = read(tmp_path, {"a.parquet": parquet(columns)}, source=source)
    assert [(row["version"], row["file_size"], row["user_id"]) for row in found.rows] == [
        ("1001", 5, '["a"]'), ("1.5", 6, None),
    ]  # fmt: skip


REFUSED = {
    "an aggregate": (f"select {SELECT}, max(kind) as user_id from source", "max: expected expressions of one row"),
    "a window": (f"select {SELECT}, row_number() over () as user_id from source", "window: expected expressions of one row"),
    "a subquery": (f"select {SELECT}, (select 1) as user_id from source", "subquery: expected expressions of one row"),
    "rows out of one": (f"select {SELECT}, unnest([1, 2]) as user_id from source", "unnest: expected expressions of one row"),
    "random": (f"select {SELECT}, random() as user_id from source", "random: its value is not the row's alone"),
    "a new id": (SELECT.replace("id::uuid", "select gen_random_uuid()") + " from source", "its value is not the row's alone"),
    "now": (f"select {SELECT}, now() as user_id from source", "its value is not the row's alone"),
    "now in where": (f"select {SELECT} from source where moment < current_date", "its value is not the row's alone"),
    "age": (f"select {SELECT}, age(moment::timestamp) as user_id from source", "age: its value is not the row's alone"),
    "local time": (f"select {SELECT}, localtimestamp as user_id from source", "its value is not the row's alone"),
    "unknown function": (f"select {SELECT}, nosuch(kind) as user_id from source", "name nosuch does not exist"),
    "unknown type": (f"select {SELECT}, kind::nosuch as user_id from source", "nosuch does not exist"),
    "wrong arguments": (f"select {SELECT}, epoch_ms(kind, 1, 2) as user_id from source", "No function matches"),
    "part of a text": (f"select {SELECT}, kind.name as user_id from source", 'Referenced table "kind" not found'),
    "a column of ours": (f"select {SELECT}, _raw as user_id from source", "reads ['_raw'], expected columns of a file, or _line"),
    "names that differ by case": (f"select {SELECT}, kind || KIND as user_id from source", "by upper and lower case only: ['kind']"),
    "unknown column": (f"select {SELECT}, kind as user from source", "no event table of registry has the columns"),
    "no name": (f"select {SELECT}, upper(kind) from source", "each output needs a name of its own"),
    "a name twice": (f"select {SELECT}, kind as version from source", "each output needs a name of its own"),
    "missing": ("select id::uuid as event_id, moment as downloaded_at, module as module_name from source",
                "every row would be rejected: registry.download_events needs ['version', 'file_size', 'success'], too"),
    "another table": (f"select {SELECT} from registry.download_events", "expected `from source`"),
    "a join": (f"select {SELECT} from source join source as b using (id)", "one SELECT from source that maps row to row"),
    "a join with another list": (f"select {SELECT} from source cross join unnest([1, 2]) as many (one)", "the elements of a list of columns and"),
    "a list that may fail": (f"select {SELECT} from source cross join unnest([{{'a': moment::int}}]) as many (one)", "the elements of a list of columns and"),
    "a list beside another": (f"select {SELECT} from source cross join unnest([{{'a': 1}}]) as m (o) cross join unnest([{{'a': 1}}]) as n (p)", "the elements of a list"),
    "a column that is no element's": (f"select {SELECT}, many.x as user_id from source cross join unnest([{{'a': 1}}]) as many (one)", "DuckDB refuses it"),
    "a group": (f"select {SELECT} from source group by all", "one SELECT from source that maps row to row"),
    "a limit": (f"select {SELECT} from source limit 5", "one SELECT from source that maps row to row"),
    "an order": (f"select {SELECT} from source order by 1", "one SELECT from source that maps row to row"),
    "distinct": (f"select distinct {SELECT} from source", "one SELECT from source that maps row to row"),
    "a union": (f"select {SELECT} from source union all select {SELECT} from source", "not several put together"),
    "with": (f"with a as (select * from source) select {SELECT} from a", "from source"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_mapping_that_cannot_work_is_refused(tmp_path: Path, kind: str) -> None:
    select, reason = REFUSED[kind]
    contracts = [contract for contract in declared().contracts.values() if contract.family == "registry"]
    with pytest.raises(ModelError) as refused:
        check_mappings(contracts, {"stream": mapping(tmp_path, select)})
    assert str(refused.value).startswith(str(tmp_path / "registry" / "sources" / "stream.sql"))
    assert reason in str(refused.value)


def test_mappings_are_checked_when_definitions_load(tmp_path: Path) -> None:
    """One that cannot work stops the event tables of its family, since what its files hold cannot be told."""
    assert with_usable_sources(Catalog()).broken == {}
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "events").symlink_to(Catalog().sql_dir / "registry" / "events")
    mapping(tmp_path, f"select {SELECT}, nosuch(kind) as user_id from source")
    catalog = with_usable_sources(Catalog(tmp_path))
    assert catalog.contracts == {}
    assert set(catalog.broken) == {table for table in declared().contracts if table.startswith("registry.")}
    assert all("stream.sql: DuckDB refuses it" in why for why in catalog.broken.values())


def test_a_file_of_a_source_that_is_for_another_table_is_rejected(tmp_path: Path) -> None:
    source = declared().mappings("registry")["cran_log"]
    found = read(tmp_path, {"a.csv": b"x\n1\n"}, table="registry.module_view_events", source=source)
    assert found.states == {"a.csv": "rejected"}
    assert (
        "registry.module_view_events has no columns" in found.reasons["a.csv"][0]
        or "missing" in found.reasons["a.csv"][0]
    )


def test_a_wide_row_becomes_several(tmp_path: Path) -> None:
    """In every format; what is missing gives no row, a bad value rejects its own row, a bad line is told once."""
    source = mapping(
        tmp_path,
        """select md5(id || one.module)::uuid as event_id, moment as downloaded_at, one.module as module_name,
            '1' as version, one.size as file_size, true as success
        from source
        cross join unnest([
            {'module': 'a', 'size': small}, {'module': 'b', 'size': "Large size"}, {'module': 'c', 'size': null}
        ]) as parts (one)
        where one.size is not null""",
    )
    check_mappings([declared().contracts[DOWNLOADS]], {"stream": source})
    rows: list[dict[str, object]] = [
        {"id": "w", "moment": at(1), "small": "1", "Large size": "2"},
        {"id": "x", "moment": at(2), "small": None, "Large size": "3"},
        {"id": "y", "moment": at(3), "small": "much", "Large size": "4"},
        {"id": "z", "moment": at(4), "small": None, "Large size": None},
    ]
    files = in_every_format(rows)
    files["a.ndjson"] += b"\nno JSON\n"
    found = read(tmp_path, files, source=source)
    expected = [("a", 1), ("b", 2), ("b", 3), ("b", 4)]
    assert sorted((row["module_name"], row["file_size"]) for row in found.rows) == sorted(expected * 3)
    bad = "file_size: expected a whole number, got much"
    reasons = {name: sorted(told) for name, told in found.reasons.items()}
    assert reasons == {"a.ndjson": [bad, "the line is no record"], "b.csv": [bad], "c.parquet": [bad]}
    assert [report.others for report in found.reports] == [7, 7, 7]
