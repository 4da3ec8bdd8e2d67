-- Takes away the rules that people gave the API, as long as there are none: nobody else knows them.

do $$
begin
    if exists (select from ops.alert_rules) then
        raise exception 'the table ops.alert_rules holds rows, which this downgrade would lose'
            using hint = 'Write the rules into sql/<family>/alerts.yaml and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table ops.alert_rules;
