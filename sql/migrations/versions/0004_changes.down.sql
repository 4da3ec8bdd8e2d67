-- Takes the change record away, as long as it is empty.

do $$
begin
    if exists (select from ops.changes) then
        raise exception 'the table ops.changes holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table ops.changes;
