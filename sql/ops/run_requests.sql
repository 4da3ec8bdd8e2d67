-- Runs that the API was asked for. A sensor of the daemon hands them to Dagster.

create table ops.run_requests (
    request_id uuid primary key,
    first_day date not null,
    last_day date not null,
    requested_by text not null,
    reason text,
    requested_at timestamptz not null default clock_timestamp(),
    taken_at timestamptz,
    constraint days_in_order check (last_day >= first_day)
);
comment on table ops.run_requests is 'The runs of days that somebody asked the API for.';
comment on column ops.run_requests.request_id is 'Names the run: the tag analytics_etl/request of the Dagster run has it.';
comment on column ops.run_requests.taken_at is 'When the daemon took it up; NULL = it waits.';
