"""Avro schemas (.avsc) -> the catalogue. Files may use each other's types; Avro's own library and fastavro judge them.

Both are asked: avro lets wrong defaults pass, fastavro wrong names and fields that occur twice.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from avro.errors import AvroException
from avro.name import Names
from avro.schema import Schema, make_avsc_object
from fastavro.schema import SchemaParseException, UnknownType, parse_schema

from analytics_etl.schemas.avro.names import Definition, Reference, type_text, walk
from analytics_etl.schemas.json_text import parse_json
from analytics_etl.schemas.values import Catalogue, Entity, Fault, Field, File, Format, Import, Kind, Label, Origin

_KINDS = {"record": Kind.RECORD, "error": Kind.RECORD, "enum": Kind.ENUM, "fixed": Kind.FIXED}


@dataclass
class Parsed:
    """The files of a version: as JSON, their names, and the schema that Avro's library made of each."""

    texts: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    """Files of other modules."""
    foreign: list[Definition] = field(default_factory=list)
    """Types that the others define."""
    definitions: list[Definition] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    schemas: dict[str, Schema] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def parse_files(sources: Mapping[str, str], others: Mapping[str, str]) -> Parsed:
    """Parse all files, each after those whose types it uses. Other modules' types may be used."""
    parsed = Parsed()
    for path, text in sorted({**others, **sources}.items()):
        is_own = path in sources
        content = parse_json(path, text)
        if isinstance(content, Fault):
            parsed.faults.append(content)
            continue
        (parsed.texts if is_own else parsed.others)[path] = content
        for item in walk(path, content):
            if isinstance(item, Reference):
                parsed.references.append(item)
            else:
                (parsed.definitions if is_own else parsed.foreign).append(item)
    parsed.faults += _missing(parsed)
    if not parsed.faults:
        _judge(parsed)
    return parsed


def catalogue_of(parsed: Parsed) -> Catalogue:
    """The catalogue of a version; with faults it has what could be read."""
    return Catalogue(
        Format.AVRO,
        tuple(File(path, _namespace(path, parsed.definitions), "avro") for path in parsed.texts),
        tuple(_entity(definition) for definition in parsed.definitions),
        tuple(_imports(parsed)),
        tuple(parsed.faults),
    )


def _missing(parsed: Parsed) -> Iterator[Fault]:
    known = {definition.name for definition in (*parsed.definitions, *parsed.foreign)}
    for reference in dict.fromkeys(parsed.references):
        if reference.name not in known:
            yield Fault(f"the type {reference.name} is missing: no file of the version defines it", reference.file)


def _judge(parsed: Parsed) -> None:
    """Let both libraries parse each file, after those that it uses; what they reject is a fault."""
    names = Names(validate_names=True)
    named: dict[str, Any] = {}
    for path in _in_order(parsed):
        content = parsed.texts[path] if path in parsed.texts else parsed.others[path]
        try:
            schema = make_avsc_object(content, names)
            if path in parsed.texts:
                parsed.schemas[path] = schema
            parse_schema(content, named, _write_hint=False)
        except (AvroException, SchemaParseException) as error:
            parsed.faults.append(Fault(str(error), path))
        except UnknownType as error:
            parsed.faults.append(Fault(f"the type {error.name} is used before it is defined", path))


def _in_order(parsed: Parsed) -> list[str]:
    """The paths so that types are defined before they are used; in a circle of files, as they come."""
    defined_in = {definition.name: definition.file for definition in (*parsed.foreign, *parsed.definitions)}
    uses: dict[str, set[str]] = {path: set() for path in (*parsed.others, *parsed.texts)}
    for reference in parsed.references:
        uses[reference.file] |= {defined_in[reference.name]} - {reference.file}
    ordered: list[str] = []
    while len(ordered) < len(uses):
        waiting = [path for path in uses if path not in ordered]
        ready = [path for path in waiting if uses[path] <= set(ordered)]
        ordered += ready or waiting
    return ordered


def _namespace(path: str, definitions: list[Definition]) -> str:
    """The namespace of a file's first type."""
    return next((item.namespace for item in definitions if item.file == path), "")


def _entity(definition: Definition) -> Entity:
    schema = definition.schema
    kind = _KINDS[schema["type"]]
    if kind is Kind.ENUM:
        symbols = schema.get("symbols")
        fields = tuple(
            Field(symbol, number, "", Label.VALUE)
            for number, symbol in enumerate(symbols if isinstance(symbols, list) else ())
            if isinstance(symbol, str)
        )
    else:
        items = schema.get("fields")
        fields = tuple(
            _field(item, definition.namespace) for item in (items if isinstance(items, list) else ()) if _is_field(item)
        )
    return Entity(
        definition.file,
        definition.name,
        kind,
        definition.parent,
        definition.depth,
        fields,
        is_deprecated(schema),
        _documentation(schema),
    )


def _is_field(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


def _field(item: Mapping[str, Any], namespace: str) -> Field:
    schema = item.get("type")
    return Field(
        item["name"],
        None,
        type_text(schema, namespace),
        _label(item, schema),
        json.dumps(item["default"]) if "default" in item else None,
        is_deprecated=is_deprecated(item),
        documentation=_documentation(item),
    )


def _label(item: Mapping[str, Any], schema: Any) -> Label:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind in {"array", "map"}:
        return Label.REPEATED if kind == "array" else Label.MAP
    return Label.OPTIONAL if "default" in item else Label.REQUIRED


def is_deprecated(item: Mapping[str, Any]) -> bool:
    """Whether a type or field says so: Avro has no word for it, in use are a property and Java's tag in the doc."""
    return bool(item.get("deprecated")) or "@deprecated" in _documentation(item)


def _documentation(item: Mapping[str, Any]) -> str:
    text = item.get("doc")
    return text.strip() if isinstance(text, str) else ""


def _imports(parsed: Parsed) -> Iterator[Import]:
    defined: dict[str, set[str]] = {}
    for definition in parsed.definitions:
        defined.setdefault(definition.name, set()).add(definition.file)
    foreign = {definition.name for definition in parsed.foreign}
    for reference in dict.fromkeys(item for item in parsed.references if item.file in parsed.texts):
        places = defined.get(reference.name)
        if places is None:
            origin = Origin.OTHER if reference.name in foreign else Origin.MISSING
            yield Import(reference.file, reference.name, origin)
        elif reference.file not in places:
            yield Import(reference.file, reference.name, Origin.OWN)
