"""What is in the schemas of a registry: the catalogue of each version. Pure code: knows no database and no Dagster.

`values` is what comes out. `parser` hands versions to processes of their own with limits (`worker`, `limits`), since a
schema may be hostile; there `examination` lets the code of a format (`protobuf`, `avro`, `json_schema`) read it.
"""

from analytics_etl.schemas.limits import Limits
from analytics_etl.schemas.parser import Parser, ParserError
from analytics_etl.schemas.values import (
    Catalogue,
    Entity,
    Fault,
    Field,
    File,
    Format,
    Import,
    Kind,
    Label,
    Origin,
    Version,
)

__all__ = [
    "Catalogue",
    "Entity",
    "Fault",
    "Field",
    "File",
    "Format",
    "Import",
    "Kind",
    "Label",
    "Limits",
    "Origin",
    "Parser",
    "ParserError",
    "Version",
]
