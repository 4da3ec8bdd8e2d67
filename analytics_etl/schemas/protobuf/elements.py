"""The elements of compiled files with what rules ask about: place, names, features. Not here: the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
    SourceCodeInfo,
)

from analytics_etl.schemas.protobuf.features import Features, features_of_file

Path = tuple[int, ...]
"""The way to an element through the descriptors: (4, 0, 2, 1) is the second field of the first message."""

_MESSAGE, _ENUM, _SERVICE, _EXTENSION = 4, 5, 6, 7
_FIELD, _NESTED, _NESTED_ENUM, _NESTED_EXTENSION = 2, 3, 4, 6
_VALUE = _METHOD = 2


class SourceFile:
    """A compiled file and where its elements stand."""

    def __init__(self, descriptor: FileDescriptorProto) -> None:
        self.descriptor = descriptor
        self.path = descriptor.name
        self.features = features_of_file(descriptor)

    @cached_property
    def _locations(self) -> Mapping[Path, SourceCodeInfo.Location]:
        found: dict[Path, SourceCodeInfo.Location] = {}
        for location in self.descriptor.source_code_info.location:
            found.setdefault(tuple(location.path), location)
        return found

    def line(self, *paths: Path) -> int | None:
        """The line of the first of the given elements that is in the source, from 1."""
        for path in paths:
            if location := self._locations.get(path):
                return location.span[0] + 1
        return None

    def documentation(self, path: Path) -> str:
        """The comment before an element, or else the one behind it."""
        location = self._locations.get(path)
        if location is None:
            return ""
        return (location.leading_comments or location.trailing_comments).strip()


@dataclass(frozen=True, eq=False)
class Field:
    """A field of a message, or an extension."""

    file: SourceFile
    path: Path
    descriptor: FieldDescriptorProto
    features: Features
    owner: str
    """Simple name of the message; full name of the extended message."""
    name: str
    """Full name."""
    is_map: bool = False
    is_in_map_entry: bool = False
    """Whether it is the key or the value of a map; it stands in the source where the map does."""
    oneof: str | None = None

    @property
    def nested_name(self) -> str:
        return _without_package(self.name, self.file)

    @property
    def is_extension(self) -> bool:
        return bool(self.descriptor.extendee)


@dataclass(frozen=True, eq=False)
class Message:
    """A message, with the entries of maps as nested ones, as protoc has them."""

    file: SourceFile
    path: Path
    descriptor: DescriptorProto
    features: Features
    name: str
    parent: str | None
    depth: int
    fields: Mapping[int, Field]
    """By number."""

    @property
    def nested_name(self) -> str:
        return _without_package(self.name, self.file)


@dataclass(frozen=True, eq=False)
class Enum:
    """An enum."""

    file: SourceFile
    path: Path
    descriptor: EnumDescriptorProto
    features: Features
    name: str
    parent: str | None
    depth: int

    @property
    def nested_name(self) -> str:
        return _without_package(self.name, self.file)


@dataclass(frozen=True, eq=False)
class Service:
    """A service."""

    file: SourceFile
    path: Path
    descriptor: ServiceDescriptorProto
    name: str

    @property
    def nested_name(self) -> str:
        return self.descriptor.name

    def methods(self) -> Iterator[tuple[Path, MethodDescriptorProto]]:
        """Its methods and their places."""
        for number, method in enumerate(self.descriptor.method):
            yield (*self.path, _METHOD, number), method


class Module:
    """All elements of the files of a version, by full name."""

    def __init__(self, files: Mapping[str, FileDescriptorProto]) -> None:
        self.files = {path: SourceFile(files[path]) for path in sorted(files)}
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, Enum] = {}
        self.services: dict[str, Service] = {}
        self.extensions: list[Field] = []
        for file in self.files.values():
            self._add_file(file)

    def _add_file(self, file: SourceFile) -> None:
        descriptor, package = file.descriptor, file.descriptor.package
        for number, message in enumerate(descriptor.message_type):
            self._add_message(file, (_MESSAGE, number), message, file.features, None, 0, {})
        for number, enum in enumerate(descriptor.enum_type):
            self._add_enum(file, (_ENUM, number), enum, file.features, None, 0)
        for number, service in enumerate(descriptor.service):
            name = _join(package, service.name)
            self.services[name] = Service(file, (_SERVICE, number), service, name)
        for number, extension in enumerate(descriptor.extension):
            self._add_extension(file, (_EXTENSION, number), extension, file.features, package)

    def _add_message(
        self,
        file: SourceFile,
        path: Path,
        descriptor: DescriptorProto,
        above: Features,
        parent: str | None,
        depth: int,
        maps: Mapping[str, Path],
    ) -> None:
        """Add a message and what is in it; `maps` has the places of the fields around it that are maps."""
        name = _join(file.descriptor.package if parent is None else parent, descriptor.name)
        features = above.below(descriptor.options)
        place = maps.get(f".{name}", path)
        entries = {f".{name}.{nested.name}" for nested in descriptor.nested_type if nested.options.map_entry}
        own_maps = {
            item.type_name: (*path, _FIELD, number)
            for number, item in enumerate(descriptor.field)
            if item.type_name in entries
        }
        fields: dict[int, Field] = {}
        for number, item in enumerate(descriptor.field):
            fields[item.number] = Field(
                file,
                place if descriptor.options.map_entry else (*path, _FIELD, number),
                item,
                features.below(item.options),
                descriptor.name,
                f"{name}.{item.name}",
                item.type_name in entries,
                descriptor.options.map_entry,
                _real_oneof(descriptor, item),
            )
        self.messages[name] = Message(file, place, descriptor, features, name, parent, depth, fields)
        for number, nested in enumerate(descriptor.nested_type):
            self._add_message(file, (*path, _NESTED, number), nested, features, name, depth + 1, own_maps)
        for number, enum in enumerate(descriptor.enum_type):
            self._add_enum(file, (*path, _NESTED_ENUM, number), enum, features, name, depth + 1)
        for number, extension in enumerate(descriptor.extension):
            self._add_extension(file, (*path, _NESTED_EXTENSION, number), extension, features, name)

    def _add_enum(
        self,
        file: SourceFile,
        path: Path,
        descriptor: EnumDescriptorProto,
        above: Features,
        parent: str | None,
        depth: int,
    ) -> None:
        name = _join(file.descriptor.package if parent is None else parent, descriptor.name)
        self.enums[name] = Enum(file, path, descriptor, above.below(descriptor.options), name, parent, depth)

    def _add_extension(
        self, file: SourceFile, path: Path, descriptor: FieldDescriptorProto, above: Features, scope: str
    ) -> None:
        extended = descriptor.extendee.removeprefix(".")
        features = above.below(descriptor.options)
        self.extensions.append(Field(file, path, descriptor, features, extended, _join(scope, descriptor.name)))


def _real_oneof(message: DescriptorProto, item: FieldDescriptorProto) -> str | None:
    """The oneof that a field stands in; a proto3 `optional` makes one that nobody wrote."""
    if not item.HasField("oneof_index") or item.proto3_optional:
        return None
    return message.oneof_decl[item.oneof_index].name


def _join(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _without_package(name: str, file: SourceFile) -> str:
    package = file.descriptor.package
    return name.removeprefix(f"{package}.") if package else name
