-- Takes away what 0015 made, as long as it is empty: the files stay where they are, but nothing would say which are current.

do $$
begin
    if exists (select from ops.lake_files) then
        raise exception 'the table ops.lake_files holds rows, which this downgrade would lose'
            using hint = 'Move the rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

alter table ops.partitions drop column engine;

drop view ops.current_lake_files;

drop table ops.lake_files;
