"""DuckDB for one statement of an operator: it reads tables, and nothing else on this machine.

A session lives for one statement. From its beginning it opens only the given files of the lake and its own temporary
ones, and changes no setting. Every table has a name and columns, but only those that the statement names get rows.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from analytics_etl.catalog.contracts import DUCKDB_TYPES
from analytics_etl.disk.scratch import Scratch
from analytics_etl.engines.duckdb import quoted, rows_of_files

Result = TypeVar("Result")

_ONLY_READS = "nothing can be written here: expected SELECT, WITH, VALUES, FROM, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN"

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
"""DESCRIBE, SHOW and SUMMARIZE are SELECTs to DuckDB."""
_ROWS_AT_ONCE = 65_536
_UNKNOWN = re.compile(r"Table with name (\S+) does not exist")
_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?(\([^)]*\)\s*)?", re.IGNORECASE)
_CLOSED: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "http_proxy": "none",  # else HTTP_PROXY, which may hold a password, would show in duckdb_settings()
}
"""Settings under which DuckDB opens no files and knows neither extensions, secrets nor proxies of this machine."""
_TYPES = {
    **DUCKDB_TYPES,
    **{name: name for name in ("date", "integer", "smallint", "real", "time")},
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "jsonb": "json",
    "json": "json",
}
"""{type in PostgreSQL: type in DuckDB}. Arrays are lists of these types; any other type is text."""
_UNNAMED = "{} is read only where its name stands in the statement itself, not in a text"


class StatementError(ValueError):
    """A statement that is refused or fails; the message is one line."""


def statements(text: str) -> list[str]:
    """The statements of a text. Raise StatementError if it is no SQL, or if one of them does more than read."""
    with _explained(), duckdb.connect(config=_CLOSED) as connection:
        found = connection.extract_statements(text)
    for statement in found:
        if statement.type not in _READING:
            kind = statement.type.name.replace("_", " ")
            hint = "; PIVOT needs its values: ON column IN ('a', 'b')" if kind == "MULTI" else ""
            raise StatementError(f"{_ONLY_READS}, got a statement of type {kind}{hint}")
    return [statement.query.strip().removesuffix(";") for statement in found]


def is_complete(text: str) -> bool:
    """Whether a text ends with the semicolon of a statement, rather than one in a quoted text or comment."""
    if not text.rstrip().endswith(";"):
        return False
    try:
        with duckdb.connect(config=_CLOSED) as connection:
            connection.extract_statements(text)
    except duckdb.Error as error:
        return "unterminated" not in str(error)
    return True


def names_in(statement: str) -> set[str]:
    """The tables with a schema whose rows a statement reads, in lower case."""
    with duckdb.connect(config=_CLOSED) as connection:
        found = connection.execute("select json_serialize_sql($1)", [_inner(statement)]).fetchone()
    assert found is not None
    parsed = json.loads(found[0])
    if parsed["error"]:
        is_none = "Only SELECT" in parsed["error_message"]  # under EXPLAIN
        raise StatementError(_ONLY_READS if is_none else f"Parser Error: {parsed['error_message']}")
    return set(_names_below(parsed["statements"]))


def _names_below(node: Any) -> Iterator[str]:
    """The names with a schema in a part of DuckDB's syntax tree."""
    if isinstance(node, list):
        for item in node:
            yield from _names_below(item)
    elif isinstance(node, dict) and str(node.get("type")).endswith("_QUERY_NODE"):  # INSERT or COPY within WITH
        raise StatementError(f"{_ONLY_READS}, got {node['type'].partition('_')[0]} in WITH")
    elif isinstance(node, dict) and not (node.get("type") == "SHOW_REF" and node["show_type"] != "SUMMARY"):
        if node.get("type") == "BASE_TABLE" and node["schema_name"]:
            yield f"{node['schema_name']}.{node['table_name']}".lower()
        for item in node.values():
            yield from _names_below(item)


def _inner(statement: str) -> str:
    """What is to be explained; a statement without EXPLAIN as it is."""
    return _EXPLAIN.sub("", statement, count=1) if _EXPLAIN.match(statement) else statement


@dataclass(frozen=True)
class AdHocSession:
    """DuckDB with the tables of one statement."""

    connection: duckdb.DuckDBPyConnection

    def close(self, readable: Iterable[Path]) -> None:
        """From now on open no other files than these and the temporary ones."""
        paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in readable)
        self.connection.execute(
            f"set allowed_paths = [{paths}]; set enable_external_access = false; set lock_configuration = true"
        )

    def declare(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Make tables known, as {table: {column: type in PostgreSQL}}. Whoever reads rows of them gets an error."""
        for schema in sorted({table.split(".")[0] for table in tables}):
            self.connection.execute(f"create schema {quoted(schema)}")
        for table, columns in tables.items():
            nothing = ", ".join(f"null::{_type(kind)} as {quoted(name)}" for name, kind in columns.items())
            # With random() DuckDB cannot know the error before it reads a row, so columns can be described.
            why = f"{table} is read only where its name stands in the statement, not in a text"
            condition = f"error('{why}' || left(random()::text, 0))::boolean"
            self.connection.execute(f"create view {_named(table)} as select {nothing} where {condition}")

    def check(self, statement: str, tables: Collection[str]) -> None:
        """Raise StatementError if a declared statement names a table or column that there is not."""
        try:
            with _explained():
                self.connection.sql(_inner(statement))
        except StatementError as error:
            if not (unknown := _UNKNOWN.search(str(error))):
                raise
            name = unknown.group(1).lower()
            names = {table.split(".")[1]: table for table in tables} | {table: table for table in tables}
            asked = next((n for n in sorted(names_in(statement) - {*tables}) if n.endswith(f".{name}")), name)
            near = list(dict.fromkeys(names[found] for found in get_close_matches(asked, names)))
            hint = f"expected one like {', '.join(near)}" if near else "see: show all tables"
            raise StatementError(f"there is no table {asked}; {hint}") from error

    def fill(
        self, table: str, columns: Mapping[str, str], batches: Iterable[pa.RecordBatch], schema: pa.Schema
    ) -> None:
        """Give a table its rows. They are copied; beyond the memory limit they lie on disk."""
        self.connection.execute(f"drop view {_named(table)}")
        self._copy(_named(table), columns, batches, schema)

    def fill_from_files(
        self, table: str, columns: Mapping[str, str], files: Sequence[Sequence[Path]],
        others: Iterable[pa.RecordBatch] = (), schema: pa.Schema | None = None,
    ) -> None:  # fmt: skip
        """Let a table read files, a group for each set of columns that they have, and copied rows of other days."""
        types = {name: _type(kind) for name, kind in columns.items()}
        selects = [rows_of_files(types, paths) for paths in files]
        if schema is not None:
            copied = quoted(f"{table} not in the lake")
            self._copy(copied, columns, others, schema)
            selects.append(f"from {copied}")
        if selects:
            # JSON is text in the files.
            casts = (f"{quoted(c)}::json as {quoted(c)}" if kind == "json" else quoted(c) for c, kind in types.items())
            names, whole = ", ".join(casts), " union all by name ".join(selects)
            view = f"create or replace view {_named(table)} as select {names} from ({whole})"  # noqa: S608 - ours
            self.connection.execute(view)
        else:
            typed = ", ".join(f"{quoted(name)} {kind}" for name, kind in types.items())
            self.connection.execute(f"drop view {_named(table)}; create table {_named(table)} ({typed})")

    def answer(self, statement: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns and the rows of a statement, which come as they are computed."""
        with _explained():
            self.connection.execute("begin transaction read only")  # WITH may hold an INSERT
            reader = self._done(lambda: self.connection.sql(statement).to_arrow_reader(_ROWS_AT_ONCE))
        return reader.schema, self._batches(reader)

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        batches = iter(reader)
        with _explained():
            while (batch := self._done(lambda: next(batches, None))) is not None:
                yield batch

    def _copy(
        self, name: str, columns: Mapping[str, str], batches: Iterable[pa.RecordBatch], schema: pa.Schema
    ) -> None:
        self.connection.register("_incoming", pa.RecordBatchReader.from_batches(schema, batches))
        casts = ", ".join(f"{_cast(column, kind)} as {quoted(column)}" for column, kind in columns.items())
        with _explained():
            statement = f"create table {name} as select {casts} from _incoming"  # noqa: S608 - names of the catalogue
            self._done(lambda: self.connection.execute(statement))
        self.connection.unregister("_incoming")

    def _done(self, work: Callable[[], Result]) -> Result:
        """Do work of DuckDB on another thread: Python sees ^C on this one, and DuckDB looks for none by itself."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            try:
                return future.result()
            except KeyboardInterrupt:
                self.connection.interrupt()
                raise


@contextmanager
def opened(memory_mb: int, temporary_dir: Path) -> Iterator[AdHocSession]:
    """A session without tables. It loads no extension, and knows neither secrets nor proxies of this machine."""
    scratch = Scratch(temporary_dir)
    config = {
        **_CLOSED,
        "memory_limit": f"{memory_mb}MB",
        "temp_directory": str(scratch.path / "spilled"),
        "enable_external_access": "true",  # until it is told which files it may open
    }
    try:
        with duckdb.connect(config=config) as connection:
            connection.execute(
                "set timezone = 'UTC'; set preserve_insertion_order = false; set enable_progress_bar = false"
            )
            yield AdHocSession(connection)
    finally:
        scratch.remove()


@contextmanager
def _explained() -> Iterator[None]:
    """Raise errors of DuckDB as one line, without its drawing of the statement."""
    try:
        yield
    except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
        said = str(error).partition("\n\nLINE ")[0]
        if "read-only mode" in said:
            said = _ONLY_READS
        raise StatementError(" ".join(said.split())) from error


def _type(type_name: str) -> str:
    if type_name.endswith("[]"):
        return _type(type_name.removesuffix("[]")) + "[]"
    return type_name if type_name.startswith("numeric(") else _TYPES.get(type_name, "text")


def _cast(column: str, type_name: str) -> str:
    """The value of a column of an incoming batch. Arrays come as JSON."""
    return f"{quoted(column)}{'::json' if type_name.endswith('[]') else ''}::{_type(type_name)}"


def _named(table: str) -> str:
    return ".".join(map(quoted, table.split(".", 1)))
