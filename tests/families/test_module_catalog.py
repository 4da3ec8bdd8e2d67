"""Which files of other modules are read with a version that misses something."""

import json

import pytest

from analytics_etl.families.functions.module_catalog import Library
from analytics_etl.schemas import Format, Version

ADDRESS = {"type": "record", "name": "Address", "namespace": "shop", "fields": []}
INNER = {
    "type": "record", "name": "shop.Order", "fields": [
        {"name": "unit", "type": {"type": "enum", "name": "Unit", "symbols": ["PIECE"]}},
    ],
}  # fmt: skip
FILES = {
    Format.PROTOBUF: {"shop": {"shop.proto": ""}, "bank": {"bank/shop.proto": ""}},
    Format.AVRO: {
        "shop": {"address.avsc": json.dumps(ADDRESS)},
        "bank": {"bank.avsc": json.dumps({**ADDRESS, "namespace": "bank"})},
        "order": {"order.avsc": json.dumps(INNER)},
        "whole": {"whole.avsc": json.dumps({"type": "fixed", "name": "shop.Hash", "size": 1})},
    },
    Format.JSON_SCHEMA: {
        "shop": {"a.json": json.dumps({"$id": "https://shop.example/a.json"})},
        "bank": {"b.json": json.dumps({"$id": "https://bank.example/a.json", "type": "object"})},
    },
}


@pytest.mark.parametrize(
    ("format_", "target", "expected"),
    [
        (Format.PROTOBUF, "shop.proto", {"shop.proto"}),
        (Format.AVRO, "shop.Address", {"address.avsc"}),  # not that of the bank
        (Format.AVRO, "shop.Unit", {"order.avsc"}),  # its namespace is that of the type around it
        (Format.AVRO, "shop.Hash", {"whole.avsc"}),
        (Format.AVRO, "Address", {"address.avsc", "bank.avsc"}),  # a file of another may be in no namespace
        (Format.JSON_SCHEMA, "https://shop.example/a.json", {"a.json"}),
        (Format.JSON_SCHEMA, "https://shop.example/c.json", set()),
    ],
)
def test_only_files_that_may_have_it_are_found(format_: Format, target: str, expected: set[str]) -> None:
    library = Library()
    for of_format, modules in FILES.items():
        for module, files in modules.items():
            library.add(f"{of_format}-{module}", Version(of_format, files))
    assert set(library.find(format_, target)) == expected
    library.add("avro-shop", Version(Format.AVRO, {"empty.avsc": '"string"'}))
    assert "address.avsc" not in library.find(format_, target)
