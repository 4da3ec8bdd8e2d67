/*
description: >-
  How unusual each point of each series is, judged by nothing but its past (docs/anomalies.md), and the anomalies that
  begin. The past of a day begins two quarters before its own, that of an hour four weeks before its week.
key: [day, series_id, bucket]
function: {name: anomalies, version: 2, reads: [calendar.yaml, series]}
columns:
  day: [date, UTC calendar day of the point.]
  series_id: [text, "Names the series, as in {family}.series."]
  bucket: [timestamp with time zone, Start of its bucket.]
  metric: [text, What is measured.]
  grain: [text, "Length of the bucket, 1h or 1d."]
  unit: [text, "count, ratio, score, percent, ms or bytes."]
  tenant_id: [text, Tenant; NULL for the platform itself.]
  entity: [text, "What it is measured of; empty for the whole."]
  series_labels: [text, "Further labels, as JSON with sorted keys."]
  value: [double precision, "The number; 0 for a missing bucket of a series whose absence means 0."]
  score: [double precision, "How unusual it is, 0 to 1; 0 until ten points are known."]
  is_anomaly: [boolean, Whether an anomaly begins at the point.]
  aspect: [text, "What is most unusual: the value, its distance from the season, a mean, a spread or a gap; NULL until ten points are known."]
  current_value: [double precision, The aspect at the point.]
  expected_value: [double precision, What was expected of it.]
  lower_value: [double precision, Lower end of what is usual.]
  upper_value: [double precision, Upper end of what is usual.]
  deviation: [double precision, "Signed distance from what was expected in robust standard deviations; NULL off a constant line."]
  severity: [text, "low, medium, high or critical; NULL for a point that begins no anomaly."]
  direction: [text, up or down; NULL for a point that begins no anomaly.]
  sentence: [text, What happened; NULL for a point that begins no anomaly.]
  cause: [text, "Which entities explain the change of a total, with their shares; NULL where that is not known."]
  incident_id: [text, "Names the anomalies of a tenant that began together; NULL for a point that begins none."]
  method: [text, The detector with its version.]
checks:
  - expect_column_values_to_be_between: {column: score, min_value: 0, max_value: 1}
  - expect_column_values_to_be_in_set: {column: severity, value_set: [low, medium, high, critical]}
*/
with
-- Days of the window on which anything was measured.
present as (
    select distinct day from {family}.series where day >= :start::date and day < :end::date
),
-- Series that may have a point in the window.
wanted as (
    select distinct series_id from {family}.series where day >= :start::date - 28 and day < :end::date
),
-- Their past, and the days on which anything was measured.
points as (
    select
        day, series_id, bucket, metric, grain, unit, is_absent_zero, tenant_id, entity, series_labels, value, weight
    from {family}.series
    where day >= :start::date - 276 and day < :end::date
        and (grain = '1d' or day >= :start::date - 34)
        and series_id in (select series_id from wanted)
    union all
    select
        day, ''::text, min(bucket), ''::text, ''::text, ''::text, false, null::text, ''::text, ''::text,
        null::double precision, null::double precision
    from {family}.series
    where day >= :start::date - 276 and day < :end::date
    group by day
)
select
    '{family}'::text as family,
    :start::date as since,
    :end::date as until,
    day, series_id, bucket, metric, grain, unit, is_absent_zero, tenant_id, entity, series_labels, value, weight
from points
where exists (select present.day from present)
order by series_id, bucket
