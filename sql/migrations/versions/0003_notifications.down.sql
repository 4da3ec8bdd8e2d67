-- Takes away what 0005 made, as long as it is empty: what was told, and what still has to be, is not lost.

do $$
declare
    table_name text;
    has_rows boolean;
begin
    foreach table_name in array array[
        'ops.check_failures', 'ops.notifications', 'ops.deliveries', 'ops.collections'
    ] loop
        execute format('select exists (select from %s)', table_name) into has_rows;
        if has_rows then
            raise exception 'the table % holds rows, which this downgrade would lose', table_name
                using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
        end if;
    end loop;
end
$$;

drop table ops.check_failures, ops.notifications, ops.deliveries, ops.collections;
