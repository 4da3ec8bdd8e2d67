"""The most frequent expectations as SQL conditions that hold for unexpected rows, to be counted in one pass.

A run has hundreds of checks, nearly all of a handful of kinds. Great Expectations takes a third of a second of
processor time for a table, and seconds to import; PostgreSQL judges all columns of a small day in a millisecond. Names,
arguments and semantics are those of Great Expectations; a test compares both. All other kinds are left to it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from analytics_etl.checks.declared import Check

_IGNORED = frozenset({"severity"})


def condition(check: Check, relation: str) -> exp.Expr | None:
    """The condition that holds for the unexpected rows of a check; None for an unknown kind or unknown arguments.

    As in Great Expectations, a NULL is unexpected only for the expectation that there is none.
    """
    known = _KINDS.get(check.expectation)
    arguments = {name: value for name, value in check.arguments.items() if name not in _IGNORED}
    if known is None or not known[1].issuperset(arguments):
        return None
    return known[0](arguments, relation)


def counts(conditions: Sequence[exp.Expr], relation: str) -> str:
    """A SELECT of one row: the number of rows for which each condition holds, as c0, c1, ..."""
    counted = [exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=each)) for each in conditions]
    named = [exp.alias_(count, f"c{number}") for number, count in enumerate(counted)]
    return exp.select(*named).from_(relation).sql("postgres")


def rows(check: Check, key: Sequence[str], broken: exp.Expr, relation: str, limit: int) -> str:
    """A SELECT of up to `limit` rows for which a condition holds: their key and the columns of the check, ordered."""
    about = [check.arguments[name] for name in ("column", "column_A", "column_B") if name in check.arguments]
    shown = [_column(name) for name in dict.fromkeys([*key, *about])]
    return exp.select(*shown).from_(relation).where(broken).order_by(*shown).limit(limit).sql("postgres")


def _not_null(arguments: Mapping[str, Any], _relation: str) -> exp.Expr:
    return _column(arguments["column"]).is_(exp.null())


def _between(arguments: Mapping[str, Any], _relation: str) -> exp.Expr:
    column, outside = _column(arguments["column"]), list[exp.Expr]()
    if (least := arguments.get("min_value")) is not None:
        is_strict = arguments.get("strict_min", False)
        outside.append(column <= exp.convert(least) if is_strict else column < exp.convert(least))
    if (most := arguments.get("max_value")) is not None:
        is_strict = arguments.get("strict_max", False)
        outside.append(column >= exp.convert(most) if is_strict else column > exp.convert(most))
    return exp.or_(*outside)


def _in_set(arguments: Mapping[str, Any], _relation: str) -> exp.Expr:
    return exp.not_(_column(arguments["column"]).isin(*arguments["value_set"]))


def _greater(arguments: Mapping[str, Any], _relation: str) -> exp.Expr:
    greater, lesser = _column(arguments["column_A"]), _column(arguments["column_B"])
    return greater < lesser if arguments.get("or_equal", False) else greater <= lesser


def _unique(arguments: Mapping[str, Any], relation: str) -> exp.Expr:
    column = _column(arguments["column"])
    return column.isin(query=exp.select(column).from_(relation).group_by(column).having("count(*) > 1"))


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


_KINDS: Mapping[str, tuple[Callable[[Mapping[str, Any], str], exp.Expr], frozenset[str]]] = {
    "expect_column_values_to_not_be_null": (_not_null, frozenset({"column"})),
    "expect_column_values_to_be_between": (
        _between, frozenset({"column", "min_value", "max_value", "strict_min", "strict_max"})
    ),
    "expect_column_values_to_be_in_set": (_in_set, frozenset({"column", "value_set"})),
    "expect_column_values_to_be_unique": (_unique, frozenset({"column"})),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        _greater, frozenset({"column_A", "column_B", "or_equal"})
    ),
}  # fmt: skip
