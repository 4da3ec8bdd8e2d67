-- When rows last changed, which version of a check judged them, when each report was written and each view refreshed.
-- What was there before gets NULL or no row, which is unknown and counts as current.

alter table ops.partitions add column changed_at timestamptz;
alter table ops.partitions alter column changed_at set default clock_timestamp();
comment on column ops.partitions.changed_at is 'When the content of the partition last changed, which an identical materialization leaves as it is; NULL = unknown, before this was kept.';

alter table ops.check_results add column code_version text;
comment on column ops.check_results.code_version is 'Hash of the check that judged; NULL = unknown, or a check that is part of the load.';

create table ops.written_reports (
    family text not null,
    cadence text not null,
    period_start date not null,
    written_at timestamptz not null,
    code_version text not null,
    final_from date not null,
    is_final boolean not null,
    has_next boolean not null,
    run_id text,
    primary key (family, cadence, period_start)
);
comment on table ops.written_reports is 'Each report as it was last written. Whether it is still there, only its files say.';
comment on column ops.written_reports.written_at is 'The moment whose tables the report shows.';
comment on column ops.written_reports.code_version is 'Hash of the queries, templates and code that made it.';
comment on column ops.written_reports.final_from is 'Once this day is there, a report that was provisional is to be written again.';
comment on column ops.written_reports.has_next is 'Whether it links to the report after it.';

create table ops.refreshed_views (
    view_name text primary key,
    refreshed_at timestamptz not null
);
comment on table ops.refreshed_views is 'When each materialized view was last refreshed.';
