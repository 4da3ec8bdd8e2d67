/*
description: >-
  The numbers that are watched, one row for each bucket of each series. The files below sql/{family}/series give them; a
  bucket without a row is missing, not 0, unless its series says that absence means 0.
key: [day, series_id, bucket]
function: {name: series, version: 1}
columns:
  day: [date, UTC calendar day of the bucket.]
  series_id: [text, "Names the series: a hash of family, metric, grain, tenant, entity and labels."]
  bucket: [timestamp with time zone, Start of the bucket.]
  metric: [text, "What is measured, the name of its file."]
  grain: [text, "Length of the bucket, 1h or 1d."]
  unit: [text, "count, ratio, score, percent, ms or bytes."]
  is_absent_zero: [boolean, Whether nothing was there when a bucket is missing.]
  is_forecast: [boolean, Whether the series is forecast.]
  tenant_id: [text, Tenant; NULL for the platform itself.]
  entity: [text, "What it is measured of, such as a module; empty for the whole."]
  series_labels: [text, "Further labels, as JSON with sorted keys."]
  value: [double precision, The number.]
  weight: [double precision, "How much it rests on; of a ratio the events of which it is a share, NULL if nobody knows."]
checks:
  - expect_column_values_to_be_in_set: {column: grain, value_set: [1h, 1d]}
  - expect_column_values_to_be_between: {column: weight, min_value: 0}
*/
select
    '{family}'::text as family,
    points.day,
    points.bucket,
    points.metric,
    points.grain,
    points.unit,
    points.is_absent_zero,
    points.is_forecast,
    points.tenant_id,
    points.entity,
    points.series_labels,
    points.value,
    points.weight
from {series} as points
where points.value is not null
