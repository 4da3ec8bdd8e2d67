-- The lake: the Parquet file of each raw day. Paths are relative to the lake (ANALYTICS_LAKE).

create table ops.lake_files (
    path text primary key,
    table_name text not null,
    day date not null,
    rows bigint not null,
    size_bytes bigint not null,
    sha256 text not null,
    contract_version text not null,
    has_personal_data boolean not null,
    run_id text,
    written_at timestamptz not null default clock_timestamp(),
    superseded_at timestamptz
);
comment on table ops.lake_files is 'The files of the lake. A file is current from the transaction that writes its row until another one supersedes it.';
comment on column ops.lake_files.path is 'Path relative to the lake: <family>/<table>/day=<day>/<first digits of the SHA-256>.parquet.';
comment on column ops.lake_files.contract_version is 'Hash of the contract that its rows were validated against.';
comment on column ops.lake_files.has_personal_data is 'Whether a personal column of any row has a value.';
comment on column ops.lake_files.run_id is 'Dagster run that wrote it.';
comment on column ops.lake_files.superseded_at is 'Since when it is no longer the file of its day; it is removed after a grace period, since a reader may have it open. NULL = current.';

create unique index lake_files_current on ops.lake_files (table_name, day) where superseded_at is null;

create view ops.current_lake_files as
    select table_name, day, path, rows, size_bytes, sha256, contract_version, has_personal_data, run_id, written_at
    from ops.lake_files
    where superseded_at is null;
comment on view ops.current_lake_files is 'The current file of each raw day in the lake.';

create function ops.rows_are_in_the_lake(name text) returns setof record language plpgsql as $$
begin
    raise exception 'the rows of % are in the lake, not in PostgreSQL', name
        using hint = 'Ask by: analytics-etl sql -c "select ..."';
end
$$;
comment on function ops.rows_are_in_the_lake is 'Raises an error: the view that reads it has columns, but no rows in PostgreSQL.';
