create table registry.field_usage_events (
    event_id uuid not null,
    used_at timestamptz not null,
    organization_id text,
    module_name text not null,
    version text,
    entity text not null,
    field text not null,
    service text,
    client_sdk text,
    client_version text,
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint entity_not_empty check (entity <> ''),
    constraint field_not_empty check (field <> ''),
    constraint service_not_empty check (service <> ''),
    constraint organization_id_not_too_long check (length(organization_id) <= 100),
    constraint module_name_not_too_long check (length(module_name) <= 256),
    constraint version_not_too_long check (length(version) <= 100),
    constraint entity_not_too_long check (length(entity) <= 200),
    constraint field_not_too_long check (length(field) <= 100),
    constraint service_not_too_long check (length(service) <= 100),
    constraint client_sdk_not_too_long check (length(client_sdk) <= 256),
    constraint client_version_not_too_long check (length(client_version) <= 256)
) partition by range (used_at);

comment on table registry.field_usage_events is 'One use of a field of a schema by a client: it was read or written.';
comment on column registry.field_usage_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column registry.field_usage_events.used_at is 'When the field was used. The partition column.';
comment on column registry.field_usage_events.organization_id is 'Organisation of the client; NULL when there is none.';
comment on column registry.field_usage_events.module_name is 'Module that the schema belongs to.';
comment on column registry.field_usage_events.version is 'Version of the module that the client has; NULL when it does not say.';
comment on column registry.field_usage_events.entity is 'Message, record or object of the field: its full name, or its JSON pointer in a JSON Schema.';
comment on column registry.field_usage_events.field is 'Field.';
comment on column registry.field_usage_events.service is 'Service that used it; NULL when it does not say.';
comment on column registry.field_usage_events.client_sdk is 'Client library that used it; NULL when it does not say.';
comment on column registry.field_usage_events.client_version is 'Version of the client library.';
