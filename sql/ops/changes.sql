-- The change record: a row for each new computation that changed the content of a partition.

create table ops.changes (
    change_id bigint generated always as identity primary key,
    table_name text not null,
    period_start date not null,
    period_end date not null,
    changed_at timestamptz not null default clock_timestamp(),
    published boolean not null,
    rows_before bigint not null,
    rows_after bigint not null,
    rows_added bigint not null,
    rows_removed bigint not null,
    rows_changed bigint not null,
    measures jsonb not null,
    code_version_before text not null,
    code_version_after text not null,
    run_id text
);
create index changes_by_period on ops.changes (table_name, period_start);
comment on table ops.changes is 'Changes of the content of a partition that was there before, written in the same transaction as its rows.';
comment on column ops.changes.published is 'False for a change that was refused: readers kept the old rows.';
comment on column ops.changes.rows_changed is 'Rows whose key was there before and after, with other values.';
comment on column ops.changes.measures is 'Of each column that can be added up, over rows that add up no others: old total, new total, percent (null when the old total is 0). Of a refused change also the sums that exceeded the limit.';
