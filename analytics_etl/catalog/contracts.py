"""Contracts: the DDL of a raw event table as a value. Needs no database.

PostgreSQL runs the DDL file, and landing files are validated against it: there is one source for both.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

DUCKDB_TYPES = {
    "uuid": "UUID",
    "timestamptz": "TIMESTAMPTZ",
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double precision": "DOUBLE",
    "boolean": "BOOLEAN",
    "jsonb": "VARCHAR",
}
"""{type in PostgreSQL: type in DuckDB}. JSON is text in the form of `json_values`, so that equal values are equal."""


REVISION = "revision"
"""Optional column of event tables: of several records with one event_id on a day, the highest revision counts."""


class ContractError(ValueError):
    """A DDL file that breaks a rule of contracts; the message names the file."""


@dataclass(frozen=True)
class Column:
    """One column of a raw event table."""

    name: str
    type: str
    is_required: bool
    comment: str

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.type]


@dataclass(frozen=True)
class Constraint:
    """A named CHECK: its condition as written, its translation for DuckDB, and the columns it uses."""

    name: str
    condition: str
    duckdb_condition: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """A raw event table: what a valid row is."""

    path: Path
    family: str
    name: str
    description: str
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    time_column: str
    ddl: str

    @property
    def table(self) -> str:
        return f"{self.family}.{self.name}"

    @property
    def key(self) -> tuple[str, ...]:
        return ("event_id",)

    @property
    def column_docs(self) -> Mapping[str, str]:
        return {column.name: column.comment for column in self.columns}

    @property
    def is_sparse(self) -> bool:
        """Whether the table's comment says "A day may have none": its volume is not judged."""
        return "a day may have none" in self.description.lower()

    @property
    def has_revisions(self) -> bool:
        return any(column.name == REVISION for column in self.columns)

    @property
    def personal_columns(self) -> tuple[str, ...]:
        """Columns whose comment says "Personal data": their values are removed earlier than the row."""
        return tuple(column.name for column in self.columns if "personal data" in column.comment.lower())

    @cached_property
    def code_version(self) -> str:
        """Hash of columns and constraints: changing one makes loaded days outdated; changing a comment does not."""
        what = repr(([(c.name, c.type, c.is_required) for c in self.columns], self.constraints, self.time_column))
        return hashlib.sha256(what.encode()).hexdigest()[:12]


def read_contract(path: Path) -> Contract:
    """Read one DDL file; raise ContractError naming it when it breaks a rule."""
    ddl = path.read_text(encoding="utf-8")
    try:
        statements = [statement for statement in sqlglot.parse(ddl, dialect="postgres") if statement is not None]
    except ParseError as error:
        raise ContractError(f"{path}: the statement cannot be parsed: {error}") from error
    create = statements[0] if statements else None
    if not isinstance(create, exp.Create) or not isinstance(create.this, exp.Schema):
        raise ContractError(f"{path}: expected CREATE TABLE as the first statement")
    table = create.this.this
    if (table.db, table.name) != (path.parent.parent.name, path.stem):
        raise ContractError(f"{path}: expected the table {path.parent.parent.name}.{path.stem}, found {table.sql()}")
    comments, description = _comments(statements[1:])
    contract = Contract(
        path=path,
        family=table.db,
        name=table.name,
        description=description,
        columns=tuple(
            _column(path, item, comments) for item in create.this.expressions if isinstance(item, exp.ColumnDef)
        ),
        constraints=tuple(
            _constraint(path, item) for item in create.this.expressions if not isinstance(item, exp.ColumnDef)
        ),
        time_column=_partition_column(path, create),
        ddl=ddl,
    )
    _validate(contract)
    return contract


def _column(path: Path, item: exp.ColumnDef, comments: Mapping[str, str]) -> Column:
    type_name = item.args["kind"].sql(dialect="postgres").lower()
    if type_name not in DUCKDB_TYPES:
        raise ContractError(f"{path}: {item.name} has the type {type_name}, expected one of {sorted(DUCKDB_TYPES)}")
    limits = [constraint.kind for constraint in item.args.get("constraints") or ()]
    if any(not isinstance(limit, exp.NotNullColumnConstraint) for limit in limits):
        # PostgreSQL would enforce them, but landing files are validated against named CHECK constraints only.
        raise ContractError(
            f"{path}: the column {item.name} may only say not null; expected named CHECK constraints only"
        )
    required = any(not limit.args.get("allow_null") for limit in limits)
    if not comments.get(item.name):
        raise ContractError(f"{path}: the column {item.name} needs a comment")
    return Column(item.name, type_name, required, comments[item.name])


def _constraint(path: Path, item: exp.Expression) -> Constraint:
    check = item.find(exp.CheckColumnConstraint)
    if not isinstance(item, exp.Constraint) or check is None or not item.name:
        raise ContractError(f"{path}: expected named CHECK constraints only, found {item.sql()}")
    columns = tuple(dict.fromkeys(column.name for column in check.this.find_all(exp.Column)))
    return Constraint(item.name, check.this.sql(dialect="postgres"), check.this.sql(dialect="duckdb"), columns)


def _partition_column(path: Path, create: exp.Create) -> str:
    partition = create.find(exp.PartitionedByProperty)
    columns = [] if partition is None else [column.name for column in partition.find_all(exp.Identifier)]
    if len(columns) != 1:
        raise ContractError(f"{path}: expected PARTITION BY RANGE (one time column)")
    return columns[0]


def _comments(statements: Sequence[object]) -> tuple[dict[str, str], str]:
    columns: dict[str, str] = {}
    description = ""
    for statement in statements:
        if isinstance(statement, exp.Comment):
            text = statement.expression.name
            if isinstance(statement.this, exp.Column):
                columns[statement.this.name] = text
            else:
                description = text
    return columns, description


def _validate(contract: Contract) -> None:
    first = contract.columns[0]
    if (first.name, first.type, first.is_required) != ("event_id", "uuid", True):
        raise ContractError(f"{contract.path}: the first column must be event_id uuid not null")
    time = next((column for column in contract.columns if column.name == contract.time_column), None)
    if time is None or time.type != "timestamptz" or not time.is_required:
        raise ContractError(f"{contract.path}: {contract.time_column} must be a timestamptz not null column")
    for column in contract.columns:
        if column.name in contract.personal_columns and column.is_required:
            raise ContractError(f"{contract.path}: {column.name} is personal data, so it must not be not null")
    revision = next((column for column in contract.columns if column.name == REVISION), None)
    if revision is not None and (revision.type != "bigint" or revision.is_required):
        raise ContractError(f"{contract.path}: {REVISION} must be a bigint column that may be null")
    if not contract.description:
        raise ContractError(f"{contract.path}: the table needs a comment")
