-- Takes names away; refuses to lose one.

do $$
begin
    if exists (select from usage.schema_usage_events where schema_name is not null) then
        raise exception 'the table usage.schema_usage_events holds names of schemas, which this downgrade would lose'
            using hint = 'empty the column first';
    end if;
end
$$;

drop table if exists usage.schema_names_daily;
delete from ops.partitions where table_name = 'usage.schema_names_daily';
delete from ops.days where table_name = 'usage.schema_names_daily';
delete from ops.check_results where table_name = 'usage.schema_names_daily';

alter table usage.schema_usage_events drop constraint schema_name_not_too_long;
alter table usage.schema_usage_events drop column schema_name;
update ops.partitions set code_version = '0bf580497ef1'
where table_name = 'usage.schema_usage_events' and code_version = 'de9374133f18';
