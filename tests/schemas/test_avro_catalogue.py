"""What is in an Avro version, and which of the two libraries finds what is wrong."""

import json
from typing import Any

import pytest

from analytics_etl.schemas import Entity, Fault, Field, File, Format, Import, Kind, Label, Origin, Parser, Version


def avro(**schemas: Any) -> Version:
    return Version(Format.AVRO, {f"{name}.avsc": json.dumps(schema) for name, schema in schemas.items()})


ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "doc": "An order.",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "Its number."},
        {"name": "note", "type": ["null", "string"], "default": None, "doc": "@deprecated not in use"},
        {"name": "price", "type": "other.Money"},
        {
            "name": "unit",
            "type": {"type": "enum", "name": "Unit", "symbols": ["PIECE", "KILO"], "deprecated": True},
        },
        {"name": "lines", "type": {"type": "array", "items": "Order"}},
        {"name": "labels", "type": {"type": "map", "values": "long"}, "default": {}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 16}},
    ],
}
MONEY = {"type": "record", "name": "other.Money", "fields": [{"name": "cents", "type": "long"}]}


def test_everything_in_a_version_is_in_its_catalogue(parser: Parser) -> None:
    catalogue = parser.parse(avro(a_order=ORDER, money=MONEY))
    assert catalogue.is_whole
    assert catalogue.files == (File("a_order.avsc", "shop", "avro"), File("money.avsc", "other", "avro"))
    assert catalogue.packages == {"other", "shop"}
    assert catalogue.imports == (Import("a_order.avsc", "other.Money", Origin.OWN),)
    order, unit, hash_, money = catalogue.entities
    assert order == Entity(
        "a_order.avsc",
        "shop.Order",
        Kind.RECORD,
        None,
        0,
        (
            Field("id", None, "string (uuid)", Label.REQUIRED, documentation="Its number."),
            Field(
                *("note", None, "null | string", Label.OPTIONAL, "null"),
                is_deprecated=True,
                documentation="@deprecated not in use",
            ),
            Field("price", None, "other.Money", Label.REQUIRED),
            Field("unit", None, "shop.Unit", Label.REQUIRED),
            Field("lines", None, "array<shop.Order>", Label.REPEATED),
            Field("labels", None, "map<long>", Label.MAP, "{}"),
            Field("hash", None, "shop.Hash", Label.REQUIRED),
        ),
        documentation="An order.",
    )
    assert unit == Entity(
        "a_order.avsc",
        "shop.Unit",
        Kind.ENUM,
        "shop.Order",
        1,
        (Field("PIECE", 0, "", Label.VALUE), Field("KILO", 1, "", Label.VALUE)),
        is_deprecated=True,
    )
    assert hash_ == Entity("a_order.avsc", "shop.Hash", Kind.FIXED, "shop.Order", 1, ())
    assert money == Entity(
        *("money.avsc", "other.Money", Kind.RECORD, None, 0, (Field("cents", None, "long", Label.REQUIRED),))
    )


def test_a_missing_type_is_named(parser: Parser) -> None:
    catalogue = parser.parse(avro(order=ORDER))
    assert catalogue.faults == (
        Fault("the type other.Money is missing: no file of the version defines it", "order.avsc"),
    )
    assert catalogue.imports == (Import("order.avsc", "other.Money", Origin.MISSING),)


def test_types_of_other_modules_may_be_used(parser: Parser) -> None:
    version = avro(order=ORDER)
    catalogue = parser.parse(Version(Format.AVRO, version.files, {"money.avsc": json.dumps(MONEY)}))
    assert catalogue.is_whole
    assert [file.path for file in catalogue.files] == ["order.avsc"]
    assert catalogue.imports == (Import("order.avsc", "other.Money", Origin.OTHER),)
    assert {entity.name for entity in catalogue.entities} == {"shop.Order", "shop.Unit", "shop.Hash"}


FIELD = {"name": "f", "type": "int"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "R", "fields": [FIELD | {"default": "x"}]},  # avro lets it pass
        {"type": "record", "name": "1R", "fields": [FIELD]},  # fastavro lets it pass
        {"type": "record", "name": "R", "fields": [FIELD, FIELD]},  # fastavro lets it pass
        {"type": "record", "name": "R", "fields": {"f": "int"}},
        {"type": "enum", "name": "E", "symbols": ["A", "A"]},
        {"type": "fixed", "name": "F"},
        {"type": "record", "name": "R"},
        {"type": 5},
        ["int", "int"],
        5,
        None,
    ],
)
def test_what_is_no_schema_is_a_fault(parser: Parser, schema: Any) -> None:
    assert not parser.parse(avro(bad=schema)).is_whole


def test_files_that_need_each_other_are_a_fault(parser: Parser) -> None:
    def record(name: str, other: str) -> Any:
        return {"type": "record", "name": name, "fields": [{"name": "f", "type": ["null", other], "default": None}]}

    assert parser.parse(avro(a=record("A", "B"), b=record("B", "C"), c=record("C", "C"))).is_whole
    assert not parser.parse(avro(a=record("A", "B"), b=record("B", "A"))).is_whole


def test_what_is_no_json_has_its_place(parser: Parser) -> None:
    version = Version(Format.AVRO, {"a.avsc": '{"type":\n "int",}', "b.avsc": '{"type": "int", "type": "int"}'})
    assert parser.parse(version).faults == (
        Fault("Expecting property name enclosed in double quotes", "a.avsc", 2, 8),
        Fault("the name 'type' occurs twice in an object", "b.avsc"),
    )
