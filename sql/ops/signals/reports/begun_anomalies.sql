/*
description: The anomalies that begin in the period, the worst first, each with the last points of its series.
columns:
  severity: low, medium, high or critical.
  bucket: Start of the bucket in which it begins.
  grain: Length of the bucket, 1h or 1d.
  metric: What is measured.
  entity: What it is measured of; empty for the whole.
  sentence: What happened.
  cause: Which entities explain the change of a total; NULL where that is not known.
  incident_id: Anomalies with the same one began together.
  anomaly_count: Anomalies of the period, those that are not shown included.
  incident_count: Their incidents.
  recent_points: >-
    The last points up to it, the oldest first, each as value, lower and upper end of what is usual, parted by semicolons;
    the ends are empty where something else than the value was judged.
*/
with
-- The worst anomalies of the period, and how many there are.
found as (
    select
        day, series_id, bucket, severity, grain, metric, entity, sentence, cause, incident_id, score,
        case severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end as severity_rank,
        count(*) over () as anomaly_count
    from {family}.anomalies
    where day >= :start::date and day < :end::date and is_anomaly
),
-- How many incidents they belong to.
counted as (
    select count(distinct incident_id) as incident_count from found
),
-- Those that are shown.
shown as (
    select
        day, series_id, bucket, severity, grain, metric, entity, sentence, cause, incident_id, anomaly_count,
        row_number() over (
            order by severity_rank, score desc, bucket, metric collate "C", entity collate "C", series_id collate "C"
        ) as rank
    from found
),
-- The points of their series up to them: four weeks of days, two days of hours.
recent as (
    select
        shown.rank,
        string_agg(
            past.value::numeric(38, 4)::text || ' '
            || case when past.aspect in ('value', 'seasonal') then past.lower_value::numeric(38, 4)::text else '' end
            || ' '
            || case when past.aspect in ('value', 'seasonal') then past.upper_value::numeric(38, 4)::text else '' end,
            ';' order by past.bucket
        ) as recent_points
    from shown
    join {family}.anomalies as past
        on past.series_id = shown.series_id
        and past.bucket <= shown.bucket
        and past.day > shown.day - case when shown.grain = '1d' then 28 else 2 end
    where past.day >= :start::date - 28 and past.day < :end::date and shown.rank <= 50
    group by 1
)
select
    shown.severity, shown.bucket, shown.grain, shown.metric, shown.entity, shown.sentence, shown.cause,
    shown.incident_id, shown.anomaly_count, counted.incident_count, recent.recent_points
from shown
join recent on recent.rank = shown.rank
cross join counted
order by shown.rank
