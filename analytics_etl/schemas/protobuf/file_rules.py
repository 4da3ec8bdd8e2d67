"""Rules about files and packages, and about what they declare."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FileOptions

from analytics_etl.schemas.changes import Change
from analytics_etl.schemas.protobuf.elements import Enum, Field, Message, Module, Path, Service, SourceFile
from analytics_etl.schemas.protobuf.features import dialect_of
from analytics_etl.schemas.protobuf.rules import changed, removed

_PACKAGE, _OPTIONS, _SYNTAX, _EDITION = 2, 8, 12, 14
_FILE_OPTIONS = {
    name: FileOptions.DESCRIPTOR.fields_by_name[name]
    for name in (
        *("cc_enable_arenas", "cc_generic_services", "csharp_namespace", "go_package", "java_generic_services"),
        *("java_multiple_files", "java_outer_classname", "java_package", "objc_class_prefix", "optimize_for"),
        *("php_class_prefix", "php_metadata_namespace", "php_namespace", "py_generic_services", "ruby_package"),
        "swift_prefix",
    )
}
Declared = Enum | Field | Message | Service


def changes_of_files(old: Module, new: Module) -> Iterator[Change]:
    """What is broken by files that are gone, are in another package, or have other options."""
    for path, before in old.files.items():
        if path not in new.files:
            yield removed("FILE_NO_DELETE", path, f"The file {path} was removed.", before)
        else:
            yield from _changes_of_file(before, new.files[path])
    for kind, elements in _DECLARED.items():
        yield from _removed_from_files(kind, elements(old), elements(new), new)
        yield from _removed_from_packages(kind, elements(old), elements(new), new)
    for package in sorted(_packages(old) - _packages(new)):
        yield removed("PACKAGE_NO_DELETE", package, f"The package {package} was removed.", None)


def _packages(module: Module) -> set[str]:
    return {file.descriptor.package for file in module.files.values()}


def _changes_of_file(before: SourceFile, after: SourceFile) -> Iterator[Change]:
    old, new = before.descriptor, after.descriptor
    for name, field in _FILE_OPTIONS.items():
        was, is_ = getattr(old.options, name), getattr(new.options, name)
        if was != is_:
            text = f"The option {name} changed from {was!r} to {is_!r}."
            yield changed(f"FILE_SAME_{name.upper()}", after.path, text, after, (_OPTIONS, field.number))
    if old.package != new.package:
        text = f"The package changed from {old.package} to {new.package}."
        yield changed("FILE_SAME_PACKAGE", after.path, text, after, (_PACKAGE,))
    if _syntax(before) != _syntax(after):
        text = f"The syntax changed from {dialect_of(old)} to {dialect_of(new)}."
        yield changed("FILE_SAME_SYNTAX", after.path, text, after, (_SYNTAX,), (_EDITION,))


def _syntax(file: SourceFile) -> str:
    """proto2, proto3 or editions: one edition for another is no change of syntax."""
    return file.descriptor.syntax or "proto2"


def _extensions(module: Module) -> Mapping[str, Declared]:
    return {extension.name: extension for extension in module.extensions}


def _messages(module: Module) -> Mapping[str, Declared]:
    return module.messages


def _enums(module: Module) -> Mapping[str, Declared]:
    return module.enums


def _services(module: Module) -> Mapping[str, Declared]:
    return module.services


_DECLARED: Mapping[str, Callable[[Module], Mapping[str, Declared]]] = {
    "ENUM": _enums,
    "EXTENSION": _extensions,
    "MESSAGE": _messages,
    "SERVICE": _services,
}


def _removed_from_files(
    kind: str, old: Mapping[str, Declared], new: Mapping[str, Declared], module: Module
) -> Iterator[Change]:
    """What a file that is still there does not declare any more, wherever else it may be declared now."""
    still = {(element.file.path, element.nested_name) for element in new.values()}
    for name, element in old.items():
        file = module.files.get(element.file.path)
        if file is not None and (file.path, element.nested_name) not in still:
            text = f"The {kind.lower()} {name} was removed from the file."
            yield removed(f"{kind}_NO_DELETE", name, text, file, *_around(element, file, module))


def _removed_from_packages(
    kind: str, old: Mapping[str, Declared], new: Mapping[str, Declared], module: Module
) -> Iterator[Change]:
    """What a package that is still there does not have any more."""
    packages = _packages(module)
    for name, element in old.items():
        package = element.file.descriptor.package
        if package in packages and not _is_in(package, element, new):
            file = module.files.get(element.file.path)
            text = f"The {kind.lower()} {name} was removed from the package {package}."
            yield removed(
                f"PACKAGE_{kind}_NO_DELETE", name, text, file, *(_around(element, file, module) if file else ())
            )


def _is_in(package: str, element: Declared, new: Mapping[str, Declared]) -> bool:
    found = new.get(element.name)
    return found is not None and found.file.descriptor.package == package


def _around(element: Any, file: SourceFile, module: Module) -> Iterator[Path]:
    """The innermost message of the file that the element stood in and that is still there."""
    if isinstance(element, Service):
        return
    package = f"{file.descriptor.package}." if file.descriptor.package else ""
    parts = element.nested_name.split(".")
    for number in range(len(parts) - 1, 0, -1):
        message = module.messages.get(package + ".".join(parts[:number]))
        if message is not None and message.file is file:
            yield message.path
            return
