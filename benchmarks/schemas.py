"""Measures how long a whole registry takes: the catalogue and the changes of 10,000 versions with 100 fields each.

    python -m benchmarks.schemas                   # 1 million fields: target 300 s on 2 cores
    python -m benchmarks.schemas --versions 1000   # a tenth of it

Three of five versions are protobuf, one is Avro, one JSON Schema; every other field has a comment. Each version is
compared with the one before, which has a field less. The work is done by the processes that
`analytics_etl.schemas.Parser` starts; peak memory is of the largest of them.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator

from analytics_etl.schemas import Action, Format, Parser, Version

ENTITIES, FIELDS = 5, 20
"""Of a version."""


def main() -> None:
    """Parse arguments, measure each format and the sum."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--versions", type=int, default=10_000)
    arguments.add_argument("--processes", type=int, default=os.cpu_count())
    chosen = arguments.parse_args()
    total, fields = 0.0, 0
    with Parser(chosen.processes) as parser:
        for format_, share in ((Format.PROTOBUF, 3), (Format.AVRO, 1), (Format.JSON_SCHEMA, 1)):
            number = chosen.versions * share // 5
            started, found = time.monotonic(), 0
            for examined in parser.examine_all(pairs(format_, number)):
                assert examined.catalogue.is_whole and examined.comparison is not None  # noqa: PT018 - as one
                assert any(change.action is Action.ADDED for change in examined.comparison.changes)
                found += sum(len(entity.fields) for entity in examined.catalogue.entities)
            seconds = time.monotonic() - started
            print(f"{format_:<12}{number:>7,} versions {found:>9,} fields {seconds:>7.1f} s")
            total, fields = total + seconds, fields + found
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(usage.ru_utime + usage.ru_stime for usage in used)
    memory = max(usage.ru_maxrss for usage in used) / 1024
    print(f"{'all':<12}{chosen.versions:>7,} versions {fields:>9,} fields {total:>7.1f} s")
    print(f"{processor:,.0f} s of processor time, on {os.cpu_count()} cores; peak {memory:,.0f} MiB of one process")


def pairs(format_: Format, number: int) -> Iterator[tuple[Version, Version]]:
    """Versions of modules, each with the one before."""
    make = {Format.PROTOBUF: protobuf, Format.AVRO: avro, Format.JSON_SCHEMA: json_schema}[format_]
    for module in range(number):
        new, old = (make(f"m{module}", fields) for fields in (FIELDS, FIELDS - 1))
        yield Version(format_, new), Version(format_, old)


def protobuf(module: str, fields: int) -> dict[str, str]:
    lines = ['syntax = "proto3";', f"package {module}.v1;", 'import "google/protobuf/timestamp.proto";']
    for entity in range(ENTITIES):
        lines += [f"// Entity {entity} of {module}.", f"message Entity{entity} {{"]
        for field in range(1, fields + 1):
            lines += [f"  // What field {field} means."] * (field % 2)
            kind = ("string", "int64", "repeated double", "google.protobuf.Timestamp", "Entity0")[field % 5]
            lines.append(f"  {kind} field_{field} = {field};")
        lines.append("}")
    return {f"{module}/v1/{module}.proto": "\n".join(lines)}


def avro(module: str, fields: int) -> dict[str, str]:
    files = {}
    for entity in range(ENTITIES):
        items = []
        for field in range(fields):
            kind = ("string", ["null", "long"], {"type": "array", "items": "double"}, "boolean")[field % 4]
            items.append({"name": f"field_{field}", "type": kind} | ({"doc": "What it means."} if field % 2 else {}))
        record = {"type": "record", "namespace": f"{module}.v1", "name": f"Entity{entity}", "fields": items}
        files[f"entity{entity}.avsc"] = json.dumps(record, indent=2)
    return files


def json_schema(module: str, fields: int) -> dict[str, str]:
    files = {}
    for entity in range(ENTITIES):
        properties = {}
        for field in range(fields):
            kind = ({"type": "string", "maxLength": 80}, {"type": ["integer", "null"]}, {"$ref": "#/definitions/date"})
            properties[f"field_{field}"] = kind[field % 3] | ({"description": "What it means."} if field % 2 else {})
        schema = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": f"{module} {entity}",
            "type": "object",
            "properties": properties,
            "definitions": {"date": {"type": "string", "format": "date"}},
        }
        files[f"entity{entity}.json"] = json.dumps(schema, indent=2)
    return files


if __name__ == "__main__":
    main()
