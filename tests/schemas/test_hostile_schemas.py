"""Schemas that mean harm end as a fault within seconds, touch nothing outside, and do nothing to the next version."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from analytics_etl.schemas import Comparison, Format, Limits, Parser, Version

DEEP = 10_000
OPTION = """
    syntax = "proto2"; import "google/protobuf/descriptor.proto";
    message O { optional O o = 1; optional int32 x = 2; }
    extend google.protobuf.MessageOptions { optional O opt = 50001; }
    message A { option (opt) = """
RECORD = '{"type":"record","name":"R%d","fields":[{"name":"f","type":'


def protobuf(text: str, name: str = "a.proto") -> Version:
    return Version(Format.PROTOBUF, {name: text})


def avro(text: str) -> Version:
    return Version(Format.AVRO, {"a.avsc": text})


def json_schema(text: str) -> Version:
    return Version(Format.JSON_SCHEMA, {"a.json": text})


HOSTILE = {
    "nested messages": protobuf('syntax = "proto3";' + "message M {" * DEEP + "}" * DEEP),
    "nested option": protobuf(OPTION + "{ o " * DEEP + "{ x: 1 }" + "}" * DEEP + "; }"),
    "long option name": protobuf(OPTION.removesuffix(" = ") + ".o" * 2 * DEEP + ".x = 1; }"),
    "large file": protobuf("//" + "x" * 50_000_000),
    "import cycle": Version(
        Format.PROTOBUF,
        {"a.proto": 'syntax = "proto3"; import "b.proto";', "b.proto": 'syntax = "proto3"; import "a.proto";'},
    ),
    "option as a name": protobuf('syntax = "proto3";', "--python_out=."),
    "arguments as a name": protobuf('syntax = "proto3";', "@/etc/passwd"),
    "name above": protobuf('syntax = "proto3";', "../a.proto"),
    "absolute name": protobuf('syntax = "proto3";', "/tmp/a.proto"),
    "import above": protobuf('syntax = "proto3"; import "../../../../../../etc/passwd";'),
    "absolute import": protobuf('syntax = "proto3"; import "/etc/passwd";'),
    "import of a program": protobuf('syntax = "proto3"; import "grpc_tools/protoc.py";'),
    "half a surrogate": protobuf("\ud800"),
    "nothing": Version(Format.PROTOBUF, {}),
    "nested records": avro("".join(RECORD % number for number in range(DEEP)) + '"int"' + "}]}" * DEEP),
    "nested arrays": avro('{"type":"array","items":' * 900 + '"int"' + "}" * 900),
    "nested schemas": json_schema('{"not":' * DEEP + "{}" + "}" * DEEP),
    "schemas as deep as JSON goes": json_schema('{"not":' * 900 + "{}" + "}" * 900),
    "long number": json_schema('{"maximum":' + "9" * 1_000_000 + "}"),
    "no number": json_schema('{"maximum": NaN}'),
    "reference to a file": json_schema('{"$ref": "file:///etc/passwd"}'),
    "reference above": json_schema('{"$ref": "../../../../../../etc/passwd"}'),
}
BOMB = {f"d{number}": {"allOf": [{"$ref": f"#/definitions/d{number + 1}"}] * 2} for number in range(40)}
HARMLESS = {
    "recursion": protobuf('syntax = "proto3"; message A { B b = 1; } message B { A a = 1; }'),
    "recursive record": avro('{"type":"record","name":"R","fields":[{"name":"n","type":["null","R"]}]}'),
    "reference to itself": json_schema('{"$ref": "#"}'),
    "reference bomb": json_schema(json.dumps({"$ref": "#/definitions/d0", "definitions": BOMB | {"d40": {}}})),
    "slow pattern": json_schema('{"pattern": "(a+)+$", "default": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_ends_as_a_fault_within_seconds(parser: Parser, name: str) -> None:
    started = time.monotonic()
    catalogue = parser.parse(HOSTILE[name])
    assert time.monotonic() - started < 10
    assert catalogue.faults != ()
    assert all(len(str(fault)) < 2_000 for fault in catalogue.faults)
    assert "root:" not in str(catalogue), "a line of /etc/passwd"


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_dangerous_is_read(parser: Parser, name: str) -> None:
    assert parser.parse(HARMLESS[name]).faults == ()


def test_a_schema_does_nothing_to_the_next_one() -> None:
    good = protobuf('syntax = "proto3"; message Good {}')
    with Parser(1) as parser:
        for catalogue in parser.parse_all(version for bad in HOSTILE.values() for version in (bad, good)):
            assert catalogue.faults or [entity.name for entity in catalogue.entities] == ["Good"]
        assert sum(parser.parse(good).is_whole for _ in HOSTILE) == len(HOSTILE)


def test_a_comparison_without_end_leaves_the_catalogue() -> None:
    """A pattern that takes for ever is only tried when versions are compared."""
    schema: dict[str, Any] = {"patternProperties": {"^(a+)+$": {}}, "properties": {"a" * 40 + "!": {}}}
    with Parser(1, Limits(cpu_seconds=1)) as parser:
        examined = parser.examine(json_schema(json.dumps(schema)), json_schema("{}"))
    assert examined.catalogue.is_whole
    assert examined.comparison == Comparison(
        obstacle="the versions could not be compared: it needs more than 1 s of processor time"
    )


def test_nothing_is_asked_of_the_network(parser: Parser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        assert parser.parse(json_schema(json.dumps({"$ref": f"http://127.0.0.1:{port}/x.json"}))).faults
        with pytest.raises(TimeoutError):
            server.accept()


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Parser(1) as parser:
        parser.parse(HOSTILE["nested option"])
        parser.parse(HARMLESS["recursion"])
        (folder,) = tmp_path.iterdir()
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


MANY = "".join(f"message A{number} {{ int32 a = 1; }}" for number in range(100_000))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(cpu_seconds=1), "it could not be read: it needs more than 1 s of processor time"),
        (Limits(seconds=1), "it could not be read: it takes more than 1 s"),
        (Limits(source_bytes=3_000_000), "3,088,908 bytes of source, expected at most 3,000,000"),
        (Limits(files=0), "1 files, expected at most 0"),
    ],
)
def test_limits_hold(limits: Limits, reason: str) -> None:
    with Parser(1, limits) as parser:
        catalogue = parser.parse(protobuf('syntax = "proto3";' + MANY))
    assert [fault.message for fault in catalogue.faults] == [reason]


def test_memory_is_limited() -> None:
    with Parser(1, Limits(memory_bytes=400 << 20)) as parser:
        assert parser.parse(protobuf('syntax = "proto3"; message A {}')).is_whole
        (fault,) = parser.parse(protobuf('syntax = "proto3";' + MANY)).faults
    assert "memory" in fault.message


def test_a_worker_that_is_killed_is_started_again() -> None:
    first, good = (protobuf(f'syntax = "proto3"; message {name} {{}}') for name in ("First", "Second"))
    with Parser(1) as parser:
        assert parser.parse(first).is_whole
        process = parser._idle.get()
        assert process._running is not None
        os.kill(process._running.pid, 9)
        process._running.wait()
        parser._idle.put(process)
        assert [fault.message for fault in parser.parse(good).faults] == [
            "it could not be read: the process that reads it was killed"
        ]
        assert parser.parse(good).is_whole
