/*
description: The anomalies that began in the period at the same time, as one incident each, the worst first.
columns:
  severity: Of its worst anomaly.
  begins_at: Start of the bucket in which the first began.
  series_count: Series that were unusual.
  sentence: What happened to the worst of them.
  cause: Which entities explain the change of a total; NULL where that is not known.
  incident_id: Names the incident.
*/
with
-- The anomalies of each incident, the worst first.
found as (
    select
        incident_id, series_id, bucket, severity, sentence, cause,
        case severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end as severity_rank,
        row_number() over (
            partition by incident_id
            order by
                case severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end,
                score desc, bucket, series_id collate "C"
        ) as worst_first
    from {family}.anomalies
    where day >= :start::date and day < :end::date and is_anomaly
),
-- One row for each.
incidents as (
    select
        incident_id,
        min(severity_rank) as severity_rank,
        max(case when worst_first = 1 then severity end) as severity,
        min(bucket) as begins_at,
        count(distinct series_id) as series_count,
        max(case when worst_first = 1 then sentence end) as sentence,
        coalesce(
            max(case when worst_first = 1 then cause end), min(cause collate "C")
        ) as cause
    from found
    group by 1
)
select severity, begins_at, series_count, sentence, cause, incident_id
from incidents
order by severity_rank, series_count desc, begins_at, incident_id collate "C"
limit 50
