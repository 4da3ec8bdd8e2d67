"""Continuous percentiles, equal to those of PostgreSQL to the last digit.

PostgreSQL interpolates between two neighbours as lower + fraction * (upper - lower), Spark as a weighted sum of both.
Of whole numbers, the neighbours are found again from Spark's own percentiles, which keep a count of each value: one of
them is `percentile_disc`, the other one follows from the weighted sum. Doubles, of which there are few, are sorted.
"""

import sqlglot
from sqlglot import exp

from analytics_etl.engines.spark_dialect.trees import INTEGERS, Type, UnequalError, call, is_number, is_of, text_of

_OF_INTEGERS = """
transform(
    transform(
        array(struct(
            count({x}) as n, percentile_disc({p}) within group (order by {x}) as v, percentile({x}, {p}) as r
        )),
        a -> struct(
            a.n as n, cast(a.v as double) as v, a.r as r, ceil({p}D * a.n) as k, floor({p}D * (a.n - 1)) as l,
            ceil({p}D * (a.n - 1)) as u, {p}D * (a.n - 1) - floor({p}D * (a.n - 1)) as f
        )
    ),
    b -> case
        when b.n = 0 then null
        when b.l = b.u then b.r
        when b.l + 1 = b.k then b.v + b.f * (rint((b.r - (1 - b.f) * b.v) / b.f) - b.v)
        when b.u + 1 = b.k then rint((b.r - b.f * b.v) / (1 - b.f))
            + b.f * (b.v - rint((b.r - b.f * b.v) / (1 - b.f)))
        else b.r
    end
)[0]"""
"""k is the place of `percentile_disc`, counted from 1; l and u are those of the neighbours, counted from 0."""
_OF_DOUBLES = """
transform(
    array(sort_array(collect_list({x}))),
    s -> if(
        size(s) = 0, null,
        s[cast(floor({p}D * (size(s) - 1)) as int)] + ({p}D * (size(s) - 1) - floor({p}D * (size(s) - 1)))
            * (s[cast(ceil({p}D * (size(s) - 1)) as int)] - s[cast(floor({p}D * (size(s) - 1)) as int)])
    )
)[0]"""


def percentile(node: exp.Expr) -> exp.Expr:
    """Sqlglot would write an approximation."""
    ordered, fraction = node.expression.expressions[0], node.this.this
    if not isinstance(node.this, exp.PercentileCont) or ordered.args.get("desc") or isinstance(node.parent, exp.Filter):
        raise UnequalError(f"{text_of(node)}: expected percentile_cont in ascending order, without a filter")
    if not is_of(ordered.this, *INTEGERS, Type.DOUBLE) or not is_number(fraction):
        raise UnequalError(f"{text_of(node)}: percentiles of numbers, at constant fractions only")
    form = _OF_DOUBLES if is_of(ordered.this, Type.DOUBLE) else _OF_INTEGERS
    column = ordered.this.sql(dialect="spark", identify=True)
    found = sqlglot.parse_one(form.format(x=column, p=fraction.name), dialect="spark")
    for exact in found.find_all(exp.PercentileDisc):
        exact.replace(call("percentile_disc", exact.this))  # sqlglot would write an approximation of it, too
    return found
