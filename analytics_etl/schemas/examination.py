"""Reading one version: the code of its format makes the catalogue. Runs in a limited process (`worker`)."""

from analytics_etl.schemas.avro import reading as avro
from analytics_etl.schemas.json_schema import reading as json_schema
from analytics_etl.schemas.protobuf import reading as protobuf
from analytics_etl.schemas.protobuf.compiler import compile_files
from analytics_etl.schemas.protobuf.elements import Module
from analytics_etl.schemas.values import Catalogue, Format, Version


def catalogue_of(version: Version) -> Catalogue:
    """The catalogue of a version whose names and sizes have been judged (`limits`)."""
    if version.format is Format.AVRO:
        return avro.catalogue_of(avro.parse_files(version.files))
    if version.format is Format.JSON_SCHEMA:
        return json_schema.catalogue_of(json_schema.parse_files(version.files))
    compiled = compile_files(version.files)
    return protobuf.catalogue_of(compiled, Module(compiled.files), version.files)
