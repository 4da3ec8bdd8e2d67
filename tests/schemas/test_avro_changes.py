"""Can data of one Avro schema be read with another: by hand, and against the verdicts of Avro's own library."""

import json
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.name import Names
from avro.schema import make_avsc_object
from hypothesis import assume, given
from hypothesis import strategies as st

from analytics_etl.schemas import (
    BACKWARD,
    FORWARD,
    FULL,
    Action,
    Category,
    Comparison,
    Format,
    Parser,
    Version,
    compatibility,
)
from analytics_etl.schemas.avro.resolution import incompatibilities


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, type_: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def compare(parser: Parser, old: Any, new: Any) -> Comparison:
    old_version, new_version = (Version(Format.AVRO, {"a.avsc": json.dumps(schema)}) for schema in (old, new))
    found = parser.examine(new_version, old_version).comparison
    assert found is not None
    return found


A = field("a", "int")
B = field("b", "int")
NODE = record(field("next", ["null", "R"]), A)
MISSING = "READER_FIELD_MISSING_DEFAULT_VALUE"
PAIRS = [
    # (what, old, new, [(rule, element, what it breaks)])
    ("nothing", record(A), record(A), []),
    ("promotion", record(A), record(field("a", "double")), [("TYPE_MISMATCH", "R.a", [FORWARD])]),
    ("string and bytes", "string", "bytes", []),
    ("another primitive type", "string", "int", [("TYPE_MISMATCH", "a.avsc", [BACKWARD, FORWARD])]),
    ("narrowing", record(field("a", "long")), record(A), [("TYPE_MISMATCH", "R.a", [BACKWARD])]),
    ("other type", record(A), record(field("a", "string")), [("TYPE_MISMATCH", "R.a", [BACKWARD, FORWARD])]),
    ("field added", record(A), record(A, B), [(MISSING, "R.b", [BACKWARD])]),
    ("field with default added", record(A), record(A, field("b", "int", default=0)), []),
    ("field removed", record(A, B), record(A), [(MISSING, "R.b", [FORWARD])]),
    ("field with default removed", record(A, field("b", "int", default=0)), record(A), []),
    (
        "field renamed",
        record(A),
        record(field("b", "int")),
        [(MISSING, "R.b", [BACKWARD]), (MISSING, "R.a", [FORWARD])],
    ),
    ("field renamed with alias", record(A), record(field("b", "int", aliases=["a"])), [(MISSING, "R.a", [FORWARD])]),
    ("record renamed", record(A), record(A, name="S"), [("NAME_MISMATCH", "S", [BACKWARD, FORWARD])]),
    ("record renamed with alias", record(A), record(A, name="S", aliases=["R"]), [("NAME_MISMATCH", "S", [FORWARD])]),
    ("symbol added", enum("A"), enum("A", "B"), [("MISSING_ENUM_SYMBOLS", "E", [FORWARD])]),
    ("symbol removed", enum("A", "B"), enum("A"), [("MISSING_ENUM_SYMBOLS", "E", [BACKWARD])]),
    ("symbol removed, with default", enum("A", "B"), enum("A", default="A"), []),
    ("symbol added, old default", enum("A", default="A"), enum("A", "B"), []),
    ("to union", record(A), record(field("a", ["null", "int"])), [("TYPE_MISMATCH", "R.a", [FORWARD])]),
    ("union grows", ["null", "int"], ["null", "int", "string"], [("MISSING_UNION_BRANCH", "a.avsc", [FORWARD])]),
    ("union in another order", ["null", "int"], ["int", "null"], []),
    ("union promotes", ["null", "int"], ["null", "long"], [("MISSING_UNION_BRANCH", "a.avsc", [FORWARD])]),
    (
        "fixed",
        {"type": "fixed", "name": "F", "size": 4},
        {"type": "fixed", "name": "F", "size": 8},
        [("FIXED_SIZE_MISMATCH", "F", [BACKWARD, FORWARD])],
    ),
    (
        "items",
        record(field("a", {"type": "array", "items": "int"})),
        record(field("a", {"type": "array", "items": "long"})),
        [("TYPE_MISMATCH", "R.a[]", [FORWARD])],
    ),
    (
        "values",
        record(field("a", {"type": "map", "values": "long"})),
        record(field("a", {"type": "map", "values": "int"})),
        [("TYPE_MISMATCH", "R.a{}", [BACKWARD])],
    ),
    ("recursive", NODE, NODE, []),
    ("recursive, field added", NODE, record(*NODE["fields"], B), [(MISSING, "R.b", [BACKWARD])]),
    ("logical type", "int", {"type": "int", "logicalType": "date"}, []),
]


@pytest.mark.parametrize(("old", "new", "expected"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_pairs(parser: Parser, old: Any, new: Any, expected: list[Any]) -> None:
    found = compare(parser, old, new)
    assert [(change.rule, change.element, list(change.sets)) for change in found.breaking] == expected
    schemas = [make_avsc_object(schema, Names()) for schema in (old, new)]
    assert found.keeps(BACKWARD) is library_says(schemas[1], schemas[0])
    assert found.keeps(FORWARD) is library_says(schemas[0], schemas[1])


def library_says(reader: Any, writer: Any) -> bool:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    found = checker.get_compatibility(reader, writer)
    return found.compatibility is SchemaCompatibilityType.compatible


def test_decimals_must_have_the_same_precision_and_scale(parser: Parser) -> None:
    """As the specification says. Avro's library does not look at logical types."""
    found = compare(parser, record(field("a", decimal(4, 2))), record(field("a", decimal(6, 2))))
    assert [(c.rule, c.element, c.sets) for c in found.breaking] == [("TYPE_MISMATCH", "R.a", (BACKWARD, FORWARD))]


def test_an_alias_without_a_dot_is_in_the_namespace_of_its_type() -> None:
    """As the specification says. Avro's library takes it for a full name."""
    reader = make_avsc_object(record(A, name="new.S", aliases=["R"]), Names())
    writer = make_avsc_object(record(A, name="new.R"), Names())
    assert incompatibilities(reader, writer, "") == []
    assert not library_says(reader, writer)
    elsewhere = make_avsc_object(record(A, name="old.R"), Names())
    assert [item.rule for item in incompatibilities(reader, elsewhere, "")] == ["NAME_MISMATCH"]


def test_each_change_has_category_and_reason(parser: Parser) -> None:
    old = record(A, field("gone", "int", default=0), doc="Old.")
    new = record(field("a", "long", deprecated=True), field("b", ["null", "int"], default=None), field("c", "int"))
    assert [(c.category, c.action, c.rule, c.element) for c in compare(parser, old, new).changes] == [
        (Category.BREAKING_WIRE, Action.ADDED, MISSING, "R.c"),
        (Category.BREAKING_WIRE, Action.CHANGED, "TYPE_MISMATCH", "R.a"),
        (Category.DOCUMENTATION, Action.CHANGED, "documentation_removed", "R"),
        (Category.DEPRECATION, Action.CHANGED, "deprecated", "R.a"),
        (Category.ADDITION, Action.ADDED, "field_added", "R.b"),
        (Category.COMPATIBLE, Action.REMOVED, "field_removed", "R.gone"),
    ]
    reason = "The new version does not read data of the other: the writer does not write the field, and the reader has "
    assert compare(parser, old, new).changes[0].message == f"{reason}no default for it."


def test_modes_of_compatibility_over_a_history(parser: Parser) -> None:
    """The newest reads the last, but not the first one: a field got a default and lost it."""
    first, last = record(A), record(A, field("b", "int", default=0))
    newest = record(A, B)
    found = compatibility([compare(parser, last, newest), compare(parser, first, newest)])
    assert found == {
        "BACKWARD": True,
        "FORWARD": True,
        "FULL": True,
        "BACKWARD_TRANSITIVE": False,
        "FORWARD_TRANSITIVE": True,
        "FULL_TRANSITIVE": False,
    }
    assert compare(parser, first, newest).keeps(FULL) is False
    assert compatibility([Comparison(obstacle="no schema")])["BACKWARD"] is False
    assert all(compatibility([]).values())


# -- generated pairs --------------------------------------------------------------------------------------------------

PRIMITIVES = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])


def types(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.builds(field, st.sampled_from("abc"), inner) | st.builds(
        lambda name, alias: field(name, "int", default=0, aliases=[alias]),
        st.sampled_from("abc"),
        st.sampled_from("abx"),
    )
    return st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda values: {"type": "map", "values": values}, inner),
        st.lists(inner, min_size=1, max_size=3, unique_by=lambda item: item if isinstance(item, str) else repr(item)),
        st.lists(fields, max_size=3, unique_by=lambda item: item["name"]).map(lambda items: record(*items)),
        st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True).map(lambda symbols: enum(*symbols)),
        st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True).map(
            lambda symbols: enum(*symbols, default=symbols[0])
        ),
        st.builds(lambda size: {"type": "fixed", "name": "F", "size": size}, st.sampled_from([4, 8])),
        st.just({"type": "long", "logicalType": "timestamp-millis"}),
        st.just("R"),
    )


SCHEMAS = st.recursive(PRIMITIVES, types, max_leaves=6)


def numbered(schema: Any, names: list[str]) -> Any:
    """The schema with names that occur once: a type may not be defined twice."""
    match schema:
        case list(branches):
            return [numbered(branch, names) for branch in branches]
        case {"name": str(), "type": str()} if schema["type"] in {"record", "enum", "fixed"}:
            name = f"{schema['name']}{len(names)}"
            names.append(name)
            copy = {**schema, "name": name}
            if "fields" in copy:
                copy["fields"] = [{**item, "type": numbered(item["type"], names)} for item in copy["fields"]]
            return copy
        case {"items": inner}:
            return {**schema, "items": numbered(inner, names)}
        case {"values": inner}:
            return {**schema, "values": numbered(inner, names)}
        case "R":
            return next((name for name in reversed(names) if name.startswith("R")), "int")
    return schema


def parsed(schema: Any) -> Any:
    try:
        return make_avsc_object(numbered(schema, []), Names())
    except Exception:  # noqa: BLE001 - the library raises all sorts for what is no schema
        return None


@given(SCHEMAS, SCHEMAS)
def test_verdicts_are_those_of_the_library(first: Any, second: Any) -> None:
    reader, writer = parsed(first), parsed(second)
    assume(reader is not None and writer is not None)
    for one, other in ((reader, writer), (writer, reader), (reader, reader)):
        assert (incompatibilities(one, other, "") == []) == library_says(one, other)
