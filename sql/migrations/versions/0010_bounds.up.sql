-- Bounds of numbers and texts, revisions of events, cancelled executions, and days whose raw events are not kept.

alter table registry.compilation_events add column revision bigint;
alter table registry.download_events add column revision bigint;
alter table registry.module_view_events add column revision bigint;
alter table schedules.schedule_events add column revision bigint;
alter table usage.schema_usage_events add column revision bigint;
comment on column registry.compilation_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
comment on column registry.download_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
comment on column registry.module_view_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
comment on column schedules.schedule_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';
comment on column usage.schema_usage_events.revision is 'Of several records with one event_id on a day the one with the highest revision counts; NULL is the lowest.';

alter table schedules.schedule_events drop constraint result_known;
comment on column schedules.schedule_events.result is 'How the attempt ended: success, failure, skipped, cancelled, timeout, or retry when another attempt follows.';

-- Rows that are there may break a bound, and those that were archived, too: where days were loaded, only new rows obey.
do $$
declare
    bound record;
begin
    for bound in
        select *
        from (values
            ('schedules.schedule_events', 'result_known', 'result in (''success'', ''failure'', ''skipped'', ''timeout'', ''retry'', ''cancelled'')'),
            ('registry.compilation_events', 'duration_ms_not_too_large', 'duration_ms <= 604800000'),
            ('registry.compilation_events', 'file_count_not_too_large', 'file_count <= 1000000000'),
            ('registry.compilation_events', 'output_size_not_too_large', 'output_size <= 68719476736'),
            ('registry.compilation_events', 'organization_id_not_too_long', 'length(organization_id) <= 100'),
            ('registry.compilation_events', 'user_id_not_too_long', 'length(user_id) <= 200'),
            ('registry.compilation_events', 'module_name_not_too_long', 'length(module_name) <= 256'),
            ('registry.compilation_events', 'version_not_too_long', 'length(version) <= 100'),
            ('registry.compilation_events', 'language_not_too_long', 'length(language) <= 100'),
            ('registry.compilation_events', 'error_message_not_too_long', 'length(error_message) <= 1000000'),
            ('registry.compilation_events', 'error_type_not_too_long', 'length(error_type) <= 256'),
            ('registry.compilation_events', 'compiler_version_not_too_long', 'length(compiler_version) <= 256'),
            ('registry.compilation_events', 'revision_not_negative', 'revision >= 0'),
            ('registry.download_events', 'file_size_not_too_large', 'file_size <= 68719476736'),
            ('registry.download_events', 'duration_ms_not_too_large', 'duration_ms <= 604800000'),
            ('registry.download_events', 'user_id_not_too_long', 'length(user_id) <= 200'),
            ('registry.download_events', 'organization_id_not_too_long', 'length(organization_id) <= 100'),
            ('registry.download_events', 'module_name_not_too_long', 'length(module_name) <= 256'),
            ('registry.download_events', 'version_not_too_long', 'length(version) <= 100'),
            ('registry.download_events', 'language_not_too_long', 'length(language) <= 100'),
            ('registry.download_events', 'error_message_not_too_long', 'length(error_message) <= 1000000'),
            ('registry.download_events', 'ip_address_not_too_long', 'length(ip_address) <= 1000'),
            ('registry.download_events', 'user_agent_not_too_long', 'length(user_agent) <= 1000000'),
            ('registry.download_events', 'client_sdk_not_too_long', 'length(client_sdk) <= 256'),
            ('registry.download_events', 'client_version_not_too_long', 'length(client_version) <= 256'),
            ('registry.download_events', 'revision_not_negative', 'revision >= 0'),
            ('registry.module_view_events', 'user_id_not_too_long', 'length(user_id) <= 200'),
            ('registry.module_view_events', 'organization_id_not_too_long', 'length(organization_id) <= 100'),
            ('registry.module_view_events', 'module_name_not_too_long', 'length(module_name) <= 256'),
            ('registry.module_view_events', 'version_not_too_long', 'length(version) <= 100'),
            ('registry.module_view_events', 'referrer_not_too_long', 'length(referrer) <= 1000000'),
            ('registry.module_view_events', 'ip_address_not_too_long', 'length(ip_address) <= 1000'),
            ('registry.module_view_events', 'user_agent_not_too_long', 'length(user_agent) <= 1000000'),
            ('registry.module_view_events', 'revision_not_negative', 'revision >= 0'),
            ('schedules.schedule_events', 'retry_count_not_too_large', 'retry_count <= 1000000'),
            ('schedules.schedule_events', 'queue_time_ms_not_too_large', 'queue_time_ms <= 31622400000'),
            ('schedules.schedule_events', 'processing_time_ms_not_too_large', 'processing_time_ms <= 31622400000'),
            ('schedules.schedule_events', 'kafka_partition_not_too_large', 'kafka_partition <= 2147483647'),
            ('schedules.schedule_events', 'schedule_id_not_too_long', 'length(schedule_id) <= 256'),
            ('schedules.schedule_events', 'execution_id_not_too_long', 'length(execution_id) <= 256'),
            ('schedules.schedule_events', 'source_id_not_too_long', 'length(source_id) <= 1000'),
            ('schedules.schedule_events', 'event_type_not_too_long', 'length(event_type) <= 100'),
            ('schedules.schedule_events', 'kafka_topic_not_too_long', 'length(kafka_topic) <= 256'),
            ('schedules.schedule_events', 'error_message_not_too_long', 'length(error_message) <= 1000000'),
            ('schedules.schedule_events', 'revision_not_negative', 'revision >= 0'),
            ('usage.schema_usage_events', 'latency_ms_not_too_large', 'latency_ms <= 86400000'),
            ('usage.schema_usage_events', 'service_not_too_long', 'length(service) <= 256'),
            ('usage.schema_usage_events', 'region_not_too_long', 'length(region) <= 100'),
            ('usage.schema_usage_events', 'error_message_not_too_long', 'length(error_message) <= 1000000'),
            ('usage.schema_usage_events', 'revision_not_negative', 'revision >= 0')
        ) as bounds (table_name, name, condition)
    loop
        execute format(
            'alter table %s add constraint %I check (%s) %s', bound.table_name, bound.name, bound.condition,
            case when exists (select from ops.partitions as p where p.table_name = bound.table_name) then 'not valid' end
        );
    end loop;
end
$$;

-- Derived tables that are there get the new column as the last one, as their SELECT has it.
do $$
declare
    derived text;
begin
    foreach derived in array array['schedule_activity_daily', 'schedule_performance_daily', 'schedule_stats_daily'] loop
        if to_regclass('schedules.' || derived) is not null then
            execute format('alter table schedules.%I add column cancelled_count bigint default 0', derived);
            execute format('alter table schedules.%I alter column cancelled_count drop default', derived);
            execute format('comment on column schedules.%I.cancelled_count is ''Attempts that were cancelled.''', derived);
        end if;
    end loop;
end
$$;

create table ops.dropped_days (
    table_name text not null,
    day date not null,
    rows bigint not null,
    dropped_at timestamptz not null default clock_timestamp(),
    primary key (table_name, day)
);
comment on table ops.dropped_days is 'Days of event tables whose rows were not kept once all was made of them: their landing files are the only place they are in.';
comment on column ops.dropped_days.rows is 'Rows that the partition had.';

alter table ops.days drop constraint day_state_known;
alter table ops.days add constraint day_state_known check (state in ('expected', 'provisional', 'final', 'frozen_late', 'failed', 'archived', 'dropped'));
comment on column ops.days.state is 'expected = it should be there and is not; provisional = late events can change it; final = they cannot; frozen_late = final, and files that came late or were replaced wait for it to be reopened; failed = a check of severity error or the last attempt to write it failed; archived = its rows are in the archive; dropped = its rows were not kept, all was made of them.';
