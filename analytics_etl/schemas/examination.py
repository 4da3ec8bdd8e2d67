"""Reading a version and comparing it with another: the code of its format does it. Runs in a limited process."""

from collections.abc import Iterator
from dataclasses import dataclass

from analytics_etl.schemas.avro import comparison as avro_comparison
from analytics_etl.schemas.avro import reading as avro
from analytics_etl.schemas.changes import Change, Comparison
from analytics_etl.schemas.elements import changes_of_elements
from analytics_etl.schemas.json_schema import comparison as json_schema_comparison
from analytics_etl.schemas.json_schema import reading as json_schema
from analytics_etl.schemas.protobuf import comparison as protobuf_comparison
from analytics_etl.schemas.protobuf import reading as protobuf
from analytics_etl.schemas.protobuf.compiler import compile_files
from analytics_etl.schemas.protobuf.elements import Module
from analytics_etl.schemas.values import Catalogue, Format, Version


@dataclass(frozen=True)
class Reading:
    """A version as its format's code has it, and its catalogue."""

    parsed: Module | avro.Parsed | json_schema.Parsed
    catalogue: Catalogue


def read(version: Version) -> Reading:
    """Read a version whose names and sizes have been judged (`limits`)."""
    if version.format is Format.AVRO:
        schemas = avro.parse_files(version.files, version.others)
        return Reading(schemas, avro.catalogue_of(schemas))
    if version.format is Format.JSON_SCHEMA:
        files = json_schema.parse_files(version.files, version.others)
        return Reading(files, json_schema.catalogue_of(files))
    compiled = compile_files(version.files, version.others)
    module = Module(compiled.files)
    return Reading(module, protobuf.catalogue_of(compiled, module, version.others))


def compare(old: Reading, new: Reading) -> Comparison:
    """All changes from one version to the next. Versions with faults, or of two formats, are not compared."""
    if old.catalogue.format is not new.catalogue.format:
        return Comparison(obstacle=f"{old.catalogue.format} became {new.catalogue.format}")
    for name, reading in (("old", old), ("new", new)):
        if not reading.catalogue.is_whole:
            return Comparison(obstacle=f"the {name} version: {reading.catalogue.faults[0]}")
    found = tuple(_changes_of_format(old, new))
    return Comparison((*found, *changes_of_elements(old.catalogue, new.catalogue, found)))


def _changes_of_format(old: Reading, new: Reading) -> Iterator[Change]:
    match old.parsed, new.parsed:
        case Module() as before, Module() as after:
            yield from protobuf_comparison.breaking_changes(before, after)
        case avro.Parsed() as before, avro.Parsed() as after:
            yield from avro_comparison.breaking_changes(before, after)
        case json_schema.Parsed() as before, json_schema.Parsed() as after:
            yield from json_schema_comparison.changes(before, after)
