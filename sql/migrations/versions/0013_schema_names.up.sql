-- What a schema is called, where its source knows it. No event that is there has a name, so no row breaks the new bound.

alter table usage.schema_usage_events add column schema_name text;
comment on column usage.schema_usage_events.schema_name is 'What the schema is called, where the source knows it; schemas are told apart by their id alone.';

do $$
begin
    execute 'alter table usage.schema_usage_events add constraint schema_name_not_too_long '
        'check (length(schema_name) <= 256)' || case when exists (
            select from ops.partitions where table_name = 'usage.schema_usage_events'
        ) then ' not valid' else '' end;
end
$$;

-- The days that are there are what the new contract makes of them: it differs in a column that none of their events has.
update ops.partitions set code_version = 'de9374133f18'
where table_name = 'usage.schema_usage_events' and code_version = '0bf580497ef1';

-- So the new table of names has no row on any of these days. It is made here with these days, all of them right, instead
-- of leaving hundreds of days to run for nothing.
do $$
begin
    if to_regclass('usage.service_usage_daily') is null then
        return;  -- the first run makes both
    end if;
    create table usage.schema_names_daily (day date, schema_id uuid, schema_name text);
    create index on usage.schema_names_daily (day);
    insert into ops.partitions (
        table_name, period_start, period_end, rows, code_version, duration_ms, updated_at, changed_at
    )
    select 'usage.schema_names_daily', period_start, period_end, 0, 'ee50f1b2ff72', 0, updated_at, changed_at
    from ops.partitions
    where table_name = 'usage.service_usage_daily';
    insert into ops.days (table_name, day, state, is_final, final_from, rows)
    select 'usage.schema_names_daily', day, case when is_final then 'final' else 'provisional' end, is_final, final_from, 0
    from ops.days
    where table_name = 'usage.service_usage_daily' and rows is not null;
    insert into ops.check_results (
        table_name, check_name, period_start, period_end, passed, severity, description, unexpected_count, sample,
        code_version, checked_at
    )
    select
        'usage.schema_names_daily', check_name, period_start, period_end, true, 'error', description, 0, '[]', version,
        coalesce(changed_at, updated_at)
    from ops.partitions as p
    cross join (
        values
            ('key_is_unique', 'day, schema_id: no two rows have the same', 'a154f56afacb'),
            ('day_not_be_null', 'day: column values to not be null', '57ae1ad2658a'),
            ('schema_id_not_be_null', 'schema_id: column values to not be null', '5403991af4a8'),
            ('schema_name_not_be_null', 'schema_name: column values to not be null', '80e2e51fa854'),
            ('matches_schemas', 'A schema with a name was used on the day.', '5933c9b1d8e4')
    ) as checks (check_name, description, version)
    where p.table_name = 'usage.schema_names_daily';
end
$$;
