-- Takes bounds, revisions and cancelled executions away; refuses to lose a revision or to forget that a day was dropped.

do $$
declare
    events text;
    loses boolean;
begin
    foreach events in array array[
        'registry.compilation_events',
        'registry.download_events',
        'registry.module_view_events',
        'schedules.schedule_events',
        'usage.schema_usage_events'
    ] loop
        execute format('select exists (select from %s where revision is not null)', events) into loses;
        if loses then
            raise exception 'the table % holds revisions, which this downgrade would lose', events
                using hint = 'empty the column first';
        end if;
    end loop;
    if exists (select from ops.dropped_days) then
        raise exception 'the table ops.dropped_days holds rows, which this downgrade would lose'
            using hint = 'Restore these days and empty the table first, or stay on this version.';
    end if;
end
$$;

-- Cancelled executions that are there stay, and break the old rule.
alter table schedules.schedule_events drop constraint result_known;
do $$
begin
    execute 'alter table schedules.schedule_events add constraint result_known '
        'check (result in (''success'', ''failure'', ''skipped'', ''timeout'', ''retry''))'
        || case when exists (select from ops.partitions where table_name = 'schedules.schedule_events') then ' not valid' else '' end;
end
$$;
comment on column schedules.schedule_events.result is 'How the attempt ended: success, failure, skipped, timeout, or retry when another attempt follows.';

alter table registry.compilation_events drop constraint duration_ms_not_too_large;
alter table registry.compilation_events drop constraint file_count_not_too_large;
alter table registry.compilation_events drop constraint output_size_not_too_large;
alter table registry.compilation_events drop constraint organization_id_not_too_long;
alter table registry.compilation_events drop constraint user_id_not_too_long;
alter table registry.compilation_events drop constraint module_name_not_too_long;
alter table registry.compilation_events drop constraint version_not_too_long;
alter table registry.compilation_events drop constraint language_not_too_long;
alter table registry.compilation_events drop constraint error_message_not_too_long;
alter table registry.compilation_events drop constraint error_type_not_too_long;
alter table registry.compilation_events drop constraint compiler_version_not_too_long;
alter table registry.compilation_events drop constraint revision_not_negative;
alter table registry.download_events drop constraint file_size_not_too_large;
alter table registry.download_events drop constraint duration_ms_not_too_large;
alter table registry.download_events drop constraint user_id_not_too_long;
alter table registry.download_events drop constraint organization_id_not_too_long;
alter table registry.download_events drop constraint module_name_not_too_long;
alter table registry.download_events drop constraint version_not_too_long;
alter table registry.download_events drop constraint language_not_too_long;
alter table registry.download_events drop constraint error_message_not_too_long;
alter table registry.download_events drop constraint ip_address_not_too_long;
alter table registry.download_events drop constraint user_agent_not_too_long;
alter table registry.download_events drop constraint client_sdk_not_too_long;
alter table registry.download_events drop constraint client_version_not_too_long;
alter table registry.download_events drop constraint revision_not_negative;
alter table registry.module_view_events drop constraint user_id_not_too_long;
alter table registry.module_view_events drop constraint organization_id_not_too_long;
alter table registry.module_view_events drop constraint module_name_not_too_long;
alter table registry.module_view_events drop constraint version_not_too_long;
alter table registry.module_view_events drop constraint referrer_not_too_long;
alter table registry.module_view_events drop constraint ip_address_not_too_long;
alter table registry.module_view_events drop constraint user_agent_not_too_long;
alter table registry.module_view_events drop constraint revision_not_negative;
alter table schedules.schedule_events drop constraint retry_count_not_too_large;
alter table schedules.schedule_events drop constraint queue_time_ms_not_too_large;
alter table schedules.schedule_events drop constraint processing_time_ms_not_too_large;
alter table schedules.schedule_events drop constraint kafka_partition_not_too_large;
alter table schedules.schedule_events drop constraint schedule_id_not_too_long;
alter table schedules.schedule_events drop constraint execution_id_not_too_long;
alter table schedules.schedule_events drop constraint source_id_not_too_long;
alter table schedules.schedule_events drop constraint event_type_not_too_long;
alter table schedules.schedule_events drop constraint kafka_topic_not_too_long;
alter table schedules.schedule_events drop constraint error_message_not_too_long;
alter table schedules.schedule_events drop constraint revision_not_negative;
alter table usage.schema_usage_events drop constraint latency_ms_not_too_large;
alter table usage.schema_usage_events drop constraint service_not_too_long;
alter table usage.schema_usage_events drop constraint region_not_too_long;
alter table usage.schema_usage_events drop constraint error_message_not_too_long;
alter table usage.schema_usage_events drop constraint revision_not_negative;

alter table registry.compilation_events drop column revision;
alter table registry.download_events drop column revision;
alter table registry.module_view_events drop column revision;
alter table schedules.schedule_events drop column revision;
alter table usage.schema_usage_events drop column revision;

alter table if exists schedules.schedule_activity_daily drop column if exists cancelled_count;
alter table if exists schedules.schedule_performance_daily drop column if exists cancelled_count;
alter table if exists schedules.schedule_stats_daily drop column if exists cancelled_count;

drop table ops.dropped_days;
alter table ops.days drop constraint day_state_known;
alter table ops.days add constraint day_state_known check (state in ('expected', 'provisional', 'final', 'frozen_late', 'failed', 'archived'));
comment on column ops.days.state is 'expected = it should be there and is not; provisional = late events can change it; final = they cannot; frozen_late = final, and files that came late or were replaced wait for it to be reopened; failed = a check of severity error or the last attempt to write it failed; archived = its rows are in the archive.';
