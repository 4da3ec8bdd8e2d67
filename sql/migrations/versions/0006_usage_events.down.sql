-- Takes away what 0006 made, as long as it is empty: rows of events are never dropped by a migration.

do $$
begin
    if exists (select from usage.schema_usage_events) then
        raise exception 'the table usage.schema_usage_events holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table usage.schema_usage_events;
