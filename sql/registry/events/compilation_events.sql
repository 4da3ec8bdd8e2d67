create table registry.compilation_events (
    event_id uuid not null,
    started_at timestamptz not null,
    completed_at timestamptz,
    organization_id text,
    user_id text,
    module_name text not null,
    version text not null,
    language text not null,
    duration_ms bigint,
    success boolean not null,
    error_message text,
    error_type text,
    cache_hit boolean,
    file_count bigint,
    output_size bigint,
    compiler_version text,
    revision bigint,
    constraint user_id_not_empty check (user_id <> ''),
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint language_not_empty check (language <> ''),
    constraint completed_after_start check (completed_at >= started_at),
    constraint duration_ms_not_negative check (duration_ms >= 0),
    constraint file_count_not_negative check (file_count >= 0),
    constraint output_size_not_negative check (output_size >= 0),
    constraint error_only_on_failure check ((error_message is null and error_type is null) or not success),
    constraint duration_ms_not_too_large check (duration_ms <= 604800000),
    constraint file_count_not_too_large check (file_count <= 1000000000),
    constraint output_size_not_too_large check (output_size <= 68719476736),
    constraint organization_id_not_too_long check (length(organization_id) <= 100),
    constraint user_id_not_too_long check (length(user_id) <= 200),
    constraint module_name_not_too_long check (length(module_name) <= 256),
    constraint version_not_too_long check (length(version) <= 100),
    constraint language_not_too_long check (length(language) <= 100),
    constraint error_message_not_too_long check (length(error_message) <= 1000000),
    constraint error_type_not_too_long check (length(error_type) <= 256),
    constraint compiler_version_not_too_long check (length(compiler_version) <= 256),
    constraint revision_not_negative check (revision >= 0)
) partition by range (started_at);

comment on table registry.compilation_events is 'One compilation of a version of a module into one language.';
comment on column registry.compilation_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column registry.compilation_events.started_at is 'When the compilation started. The partition column.';
comment on column registry.compilation_events.completed_at is 'When it ended; NULL when that was never reported.';
comment on column registry.compilation_events.organization_id is 'Organisation of the user; NULL when there is none.';
comment on column registry.compilation_events.user_id is 'User or service account; NULL for anonymous ones.';
comment on column registry.compilation_events.module_name is 'Module that was compiled.';
comment on column registry.compilation_events.version is 'Version of the module.';
comment on column registry.compilation_events.language is 'Target language.';
comment on column registry.compilation_events.duration_ms is 'How long it took, in milliseconds; NULL when unknown.';
comment on column registry.compilation_events.success is 'Whether it succeeded.';
comment on column registry.compilation_events.error_message is 'Why it failed; only when it did.';
comment on column registry.compilation_events.error_type is 'Kind of failure; only when it failed.';
comment on column registry.compilation_events.cache_hit is 'Whether a cache answered; NULL when the source does not know it.';
comment on column registry.compilation_events.file_count is 'Source files compiled.';
comment on column registry.compilation_events.output_size is 'Size of the output, in bytes.';
comment on column registry.compilation_events.compiler_version is 'Version of the compiler.';
comment on column registry.compilation_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
