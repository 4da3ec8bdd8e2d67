"""What is in a version of JSON Schemas, in each draft, and where references lead."""

import json
from typing import Any

import pytest

from analytics_etl.schemas import Entity, Fault, Field, File, Format, Import, Kind, Label, Origin, Parser, Version

DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def json_schema(**schemas: Any) -> Version:
    return Version(Format.JSON_SCHEMA, {f"{name}.json": json.dumps(schema) for name, schema in schemas.items()})


ORDER = {
    "$schema": DRAFT_7,
    "$id": "https://shop.example/order.json",
    "title": "An order",
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "description": "Its number."},
        "note": {"type": ["string", "null"], "default": None, "deprecated": True},
        "price": {"$ref": "money.json"},
        "unit": {"$ref": "#/definitions/unit"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"count": {"type": "integer"}}}},
        "anything": True,
    },
    "definitions": {"unit": {"enum": ["piece", 1]}, "date": {"type": "string", "format": "date"}},
}
MONEY = {"$schema": DRAFT_7, "$id": "https://shop.example/money.json", "properties": {"cents": {"type": "integer"}}}


def test_everything_in_a_version_is_in_its_catalogue(parser: Parser) -> None:
    catalogue = parser.parse(json_schema(order=ORDER, money=MONEY))
    assert catalogue.is_whole
    assert catalogue.files == (
        File("money.json", "https://shop.example/money.json", "draft 7"),
        File("order.json", "https://shop.example/order.json", "draft 7"),
    )
    assert catalogue.imports == (Import("order.json", "https://shop.example/money.json", Origin.OWN),)
    assert catalogue.entities == (
        Entity("money.json", "#", Kind.OBJECT, None, 0, (Field("cents", None, "integer", Label.OPTIONAL),)),
        Entity(
            "order.json",
            "#",
            Kind.OBJECT,
            None,
            0,
            (
                Field("id", None, "string", Label.REQUIRED, documentation="Its number."),
                Field("note", None, "string | null", Label.OPTIONAL, "null", is_deprecated=True),
                Field("price", None, "money.json", Label.OPTIONAL),
                Field("unit", None, "#/definitions/unit", Label.OPTIONAL),
                Field("lines", None, "array<object>", Label.OPTIONAL),
                Field("anything", None, "true", Label.OPTIONAL),
            ),
            documentation="An order",
        ),
        Entity(
            "order.json",
            "#/properties/lines/items",
            Kind.OBJECT,
            "#",
            1,
            (Field("count", None, "integer", Label.OPTIONAL),),
        ),
        Entity(
            "order.json",
            "#/definitions/unit",
            Kind.ENUM,
            "#",
            1,
            (Field('"piece"', None, "", Label.VALUE), Field("1", None, "", Label.VALUE)),
        ),
        Entity("order.json", "#/definitions/date", Kind.SCHEMA, "#", 1, ()),
    )


def test_references_lead_by_path_by_id_and_by_anchor(parser: Parser) -> None:
    version = Version(
        Format.JSON_SCHEMA,
        {
            "a/b.json": json.dumps(
                {
                    "properties": {"x": {"$ref": "../c.json#/$defs/d"}, "y": {"$ref": "#here"}},
                    "$defs": {"h": {"$anchor": "here"}},
                }
            ),
            "c.json": json.dumps({"$defs": {"d": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}),
            "e.json": json.dumps({"$id": "https://x.example/e", "$defs": {"f": {"$id": "f", "$ref": "g"}}}),
            "g.json": json.dumps({"$id": "https://x.example/g"}),
        },
    )
    catalogue = parser.parse(version)
    assert catalogue.faults == ()
    assert catalogue.imports == (
        Import("a/b.json", "c.json#/$defs/d", Origin.OWN),
        Import("c.json", "https://json-schema.org/draft/2020-12/schema", Origin.SUPPLIED),
        Import("e.json", "https://x.example/g", Origin.OWN),
    )


def test_references_may_lead_to_other_modules(parser: Parser) -> None:
    version = Version(Format.JSON_SCHEMA, json_schema(order=ORDER).files, json_schema(money=MONEY).files)
    catalogue = parser.parse(version)
    assert catalogue.is_whole
    assert [file.path for file in catalogue.files] == ["order.json"]
    assert catalogue.imports == (Import("order.json", "https://shop.example/money.json", Origin.OTHER),)


@pytest.mark.parametrize("reference", ["other.json", "#/definitions/none", "#nowhere", "urn:x:y", "http://[x"])
def test_a_reference_that_leads_nowhere_is_named(parser: Parser, reference: str) -> None:
    catalogue = parser.parse(json_schema(a={"properties": {"x": {"$ref": reference}}}))
    assert catalogue.faults == (
        Fault(
            f"#/properties/x: the $ref {reference} leads to nothing in the version; nothing is fetched or opened",
            "a.json",
        ),
    )
    assert catalogue.entities != ()


@pytest.mark.parametrize(
    ("uri", "dialect", "wrong"),
    [
        ("http://json-schema.org/draft-04/schema#", "draft 4", {"exclusiveMinimum": 5}),
        ("http://json-schema.org/draft-06/schema#", "draft 6", {"exclusiveMinimum": True}),
        (DRAFT_7, "draft 7", {"if": 5}),
        ("https://json-schema.org/draft/2019-09/schema", "draft 2019-09", {"dependentRequired": 5}),
        ("https://json-schema.org/draft/2020-12/schema", "draft 2020-12", {"prefixItems": 5}),
    ],
)
def test_each_draft_has_its_own_rules(parser: Parser, uri: str, dialect: str, wrong: Any) -> None:
    good, bad = parser.parse_all([json_schema(a={"$schema": uri}), json_schema(a={"$schema": uri, **wrong})])
    assert (good.faults, good.files[0].dialect) == ((), dialect)
    assert {fault.file for fault in bad.faults} == {"a.json"}
    assert bad.faults[0].message.startswith(f"#/{next(iter(wrong))}: ")


def test_a_metaschema_that_is_not_known_is_a_missing_import(parser: Parser) -> None:
    uri = "https://shop.example/our-own-metaschema"
    catalogue = parser.parse(json_schema(a={"$schema": uri, "properties": {"x": {"type": "string"}}}))
    assert catalogue.is_whole
    assert catalogue.imports == (Import("a.json", uri, Origin.MISSING),)
    assert [field.name for field in catalogue.entities[0].fields] == ["x"]
