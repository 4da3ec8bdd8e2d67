"""Compiled protobuf files -> the catalogue."""

from collections.abc import Container, Iterator

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from analytics_etl.schemas.protobuf.compiler import Compiled
from analytics_etl.schemas.protobuf.elements import Enum, Message, Module, Service, SourceFile
from analytics_etl.schemas.protobuf.elements import Field as Item
from analytics_etl.schemas.protobuf.features import dialect_of
from analytics_etl.schemas.values import Catalogue, Entity, Field, File, Format, Import, Kind, Label, Origin

_DEPENDENCY = 3
"""Number of `dependency` in FileDescriptorProto."""
_VALUE = 2
"""Number of `value` in EnumDescriptorProto."""
_TYPES = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}


def catalogue_of(compiled: Compiled, module: Module, others: Container[str]) -> Catalogue:
    """The catalogue of a version; of one with faults, the faults and what is missing."""
    if compiled.faults:
        missing = tuple(Import(file="", target=name, origin=Origin.MISSING) for name in compiled.missing)
        return Catalogue(Format.PROTOBUF, imports=missing, faults=compiled.faults)
    files = module.files.values()
    return Catalogue(
        Format.PROTOBUF,
        tuple(
            File(file.path, file.descriptor.package, dialect_of(file.descriptor), file.descriptor.options.deprecated)
            for file in files
        ),
        tuple(_entities(module)),
        tuple(item for file in files for item in _imports(file, module, others)),
    )


def _entities(module: Module) -> Iterator[Entity]:
    for message in module.messages.values():
        if not message.descriptor.options.map_entry:
            yield _message(message, module)
    yield from (_enum(enum) for enum in module.enums.values())
    yield from (_service(service) for service in module.services.values())
    by_place: dict[tuple[str, str], list[Item]] = {}
    for extension in module.extensions:
        by_place.setdefault((extension.file.path, extension.owner), []).append(extension)
    for (path, extended), items in by_place.items():
        yield Entity(path, f"extend {extended}", Kind.EXTENSION, None, 0, tuple(_field(item, module) for item in items))


def _message(message: Message, module: Module) -> Entity:
    return Entity(
        message.file.path,
        message.name,
        Kind.MESSAGE,
        message.parent,
        message.depth,
        tuple(_field(item, module) for item in message.fields.values()),
        message.descriptor.options.deprecated,
        message.file.documentation(message.path),
        message.file.line(message.path),
    )


def _field(item: Item, module: Module) -> Field:
    descriptor = item.descriptor
    return Field(
        item.name if item.is_extension else descriptor.name,
        descriptor.number,
        _type(item, module),
        label_of(item),
        descriptor.default_value if descriptor.HasField("default_value") else None,
        item.oneof,
        descriptor.options.deprecated,
        item.file.documentation(item.path),
        item.file.line(item.path),
    )


def label_of(item: Item) -> Label:
    """How often a field occurs, and whether its absence can be told."""
    label = item.descriptor.label
    if item.is_map:
        return Label.MAP
    if label == FieldDescriptorProto.LABEL_REPEATED:
        return Label.REPEATED
    if label == FieldDescriptorProto.LABEL_REQUIRED or item.features.field_presence == "LEGACY_REQUIRED":
        return Label.REQUIRED
    return Label.OPTIONAL if has_presence(item) else Label.SINGULAR


def has_presence(item: Item) -> bool:
    """Whether a field that does not repeat tells absence from its default."""
    descriptor = item.descriptor
    return (
        descriptor.type in {FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_GROUP}
        or item.is_extension
        or descriptor.HasField("oneof_index")
        or item.features.field_presence != "IMPLICIT"
    )


def _type(item: Item, module: Module) -> str:
    descriptor = item.descriptor
    if item.is_map:
        entry = module.messages[descriptor.type_name.removeprefix(".")]
        key, value = (_type(entry.fields[number], module) for number in (1, 2))
        return f"map<{key}, {value}>"
    return descriptor.type_name.removeprefix(".") or _TYPES[descriptor.type]


def _enum(enum: Enum) -> Entity:
    values = []
    for number, value in enumerate(enum.descriptor.value):
        path = (*enum.path, _VALUE, number)
        documentation, line = enum.file.documentation(path), enum.file.line(path)
        values.append(
            Field(
                value.name,
                value.number,
                "",
                Label.VALUE,
                is_deprecated=value.options.deprecated,
                documentation=documentation,
                line=line,
            )
        )
    return Entity(
        enum.file.path,
        enum.name,
        Kind.ENUM,
        enum.parent,
        enum.depth,
        tuple(values),
        enum.descriptor.options.deprecated,
        enum.file.documentation(enum.path),
        enum.file.line(enum.path),
    )


def _service(service: Service) -> Entity:
    methods = []
    for path, method in service.methods():
        request, response = (
            ("stream " if is_stream else "") + name.removeprefix(".")
            for name, is_stream in (
                (method.input_type, method.client_streaming),
                (method.output_type, method.server_streaming),
            )
        )
        methods.append(
            Field(
                method.name,
                None,
                f"{request} -> {response}",
                Label.METHOD,
                is_deprecated=method.options.deprecated,
                documentation=service.file.documentation(path),
                line=service.file.line(path),
            )
        )
    return Entity(
        service.file.path,
        service.name,
        Kind.SERVICE,
        None,
        0,
        tuple(methods),
        service.descriptor.options.deprecated,
        service.file.documentation(service.path),
        service.file.line(service.path),
    )


def _imports(file: SourceFile, module: Module, others: Container[str]) -> Iterator[Import]:
    for number, target in enumerate(file.descriptor.dependency):
        own = Origin.OWN if target in module.files else None
        origin = own or (Origin.OTHER if target in others else Origin.SUPPLIED)
        yield Import(file.path, target, origin, file.line((_DEPENDENCY, number)))
