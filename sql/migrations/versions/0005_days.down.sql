-- Takes the states of days, and what reports said first, away, as long as they are empty.

do $$
declare
    table_name text;
    has_rows boolean;
begin
    foreach table_name in array array['ops.days', 'ops.reports', 'ops.report_figures'] loop
        execute format('select exists (select from %s)', table_name) into has_rows;
        if has_rows then
            raise exception 'the table % holds rows, which this downgrade would lose', table_name
                using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
        end if;
    end loop;
end
$$;

drop index ops.check_results_that_failed, ops.loaded_days_that_wait;
drop table ops.days, ops.reports, ops.report_figures;
