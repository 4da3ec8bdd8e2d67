"""Parts of a parsed SELECT: what a rule asks about one, and what it writes instead."""

import re
from uuid import UUID

from sqlglot import exp

Type = exp.DType
TEXTS = (Type.TEXT, Type.VARCHAR)
INTEGERS = (Type.INT, Type.BIGINT, Type.SMALLINT)
TIMES = (Type.TIMESTAMP, Type.TIMESTAMPTZ, Type.DATE)
KNOWN = "known"
"""Mark of a cast that a rule has written."""


class UnequalError(ValueError):
    """A part of a SELECT has no equal in Spark."""


def text_of(node: exp.Expr) -> str:
    return node.sql(dialect="postgres", comments=False)[:100]


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def uuid_text(text: str) -> str:
    """A UUID as the text that Spark has of it."""
    try:
        return str(UUID(text))
    except ValueError:
        raise UnequalError(f"{text!r} is no UUID") from None


def is_of(node: exp.Expr | None, *types: exp.DType) -> bool:
    return node is not None and node.type is not None and node.type.this in types


def constant(node: exp.Expr | None) -> str | None:
    """The text of a constant, also of one that is put together with ||."""
    if isinstance(node, exp.Paren):
        return constant(node.this)
    if isinstance(node, exp.DPipe):
        left, right = constant(node.this), constant(node.expression)
        return None if left is None or right is None else left + right
    return node.name if isinstance(node, exp.Literal) and node.is_string else None


def cast(node: exp.Expr, to: str) -> exp.Expr:
    """A cast that a rule writes."""
    made = exp.Cast(this=node, to=exp.DataType.build(to, dialect="postgres"))
    made.meta[KNOWN] = True
    return made


def number(value: object) -> exp.Expr:
    return exp.Literal.number(value)


def is_number(node: exp.Expr) -> bool:
    """Whether a value is a number written with digits and a point."""
    return isinstance(node, exp.Literal) and not node.is_string and bool(re.fullmatch(r"\d+(\.\d+)?", node.name))


def is_double(node: exp.Expr) -> bool:
    """Whether a value is a double in both: a constant like 0.5 has a fixed number of decimals."""
    if isinstance(node, exp.Paren | exp.Neg):
        return is_double(node.this)
    if isinstance(node, exp.Mul | exp.Add | exp.Sub | exp.Div):
        return is_double(node.this) or is_double(node.expression)
    return is_of(node, Type.DOUBLE) and not isinstance(node, exp.Literal)
