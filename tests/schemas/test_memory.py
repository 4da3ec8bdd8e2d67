"""What a process has read once is known to it."""

import psutil

from analytics_etl.schemas import Format, Limits, Parser, Version
from analytics_etl.schemas.memory import Memory


def test_what_was_used_longest_ago_makes_room() -> None:
    memory = Memory[str](most_bytes=130)
    for name in ("a", "b", "c"):
        memory.keep(name.encode(), name * 3)  # about 20 bytes each
    assert memory.find(b"a") == "aaa"
    for number in range(4):
        memory.keep(str(number).encode(), "x")
    assert memory.find(b"a") == "aaa"
    assert memory.find(b"b") is None
    memory.keep(b"a", "other")
    assert memory.find(b"a") == "other"


def test_a_version_is_read_once_and_one_that_a_limit_stopped_again() -> None:
    version = Version(Format.AVRO, {"once.avsc": '{"type": "record", "name": "Once", "fields": []}'})
    broken = Version(Format.AVRO, {"broken.avsc": "{"})
    large = Version(Format.PROTOBUF, {"large.proto": 'syntax = "proto3"; message Large {}'})
    with Parser(1) as parser:
        first = parser.examine(version)
        assert not parser.parse(broken).is_whole
    with Parser(1, Limits(memory_bytes=1)) as parser:
        assert "it could not be read" in parser.parse(large).faults[0].message
    children = set(psutil.Process().children())
    with Parser(1) as parser:
        assert parser.examine(version) == first
        assert not parser.parse(broken).is_whole
        assert set(psutil.Process().children()) == children
        assert parser.parse(large).is_whole
        assert set(psutil.Process().children()) != children
