"""Subschemas of a JSON Schema and their places. Not here: what they mean."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from referencing import Specification

Path = tuple[str | int, ...]

OF_NAMES = ("properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies")
"""Keywords whose value is an object of schemas."""
OF_ONE = (
    *("items", "additionalItems", "unevaluatedItems", "contains", "additionalProperties", "unevaluatedProperties"),
    *("propertyNames", "not", "if", "then", "else", "contentSchema"),
)
"""Keywords whose value is a schema."""
OF_MANY = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
"""Keywords whose value is a list of schemas."""
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@dataclass(frozen=True)
class Place:
    """A subschema, where it stands, and the path of the described object around it."""

    path: Path
    schema: dict[str, Any]
    parent: Path | None
    depth: int
    identifiers: tuple[str, ...] = ()
    """The `$id` of it and of the schemas around it, without the file's own."""


def places(schema: Any, specification: Specification[Any]) -> Iterator[Place]:
    """A schema and all its subschemas that are objects, from the outside in."""
    waiting: list[Place] = [Place((), schema, None, 0)] if isinstance(schema, dict) else []
    while waiting:
        place = waiting.pop()
        identifier = specification.id_of(place.schema) if place.path else None
        if identifier is not None:
            place = replace(place, identifiers=(*place.identifiers, identifier))
        yield place
        is_entity = describes_object(place.schema)
        parent, depth = (place.path, place.depth + 1) if is_entity else (place.parent, place.depth)
        inner = [
            Place((*place.path, *path), content, parent, depth, place.identifiers)
            for path, content in subschemas(place.schema)
            if isinstance(content, dict)
        ]
        waiting += reversed(inner)


def subschemas(schema: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The schemas directly inside one, with their paths from there."""
    for keyword in OF_NAMES:
        inner = schema.get(keyword)
        if isinstance(inner, dict):
            yield from (((keyword, name), content) for name, content in inner.items())
    for keyword in OF_ONE:
        if isinstance(schema.get(keyword), dict):
            yield (keyword,), schema[keyword]
    for keyword in OF_MANY:
        inner = schema.get(keyword)
        if isinstance(inner, list):
            yield from (((keyword, number), content) for number, content in enumerate(inner))


def describes_object(schema: dict[str, Any]) -> bool:
    """Whether a schema is about an object with named properties."""
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return isinstance(schema.get("properties"), dict) or "object" in kinds


def is_definition(path: Path) -> bool:
    """Whether a place is a named definition, or the whole file."""
    return not path or (len(path) > 1 and path[-2] in {"definitions", "$defs"})
