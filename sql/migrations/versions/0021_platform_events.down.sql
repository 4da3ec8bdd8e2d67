-- Takes platform.metric_samples away, as long as there are no rows.

do $$
begin
    if exists (select from platform.metric_samples) then
        raise exception 'the table platform.metric_samples holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table platform.metric_samples;
