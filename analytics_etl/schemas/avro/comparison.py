"""All breaking changes between two versions of Avro schemas, by Avro's schema resolution in both directions.

BACKWARD: the new version reads what the old one wrote. FORWARD: the old version reads what the new one writes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from avro.schema import NamedSchema

from analytics_etl.schemas.avro.reading import Parsed
from analytics_etl.schemas.avro.resolution import Incompatibility, incompatibilities
from analytics_etl.schemas.changes import BACKWARD, FORWARD, Action, Category, Change


def breaking_changes(old: Parsed, new: Parsed) -> Iterator[Change]:
    """What the new version breaks in the schemas that both have, and the schemas that are gone."""
    files = {definition.name: definition.file for definition in new.definitions}
    paths = {_name(path, schema): path for path, schema in new.schemas.items()}
    for path, schema in old.schemas.items():
        name = _name(path, schema)
        after = path if path in new.schemas else paths.get(name)
        if after is None and len(old.schemas) == len(new.schemas) == 1:
            (after,) = new.schemas
        if after is None:
            text = f"The schema {name} was removed."
            yield Change(Category.BREAKING_SOURCE, Action.REMOVED, "schema_removed", name, text, path)
        else:
            yield from _between(schema, new.schemas[after], _name(after, new.schemas[after]), after, files)


def _name(path: str, schema: Any) -> str:
    """The full name of a file's schema, or its path if it has none."""
    return str(schema.fullname) if isinstance(schema, NamedSchema) else path


def _between(old: Any, new: Any, name: str, path: str, files: Mapping[str, str]) -> Iterator[Change]:
    found: dict[tuple[str, str, Action], tuple[Incompatibility, list[str]]] = {}
    for mode, reader, writer in ((BACKWARD, new, old), (FORWARD, old, new)):
        for item in incompatibilities(reader, writer, name):
            key = item.rule, item.element, _action(item.rule, mode)
            found.setdefault(key, (item, []))[1].append(mode)
    for (rule, element, action), (item, modes) in found.items():
        reader = "old" if modes == [FORWARD] else "new"
        text = f"The {reader} version does not read data of the other: {item.message}."
        file = files.get(element) or files.get(element.rpartition(".")[0]) or path
        yield Change(Category.BREAKING_WIRE, action, rule, element, text, file, None, tuple(modes))


def _action(rule: str, mode: str) -> Action:
    if rule == "READER_FIELD_MISSING_DEFAULT_VALUE":
        return Action.ADDED if mode == BACKWARD else Action.REMOVED
    return Action.CHANGED
