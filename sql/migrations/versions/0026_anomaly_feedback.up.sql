-- What people say of anomalies, and alerts in plain words.

create table ops.anomaly_feedback (
    feedback_id bigint generated always as identity primary key,
    family text not null,
    series_id text not null,
    bucket timestamptz not null,
    ends_at timestamptz not null,
    aspect text not null,
    direction text not null,
    verdict text not null,
    given_at timestamptz not null default clock_timestamp(),
    who text not null,
    reason text,
    constraint verdict_known check (verdict in ('confirmed', 'dismissed')),
    constraint ends_after_it_begins check (ends_at > bucket)
);
create index anomaly_feedback_by_series on ops.anomaly_feedback (family, series_id);
comment on table ops.anomaly_feedback is 'What people said of anomalies; of each the last word counts, from the day on which it was said.';
comment on column ops.anomaly_feedback.bucket is 'Start of the bucket in which the anomaly begins.';
comment on column ops.anomaly_feedback.ends_at is 'Until then its points are not learned if it is confirmed.';
comment on column ops.anomaly_feedback.aspect is 'What was most unusual; together with the direction, the kind that is damped if it is dismissed.';
comment on column ops.anomaly_feedback.verdict is 'confirmed or dismissed.';

alter table ops.alert_transitions add column metric text, add column sentence text;
comment on column ops.alert_transitions.metric is 'What is watched; NULL if it is several metrics, or if an earlier version judged the day.';
comment on column ops.alert_transitions.sentence is 'What is wrong, in plain words; NULL if an earlier version judged the day.';

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
