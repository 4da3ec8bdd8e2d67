"""Columns of JSON: what a file gives is one text per value, whatever its format, or the row is rejected."""

import json
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest
from conftest import Server
from events import DAY, at, event_id
from json_family import EVENTS, catalog_in
from reading import Read, parquet, read

from analytics_etl.catalog.json_values import as_postgres_writes
from analytics_etl.landing import json_columns

REQUIRED = {"event_id": event_id(1), "taken_at": at(1)}
LONGEST = {"a": "x" * 51}
"""60 bytes as PostgreSQL writes it, with the blank after the colon."""
TEXTS = pa.map_(pa.string(), pa.string())


def line(labels: str, extra: str = "null", number: int = 1) -> bytes:
    return (
        f'{{"event_id":"{event_id(number)}","taken_at":"{at(number)}","labels":{labels},"extra":{extra}}}\n'
    ).encode()


def cells(labels: str, extra: str = "") -> bytes:
    quoted = [text.replace('"', '""') for text in (*REQUIRED.values(), labels, extra)]
    return ("event_id,taken_at,labels,extra\n" + ",".join(f'"{text}"' for text in quoted) + "\n").encode()


def columns(labels: pa.Array, extra: pa.Array | None = None) -> bytes:
    given = {key: pa.array([value]) for key, value in REQUIRED.items()} | {"labels": labels}
    return parquet(given if extra is None else {**given, "extra": extra})


def found(folder: Path, files: dict[str, bytes]) -> Read:
    return read(folder, files, contract=catalog_in(folder / "sql").contracts[EVENTS])


def values(read: Read, column: str) -> list[Any]:
    return [row[column] for row in read.rows]


def test_a_value_is_the_same_in_every_format(tmp_path: Path) -> None:
    labels = '{"region": "eu", "service_id": "caf\\u00e9", "a": ""}'
    pairs = [("service_id", "caf\u00e9"), ("region", "eu"), ("a", "")]
    files = {
        "a.ndjson": line(labels) + line('{"a":"","service_id":"caf\u00e9","region":"eu"}', number=2),
        "b.csv": cells(labels),
        "c.parquet": columns(pa.array([pairs], TEXTS)),
        "d.parquet": columns(pa.array([{**dict(pairs), "absent": None}])),
        "e.parquet": columns(pa.array([labels])),
        "f.parquet": columns(pa.array([labels.encode()]).dictionary_encode()),
    }
    read = found(tmp_path, files)
    assert read.rejected == []
    assert values(read, "labels") == ['{"a":"","region":"eu","service_id":"caf\u00e9"}'] * 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"b": 1.50, "a": [1e3, {"d": "x", "c": null}]}', '{"a":[1000,{"c":null,"d":"x"}],"b":1.5}'),
        ('{"n": 0.12345678901234567890123, "m": 123456789012345678901}',
         '{"m":123456789012345678901,"n":0.12345678901234567890123}'),
        ('[1e400, "1.10", -0.0]', f'[1{400 * "0"},"1.10",0]'),
        ('"a text"', '"a text"'), ("true", "true"), ("5", "5"), ("1.50", "1.5"),
        ("null", None), (" null ", None),
    ],
)  # fmt: skip
def test_no_digit_is_lost(tmp_path: Path, text: str, expected: str | None) -> None:
    read = found(
        tmp_path,
        {
            "a.ndjson": line("{}", text),
            "b.csv": cells("{}", text),
            "c.parquet": columns(pa.array(["{}"]), pa.array([text])),
        },
    )
    assert read.rejected == []
    assert values(read, "extra") == [expected] * 3


def test_nested_values_of_parquet(tmp_path: Path) -> None:
    inner = pa.struct({"m": pa.map_(pa.string(), pa.float64()), "l": pa.list_(pa.int8()), "none": pa.string()})
    extra = pa.array([[{"m": [("b", 1.5), ("a", None)], "l": [1], "none": None}]], pa.large_list(inner))
    read = found(tmp_path, {"a.parquet": columns(pa.array(["{}"]), extra)})
    assert values(read, "extra") == ['[{"l":[1],"m":{"a":null,"b":1.5}}]']


REJECTED = {
    '{"a": 1}': 'labels_are_texts: expected ops.is_text_map(labels), got labels = {"a":1}',
    '{"a": null}': "labels_are_texts",
    '{"a": ["x"]}': "labels_are_texts",
    '["x"]': "labels_are_texts",
    '[{"a": "x"}]': "labels_are_texts",
    '"x"': "labels_are_texts",
    "5": "labels_are_texts",
    json.dumps({**LONGEST, "b": ""}): "labels_not_too_long",
    json.dumps({"a": "x" * 52}): "labels_not_too_long",
    json.dumps({"a": "\u00e9" * 26}): "labels_not_too_long",
    "null": "labels: is missing",
    '{"a": "1", "a": "1"}': 'labels: expected JSON, got {"a":"1","a":"1"}, which has the key "a" more than once',
    '{"a": "\\u0000"}': 'labels: expected JSON, got {"a":"\\u0000"}, which holds a NUL byte, which text must not',
    '{"a": NaN}': 'labels: expected JSON, got {"a":NaN}, which has NaN, which is no JSON',
}


@pytest.mark.parametrize("text", REJECTED)
def test_what_is_rejected_and_why(tmp_path: Path, text: str) -> None:
    read = found(tmp_path, {"a.ndjson": line(text), "b.csv": cells(text), "c.parquet": columns(pa.array([text]))})
    assert read.rows == []
    for name in ("a.ndjson", "b.csv", "c.parquet"):
        [reason] = read.reasons[name]
        assert reason.replace('": ', '":').replace(', "a"', ',"a"').startswith(REJECTED[text].replace('": ', '":'))


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (pa.array([[("a", "1"), ("a", "2")]], TEXTS), 'which has the key "a" more than once'),
        (pa.array([[(1, "1")]], pa.map_(pa.int64(), pa.string())), "the key 1 is no text"),
        (pa.array([{"a": float("nan")}]), "which has NaN, which is no JSON"),
        (pa.array([{"a": b"\xff"}]), "labels: expected JSON, got"),
        (pa.array(["{"]), "which is no JSON"),
        (pa.array([b"\xff"]), "labels: expected JSON, got bytes that are no valid UTF-8"),
        (pa.array([""]), "which is no JSON"),
    ],
)
def test_what_is_rejected_of_parquet(tmp_path: Path, array: pa.Array, why: str) -> None:
    read = found(tmp_path, {"a.parquet": columns(array)})
    [reason] = read.reasons["a.parquet"]
    assert why in reason


def test_what_landing_accepts_postgres_accepts_and_the_other_way_round(server: Server, tmp_path: Path) -> None:
    """Else a load would stop at COPY, or a row be rejected that another loader may insert."""
    texts = [*REJECTED, json.dumps(LONGEST), "{}", '{"a":":,\\\\\\",:"}', '{"":"\u00e9"}', '{"a":{"b":"c"}}']
    texts = [text for text in texts if "labels:" not in REJECTED.get(text, "")]
    read = found(tmp_path, {f"{n:02}.ndjson": line(text, number=n) for n, text in enumerate(texts)})
    loaded = {row["event_id"].int for row in read.rows}
    url = server.clone()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create schema shop; {catalog_in(tmp_path / 'again').contracts[EVENTS].ddl}".encode())
        connection.execute("create table shop.rest partition of shop.sample_events default")
        for number, text in enumerate(texts):
            broken = None
            try:
                connection.execute(
                    "insert into shop.sample_events values (%s, %s, %s, null)",
                    [event_id(number), f"{DAY} 12:00Z", text],
                )
            except psycopg.errors.CheckViolation as error:
                broken = error.diag.constraint_name
            assert (number in loaded) == (broken is None), text
            if broken is not None:
                assert read.reasons[f"{number:02}.ndjson"][0].startswith(f"{broken}:")
    server.drop(url)


def test_the_size_of_a_value_is_that_of_postgres() -> None:
    """Also where it is counted by keys, and of texts that hold the characters which are counted."""
    values = ["{}", "[]", '"a,:b"', "5", '{"a":"{"}', '{"a":"[,:]"}', '{"a":"\\",:"}', '{"a":1,"b":null}']
    values += [
        '{"a":{"b":"c","d":[1,2]}}',
        '{"a":"x","b":"y, : z","\u00e9":"\u00e9"}',
        '[{"a":"b"},{"c":",d"}]',
        '{"{":"a"}',
    ]
    ask = "select list(ops.json_bytes(value)) from (select unnest($1) as value)"
    with duckdb.connect() as connection:
        json_columns.register(connection)
        found = connection.execute(ask, [values]).fetchone()
    assert found == ([len(as_postgres_writes(value).encode()) for value in values],)
