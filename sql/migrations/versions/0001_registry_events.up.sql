-- Schemas, the ops tables and the event tables of the registry.

create schema if not exists registry;
create schema if not exists dagster;

-- Who did what, when and why.

create table ops.audit (
    audit_id bigint generated always as identity primary key,
    happened_at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    subject text not null,
    reason text
);
comment on table ops.audit is 'Every action of a person that changes data: backfills and the like.';
-- The latest result of each check of each partition.

create table ops.check_results (
    table_name text not null,
    check_name text not null,
    period_start date not null,
    period_end date not null,
    passed boolean not null,
    severity text not null,
    description text not null,
    unexpected_count bigint not null,
    sample jsonb not null,
    run_id text,
    checked_at timestamptz not null default clock_timestamp(),
    primary key (table_name, check_name, period_start),
    constraint severity_known check (severity in ('error', 'warn'))
);
comment on table ops.check_results is 'The latest result of each check of each partition. A view has one result, on the day it was refreshed for.';
comment on column ops.check_results.severity is 'error stops what is downstream of the partition; warn only tells.';
comment on column ops.check_results.unexpected_count is 'Rows that should not be there.';
comment on column ops.check_results.sample is 'Some of these rows, as a list of objects.';
-- What was found in the landing zone and what became of it. All times are UTC.

create table ops.loaded_files (
    table_name text not null,
    path text not null,
    size_bytes bigint not null,
    modified_at timestamptz not null,
    checksum text not null,
    state text not null,
    reason text,
    first_day date,
    last_day date,
    rows_read bigint not null,
    rows_valid bigint not null,
    rows_rejected bigint not null,
    read_at timestamptz not null default clock_timestamp(),
    primary key (table_name, path),
    constraint state_known check (state in ('read', 'cut_off', 'rejected', 'gone'))
);
comment on table ops.loaded_files is 'Every landing file as it was last read.';
comment on column ops.loaded_files.table_name is 'Event table the file is for, with its schema.';
comment on column ops.loaded_files.path is 'Path below the landing folder.';
comment on column ops.loaded_files.checksum is 'SHA-256 of the bytes of the file.';
comment on column ops.loaded_files.state is 'read; cut_off = readable up to a point; rejected = not readable at all; gone = it was read before and is no longer there.';
comment on column ops.loaded_files.reason is 'Why the file is not simply read, or what was ignored in it.';
comment on column ops.loaded_files.first_day is 'First UTC day the file holds valid events of.';
comment on column ops.loaded_files.last_day is 'Last UTC day the file holds valid events of.';

create table ops.loaded_days (
    table_name text not null,
    path text not null,
    day date not null,
    rows_read bigint not null,
    rows_rejected bigint not null,
    rows_loaded bigint,
    rows_duplicate bigint,
    rows_conflicting bigint,
    loaded_at timestamptz,
    primary key (table_name, path, day),
    constraint nothing_lost check (rows_read = rows_loaded + rows_duplicate + rows_rejected)
);
comment on table ops.loaded_days is 'The rows of each landing file on each UTC day they are of, and what became of them.';
comment on column ops.loaded_days.rows_read is 'Rows of the day in the file, rejected ones included.';
comment on column ops.loaded_days.rows_loaded is 'Rows kept; NULL until the day is loaded. A row that several files hold counts for the first one by path.';
comment on column ops.loaded_days.rows_duplicate is 'Rows left out because another row of the day has their event_id.';
comment on column ops.loaded_days.rows_conflicting is 'Those of the duplicates whose event_id came with differing contents.';

create table ops.rejected_rows (
    table_name text not null,
    path text not null,
    day date,
    line bigint,
    reason text not null,
    content text
);
create index rejected_rows_by_file on ops.rejected_rows (table_name, path);
create index rejected_rows_by_day on ops.rejected_rows (table_name, day);
comment on table ops.rejected_rows is 'Rows and files that do not fit their contract. Reading the day again after a mend of the contract, the mapping or the file replays them.';
comment on column ops.rejected_rows.day is 'UTC day of the event; NULL when the row has no usable time.';
comment on column ops.rejected_rows.line is 'Line in the file, from 1 (Parquet: row); NULL when the whole file is meant.';
comment on column ops.rejected_rows.reason is 'The column or constraint, what was expected and what came.';
comment on column ops.rejected_rows.content is 'The row as it stands in the file, cut after 10,000 characters, bytes that are no UTF-8 and NULs replaced.';
-- What is in the tables: one row for each partition that was materialised, also when it is empty.

create table ops.partitions (
    table_name text not null,
    period_start date not null,
    period_end date not null,
    rows bigint not null,
    code_version text not null,
    duration_ms bigint not null,
    run_id text,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (table_name, period_start)
);
comment on table ops.partitions is 'The latest materialization of each partition, written in the same transaction as its rows.';
comment on column ops.partitions.period_end is 'First day after the partition.';
comment on column ops.partitions.code_version is 'Hash of the statement (or contract) that produced it.';
comment on column ops.partitions.run_id is 'Dagster run that wrote it.';
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
    constraint user_id_not_empty check (user_id <> ''),
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint language_not_empty check (language <> ''),
    constraint completed_after_start check (completed_at >= started_at),
    constraint duration_ms_not_negative check (duration_ms >= 0),
    constraint file_count_not_negative check (file_count >= 0),
    constraint output_size_not_negative check (output_size >= 0),
    constraint error_only_on_failure check ((error_message is null and error_type is null) or not success)
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

create table registry.module_view_events (
    event_id uuid not null,
    viewed_at timestamptz not null,
    user_id text,
    organization_id text,
    module_name text,
    version text,
    source text not null,
    page_type text not null,
    referrer text,
    ip_address text,
    user_agent text,
    constraint user_id_not_empty check (user_id <> ''),
    constraint organization_id_not_empty check (organization_id <> ''),
    constraint module_name_not_empty check (module_name <> ''),
    constraint version_not_empty check (version <> ''),
    constraint source_known check (source in ('web', 'api', 'cli')),
    constraint page_type_known check (page_type in ('list', 'detail', 'search')),
    constraint detail_page_names_module check (page_type <> 'detail' or module_name is not null)
) partition by range (viewed_at);

comment on table registry.module_view_events is 'One view of a page about modules.';
comment on column registry.module_view_events.event_id is 'Identifier of the event, unique within a UTC day.';
comment on column registry.module_view_events.viewed_at is 'When the page was viewed. The partition column.';
comment on column registry.module_view_events.user_id is 'User or service account; NULL for anonymous views.';
comment on column registry.module_view_events.organization_id is 'Organisation of the user; NULL when there is none.';
comment on column registry.module_view_events.module_name is 'Module that was viewed; NULL for list and search pages.';
comment on column registry.module_view_events.version is 'Version that was viewed; NULL when the page is not about one.';
comment on column registry.module_view_events.source is 'Where the page was viewed: web, api or cli.';
comment on column registry.module_view_events.page_type is 'Kind of page: list, detail or search.';
comment on column registry.module_view_events.referrer is 'Page the view came from.';
comment on column registry.module_view_events.ip_address is 'Address of the client. Personal data.';
comment on column registry.module_view_events.user_agent is 'User agent of the client. Personal data.';
