"""Removing duplicate events from the new partition of a day: which copy stays depends on the copies alone."""

from datetime import date
from typing import Any

from psycopg import sql

from analytics_etl.catalog.contracts import REVISION, Contract
from analytics_etl.postgres.connection import Connection
from analytics_etl.tables.day_partitions import new_partition, partition_name


def remove_copies(
    connection: Connection, contract: Contract, day: date, event_ids: list[Any]
) -> tuple[int, list[tuple[Any, int | None]]]:
    """Keep one row of each of the given event ids in the new partition of a day, see `DayLoad.remove_duplicates`.

    Returns how many rows were removed, and the (event_id, revision) whose copies differed.
    """
    # Two statements, since PostgreSQL runs only the SELECT of CREATE TABLE in parallel. The copies stay on the server:
    # a small file may hold millions. The hashed text leaves the revision out, so that it is the same as before tables
    # had revisions.
    copies = sql.Identifier(contract.family, f"{partition_name(contract, day)}_copies")
    contents = sql.SQL(", ").join(
        sql.Identifier("e", column.name) for column in contract.columns if column.name != REVISION
    )
    connection.execute(
        sql.SQL("""
            create unlogged table {copies} as
            select row_address, event_id, revision, position
            from (
                select row_address, event_id, revision,
                    row_number() over (
                        partition by event_id order by revision desc nulls last, event_time, fingerprint
                    ) as position,
                    min(fingerprint) over (partition by event_id, revision) as lowest,
                    max(fingerprint) over (partition by event_id, revision) as highest
                from (
                    select e.ctid as row_address, event_id, e.{time} as event_time, {revision} as revision,
                        md5(row({contents})::text) as fingerprint
                    from {table} as e
                    where event_id = any({ids}::uuid[])
                ) as copies
            ) as ranked
            where position > 1 or lowest <> highest
        """).format(
            copies=copies,
            table=new_partition(contract, day),
            time=sql.Identifier(contract.time_column),
            revision=sql.Identifier("e", REVISION) if contract.has_revisions else sql.SQL("null::bigint"),
            contents=contents,
            ids=sql.Literal("{" + ",".join(map(str, event_ids)) + "}"),
        )
    )
    found = connection.execute(
        sql.SQL("select event_id, revision from {} where position = 1").format(copies)
    ).fetchall()
    removed = connection.execute(
        sql.SQL("delete from {} where ctid = any(array(select row_address from {} where position > 1))").format(
            new_partition(contract, day), copies
        )
    ).rowcount
    connection.execute(sql.SQL("drop table {}").format(copies))
    return removed, [(event_id, revision) for event_id, revision in found]
