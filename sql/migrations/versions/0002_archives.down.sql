-- Takes away what 0004 made, as long as it is empty: without its row an archived day would be taken for lost.

do $$
declare
    table_name text;
    has_rows boolean;
begin
    foreach table_name in array array['ops.archives', 'ops.personal_removals'] loop
        execute format('select exists (select from %s)', table_name) into has_rows;
        if has_rows then
            raise exception 'the table % holds rows, which this downgrade would lose', table_name
                using hint = 'Restore the archived days and empty the table first, or stay on this version.';
        end if;
    end loop;
end
$$;

drop table ops.archives, ops.personal_removals;
