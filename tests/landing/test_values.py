"""A value is the same whatever the file's format: it is loaded as this one value, or its row is rejected."""

# ruff: noqa: E501 - a table is read by its rows

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from events import DAY, at, event_id
from reading import Read, parquet, read

REJECTED = object()
REQUIRED = {
    "event_id": event_id(1),
    "downloaded_at": at(1),
    "module_name": "m",
    "version": "1",
    "file_size": 1,
    "success": True,
}
LATE = datetime(2025, 3, 10, 23, 59, 59, 999999, tzinfo=UTC)


@dataclass(frozen=True)
class Value:
    """How a value of a column is written in each format, and what it must become."""

    column: str
    expected: Any
    ndjson: str | None = None
    csv: str | None = None
    parquet: tuple[pa.Array, ...] = ()
    rejected_in: tuple[str, ...] = ()
    """Formats, or Arrow types, that reject it although others load it."""


def one(value: Any, kind: pa.DataType | None = None) -> pa.Array:
    return pa.array([value], kind)


def text(value: str) -> tuple[pa.Array, ...]:
    """A text in every type that means text."""
    return (
        one(value), one(value, pa.large_string()), one(value, pa.string_view()), one(value).dictionary_encode(),
        one(value.encode()), one(value.encode(), pa.large_binary()), one(value.encode(), pa.binary(len(value.encode()))),
        one(value.encode(), pa.binary_view()), one(value.encode()).dictionary_encode(),
    )  # fmt: skip


def whole(value: int, *kinds: pa.DataType) -> tuple[pa.Array, ...]:
    return tuple(one(value, kind) for kind in kinds)


BIG = 2**53 + 1
ID = "00000000-0000-0000-0000-00000000ABCD"
DAYTIME = datetime(2025, 3, 10, 10, tzinfo=UTC)

VALUES = {
    # Whole numbers.
    "one": Value("file_size", 1, "1", "1", (*whole(1, pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.uint32()),
        *whole(1, pa.int64(), pa.uint64()), one(1.0, pa.float16()), one(1.0, pa.float32()), one(1.0),
        one(Decimal("1.00")), one(Decimal(1), pa.decimal256(76, 38)), one(Decimal(1), pa.decimal32(5)), *text("1"),
        one(1).dictionary_encode())),
    "1.0": Value("file_size", 1, "1.0", "1.0", (one(1.0), one(Decimal("1.0")), *text("1.0"))),
    "-0": Value("file_size", 0, "-0", "-0", (one(-0.0), *text("-0"))),
    "1.5": Value("file_size", REJECTED, "1.5", "1.5", (one(1.5), one(1.5, pa.float16()), one(Decimal("1.5")), *text("1.5"))),
    "1e3": Value("file_size", REJECTED, "1e3", "1e3", text("1e3")),
    "nearly 1": Value("file_size", REJECTED, "0.9999999999999999999", "0.9999999999999999999",
        (one(Decimal("0.9999999999999999999")), *text("0.9999999999999999999"))),
    "2^53 + 1": Value("revision", BIG, str(BIG), str(BIG),
        (*whole(BIG, pa.int64(), pa.uint64()), one(Decimal(BIG)), *text(str(BIG)))),
    "2^53 + 1 with a point": Value("revision", BIG, f"{BIG}.0", f"{BIG}.0", (one(Decimal(f"{BIG}.0")), *text(f"{BIG}.0"))),
    "2^53 as a float": Value("file_size", REJECTED, parquet=(one(2.0**53),)),
    "2^24 as a short float": Value("file_size", REJECTED, parquet=(one(2.0**24, pa.float32()),)),
    "2^24 as a float": Value("file_size", 2**24, parquet=(one(2.0**24),)),
    "largest": Value("revision", 2**63 - 1, str(2**63 - 1), str(2**63 - 1),
        (*whole(2**63 - 1, pa.int64(), pa.uint64()), one(Decimal(2**63 - 1)), *text(str(2**63 - 1)))),
    "largest with a point": Value("revision", 2**63 - 1, f"{2**63 - 1}.0", f"{2**63 - 1}.0", text(f"{2**63 - 1}.0")),
    "2^63": Value("file_size", REJECTED, str(2**63), str(2**63),
        (one(2**63, pa.uint64()), one(2.0**63), one(Decimal(2**63)), *text(str(2**63)))),
    "least": Value("duration_ms", REJECTED, str(-(2**63) - 1), str(-(2**63) - 1), text(str(-(2**63) - 1))),
    "1e999": Value("file_size", REJECTED, "1e999", "1e999", (one(float("inf")), *text("1e999"))),
    "NaN for a number": Value("file_size", REJECTED, "NaN", "NaN", (one(float("nan")), *text("NaN"))),
    "NaN that may be nothing": Value("duration_ms", None, "NaN", "NaN", (one(float("nan")), one(float("nan"), pa.float16())),
        rejected_in=("ndjson", "csv")),
    "infinity": Value("duration_ms", REJECTED, "Infinity", "Infinity", (one(float("inf")), one(float("-inf")))),
    "true for a number": Value("file_size", REJECTED, "true", "true", (one(value=True), *text("true"))),
    "list for a number": Value("file_size", REJECTED, "[1]", "[1]", (one([1]), one({"a": 1}))),
    "duration for a number": Value("duration_ms", REJECTED, parquet=(one(1, pa.duration("ns")), one(1, pa.time64("ns")))),
    # Texts.
    "text": Value("user_id", "caf\u00e9's", '"caf\u00e9\'s"', "caf\u00e9's", text("caf\u00e9's")),
    "escaped": Value("user_id", "caf\u00e9 \U0001f600", '"caf\\u00e9 \\ud83d\\ude00"', "caf\u00e9 \U0001f600", text("caf\u00e9 \U0001f600")),
    "half a pair": Value("user_id", REJECTED, '"\\ud800"', parquet=(one(b"\xed\xa0\x80"), one(b"\xff\xfe"))),
    "nul": Value("user_id", REJECTED, '"a\\u0000b"', "a\0b", (one("a\0b"), one(b"a\0b"), one("a\0b").dictionary_encode())),
    "whole for text": Value("user_id", "1001", "1001", "1001", (*whole(1001, pa.int16(), pa.int64(), pa.uint64()), one(1001.0),
        one(1001.0, pa.float16()), one(Decimal("1001.00")), *text("1001"))),
    "1001.0 for text": Value("user_id", "1001.0", "1001.0", "1001.0", text("1001.0"), rejected_in=("ndjson",)),
    "1.10 for text": Value("version", "1.10", "1.10", "1.10", (*text("1.10"), one(1.1), one(Decimal("1.10"))),
        rejected_in=("ndjson", "double", "decimal128(3, 2)")),
    "1.5 for text": Value("version", "1.5", "1.5", "1.5", (*text("1.5"), one(1.5), one(1.5, pa.float16()), one(1.5, pa.float32())),
        rejected_in=("double", "halffloat", "float")),
    "1e3 for text": Value("version", "1e3", "1e3", "1e3", text("1e3"), rejected_in=("ndjson",)),
    "quoted numbers": Value("version", "1e3", '"1e3"'),
    "quoted 1.0": Value("version", "1.0", '"1.0"', "1.0", text("1.0")),
    "2^53 + 1 for text": Value("user_id", str(BIG), str(BIG), str(BIG), (*whole(BIG, pa.int64(), pa.uint64()), one(Decimal(BIG)))),
    "2^64 + 1 for text": Value("user_id", str(2**64 + 1), str(2**64 + 1), str(2**64 + 1), (one(Decimal(2**64 + 1)),)),
    "2^53 + 1 with a point for text": Value("user_id", REJECTED, f"{BIG}.0", parquet=(one(float(BIG)), one(1e300))),
    "NaN for text": Value("user_id", None, "NaN", parquet=(one(float("nan")),), rejected_in=("ndjson",)),
    "nan for text": Value("user_id", REJECTED, "nan"),
    "infinity for text": Value("user_id", REJECTED, "-Infinity", parquet=(one(float("-inf")),)),
    "quoted NaN": Value("user_id", "NaN", '"NaN"', "NaN", text("NaN")),
    "quoted infinity": Value("user_id", "infinity", '"infinity"', "infinity", text("infinity")),
    "boolean for text": Value("user_id", "true", "true", "true", (one(value=True), *text("true"))),
    "object for text": Value("version", REJECTED, '{"major": 1}', parquet=(one({"major": 1}), one([("major", 1)], pa.map_(pa.string(), pa.int64())))),
    "list for text": Value("version", REJECTED, "[1.5, 2.5]", parquet=(one([1.5]), one([1.5], pa.large_list(pa.float64())))),
    "quoted list": Value("version", "[1.5, 2.5]", '"[1.5, 2.5]"', '"[1.5, 2.5]"', text("[1.5, 2.5]")),
    "time for text": Value("version", REJECTED, parquet=(one(DAYTIME), one(DAYTIME.date()), one(DAYTIME.time()))),
    "null": Value("user_id", None, "null", "", (one(None), one(None, pa.string()), one(None, pa.float64()), one(None, pa.list_(pa.int8())))),
    "empty for text": Value("user_id", REJECTED, '""', parquet=text("")[:4]),
    "empty in CSV": Value("user_id", None, csv='""'),
    # UUIDs, booleans.
    "uuid": Value("event_id", UUID(ID), f'"{ID}"', ID, (*text(ID), *text(ID.lower()), one(UUID(ID).bytes, pa.uuid()),
        one(UUID(ID).bytes, pa.binary(16)), one(UUID(ID).bytes), one(UUID(ID).bytes).dictionary_encode())),
    "bytes that are no uuid": Value("event_id", REJECTED, parquet=(one(b"\xff" * 15), one(b"\xff" * 17, pa.binary(17)))),
    "true": Value("success", 1, "true", "true", (one(value=True), *text("true"))),
    "yes": Value("success", REJECTED, '"true"', "x", (one(1.5), one("x"), one([True]))),
    # Times.
    "time": Value("downloaded_at", DAYTIME, '"2025-03-10T11:00:00+01:00"', "2025-03-10 10:00:00Z",
        (one(DAYTIME, pa.timestamp("s", "UTC")), one(DAYTIME, pa.timestamp("ms", "Europe/Berlin")), one(DAYTIME),
         one(DAYTIME, pa.timestamp("ns", "+05:30")), one(DAYTIME).dictionary_encode(), *text("2025-03-10T10:00:00Z"))),
    "last nanosecond": Value("downloaded_at", LATE, '"2025-03-10T23:59:59.999999999Z"', "2025-03-10T23:59:59.9999999Z",
        (one(1741651199999999999, pa.timestamp("ns", "UTC")), *text("2025-03-10T23:59:59.999999999Z"))),
    "before 1970 by a nanosecond": Value("downloaded_at", REJECTED, '"1969-12-31T23:59:59.999999999Z"', "1969-12-31T23:59:59.9Z",
        (one(-1, pa.timestamp("ns", "UTC")),)),
    "24:00": Value("downloaded_at", datetime(2025, 3, 11, tzinfo=UTC), '"2025-03-10T24:00:00Z"', "2025-03-10T24:00:00Z",
        text("2025-03-10T24:00:00Z")),
    "leap second": Value("downloaded_at", REJECTED, '"2025-03-10T23:59:60Z"', "2025-03-10T23:59:60Z", text("2025-03-10T23:59:60Z")),
    "without a zone": Value("downloaded_at", REJECTED, '"2025-03-10T10:00:00"', "2025-03-10 10:00:00",
        (one(DAYTIME.replace(tzinfo=None)), one(DAYTIME.replace(tzinfo=None), pa.timestamp("ns")), *text("2025-03-10T10:00:00"))),
    "a date": Value("downloaded_at", REJECTED, '"2025-03-10"', "2025-03-10", (one(DAYTIME.date()), one(DAYTIME.date(), pa.date64()))),
    "seconds": Value("downloaded_at", REJECTED, "1741600800", "1741600800", (one(1741600800), one(1741600800.0))),
    "far future": Value("downloaded_at", REJECTED, '"292278994-08-17T07:12:55Z"', parquet=(
        *(one(2**52, pa.timestamp(unit, "UTC")) for unit in ("s", "ms")), one(-(2**52), pa.timestamp("s", "UTC")), one(2**62, pa.timestamp("us", "UTC")))),
}  # fmt: skip


def files_of(value: Value, prefix: str) -> dict[str, tuple[str, bytes]]:
    """{name of a file: (its format or Arrow type, its content)}, each with one row that tells by its client_version."""
    files = {}
    if value.ndjson is not None:
        name = f"{prefix}.ndjson"
        fields = {key: f'"{v}"' if isinstance(v, str) else str(v).lower() for key, v in REQUIRED.items()}
        fields |= {value.column: value.ndjson, "client_version": f'"{name}"'}
        files[name] = "ndjson", ("{" + ", ".join(f'"{k}": {v}' for k, v in fields.items()) + "}\n").encode()
    if value.csv is not None:
        name = f"{prefix}.csv"
        fields = {**{key: str(v) for key, v in REQUIRED.items()}, value.column: value.csv, "client_version": name}
        quoted = [f'"{v.strip(chr(34))}"' if "," in v else v for v in fields.values()]
        files[name] = "csv", (",".join(fields) + "\n" + ",".join(quoted) + "\n").encode()
    for number, array in enumerate(value.parquet):
        name = f"{prefix}-{number}.parquet"
        columns = {key: one(v) for key, v in {**REQUIRED, "client_version": name}.items()} | {value.column: array}
        files[name] = str(array.type), parquet(columns)
    return files


FILES = {name: files_of(value, f"{number:03}") for number, (name, value) in enumerate(VALUES.items())}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """All files, read together."""
    files = {file: content for of in FILES.values() for file, (_, content) in of.items()}
    return read(tmp_path_factory.mktemp("values"), files, DAY, DAY + timedelta(days=1))


def outcome(found: Read, name: str, column: str) -> Any:
    """The value that was loaded of a file's one row, or REJECTED; exactly one of the two."""
    rejected = [row for file, row in found.rejected if file == name]
    loaded = [row for row in found.rows if row["client_version"] == name]
    assert len(rejected) + len(loaded) == 1, (name, rejected, loaded)
    if not rejected:
        return loaded[0][column]
    assert rejected[0].reason.startswith(column) or rejected[0].reason == "the line is no JSON object"
    assert rejected[0].line == (2 if name.endswith("csv") else 1)
    return REJECTED


@pytest.mark.parametrize("name", VALUES)
def test_a_value_in_every_format(found: Read, name: str) -> None:
    value = VALUES[name]
    got = {file: outcome(found, file, value.column) for file in FILES[name]}
    assert got == {
        file: REJECTED if kind in value.rejected_in else value.expected for file, (kind, _) in FILES[name].items()
    }, (FILES[name], [found.reasons.get(file) for file in FILES[name]])


def test_a_number_and_its_float_are_one_user(tmp_path: Path) -> None:
    ids = [1001.0, float("nan"), 1002.0]
    columns = {
        name: pa.array([value] * 3) for name, value in REQUIRED.items()
    } | {"user_id": pa.array(ids), "event_id": pa.array([event_id(n) for n in range(3)])}  # fmt: skip
    line = '{"event_id":"%s","downloaded_at":"%s","module_name":"m","version":"1","file_size":1,"success":true,"user_id":%s}'
    lines = [line % (event_id(n), at(n), user) for n, user in enumerate(("1001", '"1002"', "1001.0", "NaN"), 10)]
    found = read(tmp_path, {"a.parquet": parquet(columns), "b.ndjson": "\n".join(lines).encode()})
    assert sorted(str(row["user_id"]) for row in found.rows) == ["1001", "1001", "1002", "1002", "None"]
    assert found.reasons == {
        "b.ndjson": ["user_id: expected text, got 1001.0, a number that may be written otherwise; put it in quotes",
                     "user_id: expected text, got NaN"],
    }  # fmt: skip


def test_the_digits_of_a_number_are_those_of_its_own_key(tmp_path: Path) -> None:
    """Also when another key, or a text, says something like it; what cannot be told is rejected."""
    lines = [
        '{"note":"\\"revision\\": 7.0","revision":5.0,%s}',
        '{"revision":123456789012345678.0,"other":{"a":1},%s}',
        '{"other":{"revision":1e3},"revision":9.0,%s}',
        '{"other":{"revision":1e3},"revision":9,%s}',
        '{"revisio\\u006e":9.0,%s}',
    ]
    rest = ",".join(f'"{k}":"{v}"' for k, v in REQUIRED.items() if isinstance(v, str) and k != "event_id")
    rows = [line % f'"success":true,"file_size":1,{rest},"event_id":"{event_id(n)}"' for n, line in enumerate(lines)]
    found = read(tmp_path, {"a.ndjson": "\n".join(rows).encode()})
    assert sorted((row["event_id"].int, row["revision"]) for row in found.rows) == [
        (0, 5), (1, 123456789012345678), (3, 9),
    ]  # fmt: skip
    assert [(row.line, row.reason) for _, row in found.rejected] == [
        (3, "revision: expected a whole number, got 9.0"),
        (5, "revision: expected a whole number, got 9.0"),
    ]


def test_of_a_key_that_occurs_twice_the_first_counts(tmp_path: Path) -> None:
    fields = ",".join(f'"{k}":{v if k == "file_size" else chr(34) + str(v) + chr(34)}' for k, v in REQUIRED.items())
    line = "{" + fields.replace('"True"', "true") + ',"file_size":7,"user_id":"a","user_id":"b"}'
    [row] = read(tmp_path, {"a.ndjson": line.encode()}).rows
    assert (row["file_size"], row["user_id"]) == (1, "a")
