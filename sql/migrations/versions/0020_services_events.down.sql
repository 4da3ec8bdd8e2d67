-- Takes services.performance_events and services.service_events and services.user_behavior_events away, as long as there are no rows.

do $$
begin
    if exists (select from services.performance_events) then
        raise exception 'the table services.performance_events holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table services.performance_events;

do $$
begin
    if exists (select from services.service_events) then
        raise exception 'the table services.service_events holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table services.service_events;

do $$
begin
    if exists (select from services.user_behavior_events) then
        raise exception 'the table services.user_behavior_events holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table services.user_behavior_events;
