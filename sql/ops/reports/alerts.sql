/*
description: >-
  The incidents of alerts about a family's series that were open in the period, as of its end; the open ones first.
columns:
  severity: low, medium, high or critical.
  status: triggered, acknowledged, no data or resolved.
  sentence: What was wrong when it was triggered.
  rule: Its rule.
  metric: What is watched; NULL if it is several metrics.
  alert_key: Rule and labels of the alert.
  incident: Number of the incident of the alert, from 1.
  since: Since when its condition held.
  triggered_at: When it was triggered.
  acknowledged_at: When somebody took it in hand; NULL when nobody did.
  resolved_at: When it ended; NULL while it is open.
  value: What was compared with the threshold when it was triggered.
*/
with
-- What happened up to the end of the period in each incident.
happened as (
    select
        alert_key, incident, severity, happened_at, position, state_before, state_after, value, since, rule, metric,
        sentence,
        state_after = 'triggered' and state_before <> 'no data' as is_begin,
        row_number() over (partition by alert_key, incident order by happened_at desc, position desc) as last_first
    from ops.alert_transitions
    where family = :family and incident > 0 and happened_at <= :end
),
-- The incidents with their times.
incidents as (
    select
        alert_key,
        incident,
        max(rule) as rule,
        max(metric) as metric,
        max(case when last_first = 1 then severity end) as severity,
        max(case when last_first = 1 then state_after end) as status,
        min(case when is_begin then since end) as since,
        min(case when state_after = 'triggered' then happened_at end) as triggered_at,
        min(case when state_after = 'acknowledged' then happened_at end) as acknowledged_at,
        max(case when last_first = 1 and state_after = 'resolved' then happened_at end) as resolved_at,
        max(case when is_begin then value end) as value,
        coalesce(max(case when is_begin then sentence end), alert_key) as sentence
    from happened
    group by 1, 2
)
select
    severity, status, sentence, rule, metric, alert_key, incident, coalesce(since, triggered_at) as since, triggered_at,
    acknowledged_at, resolved_at, value
from incidents
where status not in ('pending', 'inactive') and (resolved_at is null or resolved_at > :start)
order by
    resolved_at is not null,
    case severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end,
    triggered_at,
    alert_key collate "C"
limit 50
