"""What is in a version of a schema, as values: files, entities, fields, imports, faults. Not here: how it is found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Format(StrEnum):
    """The languages that schemas are written in."""

    PROTOBUF = "protobuf"
    AVRO = "avro"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True)
class Version:
    """The source of one version of a module: path -> text of each file."""

    format: Format
    files: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    """Files of other modules that it may import. They are no part of it; a path that it has itself is its own."""


class Kind(StrEnum):
    """What an entity is."""

    MESSAGE = "message"
    ENUM = "enum"
    SERVICE = "service"
    EXTENSION = "extension"
    """The extensions that a file or a message declares, as one entity."""
    RECORD = "record"
    FIXED = "fixed"
    OBJECT = "object"
    SCHEMA = "schema"
    """A named JSON Schema that describes no object."""


class Label(StrEnum):
    """How often a field occurs, or what else it is."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    SINGULAR = "singular"
    """A protobuf field without presence: its default and its absence are the same."""
    REPEATED = "repeated"
    MAP = "map"
    VALUE = "value"
    """A value of an enum."""
    METHOD = "method"
    """A method of a service."""


class Origin(StrEnum):
    """Where an imported file or type comes from."""

    OWN = "own"
    """The version itself."""
    OTHER = "other"
    """Another module, whose files were given with the version."""
    SUPPLIED = "supplied"
    """What this project supplies: well-known types, googleapis, metaschemas."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version."""

    path: str
    package: str
    """Package of a protobuf file, namespace of an Avro schema, `$id` of a JSON Schema; empty without one."""
    dialect: str
    """proto2, proto3, edition 2023, avro, or the draft of a JSON Schema."""
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message, record or object, a value of an enum, or a method of a service."""

    name: str
    number: int | None
    type: str
    """The type's full name; `request -> response` of a method."""
    label: Label
    default: str | None = None
    """The default as the format writes it; None without one."""
    oneof: str | None = None
    is_deprecated: bool = False
    documentation: str = ""
    line: int | None = None
    """Line of the file, from 1; unknown for formats written in JSON."""

    @property
    def is_required(self) -> bool:
        return self.label is Label.REQUIRED


@dataclass(frozen=True, slots=True)
class Entity:
    """A message, enum, service, record, or object."""

    file: str
    name: str
    """Full name; of a JSON Schema its JSON pointer in the file: `#/definitions/Address`."""
    kind: Kind
    parent: str | None
    """Full name of the entity that this one is declared in."""
    depth: int
    """Number of entities around it."""
    fields: tuple[Field, ...]
    is_deprecated: bool = False
    documentation: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """A file or type that a file refers to."""

    file: str
    target: str
    origin: Origin
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a version, or a part of it, could not be read. Without a file it is about the whole version."""

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.message}" if place else self.message


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is in a version. With faults it may hold nothing else, or a part."""

    format: Format
    files: tuple[File, ...] = ()
    entities: tuple[Entity, ...] = ()
    imports: tuple[Import, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether everything in the version could be read."""
        return not self.faults

    @property
    def packages(self) -> frozenset[str]:
        """Packages of protobuf files, namespaces of Avro types, `$id`s of JSON Schemas."""
        if self.format is Format.AVRO:
            return frozenset(entity.name.rpartition(".")[0] for entity in self.entities) - {""}
        return frozenset(file.package for file in self.files) - {""}
