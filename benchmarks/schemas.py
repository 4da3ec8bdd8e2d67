"""Measures how long the catalogue of a whole registry takes: 10,000 versions of modules with 100 fields each.

    python -m benchmarks.schemas                   # 1 million fields: target 300 s on 2 cores
    python -m benchmarks.schemas --versions 1000   # a tenth of it

Three of five versions are protobuf, one is Avro, one JSON Schema; every other field has a comment. The work is done by
the processes that `analytics_etl.schemas.Parser` starts; peak memory is of the largest of them.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator

from analytics_etl.schemas import Format, Parser, Version

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
            for catalogue in parser.parse_all(versions(format_, number)):
                assert catalogue.is_whole, catalogue.faults
                found += sum(len(entity.fields) for entity in catalogue.entities)
            seconds = time.monotonic() - started
            print(f"{format_:<12}{number:>7,} versions {found:>9,} fields {seconds:>7.1f} s")
            total, fields = total + seconds, fields + found
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{'all':<12}{chosen.versions:>7,} versions {fields:>9,} fields {total:>7.1f} s; peak {memory:,.0f} MiB")


def versions(format_: Format, number: int) -> Iterator[Version]:
    """Versions that differ in their names."""
    make = {Format.PROTOBUF: protobuf, Format.AVRO: avro, Format.JSON_SCHEMA: json_schema}[format_]
    return (Version(format_, make(f"m{version}")) for version in range(number))


def protobuf(module: str) -> dict[str, str]:
    lines = ['syntax = "proto3";', f"package {module}.v1;", 'import "google/protobuf/timestamp.proto";']
    for entity in range(ENTITIES):
        lines += [f"// Entity {entity} of {module}.", f"message Entity{entity} {{"]
        for field in range(1, FIELDS + 1):
            lines += [f"  // What field {field} means."] * (field % 2)
            kind = ("string", "int64", "repeated double", "google.protobuf.Timestamp", "Entity0")[field % 5]
            lines.append(f"  {kind} field_{field} = {field};")
        lines.append("}")
    return {f"{module}/v1/{module}.proto": "\n".join(lines)}


def avro(module: str) -> dict[str, str]:
    files = {}
    for entity in range(ENTITIES):
        fields = []
        for field in range(FIELDS):
            kind = ("string", ["null", "long"], {"type": "array", "items": "double"}, "boolean")[field % 4]
            fields.append({"name": f"field_{field}", "type": kind} | ({"doc": "What it means."} if field % 2 else {}))
        record = {"type": "record", "namespace": f"{module}.v1", "name": f"Entity{entity}", "fields": fields}
        files[f"entity{entity}.avsc"] = json.dumps(record, indent=2)
    return files


def json_schema(module: str) -> dict[str, str]:
    files = {}
    for entity in range(ENTITIES):
        properties = {}
        for field in range(FIELDS):
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
