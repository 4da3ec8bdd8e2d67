-- Partitions: a row for each one that was published, also when it is empty. Also when views were refreshed.

create table ops.partitions (
    table_name text not null,
    period_start date not null,
    period_end date not null,
    rows bigint not null,
    code_version text not null,
    duration_ms bigint not null,
    run_id text,
    updated_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz default clock_timestamp(),
    engine text,
    in_postgres boolean not null default true,
    primary key (table_name, period_start)
);
comment on table ops.partitions is 'The latest materialization of each partition, written in the same transaction as its rows.';
comment on column ops.partitions.period_end is 'First day after the partition.';
comment on column ops.partitions.code_version is 'Hash of the statement (or contract) that produced it.';
comment on column ops.partitions.run_id is 'Dagster run that wrote it.';
comment on column ops.partitions.changed_at is 'When the content of the partition last changed, which an identical materialization leaves as it is; NULL = unknown, before this was kept.';
comment on column ops.partitions.engine is 'The engine that computed the rows: postgresql or duckdb. NULL for raw days, and before this was kept.';
comment on column ops.partitions.in_postgres is 'Whether PostgreSQL has the rows; if not, the lake alone has them.';

create table ops.refreshed_views (
    view_name text primary key,
    refreshed_at timestamptz not null
);
comment on table ops.refreshed_views is 'When each materialized view was last refreshed.';
