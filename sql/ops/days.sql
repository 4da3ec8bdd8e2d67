-- Partition states of days. Whatever changes a day writes its state in the same transaction. Also the books of reports.

create table ops.days (
    table_name text not null,
    day date not null,
    state text not null,
    is_final boolean not null default false,
    final_from date not null,
    rows bigint,
    rows_waiting bigint not null default 0,
    failed_checks text[] not null default '{}',
    warned_checks text[] not null default '{}',
    failure text,
    changed_at timestamptz not null default clock_timestamp(),
    files_waiting bigint not null default 0,
    primary key (table_name, day),
    constraint day_state_known check (state in ('expected', 'provisional', 'final', 'frozen_late', 'failed', 'archived', 'dropped'))
);
comment on table ops.days is 'Which day of which table is there, and whether it can still change.';
comment on column ops.days.state is 'expected = it should be there and is not; provisional = late events can change it; final = they cannot; frozen_late = final, and files that came late or were replaced wait for it to be reopened; failed = a check of severity error or the last attempt to write it failed; archived = its rows are in the archive; dropped = its rows were not kept, all was made of them.';
comment on column ops.days.is_final is 'Whether the day is there and the newest day of its table has reached final_from.';
comment on column ops.days.final_from is 'Once this day of the table is there, the day is final.';
comment on column ops.days.rows is 'Rows of the day; NULL when it is not there.';
comment on column ops.days.rows_waiting is 'Valid rows of the day in files that were read, and not loaded since.';
comment on column ops.days.failed_checks is 'Checks of severity error whose latest result is a failure.';
comment on column ops.days.warned_checks is 'The same of severity warn.';
comment on column ops.days.failure is 'Why the last attempt to write the day failed; NULL once one succeeded.';
comment on column ops.days.changed_at is 'When anything of this row last changed.';
comment on column ops.days.files_waiting is 'Files of the day that were read and are not loaded as they are now: they came late, were replaced, or hold none of their rows any more.';

create table ops.reports (
    family text not null,
    cadence text not null,
    period_start date not null,
    first_published_at timestamptz not null default clock_timestamp(),
    primary key (family, cadence, period_start)
);
comment on table ops.reports is 'When each report was first written with all its days loaded: later versions are compared with that one.';

create table ops.report_figures (
    family text not null,
    cadence text not null,
    period_start date not null,
    figure text not null,
    value double precision,
    primary key (family, cadence, period_start, figure)
);
comment on table ops.report_figures is 'The key figures of that first version.';

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
