"""Rules for numbers, casts and what is counted."""

from decimal import Decimal

from sqlglot import exp

from analytics_etl.engines.spark_dialect.times import has_epoch, moment
from analytics_etl.engines.spark_dialect.trees import (
    INTEGERS,
    KNOWN,
    TEXTS,
    TIMES,
    Type,
    UnequalError,
    call,
    cast,
    constant,
    is_double,
    is_number,
    is_of,
    number,
    text_of,
    uuid_text,
)


def division(node: exp.Expr) -> exp.Expr:
    if is_number(node.this) and is_number(node.expression):
        quotient = Decimal(node.this.name) / Decimal(node.expression.name)
        if quotient * Decimal(node.expression.name) == Decimal(node.this.name) and "." in node.this.name:
            return number(f"{quotient:f}")
    if not (is_double(node.this) or is_double(node.expression)):
        raise UnequalError(f"{text_of(node)}: cast one side of the division to double precision")
    return node


def whole(node: exp.Expr) -> exp.Expr:
    """Floor and ceil of a double are doubles in PostgreSQL, but bigints in Spark."""
    return cast(node.copy(), "double precision") if is_double(node.this) else node


def rounding(node: exp.Expr) -> exp.Expr:
    """Halves of doubles become even numbers in PostgreSQL, other halves larger ones."""
    if node.args.get("decimals"):
        raise UnequalError(f"{text_of(node)}: round to whole numbers only")
    if is_of(node.this, Type.DECIMAL):
        node.type = node.this.type
        return node
    if not is_double(node.this) or has_epoch(node):
        raise UnequalError(f"{text_of(node)}: cast what is rounded to double precision")
    return call("rint", node.this)


def average(node: exp.Expr) -> exp.Expr:
    outside = node.parent.parent if isinstance(node.parent, exp.Filter) else node.parent
    while isinstance(outside, exp.Paren):
        outside = outside.parent
    if not is_of(node.this, Type.DOUBLE) and not (isinstance(outside, exp.Cast) and outside.is_type("double")):
        raise UnequalError(f"{text_of(node)}: cast it to double precision at once")
    return node


def casting(node: exp.Expr) -> exp.Expr:
    to, value = node.args["to"].this, node.this
    text = constant(value)
    if node.meta.get(KNOWN):
        return node
    if to == Type.UUID:
        if text is None:
            raise UnequalError(f"{text_of(node)}: a UUID must be a constant")
        return exp.Literal.string(uuid_text(text))
    if to in TIMES and text is not None:
        return moment(text, to)
    if to in INTEGERS and is_of(value, Type.DECIMAL):
        return cast(call("round", value), to.value)
    if to == Type.DECIMAL and is_of(value, Type.DOUBLE) and not has_epoch(value):
        # PostgreSQL takes 15 digits of a double before it rounds.
        digits = call("format_string", exp.Literal.string("%.14e"), cast(value.copy(), "double"))
        is_null = exp.Is(this=exp.paren(value), expression=exp.Null())
        return call("if", is_null, exp.Null(), exp.Cast(this=digits, to=node.args["to"]))
    is_same = (
        (to in TIMES and is_of(value, *TIMES))
        or (to in INTEGERS and is_of(value, *INTEGERS))
        or (to in (Type.DOUBLE, Type.DECIMAL) and is_of(value, *INTEGERS, Type.DECIMAL))
        or (to == Type.DOUBLE and isinstance(value, exp.Literal))
        or (to == Type.DOUBLE and is_of(value, Type.DOUBLE))
        or (to in TEXTS and is_of(value, *TEXTS, *INTEGERS, Type.UUID))
        or (to == Type.BOOLEAN and is_of(value, Type.BOOLEAN))
        or isinstance(value, exp.Null)
    )
    if not is_same:
        raise UnequalError(f"{text_of(node)}: this cast is not known to give the same")
    # A time without a zone is one in UTC, as the session is.
    return cast(value.copy(), "timestamptz") if to == Type.TIMESTAMP else node


def counting(node: exp.Expr) -> exp.Expr:
    inner = node.this
    if node.expressions or (isinstance(inner, exp.Distinct) and (len(inner.expressions) > 1 or inner.find(exp.Tuple))):
        raise UnequalError(f"{text_of(node)}: count of one column only")
    return node


def distinct(node: exp.Expr) -> exp.Expr:
    if node.args.get("on"):
        raise UnequalError(f"{text_of(node)}: distinct on")
    return node
