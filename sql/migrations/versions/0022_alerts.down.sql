-- Takes away the books of alerts, as long as nothing is in them.

do $$
declare
    table_name text;
    has_rows boolean;
begin
    foreach table_name in array array[
        'ops.alert_days', 'ops.alert_states', 'ops.alert_transitions', 'ops.alert_commands', 'ops.alert_silences',
        'ops.alert_told'
    ] loop
        execute format('select exists (select from %s)', table_name) into has_rows;
        if has_rows then
            raise exception 'the table % holds rows, which this downgrade would lose', table_name
                using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
        end if;
    end loop;
end
$$;

drop table
    ops.alert_told, ops.alert_silences, ops.alert_commands, ops.alert_transitions, ops.alert_states, ops.alert_days;
