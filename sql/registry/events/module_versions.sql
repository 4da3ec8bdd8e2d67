create table registry.module_versions (
    event_id uuid not null,
    registered_at timestamptz not null,
    organization_id text,
    module_name text not null,
    version text not null,
    format text not null,
    files jsonb not null,
    size_bytes bigint not null,
    previous_version text,
    published_at timestamptz,
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint previous_version_not_empty check (previous_version <> ''),
    constraint previous_version_is_another check (previous_version <> version),
    constraint format_known check (format in ('protobuf', 'avro', 'json_schema')),
    constraint files_are_texts check (ops.is_text_map(files)),
    constraint files_not_too_large check (ops.json_bytes(files) <= 1000000),
    constraint published_before_registered check (published_at <= registered_at),
    constraint size_bytes_not_negative check (size_bytes >= 0),
    constraint size_bytes_not_too_large check (size_bytes <= 1000000000),
    constraint organization_id_not_too_long check (length(organization_id) <= 100),
    constraint module_name_not_too_long check (length(module_name) <= 256),
    constraint version_not_too_long check (length(version) <= 100),
    constraint previous_version_not_too_long check (length(previous_version) <= 100)
) partition by range (registered_at);

comment on table registry.module_versions is 'One version of a module that was registered, with the source of its schemas. A day may have none.';
comment on column registry.module_versions.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column registry.module_versions.registered_at is 'When the version was registered. The partition column.';
comment on column registry.module_versions.organization_id is 'Organisation that the module belongs to; NULL when there is none.';
comment on column registry.module_versions.module_name is 'Module.';
comment on column registry.module_versions.version is 'Version of the module.';
comment on column registry.module_versions.format is 'Language of the schemas: protobuf, avro or json_schema.';
comment on column registry.module_versions.files is 'Source: a JSON object from the path of each file within the module to its text.';
comment on column registry.module_versions.size_bytes is 'Size of the source, in bytes.';
comment on column registry.module_versions.previous_version is 'Version that this one follows; NULL for the first one, or when the source does not know it.';
comment on column registry.module_versions.published_at is 'When it was first published, if the registry took it over later from elsewhere; NULL when it was published as it was registered. Its fields are as old as that.';
