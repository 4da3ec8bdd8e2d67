-- Takes away the runs that the API was asked for, as long as there are none: who asked for which would be lost.

do $$
begin
    if exists (select from ops.run_requests) then
        raise exception 'the table ops.run_requests holds rows, which this downgrade would lose'
            using hint = 'Let the daemon take them up and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table ops.run_requests;
