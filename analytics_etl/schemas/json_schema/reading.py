"""JSON Schemas -> the catalogue. An entity is a schema of an object, or a named definition; a field is a property."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analytics_etl.schemas.json_schema.dialects import Dialect, dialect_of, faults_of, pointer
from analytics_etl.schemas.json_schema.references import References
from analytics_etl.schemas.json_schema.walking import REFERENCES, Place, describes_object, is_definition, places
from analytics_etl.schemas.json_text import parse_json
from analytics_etl.schemas.values import Catalogue, Entity, Fault, Field, File, Format, Import, Kind, Label, Origin


@dataclass
class Parsed:
    """The files of a version: the schemas, their dialects, and where references lead."""

    schemas: dict[str, tuple[Any, Dialect]] = field(default_factory=dict)
    references: References | None = None
    """None if a file is not valid."""
    imports: list[Import] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def parse_files(sources: Mapping[str, str], others: Mapping[str, str]) -> Parsed:
    """Parse all files, check them against their metaschemas, and follow every reference one step.

    References may lead to the files of other modules.
    """
    parsed, foreign = Parsed(), dict[str, tuple[Any, Dialect]]()
    for path, text in sorted({**others, **sources}.items()):
        schema = parse_json(path, text)
        if isinstance(schema, Fault):
            parsed.faults.append(schema)
        elif not isinstance(schema, dict | bool):
            parsed.faults.append(Fault("a schema is an object, true or false", path))
        else:
            dialect = dialect_of(schema)
            (parsed.schemas if path in sources else foreign)[path] = schema, dialect
            parsed.faults += faults_of(path, schema, dialect)
    if not parsed.faults:
        parsed.references = References(parsed.schemas, foreign)
        for path in parsed.schemas:
            _follow(path, parsed, parsed.references)
    return parsed


def catalogue_of(parsed: Parsed) -> Catalogue:
    """The catalogue of a version; a file that is not valid gives no entities."""
    faulty = {fault.file for fault in parsed.faults if parsed.references is None}
    files, entities = [], []
    for path, (schema, dialect) in parsed.schemas.items():
        identifier = dialect.specification.id_of(schema) if path not in faulty and isinstance(schema, dict) else None
        files.append(File(path, identifier or "", dialect.name))
        if path not in faulty:
            entities += [
                _entity(path, place)
                for place in places(schema, dialect.specification)
                if is_definition(place.path) or describes_object(place.schema)
            ]
    return Catalogue(
        Format.JSON_SCHEMA, tuple(files), tuple(entities), tuple(dict.fromkeys(parsed.imports)), tuple(parsed.faults)
    )


def _follow(path: str, parsed: Parsed, references: References) -> None:
    schema, dialect = parsed.schemas[path]
    if dialect.validator is None:
        parsed.imports.append(Import(path, dialect.name, Origin.MISSING))
    for place in places(schema, dialect.specification):
        for keyword in REFERENCES:
            reference = place.schema.get(keyword)
            if not isinstance(reference, str):
                continue
            target = references.target(path, place.identifiers, reference)
            if not target.is_here:
                parsed.imports.append(Import(path, target.address, target.origin))
            if target.origin is Origin.MISSING:
                parsed.faults.append(
                    Fault(
                        f"{pointer(place.path)}: the {keyword} {reference[:300]} leads to nothing in the version; "
                        "nothing is fetched or opened",
                        path,
                    )
                )


def _entity(path: str, place: Place) -> Entity:
    schema = place.schema
    required = schema.get("required")
    names = set(required) if isinstance(required, list) else set()
    properties = schema.get("properties")
    fields = tuple(
        _field(name, content, is_required=name in names)
        for name, content in (properties if isinstance(properties, dict) else {}).items()
    )
    kind = Kind.OBJECT if describes_object(schema) else Kind.SCHEMA
    values = schema.get("enum")
    if kind is Kind.SCHEMA and isinstance(values, list):
        kind = Kind.ENUM
        fields = tuple(Field(json.dumps(value), None, "", Label.VALUE) for value in values)
    return Entity(
        path,
        pointer(place.path),
        kind,
        None if place.parent is None else pointer(place.parent),
        place.depth,
        fields,
        is_deprecated(schema),
        documentation_of(schema),
    )


def _field(name: str, schema: Any, *, is_required: bool) -> Field:
    label = Label.REQUIRED if is_required else Label.OPTIONAL
    if not isinstance(schema, dict):
        return Field(name, None, json.dumps(schema), label)
    return Field(
        name,
        None,
        type_text(schema),
        label,
        json.dumps(schema["default"]) if "default" in schema else None,
        is_deprecated=is_deprecated(schema),
        documentation=documentation_of(schema),
    )


def type_text(schema: Mapping[str, Any]) -> str:
    """The type of a schema in one line: `string | null`, `array<integer>`, `#/definitions/Address`."""
    for keyword in REFERENCES:
        if isinstance(schema.get(keyword), str):
            return str(schema[keyword])
    kind, items = schema.get("type"), schema.get("items")
    if isinstance(kind, list):
        return " | ".join(str(part) for part in kind)
    if kind == "array" and isinstance(items, dict):
        return f"array<{type_text(items)}>"
    if isinstance(kind, str):
        return kind
    return next((word for word in ("enum", "const", "oneOf", "anyOf", "allOf") if word in schema), "any")


def is_deprecated(schema: Mapping[str, Any]) -> bool:
    """Whether a schema says so; the keyword is of 2019-09 and in use before."""
    return schema.get("deprecated") is True


def documentation_of(schema: Mapping[str, Any]) -> str:
    """The description, or else the title."""
    for keyword in ("description", "title"):
        text = schema.get(keyword)
        if isinstance(text, str) and text.strip():
            return text.strip()
    return ""
