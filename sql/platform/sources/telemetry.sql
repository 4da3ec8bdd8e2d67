/*
description: >-
  Samples of metrics as Prometheus text, OpenMetrics, OTLP and StatsD have them; all four give the same columns. What the labels
  tenant_id, user_id and category say becomes a column and is no label any more.
columns:
  event_id: Hash of the whole sample with its line and its position in the line.
  recorded_at: From the line, or from the name of the file.
  type: Histograms and summaries of Prometheus and OTLP are counters and gauges here; histogram is an observation of StatsD.
  category: From the label of that name, system without it.
  unit: Prometheus text and StatsD have none, but that timers count milliseconds.
  labels: With temporality=cumulative on counters that count since some start.
  tenant_id: From the label of that name; without it the sample is about the platform itself.
  user_id: From the label of that name.
*/
select
    md5(concat_ws('|', recorded_at, name, type, unit, value, labels, _line, position))::uuid as event_id,
    recorded_at,
    name,
    type,
    coalesce(labels ->> 'category', 'system') as category,
    value,
    unit,
    json_merge_patch(labels, '{"tenant_id": null, "user_id": null, "category": null}') as labels,
    labels ->> 'tenant_id' as tenant_id,
    labels ->> 'user_id' as user_id
from source
where lower(value) <> 'nan'
