/*
description: >-
  Whether each service was healthy on each UTC day on which it did anything. The limits of errors and latency are settings;
  the day as a whole is judged by them, and each of its hours, so that a short incident shows as well.
key: [day, service_id]
columns:
  day: UTC calendar day.
  service_id: Service.
  status: >-
    critical when the day's errors or latency reach the critical limits; degraded when they reach the degraded ones, or an
    hour of the day the critical ones; else healthy. unknown when the day has too few events.
  reason: Why it is not healthy, in a sentence for each cause; NULL when it is.
  event_count: Performance events of the day.
  error_count: Those that failed.
  error_rate: Share of the events that failed.
  p95_latency_ms: 95th percentile of the latency in milliseconds, continuous; NULL when no duration is known.
  judged_hour_count: Hours of the day with enough events to be judged.
  critical_hour_count: Those that reached a critical limit.
checks:
  - expect_column_values_to_be_in_set: {column: status, value_set: [healthy, degraded, critical, unknown]}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: judged_hour_count, column_B: critical_hour_count, or_equal: true}
*/
with
-- Hours with enough events.
hours as (
    select
        day, service_id, bucket,
        error_rate >= :services_critical_error_rate or coalesce(p95_latency_ms >= :services_critical_p95_ms, false)
            as is_critical
    from services.service_stats_1h
    where day >= :start::date and day < :end::date and event_count >= :services_health_min_events
),
-- How many of them there are, and which was the first critical one.
counted as (
    select
        day, service_id,
        count(*) as judged_hour_count,
        count(*) filter (where is_critical) as critical_hour_count,
        min(case when is_critical then bucket end) as first_critical_at
    from hours
    group by 1, 2
),
-- Each service against the limits: 2 = critical, 1 = degraded, 0 = neither.
judged as (
    select
        day, service_id, event_count, error_count, error_rate, p95_latency_ms,
        event_count >= :services_health_min_events as is_judged,
        case
            when error_rate >= :services_critical_error_rate then 2
            when error_rate >= :services_degraded_error_rate then 1
            else 0
        end as error_level,
        case
            when p95_latency_ms >= :services_critical_p95_ms then 2
            when p95_latency_ms >= :services_degraded_p95_ms then 1
            else 0
        end as latency_level,
        coalesce(judged_hour_count, 0) as judged_hour_count,
        coalesce(critical_hour_count, 0) as critical_hour_count,
        first_critical_at
    from services.service_stats_1d
    left join counted using (day, service_id)
    where day >= :start::date and day < :end::date
)
select
    day,
    service_id,
    case
        when not is_judged then 'unknown'
        when error_level = 2 or latency_level = 2 then 'critical'
        when error_level = 1 or latency_level = 1 or critical_hour_count > 0 then 'degraded'
        else 'healthy'
    end as status,
    case
        when not is_judged then concat('Only ', event_count, ' events, ', :services_health_min_events, ' are needed.')
        else nullif(concat_ws(
            ' ',
            case
                when error_level > 0 then concat(
                    'Errors: ', error_count, ' of ', event_count, ' events failed (',
                    cast(100 * error_rate as decimal(18, 1)), ' %).'
                )
            end,
            case
                when latency_level > 0 then concat(
                    'Slow: the 95th percentile of the latency was ', cast(p95_latency_ms as decimal(18, 1)), ' ms.'
                )
            end,
            case
                when critical_hour_count > 0 then concat(
                    'Critical hours: ', critical_hour_count, ' of ', judged_hour_count, ', the first from ',
                    lpad(extract(hour from first_critical_at at time zone 'UTC')::integer::text, 2, '0'), ':00 UTC.'
                )
            end
        ), '')
    end as reason,
    event_count,
    error_count,
    error_rate,
    p95_latency_ms,
    judged_hour_count,
    critical_hour_count
from judged
