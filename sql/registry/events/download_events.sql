create table registry.download_events (
    event_id uuid not null,
    downloaded_at timestamptz not null,
    user_id text,
    organization_id text,
    module_name text not null,
    version text not null,
    language text,
    file_size bigint not null,
    duration_ms bigint,
    success boolean not null,
    error_message text,
    ip_address text,
    user_agent text,
    client_sdk text,
    client_version text,
    cache_hit boolean,
    revision bigint,
    constraint user_id_not_empty check (user_id <> ''),
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint language_not_empty check (language <> ''),
    constraint file_size_not_negative check (file_size >= 0),
    constraint duration_ms_not_negative check (duration_ms >= 0),
    constraint error_message_only_on_failure check (error_message is null or not success),
    constraint file_size_not_too_large check (file_size <= 68719476736),
    constraint duration_ms_not_too_large check (duration_ms <= 604800000),
    constraint user_id_not_too_long check (length(user_id) <= 200),
    constraint organization_id_not_too_long check (length(organization_id) <= 100),
    constraint module_name_not_too_long check (length(module_name) <= 256),
    constraint version_not_too_long check (length(version) <= 100),
    constraint language_not_too_long check (length(language) <= 100),
    constraint error_message_not_too_long check (length(error_message) <= 1000000),
    constraint ip_address_not_too_long check (length(ip_address) <= 1000),
    constraint user_agent_not_too_long check (length(user_agent) <= 1000000),
    constraint client_sdk_not_too_long check (length(client_sdk) <= 256),
    constraint client_version_not_too_long check (length(client_version) <= 256),
    constraint revision_not_negative check (revision >= 0)
) partition by range (downloaded_at);

comment on table registry.download_events is 'One download of one version of a module, successful or not.';
comment on column registry.download_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column registry.download_events.downloaded_at is 'When the download was asked for. The partition column.';
comment on column registry.download_events.user_id is 'User or service account; NULL for anonymous downloads.';
comment on column registry.download_events.organization_id is 'Organisation of the user; NULL when there is none.';
comment on column registry.download_events.module_name is 'Module that was downloaded.';
comment on column registry.download_events.version is 'Version of the module.';
comment on column registry.download_events.language is 'Language the client generates code for.';
comment on column registry.download_events.file_size is 'Size of what was sent, in bytes.';
comment on column registry.download_events.duration_ms is 'How long the download took, in milliseconds; NULL when the source does not know it.';
comment on column registry.download_events.success is 'Whether the download was completed.';
comment on column registry.download_events.error_message is 'Why the download failed; only when it did.';
comment on column registry.download_events.ip_address is 'Address of the client. Personal data.';
comment on column registry.download_events.user_agent is 'User agent of the client. Personal data.';
comment on column registry.download_events.client_sdk is 'Name of the client library.';
comment on column registry.download_events.client_version is 'Version of the client library.';
comment on column registry.download_events.cache_hit is 'Whether a cache answered; NULL when the source does not know it.';
comment on column registry.download_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
