-- The event tables of the family services.

create schema if not exists services;

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

create table services.service_events (
    event_id uuid not null,
    occurred_at timestamptz not null,
    event_type text not null,
    service_id text not null,
    user_id text,
    metadata jsonb not null,
    tags jsonb not null,
    constraint event_type_not_empty check (event_type <> ''),
    constraint service_id_not_empty check (service_id <> ''),
    constraint user_id_not_empty check (user_id <> ''),
    constraint metadata_of_texts check (ops.is_text_map(metadata)),
    constraint tags_of_texts check (ops.is_text_map(tags)),
    constraint metadata_not_too_large check (ops.json_bytes(metadata) <= 65536),
    constraint tags_not_too_large check (ops.json_bytes(tags) <= 4096),
    constraint event_type_not_too_long check (length(event_type) <= 100),
    constraint service_id_not_too_long check (length(service_id) <= 256),
    constraint user_id_not_too_long check (length(user_id) <= 200)
) partition by range (occurred_at);

comment on table services.service_events is 'Something that happened in a service.';
comment on column services.service_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column services.service_events.occurred_at is 'When it happened. The partition column.';
comment on column services.service_events.event_type is 'What happened, such as stream_started.';
comment on column services.service_events.service_id is 'Service it happened in.';
comment on column services.service_events.user_id is 'User it was done for; NULL when it was done for nobody.';
comment on column services.service_events.metadata is 'What else the service says about it: an object of texts, which may be empty.';
comment on column services.service_events.tags is 'Labels of the service, such as its region: an object of texts, which may be empty.';

create table services.user_behavior_events (
    event_id uuid not null,
    occurred_at timestamptz not null,
    user_id text not null,
    action text not null,
    content_id text,
    client_ip text,
    user_agent text,
    session_id text,
    duration_ms bigint,
    success boolean not null,
    error_message text,
    constraint user_id_not_empty check (user_id <> ''),
    constraint action_not_empty check (action <> ''),
    constraint content_id_not_empty check (content_id <> ''),
    constraint session_id_not_empty check (session_id <> ''),
    constraint duration_ms_not_negative check (duration_ms >= 0),
    constraint error_only_on_failure check (error_message is null or not success),
    constraint duration_ms_not_too_large check (duration_ms <= 86400000),
    constraint user_id_not_too_long check (length(user_id) <= 200),
    constraint action_not_too_long check (length(action) <= 100),
    constraint content_id_not_too_long check (length(content_id) <= 256),
    constraint client_ip_not_too_long check (length(client_ip) <= 1000),
    constraint user_agent_not_too_long check (length(user_agent) <= 1000000),
    constraint session_id_not_too_long check (length(session_id) <= 200),
    constraint error_message_not_too_long check (length(error_message) <= 1000000)
) partition by range (occurred_at);

comment on table services.user_behavior_events is 'One action of a user of the streaming services.';
comment on column services.user_behavior_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column services.user_behavior_events.occurred_at is 'When the action began. The partition column.';
comment on column services.user_behavior_events.user_id is 'User who acted.';
comment on column services.user_behavior_events.action is 'What the user did, such as login, view, play or complete.';
comment on column services.user_behavior_events.content_id is 'What it was done with; NULL when the action is about no content.';
comment on column services.user_behavior_events.client_ip is 'Address of the client. Personal data.';
comment on column services.user_behavior_events.user_agent is 'User agent of the client. Personal data.';
comment on column services.user_behavior_events.session_id is 'Session of the user that the action belongs to; NULL when it belongs to none.';
comment on column services.user_behavior_events.duration_ms is 'How long the action took, in whole milliseconds; NULL when the source does not know it.';
comment on column services.user_behavior_events.success is 'Whether it succeeded.';
comment on column services.user_behavior_events.error_message is 'Why it failed; only when it did.';
