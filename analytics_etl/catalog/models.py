"""SQL files as values: header, statement, and what follows from them. Knows neither Dagster nor any database.

A file is `sql/<family>/<kind>/<name>.sql`: a YAML header in one comment, then one SELECT. One whose name lists several
suffixes is several models (`grains`).
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.lineage import lineage

from analytics_etl.catalog.calendar import Cadence
from analytics_etl.catalog.grains import GRAINS, names_in, write_names

Kind = Literal["sources", "aggregates", "views", "checks", "reports"]

HEADER_KEYS = {"description", "key", "columns", "checks"}
Value = str | int | float
PARAMETERS: dict[str, set[str]] = {
    "sources": set(),
    "aggregates": {"start", "end"},
    "views": set(),
    "checks": {"start", "end", "table", "volume_factor", "most_events"},
    "reports": {"previous_start", "previous_end", "start", "end", "family"},
}
"""What is written into a statement each time it is run; settings are written in when its file is read."""
ALL_DAYS = (date.max - date.min).days
"""How far a SELECT looks back that reads from the beginning."""


class ModelError(ValueError):
    """A SQL file that breaks a rule of the house; the message names the file."""


@dataclass(frozen=True)
class Model:
    """One SELECT: a SQL file, or what one of several suffixes makes of it."""

    path: Path
    family: str
    kind: Kind
    name: str
    description: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    """Output columns in order, with what they mean."""
    checks: tuple[tuple[str, Mapping[str, Any]], ...]
    """Great Expectations expectations: (name in snake case, arguments)."""
    select: str
    reach_of_inputs: tuple[int, int] = (0, 0)
    """Days (after, before) a changed one within which the tables it reads may change with it; the catalogue knows."""

    @property
    def table(self) -> str:
        """The table's name in PostgreSQL, with its schema."""
        return f"{self.family}.{self.name}"

    @property
    def cadence(self) -> Cadence:
        """How the table is partitioned, told by its name's suffix."""
        return cadence_of(self.name)

    @cached_property
    def expression(self) -> exp.Query:
        dialect = "duckdb" if self.kind == "sources" else "postgres"
        try:
            # The generic checks of sql/ops/checks name their table in braces.
            statements = sqlglot.parse(re.sub(r"\{(\w+)\}", r"_\1_", self.select), dialect=dialect)
        except ParseError as error:
            raise ModelError(f"{self.path}: the statement cannot be parsed: {error}") from error
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise ModelError(f"{self.path}: expected exactly one SELECT after the header and no semicolon")
        return statements[0]

    @cached_property
    def dependencies(self) -> tuple[str, ...]:
        """Tables the SELECT reads, with their schema, sorted: every qualified name in FROM."""
        return tuple(sorted({f"{t.db}.{t.name}" for t in self.expression.find_all(exp.Table) if t.db}))

    @cached_property
    def lookback_days(self) -> int:
        """Days before its window that the SELECT reads: the largest N of `:start::date - N`; ALL_DAYS when it reads
        from `'-infinity'::date` on.

        So many days after a partition may change when the partition does.
        """
        casts = self.expression.find_all(exp.Cast)
        if any(isinstance(cast.this, exp.Literal) and cast.this.name == "-infinity" for cast in casts):
            return ALL_DAYS
        return max([0, *self._days_from("start", exp.Sub)])

    @cached_property
    def lookahead_days(self) -> int:
        """Days after its window that the SELECT reads: the largest N of `:end::date + N`.

        So many days before a partition may change when the partition does.
        """
        return max([0, *self._days_from("end", exp.Add)])

    def reads(self, start: date, end: date) -> tuple[date, date]:
        """The days [first, after) that the SELECT reads for the window [start, end)."""
        return _moved(start, -self.lookback_days), _moved(end, self.lookahead_days)

    def touches(self, start: date, end: date) -> tuple[date, date]:
        """The days (after, before) whose partitions may change with the days [start, end): those that end after the
        first of the two and start before the second.
        """
        later, earlier = self.reach
        return _moved(start, -earlier), _moved(end, later)

    @property
    def reach(self) -> tuple[int, int]:
        """Days (after, before) a changed one that may change with it, also by way of the tables that are read."""
        later, earlier = self.reach_of_inputs
        return min(later + self.lookback_days, ALL_DAYS), min(earlier + self.lookahead_days, ALL_DAYS)

    def _days_from(self, parameter: str, operation: type[exp.Binary]) -> Iterator[int]:
        for found in self.expression.find_all(operation):
            left = found.this.unnest()
            if isinstance(left, exp.Cast):
                left = left.this
            if isinstance(left, exp.Placeholder) and left.name == parameter and found.expression.is_int:
                yield int(found.expression.name)

    @cached_property
    def code_version(self) -> str:
        """Hash of the statement as parsed: comments and layout do not change it."""
        text = self.expression.sql(dialect="postgres", comments=False, normalize=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def statement(self, parameters: Mapping[str, Value]) -> str:
        """The SELECT with its `:parameters` written in as literals."""
        return bind(self.select, parameters, self.path)


def cadence_of(name: str) -> Cadence:
    """The cadence a table's name ends in; event tables, which have no suffix, are kept by day."""
    return next((grain.cadence for suffix, grain in GRAINS.items() if name.endswith(f"_{suffix}")), "day")


def window_parameters(start: date, end: date) -> dict[str, str]:
    """The half-open UTC window as quoted literals with their own offset.

    A literal of unknown type becomes the same instant next to a timestamptz, and the same day under `::date`, in every
    session time zone; a bound timestamptz would not.
    """
    return {"start": f"{start.isoformat()} 00:00:00+00", "end": f"{end.isoformat()} 00:00:00+00"}


def bind(
    statement: str, parameters: Mapping[str, Value], origin: object = "statement", keeping: Collection[str] = ()
) -> str:
    """Write `:name` parameters into a statement as literals, leaving `::` casts, quotes and comments alone.

    Those named by `keeping` are left as they stand.
    """
    parts = []
    position = 0
    for start, name in _parameters_in(statement):
        if name in keeping:
            continue
        if name not in parameters:
            raise ModelError(f"{origin}: unknown parameter :{name}, expected one of {sorted({*parameters, *keeping})}")
        value = parameters[name]
        parts += [statement[position:start], _quoted(value) if isinstance(value, str) else repr(value)]
        position = start + 1 + len(name)
    return "".join([*parts, statement[position:]])


@lru_cache(maxsize=1024)  # a run binds each statement many times, and finding its tokens takes milliseconds
def _parameters_in(statement: str) -> tuple[tuple[int, str], ...]:
    """Each `:name` of a statement: where its colon is, and the name."""
    tokens = sqlglot.tokenize(statement, dialect="postgres")
    colons = [token for token in tokens if token.token_type == sqlglot.TokenType.COLON]
    found = [(colon.start, _identifier_after(statement, colon.end + 1)) for colon in colons]
    return tuple((start, name) for start, name in found if name)


def rename_schemas(statement: str, schemas: Mapping[str, str]) -> str:
    """Let a statement read tables of the same name in other schemas: {table with schema: other schema}.

    Only the schema is written anew, so that aliases and qualified columns stay right; quotes and comments stay, too.
    """
    if not schemas:  # as on most days, and finding tokens takes milliseconds
        return statement
    parts = []
    position = 0
    tokens = sqlglot.tokenize(statement, dialect="postgres")
    for family, dot, name in zip(tokens, tokens[1:], tokens[2:], strict=False):
        other = schemas.get(f"{family.text}.{name.text}")
        if dot.token_type == sqlglot.TokenType.DOT and other is not None:
            parts += [statement[position : family.start], other]
            position = family.end + 1
    return "".join([*parts, statement[position:]])


def read_models(path: Path, settings: Mapping[str, Value] = MappingProxyType({})) -> dict[str, Model]:
    """Read and validate one file: a model of each table, by name with schema; raise ModelError naming the file.

    Settings that the SELECT names are written into it, so that another value is another version of the code.
    """
    if "," in path.stem and len(names_in(path)) == 1:
        raise ModelError(f"{path}: the name lists something else than suffixes; expected some of {', '.join(GRAINS)}")
    text = path.read_text(encoding="utf-8")
    models = [_read(path, text, name, grain, settings) for name, grain in names_in(path).items()]
    return {model.table: model for model in models}


def _read(path: Path, text: str, name: str, grain: str | None, settings: Mapping[str, Value]) -> Model:
    if grain is not None:
        text, settings = write_names(text, grain), {**settings, "bucket": GRAINS[grain].bucket}
    if not text.startswith("/*") or "*/" not in text:
        raise ModelError(f"{path}: expected a YAML header in /* */ at the top")
    header, select = text[2:].split("*/", 1)
    kind: Any = path.parent.name
    if kind != "sources":  # DuckDB's SELECTs, which get nothing
        select = bind(select, settings, path, PARAMETERS[kind])
    return _model(path, name, grain, header, select)


@lru_cache(maxsize=1024)  # a file that has not changed is parsed once a process
def _model(path: Path, name: str, grain: str | None, header_text: str, select: str) -> Model:
    """The model of this name of a file with this header, and this SELECT with its settings."""
    kind: Any = path.parent.name
    try:
        header = yaml.safe_load(header_text)
    except yaml.YAMLError as error:
        raise ModelError(f"{path}: the header is not valid YAML (quote a text that holds a colon): {error}") from error
    if not isinstance(header, dict) or not header.get("description"):
        raise ModelError(f"{path}: the header needs at least a description")
    if unknown := set(header) - HEADER_KEYS:
        raise ModelError(f"{path}: unknown header keys {sorted(unknown)}; there are only {sorted(HEADER_KEYS)}")
    columns, checks = header.get("columns", {}), header.get("checks", [])
    if not isinstance(columns, dict):
        raise ModelError(f"{path}: columns must be a mapping of each column to its meaning, but is {columns!r}")
    if not isinstance(checks, list) or not all(isinstance(entry, dict) for entry in checks):
        raise ModelError(f"{path}: checks must be a list of expectations, each with its arguments, but is {checks!r}")
    key = header.get("key", [])
    if not isinstance(key, list) or not all(isinstance(name, str) for name in key):
        raise ModelError(f"{path}: key must be a list of columns like [day, language], but is {key!r}")
    if not all(arguments is None or isinstance(arguments, dict) for entry in checks for arguments in entry.values()):
        raise ModelError(f"{path}: the arguments of an expectation must be a mapping like {{column: day}}: {checks!r}")
    model = Model(
        path=path,
        family=path.parent.parent.name,
        kind=kind,
        name=name,
        description=_text(path, "description", header["description"], grain),
        key=tuple(key),
        columns={column: _text(path, column, doc, grain) for column, doc in columns.items()},
        checks=tuple((name, arguments or {}) for entry in checks for name, arguments in entry.items()),
        select=select.strip(),
    )
    _validate(model)
    return model


def _text(path: Path, what: str, text: object, grain: str | None) -> str:
    """A text of the header, or the one for a suffix, where each of them has its own."""
    if not isinstance(text, dict):
        return str(text).strip()
    suffixes = list(names_in(path).values())
    if grain is None or list(text) != suffixes:
        expected = "one text" if grain is None else f"one for each of {', '.join(map(str, suffixes))} in this order"
        raise ModelError(f"{path}: {what} has texts for {', '.join(map(str, text))}; expected {expected}")
    return str(text[grain]).strip()


def column_lineage(model: Model, schema: Mapping[str, Mapping[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """For each output column, the (table, column) pairs it is computed from.

    `schema` gives the columns of every table the SELECT reads: {table with schema: {column: type}}.
    """
    nested: dict[str, Any] = {}
    for table in model.dependencies:
        family, name = table.split(".")
        nested.setdefault(family, {})[name] = dict(schema[table])
    graphs = lineage(None, model.expression.copy(), nested, trim_selects=False, copy=False, dialect="postgres")
    result: dict[str, list[tuple[str, str]]] = {}
    for column in model.columns:
        leaves = set()
        for node in graphs[column].walk():
            if isinstance(node.source, exp.Table) and node.source.db:
                leaves.add((f"{node.source.db}.{node.source.name}", node.name.split(".")[-1].strip('"')))
        result[column] = sorted(leaves)
    return result


def _moved(day: date, days: int) -> date:
    """A day so many days later, or the first or last one there is."""
    if days < 0:
        return day - timedelta(days=min(-days, (day - date.min).days))
    return day + timedelta(days=min(days, (date.max - day).days))


def _validate(model: Model) -> None:
    if model.kind in ("aggregates", "views") and not (model.key and model.columns):
        raise ModelError(f"{model.path}: the header of a table needs key and columns")
    if missing := set(model.key) - set(model.columns):
        raise ModelError(f"{model.path}: key columns {sorted(missing)} are not among the columns")
    used = {placeholder.name for placeholder in model.expression.find_all(exp.Placeholder)}
    if unknown := used - PARAMETERS[model.kind]:
        raise ModelError(f"{model.path}: unknown parameters {sorted(unknown)}, expected {PARAMETERS[model.kind]}")
    if list(model.expression.find_all(exp.Star)) and any(s.is_star for s in model.expression.selects):
        raise ModelError(f"{model.path}: name the columns instead of select *")
    outputs = [column.alias_or_name for column in model.expression.selects]
    if model.kind in ("aggregates", "views", "reports") and outputs != list(model.columns):
        raise ModelError(f"{model.path}: the header documents {list(model.columns)}, the SELECT gives {outputs}")


def _identifier_after(text: str, position: int) -> str:
    end = position
    if text[position : position + 1].isdigit():  # a slice, not a name
        return ""
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return text[position:end]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
