"""SELECTs of PostgreSQL as Spark SQL that means the same. Pure: needs neither Spark nor Java.

sqlglot translates the grammar. Here is what it would translate into something with another meaning, and a list of what
is known to mean the same. Everything else is refused: an error that names the file is better than other numbers.

A session must have the time zone UTC and ANSI mode. UUIDs are texts in small letters there, and texts have the order of
their bytes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from analytics_etl.engines.spark_dialect import numbers, percentiles, texts, times
from analytics_etl.engines.spark_dialect.java_patterns import PatternError
from analytics_etl.engines.spark_dialect.trees import UnequalError, text_of

TYPES = {
    "uuid": "string",
    "timestamptz": "timestamp",
    "timestamp with time zone": "timestamp",
    "date": "date",
    "text": "string",
    "jsonb": "string",
    "bigint": "bigint",
    "integer": "int",
    "double precision": "double",
    "boolean": "boolean",
}
"""{type in PostgreSQL: type in Spark} of the columns of event tables and derived tables."""

_SAME = frozenset(
    {
        *("Add", "Alias", "And", "AtTimeZone", "Avg", "Boolean", "CTE", "Case", "Cast", "Ceil", "Chr", "Coalesce"),
        *("Collate", "Column", "Concat", "ConcatWs", "Count", "DPipe", "DataType", "DataTypeParam", "Distinct", "Div"),
        *("EQ", "Extract", "Filter", "Floor", "From", "GT", "GTE", "Greatest", "Group", "GroupingSets", "Having"),
        *("Identifier", "If", "In", "Interval", "Is", "Join", "LT", "LTE", "Lag", "Lead", "Least", "Left", "Like"),
        *("JSONExtractScalar", "JSONPath", "JSONPathKey", "JSONPathRoot"),
        *("Literal", "Ln", "LogicalAnd", "LogicalOr", "Max", "Min", "Mul", "NEQ", "Neg", "Not", "Null", "Nullif"),
        *("Offset", "Or", "Order", "Ordered", "Pad", "Paren", "PercentileCont", "Rank", "RegexpLike", "RegexpReplace"),
        *("Round", "RowNumber", "Select", "Star", "Sub", "Subquery", "Sum", "Table", "TableAlias", "TimestampTrunc"),
        *("Tuple", "Union", "UnixToTime", "Var", "Where", "Window", "WindowSpec", "With", "WithinGroup"),
    }
)  # fmt: skip
"""The parts of a SELECT that mean the same in Spark, or for which there is a rule below."""


class DialectError(ValueError):
    """A SELECT that Spark would not compute as PostgreSQL does; the message names the file and the part."""


def spark_select(
    path: Path, select: str, schema: Mapping[str, Mapping[str, str]], views: Mapping[str, str]
) -> str:  # fmt: skip
    """A SELECT of PostgreSQL, with its parameters bound, as Spark SQL. `path` is its file, for errors.

    `schema` has the columns of the tables that it reads, {table: {column: type}}; `views` their names in Spark.
    """
    try:
        tree = _qualified(select, schema)
        _refuse_unknown(tree)
        _rewrite(tree, _BEFORE_TYPES)
        tree = annotate_types(tree, _nested(schema), dialect="postgres")
        _rewrite(tree, _OF_TIMES)
        tree = annotate_types(tree, _nested(schema), dialect="postgres")
        _rewrite(tree, _RULES)
        for table in list(tree.find_all(exp.Table)):
            if table.db:
                table.replace(exp.alias_(exp.to_table(views[f"{table.db}.{table.name}"]), table.alias, table=True))
        return tree.sql(dialect="spark", identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, PatternError, UnequalError) as error:
        raise DialectError(f"{path}: Spark would not give the rows that PostgreSQL gives: {error}") from error


def _nested(schema: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """The columns by schema and table, as sqlglot wants them."""
    nested: dict[str, dict[str, object]] = {}
    for table, columns in schema.items():
        family, name = table.split(".")
        nested.setdefault(family, {})[name] = dict(columns)
    return dict(nested)


def _qualified(select: str, schema: Mapping[str, Mapping[str, str]]) -> exp.Expr:
    """The SELECT with the table of each column, so that each has a type; USING and GROUP BY 1 are written out."""
    tree = sqlglot.parse_one(select, dialect="postgres")
    return qualify(tree, schema=_nested(schema), dialect="postgres", quote_identifiers=False)


def _refuse_unknown(tree: exp.Expr) -> None:
    for node in tree.walk():
        if type(node).__name__ not in _SAME:
            raise UnequalError(f"{text_of(node)} is not known to mean the same there")


def _rewrite(tree: exp.Expr, rules: Mapping[type[exp.Expr], "_Rule"]) -> None:
    """Replace each part that has a rule, the inner ones first."""
    for node in reversed(list(tree.walk())):
        rule = rules.get(type(node))
        if rule is None:
            continue
        other = rule(node)
        if other is not node:
            if other.type is None:
                other.type = node.type
            node.replace(other)


def _offset(node: exp.Expr) -> exp.Expr:
    if node.expression.name != "0":
        raise UnequalError(f"{text_of(node)}: it must be 0")
    node.pop()  # only a hint to the planner of PostgreSQL
    return node


_Rule = Callable[[exp.Expr], exp.Expr]
_BEFORE_TYPES: dict[type[exp.Expr], _Rule] = {
    exp.AtTimeZone: times.at_time_zone,
    exp.Collate: texts.collate,
    exp.Extract: times.extract,
    exp.JSONExtractScalar: texts.json_text,
    exp.Offset: _offset,
    exp.UnixToTime: times.unix_to_time,
}
_OF_TIMES: dict[type[exp.Expr], _Rule] = {exp.Sub: times.subtraction, exp.TimestampTrunc: times.truncation}
"""Rules that change a type, on which other rules depend."""
_RULES: dict[type[exp.Expr], _Rule] = {
    exp.Avg: numbers.average,
    exp.Cast: numbers.casting,
    exp.Count: numbers.counting,
    exp.DPipe: texts.concatenation,
    exp.Distinct: numbers.distinct,
    exp.Div: numbers.division,
    exp.Floor: numbers.whole,
    exp.Ceil: numbers.whole,
    exp.Chr: texts.char,
    exp.Coalesce: texts.alternatives,
    exp.Concat: texts.concat,
    exp.ConcatWs: texts.concat_ws,
    exp.In: texts.membership,
    exp.Interval: times.interval,
    exp.Literal: texts.literal,
    exp.Window: times.window,
    exp.Left: texts.left,
    exp.RegexpLike: texts.test,
    exp.RegexpReplace: texts.replacement,
    exp.Round: numbers.rounding,
    exp.WithinGroup: percentiles.percentile,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), texts.comparison),
    **dict.fromkeys((exp.Min, exp.Max, exp.Least, exp.Greatest, exp.Ordered), texts.by_bytes),
}
