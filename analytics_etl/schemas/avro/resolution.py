"""Avro's schema resolution: can a reader with one schema read what a writer with another has written, and why not.

The kinds of incompatibility have the names of Avro's own libraries, whose verdicts the tests compare. Unlike Avro's
library for Python, each has its own place, and aliases without a dot are taken to be in the reader's namespace, as the
specification says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from avro.schema import Schema

_PROMOTIONS = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}
"""(writer's type, reader's type) that are read as something else."""
_RECORDS = {"record", "error"}


@dataclass(frozen=True)
class Incompatibility:
    """One reason why a reader cannot read."""

    rule: str
    element: str
    message: str


def incompatibilities(reader: Schema, writer: Schema, element: str) -> list[Incompatibility]:
    """Everything that stands against reading; nothing if all data can be read."""
    return list(dict.fromkeys(_Resolution().between(reader, writer, element)))


class _Resolution:
    """One walk through two schemas; types that contain themselves are visited once."""

    def __init__(self) -> None:
        self._visited: set[tuple[int, int]] = set()

    def between(self, reader: Any, writer: Any, element: str) -> Iterator[Incompatibility]:
        if (id(reader), id(writer)) in self._visited:
            return
        self._visited.add((id(reader), id(writer)))
        if writer.type == "union":
            for branch in writer.schemas:
                yield from self.between(reader, branch, element)
        elif reader.type == "union":
            if not any(self._can_read(branch, writer, element) for branch in reader.schemas):
                text = f"no type of the reader's union reads {_name(writer)}"
                yield Incompatibility("MISSING_UNION_BRANCH", element, text)
        elif reader.type == writer.type or {reader.type, writer.type} <= _RECORDS:
            yield from self._same_type(reader, writer, element)
        elif (writer.type, reader.type) not in _PROMOTIONS:
            text = f"{_name(reader)} does not read {_name(writer)}"
            yield Incompatibility("TYPE_MISMATCH", element, text)

    def _can_read(self, reader: Any, writer: Any, element: str) -> bool:
        """Whether nothing stands against it; what was visited on the way does not count as visited afterwards."""
        before = set(self._visited)
        can_read = next(self.between(reader, writer, element), None) is None
        if not can_read:
            self._visited = before
        return can_read

    def _same_type(self, reader: Any, writer: Any, element: str) -> Iterator[Incompatibility]:
        if reader.type == "array":
            yield from self.between(reader.items, writer.items, f"{element}[]")
        elif reader.type == "map":
            yield from self.between(reader.values, writer.values, f"{element}{{}}")
        elif reader.type in _RECORDS | {"enum", "fixed"}:
            if not _has_name(reader, writer):
                text = f"the reader's type is {reader.fullname}, the writer's {writer.fullname}"
                yield Incompatibility("NAME_MISMATCH", element, text)
            if reader.type == "fixed" and reader.size != writer.size:
                text = f"the reader's size is {reader.size}, the writer's {writer.size}"
                yield Incompatibility("FIXED_SIZE_MISMATCH", reader.fullname, text)
            elif reader.type == "enum":
                yield from _missing_symbols(reader, writer)
            elif reader.type in _RECORDS:
                yield from self._fields(reader, writer)
        elif decimal_of(reader) and decimal_of(writer) and decimal_of(reader) != decimal_of(writer):
            text = "the decimals of reader and writer differ in precision or scale"
            yield Incompatibility("TYPE_MISMATCH", element, text)

    def _fields(self, reader: Any, writer: Any) -> Iterator[Incompatibility]:
        written = {field.name: field for field in writer.fields}
        for field in reader.fields:
            element = f"{reader.fullname}.{field.name}"
            names = [name for name in (field.name, *_aliases(field)) if name in written]
            if names:
                yield from self.between(field.type, written[names[0]].type, element)
            elif not field.has_default:
                text = "the writer does not write the field, and the reader has no default for it"
                yield Incompatibility("READER_FIELD_MISSING_DEFAULT_VALUE", element, text)


def decimal_of(schema: Any) -> tuple[int, int] | None:
    """Precision and scale of a decimal."""
    if schema.props.get("logicalType") != "decimal" or not hasattr(schema, "precision"):
        return None
    return schema.precision, schema.scale


def _missing_symbols(reader: Any, writer: Any) -> Iterator[Incompatibility]:
    """Symbols that the reader has not are read as its default, if it has one."""
    missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
    if missing and reader.props.get("default") not in reader.symbols:
        text = f"the reader has no {', '.join(missing)} and no default for what it does not know"
        yield Incompatibility("MISSING_ENUM_SYMBOLS", reader.fullname, text)


def _has_name(reader: Any, writer: Any) -> bool:
    """Whether two types have the same simple name, or the reader has the writer's among its aliases."""
    space = reader.fullname.rpartition(".")[0]
    aliases = {alias if "." in alias or not space else f"{space}.{alias}" for alias in _aliases(reader)}
    return reader.name == writer.name or writer.fullname in aliases


def _aliases(item: Any) -> list[str]:
    aliases = item.props.get("aliases")
    return [alias for alias in aliases if isinstance(alias, str)] if isinstance(aliases, list) else []


def _name(schema: Any) -> str:
    return str(getattr(schema, "fullname", None) or schema.type)
