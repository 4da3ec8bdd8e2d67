"""Versions of the tables of each family, and how far a table has come: what answers about them say of themselves."""

from collections.abc import Sequence
from datetime import date

from analytics_etl.postgres.connection import Connection


def versions_of_families(connection: Connection) -> dict[str, str]:
    """{family: a text that changes whenever its tables, the states of its days or its views do}."""
    found = connection.execute(
        """
        select family, md5(string_agg(mark, ' ' order by mark)) from (
            select split_part(table_name, '.', 1) as family,
                'partitions ' || count(*) || ' ' || max(updated_at) as mark from ops.partitions group by 1
            union all
            select split_part(table_name, '.', 1), 'days ' || count(*) || ' ' || max(changed_at)
            from ops.days group by 1
            union all
            select split_part(table_name, '.', 1), 'dropped ' || count(*) || ' ' || max(day)
            from ops.dropped_days group by 1
            union all
            select split_part(view_name, '.', 1), 'views ' || max(refreshed_at) from ops.refreshed_views group by 1
        ) as marks
        group by 1"""
    ).fetchall()
    return dict(found)


def progress(
    connection: Connection, tables: Sequence[str], first: date = date.min, last: date = date.max
) -> tuple[date | None, bool | None]:
    """(the newest of the days first to last that all these tables have, whether those they have are all final)."""
    found = connection.execute(
        """
        select min(newest), bool_and(is_final) from (
            select max(day) as newest, bool_and(is_final) as is_final from unnest(%s::text[]) as t (table_name)
            left join ops.days as d on d.table_name = t.table_name and rows is not null and day between %s and %s
            group by t.table_name
        ) as of_tables""",
        [list(tables), first, last],
    ).fetchone()
    return (None, None) if found is None or found[0] is None else (found[0], found[1])
