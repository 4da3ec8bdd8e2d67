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
