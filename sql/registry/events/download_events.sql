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
    constraint user_id_not_empty check (user_id <> ''),
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint language_not_empty check (language <> ''),
    constraint file_size_not_negative check (file_size >= 0),
    constraint duration_ms_not_negative check (duration_ms >= 0),
    constraint error_message_only_on_failure check (error_message is null or not success)
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
