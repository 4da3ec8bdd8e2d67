-- Takes the events of schemas away, as long as there are none.

do $$
begin
    if exists (select from registry.module_versions) then
        raise exception 'the table registry.module_versions holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
    if exists (select from registry.field_usage_events) then
        raise exception 'the table registry.field_usage_events holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table registry.field_usage_events;
drop table registry.module_versions;
