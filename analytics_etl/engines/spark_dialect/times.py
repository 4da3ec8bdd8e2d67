"""Rules for times: the session of Spark is in UTC, so times with and without a zone are the same."""

import re
from datetime import UTC, datetime

from sqlglot import exp

from analytics_etl.engines.spark_dialect.trees import (
    INTEGERS,
    TIMES,
    Type,
    UnequalError,
    call,
    cast,
    constant,
    is_of,
    number,
    text_of,
)

_FIELDS = ("HOUR", "MINUTE", "DAY", "MONTH", "YEAR")
"""Fields of `extract` that are the same; Sunday, for instance, has another number as a day of the week."""
_UNITS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


def at_time_zone(node: exp.Expr) -> exp.Expr:
    if constant(node.args["zone"]) != "UTC":
        raise UnequalError(f"{text_of(node)}: the time zone must be UTC")
    return exp.paren(node.this, copy=False)  # the session is in UTC, so both kinds of times are the same


def unix_to_time(node: exp.Expr) -> exp.Expr:
    micros = call("rint", exp.Mul(this=exp.paren(node.this, copy=False), expression=cast(number(1_000_000), "double")))
    return cast(call("timestamp_micros", cast(micros, "bigint")), "timestamptz")


def extract(node: exp.Expr) -> exp.Expr:
    field, value = node.name.upper(), node.expression.unnest()
    if field in _FIELDS:
        return node
    if field != "EPOCH":
        raise UnequalError(f"{text_of(node)}: expected one of {', '.join(_FIELDS)} or EPOCH")
    if isinstance(value, exp.Sub):  # an interval: exact, as PostgreSQL has it
        micros = exp.Sub(this=call("unix_micros", value.this), expression=call("unix_micros", value.expression))
        return exp.paren(
            exp.Mul(this=cast(micros, "decimal(20, 0)"), expression=cast(number("0.000001"), "decimal(6, 6)"))
        )
    return exp.paren(exp.Div(this=cast(call("unix_micros", value), "double"), expression=number(1_000_000)))


def subtraction(node: exp.Expr) -> exp.Expr:
    left, right = node.this, node.expression
    if is_of(left, Type.DATE) and is_of(right, Type.DATE):
        return cast(call("datediff", left, right), "int")
    if (is_of(left, *TIMES) or is_of(right, *TIMES)) and not (is_of(left, Type.DATE) and is_of(right, *INTEGERS)):
        raise UnequalError(f"{text_of(node)}: a difference of times is known inside of extract(epoch from …) only")
    return node


def truncation(node: exp.Expr) -> exp.Expr:
    unit = node.args["unit"].name.upper()
    if unit not in _UNITS:
        raise UnequalError(f"{text_of(node)}: expected one of {', '.join(_UNITS)}")
    return cast(node.copy(), "timestamptz")


def interval(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.parent, exp.WindowSpec):
        raise UnequalError(f"{text_of(node)}: intervals in frames of windows only")
    return node


def window(node: exp.Expr) -> exp.Expr:
    """A frame of days around a day is one of numbers in Spark, whose optimizer fails on intervals of days."""
    spec, order = node.args.get("spec"), node.args.get("order")
    if spec is None:
        return node
    for bound in ("start", "end"):
        value = spec.args.get(bound)
        if isinstance(value, exp.Interval):
            days = re.fullmatch(r"(\d+)( days?)?", f"{value.name} {value.text('unit').lower()}".strip())
            is_of_days = order is not None and all(is_of(item.this, Type.DATE) for item in order.expressions)
            if days is None or not is_of_days or spec.text("kind").upper() != "RANGE":
                raise UnequalError(f"{text_of(node)}: a frame of whole days around a date only")
            spec.set(bound, number(days[1]))
    return node


def moment(text: str, to: exp.DType) -> exp.Expr:
    """A constant day or moment; a moment must have its offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UnequalError(f"the constant {text!r} is no day or moment like 2025-03-31 00:00:00+00") from None
    if to == Type.DATE:
        return exp.Cast(this=exp.Literal.string(found.date().isoformat()), to=exp.DataType.build("date"))
    if found.tzinfo is None:
        raise UnequalError(f"the constant {text!r} has no offset from UTC")
    return cast(exp.Literal.string(f"{found.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00"), "timestamptz")


def has_epoch(node: exp.Expr) -> bool:
    """Whether a value is made of extract(epoch …), a numeric, or of date_part, a double: sqlglot does not say which."""
    return any(call.name == "unix_micros" for call in node.find_all(exp.Anonymous))
