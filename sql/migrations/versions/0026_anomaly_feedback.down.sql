-- Takes away what people said of anomalies, as long as they said nothing: it cannot be found again.

do $$
begin
    if exists (select from ops.anomaly_feedback) then
        raise exception 'the table ops.anomaly_feedback holds rows, which this downgrade would lose'
            using hint = 'Keep its rows elsewhere and empty the table first, or stay on this version.';
    end if;
end
$$;

drop table ops.anomaly_feedback;
alter table ops.alert_transitions drop column sentence, drop column metric;

-- The forecasts have other columns now. They can be made again of the series, which stay: `backfill --missing` does so.
do $$
declare
    made record;
begin
    for made in
        select relnamespace::regnamespace::text as family
        from pg_class
        where relname = 'forecasts' and relkind = 'r' and relnamespace >= 16384
    loop
        execute format('drop table %I.forecasts', made.family);
        delete from ops.partitions where table_name = made.family || '.forecasts';
        delete from ops.check_results where table_name = made.family || '.forecasts';
        update ops.lake_files set superseded_at = clock_timestamp()
        where table_name = made.family || '.forecasts' and superseded_at is null;
    end loop;
end
$$;
