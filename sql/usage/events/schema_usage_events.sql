create table usage.schema_usage_events (
    event_id uuid not null,
    occurred_at timestamptz not null,
    schema_id uuid not null,
    operation text not null,
    service text not null,
    region text not null,
    latency_ms bigint not null,
    success boolean not null,
    error_message text,
    revision bigint,
    schema_name text,
    constraint schema_id_not_nil check (schema_id <> '00000000-0000-0000-0000-000000000000'),
    constraint operation_known check (
        operation in ('read', 'write', 'validate', 'compatibility_check', 'register', 'list', 'delete')
    ),
    constraint service_not_empty check (service <> ''),
    constraint region_not_empty check (region <> ''),
    constraint latency_ms_not_negative check (latency_ms >= 0),
    constraint error_only_on_failure check (error_message is null or not success),
    constraint latency_ms_not_too_large check (latency_ms <= 86400000),
    constraint service_not_too_long check (length(service) <= 256),
    constraint region_not_too_long check (length(region) <= 100),
    constraint error_message_not_too_long check (length(error_message) <= 1000000),
    constraint revision_not_negative check (revision >= 0),
    constraint schema_name_not_too_long check (length(schema_name) <= 256)
) partition by range (occurred_at);

comment on table usage.schema_usage_events is 'One operation of a service on a schema.';
comment on column usage.schema_usage_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column usage.schema_usage_events.occurred_at is 'When the operation began. The partition column.';
comment on column usage.schema_usage_events.schema_id is 'Schema; the nil UUID, which stands for all schemas in aggregates, is refused.';
comment on column usage.schema_usage_events.operation is 'read, write, validate, compatibility_check, register, list or delete.';
comment on column usage.schema_usage_events.service is 'Service that asked.';
comment on column usage.schema_usage_events.region is 'Region the service runs in.';
comment on column usage.schema_usage_events.latency_ms is 'How long the answer took, in whole milliseconds, so that sums are exact.';
comment on column usage.schema_usage_events.success is 'Whether it succeeded.';
comment on column usage.schema_usage_events.error_message is 'Why it failed; only when it did.';
comment on column usage.schema_usage_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
comment on column usage.schema_usage_events.schema_name is 'What the schema is called, where the source knows it; schemas are told apart by their id alone.';
