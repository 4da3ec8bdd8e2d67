"""The queries behind the metrics, on the books and on Dagster's tables; all run in one transaction."""

from collections.abc import Mapping
from typing import Any

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import rows
from analytics_etl.postgres.pool import transaction

_OPS_QUERIES = {
    "newest_partitions": """
        select distinct on (table_name) table_name, period_start, rows, duration_ms
        from ops.partitions
        order by table_name, period_start desc""",
    "stored_rows": "select table_name, sum(rows)::bigint as rows from ops.partitions group by 1",
    "written": """
        select replace(table_name, '.', '/') as asset, max(updated_at) as at from ops.partitions group by 1""",
    "newest_days": """
        select d.table_name, sum(rows_read)::bigint as read, sum(rows_rejected)::bigint as rejected,
            sum(rows_duplicate)::bigint as duplicate
        from ops.loaded_days as d
        join (
            select table_name, max(day) as day from ops.loaded_days where rows_loaded is not null group by 1
        ) as newest using (table_name, day)
        where rows_loaded is not null
        group by 1""",
    "waiting_rows": """
        select table_name, sum(rows_read - rows_rejected)::bigint as rows
        from ops.loaded_days where rows_loaded is null group by 1""",
    "known_files": """
        select table_name, path, size_bytes, modified_at from ops.loaded_files where state <> 'gone'""",
    "failed_checks": """
        select table_name, severity, count(*) as failed from ops.check_results where not passed group by 1, 2""",
    "day_states": "select table_name, state, count(*) as days from ops.days group by 1, 2",
}

# Dagster keeps times without a zone; its connections and ours are in UTC.
_DAGSTER_QUERIES = {
    "materialized": """
        select array_to_string(array(select jsonb_array_elements_text(asset_key::jsonb)), '/') as asset,
            last_materialization_timestamp at time zone 'UTC' as at
        from dagster.asset_keys where last_materialization_timestamp is not null""",
    "runs": "select lower(status) as status, count(*) as runs from dagster.runs group by 1",
    "oldest_queued": """
        select min(create_timestamp) at time zone 'UTC' as at from dagster.runs where status = 'QUEUED'""",
    "heartbeats": """
        select lower(daemon_type) as daemon, timestamp at time zone 'UTC' as at from dagster.daemon_heartbeats""",
}


def observe(settings: Settings) -> Mapping[str, list[dict[str, Any]]]:
    """{name of a query: its rows}; those about Dagster are empty before its first run."""
    with transaction(settings) as connection:
        answers = {name: rows(connection, statement) for name, statement in _OPS_QUERIES.items()}
        present = connection.execute("select to_regclass('dagster.daemon_heartbeats') is not null").fetchone()
        assert present is not None
        for name, statement in _DAGSTER_QUERIES.items():
            answers[name] = rows(connection, statement) if present[0] else []
    return answers
