-- Takes away the place of partitions, as long as it says no more than the archived days do.

do $$
begin
    if exists (
        select from ops.partitions as p
        where not in_postgres and not exists (
            select from ops.archives as a
            where a.state = 'archived' and a.table_name = p.table_name and a.day = p.period_start
        )
    ) then
        raise exception 'the column in_postgres of ops.partitions holds places, which this downgrade would lose'
            using hint = 'Some days were loaded into the lake alone. Load them with ANALYTICS_HOT_DAYS=never, and drop the tables that are in the lake alone, or stay on this version.';
    end if;
end
$$;

alter table ops.partitions drop column in_postgres;

-- With the views of tables whose rows are in the lake: they have none.
drop function ops.rows_are_in_the_lake(text) cascade;
