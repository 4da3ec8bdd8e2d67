"""Comparing two states of partitions: how many rows were added, removed and changed, and by how much totals differ.

How a change is judged and recorded is in `changes`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from psycopg import sql

from analytics_etl.catalog.measures import is_additive, rows_that_add_up
from analytics_etl.ops.changes import Change
from analytics_etl.postgres.connection import Connection

_NUMBERS = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]


@dataclass(frozen=True)
class Side:
    """Rows of one state, old or new: a relation, the start of each row's partition, and a condition that picks rows."""

    relation: sql.Composable
    period: sql.Composable
    condition: sql.Composable = field(default_factory=lambda: sql.SQL("true"))


@dataclass(frozen=True)
class Summary:
    """The rows of a partition in one pass. Two of the same content are equal, whatever the order of their rows."""

    rows: int
    fingerprint: Decimal
    sums: tuple[float, ...]
    """Of each total, then of each numeric column over all rows."""


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
    """What differs between two states of some partitions (start -> end). `versions`: the old ones, and the new one."""
    measures = _measures_of(connection, table, key)
    added = {name: kind for name, kind in measures.items() if is_additive(name, kind)}
    once = _once(columns)
    sums = [*(_sum(*each, once) for each in added.items()), *(_sum(*each) for each in measures.items())]
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
        totals = dict(zip(added, pairs[: len(added)], strict=True))
        over_all = dict(zip(measures, pairs[len(added) :], strict=True))
        found.append(
            Change(
                table, start, periods[start], one.rows, other.rows, *counts[start], totals, over_all,
                versions[0][start], versions[1],
            )
        )  # fmt: skip
    return found


def _measures_of(connection: Connection, table: str, key: Collection[str]) -> dict[str, str]:
    """The numeric columns of a table that are not in its key, with their types."""
    found = connection.execute(
        "select attname, format_type(atttypid, null) from pg_attribute where attrelid = %s::regclass and attnum > 0 "
        "and not attisdropped and format_type(atttypid, null) = any(%s) order by attnum",
        [table, _NUMBERS],
    ).fetchall()
    return {name: type_name for name, type_name in found if name not in key}


def _summarize(
    connection: Connection, side: Side, columns: Iterable[str], sums: Iterable[sql.Composable]
) -> dict[date, Summary]:
    """Each partition with rows, by its start.

    The hash of a row is a weighted sum of those of its values: summed as it is, values that change places between rows
    would go unnoticed, so it is hashed once more.
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
    """Rows of some partitions that were added, removed and changed, by joining hashes of key and content.

    The key of a derived table has the period in it. The period by itself, which may be a constant, must not be joined
    on: PostgreSQL would sort both sides.
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
    """64 bits of the values as they are: making text of them first takes several times as long."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("hash_record_extended(row({}), 0)").format(names)


def _sum(name: str, type_name: str, where: sql.Composable | None = None) -> sql.Composable:
    """The sum of a column; of fractions as decimals, so that it does not depend on the order of the rows."""
    is_exact = type_name not in ("real", "double precision")
    summed = sql.SQL("sum({})" if is_exact else "sum({}::numeric)").format(sql.Identifier(name))
    return summed if where is None else sql.SQL("{} filter (where {})").format(summed, where)


def _once(columns: Collection[str]) -> sql.Composable | None:
    """What picks the rows that add up no others of their table; nothing when all do."""
    picked = [
        sql.SQL("{} <> all({})").format(sql.Identifier(name), list(values))
        for name, values in rows_that_add_up(columns).items()
    ]
    return sql.SQL(" and ").join(picked) if picked else None
