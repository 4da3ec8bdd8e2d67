-- Takes away what 0001 made, as long as it is empty: rows of events and of the books are never dropped by a migration.

do $$
declare
    table_name text;
    has_rows boolean;
begin
    foreach table_name in array array[
        'registry.download_events', 'registry.module_view_events', 'registry.compilation_events',
        'ops.loaded_files', 'ops.loaded_days', 'ops.rejected_rows', 'ops.partitions', 'ops.check_results', 'ops.audit'
    ] loop
        execute format('select exists (select from %s)', table_name) into has_rows;
        if has_rows then
            raise exception 'the table % holds rows, which this downgrade would lose', table_name
                using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
        end if;
    end loop;
end
$$;

drop table registry.compilation_events, registry.download_events, registry.module_view_events;
drop table ops.loaded_files, ops.loaded_days, ops.rejected_rows, ops.partitions, ops.check_results, ops.audit;
