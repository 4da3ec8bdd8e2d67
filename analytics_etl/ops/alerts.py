"""The books of alerts: judged days, states, transitions, what people said, and what was told.

Also the numbers that rules read: the series of the families, how far anomalies deviate, and the pipeline's own.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from psycopg import sql

from analytics_etl.postgres.connection import Connection, identifier, lock, rows

DAYS_OPEN = 40
"""How long after its anomaly a series is read on, so that its alert can end."""
Row = dict[str, Any]


def begin_judging(connection: Connection) -> None:
    """Lock out other judges until the transaction ends."""
    lock(connection, "alerts")


def judged_until(connection: Connection) -> date | None:
    """The newest judged day."""
    return rows(connection, "select max(day) as day from ops.alert_days")[0]["day"]  # type: ignore[no-any-return]


def unjudged_days(connection: Connection, tables: Sequence[str], keep_days: int) -> list[date]:
    """The days of some tables that are not judged, or were published since; none that is older than what is kept.

    The age of a day is counted from the newest one that is not in the future.
    """
    found = rows(
        connection,
        """
        select p.period_start as day
        from ops.partitions as p
        left join ops.alert_days as d on d.day = p.period_start
        where p.table_name = any(%s) and p.period_start > (
            select least(max(period_start), (now() at time zone 'UTC')::date) - %s
            from ops.partitions where table_name = any(%s)
        )
        group by 1
        having coalesce(max(p.updated_at) > max(d.judged_at), true)
        order by 1""",
        [list(tables), keep_days, list(tables)],
    )
    return [row["day"] for row in found]


def days_of(connection: Connection, tables: Sequence[str], first: date) -> list[date]:
    """The days of some tables from a day on."""
    found = rows(
        connection,
        "select distinct period_start as day from ops.partitions where table_name = any(%s) and period_start >= %s "
        "order by 1",
        [list(tables), first],
    )
    return [row["day"] for row in found]


def states_before(connection: Connection, first: date) -> list[Mapping[str, Any]]:
    """The states at the end of the last judged day before a day, as JSON."""
    found = rows(
        connection,
        "select alert_state from ops.alert_states where day = (select max(day) from ops.alert_days where day < %s) "
        "order by alert_key",
        [first],
    )
    return [row["alert_state"] for row in found]


def forget_from(connection: Connection, first: date) -> None:
    """Forget what was judged of a day and of all days after it."""
    connection.execute("delete from ops.alert_days where day >= %s", [first])
    connection.execute("delete from ops.alert_states where day >= %s", [first])
    connection.execute(
        "delete from ops.alert_transitions where happened_at > %s::timestamp at time zone 'UTC'", [first]
    )  # fmt: skip


def forget_before(connection: Connection, keep_days: int) -> None:
    """Forget alerts that have been over for so many days, what people said then, and the states of those days.

    The last state before these days stays: they may be judged again. So does every change of an alert that was open.
    """
    [oldest] = rows(
        connection,
        """
        with newest as (
            select least(max(day), (now() at time zone 'UTC')::date) - %s as forgotten from ops.alert_days
        )
        select max(day) as day, (max(forgotten) + 1)::timestamp at time zone 'UTC' as beginning
        from ops.alert_days cross join newest
        where day <= forgotten""",
        [keep_days],
    )
    day, beginning = oldest["day"], oldest["beginning"]
    if day is None:
        return
    connection.execute("delete from ops.alert_days where day < %s", [day])
    connection.execute("delete from ops.alert_states where day < %s", [day])
    connection.execute("delete from ops.alert_commands where given_at < %s::timestamp at time zone 'UTC'", [day])
    connection.execute("delete from ops.alert_silences where ends_at < %s", [beginning])
    connection.execute(
        """
        with last as (
            select distinct on (alert_key) alert_key, incident, state_after in ('inactive', 'resolved') as is_over
            from ops.alert_transitions
            where happened_at <= %(beginning)s
            order by alert_key, happened_at desc, position desc
        )
        delete from ops.alert_transitions as t
        using last
        where t.alert_key = last.alert_key and t.happened_at <= %(beginning)s
            and (last.is_over or t.incident < last.incident)""",
        {"beginning": beginning},
    )


def record_day(
    connection: Connection, day: date, states: Mapping[str, Mapping[str, Any]], transitions: Iterable[Row]
) -> None:  # fmt: skip
    """Record what was judged of a day."""
    connection.execute("insert into ops.alert_days (day) values (%s)", [day])
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.alert_states (day, alert_key, alert_state) values (%s, %s, %s)",
            [(day, key, json.dumps(state)) for key, state in states.items()],
        )
        cursor.executemany(
            """
            insert into ops.alert_transitions (
                alert_key, happened_at, position, family, severity, rule, rule_version, alert_labels, incident, who,
                state_before, state_after, value, since, metric, sentence
            ) values (
                %(alert_key)s, %(happened_at)s, %(position)s, %(family)s, %(severity)s, %(rule)s, %(rule_version)s,
                %(alert_labels)s, %(incident)s, %(who)s, %(state_before)s, %(state_after)s, %(value)s, %(since)s,
                %(metric)s, %(sentence)s
            )""",
            [{**one, "alert_labels": json.dumps(one["alert_labels"])} for one in transitions],
        )


def transitions(
    connection: Connection, after: datetime | None = None, until: datetime | None = None, key: str | None = None
) -> list[Row]:
    """The transitions after a moment, up to another, of all alerts or of one, in order."""
    return rows(
        connection,
        """
        select alert_key, happened_at, position, rule, rule_version, alert_labels, incident, who, state_before,
            state_after, value, since
        from ops.alert_transitions
        where happened_at > coalesce(%s::timestamptz, '-infinity')
            and happened_at <= coalesce(%s::timestamptz, 'infinity')
            and alert_key = coalesce(%s::text, alert_key)
        order by happened_at, alert_key, position""",
        [after, until, key],
    )


def transitions_of(connection: Connection, keys: Sequence[str]) -> list[Row]:
    """All transitions of some alerts, in order."""
    return rows(
        connection,
        """
        select alert_key, happened_at, position, rule, rule_version, alert_labels, incident, who, state_before,
            state_after, value, since
        from ops.alert_transitions
        where alert_key = any(%s)
        order by happened_at, alert_key, position""",
        [list(keys)],
    )


def command(connection: Connection, key: str, kind: str, at: datetime, who: str, reason: str | None) -> None:
    """Record what a person did to an alert."""
    connection.execute(
        "insert into ops.alert_commands (alert_key, kind, given_at, who, reason) values (%s, %s, %s, %s, %s)",
        [key, kind, at, who, reason],
    )


def commands(connection: Connection, after: datetime) -> list[Row]:
    """What people did to alerts after a moment, in order."""
    return rows(
        connection,
        "select alert_key, kind, given_at, who, reason from ops.alert_commands where given_at > %s "
        "order by given_at, command_id",
        [after],
    )


def silence(connection: Connection, row: Row) -> None:
    """Record a silence."""
    connection.execute(
        """
        insert into ops.alert_silences (matchers, starts_at, ends_at, recurrence, who, reason)
        values (%(matchers)s, %(starts_at)s, %(ends_at)s, %(recurrence)s, %(who)s, %(reason)s)""",
        {**row, **{name: row[name] and json.dumps(row[name]) for name in ("matchers", "recurrence")}},
    )


def silences(connection: Connection) -> list[Row]:
    """All silences, also those that have ended: what was told depends on them."""
    return rows(connection, "select * from ops.alert_silences order by silence_id")


def told(connection: Connection) -> Mapping[str, Any] | None:
    """Up to when transitions were told, as JSON; None before the first time."""
    found = rows(connection, "select told from ops.alert_told")
    return found[0]["told"] if found else None


def set_told(connection: Connection, state: Mapping[str, Any]) -> None:
    """Record up to when transitions were told."""
    connection.execute(
        "insert into ops.alert_told (told) values (%s) on conflict (is_the_only) do update set told = excluded.told",
        [json.dumps(state)],
    )


def points(connection: Connection, table: str, metrics: Sequence[str], first: date, after: date) -> list[Row]:
    """The points of some metrics in [first, after), of the series table of a family."""
    text = sql.SQL(
        "select series_id, metric, grain, tenant_id, entity, series_labels, bucket, value, weight from {} "
        "where day >= %s and day < %s and metric = any(%s) order by series_id, bucket"
    )
    return _read(connection, text, table, [first, after, list(metrics)])


def deviations(connection: Connection, table: str, first: date, after: date, off_a_line: float) -> list[Row]:
    """How far each point deviates that begins an anomaly, and 0 for the other points of series that had one.

    An anomaly off a constant line, which has no deviation, gets `off_a_line`.
    """
    text = sql.SQL(
        "select metric, grain, tenant_id, entity, series_labels, bucket, "
        "case when is_anomaly then coalesce(abs(deviation), %s) else 0 end as value "
        "from {table} where day >= %s and day < %s and series_id in ("
        "select series_id from {table} where is_anomaly and day >= %s::date - %s and day < %s"
        ") order by series_id, bucket"
    )
    return _read(connection, text, table, [off_a_line, first, after, first, DAYS_OPEN, after])


def own_points(connection: Connection, first: date, after: date) -> list[Row]:
    """The pipeline's own numbers by day: published rows, how long publishing took, the share of rejected rows."""
    return rows(
        connection,
        """
        select 'published_rows' as metric, '' as entity, period_start as day, sum(rows)::double precision as value
        from ops.partitions where period_start >= %s and period_start < %s and period_end = period_start + 1
        group by 3
        union all
        select 'publish_duration_ms', table_name, period_start, duration_ms::double precision
        from ops.partitions where period_start >= %s and period_start < %s and period_end = period_start + 1
        union all
        select 'rejected_ratio', table_name, day, sum(rows_rejected)::double precision / sum(rows_read)
        from ops.loaded_days where day >= %s and day < %s
        group by 2, 3 having sum(rows_read) > 0
        order by 1, 2, 3""",
        [first, after] * 3,
    )


def _read(connection: Connection, text: sql.SQL, table: str, values: Sequence[Any]) -> list[Row]:
    """The rows of a query about a table, which may not be there before the first run of its family."""
    present = connection.execute("select to_regclass(%s) is not null", [table]).fetchone()
    if present is None or not present[0]:
        return []
    name = identifier(table)
    return rows(connection, text.format(name, table=name), values)
