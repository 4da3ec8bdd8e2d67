-- Takes the schedule events away, as long as there are none.

do $$
begin
    if exists (select from schedules.schedule_events) then
        raise exception 'the table schedules.schedule_events holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table schedules.schedule_events;
