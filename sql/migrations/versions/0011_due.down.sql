-- Takes away when reports were written and views refreshed, as long as nothing of it is known, and the columns beside.

do $$
declare
    table_name text;
    has_rows boolean;
begin
    foreach table_name in array array['ops.written_reports', 'ops.refreshed_views'] loop
        execute format('select exists (select from %s)', table_name) into has_rows;
        if has_rows then
            raise exception 'the table % holds rows, which this downgrade would lose', table_name
                using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
        end if;
    end loop;
end
$$;

drop table ops.refreshed_views, ops.written_reports;
alter table ops.check_results drop column code_version;
alter table ops.partitions drop column changed_at;
