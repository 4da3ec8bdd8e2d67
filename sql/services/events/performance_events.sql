create table services.performance_events (
    event_id uuid not null,
    occurred_at timestamptz not null,
    service_id text not null,
    operation text not null,
    duration_ms bigint,
    resource_mb double precision,
    throughput double precision,
    success boolean not null,
    error_type text,
    constraint service_id_not_empty check (service_id <> ''),
    constraint operation_not_empty check (operation <> ''),
    constraint error_type_not_empty check (error_type <> ''),
    constraint duration_ms_not_negative check (duration_ms >= 0),
    constraint resource_mb_not_negative check (resource_mb >= 0),
    constraint throughput_not_negative check (throughput >= 0),
    constraint error_type_only_on_failure check (error_type is null or not success),
    constraint duration_ms_not_too_large check (duration_ms <= 86400000),
    constraint resource_mb_not_too_large check (resource_mb <= 1000000000),
    constraint throughput_not_too_large check (throughput <= 1000000000),
    constraint service_id_not_too_long check (length(service_id) <= 256),
    constraint operation_not_too_long check (length(operation) <= 200),
    constraint error_type_not_too_long check (length(error_type) <= 200)
) partition by range (occurred_at);

comment on table services.performance_events is 'One operation that a service carried out.';
comment on column services.performance_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column services.performance_events.occurred_at is 'When the operation began. The partition column.';
comment on column services.performance_events.service_id is 'Service that carried it out.';
comment on column services.performance_events.operation is 'What was done.';
comment on column services.performance_events.duration_ms is 'How long it took, in whole milliseconds, so that sums are exact; NULL when the source does not know it.';
comment on column services.performance_events.resource_mb is 'Memory it used, in megabytes, or what the source counts in its place; NULL when unknown.';
comment on column services.performance_events.throughput is 'What it got through, in the unit that the operation counts, such as frames per second; NULL when unknown.';
comment on column services.performance_events.success is 'Whether it succeeded.';
comment on column services.performance_events.error_type is 'Kind of the error; only when it failed.';
