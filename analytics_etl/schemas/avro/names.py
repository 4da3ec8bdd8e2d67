"""The named types of Avro schemas: their full names, where they are defined, and which types refer to them.

Only names are found here; whether a schema is valid, Avro's own library judges (`reading`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
NAMED = {"record", "error", "enum", "fixed"}


@dataclass(frozen=True)
class Definition:
    """A named type as it stands in a file."""

    file: str
    name: str
    """Full name."""
    schema: Mapping[str, Any]
    namespace: str
    """What names inside it belong to."""
    parent: str | None
    depth: int


@dataclass(frozen=True)
class Reference:
    """A use of a named type by its full name."""

    file: str
    name: str


def full_name(name: str, namespace: str) -> str:
    """A name in its namespace; one with a dot is full already."""
    return name if "." in name or not namespace else f"{namespace}.{name}"


def walk(file: str, schema: Any) -> Iterator[Definition | Reference]:
    """Everything in a schema that has a name, in the order of the text."""
    yield from _walk(file, schema, "", None, 0)


def _walk(file: str, schema: Any, namespace: str, parent: str | None, depth: int) -> Iterator[Definition | Reference]:
    match schema:
        case str(name):
            if name not in PRIMITIVES:
                yield Reference(file, full_name(name, namespace))
        case list(branches):
            for branch in branches:
                yield from _walk(file, branch, namespace, parent, depth)
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            yield from _walk(file, inner, namespace, parent, depth)
        case {"type": str(kind), "name": str(simple)} if kind in NAMED:
            own = schema.get("namespace")
            name = full_name(simple, own if isinstance(own, str) else namespace)
            inside = name.rpartition(".")[0]
            yield Definition(file, name, schema, inside, parent, depth)
            fields = schema.get("fields")
            for field in fields if isinstance(fields, list) else ():
                if isinstance(field, dict):
                    yield from _walk(file, field.get("type"), inside, name, depth + 1)
        case {"type": dict() | list() | str() as inner}:
            yield from _walk(file, inner, namespace, parent, depth)


def type_text(schema: Any, namespace: str) -> str:
    """A type in one line: `null | string`, `array<org.example.Item>`."""
    match schema:
        case str(name):
            text = name if name in PRIMITIVES else full_name(name, namespace)
        case list(branches):
            text = " | ".join(type_text(branch, namespace) for branch in branches)
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            text = f"{schema['type']}<{type_text(inner, namespace)}>"
        case {"type": str(kind), "name": str(simple)} if kind in NAMED:
            own = schema.get("namespace")
            text = full_name(simple, own if isinstance(own, str) else namespace)
        case {"type": inner, "logicalType": str(logical)}:
            text = f"{type_text(inner, namespace)} ({logical})"
        case {"type": inner}:
            text = type_text(inner, namespace)
        case _:
            text = ""
    return text
