"""What is in the schemas of a registry, and how they change. Pure code: knows no database and no Dagster.

`values` and `changes` are what comes out: the catalogue of a version, and what it changes in the one before. `parser`
hands versions to processes of their own with limits (`worker`, `limits`, `messages`), since a schema may be hostile.
There `examination` lets the code of a format (`protobuf`, `avro`, `json_schema`) read and compare; `elements` adds the
changes that are the same in all formats.
"""

from analytics_etl.schemas.changes import BACKWARD, FORWARD, FULL, Action, Category, Change, Comparison, compatibility
from analytics_etl.schemas.limits import Limits
from analytics_etl.schemas.parser import Examination, Parser, ParserError
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
    "BACKWARD",
    "FORWARD",
    "FULL",
    "Action",
    "Catalogue",
    "Category",
    "Change",
    "Comparison",
    "Entity",
    "Examination",
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
    "compatibility",
]
