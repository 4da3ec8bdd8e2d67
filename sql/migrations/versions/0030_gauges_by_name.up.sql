-- Gauges of services have a row for each gauge now, and columns for seven of them before. Either way they can be made
-- again of the samples: `backfill --missing` does so.
do $$
declare
    made record;
begin
    for made in
        select relname as name, relkind
        from pg_class
        where relnamespace = to_regnamespace('platform') and relkind in ('r', 'v')
            and relname in ('service_gauges_1m', 'service_gauges_5m', 'service_gauges_1h', 'service_gauges_1d')
    loop
        execute format('drop %s platform.%I', case made.relkind when 'v' then 'view' else 'table' end, made.name);
        delete from ops.partitions where table_name = 'platform.' || made.name;
        delete from ops.check_results where table_name = 'platform.' || made.name;
        update ops.lake_files set superseded_at = clock_timestamp()
        where table_name = 'platform.' || made.name and superseded_at is null;
    end loop;
end
$$;
