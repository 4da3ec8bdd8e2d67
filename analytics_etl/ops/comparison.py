"""Comparing the old and the new rows of partitions: rows added, removed and changed, and the totals of both.

Not here: how a change is judged and recorded (`changes`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from psycopg import sql

from analytics_etl.catalog.additive import is_additive, measures, rows_that_add_up
from analytics_etl.ops.changes import Change
from analytics_etl.postgres.connection import Connection


@dataclass(frozen=True)
class Side:
    """The old or the new rows: a relation, an expression for the start of a row's partition, and a condition."""

    relation: sql.Composable
    period: sql.Composable
    condition: sql.Composable = field(default_factory=lambda: sql.SQL("true"))


@dataclass(frozen=True)
class Summary:
    """A digest of the rows of a partition: equal for equal rows, whatever their order."""

    rows: int
    fingerprint: Decimal
    sums: tuple[float, ...]
    """The totals of the additive columns, then the sums of all numeric columns over all rows."""


def changes_between(
    connection: Connection,
    table: str,
    key: Sequence[str],
    columns: Sequence[str],
    old: Side,
    new: Side,
    periods: Mapping[date, date],
    versions: tuple[Mapping[date, str], str],
) -> list[Change]:
    """The changes of those partitions (start -> end) that differ.

    `versions` are {start: old code version} and the new code version.
    """
    summed = measures(_types_of(connection, table), key)
    additive = {name: kind for name, kind in summed.items() if is_additive(name, kind)}
    counted_once = _counted_once(columns)
    sums = [*(_sum(*each, counted_once) for each in additive.items()), *(_sum(*each) for each in summed.items())]
    before, after = (_summarize(connection, side, columns, sums) for side in (old, new))
    nothing = Summary(0, Decimal(0), (0.0,) * len(sums))
    differing = {
        start: (one, other)
        for start in periods
        for one, other in [(before.get(start, nothing), after.get(start, nothing))]
        if (one.rows, one.fingerprint) != (other.rows, other.fingerprint)
    }
    counts = _compare(connection, old, new, list(differing), key, columns) if differing else {}
    found = []
    for start, (one, other) in differing.items():
        pairs = list(zip(one.sums, other.sums, strict=True))
        totals = dict(zip(additive, pairs[: len(additive)], strict=True))
        over_all = dict(zip(summed, pairs[len(additive) :], strict=True))
        found.append(
            Change(
                table, start, periods[start], one.rows, other.rows, *counts[start], totals, over_all,
                versions[0][start], versions[1],
            )
        )  # fmt: skip
    return found


def _types_of(connection: Connection, table: str) -> dict[str, str]:
    """{column: its type} of a table."""
    return dict(
        connection.execute(
            "select attname, format_type(atttypid, null) from pg_attribute where attrelid = %s::regclass "
            "and attnum > 0 and not attisdropped order by attnum",
            [table],
        ).fetchall()
    )


def _summarize(
    connection: Connection, side: Side, columns: Iterable[str], sums: Iterable[sql.Composable]
) -> dict[date, Summary]:
    """{start: digest} of each partition that has rows.

    PostgreSQL's hash of a row is a weighted sum of the hashes of its values. Sums of it over rows would not change when
    two rows swap a value, so each is hashed once more.
    """
    totals = sql.SQL("").join(sql.SQL(", coalesce({}, 0)::float8").format(each) for each in sums)
    found = connection.execute(
        sql.SQL(
            "select ({period})::date, count(*), sum(hashtextextended({hash}::text, 0)){totals} "
            "from {relation} where {condition} group by 1"
        ).format(
            period=side.period, hash=_hash(columns), totals=totals, relation=side.relation, condition=side.condition
        )
    ).fetchall()
    return {start: Summary(count, fingerprint, tuple(summed)) for start, count, fingerprint, *summed in found}


def _compare(
    connection: Connection, old: Side, new: Side, starts: Sequence[date], key: Iterable[str], columns: Iterable[str]
) -> dict[date, tuple[int, int, int]]:
    """{start: rows (added, removed, changed)} of some partitions, by a join on hashes of the key.

    The key of a derived table includes the period. The join must not name the period itself: it may be a constant, and
    PostgreSQL would then sort both sides.
    """

    def hashed(side: Side) -> sql.Composable:
        return sql.SQL(
            "(select ({period})::date as period, {key} as row_key, {row} as content from {relation} "
            "where {condition} and ({period})::date = any({starts}))"
        ).format(
            period=side.period, key=_hash(key), row=_hash(columns), relation=side.relation, condition=side.condition,
            starts=sql.Literal(list(starts)),
        )  # fmt: skip

    found = connection.execute(
        sql.SQL(
            "select coalesce(o.period, n.period), count(*) filter (where o.content is null), "
            "count(*) filter (where n.content is null), count(*) filter (where o.content <> n.content) "
            "from {old} as o full join {new} as n using (row_key) group by 1"
        ).format(old=hashed(old), new=hashed(new))
    ).fetchall()
    return {start: (added, removed, changed) for start, added, removed, changed in found}


def _hash(columns: Iterable[str]) -> sql.Composable:
    """A 64-bit hash of a row's values in their own types: a hash of their text takes several times as long."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("hash_record_extended(row({}), 0)").format(names)


def _sum(name: str, type_name: str, where: sql.Composable | None = None) -> sql.Composable:
    """The sum of a column; of floats as decimals, so that it does not depend on the order of the rows."""
    is_exact = type_name not in ("real", "double precision")
    summed = sql.SQL("sum({})" if is_exact else "sum({}::numeric)").format(sql.Identifier(name))
    return summed if where is None else sql.SQL("{} filter (where {})").format(summed, where)


def _counted_once(columns: Collection[str]) -> sql.Composable | None:
    """A condition that excludes rows that are sums of other rows; None for a table without such rows."""
    picked = [
        sql.SQL("{} <> all({})").format(sql.Identifier(name), list(values))
        for name, values in rows_that_add_up(columns).items()
    ]
    return sql.SQL(" and ").join(picked) if picked else None
