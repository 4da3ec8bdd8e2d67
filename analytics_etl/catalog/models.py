"""SQL files as values: header, statement, and what can be derived from them. Needs neither Dagster nor a database.

A file is `sql/<family>/<kind>/<name>.sql`: a YAML header in one comment, then one SELECT. A file whose name lists
several suffixes gives one model for each (`grains`). Not here: reading a file (`reading`).
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.lineage import lineage

from analytics_etl.catalog.calendar import Cadence
from analytics_etl.catalog.grains import GRAINS
from analytics_etl.catalog.measures import Measure

Kind = Literal["sources", "aggregates", "views", "checks", "reports", "queries", "series"]

Value = str | int | float
PARAMETERS: dict[str, set[str]] = {
    "sources": set(),
    "aggregates": {"start", "end"},
    "views": set(),
    "checks": {"start", "end", "table", "volume_factor", "most_events"},
    "reports": {"previous_start", "previous_end", "start", "end", "family"},
    "queries": {"start", "end", "limit"},
    "series": {"start", "end"},
}
"""{kind: parameters bound each time a statement runs}. Queries also have the parameters of their header. Settings are
bound earlier, when the file is read.
"""
ALL_DAYS = (date.max - date.min).days
"""The lookback of a SELECT that reads from the first day on."""


# SQLGlot's tokens tell the same (a test compares), but each process reads hundreds of files, and they take longer.
_PARAMETER = re.compile(
    r"""
    -- [^\n]* | /\* .*? \*/                                                      # comments
    | \b e ' (?: \\. | [^'\\] )* ' | ' [^']* ' | " [^"]* " | \$ (\w*) \$ .*? \$ \1 \$  # texts and quoted names
    | ::
    | : (?P<name> [^\W\d] \w* )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


class ModelError(ValueError):
    """A SQL file that breaks a rule; the message names the file."""


@dataclass(frozen=True)
class Function:
    """The function in Python that makes the rows of a table of those that its SELECT gives."""

    name: str
    version: str
    """Changes when the same input gives other rows, so that partitions of the version before are outdated."""
    types: Mapping[str, str]
    """{column of the table: its type in PostgreSQL}, in order."""
    reads: tuple[str, ...] = ()
    """What else it reads: files below `sql`, and `series`, the headers of the family's series. The catalogue adds their
    content to the version."""


@dataclass(frozen=True)
class Model:
    """One SELECT: a SQL file, or the variant of it for one of its suffixes."""

    path: Path
    family: str
    kind: Kind
    name: str
    description: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    """{output column: its meaning}, in order."""
    checks: tuple[tuple[str, Mapping[str, Any]], ...]
    """Great Expectations expectations: (name in snake case, arguments)."""
    select: str
    is_in_lake_only: bool = False
    """Whether its rows, which may be as many as its events, lie in the lake alone: `kept: lake` in the header."""
    function: Function | None = None
    """Makes the rows of the table of those of the SELECT; None = they are the rows of the table."""
    measure: Measure | None = None
    """Of a series."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """{parameter of a query, beside days and limit: its meaning}."""
    inputs_affected_margin: tuple[int, int] = (0, 0)
    """The largest `affected_margin` among the tables that the SELECT reads; the catalogue sets it."""

    @property
    def table(self) -> str:
        """The table's name in PostgreSQL, with its schema."""
        return f"{self.family}.{self.name}"

    @property
    def cadence(self) -> Cadence:
        """How the table is partitioned; the suffix of its name says so."""
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
        """Tables that the SELECT reads, with their schema, sorted: every qualified name in FROM."""
        return tuple(sorted({f"{t.db}.{t.name}" for t in self.expression.find_all(exp.Table) if t.db}))

    @cached_property
    def lookback_days(self) -> int:
        """Days before its window that the SELECT reads: the largest N of `:start::date - N`; ALL_DAYS when it reads
        from `'-infinity'::date` on.

        When a day of an input changes, so may the partitions of as many days after it.
        """
        casts = self.expression.find_all(exp.Cast)
        if any(isinstance(cast.this, exp.Literal) and cast.this.name == "-infinity" for cast in casts):
            return ALL_DAYS
        return max([0, *self._days_from("start", exp.Sub)])

    @cached_property
    def lookahead_days(self) -> int:
        """Days after its window that the SELECT reads: the largest N of `:end::date + N`.

        When a day of an input changes, so may the partitions of as many days before it.
        """
        return max([0, *self._days_from("end", exp.Add)])

    def reads(self, start: date, end: date) -> tuple[date, date]:
        """The days [first, after) that the SELECT reads for the window [start, end)."""
        return _moved(start, -self.lookback_days), _moved(end, self.lookahead_days)

    def affected_between(self, start: date, end: date) -> tuple[date, date]:
        """The bounds (after, before) of the partitions that may change when the days [start, end) do.

        These partitions end after the first day and start before the second.
        """
        days_after, days_before = self.affected_margin
        return _moved(start, -days_before), _moved(end, days_after)

    @property
    def affected_margin(self) -> tuple[int, int]:
        """(N, M): when a raw day changes, so may this table's rows up to N days after it and M days before it.

        The tables in between count, too.
        """
        days_after, days_before = self.inputs_affected_margin
        return min(days_after + self.lookback_days, ALL_DAYS), min(days_before + self.lookahead_days, ALL_DAYS)

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
        # Of a copy, which takes most of the time, only if SQLGlot rewrites something on the way.
        copy = self.expression.find(exp.GroupConcat) is not None
        text = self.expression.sql(dialect="postgres", comments=False, normalize=True, copy=copy)
        if self.function:
            text += repr((self.function.name, self.function.version, list(self.function.types.items())))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def statement(self, parameters: Mapping[str, Value]) -> str:
        """The SELECT with its `:parameters` bound as literals."""
        return bind(self.select, parameters, self.path)


def cadence_of(name: str) -> Cadence:
    """The cadence that the suffix of a table's name says; a table without a suffix is kept by day."""
    return next((grain.cadence for suffix, grain in GRAINS.items() if name.endswith(f"_{suffix}")), "day")


def window_parameters(start: date, end: date) -> dict[str, str]:
    """The half-open UTC window as texts with their own offset, to be bound as quoted literals.

    In every session time zone, such a literal is the same instant next to a timestamptz and the same day under
    `::date`. A bound timestamptz is not.
    """
    return {"start": f"{start.isoformat()} 00:00:00+00", "end": f"{end.isoformat()} 00:00:00+00"}


def bind(
    statement: str, parameters: Mapping[str, Value], origin: object = "statement", keeping: Collection[str] = ()
) -> str:
    """Bind the `:name` parameters of a statement as literals; leave `::` casts, quotes and comments alone.

    Parameters named by `keeping` stay unbound. Raise ModelError, naming the `origin`, for one without a value.
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


def _parameters_in(statement: str) -> Iterator[tuple[int, str]]:
    """(position of the colon, name) of each `:name` of a statement."""
    return ((found.start(), found["name"]) for found in _PARAMETER.finditer(statement) if found["name"])


def rename_schemas(statement: str, schemas: Mapping[str, str]) -> str:
    """Let a statement read tables of the same name in other schemas: {table with schema: other schema}.

    Only the schema is replaced, so aliases and qualified columns stay valid; quotes and comments stay, too.
    """
    if not schemas:  # the usual case, and finding tokens takes milliseconds
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
    for column, graph in graphs.items():
        leaves = set()
        for node in graph.walk():
            if isinstance(node.source, exp.Table) and node.source.db:
                leaves.add((f"{node.source.db}.{node.source.name}", node.name.split(".")[-1].strip('"')))
        result[column] = sorted(leaves)
    if model.function:  # each column may come of each that the function is given
        everything = sorted({leaf for leaves in result.values() for leaf in leaves})
        return dict.fromkeys(model.columns, everything)
    return result


def _moved(day: date, days: int) -> date:
    """A day moved by some days, but not beyond the first or last date that Python has."""
    if days < 0:
        return day - timedelta(days=min(-days, (day - date.min).days))
    return day + timedelta(days=min(days, (date.max - day).days))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
