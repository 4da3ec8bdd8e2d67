"""The catalogue of each registered version of a schema, and what it changes in the version before.

Rows of the SELECT: the newest version of each module at the beginning of the first day, whose files new ones may
import, then the versions that were registered in the window (`is_new`), in order.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from analytics_etl.families.functions.json_rows import batch_of
from analytics_etl.schemas import (
    Comparison,
    Entity,
    Examination,
    Format,
    Kind,
    Label,
    Origin,
    Parser,
    Version,
)
from analytics_etl.schemas.dependents import names_of
from analytics_etl.schemas.elements import element_of
from analytics_etl.schemas.imports import examine_with_imports
from analytics_etl.schemas.measures import measures_of

Row = Mapping[str, Any]


def module_catalog(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """A row for each new version."""
    rows = (row for batch in batches for row in batch.to_pylist())
    with Parser() as parser:
        for row, found in _examined(parser, rows):
            yield batch_of([_row(row, found)], schema)


def _examined(parser: Parser, rows: Iterator[Row]) -> Iterator[tuple[Row, Examination]]:
    """The new versions and what is in them. What other modules had then is looked up for those that miss it.

    Of the new versions few are in memory at once, of each module one that others may import.
    """
    library, asked = Library(), deque[tuple[Row, Version, Version | None]]()

    def pairs() -> Iterator[tuple[Version, Version | None]]:
        for row in rows:
            version = _version(row["format"], row["files"])
            if row["is_new"]:
                old = _version(row["previous_format"], row["previous_files"]) if row["previous_files"] else None
                asked.append((row, version, old))
                yield version, old
            else:
                library.add(row["module_name"], version)

    for found in parser.examine_all(pairs()):
        row, version, old = asked.popleft()
        library.add(row["module_name"], version)
        yield row, examine_with_imports(parser, library.find, version, old, found)


def _version(format_: str, files: str) -> Version:
    return Version(Format(format_), json.loads(files))


class Library:
    """The files of the newest version of each module."""

    def __init__(self) -> None:
        self._modules: dict[str, Version] = {}

    def add(self, module: str, version: Version) -> None:
        """Replace the files of a module."""
        self._modules[module] = version

    def find(self, format_: Format, target: str) -> dict[str, str]:
        """Files that may have what is missing: a path of protobuf, or a text that names a type or an address."""
        return {
            path: text
            for version in self._modules.values()
            if version.format is format_
            for path, text in version.files.items()
            if (path == target if format_ is Format.PROTOBUF else _may_define(format_, text, target))
        }


def _may_define(format_: Format, text: str, target: str) -> bool:
    """Whether a text has the name of an Avro type, whole or beside its namespace, or the address of a JSON Schema.

    A simple name like Address stands in many modules, each of which would be read with the version.
    """
    if format_ is not Format.AVRO:
        return f'"{target}"' in text
    namespace, _, name = target.rpartition(".")
    return namespace in text and (f'"{name}"' in text or f'"{target}"' in text)


def _row(row: Row, found: Examination) -> dict[str, Any]:
    catalogue, comparison = found.catalogue, found.comparison or Comparison()
    measures = measures_of(catalogue)
    return {
        **row,
        "fault": None if catalogue.is_whole else _left_out(row) or str(catalogue.faults[0]),
        "packages": "\n".join(sorted(catalogue.packages)) or None,
        "file_count": len(catalogue.files),
        "entity_count": measures.entities,
        "field_count": measures.elements - measures.entities,
        "deprecated_count": len(measures.deprecated),
        "change_count": len(comparison.changes),
        "breaking_count": len({change.element for change in comparison.breaking}),
        "obstacle": comparison.obstacle,
        "raw_measures": _text(asdict(measures)) if catalogue.is_whole else None,
        "provides": _text(sorted(names_of(catalogue))),
        "needs": _text(sorted({item.target for item in catalogue.imports if item.origin is not Origin.OWN})),
        "elements": _text([item for entity in catalogue.entities for item in _elements(catalogue.format, entity)]),
        "changes": _text(_changes(comparison)),
    }  # fmt: skip


def _left_out(row: Row) -> str | None:
    """What is said of a version whose source was too large to be registered with it."""
    if json.loads(row["files"]) or not row["size_bytes"]:
        return None
    return f"{row['size_bytes']:,} bytes of source, which are too many: it was registered without its files"


def _elements(format_: Format, entity: Entity) -> Iterator[dict[str, Any]]:
    common = {"entity": entity.name, "kind": entity.kind, "file_path": entity.file}
    yield {
        **common,
        "element": entity.name,
        "is_data_field": False,
        "is_deprecated": entity.is_deprecated,
        "is_documented": bool(entity.documentation),
        "line": entity.line,
    }
    for field in entity.fields:
        yield {
            **common,
            "element": element_of(format_, entity, field),
            "field": field.name,
            "type": field.type,
            "label": field.label,
            "number": field.number,
            "default_value": field.default,
            "is_data_field": field.label not in {Label.VALUE, Label.METHOD} and entity.kind is not Kind.ENUM,
            "is_deprecated": field.is_deprecated,
            "is_documented": bool(field.documentation),
            "line": field.line,
        }


def _changes(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "change_number": number,
            "element": change.element,
            "rule": change.rule,
            "action": change.action,
            "category": change.category,
            "is_breaking": change.category.is_breaking,
            "rule_sets": " ".join(change.sets),
            "message": change.message,
            "file_path": change.file,
            "line": change.line,
        }
        for number, change in enumerate(comparison.changes, 1)
    ]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
