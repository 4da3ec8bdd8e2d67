-- The latest result of each check of each partition.

create table ops.check_results (
    table_name text not null,
    check_name text not null,
    period_start date not null,
    period_end date not null,
    passed boolean not null,
    severity text not null,
    description text not null,
    unexpected_count bigint not null,
    sample jsonb not null,
    run_id text,
    checked_at timestamptz not null default clock_timestamp(),
    code_version text,
    primary key (table_name, check_name, period_start),
    constraint severity_known check (severity in ('error', 'warn'))
);
create index check_results_that_failed on ops.check_results (table_name, period_start) where not passed;
comment on table ops.check_results is 'The latest result of each check of each partition. A view has one result, on the day it was refreshed for.';
comment on column ops.check_results.severity is 'error stops what is downstream of the partition; warn only tells.';
comment on column ops.check_results.unexpected_count is 'Rows that should not be there.';
comment on column ops.check_results.sample is 'Some of these rows, as a list of objects.';
comment on column ops.check_results.code_version is 'Hash of the check that judged; NULL = unknown, or a check that is part of the load.';
