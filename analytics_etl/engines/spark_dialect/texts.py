"""Rules for texts, their order, and regular expressions."""

import re
from collections.abc import Iterable

from sqlglot import exp

from analytics_etl.engines.spark_dialect.java_patterns import java_pattern, java_replacement, java_test
from analytics_etl.engines.spark_dialect.times import moment
from analytics_etl.engines.spark_dialect.trees import (
    INTEGERS,
    TEXTS,
    TIMES,
    Type,
    UnequalError,
    call,
    cast,
    constant,
    is_number,
    is_of,
    text_of,
    uuid_text,
)

BY_BYTES = "by_bytes"
"""Mark of a text whose order was said to be that of its bytes."""
_LAST_ASCII = 127
_KEY = re.compile("[A-Za-z_][A-Za-z0-9_.:-]*")
"""Keys that are keys in every engine: elsewhere $ and / begin a path."""


def collate(node: exp.Expr) -> exp.Expr:
    if node.expression.name != "C":
        raise UnequalError(f'{text_of(node)}: the collation must be "C"')
    marked = exp.paren(node.this, copy=False)
    marked.meta[BY_BYTES] = True
    return marked


def json_text(node: exp.Expr) -> exp.Expr:
    """The text of one key. JSON is a text here, in the form of `json_values`."""
    keys = [part.name for part in node.expression.expressions[1:]] if isinstance(node.expression, exp.JSONPath) else []
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise UnequalError(f"{text_of(node)}: a constant key of letters, digits and . : _ - only, a letter first")
    return cast(call("get_json_object", node.this, exp.Literal.string(f"$['{keys[0]}']")), "text")


def _refuse_json(node: exp.Expr, values: Iterable[exp.Expr]) -> None:
    """PostgreSQL compares JSON by its meaning, Spark the text of it, which a constant may have in another form."""
    values = list(values)
    if any(is_of(value, Type.JSONB) for value in values) and any(constant(value) is not None for value in values):
        raise UnequalError(f"{text_of(node)}: JSON beside a constant")


def alternatives(node: exp.Expr) -> exp.Expr:
    _refuse_json(node, (node.this, *node.expressions))
    return node


def by_bytes(node: exp.Expr) -> exp.Expr:
    """Texts may have any order in PostgreSQL, unless it is said."""
    for value in (node.this, *([node.expression] if isinstance(node, exp.Binary) else node.expressions)):
        if is_of(value, Type.JSONB):
            raise UnequalError(f"{text_of(node)}: JSON has no order here")
        if is_of(value, *TEXTS) and not value.meta.get(BY_BYTES) and not isinstance(value, exp.Literal):
            raise UnequalError(f'{text_of(node)}: say collate "C" for the order of texts')
    return node


def comparison(node: exp.Expr) -> exp.Expr:
    """A constant beside a time is one in PostgreSQL."""
    _refuse_json(node, (node.this, node.expression))
    for one, other in (("this", "expression"), ("expression", "this")):
        text, beside = constant(node.args[one]), node.args[other]
        if text is not None and is_of(beside, *TIMES):
            node.set(one, moment(text, beside.type.this))
    return node if isinstance(node, exp.EQ | exp.NEQ) else by_bytes(node)


def membership(node: exp.Expr) -> exp.Expr:
    if is_of(node.this, *TIMES):
        raise UnequalError(f"{text_of(node)}: compare times one by one")
    return node


def literal(node: exp.Expr) -> exp.Expr:
    """A constant may stand beside a UUID, of which PostgreSQL reads any form."""
    is_uuid = node.is_string and re.fullmatch(r"\{?[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}\}?", node.name)
    if is_uuid and not isinstance(node.parent, exp.Cast) and node.name != uuid_text(node.name):
        raise UnequalError(f"{text_of(node)}: write a UUID in small letters, with hyphens")
    return node


def test(node: exp.Expr) -> exp.Expr:
    pattern = constant_of(node, node.expression)
    return exp.RegexpLike(this=node.this, expression=exp.Literal.string(java_test(pattern)))


def replacement(node: exp.Expr) -> exp.Expr:
    flags = node.args.get("modifiers")
    if flags is None or flags.name != "g" or node.args.get("position") or node.args.get("occurrence"):
        raise UnequalError(f"{text_of(node)}: Spark replaces everywhere; say the flag 'g' and nothing else")
    pattern, by = constant_of(node, node.expression), constant_of(node, node.args["replacement"])
    texts = (exp.Literal.string(java_pattern(pattern)), exp.Literal.string(java_replacement(by)))
    return call("regexp_replace", node.this, *texts)


def constant_of(node: exp.Expr, part: exp.Expr) -> str:
    text = constant(part)
    if text is None:
        raise UnequalError(f"{text_of(node)}: the pattern and the replacement must be constants")
    return text


def concatenation(node: exp.Expr) -> exp.Expr:
    if not all(is_of(side, *TEXTS, *INTEGERS) for side in (node.this, node.expression)):
        raise UnequalError(f"{text_of(node)}: || of texts and whole numbers only")
    return node


def concat(node: exp.Expr) -> exp.Expr:
    """Concat leaves NULL out in PostgreSQL, and is NULL in Spark."""
    texts = [_as_text(part) for part in node.expressions]
    empty = exp.Literal.string("")
    return call("concat", *(text if text.is_string else call("coalesce", text, empty) for text in texts))


def concat_ws(node: exp.Expr) -> exp.Expr:
    return call("concat_ws", *(_as_text(part) for part in node.expressions))


def _as_text(value: exp.Expr) -> exp.Expr:
    """A value of which both make the same text."""
    if is_number(value):
        return exp.Literal.string(value.name)
    if is_of(value, *TEXTS):
        return value
    if is_of(value, *INTEGERS, Type.DECIMAL):
        return cast(value.copy(), "text")
    raise UnequalError(f"{text_of(value)}: texts, whole numbers and fixed decimals only have the same text")


def char(node: exp.Expr) -> exp.Expr:
    [code] = node.expressions
    if not (is_number(code) and 0 < int(code.name) <= _LAST_ASCII):
        raise UnequalError(f"{text_of(node)}: a constant from 1 to {_LAST_ASCII} only")
    return exp.Literal.string(chr(int(code.name)))


def left(node: exp.Expr) -> exp.Expr:
    if not (isinstance(node.expression, exp.Literal) and node.expression.is_int):
        raise UnequalError(f"{text_of(node)}: the length must be a constant")
    return node
