"""A schema as a comparison sees it: references followed, spellings of the drafts made one."""

from dataclasses import dataclass
from typing import Any

from analytics_etl.schemas.json_schema.dialects import Dialect
from analytics_etl.schemas.json_schema.walking import REFERENCES

TYPES = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""All types of values. A `number` is an integer or a fraction."""
_MOST_STEPS = 100
"""Of references that lead to references."""

Schema = dict[str, Any] | bool


@dataclass(frozen=True)
class Node:
    """A schema, with what follows its references."""

    schema: Any
    dialect: Dialect
    resolver: Any
    place: str | None = None
    """What a reference called it, if one led here: its place, wherever it is used."""

    def inner(self, schema: Any) -> "Node":
        """A schema inside this one."""
        resolver = self.resolver
        if isinstance(schema, dict) and self.dialect.specification.id_of(schema) is not None:
            resolver = resolver.in_subresource(self.dialect.specification.create_resource(schema))
        return Node(schema, self.dialect, resolver)

    def followed(self) -> "Node":
        """The schema that this one stands for: a lone reference is followed, until something else comes."""
        node = self
        for _ in range(_MOST_STEPS):
            reference = _lone_reference(node.schema, node.dialect)
            if reference is None:
                return node
            node = node._target(reference)
        return node.inner({})  # it leads to itself, and so says nothing

    def _target(self, reference: str) -> "Node":
        found = self.resolver.lookup(reference)  # it leads somewhere: a version with faults is not compared
        return Node(found.contents, self.dialect, found.resolver, reference)

    @property
    def is_anything(self) -> bool:
        """Whether every value is valid: no keyword forbids any."""
        return self.schema is True or (isinstance(self.schema, dict) and not set(self.schema) & CONSTRAINTS)

    @property
    def is_nothing(self) -> bool:
        return self.schema is False

    @property
    def is_combined(self) -> bool:
        """Whether it is made of other schemas for the same value."""
        return isinstance(self.schema, dict) and bool(COMBINATIONS & self.schema.keys())

    def get(self, keyword: str, default: Any = None) -> Any:
        """The value of a keyword."""
        return self.schema.get(keyword, default) if isinstance(self.schema, dict) else default

    def types(self) -> frozenset[str]:
        """The types of values that may be valid."""
        if self.is_nothing:
            return frozenset()
        stated = self.get("type")
        found = TYPES if stated is None else _types(stated)
        values = self.values()
        return found if values is None else found & {type_of(value) for value in values}

    def values(self) -> list[Any] | None:
        """The only values that may be valid, if they are listed."""
        if isinstance(self.schema, dict) and "const" in self.schema:
            return [self.schema["const"]]
        listed = self.get("enum")
        return listed if isinstance(listed, list) else None

    def all_of(self) -> list["Node"]:
        """The schemas that a value must meet besides: of `allOf`, and of a reference with keywords beside it."""
        found = [self.inner(schema) for schema in self.get("allOf") or ()]
        found += [self._target(self.schema[keyword]) for keyword in REFERENCES if isinstance(self.get(keyword), str)]
        return found


COMBINATIONS = frozenset(
    {
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies", "contains"),
        *REFERENCES,
    }
)
"""Keywords with schemas that may evaluate parts of the same value."""

CONSTRAINTS = frozenset(
    {
        *("type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", *REFERENCES),
        *("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf", "divisibleBy"),
        *("maxLength", "minLength", "pattern", "format"),
        *("items", "prefixItems", "additionalItems", "unevaluatedItems", "contains", "minContains", "maxContains"),
        *("maxItems", "minItems", "uniqueItems"),
        *("properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames"),
        *("required", "dependencies", "dependentRequired", "dependentSchemas", "maxProperties", "minProperties"),
    }
)
"""Keywords that may make a value invalid."""


def _lone_reference(schema: Any, dialect: Dialect) -> str | None:
    """The reference of a schema that says nothing else."""
    if not isinstance(schema, dict):
        return None
    for keyword in REFERENCES:
        reference = schema.get(keyword)
        if isinstance(reference, str):
            is_alone = not dialect.has_reference_siblings or not (set(schema) & CONSTRAINTS) - {keyword}
            return reference if is_alone else None
    return None


def _types(stated: Any) -> frozenset[str]:
    found: set[str] = set()
    for name in stated if isinstance(stated, list) else [stated]:
        if name == "any":  # of draft 3
            found |= TYPES
        elif name == "number":
            found |= {"integer", "fraction"}
        elif isinstance(name, str):
            found.add(name)
    return frozenset(found)


def type_of(value: Any) -> str:
    """The type of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "integer" if value == int(value) else "fraction"
