"""The schemas of made-up modules, and their life: they grow, are documented or not, deprecate, break, import others.

What is in a release depends on the seed, the module and the release alone.
"""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

FORMATS = ("protobuf", "avro", "json_schema")
NEVER = 1_000
_BASICS = 8
"""The first modules of each format import nothing; others import them."""
_NOUNS = ("", "Event", "Summary", "Page", "Policy", "Key", "Batch")
_STATES = ("UNSPECIFIED", "ACTIVE", "PAUSED", "FAILED", "ARCHIVED", "EXPIRED", "BLOCKED", "MERGED")
_WORDS = (
    *("id:string", "created_at:time", "amount:long", "currency:string", "name:string", "owner:string", "state:state"),
    *("note:string", "count:int", "updated_at:time", "enabled:bool", "ratio:double", "region:string", "tags:strings"),
    *("source:string", "priority:int", "checksum:string", "retries:int", "parent_id:string", "labels:strings"),
    *("size_bytes:long", "locale:string", "is_test:bool", "score:double", "expires_at:time", "reason:string"),
)
_PROTOBUF = {"long": "int64", "int": "int32", "time": "google.protobuf.Timestamp", "strings": "repeated string"}
_AVRO: dict[str, Any] = {
    "bool": "boolean", "time": {"type": "long", "logicalType": "timestamp-micros"},
    "strings": {"type": "array", "items": "string"}, "state": "string",
}  # fmt: skip
_JSON: dict[str, dict[str, Any]] = {
    "string": {"type": "string"}, "state": {"type": "string"}, "time": {"type": "string", "format": "date-time"},
    "long": {"type": "integer"}, "int": {"type": "integer"}, "double": {"type": "number"}, "bool": {"type": "boolean"},
    "strings": {"type": "array", "items": {"type": "string"}},
}  # fmt: skip


@dataclass(frozen=True)
class Element:
    """A field, and the releases in which something happens to it; NEVER for what does not happen."""

    name: str
    kind: str
    number: int
    since: int
    documented: int
    deprecated: int
    removed: int
    is_used: bool

    def is_in(self, release: int) -> bool:
        return self.since <= release < self.removed


@dataclass(frozen=True)
class Entity:
    """A message, record or object, and the release that brings it."""

    name: str
    since: int
    documented: int
    fields: tuple[Element, ...]


@dataclass(frozen=True)
class Module:
    """A module: its names, what it imports, and everything that it ever has."""

    name: str
    format: str
    entities: tuple[Entity, ...]
    imports: tuple["Module", ...]
    states_since: tuple[int, ...]
    """For each state of an enum the release that brings it."""

    @property
    def package(self) -> str:
        return re.sub(r"[^a-z0-9.]", "", self.name)

    @property
    def path(self) -> str:
        folder = self.package.replace(".", "/")
        ending = {"protobuf": "proto", "avro": "avsc", "json_schema": "json"}[self.format]
        return f"{folder}/{folder.split('/')[1]}.{ending}"

    @property
    def id(self) -> str:
        """What other JSON Schemas call it."""
        return f"https://schemas.example.com/{self.path}"

    def entity_name(self, entity: Entity) -> str:
        """The name of an entity as a catalogue has it."""
        return f"#/definitions/{entity.name}" if self.format == "json_schema" else f"{self.package}.{entity.name}"

    def used_fields(self, release: int) -> list[tuple[str, str]]:
        """(entity, field) of the fields of a release that anybody uses; the first are used most."""
        return [
            (self.entity_name(entity), field.name)
            for entity in self.entities
            if entity.since <= release
            for field in entity.fields
            if field.is_in(release) and field.is_used
        ]

    def files(self, release: int) -> dict[str, str]:
        """The source of a release."""
        write = {"protobuf": _protobuf, "avro": _avro, "json_schema": _json_schema}[self.format]
        return {self.path: write(self, release)}


class Schemas:
    """The schemas of all modules of a world, each made when it is asked for."""

    def __init__(self, seed: int, names: Sequence[str], newest_releases: Sequence[int]) -> None:
        self._seed, self._names, self._newest = seed, names, newest_releases
        self.module = lru_cache(maxsize=None)(self._module)

    def _module(self, number: int) -> Module:
        rng = np.random.default_rng([self._seed, 60, number])
        name, newest = self._names[number], self._newest[number]
        life = _Life(rng, newest)
        stem = re.sub(r"[^a-z]", "", name.split(".")[1]).removesuffix("s").title()
        nouns = [_NOUNS[0], *rng.permutation(_NOUNS[1:])[: rng.integers(1, 6)].tolist()]
        entities = tuple(life.entity(stem + noun, at) for at, noun in enumerate(nouns))
        states = (0, 0, *sorted(rng.integers(0, newest + 4, len(_STATES) - 2).tolist()))
        others = tuple(self.module(other) for other in self._imported(rng, number))
        return Module(name, format_of(number), entities, others, states)

    def _imported(self, rng: np.random.Generator, number: int) -> list[int]:
        """The modules that one imports: of its own format, and before it, so that no circle arises."""
        before = [other for other in range(number) if format_of(other) == format_of(number)]
        if len(before) < _BASICS:
            return []
        basics, later = before[:_BASICS], before[_BASICS:]
        found = {int(rng.choice(basics)) for _ in range(rng.integers(0, 3))}
        if later and rng.random() < 0.25:
            found.add(int(rng.choice(later)))
        return sorted(found)


def format_of(number: int) -> str:
    """The format of a module: mostly protobuf."""
    return {7: "avro", 8: "json_schema"}.get(number % 10, "protobuf")


class _Life:
    """Draws what happens to the fields of one module."""

    def __init__(self, rng: np.random.Generator, newest: int) -> None:
        self._rng, self._newest = rng, newest
        self._habit = rng.random()
        """How well it is documented: well, better from release to release, or hardly."""
        self._breaks_at = int(rng.integers(1, newest + 1)) if rng.random() < 0.4 else NEVER
        self._deprecates = 0.25 if rng.random() < 0.5 else 0.03

    def entity(self, name: str, position: int) -> Entity:
        """The entity of a position; the first is there from the first release, and always has a first field."""
        since = 0 if position < 2 else int(self._rng.integers(0, self._newest + 2))
        words = [_WORDS[0], *self._rng.permutation(_WORDS[1:])[: self._rng.integers(3, 14)].tolist()]
        fields = tuple(self._field(word, number, since) for number, word in enumerate(words, 1))
        return Entity(name, since, self._documented(since), fields)

    def _field(self, word: str, number: int, since: int) -> Element:
        rng, (name, _, kind) = self._rng, word.partition(":")
        begins = since if number < 4 else since + max(0, int(rng.integers(-6, self._newest + 4)))
        draws = rng.random(3)
        deprecated = begins + int(rng.integers(1, 8)) if number > 1 and draws[0] < self._deprecates else NEVER
        removed = self._breaks_at if number > 2 and begins < self._breaks_at and draws[1] < 0.2 else NEVER
        return Element(
            name, kind, number, begins, self._documented(begins), deprecated, removed, number == 1 or draws[2] < 0.78
        )

    def _documented(self, since: int) -> int:
        """The release that brings the documentation."""
        late = int(self._rng.integers(0, self._newest + 3))
        chance = self._rng.random()
        if self._habit < 0.35:
            return since if chance < 0.9 else NEVER
        return since + late if self._habit < 0.7 else since if chance < 0.15 else NEVER


def _sentence(name: str, of: str) -> str:
    return f"The {name.replace('_', ' ')} of the {of}."


def _protobuf(module: Module, release: int) -> str:
    targets = [f'import "{other.path}";' for other in module.imports]
    lines = [
        'syntax = "proto3";', "", f"package {module.package};", "",
        *sorted([*targets, 'import "google/protobuf/timestamp.proto";']),
    ]  # fmt: skip
    first = module.entities[0].name
    for entity in (e for e in module.entities if e.since <= release):
        lines += ["", *([f"// {entity.name} as the service keeps it."] if entity.documented <= release else [])]
        lines += [f"message {entity.name} {{", *_protobuf_fields(module, entity, release), "}"]
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", first).upper()
    lines += ["", f"enum {first}State {{"]
    states = zip(_STATES, module.states_since, strict=True)
    lines += [f"  {prefix}_STATE_{state} = {n};" for n, (state, since) in enumerate(states) if since <= release]
    return "\n".join([*lines, "}", ""])


def _protobuf_fields(module: Module, entity: Entity, release: int) -> Iterator[str]:
    kinds = {**_PROTOBUF, "state": f"{module.entities[0].name}State"}
    for field in entity.fields:
        if field.is_in(release):
            if field.documented <= release:
                yield f"  // {_sentence(field.name, entity.name)}"
            option = " [deprecated = true]" if field.deprecated <= release else ""
            yield f"  {kinds.get(field.kind, field.kind)} {field.name} = {field.number}{option};"
    if entity is module.entities[0]:
        for number, other in enumerate(module.imports, 100):
            yield f"  {other.package}.{other.entities[0].name} {_reference(other)} = {number};"


def _reference(other: Module) -> str:
    return re.sub(r"[^a-z0-9]+", "_", other.package)


def _avro(module: Module, release: int) -> str:
    """One record, in which the others are the types of fields."""
    main, *inner = (entity for entity in module.entities if entity.since <= release)

    def record(entity: Entity, more: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        fields = [_avro_field(entity, field, release) for field in entity.fields if field.is_in(release)]
        doc = {"doc": f"{entity.name} as the service keeps it."} if entity.documented <= release else {}
        return {"type": "record", "name": entity.name, **doc, "fields": [*fields, *more]}

    more = [{"name": e.name.lower(), "type": ["null", record(e)], "default": None} for e in inner]
    more += [
        {"name": _reference(other), "type": ["null", other.entity_name(other.entities[0])], "default": None}
        for other in module.imports
    ]
    whole = record(main, more)
    return json.dumps({"type": "record", "name": main.name, "namespace": module.package, **whole}, indent=2) + "\n"


def _avro_field(entity: Entity, field: Element, release: int) -> dict[str, Any]:
    kind = _AVRO.get(field.kind, field.kind)
    doc = [_sentence(field.name, entity.name)] if field.documented <= release else []
    doc += ["@deprecated Use another field."] if field.deprecated <= release else []
    optional = {"type": ["null", kind], "default": None} if field.since > entity.since else {"type": kind}
    return {"name": field.name, **({"doc": " ".join(doc)} if doc else {}), **optional}


def _json_schema(module: Module, release: int) -> str:
    definitions = {}
    for entity in (e for e in module.entities if e.since <= release):
        there = [field for field in entity.fields if field.is_in(release)]
        properties = {field.name: _json_field(entity, field, release) for field in there}
        if entity is module.entities[0]:
            properties |= {
                _reference(other): {"$ref": f"{other.id}#/definitions/{other.entities[0].name}"}
                for other in module.imports
            }
        described = {"description": f"{entity.name} as the service keeps it."} if entity.documented <= release else {}
        required = [field.name for field in there if field.since == entity.since and field.number < 4]
        definitions[entity.name] = {"type": "object", **described, "properties": properties, "required": required}
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#", "$id": module.id,
        "allOf": [{"$ref": f"#/definitions/{module.entities[0].name}"}], "definitions": definitions,
    }  # fmt: skip
    return json.dumps(whole, indent=2) + "\n"


def _json_field(entity: Entity, field: Element, release: int) -> dict[str, Any]:
    described = {"description": _sentence(field.name, entity.name)} if field.documented <= release else {}
    deprecated = {"deprecated": True} if field.deprecated <= release else {}
    return {**_JSON[field.kind], **described, **deprecated}
